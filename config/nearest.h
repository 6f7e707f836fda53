/* The name that somebody who wrote an unknown one may have meant. */
#ifndef CONFIG_NEAREST_H
#define CONFIG_NEAREST_H

#include "base/attr.h"

#include <stddef.h>

enum {
	NEAREST_NAME_BYTES = 64,
	NEAREST_QUESTION_BYTES = NEAREST_NAME_BYTES + 32,
};

struct nearest {
	const char *wanted;            /* borrowed */
	char name[NEAREST_NAME_BYTES]; /* empty while nothing is near */
	size_t distance;               /* of name */
};

void nearest_init(struct nearest *n, const char *wanted);

/* `skip` bytes at the start of both are the same for all and not compared. */
void nearest_offer(struct nearest *n, const char *candidate, size_t skip);

/* Takes a candidate that is known to be meant, however far it is. */
void nearest_take(struct nearest *n, const char *candidate);

/* Writes and returns "; did you mean ...?", or nothing when nothing is near. */
const char *nearest_question(const struct nearest *n, char out[NEAREST_QUESTION_BYTES]);

#endif
