/*
 * The transactions that one client has begun and not ended. What is said in a
 * transaction is held here until COMMIT, in order; nothing of it has any effect
 * before.
 */
#ifndef BROKER_TRANSACTION_H
#define BROKER_TRANSACTION_H

#include "base/attr.h"
#include "base/list.h"
#include "base/span.h"

#include <stdint.h>

struct publish;

/* One frame that is held: a SEND, or else an ACK or NACK. */
struct transaction_step {
	struct list link;
	struct publish *publish; /* owned; NULL: it is an ACK or NACK */
	uint64_t number;         /* of the delivery that is answered; see broker/ack.h */
	bool taken;              /* ACK, not NACK */
};

struct transaction {
	struct list link;  /* in transactions.open */
	struct list steps; /* struct transaction_step.link, in the order of the frames */
	size_t frames;
	size_t sends; /* of the frames */
	size_t bytes;
	uint64_t used_ms; /* when its last frame came */
	size_t id_len;
	char id[]; /* as the client gave it */
};

struct transactions {
	struct list open; /* struct transaction.link, the one that was used last at the end */
	size_t count;
	/* Of all that are open. */
	size_t frames;
	size_t sends;
	size_t bytes;
};

void transactions_init(struct transactions *t);
/* Drops all that is held. */
void transactions_fini(struct transactions *t);

/* NULL when none of that name is open. */
struct transaction *transactions_find(const struct transactions *t, struct span id) MUST_USE;

/* The id must not be in use; it is copied. */
void transactions_begin(struct transactions *t, struct span id, uint64_t now_ms);

/* What a frame adds to `bytes`; `publish_bytes` is 0 for ACK and NACK. */
size_t transaction_bytes(size_t publish_bytes) MUST_USE;

/* Takes `p`, which counts `bytes`. */
void transaction_hold_send(struct transactions *t, struct transaction *in, struct publish *p,
	size_t bytes, uint64_t now_ms);
void transaction_hold_ack(struct transactions *t, struct transaction *in, uint64_t number,
	bool taken, uint64_t now_ms);

/* Takes it out of the open ones; the caller owns it. */
void transactions_take(struct transactions *t, struct transaction *in);

/* The next step of a transaction that was taken out, or NULL. The caller frees it, and its publish. */
struct transaction_step *transaction_next(struct transaction *in) MUST_USE;

/* Drops what it still holds. It must have been taken out. */
void transaction_free(struct transaction *in);

/* When the one came to rest that has rested longest; UINT64_MAX: none is open. */
uint64_t transactions_oldest_ms(const struct transactions *t) MUST_USE;

/* They could not be used meanwhile: their rest begins now. */
void transactions_touch(struct transactions *t, uint64_t now_ms);

#endif
