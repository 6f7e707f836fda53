/* Whole numbers as protocols write them: decimal digits, no sign, no blanks. */
#ifndef BASE_DIGITS_H
#define BASE_DIGITS_H

#include "base/attr.h"
#include "base/span.h"

#include <stdint.h>

/* False when the text is empty or holds anything else. What does not fit is UINT64_MAX. */
static inline MUST_USE bool digits_read(struct span text, uint64_t *value)
{
	uint64_t n = 0;

	for (size_t i = 0; i < text.len; i++) {
		if (text.at[i] < '0' || text.at[i] > '9')
			return false;
		if (__builtin_mul_overflow(n, 10, &n) ||
			__builtin_add_overflow(n, (uint64_t)(text.at[i] - '0'), &n))
			n = UINT64_MAX; /* and stays that: the next digit overflows again */
	}
	*value = n;
	return text.len > 0;
}

#endif
