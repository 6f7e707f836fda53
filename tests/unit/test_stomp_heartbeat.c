/* stomp/heartbeat: what is an offer, and what two offers come to. */
#include "stomp/heartbeat.h"

#include <check.h>
#include <stdlib.h>

/* HB2, C15 */
static const struct {
	struct span value;
	bool is_offer;
	struct stomp_heartbeat offer;
} offers[] = {
	{ SPAN("0,0"), true, { 0, 0 } },
	{ SPAN("10000,20000"), true, { 10000, 20000 } },
	{ SPAN("0,4294967295"), true, { 0, UINT32_MAX } },
	{ SPAN("4294967295,0"), true, { UINT32_MAX, 0 } },
	{ SPAN("007,08"), true, { 7, 8 } },
	{ SPAN(""), false, { 0, 0 } },
	{ { NULL, 0 }, false, { 0, 0 } },
	{ SPAN(","), false, { 0, 0 } },
	{ SPAN("1"), false, { 0, 0 } },
	{ SPAN("1,"), false, { 0, 0 } },
	{ SPAN(",1"), false, { 0, 0 } },
	{ SPAN("1,2,3"), false, { 0, 0 } },
	{ SPAN("1,2,"), false, { 0, 0 } },
	{ SPAN("abc,def"), false, { 0, 0 } },
	{ SPAN("1,x"), false, { 0, 0 } },
	{ SPAN(" 1,2"), false, { 0, 0 } },
	{ SPAN("1, 2"), false, { 0, 0 } },
	{ SPAN("1,2 "), false, { 0, 0 } },
	{ SPAN("-1,0"), false, { 0, 0 } },
	{ SPAN("0,-1"), false, { 0, 0 } },
	{ SPAN("+1,0"), false, { 0, 0 } },
	{ SPAN("1.5,0"), false, { 0, 0 } },
	{ SPAN("4294967296,0"), false, { 0, 0 } },
	{ SPAN("0,4294967296"), false, { 0, 0 } },
	{ SPAN("0,42949672950"), false, { 0, 0 } },
	{ SPAN("0,99999999999999999999999999"), false, { 0, 0 } },
	{ SPAN("0,1\0"), false, { 0, 0 } },
};

START_TEST(HB2_reads_offers)
{
	struct stomp_heartbeat offer = { 0, 0 };

	ck_assert_int_eq(stomp_heartbeat_read(offers[_i].value, &offer), offers[_i].is_offer);
	ck_assert_uint_eq(offer.can, offers[_i].offer.can);
	ck_assert_uint_eq(offer.want, offers[_i].offer.want);
}
END_TEST

/* HB1 (a missing header is 0,0), HB3, HB4 */
static const struct {
	struct stomp_heartbeat server;
	struct stomp_heartbeat client;
	struct stomp_beats beats;
} agreements[] = {
	{ { 0, 0 }, { 0, 0 }, { 0, 0 } },
	{ { 10000, 20000 }, { 0, 0 }, { 0, 0 } },
	{ { 0, 0 }, { 10000, 20000 }, { 0, 0 } },
	{ { 10000, 20000 }, { 30000, 5000 }, { 10000, 30000 } },
	{ { 10000, 20000 }, { 1000, 15000 }, { 15000, 20000 } },
	{ { 10000, 0 }, { 1000, 15000 }, { 15000, 0 } },
	{ { 0, 20000 }, { 1000, 15000 }, { 0, 20000 } },
	{ { 10000, 20000 }, { 0, 15000 }, { 15000, 0 } },
	{ { 10000, 20000 }, { 1000, 0 }, { 0, 20000 } },
	{ { 1, UINT32_MAX }, { 1, UINT32_MAX }, { UINT32_MAX, UINT32_MAX } },
};

START_TEST(HB3_HB4_agree_on_the_slower)
{
	struct stomp_beats beats =
		stomp_heartbeat_agree(agreements[_i].server, agreements[_i].client);

	ck_assert_uint_eq(beats.send_ms, agreements[_i].beats.send_ms);
	ck_assert_uint_eq(beats.receive_ms, agreements[_i].beats.receive_ms);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("stomp/heartbeat");
	TCase *tc = tcase_create("arithmetic");
	SRunner *runner;
	int failed;

	tcase_add_loop_test(tc, HB2_reads_offers, 0, (int)countof(offers));
	tcase_add_loop_test(tc, HB3_HB4_agree_on_the_slower, 0, (int)countof(agreements));
	suite_add_tcase(suite, tc);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
