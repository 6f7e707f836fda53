/*
 * A SockJS server without STOMP, for conformance tests: see --help. It stands on
 * transport/ alone. Every event loop has its own listener on the one port, so a
 * request is soon relayed from one loop to another.
 */
#include "base/clock.h"
#include "base/digits.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/wheel.h"
#include "tests/sockjs/app.h"
#include "transport/listener.h"

#include <errno.h>
#include <ev.h>
#include <getopt.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sysexits.h>

enum {
	THREADS_MOST = 64,
	SEND_BUFFER = 128 * 1024,
	CONNECTIONS_MOST = 100 * 1000,
};

/* --- the command line ----------------------------------------------------- */

struct options {
	uint64_t port;
	uint64_t threads;
	uint64_t heartbeat;
	uint64_t disconnect_delay;
	uint64_t body_time;
	uint64_t body_limit;
	const char *sockjs_url;
};

static const struct option flags[] = {
	{ "port", required_argument, NULL, 0 },
	{ "threads", required_argument, NULL, 0 },
	{ "heartbeat", required_argument, NULL, 0 },
	{ "disconnect-delay", required_argument, NULL, 0 },
	{ "body-time", required_argument, NULL, 0 },
	{ "body-limit", required_argument, NULL, 0 },
	{ "sockjs-url", required_argument, NULL, 'u' },
	{ "help", no_argument, NULL, 'h' },
	{ NULL, 0, NULL, 0 },
};

/* The numbers among the flags, in their order. */
static const struct {
	size_t at; /* offset in struct options */
	uint64_t preset;
	uint64_t least;
	uint64_t most;
	const char *help;
} numbers[] = {
	{ offsetof(struct options, port), 0, 0, 65535, "to listen on, at 127.0.0.1; 0: any" },
	{ offsetof(struct options, threads), 1, 1, THREADS_MOST, "event loops on that port" },
	{ offsetof(struct options, heartbeat), 25000, 1, 3600000,
		"ms of silence before a heartbeat frame" },
	{ offsetof(struct options, disconnect_delay), 5000, 1, 3600000,
		"ms that a session lives without a receiver" },
	{ offsetof(struct options, body_time), 10000, 1, 3600000,
		"ms in which the body of a request must have come" },
	{ offsetof(struct options, body_limit), 2 << 20, 1, 1 << 30, "bytes of the longest body" },
};

static uint64_t *number_in(struct options *o, size_t index)
{
	return (uint64_t *)(void *)((char *)o + numbers[index].at);
}

static void print_help(void)
{
	printf("usage: sockjs-testserver [option...]\n\n"
	       "A SockJS server without STOMP, with the endpoints /echo, /disabled_websocket_echo,\n"
	       "/cookie_needed_echo, /close and /amplify, for any origin. It says \"listening on\n"
	       "127.0.0.1:PORT\" when it is ready; SIGTERM ends it. GET /counters tells how many\n"
	       "sessions are open and how many requests wait for the end of their answer.\n\n");
	for (size_t i = 0; i < countof(numbers); i++)
		printf("  --%s=N\n      %s (%llu)\n", flags[i].name, numbers[i].help,
			(unsigned long long)numbers[i].preset);
	printf("  --sockjs-url=URL\n      where the iframe page finds sockjs-client\n");
}

static bool read_number(struct options *o, size_t index, const char *text)
{
	uint64_t n;

	if (!digits_read(span_of(text), &n) || n < numbers[index].least ||
		n > numbers[index].most) {
		fprintf(stderr, "sockjs-testserver: --%s=%s is wrong, see --help\n",
			flags[index].name, text);
		return false;
	}
	*number_in(o, index) = n;
	return true;
}

/* False: there is nothing to run, and *status is the exit status. */
static bool read_options(struct options *o, int argc, char **argv, int *status)
{
	int flag, index;

	o->sockjs_url = "https://cdn.jsdelivr.net/npm/sockjs-client@1/dist/sockjs.min.js";
	for (size_t i = 0; i < countof(numbers); i++)
		*number_in(o, i) = numbers[i].preset;
	*status = EX_USAGE;
	while ((flag = getopt_long(argc, argv, "", flags, &index)) != -1) {
		if (flag == 'h') {
			print_help();
			*status = EXIT_SUCCESS;
			return false;
		}
		if (flag == 'u')
			o->sockjs_url = optarg;
		else if (flag != 0 || !read_number(o, (size_t)index, optarg))
			return false;
	}
	if (optind < argc)
		fprintf(stderr, "sockjs-testserver: %s is too much, see --help\n", argv[optind]);
	return optind == argc;
}

/* --- event loops ---------------------------------------------------------- */

struct loop {
	struct process *process;
	pthread_t thread;
	struct ev_loop *ev;
	struct wheel wheel;
	ev_timer tick;
	ev_async wake;
	ev_prepare turn; /* before the loop waits */
	struct listener *listener;
	struct server *server;
	_Atomic unsigned requests; /* as of the last turn */
};

struct process {
	struct endpoint endpoints[APP_ENDPOINTS];
	struct server_config config;
	struct server_group *group;
	unsigned count;
	_Atomic unsigned sessions;
	ev_signal term;
	ev_signal interrupt;
	struct loop loops[THREADS_MOST];
};

static void answer_get(void *owner, struct span path, struct answer *answer)
{
	const struct process *p = ((struct loop *)owner)->process;
	unsigned requests = 0;

	if (!span_eq(path, SPAN("/counters")))
		return;
	for (unsigned i = 0; i < p->count; i++)
		requests += atomic_load(&p->loops[i].requests);
	answer->status = 200;
	answer->type = "application/json";
	buf_printf(&answer->body, "{\"sessions\":%u,\"requests\":%u}\n", atomic_load(&p->sessions),
		requests);
}

static void on_accept(void *owner, int fd)
{
	server_adopt(((struct loop *)owner)->server, fd);
}

static void on_tick(struct ev_loop *ev, ev_timer *timer, int events)
{
	struct loop *l = container_of(timer, struct loop, tick);

	(void)ev;
	(void)events;
	wheel_advance(&l->wheel, clock_ms());
}

/* Only the end of the process wakes a loop. */
static void on_wake(struct ev_loop *ev, ev_async *async, int events)
{
	(void)async;
	(void)events;
	ev_break(ev, EVBREAK_ALL);
}

static void on_turn(struct ev_loop *ev, ev_prepare *prepare, int events)
{
	struct loop *l = container_of(prepare, struct loop, turn);

	(void)ev;
	(void)events;
	atomic_store(&l->requests, server_requests(l->server));
}

static void on_signal(struct ev_loop *ev, ev_signal *watcher, int events)
{
	struct process *p = watcher->data;

	(void)ev;
	(void)events;
	for (unsigned i = 0; i < p->count; i++)
		ev_async_send(p->loops[i].ev, &p->loops[i].wake);
}

static bool start_server(struct loop *l, unsigned index)
{
	static const struct server_events events = {
		.on_open = app_on_open,
		.on_bytes = app_on_bytes,
		.on_end = app_on_end,
		.on_pong = app_on_pong,
		.on_room = app_on_room,
		.on_close = app_on_close,
		.on_get = answer_get,
	};
	struct server_config config = l->process->config;

	config.index = index;
	l->server = server_new(l->ev, &l->wheel, &config, &events, l);
	return l->server != NULL;
}

static bool loop_init(struct loop *l, struct process *p, struct listener_address *address)
{
	const double tick = WHEEL_TICK_MS / 1000.;
	unsigned index = (unsigned)(l - p->loops);

	l->process = p;
	l->ev = ev_loop_new(EVFLAG_AUTO);
	if (!l->ev)
		return false;
	wheel_init(&l->wheel, clock_ms());
	ev_timer_init(&l->tick, on_tick, tick, tick);
	ev_timer_start(l->ev, &l->tick);
	ev_async_init(&l->wake, on_wake);
	ev_async_start(l->ev, &l->wake);
	/* After the server's own: requests may end in that. */
	ev_prepare_init(&l->turn, on_turn);
	ev_set_priority(&l->turn, -1);
	ev_prepare_start(l->ev, &l->turn);
	l->listener = listener_new(address, index == 0);
	if (!l->listener) {
		fprintf(stderr, "sockjs-testserver: cannot listen: %s\n", strerror(errno));
		return false;
	}
	return start_server(l, index);
}

static void loop_fini(struct loop *l)
{
	if (!l->ev)
		return;
	listener_free(l->listener);
	server_free(l->server);
	ev_prepare_stop(l->ev, &l->turn);
	ev_async_stop(l->ev, &l->wake);
	ev_timer_stop(l->ev, &l->tick);
	ev_loop_destroy(l->ev);
}

static void *loop_run(void *loop)
{
	struct loop *l = loop;

	listener_start(l->listener, l->ev, SEND_BUFFER, on_accept, l);
	ev_run(l->ev, 0);
	return NULL;
}

/* --- the process ---------------------------------------------------------- */

static void watch_signals(struct process *p)
{
	ev_signal_init(&p->term, on_signal, SIGTERM);
	ev_signal_init(&p->interrupt, on_signal, SIGINT);
	p->term.data = p->interrupt.data = p;
	ev_signal_start(p->loops[0].ev, &p->term);
	ev_signal_start(p->loops[0].ev, &p->interrupt);
}

/* Signals belong to the first loop: the other threads are born with them blocked. */
static void run_loops(struct process *p)
{
	sigset_t blocked, before;

	sigfillset(&blocked);
	pthread_sigmask(SIG_BLOCK, &blocked, &before);
	for (unsigned i = 1; i < p->count; i++) {
		if (pthread_create(&p->loops[i].thread, NULL, loop_run, &p->loops[i]) != 0)
			abort();
	}
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	(void)loop_run(&p->loops[0]);
	for (unsigned i = 1; i < p->count; i++)
		pthread_join(p->loops[i].thread, NULL);
}

static void configure(struct process *p, const struct options *o)
{
	static const char *const origins[] = { "*" };

	app_describe(p->endpoints, o->sockjs_url);
	p->group = server_group_new(p->count);
	p->config = (struct server_config){
		.endpoints = p->endpoints,
		.endpoint_count = APP_ENDPOINTS,
		.origins = origins,
		.origin_count = countof(origins),
		.connections_most = CONNECTIONS_MOST,
		.connections = &p->sessions,
		.body_ms = o->body_time,
		.body_most = o->body_limit,
		.heartbeat_ms = o->heartbeat,
		.disconnect_ms = o->disconnect_delay,
		.lone_surrogates = true,
		.group = p->group,
	};
}

static int run(const struct options *o)
{
	struct process *p = mem_zalloc(sizeof(*p));
	struct listener_address address;
	char text[64], why[256];
	bool ok = true;

	server_prepare_process();
	p->count = (unsigned)o->threads;
	configure(p, o);
	snprintf(text, sizeof(text), "127.0.0.1:%u", (unsigned)o->port);
	if (!listener_parse(text, &address, why))
		abort();
	for (unsigned i = 0; ok && i < p->count; i++)
		ok = loop_init(&p->loops[i], p, &address);
	if (ok) {
		server_be_quiet();
		watch_signals(p);
		listener_print(&address, text, sizeof(text));
		printf("listening on %s\n", text);
		fflush(stdout);
		run_loops(p);
	}
	/* The first server speaks for the group, so it goes last. */
	for (unsigned i = p->count; i > 0; i--)
		loop_fini(&p->loops[i - 1]);
	server_group_free(p->group);
	free(p);
	return ok ? EXIT_SUCCESS : EXIT_FAILURE;
}

int main(int argc, char **argv)
{
	struct options options;
	int status;

	if (!read_options(&options, argc, argv, &status))
		return status;
	log_set_level(LOG_LEVEL_WARN);
	return run(&options);
}
