/*
 * The laws of a queue: whatever comes and goes, each message waits, or is given
 * to one reader, or is gone; what is given is always the oldest that waits, and no
 * reader has more than its window; and what is left comes out in order.
 *
 * Each byte is something that happens: its lower bits say what, the others to whom.
 */
#include "broker/queue.h"

#include <assert.h>
#include <stdint.h>
#include <stdlib.h>

enum {
	READERS = 4,
	WINDOW = 3,
	MESSAGES = 12,
	MADE_MOST = 4096,
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What should be so, kept in the plainest way. */
struct world {
	struct queue queue;
	struct queue_limits limits;
	struct queue_totals totals;
	struct queue_reader readers[READERS];
	bool joined[READERS];
	uint64_t now;
	size_t made;
	size_t bytes; /* of one message, with its item */
};

static struct queue_item *item_of(struct list *link)
{
	return container_of(link, struct queue_item, link);
}

static void push(struct world *w)
{
	const struct bus_message content = { .destination = SPAN("/queue/a") };
	struct message *m;
	bool fits = w->queue.count < MESSAGES;

	if (w->made == MADE_MOST)
		return;
	w->made++;
	m = message_new(&content, "id", 1);
	w->bytes = sizeof(struct queue_item) + m->bytes;
	if (queue_push(&w->queue, m, false, w->now))
		return;
	assert(!fits);
	message_unref(m);
}

static void join(struct world *w, size_t i)
{
	if (w->joined[i])
		return;
	queue_reader_init(&w->readers[i], i % 2 == 0, WINDOW, SIZE_MAX);
	queue_attach(&w->queue, &w->readers[i]);
	w->joined[i] = true;
}

static void leave(struct world *w, size_t i, bool lost)
{
	if (!w->joined[i])
		return;
	queue_detach(&w->queue, &w->readers[i], lost);
	assert(list_is_empty(&w->readers[i].given));
	w->joined[i] = false;
}

static void deal(struct world *w)
{
	const struct queue_item *item;
	struct queue_reader *r;

	while ((item = queue_give(&w->queue, w->now, &r))) {
		assert(item->number == r->last && item->due_ms > w->now);
		assert(r->given.prev == &item->link && r->count <= WINDOW);
		assert(!queue_has_waiting(&w->queue) ||
			item_of(w->queue.waiting.next)->place > item->place);
	}
	for (size_t i = 0; i < READERS && queue_has_waiting(&w->queue); i++)
		assert(!w->joined[i] || w->readers[i].count == WINDOW);
}

/* No place twice, in their orders, and the sums are right. */
static void check(struct world *w)
{
	bool seen[MADE_MOST + 1] = { false };
	uint64_t before = 0;
	size_t count = 0;

	for (struct list *at = w->queue.waiting.next; at != &w->queue.waiting; at = at->next) {
		assert(item_of(at)->place > before && item_of(at)->number == 0);
		before = item_of(at)->place;
		seen[before] = true;
		count++;
	}
	for (size_t i = 0; i < READERS; i++) {
		struct queue_reader *r = &w->readers[i];
		bool was_passed = true;
		size_t given = 0;

		before = 0;
		for (struct list *at = r->given.next; w->joined[i] && at != &r->given;
			at = at->next) {
			const struct queue_item *item = item_of(at);

			assert(!seen[item->place] && item->number > before);
			assert(was_passed || !item->passed);
			seen[item->place] = true;
			before = item->number;
			was_passed = item->passed;
			given++;
		}
		assert(!w->joined[i] || r->count == given);
		count += given;
	}
	assert(w->queue.count == count && w->totals.bytes == count * w->bytes);
}

static void happen(struct world *w, uint8_t what)
{
	size_t who = what >> 3 & 3;
	struct queue_reader *r = &w->readers[who];
	uint64_t number = r->last - (what >> 5 & 3);

	switch (what & 7) {
	case 0:
		push(w);
		break;
	case 1:
		join(w, who);
		break;
	case 2:
		leave(w, who, what & 0x80);
		break;
	case 3:
		deal(w);
		break;
	case 4:
		if (w->joined[who])
			queue_passed(&w->queue, r, number);
		break;
	case 5:
	case 6:
		if (w->joined[who])
			queue_settle(
				&w->queue, r, what & 0x80 ? 0 : number, number, (what & 7) == 5);
		break;
	default:
		w->now += who;
		break;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct world w = { .limits = { MESSAGES, SIZE_MAX, 20, 2 } };
	const struct queue_totals *t = &w.totals;
	uint64_t before = 0;
	size_t left = 0;
	struct queue_item *item;

	queue_init(&w.queue, &w.limits, &w.totals);
	for (size_t i = 0; i < size; i++) {
		happen(&w, data[i]);
		check(&w);
	}
	for (size_t i = 0; i < READERS; i++)
		leave(&w, i, false);
	check(&w);
	while ((item = queue_pull(&w.queue))) {
		assert(item->place > before);
		before = item->place;
		left++;
		message_unref(item->message);
		free(item);
	}
	assert(t->bytes == 0 && w.queue.count == 0);
	assert(w.queue.last == t->taken + t->expired + t->rejected + left);
	queue_fini(&w.queue);
	return 0;
}
