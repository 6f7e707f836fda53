/* broker/ack: the window, in order, each answered once, and nothing kept of what is over. */
#include "broker/ack.h"

#include "broker/topic.h"
#include "broker/wire.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>

enum {
	WINDOW = 3
};

static struct topics topics;
static struct subscription *client, *single; /* cumulative, and each for itself */
static struct acks *a;

static struct subscription *subscribe(const char *id, enum subscription_ack ack)
{
	struct subscription *s = subscription_new(
		&topics, NULL, SPAN("/sub/a"), span_of(id), SPAN("subscription:x\n"));

	s->ack = ack;
	return s;
}

static void set_up(void)
{
	topics_init(&topics, false);
	client = subscribe("c", SUBSCRIPTION_CLIENT);
	single = subscribe("i", SUBSCRIPTION_INDIVIDUAL);
	a = acks_new(WINDOW);
}

static void tear_down(void)
{
	acks_free(a);
	if (client)
		subscription_end(&topics, client);
	subscription_end(&topics, single);
	topics_fini(&topics);
}

static void push(struct subscription *s, const char *id)
{
	acks_push(a, wire_new(SPAN("12345"), true), s, id, 0);
}

/* What goes out: "c1 c2 ", the subscription and the message-id of each. */
static const char *pull_all(void)
{
	static char out[256];
	const struct delivery *d;
	struct wire *wire;
	size_t len = 0;

	out[0] = '\0';
	while ((d = acks_pull(a, &wire, 0))) {
		ck_assert_uint_eq(wire->refs, 1);
		ck_assert_ptr_null(d->wire);
		wire_unref(wire);
		len += (size_t)snprintf(
			out + len, sizeof(out) - len, "%c%s ", d->subscription->id[0], d->id);
	}
	return out;
}

START_TEST(window)
{
	push(client, "1");
	push(single, "2");
	push(client, "3");
	push(single, "4");
	push(client, "5");
	ck_assert_uint_eq(a->waiting_bytes, 5 * (5 + strlen("subscription:x\n")));
	ck_assert_str_eq(pull_all(), "c1 i2 c3 ");
	ck_assert_uint_eq(a->waiting_count, 2);
	ck_assert_uint_eq(a->waiting_bytes, 2 * (5 + strlen("subscription:x\n")));
	ck_assert_str_eq(pull_all(), "");
	ck_assert_uint_eq(acks_settle(a, 2), 1);
	ck_assert_str_eq(pull_all(), "i4 ");
	ck_assert_uint_eq(acks_settle(a, 3), 2);
	ck_assert_str_eq(pull_all(), "c5 ");
	ck_assert_uint_eq(a->waiting_bytes, 0);
}
END_TEST

/* ack:client takes all before it along, but of its own subscription only. */
START_TEST(cumulative)
{
	push(client, "1");
	push(single, "2");
	push(client, "3");
	(void)pull_all();
	ck_assert_uint_eq(acks_settle(a, 3), 2);
	ck_assert_uint_eq(a->unacked_count, 1);
	ck_assert_ptr_null(acks_by_number(a, SPAN("1")));
	ck_assert_ptr_null(acks_by_number(a, SPAN("3")));
	ck_assert_ptr_nonnull(acks_by_number(a, SPAN("2")));
	ck_assert_uint_eq(acks_settle(a, 1), 0);
	ck_assert_uint_eq(acks_settle(a, 3), 0);
}
END_TEST

START_TEST(cumulative_leaves_what_follows)
{
	push(client, "1");
	push(client, "2");
	push(client, "3");
	(void)pull_all();
	ck_assert_uint_eq(acks_settle(a, 2), 2);
	ck_assert_uint_eq(a->unacked_count, 1);
	ck_assert_ptr_nonnull(acks_by_number(a, SPAN("3")));
}
END_TEST

START_TEST(individual)
{
	push(single, "1");
	push(single, "2");
	push(single, "3");
	(void)pull_all();
	ck_assert_uint_eq(acks_settle(a, 2), 1);
	ck_assert_uint_eq(a->unacked_count, 2);
	ck_assert_ptr_nonnull(acks_by_number(a, SPAN("1")));
	ck_assert_ptr_nonnull(acks_by_number(a, SPAN("3")));
}
END_TEST

static const struct span no_numbers[] = {
	SPAN(""),
	SPAN("0"),
	SPAN("01"),
	SPAN("2"),
	SPAN("+1"),
	SPAN("-1"),
	SPAN(" 1"),
	SPAN("1 "),
	SPAN("1x"),
	SPAN("1\0"),
	SPAN("18446744073709551617"), /* 1, if it wrapped */
	SPAN("184467440737095516161"),
};

START_TEST(numbers_are_read_strictly)
{
	push(single, "1");
	(void)pull_all();
	ck_assert_ptr_nonnull(acks_by_number(a, SPAN("1")));
	ck_assert_ptr_null(acks_by_number(a, no_numbers[_i]));
}
END_TEST

/* The same message on two subscriptions: one name each, or the older first. */
START_TEST(by_message)
{
	const struct span any = { NULL, 0 };
	const struct delivery *d;

	push(client, "n-1");
	push(single, "n-1");
	ck_assert_ptr_null(acks_by_message(a, SPAN("n-1"), any));
	(void)pull_all();
	d = acks_by_message(a, SPAN("n-1"), SPAN("i"));
	ck_assert_ptr_nonnull(d);
	ck_assert_uint_eq(d->number, 2);
	ck_assert_ptr_null(acks_by_message(a, SPAN("n-1"), SPAN("")));
	ck_assert_ptr_null(acks_by_message(a, SPAN("n-1"), SPAN("other")));
	ck_assert_ptr_null(acks_by_message(a, SPAN("n-"), any));
	d = acks_by_message(a, SPAN("n-1"), any);
	ck_assert_uint_eq(d->number, 1);
	(void)acks_settle(a, 1);
	d = acks_by_message(a, SPAN("n-1"), any);
	ck_assert_uint_eq(d->number, 2);
}
END_TEST

START_TEST(a_subscription_ends)
{
	push(client, "1");
	push(single, "2");
	push(client, "3");
	push(client, "4");
	push(single, "5");
	(void)pull_all();
	acks_end(a, client);
	ck_assert_uint_eq(a->unacked_count, 1);
	ck_assert_uint_eq(a->ended_count, 2);
	ck_assert_uint_eq(a->waiting_count, 1);
	ck_assert_str_eq(pull_all(), "i5 ");
	ck_assert_uint_eq(a->ended_count, 1); /* the oldest of four was too much */
	ck_assert_ptr_null(acks_by_number(a, SPAN("1")));
	ck_assert_ptr_nonnull(acks_by_number(a, SPAN("3")));
	ck_assert_ptr_nonnull(acks_by_message(a, SPAN("3"), SPAN("c")));
	ck_assert_uint_eq(client->refs, 2); /* its own, and that of message 3 */
	subscription_end(&topics, client);
	client = NULL;
	ck_assert_uint_eq(acks_settle(a, 3), 1);
	ck_assert_uint_eq(a->ended_count, 0);
	ck_assert_uint_eq(a->unacked_count, 2);
}
END_TEST

START_TEST(waiting_has_an_age)
{
	struct wire *wire;

	acks_push(a, wire_new(SPAN("x"), true), single, "1", 100);
	acks_push(a, wire_new(SPAN("x"), true), single, "2", 200);
	ck_assert_uint_eq(a->since_ms, 100);
	ck_assert_ptr_nonnull(acks_pull(a, &wire, 300));
	wire_unref(wire);
	ck_assert_uint_eq(a->since_ms, 300);
	acks_drop_waiting(a);
	ck_assert_uint_eq(a->waiting_count, 0);
	ck_assert_uint_eq(a->waiting_bytes, 0);
	acks_push(a, wire_new(SPAN("x"), true), single, "3", 900);
	ck_assert_uint_eq(a->since_ms, 900);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("broker/ack");
	TCase *tc = tcase_create("ack");
	SRunner *runner;
	int failed;

	tcase_add_checked_fixture(tc, set_up, tear_down);
	tcase_add_test(tc, window);
	tcase_add_test(tc, cumulative);
	tcase_add_test(tc, cumulative_leaves_what_follows);
	tcase_add_test(tc, individual);
	tcase_add_loop_test(tc, numbers_are_read_strictly, 0, (int)countof(no_numbers));
	tcase_add_test(tc, by_message);
	tcase_add_test(tc, a_subscription_ends);
	tcase_add_test(tc, waiting_has_an_age);
	suite_add_tcase(suite, tc);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
