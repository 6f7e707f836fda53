/*
 * The floor: what the kernel alone charges for the same deliveries. A child
 * process on the broker's processor waits for an order and then calls send(2)
 * once for each of N connected loopback sockets, and does nothing else. What it
 * sends are the broker's own frames with new numbers, and they are read and
 * checked by the same code, so that nothing but the sender differs.
 */
#ifndef BENCH_FLOOR_H
#define BENCH_FLOOR_H

#include "base/attr.h"
#include "base/buf.h"
#include "base/span.h"
#include "bench/check.h"
#include "bench/options.h"
#include "bench/swarm.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define FLOOR_BATCH_BYTES ((size_t)65536) /* longest send */

struct floor {
	pid_t child;
	int orders; /* socket to the child */
	struct swarm swarm;
	struct check check;
	struct client *clients; /* owned */
	size_t count;
	struct buf frame;  /* a message as on the wire; owned */
	struct buf order;  /* what the child is to send next; owned */
	uint32_t sequence; /* of the next message */
};

struct floor_run {
	size_t batch;  /* messages per send; FLOOR_BATCH_BYTES at most */
	size_t window; /* sends to each socket that are in flight */
};

struct floor_result {
	double rate;   /* deliveries per second */
	double cpu_ns; /* the sender's, per delivery */
};

/* `frame` is a MESSAGE as the broker sends it, copied; empty: one that looks like it. */
bool floor_start(struct floor *f, const struct options *o, struct span frame) MUST_USE;

/* Accepts one that was not started or failed to. */
void floor_stop(struct floor *f);

bool floor_measure(struct floor *f, const struct floor_run *run, size_t seconds,
	struct floor_result *result) MUST_USE;

/* A table of its own: one message and sixteen per send. */
bool floor_print(struct floor *f, const struct options *o) MUST_USE;

#endif
