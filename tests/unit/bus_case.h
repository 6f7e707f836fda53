/*
 * What the tests of the bus share: nodes on one loop that note what they are
 * told, and turning the loop until something has come about or time is up.
 *
 * A message's body is its number; its cookie too.
 */
#ifndef TESTS_BUS_CASE_H
#define TESTS_BUS_CASE_H

#include "base/attr.h"
#include "redis/bus.h"
#include "redis_server.h"

#include <check.h>
#include <ev.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

enum {
	NOTES_MOST = 8192,
	NODES = 2,
};

static const double soon_s = 10; /* for what must come about, but not in a given time */

struct node {
	struct bus *bus;
	unsigned got[NOTES_MOST]; /* numbers of the messages */
	size_t got_count;
	unsigned accepted[NOTES_MOST];
	enum bus_accepted how[NOTES_MOST];
	size_t accepted_count;
	enum bus_state state;
	char why[256];
	char type[64];          /* of the last message */
	char headers[64];       /* of the last message: "name=value;" */
	struct node *republish; /* to this node, a message for each that is not above 1000 */
};

struct world {
	struct ev_loop *loop;
	struct redis_server redis;
	struct node nodes[NODES];
	struct bus_redis_config config;
	size_t wanted; /* what the condition looks for */
};

static UNUSED void publish_body(struct node *n, unsigned number, struct span body)
{
	const struct bus_message m = {
		.destination = SPAN("/sub/a"), .body = body, .body_is_utf8 = true
	};

	bus_publish(n->bus, &m, (void *)(uintptr_t)number);
}

static UNUSED void publish_number(struct node *n, unsigned number)
{
	char text[16];

	snprintf(text, sizeof(text), "%u", number);
	publish_body(n, number, span_of(text));
}

/* With white space behind it up to `bytes`. */
static UNUSED void publish_long(struct node *n, unsigned number, int bytes)
{
	char text[16384];

	ck_assert_int_lt(bytes, (int)sizeof(text));
	snprintf(text, sizeof(text), "%-*u", bytes, number);
	publish_body(n, number, span_of(text));
}

static void on_message(void *owner, const struct bus_message *m)
{
	struct node *n = owner;
	char text[16];
	unsigned number;
	size_t len = 0;

	snprintf(text, sizeof(text), "%.*s", (int)m->body.len, m->body.at);
	number = (unsigned)strtoul(text, NULL, 10);
	ck_assert(span_eq(m->destination, SPAN("/sub/a")));
	ck_assert(m->body_is_utf8);
	ck_assert_uint_lt(n->got_count, NOTES_MOST);
	n->got[n->got_count++] = number;
	snprintf(n->type, sizeof(n->type), "%.*s", (int)m->content_type.len, m->content_type.at);
	n->headers[0] = '\0';
	for (size_t i = 0; i < m->header_count; i++)
		len += (size_t)snprintf(n->headers + len, sizeof(n->headers) - len, "%.*s=%.*s;",
			(int)m->headers[i].name.len, m->headers[i].name.at,
			(int)m->headers[i].value.len, m->headers[i].value.at);
	if (n->republish && number < 1000)
		publish_number(n->republish, number + 1000);
}

static void on_accepted(void *owner, void *cookie, enum bus_accepted how)
{
	struct node *n = owner;

	ck_assert_uint_lt(n->accepted_count, NOTES_MOST);
	n->how[n->accepted_count] = how;
	n->accepted[n->accepted_count++] = (unsigned)(uintptr_t)cookie;
}

static void on_state(void *owner, enum bus_state state, const char *why)
{
	struct node *n = owner;

	n->state = state;
	snprintf(n->why, sizeof(n->why), "%s", why);
}

static UNUSED const struct bus_events node_events = {
	.on_message = on_message, .on_accepted = on_accepted, .on_state = on_state
};

static void on_deadline(struct ev_loop *loop, ev_timer *timer, int events)
{
	(void)loop;
	(void)events;
	*(bool *)timer->data = true;
}

/* Turns the loop; false when the time was up first. */
static bool comes_within(struct world *w, bool (*condition)(const struct world *w), double seconds)
{
	bool late = false;
	ev_timer timer;

	ev_now_update(w->loop);
	ev_timer_init(&timer, on_deadline, seconds, 0.);
	timer.data = &late;
	ev_timer_start(w->loop, &timer);
	while (!condition(w) && !late)
		ev_run(w->loop, EVRUN_ONCE);
	ev_timer_stop(w->loop, &timer);
	return condition(w);
}

static UNUSED bool never(const struct world *w)
{
	(void)w;
	return false;
}

static UNUSED bool all_up(const struct world *w)
{
	for (size_t i = 0; i < NODES; i++) {
		if (w->nodes[i].bus && w->nodes[i].state != BUS_UP)
			return false;
	}
	return true;
}

static UNUSED bool all_down(const struct world *w)
{
	for (size_t i = 0; i < NODES; i++) {
		if (w->nodes[i].bus && w->nodes[i].state != BUS_DOWN)
			return false;
	}
	return true;
}

/* Every node has got `wanted` messages. */
static UNUSED bool all_got(const struct world *w)
{
	for (size_t i = 0; i < NODES; i++) {
		if (w->nodes[i].bus && w->nodes[i].got_count < w->wanted)
			return false;
	}
	return true;
}

/* The first node's publishes have all been accepted, `wanted` of them. */
static UNUSED bool all_accepted(const struct world *w)
{
	return w->nodes[0].accepted_count >= w->wanted && bus_pending(w->nodes[0].bus) == 0;
}

static UNUSED void world_init(struct world *w)
{
	w->loop = ev_loop_new(EVFLAG_AUTO);
	ck_assert_ptr_nonnull(w->loop);
	redis_server_init(&w->redis);
	w->config = (struct bus_redis_config){ .url = w->redis.url,
		.channel = "websocket-events",
		.deliver_while_down = true,
		.outbox_bytes = 16 << 20,
		.max_payload = 2 << 20,
		.first_pause = 0.1,
		.longest_pause = 1.5,
		.ping_every = 0.2,
		.answer_within = 0.3,
		.probe_every = 0.2 };
}

static UNUSED void node_start(struct world *w, size_t i)
{
	w->nodes[i].bus = bus_redis_new(w->loop, &w->config, &node_events, &w->nodes[i]);
}

static UNUSED void node_stop(struct world *w, size_t i)
{
	bus_free(w->nodes[i].bus);
	w->nodes[i].bus = NULL;
}

/* Redis and so many nodes, all up. */
static UNUSED struct world *world_of(size_t nodes)
{
	static struct world w;

	world_init(&w);
	redis_server_start(&w.redis, NULL);
	for (size_t i = 0; i < nodes; i++)
		node_start(&w, i);
	ck_assert(comes_within(&w, all_up, soon_s));
	return &w;
}

static UNUSED void world_fini(struct world *w)
{
	for (size_t i = 0; i < NODES; i++)
		node_stop(w, i);
	redis_server_fini(&w->redis);
	ev_loop_destroy(w->loop);
}

#endif
