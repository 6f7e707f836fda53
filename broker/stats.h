/* Counters of one shard: written by its thread, read by any (stats.def). */
#ifndef BROKER_STATS_H
#define BROKER_STATS_H

#include "base/attr.h"
#include "transport/conn.h"

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

struct stats {
#define COUNTER(name, help) _Atomic uint64_t name;
#include "broker/stats.def"
#undef COUNTER
};

/* Only the thread that owns the counters adds to them, so no locked instruction is needed. */
static inline void stats_add(_Atomic uint64_t *counter, uint64_t n)
{
	uint64_t old = atomic_load_explicit(counter, memory_order_relaxed);

	atomic_store_explicit(counter, old + n, memory_order_relaxed);
}

static inline uint64_t stats_read(const _Atomic uint64_t *counter)
{
	return atomic_load_explicit(counter, memory_order_relaxed);
}

struct stats_row {
	const char *name;
	const char *help;
	size_t offset; /* of the counter in struct stats */
};

extern const struct stats_row stats_rows[];
extern const size_t stats_row_count;

/* The counter at that offset, such as a row's. */
uint64_t stats_read_at(const struct stats *stats, size_t offset);

/* How many connections of that kind were opened, and how many of them have ended. */
_Atomic uint64_t *stats_opened(struct stats *stats, enum conn_kind kind);
_Atomic uint64_t *stats_closed(struct stats *stats, enum conn_kind kind);

#endif
