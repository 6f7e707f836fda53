/*
 * What Spring's simple broker passes over in silence and what has an effect or is
 * an ERROR here (docs/decisions/0004), unless an option under compat says otherwise.
 */
#ifndef BROKER_COMPAT_H
#define BROKER_COMPAT_H

#include "base/attr.h"
#include "stomp/frame.h"

#include <stdbool.h>

struct session;

enum compat {
	COMPAT_UNKNOWN_DESTINATION,
	COMPAT_UNKNOWN_UNSUBSCRIBE,
	COMPAT_DUPLICATE_SUBSCRIPTION,
	COMPAT_ACK,
	COMPAT_TRANSACTIONS,
	COMPAT_ODD_HEARTBEAT,
};

/* Does the option say so? */
bool compat_is_on(const struct session *s, enum compat what) MUST_USE;

/*
 * Is the frame passed over? Then it is counted and logged, and gets its RECEIPT
 * where what it asks for holds already: UNSUBSCRIBE, ACK, NACK, BEGIN, and COMMIT,
 * since what was sent in the transaction went out at once. The others get none.
 */
bool compat_ignores(struct session *s, const struct stomp_frame *frame, enum compat what) MUST_USE;

/* The same for a frame without a header that its command must bring. */
bool compat_ignores_incomplete(struct session *s, const struct stomp_frame *frame) MUST_USE;

#endif
