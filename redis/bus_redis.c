/*
 * The bus over Redis Pub/Sub: one connection to publish, one to listen, and a
 * message to ourselves now and then, because the worst failure is a connection
 * that looks well and hears nothing.
 *
 * A published record waits in two queues: until PUBLISH was answered (then the
 * sender may have its receipt) and until its echo has come back (then this
 * node's subscribers have it). Redis keeps the order of one connection, so an
 * own echo always equals the head of the second queue. When the bus goes down,
 * both connections are given up, so that no late echo can come, and what has not
 * come back is delivered here: this node's subscribers lose nothing and get
 * nothing twice.
 *
 * The bus is up when both connections are, the subscriptions are confirmed and
 * the first message to ourselves has arrived. Until then it is down as a whole.
 */
#include "redis/bus_redis.h"
#include "base/buf.h"
#include "base/clock.h"
#include "base/list.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/random.h"
#include "redis/envelope.h"
#include "redis/link.h"
#include "redis/nodes.h"
#include "redis/outbox.h"
#include "redis/unreadable.h"
#include "redis/url.h"

#include <ev.h>
#include <stdio.h>
#include <stdlib.h>

enum {
	NODE_BYTES = 12,
	WHY_BYTES = 224,
	SCRATCH_KEEP = 1 << 20, /* scratch memory above that is given back after use */
	CHANNELS = 4,           /* that are subscribed to */
	DOWN_LOG_S = 60,        /* one line in this time while the bus stays down */
};

static const double tick_s = 0.05;

struct bus_redis {
	struct bus bus;
	struct ev_loop *loop;
	struct bus_redis_config config;
	struct redis_url url;
	char *channel;  /* owned, as are the next two */
	char *extended; /* only stompbox nodes listen to it */
	char *probe;    /* only this node does */

	struct redis_link *publishing;
	struct redis_link *listening;
	redisAsyncContext *pub; /* NULL while that link is down */
	redisAsyncContext *sub;
	unsigned confirmed; /* subscriptions */
	double subscribed;  /* when SUBSCRIBE was sent on `sub` */
	enum bus_state state;
	char why[WHY_BYTES];
	double down_since;

	ev_timer tick;
	double asked;    /* when the oldest unanswered command was sent; 0: none */
	double answered; /* last answer on `pub` */
	size_t commands; /* unanswered on `pub` */
	double probed;   /* last probe; 0: none on this connection */
	bool probe_owed; /* its echo has not come */

	uint64_t probe_number; /* newest record when the probe was sent */
	double ticked;         /* last look at the deadlines */
	double logged;         /* last bus.down; 0: none */

	struct outbox outbox;
	struct nodes nodes;
	struct buf scratch;
	struct envelope_scratch reading;
	struct unreadable unreadable;
	struct bus_counters counters;
};

/* Seconds of a clock that nobody sets; never 0. */
static double now_s(void)
{
	return (double)clock_ms() / 1000. + 1;
}

static void tell_settled(struct bus_redis *b)
{
	enum bus_accepted how;
	void *cookie;

	while (outbox_take_settled(&b->outbox, &cookie, &how))
		b->bus.on.on_accepted(b->bus.owner, cookie, how);
}

/* A long record must not hold its memory for ever. */
static void give_memory_back(struct buf *buf)
{
	if (buf->size > SCRATCH_KEEP)
		buf_fini(buf);
}

/* --- receiving ------------------------------------------------------------ */

static void deliver(struct bus_redis *b, struct span payload, bool extended)
{
	struct bus_message m;
	enum envelope_read result = envelope_read(payload, extended, &b->reading, &m);

	if (result == ENVELOPE_SKIP)
		return;
	if (result != ENVELOPE_READ) {
		b->counters.unreadable++;
		unreadable_note(&b->unreadable, result, payload.len, b->channel, now_s());
		return;
	}
	b->counters.received++;
	b->bus.on.on_message(b->bus.owner, &m);
	give_memory_back(&b->reading.text);
}

/* This node's subscribers get it from here, since its echo does not come. */
static void deliver_unheard(struct bus_redis *b, struct record *r)
{
	deliver(b, (struct span){ r->bytes, r->len }, r->extended);
	outbox_forget_echo(&b->outbox, r);
}

/* --- up and down ---------------------------------------------------------- */

/* `why` is NULL when all is well. */
static void set_state(struct bus_redis *b, enum bus_state state, const char *why)
{
	enum bus_state was = b->state;
	char text[WHY_BYTES] = "";

	if (why)
		snprintf(text, sizeof(text), "redis %s: %s", b->url.shown, why);
	if (b->state == state && strcmp(b->why, text) == 0)
		return;
	if (b->state == BUS_UP)
		b->down_since = now_s();
	b->state = state;
	memcpy(b->why, text, sizeof(text));
	/* While it is down, reasons may alternate with every try: they are not all news. */
	if (state == BUS_DOWN && was == BUS_DOWN && now_s() - b->logged < DOWN_LOG_S) {
		b->bus.on.on_state(b->bus.owner, state, b->why);
		return;
	}
	b->logged = now_s();
	if (state == BUS_UP)
		log_info("bus.up", LOG_STR("redis", b->url.shown), LOG_STR("channel", b->channel),
			LOG_U64("took_ms", (uint64_t)((now_s() - b->down_since) * 1000)));
	else
		log_warn("bus.down", LOG_STR("redis", b->url.shown), LOG_STR("why", text));
	b->bus.on.on_state(b->bus.owner, state, b->why);
}

/* Everything under way ends: see the top of this file. */
static void flush_records(struct bus_redis *b)
{
	bool local = b->config.deliver_while_down;
	size_t count = outbox_settle_rest(&b->outbox, local ? BUS_LOCAL : BUS_REFUSED);
	struct record *r;

	*(local ? &b->counters.local_only : &b->counters.refused) += count;
	/* An owner that publishes from here adds to the list: see publish_down(). */
	while ((r = outbox_first_unheard(&b->outbox))) {
		if (!list_is_empty(&r->unanswered) && r->how == BUS_REFUSED)
			outbox_forget_echo(&b->outbox, r);
		else
			deliver_unheard(b, r);
	}
	tell_settled(b);
}

/* Gives both connections up. `why` may be in memory that ends with them. */
static void go_down(struct bus_redis *b, const char *why)
{
	if (b->state == BUS_UP)
		b->counters.reconnects++;
	set_state(b, BUS_DOWN, why);
	b->pub = NULL;
	b->sub = NULL;
	b->confirmed = 0;
	b->commands = 0;
	b->asked = 0;
	b->probed = 0;
	b->probe_owed = false;
	nodes_down(&b->nodes);
	redis_link_drop(b->publishing, why);
	redis_link_drop(b->listening, why);
	flush_records(b);
}

static void on_link_down(void *owner, const char *why)
{
	struct bus_redis *b = owner;

	/* The other link's end, which go_down() brings about itself, is no news. */
	if (b->state == BUS_DOWN && !b->pub && !b->sub)
		set_state(b, BUS_DOWN, why);
	else
		go_down(b, why);
}

/* --- commands ------------------------------------------------------------- */

void bus_redis_answered(struct bus_redis *b)
{
	b->answered = now_s();
	b->commands--;
	b->asked = b->commands > 0 ? b->answered : 0;
}

static void on_answer(redisAsyncContext *redis, void *answer, void *cookie)
{
	struct bus_redis *b = cookie;
	const redisReply *reply = answer;

	if (!redis->data || !reply)
		return; /* given up: flush_records() has seen to it */
	bus_redis_answered(b);
	if (reply->type == REDIS_REPLY_ERROR)
		go_down(b, reply->str);
}

static void on_published(redisAsyncContext *redis, void *answer, void *cookie)
{
	struct bus_redis *b = cookie;
	const redisReply *reply = answer;

	if (!redis->data || !reply)
		return;
	if (reply->type != REDIS_REPLY_ERROR) {
		outbox_answered(&b->outbox);
		tell_settled(b);
	}
	on_answer(redis, answer, cookie);
}

bool bus_redis_command(struct bus_redis *b, redisCallbackFn *on_done, void *cookie, int argc,
	const char **argv, const size_t *lens)
{
	if (!b->pub || redisAsyncCommandArgv(b->pub, on_done, cookie, argc, argv, lens) != REDIS_OK)
		return false; /* the connection is ending; on_link_down comes */
	if (b->commands++ == 0)
		b->asked = now_s();
	return true;
}

static void send_publish(
	struct bus_redis *b, const char *channel, struct span payload, redisCallbackFn *on_done)
{
	const char *argv[] = { "PUBLISH", channel, payload.at };
	const size_t lens[] = { 7, strlen(channel), payload.len };

	/* Without a connection nothing is sent: on_link_down sees to it. */
	(void)bus_redis_command(b, on_done, b, 3, argv, lens);
}

static void send_ping(struct bus_redis *b)
{
	const char *argv[] = { "PING" };
	const size_t lens[] = { 4 };

	(void)bus_redis_command(b, on_answer, b, 1, argv, lens);
}

static void send_probe(struct bus_redis *b)
{
	b->probed = now_s();
	b->probe_owed = true;
	b->probe_number = b->outbox.added;
	send_publish(b, b->probe, SPAN("?"), on_answer);
}

static void on_probe_echo(struct bus_redis *b)
{
	struct record *r;

	b->probe_owed = false;
	/* What was published before the probe and has not come before it will not come. */
	while ((r = outbox_first_unheard(&b->outbox)) && r->number <= b->probe_number)
		deliver_unheard(b, r);
	if (b->state == BUS_UP)
		return;
	redis_link_is_good(b->publishing);
	redis_link_is_good(b->listening);
	set_state(b, BUS_UP, NULL);
}

/* Both connections are there and listen: ask ourselves. */
static void probe_if_ready(struct bus_redis *b)
{
	if (b->pub && b->confirmed == CHANNELS && !b->probe_owed && b->state != BUS_UP)
		send_probe(b);
}

static void on_heard(redisAsyncContext *redis, void *answer, void *owner)
{
	struct bus_redis *b = owner;
	const redisReply *reply = answer;
	struct span channel, payload;
	bool extended;

	if (!redis->data || !reply)
		return;
	if (reply->type == REDIS_REPLY_ERROR) {
		go_down(b, reply->str);
		return;
	}
	if (reply->type != REDIS_REPLY_ARRAY || reply->elements != 3)
		return;
	if (reply->element[2]->type == REDIS_REPLY_INTEGER) {
		b->confirmed++;
		probe_if_ready(b);
		return;
	}
	channel = (struct span){ reply->element[1]->str, (size_t)reply->element[1]->len };
	payload = (struct span){ reply->element[2]->str, (size_t)reply->element[2]->len };
	if (span_eq(channel, span_of(b->probe))) {
		on_probe_echo(b);
		return;
	}
	if (span_eq(channel, span_of(b->nodes.here))) {
		b->counters.notes_received++;
		if (b->bus.on.on_note)
			b->bus.on.on_note(b->bus.owner, payload);
		return;
	}
	extended = span_eq(channel, span_of(b->extended));
	outbox_note_echo(&b->outbox, payload, extended);
	deliver(b, payload, extended);
}

static void on_publishing_up(void *owner, redisAsyncContext *redis)
{
	struct bus_redis *b = owner;

	b->pub = redis;
	b->answered = now_s();
	probe_if_ready(b);
}

static void on_listening_up(void *owner, redisAsyncContext *redis)
{
	struct bus_redis *b = owner;

	b->sub = redis;
	b->confirmed = 0;
	b->subscribed = now_s();
	(void)redisAsyncCommand(redis, on_heard, b, "SUBSCRIBE %s %s %s %s", b->channel,
		b->extended, b->probe, b->nodes.here);
}

/* When our loop stood still, Redis may have answered long ago: it is read first. */
static void forgive_our_own_stall(struct bus_redis *b, double now)
{
	double late = now - b->ticked - tick_s;

	b->ticked = now;
	if (late < b->config.answer_within / 4)
		return;
	b->asked += b->asked > 0 ? late : 0;
	b->probed += b->probed > 0 ? late : 0;
	b->subscribed += late;
}

static void on_tick(struct ev_loop *loop, ev_timer *timer, int events)
{
	struct bus_redis *b = container_of(timer, struct bus_redis, tick);
	double now = now_s(), within = b->config.answer_within;
	char why[WHY_BYTES];

	(void)loop;
	(void)events;
	forgive_our_own_stall(b, now);
	nodes_tick(&b->nodes);
	if (b->sub && b->confirmed < CHANNELS && now - b->subscribed > within)
		go_down(b, "no answer to SUBSCRIBE");
	if (!b->pub)
		return;
	if (b->probe_owed && now - b->probed > within) {
		snprintf(why, sizeof(why), "the subscription is deaf: no echo for %.0f ms",
			(now - b->probed) * 1000);
		go_down(b, why);
	} else if (b->commands > 0 && now - b->asked > within) {
		snprintf(why, sizeof(why), "no answer for %.0f ms", (now - b->asked) * 1000);
		go_down(b, why);
	} else if (b->state == BUS_UP && !b->probe_owed &&
		   now - b->probed >= b->config.probe_every) {
		send_probe(b);
	} else if (b->commands == 0 && now - b->answered >= b->config.ping_every) {
		send_ping(b);
	}
}

/* --- the bus -------------------------------------------------------------- */

/* Without Redis. Called from an event while the bus goes down, it lines up behind the others. */
static void publish_down(struct bus_redis *b, const struct bus_message *m, void *cookie)
{
	bool local = b->config.deliver_while_down;
	enum bus_accepted how = local ? BUS_LOCAL : BUS_REFUSED;
	uint64_t *counter = local ? &b->counters.local_only : &b->counters.refused;
	bool extended = envelope_needs_extension(m);
	struct bus_message received = *m;
	struct record *r;

	if (!received.content_type.at)
		received.content_type = envelope_implied_type(m->body, m->body_is_utf8);
	(*counter)++;
	if (local && outbox_first_unheard(&b->outbox)) {
		b->scratch.len = 0;
		if (extended)
			envelope_write_extended(m, &b->scratch);
		else
			envelope_write(m, false, &b->scratch);
		r = outbox_add(&b->outbox, buf_span(&b->scratch), extended, true, cookie);
	} else {
		if (local)
			b->bus.on.on_message(b->bus.owner, &received);
		if (b->outbox.pending == 0) {
			b->bus.on.on_accepted(b->bus.owner, cookie, how);
			return;
		}
		r = outbox_add(&b->outbox, SPAN(""), false, false, cookie);
	}
	outbox_settle(r, how);
}

static void publish(struct bus *bus, const struct bus_message *m, void *cookie)
{
	struct bus_redis *b = container_of(bus, struct bus_redis, bus);
	bool extended = envelope_needs_extension(m);
	struct record *r;
	size_t plain;

	if (b->state != BUS_UP) {
		publish_down(b, m, cookie);
		return;
	}
	b->scratch.len = 0;
	envelope_write(m, extended, &b->scratch);
	plain = b->scratch.len;
	if (extended)
		envelope_write_extended(m, &b->scratch);
	if (plain > b->config.max_payload || b->scratch.len - plain > b->config.max_payload) {
		r = outbox_add(&b->outbox, SPAN(""), extended, false, cookie);
		outbox_settle(r, BUS_TOO_LARGE);
		b->counters.refused++;
		tell_settled(b);
		return;
	}
	r = outbox_add(&b->outbox,
		(struct span){ b->scratch.at + (extended ? plain : 0),
			extended ? b->scratch.len - plain : plain },
		extended, true, cookie);
	b->counters.published++;
	send_publish(b, b->channel, (struct span){ b->scratch.at, plain },
		extended ? on_answer : on_published);
	if (extended && b->pub)
		send_publish(b, b->extended, (struct span){ r->bytes, r->len }, on_published);
	give_memory_back(&b->scratch);
}

static struct bus_load load(const struct bus *bus)
{
	const struct bus_redis *b = container_of_const(bus, struct bus_redis, bus);

	return (struct bus_load){
		.messages = b->outbox.echoes_due,
		.bytes = b->outbox.bytes,
		.full = b->outbox.bytes >= b->config.outbox_bytes,
		.notes_half_full = b->nodes.bytes_owed >= b->nodes.bytes_most / 2,
	};
}

static enum bus_state state(const struct bus *bus, const char **why)
{
	const struct bus_redis *b = container_of_const(bus, struct bus_redis, bus);

	*why = b->why;
	return b->state;
}

static void counters(const struct bus *bus, struct bus_counters *out)
{
	const struct bus_redis *b = container_of_const(bus, struct bus_redis, bus);

	*out = b->counters;
	out->outbox_bytes = b->outbox.bytes;
}

static size_t pending(const struct bus *bus)
{
	return container_of_const(bus, struct bus_redis, bus)->outbox.pending;
}

static struct nodes *nodes_of(struct bus *bus)
{
	return &container_of(bus, struct bus_redis, bus)->nodes;
}

static void tell(struct bus *bus, struct span node, struct span note)
{
	nodes_tell(nodes_of(bus), node, note);
}

static void find_owner(
	struct bus *bus, struct span key, bool take, bus_owner_fn *on_owner, void *cookie)
{
	nodes_find_owner(nodes_of(bus), key, take, on_owner, cookie);
}

static void renew_claim(struct bus *bus, struct span key)
{
	nodes_renew_claim(nodes_of(bus), key);
}

static void release_claim(struct bus *bus, struct span key)
{
	nodes_release_claim(nodes_of(bus), key);
}

static void break_claim(struct bus *bus, struct span key, struct span node)
{
	nodes_break_claim(nodes_of(bus), key, node);
}

static void redis_free(struct bus *bus)
{
	struct bus_redis *b = container_of(bus, struct bus_redis, bus);

	ev_timer_stop(b->loop, &b->tick);
	nodes_fini(&b->nodes);
	redis_link_free(b->publishing);
	redis_link_free(b->listening);
	outbox_fini(&b->outbox);
	buf_fini(&b->scratch);
	envelope_scratch_fini(&b->reading);
	redis_url_fini(&b->url);
	free(b->channel);
	free(b->extended);
	free(b->probe);
	free(b);
}

static void start_links(struct bus_redis *b)
{
	static const struct redis_link_events publishing = { on_publishing_up, on_link_down };
	static const struct redis_link_events listening = { on_listening_up, on_link_down };
	const struct redis_link_config link = {
		.host = b->url.host,
		.port = b->url.port,
		.path = b->url.path,
		.user = b->url.user,
		.password = b->url.password,
		.database = b->url.database,
		.first_pause = b->config.first_pause,
		.longest_pause = b->config.longest_pause,
		.answer_within = b->config.answer_within,
	};

	b->publishing = redis_link_new(b->loop, &link, &publishing, b);
	b->listening = redis_link_new(b->loop, &link, &listening, b);
}

struct bus *bus_redis_new(struct ev_loop *loop, const struct bus_redis_config *config,
	const struct bus_events *events, void *owner)
{
	static const struct bus_class class = { publish, load, state, counters, pending, redis_free,
		tell, find_owner, renew_claim, release_claim, break_claim };
	struct bus_redis *b = mem_zalloc(sizeof(*b));
	char node[NODE_BYTES + 1], why[256];

	if (!redis_url_read(config->url, &b->url, why))
		abort(); /* the caller has checked it */
	random_name(node, NODE_BYTES);
	b->bus = (struct bus){ &class, *events, owner };
	b->loop = loop;
	b->config = *config;
	if (asprintf(&b->channel, "%s", config->channel) < 0 ||
		asprintf(&b->extended, "%s:stompbox", config->channel) < 0 ||
		asprintf(&b->probe, "%s:probe:%s", config->channel, node) < 0)
		abort();
	outbox_init(&b->outbox);
	nodes_init(&b->nodes, b, &b->bus, &b->counters, config, config->node ? config->node : node);
	b->ticked = b->down_since = now_s();
	snprintf(b->why, sizeof(b->why), "redis %s: connecting", b->url.shown);
	ev_timer_init(&b->tick, on_tick, tick_s, tick_s);
	ev_timer_start(loop, &b->tick);
	start_links(b);
	events->on_state(owner, BUS_STARTING, b->why);
	return &b->bus;
}
