/*
 * What was published and is still under way: until PUBLISH was answered (then
 * the sender may have its receipt) and until its echo has come back (then this
 * node's subscribers have it). Redis keeps the order of one connection, so both
 * come in the order of adding.
 */
#ifndef REDIS_OUTBOX_H
#define REDIS_OUTBOX_H

#include "base/attr.h"
#include "base/list.h"
#include "base/span.h"
#include "redis/bus.h"

struct outbox {
	struct list unanswered;
	struct list unheard;
	size_t pending;    /* unanswered ones */
	size_t echoes_due; /* unheard ones */
	size_t bytes;      /* of all records */
	uint64_t added;    /* number of the newest record, from 1 */
};

struct record {
	struct list unanswered; /* in outbox.unanswered, or alone */
	struct list unheard;    /* in outbox.unheard, or alone */
	uint64_t number;
	void *cookie;
	bool settled; /* `how` is known; told once all before it are */
	enum bus_accepted how;
	bool extended; /* `bytes` went to the extended channel */
	size_t len;
	char bytes[]; /* the record whose echo counts */
};

void outbox_init(struct outbox *o);

/* Forgets everything. */
void outbox_fini(struct outbox *o);

/* Copies `bytes`. `echo_due`: it will come back. The outbox owns the record. */
struct record *outbox_add(
	struct outbox *o, struct span bytes, bool extended, bool echo_due, void *cookie);

static inline void outbox_settle(struct record *r, enum bus_accepted how)
{
	r->settled = true;
	r->how = how;
}

/* PUBLISH was answered: that concerns the oldest record that is not settled. */
void outbox_answered(struct outbox *o);

/*
 * No answer will come any more: what has been heard was accepted after all, the
 * rest is settled with `how`. Returns how many those were.
 */
size_t outbox_settle_rest(struct outbox *o, enum bus_accepted how);

/* Takes the oldest record that is settled; false when it is not its turn yet. */
bool outbox_take_settled(struct outbox *o, void **cookie, enum bus_accepted *how) MUST_USE;

/* If that is the echo of the oldest unheard record, it has been heard. */
void outbox_note_echo(struct outbox *o, struct span payload, bool extended);

/* NULL when all has been heard. */
struct record *outbox_first_unheard(struct outbox *o);

/* Its echo will not come any more, or has. The record may end here. */
void outbox_forget_echo(struct outbox *o, struct record *r);

#endif
