/* Clocks, processor time, memory, and the arithmetic of repeated measurements. */
#ifndef BENCH_MEASURE_H
#define BENCH_MEASURE_H

#include "base/attr.h"

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <time.h>

#define MEASURE_SECOND UINT64_C(1000000000) /* in nanoseconds */

/* Nanoseconds since an arbitrary start; never goes back. */
static inline uint64_t measure_now(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * MEASURE_SECOND + (uint64_t)now.tv_nsec;
}

/* Processor time of all threads of a process, in nanoseconds; 0 when it is gone. */
uint64_t measure_cpu(pid_t pid) MUST_USE;

/* Resident memory of a process in bytes; 0 when it is gone. */
uint64_t measure_rss(pid_t pid) MUST_USE;

/* Sorts the values. `count` must not be 0. */
double measure_median(double *values, size_t count) MUST_USE;

/* A growing set of times in nanoseconds, of which quantiles are asked. */
struct samples {
	uint64_t *at; /* owned */
	size_t count;
	size_t size;
};

void samples_fini(struct samples *s);

void samples_add(struct samples *s, uint64_t value);

/* The value below which `share` (0 to 1) of all lie; 0 without samples. Sorts them. */
uint64_t samples_quantile(struct samples *s, double share) MUST_USE;

#endif
