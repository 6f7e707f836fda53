/* redis/bus: what reaches whom, how often and in which order, on a real redis-server. */
#include "bus_case.h"

static const double back_within_s = 2.5; /* after Redis answers again */

static void ck_assert_numbers(const unsigned *is, size_t count, unsigned first, size_t expected)
{
	ck_assert_uint_eq(count, expected);
	for (size_t i = 0; i < count; i++)
		ck_assert_uint_eq(is[i], first + i);
}

static struct bus_counters counters_of(const struct node *n)
{
	struct bus_counters c;

	bus_counters(n->bus, &c);
	return c;
}

/* A SEND of a Spring server. */
static void publish_raw(const struct world *w, struct span payload)
{
	const char *argv[] = { "PUBLISH", w->config.channel, payload.at };
	const size_t lens[] = { 7, strlen(w->config.channel), payload.len };

	ck_assert(redis_server_tell(&w->redis, 3, argv, lens));
}

START_TEST(local_bus_is_one_node)
{
	static struct node n;
	const char *why = NULL;

	n.state = BUS_DOWN;
	n.bus = bus_local_new(&node_events, &n);
	ck_assert_int_eq(n.state, BUS_UP);
	ck_assert_int_eq(bus_state(n.bus, &why), BUS_UP);
	ck_assert_str_eq(why, "");
	for (unsigned i = 0; i < 3; i++)
		publish_number(&n, i);
	ck_assert_numbers(n.got, n.got_count, 0, 3);
	ck_assert_numbers(n.accepted, n.accepted_count, 0, 3);
	ck_assert_int_eq(n.how[2], BUS_ACCEPTED);
	ck_assert_str_eq(n.type, "application/json");
	publish_body(&n, 3, SPAN("hi"));
	ck_assert_str_eq(n.type, "text/plain;charset=UTF-8");
	ck_assert_uint_eq(bus_pending(n.bus), 0);
	ck_assert_uint_eq(counters_of(&n).published, 4);
	ck_assert_uint_eq(counters_of(&n).received, 4);
	bus_free(n.bus);
	bus_free(NULL);
}
END_TEST

START_TEST(redis_may_come_later)
{
	static struct world w;
	const char *why = NULL;

	world_init(&w);
	node_start(&w, 0);
	node_start(&w, 1);
	ck_assert_int_eq(w.nodes[0].state, BUS_STARTING);
	ck_assert(comes_within(&w, all_down, soon_s));
	ck_assert_int_eq(bus_state(w.nodes[0].bus, &why), BUS_DOWN);
	ck_assert_ptr_nonnull(strstr(why, "Connection refused"));
	publish_number(&w.nodes[0], 0);
	ck_assert_uint_eq(w.nodes[0].got_count, 1);
	ck_assert_int_eq(w.nodes[0].how[0], BUS_LOCAL);
	redis_server_start(&w.redis, NULL);
	ck_assert(comes_within(&w, all_up, back_within_s));
	publish_number(&w.nodes[0], 1);
	w.wanted = 1;
	ck_assert(comes_within(&w, all_got, soon_s));
	ck_assert_uint_eq(w.nodes[1].got[0], 1);
	world_fini(&w);
}
END_TEST

START_TEST(redis_may_restart)
{
	struct world *w = world_of(NODES);
	ev_tstamp from;

	redis_server_kill(&w->redis);
	ck_assert(comes_within(w, all_down, soon_s));
	/* Long enough for the pauses to have grown. */
	ck_assert(!comes_within(w, never, 2.));
	redis_server_start(&w->redis, NULL);
	from = ev_time();
	ck_assert(comes_within(w, all_up, back_within_s));
	for (size_t i = 0; i < NODES; i++) {
		w->nodes[0].got_count = 0;
		w->nodes[1].got_count = 0;
		publish_number(&w->nodes[i], 7);
		w->wanted = 1;
		ck_assert(comes_within(w, all_got, back_within_s));
		ck_assert_uint_eq(w->nodes[1 - i].got[0], 7);
	}
	ck_assert_double_lt(ev_time() - from, back_within_s);
	ck_assert_uint_eq(counters_of(&w->nodes[0]).reconnects, 1);
	world_fini(w);
}
END_TEST

START_TEST(a_thousand_each_once_in_order)
{
	enum {
		COUNT = 1000
	};
	struct world *w = world_of(NODES);

	for (unsigned i = 0; i < COUNT; i++) {
		publish_number(&w->nodes[0], i);
		publish_number(&w->nodes[1], COUNT + i);
		if (i % 50 == 0)
			ev_run(w->loop, EVRUN_NOWAIT);
	}
	w->wanted = 2 * (size_t)COUNT;
	ck_assert(comes_within(w, all_got, soon_s));
	w->wanted = COUNT;
	ck_assert(comes_within(w, all_accepted, soon_s));
	for (size_t i = 0; i < NODES; i++) {
		const struct node *n = &w->nodes[i];
		unsigned next[NODES] = { 0, COUNT };

		ck_assert_uint_eq(n->got_count, 2 * COUNT);
		for (size_t at = 0; at < n->got_count; at++)
			ck_assert_uint_eq(n->got[at], next[n->got[at] >= COUNT]++);
		/* One order for all. */
		ck_assert_mem_eq(n->got, w->nodes[0].got, sizeof(unsigned) * 2 * COUNT);
		ck_assert_numbers(n->accepted, n->accepted_count, i ? COUNT : 0, COUNT);
		ck_assert_int_eq(n->how[COUNT - 1], BUS_ACCEPTED);
		ck_assert_uint_eq(counters_of(n).outbox_bytes, 0);
		ck_assert_uint_eq(counters_of(n).published, COUNT);
	}
	world_fini(w);
}
END_TEST

START_TEST(headers_and_types_travel)
{
	static const struct bus_header headers[] = { { SPAN("a"), SPAN("1") },
		{ SPAN("a"), SPAN("") } };
	struct world *w = world_of(NODES);
	const struct bus_message m = { .destination = SPAN("/sub/a"),
		.content_type = SPAN("text/x"),
		.headers = headers,
		.header_count = countof(headers),
		.body = SPAN("2"),
		.body_is_utf8 = true };

	publish_number(&w->nodes[0], 1);
	bus_publish(w->nodes[0].bus, &m, (void *)(uintptr_t)2);
	publish_number(&w->nodes[0], 3);
	w->wanted = 3;
	ck_assert(comes_within(w, all_got, soon_s));
	ck_assert(comes_within(w, all_accepted, soon_s));
	ck_assert_numbers(w->nodes[1].got, w->nodes[1].got_count, 1, 3);
	ck_assert_numbers(w->nodes[0].accepted, w->nodes[0].accepted_count, 1, 3);
	ck_assert_str_eq(w->nodes[1].type, "application/json");
	bus_publish(w->nodes[0].bus, &m, (void *)(uintptr_t)4);
	w->wanted = 4;
	ck_assert(comes_within(w, all_got, soon_s));
	for (size_t i = 0; i < NODES; i++) {
		ck_assert_str_eq(w->nodes[i].type, "text/x");
		ck_assert_str_eq(w->nodes[i].headers, "a=1;a=;");
	}
	world_fini(w);
}
END_TEST

START_TEST(spring_is_heard_and_nonsense_is_counted)
{
	struct world *w = world_of(NODES);

	publish_raw(w, SPAN("not json"));
	publish_raw(w, SPAN("{\"content\":1}"));
	publish_raw(w, SPAN("{\"destination\":\"/sub/a\"}"));
	publish_raw(w, SPAN("\xac\xed\0\x05sr"));
	publish_raw(w, SPAN(""));
	publish_raw(w, SPAN("{\"destination\":\"/sub/a\",\"content\":5}"));
	w->wanted = 1;
	ck_assert(comes_within(w, all_got, soon_s));
	for (size_t i = 0; i < NODES; i++) {
		ck_assert_numbers(w->nodes[i].got, w->nodes[i].got_count, 5, 1);
		ck_assert_uint_eq(counters_of(&w->nodes[i]).unreadable, 5);
		ck_assert_uint_eq(counters_of(&w->nodes[i]).received, 1);
		ck_assert_int_eq(w->nodes[i].state, BUS_UP);
	}
	world_fini(w);
}
END_TEST

/* What is under way when both connections hang comes to this node's subscribers, once. */
static void stop_and_go_on(unsigned count, int bytes)
{
	struct world *w = world_of(NODES);

	redis_server_signal(&w->redis, SIGSTOP);
	for (unsigned i = 0; i < count; i++)
		publish_long(&w->nodes[0], i, bytes);
	ck_assert(comes_within(w, all_down, w->config.answer_within * 2 + 0.2 + soon_s / 10));
	ck_assert_ptr_nonnull(strstr(w->nodes[0].why, "for "));
	ck_assert_numbers(w->nodes[0].got, w->nodes[0].got_count, 0, count);
	ck_assert_numbers(w->nodes[0].accepted, w->nodes[0].accepted_count, 0, count);
	for (size_t i = 0; i < count; i++)
		ck_assert_int_eq(w->nodes[0].how[i], BUS_LOCAL);
	ck_assert_uint_eq(bus_pending(w->nodes[0].bus), 0);
	/* New connections are begun meanwhile; the kernel takes them for Redis. */
	ck_assert(!comes_within(w, never, 0.25));
	redis_server_signal(&w->redis, SIGCONT);
	ck_assert(comes_within(w, all_up, soon_s));
	publish_number(&w->nodes[0], count);
	w->wanted = count + 1;
	ck_assert(comes_within(w, all_accepted, soon_s));
	ck_assert(!comes_within(w, never, 0.1));
	ck_assert_numbers(w->nodes[0].got, w->nodes[0].got_count, 0, count + 1);
	world_fini(w);
}

START_TEST(a_hanging_redis_is_noticed)
{
	stop_and_go_on(20, 10);
}
END_TEST

/* More than Redis reads from a connection at a time. */
START_TEST(late_echoes_are_not_heard)
{
	stop_and_go_on(100, 8000);
}
END_TEST

START_TEST(a_killed_subscription_loses_nothing_here)
{
	enum {
		COUNT = 200
	};
	struct world *w = world_of(NODES);

	for (unsigned i = 0; i < COUNT; i++) {
		publish_number(&w->nodes[0], i);
		if (i % 20 == 0)
			ev_run(w->loop, EVRUN_NOWAIT);
		if (i == COUNT / 2)
			ck_assert(redis_server_command(&w->redis, "CLIENT KILL TYPE pubsub"));
	}
	w->wanted = COUNT;
	ck_assert(comes_within(w, all_accepted, soon_s));
	ck_assert(comes_within(w, all_up, soon_s));
	ck_assert_uint_eq(counters_of(&w->nodes[0]).reconnects, 1);
	publish_number(&w->nodes[0], COUNT);
	w->wanted = COUNT + 1;
	ck_assert(comes_within(w, all_accepted, soon_s));
	ck_assert(!comes_within(w, never, 0.1));
	ck_assert_numbers(w->nodes[0].got, w->nodes[0].got_count, 0, COUNT + 1);
	ck_assert_numbers(w->nodes[0].accepted, w->nodes[0].accepted_count, 0, COUNT + 1);
	ck_assert_int_eq(w->nodes[0].how[COUNT], BUS_ACCEPTED);
	world_fini(w);
}
END_TEST

/* An owner that publishes from inside an event, just when the bus goes down. */
START_TEST(order_holds_for_publishes_from_events)
{
	enum {
		COUNT = 20
	};
	struct world *w = world_of(1);
	struct node *n = &w->nodes[0];

	n->republish = n;
	redis_server_signal(&w->redis, SIGSTOP);
	for (unsigned i = 0; i < COUNT; i++)
		publish_number(n, i);
	ck_assert(comes_within(w, all_down, soon_s));
	ck_assert_uint_eq(n->got_count, 2 * COUNT);
	ck_assert_numbers(n->got, COUNT, 0, COUNT);
	ck_assert_numbers(n->got + COUNT, COUNT, 1000, COUNT);
	ck_assert_uint_eq(n->accepted_count, 2 * COUNT);
	ck_assert_numbers(n->accepted, COUNT, 0, COUNT);
	ck_assert_numbers(n->accepted + COUNT, COUNT, 1000, COUNT);
	world_fini(w);
}
END_TEST

START_TEST(refuses_while_down)
{
	static struct world w;

	world_init(&w);
	w.config.deliver_while_down = false;
	redis_server_start(&w.redis, NULL);
	node_start(&w, 0);
	publish_number(&w.nodes[0], 0);
	ck_assert_int_eq(w.nodes[0].how[0], BUS_REFUSED);
	ck_assert(comes_within(&w, all_up, soon_s));
	redis_server_signal(&w.redis, SIGSTOP);
	publish_number(&w.nodes[0], 1);
	publish_number(&w.nodes[0], 2);
	ck_assert(comes_within(&w, all_down, soon_s));
	publish_number(&w.nodes[0], 3);
	ck_assert_numbers(w.nodes[0].accepted, w.nodes[0].accepted_count, 0, 4);
	for (size_t i = 0; i < 4; i++)
		ck_assert_int_eq(w.nodes[0].how[i], BUS_REFUSED);
	ck_assert_uint_eq(w.nodes[0].got_count, 0);
	ck_assert_uint_eq(counters_of(&w.nodes[0]).refused, 4);
	world_fini(&w);
}
END_TEST

/* Redis does not keep up: the bus goes down, so that what is under way keeps its place. */
/* A loop that stood still has not read what Redis answered long ago: that is no silence. */
START_TEST(our_own_stall_is_forgiven)
{
	struct world *w = world_of(1);

	publish_number(&w->nodes[0], 1);
	(void)comes_within(w, never, 0.01); /* it is on its way */
	ev_sleep(4 * w->config.answer_within);
	w->wanted = 1;
	ck_assert(comes_within(w, all_accepted, soon_s));
	ck_assert(comes_within(w, all_got, soon_s));
	ck_assert_int_eq(w->nodes[0].how[0], BUS_ACCEPTED);
	(void)comes_within(w, never, 2 * w->config.answer_within); /* the deadlines are looked at */
	ck_assert_int_eq(w->nodes[0].state, BUS_UP);
	ck_assert_uint_eq(counters_of(&w->nodes[0]).reconnects, 0);
	world_fini(w);
}
END_TEST

/* Who asks before publishing stops at the limit, loses nothing, and may go on afterwards. */
START_TEST(the_outbox_has_a_limit)
{
	static struct world w;
	size_t bound = 64 << 10;
	unsigned i = 0;

	world_init(&w);
	w.config.outbox_bytes = bound;
	redis_server_start(&w.redis, NULL);
	node_start(&w, 0);
	ck_assert(comes_within(&w, all_up, soon_s));
	redis_server_signal(&w.redis, SIGSTOP);
	for (; !bus_load(w.nodes[0].bus).full && i < 100; i++)
		publish_long(&w.nodes[0], i, 8000);
	ck_assert_uint_gt(i, 4);
	ck_assert_uint_lt(i, 10);
	ck_assert_uint_le(counters_of(&w.nodes[0]).outbox_bytes, bound + 9000);
	ck_assert_int_eq(w.nodes[0].state, BUS_UP);
	ck_assert(comes_within(&w, all_down, soon_s));
	ck_assert(!bus_load(w.nodes[0].bus).full);
	ck_assert_uint_eq(bus_load(w.nodes[0].bus).messages, 0);
	ck_assert_numbers(w.nodes[0].got, w.nodes[0].got_count, 0, i);
	ck_assert_numbers(w.nodes[0].accepted, w.nodes[0].accepted_count, 0, i);
	ck_assert_uint_eq(counters_of(&w.nodes[0]).local_only, i);
	ck_assert_uint_eq(counters_of(&w.nodes[0]).outbox_bytes, 0);
	world_fini(&w);
}
END_TEST

START_TEST(too_large_is_told_in_order)
{
	static struct world w;

	world_init(&w);
	w.config.max_payload = 1000;
	redis_server_start(&w.redis, NULL);
	node_start(&w, 0);
	ck_assert(comes_within(&w, all_up, soon_s));
	publish_number(&w.nodes[0], 0);
	publish_long(&w.nodes[0], 1, 1000);
	publish_number(&w.nodes[0], 2);
	ck_assert_uint_eq(w.nodes[0].accepted_count, 0);
	ck_assert_uint_eq(bus_pending(w.nodes[0].bus), 3);
	w.wanted = 3;
	ck_assert(comes_within(&w, all_accepted, soon_s));
	ck_assert_numbers(w.nodes[0].accepted, w.nodes[0].accepted_count, 0, 3);
	ck_assert_int_eq(w.nodes[0].how[0], BUS_ACCEPTED);
	ck_assert_int_eq(w.nodes[0].how[1], BUS_TOO_LARGE);
	ck_assert_int_eq(w.nodes[0].how[2], BUS_ACCEPTED);
	publish_long(&w.nodes[0], 3, 1000);
	ck_assert_int_eq(w.nodes[0].how[3], BUS_TOO_LARGE);
	w.wanted = 2;
	ck_assert(comes_within(&w, all_got, soon_s));
	ck_assert_uint_eq(w.nodes[0].got[1], 2);
	world_fini(&w);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("redis/bus");
	TCase *tc = tcase_create("bus");
	SRunner *runner;
	int failed;

	tcase_set_timeout(tc, 30);
	tcase_add_test(tc, local_bus_is_one_node);
	tcase_add_test(tc, redis_may_come_later);
	tcase_add_test(tc, redis_may_restart);
	tcase_add_test(tc, a_thousand_each_once_in_order);
	tcase_add_test(tc, headers_and_types_travel);
	tcase_add_test(tc, spring_is_heard_and_nonsense_is_counted);
	tcase_add_test(tc, a_hanging_redis_is_noticed);
	tcase_add_test(tc, late_echoes_are_not_heard);
	tcase_add_test(tc, a_killed_subscription_loses_nothing_here);
	tcase_add_test(tc, order_holds_for_publishes_from_events);
	tcase_add_test(tc, refuses_while_down);
	tcase_add_test(tc, our_own_stall_is_forgiven);
	tcase_add_test(tc, the_outbox_has_a_limit);
	tcase_add_test(tc, too_large_is_told_in_order);
	suite_add_tcase(suite, tc);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
