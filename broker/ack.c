/*
 * A delivery moves from `waiting` to `unacked` and ends when it is answered, or
 * moves to `ended` with its subscription. The lists are searched from their
 * oldest member, since that is what clients answer first; limits.unacked bounds
 * the search of a client that does not.
 */
#include "broker/ack.h"

#include "base/mem.h"
#include "broker/topic.h"
#include "broker/wire.h"

#include <stdio.h>
#include <stdlib.h>

static struct delivery *delivery_of(struct list *link)
{
	return container_of(link, struct delivery, link);
}

struct acks *acks_new(size_t most)
{
	struct acks *a = mem_zalloc(sizeof(*a));

	a->most = most;
	list_init(&a->unacked);
	list_init(&a->ended);
	list_init(&a->waiting);
	return a;
}

static void end_delivery(struct delivery *d)
{
	list_remove(&d->link);
	wire_unref(d->wire);
	subscription_unref(d->subscription);
	free(d);
}

static void end_all(struct list *deliveries)
{
	while (!list_is_empty(deliveries))
		end_delivery(delivery_of(deliveries->next));
}

void acks_free(struct acks *a)
{
	if (!a)
		return;
	end_all(&a->unacked);
	end_all(&a->ended);
	end_all(&a->waiting);
	free(a);
}

static size_t bytes_of(const struct delivery *d)
{
	return d->wire->len + d->subscription->line_len;
}

struct delivery *acks_push(struct acks *a, struct wire *wire, struct subscription *subscription,
	const char *id, uint64_t now_ms)
{
	struct delivery *d = mem_zalloc(sizeof(*d));

	d->wire = wire;
	d->subscription = subscription_ref(subscription);
	snprintf(d->id, sizeof(d->id), "%s", id);
	if (a->waiting_count == 0)
		a->since_ms = now_ms;
	list_push(&a->waiting, &d->link);
	a->waiting_count++;
	a->waiting_bytes += bytes_of(d);
	return d;
}

bool acks_have_room(const struct acks *a)
{
	return a->waiting_count == 0 && a->unacked_count < a->most;
}

static void leave_waiting(struct acks *a, struct delivery *d)
{
	a->waiting_count--;
	a->waiting_bytes -= bytes_of(d);
	list_remove(&d->link);
}

static void forget_the_oldest(struct acks *a)
{
	while (a->ended_count > 0 && a->unacked_count + a->ended_count > a->most) {
		end_delivery(delivery_of(a->ended.next));
		a->ended_count--;
	}
}

const struct delivery *acks_pull(struct acks *a, struct wire **wire, uint64_t now_ms)
{
	struct delivery *d;

	if (a->waiting_count == 0 || a->unacked_count >= a->most)
		return NULL;
	d = delivery_of(a->waiting.next);
	leave_waiting(a, d);
	a->since_ms = now_ms;
	*wire = d->wire;
	d->wire = NULL;
	d->number = ++a->last;
	list_push(&a->unacked, &d->link);
	a->unacked_count++;
	forget_the_oldest(a);
	return d;
}

static struct delivery *find(const struct list *in, uint64_t number)
{
	for (struct list *at = in->next; at != in; at = at->next) {
		if (delivery_of(at)->number == number)
			return delivery_of(at);
	}
	return NULL;
}

const struct delivery *acks_find(const struct acks *a, uint64_t number)
{
	const struct delivery *d = find(&a->unacked, number);

	return d ? d : find(&a->ended, number);
}

/* As it was written: no sign, no leading zero. 0 is never a number. */
static uint64_t read_number(struct span text)
{
	uint64_t number = 0;

	if (text.len == 0 || text.at[0] == '0')
		return 0;
	for (size_t i = 0; i < text.len; i++) {
		if (text.at[i] < '0' || text.at[i] > '9' ||
			__builtin_mul_overflow(number, 10u, &number) ||
			__builtin_add_overflow(number, (uint64_t)(text.at[i] - '0'), &number))
			return 0;
	}
	return number;
}

const struct delivery *acks_by_number(const struct acks *a, struct span text)
{
	uint64_t number = read_number(text);

	return number ? acks_find(a, number) : NULL;
}

const struct delivery *acks_by_message(
	const struct acks *a, struct span id, struct span subscription)
{
	const struct list *const lists[] = { &a->unacked, &a->ended };

	for (size_t i = 0; i < countof(lists); i++) {
		for (struct list *at = lists[i]->next; at != lists[i]; at = at->next) {
			const struct delivery *d = delivery_of(at);

			if (span_eq(span_of(d->id), id) &&
				(!subscription.at ||
					span_eq(subscription_id(d->subscription), subscription)))
				return d;
		}
	}
	return NULL;
}

static size_t settle(struct list *in, struct delivery *last)
{
	const struct subscription *subscription = last->subscription;
	bool cumulative = subscription->ack == SUBSCRIPTION_CLIENT;
	struct list *at = cumulative ? in->next : &last->link;
	bool more = true;
	size_t count = 0;

	while (more) {
		struct delivery *d = delivery_of(at);

		at = at->next;
		more = d != last;
		if (d->subscription == subscription) {
			end_delivery(d);
			count++;
		}
	}
	return count;
}

size_t acks_settle(struct acks *a, uint64_t number)
{
	struct delivery *d = find(&a->unacked, number);
	size_t count;

	if (d) {
		count = settle(&a->unacked, d);
		a->unacked_count -= count;
		return count;
	}
	d = find(&a->ended, number);
	if (!d)
		return 0;
	count = settle(&a->ended, d);
	a->ended_count -= count;
	return count;
}

void acks_end(struct acks *a, const struct subscription *subscription)
{
	struct list *at, *next;

	for (at = a->waiting.next; at != &a->waiting; at = next) {
		next = at->next;
		if (delivery_of(at)->subscription == subscription) {
			leave_waiting(a, delivery_of(at));
			end_delivery(delivery_of(at));
		}
	}
	for (at = a->unacked.next; at != &a->unacked; at = next) {
		next = at->next;
		if (delivery_of(at)->subscription == subscription) {
			list_remove(at);
			list_push(&a->ended, at);
			a->unacked_count--;
			a->ended_count++;
		}
	}
	forget_the_oldest(a);
}

void acks_drop_waiting(struct acks *a)
{
	end_all(&a->waiting);
	a->waiting_count = 0;
	a->waiting_bytes = 0;
}
