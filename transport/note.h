/*
 * What the event loop that holds a browser's HTTP request (the front) and the
 * one that owns its SockJS session (the owner) say to each other. They may be
 * the same loop, two loops of a process, or in two nodes.
 *
 * A request finds its owner by way of its home: on each node the loop that the
 * session's name hashes to. There the session lives, or is known to live on
 * another node, or is looked up in the directory that the nodes share.
 */
#ifndef TRANSPORT_NOTE_H
#define TRANSPORT_NOTE_H

#include "base/attr.h"
#include "base/buf.h"
#include "base/list.h"
#include "base/span.h"

#include <stdint.h>

enum {
	NOTE_NODE_BYTES = 16,    /* a node's name with its NUL */
	NOTE_LOOP_HOME = 0xffff, /* in note.to.loop: the home of note.session */
	NOTE_LOOP_EXIT = 0xfffe, /* the first loop, which takes it out of the process */
	NOTE_LOOPS_ALL = 0xfffd,
	NOTE_HOPS_MOST = 3, /* a note that was sent on more often is going in circles */
};

enum note_kind {
	/* From the front. */
	NOTE_RECEIVE, /* a receiver asks for frames; transport, callback and the request's facts */
	NOTE_SEND,    /* body: what the client sends, already checked */
	NOTE_ROOM,    /* amount: bytes of the response's frames that the socket has taken so far */
	NOTE_GONE,    /* the request has ended before its answer */

	/* From the owner, or from whoever knows that there is none. */
	NOTE_FRAME,   /* body: one frame for the response; empty: it is going to be answered */
	NOTE_END,     /* the response is complete */
	NOTE_STATUS,  /* status: the whole answer; 0 drops the connection */
	NOTE_SENT_ON, /* about: the home has passed the request to that node */

	/* Between a home and the directory (NOTE_LOOP_EXIT). */
	NOTE_FIND,    /* amount 1: claim the session for this node if it is nobody's */
	NOTE_FOUND,   /* status: enum note_found; about: the owning node */
	NOTE_RENEW,   /* the session still lives here */
	NOTE_RELEASE, /* it does not */

	/* To every loop of a node: the node `about` is out of reach; empty: all others are. */
	NOTE_NODE_GONE,
	/* To another node: are you there? Needs no answer. */
	NOTE_HELLO,
	NOTE_KINDS,
};

enum note_found {
	NOTE_FOUND_HERE,
	NOTE_FOUND_THERE,
	NOTE_FOUND_NOWHERE,
	NOTE_FOUND_UNKNOWN, /* the directory cannot be asked */
};

struct note_place {
	char node[NOTE_NODE_BYTES]; /* empty: this node */
	uint16_t loop;
};

struct note {
	struct list link;
	uint8_t kind;
	uint8_t endpoint;  /* index; see struct server_config */
	uint8_t transport; /* enum sockjs_transport */
	uint8_t hops;
	uint16_t status;
	uint32_t number;   /* FRAME, END: 0, 1, 2, ... within the exchange */
	uint64_t exchange; /* the request's number at its front */
	uint64_t amount;
	struct note_place from, to;
	char about[NOTE_NODE_BYTES];

	/* In the same block; any may be empty. */
	struct span session;
	struct span callback;
	struct span query;
	struct span cookie;
	struct span origin;
	struct span peer; /* "10.0.0.7:5123" */
	struct span body;
};

/* A copy, spans and all, not linked anywhere. Freed with free(). */
struct note *note_new(const struct note *like) MUST_USE;

/* Appends the note as bytes for another node. */
void note_write(const struct note *note, struct buf *out);

/*
 * Reads what note_write() wrote; NULL when it is not whole and well-formed (a
 * node of another version, or not a node at all). The caller owns the note.
 */
struct note *note_read(struct span bytes) MUST_USE;

#endif
