/*
 * The meeting point of all shards and the bus, on shard 0's loop: publishes of
 * every shard go to the bus here, and what the bus brings goes to every shard.
 */
#ifndef BROKER_HUB_H
#define BROKER_HUB_H

#include "base/attr.h"
#include "broker/message.h"

struct broker;
struct hub;
struct note;

struct hub *hub_new(struct broker *broker) MUST_USE;
/* Accepts NULL. */
void hub_free(struct hub *h);

/* Starts the bus; its first messages may come at once. */
void hub_start(struct hub *h);

/* On shard 0's thread: takes `p`. */
void hub_publish(struct hub *h, struct publish *p);

/* On shard 0's thread: takes a note of the servers, for another node or for the directory. */
void hub_take_note(struct hub *h, struct note *note);

/* On shard 0's thread: takes what waits in the shards' outboxes. */
void hub_collect(struct hub *h);

/*
 * On shard 0's thread: is some shard so far behind that no more may be
 * published? Then shard 0 is woken when that has changed.
 */
bool hub_is_congested(struct hub *h);

/*
 * On shard 0's thread: what became of a publish. Its shard hears of its publishes
 * in their order. Takes `p`.
 */
void hub_answer(struct hub *h, struct publish *p, enum bus_accepted how);

/* Any shard's thread: its inbox is empty; wakes the hub if that waited for it. */
void hub_caught_up(struct hub *h);

/* Publishes that the bus has not answered. */
size_t hub_pending(const struct hub *h);

/* On shard 0's thread, at every tick of its loop. */
void hub_tick(struct hub *h);

#endif
