/*
 * Messages of subscriptions with ack:client or ack:client-individual, and what
 * the client answers to them (STOMP 1.2, "ACK", "NACK").
 */
#include "base/clock.h"
#include "broker/ack.h"
#include "broker/broker.h"
#include "broker/compat.h"
#include "broker/intake.h"
#include "broker/session.h"
#include "broker/topic.h"
#include "broker/wire.h"

/* They were counted against limits.queue while they waited: it is not asked again. */
static void hand_out(struct session *s)
{
	const struct delivery *d;
	struct wire *wire;

	while (s->state != SESSION_CLOSING && (d = acks_pull(s->acks, &wire, clock_ms())))
		session_queue(
			s, wire, d->subscription, s->version >= STOMP_VERSION_1_2 ? d->number : 0);
}

void session_deliver(
	struct session *s, struct wire *wire, struct subscription *subscription, const char *id)
{
	if (s->state == SESSION_CLOSING) {
		wire_unref(wire);
		return;
	}
	if (session_is_full(s)) {
		wire_unref(wire);
		session_close_slow(s);
		return;
	}
	acks_push(s->acks, wire, subscription, id, clock_ms());
	hand_out(s);
	if (s->acks->waiting_count == 1)
		session_rearm(s); /* its age counts from now on */
}

void session_deliver_given(struct session *s, struct wire *wire, struct subscription *subscription,
	const char *id, uint64_t given)
{
	acks_push(s->acks, wire, subscription, id, clock_ms())->given = given;
	hand_out(s);
}

void session_settle(struct session *s, uint64_t number, bool taken)
{
	struct stats *stats = &s->shard->stats;
	const struct delivery *d = acks_find(s->acks, number);

	if (!d)
		return; /* a COMMIT, and another frame was faster */
	intake_settle(d->subscription, d->given, taken);
	stats_add(taken ? &stats->messages_acked : &stats->messages_nacked,
		acks_settle(s->acks, number));
	hand_out(s);
	intake_pump(s);
}

void session_end_deliveries(struct session *s, const struct subscription *subscription)
{
	acks_end(s->acks, subscription);
	hand_out(s); /* others may have waited for its place */
	intake_pump(s);
}

static const struct delivery *find(const struct session *s, const struct stomp_frame *frame)
{
	if (!s->acks)
		return NULL;
	if (s->version >= STOMP_VERSION_1_2)
		return acks_by_number(s->acks, stomp_frame_value(frame, SPAN("id")));
	return acks_by_message(s->acks, stomp_frame_value(frame, SPAN("message-id")),
		stomp_frame_value(frame, SPAN("subscription")));
}

static void answer(struct session *s, const struct stomp_frame *frame, bool taken)
{
	struct transaction *in;
	const struct delivery *d;

	if (compat_ignores(s, frame, COMPAT_ACK))
		return;
	if (!session_find_transaction(s, frame, &in))
		return;
	d = find(s, frame);
	if (!d) {
		session_fail(s, stomp_frame_value(frame, SPAN("receipt")), "Unknown message",
			"%s names no message that waits for it",
			stomp_command_name(frame->command));
		return;
	}
	if (in) {
		session_hold_ack(s, frame, in, d->number, taken);
		return;
	}
	session_settle(s, d->number, taken);
	session_receipt(s, frame, 0);
}

void session_ack(struct session *s, const struct stomp_frame *frame)
{
	answer(s, frame, true);
}

/* A queue gives the message to somebody else; a topic has nobody: it is counted. */
void session_nack(struct session *s, const struct stomp_frame *frame)
{
	answer(s, frame, false);
}
