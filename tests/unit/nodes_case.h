/*
 * What the tests of notes and of the directory share: two nodes with names that
 * note what they are told, beside messages, and questions about claims.
 */
#ifndef TESTS_NODES_CASE_H
#define TESTS_NODES_CASE_H

#include "bus_case.h"

#include <hiredis/hiredis.h>

enum {
	A,
	B,
	NUMBER_BYTES = 8 /* of a note's number, in front of the note */
};

static UNUSED const double hangs_after_s = 0.3; /* where Redis is to be given up */

static const char *const names[NODES] = { "nodeA", "nodeB" };

/* What a node has been told beside messages. */
static struct heard {
	unsigned notes;
	unsigned next;   /* number of the note that must come next */
	bool late_ones;  /* notes may come that were taken for lost */
	unsigned gone;   /* reports */
	unsigned repeat; /* so many more notes are sent from inside such reports */
	char name[64];   /* in the last report */
} heard[NODES];

struct question {
	unsigned answers;
	enum bus_owner owner;
	char node[64];
	bool again; /* the answer is followed by the same question */
};

static struct world w;
static unsigned questions_open;
static bool is_telling; /* inside bus_tell() */

static UNUSED struct bus_counters counters_of(size_t i)
{
	struct bus_counters c;

	bus_counters(w.nodes[i].bus, &c);
	return c;
}

/* --- notes ---------------------------------------------------------------- */

static UNUSED void tell_long(size_t from, struct span node, unsigned number, int bytes)
{
	char note[16384];

	ck_assert_int_lt(bytes, (int)sizeof(note));
	snprintf(note, sizeof(note), "%-*u", bytes, number);
	is_telling = true;
	bus_tell(w.nodes[from].bus, node, (struct span){ note, (size_t)bytes });
	is_telling = false;
}

static UNUSED void tell(size_t from, const char *node, unsigned number)
{
	tell_long(from, span_of(node), number, NUMBER_BYTES);
}

static UNUSED void on_note(void *owner, struct span note)
{
	struct heard *h = &heard[(struct node *)owner - w.nodes];
	char text[NUMBER_BYTES + 1];

	ck_assert_uint_ge(note.len, NUMBER_BYTES);
	snprintf(text, sizeof(text), "%.*s", NUMBER_BYTES, note.at);
	h->notes++;
	if (h->late_ones && strtoul(text, NULL, 10) != h->next)
		return;
	ck_assert_uint_eq(strtoul(text, NULL, 10), h->next);
	h->next++;
}

static UNUSED void on_node_gone(void *owner, struct span node)
{
	struct heard *h = &heard[(struct node *)owner - w.nodes];

	ck_assert(!is_telling);
	h->gone++;
	snprintf(h->name, sizeof(h->name), "%.*s", (int)node.len, node.at);
	if (h->repeat > 0) {
		h->repeat--;
		tell((size_t)(h - heard), h->name, 0);
	}
}

static UNUSED const struct bus_events all_events = { on_message, on_accepted, on_state, on_note,
	on_node_gone };

/* Every node has got `wanted` notes. */
static UNUSED bool all_heard(const struct world *world)
{
	return heard[A].next >= world->wanted && heard[B].next >= world->wanted;
}

static UNUSED bool b_heard(const struct world *world)
{
	return heard[B].next >= world->wanted;
}

/* The first node has had so many reports. */
static UNUSED bool gone_reported(const struct world *world)
{
	return heard[A].gone >= world->wanted;
}

static UNUSED void wait_for(bool (*condition)(const struct world *world), size_t wanted)
{
	w.wanted = wanted;
	ck_assert(comes_within(&w, condition, soon_s));
}

/* --- the directory -------------------------------------------------------- */

static UNUSED void on_owner(void *cookie, enum bus_owner owner, struct span node);

static UNUSED void ask(size_t from, const char *key, bool take, struct question *q)
{
	questions_open++;
	bus_find_owner(w.nodes[from].bus, span_of(key), take, on_owner, q);
}

static UNUSED void on_owner(void *cookie, enum bus_owner owner, struct span node)
{
	struct question *q = cookie;

	ck_assert_uint_gt(questions_open, 0);
	questions_open--;
	q->answers++;
	q->owner = owner;
	snprintf(q->node, sizeof(q->node), "%.*s", (int)node.len, node.at);
	if (q->again) {
		q->again = false;
		ask(A, "s", true, q);
	}
}

static UNUSED bool all_answered(const struct world *world)
{
	(void)world;
	return questions_open == 0;
}

/* Asks, and waits for the answer; so all that this node sent before has been done too. */
static UNUSED struct question answer_to(size_t from, const char *key, bool take)
{
	struct question q = { 0 };

	ask(from, key, take, &q);
	wait_for(all_answered, 0);
	ck_assert_uint_eq(q.answers, 1);
	return q;
}

/* What Redis says to a command: a number, or how many elements. */
static UNUSED long long number_from_redis(const char *command)
{
	redisContext *c = redisConnectUnix(w.redis.socket);
	redisReply *reply;
	long long number;

	ck_assert_ptr_nonnull(c);
	reply = redisCommand(c, command);
	ck_assert_ptr_nonnull(reply);
	ck_assert_int_ne(reply->type, REDIS_REPLY_ERROR);
	number = reply->type == REDIS_REPLY_ARRAY ? (long long)reply->elements : reply->integer;
	freeReplyObject(reply);
	redisFree(c);
	return number;
}

/* --- the world ------------------------------------------------------------ */

static UNUSED void begin(void)
{
	memset(&w, 0, sizeof(w));
	memset(heard, 0, sizeof(heard));
	questions_open = 0;
	world_init(&w);
	w.config.answer_within = soon_s; /* a busy machine is no dead Redis */
}

static UNUSED void start_node(size_t i, const struct bus_events *events)
{
	w.config.node = names[i];
	w.nodes[i].bus = bus_redis_new(w.loop, &w.config, events, &w.nodes[i]);
}

static UNUSED void start_all(const struct bus_events *events)
{
	redis_server_start(&w.redis, NULL);
	for (size_t i = 0; i < NODES; i++)
		start_node(i, events);
	ck_assert(comes_within(&w, all_up, soon_s));
}

/* Redis answers no more on the publishing connections, though it lives. */
static UNUSED void hold_publishing(void)
{
	ck_assert(redis_server_command(&w.redis, "CLIENT PAUSE 60000 WRITE"));
}

/* Ends them, and not the subscribed ones. */
static UNUSED void cut_publishing(void)
{
	ck_assert(redis_server_command(&w.redis, "CLIENT KILL TYPE normal"));
}

static UNUSED void begin_all(void)
{
	begin();
	start_all(&all_events);
}

#endif
