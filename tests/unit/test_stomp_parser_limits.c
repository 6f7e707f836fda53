/* stomp/parser: limits, what they leave behind, and what a slow or a new peer costs. */
#include "tests/unit/stomp_wire.h"

#include <malloc.h>

START_TEST(L1_headers_are_bounded)
{
	reads(V2, SPAN("SEND\nu:1\nv:2\nw:3\nx:4\n\n\0"), SPAN("SEND u=1 v=2 w=3 x=4 ||"));
	refuses(V2, SPAN("SEND\nu:1\nv:2\nw:3\nx:4\ny:5\n"), STOMP_FAULT_HEADERS,
		"too many headers");
}
END_TEST

/* A line may have as many bytes as its limit and then a CR LF, and no more. */
START_TEST(L2_header_lines_are_bounded)
{
	char *bytes, *expected;

	reads(V2, stretched(&bytes, SPAN("SEND\nx:"), 'v', 62, SPAN("\r\n\n\0")),
		stretched(&expected, SPAN("SEND x="), 'v', 62, SPAN(" ||")));
	free(bytes);
	free(expected);
	refuses(V2, stretched(&bytes, SPAN("SEND\nx:"), 'v', 63, SPAN("\n")),
		STOMP_FAULT_LINE_BYTES, "header line too long");
	free(bytes);
	refuses(V2, stretched(&bytes, SPAN("SEND\nx:"), 'v', 64, SPAN("")), STOMP_FAULT_LINE_BYTES,
		"header line too long");
	free(bytes);
}
END_TEST

/* What stands behind the limit has no say, even where it has arrived already. */
START_TEST(L2_nothing_is_read_beyond_a_long_line)
{
	struct stomp_parser *p = stomp_parser_new(&limits);
	struct stomp_frame frame;
	char *bytes;

	stomp_parser_feed(p, stretched(&bytes, SPAN("SEND\n"), 'v', 100, SPAN("\0")));
	ck_assert_int_eq(stomp_parser_next(p, &frame), STOMP_GOT_ERROR);
	ck_assert_int_eq(stomp_parser_fault(p), STOMP_FAULT_LINE_BYTES);
	free(bytes);
	stomp_parser_free(p);
}
END_TEST

START_TEST(L2_header_block_is_bounded)
{
	struct span before = SPAN("SEND\na:0123456789012345678901234567890123456789\n"
				  "b:0123456789012345678901234567890123456789\nx:");
	char *bytes, *expected;

	reads(V2, stretched(&bytes, before, 'v', 35, SPAN("\n\r\n\0")),
		stretched(&expected,
			SPAN("SEND a=0123456789012345678901234567890123456789 "
			     "b=0123456789012345678901234567890123456789 x="),
			'v', 35, SPAN(" ||")));
	free(bytes);
	free(expected);
	refuses(V2, stretched(&bytes, before, 'v', 36, SPAN("\n")), STOMP_FAULT_HEADER_BYTES,
		"headers too long");
	free(bytes);
	refuses(V2, stretched(&bytes, before, 'v', 35, SPAN("\ny:")), STOMP_FAULT_HEADER_BYTES,
		"headers too long");
	free(bytes);
}
END_TEST

START_TEST(L3_bodies_are_bounded)
{
	char *bytes, *expected;

	reads(V2, stretched(&bytes, SPAN("SEND\n\n"), 'b', 300, SPAN("\0")),
		stretched(&expected, SPAN("SEND |"), 'b', 300, SPAN("|")));
	free(bytes);
	free(expected);
	refuses(V2, stretched(&bytes, SPAN("SEND\n\n"), 'b', 301, SPAN("")), STOMP_FAULT_BODY_BYTES,
		"body too long");
	free(bytes);
}
END_TEST

START_TEST(L5_announced_body_is_refused_with_the_headers)
{
	refuses(V2, SPAN("SEND\ncontent-length:301\n\n"), STOMP_FAULT_BODY_BYTES, "body too long");
	refuses(V0, SPAN("BEGIN\ncontent-length:301\n\n"), STOMP_FAULT_BODY_BYTES, "body too long");
}
END_TEST

/* What can be told for the ERROR's receipt-id; at NULL: nothing. */
START_TEST(X3_receipt_of_the_refused_frame)
{
	const struct {
		struct span wire;
		struct span receipt;
	} rows[] = {
		{ SPAN("SEND\nreceipt:r\\c1\nreceipt:2\nx\n"), SPAN("r:1") },
		{ SPAN("SEND\nreceipt:r\\c1\nx:\\t\n\n"), SPAN("r:1") },
		{ SPAN("SEND\nreceipt:r\\c\\t\n\n"), SPAN("r\\c\\t") },
		{ SPAN("SEND\nreceipt:r\\c1\ncontent-length:x\n\n"), SPAN("r:1") },
		{ SPAN("SEND\nreceipt:\\\\c1\ncontent-length:0\n\nx"), SPAN("\\c1") },
		{ SPAN("CONNECT\nreceipt:\\c\n\nx"), SPAN("\\c") },
		{ SPAN("SEND\nreceipt:\nx\n"), SPAN("") },
		{ SPAN("SEND\nreceipt:\xff\n\n"), { NULL, 0 } },
		{ SPAN("SEND\nx\nreceipt:1\n\n\0"), { NULL, 0 } },
		{ SPAN("HELLO\nreceipt:1\n\n\0"), { NULL, 0 } },
	};

	for (size_t i = 0; i < countof(rows); i++) {
		struct stomp_parser *p = stomp_parser_new(&limits);
		struct stomp_frame frame;
		struct span receipt = { NULL, 0 };

		stomp_parser_feed(p, SPAN("BEGIN\nreceipt:old\n\n\0"));
		ck_assert_int_eq(stomp_parser_next(p, &frame), STOMP_GOT_FRAME);
		ck_assert(!stomp_parser_refused_receipt(p, &receipt));
		stomp_parser_feed(p, rows[i].wire);
		ck_assert_int_eq(stomp_parser_next(p, &frame), STOMP_GOT_ERROR);
		ck_assert_msg(stomp_parser_refused_receipt(p, &receipt) == !!rows[i].receipt.at &&
				      span_eq(receipt, rows[i].receipt),
			"row %zu: %.*s", i, (int)receipt.len, receipt.at);
		stomp_parser_free(p);
	}
}
END_TEST

START_TEST(new_rules_hold_from_the_next_frame_on)
{
	const struct stomp_limits narrow = {
		.headers = 1, .line_bytes = 64, .header_bytes = 128, .body_bytes = 1
	};
	struct stomp_parser *p = stomp_parser_new(&limits);
	struct buf out = { NULL, 0, 0 };
	struct stomp_frame frame;

	stomp_parser_feed(p, SPAN("CONNECT\n\n\0SEND\nx:\\c\n"));
	ck_assert_int_eq(stomp_parser_next(p, &frame), STOMP_GOT_FRAME);
	stomp_parser_set_version(p, STOMP_VERSION_1_1);
	ck_assert_int_eq(stomp_parser_next(p, &frame), STOMP_GOT_MORE);
	stomp_parser_set_version(p, STOMP_VERSION_1_0);
	stomp_parser_set_limits(p, &narrow);
	ck_assert_int_eq(
		print_all(p, SPAN("y:\\n\n\nab\0SEND\nx:\\c\n\n\0"), 1, &out), STOMP_GOT_MORE);
	ck_assert(span_eq(buf_span(&out), SPAN("SEND x=: y=\n |ab|SEND x=\\c ||")));
	ck_assert_int_eq(print_all(p, SPAN("SEND\n\nab"), 1, &out), STOMP_GOT_ERROR);
	ck_assert_int_eq(stomp_parser_fault(p), STOMP_FAULT_BODY_BYTES);
	buf_fini(&out);
	stomp_parser_free(p);
}
END_TEST

START_TEST(reset_forgets_everything)
{
	const struct span before[] = { SPAN("SEND\nx:\\c\n\nunfinish"), SPAN("SEN"),
		SPAN("SEND\nreceipt:1\nx:\\c"), SPAN("SEND\nreceipt:1\nx\n") };

	for (size_t i = 0; i < countof(before); i++) {
		struct stomp_parser *p = stomp_parser_new(&limits);
		struct buf out = { NULL, 0, 0 };
		struct span receipt;

		stomp_parser_set_version(p, STOMP_VERSION_1_0);
		(void)print_all(p, before[i], before[i].len, &out);
		stomp_parser_reset(p, &wide);
		ck_assert_uint_eq(stomp_parser_pending(p), 0);
		ck_assert_int_eq(stomp_parser_fault(p), STOMP_FAULT_NONE);
		ck_assert(!stomp_parser_refused_receipt(p, &receipt));
		ck_assert_int_eq(print_all(p, SPAN("SEND\nu:\\c\nv:\nw:\nx:\ny:\n\n\0"), 1, &out),
			STOMP_GOT_MORE);
		ck_assert(span_eq(buf_span(&out), SPAN("SEND u=: v= w= x= y= ||")));
		buf_fini(&out);
		stomp_parser_free(p);
	}
}
END_TEST

/* What is left of a large frame and of many headers once they have been given out. */
START_TEST(idle_parser_keeps_little_memory)
{
	struct stomp_parser *p = stomp_parser_new(&wide);
	struct buf out = { NULL, 0, 0 };
	struct buf wire = { NULL, 0, 0 };
	size_t before, after;
	char *bytes;

	buf_put(&wire, SPAN("SEND\n"));
	for (int i = 0; i < 1000; i++)
		buf_put(&wire, SPAN("name:value\n"));
	buf_put(&wire, stretched(&bytes, SPAN("\n"), 'b', 1000000, SPAN("\0")));
	buf_put(&wire, SPAN("SEND\nnext:frame\nbegins:"));
	buf_reserve(&out, 2 * wire.len);
	before = mallinfo2().uordblks + mallinfo2().hblkhd;
	ck_assert_int_eq(print_all(p, buf_span(&wire), 1000, &out), STOMP_GOT_MORE);
	ck_assert_uint_gt(stomp_parser_pending(p), 0);
	after = mallinfo2().uordblks + mallinfo2().hblkhd;
	ck_assert_uint_lt(after, before + 8 * 1024);
	free(bytes);
	buf_fini(&out);
	buf_fini(&wire);
	stomp_parser_free(p);
}
END_TEST

/* A million single bytes: quadratic work would take minutes, and Check gives seconds. */
START_TEST(trickle_costs_linear_work)
{
	static const struct {
		struct span before;
		struct span after;
	} rows[] = {
		{ SPAN("SEND\nx:"), SPAN("\n\n\0") },
		{ SPAN("SEND\n\n"), SPAN("\0") },
		{ SPAN("SEND\ncontent-length:1000000\n\n"), SPAN("\0") },
		{ SPAN("\n"), SPAN("") },
	};
	struct stomp_parser *p = stomp_parser_new(&wide);
	struct buf out = { NULL, 0, 0 };
	struct buf wire = { NULL, 0, 0 };
	char *bytes;

	if (_i == 0)
		buf_put(&wire, SPAN("SEND\n"));
	for (int i = 0; _i == 0 && i < 1000; i++)
		buf_put(&wire, SPAN("name:value\n"));
	if (_i == 0)
		buf_put(&wire, SPAN("\n\0"));
	buf_put(&wire,
		stretched(&bytes, rows[_i].before, _i == 3 ? '\n' : 'v', 1000000, rows[_i].after));
	ck_assert_int_eq(print_all(p, buf_span(&wire), 1, &out), STOMP_GOT_MORE);
	ck_assert_uint_eq(stomp_parser_pending(p), 0);
	free(bytes);
	buf_fini(&out);
	buf_fini(&wire);
	stomp_parser_free(p);
}
END_TEST

static void add_limits(TCase *tc)
{
	const TTest *const tests[] = {
		L1_headers_are_bounded,
		L2_header_lines_are_bounded,
		L2_nothing_is_read_beyond_a_long_line,
		L2_header_block_is_bounded,
		L3_bodies_are_bounded,
		L5_announced_body_is_refused_with_the_headers,
		X3_receipt_of_the_refused_frame,
		new_rules_hold_from_the_next_frame_on,
		reset_forgets_everything,
		idle_parser_keeps_little_memory,
	};

	for (size_t i = 0; i < countof(tests); i++)
		tcase_add_test(tc, tests[i]);
}

int main(void)
{
	Suite *suite = suite_create("stomp/parser limits");
	TCase *tc = tcase_create("wire");
	SRunner *runner;
	int failed;

	add_limits(tc);
	tcase_add_loop_test(tc, trickle_costs_linear_work, 0, 4);
	suite_add_tcase(suite, tc);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
