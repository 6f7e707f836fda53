/* GET /health (is the process alive) and /ready (may it get new clients), as JSON. */
#ifndef BROKER_HEALTH_H
#define BROKER_HEALTH_H

#include "base/span.h"

struct answer;
struct broker;

/*
 * Any shard's thread. /health is 503 when an event loop stands still, /ready
 * when the node drains or the bus is not up. Other paths are left alone.
 */
void health_answer(struct broker *b, struct span path, struct answer *answer);

#endif
