/* broker/policy: which headers of a SEND are shown to others, and which never are. */
#include "broker/policy.h"

#include "broker/broker.h"

#include <check.h>
#include <ctype.h>
#include <stdlib.h>

static const char *const sources[] = { "header X-Secret Bearer", "header Api-Key", "query token_q",
	"cookie crumb" };

static struct broker b;
static char *listed[] = { (char[]){ "X-Trace" }, (char[]){ "reply-to" } };
static const struct config_list names = { listed, countof(listed) };

static void set_up(void)
{
	char why[256];
	size_t bad;

	b.tokens = token_sources_new(sources, countof(sources), &bad, why);
	ck_assert_ptr_nonnull(b.tokens);
	b.forward = (struct header_rules){ .names = &names };
}

static void tear_down(void)
{
	token_sources_free(b.tokens);
}

/* Not even by "*", nor when they are listed. */
static const char *const never[] = {
	/* Of STOMP's frames. */
	"destination",
	"content-type",
	"content-length",
	"subscription",
	"message-id",
	"redelivered",
	"ack",
	"id",
	"receipt",
	"receipt-id",
	"transaction",
	"selector",
	"session",
	"server",
	"version",
	"host",
	"accept-version",
	"heart-beat",
	/* Who the sender is, and how it proves that. */
	"user-name",
	"login",
	"passcode",
	"authorization",
	"proxy-authorization",
	"cookie",
	"x-authorization",
	"x-csrf-token",
	"access_token",
	"token",
	/* By configuration. */
	"x-secret",
	"api-key",
	/* Spring's own; a forged one changed what receivers saw. */
	"simp",
	"simp-x",
	"simpMessageType",
	"simpOrigDestinationX",
};

static bool forwards_in_any_case(const char *name)
{
	char upper[64] = "", mixed[64] = "";
	size_t len = strlen(name);
	bool one;

	for (size_t i = 0; i < len; i++) {
		upper[i] = (char)toupper((unsigned char)name[i]);
		mixed[i] = i % 2 ? name[i] : upper[i];
	}
	one = policy_forwards(&b, (struct span){ name, len });
	ck_assert_int_eq(policy_forwards(&b, (struct span){ upper, len }), one);
	ck_assert_int_eq(policy_forwards(&b, (struct span){ mixed, len }), one);
	return one;
}

START_TEST(never_shown)
{
	struct config_list only = { (char *[]){ (char *)(uintptr_t)never[_i] }, 1 };

	b.forward.all = true;
	ck_assert(!forwards_in_any_case(never[_i]));
	b.forward = (struct header_rules){ .names = &only };
	ck_assert(!forwards_in_any_case(never[_i]));
}
END_TEST

static const struct {
	struct span name;
	bool by_list;
	bool by_star;
} rows[] = {
	{ SPAN("x-trace"), true, true },
	{ SPAN("X-TRACE"), true, true },
	{ SPAN("reply-to"), true, true },
	{ SPAN("x-other"), false, true },
	{ SPAN("x-trac"), false, true },
	{ SPAN("x-trace2"), false, true },
	{ SPAN("x-trace "), false, true },
	{ SPAN("*"), false, true },
	{ SPAN("sim"), false, true },
	{ SPAN("simulation"), false, true },
	{ SPAN("x-simp"), false, true },
	/* Only near to what is never shown. */
	{ SPAN("ids"), false, true },
	{ SPAN("i"), false, true },
	{ SPAN("tokens"), false, true },
	{ SPAN("x-token"), false, true },
	/* Query parameters and cookies are not headers. */
	{ SPAN("token_q"), false, true },
	{ SPAN("crumb"), false, true },
	{ SPAN("bearer"), false, true },
};

START_TEST(shown)
{
	ck_assert_int_eq(policy_forwards(&b, rows[_i].name), rows[_i].by_list);
	b.forward.all = true;
	ck_assert_int_eq(policy_forwards(&b, rows[_i].name), rows[_i].by_star);
}
END_TEST

/* By its name alone: a page could make its receivers see another destination. */
START_TEST(spring_destination_when_listed)
{
	char *all[] = { (char[]){ "*" }, (char[]){ "simpOrigDestination" } };
	const struct config_list both = { all, countof(all) };

	b.forward.all = true;
	ck_assert(!forwards_in_any_case("simpOrigDestination"));
	b.forward.names = &both;
	ck_assert(forwards_in_any_case("simpOrigDestination"));
	ck_assert(!forwards_in_any_case("simpMessageType"));
}
END_TEST

START_TEST(empty_list_shows_nothing)
{
	static const struct config_list none = { NULL, 0 };

	b.forward.names = &none;
	for (size_t i = 0; i < countof(rows); i++)
		ck_assert(!policy_forwards(&b, rows[i].name));
}
END_TEST

/* A name ends where its span ends. */
START_TEST(reads_no_further)
{
	ck_assert(policy_forwards(&b, (struct span){ "x-trace-and-more", 7 }));
	ck_assert(!policy_forwards(&b, (struct span){ "x-trace", 6 }));
	b.forward.all = true;
	ck_assert(!policy_forwards(&b, (struct span){ "tokens", 5 }));
	ck_assert(policy_forwards(&b, (struct span){ "token", 4 }));
	ck_assert(policy_forwards(&b, (struct span){ "simp", 3 }));
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("broker/policy");
	TCase *tc = tcase_create("policy");
	SRunner *runner;
	int failed;

	tcase_add_checked_fixture(tc, set_up, tear_down);
	tcase_add_loop_test(tc, never_shown, 0, (int)countof(never));
	tcase_add_loop_test(tc, shown, 0, (int)countof(rows));
	tcase_add_test(tc, spring_destination_when_listed);
	tcase_add_test(tc, empty_list_shows_nothing);
	tcase_add_test(tc, reads_no_further);
	suite_add_tcase(suite, tc);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
