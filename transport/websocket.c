/*
 * Writing goes through the library's raw write: complete WebSocket frames, made
 * here, many in one call. Its framed write corrupts the stream when earlier
 * output is still buffered; the raw one queues behind it. So `blocked` is known
 * at every moment and nothing is put while it is set, but for a close frame.
 *
 * Closing also uses our own frame: the library's would be lost when output is
 * buffered. It then waits for the peer's close, with a deadline of its own.
 *
 * With SockJS framing a connection first says o; each message is an array of
 * one text, and c[code,"reason"] goes before the close.
 */
#include "base/clock.h"
#include "base/mem.h"
#include "transport/internal.h"

#include <arpa/inet.h>
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>

enum {
	SCRATCH_KEEP = 256 * 1024, /* a scratch buffer above that is given back after use */
	HEADER_BYTES_MOST = 10,
	CLOSE_PAYLOAD_BYTES_MOST = 125,
	CLOSE_INVALID = 1007,
	CLOSE_TOO_LONG = 1009,
	REFUSED_LINGER_MS = 1000, /* for a client that broke the framing */

	OP_FIN = 0x80,
	OP_TEXT = 0x1,
	OP_BINARY = 0x2,
	OP_CLOSE = 0x8,
	OP_PING = 0x9,
};

static struct websocket *websocket_of(struct conn *c)
{
	return container_of(c, struct websocket, conn);
}

/* The end of a close that is not answered, or time for a heart-beat. */
static void on_timer(struct wheel_timer *timer)
{
	struct websocket *w = container_of(timer, struct websocket, timer);
	struct conn *c = &w->conn;
	uint64_t due = w->spoken_ms + c->server->config.heartbeat_ms, now = clock_ms();

	if (c->state == CONN_CLOSING) {
		conn_kill(c);
		return;
	}
	if (now >= due) {
		w->beat_owed = true;
		conn_want_room(c);
		due = now + c->server->config.heartbeat_ms;
	}
	wheel_arm(c->server->wheel, &w->timer, due);
}

/* --- out ------------------------------------------------------------------ */

static void give_memory_back(struct buf *buf)
{
	if (buf->size > SCRATCH_KEEP)
		buf_fini(buf);
}

/* Hands the scratch buffer to the library, and from there to the socket. */
static void write_out(struct websocket *w)
{
	struct buf *scratch = &w->conn.server->scratch;

	if (scratch->len == 0)
		return;
	if (w->sockjs)
		w->spoken_ms = clock_ms();
	/* A failure marks the socket as unusable; the loop closes it on its next turn. */
	if (lws_write(w->wsi, (unsigned char *)scratch->at, scratch->len, LWS_WRITE_RAW) < 0)
		w->conn.blocked = true;
	scratch->len = 0;
	give_memory_back(scratch);
	if (lws_partial_buffered(w->wsi)) {
		w->conn.blocked = true;
		lws_callback_on_writable(w->wsi);
	}
}

static size_t put_header(char *out, unsigned op, size_t len)
{
	out[0] = (char)(OP_FIN | op);
	if (len < 126) {
		out[1] = (char)len;
		return 2;
	}
	if (len < 65536) {
		out[1] = 126;
		out[2] = (char)(len >> 8);
		out[3] = (char)len;
		return 4;
	}
	out[1] = 127;
	for (int i = 0; i < 8; i++)
		out[2 + i] = (char)((uint64_t)len >> (56 - 8 * i));
	return 10;
}

/* Makes room for a frame of `len` bytes; false when the socket takes no more now. */
static bool make_room(struct websocket *w, size_t len)
{
	struct buf *scratch = &w->conn.server->scratch;

	if (scratch->len > 0 && scratch->len + HEADER_BYTES_MOST + len > WRITE_BYTES)
		write_out(w);
	return !w->conn.blocked;
}

static bool put_raw(struct websocket *w, const struct span *parts, size_t count, unsigned op)
{
	struct buf *scratch = &w->conn.server->scratch;
	size_t len = 0;
	char *out;

	for (size_t i = 0; i < count; i++)
		len += parts[i].len;
	if (!make_room(w, len))
		return false;
	out = buf_reserve(scratch, HEADER_BYTES_MOST + len);
	out += put_header(out, op, len);
	for (size_t i = 0; i < count; i++) {
		if (parts[i].len > 0)
			memcpy(out, parts[i].at, parts[i].len);
		out += parts[i].len;
	}
	scratch->len = (size_t)(out - scratch->at);
	return true;
}

static bool put_sockjs(struct websocket *w, const struct span *parts, size_t count)
{
	struct buf *text = &w->conn.server->text;
	struct span whole;
	bool taken;

	text->len = 0;
	buf_put(text, SPAN("a[\""));
	for (size_t i = 0; i < count; i++)
		sockjs_escape(parts[i], text);
	buf_put(text, SPAN("\"]"));
	whole = buf_span(text);
	taken = put_raw(w, &whole, 1, OP_TEXT);
	give_memory_back(text);
	return taken;
}

static bool put(struct conn *c, const struct span *parts, size_t count, bool text)
{
	struct websocket *w = websocket_of(c);

	/* What would have to be escaped only to be refused is not looked at. */
	if (w->sockjs)
		return !c->blocked && put_sockjs(w, parts, count);
	return put_raw(w, parts, count, text ? OP_TEXT : OP_BINARY);
}

static void put_control(struct websocket *w, unsigned op, struct span payload)
{
	struct buf *scratch = &w->conn.server->scratch;
	char *out = buf_reserve(scratch, HEADER_BYTES_MOST + payload.len);
	size_t header = put_header(out, op, payload.len);

	if (payload.len > 0)
		memcpy(out + header, payload.at, payload.len);
	scratch->len += header + payload.len;
}

/* Goes out even when the socket is blocked: it waits behind the rest. */
static void put_greeting(struct websocket *w)
{
	if (w->greeting_owed)
		put_control(w, OP_TEXT, SPAN("o"));
	w->greeting_owed = false;
}

static void send_close(struct websocket *w)
{
	struct conn *c = &w->conn;
	struct buf *text = &c->server->text;
	struct span reason = span_of(c->close_reason);
	char payload[CLOSE_PAYLOAD_BYTES_MOST];

	put_greeting(w);
	if (w->close_is_frame) {
		text->len = 0;
		sockjs_put_close(c->close_code, reason, text);
		put_control(w, OP_TEXT, buf_span(text));
	}
	payload[0] = (char)(c->close_code >> 8);
	payload[1] = (char)c->close_code;
	memcpy(payload + 2, reason.at, reason.len);
	put_control(w, OP_CLOSE, (struct span){ payload, 2 + reason.len });
	w->close_owed = false;
	write_out(w);
}

static void let_owner_write(struct conn *c)
{
	struct websocket *w = websocket_of(c);

	assert(c->server->scratch.len == 0);
	put_greeting(w);
	if (w->beat_owed)
		put_control(w, OP_TEXT, SPAN("h"));
	w->beat_owed = false;
	if (c->ping_asked) {
		/* Not empty: the library does not tell of an empty PONG. */
		put_control(w, OP_PING, SPAN("?"));
		c->ping_asked = false;
	}
	c->server->on.on_room(c->session);
	write_out(w);
}

static void turn_end(struct conn *c)
{
	struct websocket *w = websocket_of(c);

	assert(c->server->scratch.len == 0);
	if (c->state == CONN_CLOSING) {
		if (w->close_owed)
			send_close(w);
		return;
	}
	if (c->state == CONN_OPEN && !c->blocked)
		let_owner_write(c);
}

void websocket_on_writable(struct websocket *w)
{
	if (w->conn.state == CONN_NONE || lws_partial_buffered(w->wsi))
		return;
	w->conn.blocked = false;
	conn_want_room(&w->conn);
}

/* --- in ------------------------------------------------------------------- */

/* The client broke the framing: a close, but no c[...], since it speaks no SockJS. */
static void refuse(struct websocket *w, unsigned code, const char *reason)
{
	conn_close(&w->conn, code, reason, REFUSED_LINGER_MS);
	w->close_is_frame = false;
	buf_fini(&w->message);
}

static void end_message(struct conn *c)
{
	if (c->state == CONN_OPEN && c->server->on.on_end)
		c->server->on.on_end(c->session);
}

static void take_message(struct websocket *w, struct span message)
{
	struct conn *c = &w->conn;
	struct server *s = c->server;
	struct span rest = message;
	struct buf text = { NULL, 0, 0 };

	if (message.len == 0)
		return;
	if (sockjs_check(message, true) != SOCKJS_PAYLOAD_GOOD) {
		refuse(w, CLOSE_INVALID, "Broken framing");
		return;
	}
	while (c->state == CONN_OPEN && sockjs_next(&rest, &text, s->config.lone_surrogates)) {
		s->on.on_bytes(c->session, buf_span(&text));
		end_message(c);
	}
	buf_fini(&text);
}

static void take_part(struct websocket *w, struct span part, bool last)
{
	if (part.len > w->conn.server->config.body_most - w->message.len) {
		refuse(w, CLOSE_TOO_LONG, "limits.sockjs_body is reached");
		return;
	}
	if (!last || w->message.len > 0)
		buf_put(&w->message, part);
	if (!last)
		return;
	if (w->message.len == 0) {
		take_message(w, part);
		return;
	}
	take_message(w, buf_span(&w->message));
	buf_fini(&w->message);
}

void websocket_on_bytes(struct websocket *w, struct span bytes)
{
	struct conn *c = &w->conn;
	bool last = lws_is_final_fragment(w->wsi) && !lws_remaining_packet_payload(w->wsi);

	if (c->state != CONN_OPEN)
		return;
	if (w->sockjs) {
		take_part(w, bytes, last);
		return;
	}
	c->server->on.on_bytes(c->session, bytes);
	if (last)
		end_message(c);
}

/* --- its life ------------------------------------------------------------- */

static void set_reading(struct conn *c, bool paused)
{
	(void)lws_rx_flow_control(websocket_of(c)->wsi, paused ? 0 : 1);
}

static void start_closing(struct conn *c, uint64_t linger_ms)
{
	struct websocket *w = websocket_of(c);

	w->close_owed = true;
	w->close_is_frame = w->sockjs;
	wheel_arm(c->server->wheel, &w->timer, clock_ms() + linger_ms);
}

static void drop(struct conn *c)
{
	struct websocket *w = websocket_of(c);

	w->close_owed = false;
	(void)shutdown(lws_get_socket_fd(w->wsi), SHUT_RDWR);
}

static void print_peer(const struct conn *c, char *out, size_t size)
{
	socket_print_peer(
		lws_get_socket_fd(container_of_const(c, struct websocket, conn)->wsi), out, size);
}

static const struct conn_class websocket_class = {
	.put = put,
	.write = let_owner_write,
	.turn_end = turn_end,
	.pause = set_reading,
	.close = start_closing,
	.kill = drop,
	.peer = print_peer,
	.can_ping = true,
};

/* Is it /{server}/{session}/websocket below its endpoint? */
static bool is_sockjs(struct span rest)
{
	struct span session, transport;

	return http_split_session(rest, &session, &transport);
}

int websocket_open(struct server *s, struct lws *wsi, struct websocket *w)
{
	char query[REQUEST_PART_BYTES_MOST], cookie[REQUEST_PART_BYTES_MOST], origin[ORIGIN_BYTES];
	int method;
	struct place place = http_place_of(s, http_path(wsi, &method));
	const struct request request = {
		.endpoint = place.index,
		.query = http_query(wsi, query, sizeof(query)),
		.cookie = http_header(wsi, WSI_TOKEN_HTTP_COOKIE, cookie, sizeof(cookie)),
		.origin = http_header(wsi, WSI_TOKEN_ORIGIN, origin, sizeof(origin)),
	};

	w->wsi = wsi;
	w->sockjs = is_sockjs(place.rest);
	w->greeting_owed = w->sockjs;
	w->conn.kind = CONN_WEBSOCKET;
	w->conn.text_only = w->sockjs;
	wheel_timer_init(&w->timer, on_timer);
	if (!conn_open(&w->conn, &websocket_class, s, &request))
		return -1;
	if (w->sockjs) {
		w->spoken_ms = clock_ms();
		conn_want_turn(&w->conn);
		/* Unless the owner is closing it already. */
		if (w->conn.state == CONN_OPEN)
			wheel_arm(s->wheel, &w->timer, w->spoken_ms + s->config.heartbeat_ms);
	}
	return 0;
}

int websocket_on_peer_close(struct websocket *w)
{
	bool ours = w->conn.state == CONN_CLOSING;

	w->conn.has_farewell = true;
	/* What is ready goes out before the answer: a receipt for a DISCONNECT right before. */
	if (w->conn.state == CONN_OPEN)
		conn_room_now(&w->conn);
	websocket_gone(w);
	return ours ? -1 : 0;
}

void websocket_gone(struct websocket *w)
{
	if (w->conn.state == CONN_NONE)
		return;
	wheel_stop(&w->timer);
	buf_fini(&w->message);
	conn_gone(&w->conn);
}

void socket_print_peer(int fd, char *out, size_t size)
{
	struct sockaddr_storage at = { .ss_family = AF_UNSPEC };
	socklen_t len = sizeof(at);
	char host[INET6_ADDRSTRLEN];

	snprintf(out, size, "?");
	if (getpeername(fd, (struct sockaddr *)(void *)&at, &len) < 0)
		return;
	if (at.ss_family == AF_INET) {
		const struct sockaddr_in *four = (const struct sockaddr_in *)(const void *)&at;

		if (inet_ntop(AF_INET, &four->sin_addr, host, sizeof(host)))
			snprintf(out, size, "%s:%u", host, ntohs(four->sin_port));
	} else if (at.ss_family == AF_INET6) {
		const struct sockaddr_in6 *six = (const struct sockaddr_in6 *)(const void *)&at;

		if (inet_ntop(AF_INET6, &six->sin6_addr, host, sizeof(host)))
			snprintf(out, size, "[%s]:%u", host, ntohs(six->sin6_port));
	}
}
