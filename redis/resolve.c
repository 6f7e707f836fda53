/*
 * The question is shared by the loop and the thread, each holding one
 * reference. The thread writes the answer and then tells the loop; a cancelled
 * question is freed by whichever of the two lets go last.
 */
#include "redis/resolve.h"

#include "base/mem.h"

#include <arpa/inet.h>
#include <assert.h>
#include <ev.h>
#include <netdb.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

struct resolve {
	struct ev_loop *loop;
	ev_timer look; /* the loop asks, so that a cancelled question need not reach it */
	void (*on_answer)(void *owner, const char *address, const char *why);
	void *owner;
	char *name; /* owned */
	unsigned turn;

	_Atomic unsigned refs;
	_Atomic bool done; /* what is below has been written */
	char address[RESOLVE_ADDRESS_BYTES];
	const char *why; /* NULL: address is good; static */
};

enum {
	LOOK_MS = 20
};

bool resolve_is_address(const char *name)
{
	struct in6_addr any;

	return inet_pton(AF_INET, name, &any) == 1 || inet_pton(AF_INET6, name, &any) == 1;
}

static void unref(struct resolve *r)
{
	if (atomic_fetch_sub(&r->refs, 1) != 1)
		return;
	free(r->name);
	free(r);
}

static const struct addrinfo *choose(const struct addrinfo *found, unsigned turn)
{
	const struct addrinfo *at = found;
	unsigned count = 0;

	for (; at; at = at->ai_next)
		count++;
	assert(count > 0);
	for (at = found, turn %= count; turn > 0; turn--)
		at = at->ai_next;
	return at;
}

static void *ask(void *question)
{
	const struct addrinfo hints = { .ai_socktype = SOCK_STREAM };
	struct resolve *r = question;
	struct addrinfo *found = NULL;
	int error = getaddrinfo(r->name, NULL, &hints, &found);

	if (error == 0) {
		const struct addrinfo *one = choose(found, r->turn);

		error = getnameinfo(one->ai_addr, one->ai_addrlen, r->address, sizeof(r->address),
			NULL, 0, NI_NUMERICHOST);
	}
	if (found)
		freeaddrinfo(found);
	r->why = error == 0 ? NULL : gai_strerror(error);
	atomic_store(&r->done, true);
	unref(r);
	return NULL;
}

static void on_look(struct ev_loop *loop, ev_timer *timer, int events)
{
	struct resolve *r = container_of(timer, struct resolve, look);

	(void)events;
	if (!atomic_load(&r->done))
		return;
	ev_timer_stop(loop, timer);
	/* The owner may start a new question from here. */
	r->on_answer(r->owner, r->why ? NULL : r->address, r->why);
	unref(r);
}

struct resolve *resolve_new(struct ev_loop *loop, const char *name, unsigned turn,
	void (*on_answer)(void *owner, const char *address, const char *why), void *owner)
{
	struct resolve *r = mem_zalloc(sizeof(*r));
	pthread_t thread;

	r->loop = loop;
	r->on_answer = on_answer;
	r->owner = owner;
	r->turn = turn;
	r->name = mem_dup(name, strlen(name));
	atomic_init(&r->refs, 2);
	ev_timer_init(&r->look, on_look, LOOK_MS / 1000., LOOK_MS / 1000.);
	ev_timer_start(loop, &r->look);
	if (pthread_create(&thread, NULL, ask, r) == 0) {
		pthread_detach(thread);
	} else {
		r->why = "no thread to resolve the name on";
		atomic_store(&r->refs, 1);
		atomic_store(&r->done, true);
	}
	return r;
}

void resolve_cancel(struct resolve *r)
{
	if (!r)
		return;
	ev_timer_stop(r->loop, &r->look);
	unref(r);
}
