/*
 * What nodes say to each other about queues. A queue lives on one node, its
 * owner; the others bring it what their clients send, and pass on what it gives
 * to their consumers.
 */
#ifndef BROKER_QUEUE_NOTE_H
#define BROKER_QUEUE_NOTE_H

#include "base/attr.h"
#include "base/buf.h"
#include "redis/bus.h"
#include "redis/envelope.h"

enum {
	QUEUE_NODE_BYTES = 16, /* a node's name with its NUL */
	QUEUE_KEPT_MOST = 256, /* consumers in one note */
};

enum queue_note_kind {
	/* To the owner. */
	QUEUE_NOTE_SEND,   /* number: the sender's; answered with SENT */
	QUEUE_NOTE_ATTACH, /* consumer, epoch; amount: how many it may have; flag ANSWERS */
	QUEUE_NOTE_DETACH, /* consumer, epoch */
	QUEUE_NOTE_PASSED, /* consumer, epoch; amount: last */
	QUEUE_NOTE_SETTLE, /* consumer, epoch; number: first, amount: last; flag TAKEN */
	QUEUE_NOTE_KEEP,   /* these consumers are there: `body` holds number and epoch of each */

	/* From the owner. */
	QUEUE_NOTE_SENT,    /* number; amount: enum bus_accepted */
	QUEUE_NOTE_GIVE,    /* consumer, epoch, number; flag REDELIVERED */
	QUEUE_NOTE_DROPPED, /* consumer, epoch: attach it anew */

	/* From who is no owner, to one who took it for that. */
	QUEUE_NOTE_NOT_MINE,
	QUEUE_NOTE_KINDS,
};

enum {
	QUEUE_NOTE_ANSWERS = 1,     /* the consumer acknowledges */
	QUEUE_NOTE_TAKEN = 2,       /* ACK, not NACK */
	QUEUE_NOTE_REDELIVERED = 4, /* a client may have seen it */
	QUEUE_NOTE_UTF8 = 8,        /* the body is valid */
	QUEUE_NOTE_FLAGS = 16,      /* all are below that */
};

struct queue_note {
	uint8_t kind;
	uint8_t flags;
	char from[QUEUE_NODE_BYTES];
	uint64_t consumer;
	uint64_t epoch;
	uint64_t number;
	uint64_t amount;
	struct span queue; /* the destination */
	struct span id;    /* message-id */
	struct span content_type;
	struct span body;
	size_t header_count;
	struct bus_header headers[ENVELOPE_HEADERS_MOST];
};

/* Is it for us to read, and not for transport/note.h? */
static inline bool queue_note_is_one(struct span bytes)
{
	return bytes.len > 0 && bytes.at[0] == 'Q';
}

/* Appends the note as bytes. */
void queue_note_write(const struct queue_note *note, struct buf *out);

/*
 * Reads what queue_note_write() wrote; its spans are views of `bytes`. False when
 * it is not whole and well-formed.
 */
bool queue_note_read(struct span bytes, struct queue_note *note) MUST_USE;

/* A consumer in the body of KEEP. */
void queue_note_put_kept(struct buf *out, uint64_t consumer, uint64_t epoch);
/* Takes the next one off `rest`; false at its end. */
bool queue_note_take_kept(struct span *rest, uint64_t *consumer, uint64_t *epoch) MUST_USE;

#endif
