#include "broker/report.h"

#include "base/clock.h"
#include "base/log.h"
#include "broker/broker.h"

#include <inttypes.h>

#define SUM(b, field) report_sum((b), offsetof(struct stats, field))

uint64_t report_sum(const struct broker *b, size_t offset)
{
	uint64_t total = 0;

	for (unsigned i = 0; i < b->shard_count; i++)
		total += stats_read_at(&b->shards[i].stats, offset);
	return total;
}

/*
 * An end is counted after its beginning, but both may be read in between: what
 * has ended is read first. Not every processor keeps to that order.
 */
static uint64_t open_now(const struct broker *b, enum conn_kind kind, uint64_t *opened)
{
	uint64_t closed = 0;

	*opened = 0;
	for (unsigned i = 0; i < b->shard_count; i++)
		closed += stats_read(stats_closed(&b->shards[i].stats, kind));
	for (unsigned i = 0; i < b->shard_count; i++)
		*opened += stats_read(stats_opened(&b->shards[i].stats, kind));
	return *opened > closed ? *opened - closed : 0;
}

/* Spring's thread pools are our event loops; those count as active that turn. */
static void put_pool(const struct broker *b, const char *name, uint64_t queued, uint64_t completed,
	struct buf *out)
{
	uint64_t now = clock_ms();
	unsigned active = 0;

	for (unsigned i = 0; i < b->shard_count; i++) {
		uint64_t ticked =
			atomic_load_explicit(&b->shards[i].ticked_ms, memory_order_relaxed);

		active += now < ticked + STANDSTILL_MS;
	}
	buf_printf(out,
		", %s[pool size = %u, active threads = %u, queued tasks = %" PRIu64
		", completed tasks = %" PRIu64 "]",
		name, b->shard_count, active, queued, completed);
}

static void put_sessions(const struct broker *b, struct buf *out)
{
	uint64_t total[CONN_KINDS], current[CONN_KINDS];
	uint64_t silent = SUM(b, connect_timeouts), slow = SUM(b, slow_closed);

	for (enum conn_kind kind = 0; kind < CONN_KINDS; kind++)
		current[kind] = open_now(b, kind, &total[kind]);
	/* As in Spring, a transport error is not among the abnormal ends. */
	buf_printf(out,
		"WebSocketSession[%" PRIu64 " current WS(%" PRIu64 ")-HttpStream(%" PRIu64
		")-HttpPoll(%" PRIu64 "), %" PRIu64 " total, ",
		current[CONN_WEBSOCKET] + current[CONN_HTTP_STREAM] + current[CONN_HTTP_POLL],
		current[CONN_WEBSOCKET], current[CONN_HTTP_STREAM], current[CONN_HTTP_POLL],
		total[CONN_WEBSOCKET] + total[CONN_HTTP_STREAM] + total[CONN_HTTP_POLL]);
	buf_printf(out,
		"%" PRIu64 " closed abnormally (%" PRIu64 " connect failure, %" PRIu64
		" send limit, %" PRIu64 " transport error)]",
		silent + slow, silent, slow, SUM(b, connections_cut));
}

static void put_channels(const struct broker *b, struct buf *out)
{
	uint64_t opened, ended, waiting;
	uint64_t in = 0, on_the_way = 0;

	for (unsigned i = 0; i < b->shard_count; i++) {
		in += ring_count(&b->shards[i].outbox);
		on_the_way += ring_count(&b->shards[i].inbox);
	}
	put_pool(b, "inboundChannel", in, SUM(b, frames_received), out);
	put_pool(b, "outboundChannel", on_the_way, SUM(b, messages_queued), out);
	/* Each SockJS session over HTTP has one timer. */
	ended = SUM(b, http_stream_closed) + SUM(b, http_poll_closed);
	waiting = open_now(b, CONN_HTTP_STREAM, &opened) + open_now(b, CONN_HTTP_POLL, &opened);
	put_pool(b, "sockJsScheduler", waiting, ended, out);
}

void report_put(const struct broker *b, struct buf *out)
{
	uint64_t opened, open = open_now(b, CONN_TCP, &opened);

	put_sessions(b, out);
	buf_printf(out,
		", stompSubProtocol[processed CONNECT(%" PRIu64 ")-CONNECTED(%" PRIu64
		")-DISCONNECT(%" PRIu64 ")], stompBrokerRelay[null]",
		SUM(b, connects_received), SUM(b, sessions_connected),
		SUM(b, disconnects_received));
	put_channels(b, out);
	buf_printf(out, ", tcp[%" PRIu64 " current, %" PRIu64 " total]", open, opened);
}

uint64_t report_first_due(const struct broker *b)
{
	return b->config->stats_every == 0 ? 0 : b->started_ms + b->config->stats_first;
}

void report_look(struct broker *b, uint64_t now_ms)
{
	struct buf line = { NULL, 0, 0 };

	if (b->report_due_ms == 0 || now_ms < b->report_due_ms)
		return;
	b->report_due_ms = now_ms + b->config->stats_every;
	report_put(b, &line);
	log_info("broker.stats", LOG_SPAN("line", buf_span(&line)));
	buf_fini(&line);
}
