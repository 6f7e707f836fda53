/*
 * Sessions on a shard without sockets and without a thread: what a client says
 * goes in, what it would get comes out. The interceptor chain holds a step that
 * answers when the test wants it to.
 */
#include "base/clock.h"
#include "broker/ack.h"
#include "broker/broker.h"
#include "broker/hub.h"
#include "broker/session.h"
#include "tests/unit/fake_transport.h"
#include "transport/server.h"

#include <check.h>
#include <stdlib.h>

static struct config config;
static struct broker broker;
static struct conn wires[2];
static struct session *sessions[2];
static struct interceptor_call *thinking; /* what the step was asked and has not answered */
static const char *ask_about;             /* destinations that contain this are answered later */
static bool cancelled;

static enum interceptor_verdict decide(void *owner, struct interceptor_call *call)
{
	struct span destination;

	(void)owner;
	if (!ask_about || !stomp_frame_header(call->frame, SPAN("destination"), &destination) ||
		!memmem(destination.at, destination.len, ask_about, strlen(ask_about)))
		return INTERCEPTOR_ALLOW;
	thinking = call;
	return INTERCEPTOR_LATER;
}

static void cancel(void *owner, struct interceptor_call *call)
{
	(void)owner;
	ck_assert_ptr_eq(call, thinking);
	thinking = NULL;
	cancelled = true;
}

static void answer(enum interceptor_verdict verdict)
{
	struct interceptor_call *call = thinking;

	ck_assert_ptr_nonnull(call);
	thinking = NULL;
	call->why = "thought better of it";
	interceptor_resume(call, verdict);
}

static void setup(void)
{
	const struct interceptor_step step = { "slow", decide, cancel, NULL };
	const struct request request = { .query = SPAN("") };
	struct listener_address address;
	struct config_error error;
	char why[256];

	config_init(&config);
	ck_assert_msg(broker_init(&broker, &config, &error), "%s", error.text);
	interceptor_chain_free(broker.chain);
	broker.chain = interceptor_chain_new(&step, 1);
	broker.shard_count = 1;
	broker.shards = aligned_alloc(64, sizeof(*broker.shards));
	memset(broker.shards, 0, sizeof(*broker.shards));
	broker.hub = hub_new(&broker);
	ck_assert(listener_parse("127.0.0.1:0", &address, why));
	broker.shards[0].listener = listener_new(&address, true);
	ck_assert(shard_init(&broker.shards[0], &broker, 0));
	hub_start(broker.hub);
	memset(wires, 0, sizeof(wires));
	for (size_t i = 0; i < countof(wires); i++)
		sessions[i] = session_open(&broker.shards[0], &wires[i], &request);
	ask_about = NULL;
	thinking = NULL;
	cancelled = false;
}

static void close_session(size_t i)
{
	session_on_close(sessions[i]);
	sessions[i] = NULL;
}

static void teardown(void)
{
	for (size_t i = 0; i < countof(wires); i++) {
		if (sessions[i])
			close_session(i);
		fake_conn_fini(&wires[i]);
	}
	hub_free(broker.hub);
	shard_fini(&broker.shards[0]);
	free(broker.shards);
	broker_fini(&broker);
	config_fini(&config);
}

static void turn(void)
{
	for (size_t i = 0; i < countof(wires); i++) {
		if (sessions[i])
			fake_conn_turn(&wires[i], session_on_room, sessions[i]);
	}
}

static void say_span(size_t i, struct span bytes)
{
	session_on_bytes(sessions[i], bytes);
	turn();
}

#define say(i, text) say_span((i), SPAN(text))

/* How many of what was written to the client contain `text`? */
static size_t heard(size_t i, const char *text)
{
	const struct buf *written = &wires[i].written;
	size_t count = 0, len = strlen(text);

	for (size_t at = 0; at + len <= written->len; at++)
		count += memcmp(written->at + at, text, len) == 0;
	return count;
}

/* Where `text` was written to the client; it must be there. */
static size_t place_of(size_t i, const char *text)
{
	const char *at = memmem(wires[i].written.at, wires[i].written.len, text, strlen(text));

	ck_assert_msg(at != NULL, "%s was not heard", text);
	return (size_t)(at - wires[i].written.at);
}

static void connect_both(void)
{
	for (size_t i = 0; i < countof(wires); i++) {
		say(i, "CONNECT\naccept-version:1.2\n\n\0");
		ck_assert_uint_eq(heard(i, "CONNECTED\nversion:1.2\nheart-beat:10000,10000\n"), 1);
	}
}

START_TEST(a_send_reaches_subscribers)
{
	connect_both();
	say(1, "SUBSCRIBE\nid:7\ndestination:/sub/a\nreceipt:s\n\n\0");
	ck_assert_uint_eq(heard(1, "RECEIPT\nreceipt-id:s\n"), 1);
	say(0, "SEND\ndestination:/pub/a\nreceipt:r\n\n{\"n\":1}\0");
	ck_assert_uint_eq(heard(1, "MESSAGE\ndestination:/sub/a\ncontent-type:application/json\n"
				   "subscription:7\nmessage-id:"),
		1);
	ck_assert_uint_eq(heard(1, "{\"n\":1}"), 1);
	ck_assert_uint_eq(heard(0, "RECEIPT\nreceipt-id:r\n"), 1);
	ck_assert_uint_eq(heard(0, "MESSAGE"), 0);
}
END_TEST

START_TEST(later_holds_back_what_follows)
{
	connect_both();
	say(1, "SUBSCRIBE\nid:0\ndestination:/sub/slow\n\n\0SUBSCRIBE\nid:1\ndestination:/sub/b\n\n\0");
	ask_about = "slow";
	say(0, "SEND\ndestination:/pub/slow\n\nfirst\0SEND\ndestination:/pub/b\n\nsecond\0SEND\nde");
	ck_assert_ptr_nonnull(thinking);
	ck_assert(wires[0].paused);
	say(0, "stination:/pub/b\n\nthird\0"); /* was read before the pause took hold */
	ck_assert_uint_eq(heard(1, "MESSAGE"), 0);
	answer(INTERCEPTOR_ALLOW);
	turn();
	ck_assert_uint_eq(heard(1, "MESSAGE"), 3);
	ck_assert_uint_lt(place_of(1, "first"), place_of(1, "second"));
	ck_assert_uint_lt(place_of(1, "second"), place_of(1, "third"));
	ck_assert(!wires[0].paused);
}
END_TEST

START_TEST(later_may_find_no_credit)
{
	struct shard *shard = &broker.shards[0];

	connect_both();
	say(1, "SUBSCRIBE\nid:0\ndestination:/sub/b\n\n\0");
	ask_about = "slow";
	say(0, "SEND\ndestination:/pub/slow\n\nfirst\0SEND\ndestination:/pub/b\n\nsecond\0");
	shard->reserved += OUTBOX_SLOTS;
	answer(INTERCEPTOR_ALLOW);
	turn();
	ck_assert_uint_eq(heard(1, "second"), 0);
	ck_assert(!list_is_empty(&sessions[0]->wait));
	shard->reserved -= OUTBOX_SLOTS;
	session_go_on(sessions[0]);
	turn();
	ck_assert_uint_eq(heard(1, "second"), 1);
	ck_assert(!wires[0].paused);
}
END_TEST

START_TEST(later_may_deny)
{
	connect_both();
	say(1, "SUBSCRIBE\nid:0\ndestination:/sub/slow\n\n\0");
	ask_about = "slow";
	say(0, "SEND\ndestination:/pub/slow\nreceipt:r9\n\nfirst\0SEND\ndestination:/pub/slow\n\nx\0");
	answer(INTERCEPTOR_DENY);
	turn();
	ck_assert_uint_eq(heard(1, "MESSAGE"), 0);
	ck_assert_uint_eq(heard(0, "ERROR\nmessage:thought better of it\nreceipt-id:r9\n"), 1);
	ck_assert_uint_eq(wires[0].closed, 1002);
	ck_assert_ptr_null(thinking); /* the second frame was not even asked about */
}
END_TEST

START_TEST(a_closed_client_takes_its_question_along)
{
	connect_both();
	ask_about = "slow";
	say(0, "SEND\ndestination:/pub/slow\n\nfirst\0");
	ck_assert_ptr_nonnull(thinking);
	close_session(0);
	ck_assert(cancelled);
	ck_assert_ptr_null(thinking);
}
END_TEST

START_TEST(an_answer_after_going_away_does_nothing)
{
	connect_both();
	say(1, "SUBSCRIBE\nid:0\ndestination:/sub/slow\n\n\0");
	ask_about = "slow";
	say(0, "SEND\ndestination:/pub/slow\n\nfirst\0");
	session_go_away(sessions[0]);
	answer(INTERCEPTOR_ALLOW);
	turn();
	ck_assert_uint_eq(heard(1, "first"), 0);
	ck_assert_uint_eq(wires[0].closed, 1001);
}
END_TEST

START_TEST(a_client_that_does_not_read_is_closed_alone)
{
	static char frame[16 * 1024];
	size_t len = (size_t)snprintf(frame, sizeof(frame), "SEND\ndestination:/pub/a\n\n");

	connect_both();
	say(1, "SUBSCRIBE\nid:0\ndestination:/sub/a\n\n\0");
	say(0, "SUBSCRIBE\nid:0\ndestination:/sub/a\n\n\0");
	memset(frame + len, 'x', sizeof(frame) - len - 1);
	frame[sizeof(frame) - 1] = '\0';
	wires[1].full = true;
	for (size_t sent = 0; sent < config.limits_queue + 2 * sizeof(frame); sent += sizeof(frame))
		say_span(0, (struct span){ frame, sizeof(frame) });
	ck_assert_uint_eq(wires[1].closed, 4500);
	ck_assert_uint_eq(wires[0].closed, 0);
	ck_assert_uint_eq(heard(0, "MESSAGE"), config.limits_queue / sizeof(frame) + 2);
}
END_TEST

START_TEST(receipts_keep_the_order_of_their_frames)
{
	connect_both();
	say(0, "SEND\ndestination:/pub/a\nreceipt:1\n\nx\0"
	       "SUBSCRIBE\nid:0\ndestination:/sub/a\nreceipt:2\n\n\0"
	       "SEND\ndestination:/pub/a\nreceipt:3\n\nx\0"
	       "UNSUBSCRIBE\nid:0\nreceipt:4\n\n\0"
	       "DISCONNECT\nreceipt:5\n\n\0"
	       "SEND\ndestination:/pub/a\nreceipt:6\n\nignored\0");
	ck_assert_uint_lt(place_of(0, "receipt-id:1"), place_of(0, "receipt-id:2"));
	ck_assert_uint_lt(place_of(0, "receipt-id:2"), place_of(0, "receipt-id:3"));
	ck_assert_uint_lt(place_of(0, "receipt-id:3"), place_of(0, "receipt-id:4"));
	ck_assert_uint_lt(place_of(0, "receipt-id:4"), place_of(0, "receipt-id:5"));
	ck_assert_uint_eq(heard(0, "receipt-id:6"), 0);
	ck_assert_uint_eq(wires[0].closed, 0); /* the client may close first */
}
END_TEST

/* Its PONGs and beats cannot be read while an interceptor thinks. */
START_TEST(a_held_client_is_not_taken_for_dead)
{
	uint64_t now = clock_ms();

	connect_both();
	ask_about = "slow";
	say(0, "SEND\ndestination:/pub/slow\n\nx\0");
	ck_assert_ptr_nonnull(thinking);
	sessions[0]->heard_ms = now - config.liveness_ping_after - 1;
	session_rearm(sessions[0]);
	wheel_advance(&broker.shards[0].wheel, now + 60000);
	ck_assert_uint_eq(wires[0].pings, 0);
	sessions[0]->pinged_ms = now - config.liveness_answer_within - 1;
	session_rearm(sessions[0]);
	wheel_advance(&broker.shards[0].wheel, now + 120000);
	ck_assert(!wires[0].killed);
}
END_TEST

/* A transaction goes over in one go, or not yet; meanwhile nobody takes its room. */
START_TEST(a_commit_waits_for_room_for_all)
{
	struct shard *shard = &broker.shards[0];

	connect_both();
	say(1, "SUBSCRIBE\nid:0\ndestination:/sub/a\n\n\0");
	say(0, "BEGIN\ntransaction:t\n\n\0");
	say(0, "SEND\ndestination:/pub/a\ntransaction:t\n\none\0");
	say(0, "SEND\ndestination:/pub/a\ntransaction:t\n\ntwo\0");
	shard->reserved = OUTBOX_SLOTS - 2;
	say(0, "COMMIT\ntransaction:t\nreceipt:c\n\n\0");
	say(1, "SEND\ndestination:/pub/a\n\nbehind\0"); /* there is room for this one alone */
	ck_assert_uint_eq(heard(1, "MESSAGE"), 0);
	ck_assert_uint_eq(shard->large_waiting, 1);
	shard->reserved--;
	session_go_on(sessions[1]);
	turn();
	ck_assert_uint_eq(heard(1, "MESSAGE"), 0);
	session_go_on(sessions[0]);
	session_go_on(sessions[1]);
	turn();
	ck_assert_uint_lt(place_of(1, "one"), place_of(1, "two"));
	ck_assert_uint_lt(place_of(1, "two"), place_of(1, "behind"));
	ck_assert_uint_eq(heard(0, "receipt-id:c"), 1);
	ck_assert_uint_eq(shard->large_waiting, 0);
	shard->reserved = 0;
}
END_TEST

START_TEST(a_commit_that_waited_ends_with_its_client)
{
	struct shard *shard = &broker.shards[0];

	connect_both();
	say(1, "SUBSCRIBE\nid:0\ndestination:/sub/a\n\n\0");
	say(0, "BEGIN\ntransaction:t\n\n\0");
	say(0, "SEND\ndestination:/pub/a\ntransaction:t\n\none\0");
	shard->reserved = OUTBOX_SLOTS;
	say(0, "COMMIT\ntransaction:t\n\n\0");
	ck_assert_uint_eq(shard->large_waiting, 1);
	close_session(0);
	ck_assert_uint_eq(shard->large_waiting, 0);
	shard->reserved = 0;
	turn();
	ck_assert_uint_eq(heard(1, "MESSAGE"), 0);
}
END_TEST

/* Who only waits for receipts keeps nobody from sending, whatever its transactions hold. */
START_TEST(waiting_for_receipts_holds_up_nobody)
{
	struct shard *shard = &broker.shards[0];

	connect_both();
	say(1, "SUBSCRIBE\nid:0\ndestination:/sub/a\n\n\0");
	say(0, "BEGIN\ntransaction:t\n\n\0SEND\ndestination:/pub/a\ntransaction:t\n\none\0");
	sessions[0]->receipt_count = config.limits_receipts;
	say(0, "COMMIT\ntransaction:t\n\n\0");
	ck_assert(wires[0].paused);
	say(1, "SEND\ndestination:/pub/a\n\nother\0");
	ck_assert_uint_eq(heard(1, "other"), 1);
	ck_assert_uint_eq(heard(1, "one"), 0);
	sessions[0]->receipt_count = 0;
	shard->reserved = OUTBOX_SLOTS - 1;
	session_go_on(sessions[0]);
	ck_assert_uint_eq(shard->large_waiting, 1); /* now it waits for room */
	shard->reserved = 0;
	session_go_on(sessions[0]);
	turn();
	ck_assert_uint_eq(heard(1, "one"), 1);
	ck_assert_uint_eq(shard->large_waiting, 0);
}
END_TEST

/* Until the interceptor has answered, its room is kept, and given back. */
START_TEST(later_keeps_room_for_a_transaction)
{
	struct shard *shard = &broker.shards[0];

	connect_both();
	say(0, "BEGIN\ntransaction:t\n\n\0SEND\ndestination:/pub/a\ntransaction:t\n\none\0");
	ask_about = "slow";
	say(0, "SEND\ndestination:/pub/slow\ntransaction:t\n\ntwo\0");
	ck_assert_uint_eq(shard->reserved, 2);
	answer(INTERCEPTOR_ALLOW);
	ck_assert_uint_eq(shard->reserved, 0);
	say(0, "SEND\ndestination:/pub/slow\ntransaction:t\n\nthree\0");
	ck_assert_uint_eq(shard->reserved, 3);
	close_session(0);
	ck_assert_uint_eq(shard->reserved, 0);
}
END_TEST

/* Held frames pass the interceptors when they come, not when they are committed. */
START_TEST(a_denied_frame_is_not_held)
{
	connect_both();
	say(1, "SUBSCRIBE\nid:0\ndestination:/sub/slow\n\n\0");
	ask_about = "slow";
	say(0, "BEGIN\ntransaction:t\n\n\0SEND\ndestination:/pub/slow\ntransaction:t\n\nx\0");
	answer(INTERCEPTOR_DENY);
	turn();
	ck_assert_uint_eq(wires[0].closed, 1002);
	ck_assert_uint_eq(heard(1, "MESSAGE"), 0);
}
END_TEST

START_TEST(a_transaction_may_not_rest_for_ever)
{
	uint64_t now = clock_ms();

	connect_both();
	say(0, "BEGIN\ntransaction:t\n\n\0");
	transactions_touch(&sessions[0]->transactions, now - config.limits_transaction_time - 1);
	session_rearm(sessions[0]);
	wheel_advance(&broker.shards[0].wheel, now + 1000);
	turn();
	ck_assert_uint_eq(heard(0, "ERROR\nmessage:Transaction idle for too long"), 1);
	ck_assert_uint_eq(wires[0].closed, 1002);
	ck_assert_uint_eq(wires[1].closed, 0);
}
END_TEST

/* What waits for acknowledgements has an age, like what waits for the socket. */
START_TEST(a_client_that_does_not_acknowledge_is_slow)
{
	uint64_t now = clock_ms();

	config.limits_unacked = 1;
	connect_both();
	say(1, "SUBSCRIBE\nid:0\ndestination:/sub/a\nack:client\n\n\0");
	say(0, "SEND\ndestination:/pub/a\n\none\0SEND\ndestination:/pub/a\n\ntwo\0");
	turn();
	ck_assert_uint_eq(heard(1, "ack:1\nmessage-id:"), 1);
	ck_assert_uint_eq(heard(1, "two"), 0);
	sessions[1]->acks->since_ms = now - config.limits_queue_age - 1;
	session_rearm(sessions[1]);
	wheel_advance(&broker.shards[0].wheel, now + 1000);
	ck_assert_uint_eq(wires[1].closed, 4500);
}
END_TEST

START_TEST(unacknowledged_bytes_are_limited)
{
	static char frame[16 * 1024];
	size_t len = (size_t)snprintf(frame, sizeof(frame), "SEND\ndestination:/pub/a\n\n");

	config.limits_unacked = 1;
	connect_both();
	say(1, "SUBSCRIBE\nid:0\ndestination:/sub/a\nack:client\n\n\0");
	memset(frame + len, 'x', sizeof(frame) - len - 1);
	frame[sizeof(frame) - 1] = '\0';
	for (size_t sent = 0; sent < config.limits_queue + sizeof(frame); sent += sizeof(frame)) {
		ck_assert_uint_eq(wires[1].closed, 0);
		say_span(0, (struct span){ frame, sizeof(frame) });
	}
	say_span(0, (struct span){ frame, sizeof(frame) });
	ck_assert_uint_eq(wires[1].closed, 4500);
	ck_assert_uint_eq(sessions[1]->acks->waiting_bytes, 0);
}
END_TEST

START_TEST(an_idle_session_holds_no_parser)
{
	connect_both();
	ck_assert_ptr_null(sessions[0]->parser);
	say(0, "SEND\ndest");
	ck_assert_ptr_nonnull(sessions[0]->parser);
	say(0, "ination:/pub/a\n\nx\0");
	ck_assert_ptr_null(sessions[0]->parser);
	say(0, "\n\r\n\n");
	ck_assert_ptr_null(sessions[0]->parser);
}
END_TEST

/* Between two polls of SockJS nothing can be put, though nothing waits. */
START_TEST(a_beat_that_found_no_room_is_made_up_for)
{
	uint64_t now = clock_ms();
	size_t before;

	say(0, "CONNECT\naccept-version:1.2\nheart-beat:0,10000\n\n\0");
	before = wires[0].frames;
	wires[0].full = true;
	sessions[0]->sent_ms = now - 10000;
	session_rearm(sessions[0]);
	wheel_advance(&broker.shards[0].wheel, now + 1000);
	ck_assert_uint_eq(wires[0].frames, before);
	wires[0].full = false;
	session_on_room(sessions[0]);
	ck_assert_uint_eq(wires[0].frames, before + 1);
	ck_assert_uint_eq(wires[0].closed, 0);
	session_on_room(sessions[0]);
	ck_assert_uint_eq(wires[0].frames, before + 1);
}
END_TEST

START_TEST(silence_is_answered_with_a_ping_and_then_the_end)
{
	uint64_t now = clock_ms();

	connect_both();
	wheel_advance(&broker.shards[0].wheel, now + config.liveness_ping_after - 1000);
	ck_assert_uint_eq(wires[0].pings, 0);
	sessions[0]->heard_ms = now - config.liveness_ping_after - 1;
	session_rearm(sessions[0]);
	wheel_advance(&broker.shards[0].wheel, now + 60000);
	ck_assert_uint_eq(wires[0].pings, 1);
	ck_assert(!wires[0].killed);
	sessions[0]->pinged_ms = now - config.liveness_answer_within - 1;
	session_rearm(sessions[0]);
	wheel_advance(&broker.shards[0].wheel, now + 120000);
	ck_assert(wires[0].killed);
	ck_assert(!wires[1].killed);
}
END_TEST

START_TEST(where_nobody_can_be_asked_only_promised_beats_count)
{
	uint64_t now = clock_ms();

	for (size_t i = 0; i < countof(sessions); i++)
		wires[i].cannot_ping = true;
	say(0, "CONNECT\naccept-version:1.2\nheart-beat:10000,0\n\n\0");
	say(1, "CONNECT\naccept-version:1.2\nheart-beat:0,0\n\n\0");
	for (size_t i = 0; i < countof(sessions); i++) {
		sessions[i]->heard_ms = now - 29000;
		session_rearm(sessions[i]);
	}
	wheel_advance(&broker.shards[0].wheel, now + 60000);
	ck_assert(!wires[0].killed);
	for (size_t i = 0; i < countof(sessions); i++) {
		sessions[i]->heard_ms = now - 30001;
		session_rearm(sessions[i]);
	}
	wheel_advance(&broker.shards[0].wheel, now + 120000);
	ck_assert(wires[0].killed);
	ck_assert(!wires[1].killed);
	ck_assert_uint_eq(wires[0].pings + wires[1].pings, 0);
}
END_TEST

START_TEST(who_says_no_more_still_gets_its_receipts)
{
	wires[0].cannot_ping = true;
	say(0, "CONNECT\naccept-version:1.2\n\n\0");
	say(0, "DISCONNECT\nreceipt:bye\n\n\0");
	session_on_eof(sessions[0]);
	ck_assert_uint_eq(wires[0].closed, 0);
	session_on_room(sessions[0]);
	ck_assert_uint_eq(heard(0, "RECEIPT\nreceipt-id:bye\n"), 1);
	ck_assert_uint_eq(wires[0].closed, CONN_CLOSE_NORMAL);
	session_on_eof(sessions[1]);
	session_on_room(sessions[1]);
	ck_assert_uint_eq(wires[1].closed, CONN_CLOSE_NORMAL);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("broker/session");
	TCase *tc = tcase_create("session");
	SRunner *runner;
	int failed;

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, a_send_reaches_subscribers);
	tcase_add_test(tc, later_holds_back_what_follows);
	tcase_add_test(tc, later_may_find_no_credit);
	tcase_add_test(tc, later_may_deny);
	tcase_add_test(tc, a_closed_client_takes_its_question_along);
	tcase_add_test(tc, an_answer_after_going_away_does_nothing);
	tcase_add_test(tc, a_client_that_does_not_read_is_closed_alone);
	tcase_add_test(tc, receipts_keep_the_order_of_their_frames);
	tcase_add_test(tc, a_held_client_is_not_taken_for_dead);
	tcase_add_test(tc, a_commit_waits_for_room_for_all);
	tcase_add_test(tc, a_commit_that_waited_ends_with_its_client);
	tcase_add_test(tc, waiting_for_receipts_holds_up_nobody);
	tcase_add_test(tc, later_keeps_room_for_a_transaction);
	tcase_add_test(tc, a_denied_frame_is_not_held);
	tcase_add_test(tc, a_transaction_may_not_rest_for_ever);
	tcase_add_test(tc, a_client_that_does_not_acknowledge_is_slow);
	tcase_add_test(tc, unacknowledged_bytes_are_limited);
	tcase_add_test(tc, an_idle_session_holds_no_parser);
	tcase_add_test(tc, a_beat_that_found_no_room_is_made_up_for);
	tcase_add_test(tc, silence_is_answered_with_a_ping_and_then_the_end);
	tcase_add_test(tc, where_nobody_can_be_asked_only_promised_beats_count);
	tcase_add_test(tc, who_says_no_more_still_gets_its_receipts);
	suite_add_tcase(suite, tc);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
