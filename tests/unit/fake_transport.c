#include "tests/unit/fake_transport.h"

#include "base/mem.h"
#include "transport/note.h"
#include "transport/server.h"

#include <stdio.h>
#include <stdlib.h>

/* Only its address is used. */
struct server {
	int unused;
};

void fake_conn_fini(struct conn *c)
{
	buf_fini(&c->written);
}

void fake_conn_turn(struct conn *c, void (*on_room)(void *session), void *session)
{
	if (!c->wants_room || c->full || c->closed)
		return;
	c->wants_room = false;
	on_room(session);
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
	return c->cut;
}

void conn_want_room(struct conn *c)
{
	c->wants_room = true;
}

void conn_room_now(struct conn *c)
{
	c->wants_room = true; /* the tests look at what comes when there is no room at once */
}

bool conn_put(struct conn *c, const struct span *parts, size_t count, bool text)
{
	(void)text;
	if (c->full)
		return false;
	for (size_t i = 0; i < count; i++)
		buf_put(&c->written, parts[i]);
	buf_put_byte(&c->written, '\n');
	c->frames++;
	return true;
}

bool conn_is_blocked(const struct conn *c)
{
	return c->full;
}

bool conn_can_ping(const struct conn *c)
{
	return !c->cannot_ping;
}

void conn_ping(struct conn *c)
{
	c->pings++;
}

void conn_pause(struct conn *c)
{
	c->paused = true;
}

void conn_resume(struct conn *c)
{
	c->paused = false;
}

void conn_close(struct conn *c, unsigned code, const char *reason, uint64_t linger_ms)
{
	(void)reason;
	(void)linger_ms;
	c->closed = code;
}

void conn_kill(struct conn *c)
{
	c->killed = true;
}

void conn_peer(const struct conn *c, char *out, size_t size)
{
	(void)c;
	snprintf(out, size, "test");
}

void server_prepare_process(void)
{
}

void server_be_quiet(void)
{
}

unsigned server_sockjs_bit(const char *word)
{
	return *word ? 1 : 0;
}

void server_group_post(struct server_group *g, struct note *note)
{
	(void)g;
	free(note); /* there is no other server */
}

struct server *server_new(struct ev_loop *loop, struct wheel *wheel,
	const struct server_config *config, const struct server_events *events, void *owner)
{
	(void)loop;
	(void)wheel;
	(void)config;
	(void)events;
	(void)owner;
	return mem_zalloc(sizeof(struct server));
}

void server_adopt(struct server *s, int fd)
{
	(void)s;
	(void)fd;
}

void server_adopt_tcp(struct server *s, int fd)
{
	(void)s;
	(void)fd;
}

void server_refuse_upgrades(struct server *s)
{
	(void)s;
}

unsigned server_requests(const struct server *s)
{
	(void)s;
	return 0;
}

void server_free(struct server *s)
{
	free(s);
}
