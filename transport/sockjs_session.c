/*
 * A SockJS session over HTTP at its owner. For the rest of the broker it is a
 * connection like any other; it can be written to while a receiver is there.
 * What waits meanwhile waits with the owner of the connection, whose queue is
 * bounded in bytes and in age, so nothing is queued here.
 *
 * A session ends when its receiver's connection breaks, or when none has come
 * for disconnect_ms. One that was closed remembers its last frame for as long,
 * so that whoever polls gets to know it.
 */
#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "transport/internal.h"

#include <stdio.h>
#include <stdlib.h>

enum {
	WINDOW_BYTES = 64 * 1024, /* sent to a receiver and not yet written to its socket */
	SENDS_MOST = 8,           /* bodies that wait while the session is not read */
	RENEW_MS = 20000,         /* of a claim in the directory */
	PEER_BYTES = 64,
};

struct receiver {
	bool here;
	bool is_polling; /* one frame, and the response ends */
	enum sockjs_transport transport;
	struct note_place front;
	uint64_t exchange;
	uint32_t next;  /* number of the next note */
	uint64_t sent;  /* bytes of frames */
	uint64_t taken; /* of those, what the front has written */
	char callback[SOCKJS_CALLBACK_MOST + 1];
};

struct sockjs_session {
	struct conn conn;
	struct list link; /* in server->sessions */
	const struct endpoint *endpoint;
	char *key; /* owned; what the home knows it by: see sockjs_home.c */
	size_t key_len;
	char peer[PEER_BYTES];

	struct receiver receiver;
	struct wheel_timer timer;
	uint64_t detached_ms; /* when the last receiver went */
	uint64_t spoken_ms;   /* when the last frame went out */
	uint64_t renewed_ms;

	bool is_closed;    /* `last` is all that receivers get */
	bool has_more;     /* the owner has been refused a text for want of room in the frame */
	struct buf frame;  /* an array of texts, while it is being made */
	struct buf last;   /* c[...] */
	struct list sends; /* struct note.link: bodies that wait */
	unsigned send_count;
};

static struct sockjs_session *session_of(struct conn *c)
{
	return container_of(c, struct sockjs_session, conn);
}

struct sockjs_session *sockjs_session_at(struct list *link)
{
	return container_of(link, struct sockjs_session, link);
}

struct span sockjs_session_key(const struct sockjs_session *session)
{
	return (struct span){ session->key, session->key_len };
}

/* Without the endpoint's index, which comes first in the key. */
static struct span name_of(const struct sockjs_session *session)
{
	return session->key_len > 0 ? (struct span){ session->key + 1, session->key_len - 1 }
				    : SPAN("");
}

/* --- to the fronts -------------------------------------------------------- */

static void tell(
	struct sockjs_session *session, struct receiver *r, enum note_kind kind, struct span body)
{
	struct server *s = session->conn.server;
	struct note note = {
		.kind = (uint8_t)kind,
		.endpoint = (uint8_t)(session->endpoint - s->config.endpoints),
		.number = r->next++,
		.exchange = r->exchange,
		.from.loop = (uint16_t)s->config.index,
		.to = r->front,
		.session = name_of(session),
		.body = body,
	};

	post(s, &note);
}

static void arm(struct sockjs_session *session)
{
	const struct server_config *config = &session->conn.server->config;
	uint64_t due;

	if (session->receiver.here && !session->is_closed)
		due = session->spoken_ms + config->heartbeat_ms;
	else
		due = session->detached_ms + config->disconnect_ms;
	if (!post_is_alone(session->conn.server) && session->renewed_ms + RENEW_MS < due)
		due = session->renewed_ms + RENEW_MS;
	wheel_arm(session->conn.server->wheel, &session->timer, due);
}

static void detach(struct sockjs_session *session)
{
	session->receiver.here = false;
	session->detached_ms = clock_ms();
	session->conn.blocked = true;
	arm(session);
}

static void end_response(struct sockjs_session *session)
{
	tell(session, &session->receiver, NOTE_END, SPAN(""));
	detach(session);
}

static void send_frame(struct sockjs_session *session, struct receiver *r, struct span frame)
{
	struct buf wrapped = { NULL, 0, 0 };

	sockjs_put_frame(r->transport, span_of(r->callback), frame, &wrapped);
	r->sent += wrapped.len;
	session->spoken_ms = clock_ms();
	tell(session, r, NOTE_FRAME, buf_span(&wrapped));
	buf_fini(&wrapped);
}

/* To the session's receiver; it may be the last that this one can take. */
static void send_to_receiver(struct sockjs_session *session, struct span frame)
{
	struct receiver *r = &session->receiver;

	send_frame(session, r, frame);
	if (r->is_polling || r->sent >= session->endpoint->response_limit) {
		end_response(session);
		return;
	}
	session->conn.blocked = r->sent - r->taken >= WINDOW_BYTES;
	arm(session);
}

/* --- as a connection ------------------------------------------------------ */

/* The texts of one turn become one frame, up to what the response may still take. */
static bool put(struct conn *c, const struct span *parts, size_t count, bool text)
{
	struct sockjs_session *session = session_of(c);
	const struct receiver *r = &session->receiver;
	struct buf *frame = &session->frame;

	(void)text; /* there is nothing but text: what is no UTF-8 is replaced */
	session->has_more = c->blocked ||
			    (frame->len > 0 && (frame->len >= WRITE_BYTES ||
						       r->sent + frame->len >=
							       session->endpoint->response_limit));
	if (session->has_more)
		return false;
	buf_put(frame, frame->len == 0 ? SPAN("a[\"") : SPAN(",\""));
	for (size_t i = 0; i < count; i++)
		sockjs_escape(parts[i], frame);
	buf_put(frame, SPAN("\""));
	return true;
}

static void let_owner_write(struct conn *c)
{
	struct sockjs_session *session = session_of(c);
	struct buf frame;

	session->has_more = false;
	c->server->on.on_room(c->session);
	if (session->frame.len == 0)
		return;
	frame = session->frame;
	session->frame = (struct buf){ NULL, 0, 0 };
	buf_put_byte(&frame, ']');
	send_to_receiver(session, buf_span(&frame));
	buf_fini(&frame);
	if (session->has_more)
		conn_want_room(c);
}

static void deliver(struct sockjs_session *session, struct span body)
{
	struct conn *c = &session->conn;
	struct server *s = c->server;
	struct buf text = { NULL, 0, 0 };

	/* All of it, even if it pauses meanwhile: the body has been read already. */
	while (c->state == CONN_OPEN && sockjs_next(&body, &text, s->config.lone_surrogates)) {
		s->on.on_bytes(c->session, buf_span(&text));
		if (c->state == CONN_OPEN && s->on.on_end)
			s->on.on_end(c->session);
	}
	buf_fini(&text);
}

static void take_waiting_sends(struct sockjs_session *session)
{
	while (!list_is_empty(&session->sends) && !session->conn.paused &&
		session->conn.state == CONN_OPEN) {
		struct note *note = container_of(session->sends.next, struct note, link);

		list_remove(&note->link);
		session->send_count--;
		deliver(session, note->body);
		post_status(session->conn.server, note, 204);
		free(note);
	}
}

static void refuse_waiting_sends(struct sockjs_session *session)
{
	while (!list_is_empty(&session->sends)) {
		struct note *note = container_of(session->sends.next, struct note, link);

		list_remove(&note->link);
		post_status(session->conn.server, note, 404);
		free(note);
	}
	session->send_count = 0;
}

/* The owner has closed it: what it says is remembered, the owner is done with it. */
static void become_closed(struct sockjs_session *session)
{
	struct conn *c = &session->conn;

	session->is_closed = true;
	sockjs_put_close(c->close_code, span_of(c->close_reason), &session->last);
	if (session->receiver.here) {
		send_frame(session, &session->receiver, buf_span(&session->last));
		end_response(session);
	} else {
		detach(session);
	}
	refuse_waiting_sends(session);
	conn_gone(c);
}

static void turn_end(struct conn *c)
{
	struct sockjs_session *session = session_of(c);

	if (c->state == CONN_CLOSING) {
		if (c->close_reason)
			become_closed(session);
		else
			sockjs_session_free(session);
		return;
	}
	if (c->state != CONN_OPEN)
		return;
	take_waiting_sends(session);
	if (c->state != CONN_OPEN)
		return;
	/*
	 * There is no asking a browser over HTTP: that its receiver is there, with
	 * a heart-beat now and then, is the sign of life.
	 */
	if (c->ping_asked && session->receiver.here) {
		c->ping_asked = false;
		c->server->on.on_pong(c->session);
	}
	if (c->state == CONN_OPEN && !c->blocked)
		let_owner_write(c);
}

static void set_reading(struct conn *c, bool paused)
{
	if (!paused && c->state != CONN_NONE)
		conn_want_turn(c);
}

static void start_closing(struct conn *c, uint64_t linger_ms)
{
	(void)c;
	(void)linger_ms; /* closed sessions live for disconnect_ms, whoever comes */
}

static void drop(struct conn *c)
{
	free(c->close_reason);
	c->close_reason = NULL;
	conn_want_turn(c);
}

static void print_peer(const struct conn *c, char *out, size_t size)
{
	snprintf(out, size, "%s", container_of_const(c, struct sockjs_session, conn)->peer);
}

static const struct conn_class sockjs_class = {
	.put = put,
	.write = let_owner_write,
	.turn_end = turn_end,
	.pause = set_reading,
	.close = start_closing,
	.kill = drop,
	.peer = print_peer,
	.can_ping = true,
};

/* --- receivers and senders ------------------------------------------------ */

static void read_receiver(struct receiver *r, const struct note *note)
{
	*r = (struct receiver){
		.transport = note->transport,
		.front = note->from,
		.exchange = note->exchange,
		.is_polling = note->transport == SOCKJS_XHR || note->transport == SOCKJS_JSONP,
	};
	snprintf(r->callback, sizeof(r->callback), "%.*s", (int)note->callback.len,
		note->callback.len > 0 ? note->callback.at : "");
}

/* One frame for a receiver that is not the session's own. */
static void send_away(struct sockjs_session *session, const struct note *note, struct span frame)
{
	struct receiver r;

	read_receiver(&r, note);
	send_frame(session, &r, frame);
	tell(session, &r, NOTE_END, SPAN(""));
}

static void take_receiver(struct sockjs_session *session, const struct note *note)
{
	struct receiver *r = &session->receiver;

	if (session->is_closed) {
		send_away(session, note, buf_span(&session->last));
		detach(session); /* from now on, as the protocol has it */
		return;
	}
	if (r->here) {
		send_away(session, note, SPAN("c[2010,\"Another connection still open\"]"));
		return;
	}
	read_receiver(r, note);
	r->here = true;
	session->conn.blocked = false;
	session->spoken_ms = clock_ms();
	/* That it will be answered: head and prelude go out before there is a frame. */
	tell(session, r, NOTE_FRAME, SPAN(""));
	arm(session);
	conn_want_turn(&session->conn);
}

static void take_send(struct sockjs_session *session, struct note *note)
{
	struct server *s = session->conn.server;

	if (session->conn.state != CONN_OPEN) {
		post_status(s, note, 404);
	} else if (!session->conn.paused && list_is_empty(&session->sends)) {
		deliver(session, note->body);
		post_status(s, note, 204);
	} else if (session->send_count < SENDS_MOST) {
		list_push(&session->sends, &note->link);
		session->send_count++;
		return;
	} else {
		post_status(s, note, 503);
	}
	free(note);
}

static bool is_from(const struct receiver *r, const struct note *note)
{
	return r->here && r->exchange == note->exchange && r->front.loop == note->from.loop &&
	       strcmp(r->front.node, note->from.node) == 0;
}

/* The receiver's connection broke: so has the session. */
static void lose_receiver(struct sockjs_session *session)
{
	log_debug("sockjs.aborted", LOG_STR("from", session->peer));
	session->receiver.here = false;
	sockjs_session_free(session);
}

void sockjs_session_take_note(struct sockjs_session *session, struct note *note)
{
	struct receiver *r = &session->receiver;

	switch ((enum note_kind)note->kind) {
	case NOTE_RECEIVE:
		take_receiver(session, note);
		break;
	case NOTE_SEND:
		take_send(session, note);
		return;
	case NOTE_ROOM:
		if (!is_from(r, note))
			break;
		r->taken = note->amount;
		session->conn.blocked = r->sent - r->taken >= WINDOW_BYTES;
		conn_want_room(&session->conn);
		break;
	case NOTE_GONE:
		if (is_from(r, note))
			lose_receiver(session);
		break;
	default:
		break;
	}
	free(note);
}

void sockjs_session_node_gone(struct sockjs_session *session, const char *node)
{
	const struct receiver *r = &session->receiver;

	if (r->here && r->front.node[0] && (!*node || strcmp(r->front.node, node) == 0))
		lose_receiver(session);
}

/* --- its life ------------------------------------------------------------- */

static void renew(struct sockjs_session *session)
{
	struct server *s = session->conn.server;
	struct note note = {
		.kind = NOTE_RENEW,
		.to.loop = NOTE_LOOP_EXIT,
		.session = name_of(session),
	};

	session->renewed_ms = clock_ms();
	post(s, &note);
}

static void on_timer(struct wheel_timer *timer)
{
	struct sockjs_session *session = container_of(timer, struct sockjs_session, timer);
	const struct server_config *config = &session->conn.server->config;
	uint64_t now = clock_ms();

	if (!post_is_alone(session->conn.server) && now >= session->renewed_ms + RENEW_MS)
		renew(session);
	if (session->receiver.here && !session->is_closed) {
		if (now >= session->spoken_ms + config->heartbeat_ms)
			send_to_receiver(session, SPAN("h"));
	} else if (now >= session->detached_ms + config->disconnect_ms) {
		sockjs_session_free(session);
		return;
	}
	arm(session);
}

struct sockjs_session *sockjs_session_open(
	struct server *s, struct span key, const struct note *receive)
{
	struct sockjs_session *session = mem_zalloc(sizeof(*session));
	const struct request request = {
		.endpoint = receive->endpoint,
		.query = receive->query,
		.cookie = receive->cookie,
		.origin = receive->origin,
	};
	struct receiver *r = &session->receiver;

	session->key = mem_dup(key.at, key.len);
	session->key_len = key.len;
	session->endpoint = &s->config.endpoints[receive->endpoint];
	session->detached_ms = session->spoken_ms = session->renewed_ms = clock_ms();
	list_init(&session->sends);
	list_push(&s->sessions, &session->link);
	wheel_timer_init(&session->timer, on_timer);
	snprintf(session->peer, sizeof(session->peer), "%.*s", (int)receive->peer.len,
		receive->peer.len > 0 ? receive->peer.at : "?");
	/* Before the owner may say anything. */
	session->conn.server = s;
	read_receiver(r, receive);
	r->here = true;
	session->conn.kind = r->is_polling ? CONN_HTTP_POLL : CONN_HTTP_STREAM;
	session->conn.text_only = true;
	send_to_receiver(session, SPAN("o"));
	if (!conn_open(&session->conn, &sockjs_class, s, &request)) {
		sockjs_session_free(session);
		return NULL;
	}
	if (!session->conn.blocked)
		conn_want_turn(&session->conn);
	return session;
}

void sockjs_session_free(struct sockjs_session *session)
{
	struct server *s = session->conn.server;

	list_remove(&session->link);
	wheel_stop(&session->timer);
	if (session->receiver.here)
		post_status(s,
			&(struct note){ .exchange = session->receiver.exchange,
				.from = session->receiver.front },
			0);
	refuse_waiting_sends(session);
	home_forget(s, session);
	conn_gone(&session->conn);
	free(session->key);
	buf_fini(&session->frame);
	buf_fini(&session->last);
	free(session);
}
