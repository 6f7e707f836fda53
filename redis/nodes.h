/*
 * What nodes say to each other and not to everyone, and the directory that says
 * which node owns what. Part of the Redis bus: see redis/bus.h for what its
 * functions mean.
 *
 * A note is published on the channel that only one node listens to; Redis says
 * how many heard it, so a node that is gone is noticed by the first note to it.
 * A claim is a key that holds its owner's name and lapses by itself.
 */
#ifndef REDIS_NODES_H
#define REDIS_NODES_H

#include "base/buf.h"
#include "base/list.h"
#include "redis/bus_redis.h"

enum {
	NODE_NAME_MOST = 31
};

/* A node that is to be reported as gone. */
struct gone_node {
	struct list link;
	char name[NODE_NAME_MOST + 1];
};

struct nodes {
	struct bus_redis *redis; /* borrowed, as is `bus` */
	struct bus *bus;
	struct bus_counters *counters;
	char *channel;      /* owned: what this node's name is put behind */
	char *here;         /* owned: the channel of this node */
	char *name;         /* owned: this node */
	char *keys;         /* owned: what a claim's key is put behind */
	char lease[16];     /* BUS_CLAIM_MS as Redis wants it */
	struct list asked;  /* struct ask.link: commands without an answer */
	struct list gone;   /* struct gone_node.link: to be told on the next tick */
	size_t bytes_owed;  /* for notes that Redis has not answered */
	size_t bytes_most;  /* owed bytes from which on notes are lost */
	struct buf scratch; /* a channel or a key, while a command is made */
	double logged;      /* seconds; last complaint about the directory, 0: never */
};

/* `node` is this node's name; it is copied, as is what is needed of `config`. */
void nodes_init(struct nodes *n, struct bus_redis *redis, struct bus *bus,
	struct bus_counters *counters, const struct bus_redis_config *config, const char *node);
void nodes_fini(struct nodes *n);

void nodes_tell(struct nodes *n, struct span node, struct span note);
void nodes_find_owner(
	struct nodes *n, struct span key, bool take, bus_owner_fn *on_owner, void *cookie);
void nodes_renew_claim(struct nodes *n, struct span key);
void nodes_release_claim(struct nodes *n, struct span key);
void nodes_break_claim(struct nodes *n, struct span key, struct span node);

/*
 * The connection is given up: what was asked is answered with "unknown", and
 * the notes under way are taken for lost.
 */
void nodes_down(struct nodes *n);

/* Reports the nodes that could not be reached at once. */
void nodes_tick(struct nodes *n);

#endif
