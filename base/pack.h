/*
 * Numbers, spans and names as bytes, for messages between nodes: little-endian
 * whatever the machine. What comes off is not trusted.
 */
#ifndef BASE_PACK_H
#define BASE_PACK_H

#include "base/attr.h"
#include "base/buf.h"
#include "base/span.h"

#include <stdint.h>

enum {
	PACK_LENGTH_BYTES = 4 /* before each span */
};

/* The lowest `bytes` bytes of `value`. */
void pack_number(struct buf *out, uint64_t value, size_t bytes);

/* Its length, which must fit into 32 bits, and its bytes. */
void pack_span(struct buf *out, struct span s);

/* A text in `size` bytes, with zeroes behind it; what does not fit is cut off. */
void pack_name(struct buf *out, const char *name, size_t size);

/* Each takes something off `rest`. The caller has seen that there are so many bytes. */
uint64_t unpack_number(struct span *rest, size_t bytes);

/* The same; false when the name does not end, or something stands behind its end. */
bool unpack_name(struct span *rest, char *name, size_t size) MUST_USE;

/* *s becomes a view; false when it is longer than what is there. */
bool unpack_span(struct span *rest, struct span *s) MUST_USE;

#endif
