/*
 * Frames that Spring's simple broker passes over in silence and that are an ERROR
 * here (docs/decisions/0004), unless an option under compat says otherwise.
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
};

/*
 * Is the frame passed over? Then it is counted and logged, and an UNSUBSCRIBE gets
 * its RECEIPT, since what it asks for holds already; the others get none.
 */
bool compat_ignores(struct session *s, const struct stomp_frame *frame, enum compat what) MUST_USE;

/* The same for a frame without a header that its command must bring. */
bool compat_ignores_incomplete(struct session *s, const struct stomp_frame *frame) MUST_USE;

#endif
