/*
 * The clients' side of one event loop: upgrades HTTP requests to WebSocket,
 * hands bytes up and takes bytes down. One server per loop; nothing is shared
 * between them but the count of connections.
 */
#ifndef TRANSPORT_SERVER_H
#define TRANSPORT_SERVER_H

#include "base/attr.h"
#include "base/buf.h"
#include "base/span.h"
#include "transport/conn.h"

#include <stdatomic.h>

struct ev_loop;
struct server;
struct wheel;

/* What opened a connection; borrowed for the call. */
struct request {
	struct span query;  /* without the ?; may be empty */
	struct span cookie; /* the Cookie header; may be empty */
	struct span origin; /* may be empty */
};

/* The answer to a GET that is no upgrade; the owner fills it in. */
struct answer {
	unsigned status;  /* 404 before the call */
	const char *type; /* content type; static */
	struct buf body;
};

/*
 * All but on_get concern one connection. `session` is what on_open returned.
 * None may free the server.
 */
struct server_events {
	/* NULL refuses: the connection is closed at once. */
	void *(*on_open)(void *owner, struct conn *c, const struct request *request);
	/* Part of a message, of any size; message borders do not matter to STOMP. */
	void (*on_bytes)(void *session, struct span bytes);
	void (*on_pong)(void *session);
	void (*on_room)(void *session);
	/* The connection is gone; `c` must not be used from here on. Comes once for each on_open. */
	void (*on_close)(void *session);
	void (*on_get)(void *owner, struct span path, struct answer *answer);
};

struct server_config {
	const char *endpoint;       /* such as "/ws"; borrowed */
	const char *const *origins; /* see transport/origin.h; borrowed */
	size_t origin_count;
	unsigned connections_most;
	_Atomic unsigned *connections; /* open ones, of all loops; borrowed */
};

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

/* New upgrades are answered with 503 from here on. */
void server_refuse_upgrades(struct server *s);

/* Ends every connection, each with on_close. Accepts NULL. */
void server_free(struct server *s);

#endif
