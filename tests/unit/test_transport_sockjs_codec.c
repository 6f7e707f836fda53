/* transport/sockjs_codec: SockJS 0.3.3 to the byte. */
#include "base/json.h"
#include "base/utf8.h"
#include "transport/sockjs_codec.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>

static struct buf out;

static void setup(void)
{
	out = (struct buf){ NULL, 0, 0 };
}

static void teardown(void)
{
	buf_fini(&out);
}

static void expect(struct span got, struct span wanted)
{
	if (!span_eq(got, wanted))
		ck_abort_msg("got \"%.*s\", not \"%.*s\"", (int)got.len, got.at, (int)wanted.len,
			wanted.at);
}

/* --- what clients send ---------------------------------------------------- */

enum {
	GOOD = SOCKJS_PAYLOAD_GOOD,
	MISSING = SOCKJS_PAYLOAD_MISSING,
	BROKEN = SOCKJS_PAYLOAD_BROKEN,
};

static const struct {
	struct span payload;
	int over_http;
	int over_websocket;
} payloads[] = {
	{ SPAN("[]"), GOOD, GOOD },
	{ SPAN("[\"\"]"), GOOD, GOOD },
	{ SPAN("[\"a\"]"), GOOD, GOOD },
	{ SPAN("[\"a\",\"b\"]"), GOOD, GOOD },
	{ SPAN(" \t\r\n[ \"a\" ,\n\"b\" ] \n"), GOOD, GOOD },
	{ SPAN("[\"]\",\",\",\"\\\"\"]"), GOOD, GOOD },
	{ SPAN("[\"\\ud83d\"]"), GOOD, GOOD },
	{ SPAN("[\"\\u0000\"]"), GOOD, GOOD },
	{ SPAN("[\"\x7f\"]"), GOOD, GOOD },
	{ SPAN("\"a\""), MISSING, GOOD },
	{ SPAN(" \"a\" "), MISSING, GOOD },
	{ { NULL, 0 }, MISSING, MISSING },
	{ SPAN(""), MISSING, MISSING },
	{ SPAN(" \n"), MISSING, MISSING },
	{ SPAN("{}"), MISSING, MISSING },
	{ SPAN("{\"a\":\"b\"}"), MISSING, MISSING },
	{ SPAN("null"), MISSING, MISSING },
	{ SPAN("17"), MISSING, MISSING },
	{ SPAN("[\"x"), BROKEN, BROKEN },
	{ SPAN("[\"x\""), BROKEN, BROKEN },
	{ SPAN("[\"x\",]"), BROKEN, BROKEN },
	{ SPAN("[,\"x\"]"), BROKEN, BROKEN },
	{ SPAN("[\"x\"}"), BROKEN, BROKEN },
	{ SPAN("[\"x\":\"y\"]"), BROKEN, BROKEN },
	{ SPAN("[\"x\"]]"), BROKEN, BROKEN },
	{ SPAN("[\"x\"][\"y\"]"), BROKEN, BROKEN },
	{ SPAN("\"x"), BROKEN, BROKEN },
	{ SPAN("\"x\" \"y\""), BROKEN, BROKEN },
	{ SPAN("x"), BROKEN, BROKEN },
	{ SPAN("{"), BROKEN, BROKEN },
	{ SPAN("[1]"), BROKEN, BROKEN },
	{ SPAN("[\"a\",1]"), BROKEN, BROKEN },
	{ SPAN("[null]"), BROKEN, BROKEN },
	{ SPAN("[true,\"a\"]"), BROKEN, BROKEN },
	{ SPAN("[[\"a\"]]"), BROKEN, BROKEN },
	{ SPAN("[{\"a\":\"b\"}]"), BROKEN, BROKEN },
	{ SPAN("[\"a\nb\"]"), BROKEN, BROKEN },
	{ SPAN("[\"\0\"]"), BROKEN, BROKEN },
	{ SPAN("[\"\xff\"]"), BROKEN, BROKEN },
	{ SPAN("[\"\xed\xa0\xbd\"]"), BROKEN, BROKEN },
	{ SPAN("[\"\\x\"]"), BROKEN, BROKEN },
	{ SPAN("[\"\\ud83\"]"), BROKEN, BROKEN },
};

START_TEST(checks_payloads)
{
	ck_assert_int_eq(sockjs_check(payloads[_i].payload, false), payloads[_i].over_http);
	ck_assert_int_eq(sockjs_check(payloads[_i].payload, true), payloads[_i].over_websocket);
}
END_TEST

static const struct {
	struct span payload;
	size_t count;
	struct span texts[3];
	struct span lone; /* the first text when lone surrogates are kept; at NULL: the same */
} walks[] = {
	{ SPAN("[]"), 0, { { NULL, 0 } }, { NULL, 0 } },
	{ SPAN(" [ ] "), 0, { { NULL, 0 } }, { NULL, 0 } },
	{ SPAN("[\"\"]"), 1, { SPAN("") }, { NULL, 0 } },
	{ SPAN(" [ \"a\" , \"\" , \"bc\" ] "), 3, { SPAN("a"), SPAN(""), SPAN("bc") },
		{ NULL, 0 } },
	{ SPAN(" \"a\" "), 1, { SPAN("a") }, { NULL, 0 } },
	{ SPAN("\"\""), 1, { SPAN("") }, { NULL, 0 } },
	{ SPAN("[\"SEND\\n\\n\\u0000\",\"\\n\"]"), 2, { SPAN("SEND\n\n\0"), SPAN("\n") },
		{ NULL, 0 } },
	{ SPAN("[\"\\\"\\\\\\/\\b\\f\\r\\t\"]"), 1, { SPAN("\"\\/\b\f\r\t") }, { NULL, 0 } },
	{ SPAN("[\"\\uD55c한\"]"), 1, { SPAN("한한") }, { NULL, 0 } },
	{ SPAN("[\"\\ud83d\\ude00\"]"), 1, { SPAN("😀") }, { NULL, 0 } },
	{ SPAN("[\"a\\ud83d\"]"), 1, { SPAN("a�") }, SPAN("a\xed\xa0\xbd") },
	{ SPAN("[\"\\ude00\\ud83d\"]"), 1, { SPAN("��") }, SPAN("\xed\xb8\x80\xed\xa0\xbd") },
	{ SPAN("[\"\\ud83d\\ud83d\\ude00\"]"), 1, { SPAN("�😀") }, SPAN("\xed\xa0\xbd😀") },
	{ SPAN("[\"\\ud83d\",\"\\ude00\"]"), 2, { SPAN("�"), SPAN("�") }, SPAN("\xed\xa0\xbd") },
	{ SPAN("\"\\udfff\""), 1, { SPAN("�") }, SPAN("\xed\xbf\xbf") },
};

START_TEST(walks_the_texts)
{
	bool lone = _i % 2 == 1;
	size_t row = (size_t)_i / 2, i = 0;
	struct span rest = walks[row].payload;

	ck_assert_int_eq(sockjs_check(rest, true), SOCKJS_PAYLOAD_GOOD);
	buf_put(&out, SPAN("what was there"));
	while (sockjs_next(&rest, &out, lone)) {
		ck_assert_uint_lt(i, walks[row].count);
		if (i == 0 && lone && walks[row].lone.at)
			expect(buf_span(&out), walks[row].lone);
		else if (!lone)
			expect(buf_span(&out), walks[row].texts[i]);
		i++;
	}
	ck_assert_uint_eq(i, walks[row].count);
	ck_assert(!sockjs_next(&rest, &out, lone));
}
END_TEST

static const struct {
	struct span form;
	const char *value; /* NULL: there is none */
} forms[] = {
	{ SPAN("d=x"), "x" },
	{ SPAN("d=%5B%22x%22%5d"), "[\"x\"]" },
	{ SPAN("d=[%22a+b%2Bc%22]"), "[\"a b+c\"]" },
	{ SPAN("a=1&d=2&d=3"), "2" },
	{ SPAN("%64=1"), "1" },
	{ SPAN("d=a=b"), "a=b" },
	{ SPAN("d=a&b"), "a" },
	{ SPAN("d="), "" },
	{ SPAN("d"), "" },
	{ SPAN("&&d=1&"), "1" },
	{ SPAN("d=100%"), "100%" },
	{ SPAN("d=%4"), "%4" },
	{ SPAN("d=%4g%g4%41"), "%4g%g4A" },
	{ SPAN("d=%%41"), "%A" },
	{ SPAN("d=%ED%95%9C"), "한" },
	{ SPAN("d=%41%"), "A%" },
	{ SPAN("d%3dx"), NULL },
	{ SPAN("p=p"), NULL },
	{ SPAN("dd=1&=d"), NULL },
	{ SPAN("D=1"), NULL },
	{ SPAN("d%00=1"), NULL },
	{ SPAN(""), NULL },
	{ { NULL, 0 }, NULL },
};

START_TEST(finds_form_fields)
{
	buf_put(&out, SPAN("what was there"));
	ck_assert_int_eq(sockjs_form_field(forms[_i].form, "d", &out), forms[_i].value != NULL);
	if (forms[_i].value)
		expect(buf_span(&out), span_of(forms[_i].value));
}
END_TEST

static const struct {
	struct span text;
	bool good;
} callbacks[] = {
	{ SPAN("c"), true },
	{ SPAN("_jp.a1b2c3"), true },
	{ SPAN("a-Z_0.9"), true },
	{ SPAN("abcdefghijklmnopqrstuvwxyz012345"), true },
	{ SPAN("abcdefghijklmnopqrstuvwxyz0123456"), false },
	{ SPAN(""), false },
	{ { NULL, 0 }, false },
	{ SPAN(" "), false },
	{ SPAN("*"), false },
	{ SPAN("abc("), false },
	{ SPAN("a\0"), false },
	{ SPAN("a\n"), false },
	{ SPAN("a[0]"), false },
	{ SPAN("a;b"), false },
	{ SPAN("한"), false },
};

START_TEST(knows_callbacks)
{
	ck_assert_int_eq(sockjs_is_callback(callbacks[_i].text), callbacks[_i].good);
}
END_TEST

/* --- what goes to them ---------------------------------------------------- */

static const struct {
	struct span text;
	struct span escaped;
} escapes[] = {
	{ { NULL, 0 }, SPAN("") },
	{ SPAN("plain / <text> 'here' %"), SPAN("plain / <text> 'here' %") },
	{ SPAN("안녕 café €"), SPAN("안녕 café €") },
	{ SPAN("MESSAGE\na:b\r\n\n\0"), SPAN("MESSAGE\\na:b\\r\\n\\n\\u0000") },
	{ SPAN("\"\\\b\f\t\v\x1f\x7f"), SPAN("\\\"\\\\\\b\\f\\t\\u000b\\u001f\x7f") },
	{ SPAN("😀"), SPAN("\\ud83d\\ude00") },
	{ SPAN("a\xf4\x8f\xbf\xbf"), SPAN("a\\udbff\\udfff") },
	{ SPAN("\xed\xa0\xbdx\xed\xb8\x80"), SPAN("\\ud83dx\\ude00") },
	/* As they come from a text that was cut between the halves. */
	{ SPAN("\xed\xa0\xbd\xed\xb8\x80"), SPAN("\\ud83d\\ude00") },
	{ SPAN("�"), SPAN("\\ufffd") },
	{ SPAN("a\xff\xfe\x62"), SPAN("a\\ufffd\\ufffdb") },
	{ SPAN("\xc0\x80"), SPAN("\\ufffd\\ufffd") },
	{ SPAN("\xed\xa0"), SPAN("\\ufffd\\ufffd") },
	{ SPAN("\xed\xa0x"), SPAN("\\ufffd\\ufffdx") },
	{ SPAN("\xed"), SPAN("\\ufffd") },
	{ SPAN("\xe2\x80"), SPAN("\\ufffd\\ufffd") },
	{ SPAN("\xf0\x9f\x98"), SPAN("\\ufffd\\ufffd\\ufffd") },
	{ SPAN("\xc3\"\xc3"), SPAN("\\ufffd\\\"\\ufffd") },
};

/* In memory that ends where the text ends, so that reading further is seen. */
static struct span exact(struct span text)
{
	char *copy = malloc(text.len);

	if (text.len > 0)
		memcpy(copy, text.at, text.len);
	return (struct span){ copy, text.len };
}

START_TEST(escapes_texts)
{
	struct span text = exact(escapes[_i].text);

	buf_put(&out, SPAN("a[\""));
	sockjs_escape(text, &out);
	expect((struct span){ out.at + 3, out.len - 3 }, escapes[_i].escaped);
	free((void *)(uintptr_t)text.at);
}
END_TEST

/* The classes of the protocol's own test, and everything above U+FFFF. */
static bool must_be_escaped(uint32_t code)
{
	static const uint32_t ranges[][2] = {
		{ 0x00, 0x1f },
		{ '"', '"' },
		{ '\\', '\\' },
		{ 0x200c, 0x200f },
		{ 0x2028, 0x202f },
		{ 0x2060, 0x206f },
		{ 0xd800, 0xdfff },
		{ 0xfff0, 0x10ffff },
	};

	for (size_t i = 0; i < countof(ranges); i++) {
		if (code >= ranges[i][0] && code <= ranges[i][1])
			return true;
	}
	return false;
}

/* Between neighbours that stay, and read back by the decoder of the other direction. */
START_TEST(escapes_every_code_point)
{
	struct buf again = { NULL, 0, 0 };

	for (uint32_t code = 0; code < 0x110000; code++) {
		char bytes[6] = "(";
		size_t len = utf8_encode(code, bytes + 1);
		struct span text = { bytes, len + 2 }, rest;

		bytes[len + 1] = ')';
		out.len = 0;
		buf_put(&out, SPAN("[\""));
		sockjs_escape(text, &out);
		buf_put(&out, SPAN("\"]"));
		if ((out.len == text.len + 4) == must_be_escaped(code))
			ck_abort_msg("U+%04X", code);
		rest = buf_span(&out);
		if (sockjs_check(rest, false) != SOCKJS_PAYLOAD_GOOD ||
			!sockjs_next(&rest, &again, true) || !span_eq(buf_span(&again), text))
			ck_abort_msg("U+%04X comes back as something else", code);
	}
	buf_fini(&again);
}
END_TEST

START_TEST(puts_close)
{
	sockjs_put_close(3000, SPAN("Go away!"), &out);
	sockjs_put_close(1000, SPAN(""), &out);
	sockjs_put_close(1008, SPAN("\"no\"\n"), &out);
	expect(buf_span(&out), SPAN("c[3000,\"Go away!\"]c[1000,\"\"]c[1008,\"\\\"no\\\"\\n\"]"));
}
END_TEST

static const struct {
	enum sockjs_transport transport;
	struct span frame;
	struct span wire;
} frames[] = {
	{ SOCKJS_WEBSOCKET, SPAN("o"), SPAN("o") },
	{ SOCKJS_WEBSOCKET, SPAN("a[\"x\"]"), SPAN("a[\"x\"]") },
	{ SOCKJS_XHR, SPAN("h"), SPAN("h\n") },
	{ SOCKJS_XHR, SPAN("a[\"x%\\n\"]"), SPAN("a[\"x%\\n\"]\n") },
	{ SOCKJS_XHR_STREAMING, SPAN("o"), SPAN("o\n") },
	{ SOCKJS_EVENTSOURCE, SPAN("o"), SPAN("data: o\r\n\r\n") },
	{ SOCKJS_EVENTSOURCE, SPAN("a[\"50%\\u0000 한\"]"),
		SPAN("data: a[\"50%25\\u0000 한\"]\r\n\r\n") },
	{ SOCKJS_EVENTSOURCE, SPAN("%\r\n\0%"), SPAN("data: %25%0D%0A%00%25\r\n\r\n") },
	{ SOCKJS_EVENTSOURCE, { NULL, 0 }, SPAN("data: \r\n\r\n") },
	{ SOCKJS_HTMLFILE, SPAN("o"), SPAN("<script>\np(\"o\");\n</script>\r\n") },
	{ SOCKJS_HTMLFILE, SPAN("a[\"x\"]"),
		SPAN("<script>\np(\"a[\\\"x\\\"]\");\n</script>\r\n") },
	{ SOCKJS_HTMLFILE, SPAN("a[\"</script><!--\\n\"]"),
		SPAN("<script>\np(\"a[\\\"\\u003c/script>\\u003c!--\\\\n\\\"]\");\n"
		     "</script>\r\n") },
	{ SOCKJS_JSONP, SPAN("o"), SPAN("/**/call.back(\"o\");\r\n") },
	{ SOCKJS_JSONP, SPAN("a[\"x<\\u2028\"]"),
		SPAN("/**/call.back(\"a[\\\"x<\\\\u2028\\\"]\");\r\n") },
	{ SOCKJS_JSONP, SPAN("c[3000,\"Go away!\"]"),
		SPAN("/**/call.back(\"c[3000,\\\"Go away!\\\"]\");\r\n") },
};

START_TEST(puts_frames)
{
	sockjs_put_frame(frames[_i].transport, SPAN("call.back"), frames[_i].frame, &out);
	expect(buf_span(&out), frames[_i].wire);
}
END_TEST

START_TEST(puts_preludes)
{
	const struct span callback = SPAN("call.back");

	sockjs_put_prelude(SOCKJS_WEBSOCKET, callback, &out);
	sockjs_put_prelude(SOCKJS_XHR, callback, &out);
	sockjs_put_prelude(SOCKJS_JSONP, callback, &out);
	ck_assert_uint_eq(out.len, 0);
	sockjs_put_prelude(SOCKJS_EVENTSOURCE, callback, &out);
	expect(buf_span(&out), SPAN("\r\n"));
	sockjs_put_prelude(SOCKJS_XHR_STREAMING, callback, &out);
	ck_assert_uint_eq(out.len, 2 + 2049);
	for (size_t i = 2; i < 2 + 2048; i++)
		ck_assert_int_eq(out.at[i], 'h');
	ck_assert_int_eq(out.at[2 + 2048], '\n');
}
END_TEST

/* The test suite of the protocol compares the page without the white space around it. */
START_TEST(puts_the_page_of_htmlfile)
{
	const struct span page =
		SPAN("<!doctype html>\n<html><head>\n"
		     "  <meta http-equiv=\"X-UA-Compatible\" content=\"IE=edge\" />\n"
		     "  <meta http-equiv=\"Content-Type\" content=\"text/html; charset=UTF-8\" />\n"
		     "</head><body><h2>Don't panic!</h2>\n"
		     "  <script>\n"
		     "    document.domain = document.domain;\n"
		     "    var c = parent.call.back;\n"
		     "    c.start();\n"
		     "    function p(d) {c.message(d);};\n"
		     "    window.onload = function() {c.stop();};\n"
		     "  </script>");
	const struct span end = SPAN("\r\n\r\n");

	buf_put(&out, SPAN("head"));
	sockjs_put_prelude(SOCKJS_HTMLFILE, SPAN("call.back"), &out);
	buf_drop(&out, 4);
	ck_assert_uint_eq(out.len, 1024 + end.len);
	expect((struct span){ out.at, page.len }, page);
	for (size_t i = page.len; i < 1024; i++)
		ck_assert_int_eq(out.at[i], ' ');
	expect((struct span){ out.at + 1024, end.len }, end);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("transport/sockjs_codec");
	TCase *tc = tcase_create("sockjs_codec");
	SRunner *runner;
	int failed;

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_loop_test(tc, checks_payloads, 0, countof(payloads));
	tcase_add_loop_test(tc, walks_the_texts, 0, 2 * countof(walks));
	tcase_add_loop_test(tc, finds_form_fields, 0, countof(forms));
	tcase_add_loop_test(tc, knows_callbacks, 0, countof(callbacks));
	tcase_add_loop_test(tc, escapes_texts, 0, countof(escapes));
	tcase_add_test(tc, escapes_every_code_point);
	tcase_add_test(tc, puts_close);
	tcase_add_loop_test(tc, puts_frames, 0, countof(frames));
	tcase_add_test(tc, puts_preludes);
	tcase_add_test(tc, puts_the_page_of_htmlfile);
	suite_add_tcase(suite, tc);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
