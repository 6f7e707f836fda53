/* redis/nodes: notes from node to node, on a real redis-server. */
#include "nodes_case.h"

START_TEST(ten_thousand_each_way_in_order)
{
	enum {
		COUNT = 10000
	};

	begin_all();
	for (unsigned i = 0; i < COUNT; i++) {
		tell(A, names[B], i);
		tell(B, names[A], i);
		if (i % 50 == 0)
			ev_run(w.loop, EVRUN_NOWAIT);
	}
	wait_for(all_heard, COUNT);
	(void)answer_to(A, "s", false);
	(void)answer_to(B, "s", false);
	for (size_t i = 0; i < NODES; i++) {
		ck_assert_uint_eq(heard[i].notes, COUNT);
		ck_assert_uint_eq(heard[i].gone, 0);
		ck_assert_uint_eq(w.nodes[i].got_count, 0);
		ck_assert_uint_eq(counters_of(i).notes_sent, COUNT);
		ck_assert_uint_eq(counters_of(i).notes_received, COUNT);
		ck_assert_uint_eq(counters_of(i).notes_lost, 0);
		ck_assert_uint_eq(counters_of(i).reconnects, 0);
	}
	world_fini(&w);
}
END_TEST

START_TEST(a_note_to_nobody_is_reported)
{
	begin_all();
	tell(A, "nobody", 0);
	wait_for(gone_reported, 1);
	ck_assert_str_eq(heard[A].name, "nobody");
	ck_assert_uint_eq(counters_of(A).notes_lost, 1);
	tell(A, names[B], 0);
	wait_for(b_heard, 1);
	/* From inside a report the next note may be sent. */
	heard[A].repeat = 3;
	tell(A, "nobody", 0);
	wait_for(gone_reported, 5);
	(void)answer_to(A, "s", false);
	ck_assert_uint_eq(heard[A].gone, 5);
	ck_assert_uint_eq(counters_of(A).notes_lost, 5);
	ck_assert_uint_eq(heard[B].gone, 0);
	world_fini(&w);
}
END_TEST

static bool b_is_not_listening(const struct world *world)
{
	(void)world;
	return number_from_redis("PUBSUB CHANNELS websocket-events:node:nodeB") == 0;
}

START_TEST(a_node_that_has_ended_is_reported)
{
	begin_all();
	tell(A, names[B], 0);
	wait_for(b_heard, 1);
	node_stop(&w, B);
	wait_for(b_is_not_listening, 0);
	tell(A, names[B], 1);
	wait_for(gone_reported, 1);
	ck_assert_str_eq(heard[A].name, names[B]);
	ck_assert_uint_eq(heard[B].notes, 1);
	/* It may come back, under the same name. */
	w.nodes[B].state = BUS_STARTING;
	start_node(B, &all_events);
	ck_assert(comes_within(&w, all_up, soon_s));
	tell(A, names[B], 1);
	wait_for(b_heard, 2);
	ck_assert_uint_eq(heard[A].gone, 1);
	world_fini(&w);
}
END_TEST

/* All that is told before the next tick becomes one report. */
START_TEST(notes_while_redis_is_away_are_lost)
{
	begin();
	start_node(A, &all_events);
	ck_assert(comes_within(&w, all_down, soon_s));
	heard[A].repeat = 1;
	tell(A, names[B], 0);
	tell(A, names[B], 1);
	wait_for(gone_reported, 2);
	ck_assert(!comes_within(&w, never, 0.2));
	ck_assert_uint_eq(heard[A].gone, 2);
	ck_assert_str_eq(heard[A].name, names[B]);
	ck_assert_uint_eq(counters_of(A).notes_lost, 3);
	ck_assert_uint_eq(counters_of(A).notes_sent, 0);
	world_fini(&w);
}
END_TEST

/* What is under way is bounded, and is reported too when Redis is given up. */
START_TEST(notes_to_a_stopped_redis_are_bounded)
{
	enum {
		COUNT = 1000,
		BYTES = 1000,
		BOUND = 64 << 10
	};

	begin();
	w.config.outbox_bytes = BOUND;
	w.config.answer_within = hangs_after_s;
	start_all(&all_events);
	redis_server_signal(&w.redis, SIGSTOP);
	for (unsigned i = 0; i < COUNT; i++)
		tell_long(A, span_of(names[B]), i, BYTES);
	ck_assert_uint_gt(counters_of(A).notes_sent, BOUND / BYTES / 2);
	ck_assert_uint_le(counters_of(A).notes_sent, BOUND / BYTES + 1);
	ck_assert_uint_eq(counters_of(A).notes_sent + counters_of(A).notes_lost, COUNT);
	ck_assert_uint_eq(heard[A].gone, 0);
	wait_for(gone_reported, 1);
	ck_assert_int_eq(w.nodes[A].state, BUS_UP);
	ck_assert(comes_within(&w, all_down, soon_s));
	wait_for(gone_reported, 2);
	ck_assert_uint_eq(heard[A].gone, 2);
	ck_assert_str_eq(heard[A].name, names[B]);
	ck_assert_uint_eq(counters_of(A).notes_lost, COUNT);
	redis_server_signal(&w.redis, SIGCONT);
	ck_assert(comes_within(&w, all_up, soon_s));
	heard[B] = (struct heard){ .late_ones = true, .next = COUNT };
	tell_long(A, span_of(names[B]), COUNT, BYTES);
	wait_for(b_heard, COUNT + 1);
	world_fini(&w);
}
END_TEST

START_TEST(answers_make_room_again)
{
	enum {
		COUNT = 100,
		BOUND = 1 << 10
	};

	begin();
	w.config.outbox_bytes = BOUND;
	start_all(&all_events);
	for (unsigned i = 0; i < COUNT; i++) {
		tell_long(A, span_of(names[B]), i, BOUND);
		(void)answer_to(A, "s", false);
	}
	wait_for(b_heard, COUNT);
	ck_assert_uint_eq(counters_of(A).notes_lost, 0);
	world_fini(&w);
}
END_TEST

/* However short the notes are. */
START_TEST(empty_notes_are_bounded_too)
{
	unsigned count = 0;

	begin();
	w.config.outbox_bytes = 1 << 10;
	start_all(&all_events);
	redis_server_signal(&w.redis, SIGSTOP);
	while (counters_of(A).notes_lost == 0 && count++ < 1000)
		tell_long(A, span_of(names[B]), 0, 0);
	ck_assert_uint_gt(count, 2);
	ck_assert_uint_lt(count, 100);
	world_fini(&w);
}
END_TEST

/* One report for all that was under way. Row 0: Redis dies. Row 1: it closes the connection. */
START_TEST(notes_are_reported_when_the_connection_ends)
{
	begin();
	start_all(&all_events);
	hold_publishing();
	for (unsigned i = 0; i < 100; i++)
		tell(A, names[B], i);
	ev_run(w.loop, EVRUN_NOWAIT);
	if (_i == 0)
		redis_server_kill(&w.redis);
	else
		cut_publishing();
	wait_for(gone_reported, 1);
	ck_assert_int_eq(w.nodes[A].state, BUS_DOWN);
	ck_assert(!comes_within(&w, never, 0.2));
	ck_assert_uint_eq(heard[A].gone, 1);
	ck_assert_uint_eq(counters_of(A).notes_lost, 100);
	ck_assert_uint_eq(heard[B].notes, 0);
	world_fini(&w);
}
END_TEST

START_TEST(long_names_and_notes)
{
	static const char longest[] = "0123456789012345678901234567890";
	char channel[301];

	begin();
	memset(channel, 'c', sizeof(channel) - 1);
	channel[sizeof(channel) - 1] = '\0';
	w.config.channel = channel;
	w.config.outbox_bytes = 1000; /* one that is longer goes alone */
	start_all(&all_events);
	tell_long(A, span_of(names[B]), 0, 10000);
	wait_for(b_heard, 1);
	tell(A, longest, 0);
	wait_for(gone_reported, 1);
	ck_assert_str_eq(heard[A].name, longest);
	tell(A, "01234567890123456789012345678901", 0);
	tell(A, "", 0);
	/* A name ends where its span does. */
	tell_long(A, (struct span){ "nodeBx", 5 }, 1, NUMBER_BYTES);
	wait_for(b_heard, 2);
	ck_assert_int_eq(answer_to(A, longest, true).owner, BUS_OWNER_SELF);
	ck_assert_int_eq(answer_to(B, longest, true).owner, BUS_OWNER_OTHER);
	ck_assert_uint_eq(heard[A].gone, 1);
	ck_assert_uint_eq(counters_of(A).notes_sent, 3);
	world_fini(&w);
}
END_TEST

START_TEST(events_may_be_missing)
{
	static const struct bus_events some = {
		.on_message = on_message, .on_accepted = on_accepted, .on_state = on_state
	};

	begin();
	redis_server_start(&w.redis, NULL);
	start_node(A, &all_events);
	start_node(B, &some);
	tell(B, names[A], 0);
	ck_assert(comes_within(&w, all_up, soon_s));
	tell(B, names[A], 0);
	(void)answer_to(B, "s", false);
	ck_assert_uint_eq(counters_of(B).notes_sent, 0);
	ck_assert_uint_eq(counters_of(B).notes_lost, 0);
	tell(A, names[B], 0);
	/* Redis has sent the note before this message, to the same connection. */
	(void)answer_to(A, "s", false);
	publish_number(&w.nodes[A], 1);
	wait_for(all_got, 1);
	ck_assert_uint_eq(counters_of(B).notes_received, 1);
	ck_assert_uint_eq(heard[A].notes + heard[B].notes + heard[A].gone, 0);
	world_fini(&w);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("redis/nodes");
	TCase *tc = tcase_create("notes");
	SRunner *runner;
	int failed;

	tcase_set_timeout(tc, 30);
	tcase_add_test(tc, ten_thousand_each_way_in_order);
	tcase_add_test(tc, a_note_to_nobody_is_reported);
	tcase_add_test(tc, a_node_that_has_ended_is_reported);
	tcase_add_test(tc, notes_while_redis_is_away_are_lost);
	tcase_add_test(tc, notes_to_a_stopped_redis_are_bounded);
	tcase_add_test(tc, answers_make_room_again);
	tcase_add_test(tc, empty_notes_are_bounded_too);
	tcase_add_loop_test(tc, notes_are_reported_when_the_connection_ends, 0, 2);
	tcase_add_test(tc, long_names_and_notes);
	tcase_add_test(tc, events_may_be_missing);
	suite_add_tcase(suite, tc);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
