/* auth/access and auth/principal: who may send and subscribe where. */
#include "auth/access.h"

#include <check.h>
#include <stdlib.h>

static const struct span admin_roles[] = { SPAN("USER"), SPAN("ADMIN") };

static const struct principal kim = { .id = SPAN("kim"), .name = SPAN("Kim Lee") };
static const struct principal boss = {
	.id = SPAN("7"), .roles = admin_roles, .role_count = countof(admin_roles)
};
static const struct principal nameless = {
	.name = SPAN("Kim Lee"), .roles = admin_roles, .role_count = countof(admin_roles)
};
static const struct principal tricky = { .id = SPAN("a/b"), .name = SPAN("**") };
static const struct principal star = { .id = SPAN("*"), .name = SPAN("{x}") };

/* The expected answers; the rules are those of `house` below. */
static const struct {
	enum access_action action;
	struct span destination;
	const struct principal *who;
	bool allowed;
} asked[] = {
	{ ACCESS_SUBSCRIBE, SPAN("/sub/users/kim/dm"), &kim, true },
	{ ACCESS_SUBSCRIBE, SPAN("/sub/users/kim"), &kim, true },
	{ ACCESS_SUBSCRIBE, SPAN("/sub/users/7/dm"), &kim, false },
	{ ACCESS_SUBSCRIBE, SPAN("/sub/users/kim/dm"), &boss, false },
	{ ACCESS_SUBSCRIBE, SPAN("/sub/users/kim/dm"), NULL, false },
	{ ACCESS_SUBSCRIBE, SPAN("/sub/users/Kim Lee/dm"), &nameless, false },
	{ ACCESS_SUBSCRIBE, SPAN("/sub/users//dm"), NULL, false },
	{ ACCESS_SUBSCRIBE, SPAN("/sub/users//dm"), &nameless, false },
	{ ACCESS_SUBSCRIBE, SPAN("/sub/users/${user}/dm"), &kim, false },
	{ ACCESS_SUBSCRIBE, SPAN("/sub/users/a/b/dm"), &tricky, false },
	{ ACCESS_SUBSCRIBE, SPAN("/sub/users/kim/dm"), &star, false },
	{ ACCESS_SUBSCRIBE, SPAN("/sub/users/*/dm"), &star, true },
	{ ACCESS_SUBSCRIBE, SPAN("/sub/named/Kim Lee"), &kim, true },
	{ ACCESS_SUBSCRIBE, SPAN("/sub/named/Kim Lee"), &nameless, false },
	{ ACCESS_SUBSCRIBE, SPAN("/sub/named/x"), &tricky, false },
	{ ACCESS_SUBSCRIBE, SPAN("/sub/named/x"), &star, false },
	{ ACCESS_SUBSCRIBE, SPAN("/sub/named/"), &boss, false },
	{ ACCESS_SEND, SPAN("/sub/users/kim/dm"), &kim, false },
	{ ACCESS_SEND, SPAN("/pub/admin/close"), &boss, true },
	{ ACCESS_SEND, SPAN("/pub/admin/close"), &kim, false },
	{ ACCESS_SEND, SPAN("/pub/admin/close"), &nameless, false },
	{ ACCESS_SEND, SPAN("/pub/admin/close"), NULL, false },
	{ ACCESS_SUBSCRIBE, SPAN("/pub/admin/close"), &boss, false },
	{ ACCESS_SEND, SPAN("/pub/seven"), &boss, true },
	{ ACCESS_SEND, SPAN("/pub/seven"), &kim, false },
	{ ACCESS_SEND, SPAN("/pub/guests"), NULL, true },
	{ ACCESS_SEND, SPAN("/pub/guests"), &nameless, true },
	{ ACCESS_SEND, SPAN("/pub/guests"), &kim, false },
	{ ACCESS_SEND, SPAN("/pub/members"), &kim, true },
	{ ACCESS_SEND, SPAN("/pub/members"), NULL, false },
	{ ACCESS_SEND, SPAN("/open/x"), NULL, true },
	{ ACCESS_SUBSCRIBE, SPAN("/open/x"), &kim, true },
	{ ACCESS_SUBSCRIBE, SPAN("/open/x"), &boss, true },
	{ ACCESS_SUBSCRIBE, SPAN("/elsewhere"), &boss, false },
	{ ACCESS_SUBSCRIBE, SPAN(""), &boss, false },
};

static const char *const house[] = {
	"allow subscribe /sub/users/${user}/**",
	"deny  all       /sub/users/**",
	"  allow\tsubscribe /sub/named/${name} anyone  ",
	"allow send /pub/admin/** role=ADMIN",
	"allow send /pub/seven user=7",
	"allow send /pub/guests anonymous",
	"allow send /pub/members authenticated",
	"allow all /open/**",
};

static struct access *must_make(const char *const *rules, size_t count, bool otherwise)
{
	char why[256] = "";
	size_t bad = 99;
	struct access *a = access_new(rules, count, otherwise, &bad, why);

	ck_assert_msg(a != NULL, "rule %zu: %s", bad, why);
	return a;
}

START_TEST(first_rule_decides)
{
	struct access *a = must_make(house, countof(house), false);

	ck_assert_int_eq(
		access_is_allowed(a, asked[_i].action, asked[_i].destination, asked[_i].who),
		asked[_i].allowed);
	access_free(a);
}
END_TEST

START_TEST(default_decides_what_no_rule_does)
{
	static const char *const one[] = { "deny all /x" };

	for (int otherwise = 0; otherwise < 2; otherwise++) {
		struct access *none = must_make(NULL, 0, otherwise);
		struct access *a = must_make(one, 1, otherwise);

		ck_assert_int_eq(access_is_allowed(none, ACCESS_SEND, SPAN("/x"), NULL), otherwise);
		ck_assert_int_eq(access_is_allowed(a, ACCESS_SEND, SPAN("/y"), &kim), otherwise);
		ck_assert(!access_is_allowed(a, ACCESS_SEND, SPAN("/x"), &kim));
		access_free(a);
		access_free(none);
	}
}
END_TEST

#define LONG "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"

static const struct {
	const char *rule;
	const char *why;
} refused[] = {
	{ "", "something is missing at the end: one of: allow, deny" },
	{ "  ", "something is missing at the end: one of: allow, deny" },
	{ "permit send /x", "\"permit\" is not one of: allow, deny" },
	{ "Allow send /x", "\"Allow\" is not one of: allow, deny" },
	{ "allow", "something is missing at the end: one of: send, subscribe, all" },
	{ "allow sned /x", "\"sned\" is not one of: send, subscribe, all" },
	{ "deny all",
		"something is missing at the end: a destination pattern such as /pub/chat/**" },
	{ "deny all x",
		"pattern \"x\": does not begin with a slash; a pattern is made of segments behind "
		"slashes, with *, ?, ** and, as whole segments, ${user} and ${name}" },
	{ "deny all /${who}",
		"pattern \"/${who}\": unknown ${name}; a pattern is made of segments behind "
		"slashes, with *, ?, ** and, as whole segments, ${user} and ${name}" },
	{ "deny all /x everyone",
		"\"everyone\" is not one of: anyone, anonymous, authenticated, role=NAME, user=ID" },
	{ "deny all /x role=",
		"\"role=\" is not one of: anyone, anonymous, authenticated, role=NAME, user=ID" },
	{ "deny all /x user=",
		"\"user=\" is not one of: anyone, anonymous, authenticated, role=NAME, user=ID" },
	{ "deny all /x user=a b", "\"b\" is too much: a rule ends after its fourth word" },
	{ LONG LONG LONG LONG LONG, "\"" LONG "\" is not one of: allow, deny" },
};

START_TEST(refuses)
{
	const char *const rules[] = { house[0], house[3], refused[_i].rule };
	char why[256] = "";
	size_t bad = 99;

	ck_assert_ptr_null(access_new(rules, countof(rules), true, &bad, why));
	ck_assert_uint_eq(bad, 2);
	ck_assert_str_eq(why, refused[_i].why);
}
END_TEST

/* One block of its own, whatever becomes of what it was made from. */
START_TEST(principal_is_a_copy)
{
	char id[] = "kim", name[] = "Kim", first[] = "USER", second[] = "ADMIN", claims[] = "{}";
	struct span roles[] = { span_of(first), span_of(second) };
	struct principal from = { span_of(id), span_of(name), roles, 2, 42, span_of(claims) };
	struct principal *p = principal_new(&from);

	id[0] = name[0] = first[0] = second[0] = claims[0] = 'x';
	roles[0] = roles[1] = SPAN("");
	ck_assert(span_eq(p->id, SPAN("kim")));
	ck_assert(span_eq(p->name, SPAN("Kim")));
	ck_assert(span_eq(p->claims, SPAN("{}")));
	ck_assert_int_eq(p->expires_s, 42);
	ck_assert_uint_eq(p->role_count, 2);
	ck_assert(principal_has_role(p, SPAN("USER")));
	ck_assert(principal_has_role(p, SPAN("ADMIN")));
	ck_assert(!principal_has_role(p, SPAN("ADMINS")));
	ck_assert(!principal_has_role(p, SPAN("admin")));
	ck_assert(!principal_has_role(NULL, SPAN("ADMIN")));
	ck_assert(!principal_is_anonymous(p));
	principal_free(p);
	principal_free(NULL);
}
END_TEST

START_TEST(principal_may_be_empty)
{
	struct principal *p = principal_new(&(struct principal){ .role_count = 0 });

	ck_assert(principal_is_anonymous(p));
	ck_assert(!principal_has_role(p, SPAN("")));
	principal_free(p);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("auth/access");
	TCase *tc = tcase_create("rules");
	SRunner *runner;
	int failed;

	tcase_add_loop_test(tc, first_rule_decides, 0, (int)countof(asked));
	tcase_add_test(tc, default_decides_what_no_rule_does);
	tcase_add_loop_test(tc, refuses, 0, (int)countof(refused));
	tcase_add_test(tc, principal_is_a_copy);
	tcase_add_test(tc, principal_may_be_empty);
	suite_add_tcase(suite, tc);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
