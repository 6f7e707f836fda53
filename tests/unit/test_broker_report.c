/* broker/report: the line word for word, with numbers of several shards, and when it is due. */
#include "broker/report.h"

#include "base/clock.h"
#include "broker/broker.h"

#include <check.h>
#include <stdlib.h>

#define POOL "[pool size = 2, active threads = 2, queued tasks = "

static struct config config;
static struct broker broker;

static void setup(void)
{
	config_init(&config);
	broker = (struct broker){ .config = &config, .started_ms = 1000, .shard_count = 2 };
	broker.shards = aligned_alloc(64, 2 * sizeof(*broker.shards));
	memset(broker.shards, 0, 2 * sizeof(*broker.shards));
	for (unsigned i = 0; i < 2; i++) {
		atomic_store(&broker.shards[i].ticked_ms, clock_ms());
		ring_init(&broker.shards[i].inbox, 8);
		ring_init(&broker.shards[i].outbox, 8);
	}
}

static void teardown(void)
{
	for (unsigned i = 0; i < 2; i++) {
		ring_fini(&broker.shards[i].inbox);
		ring_fini(&broker.shards[i].outbox);
	}
	free(broker.shards);
	config_fini(&config);
}

static void check_line(const char *expected)
{
	struct buf line = { NULL, 0, 0 };

	report_put(&broker, &line);
	buf_put_byte(&line, '\0');
	ck_assert_str_eq(line.at, expected);
	buf_fini(&line);
}

START_TEST(nothing_yet)
{
	check_line("WebSocketSession[0 current WS(0)-HttpStream(0)-HttpPoll(0), 0 total, "
		   "0 closed abnormally (0 connect failure, 0 send limit, 0 transport error)], "
		   "stompSubProtocol[processed CONNECT(0)-CONNECTED(0)-DISCONNECT(0)], "
		   "stompBrokerRelay[null], "
		   "inboundChannel" POOL "0, completed tasks = 0], "
		   "outboundChannel" POOL "0, completed tasks = 0], "
		   "sockJsScheduler" POOL "0, completed tasks = 0], tcp[0 current, 0 total]");
}
END_TEST

/* Each counter has another value, and is spread over both shards. */
START_TEST(every_number_has_its_place)
{
	struct stats *stats[] = { &broker.shards[0].stats, &broker.shards[1].stats };
	int item;

	for (unsigned i = 0; i < 2; i++) {
		stats_add(&stats[i]->websocket_opened, 500);
		stats_add(&stats[i]->websocket_closed, 450);
		stats_add(&stats[i]->http_stream_opened, 50);
		stats_add(&stats[i]->http_stream_closed, 40);
		stats_add(&stats[i]->http_poll_opened, 5);
		stats_add(&stats[i]->http_poll_closed, 3);
		stats_add(&stats[i]->tcp_opened, 9);
		stats_add(&stats[i]->tcp_closed, 8);
	}
	stats_add(&stats[0]->connect_timeouts, 11);
	stats_add(&stats[1]->slow_closed, 12);
	stats_add(&stats[0]->connections_cut, 13);
	stats_add(&stats[1]->connects_received, 14);
	stats_add(&stats[0]->sessions_connected, 15);
	stats_add(&stats[1]->disconnects_received, 16);
	stats_add(&stats[0]->frames_received, 17);
	stats_add(&stats[1]->messages_queued, 18);
	ck_assert(ring_push(&broker.shards[0].inbox, &item));
	ck_assert(ring_push(&broker.shards[1].inbox, &item));
	ck_assert(ring_push(&broker.shards[1].outbox, &item));
	check_line("WebSocketSession[124 current WS(100)-HttpStream(20)-HttpPoll(4), 1110 total, "
		   "23 closed abnormally (11 connect failure, 12 send limit, 13 transport error)], "
		   "stompSubProtocol[processed CONNECT(14)-CONNECTED(15)-DISCONNECT(16)], "
		   "stompBrokerRelay[null], "
		   "inboundChannel" POOL "1, completed tasks = 17], "
		   "outboundChannel" POOL "2, completed tasks = 18], "
		   "sockJsScheduler" POOL "24, completed tasks = 86], tcp[2 current, 18 total]");
	(void)ring_pull(&broker.shards[0].inbox);
	(void)ring_pull(&broker.shards[1].inbox);
	(void)ring_pull(&broker.shards[1].outbox);
}
END_TEST

START_TEST(a_loop_that_stands_still_is_not_active)
{
	struct buf line = { NULL, 0, 0 };

	atomic_store(&broker.shards[1].ticked_ms, clock_ms() - STANDSTILL_MS);
	report_put(&broker, &line);
	buf_put_byte(&line, '\0');
	ck_assert_ptr_nonnull(strstr(line.at, "inboundChannel[pool size = 2, active threads = 1,"));
	buf_fini(&line);
}
END_TEST

START_TEST(is_due_when_the_options_say_so)
{
	ck_assert_uint_eq(report_first_due(&broker), 1000 + 60 * 1000);
	broker.report_due_ms = report_first_due(&broker);
	report_look(&broker, 60999);
	ck_assert_uint_eq(broker.report_due_ms, 61000);
	report_look(&broker, 61050);
	ck_assert_uint_eq(broker.report_due_ms, 61050 + 30 * 60 * 1000);
	config.stats_every = 0;
	ck_assert_uint_eq(report_first_due(&broker), 0);
	broker.report_due_ms = 0;
	report_look(&broker, 1000 * 1000 * 1000);
	ck_assert_uint_eq(broker.report_due_ms, 0);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("broker/report");
	TCase *tc = tcase_create("report");
	SRunner *runner;
	int failed;

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, nothing_yet);
	tcase_add_test(tc, every_number_has_its_place);
	tcase_add_test(tc, a_loop_that_stands_still_is_not_active);
	tcase_add_test(tc, is_due_when_the_options_say_so);
	suite_add_tcase(suite, tc);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
