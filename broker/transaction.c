#include "broker/transaction.h"

#include "base/mem.h"

#include <stdlib.h>

static struct transaction *transaction_of(struct list *link)
{
	return container_of(link, struct transaction, link);
}

void transactions_init(struct transactions *t)
{
	*t = (struct transactions){ .count = 0 };
	list_init(&t->open);
}

void transactions_fini(struct transactions *t)
{
	while (!list_is_empty(&t->open)) {
		struct transaction *first = transaction_of(t->open.next);

		transactions_take(t, first);
		transaction_free(first);
	}
}

struct transaction *transactions_find(const struct transactions *t, struct span id)
{
	for (struct list *at = t->open.next; at != &t->open; at = at->next) {
		struct transaction *in = transaction_of(at);

		if (span_eq((struct span){ in->id, in->id_len }, id))
			return in;
	}
	return NULL;
}

void transactions_begin(struct transactions *t, struct span id, uint64_t now_ms)
{
	struct transaction *in = mem_zalloc(sizeof(*in) + id.len);

	list_init(&in->steps);
	in->used_ms = now_ms;
	in->id_len = id.len;
	if (id.len > 0)
		memcpy(in->id, id.at, id.len);
	list_push(&t->open, &in->link);
	t->count++;
}

size_t transaction_bytes(size_t publish_bytes)
{
	return sizeof(struct transaction_step) + publish_bytes;
}

static struct transaction_step *hold(
	struct transactions *t, struct transaction *in, size_t bytes, uint64_t now_ms)
{
	struct transaction_step *step = mem_zalloc(sizeof(*step));

	list_push(&in->steps, &step->link);
	in->frames++;
	in->bytes += bytes;
	in->used_ms = now_ms;
	t->frames++;
	t->bytes += bytes;
	list_remove(&in->link);
	list_push(&t->open, &in->link);
	return step;
}

void transaction_hold_send(struct transactions *t, struct transaction *in, struct publish *p,
	size_t bytes, uint64_t now_ms)
{
	hold(t, in, bytes, now_ms)->publish = p;
	in->sends++;
	t->sends++;
}

void transaction_hold_ack(struct transactions *t, struct transaction *in, uint64_t number,
	bool taken, uint64_t now_ms)
{
	struct transaction_step *step = hold(t, in, transaction_bytes(0), now_ms);

	step->number = number;
	step->taken = taken;
}

void transactions_take(struct transactions *t, struct transaction *in)
{
	list_remove(&in->link);
	t->count--;
	t->frames -= in->frames;
	t->sends -= in->sends;
	t->bytes -= in->bytes;
}

struct transaction_step *transaction_next(struct transaction *in)
{
	struct transaction_step *step;

	if (list_is_empty(&in->steps))
		return NULL;
	step = container_of(in->steps.next, struct transaction_step, link);
	list_remove(&step->link);
	return step;
}

void transaction_free(struct transaction *in)
{
	struct transaction_step *step;

	while ((step = transaction_next(in))) {
		free(step->publish);
		free(step);
	}
	free(in);
}

uint64_t transactions_oldest_ms(const struct transactions *t)
{
	return list_is_empty(&t->open) ? UINT64_MAX : transaction_of(t->open.next)->used_ms;
}

void transactions_touch(struct transactions *t, uint64_t now_ms)
{
	for (struct list *at = t->open.next; at != &t->open; at = at->next)
		transaction_of(at)->used_ms = now_ms;
}
