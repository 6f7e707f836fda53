/*
 * JSON Web Tokens in the compact form (RFC 7515, 7519), verified with OpenSSL.
 *
 * The algorithms come from the configuration and never from the token: a token
 * whose header names another one is refused before its signature is looked at
 * (RFC 8725, section 3.1).
 */
#ifndef AUTH_JWT_H
#define AUTH_JWT_H

#include "base/attr.h"
#include "base/buf.h"
#include "base/span.h"

#include <stdint.h>

struct jwt;

enum {
	JWT_TOKEN_BYTES_MOST = 16 * 1024
};

struct jwt_config {
	const char *const *algorithms; /* of HS256 HS384 HS512 RS256 ES256; one family only */
	size_t algorithm_count;
	/*
	 * "raw:..." or anything without a known prefix: these bytes; "base64:",
	 * "base64url:", "base64-lenient:", "hex:": decoded; "file:": the file's
	 * content (PEM public key or certificate for RS and ES; for HS the bytes
	 * without one trailing line end). A PEM text may also be given directly.
	 * HMAC keys shorter than the hash are refused by jwt_new(), RFC 7518
	 * section 3.2, unless allow_short_key.
	 */
	const char *key;
	bool allow_short_key;
	const char *issuer;           /* NULL: any */
	const char *const *audiences; /* one of them must be in `aud`; none: any */
	size_t audience_count;
	const char *const *required; /* "claim" must be there, "claim=value" must be that text */
	size_t required_count;
	int64_t leeway_s;
	bool require_exp;
};

/*
 * Copies what it needs. NULL when the configuration cannot work; *why (at least
 * 256 bytes) then says so in one line with a remedy, without the key.
 */
struct jwt *jwt_new(const struct jwt_config *config, char why[256]) MUST_USE;

/* Accepts NULL. */
void jwt_free(struct jwt *j);

/*
 * Verifies `token` (white space around it is passed over) at Unix time now_s.
 * On true, `claims` holds the payload: a checked JSON object (base/json.h) and
 * *expires_s its exp or 0. On false *why is a short static text fit for a
 * client, such as "token expired"; nothing of the token is in it.
 * Thread-safe: `j` is not changed.
 */
bool jwt_verify(const struct jwt *j, struct span token, int64_t now_s, struct buf *claims,
	int64_t *expires_s, const char **why) MUST_USE;

#endif
