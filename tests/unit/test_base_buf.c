/* base/buf: grows as it must and keeps what it holds. */
#include "base/buf.h"

#include <check.h>
#include <stdlib.h>

static struct buf b;

static void tear_down(void)
{
	buf_fini(&b);
}

START_TEST(empty)
{
	ck_assert_uint_eq(buf_span(&b).len, 0);
	buf_put(&b, (struct span){ NULL, 0 });
	buf_put(&b, SPAN(""));
	buf_drop(&b, 0);
	buf_printf(&b, "%s", "");
	ck_assert_uint_eq(b.len, 0);
	buf_fini(&b);
	ck_assert_ptr_null(b.at);
}
END_TEST

/* It promises never to return NULL, and so it does for nothing, too. */
START_TEST(reserve_of_nothing)
{
	char *volatile at = buf_reserve(&b, 0);

	ck_assert(at != NULL);
	ck_assert_uint_eq(b.len, 0);
}
END_TEST

START_TEST(reserve_gives_what_is_asked_for)
{
	const size_t sizes[] = { 1, 63, 64, 65, 128, 1000, 100000 };

	for (size_t i = 0; i < countof(sizes); i++) {
		struct buf fresh = { NULL, 0, 0 };
		size_t before = b.len;
		char *at = buf_reserve(&b, sizes[i]);

		ck_assert_ptr_eq(at, b.at + b.len);
		ck_assert_uint_ge(b.size - b.len, sizes[i]);
		ck_assert_uint_eq(b.len, before);
		memset(at, 'x', sizes[i]); /* a sanitizer sees whether it is all there */
		b.len += sizes[i];
		memset(buf_reserve(&fresh, sizes[i]), 'x', sizes[i]);
		buf_fini(&fresh);
	}
}
END_TEST

/* What is there already is not moved again for a reservation that fits. */
START_TEST(reserve_keeps_what_fits)
{
	char *at = buf_reserve(&b, 1000);

	buf_put(&b, SPAN("abc"));
	ck_assert_ptr_eq(buf_reserve(&b, 997), at + 3);
	ck_assert(span_eq(buf_span(&b), SPAN("abc")));
}
END_TEST

/* Pieces of every length, checked byte by byte; few allocations for many bytes. */
START_TEST(put_appends)
{
	char piece[300];
	size_t total = 0, moves = 0;

	for (size_t len = 0; len < sizeof(piece); len++) {
		size_t size = b.size;

		for (size_t i = 0; i < len; i++)
			piece[i] = (char)((total + i) % 251);
		buf_put(&b, (struct span){ piece, len });
		buf_put_byte(&b, (char)((total + len) % 251));
		total += len + 1;
		moves += b.size != size;
		ck_assert_uint_eq(b.len, total);
		ck_assert_uint_le(b.len, b.size);
	}
	for (size_t i = 0; i < total; i++) {
		if (b.at[i] != (char)(i % 251))
			ck_abort_msg("byte %zu", i);
	}
	ck_assert_uint_lt(moves, 16);
}
END_TEST

START_TEST(printf_appends)
{
	buf_put(&b, SPAN("a\0b"));
	buf_printf(&b, "-%d-%s-", 42, "한글");
	buf_printf(&b, "%0500d|", 7);
	ck_assert_uint_eq(b.len, 3 + 4 + 6 + 1 + 501);
	ck_assert(span_eq((struct span){ b.at, 14 }, SPAN("a\0b-42-한글-")));
	ck_assert_int_eq(b.at[b.len - 2], '7');
	ck_assert_int_eq(b.at[b.len - 1], '|');
}
END_TEST

/* Its NUL needs room too, at every fill level. */
START_TEST(printf_at_the_end_of_the_room)
{
	while (b.len < 300) {
		size_t before = b.len;

		buf_printf(&b, "%s", before % 3 ? "x" : "yz");
		ck_assert_uint_eq(b.len, before + (before % 3 ? 1 : 2));
		ck_assert_uint_lt(b.len, b.size);
	}
}
END_TEST

START_TEST(drop_takes_from_the_front)
{
	buf_put(&b, SPAN("0123456789"));
	buf_drop(&b, 3);
	ck_assert(span_eq(buf_span(&b), SPAN("3456789")));
	buf_drop(&b, 0);
	ck_assert(span_eq(buf_span(&b), SPAN("3456789")));
	buf_put(&b, SPAN("ab"));
	ck_assert(span_eq(buf_span(&b), SPAN("3456789ab")));
	buf_drop(&b, 9);
	ck_assert_uint_eq(b.len, 0);
	buf_put(&b, SPAN("c"));
	ck_assert(span_eq(buf_span(&b), SPAN("c")));
}
END_TEST

START_TEST(used_again_after_fini)
{
	buf_put(&b, SPAN("abc"));
	buf_fini(&b);
	ck_assert_uint_eq(b.len, 0);
	buf_put(&b, SPAN("de"));
	ck_assert(span_eq(buf_span(&b), SPAN("de")));
	buf_fini(&b);
	buf_fini(&b);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("base/buf");
	TCase *tc = tcase_create("buf");
	SRunner *runner;
	int failed;

	tcase_add_checked_fixture(tc, NULL, tear_down);
	tcase_add_test(tc, empty);
	tcase_add_test(tc, reserve_of_nothing);
	tcase_add_test(tc, reserve_gives_what_is_asked_for);
	tcase_add_test(tc, reserve_keeps_what_fits);
	tcase_add_test(tc, put_appends);
	tcase_add_test(tc, printf_appends);
	tcase_add_test(tc, printf_at_the_end_of_the_room);
	tcase_add_test(tc, drop_takes_from_the_front);
	tcase_add_test(tc, used_again_after_fini);
	suite_add_tcase(suite, tc);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
