/* Lines of words, as access rules and token sources are written by operators. */
#ifndef AUTH_WORDS_H
#define AUTH_WORDS_H

#include "base/attr.h"
#include "base/span.h"

/* Takes the next word off *rest; empty when there is none. `separators` stand between words. */
struct span words_take(struct span *rest, struct span separators);

/* Drops blanks (spaces and tabs) at both ends. */
struct span words_trim(struct span text);

/* Writes that `word` (empty: the end of the line) stands where one of `allowed` must be. */
void words_refuse(struct span word, const char *allowed, char why[256]);

/* What must be passed to "%.*s" to print the start of a text that may be long. */
#define WORDS_ARG(s) (int)((s).len < 64 ? (s).len : 64), (s).at

#endif
