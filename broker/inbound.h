/*
 * The one door through which a client's frames enter the broker: is the
 * command known, legal in this state, does it bring what it must.
 */
#ifndef BROKER_INBOUND_H
#define BROKER_INBOUND_H

#include "base/attr.h"
#include "stomp/frame.h"
#include "stomp/version.h"

struct session;

enum inbound {
	INBOUND_LEGAL,
	INBOUND_NOT_SUPPORTED,  /* a server's command, or one that its version does not have */
	INBOUND_WRONG_STATE,    /* such as SEND before CONNECT */
	INBOUND_HEADER_MISSING, /* a header that the command must bring */
};

/* Acts on a frame that is legal and allowed. It answers the client itself. */
typedef void inbound_fn(struct session *s, const struct stomp_frame *frame);

/* *missing names the header for INBOUND_HEADER_MISSING; static. Borrows the frame. */
enum inbound inbound_check(
	const struct session *s, const struct stomp_frame *frame, const char **missing) MUST_USE;

void inbound_act(struct session *s, const struct stomp_frame *frame);

#endif
