/* stomp/version: which version two sides agree on. */
#include "stomp/version.h"

#include <check.h>
#include <stdlib.h>

#define NO_VERSION STOMP_VERSION_COUNT

static const struct {
	struct span accept;
	enum stomp_version version;
} rows[] = {
	/* C3: no accept-version means 1.0; an empty one names no version. */
	{ { NULL, 0 }, STOMP_VERSION_1_0 },
	{ SPAN(""), NO_VERSION },
	{ SPAN(" "), NO_VERSION },
	{ SPAN(","), NO_VERSION },
	/* C4: the highest common one, whatever the order; unknown ones do not count. */
	{ SPAN("1.0"), STOMP_VERSION_1_0 },
	{ SPAN("1.1"), STOMP_VERSION_1_1 },
	{ SPAN("1.2"), STOMP_VERSION_1_2 },
	{ SPAN("1.0,1.1,1.2"), STOMP_VERSION_1_2 },
	{ SPAN("1.2,1.1,1.0"), STOMP_VERSION_1_2 },
	{ SPAN("1.1,1.0"), STOMP_VERSION_1_1 },
	{ SPAN("1.1,2.0,1.3"), STOMP_VERSION_1_1 },
	{ SPAN("1.0,,1.1,"), STOMP_VERSION_1_1 },
	{ SPAN("2.0,1.3"), NO_VERSION },
	{ SPAN("1.20,11.2,1.,1,x"), NO_VERSION },
	{ SPAN("1.1;1.2"), NO_VERSION },
	/* C4s: blanks around the commas. */
	{ SPAN("1.0, 1.1"), STOMP_VERSION_1_1 },
	{ SPAN(" 1.1 ,\t1.2\t"), STOMP_VERSION_1_2 },
	{ SPAN("1. 1"), NO_VERSION },
};

START_TEST(negotiates)
{
	enum stomp_version version = NO_VERSION;
	bool agreed = stomp_version_negotiate(rows[_i].accept, &version);

	ck_assert_int_eq(version, rows[_i].version);
	ck_assert_int_eq(agreed, rows[_i].version != NO_VERSION);
}
END_TEST

/* What an ERROR lists is what would be accepted. */
START_TEST(every_version_is_offered_by_its_name)
{
	enum stomp_version version;

	for (int v = 0; v < STOMP_VERSION_COUNT; v++) {
		ck_assert(stomp_version_negotiate(
			stomp_version_name((enum stomp_version)v), &version));
		ck_assert_int_eq(version, v);
	}
	ck_assert(span_eq(stomp_version_all(), SPAN("1.0,1.1,1.2")));
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("stomp/version");
	TCase *tc = tcase_create("negotiation");
	SRunner *runner;
	int failed;

	tcase_add_loop_test(tc, negotiates, 0, (int)countof(rows));
	tcase_add_test(tc, every_version_is_offered_by_its_name);
	suite_add_tcase(suite, tc);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
