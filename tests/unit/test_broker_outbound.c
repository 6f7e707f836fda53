/* broker/outbound: in order, each once, counted in bytes, and nothing kept when it is empty. */
#include "broker/outbound.h"

#include "base/buf.h"
#include "broker/topic.h"
#include "broker/wire.h"
#include "transport/conn.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>

/* A socket that takes `room` messages. */
struct conn {
	size_t room;
	struct buf written;
	size_t texts;
	size_t binaries;
};

static struct topics topics;
static struct subscription *s;
static struct conn c;
static struct outbound o;

bool conn_put(struct conn *conn, const struct span *parts, size_t count, bool text)
{
	if (conn->room == 0)
		return false;
	conn->room--;
	for (size_t i = 0; i < count; i++)
		buf_put(&conn->written, parts[i]);
	conn->texts += text;
	conn->binaries += !text;
	return true;
}

static void set_up(void)
{
	topics_init(&topics, false);
	s = subscription_new(&topics, NULL, SPAN("/sub/a"), SPAN("7"), SPAN("subscription:7\n"));
	outbound_init(&o);
}

static void tear_down(void)
{
	outbound_clear(&o);
	subscription_end(&topics, s);
	topics_fini(&topics);
	buf_fini(&c.written);
}

/* Eight bytes with the number in them; lent to nobody, so the queue must free it. */
static void push(unsigned number, struct subscription *subscription)
{
	char bytes[16];

	snprintf(bytes, sizeof(bytes), "%07u;", number);
	outbound_push(&o, wire_new((struct span){ bytes, 8 }, true), subscription, 0);
}

static void check_empty(void)
{
	ck_assert_uint_eq(o.count, 0);
	ck_assert_uint_eq(o.bytes, 0);
	ck_assert_ptr_null(o.heap);
	ck_assert_uint_eq(o.size, OUTBOUND_INLINE);
	ck_assert_uint_eq(s->refs, 1);
}

START_TEST(empty)
{
	check_empty();
	ck_assert(outbound_write(&o, &c, 5));
	ck_assert_uint_eq(c.texts, 0);
	outbound_clear(&o);
	check_empty();
}
END_TEST

/* The subscription's own line goes into the gap; what has none stays as it is. */
START_TEST(line_goes_into_the_gap)
{
	const struct bus_message m = { SPAN("/sub/a"), SPAN("x/y"), NULL, 0, SPAN("hi"), true };
	struct buf scratch = { NULL, 0, 0 };
	struct wire *w = wire_message(&m, SPAN("n-1"), STOMP_VERSION_1_2, &scratch);
	struct subscription *other = subscription_new(
		&topics, NULL, SPAN("/sub/a"), SPAN("8"), SPAN("subscription:8\n"));
	struct subscription *bare =
		subscription_new(&topics, NULL, SPAN("/sub/a"), SPAN(""), SPAN(""));

	c.room = 10;
	outbound_push(&o, wire_ref(w), s, 0);
	outbound_push(&o, wire_ref(w), other, 0);
	outbound_push(&o, wire_ref(w), bare, 0);
	outbound_push(&o, wire_new(SPAN("\n"), true), NULL, 0);
	ck_assert_uint_eq(o.bytes, 3 * w->len + 2 * strlen("subscription:8\n") + 1);
	ck_assert(outbound_write(&o, &c, 0));
	ck_assert(span_eq(buf_span(&c.written),
		SPAN("MESSAGE\ndestination:/sub/a\ncontent-type:x/y\nsubscription:7\n"
		     "message-id:n-1\ncontent-length:2\n\nhi\0"
		     "MESSAGE\ndestination:/sub/a\ncontent-type:x/y\nsubscription:8\n"
		     "message-id:n-1\ncontent-length:2\n\nhi\0"
		     "MESSAGE\ndestination:/sub/a\ncontent-type:x/y\n"
		     "message-id:n-1\ncontent-length:2\n\nhi\0\n")));
	ck_assert_uint_eq(w->refs, 1);
	ck_assert_uint_eq(other->refs, 1);
	check_empty();
	wire_unref(w);
	subscription_end(&topics, other);
	subscription_end(&topics, bare);
	buf_fini(&scratch);
}
END_TEST

/* An ack header is written for one receiver alone; the bytes stay shared. */
START_TEST(ack_line)
{
	const struct bus_message m = { SPAN("/sub/a"), SPAN("x/y"), NULL, 0, SPAN("hi"), true };
	struct buf scratch = { NULL, 0, 0 };
	struct wire *w = wire_message(&m, SPAN("n-1"), STOMP_VERSION_1_2, &scratch);

	c.room = 10;
	outbound_push_acked(&o, wire_ref(w), s, UINT64_MAX, 0);
	outbound_push(&o, wire_ref(w), s, 0);
	ck_assert(outbound_write(&o, &c, 0));
	ck_assert(span_eq(buf_span(&c.written),
		SPAN("MESSAGE\ndestination:/sub/a\ncontent-type:x/y\nsubscription:7\n"
		     "ack:18446744073709551615\nmessage-id:n-1\ncontent-length:2\n\nhi\0"
		     "MESSAGE\ndestination:/sub/a\ncontent-type:x/y\nsubscription:7\n"
		     "message-id:n-1\ncontent-length:2\n\nhi\0")));
	ck_assert_uint_eq(w->refs, 1);
	check_empty();
	wire_unref(w);
	buf_fini(&scratch);
}
END_TEST

START_TEST(text_and_binary)
{
	c.room = 10;
	outbound_push(&o, wire_new(SPAN("a"), true), NULL, 0);
	outbound_push(&o, wire_new(SPAN("\xff"), false), NULL, 0);
	outbound_push(&o, wire_new(SPAN("b"), true), NULL, 0);
	ck_assert(outbound_write(&o, &c, 0));
	ck_assert_uint_eq(c.texts, 2);
	ck_assert_uint_eq(c.binaries, 1);
	ck_assert(span_eq(buf_span(&c.written), SPAN("a\xff"
						     "b")));
}
END_TEST

/* A full socket: nothing is lost, nothing is said twice. */
START_TEST(goes_on_where_it_stopped)
{
	for (unsigned i = 0; i < 6; i++)
		push(i, i % 2 ? s : NULL);
	ck_assert(!outbound_write(&o, &c, 0));
	ck_assert_uint_eq(o.count, 6);
	ck_assert_uint_eq(c.written.len, 0);
	c.room = 2;
	ck_assert(!outbound_write(&o, &c, 0));
	ck_assert_uint_eq(o.count, 4);
	push(6, NULL);
	c.room = 5;
	ck_assert(outbound_write(&o, &c, 0));
	ck_assert(span_eq(buf_span(&c.written),
		SPAN("0000000;subscription:7\n0000001;0000002;subscription:7\n0000003;"
		     "0000004;subscription:7\n0000005;0000006;")));
	check_empty();
}
END_TEST

/* The age of a queue: since it stopped being empty, or since something last went out. */
START_TEST(since)
{
	outbound_push(&o, wire_new(SPAN("a"), true), NULL, 100);
	outbound_push(&o, wire_new(SPAN("b"), true), NULL, 200);
	ck_assert_uint_eq(o.since_ms, 100);
	ck_assert(!outbound_write(&o, &c, 300));
	ck_assert_uint_eq(o.since_ms, 100);
	c.room = 1;
	ck_assert(!outbound_write(&o, &c, 400));
	ck_assert_uint_eq(o.since_ms, 400);
	ck_assert(!outbound_write(&o, &c, 500));
	outbound_push(&o, wire_new(SPAN("c"), true), NULL, 600);
	ck_assert_uint_eq(o.since_ms, 400);
	c.room = 2;
	ck_assert(outbound_write(&o, &c, 700));
	outbound_push(&o, wire_new(SPAN("d"), true), NULL, 9000);
	ck_assert_uint_eq(o.since_ms, 9000);
}
END_TEST

START_TEST(clear_drops_everything)
{
	struct wire *w = wire_new(SPAN("abc"), true);

	for (int i = 0; i < 100; i++)
		outbound_push(&o, wire_ref(w), s, 0);
	ck_assert_uint_eq(w->refs, 101);
	ck_assert_uint_eq(s->refs, 101);
	c.room = 7; /* so that it does not begin at its first place */
	ck_assert(!outbound_write(&o, &c, 0));
	outbound_clear(&o);
	check_empty();
	ck_assert_uint_eq(w->refs, 1);
	push(1, NULL);
	c.room = 1;
	ck_assert(outbound_write(&o, &c, 0));
	check_empty();
	wire_unref(w);
}
END_TEST

/* What waits keeps its line when the client has unsubscribed, or has gone, meanwhile. */
START_TEST(subscription_may_end_first)
{
	struct subscription *gone = subscription_new(
		&topics, NULL, SPAN("/sub/b"), SPAN("9"), SPAN("subscription:9\n"));

	push(1, gone);
	push(2, gone);
	subscription_end(&topics, gone);
	c.room = 1;
	ck_assert(!outbound_write(&o, &c, 0));
	ck_assert(span_eq(buf_span(&c.written), SPAN("subscription:9\n0000001;")));
	outbound_clear(&o);
	check_empty();
}
END_TEST

/* Against a model: any mixture of pushing and writing keeps order, bytes and references. */
START_TEST(agrees_with_a_naive_model)
{
	uint64_t state = 88172645463325252u + (uint64_t)_i;
	unsigned pushed = 0, written = 0;

	for (int n = 0; n < 20000; n++) {
		size_t before;

		state ^= state << 13;
		state ^= state >> 7;
		state ^= state << 17;
		for (size_t i = state % (n / 1000 % 2 ? 12 : 6); i > 0; i--)
			push(pushed++, NULL);
		before = c.room = (state >> 16) % 8;
		c.written.len = 0;
		if (outbound_write(&o, &c, 0) != (pushed - written <= before))
			ck_abort_msg("step %d", n);
		for (size_t at = 0; at < c.written.len; at += 8, written++) {
			if ((unsigned)strtoul(c.written.at + at, NULL, 10) != written)
				ck_abort_msg("step %d: %u is missing", n, written);
		}
		if (o.count != pushed - written || o.bytes != 8 * (size_t)(pushed - written))
			ck_abort_msg("step %d: counts", n);
		if (pushed == written)
			check_empty();
	}
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("broker/outbound");
	TCase *tc = tcase_create("outbound");
	SRunner *runner;
	int failed;

	tcase_add_checked_fixture(tc, set_up, tear_down);
	tcase_add_test(tc, empty);
	tcase_add_test(tc, line_goes_into_the_gap);
	tcase_add_test(tc, ack_line);
	tcase_add_test(tc, text_and_binary);
	tcase_add_test(tc, goes_on_where_it_stopped);
	tcase_add_test(tc, since);
	tcase_add_test(tc, clear_drops_everything);
	tcase_add_test(tc, subscription_may_end_first);
	tcase_add_loop_test(tc, agrees_with_a_naive_model, 0, 3);
	suite_add_tcase(suite, tc);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
