/*
 * Returned messages nearly always belong to the front, in the order in which they
 * are returned: each is looked for from where the one before it was put.
 */
#include "broker/queue.h"

#include "base/mem.h"

#include <assert.h>
#include <stdlib.h>

static struct queue_item *item_of(struct list *link)
{
	return container_of(link, struct queue_item, link);
}

static size_t bytes_of(const struct queue_item *item)
{
	return sizeof(*item) + item->message->bytes;
}

void queue_init(struct queue *q, const struct queue_limits *limits, struct queue_totals *totals)
{
	*q = (struct queue){ .limits = limits, .totals = totals };
	list_init(&q->waiting);
	list_init(&q->ready);
	list_init(&q->full);
}

/* It is in no list any more. */
static void forget(struct queue *q, const struct queue_item *item)
{
	q->count--;
	q->totals->messages--;
	q->totals->bytes -= bytes_of(item);
}

static void drop(struct queue *q, struct queue_item *item)
{
	list_remove(&item->link);
	forget(q, item);
	message_unref(item->message);
	free(item);
}

void queue_fini(struct queue *q)
{
	assert(list_is_empty(&q->ready) && list_is_empty(&q->full));
	while (!list_is_empty(&q->waiting))
		drop(q, item_of(q->waiting.next));
}

void queue_expire(struct queue *q, uint64_t now_ms)
{
	while (!list_is_empty(&q->waiting)) {
		struct queue_item *first = item_of(q->waiting.next);

		if (first->due_ms > now_ms)
			return;
		drop(q, first);
		q->totals->expired++;
	}
}

bool queue_push(struct queue *q, struct message *m, bool redelivered, uint64_t now_ms)
{
	const struct queue_limits *most = q->limits;
	size_t bytes = sizeof(struct queue_item) + m->bytes;
	struct queue_item *item;

	queue_expire(q, now_ms);
	if (q->count >= most->messages || bytes > most->bytes ||
		q->totals->bytes > most->bytes - bytes)
		return false;
	item = mem_zalloc(sizeof(*item));
	item->message = m;
	item->place = ++q->last;
	item->due_ms = most->message_ms ? now_ms + most->message_ms : UINT64_MAX;
	item->redelivered = redelivered;
	list_push(&q->waiting, &item->link);
	q->count++;
	q->totals->messages++;
	q->totals->bytes += bytes;
	return true;
}

/* --- readers -------------------------------------------------------------- */

void queue_reader_init(struct queue_reader *r, bool answers, size_t count_most, size_t bytes_most)
{
	*r = (struct queue_reader){
		.answers = answers,
		.count_most = count_most,
		.bytes_most = bytes_most,
	};
	list_init(&r->link);
	list_init(&r->given);
}

static bool has_room(const struct queue_reader *r)
{
	return r->count < r->count_most && r->bytes < r->bytes_most;
}

/* Behind the others: each has its turn. */
static void line_up(struct queue *q, struct queue_reader *r)
{
	list_remove(&r->link);
	list_push(has_room(r) ? &q->ready : &q->full, &r->link);
}

/* Who has a place in the line keeps it. */
static void line_up_if_full(struct queue *q, struct queue_reader *r, bool was_full)
{
	if (was_full)
		line_up(q, r);
}

void queue_attach(struct queue *q, struct queue_reader *r)
{
	line_up(q, r);
}

static void leave_reader(struct queue_reader *r, struct queue_item *item)
{
	list_remove(&item->link);
	r->count--;
	if (!item->passed)
		r->bytes -= bytes_of(item);
}

/*
 * Puts it where it stood among those that wait. `after` is where looking begins:
 * the head, or one with a smaller place.
 */
static void put_back(struct queue *q, struct queue_item *item, struct list *after)
{
	if (!list_is_empty(&q->waiting) && item_of(q->waiting.prev)->place < item->place)
		after = q->waiting.prev;
	while (after->next != &q->waiting && item_of(after->next)->place < item->place)
		after = after->next;
	item->number = 0;
	item->passed = false;
	list_push(after->next, &item->link); /* before what follows `after` */
	q->totals->returned++;
}

/* Back into the queue, or, when that has happened too often, out of it. */
static struct list *give_back(struct queue *q, struct queue_item *item, struct list *after)
{
	if (q->limits->redeliveries > 0 && item->redeliveries > q->limits->redeliveries) {
		drop(q, item);
		q->totals->rejected++;
		return after;
	}
	if (after != &q->waiting && item_of(after)->place > item->place)
		after = &q->waiting;
	put_back(q, item, after);
	return &item->link;
}

void queue_detach(struct queue *q, struct queue_reader *r, bool lost)
{
	struct list *after = &q->waiting;
	bool is_first = true;

	while (!list_is_empty(&r->given)) {
		struct queue_item *item = item_of(r->given.next);
		bool seen = item->passed;

		leave_reader(r, item);
		item->redelivered |= seen || lost;
		item->redeliveries += seen && is_first;
		is_first = is_first && !seen;
		after = give_back(q, item, after);
	}
	list_remove(&r->link);
}

const struct queue_item *queue_give(struct queue *q, uint64_t now_ms, struct queue_reader **to)
{
	struct queue_reader *r = queue_next_reader(q);
	struct queue_item *item;

	queue_expire(q, now_ms);
	if (list_is_empty(&q->waiting) || !r)
		return NULL;
	item = item_of(q->waiting.next);
	list_remove(&item->link);
	list_push(&r->given, &item->link);
	item->number = ++r->last;
	r->count++;
	r->bytes += bytes_of(item);
	line_up(q, r);
	*to = r;
	return item;
}

void queue_passed(struct queue *q, struct queue_reader *r, uint64_t number)
{
	bool was_full = !has_room(r);
	struct list *at = &r->given;

	/* What is passed already stands before the rest. */
	while (at->prev != &r->given && !item_of(at->prev)->passed)
		at = at->prev;
	while (at != &r->given && item_of(at)->number <= number) {
		struct queue_item *item = item_of(at);

		at = at->next;
		if (r->answers) {
			item->passed = true;
			r->bytes -= bytes_of(item);
			continue;
		}
		leave_reader(r, item);
		drop(q, item);
		q->totals->taken++;
	}
	line_up_if_full(q, r, was_full);
}

void queue_settle(
	struct queue *q, struct queue_reader *r, uint64_t first, uint64_t last, bool taken)
{
	bool was_full = !has_room(r);
	struct list *after = &q->waiting;
	struct list *at = r->given.next;

	while (at != &r->given && item_of(at)->number <= last) {
		struct queue_item *item = item_of(at);

		at = at->next;
		if (item->number < first)
			continue;
		leave_reader(r, item);
		if (taken) {
			drop(q, item);
			q->totals->taken++;
			continue;
		}
		item->redelivered = true;
		item->redeliveries++;
		after = give_back(q, item, after);
	}
	line_up_if_full(q, r, was_full);
}

struct queue_item *queue_pull(struct queue *q)
{
	struct queue_item *item;

	if (list_is_empty(&q->waiting))
		return NULL;
	item = item_of(q->waiting.next);
	list_remove(&item->link);
	forget(q, item);
	return item;
}
