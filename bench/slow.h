/* What subscribers that stop reading cost the others, and that the broker gets rid of them. */
#ifndef BENCH_SLOW_H
#define BENCH_SLOW_H

#include "base/attr.h"
#include "bench/options.h"

#include <stdbool.h>

/* Runs without, with one and with six of them; prints the longest gap of the healthy ones. */
bool slow_run(const struct options *o) MUST_USE;

#endif
