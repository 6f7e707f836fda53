#include "base/map.h"

#include "base/mem.h"
#include "base/random.h"

#include <stdlib.h>

enum {
	SIZE_LEAST = 16
};

static uint64_t mix(uint64_t a, uint64_t b)
{
	__uint128_t product = (__uint128_t)a * b;

	return (uint64_t)product ^ (uint64_t)(product >> 64);
}

/*
 * A wyhash-shaped folding of eight bytes a step. The seed is in both factors of
 * every product: a word chosen by a client must not be able to make one zero,
 * nor short keys be mixed with constants alone.
 */
uint64_t map_hash(struct span key, uint64_t seed)
{
	const uint64_t k0 = seed ^ UINT64_C(0xa0761d6478bd642f);
	const uint64_t k1 = (seed << 32 | seed >> 32) ^ UINT64_C(0xe7037ed1a0b428db);
	const char *at = key.at;
	size_t left = key.len;
	uint64_t hash = 0, word;

	for (; left >= 8; at += 8, left -= 8) {
		memcpy(&word, at, 8);
		hash = mix(word ^ k0, hash ^ k1);
	}
	word = 0;
	if (left > 0)
		memcpy(&word, at, left);
	return mix(hash ^ word ^ k0, k1 ^ (uint64_t)key.len);
}

void map_init(struct map *m)
{
	*m = (struct map){ .slots = NULL };
	random_bytes(&m->seed, sizeof(m->seed));
}

void map_fini(struct map *m)
{
	free(m->slots);
	*m = (struct map){ .slots = NULL };
}

/* The slot that holds the key, or the empty one where it would go. */
static struct map_slot *slot_of(const struct map *m, struct span key)
{
	size_t i = map_hash(key, m->seed) & (m->size - 1);

	while (m->slots[i].key.at && !span_eq(m->slots[i].key, key))
		i = (i + 1) & (m->size - 1);
	return &m->slots[i];
}

void *map_get(const struct map *m, struct span key)
{
	return m->count > 0 ? slot_of(m, key)->value : NULL;
}

static void grow(struct map *m)
{
	struct map old = *m;

	m->size = old.size ? old.size * 2 : SIZE_LEAST;
	m->slots = mem_zalloc(m->size * sizeof(*m->slots));
	for (size_t i = 0; i < old.size; i++) {
		if (old.slots[i].key.at)
			*slot_of(m, old.slots[i].key) = old.slots[i];
	}
	free(old.slots);
}

void map_put(struct map *m, struct span key, void *value)
{
	if ((m->count + 1) * 4 > m->size * 3)
		grow(m);
	*slot_of(m, key) = (struct map_slot){ key, value };
	m->count++;
}

/* Moves later members of the run back, so that no probe ends at the hole too early. */
static void close_hole(struct map *m, size_t hole)
{
	size_t mask = m->size - 1;

	for (size_t i = (hole + 1) & mask; m->slots[i].key.at; i = (i + 1) & mask) {
		size_t home = map_hash(m->slots[i].key, m->seed) & mask;

		if (((i - home) & mask) >= ((i - hole) & mask)) {
			m->slots[hole] = m->slots[i];
			hole = i;
		}
	}
	m->slots[hole] = (struct map_slot){ { NULL, 0 }, NULL };
}

void *map_remove(struct map *m, struct span key)
{
	struct map_slot *slot;
	void *value;

	if (m->count == 0)
		return NULL;
	slot = slot_of(m, key);
	value = slot->value;
	if (!slot->key.at)
		return NULL;
	m->count--;
	close_hole(m, (size_t)(slot - m->slots));
	return value;
}

void *map_next(const struct map *m, size_t *at)
{
	while (*at < m->size) {
		const struct map_slot *slot = &m->slots[(*at)++];

		if (slot->key.at)
			return slot->value;
	}
	return NULL;
}
