/*
 * The queues of a node, on shard 0's thread beside the hub. Of all nodes one
 * owns a queue: it has claimed it in the directory on the bus. The others bring it
 * what is sent there, and their consumers get from it what is theirs.
 *
 * Everything here is called on shard 0's thread, but for queues_ask() and
 * queues_has().
 */
#ifndef BROKER_QUEUES_H
#define BROKER_QUEUES_H

#include "base/attr.h"
#include "base/span.h"
#include "broker/queue_mail.h"
#include "redis/bus.h"

struct broker;
struct publish;
struct queues;

enum {
	QUEUES_KEY_PREFIX_BYTES = 6,
	/* The longest name of a queue: it becomes part of a key in the directory. */
	QUEUES_NAME_MOST = BUS_KEY_BYTES_MOST - QUEUES_KEY_PREFIX_BYTES,
};

/* NULL when queues.prefix is empty. */
struct queues *queues_new(struct broker *broker) MUST_USE;

/* `bus` is borrowed until queues_free(). */
void queues_start(struct queues *q, struct bus *bus);

/* After bus_free(). Accepts NULL. */
void queues_free(struct queues *q);

/* Any thread: is this the name of a queue? */
bool queues_has(const struct queues *q, struct span destination) MUST_USE;

/* Any thread: what a shard has to say about a consumer. Takes the mail's message. */
void queues_ask(struct queues *q, const struct queue_mail *mail);

/* Takes what the shards have said. */
void queues_collect(struct queues *q);

/* Answers, now or later, with hub_answer(). `p` is for a destination that queues_has(). */
void queues_publish(struct queues *q, struct publish *p);

/* Something for a queue that did not come from a node, but from the bus to all of them. */
void queues_hear(struct queues *q, const struct bus_message *m);

/* What the bus tells; see struct bus_events. */
void queues_on_note(struct queues *q, struct span bytes);
void queues_on_node_gone(struct queues *q, struct span node);
void queues_on_state(struct queues *q, enum bus_state state);

/* At every tick of the loop. */
void queues_tick(struct queues *q, uint64_t now_ms);

/* Under broker->bus_lock: makes broker->queue_load what it is now. */
void queues_publish_load(const struct queues *q);

#endif
