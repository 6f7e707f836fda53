/* What queues.c, queues_place.c and queues_note.c share. */
#ifndef BROKER_QUEUES_INTERNAL_H
#define BROKER_QUEUES_INTERNAL_H

#include "base/buf.h"
#include "base/map.h"
#include "broker/broker.h"
#include "broker/queue.h"
#include "broker/queue_note.h"
#include "broker/queues.h"

enum place_state {
	PLACE_LOOKING, /* its owner is not known */
	PLACE_HERE,
	PLACE_THERE, /* at place->owner */
};

struct queues {
	struct broker *broker;
	struct bus *bus;
	enum bus_state state;
	struct queue_limits limits;
	struct queue_totals totals;
	struct queue_totals counted; /* of those, what stands in the counters */
	struct list all;             /* struct place.link */
	struct map places;           /* the same, by name */
	struct map consumers;        /* struct consumer, by its key */
	struct list silent;          /* struct silent.link */
	struct queue_mailbox mail;   /* from the shards */
	struct buf scratch;          /* a note, or a key */
	uint64_t messages;           /* for message-id */
	uint64_t tickets;            /* given to sends */
	size_t far_consumers;        /* other nodes' */
	size_t flight_bytes;         /* of sends that other nodes have not answered */
	size_t parked_bytes;         /* of what came from the bus and waits for an owner */
	uint64_t swept_ms;
	uint64_t kept_ms;
	uint64_t renewed_ms;
	uint64_t crowded_ms; /* when it was last tried to make place */
	uint64_t logged_ms;  /* 0: never */
};

/* A queue as this node knows it. */
struct place {
	struct list link; /* in queues->all */
	struct queues *queues;
	struct span name; /* in the same block */
	enum place_state state;
	bool is_asked;                /* the directory, which has not answered */
	char owner[QUEUE_NODE_BYTES]; /* THERE */
	struct queue queue;           /* HERE */
	struct list consumers;        /* struct consumer.link; other nodes' only while HERE */
	struct list sends;            /* struct send.link, oldest first; none while HERE */
	uint64_t asked_ms;
	uint64_t used_ms;
};

/* A node that has not answered in time, though Redis reaches it. */
struct silent {
	struct list link;
	char node[QUEUE_NODE_BYTES];
	struct span queue; /* one of its; in the same block */
};

/* A message that its queue does not have yet. */
struct send {
	struct list link;
	struct message *message; /* one reference */
	struct publish *publish; /* answered in the end; NULL: nobody waits */
	uint64_t ticket;         /* 0: it has not been sent to the owner */
	uint64_t parked_ms;
	bool redelivered;
	bool is_heard; /* by all nodes alike: for the owner alone */
};

struct consumer_key {
	char node[QUEUE_NODE_BYTES]; /* zeroes: this node */
	uint64_t number;
};

struct consumer {
	struct list link;
	struct consumer_key key;
	struct place *place;
	struct queue_reader reader; /* in place->queue while that is HERE */
	bool answers;
	size_t amount;
	uint64_t epoch; /* each attachment to an owner has another one */

	/* Ours: the shard knows one row of numbers, each attachment begins behind `base`. */
	unsigned shard;
	uint64_t base;
	uint64_t last;

	uint64_t heard_ms; /* another node's: when it was last said to be there */
};

/* --- queues_place.c ------------------------------------------------------- */

struct place *place_find(const struct queues *q, struct span name);
/* Made when it is not there; NULL when there are too many. */
struct place *place_get(struct queues *q, struct span name);
void place_free(struct place *place);
/* Nobody uses it, and it holds nothing. */
bool place_is_idle(const struct place *place);

/* HERE: puts it into the queue; takes the message. False when there is no room. */
bool place_put(struct place *place, struct message *m, bool redelivered) MUST_USE;
/* Takes the message. */
void place_send(struct place *place, const struct send *send);
/* It has been answered so; frees it. */
void place_end_send(struct place *place, struct send *send, enum bus_accepted how);
/* Hands out what the readers have room for. */
void place_deal(struct place *place);
/* Asks the directory, unless that is under way. */
void place_look(struct place *place);
/*
 * Its owner is not the owner any more, or out of reach. `by_itself`: it has said so,
 * and has nothing of what it has not answered.
 */
void place_lose(struct place *place, bool by_itself);
/* Gives up this node's claim, if it has one. */
void place_disclaim(struct queues *q, struct span name);
/* THERE: as many of its sends as may be under way at a time. */
void place_tell_sends(struct place *place);
/* HERE: the consumers of other nodes go. */
void place_drop_far(struct place *place);

struct consumer *consumer_find(const struct queues *q, const char *node, uint64_t number);
/* In no queue yet; node "": ours. */
struct consumer *consumer_new(struct place *place, const char *node, uint64_t number);
/* Gives back what it has, when its queue is HERE. */
void consumer_free(struct consumer *c, bool lost);
/* Attaches it to its queue, wherever that is. */
void consumer_attach(struct consumer *c);
/* Ours: to its shard. Takes one reference of `m`. */
void consumer_give(struct consumer *c, struct message *m, uint64_t number, bool redelivered);

/* --- queues_note.c -------------------------------------------------------- */

/* A note about a place or its consumer, to another node. `from` is filled in. */
void far_tell(struct queues *q, const char *node, struct queue_note *note);
void far_attach(struct consumer *c);
void far_detach(struct consumer *c);
void far_drop(struct place *place, const struct consumer_key *key, uint64_t epoch);
void far_give(struct consumer *c, const struct queue_item *item);
void far_send(struct place *place, struct send *send);
void far_keep(struct place *place);
/* The owner of a place does not answer: until it is heard, nobody has to wait for it. */
void far_fall_silent(struct place *place);
bool far_is_silent(const struct queues *q, const char *node);
/* It has been heard, or it is gone; NULL: forgets all that is known of silence. */
void far_end_silence(struct queues *q, const char *node);
/* Asks the silent ones for a word. */
void far_ask_silent(struct queues *q);
void far_on_note(struct queues *q, const struct queue_note *note);

static inline bool far_is_refusing(const struct queues *q)
{
	return q->state != BUS_UP && q->broker->config->redis_on_down != 0;
}

#endif
