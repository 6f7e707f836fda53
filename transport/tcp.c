/*
 * STOMP on a socket of its own, plain or with TLS: no framing below it, so what
 * the owner puts goes out as it is.
 *
 * Reading and writing are done here and not by libwebsockets; see
 * docs/decisions/0010-tcp.md. Output is gathered in the server's scratch buffer
 * and written once a turn. What the socket does not take waits in `rest`, and
 * `blocked` is true for as long as something does: nothing is put meanwhile, so
 * `rest` holds one write at most. With TLS a connection is born blocked, and
 * that ends with the handshake, which the first reads make.
 *
 * There is no close frame. A close lets `rest` out, sends a FIN, and reads and
 * drops until the peer's FIN comes or the linger is over: closing with bytes
 * unread would make the kernel send a RST, at which the peer may throw away the
 * ERROR frame that says why.
 */
#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "transport/internal.h"

#include <assert.h>
#include <errno.h>
#include <openssl/err.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
	/* A TLS record at most: so nothing that was decrypted is left in the library unseen. */
	READ_BYTES = 16 * 1024,
	SCRATCH_KEEP = 256 * 1024, /* a scratch buffer above that is given back after use */
};

struct tcp {
	struct conn conn;
	struct list link; /* in server->tcps */
	int fd;           /* owned */
	SSL *ssl;         /* owned; NULL: plain */
	ev_io readable;
	ev_io writable;
	struct wheel_timer timer; /* the end of a close */
	struct buf rest;
	bool is_greeted; /* the handshake, if any, is done */
	bool eof;        /* the peer says no more */
	bool fin_sent;
	bool dead; /* of no use any more; ends on its next event */
};

static struct tcp *tcp_of(struct conn *c)
{
	return container_of(c, struct tcp, conn);
}

/* Tells the owner, and frees. */
static void end(struct tcp *t)
{
	struct ev_loop *loop = t->conn.server->loop;

	ev_io_stop(loop, &t->readable);
	ev_io_stop(loop, &t->writable);
	wheel_stop(&t->timer);
	list_remove(&t->link);
	conn_gone(&t->conn);
	SSL_free(t->ssl);
	close(t->fd);
	buf_fini(&t->rest);
	free(t);
}

/* Ends it on a later turn: whoever called may still be at work with it. */
static void die(struct tcp *t)
{
	struct ev_loop *loop = t->conn.server->loop;

	t->dead = true;
	t->conn.blocked = true;
	ev_io_stop(loop, &t->writable);
	ev_io_stop(loop, &t->readable);
	ev_feed_event(loop, &t->readable, EV_READ);
}

static void on_timer(struct wheel_timer *timer)
{
	end(container_of(timer, struct tcp, timer));
}

/* --- the socket ----------------------------------------------------------- */

enum got {
	GOT_SOME,
	GOT_NOTHING, /* for now */
	GOT_END,
	GOT_FAILURE,
};

static enum got read_plain(int fd, char *out, size_t *len)
{
	ssize_t n = recv(fd, out, READ_BYTES, 0);

	*len = n > 0 ? (size_t)n : 0;
	if (n > 0)
		return GOT_SOME;
	if (n == 0)
		return GOT_END;
	return errno == EAGAIN || errno == EINTR ? GOT_NOTHING : GOT_FAILURE;
}

static void log_handshake(const struct tcp *t)
{
	const char *why = ERR_reason_error_string(ERR_peek_last_error());

	if (!t->is_greeted)
		log_info("tcp.handshake_failed", LOG_STR("why", why ? why : "it went away"));
}

static enum got read_tls(struct tcp *t, char *out, size_t *len)
{
	enum got got = GOT_FAILURE;

	*len = 0;
	ERR_clear_error();
	if (SSL_read_ex(t->ssl, out, READ_BYTES, len) == 1)
		return GOT_SOME;
	switch (SSL_get_error(t->ssl, 0)) {
	case SSL_ERROR_WANT_READ:
		return GOT_NOTHING;
	case SSL_ERROR_WANT_WRITE:
		/* The handshake: goes on when there is room. */
		ev_io_start(t->conn.server->loop, &t->writable);
		return GOT_NOTHING;
	case SSL_ERROR_ZERO_RETURN:
		got = GOT_END;
		break;
	default:
		log_handshake(t);
		break;
	}
	ERR_clear_error();
	return got;
}

/* How much of it was taken; on a failure none, and the connection ends. */
static size_t write_plain(struct tcp *t, struct span bytes)
{
	ssize_t n = send(t->fd, bytes.at, bytes.len, MSG_NOSIGNAL);

	if (n >= 0)
		return (size_t)n;
	if (errno != EAGAIN && errno != EINTR)
		die(t);
	return 0;
}

static size_t write_tls(struct tcp *t, struct span bytes)
{
	size_t taken = 0;

	while (taken < bytes.len) {
		size_t n = 0;

		ERR_clear_error();
		if (SSL_write_ex(t->ssl, bytes.at + taken, bytes.len - taken, &n) != 1) {
			/* It never has to read first: there is no renegotiation. */
			if (SSL_get_error(t->ssl, 0) != SSL_ERROR_WANT_WRITE)
				die(t);
			ERR_clear_error();
			break;
		}
		taken += n;
	}
	return taken;
}

static size_t write_some(struct tcp *t, struct span bytes)
{
	return t->ssl ? write_tls(t, bytes) : write_plain(t, bytes);
}

/* --- out ------------------------------------------------------------------ */

static void write_out(struct tcp *t)
{
	struct buf *scratch = &t->conn.server->scratch;
	size_t taken;

	if (scratch->len > 0 && !t->dead) {
		taken = write_some(t, buf_span(scratch));
		if (taken < scratch->len && !t->dead) {
			buf_put(&t->rest,
				(struct span){ scratch->at + taken, scratch->len - taken });
			t->conn.blocked = true;
			ev_io_start(t->conn.server->loop, &t->writable);
		}
	}
	scratch->len = 0;
	if (scratch->size > SCRATCH_KEEP)
		buf_fini(scratch);
}

static bool put(struct conn *c, const struct span *parts, size_t count, bool text)
{
	struct buf *scratch = &c->server->scratch;
	size_t len = 0;

	(void)text;
	for (size_t i = 0; i < count; i++)
		len += parts[i].len;
	if (scratch->len > 0 && scratch->len + len > WRITE_BYTES)
		write_out(tcp_of(c));
	if (c->blocked)
		return false;
	for (size_t i = 0; i < count; i++)
		buf_put(scratch, parts[i]);
	return true;
}

static void let_owner_write(struct conn *c)
{
	assert(c->server->scratch.len == 0);
	c->server->on.on_room(c->session);
	write_out(tcp_of(c));
}

/* Nothing waits any more: our FIN, and the end when the peer's has come. */
static void send_fin(struct tcp *t)
{
	if (!t->fin_sent && t->ssl && t->is_greeted) {
		ERR_clear_error();
		(void)SSL_shutdown(t->ssl);
		ERR_clear_error();
	}
	if (!t->fin_sent)
		(void)shutdown(t->fd, SHUT_WR);
	t->fin_sent = true;
	if (t->eof)
		end(t);
}

static void turn_end(struct conn *c)
{
	struct tcp *t = tcp_of(c);

	if (t->dead)
		return;
	if (c->state == CONN_CLOSING) {
		if (t->rest.len == 0)
			send_fin(t);
		return;
	}
	if (!c->blocked)
		let_owner_write(c);
}

static void flush(struct tcp *t)
{
	size_t taken = write_some(t, buf_span(&t->rest));

	if (t->dead)
		return;
	buf_drop(&t->rest, taken);
	if (t->rest.len > 0)
		return;
	buf_fini(&t->rest);
	ev_io_stop(t->conn.server->loop, &t->writable);
	t->conn.blocked = false;
	conn_want_turn(&t->conn);
}

/* --- in ------------------------------------------------------------------- */

/* The peer has sent its last byte, but may well read on: it gets what it is owed. */
static void take_end(struct tcp *t)
{
	struct conn *c = &t->conn;

	t->eof = true;
	c->has_farewell = true;
	ev_io_stop(c->server->loop, &t->readable);
	if (c->state == CONN_OPEN && t->is_greeted && c->server->on.on_eof)
		c->server->on.on_eof(c->session);
	else if (c->state == CONN_OPEN || t->fin_sent)
		end(t);
}

static void take_bytes(struct tcp *t, struct span bytes)
{
	struct conn *c = &t->conn;

	if (c->state == CONN_OPEN)
		c->server->on.on_bytes(c->session, bytes);
}

static void read_some(struct tcp *t)
{
	struct conn *c = &t->conn;
	char bytes[READ_BYTES];
	size_t len = 0;
	/* What comes behind our close is not worth being decrypted. */
	enum got got = t->ssl && c->state == CONN_OPEN ? read_tls(t, bytes, &len)
						       : read_plain(t->fd, bytes, &len);

	if (!t->is_greeted && SSL_is_init_finished(t->ssl)) {
		t->is_greeted = true;
		c->blocked = false;
		conn_want_turn(c);
	}
	switch (got) {
	case GOT_SOME:
		take_bytes(t, (struct span){ bytes, len });
		break;
	case GOT_NOTHING:
		break;
	case GOT_END:
		take_end(t);
		break;
	case GOT_FAILURE:
		end(t);
		break;
	}
}

static void on_readable(struct ev_loop *loop, ev_io *io, int events)
{
	struct tcp *t = container_of(io, struct tcp, readable);

	(void)loop;
	(void)events;
	if (t->dead)
		end(t);
	else
		read_some(t);
}

static void on_writable(struct ev_loop *loop, ev_io *io, int events)
{
	struct tcp *t = container_of(io, struct tcp, writable);

	(void)events;
	if (t->rest.len > 0) {
		flush(t);
		return;
	}
	ev_io_stop(loop, &t->writable);
	if (ev_is_active(&t->readable))
		read_some(t);
}

/* --- its life ------------------------------------------------------------- */

static void set_reading(struct conn *c, bool paused)
{
	struct tcp *t = tcp_of(c);

	if (t->eof || t->dead)
		return;
	if (paused)
		ev_io_stop(c->server->loop, &t->readable);
	else
		ev_io_start(c->server->loop, &t->readable);
}

static void start_closing(struct conn *c, uint64_t linger_ms)
{
	wheel_arm(c->server->wheel, &tcp_of(c)->timer, clock_ms() + linger_ms);
}

static void drop(struct conn *c)
{
	die(tcp_of(c));
}

static void print_peer(const struct conn *c, char *out, size_t size)
{
	socket_print_peer(container_of_const(c, struct tcp, conn)->fd, out, size);
}

static const struct conn_class tcp_class = {
	.put = put,
	.write = let_owner_write,
	.turn_end = turn_end,
	.pause = set_reading,
	.close = start_closing,
	.kill = drop,
	.peer = print_peer,
	.can_ping = false,
};

static bool may_open(const struct server *s)
{
	return !s->refusing && atomic_load_explicit(s->config.connections, memory_order_relaxed) <
				       s->config.connections_most;
}

void server_adopt_tcp(struct server *s, int fd)
{
	const struct request request = { .endpoint = 0 };
	SSL *ssl = NULL;
	struct tcp *t;

	if (may_open(s) && s->config.tcp_tls)
		ssl = tls_accept(s->config.tcp_tls, fd);
	if (!may_open(s) || (s->config.tcp_tls && !ssl)) {
		close(fd);
		return;
	}
	t = mem_zalloc(sizeof(*t));
	t->fd = fd;
	t->ssl = ssl;
	t->is_greeted = !ssl;
	t->conn.blocked = ssl != NULL;
	t->conn.kind = CONN_TCP;
	wheel_timer_init(&t->timer, on_timer);
	ev_io_init(&t->readable, on_readable, fd, EV_READ);
	ev_io_init(&t->writable, on_writable, fd, EV_WRITE);
	ev_io_start(s->loop, &t->readable);
	list_push(&s->tcps, &t->link);
	if (!conn_open(&t->conn, &tcp_class, s, &request))
		end(t);
}

void tcp_free_all(struct server *s)
{
	while (!list_is_empty(&s->tcps))
		end(container_of(s->tcps.next, struct tcp, link));
}
