/*
 * One connection to Redis that comes back by itself.
 *
 * While the link is down it is tried again, after a pause that doubles from
 * `first_pause` to `longest_pause` and is blurred by half of itself, so that a
 * cluster of brokers does not knock at a restarted Redis in step.
 *
 * Host names are resolved on a thread of their own: the loop never waits for a
 * name server.
 */
#ifndef REDIS_LINK_H
#define REDIS_LINK_H

#include "base/attr.h"

#include <stdint.h>

struct ev_loop;
struct redisAsyncContext;
struct redis_link;

struct redis_link_config {
	const char *host; /* name or address; NULL: a unix socket */
	uint16_t port;
	const char *path;     /* of the unix socket */
	const char *user;     /* NULL: AUTH with the password alone */
	const char *password; /* NULL: no AUTH */
	unsigned database;
	double first_pause;   /* seconds */
	double longest_pause; /* seconds */
	double answer_within; /* seconds for connecting, AUTH and SELECT together */
};

/*
 * Called from the event loop, never from inside redis_link_new(); on_down also
 * from inside redis_link_drop(). Either may free the link.
 */
struct redis_link_events {
	/* Commands may be issued on `redis` until on_down is called. */
	void (*on_up)(void *owner, struct redisAsyncContext *redis);
	/* The connection has ended, or could not be made. `why` is borrowed for the call. */
	void (*on_down)(void *owner, const char *why);
};

/*
 * Starts connecting on the next turn of the loop. `config` and `events` are
 * copied; `loop`, `owner` and the texts of `config` are borrowed until
 * redis_link_free().
 */
struct redis_link *redis_link_new(struct ev_loop *loop, const struct redis_link_config *config,
	const struct redis_link_events *events, void *owner) MUST_USE;

/*
 * Gives the connection up, as if it had broken, and tries anew after a pause.
 * Does nothing while there is none. Callbacks of commands under way get a NULL
 * reply, with the context's data NULL.
 */
void redis_link_drop(struct redis_link *l, const char *why);

/* It has proved itself: the next pause is the first one again. */
void redis_link_is_good(struct redis_link *l);

/* Accepts NULL. No event is delivered from here on. */
void redis_link_free(struct redis_link *l);

#endif
