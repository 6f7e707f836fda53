/* auth/steps: whom a CONNECT makes of a client, and what it may do then. */
#include "auth/steps.h"
#include "tests/unit/jwt_case.h"

static const char *const authorization[] = { "header Authorization Bearer", "query token" };
static const char *const id_claims[] = { "userId", "user.id", "sub" };
static const char *const name_claims[] = { "nick.name", "name" };
static const char *const role_claims[] = { "realm_access.roles", "roles", "role" };

static struct jwt *jwt;
static struct token_sources *sources;
static struct authenticate door;
static struct interceptor_chain *chain;
static struct interceptor_call call;

static void setup(void)
{
	struct interceptor_step step;
	size_t bad;

	jwt = must_make(&plain);
	sources = token_sources_new(authorization, countof(authorization), &bad, why);
	door = (struct authenticate){ .jwt = jwt,
		.sources = sources,
		.id_claims = id_claims,
		.id_claim_count = countof(id_claims),
		.name_claims = name_claims,
		.name_claim_count = countof(name_claims),
		.role_claims = role_claims,
		.role_claim_count = countof(role_claims) };
	step = authenticate_step(&door);
	chain = interceptor_chain_new(&step, 1);
	call = (struct interceptor_call){ .now_s = NOW };
}

static void teardown(void)
{
	principal_free(call.identified);
	interceptor_chain_free(chain);
	token_sources_free(sources);
	jwt_free(jwt);
	free_case();
}

/* CONNECT with `authorization_value` (at NULL: none), unless another command is given. */
static enum interceptor_verdict connect_with(enum stomp_command command, struct span value)
{
	const struct stomp_header header = { SPAN("authorization"), value };
	const struct stomp_frame frame = { command, &header, value.at != NULL, { NULL, 0 } };
	enum interceptor_verdict verdict;

	call.frame = &frame;
	verdict = interceptor_run(chain, &call);
	call.frame = NULL;
	return verdict;
}

static const struct span nothing = { NULL, 0 };

START_TEST(C7_no_token)
{
	ck_assert_int_eq(connect_with(STOMP_CONNECT, nothing), INTERCEPTOR_DENY);
	ck_assert_str_eq(call.why, "no token");
	ck_assert_int_eq(connect_with(STOMP_STOMP, SPAN("Bearer ")), INTERCEPTOR_DENY);
	ck_assert_str_eq(call.why, "no token");
	door.allow_anonymous = true;
	ck_assert_int_eq(connect_with(STOMP_CONNECT, nothing), INTERCEPTOR_ALLOW);
	ck_assert_ptr_null(call.identified);
}
END_TEST

/* A bad token is no reason to treat a client as one without. */
START_TEST(C7_bad_token)
{
	door.allow_anonymous = true;
	ck_assert_int_eq(connect_with(STOMP_CONNECT, SPAN("Bearer null")), INTERCEPTOR_DENY);
	ck_assert_str_eq(call.why, "not a token");
	sign("{\"sub\":\"kim\",\"exp\":1}");
	ck_assert_int_eq(connect_with(STOMP_CONNECT, buf_span(&token)), INTERCEPTOR_DENY);
	ck_assert_str_eq(call.why, "token expired");
	ck_assert_ptr_null(call.identified);
}
END_TEST

START_TEST(tokens_are_not_looked_at)
{
	door.jwt = NULL;
	door.allow_anonymous = true;
	ck_assert_int_eq(connect_with(STOMP_CONNECT, SPAN("Bearer x")), INTERCEPTOR_ALLOW);
	ck_assert_ptr_null(call.identified);
	door.allow_anonymous = false;
	ck_assert_int_eq(connect_with(STOMP_CONNECT, SPAN("Bearer x")), INTERCEPTOR_DENY);
	ck_assert_str_eq(call.why, "no token");
}
END_TEST

START_TEST(kept_token_counts)
{
	sign("{\"sub\":\"kim\"}");
	call.kept_token = buf_span(&token);
	ck_assert_int_eq(connect_with(STOMP_STOMP, nothing), INTERCEPTOR_ALLOW);
	ck_assert(span_eq(call.identified->id, SPAN("kim")));
}
END_TEST

/* Only CONNECT and STOMP identify; what else comes passes untouched. */
START_TEST(other_commands_pass)
{
	for (int c = STOMP_NO_COMMAND + 1; c < STOMP_COMMAND_COUNT; c++) {
		if (c == STOMP_CONNECT || c == STOMP_STOMP)
			continue;
		ck_assert_int_eq(
			connect_with((enum stomp_command)c, SPAN("Bearer x")), INTERCEPTOR_ALLOW);
	}
}
END_TEST

static enum interceptor_verdict guest(void *owner, struct interceptor_call *c)
{
	(void)owner;
	c->identified = principal_new(&(struct principal){ .id = SPAN("guest") });
	return INTERCEPTOR_ALLOW;
}

START_TEST(earlier_step_may_identify)
{
	const struct interceptor_step steps[] = { { "guest", guest, NULL, NULL },
		authenticate_step(&door) };

	interceptor_chain_free(chain);
	chain = interceptor_chain_new(steps, countof(steps));
	ck_assert_int_eq(connect_with(STOMP_CONNECT, nothing), INTERCEPTOR_ALLOW);
	ck_assert(span_eq(call.identified->id, SPAN("guest")));
	principal_free(call.identified);
	ck_assert_int_eq(connect_with(STOMP_CONNECT, SPAN("x")), INTERCEPTOR_DENY);
	ck_assert_ptr_null(call.identified);
	sign("{\"sub\":\"kim\"}");
	ck_assert_int_eq(connect_with(STOMP_CONNECT, buf_span(&token)), INTERCEPTOR_ALLOW);
	ck_assert(span_eq(call.identified->id, SPAN("kim")));
}
END_TEST

/* `id` NULL: denied. Roles are written with a bar behind each. */
static const struct {
	const char *payload;
	const char *id;
	const char *name;
	const char *roles;
	int64_t expires_s;
} people[] = {
	{ "{\"sub\":\"kim\"}", "kim", "", "", 0 },
	{ "{\"sub\":\"kim\",\"userId\":7,\"exp\":4102444800}", "7", "", "", 4102444800 },
	{ "{\"sub\":\"kim\",\"userId\":9007199254740993}", "9007199254740993", "", "", 0 },
	{ "{\"sub\":\"kim\",\"userId\":null}", "kim", "", "", 0 },
	{ "{\"sub\":\"kim\",\"userId\":\"\"}", "kim", "", "", 0 },
	{ "{\"sub\":\"kim\",\"userId\":{\"a\":1}}", "kim", "", "", 0 },
	{ "{\"sub\":\"kim\",\"userId\":\"a\\u0000b\"}", "kim", "", "", 0 },
	{ "{\"sub\":\"kim\",\"user\":{\"id\":\"a/b\"}}", "a/b", "", "", 0 },
	{ "{\"sub\":\"\"}", NULL, NULL, NULL, 0 },
	{ "{\"sub\":[\"kim\"]}", NULL, NULL, NULL, 0 },
	{ "{\"sub\":\"a\",\"sub\":\"b\"}", NULL, NULL, NULL, 0 },
	{ "{}", NULL, NULL, NULL, 0 },
	{ "{\"sub\":\"k\",\"name\":\"\xed\x85\x8c \\ud83d\\ude00\"}", "k",
		"\xed\x85\x8c \xf0\x9f\x98\x80", "", 0 },
	{ "{\"sub\":\"k\",\"name\":\"b\",\"nick\":{\"name\":\"a\"}}", "k", "a", "", 0 },
	{ "{\"sub\":\"k\",\"name\":\"b\",\"nick\":{\"name\":\"\"}}", "k", "b", "", 0 },
	{ "{\"sub\":\"k\",\"roles\":[\"A\",\"B C\",3,null,[\"D\"],\"\"]}", "k", "", "A|B C|3|", 0 },
	{ "{\"sub\":\"k\",\"roles\":\"A, B\\tC,,\"}", "k", "", "A|B|C|", 0 },
	{ "{\"sub\":\"k\",\"roles\":[]}", "k", "", "", 0 },
	{ "{\"sub\":\"k\",\"roles\":\"\",\"role\":\"X\"}", "k", "", "", 0 },
	{ "{\"sub\":\"k\",\"roles\":null,\"role\":\"X\"}", "k", "", "X|", 0 },
	{ "{\"sub\":\"k\",\"roles\":{},\"role\":\"X\"}", "k", "", "", 0 },
	{ "{\"sub\":\"k\",\"realm_access\":{\"roles\":[\"A\"]},\"role\":\"X\"}", "k", "", "A|", 0 },
};

START_TEST(says_who_it_is)
{
	struct buf roles = { NULL, 0, 0 };

	sign(people[_i].payload);
	if (!people[_i].id) {
		ck_assert_int_eq(connect_with(STOMP_CONNECT, buf_span(&token)), INTERCEPTOR_DENY);
		ck_assert_str_eq(call.why, "claim missing or different");
		return;
	}
	ck_assert_int_eq(connect_with(STOMP_CONNECT, buf_span(&token)), INTERCEPTOR_ALLOW);
	ck_assert(span_eq(call.identified->id, span_of(people[_i].id)));
	ck_assert(span_eq(call.identified->name, span_of(people[_i].name)));
	for (size_t i = 0; i < call.identified->role_count; i++) {
		buf_put(&roles, call.identified->roles[i]);
		buf_put_byte(&roles, '|');
	}
	ck_assert(span_eq(buf_span(&roles), span_of(people[_i].roles)));
	ck_assert_int_eq(call.identified->expires_s, people[_i].expires_s);
	ck_assert(span_eq(call.identified->claims, span_of(people[_i].payload)));
	buf_fini(&roles);
}
END_TEST

static const struct {
	enum stomp_command command;
	struct span destination; /* at NULL: the frame has none */
	bool known;
	const char *why; /* NULL: allowed */
} acts[] = {
	{ STOMP_SEND, SPAN("/pub/a"), true, NULL },
	{ STOMP_SEND, SPAN("/pub/a"), false, "not allowed to send there" },
	{ STOMP_SEND, SPAN("/sub/kim"), true, "not allowed to send there" },
	{ STOMP_SEND, { NULL, 0 }, true, "not allowed to send there" },
	{ STOMP_SUBSCRIBE, SPAN("/sub/kim"), true, NULL },
	{ STOMP_SUBSCRIBE, SPAN("/sub/kim"), false, "not allowed to subscribe there" },
	{ STOMP_SUBSCRIBE, SPAN("/sub/lee"), true, "not allowed to subscribe there" },
	{ STOMP_SUBSCRIBE, SPAN("/pub/a"), true, "not allowed to subscribe there" },
	{ STOMP_SUBSCRIBE, { NULL, 0 }, true, "not allowed to subscribe there" },
	{ STOMP_UNSUBSCRIBE, SPAN("/sub/lee"), false, NULL },
	{ STOMP_CONNECT, SPAN("/sub/lee"), false, NULL },
	{ STOMP_DISCONNECT, { NULL, 0 }, false, NULL },
};

START_TEST(access_rules_are_kept)
{
	static const char *const rules[] = { "allow send /pub/** authenticated",
		"allow subscribe /sub/${user}" };
	const struct principal kim = { .id = SPAN("kim") };
	const struct stomp_header header = { SPAN("destination"), acts[_i].destination };
	const struct stomp_frame frame = { acts[_i].command, &header,
		acts[_i].destination.at != NULL, { NULL, 0 } };
	size_t bad;
	struct access *a = access_new(rules, countof(rules), false, &bad, why);
	struct interceptor_step step = authorize_step(a);
	struct interceptor_chain *own = interceptor_chain_new(&step, 1);

	call.frame = &frame;
	call.principal = acts[_i].known ? &kim : NULL;
	ck_assert_int_eq(
		interceptor_run(own, &call), acts[_i].why ? INTERCEPTOR_DENY : INTERCEPTOR_ALLOW);
	ck_assert_pstr_eq(call.why, acts[_i].why);
	interceptor_chain_free(own);
	access_free(a);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("auth/steps");
	TCase *tc = tcase_create("steps");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, C7_no_token);
	tcase_add_test(tc, C7_bad_token);
	tcase_add_test(tc, tokens_are_not_looked_at);
	tcase_add_test(tc, kept_token_counts);
	tcase_add_test(tc, other_commands_pass);
	tcase_add_test(tc, earlier_step_may_identify);
	tcase_add_loop_test(tc, says_who_it_is, 0, (int)countof(people));
	tcase_add_loop_test(tc, access_rules_are_kept, 0, (int)countof(acts));
	suite_add_tcase(suite, tc);
	return run_suite(suite);
}
