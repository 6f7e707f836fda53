/* base/json: what is JSON and what is not (RFC 8259), and views of it. */
#include "base/json.h"

#include <check.h>
#include <math.h>
#include <stdlib.h>

/* --- grammar ------------------------------------------------------------------ */

static const struct span accepted[] = {
	SPAN("null"),
	SPAN("true"),
	SPAN("false"),
	SPAN(" \t\r\n0 \t\r\n"),
	SPAN("-0"),
	SPAN("10"),
	SPAN("1.0"),
	SPAN("-1.50e-07"),
	SPAN("1E+2"),
	SPAN("1e9999"),
	SPAN("123456789012345678901234"),
	SPAN("\"\""),
	SPAN("\"\\\"\\\\\\/\\b\\f\\n\\r\\t\\u0000\\uABCD\\uabcd\""),
	SPAN("\"\x7f\""),
	SPAN("\"\\ud800\""),
	SPAN("\"\\udc00\\ud800\""),
	SPAN("\"안녕😀\""),
	SPAN("\"\xf4\x8f\xbf\xbf\""),
	SPAN("\"\xe2\x80\xa8\""),
	SPAN("[]"),
	SPAN("{}"),
	SPAN("[ ]"),
	SPAN("{ }"),
	SPAN("[[],[],{}]"),
	SPAN("{\"\":0}"),
	SPAN("{\"a\":1,\"a\":2}"),
	SPAN(" { \"a\" : [ 1 , \"b\" ] , \"c\" : null } "),
};

/* With the offset of the first byte that cannot follow. */
static const struct {
	struct span text;
	size_t at;
} refused[] = {
	{ SPAN(""), 0 },
	{ SPAN(" "), 1 },
	{ { NULL, 0 }, 0 },
	{ SPAN("nul"), 3 },
	{ SPAN("nuxl"), 2 },
	{ SPAN("nullx"), 4 },
	{ SPAN("True"), 0 },
	{ SPAN("NaN"), 0 },
	{ SPAN("Infinity"), 0 },
	{ SPAN("-Infinity"), 1 },
	{ SPAN("undefined"), 0 },
	{ SPAN("+1"), 0 },
	{ SPAN("01"), 1 },
	{ SPAN("-01"), 2 },
	{ SPAN("-"), 1 },
	{ SPAN("--1"), 1 },
	{ SPAN("1."), 2 },
	{ SPAN("1.e1"), 2 },
	{ SPAN(".5"), 0 },
	{ SPAN("1e"), 2 },
	{ SPAN("1e+"), 3 },
	{ SPAN("1e1.5"), 3 },
	{ SPAN("0x10"), 1 },
	{ SPAN("1_000"), 1 },
	{ SPAN("1 2"), 2 },
	{ SPAN("\""), 1 },
	{ SPAN("\"a"), 2 },
	{ SPAN("'a'"), 0 },
	{ SPAN("\"\\\""), 3 },
	{ SPAN("\"\\"), 2 },
	{ SPAN("\"\\x41\""), 2 },
	{ SPAN("\"\\'\""), 2 },
	{ SPAN("\"\\\0\""), 2 },
	{ SPAN("\"\\u12\""), 5 },
	{ SPAN("\"\\u12"), 5 },
	{ SPAN("\"\\u123g\""), 6 },
	{ SPAN("\"\\U0041\""), 2 },
	{ SPAN("\"a\nb\""), 2 },
	{ SPAN("\"a\tb\""), 2 },
	{ SPAN("\"\0\""), 1 },
	{ SPAN("\"\x1f\""), 1 },
	{ SPAN("\"\xff\""), 1 },
	{ SPAN("\"\xc0\xaf\""), 1 },
	{ SPAN("\"\xed\xa0\x80\""), 1 },
	{ SPAN("\"\xf4\x90\x80\x80\""), 1 },
	{ SPAN("\"\xec\x95\""), 1 },
	{ SPAN("["), 1 },
	{ SPAN("]"), 0 },
	{ SPAN("[1"), 2 },
	{ SPAN("[1,]"), 3 },
	{ SPAN("[,1]"), 1 },
	{ SPAN("[1 2]"), 3 },
	{ SPAN("[1,,2]"), 3 },
	{ SPAN("[1}"), 2 },
	{ SPAN("[1]]"), 3 },
	{ SPAN("[1:2]"), 2 },
	{ SPAN("{"), 1 },
	{ SPAN("{\"a\"}"), 4 },
	{ SPAN("{\"a\":}"), 5 },
	{ SPAN("{\"a\":1,}"), 7 },
	{ SPAN("{,}"), 1 },
	{ SPAN("{a:1}"), 1 },
	{ SPAN("{1:1}"), 1 },
	{ SPAN("{\"a\" 1}"), 5 },
	{ SPAN("{\"a\":1 \"b\":2}"), 7 },
	{ SPAN("{\"a\":1]"), 6 },
	{ SPAN("{\"a\"::1}"), 5 },
	{ SPAN("/**/1"), 0 },
	{ SPAN("1//"), 1 },
	{ SPAN("\xef\xbb\xbf{}"), 0 },
	{ SPAN("\xc2\xa0"
	       "1"),
		0 },
	{ SPAN("\f1"), 0 },
	{ SPAN("1\0"), 1 },
};

/* In memory of its own, so that the sanitizer sees a read beyond the end. */
static char *copy_of(struct span s)
{
	char *at = malloc(s.len + (s.len == 0));

	ck_assert_ptr_nonnull(at);
	if (s.len > 0)
		memcpy(at, s.at, s.len);
	return at;
}

START_TEST(accepts)
{
	char *at = copy_of(accepted[_i]);
	struct span text = { at, accepted[_i].len }, value;

	ck_assert_msg(json_is_value(text), "%.*s", (int)text.len, text.at);
	ck_assert_uint_eq(json_error_at(text), text.len);
	ck_assert(json_scan(&text, &value));
	ck_assert(span_eq(value, json_trim((struct span){ at, accepted[_i].len })));
	ck_assert_uint_eq(json_trim(text).len, 0);
	free(at);
}
END_TEST

START_TEST(refuses)
{
	char *at = copy_of(refused[_i].text);
	struct span text = { at, refused[_i].text.len };

	ck_assert_msg(!json_is_value(text), "%.*s", (int)text.len, text.at);
	ck_assert_uint_eq(json_error_at(text), refused[_i].at);
	ck_assert(!json_is_value(refused[_i].text));
	free(at);
}
END_TEST

START_TEST(depth_has_a_limit)
{
	static const char *const open[] = { "[", "{\"a\":" }, *const close[] = { "]", "}" };
	struct buf text = { NULL, 0, 0 };

	for (size_t kind = 0; kind < countof(open); kind++) {
		for (int depth = JSON_DEPTH_MOST - 1; depth <= JSON_DEPTH_MOST + 1; depth++) {
			text.len = 0;
			for (int i = 0; i < depth; i++)
				buf_put(&text, span_of(open[kind]));
			buf_put(&text, SPAN("1"));
			for (int i = 0; i < depth; i++)
				buf_put(&text, span_of(close[kind]));
			ck_assert_int_eq(json_is_value(buf_span(&text)), depth <= JSON_DEPTH_MOST);
		}
	}
	buf_fini(&text);
}
END_TEST

START_TEST(scan_takes_one_value_after_another)
{
	struct span text = SPAN(" 1 [2]\"3\"  x"), value;

	ck_assert(json_scan(&text, &value) && span_eq(value, SPAN("1")));
	ck_assert(json_scan(&text, &value) && span_eq(value, SPAN("[2]")));
	ck_assert(json_scan(&text, &value) && span_eq(value, SPAN("\"3\"")));
	ck_assert(!json_scan(&text, &value));
	ck_assert(span_eq(text, SPAN("  x")));
}
END_TEST

/* --- members ------------------------------------------------------------------ */

#define OBJECT                                                                                \
	"{ \"a\" : 1 , \"b\":[{\"a\":2},\"a\",[]],\"a\":3,\"\":4,\"s\":\"a\",\"d\\u0061\":5," \
	"\"q\\\"\":6,\"n\\u0000\":7,\"\\uac00\":8,\"나\":9,\"\\/\":null}"

static const struct {
	struct span name;
	const char *value; /* NULL: none */
} members[] = {
	{ SPAN("a"), "1" },
	{ SPAN("b"), "[{\"a\":2},\"a\",[]]" },
	{ SPAN(""), "4" },
	{ SPAN("s"), "\"a\"" },
	{ SPAN("da"), "5" },
	{ SPAN("d\\u0061"), NULL },
	{ SPAN("q\""), "6" },
	{ SPAN("n\0"), "7" },
	{ SPAN("n"), NULL },
	{ SPAN("가"), "8" },
	{ SPAN("나"), "9" },
	{ SPAN("/"), "null" },
	{ SPAN("A"), NULL },
	{ SPAN("none"), NULL },
};

START_TEST(finds_members)
{
	struct span value;
	bool found = json_member(SPAN(OBJECT), members[_i].name, &value);

	ck_assert_int_eq(found, members[_i].value != NULL);
	ck_assert(!found || span_eq(value, span_of(members[_i].value)));
	ck_assert(!json_member(SPAN("{}"), members[_i].name, &value));
	ck_assert(!json_member(SPAN("[\"a\",1]"), members[_i].name, &value));
	ck_assert(!json_member(SPAN("\"a\""), members[_i].name, &value));
	ck_assert(!json_member((struct span){ NULL, 0 }, members[_i].name, &value));
}
END_TEST

static const struct {
	struct span value;
	const char *walk; /* "name=value;" */
} walks[] = {
	{ SPAN("{}"), "" },
	{ SPAN("[ ]"), "" },
	{ SPAN("7"), "" },
	{ SPAN("\"[1]\""), "" },
	{ SPAN("[1, \"a\" ,[2,3] , {\"b\":4},\"\"]"), "-=1;-=\"a\";-=[2,3];-={\"b\":4};-=\"\";" },
	{ SPAN("[\"a\"]"), "-=\"a\";" },
	{ SPAN("{\"a\" : \"b\" , \"\":[] }"), "a=\"b\";=[];" },
	{ SPAN("{\"a\\\"\":{\"x\":1},\"a\":2}"), "a\\\"={\"x\":1};a=2;" },
};

START_TEST(walks_members)
{
	struct span rest = walks[_i].value, name, value;
	struct buf walk = { NULL, 0, 0 };

	while (json_next(&rest, &name, &value)) {
		buf_put(&walk, name.at ? name : SPAN("-"));
		buf_put_byte(&walk, '=');
		buf_put(&walk, value);
		buf_put_byte(&walk, ';');
	}
	ck_assert(span_eq(buf_span(&walk), span_of(walks[_i].walk)));
	buf_fini(&walk);
}
END_TEST

/* --- strings ------------------------------------------------------------------ */

static const struct {
	struct span text;
	struct span quoted;
} quotes[] = {
	{ SPAN(""), SPAN("\"\"") },
	{ { NULL, 0 }, SPAN("\"\"") },
	{ SPAN("a"), SPAN("\"a\"") },
	{ SPAN("\"\\/"), SPAN("\"\\\"\\\\/\"") },
	{ SPAN("\b\f\n\r\t"), SPAN("\"\\b\\f\\n\\r\\t\"") },
	{ SPAN("\0\x01\x1f\x7f"), SPAN("\"\\u0000\\u0001\\u001f\x7f\"") },
	{ SPAN("안😀"), SPAN("\"안😀\"") },
};

START_TEST(quotes_and_unquotes)
{
	struct buf quoted = { NULL, 0, 0 }, text = { NULL, 0, 0 };

	json_quote(quotes[_i].text, &quoted);
	ck_assert(span_eq(buf_span(&quoted), quotes[_i].quoted));
	json_unquote(buf_span(&quoted), &text);
	ck_assert(span_eq(buf_span(&text), quotes[_i].text));
	buf_fini(&text);
	buf_fini(&quoted);
}
END_TEST

static const struct {
	const char *value;
	struct span text;
} unquotes[] = {
	{ "\"\\/\\\"\"", SPAN("/\"") },
	{ "\"\\u0041\\u00e9\\uac00\\uFFFF\"", SPAN("Aé가\xef\xbf\xbf") },
	{ "\"\\u0000\"", SPAN("\0") },
	{ "\"\\ud83d\\ude00\"", SPAN("😀") },
	{ "\"\\uD83D\\uDE00!\"", SPAN("😀!") },
	{ "\"\\udbff\\udfff\"", SPAN("\xf4\x8f\xbf\xbf") },
	{ "\"\\ud83d\"", SPAN("\xef\xbf\xbd") },
	{ "\"\\ude00\\ud83d\"", SPAN("\xef\xbf\xbd\xef\xbf\xbd") },
	{ "\"\\ud83d\\u0041\"", SPAN("\xef\xbf\xbd"
				     "A") },
	{ "\"\\ud83d\\n\"", SPAN("\xef\xbf\xbd\n") },
	{ "\"\\ud83d\\\\ude00\"", SPAN("\xef\xbf\xbd\\ude00") },
};

START_TEST(undoes_escapes)
{
	struct buf text = { NULL, 0, 0 };

	ck_assert(json_is_value(span_of(unquotes[_i].value)));
	json_unquote(span_of(unquotes[_i].value), &text);
	ck_assert(span_eq(buf_span(&text), unquotes[_i].text));
	buf_fini(&text);
}
END_TEST

/* --- numbers ------------------------------------------------------------------ */

static const struct {
	const char *value;
	bool is_int;
	int64_t n;
	double d; /* NAN: is none */
} numbers[] = {
	{ "0", true, 0, 0 },
	{ "-0", true, 0, 0 },
	{ "7", true, 7, 7 },
	{ "-7", true, -7, -7 },
	{ "9223372036854775807", true, INT64_MAX, 9223372036854775807. },
	{ "-9223372036854775808", true, INT64_MIN, -9223372036854775808. },
	{ "9223372036854775808", false, 0, 9223372036854775808. },
	{ "123456789012345678901234567890123456", false, 0, 123456789012345678901234567890123456. },
	{ "1.7e9", true, 1700000000, 1.7e9 },
	{ "1700000000.0", true, 1700000000, 1.7e9 },
	{ "1.5", false, 0, 1.5 },
	{ "1e-1", false, 0, 0.1 },
	{ "1e300", false, 0, 1e300 },
	{ "1e999", false, 0, NAN },
	{ "-1e999", false, 0, NAN },
	{ "true", false, 0, NAN },
	{ "\"7\"", false, 0, NAN },
	{ "[7]", false, 0, NAN },
	{ "0.000000000000000000000000000000000000000000000000000000000000000", false, 0, NAN },
};

START_TEST(reads_numbers)
{
	struct span value = span_of(numbers[_i].value);
	double d = 0;
	int64_t n = 0;

	ck_assert_int_eq(json_int(value, &n), numbers[_i].is_int);
	ck_assert(!numbers[_i].is_int || n == numbers[_i].n);
	ck_assert_int_eq(json_double(value, &d), !isnan(numbers[_i].d));
	ck_assert(isnan(numbers[_i].d) || fabs(d - numbers[_i].d) <= fabs(d) * 1e-15);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("base/json");
	TCase *tc = tcase_create("json");
	SRunner *runner;
	int failed;

	tcase_add_loop_test(tc, accepts, 0, (int)countof(accepted));
	tcase_add_loop_test(tc, refuses, 0, (int)countof(refused));
	tcase_add_test(tc, depth_has_a_limit);
	tcase_add_test(tc, scan_takes_one_value_after_another);
	tcase_add_loop_test(tc, finds_members, 0, (int)countof(members));
	tcase_add_loop_test(tc, walks_members, 0, (int)countof(walks));
	tcase_add_loop_test(tc, quotes_and_unquotes, 0, (int)countof(quotes));
	tcase_add_loop_test(tc, undoes_escapes, 0, (int)countof(unquotes));
	tcase_add_loop_test(tc, reads_numbers, 0, (int)countof(numbers));
	suite_add_tcase(suite, tc);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
