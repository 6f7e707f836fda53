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
 * next call for this trie.
 */
size_t trie_match(struct trie *t, struct span destination, struct trie_node *const **found);

/*
 * Does the pattern hold more than one wildcard segment, or a wildcard inside a
 * longer segment? Of the others a walk only ever meets a number that depends on
 * the destination's segments; of these it may meet all.
 */
bool trie_is_costly(struct span pattern);

#endif
