/*
 * An HTTP request that is not answered at once: a SockJS receiver, or texts on
 * their way to the session's owner. This is the front's side of transport/note.h;
 * for the files of SockJS only.
 */
#ifndef TRANSPORT_EXCHANGE_H
#define TRANSPORT_EXCHANGE_H

#include "transport/chunks.h"
#include "transport/internal.h"

enum exchange_state {
	EXCHANGE_BODY,      /* the request's body is coming */
	EXCHANGE_ASKED,     /* the owner has been told, and has not answered */
	EXCHANGE_ANSWERING, /* the head has gone out */
	EXCHANGE_DONE,      /* the last byte is written, or waits to be */
};

/* Ends with its connection, or when the response is complete. */
struct exchange {
	struct server *server;
	struct lws *wsi;
	struct peer *peer;
	uint64_t number;
	struct list unwritten; /* in server->unwritten while `out` is to be written */
	struct wheel_timer timer;

	enum exchange_state state;
	const struct endpoint *endpoint;
	enum sockjs_transport transport;
	bool sends;      /* the body holds texts for the session; else it is ignored */
	bool is_form;    /* and it comes as a field of a form */
	bool closes;     /* the connection ends with the response */
	bool is_ours;    /* the library's deadline for the request is switched off */
	bool blocked;    /* the socket is full */
	unsigned minor;  /* of HTTP/1 */
	bool is_chunked; /* the request's body */
	struct chunks chunks;
	struct buf body;
	struct buf headers; /* of the response: CORS, cookies */
	struct buf out;
	size_t written;    /* bytes of `out` that the socket has taken */
	size_t rewarded;   /* of those, when the deadline was last put off */
	struct note *note; /* owned; what the owner is asked, and then only what it is about */
	struct note_place owner; /* its home, until an answer says more */
	uint32_t next;           /* number of the next note of the answer */
	uint64_t framed;         /* bytes of frames so far */
	uint64_t reported;       /* of those, what the owner knows to be written */
};

/* `note` is what the owner will be asked; copied. */
struct exchange *exchange_new(
	struct server *s, struct lws *wsi, struct peer *peer, const struct note *note) MUST_USE;

/* Asks the owner; `body` is copied. */
void exchange_ask(struct exchange *e, struct span body);

/* Too many requests wait here already. */
bool exchange_is_full(const struct server *s) MUST_USE;

/* The whole answer. */
void exchange_respond(struct exchange *e, unsigned status, const char *body);

#endif
