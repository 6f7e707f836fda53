/*
 * A growing run of bytes. Appending cannot fail; the caller checks its own
 * limit before it appends what a client sent.
 */
#ifndef BASE_BUF_H
#define BASE_BUF_H

#include "base/attr.h"
#include "base/span.h"

struct buf {
	char *at;    /* owned; NULL while size is 0 */
	size_t len;  /* bytes in use */
	size_t size; /* bytes allocated */
};

/* Frees the bytes and leaves an empty buffer that may be used again. */
void buf_fini(struct buf *b);

/* Makes room for `more` bytes behind `len` and returns where they begin. */
char *buf_reserve(struct buf *b, size_t more) __attribute__((returns_nonnull));

/* Appends a copy; `s` must not lie inside the buffer. */
void buf_put(struct buf *b, struct span s);

void buf_put_byte(struct buf *b, char byte);

/* Appends formatted text. For answers and logs, not for the path of a message. */
void buf_printf(struct buf *b, const char *fmt, ...) PRINTF(2, 3);

/* Drops the first `len` bytes. */
void buf_drop(struct buf *b, size_t len);

static inline struct span buf_span(const struct buf *b)
{
	return (struct span){ b->at, b->len };
}

#endif
