#include "base/wheel.h"

#include "base/attr.h"

void wheel_init(struct wheel *w, uint64_t now_ms)
{
	for (size_t i = 0; i < WHEEL_SLOTS; i++)
		list_init(&w->slots[i]);
	w->now = now_ms / WHEEL_TICK_MS;
}

void wheel_timer_init(struct wheel_timer *timer, void (*fire)(struct wheel_timer *timer))
{
	list_init(&timer->link);
	timer->due = 0;
	timer->fire = fire;
}

void wheel_arm(struct wheel *w, struct wheel_timer *timer, uint64_t at_ms)
{
	list_remove(&timer->link);
	timer->due = at_ms / WHEEL_TICK_MS + (at_ms % WHEEL_TICK_MS != 0);
	if (timer->due <= w->now)
		timer->due = w->now + 1;
	list_push(&w->slots[timer->due % WHEEL_SLOTS], &timer->link);
}

void wheel_stop(struct wheel_timer *timer)
{
	list_remove(&timer->link);
}

/* Timers of later rounds share the slot: they go back where they were. */
static void fire_slot(struct wheel *w)
{
	struct list *slot = &w->slots[w->now % WHEEL_SLOTS];
	struct list due;

	list_take(&due, slot);
	while (!list_is_empty(&due)) {
		struct wheel_timer *timer = container_of(due.next, struct wheel_timer, link);

		list_remove(&timer->link);
		if (timer->due > w->now)
			list_push(slot, &timer->link);
		else
			timer->fire(timer);
	}
}

void wheel_advance(struct wheel *w, uint64_t now_ms)
{
	uint64_t until = now_ms / WHEEL_TICK_MS;

	/* After a long sleep one round visits every slot; more rounds would find nothing new. */
	if (until > w->now + WHEEL_SLOTS)
		w->now = until - WHEEL_SLOTS;
	while (w->now < until) {
		w->now++;
		fire_slot(w);
	}
}
