/*
 * Access rules: an ordered list, the first one that matches decides.
 *
 * A rule is one line of words:
 *
 *     allow|deny  send|subscribe|all  PATTERN  [WHO]
 *
 * PATTERN is a destination pattern (stomp/pattern.h) in which ${user} and
 * ${name} are the principal's. For `send` it is compared with the destination
 * that the client named. WHO is one of: anyone (when left out), anonymous,
 * authenticated, role=NAME, user=ID.
 *
 *     allow subscribe /sub/users/${user}
 *     deny  all       /sub/users/{anyone}
 *     allow send      /pub/admin/{room}  role=ADMIN
 *
 * An anonymous client has neither an id, nor a name, nor roles: ${user} and
 * ${name} match nothing for it, and a user's id is only ever compared as text.
 */
#ifndef AUTH_ACCESS_H
#define AUTH_ACCESS_H

#include "auth/principal.h"
#include "base/attr.h"
#include "base/span.h"

struct access;

enum access_action {
	ACCESS_SEND,
	ACCESS_SUBSCRIBE,
};

/*
 * Copies the rules. NULL when rule number *bad (from 0) cannot be read; `why`
 * (at least 256 bytes) then says what is wrong with it and what is allowed.
 */
struct access *access_new(const char *const *rules, size_t count, bool allow_by_default,
	size_t *bad, char why[256]) MUST_USE;

/* Accepts NULL. */
void access_free(struct access *a);

/* `who` may be NULL: anonymous. Thread-safe. */
bool access_is_allowed(const struct access *a, enum access_action action, struct span destination,
	const struct principal *who) MUST_USE;

#endif
