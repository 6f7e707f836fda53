/* stomp/pattern: what is a pattern, what it matches and what it captures. */
#include "stomp/pattern.h"

#include "base/buf.h"

#include <check.h>
#include <stdlib.h>

static const struct span names[] = { SPAN("user"), SPAN("tenant"), SPAN("empty"), SPAN("star") };

static const struct stomp_binding given[] = {
	{ SPAN("user"), SPAN("kim") },
	{ SPAN("empty"), SPAN("") },
	{ SPAN("star"), SPAN("*") },
};

static struct stomp_pattern *must_compile(struct span text)
{
	const char *why = NULL;
	struct stomp_pattern *p = stomp_pattern_new(text, names, countof(names), &why);

	ck_assert_msg(p != NULL, "%.*s: %s", (int)text.len, text.at, why);
	return p;
}

static const struct {
	const char *pattern;
	const char *destination;
	bool matches;
} rows[] = {
	{ "/sub/a", "/sub/a", true },
	{ "/sub/a", "/sub/A", false },
	{ "/sub/a", "/sub/ab", false },
	{ "/sub/a", "/sub/a/", false },
	{ "/sub/a", "/sub", false },
	{ "/sub/a", "sub/a", false },
	{ "/sub/a", "", false },
	{ "/", "/", true },
	{ "/", "/a", false },
	{ "/", "//", false },
	{ "/a//b", "/a//b", true },
	{ "/a//b", "/a/b", false },
	{ "/a$b", "/a$b", true },
	/* * stays inside its segment. */
	{ "/sub/*", "/sub/a", true },
	{ "/sub/*", "/sub/", true },
	{ "/sub/*", "/sub", false },
	{ "/sub/*", "/sub/a/b", false },
	{ "/sub/*/c", "/sub/b/c", true },
	{ "/sub/*/c", "/sub/a/b/c", false },
	{ "/a*b", "/ab", true },
	{ "/a*b", "/axxb", true },
	{ "/a*b", "/axxbx", false },
	{ "/a*b", "/abab", true },
	{ "/*a*a*", "/banana", true },
	{ "/*a*b*", "/banana", false },
	{ "/*ana", "/banana", true },
	{ "/x*aab", "/xaaab", true },
	/* ? is one character, of as many bytes as it has. */
	{ "/?", "/a", true },
	{ "/?", "/", false },
	{ "/?", "/ab", false },
	{ "/?", "/\xed\x95\x9c", true },
	{ "/??", "/\xed\x95\x9c", false },
	{ "/*??", "/\xed\x95\x9c", false },
	{ "/a?c", "/a/c", false },
	{ "/*?", "/\xf0\x9f\x98\x80", true },
	{ "/?", "/\x80", false },
	/* ** is any number of segments. */
	{ "/**", "/", true },
	{ "/**", "/a/b/c", true },
	{ "/**", "a", false },
	{ "/**", "", false },
	{ "/sub/**", "/sub", true },
	{ "/sub/**", "/sub/", true },
	{ "/sub/**", "/sub/a/b", true },
	{ "/sub/**", "/subway", false },
	{ "/**/c", "/c", true },
	{ "/**/c", "/a/b/c", true },
	{ "/**/c", "/a/c/b", false },
	{ "/**/c", "/ac", false },
	{ "/a/**/c", "/a/c", true },
	{ "/a/**/c", "/a/c/c", true },
	{ "/a/**/c", "/a", false },
	{ "/**/a/**/b/**", "/x/a/x/b/x", true },
	{ "/**/a/**/b/**", "/x/b/x/a/x", false },
	{ "/**/a/b", "/a/a/b", true },
	{ "/**/**", "/a", true },
	{ "/**/*", "/", true },
	{ "/**/?*/x", "/a//x", false },
	/* {name} is one segment that is not empty. */
	{ "/room/{id}", "/room/7", true },
	{ "/room/{id}", "/room/", false },
	{ "/room/{id}", "/room", false },
	{ "/room/{id}", "/room/7/8", false },
	{ "/room/{id}/chat", "/room/7/chat", true },
	/* ${name} is exactly what was given, compared as text. */
	{ "/u/${user}", "/u/kim", true },
	{ "/u/${user}", "/u/lee", false },
	{ "/u/${user}", "/u/", false },
	{ "/u/${user}", "/u/kimi", false },
	{ "/u/${user}/**", "/u/kim/a/b", true },
	{ "/u/${tenant}", "/u/", false },
	{ "/u/${tenant}", "/u/x", false },
	{ "/u/${empty}", "/u/", false },
	{ "/u/${star}", "/u/*", true },
	{ "/u/${star}", "/u/x", false },
};

START_TEST(matches)
{
	struct span destination = span_of(rows[_i].destination);
	struct stomp_pattern *p = must_compile(span_of(rows[_i].pattern));

	ck_assert_msg(stomp_pattern_match(p, destination, given, countof(given), NULL) ==
			      rows[_i].matches,
		"%s %s", rows[_i].pattern, rows[_i].destination);
	stomp_pattern_free(p);
}
END_TEST

/* Captured values stand in the pattern's order, with blanks between. */
static const struct {
	const char *pattern;
	const char *destination;
	const char *captured;
} captured[] = {
	{ "/a", "/a", "" },
	{ "/room/{id}/{kind}", "/room/7/chat", "id=7 kind=chat " },
	{ "/{a}/**/{b}", "/1/2/3", "a=1 b=3 " },
	{ "/**/{a}/x/{b}", "/1/x/2/x/3", "a=2 b=3 " },
	{ "/**/{a}/**", "/1/2", "a=1 " },
	{ "/{a}/b", "/1/c", "" },
	{ "/{1}/{2}/{3}/{4}/{5}/{6}/{7}/{8}", "/a/b/c/d/e/f/g/h",
		"1=a 2=b 3=c 4=d 5=e 6=f 7=g 8=h " },
};

START_TEST(captures)
{
	struct stomp_pattern *p = must_compile(span_of(captured[_i].pattern));
	struct span destination = span_of(captured[_i].destination);
	struct stomp_captures got = { .count = 3 };
	struct buf text = { NULL, 0, 0 };

	ck_assert_int_eq(stomp_pattern_match(p, destination, NULL, 0, &got),
		got.count > 0 || span_eq(span_of(captured[_i].pattern), destination));
	for (size_t i = 0; i < got.count; i++) {
		buf_put(&text, got.items[i].name);
		buf_put_byte(&text, '=');
		buf_put(&text, got.items[i].value);
		buf_put_byte(&text, ' ');
	}
	ck_assert_msg(span_eq(buf_span(&text), span_of(captured[_i].captured)), "%.*s",
		(int)text.len, text.at);
	buf_fini(&text);
	stomp_pattern_free(p);
}
END_TEST

static const struct {
	const char *pattern;
	const char *why; /* NULL: it is a pattern */
} texts[] = {
	{ "", "does not begin with a slash" },
	{ "a/b", "does not begin with a slash" },
	{ "**", "does not begin with a slash" },
	{ "/\xff", "is not UTF-8" },
	{ "/a**", "** inside a longer segment" },
	{ "/***", "** inside a longer segment" },
	{ "/**.x/a", "** inside a longer segment" },
	{ "/a{b}", "braces inside a longer segment" },
	{ "/{b}c", "braces inside a longer segment" },
	{ "/{b", "braces inside a longer segment" },
	{ "/b}", "braces inside a longer segment" },
	{ "/}", "braces inside a longer segment" },
	{ "/{", "braces inside a longer segment" },
	{ "/${", "braces inside a longer segment" },
	{ "/x${user}", "braces inside a longer segment" },
	{ "/{}", "not a name inside the braces" },
	{ "/${}", "not a name inside the braces" },
	{ "/{a}{b}", "not a name inside the braces" },
	{ "/{*}", "not a name inside the braces" },
	{ "/{$user}", "not a name inside the braces" },
	{ "/${nobody}", "unknown ${name}" },
	{ "/${user}/${user}", NULL },
	{ "/{a}/{a}", "a {name} stands twice" },
	{ "/{user}/${user}", NULL },
	{ "/**/**/**/**", NULL },
	{ "/**/**/**/**/a/**", "too many **" },
	{ "/{1}/{2}/{3}/{4}/{5}/{6}/{7}/{8}", NULL },
	{ "/{1}/{2}/{3}/{4}/{5}/{6}/{7}/{8}/{9}", "too many {names}" },
	{ "/1/2/3/4/5/6/7/8/9/0/1/2/3/4/5/6/7/8/9/0/1/2/3/4/5/6/7/8/9/0/1/2", NULL },
	{ "/1/2/3/4/5/6/7/8/9/0/1/2/3/4/5/6/7/8/9/0/1/2/3/4/5/6/7/8/9/0/1/2/",
		"too many segments" },
};

START_TEST(compiles)
{
	struct span text = span_of(texts[_i].pattern);
	const char *why = "unset";
	struct stomp_pattern *p = stomp_pattern_new(text, names, countof(names), &why);

	if (texts[_i].why) {
		ck_assert_ptr_null(p);
		ck_assert_str_eq(why, texts[_i].why);
	} else {
		ck_assert_msg(p != NULL, "%s: %s", texts[_i].pattern, why);
	}
	stomp_pattern_free(p);
}
END_TEST

START_TEST(is_special)
{
	ck_assert(!stomp_pattern_is_special(SPAN("")));
	ck_assert(!stomp_pattern_is_special((struct span){ NULL, 0 }));
	ck_assert(!stomp_pattern_is_special(SPAN("/sub/$a.b-c")));
	ck_assert(stomp_pattern_is_special(SPAN("/sub/*")));
	ck_assert(stomp_pattern_is_special(SPAN("?")));
	ck_assert(stomp_pattern_is_special(SPAN("/{")));
	ck_assert(stomp_pattern_is_special(SPAN("/a}")));
}
END_TEST

/* Patterns that would take a backtracking matcher until the end of time. */
START_TEST(hostile_input_costs_bounded_work)
{
	static const char *const hostile[] = { "/**/a/**/a/**/a/**/b", "/*a*a*a*a*a*a*a*a*a*a*a*b",
		"/**/*a*a*a*a*b/**/*a*a*a*b/**/c" };
	struct buf destination = { NULL, 0, 0 };

	for (int i = 0; i < 4096; i++)
		buf_put(&destination, i % 64 == 0 ? SPAN("/a") : SPAN("a"));
	for (size_t i = 0; i < countof(hostile); i++) {
		struct stomp_pattern *p = must_compile(span_of(hostile[i]));

		ck_assert(!stomp_pattern_match(p, buf_span(&destination), NULL, 0, NULL));
		stomp_pattern_free(p);
	}
	buf_fini(&destination);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("stomp/pattern");
	TCase *tc = tcase_create("patterns");
	SRunner *runner;
	int failed;

	tcase_add_loop_test(tc, matches, 0, (int)countof(rows));
	tcase_add_loop_test(tc, captures, 0, (int)countof(captured));
	tcase_add_loop_test(tc, compiles, 0, (int)countof(texts));
	tcase_add_test(tc, is_special);
	tcase_add_test(tc, hostile_input_costs_bounded_work);
	suite_add_tcase(suite, tc);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
