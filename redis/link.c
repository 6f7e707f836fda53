/*
 * hiredis owns the context and frees it by itself after a failed connect and
 * after every disconnect; `l->redis` is only a note of whether there is one.
 *
 * hiredis 0.14 must not be told to free a context from inside its connect
 * callback (redis/hiredis#835), but the owner may free the link at any event.
 * So nothing is told from there: AUTH and SELECT are sent, and the owner learns
 * of success by the timer, on the loop's next turn. Every callback tells the
 * owner last and touches nothing afterwards.
 */
#include "redis/link.h"

#include "base/mem.h"
#include "base/random.h"
#include "redis/resolve.h"

#include <assert.h>
#include <ev.h>
#include <hiredis/async.h>
#include <hiredis/hiredis.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The adapter is made of static functions, most of which are not used here. */
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wunused-function"
#pragma GCC diagnostic ignored "-Wconversion"
#pragma GCC diagnostic ignored "-Wsign-conversion"
#pragma GCC diagnostic ignored "-Wcast-qual"
#pragma GCC diagnostic ignored "-Wstrict-prototypes"
#include <hiredis/adapters/libev.h>
#pragma GCC diagnostic pop

enum state {
	STATE_DOWN,      /* the timer says when to try again */
	STATE_RESOLVING, /* the host's address is being asked for */
	STATE_TRYING,    /* hiredis is connecting; the timer is the deadline from here on */
	STATE_GREETING,  /* AUTH and SELECT are under way */
	STATE_GREETED,   /* the timer will tell the owner */
	STATE_UP,        /* the owner knows */
};

struct redis_link {
	struct ev_loop *loop;
	struct redis_link_config config;
	struct redis_link_events on;
	void *owner;

	enum state state;
	struct resolve *resolving; /* NULL unless STATE_RESOLVING */
	redisAsyncContext *redis;  /* owned by hiredis; NULL while there is none */
	ev_timer timer;
	unsigned tries;    /* each takes the next of the host's addresses */
	double pause;      /* seconds until the next try, before it is blurred */
	unsigned answers;  /* of AUTH and SELECT that are to come */
	char refused[128]; /* Redis' error to one of them; empty: none */
};

static void after(struct redis_link *l, double seconds)
{
	ev_timer_stop(l->loop, &l->timer);
	ev_timer_set(&l->timer, seconds, 0.);
	ev_timer_start(l->loop, &l->timer);
}

static void retry_later(struct redis_link *l)
{
	l->redis = NULL;
	l->state = STATE_DOWN;
	after(l, l->pause * (0.5 + random_unit() / 2));
	l->pause *= 2;
	if (l->pause > l->config.longest_pause)
		l->pause = l->config.longest_pause;
}

static void greeted(struct redis_link *l)
{
	l->state = STATE_GREETED;
	after(l, 0.);
}

static void on_greeting(redisAsyncContext *redis, void *answer, void *unused)
{
	struct redis_link *l = redis->data;
	const redisReply *reply = answer;

	(void)unused;
	if (!l || !reply)
		return; /* the connection is ending; on_disconnect tells */
	if (reply->type == REDIS_REPLY_ERROR && !l->refused[0])
		snprintf(l->refused, sizeof(l->refused), "%s", reply->str);
	if (--l->answers == 0)
		greeted(l);
}

static void greet(struct redis_link *l)
{
	const struct redis_link_config *c = &l->config;

	l->state = STATE_GREETING;
	l->answers = 0;
	l->refused[0] = '\0';
	if (c->password && c->user)
		l->answers += redisAsyncCommand(l->redis, on_greeting, NULL, "AUTH %s %s", c->user,
				      c->password) == REDIS_OK;
	else if (c->password)
		l->answers += redisAsyncCommand(l->redis, on_greeting, NULL, "AUTH %s",
				      c->password) == REDIS_OK;
	if (c->database > 0)
		l->answers += redisAsyncCommand(l->redis, on_greeting, NULL, "SELECT %u",
				      c->database) == REDIS_OK;
	if (l->answers == 0)
		greeted(l);
}

static void on_connect(const redisAsyncContext *redis, int status)
{
	struct redis_link *l = redis->data;
	char why[160];

	if (!l)
		return;
	if (status == REDIS_OK) {
		greet(l);
		return;
	}
	snprintf(why, sizeof(why), "%s", redis->errstr);
	retry_later(l);
	l->on.on_down(l->owner, why);
}

static void on_disconnect(const redisAsyncContext *redis, int status)
{
	struct redis_link *l = redis->data;
	char why[160];

	if (!l)
		return; /* dropped or freed */
	snprintf(why, sizeof(why), "%s", status == REDIS_OK ? "closed by Redis" : redis->errstr);
	retry_later(l);
	l->on.on_down(l->owner, why);
}

static void connect_to(struct redis_link *l, const char *address)
{
	redisAsyncContext *redis = l->config.path ? redisAsyncConnectUnix(l->config.path)
						  : redisAsyncConnect(address, l->config.port);
	char why[160];

	if (!redis || redis->err || redisLibevAttach(l->loop, redis) != REDIS_OK) {
		snprintf(why, sizeof(why), "%s", redis ? redis->errstr : "out of memory");
		if (redis)
			redisAsyncFree(redis);
		retry_later(l);
		l->on.on_down(l->owner, why);
		return;
	}
	redis->data = l;
	redisAsyncSetConnectCallback(redis, on_connect);
	redisAsyncSetDisconnectCallback(redis, on_disconnect);
	l->redis = redis;
	l->state = STATE_TRYING;
	after(l, l->config.answer_within);
}

static void on_address(void *owner, const char *address, const char *why)
{
	struct redis_link *l = owner;

	l->resolving = NULL;
	if (address) {
		connect_to(l, address);
		return;
	}
	retry_later(l);
	l->on.on_down(l->owner, why);
}

static void try_now(struct redis_link *l)
{
	if (l->config.path || resolve_is_address(l->config.host)) {
		connect_to(l, l->config.host);
		return;
	}
	l->state = STATE_RESOLVING;
	l->resolving = resolve_new(l->loop, l->config.host, l->tries++, on_address, l);
}

static void on_timer(struct ev_loop *loop, ev_timer *timer, int events)
{
	struct redis_link *l = container_of(timer, struct redis_link, timer);

	(void)loop;
	(void)events;
	switch (l->state) {
	case STATE_DOWN:
		try_now(l);
		return;
	case STATE_TRYING:
	case STATE_GREETING:
		redis_link_drop(l, "no answer in time");
		return;
	case STATE_GREETED:
		if (l->refused[0]) {
			char why[sizeof(l->refused)];

			memcpy(why, l->refused, sizeof(why)); /* the owner may free the link */
			redis_link_drop(l, why);
			return;
		}
		l->state = STATE_UP;
		l->on.on_up(l->owner, l->redis);
		return;
	case STATE_RESOLVING:
	case STATE_UP:
		break;
	}
	assert(false && "the timer runs in no other state");
}

struct redis_link *redis_link_new(struct ev_loop *loop, const struct redis_link_config *config,
	const struct redis_link_events *events, void *owner)
{
	struct redis_link *l = mem_zalloc(sizeof(*l));

	l->loop = loop;
	l->config = *config;
	l->on = *events;
	l->owner = owner;
	l->pause = config->first_pause;
	ev_timer_init(&l->timer, on_timer, 0., 0.);
	ev_timer_start(loop, &l->timer);
	return l;
}

/* hiredis calls back for what is under way, and finds nobody. */
static void give_up_context(struct redis_link *l)
{
	redisAsyncContext *redis = l->redis;

	l->redis = NULL;
	if (redis) {
		redis->data = NULL;
		redisAsyncFree(redis);
	}
}

void redis_link_drop(struct redis_link *l, const char *why)
{
	if (!l->redis)
		return;
	give_up_context(l);
	retry_later(l);
	l->on.on_down(l->owner, why);
}

void redis_link_is_good(struct redis_link *l)
{
	l->pause = l->config.first_pause;
}

void redis_link_free(struct redis_link *l)
{
	if (!l)
		return;
	ev_timer_stop(l->loop, &l->timer);
	resolve_cancel(l->resolving);
	give_up_context(l);
	free(l);
}
