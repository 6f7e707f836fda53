/* Which version of STOMP a session speaks (STOMP 1.2, "Protocol Negotiation"). */
#ifndef STOMP_VERSION_H
#define STOMP_VERSION_H

#include "base/attr.h"
#include "base/span.h"

enum stomp_version {
	STOMP_VERSION_1_0,
	STOMP_VERSION_1_1,
	STOMP_VERSION_1_2,
	STOMP_VERSION_COUNT,
};

/* What stands in the `version` header, such as "1.2". Static. */
struct span stomp_version_name(enum stomp_version version);

/* Every version, as an ERROR lists them: "1.0,1.1,1.2". Static. */
struct span stomp_version_all(void);

/*
 * The highest common version. `accept` is the value of accept-version, with or
 * without blanks around its commas; at == NULL when the header is missing,
 * which means 1.0. False when there is no common version.
 */
bool stomp_version_negotiate(struct span accept, enum stomp_version *version) MUST_USE;

#endif
