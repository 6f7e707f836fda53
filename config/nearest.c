#include "config/nearest.h"

#include "base/span.h"

#include <stdio.h>

enum {
	LETTERS_MOST = 63
};

static size_t least_of(size_t a, size_t b)
{
	return a < b ? a : b;
}

/* Letters to add, drop, change or swap with their neighbour until a is b. */
static size_t distance_of(struct span a, struct span b)
{
	size_t rows[3][LETTERS_MOST + 1];
	size_t *before = rows[0], *above = rows[1], *row = rows[2];

	for (size_t j = 0; j <= b.len; j++)
		above[j] = j;
	for (size_t i = 1; i <= a.len; i++) {
		size_t *spare = before;

		row[0] = i;
		for (size_t j = 1; j <= b.len; j++) {
			size_t changed = above[j - 1] + (a.at[i - 1] != b.at[j - 1]);

			row[j] = least_of(changed, least_of(above[j], row[j - 1]) + 1);
			if (i > 1 && j > 1 && a.at[i - 1] == b.at[j - 2] &&
				a.at[i - 2] == b.at[j - 1])
				row[j] = least_of(row[j], before[j - 2] + 1);
		}
		before = above;
		above = row;
		row = spare;
	}
	return above[b.len];
}

void nearest_init(struct nearest *n, const char *wanted)
{
	*n = (struct nearest){ .wanted = wanted };
}

void nearest_offer(struct nearest *n, const char *candidate, size_t skip)
{
	struct span a = span_of(n->wanted), b = span_of(candidate);
	size_t distance;

	if (a.len > LETTERS_MOST || b.len > LETTERS_MOST || a.len <= skip || b.len <= skip)
		return;
	a = (struct span){ a.at + skip, a.len - skip };
	b = (struct span){ b.at + skip, b.len - skip };
	distance = distance_of(a, b);
	if (distance > 1 + a.len / 5 || distance >= a.len || (*n->name && distance >= n->distance))
		return;
	nearest_take(n, candidate);
	n->distance = distance;
}

void nearest_take(struct nearest *n, const char *candidate)
{
	(void)snprintf(n->name, sizeof(n->name), "%s", candidate);
	n->distance = 0;
}

const char *nearest_question(const struct nearest *n, char out[NEAREST_QUESTION_BYTES])
{
	out[0] = '\0';
	if (*n->name)
		(void)snprintf(out, NEAREST_QUESTION_BYTES, "; did you mean \"%s\"?", n->name);
	return out;
}
