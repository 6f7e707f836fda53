/*
 * Where a client's SEND goes and what may be subscribed to: prefixes of whole
 * segments, so that /sub is not /subway.
 */
#ifndef BROKER_ROUTE_H
#define BROKER_ROUTE_H

#include "base/attr.h"
#include "base/buf.h"
#include "base/span.h"

struct route {
	const char *const *app; /* borrowed */
	size_t app_count;
	const char *const *broker; /* borrowed; at least one */
	size_t broker_count;
	bool allow_client_publish;
	const char *const *patterns; /* borrowed; where patterns may begin */
	size_t pattern_count;
	const char *user; /* borrowed; where private destinations begin, see private.h; "": none */
	const char *temp; /* borrowed; the same of temporary queues */
	bool allow_user_send; /* clients may send to those of users */
};

enum route_result {
	ROUTE_FOUND,
	ROUTE_BROKER_ONLY, /* a broker destination, which clients may not send to */
	ROUTE_UNKNOWN,     /* under no prefix, or with nothing behind it */
};

/*
 * The broker destination that a SEND to `from` reaches: a view of `from` or of
 * `scratch`, valid until either changes.
 */
enum route_result route_resolve(
	const struct route *r, struct span from, struct buf *scratch, struct span *to) MUST_USE;

/*
 * What follows the prefix, its slash included; at NULL when the destination is not
 * below it, or the prefix is empty.
 */
struct span route_tail(struct span destination, const char *prefix) MUST_USE;

/* Is this a destination under a broker prefix, with something behind it? */
bool route_is_broker(const struct route *r, struct span destination) MUST_USE;

/*
 * May clients subscribe to this pattern? What is private is never reached by one.
 */
bool route_allows_pattern(const struct route *r, struct span pattern) MUST_USE;

/* One of: a slash, no slash at its end, no empty segment, no pattern characters. */
bool route_check_prefix(const char *prefix, const char **why) MUST_USE;

#endif
