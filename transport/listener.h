/*
 * A listening socket on an event loop. Every loop has one of its own on the
 * same address (SO_REUSEPORT): the kernel spreads the connections.
 */
#ifndef TRANSPORT_LISTENER_H
#define TRANSPORT_LISTENER_H

#include "base/attr.h"
#include "base/span.h"

#include <netinet/in.h>
#include <sys/socket.h>

struct ev_loop;
struct listener;

struct listener_address {
	struct sockaddr_storage at;
	socklen_t len;
};

/* "127.0.0.1:8080", "[::1]:8080", "*:8080", "localhost:8080". False with a line in `why`. */
bool listener_parse(const char *text, struct listener_address *address, char why[256]) MUST_USE;

/*
 * Binds and listens. NULL with errno when it cannot. With port 0 the kernel
 * chooses; `address` then holds the choice, so that the next loop can share it.
 * The `first` listener of a process insists on having the address for itself,
 * so that two brokers do not share one by mistake.
 */
struct listener *listener_new(struct listener_address *address, bool first) MUST_USE;

/*
 * Calls on_accept for each new connection, which takes the descriptor: it does
 * not block, and NODELAY, keep-alive, the user timeout and the send buffer are
 * set.
 */
void listener_start(struct listener *l, struct ev_loop *loop, int send_buffer,
	void (*on_accept)(void *owner, int fd), void *owner);

/* Stops accepting and closes the socket. Accepts NULL. */
void listener_free(struct listener *l);

/* Writes "127.0.0.1:8080". */
void listener_print(const struct listener_address *address, char *out, size_t size);

#endif
