/* auth/token: where a token is looked for, and which of several counts. */
#include "auth/token.h"

#include <check.h>
#include <stdlib.h>

static struct token_sources *must_make(const char *const *texts, size_t count)
{
	char why[256] = "";
	size_t bad = 99;
	struct token_sources *t = token_sources_new(texts, count, &bad, why);

	ck_assert_msg(t != NULL, "source %zu: %s", bad, why);
	return t;
}

static const struct {
	const char *text;
	const char *why;
} refused[] = {
	{ "", "something is missing at the end: one of: header NAME [SCHEME], query NAME, cookie "
	      "NAME" },
	{ "hedaer Authorization",
		"\"hedaer\" is not one of: header NAME [SCHEME], query NAME, cookie NAME" },
	{ "header", "the name is missing after \"header\"" },
	{ "query ", "the name is missing after \"query\"" },
	{ "cookie\t", "the name is missing after \"cookie\"" },
	{ "header A Bearer x", "\"x\" is too much: allowed is header NAME [SCHEME]" },
	{ "query a Bearer", "\"Bearer\" is too much: allowed is query NAME" },
	{ "cookie a b", "\"b\" is too much: allowed is cookie NAME" },
};

START_TEST(refuses)
{
	const char *const texts[] = { "query a", refused[_i].text };
	char why[256] = "";
	size_t bad = 99;

	ck_assert_ptr_null(token_sources_new(texts, countof(texts), &bad, why));
	ck_assert_uint_eq(bad, 1);
	ck_assert_str_eq(why, refused[_i].why);
}
END_TEST

static const char *const query_then_cookie[] = { "query token", "cookie sid" };
static const char *const cookie_then_query[] = { "cookie sid", "query token" };
static const char *const only_header[] = { "header Authorization Bearer" };

/* `token` at NULL: none is found. */
static const struct {
	const char *const *sources;
	size_t count;
	struct span query;
	struct span cookie;
	struct span token;
} requests[] = {
	{ query_then_cookie, 2, SPAN("token=x.y.z"), SPAN(""), SPAN("x.y.z") },
	{ query_then_cookie, 2, SPAN("a=1&token=x&b"), SPAN("sid=c"), SPAN("x") },
	{ cookie_then_query, 2, SPAN("a=1&token=x&b"), SPAN("sid=c"), SPAN("c") },
	{ query_then_cookie, 2, SPAN("token="), SPAN("sid=c"), SPAN("c") },
	{ query_then_cookie, 2, SPAN("token"), SPAN("sid=c"), SPAN("c") },
	{ query_then_cookie, 2, SPAN("token=+%20"), SPAN("sid=c"), SPAN("c") },
	{ query_then_cookie, 2, SPAN("token=&token=2"), SPAN(""), SPAN("2") },
	{ query_then_cookie, 2, SPAN("token=1&token=2"), SPAN(""), SPAN("1") },
	{ query_then_cookie, 2, SPAN("&&=&token=a=b"), SPAN(""), SPAN("a=b") },
	{ query_then_cookie, 2, SPAN("Token=1"), SPAN(""), { NULL, 0 } },
	{ query_then_cookie, 2, SPAN("xtoken=1&token2=2"), SPAN(""), { NULL, 0 } },
	{ query_then_cookie, 2, SPAN("%74oken=a%2eb%2Ec"), SPAN(""), SPAN("a.b.c") },
	{ query_then_cookie, 2, SPAN("token=a+b%2Bc"), SPAN(""), SPAN("a b+c") },
	{ query_then_cookie, 2, SPAN("token=+a+"), SPAN(""), SPAN("a") },
	{ query_then_cookie, 2, SPAN("token=%zz%4"), SPAN(""), SPAN("%zz%4") },
	{ query_then_cookie, 2, SPAN("token=%"), SPAN(""), SPAN("%") },
	{ query_then_cookie, 2, SPAN("token=%00a%26"), SPAN(""), SPAN("\0a&") },
	{ query_then_cookie, 2, SPAN(""), SPAN("a=b; sid=1; c=d"), SPAN("1") },
	{ query_then_cookie, 2, SPAN(""), SPAN("sid=\"1\""), SPAN("1") },
	{ query_then_cookie, 2, SPAN(""), SPAN("sid=\"\""), { NULL, 0 } },
	{ query_then_cookie, 2, SPAN(""), SPAN("sid=\""), SPAN("\"") },
	{ query_then_cookie, 2, SPAN(""), SPAN("sid="), { NULL, 0 } },
	{ query_then_cookie, 2, SPAN(""), SPAN("sid"), { NULL, 0 } },
	{ query_then_cookie, 2, SPAN(""), SPAN("SID=1;xsid=2;sid2=3"), { NULL, 0 } },
	{ query_then_cookie, 2, SPAN(""), SPAN(";; ;sid=a=%20+"), SPAN("a=%20+") },
	{ query_then_cookie, 2, SPAN(""), SPAN("sid=;sid=2"), SPAN("2") },
	{ query_then_cookie, 2, { NULL, 0 }, { NULL, 0 }, { NULL, 0 } },
	{ only_header, 1, SPAN("token=1"), SPAN("sid=1"), { NULL, 0 } },
	{ NULL, 0, SPAN("token=1"), SPAN("sid=1"), { NULL, 0 } },
};

START_TEST(from_request)
{
	struct token_sources *t = must_make(requests[_i].sources, requests[_i].count);
	struct buf token = { NULL, 0, 0 };

	ck_assert_int_eq(token_from_request(t, requests[_i].query, requests[_i].cookie, &token),
		requests[_i].token.at != NULL);
	ck_assert(span_eq(buf_span(&token), requests[_i].token));
	buf_fini(&token);
	token_sources_free(t);
}
END_TEST

static const char *const header_then_query[] = { "header Authorization Bearer", "query token" };
static const char *const query_then_header[] = { "query token", "header Authorization Bearer" };
static const char *const bare_header[] = { "header X-Token" };
static const char *const two_headers[] = { "header X-Token", "header Authorization Bearer" };

/* The frame's headers are Authorization and x-token, in this order. */
static const struct {
	const char *const *sources;
	size_t count;
	struct span name;
	struct span authorization;
	struct span x_token;
	struct span kept;
	struct span token; /* at NULL: none */
} connects[] = {
	{ header_then_query, 2, SPAN("Authorization"), SPAN("Bearer x"), SPAN(""), SPAN(""),
		SPAN("x") },
	{ header_then_query, 2, SPAN("authorization"), SPAN("bearer x"), SPAN(""), SPAN(""),
		SPAN("x") },
	{ header_then_query, 2, SPAN("AUTHORIZATION"), SPAN(" BEARER \t x "), SPAN(""), SPAN(""),
		SPAN("x") },
	{ header_then_query, 2, SPAN("Authorization"), SPAN("Bearer  x"), SPAN(""), SPAN(""),
		SPAN("x") },
	{ header_then_query, 2, SPAN("Authorization"), SPAN("x"), SPAN(""), SPAN(""), SPAN("x") },
	{ header_then_query, 2, SPAN("Authorization"), SPAN("Bearerx"), SPAN(""), SPAN(""),
		SPAN("Bearerx") },
	{ header_then_query, 2, SPAN("Authorization"), SPAN("Basic x"), SPAN(""), SPAN(""),
		SPAN("Basic x") },
	{ header_then_query, 2, SPAN("Authorization"), SPAN("Bearer"), SPAN(""), SPAN(""),
		{ NULL, 0 } },
	{ header_then_query, 2, SPAN("Authorization"), SPAN("Bearer "), SPAN(""), SPAN("k"),
		SPAN("k") },
	{ header_then_query, 2, SPAN("Authorization"), SPAN(""), SPAN(""), SPAN(" k "), SPAN("k") },
	{ header_then_query, 2, SPAN("Authorization"), SPAN("x"), SPAN(""), SPAN("k"), SPAN("x") },
	{ query_then_header, 2, SPAN("Authorization"), SPAN("x"), SPAN(""), SPAN("k"), SPAN("k") },
	{ query_then_header, 2, SPAN("Authorization"), SPAN("x"), SPAN(""), SPAN(" "), SPAN("x") },
	{ query_then_header, 2, SPAN("Authorizatio"), SPAN("x"), SPAN(""), SPAN(""), { NULL, 0 } },
	{ bare_header, 1, SPAN("Authorization"), SPAN("x"), SPAN("Bearer y"), SPAN("k"),
		SPAN("Bearer y") },
	{ bare_header, 1, SPAN("Authorization"), SPAN("x"), SPAN(""), SPAN("k"), { NULL, 0 } },
	{ bare_header, 1, SPAN("X-TOKEN"), SPAN("1"), SPAN("2"), SPAN(""), SPAN("1") },
	{ bare_header, 1, SPAN("X-TOKEN"), SPAN(""), SPAN("2"), SPAN(""), SPAN("2") },
	{ two_headers, 2, SPAN("Authorization"), SPAN("Bearer x"), SPAN("y"), SPAN(""), SPAN("y") },
	{ NULL, 0, SPAN("Authorization"), SPAN("x"), SPAN("y"), SPAN("k"), { NULL, 0 } },
};

/* Row C14: headers of CONNECT that STOMP does not know are there for authentication. */
START_TEST(C14_of_connect)
{
	const struct stomp_header headers[] = {
		{ SPAN("accept-version"), SPAN("1.2") },
		{ connects[_i].name, connects[_i].authorization },
		{ SPAN("x-token"), connects[_i].x_token },
	};
	const struct stomp_frame frame = { STOMP_CONNECT, headers, countof(headers), { NULL, 0 } };
	struct token_sources *t = must_make(connects[_i].sources, connects[_i].count);
	struct span token = { NULL, 0 };

	ck_assert_int_eq(token_of_connect(t, &frame, connects[_i].kept, &token),
		connects[_i].token.at != NULL);
	if (connects[_i].token.at)
		ck_assert(span_eq(token, connects[_i].token));
	token_sources_free(t);
}
END_TEST

START_TEST(knows_its_headers)
{
	static const char *const texts[] = { "query q", "header X-Token", "header Auth Bearer" };
	struct token_sources *t = must_make(texts, countof(texts));

	ck_assert(token_is_header(t, SPAN("X-Token")));
	ck_assert(token_is_header(t, SPAN("x-tOKEN")));
	ck_assert(token_is_header(t, SPAN("auth")));
	ck_assert(!token_is_header(t, SPAN("q")));
	ck_assert(!token_is_header(t, SPAN("bearer")));
	ck_assert(!token_is_header(t, SPAN("x-token2")));
	ck_assert(!token_is_header(t, SPAN("")));
	token_sources_free(t);
	token_sources_free(NULL);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("auth/token");
	TCase *tc = tcase_create("sources");
	SRunner *runner;
	int failed;

	tcase_add_loop_test(tc, refuses, 0, (int)countof(refused));
	tcase_add_loop_test(tc, from_request, 0, (int)countof(requests));
	tcase_add_loop_test(tc, C14_of_connect, 0, (int)countof(connects));
	tcase_add_test(tc, knows_its_headers);
	suite_add_tcase(suite, tc);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
