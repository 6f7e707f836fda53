/*
 * BEGIN, COMMIT, ABORT, and what other commands do in a transaction (STOMP 1.2).
 * A SEND is checked like any other when it comes; after that nothing about it
 * can fail but the bus, or a queue that is full. So COMMIT only has to hand over
 * what is held, in one go: the shard has room for all of it, or else the COMMIT
 * would not have been read (see must_wait() in session.c).
 */
#include "base/clock.h"
#include "broker/broker.h"
#include "broker/compat.h"
#include "broker/session.h"
#include "broker/transaction.h"

#include <stdlib.h>

static const struct config *config_of(const struct session *s)
{
	return s->shard->broker->config;
}

static void fail_unknown(struct session *s, const struct stomp_frame *frame)
{
	session_fail(s, stomp_frame_value(frame, SPAN("receipt")), "Unknown transaction",
		"%s names a transaction that is not open", stomp_command_name(frame->command));
}

bool session_find_transaction(
	struct session *s, const struct stomp_frame *frame, struct transaction **in)
{
	struct span id = stomp_frame_value(frame, SPAN("transaction"));

	if (compat_is_on(s, COMPAT_TRANSACTIONS))
		id.at = NULL;
	*in = id.at ? transactions_find(&s->transactions, id) : NULL;
	if (!id.at || *in)
		return true;
	fail_unknown(s, frame);
	return false;
}

/* Half of limits.backlog at most: a COMMIT comes over the other threads all at once. */
static size_t bytes_most(const struct session *s)
{
	const struct config *c = config_of(s);
	size_t half = c->limits_backlog / 2;

	return c->limits_transaction_bytes < half ? c->limits_transaction_bytes : half;
}

static bool check_room(struct session *s, const struct stomp_frame *frame, size_t bytes)
{
	struct span receipt = stomp_frame_value(frame, SPAN("receipt"));
	size_t most = bytes_most(s);

	if (s->transactions.frames >= config_of(s)->limits_transaction_frames) {
		session_fail(s, receipt, "Transaction too large",
			"limits.transaction_frames is %zu",
			(size_t)config_of(s)->limits_transaction_frames);
		return false;
	}
	if (s->transactions.bytes > most || bytes > most - s->transactions.bytes) {
		session_fail(s, receipt, "Transaction too large",
			"limits.transaction_bytes, or half of limits.backlog, is %zu bytes", most);
		return false;
	}
	return true;
}

void session_hold_send(struct session *s, const struct stomp_frame *frame, struct transaction *in,
	const struct bus_message *m)
{
	size_t bytes = transaction_bytes(publish_bytes(m));

	if (!check_room(s, frame, bytes))
		return;
	transaction_hold_send(&s->transactions, in, publish_new(m, true), bytes, clock_ms());
	session_receipt(s, frame, 0);
}

void session_hold_ack(struct session *s, const struct stomp_frame *frame, struct transaction *in,
	uint64_t number, bool taken)
{
	if (!check_room(s, frame, transaction_bytes(0)))
		return;
	transaction_hold_ack(&s->transactions, in, number, taken, clock_ms());
	session_receipt(s, frame, 0);
}

void session_begin(struct session *s, const struct stomp_frame *frame)
{
	struct span receipt = stomp_frame_value(frame, SPAN("receipt"));
	struct span id = stomp_frame_value(frame, SPAN("transaction"));
	size_t most = config_of(s)->limits_transactions;

	if (compat_ignores(s, frame, COMPAT_TRANSACTIONS))
		return;
	if (transactions_find(&s->transactions, id)) {
		session_fail(s, receipt, "Duplicate transaction",
			"a transaction of that name is open already");
		return;
	}
	if (s->transactions.count >= most) {
		session_fail(
			s, receipt, "Too many transactions", "limits.transactions is %zu", most);
		return;
	}
	transactions_begin(&s->transactions, id, clock_ms());
	session_receipt(s, frame, 0);
	session_rearm(s); /* it may not rest for too long */
}

/* The transaction that the frame ends, now the caller's; NULL after an answer. */
static struct transaction *take_named(struct session *s, const struct stomp_frame *frame)
{
	struct transaction *in =
		transactions_find(&s->transactions, stomp_frame_value(frame, SPAN("transaction")));

	if (compat_ignores(s, frame, COMPAT_TRANSACTIONS))
		return NULL;
	if (in)
		transactions_take(&s->transactions, in);
	else
		fail_unknown(s, frame);
	return in;
}

/* A close of this session, which may happen on the way, does not see the transaction. */
void session_commit(struct session *s, const struct stomp_frame *frame)
{
	struct transaction *in = take_named(s, frame);
	struct transaction_step *step;

	if (!in)
		return;
	session_receipt_for(s, frame, s->shard->published + 1, in->sends);
	while ((step = transaction_next(in))) {
		if (step->publish) {
			stats_add(&s->shard->stats.messages_received, 1);
			shard_hand_over(s->shard, step->publish, s);
		} else {
			session_settle(s, step->number, step->taken);
		}
		free(step);
	}
	transaction_free(in);
}

void session_abort(struct session *s, const struct stomp_frame *frame)
{
	struct transaction *in = take_named(s, frame);

	if (!in)
		return;
	transaction_free(in);
	session_receipt(s, frame, 0);
}
