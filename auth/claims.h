/* Looks into the claims of a token: a checked JSON object (base/json.h). */
#ifndef AUTH_CLAIMS_H
#define AUTH_CLAIMS_H

#include "base/attr.h"
#include "base/buf.h"
#include "base/span.h"

/*
 * Finds the members with these names in one walk; values[i].len is 0 for one
 * that is not there. False when one of them is there twice: readers disagree
 * about which one counts then (RFC 7519, section 4).
 */
bool claims_pick(
	struct span object, const struct span *names, size_t count, struct span *values) MUST_USE;

/*
 * The claim at `path`: a member with that very name ("https://example.org/id")
 * or, step by step, behind each dot inside an object ("realm_access.roles").
 * null, and what is there twice, counts as not there.
 */
bool claims_find(struct span claims, struct span path, struct span *value) MUST_USE;

/*
 * Appends a string's text, or a number, true or false as its JSON text. False,
 * and nothing appended, for everything else and for a text that holds a NUL,
 * which could not be written into a header.
 */
bool claims_text(struct span value, struct buf *out) MUST_USE;

/* Is that the value's text? For an array: that of one of its elements? */
bool claims_has_text(struct span value, struct span text) MUST_USE;

#endif
