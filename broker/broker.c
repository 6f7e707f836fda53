/* Start, run, drain, stop. What the configuration means stands in setup.c. */
#include "broker/broker.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/notify.h"
#include "broker/hub.h"
#include "transport/server.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

enum {
	/* A supervisor may signal the process and its group: both copies are one wish. */
	SAME_SIGNAL_MS = 100,
};

struct signals {
	struct broker *broker;
	uint64_t first_ms; /* 0: none came */
	ev_signal term;
	ev_signal interrupt;
};

static void drain(struct broker *b)
{
	b->drain_until_ms = clock_ms() + b->config->drain_time;
	log_info("broker.draining", LOG_U64("sessions", atomic_load(&b->connections)));
	notify_manager("STOPPING=1");
	atomic_store(&b->draining, true);
	for (unsigned i = 0; i < b->shard_count; i++)
		shard_wake(&b->shards[i]);
}

/* The first one drains; the second one is meant. */
static void on_signal(struct ev_loop *loop, ev_signal *watcher, int events)
{
	struct signals *s = watcher->data;

	(void)loop;
	(void)events;
	if (s->first_ms == 0) {
		s->first_ms = clock_ms();
		drain(s->broker);
	} else if (clock_ms() - s->first_ms > SAME_SIGNAL_MS) {
		log_warn("broker.killed", LOG_STR("why", "second signal"));
		_exit(EXIT_FAILURE);
	}
}

static void watch_signals(struct broker *b, struct signals *s)
{
	*s = (struct signals){ .broker = b };
	ev_signal_init(&s->term, on_signal, SIGTERM);
	ev_signal_init(&s->interrupt, on_signal, SIGINT);
	s->term.data = s->interrupt.data = s;
	ev_signal_start(b->shards[0].loop, &s->term);
	ev_signal_start(b->shards[0].loop, &s->interrupt);
}

static void *run_thread(void *shard)
{
	struct shard *s = shard;

	shard_run(s);
	atomic_fetch_sub(&s->broker->shards_running, 1);
	return NULL;
}

static unsigned count_threads(const struct config *c)
{
	long cores = sysconf(_SC_NPROCESSORS_ONLN);

	if (c->threads > 0)
		return (unsigned)c->threads;
	return cores < 1 ? 1 : cores > SHARDS_MOST ? SHARDS_MOST : (unsigned)cores;
}

/* Where a node listens. */
struct addresses {
	struct listener_address http;
	struct listener_address tcp;
};

static struct listener *make_listener(
	struct listener_address *address, bool first, const char *option, const char *value)
{
	struct listener *listener = listener_new(address, first);

	if (!listener)
		log_error("listener.failed", LOG_STR("option", option), LOG_STR("listen", value),
			LOG_STR("why", strerror(errno)),
			LOG_STR("remedy", "stop the other program, or choose another address"));
	return listener;
}

/* Makes every listener before the first thread starts, so that a taken port is an error at once. */
static bool make_shards(struct broker *b, struct addresses *at)
{
	const struct config *c = b->config;

	for (unsigned i = 0; i < b->shard_count; i++) {
		struct shard *s = &b->shards[i];

		s->listener = make_listener(&at->http, i == 0, "listen", c->listen);
		if (!s->listener)
			return false;
		if (*c->tcp_listen) {
			s->tcp_listener =
				make_listener(&at->tcp, i == 0, "tcp.listen", c->tcp_listen);
			if (!s->tcp_listener)
				return false;
		}
		if (!shard_init(s, b, i))
			return false;
	}
	return true;
}

static void log_start(const struct broker *b, const struct addresses *addresses)
{
	char at[64], tcp[64] = "off";

	listener_print(&addresses->http, at, sizeof(at));
	if (*b->config->tcp_listen)
		listener_print(&addresses->tcp, tcp, sizeof(tcp));
	log_info("broker.started", LOG_STR("listen", at), LOG_STR("tcp", tcp),
		LOG_STR("tls", b->tcp_tls ? "on" : "off"), LOG_U64("threads", b->shard_count),
		LOG_STR("node", b->node));
}

/* Signals belong to shard 0: the other threads are born with them blocked. */
static void start_threads(struct broker *b)
{
	sigset_t blocked, before;

	sigfillset(&blocked);
	pthread_sigmask(SIG_BLOCK, &blocked, &before);
	for (unsigned i = 1; i < b->shard_count; i++) {
		int error = pthread_create(&b->shards[i].thread, NULL, run_thread, &b->shards[i]);

		if (error != 0) {
			log_error("broker.no_thread", LOG_STR("why", strerror(error)));
			abort();
		}
	}
	pthread_sigmask(SIG_SETMASK, &before, NULL);
}

/* For a person who has just typed the command. */
static void say_hello(const struct broker *b, const struct addresses *addresses)
{
	const struct config *c = b->config;
	char at[64];

	listener_print(&addresses->http, at, sizeof(at));
	printf("stompbox %s is ready: STOMP over WebSocket at ws://%s%s\n", VERSION, at,
		c->endpoint);
	if (b->endpoint.sockjs)
		printf("SockJS clients connect to http://%s%s\n", at, c->endpoint);
	if (c->page)
		printf("A chat to try it out is at http://%s/\n", at);
	if (*c->tcp_listen) {
		listener_print(&addresses->tcp, at, sizeof(at));
		printf("STOMP over TCP%s at %s\n", b->tcp_tls ? " with TLS" : "", at);
	}
	if (c->prefixes_app.count > 0)
		printf("A SEND to %s/x reaches everyone who subscribed to %s/x.\n",
			c->prefixes_app.items[0], c->prefixes_broker.items[0]);
	if (*c->redis_url)
		printf("Joined to other nodes and Spring servers by Redis channel \"%s\".\n",
			c->redis_channel);
	else
		printf("This node works alone. For more nodes start Redis, and each node with\n"
		       "    stompbox --redis-url=redis://127.0.0.1:6379/0\n");
	fflush(stdout);
}

int broker_run(struct broker *b)
{
	const struct config *c = b->config;
	struct addresses addresses;
	struct signals signals;
	char why[256];
	int status = EXIT_FAILURE;

	if (!listener_parse(c->listen, &addresses.http, why) ||
		(*c->tcp_listen && !listener_parse(c->tcp_listen, &addresses.tcp, why)))
		return EXIT_FAILURE; /* it was checked before; the name has gone meanwhile */
	server_prepare_process();
	b->shard_count = count_threads(c);
	b->shards = aligned_alloc(64, b->shard_count * sizeof(*b->shards));
	if (!b->shards)
		abort();
	memset(b->shards, 0, b->shard_count * sizeof(*b->shards));
	b->servers = server_group_new(b->shard_count);
	b->hub = hub_new(b);
	if (make_shards(b, &addresses)) {
		server_be_quiet();
		atomic_store(&b->shards_running, b->shard_count);
		watch_signals(b, &signals);
		hub_start(b->hub);
		start_threads(b);
		log_start(b, &addresses);
		notify_manager("READY=1");
		say_hello(b, &addresses);
		shard_run(&b->shards[0]);
		for (unsigned i = 1; i < b->shard_count; i++)
			pthread_join(b->shards[i].thread, NULL);
		status = EXIT_SUCCESS;
	}
	for (unsigned i = 0; i < b->shard_count; i++) {
		if (i > 0 || !b->hub)
			shard_fini(&b->shards[i]);
	}
	hub_free(b->hub);
	b->hub = NULL;
	shard_fini(&b->shards[0]);
	server_group_free(b->servers);
	free(b->shards);
	log_info("broker.stopped");
	return status;
}
