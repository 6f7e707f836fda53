/*
 * Hash map from bytes to a pointer. The key is not copied: it must live, and
 * stay as it is, inside the object that the pointer leads to.
 *
 * Open addressing with linear probing; the hash is seeded at random for each
 * map, so that clients cannot choose names that collide.
 */
#ifndef BASE_MAP_H
#define BASE_MAP_H

#include "base/attr.h"
#include "base/span.h"

#include <stdint.h>

struct map_slot {
	struct span key; /* at NULL: empty */
	void *value;
};

struct map {
	struct map_slot *slots; /* owned */
	size_t size;            /* a power of two, or 0 before the first map_put() */
	size_t count;
	uint64_t seed;
};

void map_init(struct map *m);

/* Frees the table, not what the pointers lead to. */
void map_fini(struct map *m);

/* NULL when there is none. */
void *map_get(const struct map *m, struct span key);

/* The key must not be in the map yet; key.at and value must not be NULL. */
void map_put(struct map *m, struct span key, void *value);

/* Returns what was removed, or NULL. */
void *map_remove(struct map *m, struct span key);

/* Walks the map: start with *at = 0; NULL at the end. The map must not change meanwhile. */
void *map_next(const struct map *m, size_t *at);

/* SipHash-like in purpose, not in strength: keyed, fast for short keys. */
uint64_t map_hash(struct span key, uint64_t seed);

#endif
