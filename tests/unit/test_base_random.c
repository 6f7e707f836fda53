/* base/random: lengths, the alphabet, and that nothing is written beyond. */
#include "base/random.h"

#include <check.h>
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Stands in for libc's, which may be interrupted, and give less than it was asked for. */
ssize_t getrandom(void *buffer, size_t len, unsigned flags)
{
	static unsigned calls;

	if (++calls % 3 == 0) {
		errno = EINTR;
		return -1;
	}
	return syscall(SYS_getrandom, buffer, len > 4000 ? 4000 + calls % 7 : len, flags);
}

static const char digits[] = "0123456789abcdefghijklmnopqrstuv";

START_TEST(name_has_its_length_and_alphabet)
{
	size_t len = (size_t)_i;
	char name[80];

	memset(name, '!', sizeof(name));
	random_name(name, len);
	ck_assert_uint_eq(strlen(name), len);
	ck_assert_uint_eq(strspn(name, digits), len);
	for (size_t i = len + 1; i < sizeof(name); i++)
		ck_assert_int_eq(name[i], '!');
}
END_TEST

/* Each digit comes about as often as the others: within seven deviations of 10,000 in 320,000. */
START_TEST(name_uses_the_whole_alphabet_evenly)
{
	static char name[320001];
	unsigned counts[256] = { 0 };

	random_name(name, sizeof(name) - 1);
	for (size_t i = 0; i < sizeof(name) - 1; i++)
		counts[(unsigned char)name[i]]++;
	for (size_t i = 0; i < sizeof(digits) - 1; i++) {
		ck_assert_uint_gt(counts[(unsigned char)digits[i]], 9300);
		ck_assert_uint_lt(counts[(unsigned char)digits[i]], 10700);
	}
}
END_TEST

START_TEST(bytes_fill_exactly)
{
	const size_t sizes[] = { 0, 1, 7, 255, 256, 257, 4096, 1000000 };
	size_t len = sizes[_i];
	char *bytes = malloc(len + 16);
	size_t zeros = 0;

	memset(bytes, 0, len + 16);
	memset(bytes + len, '!', 16);
	random_bytes(bytes, len);
	for (size_t i = len; i < len + 16; i++)
		ck_assert_int_eq(bytes[i], '!');
	for (size_t i = 0; i < len; i++)
		zeros += bytes[i] == 0;
	if (len >= 255)
		ck_assert_uint_lt(zeros, len / 16);
	free(bytes);
}
END_TEST

START_TEST(never_the_same_twice)
{
	char one[32], two[32];

	random_bytes(one, sizeof(one));
	random_bytes(two, sizeof(two));
	ck_assert_mem_ne(one, two, sizeof(one));
}
END_TEST

START_TEST(unit_is_below_one)
{
	bool low = false, high = false;

	for (int i = 0; i < 2000; i++) {
		double unit = random_unit();

		if (unit < 0 || unit >= 1)
			ck_abort_msg("%f", unit);
		low = low || unit < 0.1;
		high = high || unit > 0.9;
	}
	ck_assert(low && high);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("base/random");
	TCase *tc = tcase_create("random");
	SRunner *runner;
	int failed;

	tcase_add_loop_test(tc, name_has_its_length_and_alphabet, 0, 65);
	tcase_add_test(tc, name_uses_the_whole_alphabet_evenly);
	tcase_add_loop_test(tc, bytes_fill_exactly, 0, 8);
	tcase_add_test(tc, never_the_same_twice);
	tcase_add_test(tc, unit_is_below_one);
	suite_add_tcase(suite, tc);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
