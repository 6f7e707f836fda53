/*
 * base/log: one event is one line, whatever a client puts into it, however long
 * it is; and a burst is cut short. The clock is the test's.
 */
#include "base/log.h"

#include "base/attr.h"
#include "base/buf.h"
#include "base/json.h"
#include "base/utf8.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

enum {
	LINE_MOST = 1024
};

static time_t seconds = 5000; /* of the monotonic clock */
static int saved = -1;
static int errors = -1;
static struct buf text; /* what was written to stderr */

/* Stands in for libc's: bursts are counted by a clock that moves when the test says so. */
int clock_gettime(clockid_t id, struct timespec *now)
{
	if (id != CLOCK_MONOTONIC_COARSE)
		return (int)syscall(SYS_clock_gettime, id, now);
	*now = (struct timespec){ .tv_sec = seconds };
	return 0;
}

static void capture(void)
{
	saved = dup(STDERR_FILENO);
	errors = memfd_create("stderr", 0);
	ck_assert_int_ge(errors, 0);
	dup2(errors, STDERR_FILENO);
}

/* Ends capture(): `text` is what was written since. */
static void release(void)
{
	off_t len = lseek(errors, 0, SEEK_END);

	dup2(saved, STDERR_FILENO);
	close(saved);
	text.len = 0;
	ck_assert_int_eq(pread(errors, buf_reserve(&text, (size_t)len + 1), (size_t)len, 0), len);
	text.len = (size_t)len;
	text.at[text.len] = '\0';
	close(errors);
}

static void set_up(void)
{
	seconds += 100;
	log_set_level(LOG_LEVEL_DEBUG);
	log_set_format(LOG_FORMAT_LOGFMT);
}

static void tear_down(void)
{
	buf_fini(&text);
}

static size_t lines(void)
{
	size_t count = 0;

	for (size_t i = 0; i < text.len; i++)
		count += text.at[i] == '\n';
	return count;
}

static void expect_end(const char *end)
{
	size_t len = strlen(end);

	ck_assert_uint_ge(text.len, len);
	ck_assert_str_eq(text.at + text.len - len, end);
}

static bool is_bare(unsigned char c)
{
	return c > ' ' && c != '"' && c != '=' && c != '\\' && c != 0x7f;
}

/* A quoted value of logfmt: its length, or 0. Escapes are \" \\ \xNN. */
static size_t quoted(struct span s)
{
	for (size_t i = 1; i < s.len; i++) {
		if (s.at[i] == '"')
			return i + 1;
		if (s.at[i] != '\\')
			continue;
		if (++i == s.len)
			return 0;
		if (s.at[i] == '"' || s.at[i] == '\\')
			continue;
		if (s.at[i] != 'x' || s.len - i < 3 || strspn(s.at + i + 1, "0123456789abcdef") < 2)
			return 0;
		i += 2;
	}
	return 0;
}

/* Is it key=value key="value" ... as a program that reads logs has it? */
static bool is_logfmt(struct span s)
{
	while (s.len > 0) {
		size_t i = 0;

		while (i < s.len && is_bare((unsigned char)s.at[i]))
			i++;
		if (i == 0 || i == s.len || s.at[i] != '=')
			return false;
		i++;
		s = (struct span){ s.at + i, s.len - i };
		i = 0;
		if (s.len > 0 && s.at[0] == '"' && (i = quoted(s)) == 0)
			return false;
		while (i < s.len && is_bare((unsigned char)s.at[i]))
			i++;
		if (i == 0 || (i < s.len && s.at[i++] != ' '))
			return false;
		s = (struct span){ s.at + i, s.len - i };
	}
	return true;
}

/* What holds for every line, whatever went in; `what` names the case. */
static void check_line(enum log_format format, const char *what, size_t number)
{
	struct span line = { text.at, text.len - 1 };

	if (text.len == 0 || text.len > LINE_MOST || text.at[text.len - 1] != '\n' || lines() != 1)
		ck_abort_msg("%s %zu is not one line: %s", what, number, text.at);
	if (!utf8_is_valid(line))
		ck_abort_msg("%s %zu is not UTF-8: %s", what, number, text.at);
	for (size_t i = 0; i < line.len; i++) {
		if ((unsigned char)line.at[i] < ' ' || line.at[i] == 0x7f)
			ck_abort_msg("%s %zu holds a control character", what, number);
	}
	if (format == LOG_FORMAT_JSON ? !json_is_value(line) : !is_logfmt(line))
		ck_abort_msg("%s %zu cannot be read: %s", what, number, text.at);
}

static const struct {
	struct span value;
	const char *logfmt;
	const char *json;
} values[] = {
	{ SPAN("word"), "word", "\"word\"" },
	{ SPAN("10.0.0.7:5123"), "10.0.0.7:5123", "\"10.0.0.7:5123\"" },
	{ SPAN("한글"), "한글", "\"한글\"" },
	{ SPAN(""), "\"\"", "\"\"" },
	{ { NULL, 0 }, "\"\"", "\"\"" },
	{ SPAN(" "), "\" \"", "\" \"" },
	{ SPAN("kim lee"), "\"kim lee\"", "\"kim lee\"" },
	{ SPAN("a=b"), "\"a=b\"", "\"a=b\"" },
	{ SPAN("a\"b"), "\"a\\\"b\"", "\"a\\\"b\"" },
	{ SPAN("a\\"), "\"a\\\\\"", "\"a\\\\\"" },
	/* Forged lines and fields. */
	{ SPAN("x\nlevel=error event=fake"), "\"x\\x0alevel=error event=fake\"",
		"\"x\\u000alevel=error event=fake\"" },
	{ SPAN("x\r\n"), "\"x\\x0d\\x0a\"", "\"x\\u000d\\u000a\"" },
	{ SPAN("x\" event=fake y=\""), "\"x\\\" event=fake y=\\\"\"",
		"\"x\\\" event=fake y=\\\"\"" },
	{ SPAN("x\",\"event\":\"fake"), "\"x\\\",\\\"event\\\":\\\"fake\"",
		"\"x\\\",\\\"event\\\":\\\"fake\"" },
	/* What a terminal would obey, or a reader take for the end. */
	{ SPAN("\0"), "\"\\x00\"", "\"\\u0000\"" },
	{ SPAN("a\x1b[2Jb"), "\"a\\x1b[2Jb\"", "\"a\\u001b[2Jb\"" },
	{ SPAN("\x7f"), "\"\\x7f\"", "\"\\u007f\"" },
	{ SPAN("a\xc2\x85"
	       "b"),
		"\"a\\xc2\\x85b\"", "\"a\\u00c2\\u0085b\"" },
	{ SPAN("\xc2\x9b[2J"), "\"\\xc2\\x9b[2J\"", "\"\\u00c2\\u009b[2J\"" },
	{ SPAN("a\xe2\x80\xa8"), "\"a\\xe2\\x80\\xa8\"", "\"a\\u00e2\\u0080\\u00a8\"" },
	{ SPAN("a\xe2\x80\xa9"), "\"a\\xe2\\x80\\xa9\"", "\"a\\u00e2\\u0080\\u00a9\"" },
	{ SPAN("\xc2\xa0\xe2\x80\xaa"), "\xc2\xa0\xe2\x80\xaa", "\"\xc2\xa0\xe2\x80\xaa\"" },
	/* Not UTF-8, also where nothing else asks for quotes. */
	{ SPAN("\xff"), "\"\\xff\"", "\"\\u00ff\"" },
	{ SPAN("caf\xe9"), "\"caf\\xe9\"", "\"caf\\u00e9\"" },
	{ SPAN("\x9b[2J"), "\"\\x9b[2J\"", "\"\\u009b[2J\"" },
	{ SPAN("\xed\xa0\x80 x"), "\"\\xed\\xa0\\x80 x\"", "\"\\u00ed\\u00a0\\u0080 x\"" },
	{ SPAN("\xc0\xaf"), "\"\\xc0\\xaf\"", "\"\\u00c0\\u00af\"" },
	{ SPAN("a\xf0\x9f\x98"), "\"a\\xf0\\x9f\\x98\"", "\"a\\u00f0\\u009f\\u0098\"" },
};

START_TEST(value_in_logfmt)
{
	char end[128] = "";

	capture();
	log_info("test.value", LOG_SPAN("before", SPAN("1")), LOG_SPAN("v", values[_i].value),
		LOG_U64("n", 7));
	release();
	snprintf(end, sizeof(end), " level=info event=test.value before=1 v=%s n=7\n",
		values[_i].logfmt);
	expect_end(end);
	check_line(LOG_FORMAT_LOGFMT, "row", (size_t)_i);
}
END_TEST

START_TEST(value_in_json)
{
	char end[160] = "";

	log_set_format(LOG_FORMAT_JSON);
	capture();
	log_info("test.value", LOG_SPAN("before", SPAN("1")), LOG_SPAN("v", values[_i].value),
		LOG_U64("n", 7));
	release();
	snprintf(end, sizeof(end),
		",\"level\":\"info\",\"event\":\"test.value\",\"before\":\"1\",\"v\":%s,\"n\":7}\n",
		values[_i].json);
	expect_end(end);
	check_line(LOG_FORMAT_JSON, "row", (size_t)_i);
}
END_TEST

/* Reading the JSON gives back what was logged. */
START_TEST(json_is_read_back)
{
	const struct span value = SPAN("kim \"lee\" \\ \n 한글 😀 \x01");
	struct span member;
	struct buf plain = { NULL, 0, 0 };

	log_set_format(LOG_FORMAT_JSON);
	capture();
	log_warn("test.back", LOG_SPAN("user", value), LOG_U64("most", UINT64_MAX));
	release();
	check_line(LOG_FORMAT_JSON, "line", 0);
	ck_assert(json_member(buf_span(&text), SPAN("user"), &member));
	json_unquote(member, &plain);
	ck_assert(span_eq(buf_span(&plain), value));
	ck_assert(json_member(buf_span(&text), SPAN("most"), &member));
	ck_assert(span_eq(member, SPAN("18446744073709551615")));
	buf_fini(&plain);
}
END_TEST

START_TEST(line_begins_with_time_and_level)
{
	static const char *const shape = "ts=dddd-dd-ddTdd:dd:dd.dddZ level=error event=test.e\n";

	capture();
	log_error("test.e");
	release();
	ck_assert_uint_eq(text.len, strlen(shape));
	for (size_t i = 0; i < text.len; i++) {
		if (shape[i] == 'd' && i < 27)
			ck_assert(text.at[i] >= '0' && text.at[i] <= '9');
		else
			ck_assert_int_eq(text.at[i], shape[i]);
	}
}
END_TEST

/* What a value is made of, over and over; what is cut must be cut between two of these. */
static const struct span pieces[] = {
	SPAN("x"),
	SPAN("한"),
	SPAN("😀"),
	SPAN("\n"),
	SPAN("\""),
	SPAN("\\"),
	SPAN("\xff"),
	SPAN(" \\"),
	SPAN("\n한\"\xe9"),
};

/* At every length up to where the line ends, so that the end falls on each place of each piece. */
START_TEST(cut_at_every_place)
{
	enum log_format format = _i % 2 ? LOG_FORMAT_JSON : LOG_FORMAT_LOGFMT;
	struct span piece = pieces[_i / 2];
	char value[2100];

	log_set_format(format);
	for (size_t before = 850; before < 960; before++) {
		size_t len = before;

		memset(value, 'b', before);
		for (; len < before + 300; len += piece.len)
			memcpy(value + len, piece.at, piece.len);
		capture();
		log_debug("test.cut", LOG_SPAN("v", ((struct span){ value, len })),
			LOG_U64("number", 12345), LOG_SPAN("w", SPAN("a \"")), LOG_U64("n", 1));
		release();
		check_line(format, "cut at", before);
	}
}
END_TEST

/* The line ends within each place of the fields that follow a long value. */
START_TEST(cut_within_later_fields)
{
	enum log_format format = _i % 2 ? LOG_FORMAT_JSON : LOG_FORMAT_LOGFMT;
	struct span last = _i / 2 ? SPAN("two words") : SPAN("word");
	char value[LINE_MOST];

	memset(value, 'b', sizeof(value));
	log_set_format(format);
	for (size_t len = 800; len < sizeof(value); len++) {
		capture();
		log_debug("test.later", LOG_SPAN("v", ((struct span){ value, len })),
			LOG_U64("a_number_with_a_long_name", 1234567890123), LOG_SPAN("s", last),
			LOG_SPAN("empty", SPAN("")), LOG_SPAN("t", SPAN("\xff\n")),
			LOG_U64("n", 1));
		release();
		check_line(format, "length", len);
	}
}
END_TEST

/* A number that is cut would be another number: it is there whole or not at all. */
START_TEST(numbers_are_whole)
{
	char value[LINE_MOST];

	memset(value, 'b', sizeof(value));
	log_set_format(_i ? LOG_FORMAT_JSON : LOG_FORMAT_LOGFMT);
	for (size_t len = 800; len < sizeof(value); len++) {
		const char *at;

		capture();
		log_debug("test.number", LOG_SPAN("v", ((struct span){ value, len })),
			LOG_U64("number", 1234567890123));
		release();
		at = strstr(text.at, "number\":");
		at = at ? at + 8 : strstr(text.at, "number=");
		if (at && !strstr(at, "1234567890123"))
			ck_abort_msg("length %zu: %s", len, at);
	}
}
END_TEST

START_TEST(very_long_values_and_many_fields)
{
	enum log_format format = _i ? LOG_FORMAT_JSON : LOG_FORMAT_LOGFMT;
	static char value[1000000];
	struct log_field fields[402] = { LOG_STR("event", "test.many") };
	struct span piece = SPAN("\"한\n");

	log_set_format(format);
	for (size_t i = 0; i + piece.len <= sizeof(value); i += piece.len)
		memcpy(value + i, piece.at, piece.len);
	for (size_t i = 1; i < 401; i++)
		fields[i] = i % 2 ? LOG_U64("n", UINT64_MAX)
				  : LOG_SPAN("v", ((struct span){ value, i % 7 }));
	capture();
	log_write(LOG_LEVEL_DEBUG, fields);
	release();
	check_line(format, "fields", 400);
	fields[1] = LOG_SPAN("v", ((struct span){ value, sizeof(value) }));
	capture();
	log_write(LOG_LEVEL_DEBUG, fields);
	release();
	check_line(format, "fields", 401);
	ck_assert_uint_gt(text.len, LINE_MOST - 16);
}
END_TEST

static unsigned evaluated;

static uint64_t evaluate(void)
{
	return ++evaluated;
}

START_TEST(level_off_costs_nothing)
{
	for (enum log_level level = LOG_LEVEL_ERROR; level <= LOG_LEVEL_DEBUG; level++) {
		log_set_level(level);
		evaluated = 0;
		capture();
		log_error("test.level.error", LOG_U64("n", evaluate()));
		log_warn("test.level.warn", LOG_U64("n", evaluate()));
		log_info("test.level.info", LOG_U64("n", evaluate()));
		log_debug("test.level.debug", LOG_U64("n", evaluate()));
		release();
		ck_assert_uint_eq(lines(), level + 1);
		ck_assert_uint_eq(evaluated, level + 1);
	}
}
END_TEST

static void write_event(const char *event, int times)
{
	for (int i = 0; i < times; i++)
		log_info(event, LOG_U64("i", (uint64_t)i));
}

START_TEST(burst_is_cut_and_counted)
{
	capture();
	write_event("test.burst", LOG_BURST + 90);
	release();
	ck_assert_uint_eq(lines(), LOG_BURST);
	ck_assert_ptr_null(strstr(text.at, "left_out"));

	/* The same second still, another event: it is not held back. */
	capture();
	write_event("test.other", 1);
	release();
	ck_assert_uint_eq(lines(), 1);
	ck_assert_ptr_null(strstr(text.at, "left_out"));

	seconds++;
	capture();
	write_event("test.burst", LOG_BURST + 5);
	release();
	ck_assert_uint_eq(lines(), LOG_BURST);
	ck_assert_ptr_nonnull(strstr(text.at, " left_out=90 i=0\n"));
	ck_assert_ptr_null(strstr(strstr(text.at, "left_out") + 1, "left_out"));

	seconds += 1000;
	capture();
	write_event("test.burst", 2);
	release();
	ck_assert_uint_eq(lines(), 2);
	ck_assert_ptr_nonnull(strstr(text.at, " left_out=5 i=0\n"));
	ck_assert_ptr_nonnull(strstr(text.at, " i=1\n"));
}
END_TEST

START_TEST(debug_is_never_cut)
{
	capture();
	for (int i = 0; i < 100; i++)
		log_debug("test.debug");
	release();
	ck_assert_uint_eq(lines(), 100);
}
END_TEST

/* Whatever their addresses: one event must not make the limit forget another. */
START_TEST(events_by_turns_are_cut_too)
{
	static char names[33][8];

	for (size_t i = 0; i < countof(names); i++)
		memcpy(names[i], "test.t", 7);
	for (size_t other = 1; other < countof(names); other++) {
		seconds++;
		capture();
		for (int i = 0; i < 50; i++) {
			write_event(names[0], 1);
			write_event(names[other], 1);
		}
		release();
		if (lines() != 2 * (size_t)LOG_BURST)
			ck_abort_msg("%zu lines with name %zu", lines(), other);
	}
}
END_TEST

/* More events than it can remember: it may write more than it should, but goes on. */
START_TEST(many_events)
{
	static char names[200][8];

	for (size_t i = 0; i < countof(names); i++)
		memcpy(names[i], "test.t", 7);
	capture();
	for (size_t turn = 0; turn < 3; turn++) {
		for (size_t i = 0; i < countof(names); i++)
			write_event(names[i], 1);
	}
	release();
	ck_assert_uint_eq(lines(), 3 * countof(names));
}
END_TEST

START_TEST(left_out_is_in_json_too)
{
	struct span member;

	log_set_format(LOG_FORMAT_JSON);
	capture();
	write_event("test.json", LOG_BURST + 3);
	release();
	seconds++;
	capture();
	write_event("test.json", 1);
	release();
	check_line(LOG_FORMAT_JSON, "line", 0);
	ck_assert(json_member(buf_span(&text), SPAN("left_out"), &member));
	ck_assert(span_eq(member, SPAN("3")));
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("base/log");
	TCase *tc = tcase_create("log");
	SRunner *runner;
	int failed;

	tcase_add_checked_fixture(tc, set_up, tear_down);
	tcase_add_loop_test(tc, value_in_logfmt, 0, (int)countof(values));
	tcase_add_loop_test(tc, value_in_json, 0, (int)countof(values));
	tcase_add_test(tc, json_is_read_back);
	tcase_add_test(tc, line_begins_with_time_and_level);
	tcase_add_loop_test(tc, cut_at_every_place, 0, 2 * (int)countof(pieces));
	tcase_add_loop_test(tc, cut_within_later_fields, 0, 4);
	tcase_add_loop_test(tc, numbers_are_whole, 0, 2);
	tcase_add_loop_test(tc, very_long_values_and_many_fields, 0, 2);
	tcase_add_test(tc, level_off_costs_nothing);
	tcase_add_test(tc, burst_is_cut_and_counted);
	tcase_add_test(tc, debug_is_never_cut);
	tcase_add_test(tc, events_by_turns_are_cut_too);
	tcase_add_test(tc, many_events);
	tcase_add_test(tc, left_out_is_in_json_too);
	suite_add_tcase(suite, tc);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
