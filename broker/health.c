#include "broker/health.h"

#include "base/clock.h"
#include "base/json.h"
#include "broker/broker.h"
#include "broker/report.h"
#include "transport/server.h"

#include <inttypes.h>
#include <stdio.h>

enum {
	REASON_BYTES = 320,
};

static const char *const bus_words[] = {
	[BUS_STARTING] = "starting",
	[BUS_UP] = "up",
	[BUS_DOWN] = "down",
};

static enum bus_state read_bus(struct broker *b, char why[REASON_BYTES])
{
	enum bus_state state;

	pthread_mutex_lock(&b->bus_lock);
	state = b->bus_state;
	snprintf(why, REASON_BYTES, "%s", b->bus_why);
	pthread_mutex_unlock(&b->bus_lock);
	return state;
}

static void put_text(struct buf *out, const char *name, const char *text)
{
	buf_printf(out, ",\"%s\":", name);
	json_quote(span_of(text), out);
}

/* False with a reason when some loop stands still. */
static bool is_alive(const struct broker *b, char why[REASON_BYTES])
{
	uint64_t now = clock_ms();

	for (unsigned i = 0; i < b->shard_count; i++) {
		uint64_t ticked =
			atomic_load_explicit(&b->shards[i].ticked_ms, memory_order_relaxed);

		if (now > ticked && now - ticked > STANDSTILL_MS) {
			snprintf(why, REASON_BYTES,
				"event loop %u has stood still for %" PRIu64 " ms", i,
				now - ticked);
			return false;
		}
	}
	return true;
}

static void put_counters(const struct broker *b, struct buf *out)
{
	buf_printf(out, ",\"counters\":{");
	for (size_t row = 0; row < stats_row_count; row++)
		buf_printf(out, "%s\"%s\":%" PRIu64, row ? "," : "", stats_rows[row].name,
			report_sum(b, stats_rows[row].offset));
	buf_printf(out, "}");
}

/* What the bus has counted; see struct bus_counters. */
static void put_bus_counters(struct broker *b, struct buf *out)
{
	struct bus_counters c;

	pthread_mutex_lock(&b->bus_lock);
	c = b->bus_counters;
	pthread_mutex_unlock(&b->bus_lock);
	buf_printf(out,
		",\"bus_counters\":{\"published\":%" PRIu64 ",\"received\":%" PRIu64
		",\"unreadable\":%" PRIu64 ",\"local_only\":%" PRIu64 ",\"refused\":%" PRIu64
		",\"reconnects\":%" PRIu64,
		c.published, c.received, c.unreadable, c.local_only, c.refused, c.reconnects);
	buf_printf(out,
		",\"notes_sent\":%" PRIu64 ",\"notes_received\":%" PRIu64 ",\"notes_lost\":%" PRIu64
		",\"owner_errors\":%" PRIu64 ",\"outbox_bytes\":%" PRIu64 "}",
		c.notes_sent, c.notes_received, c.notes_lost, c.owner_errors, c.outbox_bytes);
}

static void put_queues(struct broker *b, struct buf *out)
{
	struct queue_load load;

	pthread_mutex_lock(&b->bus_lock);
	load = b->queue_load;
	pthread_mutex_unlock(&b->bus_lock);
	buf_printf(out, ",\"queues\":{\"known\":%zu,\"messages\":%zu,\"bytes\":%zu}", load.queues,
		load.messages, load.bytes);
}

static void answer_health(struct broker *b, struct answer *answer)
{
	char why[REASON_BYTES], bus_why[REASON_BYTES];
	bool alive = is_alive(b, why);
	unsigned sessions = 0, requests = 0;

	for (unsigned i = 0; i < b->shard_count; i++) {
		const struct shard *s = &b->shards[i];

		sessions += atomic_load_explicit(&s->session_count, memory_order_relaxed);
		requests += atomic_load_explicit(&s->request_count, memory_order_relaxed);
	}
	answer->status = alive ? 200 : 503;
	buf_printf(&answer->body, "{\"status\":\"%s\"", alive ? "up" : "down");
	if (!alive)
		put_text(&answer->body, "reason", why);
	put_text(&answer->body, "version", VERSION);
	put_text(&answer->body, "node", b->node);
	buf_printf(&answer->body,
		",\"uptime_ms\":%" PRIu64 ",\"threads\":%u,\"sessions\":%u,\"http_requests\":%u",
		clock_ms() - b->started_ms, b->shard_count, sessions, requests);
	put_text(&answer->body, "bus", bus_words[read_bus(b, bus_why)]);
	put_counters(b, &answer->body);
	put_bus_counters(b, &answer->body);
	if (b->queues)
		put_queues(b, &answer->body);
	buf_printf(&answer->body, "}\n");
}

static void answer_ready(struct broker *b, struct answer *answer)
{
	char why[REASON_BYTES], reason[REASON_BYTES + 32];
	enum bus_state state = read_bus(b, why);

	reason[0] = '\0';
	if (atomic_load(&b->draining))
		snprintf(reason, sizeof(reason), "shutting down");
	else if (state != BUS_UP)
		snprintf(reason, sizeof(reason), "bus %s: %s", bus_words[state], why);
	answer->status = reason[0] ? 503 : 200;
	buf_printf(&answer->body, "{\"status\":\"%s\"", reason[0] ? "not ready" : "ready");
	if (reason[0])
		put_text(&answer->body, "reason", reason);
	buf_printf(&answer->body, "}\n");
}

void health_answer(struct broker *b, struct span path, struct answer *answer)
{
	bool health = span_eq(path, SPAN("/health"));

	if (!health && !span_eq(path, SPAN("/ready")))
		return;
	answer->type = "application/json";
	if (health)
		answer_health(b, answer);
	else
		answer_ready(b, answer);
}
