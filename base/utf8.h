/* Is it UTF-8 (RFC 3629: no overlong forms, no surrogates, at most U+10FFFF)? */
#ifndef BASE_UTF8_H
#define BASE_UTF8_H

#include "base/attr.h"
#include "base/span.h"

#include <stdint.h>

bool utf8_is_valid(struct span s) MUST_USE;

/* Length of the one valid sequence at the start of s, 1 to 4; 0 if there is none. */
size_t utf8_sequence(struct span s) MUST_USE;

/* Writes the code point (below 0x110000; a surrogate as in WTF-8) to out; returns 1 to 4. */
size_t utf8_encode(uint32_t code, char out[4]);

#endif
