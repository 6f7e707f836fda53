/*
 * A shard's end of the consumers of queues: each subscription to a queue has an
 * intake, where messages wait that the queue has given to it and its client has
 * no room for. What waits there when the client goes, the queue gives to others.
 */
#ifndef BROKER_INTAKE_H
#define BROKER_INTAKE_H

#include "base/attr.h"
#include "base/span.h"
#include "stomp/frame.h"

#include <stdint.h>

struct intake;
struct session;
struct shard;
struct subscription;

/* False when clients cannot name a queue so; the client has been told. */
bool intake_check(struct session *s, const struct stomp_frame *frame, struct span queue) MUST_USE;

/* The subscription becomes a consumer of its destination. Answers the frame's receipt. */
void intake_open(
	struct session *s, const struct stomp_frame *frame, struct subscription *subscription);

/* What it was given and the client has not taken goes back. Does nothing for a topic. */
void intake_close(struct session *s, struct subscription *subscription);

/* The same for all subscriptions of the session. */
void intake_close_all(struct session *s);

/* Passes on what the client has room for. */
void intake_pump(struct session *s);

/* The client has answered this delivery, and with ack:client also those before it. */
void intake_settle(const struct subscription *subscription, uint64_t number, bool taken);

/* Takes what the hub has sent to the shard's consumers. */
void intake_take_mail(struct shard *s);

#endif
