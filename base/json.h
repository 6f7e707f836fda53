/*
 * Reads JSON without building a tree: values are views of the text, so what
 * is forwarded stays byte for byte what it was (RFC 8259; cJSON would change
 * large integers, \u0000 and invalid UTF-8).
 *
 * A value is checked when it is scanned: grammar, UTF-8, and no deeper than
 * JSON_DEPTH_MOST. Everything below that takes a value takes a checked one.
 */
#ifndef BASE_JSON_H
#define BASE_JSON_H

#include "base/attr.h"
#include "base/buf.h"
#include "base/span.h"

#include <stdint.h>

enum {
	JSON_DEPTH_MOST = 128
};

/*
 * Takes the value at the start of *text, after white space. On true *value is
 * the value without the white space around it and *text begins right behind it.
 */
bool json_scan(struct span *text, struct span *value) MUST_USE;

/* Is the whole text one value, with nothing but white space around it? */
bool json_is_value(struct span text) MUST_USE;

/*
 * Where a text that is not one value stops being one: the offset of the first
 * byte that cannot follow those before it, or text.len when the end came too early.
 */
size_t json_error_at(struct span text);

/* Drops white space at both ends. */
struct span json_trim(struct span text);

/*
 * Walks the members of a checked object or array: start with
 * *rest = the value, then call until false. For arrays *name is empty. *name is
 * the raw text between the quotes (escapes not undone).
 */
bool json_next(struct span *rest, struct span *name, struct span *value) MUST_USE;

/* The first member of a checked object with that (unescaped) name; false when there is none. */
bool json_member(struct span object, struct span name, struct span *value) MUST_USE;

static inline bool json_is_string(struct span value)
{
	return value.len >= 2 && value.at[0] == '"';
}

/*
 * Appends the text of a checked string value, escapes undone. A surrogate that
 * stands alone becomes U+FFFD. \u0000 becomes a NUL byte.
 */
void json_unquote(struct span value, struct buf *out);

/* Likewise, but a surrogate that stands alone is kept, as three bytes (WTF-8). */
void json_unquote_lone(struct span value, struct buf *out);

/* Appends valid UTF-8 as a JSON string with its quotes. */
void json_quote(struct span text, struct buf *out);

/* A checked number value that is a whole number in range of int64_t, else false. */
bool json_int(struct span value, int64_t *out) MUST_USE;

/* A checked number value as a double; false when it is out of range or longer than 63 bytes. */
bool json_double(struct span value, double *out) MUST_USE;

#endif
