/*
 * A bounded queue of pointers from one thread to one other, without locks.
 *
 * The producer's stores before ring_push() are seen by the consumer after
 * ring_pull(). Each side keeps its own copy of the other's index and looks at
 * the shared one only when its copy says full or empty.
 */
#ifndef BASE_RING_H
#define BASE_RING_H

#include "base/attr.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

struct ring {
	void **slots; /* owned */
	size_t size;  /* a power of two */

	_Alignas(64) _Atomic size_t head; /* next to pull; written by the consumer */
	size_t known_tail;                /* the consumer's */

	_Alignas(64) _Atomic size_t tail; /* next to push; written by the producer */
	size_t known_head;                /* the producer's */
};

/* `size` is a power of two. */
void ring_init(struct ring *r, size_t size);

/* Frees the slots, not what the pointers lead to. */
void ring_fini(struct ring *r);

/* Producer: false when the ring is full. */
bool ring_push(struct ring *r, void *item) MUST_USE;

/* Consumer: NULL when the ring is empty. */
void *ring_pull(struct ring *r);

/* Producer: how many may be pushed now, at least. */
size_t ring_room(struct ring *r);

/* Any thread: how many are in it, more or less. */
size_t ring_count(const struct ring *r) MUST_USE;

#endif
