/* base/wheel: exact to one tick, and fire() may do what it likes. */
#include "base/wheel.h"

#include "base/attr.h"
#include "base/mem.h"

#include <check.h>
#include <stdlib.h>

enum {
	TICK = WHEEL_TICK_MS,
	ROUND = WHEEL_TICK_MS * WHEEL_SLOTS,
	TIMERS = 300,
};

struct probe {
	struct wheel_timer timer;
	unsigned fired;
	uint64_t armed_tick; /* of the model */
	uint64_t at_ms;
	struct probe *other;
};

static struct wheel w;
static struct probe probes[TIMERS];

static struct probe *probe_of(struct wheel_timer *timer)
{
	return container_of(timer, struct probe, timer);
}

static void count(struct wheel_timer *timer)
{
	ck_assert(!wheel_is_armed(timer));
	probe_of(timer)->fired++;
}

static void start(uint64_t now_ms, size_t used, void (*fire)(struct wheel_timer *timer))
{
	wheel_init(&w, now_ms);
	for (size_t i = 0; i < used; i++) {
		probes[i] = (struct probe){ .fired = 0 };
		wheel_timer_init(&probes[i].timer, fire);
	}
}

/* Armed at `now`; walking on a millisecond at a time it fires at `fires`, never sooner. */
static const struct {
	uint64_t now;
	uint64_t at;
	uint64_t fires;
} moments[] = {
	{ 0, 1, TICK },
	{ 0, TICK - 1, TICK },
	{ 0, TICK, TICK },
	{ 0, TICK + 1, 2 * TICK },
	{ 0, ROUND - 1, ROUND },
	{ 0, ROUND, ROUND },
	{ 0, ROUND + 1, ROUND + TICK },
	{ 0, 4 * ROUND, 4 * ROUND },
	{ 0, 4 * ROUND + TICK, 4 * ROUND + TICK },
	{ 1234567, 1234567 + 10000, 1244600 },
	{ 1234599, 1234600, 1234600 },
	/* What is due already, fires on the next tick. */
	{ 1000, 1000, 1050 },
	{ 1000, 999, 1050 },
	{ 1000, 0, 1050 },
	{ 1049, 1001, 1050 },
};

START_TEST(fires_once_within_a_tick)
{
	uint64_t now = moments[_i].now;
	uint64_t end = moments[_i].fires + 3 * ROUND;

	start(now, 1, count);
	wheel_arm(&w, &probes[0].timer, moments[_i].at);
	ck_assert(wheel_is_armed(&probes[0].timer));
	for (; now < end; now++) {
		wheel_advance(&w, now);
		if (probes[0].fired != (now >= moments[_i].fires))
			ck_abort_msg("fired %u times at %ju", probes[0].fired, (uintmax_t)now);
	}
	ck_assert(!wheel_is_armed(&probes[0].timer));
}
END_TEST

START_TEST(never_is_never)
{
	start(0, 1, count);
	wheel_arm(&w, &probes[0].timer, UINT64_MAX);
	for (uint64_t now = 0; now < 3 * ROUND; now += TICK)
		wheel_advance(&w, now);
	ck_assert_uint_eq(probes[0].fired, 0);
	ck_assert(wheel_is_armed(&probes[0].timer));
}
END_TEST

START_TEST(arming_again_moves)
{
	start(0, 2, count);
	wheel_arm(&w, &probes[0].timer, 200);
	wheel_arm(&w, &probes[0].timer, 500); /* later */
	wheel_arm(&w, &probes[1].timer, 500);
	wheel_arm(&w, &probes[1].timer, 200); /* sooner */
	wheel_advance(&w, 450);
	ck_assert_uint_eq(probes[0].fired, 0);
	ck_assert_uint_eq(probes[1].fired, 1);
	wheel_advance(&w, 2 * ROUND);
	ck_assert_uint_eq(probes[0].fired, 1);
	ck_assert_uint_eq(probes[1].fired, 1);
}
END_TEST

START_TEST(stopped_does_not_fire)
{
	start(0, 3, count);
	for (size_t i = 0; i < 3; i++)
		wheel_arm(&w, &probes[i].timer, 200);
	wheel_stop(&probes[1].timer);
	wheel_stop(&probes[1].timer);
	ck_assert(!wheel_is_armed(&probes[1].timer));
	wheel_advance(&w, 2 * ROUND);
	ck_assert_uint_eq(probes[0].fired, 1);
	ck_assert_uint_eq(probes[1].fired, 0);
	ck_assert_uint_eq(probes[2].fired, 1);
	wheel_stop(&probes[0].timer);
	wheel_arm(&w, &probes[1].timer, 2 * ROUND + 200);
	wheel_advance(&w, 2 * ROUND + 200);
	ck_assert_uint_eq(probes[1].fired, 1);
}
END_TEST

/* However long the loop slept: all that is due, and only that. */
START_TEST(long_sleep)
{
	uint64_t wakes =
		(uint64_t[]){ ROUND - TICK, ROUND, ROUND + TICK, 10 * ROUND + 7, 1000000007u }[_i];

	start(0, TIMERS, count);
	for (size_t i = 0; i < TIMERS; i++) {
		/* Half of them just before and after the moment of waking. */
		probes[i].at_ms =
			i % 2 ? wakes / TIMERS * i + 1 : wakes - TIMERS * TICK / 2 + i * TICK;
		if (wakes < TIMERS * TICK / 2)
			probes[i].at_ms = i * TICK;
		wheel_arm(&w, &probes[i].timer, probes[i].at_ms);
	}
	wheel_advance(&w, wakes);
	for (size_t i = 0; i < TIMERS; i++) {
		uint64_t due = (probes[i].at_ms + TICK - 1) / TICK;

		ck_assert_uint_eq(probes[i].fired, due <= wakes / TICK);
	}
	wheel_advance(&w, wakes + ROUND);
	wheel_advance(&w, wakes + 2 * ROUND);
	for (size_t i = 0; i < TIMERS; i++)
		ck_assert_uint_eq(probes[i].fired, 1);
}
END_TEST

static uint64_t next_number(uint64_t *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 7;
	*state ^= *state << 17;
	return *state;
}

/* The model of one timer: when does it fire at the soonest? */
static uint64_t due_tick(const struct probe *p)
{
	uint64_t tick = (p->at_ms + TICK - 1) / TICK;

	return tick > p->armed_tick ? tick : p->armed_tick + 1;
}

START_TEST(agrees_with_a_naive_model)
{
	uint64_t state = 0x9e3779b97f4a7c15u * (uint64_t)(_i + 1), now = 5000000;
	bool armed[TIMERS] = { false };

	start(now, TIMERS, count);
	for (int n = 0; n < 20000; n++) {
		uint64_t number = next_number(&state);
		size_t i = number % TIMERS;

		if ((number >> 16) % 8 == 0) {
			wheel_stop(&probes[i].timer);
			armed[i] = false;
		} else {
			probes[i].at_ms = now + (number >> 32) % (3 * ROUND);
			probes[i].armed_tick = now / TICK;
			wheel_arm(&w, &probes[i].timer, probes[i].at_ms);
			armed[i] = true;
		}
		if (n % 4)
			continue;
		/* Mostly short steps, at times a sleep. */
		now += (number >> 20) % (n % 500 ? 300 : 5 * ROUND);
		wheel_advance(&w, now);
		for (i = 0; i < TIMERS; i++) {
			bool fires = armed[i] && due_tick(&probes[i]) <= now / TICK;

			armed[i] = armed[i] && !fires;
			if (probes[i].fired != fires ||
				wheel_is_armed(&probes[i].timer) != armed[i])
				ck_abort_msg(
					"step %d: timer %zu fired %u times", n, i, probes[i].fired);
			probes[i].fired = 0;
		}
	}
}
END_TEST

static unsigned freed;

static void free_self(struct wheel_timer *timer)
{
	freed++;
	free(probe_of(timer));
}

START_TEST(fire_may_free_its_timer)
{
	start(0, 2, count);
	wheel_arm(&w, &probes[0].timer, 100);
	for (int i = 0; i < 10; i++) {
		struct probe *p = mem_zalloc(sizeof(*p));

		wheel_timer_init(&p->timer, free_self);
		wheel_arm(&w, &p->timer, 100);
	}
	wheel_arm(&w, &probes[1].timer, 100);
	wheel_advance(&w, 100);
	ck_assert_uint_eq(freed, 10);
	ck_assert_uint_eq(probes[0].fired, 1);
	ck_assert_uint_eq(probes[1].fired, 1);
	wheel_advance(&w, 3 * ROUND);
	ck_assert_uint_eq(freed, 10);
}
END_TEST

static void free_other(struct wheel_timer *timer)
{
	struct probe *p = probe_of(timer);

	p->fired++;
	if (p->other) {
		wheel_stop(&p->other->timer);
		free(p->other);
		p->other = NULL;
		freed++;
	}
}

/* One of the same tick, whether it fires before or after; one of a later tick or round. */
START_TEST(fire_may_free_another_timer)
{
	const uint64_t at[] = { 100, 100, 100 + ROUND, 100 + 7 * ROUND, 2000 };

	start(0, 0, count);
	for (size_t i = 0; i < countof(at); i++) {
		for (int before = 0; before < 2; before++) {
			struct probe p = { .other = mem_zalloc(sizeof(p)) };

			wheel_init(&w, 0);
			wheel_timer_init(&p.timer, free_other);
			wheel_timer_init(&p.other->timer, count);
			if (before)
				wheel_arm(&w, &p.other->timer, at[i]);
			wheel_arm(&w, &p.timer, i == 1 ? 50 : 100);
			if (!before)
				wheel_arm(&w, &p.other->timer, at[i]);
			wheel_advance(&w, 10 * ROUND);
			ck_assert_uint_eq(p.fired, 1);
			ck_assert_ptr_null(p.other);
		}
	}
}
END_TEST

static void stop_all_others(struct wheel_timer *timer)
{
	probe_of(timer)->fired++;
	for (size_t i = 0; i < TIMERS; i++) {
		if (&probes[i].timer != timer)
			wheel_stop(&probes[i].timer);
	}
}

START_TEST(fire_may_stop_all_others)
{
	unsigned fired = 0;

	start(0, TIMERS, stop_all_others);
	for (size_t i = 0; i < TIMERS; i++)
		wheel_arm(&w, &probes[i].timer, 100 + i % 3 * ROUND);
	wheel_advance(&w, 10 * ROUND);
	for (size_t i = 0; i < TIMERS; i++)
		fired += probes[i].fired;
	ck_assert_uint_eq(fired, 1);
}
END_TEST

static void again(struct wheel_timer *timer)
{
	struct probe *p = probe_of(timer);

	p->fired++;
	wheel_arm(&w, timer, p->at_ms += ROUND); /* the same slot, a round later */
}

START_TEST(fire_may_arm_its_timer_for_the_same_slot)
{
	start(0, 3, again);
	for (size_t i = 0; i < 3; i++) {
		probes[i].at_ms = 100;
		wheel_arm(&w, &probes[i].timer, 100);
	}
	for (unsigned turn = 0; turn < 5; turn++) {
		wheel_advance(&w, 99 + (uint64_t)turn * ROUND);
		for (size_t i = 0; i < 3; i++)
			ck_assert_uint_eq(probes[i].fired, turn);
		wheel_advance(&w, 100 + (uint64_t)turn * ROUND);
		for (size_t i = 0; i < 3; i++)
			ck_assert_uint_eq(probes[i].fired, turn + 1);
	}
}
END_TEST

static void at_once(struct wheel_timer *timer)
{
	probe_of(timer)->fired++;
	wheel_arm(&w, timer, 0);
}

/* Armed for a time that has passed it waits for the next tick: the loop goes on. */
START_TEST(fire_may_arm_for_now)
{
	start(0, 1, at_once);
	wheel_arm(&w, &probes[0].timer, 0);
	for (unsigned tick = 1; tick < 2000; tick++) {
		wheel_advance(&w, (uint64_t)tick * TICK);
		ck_assert_uint_eq(probes[0].fired, tick);
	}
}
END_TEST

/* Before its first tick it does nothing, and twice the same time fires nothing twice. */
START_TEST(advance_to_the_same_time)
{
	start(1000, 1, count);
	wheel_advance(&w, 1000);
	wheel_arm(&w, &probes[0].timer, 1050);
	wheel_advance(&w, 1049);
	ck_assert_uint_eq(probes[0].fired, 0);
	wheel_advance(&w, 1050);
	wheel_advance(&w, 1050);
	ck_assert_uint_eq(probes[0].fired, 1);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("base/wheel");
	TCase *tc = tcase_create("wheel");
	SRunner *runner;
	int failed;

	tcase_add_loop_test(tc, fires_once_within_a_tick, 0, (int)countof(moments));
	tcase_add_test(tc, never_is_never);
	tcase_add_test(tc, arming_again_moves);
	tcase_add_test(tc, stopped_does_not_fire);
	tcase_add_loop_test(tc, long_sleep, 0, 5);
	tcase_add_loop_test(tc, agrees_with_a_naive_model, 0, 3);
	tcase_add_test(tc, fire_may_free_its_timer);
	tcase_add_test(tc, fire_may_free_another_timer);
	tcase_add_test(tc, fire_may_stop_all_others);
	tcase_add_test(tc, fire_may_arm_its_timer_for_the_same_slot);
	tcase_add_test(tc, fire_may_arm_for_now);
	tcase_add_test(tc, advance_to_the_same_time);
	suite_add_tcase(suite, tc);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
