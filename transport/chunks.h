/*
 * Takes the chunks of a request's body apart (RFC 9112, section 7.1): bytes in,
 * data out. The library hands such bodies on as they came.
 */
#ifndef TRANSPORT_CHUNKS_H
#define TRANSPORT_CHUNKS_H

#include "base/attr.h"
#include "base/span.h"

#include <stdint.h>

enum chunks_state {
	CHUNKS_SIZE, /* the digits of a size; where one begins, zeroed */
	CHUNKS_EXTENSION,
	CHUNKS_SIZE_END,
	CHUNKS_DATA,
	CHUNKS_DATA_CR,
	CHUNKS_DATA_LF,
	CHUNKS_TRAILER, /* at the start of a line behind the last chunk */
	CHUNKS_TRAILER_LINE,
	CHUNKS_LAST_LF,
	CHUNKS_ENDED,
};

struct chunks {
	enum chunks_state state;
	unsigned digits;  /* of the size */
	unsigned skipped; /* bytes of extensions and trailers, which are bounded */
	uint64_t left;    /* bytes of the chunk */
};

enum chunks_got {
	CHUNKS_GOT_DATA, /* *data is a part of the body */
	CHUNKS_GOT_MORE, /* not an error: all bytes are taken, and there must be more */
	CHUNKS_GOT_END,  /* of the body; *bytes is what is behind it */
	CHUNKS_GOT_ERROR,
};

/* Takes from the front of *bytes. Call again until there is no more data. */
enum chunks_got chunks_next(struct chunks *c, struct span *bytes, struct span *data) MUST_USE;

#endif
