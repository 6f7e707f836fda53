/*
 * What one client has been sent on subscriptions that it acknowledges: which
 * messages it has not answered yet, and which wait until it does. At most so
 * many may be unanswered at a time, of all its subscriptions together.
 */
#ifndef BROKER_ACK_H
#define BROKER_ACK_H

#include "base/attr.h"
#include "base/list.h"
#include "base/span.h"
#include "broker/message.h"

#include <stdint.h>

struct subscription;
struct wire;

struct delivery {
	struct list link;                  /* in one of the three lists below */
	struct wire *wire;                 /* one reference while it waits, then NULL */
	struct subscription *subscription; /* one reference */
	uint64_t number;                   /* the ack header; its own on this connection, never 0 */
	uint64_t given;                    /* its number for broker/intake.h; 0: of a topic */
	char id[MESSAGE_ID_BYTES];         /* the message-id header */
};

struct acks {
	size_t most;         /* that may be unanswered */
	struct list unacked; /* sent and not answered, oldest first */
	size_t unacked_count;
	struct list ended; /* the same, of subscriptions that are no more: they take no place */
	size_t ended_count;
	struct list waiting; /* to be sent, oldest first */
	size_t waiting_count;
	size_t waiting_bytes;
	uint64_t since_ms; /* when something last went out, or waiting stopped being empty */
	uint64_t last;     /* number given */
};

struct acks *acks_new(size_t most) MUST_USE;
/* Accepts NULL. */
void acks_free(struct acks *a);

/*
 * Puts a message behind those that wait. Takes one reference of `wire`; copies `id`.
 * What is returned is valid until the next call.
 */
struct delivery *acks_push(struct acks *a, struct wire *wire, struct subscription *subscription,
	const char *id, uint64_t now_ms);

/* Would a message go out at once? */
bool acks_have_room(const struct acks *a) MUST_USE;

/*
 * The next message that may go out, or NULL: none waits, or too many are
 * unanswered. The caller gets its reference of *wire. Valid until the next call.
 */
const struct delivery *acks_pull(struct acks *a, struct wire **wire, uint64_t now_ms) MUST_USE;

/* By the ack header of STOMP 1.2; NULL when nothing of that number is unanswered. */
const struct delivery *acks_by_number(const struct acks *a, struct span text) MUST_USE;

/* By its own number; NULL when it has been answered. */
const struct delivery *acks_find(const struct acks *a, uint64_t number) MUST_USE;

/* By message-id, for the older versions; `subscription` (at NULL: any) is an id. */
const struct delivery *acks_by_message(
	const struct acks *a, struct span id, struct span subscription) MUST_USE;

/*
 * The client has answered: that message, or with ack:client also all before it
 * of the same subscription. Returns how many that were; 0 when it had been before.
 */
size_t acks_settle(struct acks *a, uint64_t number);

/*
 * The subscription ends: what waits for it is dropped. What was sent may still
 * be answered, but nobody waits for that; the oldest is forgotten when it
 * becomes too much.
 */
void acks_end(struct acks *a, const struct subscription *subscription);

/* Drops all that waits. */
void acks_drop_waiting(struct acks *a);

#endif
