#include "base/ring.h"

#include "base/mem.h"

#include <assert.h>
#include <stdlib.h>

void ring_init(struct ring *r, size_t size)
{
	assert(size > 0 && (size & (size - 1)) == 0);
	r->slots = mem_zalloc(size * sizeof(*r->slots));
	r->size = size;
	atomic_init(&r->head, 0);
	atomic_init(&r->tail, 0);
	r->known_head = 0;
	r->known_tail = 0;
}

void ring_fini(struct ring *r)
{
	free(r->slots);
	r->slots = NULL;
	r->size = 0;
}

size_t ring_room(struct ring *r)
{
	size_t tail = atomic_load_explicit(&r->tail, memory_order_relaxed);

	r->known_head = atomic_load_explicit(&r->head, memory_order_acquire);
	return r->size - (tail - r->known_head);
}

bool ring_push(struct ring *r, void *item)
{
	size_t tail = atomic_load_explicit(&r->tail, memory_order_relaxed);

	if (tail - r->known_head == r->size && ring_room(r) == 0)
		return false;
	r->slots[tail & (r->size - 1)] = item;
	atomic_store_explicit(&r->tail, tail + 1, memory_order_release);
	return true;
}

void *ring_pull(struct ring *r)
{
	size_t head = atomic_load_explicit(&r->head, memory_order_relaxed);
	void *item;

	if (head == r->known_tail) {
		r->known_tail = atomic_load_explicit(&r->tail, memory_order_acquire);
		if (head == r->known_tail)
			return NULL;
	}
	item = r->slots[head & (r->size - 1)];
	atomic_store_explicit(&r->head, head + 1, memory_order_release);
	return item;
}

size_t ring_count(const struct ring *r)
{
	size_t head = atomic_load_explicit(&r->head, memory_order_acquire);

	/* The head first: the tail never falls behind where it was then. */
	return atomic_load_explicit(&r->tail, memory_order_acquire) - head;
}
