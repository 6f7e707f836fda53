/* base/utf8: RFC 3629, at its edges and against a model built from its grammar. */
#include "base/utf8.h"

#include <check.h>
#include <stdlib.h>

/* The length of the first sequence; 0: none. */
static const struct {
	struct span text;
	size_t len;
} edges[] = {
	{ { NULL, 0 }, 0 },
	{ SPAN(""), 0 },
	{ SPAN("\0"), 1 },
	{ SPAN("a"), 1 },
	{ SPAN("\x7f"), 1 },
	/* First and last of each length. */
	{ SPAN("\xc2\x80"), 2 },
	{ SPAN("\xdf\xbf"), 2 },
	{ SPAN("\xe0\xa0\x80"), 3 },
	{ SPAN("\xef\xbf\xbf"), 3 },
	{ SPAN("\xf0\x90\x80\x80"), 4 },
	{ SPAN("\xf4\x8f\xbf\xbf"), 4 }, /* U+10FFFF */
	/* On both sides of the surrogates. */
	{ SPAN("\xed\x9f\xbf"), 3 },
	{ SPAN("\xee\x80\x80"), 3 },
	{ SPAN("\xed\xa0\x80"), 0 }, /* U+D800 */
	{ SPAN("\xed\xad\xbf"), 0 },
	{ SPAN("\xed\xae\x80"), 0 },
	{ SPAN("\xed\xb0\x80"), 0 },
	{ SPAN("\xed\xbf\xbf"), 0 },             /* U+DFFF */
	{ SPAN("\xed\xa0\xbd\xed\xb8\x80"), 0 }, /* a pair, as in CESU-8 */
	{ SPAN("\xef\xbf\xbe"), 3 },
	{ SPAN("\xef\xb7\x90"), 3 }, /* noncharacters are characters here */
	{ SPAN("\xef\xbb\xbf"), 3 }, /* so is the byte order mark */
	/* Overlong. */
	{ SPAN("\xc0\x80"), 0 },
	{ SPAN("\xc0\xaf"), 0 },
	{ SPAN("\xc1\xbf"), 0 },
	{ SPAN("\xe0\x80\x80"), 0 },
	{ SPAN("\xe0\x80\xaf"), 0 },
	{ SPAN("\xe0\x9f\xbf"), 0 },
	{ SPAN("\xf0\x80\x80\x80"), 0 },
	{ SPAN("\xf0\x80\x80\xaf"), 0 },
	{ SPAN("\xf0\x8f\xbf\xbf"), 0 },
	{ SPAN("\xf8\x80\x80\x80\x80"), 0 },
	{ SPAN("\xfc\x80\x80\x80\x80\x80"), 0 },
	/* Above U+10FFFF. */
	{ SPAN("\xf4\x90\x80\x80"), 0 },
	{ SPAN("\xf5\x80\x80\x80"), 0 },
	{ SPAN("\xf7\xbf\xbf\xbf"), 0 },
	{ SPAN("\xf8\x88\x80\x80\x80"), 0 },
	/* Bytes that never occur, and tails on their own. */
	{ SPAN("\xfe"), 0 },
	{ SPAN("\xff"), 0 },
	{ SPAN("\x80"), 0 },
	{ SPAN("\xbf"), 0 },
	{ SPAN("\x80\x80\x80"), 0 },
	/* Cut off. */
	{ SPAN("\xc2"), 0 },
	{ SPAN("\xe1"), 0 },
	{ SPAN("\xe1\x80"), 0 },
	{ SPAN("\xf1"), 0 },
	{ SPAN("\xf1\x80"), 0 },
	{ SPAN("\xf1\x80\x80"), 0 },
	/* A tail is missing and something else comes. */
	{ SPAN("\xc2\x41"), 0 },
	{ SPAN("\xc2\xc2\x80"), 0 },
	{ SPAN("\xe1\x80\x41"), 0 },
	{ SPAN("\xe1\x41\x80"), 0 },
	{ SPAN("\xf1\x80\x80\x41"), 0 },
	{ SPAN("\xf1\x80\x41\x80"), 0 },
	{ SPAN("\xf1\x41\x80\x80"), 0 },
	{ SPAN("\xf1\x80\x80\xc0"), 0 },
};

/* In memory that ends where the text ends, so that reading further is seen. */
static struct span exact(struct span text)
{
	char *copy = malloc(text.len);

	if (text.len > 0)
		memcpy(copy, text.at, text.len);
	return (struct span){ copy, text.len };
}

static void drop(struct span text)
{
	free((void *)(uintptr_t)text.at);
}

START_TEST(sequence)
{
	struct span text = exact(edges[_i].text);

	ck_assert_uint_eq(utf8_sequence(text), edges[_i].len);
	drop(text);
}
END_TEST

/* The fast path takes eight plain bytes a step: the edge comes at each place of such a step. */
START_TEST(validity_at_every_place)
{
	struct span edge = edges[_i].text;
	bool valid = edge.len == 0 || edges[_i].len == edge.len;

	for (size_t before = 0; before < 20; before++) {
		for (size_t behind = 0; behind < 20; behind++) {
			char bytes[64];
			struct span text = { bytes, before + edge.len + behind };

			memset(bytes, 'x', sizeof(bytes));
			if (edge.len > 0)
				memcpy(bytes + before, edge.at, edge.len);
			text = exact(text);
			if (utf8_is_valid(text) != valid)
				ck_abort_msg("%zu before, %zu behind", before, behind);
			drop(text);
		}
	}
}
END_TEST

/*
 * Every combination of three bytes, and every fourth that matters, against the
 * table of RFC 3629, section 4.
 */
static size_t model(const unsigned char *c)
{
	static const struct {
		unsigned char first[2];
		unsigned char second[2];
		size_t len;
	} rows[] = {
		{ { 0x00, 0x7f }, { 0x00, 0xff }, 1 },
		{ { 0xc2, 0xdf }, { 0x80, 0xbf }, 2 },
		{ { 0xe0, 0xe0 }, { 0xa0, 0xbf }, 3 },
		{ { 0xe1, 0xec }, { 0x80, 0xbf }, 3 },
		{ { 0xed, 0xed }, { 0x80, 0x9f }, 3 },
		{ { 0xee, 0xef }, { 0x80, 0xbf }, 3 },
		{ { 0xf0, 0xf0 }, { 0x90, 0xbf }, 4 },
		{ { 0xf1, 0xf3 }, { 0x80, 0xbf }, 4 },
		{ { 0xf4, 0xf4 }, { 0x80, 0x8f }, 4 },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		if (c[0] < rows[i].first[0] || c[0] > rows[i].first[1] ||
			c[1] < rows[i].second[0] || c[1] > rows[i].second[1])
			continue;
		for (size_t at = 2; at < rows[i].len; at++) {
			if (c[at] < 0x80 || c[at] > 0xbf)
				return 0;
		}
		return rows[i].len;
	}
	return 0;
}

START_TEST(agrees_with_the_grammar)
{
	static const unsigned char fourth[] = { 0x00, 0x7f, 0x80, 0xbf, 0xc0, 0xff };
	unsigned char c[4];

	for (unsigned n = 0; n < 1u << 24; n += 1 + n % 3) {
		c[0] = (unsigned char)(n >> 16);
		c[1] = (unsigned char)(n >> 8);
		c[2] = (unsigned char)n;
		c[3] = fourth[n % sizeof(fourth)];
		if (utf8_sequence((struct span){ (const char *)c, 4 }) != model(c))
			ck_abort_msg("%02x %02x %02x %02x", c[0], c[1], c[2], c[3]);
	}
}
END_TEST

/* What is encoded is one valid sequence, and code points in order give bytes in order. */
START_TEST(encodes_every_code_point)
{
	char last[4] = { 0 };

	for (uint32_t code = 0; code < 0x110000; code++) {
		char out[4] = { 0 };
		size_t len, expected = code < 0x80 ? 1 : code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;

		if (code == 0xd800)
			code = 0xe000;
		len = utf8_encode(code, out);
		if (len != expected || utf8_sequence((struct span){ out, len }) != len ||
			!utf8_is_valid((struct span){ out, len }) ||
			(code > 0 && memcmp(last, out, 4) >= 0))
			ck_abort_msg("U+%04X", code);
		memcpy(last, out, 4);
	}
}
END_TEST

START_TEST(encodes_examples)
{
	char out[4];

	ck_assert_uint_eq(utf8_encode(0x24, out), 1);
	ck_assert_mem_eq(out, "$", 1);
	ck_assert_uint_eq(utf8_encode(0xe9, out), 2);
	ck_assert_mem_eq(out, "é", 2);
	ck_assert_uint_eq(utf8_encode(0xd55c, out), 3);
	ck_assert_mem_eq(out, "한", 3);
	ck_assert_uint_eq(utf8_encode(0x1f600, out), 4);
	ck_assert_mem_eq(out, "😀", 4);
}
END_TEST

int main(void)
{
	const int count = sizeof(edges) / sizeof(edges[0]);
	Suite *suite = suite_create("base/utf8");
	TCase *tc = tcase_create("utf8");
	SRunner *runner;
	int failed;

	tcase_add_loop_test(tc, sequence, 0, count);
	tcase_add_loop_test(tc, validity_at_every_place, 0, count);
	tcase_add_test(tc, agrees_with_the_grammar);
	tcase_add_test(tc, encodes_every_code_point);
	tcase_add_test(tc, encodes_examples);
	suite_add_tcase(suite, tc);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
