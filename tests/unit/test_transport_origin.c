/* transport/origin: which pages may connect; the rules of Spring's handshake. */
#include "transport/origin.h"

#include <check.h>
#include <stdlib.h>

enum {
	PATTERNS_MOST = 3
};

static const struct {
	const char *origin;
	const char *host;
	const char *patterns[PATTERNS_MOST]; /* NULL ends the list early */
	bool allowed;
} rows[] = {
	/* No Origin: no browser. */
	{ "", "a.example", { NULL }, true },
	{ "", "", { NULL }, true },
	{ "", "a.example", { "https://b.example" }, true },
	/* The same host and port; the scheme may have ended at a proxy. */
	{ "http://a.example", "a.example", { NULL }, true },
	{ "https://a.example", "a.example", { NULL }, true },
	{ "https://a.example", "a.example:443", { NULL }, true },
	{ "https://a.example:443", "a.example", { NULL }, true },
	{ "http://a.example:80", "a.example", { NULL }, true },
	{ "http://a.example", "a.example:80", { NULL }, true },
	{ "http://a.example:8080", "a.example:8080", { NULL }, true },
	{ "HTTP://A.Example", "a.eXAMPLE", { NULL }, true },
	{ "http://a.example/", "a.example", { NULL }, true },
	{ "http://127.0.0.1:8080", "127.0.0.1:8080", { NULL }, true },
	{ "http://a.example", "a.example:8080", { NULL }, false },
	{ "http://a.example:8080", "a.example", { NULL }, false },
	{ "http://a.example:8080", "a.example:8081", { NULL }, false },
	{ "http://a.example", "a.example:443", { NULL }, false },
	{ "https://a.example", "a.example:80", { NULL }, false },
	{ "http://a.example:80", "a.example:8", { NULL }, false },
	{ "http://a.example", "b.example", { NULL }, false },
	{ "http://a.example", "a.example.evil", { NULL }, false },
	{ "http://a.example.evil", "a.example", { NULL }, false },
	{ "http://evil.a.example", "a.example", { NULL }, false },
	{ "http://a.example", "", { NULL }, false },
	/* IPv6. */
	{ "http://[::1]:8080", "[::1]:8080", { NULL }, true },
	{ "http://[::1]", "[::1]", { NULL }, true },
	{ "https://[::1]", "[::1]:443", { NULL }, true },
	{ "http://[2001:DB8::1]", "[2001:db8::1]:80", { NULL }, true },
	{ "http://[::1]:8080", "[::1]:8081", { NULL }, false },
	{ "http://[::1]:8080", "[::2]:8080", { NULL }, false },
	{ "http://[::1]", "[::1]:8080", { NULL }, false },
	{ "http://[::1", "b", { "http://[::1]" }, false },
	/* Exactly as listed, whatever the case, with and without a slash. */
	{ "https://a.example", "b.example", { "https://a.example" }, true },
	{ "https://A.EXAMPLE", "b.example", { "https://a.example" }, true },
	{ "https://a.example", "b.example", { "HTTPS://A.EXAMPLE" }, true },
	{ "https://a.example/", "b.example", { "https://a.example" }, true },
	{ "https://a.example", "b.example", { "https://a.example/" }, true },
	{ "https://a.example:443", "b.example", { "https://a.example" }, true },
	{ "https://a.example", "b.example", { "https://a.example:443" }, true },
	{ "https://a.example:8443", "b.example", { "https://a.example:8443" }, true },
	{ "https://a.example", "b.example", { "https://c.example", "https://a.example" }, true },
	{ "http://[::1]:3000", "b.example", { "http://[::1]:3000" }, true },
	{ "http://a.example", "b.example", { "https://a.example" }, false },
	{ "https://a.example", "b.example", { "http://a.example" }, false },
	{ "http://a.example:8443", "b.example", { "https://a.example:8443" }, false },
	{ "http://a.example", "b.example", { "https://a.example:[*]" }, false },
	{ "https://a.example:8443", "b.example", { "https://a.example" }, false },
	{ "https://a.example", "b.example", { "https://a.example:8443" }, false },
	{ "https://a.example:4430", "b.example", { "https://a.example:443" }, false },
	{ "https://a.example.evil", "b.example", { "https://a.example" }, false },
	{ "https://evil-a.example", "b.example", { "https://a.example" }, false },
	{ "https://a.example", "b.example", { "https://c.example" }, false },
	{ "https://axexample", "b.example", { "https://a.example" }, false },
	/* Patterns of hosts. */
	{ "https://x.a.example", "b", { "https://*.a.example" }, true },
	{ "https://x.y.a.example", "b", { "https://*.a.example" }, true },
	{ "https://X.A.EXAMPLE", "b", { "https://*.a.example" }, true },
	{ "https://.a.example", "b", { "https://*.a.example" }, true },
	{ "https://anything", "b", { "https://*" }, true },
	{ "https://abc", "b", { "https://a*c" }, true },
	{ "https://ac", "b", { "https://a*c" }, true },
	{ "https://xaxbxab", "b", { "https://*a*b" }, true },
	{ "https://a.example", "b", { "https://**.example" }, true },
	{ "https://a.example", "b", { "https://*.a.example" }, false },
	{ "https://evila.example", "b", { "https://*.a.example" }, false },
	{ "https://x.a.example.evil", "b", { "https://*.a.example" }, false },
	{ "https://x.a.example:8443", "b", { "https://*.a.example" }, false },
	{ "http://x.a.example", "b", { "https://*.a.example" }, false },
	{ "https://evil/.a.example", "b", { "https://*.a.example" }, false },
	{ "https://evil:1/.a.example", "b", { "https://*.a.example" }, false },
	{ "https://xaxbxa", "b", { "https://*a*b" }, false },
	{ "https://?.a.example", "b", { "https://x.a.example" }, false },
	/* A star that the page sends is no pattern. */
	{ "https://*", "b", { "https://a.example" }, false },
	{ "*", "b", { "https://a.example" }, false },
	/* Lists of ports. */
	{ "https://x.a.com:8080", "b", { "https://*.a.com:[8080,8081]" }, true },
	{ "https://x.a.com:8081", "b", { "https://*.a.com:[8080,8081]" }, true },
	{ "https://x.a.com", "b", { "https://*.a.com:[443,8081]" }, true },
	{ "https://x.a.com:8082", "b", { "https://*.a.com:[8080,8081]" }, false },
	{ "https://x.a.com:808", "b", { "https://*.a.com:[8080,8081]" }, false },
	{ "https://x.a.com:80", "b", { "https://*.a.com:[8080,8081]" }, false },
	{ "https://x.a.com", "b", { "https://*.a.com:[8080,8081]" }, false },
	{ "http://localhost:5173", "b", { "http://localhost:[*]" }, true },
	{ "http://localhost", "b", { "http://localhost:[*]" }, true },
	{ "http://[::1]:5173", "b", { "http://[::1]:[*]" }, true },
	{ "http://[::1]:5173", "b", { "http://[::1]:[5173]" }, true },
	{ "http://[::1]:5174", "b", { "http://[::1]:[5173]" }, false },
	{ "http://localhost.evil:5173", "b", { "http://localhost:[*]" }, false },
	/* "null": a sandbox, a local file, a redirect. */
	{ "null", "a.example", { NULL }, false },
	{ "null", "null", { NULL }, false },
	{ "null", "a.example", { "https://a.example" }, false },
	{ "null", "a.example", { "https://*" }, false },
	{ "null", "a.example", { "*" }, true },
	/* Everyone. */
	{ "https://a.example", "b.example", { "*" }, true },
	{ "https://a.example:1", "b.example", { "https://c.example", "*" }, true },
	{ "chrome-extension://abcdef", "b", { "chrome-extension://abcdef" }, true },
	/* What is not an origin. */
	{ "a.example", "a.example", { "https://a.example" }, false },
	{ "//a.example", "a.example", { "https://*" }, false },
	{ "://a.example", "a.example", { "https://*" }, false },
	{ "https:a.example", "a.example", { "https://*" }, false },
	{ "https://", "", { "https://*" }, false },
	{ "https:///", "", { "https://*" }, false },
	{ "https://:443", ":443", { "https://*" }, false },
	{ "https://a.example/path", "a.example", { "https://*" }, false },
	{ "/", "a.example", { "https://*" }, false },
	{ ":", "a.example", { "https://*" }, false },
};

START_TEST(origin)
{
	size_t count = 0;

	while (count < PATTERNS_MOST && rows[_i].patterns[count])
		count++;
	ck_assert_msg(origin_is_allowed(span_of(rows[_i].origin), span_of(rows[_i].host),
			      rows[_i].patterns, count) == rows[_i].allowed,
		"%s at %s with %s", rows[_i].origin, rows[_i].host,
		count ? rows[_i].patterns[0] : "no pattern");
}
END_TEST

/* Spans are not NUL-terminated: what stands behind them must not matter. */
START_TEST(origin_ends_where_it_ends)
{
	static const char text[] = "https://a.example:8080/x";
	const char *const pattern = "https://a.example";

	ck_assert(origin_is_allowed((struct span){ text, 17 }, SPAN("b"), &pattern, 1));
	ck_assert(!origin_is_allowed((struct span){ text, 16 }, SPAN("b"), &pattern, 1));
	ck_assert(!origin_is_allowed((struct span){ text, 22 }, SPAN("b"), &pattern, 1));
	/* A request may come without Host, or with an empty one. */
	ck_assert(!origin_is_allowed(SPAN("http://b"), (struct span){ NULL, 0 }, &pattern, 1));
	ck_assert(origin_is_allowed((struct span){ NULL, 0 }, (struct span){ NULL, 0 }, NULL, 0));
}
END_TEST

/* A client must not be able to buy much time with a long host. */
START_TEST(many_stars_are_no_work)
{
	static char host[20001] = "https://";
	const char *const pattern = "https://*a*a*a*a*a*a*a*a*a*a*b";

	memset(host + 8, 'a', sizeof(host) - 9);
	ck_assert(!origin_is_allowed(span_of(host), SPAN("b"), &pattern, 1));
	host[sizeof(host) - 2] = 'b';
	ck_assert(origin_is_allowed(span_of(host), SPAN("b"), &pattern, 1));
}
END_TEST

static const struct {
	const char *pattern;
	bool good;
} patterns[] = {
	{ "*", true },
	{ "https://a.example", true },
	{ "https://a.example/", true },
	{ "https://a.example:8443", true },
	{ "https://*.a.example", true },
	{ "https://*", true },
	{ "https://*.a.example:[8443,9443]", true },
	{ "http://localhost:[*]", true },
	{ "http://[::1]:3000", true },
	{ "http://[::1]:[3000,3001]", true },
	{ "http://[::1]", true },
	{ "", false },
	{ "/", false },
	{ "**", false },
	{ "null", false },
	{ "a.example", false },
	{ "*.a.example", false },
	{ "a.example:8080", false },
	{ "://a.example", false },
	{ "https://", false },
	{ "https:///", false },
	{ "https:/a.example", false },
	{ "https://a.example/path", false },
	{ "https://a.example:8443/path", false },
	{ "https://a.example:x", false },
	{ "https://a.example:-1", false },
	{ "https://a.example:[]", false },
	{ "https://a.example:[8443", false },
	{ "https://a.example:8443]", false },
	{ "https://:8443", false },
	{ "http://[::1", false },
};

START_TEST(pattern)
{
	const char *why = NULL;

	ck_assert_msg(
		origin_check_pattern(span_of(patterns[_i].pattern), &why) == patterns[_i].good,
		"%s", patterns[_i].pattern);
	if (!patterns[_i].good)
		ck_assert_ptr_nonnull(why);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("transport/origin");
	TCase *tc = tcase_create("origin");
	SRunner *runner;
	int failed;

	tcase_add_loop_test(tc, origin, 0, (int)countof(rows));
	tcase_add_test(tc, origin_ends_where_it_ends);
	tcase_add_test(tc, many_stars_are_no_work);
	tcase_add_loop_test(tc, pattern, 0, (int)countof(patterns));
	suite_add_tcase(suite, tc);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
