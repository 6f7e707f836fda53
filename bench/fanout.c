/*
 * A publisher sends its next message as soon as all subscribers have the one
 * that is `window` before it, so the number of messages in flight is constant
 * and the broker's queues stay bounded.
 *
 * Each measurement of the broker is followed by one of the bare send(2) loop
 * with the same bytes, as many messages per send as the subscribers saw per
 * read, and as many in flight. What else the machine does changes from one
 * second to the next; neighbours in time suffer alike.
 */
#include "bench/fanout.h"

#include "base/mem.h"
#include "bench/check.h"
#include "bench/floor.h"
#include "bench/measure.h"
#include "bench/process.h"
#include "bench/swarm.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define STALL    (5 * MEASURE_SECOND)
#define WARM_UP  (MEASURE_SECOND / 4)
#define QUIET_MS 100 /* after the last message, to hear of any that come twice */

struct flight {
	uint64_t since;
	size_t missing; /* subscribers that do not have it yet */
};

struct fanout {
	const struct options *o;
	struct process broker;
	struct swarm swarm;
	struct check check;
	struct floor floor;
	struct client *subscribers; /* owned */
	struct client *publishers;  /* owned */
	size_t publisher_count;
	uint32_t *sent;         /* owned; by publisher */
	struct flight *flights; /* owned; by publisher, then sequence modulo window_most */
	size_t window_most;
	uint64_t outstanding; /* messages in flight */
	uint64_t heard;       /* when a message was last complete */
	bool stopping;
	struct samples latency;
};

struct phase {
	size_t publishers;
	size_t window; /* messages in flight of each */
};

enum figure {
	RATE,
	BROKER_NS,
	BROKER_BUSY,
	OWN_BUSY,
	BATCH,
	P50,
	P99,
	FLOOR_NS,
	RATIO,
	FIGURE_COUNT
};

struct row {
	struct phase phase;
	double values[FIGURE_COUNT][BENCH_REPEAT_MOST];
};

static struct flight *flight_of(const struct fanout *f, struct check_number n)
{
	return &f->flights[n.publisher * f->window_most + n.sequence % f->window_most];
}

static void publish(struct fanout *f, uint32_t publisher)
{
	struct check_number n = { publisher, f->sent[publisher]++ };

	*flight_of(f, n) = (struct flight){ measure_now(), f->o->subscribers };
	f->outstanding++;
	swarm_publish(&f->swarm, &f->publishers[publisher], check_write(&f->check, n));
}

static void on_message(void *owner, struct client *c, struct span body)
{
	struct fanout *f = owner;
	struct check_number n;
	struct flight *flight;

	if (!check_read(&f->check, c->number, body, &n))
		return;
	flight = flight_of(f, n);
	if (--flight->missing > 0)
		return;
	f->heard = measure_now();
	f->outstanding--;
	samples_add(&f->latency, f->heard - flight->since);
	if (!f->stopping)
		publish(f, n.publisher);
}

/* False when no message gets through any more, or a client was lost. */
static bool turn_until(struct fanout *f, uint64_t end)
{
	for (uint64_t now = measure_now(); now < end; now = measure_now()) {
		if (f->stopping && f->outstanding == 0)
			return true;
		swarm_turn(&f->swarm, 100);
		if (f->swarm.broken + f->swarm.ended > 0) {
			fprintf(stderr, "bench: fan-out: FAILED: the broker closed a client\n");
			return false;
		}
		if (now > f->heard + STALL) {
			fprintf(stderr, "bench: fan-out: FAILED: messages are missing\n");
			return false;
		}
	}
	return true;
}

static void begin(struct fanout *f, const struct phase *phase)
{
	f->stopping = false;
	f->heard = measure_now();
	for (uint32_t p = 0; p < phase->publishers; p++)
		for (size_t i = 0; i < phase->window; i++)
			publish(f, p);
}

/* Lets what is in flight arrive. */
static bool finish(struct fanout *f)
{
	f->stopping = true;
	return turn_until(f, measure_now() + STALL) && f->outstanding == 0;
}

static bool measure_broker(struct fanout *f, struct row *row, size_t n)
{
	uint64_t start, own, broker, messages, reads;
	double time, deliveries;

	begin(f, &row->phase);
	if (!turn_until(f, measure_now() + WARM_UP))
		return false;
	start = measure_now();
	own = measure_cpu(getpid());
	broker = measure_cpu(f->broker.pid);
	messages = f->swarm.messages;
	reads = f->swarm.reads;
	f->latency.count = 0;
	if (!turn_until(f, start + f->o->seconds * MEASURE_SECOND))
		return false;
	broker = measure_cpu(f->broker.pid) - broker;
	own = measure_cpu(getpid()) - own;
	if (f->swarm.reads == reads) {
		fprintf(stderr, "bench: fan-out: FAILED: nothing was delivered\n");
		return false;
	}
	time = (double)(measure_now() - start);
	deliveries = (double)(f->swarm.messages - messages);
	row->values[RATE][n] = deliveries * 1e9 / time;
	row->values[BROKER_NS][n] = (double)broker / deliveries;
	row->values[BROKER_BUSY][n] = 100 * (double)broker / time;
	row->values[OWN_BUSY][n] = 100 * (double)own / time;
	row->values[BATCH][n] = deliveries / (double)(f->swarm.reads - reads);
	row->values[P50][n] = (double)samples_quantile(&f->latency, 0.5) / 1e6;
	row->values[P99][n] = (double)samples_quantile(&f->latency, 0.99) / 1e6;
	return finish(f);
}

static bool measure_floor(struct fanout *f, struct row *row, size_t n)
{
	size_t most = FLOOR_BATCH_BYTES / f->floor.frame.len;
	struct floor_run run = { .batch = (size_t)(row->values[BATCH][n] + 0.5) };
	struct floor_result got;

	if (run.batch > most)
		run.batch = most;
	run.window = row->phase.publishers * row->phase.window / run.batch;
	if (run.window == 0)
		run.window = 1;
	if (!floor_measure(&f->floor, &run, f->o->seconds, &got))
		return false;
	row->values[FLOOR_NS][n] = got.cpu_ns;
	row->values[RATIO][n] = got.cpu_ns / row->values[BROKER_NS][n];
	return true;
}

static double median(const struct fanout *f, struct row *row, enum figure figure)
{
	return measure_median(row->values[figure], f->o->repeat);
}

static bool print_row(struct fanout *f, struct row *row)
{
	for (size_t n = 0; n < f->o->repeat; n++)
		if (!measure_broker(f, row, n) || !measure_floor(f, row, n))
			return false;
	printf("| %zu x %zu | %.0f | %.0f | %.0f | %.1f | %.2f | %.2f | %.0f | %.2f | %.0f | %.0f |\n",
		row->phase.publishers, row->phase.window, median(f, row, RATE),
		1e9 / median(f, row, BROKER_NS), median(f, row, BROKER_NS), median(f, row, BATCH),
		median(f, row, P50), median(f, row, P99), median(f, row, FLOOR_NS),
		median(f, row, RATIO), median(f, row, BROKER_BUSY), median(f, row, OWN_BUSY));
	fflush(stdout);
	return true;
}

static bool print_rows(struct fanout *f)
{
	struct row rows[] = { { .phase = { 1, 1 } }, { .phase = { 1, 16 } },
		{ .phase = { f->publisher_count, 1 } },
		{ .phase = { f->publisher_count, f->o->window } } };
	struct row *first = &rows[0];
	struct row *last = &rows[countof(rows) - 1];

	printf("\n### Broker: 1 thread, %zu subscribers, %zu bytes of body, %zu on the wire\n\n"
	       "| publishers x in flight | deliveries/s | deliveries per core-second | broker CPU ns "
	       "per delivery | messages per read | p50 ms | p99 ms | floor CPU ns, same batch | "
	       "floor/broker | broker busy %% | load busy %% |\n"
	       "|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|\n",
		f->o->subscribers, f->o->body, f->floor.frame.len);
	for (size_t i = 0; i < countof(rows); i++)
		if (!print_row(f, &rows[i]))
			return false;
	printf("\nLatency is from the SEND until all subscribers have the message. The floor sends as "
	       "many messages at once as the subscribers saw per read.\n\n"
	       "- broker/floor CPU ratio at one message per write: %.2f (goal 0.85)\n"
	       "- one publisher, 16 in flight: %.2f M deliveries per core-second of broker CPU\n"
	       "- saturated: %.2f M deliveries/s, %.2f M per core-second of broker CPU (goal 2 M)\n",
		median(f, first, RATIO), 1e3 / median(f, &rows[1], BROKER_NS),
		median(f, last, RATE) / 1e6, 1e3 / median(f, last, BROKER_NS));
	return true;
}

/* After the last message: did everybody get everything, and nothing twice? */
static bool is_complete(struct fanout *f)
{
	uint64_t until = measure_now() + QUIET_MS * (MEASURE_SECOND / 1000);
	uint64_t total = 0;
	size_t wrong = 0;

	while (measure_now() < until)
		swarm_turn(&f->swarm, QUIET_MS);
	for (size_t p = 0; p < f->publisher_count; p++) {
		total += f->sent[p];
		for (size_t s = 0; s < f->o->subscribers; s++)
			wrong += !check_is_complete(&f->check, s, p, f->sent[p]);
	}
	if (wrong > 0)
		fprintf(stderr, "bench: fan-out: FAILED: %zu sequences end too early\n", wrong);
	else if (f->swarm.messages == total * f->o->subscribers)
		printf("- checked: %" PRIu64
		       " deliveries, none lost, doubled, garbled or out of order\n",
			f->check.good);
	return wrong == 0 && f->swarm.messages == total * f->o->subscribers;
}

static bool open_clients(struct fanout *f)
{
	for (size_t i = 0; i < f->o->subscribers; i++) {
		f->subscribers[i].number = (uint32_t)i;
		f->subscribers[i].subscribes = true;
	}
	for (size_t i = 0; i < f->publisher_count; i++)
		f->publishers[i].number = (uint32_t)(f->o->subscribers + i);
	return swarm_open_all(&f->swarm, f->subscribers, f->o->subscribers) &&
	       swarm_open_all(&f->swarm, f->publishers, f->publisher_count);
}

/* One message, to learn how long it is on the wire. */
static bool learn_frame(struct fanout *f)
{
	begin(f, &(struct phase){ 1, 1 });
	return finish(f);
}

static bool run(struct fanout *f)
{
	const struct options *o = f->o;

	if (!process_start(&f->broker, o, "--limits-queue=64M"))
		return false;
	return swarm_init(&f->swarm, f->broker.port, o->body, on_message, f) && open_clients(f) &&
	       learn_frame(f) && floor_start(&f->floor, o, buf_span(&f->swarm.sample)) &&
	       floor_print(&f->floor, o) && print_rows(f) && is_complete(f);
}

bool fanout_run(const struct options *o)
{
	struct fanout f = { .o = o, .publisher_count = o->publishers };
	bool ok;

	f.window_most = o->window > 16 ? o->window : 16;
	f.subscribers = mem_zalloc(o->subscribers * sizeof *f.subscribers);
	f.publishers = mem_zalloc(f.publisher_count * sizeof *f.publishers);
	f.sent = mem_zalloc(f.publisher_count * sizeof *f.sent);
	f.flights = mem_zalloc(f.publisher_count * f.window_most * sizeof *f.flights);
	check_init(&f.check, o->subscribers, f.publisher_count, o->body);
	ok = run(&f);
	ok = check_report(&f.check, "fan-out") && ok;
	floor_stop(&f.floor);
	for (size_t i = 0; i < o->subscribers; i++)
		swarm_close(&f.swarm, &f.subscribers[i]);
	for (size_t i = 0; i < f.publisher_count; i++)
		swarm_close(&f.swarm, &f.publishers[i]);
	swarm_fini(&f.swarm);
	ok = process_stop(&f.broker) && ok;
	check_fini(&f.check);
	samples_fini(&f.latency);
	free(f.flights);
	free(f.sent);
	free(f.publishers);
	free(f.subscribers);
	return ok;
}
