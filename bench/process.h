/* The broker under test: a child process on a free loopback port. */
#ifndef BENCH_PROCESS_H
#define BENCH_PROCESS_H

#include "base/attr.h"
#include "bench/options.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct process {
	pid_t pid; /* 0: not running */
	uint16_t port;
};

/*
 * Starts a broker with one thread on its own processor, and waits until it
 * accepts connections. `extra` is one more option for it, or NULL; the user's
 * options come last and win.
 */
bool process_start(struct process *p, const struct options *o, const char *extra) MUST_USE;

/*
 * Ends it with SIGTERM, or by force when that takes too long; false if it was
 * not running any more or did not end well.
 */
bool process_stop(struct process *p) MUST_USE;

/* Keeps the calling process on this processor; -1 is anywhere. */
void process_pin(int cpu);

#endif
