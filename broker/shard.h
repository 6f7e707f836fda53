/*
 * One event loop on one thread, with its own listener, connections, sessions,
 * subscriptions and timers. Shards share nothing but the broker's settings and
 * immutable, counted messages; they talk to the hub (broker/hub.h), which lives
 * on shard 0, through rings.
 */
#ifndef BROKER_SHARD_H
#define BROKER_SHARD_H

#include "base/buf.h"
#include "base/list.h"
#include "base/map.h"
#include "base/ring.h"
#include "base/wheel.h"
#include "broker/message.h"
#include "broker/queue_mail.h"
#include "broker/stats.h"
#include "broker/topic.h"

#include <ev.h>
#include <pthread.h>

struct broker;
struct listener;
struct pending;
struct server;
struct session;
struct stomp_parser;
struct wire;

enum {
	SHARDS_MOST = 64,
	PARSERS_KEPT = 64,    /* idle ones, for the next client that sends */
	INBOX_SLOTS = 16384,  /* messages and answers from the hub */
	STANDSTILL_MS = 5000, /* a loop that has not turned for so long is taken for dead */
	OUTBOX_SLOTS = 4096,  /* publishes to the hub; also the credit, so it never overflows */
};

struct shard {
	struct broker *broker;
	unsigned index;
	pthread_t thread;
	struct ev_loop *loop;
	struct wheel wheel;
	ev_timer tick;
	ev_async wake;
	ev_prepare turn; /* before the loop waits: sessions that may read on */
	struct listener *listener;
	struct listener *tcp_listener; /* NULL: there is none */
	struct server *server;

	struct list sessions;  /* struct session.link */
	struct list waiting;   /* struct session.wait */
	struct list owed;      /* struct receipt.owed */
	struct map publishers; /* sessions that have sent something; key: their id */
	struct map by_name; /* sessions of users that have private subscriptions; key: their name */
	struct topics topics;
	struct map intakes;   /* of this shard's consumers of queues; key: their number */
	uint64_t last_intake; /* number */
	struct queue_mailbox queue_mail; /* from the hub */

	struct stomp_parser *parsers[PARSERS_KEPT];
	size_t parser_count;
	struct pending *spare; /* for the next frame that passes the interceptors */
	struct wire *beat;
	struct buf scratch;
	struct buf route_scratch; /* where a SEND goes */
	struct buf reply_scratch; /* and where it is to be answered */
	struct buf key_scratch;   /* the topic of what is dispatched */

	struct ring inbox;          /* from the hub: struct mail */
	_Atomic size_t inbox_bytes; /* of messages in it */
	struct ring outbox;         /* to the hub: struct publish */
	uint64_t published;         /* publishes handed to the hub since the start */
	uint64_t answered;          /* of those, how many have come back; always in order */
	uint64_t reserved;      /* publishes that frames may become which interceptors look at */
	unsigned large_waiting; /* of those who wait: who needs room for more than one publish */
	size_t credit_bytes;    /* of those that have not */
	bool stopping;          /* leaves when its sessions have gone */
	unsigned ticks_alone;   /* of the hub's shard, with nothing left to do */
	_Atomic uint64_t ticked_ms; /* proof of life for /health */
	_Atomic unsigned session_count;
	_Atomic unsigned request_count; /* HTTP requests under way, as of the last tick */
	struct stats stats;
};

/* Makes loop, server and rings on the caller's thread; its listeners are there already. False when it cannot; logged. */
bool shard_init(struct shard *s, struct broker *broker, unsigned index) MUST_USE;

/* Ends every session. The loop must not run any more. */
void shard_fini(struct shard *s);

/* Runs the loop until the shard has stopped. */
void shard_run(struct shard *s);

/* Any thread: makes the shard look at its inbox and at broker->draining. */
void shard_wake(struct shard *s);

/* May another SEND be handed to the hub now? Sessions that may not, wait. */
bool shard_has_credit(const struct shard *s);

/* The same for several at once, for which those wait who need one only. */
bool shard_has_room(const struct shard *s, size_t publishes);

/*
 * Hands a SEND of a session over; `content` is borrowed. Publishes are
 * numbered from 1 for each shard and answered in that order; s->published + 1 is
 * the number that this one gets, and it may be answered before this returns.
 */
void shard_publish(struct shard *s, const struct bus_message *content, struct session *from);

/* The same for a publish that holds a copy of its content; takes it. */
void shard_hand_over(struct shard *s, struct publish *p, struct session *from);

/*
 * From now on the session is found by its name. An anonymous one need not be: its
 * name stands in its topics.
 */
void shard_make_findable(struct shard *s, struct session *session);

/* The session is going: nobody is to be told of its publishes, nor to find it. */
void shard_forget(struct shard *s, const struct session *session);

/* A message has come from the bus: to everyone here who subscribed to its destination. */
void shard_dispatch(struct shard *s, const struct bus_message *m, const char *id);

/* What became of a publish of this shard; frees it. */
void shard_accepted(struct shard *s, struct publish *p);

struct stomp_parser *shard_take_parser(struct shard *s) MUST_USE;
void shard_return_parser(struct shard *s, struct stomp_parser *p);

#endif
