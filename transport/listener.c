/*
 * When descriptors run out, accept() fails at once and for ever, and the
 * socket stays readable: the loop would spin. A spare descriptor is kept for
 * that moment: it is closed, the connection accepted and closed, the spare
 * opened again; the client sees a close instead of silence.
 */
#include "transport/listener.h"

#include "base/log.h"
#include "base/mem.h"

#include <arpa/inet.h>
#include <errno.h>
#include <ev.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum {
	BACKLOG = 4096,
	REST_MS = 100,
	ACCEPTS_A_TURN = 64, /* then the connections that are there get their turn */
	UNACKNOWLEDGED_MS = 30000,
	KEEPALIVE_IDLE_S = 60,
};

struct listener {
	struct ev_loop *loop; /* NULL until started */
	ev_io readable;
	ev_timer rest; /* runs while accepting makes no sense */
	int fd;
	int spare;
	int send_buffer;
	void (*on_accept)(void *owner, int fd);
	void *owner;
};

static int open_spare(void)
{
	return open("/dev/null", O_RDONLY | O_CLOEXEC);
}

/* Digits, and no more than a port can be; 0 lets the kernel choose. */
static bool is_port(const char *text)
{
	size_t len = strspn(text, "0123456789");

	return len > 0 && len <= 5 && text[len] == '\0' && strtoul(text, NULL, 10) <= UINT16_MAX;
}

bool listener_parse(const char *text, struct listener_address *address, char why[256])
{
	const struct addrinfo hints = { .ai_flags = AI_PASSIVE | AI_NUMERICSERV,
		.ai_socktype = SOCK_STREAM };
	const char *colon = strrchr(text, ':');
	struct addrinfo *found = NULL;
	char host[128];
	size_t len = colon ? (size_t)(colon - text) : 0;
	int error;

	if (!colon || len == 0 || len >= sizeof(host) || !is_port(colon + 1)) {
		snprintf(why, 256, "is not an address and a port, such as \"127.0.0.1:8080\"");
		return false;
	}
	if (text[0] == '[' && text[len - 1] == ']')
		memcpy(host, text + 1, len -= 2);
	else
		memcpy(host, text, len);
	host[len] = '\0';
	error = getaddrinfo(strcmp(host, "*") == 0 ? NULL : host, colon + 1, &hints, &found);
	if (error != 0) {
		snprintf(why, 256, "is not an address that can be listened on: %s",
			gai_strerror(error));
		return false;
	}
	memcpy(&address->at, found->ai_addr, found->ai_addrlen);
	address->len = found->ai_addrlen;
	freeaddrinfo(found);
	return true;
}

/* A bound socket, or -1 with errno. */
static int bind_socket(const struct listener_address *address, bool shared)
{
	const struct sockaddr *at = (const struct sockaddr *)(const void *)&address->at;
	const int on = 1;
	int fd = socket(at->sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	int error;

	if (fd < 0)
		return -1;
	(void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if ((!shared || setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof(on)) == 0) &&
		bind(fd, at, address->len) == 0)
		return fd;
	error = errno;
	close(fd);
	errno = error;
	return -1;
}

struct listener *listener_new(struct listener_address *address, bool first)
{
	struct listener *l;
	int fd;

	if (first) {
		fd = bind_socket(address, false);
		if (fd < 0)
			return NULL;
		close(fd);
	}
	fd = bind_socket(address, true);
	if (fd < 0)
		return NULL;
	if (listen(fd, BACKLOG) < 0) {
		int error = errno;

		close(fd);
		errno = error;
		return NULL;
	}
	(void)getsockname(fd, (struct sockaddr *)(void *)&address->at, &address->len);
	l = mem_zalloc(sizeof(*l));
	l->fd = fd;
	l->spare = open_spare();
	return l;
}

static void set_up(const struct listener *l, int fd)
{
	const unsigned unacknowledged = UNACKNOWLEDGED_MS;
	const int on = 1, idle = KEEPALIVE_IDLE_S;

	/* Options that cannot be set cost speed or patience, not correctness. */
	(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	(void)setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof(on));
	(void)setsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &idle, sizeof(idle));
	(void)setsockopt(
		fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &unacknowledged, sizeof(unacknowledged));
	(void)setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &l->send_buffer, sizeof(l->send_buffer));
}

static void refuse_one(struct listener *l)
{
	int fd;

	log_error("listener.no_descriptors", LOG_STR("remedy", "raise the limit of open files"));
	if (l->spare >= 0)
		close(l->spare);
	fd = accept4(l->fd, NULL, NULL, SOCK_CLOEXEC);
	if (fd >= 0)
		close(fd);
	l->spare = open_spare();
}

static void on_rested(struct ev_loop *loop, ev_timer *timer, int events)
{
	struct listener *l = container_of(timer, struct listener, rest);

	(void)events;
	if (l->spare < 0)
		l->spare = open_spare();
	ev_io_start(loop, &l->readable);
}

/* Another thread may take the spare while it is free, and memory may be short: do not spin. */
static void rest(struct listener *l)
{
	ev_io_stop(l->loop, &l->readable);
	ev_timer_set(&l->rest, REST_MS / 1000., 0.);
	ev_timer_start(l->loop, &l->rest);
}

static void cannot_accept(struct listener *l, int error)
{
	if (error == EMFILE || error == ENFILE) {
		refuse_one(l);
		if (l->spare < 0)
			rest(l);
	} else if (error == ENOBUFS || error == ENOMEM) {
		rest(l);
	}
	/* EAGAIN: all taken; anything else concerns that one client. */
}

static void on_readable(struct ev_loop *loop, ev_io *io, int events)
{
	struct listener *l = container_of(io, struct listener, readable);

	(void)loop;
	(void)events;
	for (int i = 0; i < ACCEPTS_A_TURN; i++) {
		int fd = accept4(l->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

		if (fd < 0) {
			cannot_accept(l, errno);
			return;
		}
		set_up(l, fd);
		l->on_accept(l->owner, fd);
	}
}

void listener_start(struct listener *l, struct ev_loop *loop, int send_buffer,
	void (*on_accept)(void *owner, int fd), void *owner)
{
	l->loop = loop;
	l->send_buffer = send_buffer;
	l->on_accept = on_accept;
	l->owner = owner;
	ev_timer_init(&l->rest, on_rested, 0., 0.);
	ev_io_init(&l->readable, on_readable, l->fd, EV_READ);
	ev_io_start(loop, &l->readable);
}

void listener_free(struct listener *l)
{
	if (!l)
		return;
	if (l->loop) {
		ev_io_stop(l->loop, &l->readable);
		ev_timer_stop(l->loop, &l->rest);
	}
	close(l->fd);
	if (l->spare >= 0)
		close(l->spare);
	free(l);
}

void listener_print(const struct listener_address *address, char *out, size_t size)
{
	char host[INET6_ADDRSTRLEN] = "?";

	if (address->at.ss_family == AF_INET6) {
		const struct sockaddr_in6 *six =
			(const struct sockaddr_in6 *)(const void *)&address->at;

		(void)inet_ntop(AF_INET6, &six->sin6_addr, host, sizeof(host));
		snprintf(out, size, "[%s]:%u", host, ntohs(six->sin6_port));
	} else {
		const struct sockaddr_in *four =
			(const struct sockaddr_in *)(const void *)&address->at;

		(void)inet_ntop(AF_INET, &four->sin_addr, host, sizeof(host));
		snprintf(out, size, "%s:%u", host, ntohs(four->sin_port));
	}
}
