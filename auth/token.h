/*
 * Where a token may come from: an ordered list of sources, the first one that
 * brings something counts.
 *
 *     header NAME [SCHEME]   of CONNECT; with a scheme ("Bearer") that word and
 *                            blanks are taken off the front when they are there
 *     query NAME             of the URL that opened the connection
 *     cookie NAME            sent with the request that opened the connection
 */
#ifndef AUTH_TOKEN_H
#define AUTH_TOKEN_H

#include "base/attr.h"
#include "base/buf.h"
#include "base/span.h"
#include "stomp/frame.h"

struct token_sources;

/* Copies. NULL when source number *bad cannot be read; `why` (256 bytes) says what is wrong. */
struct token_sources *token_sources_new(
	const char *const *texts, size_t count, size_t *bad, char why[256]) MUST_USE;

/* Accepts NULL. */
void token_sources_free(struct token_sources *t);

/*
 * What of the opening request must be kept until CONNECT: called with the raw
 * query ("a=1&token=x", not yet decoded) and the Cookie header, either may be
 * empty. Appends the first token found in the order of the sources, decoded;
 * false when there is none.
 */
bool token_from_request(const struct token_sources *t, struct span query, struct span cookie,
	struct buf *token) MUST_USE;

/*
 * The token of a CONNECT frame, considering that `kept` came with the opening
 * request (empty: nothing). The order of the sources decides; `kept` stands
 * where the first query or cookie does. A view of the frame or of `kept`,
 * trimmed; false when there is none.
 */
bool token_of_connect(const struct token_sources *t, const struct stomp_frame *frame,
	struct span kept, struct span *token) MUST_USE;

/* Is this the name of a header that carries a token? Compared without case. */
bool token_is_header(const struct token_sources *t, struct span name);

#endif
