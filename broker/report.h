/*
 * The line that Spring's WebSocketMessageBrokerStats writes to the log, word for
 * word, with what this node has counted (broker/stats.def).
 */
#ifndef BROKER_REPORT_H
#define BROKER_REPORT_H

#include "base/attr.h"
#include "base/buf.h"

#include <stdint.h>

struct broker;

/* When is the first one due? 0: never. */
uint64_t report_first_due(const struct broker *b) MUST_USE;

/* On the hub's shard: writes the line when it is due. */
void report_look(struct broker *b, uint64_t now_ms);

/* What all shards have counted together; `offset` is the counter's in struct stats. Any thread. */
uint64_t report_sum(const struct broker *b, size_t offset);

/* Appends the text of the line. Any thread. */
void report_put(const struct broker *b, struct buf *out);

#endif
