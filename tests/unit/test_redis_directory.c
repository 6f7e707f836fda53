/* redis/nodes: the directory of claims, on a real redis-server. */
#include "nodes_case.h"

enum {
	KEYS = 20 /* that are asked for at once */
};

static const char key_of_s[] = "websocket-events:owner:s";

static void ck_assert_owner(size_t from, bool take, enum bus_owner owner, const char *node)
{
	struct question q = answer_to(from, "s", take);

	ck_assert_int_eq(q.owner, owner);
	ck_assert_str_eq(q.node, node);
}

static long long lease_left(void)
{
	char command[128];

	snprintf(command, sizeof(command), "PTTL %s", key_of_s);
	return number_from_redis(command);
}

static void set_lease(unsigned ms)
{
	char command[128];

	snprintf(command, sizeof(command), "PEXPIRE %s %u", key_of_s, ms);
	ck_assert_int_eq(number_from_redis(command), 1);
}

static bool has_lapsed(const struct world *world)
{
	(void)world;
	return lease_left() == -2;
}

START_TEST(two_at_once_are_not_both_the_owner)
{
	struct question q[NODES][KEYS] = { 0 };

	begin_all();
	for (unsigned i = 0; i < KEYS; i++) {
		char key[16];

		snprintf(key, sizeof(key), "key/%u", i);
		ask(i % 2, key, true, &q[i % 2][i]);
		ask(1 - i % 2, key, true, &q[1 - i % 2][i]);
	}
	wait_for(all_answered, 0);
	for (unsigned i = 0; i < KEYS; i++) {
		size_t winner = q[A][i].owner == BUS_OWNER_SELF ? A : B;

		ck_assert_int_eq(q[winner][i].owner, BUS_OWNER_SELF);
		ck_assert_int_eq(q[1 - winner][i].owner, BUS_OWNER_OTHER);
		ck_assert_str_eq(q[1 - winner][i].node, names[winner]);
		ck_assert_uint_eq(q[A][i].answers, 1);
		ck_assert_uint_eq(q[B][i].answers, 1);
	}
	world_fini(&w);
}
END_TEST

START_TEST(who_only_asks_takes_nothing)
{
	begin_all();
	ck_assert_owner(A, false, BUS_OWNER_NONE, "");
	ck_assert_owner(B, false, BUS_OWNER_NONE, "");
	ck_assert_owner(B, true, BUS_OWNER_SELF, "");
	ck_assert_owner(B, true, BUS_OWNER_SELF, "");
	ck_assert_owner(B, false, BUS_OWNER_SELF, "");
	ck_assert_owner(A, false, BUS_OWNER_OTHER, names[B]);
	ck_assert_owner(A, true, BUS_OWNER_OTHER, names[B]);
	ck_assert_int_eq(answer_to(A, "t", false).owner, BUS_OWNER_NONE);
	ck_assert_uint_eq(counters_of(A).owner_errors, 0);
	world_fini(&w);
}
END_TEST

START_TEST(a_claim_is_released_by_its_owner_only)
{
	begin_all();
	ck_assert_owner(A, true, BUS_OWNER_SELF, "");
	bus_release_claim(w.nodes[B].bus, SPAN("s"));
	ck_assert_owner(B, true, BUS_OWNER_OTHER, names[A]);
	bus_release_claim(w.nodes[A].bus, SPAN("s"));
	ck_assert_owner(A, false, BUS_OWNER_NONE, "");
	ck_assert_owner(B, true, BUS_OWNER_SELF, "");
	bus_release_claim(w.nodes[A].bus, SPAN("s"));
	ck_assert_owner(A, true, BUS_OWNER_OTHER, names[B]);
	world_fini(&w);
}
END_TEST

/* Only of a node that nobody can reach any more, and only what is that node's. */
START_TEST(a_dead_nodes_claim_is_broken)
{
	begin_all();
	ck_assert_owner(A, true, BUS_OWNER_SELF, "");
	bus_break_claim(w.nodes[B].bus, SPAN("s"), span_of(names[A]));
	ck_assert_owner(B, true, BUS_OWNER_OTHER, names[A]);
	bus_free(w.nodes[A].bus);
	w.nodes[A].bus = NULL;
	bus_break_claim(w.nodes[B].bus, SPAN("s"), SPAN("other"));
	ck_assert_owner(B, true, BUS_OWNER_OTHER, names[A]);
	bus_break_claim(w.nodes[B].bus, SPAN("s"), span_of(names[A]));
	ck_assert_owner(B, true, BUS_OWNER_SELF, "");
	world_fini(&w);
}
END_TEST

START_TEST(a_claim_lapses_unless_it_is_renewed)
{
	begin_all();
	ck_assert_owner(A, true, BUS_OWNER_SELF, "");
	ck_assert_int_gt(lease_left(), BUS_CLAIM_MS / 2);
	ck_assert_int_le(lease_left(), BUS_CLAIM_MS);
	set_lease(20000);
	ck_assert_owner(A, true, BUS_OWNER_SELF, "");
	ck_assert_int_le(lease_left(), 20000);
	bus_renew_claim(w.nodes[A].bus, SPAN("s"));
	ck_assert_owner(A, false, BUS_OWNER_SELF, "");
	ck_assert_int_gt(lease_left(), 20000);
	ck_assert_int_le(lease_left(), BUS_CLAIM_MS);
	set_lease(1);
	wait_for(has_lapsed, 0);
	ck_assert_owner(B, true, BUS_OWNER_SELF, "");
	/* Too late: it is somebody else's. */
	set_lease(20000);
	bus_renew_claim(w.nodes[A].bus, SPAN("s"));
	ck_assert_owner(A, false, BUS_OWNER_OTHER, names[B]);
	ck_assert_int_le(lease_left(), 20000);
	world_fini(&w);
}
END_TEST

START_TEST(a_claim_that_redis_forgot_is_renewed)
{
	begin_all();
	ck_assert_owner(A, true, BUS_OWNER_SELF, "");
	redis_server_kill(&w.redis);
	ck_assert(comes_within(&w, all_down, soon_s));
	redis_server_start(&w.redis, NULL);
	ck_assert(comes_within(&w, all_up, soon_s));
	ck_assert_owner(A, false, BUS_OWNER_NONE, "");
	bus_renew_claim(w.nodes[A].bus, SPAN("s"));
	ck_assert_owner(A, false, BUS_OWNER_SELF, "");
	ck_assert_owner(B, true, BUS_OWNER_OTHER, names[A]);
	ck_assert_int_gt(lease_left(), BUS_CLAIM_MS / 2);
	world_fini(&w);
}
END_TEST

START_TEST(nothing_is_known_while_redis_is_away)
{
	struct question q[3] = { { 0 } };

	begin();
	start_node(A, &all_events);
	ask(A, "s", true, &q[0]);
	ck_assert(comes_within(&w, all_down, soon_s));
	ask(A, "s", true, &q[1]);
	ask(A, "s", false, &q[2]);
	bus_renew_claim(w.nodes[A].bus, SPAN("s"));
	bus_release_claim(w.nodes[A].bus, SPAN("s"));
	ck_assert_uint_eq(questions_open, 0);
	for (size_t i = 0; i < countof(q); i++) {
		ck_assert_uint_eq(q[i].answers, 1);
		ck_assert_int_eq(q[i].owner, BUS_OWNER_UNKNOWN);
	}
	ck_assert_uint_eq(counters_of(A).owner_errors, 0);
	world_fini(&w);
}
END_TEST

/* Row 0: Redis hangs, and the bus gives it up. Row 1: it dies. Row 2: it closes the connection. */
START_TEST(open_questions_end_with_redis)
{
	struct question q[KEYS] = { 0 };

	begin();
	w.config.answer_within = _i == 0 ? hangs_after_s : soon_s;
	start_all(&all_events);
	if (_i == 2)
		hold_publishing();
	else
		redis_server_signal(&w.redis, SIGSTOP);
	for (unsigned i = 0; i < KEYS; i++) {
		q[i].again = i < 2;
		ask(A, "s", i % 2 == 0, &q[i]);
		bus_renew_claim(w.nodes[A].bus, SPAN("s"));
	}
	ev_run(w.loop, EVRUN_NOWAIT);
	ck_assert_uint_eq(questions_open, KEYS);
	if (_i == 1)
		redis_server_kill(&w.redis);
	else if (_i == 2)
		cut_publishing();
	wait_for(all_answered, 0);
	ck_assert(comes_within(&w, all_down, soon_s));
	for (unsigned i = 0; i < KEYS; i++) {
		ck_assert_int_eq(q[i].owner, BUS_OWNER_UNKNOWN);
		ck_assert_uint_eq(q[i].answers, i < 2 ? 2 : 1);
	}
	ck_assert_uint_eq(counters_of(A).owner_errors, 0);
	if (_i == 0)
		redis_server_signal(&w.redis, SIGCONT);
	else if (_i == 1)
		redis_server_start(&w.redis, NULL);
	else
		ck_assert(redis_server_command(&w.redis, "CLIENT UNPAUSE"));
	ck_assert(comes_within(&w, all_up, soon_s));
	ck_assert_int_eq(answer_to(A, "t", true).owner, BUS_OWNER_SELF);
	ck_assert_uint_eq(q[0].answers, 2);
	world_fini(&w);
}
END_TEST

/* Row 0: while nothing is answered. Row 1: with notes that are to be reported. */
START_TEST(a_freed_bus_says_nothing)
{
	struct question q[KEYS] = { 0 };

	begin();
	w.config.outbox_bytes = _i == 1 ? 100 : 1 << 20;
	start_all(&all_events);
	redis_server_signal(&w.redis, SIGSTOP);
	for (unsigned i = 0; i < KEYS; i++) {
		ask(A, "s", true, &q[i]);
		tell(A, names[B], i);
		tell(A, "nobody", i);
		bus_renew_claim(w.nodes[A].bus, SPAN("s"));
		bus_release_claim(w.nodes[A].bus, SPAN("s"));
		if (_i == 0)
			ev_run(w.loop, EVRUN_NOWAIT);
	}
	ck_assert_int_eq(counters_of(A).notes_lost > 0, _i);
	node_stop(&w, A);
	redis_server_signal(&w.redis, SIGCONT);
	ck_assert(!comes_within(&w, never, 0.2));
	ck_assert_uint_eq(questions_open, KEYS);
	ck_assert_uint_eq(heard[A].gone, 0);
	world_fini(&w);
}
END_TEST

static bool has_erred(const struct world *world)
{
	return counters_of(A).owner_errors >= world->wanted;
}

static const char *const rights[] = {
	"+publish +subscribe +ping",
	"~* +publish +subscribe +ping +get",
	"~x +publish +subscribe +ping +get +set +eval",
};

/* A Redis user that may use Pub/Sub alone, or no more than read. */
START_TEST(a_directory_may_be_forbidden)
{
	char command[256];

	begin();
	w.config.answer_within = hangs_after_s;
	w.config.ping_every = w.config.probe_every = soon_s; /* no other answers */
	redis_server_start(&w.redis, NULL);
	snprintf(command, sizeof(command), "ACL SETUSER bus on >secret &* %s", rights[_i]);
	ck_assert(redis_server_command(&w.redis, command));
	snprintf(w.redis.url, sizeof(w.redis.url), "redis://bus:secret@127.0.0.1:%u", w.redis.port);
	for (size_t i = 0; i < NODES; i++)
		start_node(i, &all_events);
	ck_assert(comes_within(&w, all_up, soon_s));
	ck_assert_owner(A, true, BUS_OWNER_UNKNOWN, "");
	ck_assert_uint_eq(counters_of(A).owner_errors, 1);
	bus_renew_claim(w.nodes[A].bus, SPAN("s"));
	bus_release_claim(w.nodes[A].bus, SPAN("s"));
	tell(A, names[B], 0);
	wait_for(b_heard, 1);
	wait_for(has_erred, 3); /* a question, a renewal and a release */
	ck_assert(!comes_within(&w, never, 2 * w.config.answer_within));
	ck_assert_uint_eq(counters_of(A).owner_errors, 3);
	ck_assert_int_eq(w.nodes[A].state, BUS_UP);
	ck_assert_uint_eq(counters_of(A).reconnects, 0);
	world_fini(&w);
}
END_TEST

/* It has no room for the claim, but can tell that there is none. */
START_TEST(a_full_redis_takes_no_claims)
{
	begin_all();
	ck_assert(redis_server_command(&w.redis, "CONFIG SET maxmemory 1"));
	ck_assert_owner(A, true, BUS_OWNER_UNKNOWN, "");
	ck_assert_owner(A, false, BUS_OWNER_NONE, "");
	ck_assert_uint_eq(counters_of(A).owner_errors, 1);
	ck_assert(redis_server_command(&w.redis, "CONFIG SET maxmemory 0"));
	ck_assert_owner(A, true, BUS_OWNER_SELF, "");
	ck_assert_uint_eq(counters_of(A).reconnects, 0);
	world_fini(&w);
}
END_TEST

START_TEST(a_key_of_another_kind_is_nobodys)
{
	begin_all();
	ck_assert(redis_server_command(&w.redis, "RPUSH websocket-events:owner:s nodeB"));
	ck_assert_owner(A, true, BUS_OWNER_UNKNOWN, "");
	ck_assert_owner(A, false, BUS_OWNER_UNKNOWN, "");
	ck_assert_uint_eq(counters_of(A).owner_errors, 2);
	ck_assert_int_eq(w.nodes[A].state, BUS_UP);
	world_fini(&w);
}
END_TEST

START_TEST(the_local_bus_is_alone)
{
	struct question took = { 0 }, asked = { 0 };

	begin();
	w.nodes[A].bus = bus_local_new(&all_events, &w.nodes[A]);
	tell(A, names[B], 0);
	tell(A, names[A], 0);
	ask(A, "s", true, &took);
	ask(A, "s", false, &asked);
	bus_renew_claim(w.nodes[A].bus, SPAN("s"));
	bus_release_claim(w.nodes[A].bus, SPAN("s"));
	ck_assert_int_eq(took.owner, BUS_OWNER_SELF);
	ck_assert_int_eq(asked.owner, BUS_OWNER_NONE);
	ck_assert_uint_eq(took.answers + asked.answers, 2);
	ck_assert_uint_eq(heard[A].notes + heard[A].gone, 0);
	ck_assert_uint_eq(counters_of(A).notes_sent, 0);
	world_fini(&w);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("redis/directory");
	TCase *tc = tcase_create("directory");
	SRunner *runner;
	int failed;

	tcase_set_timeout(tc, 30);
	tcase_add_test(tc, two_at_once_are_not_both_the_owner);
	tcase_add_test(tc, who_only_asks_takes_nothing);
	tcase_add_test(tc, a_claim_is_released_by_its_owner_only);
	tcase_add_test(tc, a_dead_nodes_claim_is_broken);
	tcase_add_test(tc, a_claim_lapses_unless_it_is_renewed);
	tcase_add_test(tc, a_claim_that_redis_forgot_is_renewed);
	tcase_add_test(tc, nothing_is_known_while_redis_is_away);
	tcase_add_loop_test(tc, open_questions_end_with_redis, 0, 3);
	tcase_add_loop_test(tc, a_freed_bus_says_nothing, 0, 2);
	tcase_add_loop_test(tc, a_directory_may_be_forbidden, 0, (int)countof(rights));
	tcase_add_test(tc, a_full_redis_takes_no_claims);
	tcase_add_test(tc, a_key_of_another_kind_is_nobodys);
	tcase_add_test(tc, the_local_bus_is_alone);
	suite_add_tcase(suite, tc);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
