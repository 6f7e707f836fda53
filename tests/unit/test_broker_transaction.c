/* broker/transaction: frames are held in order, counted, and given out or dropped as a whole. */
#include "broker/transaction.h"

#include "broker/message.h"

#include <check.h>
#include <stdlib.h>

static struct transactions t;

static void set_up(void)
{
	transactions_init(&t);
}

static void tear_down(void)
{
	transactions_fini(&t);
	ck_assert_uint_eq(t.count + t.frames + t.sends + t.bytes, 0);
}

static struct transaction *begin(const char *id, uint64_t now_ms)
{
	struct transaction *in;

	transactions_begin(&t, span_of(id), now_ms);
	in = transactions_find(&t, span_of(id));
	ck_assert_ptr_nonnull(in);
	return in;
}

static void send_text(struct transaction *in, const char *text, uint64_t now_ms)
{
	const struct bus_message m = { .destination = SPAN("/sub/a"), .body = span_of(text) };

	transaction_hold_send(
		&t, in, publish_new(&m, true), transaction_bytes(publish_bytes(&m)), now_ms);
}

START_TEST(names)
{
	struct transaction *a = begin("a", 0), *ab = begin("ab", 0), *empty = begin("", 0);

	ck_assert_uint_eq(t.count, 3);
	ck_assert_ptr_eq(transactions_find(&t, SPAN("a")), a);
	ck_assert_ptr_eq(transactions_find(&t, SPAN("ab")), ab);
	ck_assert_ptr_eq(transactions_find(&t, SPAN("")), empty);
	ck_assert_ptr_null(transactions_find(&t, SPAN("A")));
	ck_assert_ptr_null(transactions_find(&t, SPAN("b")));
	transactions_take(&t, a);
	transaction_free(a);
	ck_assert_ptr_null(transactions_find(&t, SPAN("a")));
	ck_assert_ptr_eq(transactions_find(&t, SPAN("ab")), ab);
	(void)begin("a", 0);
}
END_TEST

START_TEST(gives_out_in_order)
{
	struct transaction *in = begin("a", 0), *other = begin("b", 0);
	struct transaction_step *step;

	send_text(in, "1", 0);
	send_text(other, "no", 0);
	transaction_hold_ack(&t, in, 7, true, 0);
	transaction_hold_ack(&t, in, 8, false, 0);
	send_text(in, "2", 0);
	ck_assert_uint_eq(t.frames, 5);
	ck_assert_uint_eq(t.sends, 3);
	ck_assert_uint_eq(in->sends, 2);
	transactions_take(&t, in);
	ck_assert_uint_eq(t.frames, 1);
	ck_assert_uint_eq(t.sends, 1);
	for (unsigned i = 0; (step = transaction_next(in)); i++) {
		if (i == 0 || i == 3) {
			ck_assert(span_eq(
				step->publish->content.body, i == 0 ? SPAN("1") : SPAN("2")));
		} else {
			ck_assert_ptr_null(step->publish);
			ck_assert_uint_eq(step->number, i == 1 ? 7 : 8);
			ck_assert(step->taken == (i == 1));
		}
		ck_assert_uint_le(i, 3);
		free(step->publish);
		free(step);
	}
	transaction_free(in);
}
END_TEST

/* What is held is the transaction's own: the frame it came in is long gone. */
START_TEST(counts_and_copies)
{
	char text[] = "body";
	struct transaction *in = begin("a", 0);
	struct transaction_step *step;

	send_text(in, text, 0);
	ck_assert_uint_ge(t.bytes, sizeof(struct transaction_step) + sizeof(struct publish) + 10);
	memset(text, 'x', 4);
	transactions_take(&t, in);
	ck_assert_uint_eq(t.bytes, 0);
	step = transaction_next(in);
	ck_assert(span_eq(step->publish->content.body, SPAN("body")));
	free(step->publish);
	free(step);
	transaction_free(in);
}
END_TEST

START_TEST(rest)
{
	struct transaction *a = begin("a", 100);

	ck_assert_uint_eq(transactions_oldest_ms(&t), 100);
	(void)begin("b", 200);
	ck_assert_uint_eq(transactions_oldest_ms(&t), 100);
	send_text(a, "x", 300);
	ck_assert_uint_eq(transactions_oldest_ms(&t), 200);
	transactions_touch(&t, 400);
	ck_assert_uint_eq(transactions_oldest_ms(&t), 400);
	transactions_fini(&t);
	ck_assert_uint_eq(transactions_oldest_ms(&t), UINT64_MAX);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("broker/transaction");
	TCase *tc = tcase_create("transaction");
	SRunner *runner;
	int failed;

	tcase_add_checked_fixture(tc, set_up, tear_down);
	tcase_add_test(tc, names);
	tcase_add_test(tc, gives_out_in_order);
	tcase_add_test(tc, counts_and_copies);
	tcase_add_test(tc, rest);
	suite_add_tcase(suite, tc);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
