/*
 * Patterns as a tree over their segments: one lookup finds every pattern that a
 * destination matches, and does not look at the others.
 *
 * What a pattern means is told in stomp/pattern.h; whoever adds one has made
 * sure that it is one, without ${name}.
 */
#ifndef BROKER_TRIE_H
#define BROKER_TRIE_H

#include "base/attr.h"
#include "base/span.h"

#include <stdint.h>

enum {
	TRIE_SEGMENTS_MOST = 64
};

struct trie_node;

struct trie_set {
	struct trie_node **nodes; /* owned */
	size_t count;
	size_t size;
};

struct trie {
	struct trie_node *root; /* owned; NULL while there is no pattern */
	uint64_t step;          /* of all walks: nodes remember when they were reached */
	struct trie_set here;   /* where a walk stands */
	struct trie_set next;   /* where its next segment leads to */
};

void trie_init(struct trie *t);
/* All patterns must have been removed. */
void trie_fini(struct trie *t);

/* The place of a pattern, the same for the same text; its value is NULL at first. */
struct trie_node *trie_add(struct trie *t, struct span pattern);

/* Forgets the pattern. */
void trie_remove(struct trie *t, struct trie_node *node);

void trie_set_value(struct trie_node *node, void *value);
void *trie_value(const struct trie_node *node);

/*
 * The patterns that match, each once, in no order; *found is valid until the
 * next call for this trie. None matches a destination of more than
 * TRIE_SEGMENTS_MOST segments.
 */
size_t trie_match(struct trie *t, struct span destination, struct trie_node *const **found);

/*
 * What one segment of a destination may cost because of this pattern; 0 when it
 * has no more than one wildcard segment, and none inside a longer segment. Of
 * such patterns a walk only ever meets a number that depends on the destination's
 * segments; of the others it may meet all. What stands behind a ** may be met
 * with each segment anew, and a long glob takes long to compare.
 */
size_t trie_cost(struct span pattern) MUST_USE;

#endif
