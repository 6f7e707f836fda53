/*
 * What a message body says, and whether the one that came is the one that was
 * due: each subscriber must get every number of every publisher, once, in
 * order, unharmed.
 */
#ifndef BENCH_CHECK_H
#define BENCH_CHECK_H

#include "base/attr.h"
#include "base/span.h"

#include <stdbool.h>
#include <stdint.h>

struct check {
	size_t subscribers;
	size_t publishers;
	size_t body;    /* bytes of each body */
	char *pattern;  /* owned; `body` bytes and a NUL, what follows the numbers */
	uint32_t *next; /* owned; the number due, by subscriber, then publisher */

	uint64_t good;
	uint64_t garbled;  /* not what anybody sent */
	uint64_t skipped;  /* numbers that were jumped over */
	uint64_t repeated; /* numbers that had come before, or come late */
};

struct check_number {
	uint32_t publisher;
	uint32_t sequence;
};

/* `body` is at least 32 bytes. */
void check_init(struct check *k, size_t subscribers, size_t publishers, size_t body);

void check_fini(struct check *k);

/* The body of one message, followed by a NUL that is not counted; valid until the next call. */
struct span check_write(struct check *k, struct check_number number);

/* Judges a delivery; false, and counted, when it was not the one due. */
bool check_read(struct check *k, size_t subscriber, struct span body, struct check_number *number);

/* Has this subscriber got exactly `sent` messages of this publisher? */
bool check_is_complete(const struct check *k, size_t subscriber, size_t publisher, uint32_t sent);

/* Prints what was wrong, if anything was; true when nothing was. */
bool check_report(const struct check *k, const char *where) MUST_USE;

#endif
