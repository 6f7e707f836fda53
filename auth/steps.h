/* The built-in steps of the interceptor chain: who is it (CONNECT), and may they. */
#ifndef AUTH_STEPS_H
#define AUTH_STEPS_H

#include "auth/access.h"
#include "auth/interceptor.h"
#include "auth/jwt.h"
#include "auth/token.h"

/*
 * Identifies the client at CONNECT/STOMP. Without a token: anonymous if
 * allowed, else denied ("no token"). With a token that does not verify: denied.
 */
struct authenticate {
	const struct jwt *jwt; /* NULL: no tokens are looked at; every client is anonymous */
	const struct token_sources *sources;
	bool allow_anonymous;
	/*
	 * Names of claims, tried in order until one is there; a dot steps into
	 * an object ("realm_access.roles"). A number is used as its JSON text.
	 * Roles may be an array of texts or one text with blanks or commas.
	 */
	const char *const *id_claims;
	size_t id_claim_count;
	const char *const *name_claims;
	size_t name_claim_count;
	const char *const *role_claims;
	size_t role_claim_count;
};

/* `a` and what it points to are borrowed for the life of the step. */
struct interceptor_step authenticate_step(const struct authenticate *a);

/* Checks SEND and SUBSCRIBE against the access rules; `a` is borrowed. */
struct interceptor_step authorize_step(const struct access *a);

#endif
