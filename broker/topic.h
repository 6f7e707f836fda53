/*
 * Who on this shard has subscribed to what. A lookup is one hash for exact
 * destinations and one walk down a tree for patterns, whatever the number of
 * subscriptions.
 */
#ifndef BROKER_TOPIC_H
#define BROKER_TOPIC_H

#include "base/attr.h"
#include "base/buf.h"
#include "base/map.h"
#include "base/span.h"
#include "broker/trie.h"

#include <stdint.h>

struct intake;
struct session;
struct topic;

/* How its messages are acknowledged. */
enum subscription_ack {
	SUBSCRIPTION_AUTO,       /* not at all */
	SUBSCRIPTION_CLIENT,     /* with all before it */
	SUBSCRIPTION_INDIVIDUAL, /* each for itself */
};

/*
 * One SUBSCRIBE. Counted: messages that wait in a client's queue keep the
 * subscription's line after it has ended.
 */
struct subscription {
	uint32_t refs;
	uint32_t place;            /* in topic->subscriptions */
	struct topic *topic;       /* NULL once it has ended */
	struct session *session;   /* borrowed; NULL once it has ended */
	struct intake *intake;     /* of a consumer of a queue (broker/intake.h), else NULL */
	struct subscription *next; /* of the session; kept by session.c */
	uint32_t id_len;
	uint32_t line_len; /* 0: STOMP 1.0 without an id */
	enum subscription_ack ack;
	char *line; /* "subscription:<escaped id>\n"; behind the id in the same block */
	char id[];  /* as the client gave it */
};

struct topic {
	struct span destination; /* or the pattern; in the same block */
	struct span shown;      /* the same, or what it is called by those who own it (private.h) */
	struct trie_node *node; /* NULL: an exact destination */
	struct topic *before;   /* those of patterns that differ in names alone */
	struct topic *after;
	size_t cost;                         /* see trie_cost() */
	struct subscription **subscriptions; /* owned; order means nothing */
	uint32_t count;
	uint32_t size;
};

struct topics {
	struct map by_destination;
	struct map by_pattern;
	struct trie patterns;
	struct buf scratch;
	bool dots;   /* segments of patterns stand between dots, not slashes */
	size_t cost; /* of the topics */
};

enum topics_verdict {
	TOPICS_PATTERN,
	TOPICS_NOT_A_PATTERN, /* *why says what is wrong with it, static */
	TOPICS_TOO_COSTLY,    /* with those that are there it would be more than cost_most */
};

/* `dots`: what stands between the segments of patterns. */
void topics_init(struct topics *t, bool dots);
/* All subscriptions must have ended. */
void topics_fini(struct topics *t);

/* NULL when nobody here has subscribed to it. Finds private topics as well. */
struct topic *topics_find(const struct topics *t, struct span destination);

/*
 * The patterns that match, each once; trie_value() of each is its struct topic, and
 * behind that its `after`.
 * *found is valid until the next call. Exact subscriptions are not among them.
 */
size_t topics_match(struct topics *t, struct span destination, struct trie_node *const **found);

/* May somebody subscribe to this pattern? */
enum topics_verdict topics_check_pattern(
	struct topics *t, struct span pattern, size_t cost_most, const char **why) MUST_USE;

/* What it takes of its client's limits.patterns: its cost, and at least 1. */
size_t topics_pattern_share(struct topics *t, struct span pattern) MUST_USE;

/*
 * A live subscription with one reference, the session's. `line` is the header
 * line that its messages carry, maybe empty. A destination with a pattern's
 * characters is a pattern, which topics_check_pattern() has let through.
 */
struct subscription *subscription_new(struct topics *t, struct session *session,
	struct span destination, struct span id, struct span line) MUST_USE;

/* The same for a private destination, which its subscribers know as `shown`; never a pattern. */
struct subscription *subscription_new_private(struct topics *t, struct session *session,
	struct span destination, struct span shown, struct span id, struct span line) MUST_USE;

/* Ends it: no further message; takes the session's reference. */
void subscription_end(struct topics *t, struct subscription *s);

static inline struct subscription *subscription_ref(struct subscription *s)
{
	s->refs++;
	return s;
}

void subscription_unref(struct subscription *s);

static inline struct span subscription_id(const struct subscription *s)
{
	return (struct span){ s->id, s->id_len };
}

#endif
