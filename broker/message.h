/*
 * Messages on their way between threads.
 *
 * A `struct publish` goes from the shard that read a SEND to the hub and comes
 * back with what became of it. A `struct message` goes from the hub to every
 * shard; it is immutable and counted.
 */
#ifndef BROKER_MESSAGE_H
#define BROKER_MESSAGE_H

#include "base/attr.h"
#include "base/list.h"
#include "redis/bus.h"

#include <stdatomic.h>

enum mail_kind {
	MAIL_MESSAGE,
	MAIL_ACCEPTED,
};

/* What a shard's inbox holds: the first member of both structs below. */
struct mail {
	enum mail_kind kind;
};

enum {
	MESSAGE_ID_BYTES = 32
};

struct message {
	struct mail mail;
	_Atomic unsigned refs;
	char id[MESSAGE_ID_BYTES];  /* the message-id header */
	struct bus_message content; /* its bytes are in the same block */
	size_t bytes;               /* of the block; what it counts against limits.backlog */
};

/* Copies `content` into one block with `refs` references. */
struct message *message_new(
	const struct bus_message *content, const char *id, unsigned refs) MUST_USE;
void message_unref(struct message *m);

struct publish {
	struct mail mail;
	struct list under_way; /* in the hub, until the bus has answered */
	unsigned shard;        /* where it came from */
	uint64_t session;      /* that sent it */
	enum bus_accepted how; /* set on the way back */
	bool is_answered;      /* but not told to its shard, while an older one is not */
	bool attaches;         /* a consumer to the queue `content.destination`, and is no SEND */
	struct bus_message content;
	size_t bytes; /* what it counts against the shard's credit */
};

/*
 * With `copy` the content is copied into the same block; without, it is only
 * borrowed until the hub has handed it to the bus.
 */
struct publish *publish_new(const struct bus_message *content, bool copy) MUST_USE;

/* The size of a publish with a copy of `content`. */
size_t publish_bytes(const struct bus_message *content) MUST_USE;

#endif
