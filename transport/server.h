/*
 * The clients' side of one event loop: HTTP, WebSocket, SockJS and TCP. It hands
 * bytes up and takes bytes down. There is one server per loop; those of a
 * process form a group and share nothing but the count of connections and the
 * notes they send each other (transport/note.h).
 */
#ifndef TRANSPORT_SERVER_H
#define TRANSPORT_SERVER_H

#include "base/attr.h"
#include "base/buf.h"
#include "base/span.h"
#include "transport/conn.h"

#include <stdatomic.h>

struct ev_loop;
struct note;
struct server;
struct server_group;
struct tls;
struct wheel;

/* What opened a connection; borrowed for the call. */
struct request {
	unsigned endpoint;  /* index in server_config.endpoints */
	struct span query;  /* without the ?; may be empty */
	struct span cookie; /* the Cookie header; may be empty */
	struct span origin; /* may be empty */
};

/* The answer to a GET that is no upgrade; the owner fills it in. */
struct answer {
	unsigned status;  /* 404 before the call */
	const char *type; /* content type; static */
	const char *
		headers; /* further lines, each with its \r\n; static; NULL: Cache-Control: no-store */
	const char *etag; /* of the body, with quotes; static; NULL: none */
	struct buf body;
};

/*
 * All but on_get concern one connection. `session` is what on_open returned.
 * None may free the server.
 */
struct server_events {
	/* NULL refuses: the connection is closed at once. */
	void *(*on_open)(void *owner, struct conn *c, const struct request *request);
	/* Part of a message, of any size. */
	void (*on_bytes)(void *session, struct span bytes);
	/* The message whose parts on_bytes brought is complete; NULL: borders do not matter. */
	void (*on_end)(void *session);
	void (*on_pong)(void *session);
	void (*on_room)(void *session);
	/*
	 * The peer of a TCP stream has sent its last byte, and may still read: the
	 * session is to close when it has said what it has to. NULL: it is gone at once.
	 */
	void (*on_eof)(void *session);
	/*
	 * The connection is gone; `c` may be asked what it was, and must not be used from
	 * here on. Comes once for each on_open.
	 */
	void (*on_close)(void *session);
	void (*on_get)(void *owner, struct span path, struct answer *answer);
	/*
	 * On the first server of the group only: a note for another node, or a
	 * question to the directory (to.loop is NOTE_LOOP_EXIT). Takes it. NULL: this
	 * node is alone, and every session lives here.
	 */
	void (*on_note)(void *owner, struct note *note);
};

/* A path with everything below it. */
struct endpoint {
	const char *path; /* such as "/ws"; borrowed */
	bool websocket;   /* WebSocket at the path itself and at /websocket below it */
	unsigned sockjs;  /* set of 1 << enum sockjs_transport, and SERVER_IFRAME; 0: no SockJS */
	bool cookie;      /* keep a JSESSIONID cookie for balancers */
	size_t response_limit;  /* bytes of frames after which a streaming response ends */
	const char *client_url; /* of sockjs-client, for the iframe page; borrowed */
};

enum {
	SERVER_IFRAME = 1 << 15,
};

struct server_config {
	const struct endpoint *endpoints; /* borrowed */
	size_t endpoint_count;
	const char *const *origins; /* see transport/origin.h; borrowed */
	size_t origin_count;
	unsigned connections_most;
	_Atomic unsigned *connections; /* open ones, of all loops; borrowed */

	uint64_t body_ms;       /* a request's body must have come by then */
	size_t body_most;       /* bytes of a request's body, or of one SockJS WebSocket message */
	uint64_t heartbeat_ms;  /* SockJS: silence after which a receiver gets an h */
	uint64_t disconnect_ms; /* SockJS: how long a session lives without a receiver */
	bool lone_surrogates;   /* SockJS: keep them, as no valid UTF-8; else they become U+FFFD */

	struct tls *tcp_tls; /* of TCP streams; NULL: they are plain; borrowed */

	struct server_group *group; /* borrowed */
	unsigned index;             /* of this server in it */
};

/* For the word of a transport, or "iframe": its bit in endpoint.sockjs, or 0. */
unsigned server_sockjs_bit(const char *word);

/* Before the servers. */
struct server_group *server_group_new(unsigned servers) MUST_USE;
/* After the servers, or accepts NULL. */
void server_group_free(struct server_group *g);

/*
 * From any thread, from on_note's owner: takes a note that has come from another
 * node or from the directory to the server it is addressed to.
 */
void server_group_post(struct server_group *g, struct note *note);

/* Once per process, before the first server: quiet logging, SIGPIPE, open-file limit. */
void server_prepare_process(void);

/*
 * After the last server was made, before the threads start: the library's lines
 * say little that a client cannot bring about, and its logger is not made for
 * threads.
 */
void server_be_quiet(void);

/*
 * `loop`, `wheel` and `owner` are borrowed until server_free(). NULL when the
 * library cannot start, which it has logged.
 */
struct server *server_new(struct ev_loop *loop, struct wheel *wheel,
	const struct server_config *config, const struct server_events *events,
	void *owner) MUST_USE;

/* Takes a connected, non-blocking socket. */
void server_adopt(struct server *s, int fd);

/* The same, of one that speaks STOMP and no HTTP. Above connections_most it is closed. */
void server_adopt_tcp(struct server *s, int fd);

/* New connections are answered with 503 from here on. */
void server_refuse_upgrades(struct server *s);

/* HTTP requests that have not been answered to their end. */
unsigned server_requests(const struct server *s);

/* Ends every connection, each with on_close. Accepts NULL. */
void server_free(struct server *s);

#endif
