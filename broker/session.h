/* One client, from the first byte on its connection to the last. */
#ifndef BROKER_SESSION_H
#define BROKER_SESSION_H

#include "base/buf.h"
#include "base/list.h"
#include "base/wheel.h"
#include "broker/inbound.h"
#include "broker/outbound.h"
#include "broker/transaction.h"
#include "redis/bus.h"
#include "stomp/heartbeat.h"
#include "stomp/version.h"

struct acks;
struct conn;
struct pending;
struct principal;
struct receipt;
struct request;
struct shard;
struct stomp_parser;
struct subscription;
struct wire;

enum {
	SESSION_NAME_BYTES = 27 /* 26 characters, which nobody can guess, and a NUL */
};

enum session_state {
	SESSION_OPEN,      /* the connection is up; CONNECT is awaited */
	SESSION_CONNECTED, /* identified; may send and subscribe */
	SESSION_CLOSING,   /* what is queued goes out, nothing is read */
};

/* Owned by its shard; ends with its connection. */
struct session {
	struct list link; /* in shard->sessions */
	struct list wait; /* in shard->waiting while no frame may be read: see session_go_on() */
	struct shard *shard;
	struct conn *conn;
	uint64_t id; /* of this process, never used again */
	char name
		[SESSION_NAME_BYTES]; /* of all nodes; the client is told, others only by reply-to */
	bool is_findable;             /* in shard->by_name */
	bool is_text_only;            /* see conn_is_text_only() */
	struct wheel_timer timer;

	enum session_state state;
	enum stomp_version version;
	struct stomp_beats beats;
	struct stomp_parser *parser; /* from the shard's pool; NULL while nothing is unread */
	struct pending *pending;     /* a frame that an interceptor will answer later; owned */
	uint64_t reserved;           /* publishes that it may become */
	bool is_large;               /* waits for more than one; see shard->large_waiting */
	struct buf held;             /* bytes that came meanwhile */

	struct principal *principal; /* owned; NULL: anonymous */
	char *kept_token;            /* owned; from the opening request, until CONNECT */
	struct subscription *subscriptions;
	size_t subscription_count;
	struct acks *acks; /* owned; NULL while no subscription is acknowledged */
	struct transactions transactions;
	size_t pattern_count; /* of those; see topics_pattern_share() */
	struct list intakes;  /* struct intake.link: those of them with something to pass on */
	struct list
		receipts; /* struct receipt.link, oldest first: those that may not be sent yet */
	size_t receipt_count;
	size_t receipt_bytes;  /* of their ids */
	uint64_t last_publish; /* number of the newest SEND on this shard that came from here */

	struct outbound out;
	uint64_t opened_ms;
	uint64_t heard_ms;  /* last sign of life */
	uint64_t sent_ms;   /* last time something went out */
	uint64_t pinged_ms; /* 0: no PING waits for its answer */
	bool beat_owed;     /* it was due while nothing could be put */

	/* While closing. */
	uint64_t close_at_ms; /* the client may close first until then */
	uint64_t give_up_ms;  /* what cannot be delivered until then is lost */
	bool close_sent;      /* the connection does the rest */
	unsigned close_code;
	const char *close_reason; /* static */
};

/* The events of its connection; see transport/server.h. */
void *session_open(struct shard *shard, struct conn *c, const struct request *request);
void session_on_bytes(void *session, struct span bytes);
void session_on_pong(void *session);
void session_on_room(void *session);
void session_on_eof(void *session);
void session_on_close(void *session);

/* Queues a frame; takes one reference of `wire`. A client that does not read is closed here. */
void session_push(struct session *s, struct wire *wire, struct subscription *subscription);

/* The same for a MESSAGE that the client will acknowledge; `id` is its message-id. */
void session_deliver(
	struct session *s, struct wire *wire, struct subscription *subscription, const char *id);

/*
 * The same for a message of a queue, which takes it back under the number `given`.
 * The caller has seen that there is room.
 */
void session_deliver_given(struct session *s, struct wire *wire, struct subscription *subscription,
	const char *id, uint64_t given);

/* Is its next frame kept back, and the connection not read? */
bool session_is_held(const struct session *s);

/* Reads on after a wait: the shard has credit again, or receipts were answered. */
void session_go_on(struct session *s);

/* The bus did not take a SEND of this client; it had that number on the shard. */
void session_on_refused(struct session *s, enum bus_accepted how, uint64_t publish);

/*
 * A RECEIPT that may not be sent yet: the bus still has to answer a publish of
 * this shard, or an older receipt of the same session waits. Receipts go out in
 * the order of their frames.
 */
struct receipt {
	struct list link; /* in session->receipts */
	struct list owed; /* in shard->owed, in the order of `publish`; alone once answered */
	struct session *session;
	uint64_t publish; /* sent when the bus has answered this publish; see shard_publish() */
	uint64_t first;   /* of several that the same frame has published; else the same */
	struct span id;   /* in the same block */
};

/* The publish that `r` waits for was answered. */
void receipt_answered(struct receipt *r);

/* The node is shutting down: says so once everything owed has gone out. */
void session_go_away(struct session *s);

/*
 * What follows is for the parts of the session only: command.c, reply.c and
 * session_*.c.
 */

/* The rules for the commands; each is called with a frame that inbound.c let through. */
inbound_fn session_connect;
inbound_fn session_send;
inbound_fn session_subscribe;
inbound_fn session_unsubscribe;
inbound_fn session_disconnect;
inbound_fn session_ack;
inbound_fn session_nack;
inbound_fn session_begin;
inbound_fn session_commit;
inbound_fn session_abort;

/*
 * ERROR with `message`, maybe `receipt` (at NULL: none), a body with details,
 * then close. `versions`: also lists the supported versions.
 */
void session_fail(struct session *s, struct span receipt, const char *message, const char *fmt, ...)
	PRINTF(4, 5);
void session_fail_version(struct session *s);

/* Lets what is queued out, then closes; at the earliest after grace_ms. */
void session_finish(struct session *s, unsigned code, const char *reason, uint64_t grace_ms);

/* Answers the frame's receipt header, if any, once the bus has answered publish number `after`. */
void session_receipt(struct session *s, const struct stomp_frame *frame, uint64_t after);

/* The same for a frame that becomes `count` publishes, numbered from `first`; 0 for none. */
void session_receipt_for(
	struct session *s, const struct stomp_frame *frame, uint64_t first, size_t count);

/*
 * Queues without asking for the state or the limit: for answers, and for what
 * was counted before. `ack` is the ack header of a MESSAGE, 0 for none. Takes one
 * reference of `wire`.
 */
void session_queue(
	struct session *s, struct wire *wire, struct subscription *subscription, uint64_t ack);

/* Is limits.queue reached, though what could go out at once has gone? */
bool session_is_full(struct session *s);

void session_forget_receipts(struct session *s);

/* The delivery of that number was answered by ACK, or else by NACK. */
void session_settle(struct session *s, uint64_t number, bool taken);

/* The subscription ends: nothing more is sent on it. */
void session_end_deliveries(struct session *s, const struct subscription *subscription);

/*
 * The open transaction that the frame names, NULL when it names none. False when
 * there is no such transaction; the client has been told.
 */
bool session_find_transaction(
	struct session *s, const struct stomp_frame *frame, struct transaction **in) MUST_USE;

/* The frame takes effect when the transaction is committed. They answer the client. */
void session_hold_send(struct session *s, const struct stomp_frame *frame, struct transaction *in,
	const struct bus_message *m);
void session_hold_ack(struct session *s, const struct stomp_frame *frame, struct transaction *in,
	uint64_t number, bool taken);

/* Ends every subscription. */
void session_end_subscriptions(struct session *s);

/* When does the timer have to look next? Arms it (session_timer.c). */
void session_rearm(struct session *s);
void session_init_timer(struct session *s);

/* Ends a client that does not read: what waits is dropped, the reason is sent. */
void session_close_slow(struct session *s);

#endif
