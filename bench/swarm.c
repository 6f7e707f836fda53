/*
 * The wire is split over two files: here are sockets and the order in which
 * things are said; wire.c reads and writes frames.
 */
#include "bench/swarm.h"

#include "base/mem.h"
#include "base/random.h"
#include "bench/measure.h"
#include "bench/wire.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#define READ_BYTES  ((size_t)262144)
#define EVENTS_MOST 512
#define AT_A_TIME   128   /* connections that are being opened; less than any backlog */
#define PER_ADDRESS 20000 /* connections from one loopback address; it has 28 k ports */
#define OPEN_WITHIN (10 * MEASURE_SECOND) /* without any client becoming ready */

static const char upgrade[] = "GET /ws HTTP/1.1\r\n"
			      "Host: 127.0.0.1\r\n"
			      "Upgrade: websocket\r\n"
			      "Connection: Upgrade\r\n"
			      "Sec-WebSocket-Key: " WIRE_KEY "\r\n"
			      "Sec-WebSocket-Version: 13\r\n"
			      "Sec-WebSocket-Protocol: v12.stomp\r\n\r\n";

/* With the NUL that ends each of them. */
static const char connect_frame[] =
	"CONNECT\naccept-version:1.2\nhost:127.0.0.1\nheart-beat:0,0\n\n";
static const char subscribe_frame[] = "SUBSCRIBE\nid:s\ndestination:/sub/bench\nreceipt:r\n\n";

static void watch(struct swarm *s, struct client *c, int operation, uint32_t events)
{
	struct epoll_event event = { .events = events, .data.ptr = c };

	if (epoll_ctl(s->epoll, operation, c->fd, &event) != 0)
		perror("epoll_ctl");
}

void swarm_close(struct swarm *s, struct client *c)
{
	struct linger reset = { .l_onoff = 1 };

	if (c->state == CLIENT_CLOSED)
		return;
	if (c->state == CLIENT_READY)
		s->ready--;
	c->state = CLIENT_CLOSED;
	c->waits_for_room = false;
	list_remove(&c->dirty);
	buf_fini(&c->out);
	buf_fini(&c->rest);
	setsockopt(c->fd, SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
	close(c->fd);
	c->fd = -1;
}

static void on_broken(struct swarm *s, struct client *c, const char *why)
{
	if (s->broken++ == 0)
		fprintf(stderr, "bench: client %u: %s\n", c->number, why);
	swarm_close(s, c);
}

static void on_ended(struct swarm *s, struct client *c)
{
	s->ended++;
	swarm_close(s, c);
}

static void flush(struct swarm *s, struct client *c)
{
	ssize_t sent = send(c->fd, c->out.at, c->out.len, MSG_NOSIGNAL | MSG_DONTWAIT);

	if (sent < 0 && errno != EAGAIN) {
		on_ended(s, c);
		return;
	}
	if (sent > 0)
		buf_drop(&c->out, (size_t)sent);
	if ((c->out.len > 0) != c->waits_for_room) {
		c->waits_for_room = c->out.len > 0;
		watch(s, c, EPOLL_CTL_MOD, EPOLLIN | (c->waits_for_room ? EPOLLOUT : 0));
	}
}

void swarm_flush(struct swarm *s)
{
	while (!list_is_empty(&s->dirty)) {
		struct client *c = container_of(s->dirty.next, struct client, dirty);

		list_remove(&c->dirty);
		if (!c->waits_for_room)
			flush(s, c);
	}
}

static void mark_dirty(struct swarm *s, struct client *c)
{
	list_remove(&c->dirty);
	list_push(&s->dirty, &c->dirty);
}

void swarm_publish(struct swarm *s, struct client *c, struct span body)
{
	wire_write(&c->out, s->mask, WIRE_TEXT, buf_span(&s->send),
		(struct span){ body.at, body.len + 1 });
	mark_dirty(s, c);
}

static void say(struct swarm *s, struct client *c, const char *frame, size_t bytes)
{
	wire_write(&c->out, s->mask, WIRE_TEXT, (struct span){ frame, bytes }, SPAN(""));
	mark_dirty(s, c);
}

static void become_ready(struct swarm *s, struct client *c)
{
	c->state = CLIENT_READY;
	s->ready++;
	/* Only those that publish need theirs again. */
	if (c->subscribes)
		buf_fini(&c->out);
}

static const char *on_connected(struct swarm *s, struct client *c)
{
	if (c->state != CLIENT_GREETING)
		return "CONNECTED out of turn";
	if (!c->subscribes) {
		become_ready(s, c);
		return NULL;
	}
	c->state = CLIENT_SUBSCRIBING;
	say(s, c, subscribe_frame, sizeof subscribe_frame);
	return NULL;
}

/* Returns what is wrong with the frame, or NULL. */
static const char *on_stomp(struct swarm *s, struct client *c, const struct wire_frame *frame)
{
	struct span body;

	switch (wire_stomp(frame->payload, s->body, &body)) {
	case WIRE_MESSAGE:
		if (!c->subscribes || c->state < CLIENT_SUBSCRIBING)
			return "MESSAGE without a subscription";
		s->messages++;
		if (s->sample.len == 0)
			buf_put(&s->sample, frame->whole);
		s->on_message(s->owner, c, body);
		return NULL;
	case WIRE_CONNECTED:
		return on_connected(s, c);
	case WIRE_RECEIPT:
		if (c->state != CLIENT_SUBSCRIBING)
			return "RECEIPT out of turn";
		become_ready(s, c);
		return NULL;
	case WIRE_BEAT:
		return NULL;
	case WIRE_ERROR:
		/* Slow clients get one before they are closed; the close code is what counts. */
		return c->state == CLIENT_READY ? NULL : "ERROR instead of an answer";
	case WIRE_NONSENSE:
		break;
	}
	return "a frame that is none";
}

static const char *on_frame(struct swarm *s, struct client *c, const struct wire_frame *frame)
{
	const unsigned char *code = (const unsigned char *)frame->payload.at;

	switch (frame->opcode) {
	case WIRE_TEXT:
	case WIRE_BINARY:
		return on_stomp(s, c, frame);
	case WIRE_PING:
		wire_write(&c->out, s->mask, WIRE_PONG, frame->payload, SPAN(""));
		mark_dirty(s, c);
		return NULL;
	case WIRE_PONG:
		return NULL;
	case WIRE_CLOSE:
		c->close_code = 1005; /* RFC 6455, 7.1.5: a close without a code */
		if (frame->payload.len >= 2)
			c->close_code = (uint16_t)(code[0] << 8 | code[1]);
		return NULL;
	}
	return "an unknown WebSocket opcode";
}

/* Handles whole frames; returns how many bytes they were. */
static size_t take_frames(struct swarm *s, struct client *c, struct span bytes)
{
	uint64_t messages = s->messages;
	const char *wrong = NULL;
	size_t at = 0;

	while (!wrong && at < bytes.len && c->close_code == 0) {
		struct wire_frame frame;

		wrong = wire_read((struct span){ bytes.at + at, bytes.len - at }, &frame);
		if (wrong || frame.whole.len == 0)
			break;
		at += frame.whole.len;
		wrong = on_frame(s, c, &frame);
	}
	s->reads += s->messages != messages;
	if (wrong)
		on_broken(s, c, wrong);
	else if (c->close_code)
		on_ended(s, c);
	return at;
}

static size_t take(struct swarm *s, struct client *c, struct span bytes)
{
	size_t head;

	if (c->state != CLIENT_UPGRADING)
		return take_frames(s, c, bytes);
	switch (wire_upgraded(bytes, &head)) {
	case WIRE_UPGRADE_MORE:
		return 0;
	case WIRE_UPGRADE_DONE:
		c->state = CLIENT_GREETING;
		say(s, c, connect_frame, sizeof connect_frame);
		return head;
	case WIRE_UPGRADE_REFUSED:
		break;
	}
	on_broken(s, c, "the upgrade to WebSocket was refused");
	return 0;
}

/* One read a turn is enough: epoll tells again if there is more. */
static void on_readable(struct swarm *s, struct client *c)
{
	struct span all = { s->bytes, c->rest.len };
	ssize_t got;
	size_t taken;

	if (c->rest.len > 0)
		memcpy(s->bytes, c->rest.at, c->rest.len);
	got = recv(c->fd, s->bytes + all.len, READ_BYTES - all.len, MSG_DONTWAIT);
	if (got < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (got <= 0) {
		on_ended(s, c);
		return;
	}
	all.len += (size_t)got;
	c->rest.len = 0;
	taken = take(s, c, all);
	if (c->state == CLIENT_CLOSED || taken == all.len)
		return;
	if (all.len - taken >= READ_BYTES / 2) {
		on_broken(s, c, "a frame that is far too long");
		return;
	}
	buf_put(&c->rest, (struct span){ all.at + taken, all.len - taken });
}

static void on_dialled(struct swarm *s, struct client *c)
{
	socklen_t len = sizeof(int);
	int error = 0;

	if (getsockopt(c->fd, SOL_SOCKET, SO_ERROR, &error, &len) != 0 || error) {
		on_broken(s, c, strerror(error));
		return;
	}
	c->state = CLIENT_UPGRADING;
	buf_put(&c->out, (struct span){ upgrade, sizeof upgrade - 1 });
	watch(s, c, EPOLL_CTL_MOD, EPOLLIN);
	mark_dirty(s, c);
}

static void on_event(struct swarm *s, struct client *c, uint32_t events)
{
	if (c->state == CLIENT_CLOSED)
		return;
	if (c->state == CLIENT_DIALLING) {
		on_dialled(s, c);
		return;
	}
	if (events & EPOLLOUT)
		flush(s, c);
	if (c->state != CLIENT_CLOSED && (events & (EPOLLIN | EPOLLHUP | EPOLLERR)))
		on_readable(s, c);
}

void swarm_turn(struct swarm *s, int timeout_ms)
{
	struct epoll_event events[EVENTS_MOST];
	int count;

	swarm_flush(s);
	count = epoll_wait(s->epoll, events, EVENTS_MOST, timeout_ms);
	for (int i = 0; i < count; i++)
		on_event(s, events[i].data.ptr, events[i].events);
}

void swarm_set_reading(struct swarm *s, struct client *c, bool on)
{
	if (c->state != CLIENT_CLOSED)
		watch(s, c, EPOLL_CTL_MOD, on ? EPOLLIN : 0);
}

static int dial(struct swarm *s, struct client *c)
{
	uint32_t address = INADDR_LOOPBACK + (uint32_t)(s->opened / PER_ADDRESS % 200);
	struct sockaddr_in from = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(address) };
	struct sockaddr_in to = { .sin_family = AF_INET,
		.sin_port = htons(s->port),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int buffer = c->receive_buffer * 1024;
	int on = 1;
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	if (fd < 0)
		return -1;
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
	setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof on);
	if (buffer)
		setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &buffer, sizeof buffer);
	if (bind(fd, (struct sockaddr *)&from, sizeof from) == 0 &&
		(connect(fd, (struct sockaddr *)&to, sizeof to) == 0 || errno == EINPROGRESS))
		return fd;
	close(fd);
	return -1;
}

bool swarm_open(struct swarm *s, struct client *c)
{
	c->fd = dial(s, c);
	if (c->fd < 0) {
		perror("bench: connect");
		return false;
	}
	s->opened++;
	c->state = CLIENT_DIALLING;
	c->close_code = 0;
	list_init(&c->dirty);
	watch(s, c, EPOLL_CTL_ADD, EPOLLOUT);
	return true;
}

void swarm_adopt(struct swarm *s, struct client *c, int fd)
{
	c->fd = fd;
	c->subscribes = true;
	c->state = CLIENT_READY;
	s->ready++;
	list_init(&c->dirty);
	watch(s, c, EPOLL_CTL_ADD, EPOLLIN);
}

bool swarm_open_all(struct swarm *s, struct client *clients, size_t count)
{
	uint64_t lost = s->broken + s->ended;
	uint64_t deadline = measure_now() + OPEN_WITHIN;
	size_t before = s->ready;
	size_t ready = s->ready;

	for (size_t begun = 0; s->ready - before < count;) {
		while (begun < count && begun - (s->ready - before) < AT_A_TIME)
			if (!swarm_open(s, &clients[begun++]))
				return false;
		swarm_turn(s, 100);
		if (s->broken + s->ended != lost) {
			fprintf(stderr, "bench: lost a client while %zu connected\n", count);
			return false;
		}
		if (s->ready != ready)
			deadline = measure_now() + OPEN_WITHIN;
		ready = s->ready;
		if (measure_now() > deadline) {
			fprintf(stderr, "bench: %zu of %zu clients were let in\n", ready - before,
				count);
			return false;
		}
	}
	return true;
}

bool swarm_init(
	struct swarm *s, uint16_t port, size_t body, swarm_message_fn *on_message, void *owner)
{
	*s = (struct swarm){ .port = port, .body = body, .on_message = on_message, .owner = owner };
	s->epoll = epoll_create1(EPOLL_CLOEXEC);
	if (s->epoll < 0) {
		perror("epoll_create1");
		return false;
	}
	list_init(&s->dirty);
	s->bytes = mem_zalloc(READ_BYTES);
	random_bytes(s->mask, sizeof s->mask);
	buf_printf(&s->send,
		"SEND\ndestination:/pub/bench\ncontent-type:text/plain\ncontent-length:%zu\n\n",
		body);
	return true;
}

void swarm_fini(struct swarm *s)
{
	if (!s->bytes)
		return;
	close(s->epoll);
	buf_fini(&s->send);
	buf_fini(&s->sample);
	free(s->bytes);
	*s = (struct swarm){ 0 };
}
