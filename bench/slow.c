/*
 * One publisher sends at a steady rate. The healthy subscribers must get every
 * message; the longest time that any of them waits between two is the gap.
 * The stalled ones do not read until the publisher is done; then they read on
 * and must find what fitted into their queue, in order, and after it the end of
 * their connection.
 */
#include "bench/slow.h"

#include "base/mem.h"
#include "bench/check.h"
#include "bench/measure.h"
#include "bench/process.h"
#include "bench/swarm.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#define STALLED_MOST   6
#define STALLED_BUFFER 32 /* KiB; small, so that they are soon behind */
#define ARRIVE         (5 * MEASURE_SECOND)
#define CLOSE_WITHIN   (10 * MEASURE_SECOND)
#define GAP_MOST       MEASURE_SECOND        /* beyond this it is no hiccup of the machine */
#define FILLS_QUEUE    ((size_t)1536 * 1024) /* bytes: queue 512 KiB, kernel buffers, and a margin */
#define CODE_SLOW      4500
#define MS             1e6

struct slow {
	const struct options *o;
	struct swarm swarm;
	struct check check;
	struct client *clients; /* owned; healthy ones, stalled ones, the publisher */
	uint64_t *heard;        /* owned; when each healthy one got its last message; 0: none yet */
	size_t stalled;
	uint64_t arrived; /* deliveries to healthy ones */
	uint64_t now;     /* the time of this turn */
	uint64_t gap;     /* longest of any healthy one */
	uint64_t own_gap; /* longest between two SENDs */
	uint32_t sent;
	size_t closed;    /* stalled ones that the broker closed */
	size_t with_code; /* of these, with code 4500 */
};

static void on_message(void *owner, struct client *c, struct span body)
{
	struct slow *t = owner;
	struct check_number n;

	if (!check_read(&t->check, c->number, body, &n) || c->number >= t->o->slow_subscribers)
		return;
	t->arrived++;
	t->now = measure_now();
	if (t->heard[c->number] && t->now - t->heard[c->number] > t->gap)
		t->gap = t->now - t->heard[c->number];
	t->heard[c->number] = t->now;
}

static struct client *publisher(const struct slow *t)
{
	return &t->clients[t->o->slow_subscribers + t->stalled];
}

/* Sends at the asked rate; never two at once to make up for lost time. */
static void publish_for(struct slow *t, uint64_t time)
{
	uint64_t pause = MEASURE_SECOND / t->o->slow_rate;
	uint64_t end = measure_now() + time;
	uint64_t due = measure_now();
	uint64_t last = due;

	for (uint64_t now = due; now < end; now = measure_now()) {
		if (now >= due) {
			swarm_publish(&t->swarm, publisher(t),
				check_write(&t->check, (struct check_number){ 0, t->sent++ }));
			if (now - last > t->own_gap)
				t->own_gap = now - last;
			last = now;
			due = now - due > pause ? now + pause : due + pause;
		}
		swarm_turn(&t->swarm, due > now + MEASURE_SECOND / 1000 ? 1 : 0);
	}
}

static bool healthy_have_all(struct slow *t)
{
	uint64_t due = (uint64_t)t->sent * t->o->slow_subscribers;
	uint64_t deadline = measure_now() + ARRIVE;

	while (t->arrived < due && measure_now() < deadline)
		swarm_turn(&t->swarm, 20);
	if (t->arrived == due)
		return true;
	fprintf(stderr, "bench: slow: FAILED: %" PRIu64 " of %" PRIu64 " deliveries arrived\n",
		t->arrived, due);
	return false;
}

static void set_reading(struct slow *t, bool on)
{
	for (size_t i = 0; i < t->stalled; i++)
		swarm_set_reading(&t->swarm, &t->clients[t->o->slow_subscribers + i], on);
}

static bool stalled_are_closed(struct slow *t)
{
	uint64_t deadline = measure_now() + CLOSE_WITHIN;

	set_reading(t, true);
	while (t->swarm.ended < t->stalled && measure_now() < deadline)
		swarm_turn(&t->swarm, 20);
	for (size_t i = 0; i < t->stalled; i++) {
		const struct client *c = &t->clients[t->o->slow_subscribers + i];

		t->closed += c->state == CLIENT_CLOSED;
		t->with_code += c->close_code == CODE_SLOW;
	}
	if (t->closed == t->stalled && t->swarm.ended == t->stalled && t->swarm.broken == 0)
		return true;
	fprintf(stderr,
		"bench: slow: FAILED: %zu of %zu stalled subscribers were closed, %" PRIu64
		" in all\n",
		t->closed, t->stalled, t->swarm.ended + t->swarm.broken);
	return false;
}

static bool measure(struct slow *t, uint16_t port)
{
	size_t healthy = t->o->slow_subscribers;

	for (size_t i = 0; i <= healthy + t->stalled; i++) {
		t->clients[i].number = (uint32_t)i;
		t->clients[i].subscribes = &t->clients[i] != publisher(t);
		if (i >= healthy && i < healthy + t->stalled)
			t->clients[i].receive_buffer = STALLED_BUFFER;
	}
	if (!swarm_init(&t->swarm, port, t->o->slow_body, on_message, t) ||
		!swarm_open_all(&t->swarm, t->clients, healthy + t->stalled + 1))
		return false;
	set_reading(t, false);
	publish_for(t, t->o->slow_seconds * MEASURE_SECOND);
	return healthy_have_all(t) && stalled_are_closed(t);
}

static bool print_row(const struct options *o, uint16_t port, size_t stalled, uint64_t *gap)
{
	size_t clients = o->slow_subscribers + stalled + 1;
	struct slow t = { .o = o, .stalled = stalled };
	bool ok;

	t.clients = mem_zalloc(clients * sizeof *t.clients);
	t.heard = mem_zalloc(o->slow_subscribers * sizeof *t.heard);
	check_init(&t.check, clients, 1, o->slow_body);
	ok = measure(&t, port);
	*gap = t.gap;
	printf("| %zu | %u | %" PRIu64 " | %.1f | %.1f | %zu | %zu |\n", stalled, t.sent, t.arrived,
		(double)t.gap / MS, (double)t.own_gap / MS, t.closed, t.with_code);
	ok = check_report(&t.check, "slow") && ok;
	for (size_t i = 0; i < clients; i++)
		swarm_close(&t.swarm, &t.clients[i]);
	swarm_fini(&t.swarm);
	check_fini(&t.check);
	free(t.heard);
	free(t.clients);
	return ok;
}

bool slow_run(const struct options *o)
{
	static const size_t stalled[] = { 0, 1, STALLED_MOST };
	uint64_t gaps[countof(stalled)] = { 0 };
	struct process broker = { 0 };
	bool ok;

	if (o->slow_rate * o->slow_body * o->slow_seconds < FILLS_QUEUE) {
		fprintf(stderr, "bench: slow: too few bytes to fill the queue of a stalled one\n");
		return false;
	}
	ok = process_start(&broker, o, "--limits-queue=512k");
	printf("\n### Slow consumers: %zu healthy subscribers, %zu messages/s of %zu bytes\n\n"
	       "| stalled subscribers | messages | deliveries to the healthy | their longest gap ms | "
	       "longest gap between SENDs ms | stalled closed by the broker | with code 4500 |\n"
	       "|--:|--:|--:|--:|--:|--:|--:|\n",
		o->slow_subscribers, o->slow_rate, o->slow_body);
	for (size_t i = 0; ok && i < countof(stalled); i++)
		ok = print_row(o, broker.port, stalled[i], &gaps[i]);
	if (ok)
		printf("\n- longest gap of a healthy subscriber: %.1f ms alone, %.1f ms beside one "
		       "stalled, %.1f ms beside %d\n",
			(double)gaps[0] / MS, (double)gaps[1] / MS, (double)gaps[2] / MS,
			STALLED_MOST);
	for (size_t i = 1; i < countof(stalled); i++) {
		if (gaps[i] <= gaps[0] + GAP_MOST)
			continue;
		fprintf(stderr, "bench: slow: FAILED: the healthy had to wait for the stalled\n");
		ok = false;
	}
	return process_stop(&broker) && ok;
}
