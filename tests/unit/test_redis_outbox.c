#include "redis/outbox.h"

#include <check.h>
#include <stdlib.h>

static struct outbox o;

static void setup(void)
{
	outbox_init(&o);
}

static void teardown(void)
{
	outbox_fini(&o);
	ck_assert_uint_eq(o.bytes, 0);
	ck_assert_uint_eq(o.pending, 0);
}

static struct record *add(const char *text, uintptr_t cookie)
{
	return outbox_add(&o, span_of(text), false, true, (void *)cookie);
}

/* The cookie of the record that is told next; 0: none yet. */
static uintptr_t told(enum bus_accepted how)
{
	enum bus_accepted got;
	void *cookie;

	if (!outbox_take_settled(&o, &cookie, &got))
		return 0;
	ck_assert_int_eq(got, how);
	return (uintptr_t)cookie;
}

START_TEST(answers_come_in_the_order_of_adding)
{
	add("a", 1);
	add("b", 2);
	ck_assert_uint_eq(told(BUS_ACCEPTED), 0);
	outbox_answered(&o);
	ck_assert_uint_eq(told(BUS_ACCEPTED), 1);
	ck_assert_uint_eq(told(BUS_ACCEPTED), 0);
	outbox_answered(&o);
	ck_assert_uint_eq(told(BUS_ACCEPTED), 2);
	ck_assert_uint_eq(o.bytes, 2); /* both are still to be heard */
}
END_TEST

START_TEST(what_is_settled_early_waits_for_its_turn)
{
	add("a", 1);
	outbox_settle(outbox_add(&o, SPAN(""), false, false, (void *)2), BUS_TOO_LARGE);
	ck_assert_uint_eq(told(BUS_TOO_LARGE), 0);
	outbox_answered(&o);
	ck_assert_uint_eq(told(BUS_ACCEPTED), 1);
	ck_assert_uint_eq(told(BUS_TOO_LARGE), 2);
}
END_TEST

START_TEST(only_the_oldest_can_be_heard)
{
	add("a", 1);
	add("b", 2);
	outbox_note_echo(&o, SPAN("b"), false); /* somebody else's */
	outbox_note_echo(&o, SPAN("a"), true);  /* on the other channel */
	ck_assert(span_eq(SPAN("a"), (struct span){ outbox_first_unheard(&o)->bytes, 1 }));
	outbox_note_echo(&o, SPAN("a"), false);
	outbox_note_echo(&o, SPAN("b"), false);
	ck_assert_ptr_null(outbox_first_unheard(&o));
	ck_assert_uint_eq(o.pending, 2);
}
END_TEST

/* Heard but not answered: Redis has published it, whatever became of the answer. */
START_TEST(the_rest_is_settled_by_what_was_heard)
{
	add("a", 1);
	add("b", 2);
	outbox_note_echo(&o, SPAN("a"), false);
	ck_assert_uint_eq(outbox_settle_rest(&o, BUS_REFUSED), 1);
	ck_assert_uint_eq(told(BUS_ACCEPTED), 1);
	ck_assert_uint_eq(told(BUS_REFUSED), 2);
	outbox_forget_echo(&o, outbox_first_unheard(&o));
	ck_assert_uint_eq(o.bytes, 0);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("redis/outbox");
	TCase *tc = tcase_create("outbox");
	SRunner *runner;
	int failed;

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, answers_come_in_the_order_of_adding);
	tcase_add_test(tc, what_is_settled_early_waits_for_its_turn);
	tcase_add_test(tc, only_the_oldest_can_be_heard);
	tcase_add_test(tc, the_rest_is_settled_by_what_was_heard);
	suite_add_tcase(suite, tc);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
