/*
 * A walk stands at a set of nodes and takes the destination's segments one by
 * one. Each node is at most once in the set, so a walk takes time linear in the
 * segments and in the nodes that it can reach, whatever the wildcards are.
 */
#include "broker/trie.h"

#include "base/list.h"
#include "base/map.h"
#include "base/mem.h"
#include "stomp/pattern.h"

#include <assert.h>
#include <stdlib.h>

enum {
	/* Of a segment with a wildcard inside: they take as long to compare as a step takes. */
	GLOB_BYTES = 8
};

enum kind {
	KIND_TEXT,
	KIND_GLOB, /* holds * or ? among others */
	KIND_STAR, /* * alone */
	KIND_NAME, /* {name}: one segment that is not empty */
	KIND_DEEP, /* ** */
	KIND_COUNT,
};

struct trie_node {
	struct trie_node *parent; /* NULL: the root */
	enum kind kind;
	struct span segment; /* in the same block */
	uint64_t reached;    /* the step that reached it last */
	void *value;         /* NULL: no pattern ends here */
	size_t children;
	struct map texts;                    /* children by their segment; all zero before one */
	struct list globs;                   /* children, struct trie_node.link */
	struct trie_node *wilds[KIND_COUNT]; /* the only child of KIND_STAR, NAME, DEEP */
	struct list link;                    /* in the globs of the parent */
};

static enum kind kind_of(struct span segment)
{
	if (span_eq(segment, SPAN("**")))
		return KIND_DEEP;
	if (span_eq(segment, SPAN("*")))
		return KIND_STAR;
	if (!stomp_pattern_is_special(segment))
		return KIND_TEXT;
	return segment.at[0] == '{' ? KIND_NAME : KIND_GLOB;
}

/* Takes the slash and the segment behind it; false at the end. */
static bool take_segment(struct span *rest, struct span *segment)
{
	const char *slash;

	if (rest->len == 0 || rest->at[0] != '/')
		return false;
	*segment = (struct span){ rest->at + 1, rest->len - 1 };
	slash = memchr(segment->at, '/', segment->len);
	if (slash)
		segment->len = (size_t)(slash - segment->at);
	*rest = (struct span){ segment->at + segment->len, rest->len - 1 - segment->len };
	return true;
}

static struct trie_node *node_new(struct trie_node *parent, enum kind kind, struct span segment)
{
	struct trie_node *n = mem_zalloc(sizeof(*n) + segment.len);
	char *copy = (char *)(n + 1);

	if (segment.len > 0)
		memcpy(copy, segment.at, segment.len);
	n->parent = parent;
	n->kind = kind;
	n->segment = (struct span){ copy, segment.len };
	list_init(&n->globs);
	list_init(&n->link);
	return n;
}

static struct trie_node *find_child(const struct trie_node *n, enum kind kind, struct span segment)
{
	if (kind == KIND_TEXT)
		return map_get(&n->texts, segment);
	if (kind != KIND_GLOB)
		return n->wilds[kind];
	for (struct list *at = n->globs.next; at != &n->globs; at = at->next) {
		struct trie_node *child = container_of(at, struct trie_node, link);

		if (span_eq(child->segment, segment))
			return child;
	}
	return NULL;
}

static struct trie_node *child_of(struct trie_node *n, struct span segment)
{
	enum kind kind = kind_of(segment);
	struct trie_node *child = find_child(n, kind, segment);

	if (child)
		return child;
	child = node_new(n, kind, segment);
	n->children++;
	if (kind == KIND_TEXT && n->texts.size == 0)
		map_init(&n->texts);
	if (kind == KIND_TEXT)
		map_put(&n->texts, child->segment, child);
	else if (kind == KIND_GLOB)
		list_push(&n->globs, &child->link);
	else
		n->wilds[kind] = child;
	return child;
}

static void node_free(struct trie_node *n)
{
	struct trie_node *parent = n->parent;

	if (parent) {
		parent->children--;
		if (n->kind == KIND_TEXT)
			(void)map_remove(&parent->texts, n->segment);
		else if (n->kind == KIND_GLOB)
			list_remove(&n->link);
		else
			parent->wilds[n->kind] = NULL;
	}
	map_fini(&n->texts);
	free(n);
}

static void push(struct trie_set *set, struct trie_node *n)
{
	if (set->count == set->size) {
		set->size = set->size ? set->size * 2 : 16;
		set->nodes = mem_realloc(set->nodes, set->size * sizeof(struct trie_node *));
	}
	set->nodes[set->count++] = n;
}

/* A ** may also stand for no segment at all: whoever is before it is behind it, too. */
static void reach(struct trie *t, struct trie_node *n)
{
	while (n && n->reached != t->step) {
		n->reached = t->step;
		push(&t->next, n);
		n = n->wilds[KIND_DEEP];
	}
}

static void step_from(struct trie *t, struct trie_node *n, struct span segment)
{
	if (n->kind == KIND_DEEP)
		reach(t, n);
	if (n->children == 0)
		return;
	reach(t, map_get(&n->texts, segment));
	reach(t, n->wilds[KIND_STAR]);
	if (segment.len > 0)
		reach(t, n->wilds[KIND_NAME]);
	for (struct list *at = n->globs.next; at != &n->globs; at = at->next) {
		struct trie_node *child = container_of(at, struct trie_node, link);

		if (stomp_pattern_glob(child->segment, segment))
			reach(t, child);
	}
}

/* What was reached is where the walk stands. */
static void arrive(struct trie *t)
{
	struct trie_set old = t->here;

	t->here = t->next;
	t->next = old;
	t->next.count = 0;
	t->step++;
}

void trie_init(struct trie *t)
{
	*t = (struct trie){ .step = 1 };
}

void trie_fini(struct trie *t)
{
	assert(!t->root);
	free(t->here.nodes);
	free(t->next.nodes);
}

struct trie_node *trie_add(struct trie *t, struct span pattern)
{
	struct trie_node *n;
	struct span segment;

	if (!t->root)
		t->root = node_new(NULL, KIND_TEXT, SPAN(""));
	n = t->root;
	while (take_segment(&pattern, &segment))
		n = child_of(n, segment);
	return n;
}

void trie_remove(struct trie *t, struct trie_node *node)
{
	node->value = NULL;
	while (node && !node->value && node->children == 0) {
		struct trie_node *parent = node->parent;

		if (!parent)
			t->root = NULL;
		node_free(node);
		node = parent;
	}
}

void trie_set_value(struct trie_node *node, void *value)
{
	node->value = value;
}

void *trie_value(const struct trie_node *node)
{
	return node->value;
}

size_t trie_match(struct trie *t, struct span destination, struct trie_node *const **found)
{
	struct span segment;
	size_t count = 0, segments = 0;

	*found = t->here.nodes;
	if (!t->root || destination.len == 0 || destination.at[0] != '/')
		return 0;
	reach(t, t->root);
	arrive(t);
	while (t->here.count > 0 && take_segment(&destination, &segment)) {
		if (++segments > TRIE_SEGMENTS_MOST)
			return 0;
		for (size_t i = 0; i < t->here.count; i++)
			step_from(t, t->here.nodes[i], segment);
		arrive(t);
	}
	for (size_t i = 0; i < t->here.count; i++) {
		if (t->here.nodes[i]->value)
			t->here.nodes[count++] = t->here.nodes[i];
	}
	*found = t->here.nodes;
	return count;
}

size_t trie_cost(struct span pattern)
{
	struct span segment;
	size_t wild = 0, behind_deep = 0, glob = 0;
	bool deep = false;

	while (take_segment(&pattern, &segment)) {
		enum kind kind = kind_of(segment);

		wild += kind != KIND_TEXT;
		behind_deep += deep;
		deep |= kind == KIND_DEEP;
		if (kind == KIND_GLOB)
			glob += 1 + segment.len / GLOB_BYTES;
	}
	if (wild < 2 && glob == 0)
		return 0;
	return behind_deep + glob > 0 ? behind_deep + glob : 1;
}
