/*
 * One queue: messages in the order in which they came, and the readers among
 * whom they are dealt out, each message to one of them. What a reader gives back
 * stands again where it stood. No input or output, no clock.
 *
 *     while ((item = queue_give(q, now, &reader)))
 *             hand item->message to reader, under item->number;
 *
 * A message is waiting, or given to one reader, or gone.
 */
#ifndef BROKER_QUEUE_H
#define BROKER_QUEUE_H

#include "base/attr.h"
#include "base/list.h"
#include "broker/message.h"

#include <stdint.h>

struct queue_limits {
	size_t messages;       /* of one queue */
	size_t bytes;          /* of all queues together */
	uint64_t message_ms;   /* how old a message may become while it waits; 0: any age */
	unsigned redeliveries; /* then it is dropped; 0: never */
};

/* Of all queues together. */
struct queue_totals {
	size_t messages;
	size_t bytes;
	uint64_t taken;    /* messages that a reader is done with */
	uint64_t returned; /* given back */
	uint64_t expired;
	uint64_t rejected; /* given back too often */
};

struct queue_item {
	struct list link;        /* in queue->waiting, or in reader->given */
	struct message *message; /* one reference */
	uint64_t place;          /* in the queue: 1, 2, 3, ... */
	uint64_t number;         /* of this delivery, for its reader; 0 while it waits */
	uint64_t due_ms;         /* when it is too old; UINT64_MAX: never */
	unsigned redeliveries;
	bool redelivered; /* a client may have seen it */
	bool passed;      /* to the client, who has not answered */
};

struct queue_reader {
	struct list link;  /* in queue->ready or queue->full; alone: in no queue */
	struct list given; /* struct queue_item.link, by number */
	size_t count;      /* of them */
	size_t bytes;      /* of those that are not passed */
	size_t count_most;
	size_t bytes_most; /* what begins below that goes */
	uint64_t last;     /* number */
	bool answers;      /* passed messages are kept until they are settled */
};

struct queue {
	const struct queue_limits *limits; /* borrowed */
	struct queue_totals *totals;       /* borrowed */
	struct list waiting;               /* struct queue_item.link, by place */
	struct list ready;                 /* readers with room; whose turn it is comes first */
	struct list full;
	size_t count;  /* of messages, waiting and given */
	uint64_t last; /* place */
};

void queue_init(struct queue *q, const struct queue_limits *limits, struct queue_totals *totals);

/* Drops all messages. No reader may be left. */
void queue_fini(struct queue *q);

/* Takes one reference of `m`, unless there is no room. */
bool queue_push(struct queue *q, struct message *m, bool redelivered, uint64_t now_ms) MUST_USE;

/* A reader in no queue, with no messages. */
void queue_reader_init(struct queue_reader *r, bool answers, size_t count_most, size_t bytes_most);

void queue_attach(struct queue *q, struct queue_reader *r);

/*
 * The reader leaves, and what it was given comes back. What was passed on may have
 * been seen; of that, the oldest is what the client was working on, so only for
 * that one does this count as a redelivery. `lost`: what has been passed is not
 * known, so it may be all.
 */
void queue_detach(struct queue *q, struct queue_reader *r, bool lost);

/* Whose turn it is; NULL when nobody has room. */
static inline struct queue_reader *queue_next_reader(const struct queue *q)
{
	return list_is_empty(&q->ready) ? NULL
					: container_of(q->ready.next, struct queue_reader, link);
}

/* Deals out the next message; NULL when none waits or nobody has room. Valid until the next call. */
const struct queue_item *queue_give(
	struct queue *q, uint64_t now_ms, struct queue_reader **to) MUST_USE;

/* All up to that number have been passed on to the client. */
void queue_passed(struct queue *q, struct queue_reader *r, uint64_t number);

/*
 * The client has answered those from `first` to `last`: they are gone, or else
 * come back.
 */
void queue_settle(
	struct queue *q, struct queue_reader *r, uint64_t first, uint64_t last, bool taken);

/* Drops what has waited for too long. */
void queue_expire(struct queue *q, uint64_t now_ms);

/* Takes the first waiting message out of the queue, or NULL; its reference and the item are the caller's. */
struct queue_item *queue_pull(struct queue *q) MUST_USE;

static inline bool queue_has_waiting(const struct queue *q)
{
	return !list_is_empty(&q->waiting);
}

#endif
