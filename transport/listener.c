/*
 * When descriptors run out, accept() fails at once and for ever, the socket
 * stays readable, and the client hears nothing. So the last few descriptors are
 * never given to clients: who gets one of those is closed at once, which he can
 * see, and the rest of the process has what it needs. Should accept() fail all
 * the same, the listener rests a little instead of spinning.
 */
#include "transport/listener.h"

#include "base/log.h"
#include "base/mem.h"

#include <arpa/inet.h>
#include <errno.h>
#include <ev.h>
#include <limits.h>
#include <netdb.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

enum {
	BACKLOG = 4096,
	REST_MS = 100,
	RESERVED_DESCRIPTORS = 32, /* for Redis, names, logs */
	ACCEPTS_A_TURN = 64,       /* then the connections that are there get their turn */
	UNACKNOWLEDGED_MS = 30000,
	KEEPALIVE_IDLE_S = 60,
};

struct listener {
	struct ev_loop *loop; /* NULL until started */
	ev_io readable;
	ev_timer rest; /* runs while accepting makes no sense */
	int fd;
	int fd_most; /* clients get descriptors below this one */
	int send_buffer;
	void (*on_accept)(void *owner, int fd);
	void *owner;
};

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

static void on_rested(struct ev_loop *loop, ev_timer *timer, int events)
{
	struct listener *l = container_of(timer, struct listener, rest);

	(void)events;
	ev_io_start(loop, &l->readable);
}

static void rest(struct listener *l)
{
	ev_io_stop(l->loop, &l->readable);
	ev_timer_set(&l->rest, REST_MS / 1000., 0.);
	ev_timer_start(l->loop, &l->rest);
}

static void take(struct listener *l, int fd)
{
	if (fd >= l->fd_most) {
		log_error("listener.no_descriptors",
			LOG_STR("remedy", "raise the limit of open files"));
		close(fd);
		return;
	}
	set_up(l, fd);
	l->on_accept(l->owner, fd);
}

static void on_readable(struct ev_loop *loop, ev_io *io, int events)
{
	struct listener *l = container_of(io, struct listener, readable);

	(void)loop;
	(void)events;
	for (int i = 0; i < ACCEPTS_A_TURN; i++) {
		int fd = accept4(l->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

		if (fd >= 0) {
			take(l, fd);
			continue;
		}
		/* EAGAIN: all taken; most others concern that one client. */
		if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM)
			rest(l);
		return;
	}
}

void listener_start(struct listener *l, struct ev_loop *loop, int send_buffer,
	void (*on_accept)(void *owner, int fd), void *owner)
{
	struct rlimit limit = { .rlim_cur = INT_MAX };

	(void)getrlimit(RLIMIT_NOFILE, &limit);
	if (limit.rlim_cur > INT_MAX)
		limit.rlim_cur = INT_MAX;
	l->fd_most = (int)limit.rlim_cur - RESERVED_DESCRIPTORS;
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
