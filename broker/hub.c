/*
 * Flow control. A shard may have OUTBOX_SLOTS publishes under way, so its outbox
 * never overflows, and every inbox keeps that many slots free for their answers.
 * Messages from the bus cannot be held back without Redis cutting us off: what
 * finds no place in an inbox is dropped, counted and logged. But publishes of
 * our own clients can: while a shard is half full, none are taken, the shards
 * run out of credit and stop reading from those who send.
 */
#include "broker/hub.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "broker/broker.h"
#include "broker/private.h"
#include "broker/queue_note.h"
#include "broker/queues.h"
#include "broker/relay.h"
#include "redis/bus.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

enum {
	PUBLISHES_A_TURN = 256
};

struct hub {
	struct broker *broker;
	struct bus *bus;
	struct relay *relay;
	uint64_t messages;    /* the second half of message-id */
	_Atomic bool stalled; /* publishes wait until a shard has caught up, which then wakes us */
	/* For each shard: struct publish, in order, with the bus or with a queue. */
	struct list under_way[];
};

/*
 * What this node has published and will hear again counts as if it were in the
 * inbox already: it comes back whether there is place for it or not.
 */
static bool is_behind(struct shard *s, const struct bus_load *load)
{
	size_t messages = INBOX_SLOTS - ring_room(&s->inbox) + load->messages;
	size_t bytes = atomic_load_explicit(&s->inbox_bytes, memory_order_relaxed) + load->bytes +
		       load->messages * sizeof(struct message);

	return messages >= INBOX_SLOTS / 2 || bytes > s->broker->config->limits_backlog / 2;
}

static bool is_congested(const struct hub *h)
{
	const struct bus_load load = bus_load(h->bus);

	if (load.full)
		return true;
	for (unsigned i = 1; i < h->broker->shard_count; i++) {
		if (is_behind(&h->broker->shards[i], &load))
			return true;
	}
	return false;
}

void hub_caught_up(struct hub *h)
{
	/* The inbox that was just emptied must be seen before the flag is looked at. */
	atomic_thread_fence(memory_order_seq_cst);
	if (atomic_load(&h->stalled) && atomic_exchange(&h->stalled, false))
		shard_wake(&h->broker->shards[0]);
}

static void post(struct shard *s, struct message *m)
{
	size_t held = atomic_load_explicit(&s->inbox_bytes, memory_order_relaxed);
	/* A message that is longer than the limit goes alone. */
	bool room = ring_room(&s->inbox) > OUTBOX_SLOTS &&
		    (held == 0 || held + m->bytes <= s->broker->config->limits_backlog);

	if (room) {
		atomic_fetch_add_explicit(&s->inbox_bytes, m->bytes, memory_order_relaxed);
		if (ring_push(&s->inbox, &m->mail)) {
			shard_wake(s);
			return;
		}
	}
	stats_add(&s->broker->shards[0].stats.messages_dropped, 1);
	log_error("shard.behind", LOG_U64("shard", s->index),
		LOG_STR("remedy", "more threads or nodes, or a higher limits.backlog"));
	message_unref(m);
}

static void on_message(void *owner, const struct bus_message *m)
{
	struct hub *h = owner;
	struct broker *b = h->broker;
	char id[MESSAGE_ID_BYTES];
	struct message *shared;

	if (queues_has(b->queues, m->destination)) {
		queues_hear(b->queues, m);
		return;
	}
	if (private_kind(&b->route, m->destination) == PRIVATE_NONE &&
		!route_is_broker(&b->route, m->destination)) {
		stats_add(&b->shards[0].stats.messages_unrouted, 1);
		return;
	}
	snprintf(id, sizeof(id), "%s-%" PRIu64, b->node, ++h->messages);
	if (b->shard_count > 1) {
		shared = message_new(m, id, b->shard_count - 1);
		for (unsigned i = 1; i < b->shard_count; i++)
			post(&b->shards[i], shared);
	}
	shard_dispatch(&b->shards[0], m, id);
	hub_caught_up(h); /* it may have been an echo: the bus may have room again */
}

static void tell_answer(struct hub *h, struct publish *p)
{
	struct shard *s = &h->broker->shards[p->shard];

	list_remove(&p->under_way);
	if (p->shard == 0) {
		shard_accepted(s, p);
		return;
	}
	/* A slot is kept for each publish under way: see post(). */
	if (!ring_push(&s->inbox, &p->mail))
		abort();
	shard_wake(s);
}

/* The bus keeps the order by itself; but between it and the queues there is none. */
void hub_answer(struct hub *h, struct publish *p, enum bus_accepted how)
{
	struct list *under_way = &h->under_way[p->shard];

	p->how = how;
	p->is_answered = true;
	while (!list_is_empty(under_way)) {
		struct publish *first = container_of(under_way->next, struct publish, under_way);

		if (!first->is_answered)
			return;
		tell_answer(h, first);
	}
}

static void on_accepted(void *owner, void *cookie, enum bus_accepted how)
{
	struct hub *h = owner;

	hub_caught_up(h); /* the bus may have room again */
	hub_answer(h, cookie, how);
}

static void on_state(void *owner, enum bus_state state, const char *why)
{
	struct hub *h = owner;
	struct broker *b = h->broker;

	pthread_mutex_lock(&b->bus_lock);
	b->bus_state = state;
	snprintf(b->bus_why, sizeof(b->bus_why), "%s", why ? why : "");
	pthread_mutex_unlock(&b->bus_lock);
	relay_on_state(h->relay, state);
	if (b->queues)
		queues_on_state(b->queues, state);
}

static void on_note(void *owner, struct span note)
{
	struct hub *h = owner;

	if (h->broker->queues && queue_note_is_one(note))
		queues_on_note(h->broker->queues, note);
	else
		relay_on_note(h->relay, note);
}

static void on_node_gone(void *owner, struct span node)
{
	struct hub *h = owner;

	relay_on_node_gone(h->relay, node);
	if (h->broker->queues)
		queues_on_node_gone(h->broker->queues, node);
}

struct hub *hub_new(struct broker *broker)
{
	struct hub *h = mem_zalloc(sizeof(*h) + broker->shard_count * sizeof(struct list));

	h->broker = broker;
	h->relay = relay_new(broker);
	broker->queues = queues_new(broker);
	for (unsigned i = 0; i < broker->shard_count; i++)
		list_init(&h->under_way[i]);
	return h;
}

static void drop_publishes(struct list *publishes)
{
	while (!list_is_empty(publishes)) {
		struct publish *p = container_of(publishes->next, struct publish, under_way);

		list_remove(&p->under_way);
		free(p);
	}
}

void hub_free(struct hub *h)
{
	if (!h)
		return;
	bus_free(h->bus);
	relay_free(h->relay);
	queues_free(h->broker->queues);
	h->broker->queues = NULL;
	for (unsigned i = 0; i < h->broker->shard_count; i++)
		drop_publishes(&h->under_way[i]);
	free(h);
}

static double seconds(uint64_t ms)
{
	return (double)ms / 1000.;
}

void hub_start(struct hub *h)
{
	static const struct bus_events events = {
		.on_message = on_message,
		.on_accepted = on_accepted,
		.on_state = on_state,
		.on_note = on_note,
		.on_node_gone = on_node_gone,
	};
	const struct config *c = h->broker->config;
	const struct bus_redis_config redis = {
		.url = c->redis_url,
		.channel = c->redis_channel,
		.node = h->broker->node,
		.deliver_while_down = c->redis_on_down == 0,
		.outbox_bytes = c->redis_outbox,
		.max_payload = c->redis_max_payload,
		.first_pause = seconds(c->redis_pause_least),
		.longest_pause = seconds(c->redis_pause_most),
		.ping_every = seconds(c->redis_ping_every),
		.answer_within = seconds(c->redis_answer_within),
		.probe_every = seconds(c->redis_probe_every),
	};

	if (*c->redis_url)
		h->bus = bus_redis_new(h->broker->shards[0].loop, &redis, &events, h);
	else
		h->bus = bus_local_new(&events, h);
	relay_start(h->relay, h->bus);
	if (h->broker->queues)
		queues_start(h->broker->queues, h->bus);
}

void hub_take_note(struct hub *h, struct note *note)
{
	relay_take_note(h->relay, note);
}

void hub_publish(struct hub *h, struct publish *p)
{
	struct queues *queues = h->broker->queues;

	list_push(&h->under_way[p->shard], &p->under_way);
	if (queues_has(queues, p->content.destination))
		queues_publish(queues, p);
	else
		bus_publish(h->bus, &p->content, p);
}

/*
 * Says so before it looks a second time: a shard that catches up in between
 * either is seen here or sees the flag.
 */
bool hub_is_congested(struct hub *h)
{
	if (!is_congested(h))
		return false;
	atomic_store(&h->stalled, true);
	atomic_thread_fence(memory_order_seq_cst);
	/* Left true when it has just caught up: that costs one needless wake. */
	return is_congested(h);
}

void hub_collect(struct hub *h)
{
	bool more;

	if (h->broker->queues)
		queues_collect(h->broker->queues);
	for (unsigned round = 0; round < PUBLISHES_A_TURN; round++) {
		more = false;
		for (unsigned i = 1; i < h->broker->shard_count; i++) {
			struct publish *p;

			if (hub_is_congested(h))
				return;
			p = ring_pull(&h->broker->shards[i].outbox);
			if (!p)
				continue;
			more = true;
			hub_publish(h, p);
		}
		if (!more)
			return;
	}
	shard_wake(&h->broker->shards[0]);
}

size_t hub_pending(const struct hub *h)
{
	return bus_pending(h->bus);
}

void hub_tick(struct hub *h)
{
	struct broker *b = h->broker;

	hub_collect(h);
	if (b->queues)
		queues_tick(b->queues, clock_ms());

	pthread_mutex_lock(&b->bus_lock);
	bus_counters(h->bus, &b->bus_counters);
	if (b->queues)
		queues_publish_load(b->queues);
	pthread_mutex_unlock(&b->bus_lock);
}
