/*
 * Timer wheel: cheap to arm, cheap to forget, exact to one tick. Meant for the
 * heart-beats and deadlines of many clients; one wheel per event loop.
 *
 * Times are milliseconds of one clock that never goes back.
 */
#ifndef BASE_WHEEL_H
#define BASE_WHEEL_H

#include "base/list.h"

#include <stdint.h>

enum {
	WHEEL_TICK_MS = 50,
	WHEEL_SLOTS = 512,
};

struct wheel_timer {
	struct list link; /* in a slot, or in itself while not armed */
	uint64_t due;     /* tick */
	void (*fire)(struct wheel_timer *timer);
};

struct wheel {
	struct list slots[WHEEL_SLOTS];
	uint64_t now; /* tick up to which all has fired */
};

void wheel_init(struct wheel *w, uint64_t now_ms);

/* `fire` may arm, stop or free any timer of the wheel, its own included. */
void wheel_timer_init(struct wheel_timer *timer, void (*fire)(struct wheel_timer *timer));

/* Fires once, at the first wheel_advance() at or after `at_ms`. Arming again moves it. */
void wheel_arm(struct wheel *w, struct wheel_timer *timer, uint64_t at_ms);

/* Does nothing when it is not armed. */
void wheel_stop(struct wheel_timer *timer);

static inline bool wheel_is_armed(const struct wheel_timer *timer)
{
	return !list_is_empty(&timer->link);
}

/* Fires everything that is due at now_ms. */
void wheel_advance(struct wheel *w, uint64_t now_ms);

#endif
