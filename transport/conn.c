/*
 * Writing goes through the library's raw write: complete WebSocket frames, made
 * here, many in one call. Its framed write corrupts the stream when earlier
 * output is still buffered; the raw one queues behind it. So `blocked` is known
 * at every moment and nothing is put while it is set, but for a close frame.
 *
 * Closing also uses our own frame: the library's would be lost when output is
 * buffered. It then waits for the peer's close, with a deadline of its own.
 */
#include "transport/conn.h"

#include "base/clock.h"
#include "base/mem.h"
#include "transport/internal.h"

#include <arpa/inet.h>
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>

enum {
	WRITE_BYTES = 64 * 1024,   /* gathered before a write */
	SCRATCH_KEEP = 256 * 1024, /* a scratch buffer above that is given back after use */
	HEADER_BYTES_MOST = 10,
	REASON_BYTES_MOST = 123,

	OP_FIN = 0x80,
	OP_TEXT = 0x1,
	OP_BINARY = 0x2,
	OP_CLOSE = 0x8,
	OP_PING = 0x9,
};

static void on_linger(struct wheel_timer *timer)
{
	conn_kill(container_of(timer, struct conn, linger));
}

void conn_init(struct conn *c, struct server *s, struct lws *wsi)
{
	c->server = s;
	c->wsi = wsi;
	c->state = CONN_OPEN;
	list_init(&c->dirty);
	wheel_timer_init(&c->linger, on_linger);
}

void conn_want_room(struct conn *c)
{
	if (!c->blocked && list_is_empty(&c->dirty))
		list_push(&c->server->dirty, &c->dirty);
}

bool conn_is_blocked(const struct conn *c)
{
	return c->blocked;
}

/* Hands the scratch buffer to the library, and from there to the socket. */
static void write_out(struct conn *c)
{
	struct buf *scratch = &c->server->scratch;

	if (scratch->len == 0)
		return;
	/* A failure marks the socket as unusable; the loop closes it on its next turn. */
	if (lws_write(c->wsi, (unsigned char *)scratch->at, scratch->len, LWS_WRITE_RAW) < 0)
		c->blocked = true;
	scratch->len = 0;
	if (scratch->size > SCRATCH_KEEP)
		buf_fini(scratch);
	if (lws_partial_buffered(c->wsi)) {
		c->blocked = true;
		lws_callback_on_writable(c->wsi);
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

bool conn_put(struct conn *c, const struct span *parts, size_t count, bool text)
{
	struct buf *scratch = &c->server->scratch;
	size_t len = 0;
	char *out;

	for (size_t i = 0; i < count; i++)
		len += parts[i].len;
	if (scratch->len > 0 && scratch->len + HEADER_BYTES_MOST + len > WRITE_BYTES)
		write_out(c);
	if (c->blocked)
		return false;
	out = buf_reserve(scratch, HEADER_BYTES_MOST + len);
	out += put_header(out, text ? OP_TEXT : OP_BINARY, len);
	for (size_t i = 0; i < count; i++) {
		if (parts[i].len > 0)
			memcpy(out, parts[i].at, parts[i].len);
		out += parts[i].len;
	}
	scratch->len = (size_t)(out - scratch->at);
	return true;
}

static void put_control(struct conn *c, unsigned op, struct span payload)
{
	char *out = buf_reserve(&c->server->scratch, HEADER_BYTES_MOST + payload.len);
	size_t header = put_header(out, op, payload.len);

	if (payload.len > 0)
		memcpy(out + header, payload.at, payload.len);
	c->server->scratch.len += header + payload.len;
}

static void send_close(struct conn *c)
{
	char payload[2 + REASON_BYTES_MOST];
	size_t len = strlen(c->close_reason);

	payload[0] = (char)(c->close_code >> 8);
	payload[1] = (char)c->close_code;
	memcpy(payload + 2, c->close_reason, len);
	put_control(c, OP_CLOSE, (struct span){ payload, 2 + len });
	c->close_code = 0;
	write_out(c);
}

void conn_turn_end(struct conn *c)
{
	list_remove(&c->dirty);
	assert(c->server->scratch.len == 0);
	if (c->state == CONN_CLOSING) {
		if (c->close_code != 0)
			send_close(c);
		return;
	}
	if (c->state != CONN_OPEN || c->blocked)
		return;
	if (c->ping_asked) {
		/* Not empty: the library does not tell of an empty PONG. */
		put_control(c, OP_PING, SPAN("?"));
		c->ping_asked = false;
	}
	c->server->on.on_room(c->session);
	write_out(c);
}

void conn_room_now(struct conn *c)
{
	conn_turn_end(c);
}

void conn_ping(struct conn *c)
{
	c->ping_asked = true;
	conn_want_room(c);
}

void conn_pause(struct conn *c)
{
	if (c->paused || c->state != CONN_OPEN)
		return;
	c->paused = true;
	(void)lws_rx_flow_control(c->wsi, 0);
}

void conn_resume(struct conn *c)
{
	if (!c->paused)
		return;
	c->paused = false;
	(void)lws_rx_flow_control(c->wsi, 1);
}

void conn_close(struct conn *c, unsigned code, const char *reason, uint64_t linger_ms)
{
	size_t len = strlen(reason);

	if (c->state != CONN_OPEN)
		return;
	c->state = CONN_CLOSING;
	c->close_code = (uint16_t)code;
	c->close_reason = mem_dup(reason, len < REASON_BYTES_MOST ? len : REASON_BYTES_MOST);
	conn_resume(c); /* or the peer's answer is never read */
	wheel_arm(c->server->wheel, &c->linger, clock_ms() + linger_ms);
	if (list_is_empty(&c->dirty))
		list_push(&c->server->dirty, &c->dirty);
}

void conn_kill(struct conn *c)
{
	if (c->state == CONN_NONE)
		return;
	c->state = CONN_CLOSING;
	c->close_code = 0;
	conn_resume(c); /* or its end is never read */
	(void)shutdown(lws_get_socket_fd(c->wsi), SHUT_RDWR);
}

void conn_gone(struct conn *c)
{
	void *session = c->session;

	if (c->state == CONN_NONE)
		return;
	c->state = CONN_NONE;
	c->session = NULL;
	list_remove(&c->dirty);
	wheel_stop(&c->linger);
	free(c->close_reason);
	c->close_reason = NULL;
	atomic_fetch_sub_explicit(c->server->config.connections, 1, memory_order_relaxed);
	if (session)
		c->server->on.on_close(session);
}

void conn_peer(const struct conn *c, char *out, size_t size)
{
	struct sockaddr_storage at = { .ss_family = AF_UNSPEC };
	socklen_t len = sizeof(at);
	char host[INET6_ADDRSTRLEN];

	snprintf(out, size, "?");
	if (getpeername(lws_get_socket_fd(c->wsi), (struct sockaddr *)(void *)&at, &len) < 0)
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
