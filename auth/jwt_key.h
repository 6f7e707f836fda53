/*
 * A key together with the algorithms it may be used for. They are fixed when
 * the key is made: an algorithm of another family can never be tried with it.
 */
#ifndef AUTH_JWT_KEY_H
#define AUTH_JWT_KEY_H

#include "base/attr.h"
#include "base/span.h"

struct jwt_key;
struct jwt_key_use; /* one algorithm of a key */

/* As jwt_new(): NULL and a line with a remedy when this cannot work. Copies. */
struct jwt_key *jwt_key_new(const char *const *algorithms, size_t count, const char *text,
	bool allow_short, char why[256]) MUST_USE;

/* Accepts NULL. */
void jwt_key_free(struct jwt_key *key);

/* The allowed algorithm whose name is the JSON value `name`, borrowed; NULL when there is none. */
const struct jwt_key_use *jwt_key_use_of(const struct jwt_key *key, struct span name) MUST_USE;

/* Is `signature` (decoded) that of `text`? Thread-safe. */
bool jwt_key_verify(const struct jwt_key *key, const struct jwt_key_use *use, struct span text,
	struct span signature) MUST_USE;

#endif
