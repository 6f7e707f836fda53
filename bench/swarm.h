/*
 * Many STOMP-over-WebSocket clients on one epoll set, for one thread. Clients
 * are the caller's memory; a swarm knows those that are open.
 *
 * Everything is read into one large buffer that all clients share, so that an
 * idle client costs its struct and little more. A client that the server
 * treats against the protocol is closed and counted in `broken`.
 */
#ifndef BENCH_SWARM_H
#define BENCH_SWARM_H

#include "base/attr.h"
#include "base/buf.h"
#include "base/list.h"
#include "base/span.h"

#include <stdbool.h>
#include <stdint.h>

enum client_state {
	CLIENT_CLOSED,      /* as in a zeroed struct */
	CLIENT_DIALLING,    /* TCP is on its way */
	CLIENT_UPGRADING,   /* the HTTP request is sent */
	CLIENT_GREETING,    /* CONNECT is sent */
	CLIENT_SUBSCRIBING, /* SUBSCRIBE is sent, with a receipt */
	CLIENT_READY,
};

struct client {
	struct list dirty; /* in swarm.dirty while `out` waits for the turn's end */
	struct buf out;    /* to be sent */
	struct buf rest;   /* received, but not a whole frame yet */
	int fd;
	uint32_t number;         /* the caller's, set before swarm_open() */
	enum client_state state; /* set by the swarm */
	bool subscribes;         /* the caller's, set before swarm_open() */
	bool waits_for_room;     /* the kernel did not take all of `out` */
	uint16_t close_code;     /* of the WebSocket close frame that came; 0: none */
	uint16_t receive_buffer; /* the caller's: SO_RCVBUF in KiB; 0: the kernel's choice */
};

/* A MESSAGE came. `body` is valid during the call, in which no client may be closed. */
typedef void swarm_message_fn(void *owner, struct client *c, struct span body);

struct swarm {
	int epoll;
	uint16_t port;
	size_t body;       /* bytes of each body */
	struct buf send;   /* head of the SEND frames; owned */
	struct list dirty; /* clients with `out` to be flushed */
	char *bytes;       /* owned; what all clients read into */
	unsigned char mask[4];
	swarm_message_fn *on_message;
	void *owner;

	size_t opened;     /* by swarm_open(); also the next source address */
	size_t ready;      /* clients that are CLIENT_READY */
	uint64_t messages; /* that came */
	uint64_t reads;    /* that brought at least one message */
	uint64_t ended;    /* clients that the server closed */
	uint64_t broken;   /* clients closed because the server broke the protocol */
	struct buf sample; /* the first MESSAGE that came, as it was on the wire; owned */
};

/* False, and logged, when the kernel refuses. `body`: bytes of every MESSAGE body. */
bool swarm_init(struct swarm *s, uint16_t port, size_t body, swarm_message_fn *on_message,
	void *owner) MUST_USE;

/* All clients must be closed before. */
void swarm_fini(struct swarm *s);

/* Begins to connect. False, and logged, when the kernel refuses. */
bool swarm_open(struct swarm *s, struct client *c) MUST_USE;

/* Makes a client that is ready and subscribed out of a connected socket; takes `fd`. */
void swarm_adopt(struct swarm *s, struct client *c, int fd);

/* Opens all of them, some at a time, until all are ready; false, and logged, on the first loss. */
bool swarm_open_all(struct swarm *s, struct client *clients, size_t count) MUST_USE;

/* Resets the connection, so that no port stays occupied. Accepts a closed client. */
void swarm_close(struct swarm *s, struct client *c);

/* Queues a SEND to /pub/bench; body.at[body.len] must be a NUL. Leaves with swarm_flush(). */
void swarm_publish(struct swarm *s, struct client *c, struct span body);

/* Sends what was queued, one write per client. */
void swarm_flush(struct swarm *s);

/* Stops reading a client, or goes on. The kernel still tells when it is reset. */
void swarm_set_reading(struct swarm *s, struct client *c, bool on);

/* Waits at most this long for something to happen and handles it; flushes before. */
void swarm_turn(struct swarm *s, int timeout_ms);

#endif
