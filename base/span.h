/* A read-only view of bytes that somebody else owns. Never NUL-terminated. */
#ifndef BASE_SPAN_H
#define BASE_SPAN_H

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

struct span {
	const char *at; /* may be NULL only when len is 0 */
	size_t len;     /* bytes */
};

/* SPAN("text"): a view of a string literal, without its NUL. */
#define SPAN(literal) ((struct span){ "" literal "", sizeof(literal) - 1 })

static inline struct span span_of(const char *text)
{
	return (struct span){ text, strlen(text) };
}

static inline bool span_eq(struct span a, struct span b)
{
	return a.len == b.len && (a.len == 0 || (a.at && b.at && memcmp(a.at, b.at, a.len) == 0));
}

#endif
