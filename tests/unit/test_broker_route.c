/* broker/route: prefixes are whole segments; what clients may send to. */
#include "broker/route.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>

static const char *const app[] = { "/pub", "/app/v1" };
static const char *const broker[] = { "/sub", "/topic", "/queue/x" };

/* A SEND with allow_client_publish; to.at NULL: it goes nowhere. */
static const struct {
	struct span from;
	struct span to;
	bool is_broker;
} rows[] = {
	{ SPAN("/pub/a"), SPAN("/sub/a"), false },
	{ SPAN("/pub/contents/7/chat"), SPAN("/sub/contents/7/chat"), false },
	{ SPAN("/app/v1/a"), SPAN("/sub/a"), false },
	{ SPAN("/pub/a/"), SPAN("/sub/a/"), false },
	{ SPAN("/pub/한글 방"), SPAN("/sub/한글 방"), false },
	{ SPAN("/pub/sub/a"), SPAN("/sub/sub/a"), false },
	{ SPAN("/sub/a"), SPAN("/sub/a"), true },
	{ SPAN("/sub/pub/a"), SPAN("/sub/pub/a"), true },
	{ SPAN("/topic/a"), SPAN("/topic/a"), true },
	{ SPAN("/queue/x/a"), SPAN("/queue/x/a"), true },
	/* Whole segments: Spring takes /subway for /sub. */
	{ SPAN("/subway"), { NULL, 0 }, false },
	{ SPAN("/subway/a"), { NULL, 0 }, false },
	{ SPAN("/public/a"), { NULL, 0 }, false },
	{ SPAN("/pub.a"), { NULL, 0 }, false },
	{ SPAN("/app/v10/a"), { NULL, 0 }, false },
	{ SPAN("/app/a"), { NULL, 0 }, false },
	{ SPAN("/queue/a"), { NULL, 0 }, false },
	{ SPAN("/queue/xy"), { NULL, 0 }, false },
	/* Nothing behind the prefix. */
	{ SPAN("/pub"), { NULL, 0 }, false },
	{ SPAN("/pub/"), { NULL, 0 }, false },
	{ SPAN("/sub"), { NULL, 0 }, false },
	{ SPAN("/sub/"), { NULL, 0 }, false },
	/* Not at the start, not in that case, not at all. */
	{ SPAN(""), { NULL, 0 }, false },
	{ { NULL, 0 }, { NULL, 0 }, false },
	{ SPAN("/"), { NULL, 0 }, false },
	{ SPAN("pub/a"), { NULL, 0 }, false },
	{ SPAN("sub/a"), { NULL, 0 }, false },
	{ SPAN(" /sub/a"), { NULL, 0 }, false },
	{ SPAN("//sub/a"), { NULL, 0 }, false },
	{ SPAN("/x/sub/a"), { NULL, 0 }, false },
	{ SPAN("/SUB/a"), { NULL, 0 }, false },
	{ SPAN("/user/queue/a"), { NULL, 0 }, false },
};

static struct route route_of(bool allow_client_publish)
{
	return (struct route){ .app = app,
		.app_count = countof(app),
		.broker = broker,
		.broker_count = countof(broker),
		.user = "/user",
		.temp = "",
		.patterns = broker,
		.pattern_count = 1,
		.allow_client_publish = allow_client_publish };
}

START_TEST(patterns_by_prefix)
{
	struct route r = route_of(true);
	char text[64];

	snprintf(text, sizeof(text), "%s/**", broker[0]);
	ck_assert(route_allows_pattern(&r, span_of(text)));
	snprintf(text, sizeof(text), "%s**", broker[0]);
	ck_assert(!route_allows_pattern(&r, span_of(text)));
	snprintf(text, sizeof(text), "%s/**", broker[1]);
	ck_assert(!route_allows_pattern(&r, span_of(text)));
	ck_assert(!route_allows_pattern(&r, SPAN("/**")));
	r.patterns = (const char *const[]){ "/user" };
	ck_assert(!route_allows_pattern(&r, SPAN("/user/**")));
}
END_TEST

START_TEST(resolves)
{
	const struct route r = route_of(true);
	struct buf scratch = { NULL, 0, 0 };
	struct span to = { NULL, 0 };
	enum route_result result;

	buf_put(&scratch, SPAN("left from the frame before"));
	result = route_resolve(&r, rows[_i].from, &scratch, &to);
	ck_assert_int_eq(result, rows[_i].to.at ? ROUTE_FOUND : ROUTE_UNKNOWN);
	if (result == ROUTE_FOUND)
		ck_assert(span_eq(to, rows[_i].to));
	ck_assert_int_eq(route_is_broker(&r, rows[_i].from), rows[_i].is_broker);
	buf_fini(&scratch);
}
END_TEST

/* Without allow_client_publish only what is for subscribers changes. */
START_TEST(resolves_strictly)
{
	const struct route r = route_of(false);
	struct buf scratch = { NULL, 0, 0 };
	struct span to;
	enum route_result expected = ROUTE_UNKNOWN;

	if (rows[_i].is_broker)
		expected = ROUTE_BROKER_ONLY;
	else if (rows[_i].to.at)
		expected = ROUTE_FOUND;
	ck_assert_int_eq(route_resolve(&r, rows[_i].from, &scratch, &to), expected);
	if (expected == ROUTE_FOUND)
		ck_assert(span_eq(to, rows[_i].to));
	ck_assert_int_eq(route_is_broker(&r, rows[_i].from), rows[_i].is_broker);
	buf_fini(&scratch);
}
END_TEST

/* A destination ends where its span ends, whatever stands behind it. */
START_TEST(reads_no_further)
{
	const struct route r = route_of(true);
	const char text[] = "/sub/a";

	for (size_t len = 0; len < sizeof(text); len++)
		ck_assert_int_eq(route_is_broker(&r, (struct span){ text, len }), len == 6);
}
END_TEST

START_TEST(no_app_prefix_at_all)
{
	const struct route r = { .app = NULL,
		.app_count = 0,
		.broker = broker,
		.broker_count = 1,
		.allow_client_publish = true };
	struct buf scratch = { NULL, 0, 0 };
	struct span to;

	ck_assert_int_eq(route_resolve(&r, SPAN("/pub/a"), &scratch, &to), ROUTE_UNKNOWN);
	ck_assert_int_eq(route_resolve(&r, SPAN("/sub/a"), &scratch, &to), ROUTE_FOUND);
	ck_assert(span_eq(to, SPAN("/sub/a")));
	ck_assert(!route_is_broker(&r, SPAN("/topic/a")));
	buf_fini(&scratch);
}
END_TEST

static const struct {
	const char *prefix;
	bool good;
} prefixes[] = {
	{ "/pub", true },
	{ "/a", true },
	{ "/app/v1", true },
	{ "/한글", true },
	{ "", false },
	{ "/", false },
	{ "//", false },
	{ "pub", false },
	{ "/pub/", false },
	{ "/pub//v1", false },
	{ "//pub", false },
	{ "/pub/*", false },
	{ "/p?b", false },
	{ "/{x}", false },
	{ "/x}", false },
};

START_TEST(checks_prefix)
{
	const char *why = NULL;

	ck_assert_msg(route_check_prefix(prefixes[_i].prefix, &why) == prefixes[_i].good, "%s",
		prefixes[_i].prefix);
	if (!prefixes[_i].good)
		ck_assert_ptr_nonnull(why);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("broker/route");
	TCase *tc = tcase_create("route");
	SRunner *runner;
	int failed;

	tcase_add_test(tc, patterns_by_prefix);
	tcase_add_loop_test(tc, resolves, 0, (int)countof(rows));
	tcase_add_loop_test(tc, resolves_strictly, 0, (int)countof(rows));
	tcase_add_test(tc, reads_no_further);
	tcase_add_test(tc, no_app_prefix_at_all);
	tcase_add_loop_test(tc, checks_prefix, 0, (int)countof(prefixes));
	suite_add_tcase(suite, tc);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
