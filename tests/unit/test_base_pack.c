/* base/pack: what goes in comes out, and what was never packed does not. */
#include "base/pack.h"

#include <check.h>
#include <stdlib.h>

enum {
	NAME_BYTES = 5
};

static const struct {
	uint64_t value;
	size_t bytes;
	struct span packed;
} numbers[] = {
	{ 0, 1, SPAN("\0") },
	{ 0xff, 1, SPAN("\xff") },
	{ 0x1234, 2, SPAN("\x34\x12") },
	{ 0x1234, 4, SPAN("\x34\x12\0\0") },
	{ UINT64_C(0x8877665544332211), 8, SPAN("\x11\x22\x33\x44\x55\x66\x77\x88") },
	{ 0x123456, 2, SPAN("\x56\x34") },
};

START_TEST(number)
{
	struct buf out = { NULL, 0, 0 };
	struct span rest;
	size_t bits = numbers[_i].bytes * 8;
	uint64_t expected = numbers[_i].value;

	if (bits < 64)
		expected &= (UINT64_C(1) << bits) - 1;
	pack_number(&out, numbers[_i].value, numbers[_i].bytes);
	ck_assert(span_eq(buf_span(&out), numbers[_i].packed));
	buf_put_byte(&out, 'x');
	rest = buf_span(&out);
	ck_assert_uint_eq(unpack_number(&rest, numbers[_i].bytes), expected);
	ck_assert(span_eq(rest, SPAN("x")));
	buf_fini(&out);
}
END_TEST

START_TEST(a_span)
{
	struct buf out = { NULL, 0, 0 };
	struct span rest, got;

	pack_span(&out, SPAN("a\0b"));
	pack_span(&out, SPAN(""));
	ck_assert(span_eq(buf_span(&out), SPAN("\3\0\0\0a\0b\0\0\0\0")));
	rest = buf_span(&out);
	ck_assert(unpack_span(&rest, &got));
	ck_assert(span_eq(got, SPAN("a\0b")));
	ck_assert(unpack_span(&rest, &got));
	ck_assert_uint_eq(got.len, 0);
	ck_assert_uint_eq(rest.len, 0);
	buf_fini(&out);
}
END_TEST

static const struct span no_spans[] = {
	SPAN(""),
	SPAN("\0\0\0"),
	SPAN("\1\0\0\0"),
	SPAN("\4\0\0\0abc"),
	SPAN("\xff\xff\xff\xff"),
	SPAN("\xff\xff\xff\xff"
	     "abc"),
};

START_TEST(no_span)
{
	struct span rest = no_spans[_i], got;

	ck_assert(!unpack_span(&rest, &got));
}
END_TEST

static const struct {
	struct span packed;
	const char *name; /* NULL: none */
} names[] = {
	{ SPAN("\0\0\0\0\0"), "" },
	{ SPAN("a\0\0\0\0"), "a" },
	{ SPAN("abcd\0"), "abcd" },
	{ SPAN("abcde"), NULL },
	{ SPAN("a\0b\0\0"), NULL },
	{ SPAN("\0\0\0\0a"), NULL },
};

START_TEST(name)
{
	struct span rest = names[_i].packed;
	struct buf out = { NULL, 0, 0 };
	char got[NAME_BYTES];

	ck_assert_int_eq(unpack_name(&rest, got, sizeof(got)), names[_i].name != NULL);
	ck_assert_uint_eq(rest.len, 0);
	if (!names[_i].name)
		return;
	ck_assert_str_eq(got, names[_i].name);
	pack_name(&out, names[_i].name, NAME_BYTES);
	ck_assert(span_eq(buf_span(&out), names[_i].packed));
	buf_fini(&out);
}
END_TEST

START_TEST(a_name_that_is_too_long_is_cut)
{
	struct buf out = { NULL, 0, 0 };

	pack_name(&out, "abcdefgh", NAME_BYTES);
	ck_assert(span_eq(buf_span(&out), SPAN("abcd\0")));
	buf_fini(&out);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("base/pack");
	TCase *tcase = tcase_create("pack");
	SRunner *runner;
	int failed;

	suite_add_tcase(suite, tcase);
	tcase_add_loop_test(tcase, number, 0, countof(numbers));
	tcase_add_test(tcase, a_span);
	tcase_add_loop_test(tcase, no_span, 0, countof(no_spans));
	tcase_add_loop_test(tcase, name, 0, countof(names));
	tcase_add_test(tcase, a_name_that_is_too_long_is_cut);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
