/*
 * stomp/parser: what the wire may bring, and what must be refused. The tests
 * are named after the rules they hold the parser to. Every wire is fed as a
 * whole and byte by byte, and must read the same both ways.
 */
#include "tests/unit/stomp_wire.h"

START_TEST(G1_frame_is_command_headers_body_nul)
{
	reads(V2, SPAN("SEND\ndestination:/a\nx:y\n\nhello\0"),
		SPAN("SEND destination=/a x=y |hello|"));
	reads(V2, SPAN("DISCONNECT\n\n\0"), SPAN("DISCONNECT ||"));
	reads(V2, SPAN("SEND\n\n\0"), SPAN("SEND ||"));
	refuses_syntax(V2, SPAN("SEND\n\0"), "NUL before the end of the headers");
	refuses_syntax(V2, SPAN("SEND\0"), "NUL before the end of the headers");
}
END_TEST

START_TEST(G2_line_ends_may_be_cr_lf_in_all_versions)
{
	for (int v = 0; v < STOMP_VERSION_COUNT; v++) {
		reads((enum stomp_version)v,
			SPAN("\r\nSEND\r\ndestination:/a\r\nx:\r\n\r\n\r\nhello\r\n\0\r\n"),
			SPAN("SEND destination=/a x= |\r\nhello\r\n|"));
		reads((enum stomp_version)v, SPAN("SEND\r\nx:y\n\r\n\0"), SPAN("SEND x=y ||"));
	}
}
END_TEST

START_TEST(G3_commands_are_case_sensitive)
{
	refuses_syntax(V2, SPAN("send\n"), "unknown command");
	refuses_syntax(V2, SPAN("Connect\n"), "unknown command");
}
END_TEST

START_TEST(G4_header_names_are_case_sensitive)
{
	reads(V2, SPAN("SEND\nContent-Length:x\n\n\0"), SPAN("SEND Content-Length=x ||"));
}
END_TEST

START_TEST(G5_line_ends_between_frames_are_ignored)
{
	reads(V2, SPAN("SEND\n\na\0\n\r\n\n\nSEND\n\nb\0\n"), SPAN("SEND |a|SEND |b|"));
	refuses_syntax(V2, SPAN("\rSEND\n"), "unknown command");
}
END_TEST

START_TEST(G6_header_line_needs_a_colon)
{
	refuses_syntax(V2, SPAN("SEND\ndestination\n"), "header without a name or a colon");
	refuses_syntax(V1, SPAN("SEND\n\r\r\n"), "header without a name or a colon");
}
END_TEST

START_TEST(G7_header_name_is_not_empty)
{
	refuses_syntax(V2, SPAN("SEND\n:x\n"), "header without a name or a colon");
}
END_TEST

START_TEST(G8_header_value_may_be_empty)
{
	reads(V0, SPAN("SEND\nx:\n\n\0"), SPAN("SEND x= ||"));
	reads(V1, SPAN("SEND\nx:\n\n\0"), SPAN("SEND x= ||"));
	reads(V2, SPAN("SEND\nx:\n\n\0"), SPAN("SEND x= ||"));
}
END_TEST

START_TEST(G9_value_may_hold_colons)
{
	reads(V2, SPAN("SEND\nx:a:b::\n\n\0"), SPAN("SEND x=a:b:: ||"));
}
END_TEST

START_TEST(G10_bare_cr_in_a_header)
{
	refuses_syntax(V2, SPAN("SEND\nx:a\rb\n\n"), "carriage return in a header");
	refuses_syntax(V2, SPAN("SEND\nx:a\r\r\n\n"), "carriage return in a header");
	refuses_syntax(V2, SPAN("SEND\nx\ry:a\n\n"), "carriage return in a header");
	reads(V1, SPAN("SEND\nx:a\rb\r\r\n\n\0"), SPAN("SEND x=a\rb\r ||"));
	reads(V0, SPAN("SEND\nx:a\rb\n\n\0"), SPAN("SEND x=a\rb ||"));
}
END_TEST

/* Long enough for the buffer to grow, behind another frame, so that it moves, too. */
START_TEST(G11_frame_split_at_any_octet)
{
	struct span start = SPAN("BEGIN\n\n\0SEND\r\ndestination:/pub/a\\cb\r\n"
				 "content-type:text/plain\r\n\r\n");
	struct span head = SPAN("BEGIN ||SEND destination=/pub/a:b content-type=text/plain |");
	char *wire_bytes, *expected_bytes;
	struct span wire = stretched(&wire_bytes, start, 'b', 299, SPAN("\0"));
	struct span expected = stretched(&expected_bytes, head, 'b', 299, SPAN("|"));
	enum {
		PASSES = 2
	}; /* the second with what the first has left in the parser */

	for (size_t cut = 0; cut <= wire.len; cut++) {
		struct stomp_parser *p = stomp_parser_new(&limits);

		for (int pass = 0; pass < PASSES; pass++) {
			struct buf out = { NULL, 0, 0 };

			print_all(p, (struct span){ wire.at, cut }, wire.len, &out);
			print_all(
				p, (struct span){ wire.at + cut, wire.len - cut }, wire.len, &out);
			ck_assert_msg(span_eq(buf_span(&out), expected), "cut at %zu", cut);
			ck_assert_uint_eq(stomp_parser_pending(p), 0);
			buf_fini(&out);
		}
		stomp_parser_free(p);
	}
	free(wire_bytes);
	free(expected_bytes);
}
END_TEST

START_TEST(G11_several_frames_in_one_read)
{
	reads(V2, SPAN("SEND\nx:1\n\na\0SEND\ncontent-length:1\n\n\0\0\nSEND\n\nc\0"),
		SPAN("SEND x=1 |a|SEND content-length=1 |\0|SEND |c|"));
}
END_TEST

START_TEST(G12_line_ends_before_the_first_frame)
{
	reads(V2, SPAN("\n"), SPAN(""));
	reads(V2, SPAN("\n\r\n\nCONNECT\n\n\0"), SPAN("CONNECT ||"));
}
END_TEST

START_TEST(G13_nuls_between_frames_are_tolerated)
{
	reads(V2, SPAN("\0SEND\n\na\0\n\0\0\r\n\0SEND\n\nb\0"), SPAN("SEND |a|SEND |b|"));
}
END_TEST

START_TEST(G14_command_line_is_bounded)
{
	refuses_syntax(V2, SPAN("0123456789012345678901234567890123"), "command line too long");
	refuses_syntax(V2, SPAN("012345678901234567890123456789012\n"), "command line too long");
	refuses_syntax(V2, SPAN("01234567890123456789012345678901\r\n"), "unknown command");
}
END_TEST

START_TEST(G15_unknown_command)
{
	refuses_syntax(V2, SPAN("HELLO\n"), "unknown command");
	refuses_syntax(V2, SPAN("GET / HTTP/1.1\r\n"), "unknown command");
	refuses_syntax(V2, SPAN("SEND \n"), "unknown command");
}
END_TEST

START_TEST(G17_nul_must_follow_the_announced_body)
{
	refuses_syntax(V2, SPAN("SEND\ncontent-length:1\n\nab"), "no NUL after the body");
	refuses_syntax(V2, SPAN("SEND\ncontent-length:0\n\n\n"), "no NUL after the body");
}
END_TEST

START_TEST(G18_truncated_frame_is_never_given_out)
{
	const struct span wire = SPAN("SEND\ncontent-length:2\n\nab\0");

	for (size_t len = 1; len < wire.len; len++) {
		struct stomp_parser *p = stomp_parser_new(&limits);
		struct stomp_frame frame;

		stomp_parser_feed(p, (struct span){ wire.at, len });
		ck_assert_int_eq(stomp_parser_next(p, &frame), STOMP_GOT_MORE);
		ck_assert_uint_eq(stomp_parser_pending(p), len);
		stomp_parser_free(p);
	}
}
END_TEST

START_TEST(E1_escapes_of_1_2)
{
	reads(V2, SPAN("SEND\nx:\\r\\n\\c\\\\.\\\\n\n\n\0"), SPAN("SEND x=\r\n:\\.\\n ||"));
	reads(V2, SPAN("MESSAGE\nx:\\c\n\n\0ERROR\nx:\\c\n\n\0RECEIPT\nx:\\c\n\n\0"),
		SPAN("MESSAGE x=: ||ERROR x=: ||RECEIPT x=: ||"));
}
END_TEST

START_TEST(E2_escapes_of_1_1)
{
	reads(V1, SPAN("SEND\nx:\\n\\c\\\\\n\n\0"), SPAN("SEND x=\n:\\ ||"));
	refuses_syntax(V1, SPAN("SEND\nx:\\r\n\n"), "undefined escape in a header");
}
END_TEST

START_TEST(E3_no_escapes_in_1_0)
{
	reads(V0, SPAN("SEND\nx\\:\\n\\c\\t\\\n\n\0"), SPAN("SEND x\\=\\n\\c\\t\\ ||"));
}
END_TEST

START_TEST(E4_undefined_escape)
{
	refuses_syntax(V2, SPAN("SEND\nx:\\t\n\n"), "undefined escape in a header");
	refuses_syntax(V1, SPAN("SEND\nx:\\N\n\n"), "undefined escape in a header");
	refuses_syntax(V2, SPAN("SEND\nx\\y:1\n\n"), "undefined escape in a header");
}
END_TEST

START_TEST(E5_dangling_backslash)
{
	refuses_syntax(V2, SPAN("SEND\nx:a\\\n\n"), "undefined escape in a header");
	refuses_syntax(V2, SPAN("SEND\nx:a\\\r\n\n"), "undefined escape in a header");
	refuses_syntax(V1, SPAN("SEND\nx\\:a\n\n"), "undefined escape in a header");
}
END_TEST

START_TEST(E7_connect_is_not_unescaped)
{
	const struct {
		struct span wire;
		struct span expected;
	} rows[] = {
		{ SPAN("CONNECT\npasscode:a:b\\cb\\\n\n\0"),
			SPAN("CONNECT passcode=a:b\\cb\\ ||") },
		{ SPAN("STOMP\npasscode:\\t\n\n\0"), SPAN("STOMP passcode=\\t ||") },
		{ SPAN("CONNECTED\nsession\\c:\\n\n\n\0"), SPAN("CONNECTED session\\c=\\n ||") },
	};

	for (size_t i = 0; i < countof(rows); i++) {
		for (int v = 0; v < STOMP_VERSION_COUNT; v++)
			reads((enum stomp_version)v, rows[i].wire, rows[i].expected);
	}
}
END_TEST

START_TEST(E8_blanks_are_kept)
{
	for (int v = 0; v < STOMP_VERSION_COUNT; v++)
		reads((enum stomp_version)v, SPAN("SEND\n x : a \t\n\n\0"),
			SPAN("SEND  x = a \t ||"));
}
END_TEST

START_TEST(E9_names_are_unescaped)
{
	reads(V2, SPAN("SEND\na\\cb\\n\\\\:x\n\n\0"), SPAN("SEND a:b\n\\=x ||"));
}
END_TEST

START_TEST(E10_utf8_passes)
{
	reads(V2, SPAN("SEND\nx:한글 \xf0\x9f\x98\x80 \u05d0\n\n\xff\0"),
		SPAN("SEND x=한글 \xf0\x9f\x98\x80 \u05d0 |\xff|"));
}
END_TEST

START_TEST(E12_headers_are_utf8)
{
	refuses_syntax(V2, SPAN("SEND\nx:\xff\n\n"), "header is not UTF-8");
	refuses_syntax(V0, SPAN("SEND\nx:\xed\xa0\x80\n\n"), "header is not UTF-8");
	refuses_syntax(V1, SPAN("SEND\n\xc3:\xa9\n\n"), "header is not UTF-8");
	refuses_syntax(V2, SPAN("CONNECT\nlogin:\xc0\xaf\n\n"), "header is not UTF-8");
}
END_TEST

START_TEST(E13_nul_in_a_header)
{
	refuses_syntax(V2, SPAN("SEND\nx:a\0"), "NUL before the end of the headers");
	refuses_syntax(V0, SPAN("SEND\nx:a\n\0"), "NUL before the end of the headers");
	refuses_syntax(V1, SPAN("SEND\nx\r\0"), "NUL before the end of the headers");
}
END_TEST

START_TEST(B1_body_not_allowed)
{
	refuses_syntax(V2, SPAN("SUBSCRIBE\nid:0\n\nx"), "body not allowed");
	refuses_syntax(V1, SPAN("ACK\nid:0\n\n\n"), "body not allowed");
	refuses_syntax(V2, SPAN("CONNECT\n\nx"), "body not allowed");
	refuses_syntax(V2, SPAN("RECEIPT\ncontent-length:1\n\n"), "body not allowed");
	reads(V2, SPAN("MESSAGE\n\na\0ERROR\n\nb\0"), SPAN("MESSAGE |a|ERROR |b|"));
}
END_TEST

START_TEST(B1_body_ignored_in_1_0)
{
	reads(V0, SPAN("SUBSCRIBE\nid:0\n\nbody\0SEND\n\nx\0"), SPAN("SUBSCRIBE id=0 ||SEND |x|"));
	reads(V0, SPAN("BEGIN\ncontent-length:2\n\n\0\0\0"), SPAN("BEGIN content-length=2 ||"));
}
END_TEST

START_TEST(B2_content_length_counts_nuls_and_octets)
{
	reads(V2, SPAN("SEND\ncontent-length:5\n\na\0\0b\n\0"),
		SPAN("SEND content-length=5 |a\0\0b\n|"));
	reads(V2, SPAN("SEND\ncontent-length:003\n\n한\0"), SPAN("SEND content-length=003 |한|"));
}
END_TEST

START_TEST(B4_body_ends_at_the_first_nul)
{
	reads(V2, SPAN("SEND\n\na\nb\0\0"), SPAN("SEND |a\nb|"));
}
END_TEST

START_TEST(B5_any_frame_may_announce_no_body)
{
	reads(V2, SPAN("SUBSCRIBE\ncontent-length:0\n\n\0"), SPAN("SUBSCRIBE content-length=0 ||"));
}
END_TEST

START_TEST(B6_content_length_is_a_number)
{
	refuses_syntax(V2, SPAN("SEND\ncontent-length:-1\n\n"), "content-length is not a number");
	refuses_syntax(V2, SPAN("SEND\ncontent-length:+3\n\n"), "content-length is not a number");
	refuses_syntax(V2, SPAN("SEND\ncontent-length: 3\n\n"), "content-length is not a number");
	refuses_syntax(V2, SPAN("SEND\ncontent-length:3 \n\n"), "content-length is not a number");
	refuses_syntax(V2, SPAN("SEND\ncontent-length:\n\n"), "content-length is not a number");
	refuses_syntax(V2, SPAN("SEND\ncontent-length:0x1\n\n"), "content-length is not a number");
	refuses_syntax(V2, SPAN("SEND\ncontent-length:99999999999999999999999x\n\n"),
		"content-length is not a number");
	refuses(V2, SPAN("SEND\ncontent-length:18446744073709551617\n\n"), STOMP_FAULT_BODY_BYTES,
		"body too long");
	refuses(V2, SPAN("SEND\ncontent-length:184467440737095516160\n\n"), STOMP_FAULT_BODY_BYTES,
		"body too long");
}
END_TEST

START_TEST(H1_first_of_repeated_headers_wins)
{
	reads(V2, SPAN("SEND\ncontent-length:1\ncontent-length:9\n\na\0"),
		SPAN("SEND content-length=1 content-length=9 |a|"));
}
END_TEST

START_TEST(H4_repeated_headers_are_bounded)
{
	refuses(V2, SPAN("SEND\na:1\na:1\na:1\na:1\na:1\n"), STOMP_FAULT_HEADERS,
		"too many headers");
}
END_TEST

static void add_grammar(TCase *tc)
{
	const TTest *const tests[] = {
		G1_frame_is_command_headers_body_nul,
		G2_line_ends_may_be_cr_lf_in_all_versions,
		G3_commands_are_case_sensitive,
		G4_header_names_are_case_sensitive,
		G5_line_ends_between_frames_are_ignored,
		G6_header_line_needs_a_colon,
		G7_header_name_is_not_empty,
		G8_header_value_may_be_empty,
		G9_value_may_hold_colons,
		G10_bare_cr_in_a_header,
		G11_frame_split_at_any_octet,
		G11_several_frames_in_one_read,
		G12_line_ends_before_the_first_frame,
		G13_nuls_between_frames_are_tolerated,
		G14_command_line_is_bounded,
		G15_unknown_command,
		G17_nul_must_follow_the_announced_body,
		G18_truncated_frame_is_never_given_out,
	};

	for (size_t i = 0; i < countof(tests); i++)
		tcase_add_test(tc, tests[i]);
}

static void add_encoding(TCase *tc)
{
	const TTest *const tests[] = {
		E1_escapes_of_1_2,
		E2_escapes_of_1_1,
		E3_no_escapes_in_1_0,
		E4_undefined_escape,
		E5_dangling_backslash,
		E7_connect_is_not_unescaped,
		E8_blanks_are_kept,
		E9_names_are_unescaped,
		E10_utf8_passes,
		E12_headers_are_utf8,
		E13_nul_in_a_header,
	};

	for (size_t i = 0; i < countof(tests); i++)
		tcase_add_test(tc, tests[i]);
}

static void add_bodies(TCase *tc)
{
	const TTest *const tests[] = {
		B1_body_not_allowed,
		B1_body_ignored_in_1_0,
		B2_content_length_counts_nuls_and_octets,
		B4_body_ends_at_the_first_nul,
		B5_any_frame_may_announce_no_body,
		B6_content_length_is_a_number,
		H1_first_of_repeated_headers_wins,
		H4_repeated_headers_are_bounded,
	};

	for (size_t i = 0; i < countof(tests); i++)
		tcase_add_test(tc, tests[i]);
}

int main(void)
{
	Suite *suite = suite_create("stomp/parser");
	TCase *tc = tcase_create("wire");
	SRunner *runner;
	int failed;

	add_grammar(tc);
	add_encoding(tc);
	add_bodies(tc);
	suite_add_tcase(suite, tc);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
