/* One broker thread, many subscribers of one destination: deliveries and what they cost. */
#ifndef BENCH_FANOUT_H
#define BENCH_FANOUT_H

#include "base/attr.h"
#include "bench/options.h"

#include <stdbool.h>

/* Starts a broker, measures, prints; false when a delivery was wrong or something failed. */
bool fanout_run(const struct options *o) MUST_USE;

#endif
