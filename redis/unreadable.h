/* Records that nobody can read: one line in the log for each kind, now and then. */
#ifndef REDIS_UNREADABLE_H
#define REDIS_UNREADABLE_H

#include "redis/envelope.h"

struct unreadable {
	struct {
		double logged; /* seconds on the loop's clock; 0: never */
		uint64_t count;
		uint64_t count_logged;
	} of[ENVELOPE_RESULT_COUNT];
};

void unreadable_note(struct unreadable *u, enum envelope_read result, size_t bytes,
	const char *channel, double now);

#endif
