/* How the parser's tests feed a wire and say what must come of it. */
#ifndef TESTS_UNIT_STOMP_WIRE_H
#define TESTS_UNIT_STOMP_WIRE_H

#include "base/buf.h"
#include "base/mem.h"
#include "stomp/parser.h"

#include <check.h>
#include <stdlib.h>

#define V0 STOMP_VERSION_1_0
#define V1 STOMP_VERSION_1_1
#define V2 STOMP_VERSION_1_2

static const struct stomp_limits limits UNUSED = {
	.headers = 4, .line_bytes = 64, .header_bytes = 128, .body_bytes = 300
};

static const struct stomp_limits wide UNUSED = {
	.headers = 1000, .line_bytes = 1 << 21, .header_bytes = 1 << 22, .body_bytes = 1 << 21
};

/* Appends "SEND name=value name=value |body|". */
static inline void print_frame(struct buf *out, const struct stomp_frame *frame)
{
	buf_put(out, span_of(stomp_command_name(frame->command)));
	for (size_t i = 0; i < frame->header_count; i++) {
		buf_put_byte(out, ' ');
		buf_put(out, frame->headers[i].name);
		buf_put_byte(out, '=');
		buf_put(out, frame->headers[i].value);
	}
	buf_put(out, SPAN(" |"));
	buf_put(out, frame->body);
	buf_put_byte(out, '|');
}

/* Feeds `wire` in pieces of `step` bytes and prints what is read, up to the end or the error. */
static inline enum stomp_got print_all(
	struct stomp_parser *p, struct span wire, size_t step, struct buf *out)
{
	enum stomp_got got = STOMP_GOT_MORE;
	struct stomp_frame frame;

	for (size_t at = 0; at < wire.len && got == STOMP_GOT_MORE; at += step) {
		size_t len = wire.len - at < step ? wire.len - at : step;

		stomp_parser_feed(p, (struct span){ wire.at + at, len });
		while ((got = stomp_parser_next(p, &frame)) == STOMP_GOT_FRAME)
			print_frame(out, &frame);
	}
	return got;
}

/* The wire is read to its end and nothing is left. */
static inline void reads(enum stomp_version version, struct span wire, struct span expected)
{
	const size_t steps[] = { wire.len, 1, 3 };

	for (size_t i = 0; i < countof(steps); i++) {
		struct stomp_parser *p = stomp_parser_new(&limits);
		struct buf out = { NULL, 0, 0 };

		stomp_parser_set_version(p, version);
		ck_assert_msg(print_all(p, wire, steps[i], &out) == STOMP_GOT_MORE, "%s",
			stomp_parser_error(p));
		ck_assert_msg(span_eq(buf_span(&out), expected), "read %.*s", (int)out.len, out.at);
		ck_assert_uint_eq(stomp_parser_pending(p), 0);
		ck_assert_int_eq(stomp_parser_fault(p), STOMP_FAULT_NONE);
		buf_fini(&out);
		stomp_parser_free(p);
	}
}

/* The wire's last byte is needed to refuse it, no earlier one is enough. */
static inline void refuses(
	enum stomp_version version, struct span wire, enum stomp_fault fault, const char *error)
{
	for (size_t step = 1; step <= wire.len; step += wire.len > 1 ? wire.len - 1 : 1) {
		struct stomp_parser *p = stomp_parser_new(&limits);
		struct buf out = { NULL, 0, 0 };
		struct stomp_frame frame;
		struct span all_but_one = { wire.at, wire.len - 1 };
		size_t pending;

		stomp_parser_set_version(p, version);
		ck_assert_msg(print_all(p, all_but_one, step, &out) == STOMP_GOT_MORE,
			"refused too early: %s", stomp_parser_error(p));
		stomp_parser_feed(p, (struct span){ wire.at + wire.len - 1, 1 });
		ck_assert_int_eq(stomp_parser_next(p, &frame), STOMP_GOT_ERROR);
		ck_assert_str_eq(stomp_parser_error(p), error);
		ck_assert_int_eq(stomp_parser_fault(p), fault);
		pending = stomp_parser_pending(p);
		stomp_parser_feed(p, SPAN("SEND\n\n\0"));
		ck_assert_uint_eq(stomp_parser_pending(p), pending);
		ck_assert_int_eq(stomp_parser_next(p, &frame), STOMP_GOT_ERROR);
		ck_assert_str_eq(stomp_parser_error(p), error);
		buf_fini(&out);
		stomp_parser_free(p);
	}
}

static inline void refuses_syntax(enum stomp_version version, struct span wire, const char *error)
{
	refuses(version, wire, STOMP_FAULT_SYNTAX, error);
}

/* `count` bytes of `byte` between two texts. The caller frees *text. */
static inline struct span stretched(
	char **text, struct span before, char byte, size_t count, struct span after)
{
	size_t len = before.len + count + after.len;

	*text = mem_zalloc(len);
	memcpy(*text, before.at, before.len);
	memset(*text + before.len, byte, count);
	memcpy(*text + before.len + count, after.at, after.len);
	return (struct span){ *text, len };
}

#endif
