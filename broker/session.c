/*
 * Bytes to frames to the command table, and the client's outbound queue. What
 * the commands do stands in command.c, what is answered in reply.c, and what
 * time brings about in session_timer.c.
 *
 * A session may have to wait before its next frame: an interceptor has not
 * decided, the shard has no credit for publishes, or too many receipts are owed.
 * Then its connection is not read, and what was read already is held.
 */
#include "broker/session.h"

#include "auth/principal.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/random.h"
#include "broker/ack.h"
#include "broker/broker.h"
#include "broker/compat.h"
#include "broker/intake.h"
#include "broker/wire.h"
#include "stomp/parser.h"
#include "stomp/writer.h"
#include "transport/server.h"

#include <stdlib.h>
#include <time.h>

/* A frame in front of the interceptors, and what they may take time to think about. */
struct pending {
	struct interceptor_call call;
	struct stomp_frame frame;
};

static const struct config *config_of(const struct session *s)
{
	return s->shard->broker->config;
}

void *session_open(struct shard *shard, struct conn *c, const struct request *request)
{
	struct session *s = mem_zalloc(sizeof(*s));
	struct buf token = { NULL, 0, 0 };
	char peer[64];

	s->shard = shard;
	s->conn = c;
	s->id = atomic_fetch_add_explicit(&shard->broker->sessions, 1, memory_order_relaxed) + 1;
	random_name(s->name, sizeof(s->name) - 1);
	s->is_text_only = conn_is_text_only(c);
	s->version = STOMP_VERSION_1_2; /* what CONNECT is read as */
	s->opened_ms = s->heard_ms = s->sent_ms = clock_ms();
	list_init(&s->wait);
	list_init(&s->receipts);
	list_init(&s->intakes);
	list_push(&shard->sessions, &s->link);
	outbound_init(&s->out);
	transactions_init(&s->transactions);
	session_init_timer(s);
	if (token_from_request(shard->broker->tokens, request->query, request->cookie, &token))
		s->kept_token = mem_dup(token.at, token.len);
	buf_fini(&token);
	session_rearm(s);
	stats_add(&shard->stats.connections_opened, 1);
	stats_add(stats_opened(&shard->stats, conn_kind(c)), 1);
	atomic_fetch_add_explicit(&shard->session_count, 1, memory_order_relaxed);
	if (log_enabled(LOG_LEVEL_DEBUG)) {
		conn_peer(c, peer, sizeof(peer));
		log_debug("session.open", LOG_U64("session", s->id), LOG_U64("shard", shard->index),
			LOG_STR("from", peer));
	}
	return s;
}

static void drop_parser(struct session *s)
{
	if (s->parser)
		shard_return_parser(s->shard, s->parser);
	s->parser = NULL;
}

static void stop_waiting(struct session *s)
{
	list_remove(&s->wait);
	s->shard->large_waiting -= s->is_large;
	s->is_large = false;
}

/* A COMMIT hands over all that its transaction holds, without a pause in between. */
static size_t publishes_most(const struct session *s)
{
	return 1 + s->transactions.sends;
}

static void count_end(const struct session *s)
{
	struct stats *stats = &s->shard->stats;

	stats_add(&stats->connections_closed, 1);
	stats_add(stats_closed(stats, conn_kind(s->conn)), 1);
	if (s->state != SESSION_CLOSING && conn_was_cut(s->conn))
		stats_add(&stats->connections_cut, 1);
}

void session_on_close(void *session)
{
	struct session *s = session;

	list_remove(&s->link);
	stop_waiting(s);
	wheel_stop(&s->timer);
	if (s->pending) {
		s->shard->reserved -= s->reserved;
		interceptor_cancel(&s->pending->call);
		free(s->pending);
	}
	session_end_subscriptions(s);
	acks_free(s->acks);
	transactions_fini(&s->transactions);
	shard_forget(s->shard, s);
	session_forget_receipts(s);
	outbound_clear(&s->out);
	drop_parser(s);
	buf_fini(&s->held);
	principal_free(s->principal);
	free(s->kept_token);
	count_end(s);
	atomic_fetch_sub_explicit(&s->shard->session_count, 1, memory_order_relaxed);
	log_debug("session.close", LOG_U64("session", s->id));
	free(s);
}

/* --- out ------------------------------------------------------------------ */

void session_queue(
	struct session *s, struct wire *wire, struct subscription *subscription, uint64_t ack)
{
	outbound_push_acked(&s->out, wire, subscription, ack, clock_ms());
	conn_want_room(s->conn);
	if (s->out.count == 1 && conn_is_blocked(s->conn))
		session_rearm(s); /* its age counts from now on */
}

/* What waits for the client's acknowledgements is as much a burden as what waits for its socket. */
static size_t queued_bytes(const struct session *s)
{
	return s->out.bytes + (s->acks ? s->acks->waiting_bytes : 0);
}

void session_close_slow(struct session *s)
{
	size_t unacked = s->acks ? s->acks->waiting_count : 0;

	stats_add(&s->shard->stats.slow_closed, 1);
	log_info("session.slow", LOG_U64("session", s->id),
		LOG_U64("queued_bytes", queued_bytes(s)),
		LOG_U64("queued_messages", s->out.count + unacked),
		LOG_U64("held_for_acks", unacked));
	outbound_clear(&s->out);
	if (s->acks)
		acks_drop_waiting(s->acks);
	session_forget_receipts(s);
	session_finish(
		s, CONN_CLOSE_SLOW, "Failed to send message within the configured send limit", 0);
}

/* What this very turn has queued is no sign of a slow client: it is let out first. */
bool session_is_full(struct session *s)
{
	if (queued_bytes(s) >= config_of(s)->limits_queue && !conn_is_blocked(s->conn))
		conn_room_now(s->conn);
	return queued_bytes(s) >= config_of(s)->limits_queue;
}

void session_push(struct session *s, struct wire *wire, struct subscription *subscription)
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
	session_queue(s, wire, subscription, 0);
}

void session_on_room(void *session)
{
	struct session *s = session;
	uint64_t now = clock_ms();
	uint32_t before;
	bool drained;

	if (s->beat_owed && s->out.count == 0 && s->state == SESSION_CONNECTED)
		outbound_push(&s->out, wire_ref(s->shard->beat), NULL, now);
	s->beat_owed = false;
	before = s->out.count;
	drained = outbound_write(&s->out, s->conn, now);
	if (s->out.count < before)
		s->sent_ms = now;
	if (!drained)
		session_rearm(s); /* the age of what waits counts from now on */
	intake_pump(s);
	if (s->state != SESSION_CLOSING || s->close_sent)
		return;
	if (drained && list_is_empty(&s->receipts) && now >= s->close_at_ms) {
		s->close_sent = true;
		conn_close(s->conn, s->close_code, s->close_reason, config_of(s)->limits_linger);
	}
}

void session_finish(struct session *s, unsigned code, const char *reason, uint64_t grace_ms)
{
	uint64_t now = clock_ms();

	intake_close_all(s);
	s->state = SESSION_CLOSING;
	s->close_code = code;
	s->close_reason = reason;
	s->close_at_ms = now + grace_ms;
	s->give_up_ms = s->close_at_ms + config_of(s)->limits_linger;
	if (code == CONN_CLOSE_SLOW) {
		/* Nothing goes out any more but the reason, behind what the socket already has. */
		s->close_sent = true;
		conn_close(s->conn, code, reason, config_of(s)->limits_linger);
	}
	conn_want_room(s->conn);
	session_rearm(s);
}

void session_on_eof(void *session)
{
	struct session *s = session;
	uint64_t now = clock_ms();

	if (s->state != SESSION_CLOSING) {
		session_finish(s, CONN_CLOSE_NORMAL, "", 0);
		return;
	}
	/* It was given time to close first; that it has done. */
	if (s->close_at_ms > now)
		s->close_at_ms = now;
	conn_want_room(s->conn);
	session_rearm(s);
}

void session_go_away(struct session *s)
{
	if (s->state != SESSION_CLOSING)
		session_finish(s, CONN_CLOSE_GOING_AWAY, "the server is shutting down", 0);
}

/* --- in ------------------------------------------------------------------- */

static struct span receipt_of(const struct stomp_frame *frame)
{
	struct span receipt = { NULL, 0 };

	/* A receipt on CONNECT is not honoured (STOMP 1.2, "receipt"). */
	if (frame->command != STOMP_CONNECT && frame->command != STOMP_STOMP)
		(void)stomp_frame_header(frame, SPAN("receipt"), &receipt);
	return receipt;
}

static void refuse_illegal(
	struct session *s, const struct stomp_frame *frame, enum inbound why, const char *missing)
{
	const char *command = stomp_command_name(frame->command);
	struct span receipt = receipt_of(frame);

	switch (why) {
	case INBOUND_LEGAL:
		break;
	case INBOUND_NOT_SUPPORTED:
		session_fail(s, receipt, "Command not supported",
			"%s is not supported from a client", command);
		break;
	case INBOUND_WRONG_STATE:
		session_fail(s, receipt,
			s->state == SESSION_OPEN ? "Not connected" : "Already connected",
			s->state == SESSION_OPEN ? "%s came before CONNECT"
						 : "%s came on a connected session",
			command);
		break;
	case INBOUND_HEADER_MISSING:
		if (compat_ignores_incomplete(s, frame))
			break;
		session_fail(s, receipt, "Required header missing", "%s needs the header %s",
			command, missing);
		break;
	}
}

static void refuse_syntax(struct session *s)
{
	static const char *const options[] = {
		[STOMP_FAULT_HEADERS] = "limits.headers",
		[STOMP_FAULT_LINE_BYTES] = "limits.header_line",
		[STOMP_FAULT_HEADER_BYTES] = "limits.header_block",
		[STOMP_FAULT_BODY_BYTES] = "limits.body",
	};
	enum stomp_fault fault = stomp_parser_fault(s->parser);
	const char *error = stomp_parser_error(s->parser);
	struct span receipt = { NULL, 0 };
	struct stomp_limits limits = s->state == SESSION_OPEN ? s->shard->broker->connect_limits
							      : s->shard->broker->limits;
	const size_t values[] = {
		[STOMP_FAULT_HEADERS] = limits.headers,
		[STOMP_FAULT_LINE_BYTES] = limits.line_bytes,
		[STOMP_FAULT_HEADER_BYTES] = limits.header_bytes,
		[STOMP_FAULT_BODY_BYTES] = limits.body_bytes,
	};

	/* Before CONNECT there is nothing to receipt. */
	if (s->state == SESSION_OPEN || !stomp_parser_refused_receipt(s->parser, &receipt))
		receipt.at = NULL;
	if (fault == STOMP_FAULT_NONE || fault == STOMP_FAULT_SYNTAX)
		session_fail(s, receipt, error, "The frame breaks the STOMP grammar: %s", error);
	else if (s->state == SESSION_OPEN && fault != STOMP_FAULT_HEADERS)
		session_fail(s, receipt, error, "limits.connect_frame is %llu",
			(unsigned long long)config_of(s)->limits_connect_frame);
	else
		session_fail(s, receipt, error, "%s is %zu", options[fault], values[fault]);
}

static void act(struct session *s, struct pending *p)
{
	if (p->call.identified)
		s->principal = p->call.identified;
	p->call.identified = NULL;
	inbound_act(s, &p->frame);
}

static void deny(struct session *s, struct pending *p)
{
	stats_add(&s->shard->stats.access_denied, 1);
	log_info("session.denied", LOG_U64("session", s->id),
		LOG_STR("command", stomp_command_name(p->frame.command)),
		LOG_STR("why", p->call.why ? p->call.why : "denied"));
	principal_free(p->call.identified);
	p->call.identified = NULL;
	session_fail(s, receipt_of(&p->frame), p->call.why ? p->call.why : "Access denied",
		"%s was refused", stomp_command_name(p->frame.command));
}

static void give_back(struct session *s, struct pending *p)
{
	if (s->shard->spare)
		free(p);
	else
		s->shard->spare = p;
}

static void on_verdict(void *owner, struct interceptor_call *call, enum interceptor_verdict verdict)
{
	struct session *s = owner;
	struct pending *p = container_of(call, struct pending, call);

	s->pending = NULL;
	s->shard->reserved -= s->reserved;
	if (s->state == SESSION_CLOSING) {
		principal_free(call->identified); /* the node is going down meanwhile */
		call->identified = NULL;
	} else if (verdict == INTERCEPTOR_ALLOW) {
		act(s, p);
	} else {
		deny(s, p);
	}
	give_back(s, p);
	session_go_on(s);
}

static void intercept(struct session *s, const struct stomp_frame *frame)
{
	struct pending *p = s->shard->spare;
	struct span kept = { s->kept_token, s->kept_token ? strlen(s->kept_token) : 0 };

	s->shard->spare = NULL;
	if (!p)
		p = mem_zalloc(sizeof(*p));
	p->frame = *frame;
	p->call = (struct interceptor_call){
		.frame = &p->frame,
		.kept_token = kept,
		.now_s = time(NULL),
		.principal = s->principal,
		.on_verdict = on_verdict,
		.owner = s,
	};
	switch (interceptor_run(s->shard->broker->chain, &p->call)) {
	case INTERCEPTOR_ALLOW:
		act(s, p);
		break;
	case INTERCEPTOR_DENY:
		deny(s, p);
		break;
	case INTERCEPTOR_LATER:
		s->pending = p;
		s->reserved = publishes_most(s);
		s->shard->reserved += s->reserved;
		conn_pause(s->conn);
		return;
	}
	give_back(s, p);
}

bool session_is_held(const struct session *s)
{
	return s->pending || !list_is_empty(&s->wait);
}

static bool lacks_credit(const struct session *s)
{
	size_t publishes = publishes_most(s);

	return publishes > 1 ? !shard_has_room(s->shard, publishes) : !shard_has_credit(s->shard);
}

static bool must_wait(const struct session *s)
{
	return s->pending || lacks_credit(s) || s->receipt_count >= config_of(s)->limits_receipts ||
	       s->receipt_bytes >= config_of(s)->limits_queue;
}

/* Others are held up only by who waits for room, not by who waits for its receipts. */
static void judge_size(struct session *s)
{
	s->shard->large_waiting -= s->is_large;
	s->is_large = publishes_most(s) > 1 && lacks_credit(s);
	s->shard->large_waiting += s->is_large;
}

static void wait_for_credit(struct session *s)
{
	if (s->pending)
		return;
	judge_size(s);
	if (session_is_held(s))
		return;
	list_push(&s->shard->waiting, &s->wait);
	conn_pause(s->conn);
}

static void configure_parser(struct session *s)
{
	const struct broker *b = s->shard->broker;

	stomp_parser_reset(s->parser, s->state == SESSION_OPEN ? &b->connect_limits : &b->limits);
	stomp_parser_set_version(s->parser, s->version);
}

static void count_frame(struct stats *stats, enum stomp_command command)
{
	stats_add(&stats->frames_received, 1);
	if (command == STOMP_CONNECT || command == STOMP_STOMP)
		stats_add(&stats->connects_received, 1);
	else if (command == STOMP_DISCONNECT)
		stats_add(&stats->disconnects_received, 1);
}

static void read_frames(struct session *s)
{
	struct stomp_frame frame;
	enum inbound legal;
	const char *missing = "";

	while (s->parser && s->state != SESSION_CLOSING) {
		enum stomp_got got;

		if (must_wait(s)) {
			wait_for_credit(s);
			return;
		}
		got = stomp_parser_next(s->parser, &frame);
		if (got == STOMP_GOT_MORE)
			break;
		if (got == STOMP_GOT_ERROR) {
			refuse_syntax(s);
			break;
		}
		count_frame(&s->shard->stats, frame.command);
		legal = inbound_check(s, &frame, &missing);
		if (legal == INBOUND_LEGAL)
			intercept(s, &frame);
		else
			refuse_illegal(s, &frame, legal, missing);
		if (s->pending)
			return; /* the frame is still being looked at */
	}
	if (s->parser && (s->state == SESSION_CLOSING || stomp_parser_pending(s->parser) == 0))
		drop_parser(s);
}

static bool is_only_beats(struct span bytes)
{
	for (size_t i = 0; i < bytes.len; i++) {
		if (bytes.at[i] != '\n' && bytes.at[i] != '\r')
			return false;
	}
	return true;
}

static void take_bytes(struct session *s, struct span bytes)
{
	if (!s->parser) {
		if (is_only_beats(bytes))
			return;
		s->parser = shard_take_parser(s->shard);
		configure_parser(s);
	}
	stomp_parser_feed(s->parser, bytes);
	read_frames(s);
}

void session_on_bytes(void *session, struct span bytes)
{
	struct session *s = session;

	s->heard_ms = clock_ms();
	s->pinged_ms = 0;
	if (s->state == SESSION_CLOSING)
		return;
	if (session_is_held(s))
		buf_put(&s->held, bytes); /* at most what was read before the pause */
	else
		take_bytes(s, bytes);
}

void session_on_pong(void *session)
{
	struct session *s = session;

	s->heard_ms = clock_ms();
	s->pinged_ms = 0;
}

void session_go_on(struct session *s)
{
	struct buf held;

	if (s->state != SESSION_CLOSING && must_wait(s)) {
		wait_for_credit(s);
		return;
	}
	stop_waiting(s);
	read_frames(s);
	if (session_is_held(s))
		return;
	held = s->held;
	s->held = (struct buf){ NULL, 0, 0 };
	if (held.len > 0 && s->state != SESSION_CLOSING)
		take_bytes(s, buf_span(&held));
	buf_fini(&held);
	if (!session_is_held(s))
		conn_resume(s->conn);
}
