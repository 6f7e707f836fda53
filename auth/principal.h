/* Who a session is: set once by the interceptor chain at CONNECT, then read. */
#ifndef AUTH_PRINCIPAL_H
#define AUTH_PRINCIPAL_H

#include "base/attr.h"
#include "base/span.h"

#include <stdint.h>

struct principal {
	struct span id;   /* what ${user} stands for; empty: anonymous */
	struct span name; /* the user-name header of CONNECTED; may be empty */
	const struct span *roles;
	size_t role_count;
	int64_t expires_s; /* Unix time at which the credentials end; 0: never */
	/* The verified claims as JSON text, an object; empty when there are none. */
	struct span claims;
};

/*
 * Copies everything into one block. The caller owns it; free with
 * principal_free(). The session holds it for its life.
 */
struct principal *principal_new(const struct principal *from) MUST_USE;

/* Accepts NULL. */
void principal_free(struct principal *p);

static inline bool principal_is_anonymous(const struct principal *p)
{
	return !p || p->id.len == 0;
}

bool principal_has_role(const struct principal *p, struct span role);

#endif
