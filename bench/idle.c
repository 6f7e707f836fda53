#include "bench/idle.h"

#include "base/mem.h"
#include "bench/check.h"
#include "bench/measure.h"
#include "bench/process.h"
#include "bench/swarm.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>

#define AT_A_TIME      64
#define SETTLE         (MEASURE_SECOND * 3 / 2)
#define ARRIVE         (10 * MEASURE_SECOND)
#define SPARE_FILES    64
#define BYTES_PER_GOAL 4096

struct idle {
	const struct options *o;
	struct process broker;
	struct swarm swarm;
	struct check check;
	struct client *clients; /* owned; the last one publishes */
	size_t count;           /* subscribers */
	uint64_t empty;         /* the broker's memory before they came */
	uint64_t full;
	uint64_t after; /* when each has got a message */
	double rate;    /* connections per second */
	double cpu_us;  /* the broker's, per connection */
};

static void ignore(void *owner UNUSED, struct client *c UNUSED, struct span body UNUSED)
{
}

static void on_message(void *owner, struct client *c, struct span body)
{
	struct idle *t = owner;
	struct check_number n;

	(void)check_read(&t->check, c->number, body, &n); /* counts by itself */
}

static void turn_until(struct swarm *s, uint64_t end)
{
	while (measure_now() < end)
		swarm_turn(s, 50);
}

/* Counts the connections that became ready, and makes each anew. */
static bool churn(struct swarm *s, struct client *clients, uint64_t end, uint64_t *made)
{
	while (measure_now() < end) {
		for (size_t i = 0; i < AT_A_TIME; i++) {
			struct client *c = &clients[i];

			if (c->state == CLIENT_READY) {
				++*made;
				swarm_close(s, c);
			}
			if (c->state == CLIENT_CLOSED && !swarm_open(s, c))
				return false;
		}
		swarm_turn(s, 100);
		if (s->broken + s->ended > 0) {
			fprintf(stderr, "bench: connect: FAILED: the broker closed a client\n");
			return false;
		}
	}
	return true;
}

bool connect_run(const struct options *o)
{
	struct process broker = { 0 };
	struct swarm swarm = { 0 };
	struct client clients[AT_A_TIME] = { 0 };
	uint64_t made = 0;
	uint64_t start, cpu;
	bool ok;

	for (size_t i = 0; i < AT_A_TIME; i++)
		clients[i].subscribes = true;
	ok = process_start(&broker, o, NULL) &&
	     swarm_init(&swarm, broker.port, o->body, ignore, NULL);
	start = measure_now();
	cpu = measure_cpu(broker.pid);
	ok = ok && churn(&swarm, clients, start + o->seconds * MEASURE_SECOND, &made) && made > 0;
	cpu = measure_cpu(broker.pid) - cpu;
	if (ok)
		printf("\n### Connections\n\n- %.0f per second, %.1f us of broker CPU each: TCP, upgrade, "
		       "CONNECT, SUBSCRIBE with receipt, reset; %d at a time\n",
			(double)made * 1e9 / (double)(measure_now() - start),
			(double)cpu / 1e3 / (double)made, AT_A_TIME);
	for (size_t i = 0; i < AT_A_TIME; i++)
		swarm_close(&swarm, &clients[i]);
	swarm_fini(&swarm);
	return process_stop(&broker) && ok;
}

/* As many as were asked for, or as the limit on open files allows. */
static size_t connections(const struct options *o)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || o->idle + SPARE_FILES <= limit.rlim_cur)
		return o->idle;
	fprintf(stderr, "bench: idle: only %ju files may be open\n", (uintmax_t)limit.rlim_cur);
	return (size_t)limit.rlim_cur - SPARE_FILES;
}

static bool open_idle(struct idle *t)
{
	uint64_t start, cpu;
	bool ok;

	/* The first client pays for what is allocated once. */
	if (!swarm_open_all(&t->swarm, &t->clients[t->count], 1))
		return false;
	turn_until(&t->swarm, measure_now() + SETTLE / 3);
	t->empty = measure_rss(t->broker.pid);
	start = measure_now();
	cpu = measure_cpu(t->broker.pid);
	ok = swarm_open_all(&t->swarm, t->clients, t->count);
	t->cpu_us = (double)(measure_cpu(t->broker.pid) - cpu) / 1e3 / (double)t->count;
	t->rate = (double)t->count * 1e9 / (double)(measure_now() - start);
	turn_until(&t->swarm, measure_now() + SETTLE);
	t->full = measure_rss(t->broker.pid);
	return ok;
}

/* They are idle, not dead: one message must reach each of them. */
static bool wake_all(struct idle *t)
{
	uint64_t deadline = measure_now() + ARRIVE;

	swarm_publish(&t->swarm, &t->clients[t->count],
		check_write(&t->check, (struct check_number){ 0, 0 }));
	while (t->swarm.messages < t->count && measure_now() < deadline)
		swarm_turn(&t->swarm, 50);
	turn_until(&t->swarm, measure_now() + SETTLE / 3);
	t->after = measure_rss(t->broker.pid);
	if (t->check.good == t->count && t->swarm.broken + t->swarm.ended == 0)
		return true;
	fprintf(stderr, "bench: idle: FAILED: %" PRIu64 " of %zu got the message\n", t->check.good,
		t->count);
	return false;
}

static void print_idle(const struct idle *t)
{
	double count = (double)t->count;

	printf("\n### Memory: %zu idle connections, one subscription each\n\n"
	       "| resident memory | broker | per connection |\n|:--|--:|--:|\n"
	       "| without them | %" PRIu64 " kB | |\n"
	       "| idle | %" PRIu64 " kB | %.0f B |\n"
	       "| after one message to each | %" PRIu64 " kB | %.0f B |\n\n"
	       "- %.0f bytes per idle subscribed connection (goal %d)\n"
	       "- opened at %.0f per second, %.1f us of broker CPU each\n",
		t->count, t->empty / 1024, t->full / 1024,
		((double)t->full - (double)t->empty) / count, t->after / 1024,
		((double)t->after - (double)t->empty) / count,
		((double)t->full - (double)t->empty) / count, BYTES_PER_GOAL, t->rate, t->cpu_us);
}

bool idle_run(const struct options *o)
{
	struct idle t = { .o = o, .count = connections(o) };
	bool ok;

	t.clients = mem_zalloc((t.count + 1) * sizeof *t.clients);
	for (size_t i = 0; i < t.count; i++) {
		t.clients[i].number = (uint32_t)i;
		t.clients[i].subscribes = true;
	}
	t.clients[t.count].number = (uint32_t)t.count;
	check_init(&t.check, t.count, 1, o->body);
	ok = process_start(&t.broker, o, NULL) &&
	     swarm_init(&t.swarm, t.broker.port, o->body, on_message, &t) && open_idle(&t) &&
	     wake_all(&t);
	if (ok)
		print_idle(&t);
	ok = check_report(&t.check, "idle") && ok;
	for (size_t i = 0; i <= t.count; i++)
		swarm_close(&t.swarm, &t.clients[i]);
	swarm_fini(&t.swarm);
	ok = process_stop(&t.broker) && ok;
	check_fini(&t.check);
	free(t.clients);
	return ok;
}
