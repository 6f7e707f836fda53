/* stomp/writer: what goes on the wire, and what is never let out. */
#include "stomp/writer.h"

#include <check.h>
#include <stdlib.h>

#define V0 STOMP_VERSION_1_0
#define V1 STOMP_VERSION_1_1
#define V2 STOMP_VERSION_1_2

/* at NULL: this version cannot express it. */
static const struct {
	enum stomp_version version;
	struct span name;
	struct span value;
	struct span line;
} rows[] = {
	{ V2, SPAN("a"), SPAN("b"), SPAN("a:b\n") },
	{ V2, SPAN("a"), SPAN(""), SPAN("a:\n") },
	{ V2, SPAN("a"), { NULL, 0 }, SPAN("a:\n") },
	{ V2, SPAN("a"), SPAN(" b "), SPAN("a: b \n") },
	{ V2, SPAN("a"), SPAN("한글"), SPAN("a:한글\n") },
	/* E6: a backslash that is in the value is not taken for one that was put there. */
	{ V2, SPAN("a"), SPAN("\r\n:\\"), SPAN("a:\\r\\n\\c\\\\\n") },
	{ V2, SPAN("a"), SPAN("x\\ny"), SPAN("a:x\\\\ny\n") },
	{ V1, SPAN("a"), SPAN("x\n:\\y"), SPAN("a:x\\n\\c\\\\y\n") },
	{ V0, SPAN("a"), SPAN("x:\\n\\"), SPAN("a:x:\\n\\\n") },
	{ V1, SPAN("a"), SPAN("x\ry"), { NULL, 0 } },
	{ V1, SPAN("a"), SPAN("\r"), { NULL, 0 } },
	{ V0, SPAN("a"), SPAN("x\ny"), { NULL, 0 } },
	{ V0, SPAN("a"), SPAN("x\r"), { NULL, 0 } },
	/* E9: names, too. */
	{ V2, SPAN("a:\n\r\\"), SPAN("b"), SPAN("a\\c\\n\\r\\\\:b\n") },
	{ V1, SPAN("a:\n\\"), SPAN("b"), SPAN("a\\c\\n\\\\:b\n") },
	{ V0, SPAN("a\\"), SPAN("b"), SPAN("a\\:b\n") },
	{ V1, SPAN("a\r"), SPAN("b"), { NULL, 0 } },
	{ V0, SPAN("a:"), SPAN("b"), { NULL, 0 } },
	{ V0, SPAN("a\n"), SPAN("b"), { NULL, 0 } },
	{ V0, SPAN("a\r"), SPAN("b"), { NULL, 0 } },
	{ V2, SPAN(""), SPAN("b"), { NULL, 0 } },
	{ V0, { NULL, 0 }, SPAN("b"), { NULL, 0 } },
	{ V2, SPAN("a"), SPAN("x\0y"), { NULL, 0 } },
	{ V1, SPAN("a\0"), SPAN("x"), { NULL, 0 } },
	{ V0, SPAN("a"), SPAN("\0"), { NULL, 0 } },
};

START_TEST(E6_E9_header)
{
	struct buf out = { NULL, 0, 0 };
	struct span before = SPAN("SEND\n");
	bool written;

	stomp_writer_command(&out, STOMP_SEND);
	written = stomp_writer_header(&out, rows[_i].version, rows[_i].name, rows[_i].value);
	ck_assert_int_eq(written, rows[_i].line.at != NULL);
	ck_assert_uint_eq(out.len, before.len + rows[_i].line.len);
	ck_assert(span_eq((struct span){ out.at, before.len }, before));
	ck_assert(span_eq((struct span){ out.at + before.len, rows[_i].line.len }, rows[_i].line));
	buf_fini(&out);
}
END_TEST

START_TEST(E7_raw_header)
{
	struct buf out = { NULL, 0, 0 };

	ck_assert(stomp_writer_header_raw(&out, SPAN("server"), SPAN("a:b\\c")));
	ck_assert(!stomp_writer_header_raw(&out, SPAN("a:b"), SPAN("c")));
	ck_assert(!stomp_writer_header_raw(&out, SPAN("a"), SPAN("b\nc:d")));
	ck_assert(!stomp_writer_header_raw(&out, SPAN("a"), SPAN("b\r")));
	ck_assert(!stomp_writer_header_raw(&out, SPAN("a"), SPAN("b\0")));
	ck_assert(span_eq(buf_span(&out), SPAN("server:a:b\\c\n")));
	buf_fini(&out);
}
END_TEST

START_TEST(R4_receipt_has_no_body)
{
	struct buf out = { NULL, 0, 0 };

	stomp_writer_command(&out, STOMP_RECEIPT);
	ck_assert(stomp_writer_header(&out, V2, SPAN("receipt-id"), SPAN("r:1")));
	stomp_writer_end(&out);
	ck_assert(span_eq(buf_span(&out), SPAN("RECEIPT\nreceipt-id:r\\c1\n\n\0")));
	buf_fini(&out);
}
END_TEST

START_TEST(B3_body_has_its_length_in_octets)
{
	static const struct {
		struct span body;
		struct span wire;
	} bodies[] = {
		{ SPAN("hello"), SPAN("MESSAGE\na:b\ncontent-length:5\n\nhello\0") },
		{ SPAN("한\0\n"), SPAN("MESSAGE\na:b\ncontent-length:5\n\n한\0\n\0") },
		{ SPAN("0123456789"), SPAN("MESSAGE\na:b\ncontent-length:10\n\n0123456789\0") },
		{ SPAN(""), SPAN("MESSAGE\na:b\ncontent-length:0\n\n\0") },
		{ { NULL, 0 }, SPAN("MESSAGE\na:b\ncontent-length:0\n\n\0") },
	};

	for (size_t i = 0; i < countof(bodies); i++) {
		struct buf out = { NULL, 0, 0 };

		stomp_writer_command(&out, STOMP_MESSAGE);
		ck_assert(stomp_writer_header(&out, V2, SPAN("a"), SPAN("b")));
		stomp_writer_body(&out, bodies[i].body);
		ck_assert_msg(span_eq(buf_span(&out), bodies[i].wire), "row %zu", i);
		buf_fini(&out);
	}
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("stomp/writer");
	TCase *tc = tcase_create("wire");
	SRunner *runner;
	int failed;

	tcase_add_loop_test(tc, E6_E9_header, 0, (int)countof(rows));
	tcase_add_test(tc, E7_raw_header);
	tcase_add_test(tc, R4_receipt_has_no_body);
	tcase_add_test(tc, B3_body_has_its_length_in_octets);
	suite_add_tcase(suite, tc);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
