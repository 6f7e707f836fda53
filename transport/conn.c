/* What all kinds of connections have in common; see websocket.c and sockjs_session.c. */
#include "transport/conn.h"

#include "base/mem.h"
#include "transport/internal.h"

#include <stdlib.h>

enum {
	REASON_BYTES_MOST = 123
};

bool conn_open(struct conn *c, const struct conn_class *class, struct server *s,
	const struct request *request)
{
	c->class = class;
	c->server = s;
	c->state = CONN_OPEN;
	c->has_farewell = false;
	list_init(&c->dirty);
	atomic_fetch_add_explicit(s->config.connections, 1, memory_order_relaxed);
	c->session = s->on.on_open(s->owner, c, request);
	if (c->session)
		return true;
	conn_gone(c);
	return false;
}

void conn_gone(struct conn *c)
{
	void *session = c->session;

	if (c->state == CONN_NONE)
		return;
	c->state = CONN_NONE;
	c->session = NULL;
	list_remove(&c->dirty);
	free(c->close_reason);
	c->close_reason = NULL;
	atomic_fetch_sub_explicit(c->server->config.connections, 1, memory_order_relaxed);
	if (session)
		c->server->on.on_close(session);
}

enum conn_kind conn_kind(const struct conn *c)
{
	return c->kind;
}

bool conn_is_text_only(const struct conn *c)
{
	return c->text_only;
}

bool conn_was_cut(const struct conn *c)
{
	return !c->has_farewell && c->kind != CONN_HTTP_STREAM && c->kind != CONN_HTTP_POLL;
}

void conn_want_turn(struct conn *c)
{
	if (list_is_empty(&c->dirty))
		list_push(&c->server->dirty, &c->dirty);
}

void conn_want_room(struct conn *c)
{
	if (!c->blocked)
		conn_want_turn(c);
}

void conn_room_now(struct conn *c)
{
	if (c->state != CONN_OPEN || c->blocked)
		return;
	list_remove(&c->dirty);
	c->class->write(c);
}

bool conn_is_blocked(const struct conn *c)
{
	return c->blocked;
}

bool conn_put(struct conn *c, const struct span *parts, size_t count, bool text)
{
	return c->class->put(c, parts, count, text);
}

bool conn_can_ping(const struct conn *c)
{
	return c->class->can_ping;
}

void conn_ping(struct conn *c)
{
	c->ping_asked = true;
	conn_want_room(c);
}

static void set_paused(struct conn *c, bool paused)
{
	if (c->paused == paused)
		return;
	c->paused = paused;
	c->class->pause(c, paused);
}

void conn_pause(struct conn *c)
{
	if (c->state == CONN_OPEN)
		set_paused(c, true);
}

void conn_resume(struct conn *c)
{
	set_paused(c, false);
}

void conn_close(struct conn *c, unsigned code, const char *reason, uint64_t linger_ms)
{
	size_t len = strlen(reason);

	if (c->state != CONN_OPEN)
		return;
	c->state = CONN_CLOSING;
	c->has_farewell = true;
	c->close_code = (uint16_t)code;
	c->close_reason = mem_dup(reason, len < REASON_BYTES_MOST ? len : REASON_BYTES_MOST);
	set_paused(c, false); /* or the peer's answer is never read */
	c->class->close(c, linger_ms);
	conn_want_turn(c);
}

void conn_kill(struct conn *c)
{
	if (c->state == CONN_NONE)
		return;
	c->state = CONN_CLOSING;
	set_paused(c, false); /* or its end is never read */
	c->class->kill(c);
}

void conn_peer(const struct conn *c, char *out, size_t size)
{
	c->class->peer(c, out, size);
}
