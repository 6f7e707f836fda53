/*
 * What a shard and the hub say to each other about the consumers of queues. What
 * lies in a mailbox is bounded by what it is about: a consumer is attached with
 * a publish's credit, and has at most so many messages.
 */
#ifndef BROKER_QUEUE_MAIL_H
#define BROKER_QUEUE_MAIL_H

#include "base/attr.h"
#include "base/list.h"
#include "base/span.h"

#include <pthread.h>
#include <stdint.h>

struct message;

enum queue_mail_kind {
	/* To the hub. */
	QUEUE_MAIL_ATTACH, /* queue, amount: how many it may have, answers */
	QUEUE_MAIL_DETACH,
	QUEUE_MAIL_PASSED, /* last: all up to that one were passed on to the client */
	QUEUE_MAIL_SETTLE, /* first, last, taken: the client has answered these */

	/* To a shard. */
	QUEUE_MAIL_GIVE,   /* message, last: its number, redelivered */
	QUEUE_MAIL_FORGET, /* what was given and not passed on is not the consumer's any more */
};

struct queue_mail {
	struct list link;
	enum queue_mail_kind kind;
	unsigned shard;    /* of the consumer */
	uint64_t consumer; /* its number on this node */
	uint64_t first;
	uint64_t last;
	size_t amount;
	bool answers; /* acknowledges its messages */
	bool taken;
	bool redelivered;
	struct message *message; /* one reference, or NULL */
	struct span queue;       /* in the same block */
};

/* From any thread to one. */
struct queue_mailbox {
	pthread_mutex_t lock;
	struct list mails; /* struct queue_mail.link, oldest first */
};

void queue_mailbox_init(struct queue_mailbox *box);
void queue_mailbox_fini(struct queue_mailbox *box);

/* Posts a copy, `like->queue` too; takes the reference of its message. */
void queue_mailbox_post(struct queue_mailbox *box, const struct queue_mail *like);

/* Moves all that lies there to the end of the empty list `to`; the caller frees each. */
void queue_mailbox_take(struct queue_mailbox *box, struct list *to);

/* The first of such a list, taken out of it; NULL at its end. */
struct queue_mail *queue_mail_next(struct list *mails) MUST_USE;

#endif
