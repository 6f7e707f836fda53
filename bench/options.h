/* What the benchmark is told on its command line. */
#ifndef BENCH_OPTIONS_H
#define BENCH_OPTIONS_H

#include "base/attr.h"

#include <stdbool.h>
#include <stddef.h>

enum bench_part {
	BENCH_FLOOR = 1 << 0,   /* a bare send(2) loop, without a broker */
	BENCH_FANOUT = 1 << 1,  /* broker and bare loop, by turns */
	BENCH_SLOW = 1 << 2,    /* subscribers that stop reading */
	BENCH_CONNECT = 1 << 3, /* connections per second */
	BENCH_IDLE = 1 << 4,    /* memory of idle connections */
};

#define BENCH_REPEAT_MOST 15

struct options {
	const char *broker; /* path of the binary; borrowed from the environment or argv */
	char **broker_args; /* handed on to the broker; NULL ends them; borrowed from argv */
	unsigned parts;     /* enum bench_part bits */

	/* From the table in options.c. */
	size_t subscribers;
	size_t publishers; /* of the saturated run */
	size_t window;     /* messages in flight of each of them */
	size_t body;       /* bytes */
	size_t seconds;    /* of each measurement */
	size_t repeat;     /* measurements, of which the median counts */
	size_t idle;       /* idle connections */
	size_t slow_subscribers;
	size_t slow_rate; /* messages per second */
	size_t slow_body; /* bytes */
	size_t slow_seconds;

	int broker_cpu; /* -1: not pinned */
	int own_cpu;    /* -1: not pinned */
};

enum options_answer {
	OPTIONS_RUN,
	OPTIONS_EXIT, /* --help was asked for and printed */
	OPTIONS_WRONG /* said why on stderr */
};

/* Fills all of `o`; borrows argv for as long as `o` lives. */
enum options_answer options_read(struct options *o, int argc, char **argv) MUST_USE;

#endif
