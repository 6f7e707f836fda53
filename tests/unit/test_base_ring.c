/* base/ring: first in, first out, also from one thread to another. */
#include "base/ring.h"

#include <check.h>
#include <pthread.h>
#include <sched.h>
#include <stdlib.h>

enum {
	ITEMS = 1000000
};

static char cells[ITEMS];

START_TEST(holds_as_many_as_it_has_slots)
{
	size_t size = (size_t)1 << _i;
	struct ring r;

	ring_init(&r, size);
	ck_assert_ptr_null(ring_pull(&r));
	ck_assert_uint_eq(ring_room(&r), size);
	for (size_t i = 0; i < size; i++) {
		ck_assert(ring_push(&r, &cells[i]));
		ck_assert_uint_eq(ring_room(&r), size - i - 1);
		ck_assert_uint_eq(ring_count(&r), i + 1);
	}
	ck_assert(!ring_push(&r, &cells[size]));
	ck_assert(!ring_push(&r, &cells[size]));
	for (size_t i = 0; i < size; i++)
		ck_assert_ptr_eq(ring_pull(&r), &cells[i]);
	ck_assert_ptr_null(ring_pull(&r));
	ck_assert_ptr_null(ring_pull(&r));
	ck_assert_uint_eq(ring_room(&r), size);
	ring_fini(&r);
}
END_TEST

/* At every fill level, many times around. */
START_TEST(keeps_the_order_around_its_end)
{
	size_t pushed = 0, pulled = 0;
	struct ring r;

	ring_init(&r, 8);
	for (size_t turn = 0; turn < 1000; turn++) {
		for (size_t n = turn % 9; n > 0 && ring_push(&r, &cells[pushed]); n--)
			pushed++;
		ck_assert_uint_eq(ring_room(&r), 8 - (pushed - pulled));
		ck_assert_uint_eq(ring_count(&r), pushed - pulled);
		for (size_t n = turn * 5 % 7; n > 0 && pulled < pushed; n--)
			ck_assert_ptr_eq(ring_pull(&r), &cells[pulled++]);
	}
	while (pulled < pushed)
		ck_assert_ptr_eq(ring_pull(&r), &cells[pulled++]);
	ck_assert_ptr_null(ring_pull(&r));
	ring_fini(&r);
}
END_TEST

/* One pulled from a full ring makes room for one. */
START_TEST(full_ring_takes_one_for_one)
{
	struct ring r;

	ring_init(&r, 4);
	for (size_t i = 0; i < 4; i++)
		ck_assert(ring_push(&r, &cells[i]));
	for (size_t i = 4; i < 100; i++) {
		ck_assert(!ring_push(&r, &cells[i]));
		ck_assert_ptr_eq(ring_pull(&r), &cells[i - 4]);
		ck_assert(ring_push(&r, &cells[i]));
	}
	ring_fini(&r);
}
END_TEST

/* The indexes count on for ever: their overflow must not show. */
START_TEST(survives_the_overflow_of_its_indexes)
{
	struct ring r;

	ring_init(&r, 4);
	atomic_store(&r.head, (size_t)-6);
	atomic_store(&r.tail, (size_t)-6);
	r.known_head = (size_t)-6;
	r.known_tail = (size_t)-6;
	for (size_t i = 0; i < 20; i += 4) {
		for (size_t n = 0; n < 4; n++)
			ck_assert(ring_push(&r, &cells[i + n]));
		ck_assert(!ring_push(&r, &cells[i]));
		for (size_t n = 0; n < 4; n++)
			ck_assert_ptr_eq(ring_pull(&r), &cells[i + n]);
		ck_assert_ptr_null(ring_pull(&r));
	}
	ring_fini(&r);
}
END_TEST

static void *produce(void *ring)
{
	for (size_t i = 0; i < ITEMS; i++) {
		/* A plain store: the ring alone must carry it over. */
		cells[i] = (char)(i % 101 + 1);
		while (!ring_push(ring, &cells[i]))
			sched_yield();
		/* Room that is promised is there, whatever the consumer does meanwhile. */
		for (size_t room = i % 997 == 0 ? ring_room(ring) : 0; room > 0 && i + 1 < ITEMS;
			room--) {
			i++;
			cells[i] = (char)(i % 101 + 1);
			if (!ring_push(ring, &cells[i]))
				return ring;
		}
	}
	return NULL;
}

START_TEST(carries_a_million_from_thread_to_thread)
{
	pthread_t producer;
	void *failed;
	struct ring r;

	ring_init(&r, _i == 0 ? 2 : 4096);
	ck_assert_int_eq(pthread_create(&producer, NULL, produce, &r), 0);
	for (size_t i = 0; i < ITEMS; i++) {
		char *cell;

		while (!(cell = ring_pull(&r)))
			sched_yield();
		if (cell != &cells[i] || *cell != (char)(i % 101 + 1))
			ck_abort_msg("item %zu is another, or came before its bytes", i);
	}
	ck_assert_int_eq(pthread_join(producer, &failed), 0);
	ck_assert_ptr_null(failed);
	ck_assert_ptr_null(ring_pull(&r));
	ring_fini(&r);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("base/ring");
	TCase *tc = tcase_create("ring");
	SRunner *runner;
	int failed;

	tcase_set_timeout(tc, 20);
	tcase_add_loop_test(tc, holds_as_many_as_it_has_slots, 0, 11);
	tcase_add_test(tc, keeps_the_order_around_its_end);
	tcase_add_test(tc, full_ring_takes_one_for_one);
	tcase_add_test(tc, survives_the_overflow_of_its_indexes);
	tcase_add_loop_test(tc, carries_a_million_from_thread_to_thread, 0, 2);
	suite_add_tcase(suite, tc);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
