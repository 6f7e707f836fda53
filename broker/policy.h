/* Which headers of a SEND subscribers get to see. */
#ifndef BROKER_POLICY_H
#define BROKER_POLICY_H

#include "base/attr.h"
#include "base/span.h"

struct broker;

/*
 * Never: what names, frames or authorizes the sender's own frame (the protocol's
 * headers, credentials, "simp*", and those that carry a token by configuration).
 * Otherwise: what headers.forward lists; simpOrigDestination only by its name.
 */
bool policy_forwards(const struct broker *b, struct span header) MUST_USE;

#endif
