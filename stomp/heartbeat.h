/*
 * Heart-beat arithmetic (STOMP 1.1 and 1.2, "Heart-beating"). No clock: times
 * are milliseconds handed in by the caller.
 */
#ifndef STOMP_HEARTBEAT_H
#define STOMP_HEARTBEAT_H

#include "base/attr.h"
#include "base/span.h"

#include <stdint.h>

/* One side's offer: "<can>,<want>" in milliseconds; 0 is none. */
struct stomp_heartbeat {
	uint32_t can;  /* it can send this often */
	uint32_t want; /* it would like to receive this often */
};

/* What two offers come to, seen from the server; 0: no beats that way. */
struct stomp_beats {
	uint32_t send_ms;    /* the server sends something at least this often */
	uint32_t receive_ms; /* the client has promised something at least this often */
};

/*
 * Reads a heart-beat header: two whole numbers with a comma, no blanks, each
 * at most UINT32_MAX. False on anything else. A missing header is {0, 0}; the
 * caller knows that.
 */
bool stomp_heartbeat_read(struct span value, struct stomp_heartbeat *offer) MUST_USE;

struct stomp_beats stomp_heartbeat_agree(
	struct stomp_heartbeat server, struct stomp_heartbeat client);

#endif
