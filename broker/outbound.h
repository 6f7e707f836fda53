/*
 * What waits to be written to one client, bounded in bytes. An empty queue
 * holds no memory but itself.
 */
#ifndef BROKER_OUTBOUND_H
#define BROKER_OUTBOUND_H

#include "base/attr.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct conn;
struct subscription;
struct wire;

enum {
	OUTBOUND_INLINE = 4
};

struct outbound_item {
	struct wire *wire;                 /* one reference */
	struct subscription *subscription; /* one reference; NULL for all but MESSAGE */
	uint64_t ack;                      /* the ack header; 0: it gets none */
};

struct outbound {
	struct outbound_item *heap; /* owned; NULL while few wait: then `few` holds them */
	uint32_t first;             /* a ring */
	uint32_t count;
	uint32_t size;
	struct outbound_item few[OUTBOUND_INLINE];
	size_t bytes;      /* of all that waits */
	uint64_t since_ms; /* when something last went out, or the queue stopped being empty */
};

void outbound_init(struct outbound *o);

/* Drops everything; the queue may be used again. */
void outbound_clear(struct outbound *o);

/* Takes one reference of `wire` and adds one of `subscription`, which may be NULL. */
void outbound_push(
	struct outbound *o, struct wire *wire, struct subscription *subscription, uint64_t now_ms);

/* The same, with an ack header of its own; 0: without. */
void outbound_push_acked(struct outbound *o, struct wire *wire, struct subscription *subscription,
	uint64_t ack, uint64_t now_ms);

/* Writes until the queue is empty (true) or the socket is full (false). */
bool outbound_write(struct outbound *o, struct conn *c, uint64_t now_ms) MUST_USE;

#endif
