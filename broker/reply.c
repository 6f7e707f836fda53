/* What a client is answered: ERROR, and RECEIPT in the order of its frames. */
#include "base/log.h"
#include "base/mem.h"
#include "broker/broker.h"
#include "broker/session.h"
#include "broker/wire.h"
#include "stomp/writer.h"
#include "transport/conn.h"

#include <stdarg.h>
#include <stdlib.h>

enum {
	REASON_BYTES = 512
};

static const struct config *config_of(const struct session *s)
{
	return s->shard->broker->config;
}

void session_forget_receipts(struct session *s)
{
	while (!list_is_empty(&s->receipts)) {
		struct receipt *r = container_of(s->receipts.next, struct receipt, link);

		list_remove(&r->link);
		list_remove(&r->owed);
		free(r);
	}
	s->receipt_count = 0;
	s->receipt_bytes = 0;
}

static void fail_with(struct session *s, struct span receipt, const char *message,
	struct span versions, const char *details)
{
	struct buf *out = &s->shard->scratch;

	if (s->state == SESSION_CLOSING)
		return;
	stats_add(&s->shard->stats.frames_refused, 1);
	log_debug("session.error", LOG_U64("session", s->id), LOG_STR("message", message),
		LOG_STR("details", details));
	out->len = 0;
	stomp_writer_command(out, STOMP_ERROR);
	(void)stomp_writer_header(out, s->version, SPAN("message"), span_of(message));
	if (receipt.at)
		(void)stomp_writer_header(out, s->version, SPAN("receipt-id"), receipt);
	if (versions.len > 0)
		(void)stomp_writer_header(out, s->version, SPAN("version"), versions);
	(void)stomp_writer_header(out, s->version, SPAN("content-type"), SPAN("text/plain"));
	stomp_writer_body(out, span_of(details));
	session_forget_receipts(s);
	session_queue(s, wire_new(buf_span(out), true), NULL, 0);
	session_finish(s, CONN_CLOSE_PROTOCOL, "", 0);
}

void session_fail(struct session *s, struct span receipt, const char *message, const char *fmt, ...)
{
	char details[REASON_BYTES];
	va_list args;

	va_start(args, fmt);
	vsnprintf(details, sizeof(details), fmt, args);
	va_end(args);
	fail_with(s, receipt, message, SPAN(""), details);
}

void session_fail_version(struct session *s)
{
	fail_with(s, (struct span){ NULL, 0 }, "Unsupported protocol version", stomp_version_all(),
		"Supported protocol versions are 1.0,1.1,1.2");
}

static void send_receipt(struct session *s, struct span id)
{
	struct buf *out = &s->shard->scratch;

	if (s->close_sent)
		return;
	if (session_is_full(s)) {
		session_close_slow(s);
		return;
	}
	out->len = 0;
	stomp_writer_command(out, STOMP_RECEIPT);
	(void)stomp_writer_header(out, s->version, SPAN("receipt-id"), id);
	stomp_writer_end(out);
	session_queue(s, wire_new(buf_span(out), true), NULL, 0);
}

static void send_due_receipts(struct session *s)
{
	while (!list_is_empty(&s->receipts)) {
		struct receipt *r = container_of(s->receipts.next, struct receipt, link);

		if (!list_is_empty(&r->owed))
			return; /* the bus has not answered yet */
		list_remove(&r->link);
		s->receipt_count--;
		s->receipt_bytes -= r->id.len;
		send_receipt(s, r->id);
		free(r);
	}
}

void receipt_answered(struct receipt *r)
{
	struct session *s = r->session;

	list_remove(&r->owed);
	send_due_receipts(s);
}

/* In the order of publishes: a DISCONNECT may wait for an older one than others do. */
static void owe(struct shard *shard, struct receipt *r)
{
	struct list *at = shard->owed.prev;

	while (at != &shard->owed && container_of(at, struct receipt, owed)->publish > r->publish)
		at = at->prev;
	list_push(at->next, &r->owed); /* before what follows `at` */
}

static void receipt(
	struct session *s, const struct stomp_frame *frame, uint64_t first, uint64_t after)
{
	struct receipt *r;
	struct span id;
	char *copy;

	if (!stomp_frame_header(frame, SPAN("receipt"), &id))
		return;
	if (after <= s->shard->answered && list_is_empty(&s->receipts)) {
		send_receipt(s, id);
		return;
	}
	r = mem_zalloc(sizeof(*r) + id.len);
	copy = (char *)(r + 1);
	if (id.len > 0)
		memcpy(copy, id.at, id.len);
	r->id = (struct span){ copy, id.len };
	r->session = s;
	r->publish = after;
	r->first = first;
	list_init(&r->link);
	list_init(&r->owed);
	list_push(&s->receipts, &r->link);
	s->receipt_count++;
	s->receipt_bytes += id.len;
	if (after > s->shard->answered)
		owe(s->shard, r);
}

void session_receipt(struct session *s, const struct stomp_frame *frame, uint64_t after)
{
	receipt(s, frame, after, after);
}

void session_receipt_for(
	struct session *s, const struct stomp_frame *frame, uint64_t first, size_t count)
{
	if (count == 0)
		receipt(s, frame, 0, 0);
	else
		receipt(s, frame, first, first + count - 1);
}

static void fail_refused(struct session *s, enum bus_accepted how, struct span receipt)
{
	const struct config *c = config_of(s);

	switch (how) {
	case BUS_ACCEPTED:
	case BUS_LOCAL:
		break;
	case BUS_REFUSED:
		session_fail(s, receipt, "The bus is down",
			"Redis is away and redis.on_down is refuse; try again later");
		break;
	case BUS_TOO_LARGE:
		session_fail(s, receipt, "Message too large for the bus",
			"redis.max_payload is %llu bytes",
			(unsigned long long)c->redis_max_payload);
		break;
	case BUS_QUEUE_FULL:
		session_fail(s, receipt, "The queue is full",
			"queues.messages is %llu, and queues.bytes %llu for all queues",
			(unsigned long long)c->queues_messages,
			(unsigned long long)c->queues_bytes);
		break;
	case BUS_QUEUES_FULL:
		session_fail(s, receipt, "Too many queues", "queues.most is %llu",
			(unsigned long long)c->queues_most);
		break;
	case BUS_QUEUE_SILENT:
		session_fail(s, receipt, "The queue does not answer",
			"its node did not say in time whether it has the message");
		break;
	}
}

void session_on_refused(struct session *s, enum bus_accepted how, uint64_t publish)
{
	struct span id = { NULL, 0 };

	if (s->state == SESSION_CLOSING) {
		if (s->close_sent || s->close_code == CONN_CLOSE_PROTOCOL)
			return;
		s->state = SESSION_CONNECTED; /* it was leaving: the ERROR replaces what is owed */
	}
	for (struct list *at = s->receipts.next; at != &s->receipts; at = at->next) {
		const struct receipt *r = container_of(at, struct receipt, link);

		if (r->first <= publish && publish <= r->publish && !id.at)
			id = r->id;
	}
	fail_refused(s, how, id);
}
