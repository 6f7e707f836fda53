/* What connections cost when nothing is sent: to make, and to keep. */
#ifndef BENCH_IDLE_H
#define BENCH_IDLE_H

#include "base/attr.h"
#include "bench/options.h"

#include <stdbool.h>

/* Connects, CONNECTs, SUBSCRIBEs, drops, again and again; prints how often per second. */
bool connect_run(const struct options *o) MUST_USE;

/* Opens many connections with one subscription each; prints the broker's memory for each. */
bool idle_run(const struct options *o) MUST_USE;

#endif
