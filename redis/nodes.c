#include "redis/nodes.h"

#include "base/buf.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"

#include <stdio.h>
#include <stdlib.h>

enum {
	QUIET_S = 60 /* between complaints about the directory */
};

/* Commands that the bus has sent for a node or for the directory. */
struct ask {
	struct list link;
	struct nodes *nodes; /* NULL: nobody wants to know any more */
	unsigned answers;    /* still to come */
	bool failed;
	bool take;
	size_t bytes;           /* of a note, and of this */
	bus_owner_fn *on_owner; /* NULL: not a question */
	void *cookie;
	char node[NODE_NAME_MOST + 1]; /* whom a note is for */
};

static bool is_up(const struct nodes *n)
{
	const char *why;

	return bus_state(n->bus, &why) == BUS_UP;
}

static struct ask *ask_new(struct nodes *n)
{
	struct ask *a = mem_zalloc(sizeof(*a));

	a->nodes = n;
	list_push(&n->asked, &a->link);
	return a;
}

static void ask_free(struct ask *a)
{
	list_remove(&a->link);
	free(a);
}

/* Counts an answer; true when it was the last one, and is to be dealt with. */
static bool take_answer(struct ask *a, redisAsyncContext *redis, const redisReply *reply)
{
	bool is_last = --a->answers == 0;

	if (redis->data && reply && a->nodes) {
		bus_redis_answered(a->nodes->redis);
		a->failed = a->failed || reply->type == REDIS_REPLY_ERROR;
	} else {
		a->failed = true;
	}
	if (is_last && !a->nodes) {
		ask_free(a);
		return false;
	}
	return is_last;
}

/* A channel or a key; valid until the next one is made. */
static struct span join(struct nodes *n, const char *before, struct span name)
{
	n->scratch.len = 0;
	buf_put(&n->scratch, span_of(before));
	buf_put(&n->scratch, name);
	return buf_span(&n->scratch);
}

/* --- notes ---------------------------------------------------------------- */

static void report_later(struct nodes *n, struct span node)
{
	struct gone_node *g;

	n->counters->notes_lost++;
	for (struct list *at = n->gone.next; at != &n->gone; at = at->next) {
		if (span_eq(span_of(container_of(at, struct gone_node, link)->name), node))
			return;
	}
	g = mem_zalloc(sizeof(*g));
	memcpy(g->name, node.at, node.len);
	list_push(&n->gone, &g->link);
}

void nodes_tick(struct nodes *n)
{
	struct list gone;

	list_take(&gone, &n->gone);
	while (!list_is_empty(&gone)) {
		struct gone_node *g = container_of(gone.next, struct gone_node, link);

		list_remove(&g->link);
		n->bus->on.on_node_gone(n->bus->owner, span_of(g->name));
		free(g);
	}
}

static void on_told(redisAsyncContext *redis, void *answer, void *cookie)
{
	struct ask *a = cookie;
	struct nodes *n = a->nodes;
	const redisReply *reply = answer;
	char node[NODE_NAME_MOST + 1];
	bool failed;

	if (!take_answer(a, redis, reply))
		return;
	n->bytes_owed -= a->bytes;
	memcpy(node, a->node, sizeof(node));
	failed = a->failed;
	ask_free(a);
	if (failed) {
		report_later(n, span_of(node)); /* together with all that were under way */
	} else if (reply->integer == 0) {
		n->counters->notes_lost++;
		n->bus->on.on_node_gone(n->bus->owner, span_of(node));
	}
}

void nodes_tell(struct nodes *n, struct span node, struct span note)
{
	const char *argv[] = { "PUBLISH", NULL, note.at };
	size_t lens[] = { 7, 0, note.len };
	struct span channel;
	struct ask *a;

	if (node.len == 0 || node.len > NODE_NAME_MOST || !n->bus->on.on_node_gone)
		return;
	if (!is_up(n) || n->bytes_owed >= n->bytes_most) {
		report_later(n, node);
		return;
	}
	channel = join(n, n->channel, node);
	argv[1] = channel.at;
	lens[1] = channel.len;
	a = ask_new(n);
	a->answers = 1;
	a->bytes = sizeof(*a) + note.len;
	memcpy(a->node, node.at, node.len);
	if (!bus_redis_command(n->redis, on_told, a, 3, argv, lens)) {
		ask_free(a);
		report_later(n, node);
		return;
	}
	n->bytes_owed += a->bytes;
	n->counters->notes_sent++;
}

/* --- the directory -------------------------------------------------------- */

static double now_s(void)
{
	return (double)clock_ms() / 1000. + 1;
}

static void complain(struct nodes *n, const redisReply *reply)
{
	n->counters->owner_errors++;
	if (n->logged > 0 && now_s() - n->logged < QUIET_S)
		return;
	n->logged = now_s();
	log_warn("bus.directory", LOG_STR("keys", n->keys),
		LOG_STR("why",
			reply && reply->type == REDIS_REPLY_ERROR ? reply->str : "no such answer"),
		LOG_STR("remedy",
			"see that Redis has room for these keys and lets its user SET, GET, DEL "
			"and EVAL them, and ask PUBSUB NUMSUB; until then SockJS over HTTP needs "
			"sticky sessions, and each node has queues of its own"));
}

static void answer(struct ask *a, enum bus_owner owner, struct span node)
{
	bus_owner_fn *on_owner = a->on_owner;
	void *cookie = a->cookie;

	ask_free(a);
	on_owner(cookie, owner, node);
}

/* Only whether it worked counts: GET says the rest. */
static void on_set(redisAsyncContext *redis, void *given, void *cookie)
{
	struct ask *a = cookie;
	const redisReply *reply = given;

	if (a->nodes && reply && reply->type == REDIS_REPLY_ERROR)
		complain(a->nodes, reply);
	if (take_answer(a, redis, reply))
		answer(a, BUS_OWNER_UNKNOWN, SPAN(""));
}

static void on_got(redisAsyncContext *redis, void *given, void *cookie)
{
	struct ask *a = cookie;
	struct nodes *n = a->nodes;
	const redisReply *reply = given;
	bool was_refused = a->failed; /* SET; that has been complained of */
	struct span node;

	if (!take_answer(a, redis, reply))
		return;
	if (!reply || was_refused) {
		answer(a, BUS_OWNER_UNKNOWN, SPAN(""));
		return;
	}
	if (reply->type != REDIS_REPLY_STRING && reply->type != REDIS_REPLY_NIL) {
		complain(n, reply);
		answer(a, BUS_OWNER_UNKNOWN, SPAN(""));
		return;
	}
	if (reply->type == REDIS_REPLY_NIL) {
		/* With SET before it, it has lapsed at this very moment. */
		answer(a, a->take ? BUS_OWNER_UNKNOWN : BUS_OWNER_NONE, SPAN(""));
		return;
	}
	node = (struct span){ reply->str, (size_t)reply->len };
	if (span_eq(node, span_of(n->name)))
		answer(a, BUS_OWNER_SELF, SPAN(""));
	else
		answer(a, BUS_OWNER_OTHER, node);
}

void nodes_find_owner(
	struct nodes *n, struct span key, bool take, bus_owner_fn *on_owner, void *cookie)
{
	struct span name = join(n, n->keys, key);
	const char *set[] = { "SET", name.at, n->name, "NX", "PX", n->lease };
	const size_t set_lens[] = { 3, name.len, strlen(n->name), 2, 2, strlen(n->lease) };
	const char *get[] = { "GET", name.at };
	const size_t get_lens[] = { 3, name.len };
	struct ask *a;

	if (!is_up(n)) {
		on_owner(cookie, BUS_OWNER_UNKNOWN, SPAN(""));
		return;
	}
	a = ask_new(n);
	a->take = take;
	a->on_owner = on_owner;
	a->cookie = cookie;
	if (take && bus_redis_command(n->redis, on_set, a, 6, set, set_lens))
		a->answers++;
	if (a->answers == (take ? 1U : 0U) &&
		bus_redis_command(n->redis, on_got, a, 2, get, get_lens))
		a->answers++;
	if (a->answers == 0)
		answer(a, BUS_OWNER_UNKNOWN, SPAN(""));
}

static void on_kept(redisAsyncContext *redis, void *given, void *cookie)
{
	struct ask *a = cookie;
	struct nodes *n = a->nodes;
	const redisReply *reply = given;

	if (!take_answer(a, redis, reply))
		return;
	if (reply && reply->type == REDIS_REPLY_ERROR)
		complain(n, reply);
	ask_free(a);
}

/* KEYS[1] is the claim, ARGV[1] a node. */
static void run(
	struct nodes *n, const char *script, struct span key, struct span node, struct span more)
{
	struct span name = join(n, n->keys, key);
	const char *argv[] = { "EVAL", script, "1", name.at, node.at, more.at };
	const size_t lens[] = { 4, strlen(script), 1, name.len, node.len, more.len };
	struct ask *a;

	if (!is_up(n))
		return;
	a = ask_new(n);
	a->answers = 1;
	if (!bus_redis_command(n->redis, on_kept, a, 6, argv, lens))
		ask_free(a);
}

/*
 * Somebody else's is left alone. What Redis has lost, by a restart perhaps, or
 * never had because it was away, is claimed anew.
 */
void nodes_renew_claim(struct nodes *n, struct span key)
{
	static const char script[] = "local owner = redis.call('GET', KEYS[1]) "
				     "if not owner or owner == ARGV[1] then "
				     "redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2]) end";

	run(n, script, key, span_of(n->name), span_of(n->lease));
}

/* Only if it is ours: it may have lapsed, and somebody else has it. */
void nodes_release_claim(struct nodes *n, struct span key)
{
	static const char script[] =
		"if redis.call('GET', KEYS[1]) == ARGV[1] then redis.call('DEL', KEYS[1]) end";

	run(n, script, key, span_of(n->name), SPAN(""));
}

/* ARGV[2] is the node's channel: nobody listens to that of one that is gone. */
void nodes_break_claim(struct nodes *n, struct span key, struct span node)
{
	static const char script[] = "if redis.call('GET', KEYS[1]) == ARGV[1] and "
				     "redis.call('PUBSUB', 'NUMSUB', ARGV[2])[2] == 0 then "
				     "redis.call('DEL', KEYS[1]) end";
	struct buf channel = { NULL, 0, 0 };

	buf_put(&channel, span_of(n->channel));
	buf_put(&channel, node);
	run(n, script, key, node, buf_span(&channel));
	buf_fini(&channel);
}

/* --- its life ------------------------------------------------------------- */

void nodes_init(struct nodes *n, struct bus_redis *redis, struct bus *bus,
	struct bus_counters *counters, const struct bus_redis_config *config, const char *node)
{
	*n = (struct nodes){
		.redis = redis,
		.bus = bus,
		.counters = counters,
		.name = mem_dup(node, strlen(node)),
		.bytes_most = config->outbox_bytes,
	};
	if (asprintf(&n->channel, "%s:node:", config->channel) < 0 ||
		asprintf(&n->here, "%s:node:%s", config->channel, node) < 0 ||
		asprintf(&n->keys, "%s:owner:", config->channel) < 0)
		abort();
	snprintf(n->lease, sizeof(n->lease), "%d", BUS_CLAIM_MS);
	list_init(&n->asked);
	list_init(&n->gone);
}

/* hiredis still calls back for each command, but then nobody is to be told. */
static struct ask *disown_first(struct list *asked)
{
	struct ask *a = container_of(asked->next, struct ask, link);

	list_remove(&a->link);
	a->nodes = NULL;
	return a;
}

void nodes_down(struct nodes *n)
{
	struct list asked;

	n->bytes_owed = 0;
	/* Who is told may ask anew. */
	list_take(&asked, &n->asked);
	while (!list_is_empty(&asked)) {
		struct ask *a = disown_first(&asked);

		if (a->on_owner)
			a->on_owner(a->cookie, BUS_OWNER_UNKNOWN, SPAN(""));
		else if (a->bytes > 0)
			report_later(n, span_of(a->node));
	}
}

void nodes_fini(struct nodes *n)
{
	while (!list_is_empty(&n->asked))
		(void)disown_first(&n->asked);
	while (!list_is_empty(&n->gone)) {
		struct gone_node *g = container_of(n->gone.next, struct gone_node, link);

		list_remove(&g->link);
		free(g);
	}
	buf_fini(&n->scratch);
	free(n->channel);
	free(n->here);
	free(n->keys);
	free(n->name);
}
