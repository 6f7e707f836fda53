/*
 * The bus between nodes. What is published comes back through on_message on
 * every node, the publisher's own included: one path, one order.
 *
 * A bus lives on one event loop and is used from its thread only.
 */
#ifndef REDIS_BUS_H
#define REDIS_BUS_H

#include "base/attr.h"
#include "base/span.h"

#include <stdint.h>

struct ev_loop;
struct bus;

struct bus_header {
	struct span name;
	struct span value;
};

struct bus_message {
	struct span destination;
	/*
	 * When publishing: the sender's content-type, at NULL when it gave none.
	 * When receiving: never NULL; see redis/envelope.h for how it is found.
	 */
	struct span content_type;
	const struct bus_header *headers; /* the sender's other headers that travel */
	size_t header_count;
	struct span body;
	bool body_is_utf8; /* the publisher sets it; the bus sets it when receiving */
};

enum {
	BUS_CLAIM_MS = 60000,    /* a claim lapses that long after it was made or renewed */
	BUS_KEY_BYTES_MOST = 200 /* of what can be claimed */
};

/* Whose is it? */
enum bus_owner {
	BUS_OWNER_SELF,
	BUS_OWNER_OTHER,
	BUS_OWNER_NONE,
	BUS_OWNER_UNKNOWN, /* the bus is down, or does not keep such a directory */
};

typedef void bus_owner_fn(void *cookie, enum bus_owner owner, struct span node);

enum bus_accepted {
	BUS_ACCEPTED,  /* the bus has it; for Redis: PUBLISH was answered */
	BUS_LOCAL,     /* Redis is away; this node's subscribers have got it (on_down = local) */
	BUS_REFUSED,   /* Redis is away (on_down = refuse) */
	BUS_TOO_LARGE, /* longer than max_payload once it is in its envelope */

	/* Never of a bus, but of queues: see broker/queues.h. */
	BUS_QUEUE_FULL,
	BUS_QUEUES_FULL,  /* there are too many of them */
	BUS_QUEUE_SILENT, /* its node did not answer */
};

enum bus_state {
	BUS_STARTING, /* not up since the start */
	BUS_UP,
	BUS_DOWN,
};

/*
 * All are called from the loop or from inside bus_publish(), in the order of
 * publishing. They must not free the bus.
 */
struct bus_events {
	/* `m` is borrowed for the call. */
	void (*on_message)(void *owner, const struct bus_message *m);
	/* Once for each bus_publish(), in its order. */
	void (*on_accepted)(void *owner, void *cookie, enum bus_accepted how);
	/* The state has changed; `why` is a short text for /ready, borrowed. */
	void (*on_state)(void *owner, enum bus_state state, const char *why);
	/* A note for this node alone has come; borrowed. NULL: there are none. */
	void (*on_note)(void *owner, struct span note);
	/*
	 * A note did not reach that node: it is not there, or Redis is away or does not take
	 * what it is sent. NULL: this bus sends none.
	 */
	void (*on_node_gone)(void *owner, struct span node);
};

/* What has been counted since the start. */
struct bus_counters {
	uint64_t published;
	uint64_t received;
	uint64_t unreadable; /* payloads that are no envelope */
	uint64_t local_only; /* delivered here alone while Redis was away */
	uint64_t refused;
	uint64_t reconnects;
	uint64_t notes_sent; /* to single nodes */
	uint64_t notes_received;
	uint64_t notes_lost;   /* that nobody heard */
	uint64_t owner_errors; /* questions that Redis refused to answer */
	uint64_t outbox_bytes; /* a gauge: published, not yet answered */
};

/* What has been published and will still come back through on_message. */
struct bus_load {
	size_t messages;
	size_t bytes; /* of their records */
	bool full;    /* more than the configured outbox is under way */
	/*
	 * Half of what notes may have under way is: those that can wait had better. What goes
	 * beyond all of it is lost, and its node taken for gone.
	 */
	bool notes_half_full;
};

/* The implementations fill this in; callers use the functions below. */
struct bus_class {
	void (*publish)(struct bus *b, const struct bus_message *m, void *cookie);
	struct bus_load (*load)(const struct bus *b);
	enum bus_state (*state)(const struct bus *b, const char **why);
	void (*counters)(const struct bus *b, struct bus_counters *out);
	size_t (*pending)(const struct bus *b);
	void (*free)(struct bus *b);
	/* May all be NULL: there are no other nodes. */
	void (*tell)(struct bus *b, struct span node, struct span note);
	void (*find_owner)(
		struct bus *b, struct span key, bool take, bus_owner_fn *on_owner, void *cookie);
	void (*renew_claim)(struct bus *b, struct span key);
	void (*release_claim)(struct bus *b, struct span key);
	void (*break_claim)(struct bus *b, struct span key, struct span node);
};

struct bus {
	const struct bus_class *class;
	struct bus_events on;
	void *owner;
};

/*
 * Asked before publishing: the bus takes what is published all the same, but who
 * goes on while it is full lets the outbox grow past its limit.
 */
static inline struct bus_load bus_load(const struct bus *b)
{
	return b->class->load(b);
}

/* Borrows `m` for the call. on_accepted tells, maybe before this returns, what became of it. */
static inline void bus_publish(struct bus *b, const struct bus_message *m, void *cookie)
{
	b->class->publish(b, m, cookie);
}

/* *why is borrowed until the loop turns. */
static inline enum bus_state bus_state(const struct bus *b, const char **why)
{
	return b->class->state(b, why);
}

static inline void bus_counters(const struct bus *b, struct bus_counters *out)
{
	b->class->counters(b, out);
}

/* Publishes whose on_accepted is still to come; a drain waits for 0. */
static inline size_t bus_pending(const struct bus *b)
{
	return b->class->pending(b);
}

/*
 * Sends a note (borrowed) to the node of that name, behind those before. What
 * cannot be sent is lost, and on_node_gone tells, after this has returned.
 */
static inline void bus_tell(struct bus *b, struct span node, struct span note)
{
	if (b->class->tell)
		b->class->tell(b, node, note);
}

/*
 * Whose is `key` (borrowed, at most BUS_KEY_BYTES_MOST)? With `take` it becomes
 * this node's if it was nobody's. `on_owner` comes once, maybe before this
 * returns, unless the bus is freed before; its `node` is for BUS_OWNER_OTHER. It
 * must not free the bus.
 */
static inline void bus_find_owner(
	struct bus *b, struct span key, bool take, bus_owner_fn *on_owner, void *cookie)
{
	if (b->class->find_owner)
		b->class->find_owner(b, key, take, on_owner, cookie);
	else
		on_owner(cookie, take ? BUS_OWNER_SELF : BUS_OWNER_NONE, SPAN(""));
}

/* Keeps what this node has claimed for another BUS_CLAIM_MS, also if Redis has lost it. */
static inline void bus_renew_claim(struct bus *b, struct span key)
{
	if (b->class->renew_claim)
		b->class->renew_claim(b, key);
}

/* Gives it up; what is somebody else's stays so. */
static inline void bus_release_claim(struct bus *b, struct span key)
{
	if (b->class->release_claim)
		b->class->release_claim(b, key);
}

/* Gives up what that other node has claimed, if it is not there any more. */
static inline void bus_break_claim(struct bus *b, struct span key, struct span node)
{
	if (b->class->break_claim)
		b->class->break_claim(b, key, node);
}

/* Accepts NULL. No event is delivered from here on, not even for what is pending. */
static inline void bus_free(struct bus *b)
{
	if (b)
		b->class->free(b);
}

/* One node alone: what is published is received at once. Always up. */
struct bus *bus_local_new(const struct bus_events *events, void *owner) MUST_USE;

struct bus_redis_config {
	const char *url;     /* redis://[user[:password]@]host[:port][/db] or unix:///path[?db=n] */
	const char *channel; /* Pub/Sub channel shared with Spring servers */
	const char *node;    /* this node's name, letters and digits */
	bool deliver_while_down; /* on_down = local; else publishes are refused */
	size_t outbox_bytes;     /* bytes under way above which there is no room */
	size_t max_payload;      /* bytes of one envelope */
	double first_pause;      /* seconds; back-off of the link */
	double longest_pause;    /* seconds */
	double ping_every;       /* seconds between PINGs on an idle publishing connection */
	double answer_within;    /* seconds: PING, connect, self-echo; then the link is dropped */
	double probe_every;      /* seconds between self-echo probes on the subscribed connection */
};

/* Checks a URL; false with one line for the operator (no password in it) in `why`. */
bool bus_redis_check_url(const char *url, char why[256]) MUST_USE;

/* Starts connecting on the next turn. The URL must have passed the check. Copies the config. */
struct bus *bus_redis_new(struct ev_loop *loop, const struct bus_redis_config *config,
	const struct bus_events *events, void *owner) MUST_USE;

#endif
