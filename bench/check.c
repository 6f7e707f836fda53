/* A body is "p0007 000000012345 " and then letters up to its length. */
#include "bench/check.h"

#include "base/mem.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#define HEAD_BYTES 19 /* "p0007 000000012345 " */

void check_init(struct check *k, size_t subscribers, size_t publishers, size_t body)
{
	*k = (struct check){ .subscribers = subscribers, .publishers = publishers, .body = body };
	k->pattern = mem_zalloc(body + 1);
	for (size_t i = 0; i < body; i++)
		k->pattern[i] = (char)('a' + i % 26);
	k->next = mem_zalloc(subscribers * publishers * sizeof *k->next);
}

void check_fini(struct check *k)
{
	free(k->pattern);
	free(k->next);
	*k = (struct check){ 0 };
}

struct span check_write(struct check *k, struct check_number number)
{
	char head[HEAD_BYTES + 1];

	snprintf(head, sizeof head, "p%04u %012u ", number.publisher % 10000, number.sequence);
	memcpy(k->pattern, head, HEAD_BYTES);
	return (struct span){ k->pattern, k->body };
}

static bool read_digits(const char *at, size_t digits, uint32_t *out)
{
	uint64_t value = 0;

	for (size_t i = 0; i < digits; i++) {
		unsigned digit = (unsigned char)at[i] - (unsigned)'0';

		if (digit > 9)
			return false;
		value = value * 10 + digit;
	}
	*out = (uint32_t)value;
	return value <= UINT32_MAX;
}

static bool read_head(const char *at, struct check_number *number)
{
	return at[0] == 'p' && at[5] == ' ' && at[HEAD_BYTES - 1] == ' ' &&
	       read_digits(at + 1, 4, &number->publisher) &&
	       read_digits(at + 6, 12, &number->sequence);
}

bool check_read(struct check *k, size_t subscriber, struct span body, struct check_number *number)
{
	uint32_t *next;

	if (body.len != k->body || !read_head(body.at, number) ||
		number->publisher >= k->publishers ||
		memcmp(body.at + HEAD_BYTES, k->pattern + HEAD_BYTES, k->body - HEAD_BYTES) != 0) {
		k->garbled++;
		return false;
	}
	next = &k->next[subscriber * k->publishers + number->publisher];
	if (number->sequence < *next) {
		k->repeated++;
		return false;
	}
	if (number->sequence > *next) {
		k->skipped += number->sequence - *next;
		*next = number->sequence + 1;
		return false;
	}
	++*next;
	k->good++;
	return true;
}

bool check_is_complete(const struct check *k, size_t subscriber, size_t publisher, uint32_t sent)
{
	return k->next[subscriber * k->publishers + publisher] == sent;
}

bool check_report(const struct check *k, const char *where)
{
	if (k->garbled + k->skipped + k->repeated == 0)
		return true;
	fprintf(stderr,
		"bench: %s: FAILED: %" PRIu64 " deliveries right, %" PRIu64 " garbled, %" PRIu64
		" lost or overtaken, %" PRIu64 " doubled or late\n",
		where, k->good, k->garbled, k->skipped, k->repeated);
	return false;
}
