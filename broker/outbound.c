#include "broker/outbound.h"

#include "base/mem.h"
#include "base/span.h"
#include "broker/topic.h"
#include "broker/wire.h"
#include "transport/conn.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

enum {
	ACK_LINE_BYTES = sizeof("ack:18446744073709551615\n")
};

static struct outbound_item *items_of(struct outbound *o)
{
	assert(o->size > 0);
	return o->heap ? o->heap : o->few;
}

void outbound_init(struct outbound *o)
{
	*o = (struct outbound){ .heap = NULL, .size = OUTBOUND_INLINE };
}

static size_t bytes_of(const struct outbound_item *item)
{
	return item->wire->len + (item->subscription ? item->subscription->line_len : 0) +
	       (item->ack ? ACK_LINE_BYTES : 0);
}

static void release(const struct outbound_item *item)
{
	wire_unref(item->wire);
	if (item->subscription)
		subscription_unref(item->subscription);
}

static void give_memory_back(struct outbound *o)
{
	free(o->heap);
	o->heap = NULL;
	o->size = OUTBOUND_INLINE;
	o->first = 0;
}

void outbound_clear(struct outbound *o)
{
	for (; o->count > 0; o->count--) {
		release(&items_of(o)[o->first]);
		o->first = (o->first + 1) % o->size;
	}
	o->bytes = 0;
	give_memory_back(o);
}

static void grow(struct outbound *o)
{
	struct outbound_item *bigger = mem_realloc(NULL, (size_t)o->size * 2 * sizeof(*bigger));

	for (uint32_t i = 0; i < o->count; i++)
		bigger[i] = items_of(o)[(o->first + i) % o->size];
	free(o->heap);
	o->heap = bigger;
	o->size *= 2;
	o->first = 0;
}

void outbound_push(
	struct outbound *o, struct wire *wire, struct subscription *subscription, uint64_t now_ms)
{
	outbound_push_acked(o, wire, subscription, 0, now_ms);
}

void outbound_push_acked(struct outbound *o, struct wire *wire, struct subscription *subscription,
	uint64_t ack, uint64_t now_ms)
{
	struct outbound_item *item;

	if (o->count == o->size)
		grow(o);
	if (o->count == 0)
		o->since_ms = now_ms;
	item = &items_of(o)[(o->first + o->count) % o->size];
	item->wire = wire;
	item->subscription = subscription ? subscription_ref(subscription) : NULL;
	item->ack = ack;
	o->count++;
	o->bytes += bytes_of(item);
}

/* Its ack header is nobody else's: it is written when it goes out. */
static bool put_acked(struct conn *c, const struct outbound_item *item)
{
	const struct wire *w = item->wire;
	const struct subscription *s = item->subscription;
	char line[ACK_LINE_BYTES];
	int len = snprintf(line, sizeof(line), "ack:%" PRIu64 "\n", item->ack);
	const struct span parts[] = {
		{ w->bytes, w->gap },
		{ s->line, s->line_len },
		{ line, (size_t)len },
		{ w->bytes + w->gap, w->len - w->gap },
	};

	return conn_put(c, parts, countof(parts), w->text);
}

static bool put(struct conn *c, const struct outbound_item *item)
{
	const struct wire *w = item->wire;
	const struct subscription *s = item->subscription;
	const struct span parts[] = {
		{ w->bytes, w->gap },
		{ s ? s->line : NULL, s ? s->line_len : 0 },
		{ w->bytes + w->gap, w->len - w->gap },
	};

	return conn_put(c, parts, countof(parts), w->text);
}

bool outbound_write(struct outbound *o, struct conn *c, uint64_t now_ms)
{
	while (o->count > 0) {
		const struct outbound_item *item = &items_of(o)[o->first];

		if (item->ack ? !put_acked(c, item) : !put(c, item))
			return false;
		o->bytes -= bytes_of(item);
		o->since_ms = now_ms;
		release(item);
		o->first = (o->first + 1) % o->size;
		o->count--;
	}
	if (o->heap)
		give_memory_back(o);
	return true;
}
