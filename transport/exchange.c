#include "transport/exchange.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>

enum {
	ANSWER_MS = 10000,        /* the owner must have answered by then */
	SILENCE_MS = 15000,       /* an owner may be that late with a heart-beat */
	TAKEN_MS = 30000,         /* the client must have read the end of a response by then */
	HELLO_MS = 3000,          /* another node is asked so often whether it is there */
	HELLOS_MOST = 64,         /* nodes that are told apart then */
	REPORT_BYTES = 16 * 1024, /* of progress that the owner is told of */
};

static struct span key_of(const uint64_t *number)
{
	return (struct span){ (const char *)number, sizeof(*number) };
}

/* --- to the owner --------------------------------------------------------- */

static void tell_owner(struct exchange *e, enum note_kind kind, uint64_t amount)
{
	struct note note = {
		.kind = (uint8_t)kind,
		.endpoint = (uint8_t)(e->endpoint - e->server->config.endpoints),
		.exchange = e->number,
		.amount = amount,
		.from.loop = (uint16_t)e->server->config.index,
		.to = e->owner,
		.session = e->note->session,
	};

	post(e->server, &note);
}

/* Does its answer, or the rest of it, have to come from another node? */
static bool needs_other_node(const struct exchange *e)
{
	return e->owner.node[0] && (e->state == EXCHANGE_ASKED || e->state == EXCHANGE_ANSWERING);
}

static void arm(struct exchange *e)
{
	uint64_t wait = ANSWER_MS;

	if (e->state == EXCHANGE_ANSWERING)
		wait = e->server->config.heartbeat_ms + SILENCE_MS;
	else if (e->state == EXCHANGE_DONE)
		wait = TAKEN_MS;
	wheel_arm(e->server->wheel, &e->timer, clock_ms() + wait);
}

/* --- to the client -------------------------------------------------------- */

static void want_write(struct exchange *e)
{
	if (!e->blocked && list_is_empty(&e->unwritten))
		list_push(&e->server->unwritten, &e->unwritten);
}

/* The request's query and cookies are not kept as long as its answer may take. */
static void forget_facts(struct exchange *e)
{
	struct note kept = {
		.kind = e->note->kind,
		.endpoint = e->note->endpoint,
		.transport = e->note->transport,
		.exchange = e->number,
		.session = e->note->session,
		.callback = e->note->callback,
	};
	struct note *note = note_new(&kept);

	free(e->note);
	e->note = note;
}

void exchange_ask(struct exchange *e, struct span body)
{
	struct note note = *e->note;

	note.body = body;
	e->state = EXCHANGE_ASKED;
	arm(e);
	post(e->server, &note);
	forget_facts(e);
	/* For the library's own deadline, which it sets again behind its callback: see write_out(). */
	want_write(e);
}

static void drop(struct exchange *e)
{
	e->closes = true;
	(void)shutdown(lws_get_socket_fd(e->wsi), SHUT_RDWR);
}

void exchange_respond(struct exchange *e, unsigned status, const char *body)
{
	const struct response r = {
		.status = status,
		.type = "text/plain; charset=UTF-8",
		.headers = buf_span(&e->headers),
		.body = span_of(body),
		.close = e->closes,
	};

	e->state = EXCHANGE_DONE;
	arm(e);
	http_put_response(&r, &e->out);
	want_write(e);
}

/* One frame, one chunk: clients and tests of the protocol rely on it. */
static void put_chunk(struct exchange *e, struct span bytes)
{
	if (e->minor > 0)
		buf_printf(&e->out, "%zx\r\n", bytes.len);
	buf_put(&e->out, bytes);
	if (e->minor > 0)
		buf_put(&e->out, SPAN("\r\n"));
}

static void start_answer(struct exchange *e)
{
	static const char *const types[SOCKJS_TRANSPORTS] = {
		[SOCKJS_XHR] = "application/javascript; charset=UTF-8",
		[SOCKJS_XHR_STREAMING] = "application/javascript; charset=UTF-8",
		[SOCKJS_EVENTSOURCE] = "text/event-stream",
		[SOCKJS_HTMLFILE] = "text/html; charset=UTF-8",
		[SOCKJS_JSONP] = "application/javascript; charset=UTF-8",
	};
	struct buf prelude = { NULL, 0, 0 };

	if (e->state != EXCHANGE_ASKED)
		return;
	e->state = EXCHANGE_ANSWERING;
	if (e->closes)
		buf_put(&e->headers, SPAN("Connection: close\r\n"));
	http_put_head(buf_span(&e->headers), types[e->transport], e->minor > 0, &e->out);
	sockjs_put_prelude(e->transport, e->note->callback, &prelude);
	if (prelude.len > 0)
		put_chunk(e, buf_span(&prelude));
	buf_fini(&prelude);
}

static void put_frame(struct exchange *e, const struct note *note)
{
	start_answer(e);
	arm(e);
	if (note->body.len > 0)
		put_chunk(e, note->body);
	e->framed += note->body.len;
	want_write(e);
}

static void put_end(struct exchange *e)
{
	start_answer(e);
	if (e->minor > 0)
		buf_put(&e->out, SPAN("0\r\n\r\n"));
	e->state = EXCHANGE_DONE;
	arm(e);
	want_write(e);
}

static void free_exchange(struct exchange *e)
{
	(void)map_remove(&e->server->exchanges, key_of(&e->number));
	e->peer->exchange = NULL;
	list_remove(&e->unwritten);
	wheel_stop(&e->timer);
	buf_fini(&e->body);
	buf_fini(&e->headers);
	buf_fini(&e->out);
	free(e->note);
	free(e);
}

/*
 * At once, and not when the socket is next reported as writable: the client's
 * next request may come before that. Closing has to wait for it, though: the
 * library closes only what a callback tells it to.
 */
static void complete(struct exchange *e)
{
	struct lws *wsi = e->wsi;
	struct peer *peer = e->peer;
	bool closes = e->closes;

	free_exchange(e);
	if (!closes && lws_http_transaction_completed(wsi) == 0)
		return; /* the library has freed `peer` */
	peer->is_ending = true;
	lws_callback_on_writable(wsi);
}

/*
 * Not through the library: what it cannot send at once it keeps, and a client
 * that goes away meanwhile makes its loop spin until it gives up (seen with
 * 4.1.6). False when the connection is broken.
 */
static bool send_some(struct exchange *e)
{
	ssize_t sent;

	while (e->written < e->out.len) {
		sent = send(lws_get_socket_fd(e->wsi), e->out.at + e->written,
			e->out.len - e->written, MSG_NOSIGNAL | MSG_DONTWAIT);
		if (sent < 0 && errno == EINTR)
			continue;
		if (sent < 0)
			return errno == EAGAIN || errno == EWOULDBLOCK;
		e->written += (size_t)sent;
	}
	buf_fini(&e->out);
	e->written = 0;
	return true;
}

static void write_out(struct exchange *e)
{
	/* We have our own deadlines. Once: what comes later is for the head of a next request. */
	if (!e->is_ours)
		lws_set_timeout(e->wsi, NO_PENDING_TIMEOUT, 0);
	e->is_ours = true;
	if (!send_some(e)) {
		drop(e);
		return;
	}
	e->blocked = e->out.len > 0;
	if (e->state == EXCHANGE_DONE && e->written >= e->rewarded + REPORT_BYTES) {
		e->rewarded = e->written;
		arm(e); /* slow, but reading */
	}
	if (e->blocked)
		lws_callback_on_writable(e->wsi);
	else if (e->state == EXCHANGE_DONE)
		complete(e);
	else if (e->state == EXCHANGE_ANSWERING && e->framed - e->reported >= REPORT_BYTES) {
		e->reported = e->framed;
		tell_owner(e, NOTE_ROOM, e->framed);
	}
}

void exchanges_write(struct server *s)
{
	while (!list_is_empty(&s->unwritten)) {
		struct exchange *e = container_of(s->unwritten.next, struct exchange, unwritten);

		list_remove(&e->unwritten);
		write_out(e);
	}
}

static bool is_among(const char *const *names, size_t count, const char *name)
{
	for (size_t i = 0; i < count; i++) {
		if (strcmp(names[i], name) == 0)
			return true;
	}
	return false;
}

/*
 * A dead node says nothing, so those that owe answers are asked whether they
 * are there: what cannot be delivered is reported (NOTE_NODE_GONE).
 */
static void on_hello(struct wheel_timer *timer)
{
	struct server *s = container_of(timer, struct server, hello);
	struct note note = { .kind = NOTE_HELLO, .to.loop = NOTE_LOOP_HOME };
	const char *told[HELLOS_MOST];
	struct exchange *e;
	size_t count = 0;

	for (size_t at = 0; (e = map_next(&s->exchanges, &at));) {
		if (!needs_other_node(e) || is_among(told, count, e->owner.node))
			continue;
		memcpy(note.to.node, e->owner.node, sizeof(note.to.node));
		post(s, &note);
		if (count < HELLOS_MOST)
			told[count++] = e->owner.node;
	}
	if (count > 0)
		wheel_arm(s->wheel, &s->hello, clock_ms() + HELLO_MS);
}

static void start_hello(struct server *s)
{
	if (!wheel_is_armed(&s->hello))
		wheel_arm(s->wheel, &s->hello, clock_ms() + HELLO_MS);
}

/* --- from the owner ------------------------------------------------------- */

/* Something between here and the owner was lost: nothing that follows may be shown. */
static void break_off(struct exchange *e, const char *why)
{
	log_debug("sockjs.broken_off", LOG_U64("exchange", e->number), LOG_STR("why", why));
	if (e->state == EXCHANGE_ASKED) {
		exchange_respond(e, 404, "");
		return;
	}
	/* Its owner knows, or is not to be told: a note to a dead node only brings news of its death. */
	e->state = EXCHANGE_DONE;
	drop(e);
}

static void take_status(struct exchange *e, unsigned status)
{
	if (status == 0 || e->state != EXCHANGE_ASKED)
		drop(e);
	else if (status == 204 && e->transport == SOCKJS_JSONP)
		exchange_respond(e, 200, "ok");
	else
		exchange_respond(e, status, status == 503 ? "try again later" : "");
}

/* Its owner does not know that the request is gone: a note must have been lost. */
static void refuse_frame(struct server *s, const struct note *frame)
{
	struct note note = {
		.kind = NOTE_GONE,
		.endpoint = frame->endpoint,
		.exchange = frame->exchange,
		.from.loop = (uint16_t)s->config.index,
		.to = frame->from,
		.session = frame->session,
	};

	if (frame->kind == NOTE_FRAME)
		post(s, &note);
}

void exchange_take_note(struct server *s, const struct note *note)
{
	struct exchange *e = map_get(&s->exchanges, key_of(&note->exchange));

	if (!e || e->state == EXCHANGE_DONE) {
		refuse_frame(s, note);
		return;
	}
	if (note->kind == NOTE_SENT_ON) {
		memcpy(e->owner.node, note->about, sizeof(e->owner.node));
		start_hello(s);
		return;
	}
	e->owner = note->from;
	if (note->kind == NOTE_STATUS) {
		take_status(e, note->status);
		return;
	}
	if (note->number != e->next++) {
		tell_owner(e, NOTE_GONE, 0);
		break_off(e, "a note was lost");
		return;
	}
	if (note->kind == NOTE_FRAME)
		put_frame(e, note);
	else
		put_end(e);
}

void exchange_node_gone(struct server *s, const char *node)
{
	struct exchange *e;

	for (size_t at = 0; (e = map_next(&s->exchanges, &at));) {
		if (needs_other_node(e) && (!*node || strcmp(e->owner.node, node) == 0))
			break_off(e, "the owner's node is out of reach");
	}
}

/* --- its life ------------------------------------------------------------- */

static void on_timer(struct wheel_timer *timer)
{
	struct exchange *e = container_of(timer, struct exchange, timer);

	switch (e->state) {
	case EXCHANGE_BODY:
		log_info("sockjs.slow_body", LOG_U64("bytes", e->body.len),
			LOG_STR("limit", "limits.body_time"));
		e->closes = true;
		exchange_respond(e, 408, "The body did not come in time: limits.body_time.");
		break;
	case EXCHANGE_ASKED:
		tell_owner(e, NOTE_GONE, 0);
		exchange_respond(e, 503, "try again later");
		break;
	case EXCHANGE_ANSWERING:
		tell_owner(e, NOTE_GONE, 0);
		break_off(e, "the owner is silent");
		break;
	case EXCHANGE_DONE:
		drop(e);
		break;
	}
}

static struct exchange *add(struct server *s, struct lws *wsi, struct peer *peer)
{
	struct exchange *e = mem_zalloc(sizeof(*e));

	assert(!peer->exchange);
	e->server = s;
	e->wsi = wsi;
	e->peer = peer;
	e->number = ++s->last_exchange;
	list_init(&e->unwritten);
	wheel_timer_init(&e->timer, on_timer);
	map_put(&s->exchanges, key_of(&e->number), e);
	peer->exchange = e;
	return e;
}

struct exchange *exchange_new(
	struct server *s, struct lws *wsi, struct peer *peer, const struct note *note)
{
	struct exchange *e = add(s, wsi, peer);

	e->endpoint = &s->config.endpoints[note->endpoint];
	e->transport = note->transport;
	e->minor = http_minor_version(wsi);
	e->closes = e->minor == 0 || http_wants_close(wsi);
	e->owner.loop = NOTE_LOOP_HOME;
	e->note = note_new(note);
	e->note->exchange = e->number;
	e->note->from.loop = (uint16_t)s->config.index;
	e->note->to = e->owner;
	wheel_arm(s->wheel, &e->timer, clock_ms() + s->config.body_ms);
	return e;
}

void exchange_finish(
	struct server *s, struct lws *wsi, struct peer *peer, struct span rest, bool closes)
{
	struct exchange *e = add(s, wsi, peer);

	e->state = EXCHANGE_DONE;
	e->closes = closes;
	buf_put(&e->out, rest);
	arm(e);
	want_write(e);
}

void exchange_gone(struct peer *peer)
{
	struct exchange *e = peer->exchange;

	if (!e)
		return;
	if (e->state == EXCHANGE_ASKED || e->state == EXCHANGE_ANSWERING)
		tell_owner(e, NOTE_GONE, 0);
	free_exchange(e);
}

int exchange_on_writable(struct peer *peer)
{
	struct exchange *e = peer->exchange;

	if (peer->is_ending)
		return -1;
	if (!e)
		return 0;
	e->blocked = false;
	want_write(e);
	return 0;
}

bool exchange_is_full(const struct server *s)
{
	return s->exchanges.count >= s->config.connections_most;
}

void exchanges_init(struct server *s)
{
	map_init(&s->exchanges);
	list_init(&s->unwritten);
	wheel_timer_init(&s->hello, on_hello);
}

void exchanges_fini(struct server *s)
{
	wheel_stop(&s->hello);
	map_fini(&s->exchanges);
}

unsigned server_requests(const struct server *s)
{
	return (unsigned)s->exchanges.count;
}
