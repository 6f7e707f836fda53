/*
 * Who on this shard has subscribed to what. Destinations are exact; each lookup
 * is one hash, whatever the number of subscriptions.
 */
#ifndef BROKER_TOPIC_H
#define BROKER_TOPIC_H

#include "base/attr.h"
#include "base/map.h"
#include "base/span.h"

#include <stdint.h>

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
	struct subscription *next; /* of the session; kept by session.c */
	uint32_t id_len;
	uint32_t line_len; /* 0: STOMP 1.0 without an id */
	enum subscription_ack ack;
	char *line; /* "subscription:<escaped id>\n"; behind the id in the same block */
	char id[];  /* as the client gave it */
};

struct topic {
	struct span destination;             /* in the same block */
	struct subscription **subscriptions; /* owned; order means nothing */
	uint32_t count;
	uint32_t size;
};

struct topics {
	struct map by_destination;
};

void topics_init(struct topics *t);
/* All subscriptions must have ended. */
void topics_fini(struct topics *t);

/* NULL when nobody here has subscribed to it. */
struct topic *topics_find(const struct topics *t, struct span destination);

/*
 * A live subscription with one reference, the session's. `line` is the header
 * line that its messages carry, maybe empty.
 */
struct subscription *subscription_new(struct topics *t, struct session *session,
	struct span destination, struct span id, struct span line) MUST_USE;

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
