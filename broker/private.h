/*
 * Destinations that belong to one user or one session, and that nobody else can
 * name in a SUBSCRIBE.
 *
 * A client subscribes to /user/queue/x, and joins the topic /user/kim/queue/x,
 * kim being its user's id; an anonymous one joins a topic with its session's
 * name instead. So what is sent to /user/kim/queue/x, by a client or on the bus,
 * finds all sessions of kim by one lookup on every node, and nothing that a
 * client writes in a SUBSCRIBE leads to another one's topic. In an id a slash is
 * %2F, as Spring writes it.
 *
 * A temporary queue is a session's own: SUBSCRIBE to /temp-queue/x joins
 * /temp-queue/SESSION/x, and that is also what its name becomes in the header
 * reply-to of a SEND, for others to send to.
 */
#ifndef BROKER_PRIVATE_H
#define BROKER_PRIVATE_H

#include "broker/route.h"

enum private_kind {
	PRIVATE_NONE, /* not of this kind */
	PRIVATE_USER, /* below prefixes.user */
	PRIVATE_TEMP, /* below prefixes.temp */
};

struct private_owner {
	struct span user;    /* its id; empty: anonymous */
	struct span session; /* its name */
};

enum private_kind private_kind(const struct route *r, struct span destination);

/*
 * Appends the topic that a SUBSCRIBE of `owner` to `destination` joins. False
 * when it is not a private destination, or one of a form that none has.
 */
bool private_put_topic(const struct route *r, struct span destination,
	const struct private_owner *owner, struct buf *out) MUST_USE;

/*
 * Appends the destination that a SEND of `owner` to `destination` reaches; false
 * as above, and when an id is not written as a topic has it: access rules were
 * asked about what the client wrote, and one spelling is all that they name.
 * A user's own sessions send to themselves alone, as with Spring.
 */
bool private_put_target(const struct route *r, struct span destination,
	const struct private_owner *owner, struct buf *out) MUST_USE;

/*
 * Appends the topic of a message for the user destination `destination`, however
 * its sender has written the user's id. Then *name is the id, not yet decoded,
 * which may also be a session's name, and *rest what follows. False: it names none.
 */
bool private_put_key(const struct route *r, struct span destination, struct buf *out,
	struct span *name, struct span *rest) MUST_USE;

#endif
