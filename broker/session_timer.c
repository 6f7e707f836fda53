/*
 * Everything about a session that time brings about, on one timer: the CONNECT
 * deadline, heart-beats out, signs of life in, the age of the queue, the end of
 * a close. The timer is armed for the earliest of them and looks at all.
 */
#include "base/clock.h"
#include "base/log.h"
#include "broker/ack.h"
#include "broker/broker.h"
#include "broker/session.h"
#include "broker/wire.h"
#include "transport/conn.h"

enum {
	BEATS_MISSED = 3
};

static const struct config *config_of(const struct session *s)
{
	return s->shard->broker->config;
}

/* Beats go out up to two ticks of the wheel early and never late. */
static uint64_t beat_due(const struct session *s)
{
	uint64_t early =
		s->beats.send_ms > 4 * WHEEL_TICK_MS ? 2 * WHEEL_TICK_MS : s->beats.send_ms / 2;

	return s->beats.send_ms == 0 ? UINT64_MAX : s->sent_ms + s->beats.send_ms - early;
}

/*
 * A client is asked for a sign of life when it has been silent for long, or has
 * missed its second beat. Hidden browser tabs miss beats and are well: only a
 * PING without answer ends a session.
 *
 * On a TCP stream nobody can be asked. There are no hidden tabs either: who has
 * promised beats and misses the third is gone. Of who has promised none the
 * kernel's keep-alive asks, not we. liveness.require_heartbeats holds the others
 * to their promise as well.
 */
static bool is_asked(const struct session *s)
{
	if (s->beats.receive_ms > 0 && config_of(s)->liveness_require_heartbeats)
		return false;
	return conn_can_ping(s->conn);
}

static uint64_t ping_due(const struct session *s)
{
	uint64_t silence = config_of(s)->liveness_ping_after;

	if (!is_asked(s))
		return UINT64_MAX;
	if (s->beats.receive_ms > 0 && (uint64_t)s->beats.receive_ms * 2 < silence)
		silence = (uint64_t)s->beats.receive_ms * 2;
	return s->heard_ms + silence;
}

static uint64_t silence_due(const struct session *s)
{
	if (is_asked(s) || s->beats.receive_ms == 0)
		return UINT64_MAX;
	return s->heard_ms + (uint64_t)s->beats.receive_ms * BEATS_MISSED;
}

static uint64_t answer_due(const struct session *s)
{
	return s->pinged_ms + config_of(s)->liveness_answer_within;
}

static uint64_t least(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

/* For the socket, or for acknowledgements. */
static uint64_t age_due(const struct session *s)
{
	uint64_t since = s->out.count == 0 ? UINT64_MAX : s->out.since_ms;

	if (s->acks && s->acks->waiting_count > 0)
		since = least(since, s->acks->since_ms);
	return since == UINT64_MAX ? UINT64_MAX : since + config_of(s)->limits_queue_age;
}

static uint64_t transaction_due(const struct session *s)
{
	uint64_t since = transactions_oldest_ms(&s->transactions);

	return since == UINT64_MAX ? UINT64_MAX : since + config_of(s)->limits_transaction_time;
}

static uint64_t next_due(const struct session *s, uint64_t now)
{
	switch (s->state) {
	case SESSION_OPEN:
		return s->opened_ms + config_of(s)->limits_connect_time;
	case SESSION_CONNECTED:
		return least(least(least(beat_due(s), age_due(s)),
				     least(transaction_due(s), silence_due(s))),
			s->pinged_ms ? answer_due(s) : ping_due(s));
	case SESSION_CLOSING:
		if (s->close_sent)
			return UINT64_MAX;
		return now < s->close_at_ms ? s->close_at_ms : s->give_up_ms;
	}
	return UINT64_MAX;
}

void session_rearm(struct session *s)
{
	uint64_t due = next_due(s, clock_ms());

	if (due == UINT64_MAX)
		wheel_stop(&s->timer);
	else
		wheel_arm(&s->shard->wheel, &s->timer, due);
}

static void look_at_beats(struct session *s, uint64_t now)
{
	if (now < beat_due(s))
		return;
	if (s->out.count == 0 && !conn_is_blocked(s->conn)) {
		session_push(s, wire_ref(s->shard->beat), NULL);
		return;
	}
	/*
	 * What waits is more than a beat would be. But when a client polls, its
	 * connection is blocked between two polls though nothing waits.
	 */
	s->beat_owed = s->out.count == 0;
	s->sent_ms = now;
}

static void end_silent(struct session *s, uint64_t now)
{
	stats_add(&s->shard->stats.silent_closed, 1);
	log_info("session.silent", LOG_U64("session", s->id),
		LOG_U64("silent_ms", now - s->heard_ms));
	conn_kill(s->conn);
}

/* True when the session has been ended. */
static bool look_for_life(struct session *s, uint64_t now)
{
	/*
	 * Who is not read cannot show that it lives; and who does not read gets no
	 * PING: the age of the queue and TCP's own timeout see to that one.
	 */
	if (session_is_held(s) || conn_is_blocked(s->conn)) {
		s->heard_ms = now;
		s->pinged_ms = 0;
		return false;
	}
	if (s->pinged_ms != 0) {
		if (now < answer_due(s))
			return false;
		end_silent(s, now);
		return true;
	}
	if (now >= silence_due(s)) {
		end_silent(s, now);
		return true;
	}
	if (now >= ping_due(s)) {
		s->pinged_ms = now;
		conn_ping(s->conn);
	}
	return false;
}

static void look_at_connected(struct session *s, uint64_t now)
{
	if (now >= age_due(s)) {
		session_close_slow(s);
		return;
	}
	if (session_is_held(s))
		transactions_touch(&s->transactions, now); /* its frames are not read */
	if (now >= transaction_due(s)) {
		session_fail(s, (struct span){ NULL, 0 }, "Transaction idle for too long",
			"limits.transaction_time is %llu ms",
			(unsigned long long)config_of(s)->limits_transaction_time);
		return;
	}
	if (look_for_life(s, now))
		return;
	look_at_beats(s, now);
	session_rearm(s);
}

static void look_at_open(struct session *s, uint64_t now)
{
	uint64_t limit = config_of(s)->limits_connect_time;

	if (now < s->opened_ms + limit) {
		session_rearm(s);
		return;
	}
	stats_add(&s->shard->stats.connect_timeouts, 1);
	session_fail(s, (struct span){ NULL, 0 }, "No CONNECT in time",
		"limits.connect_time is %llu ms", (unsigned long long)limit);
}

static void look_at_closing(struct session *s, uint64_t now)
{
	if (now >= s->give_up_ms)
		conn_kill(s->conn);
	else if (now >= s->close_at_ms)
		conn_want_room(s->conn); /* on_room closes when all is out */
	session_rearm(s);
}

static void on_timer(struct wheel_timer *timer)
{
	struct session *s = container_of(timer, struct session, timer);
	uint64_t now = clock_ms();

	switch (s->state) {
	case SESSION_OPEN:
		look_at_open(s, now);
		break;
	case SESSION_CONNECTED:
		look_at_connected(s, now);
		break;
	case SESSION_CLOSING:
		look_at_closing(s, now);
		break;
	}
}

void session_init_timer(struct session *s)
{
	wheel_timer_init(&s->timer, on_timer);
}
