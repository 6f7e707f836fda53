/*
 * The law: a frame that is read, written for a receiver and read by it is the
 * same frame, but for the headers that the receiver's version cannot express;
 * and what was one frame is one frame, whatever its headers hold.
 *
 * The first byte says which versions the sender and the receiver speak; the
 * rest is the wire. content-length is the writer's own and is left out.
 */
#include "base/buf.h"
#include "stomp/parser.h"
#include "stomp/writer.h"

#include <assert.h>
#include <stdint.h>

enum {
	HEADERS_MOST = 64
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What the receiver must find. */
struct expected {
	struct stomp_header headers[HEADERS_MOST];
	size_t count;
};

static bool is_length(const struct stomp_header *header)
{
	return span_eq(header->name, SPAN("content-length"));
}

static bool is_raw(enum stomp_command command)
{
	return command == STOMP_CONNECT || command == STOMP_STOMP || command == STOMP_CONNECTED;
}

static void write_frame(struct buf *out, enum stomp_version version,
	const struct stomp_frame *frame, struct expected *expected)
{
	bool has_body = frame->command == STOMP_SEND || frame->command == STOMP_MESSAGE ||
			frame->command == STOMP_ERROR;

	expected->count = 0;
	stomp_writer_command(out, frame->command);
	for (size_t i = 0; i < frame->header_count; i++) {
		const struct stomp_header *header = &frame->headers[i];

		if (is_length(header))
			continue;
		if (is_raw(frame->command)
				? stomp_writer_header_raw(out, header->name, header->value)
				: stomp_writer_header(out, version, header->name, header->value))
			expected->headers[expected->count++] = *header;
		else
			assert(version != STOMP_VERSION_1_2 || is_raw(frame->command));
	}
	if (has_body)
		stomp_writer_body(out, frame->body);
	else
		stomp_writer_end(out);
}

static void check_same(const struct stomp_frame *frame, const struct stomp_frame *again,
	const struct expected *expected)
{
	size_t count = 0;

	assert(frame->command == again->command);
	assert(span_eq(frame->body, again->body));
	for (size_t i = 0; i < again->header_count; i++) {
		if (is_length(&again->headers[i]))
			continue;
		assert(count < expected->count);
		assert(span_eq(expected->headers[count].name, again->headers[i].name));
		assert(span_eq(expected->headers[count].value, again->headers[i].value));
		count++;
	}
	assert(count == expected->count);
}

/* One version to itself loses nothing: its own grammar has let the frame in. */
static void check_lossless(const struct stomp_frame *frame, const struct expected *expected)
{
	for (size_t i = 0, count = 0; i < frame->header_count; i++) {
		struct span value = frame->headers[i].value;
		struct span name = frame->headers[i].name;

		if (is_length(&frame->headers[i]))
			continue;
		/* Before 1.2 a CR could be read, but not be written. */
		if ((value.len > 0 && memchr(value.at, '\r', value.len)) ||
			memchr(name.at, '\r', name.len))
			continue;
		assert(count < expected->count);
		assert(span_eq(expected->headers[count++].value, value));
	}
}

static void round_trip(const struct stomp_frame *frame, enum stomp_version from,
	enum stomp_version to, const struct stomp_limits *limits)
{
	struct stomp_parser *p = stomp_parser_new(limits);
	struct buf wire = { NULL, 0, 0 };
	struct expected expected;
	struct stomp_frame again;

	write_frame(&wire, to, frame, &expected);
	if (from == to && to != STOMP_VERSION_1_2)
		check_lossless(frame, &expected);
	stomp_parser_set_version(p, to);
	stomp_parser_feed(p, buf_span(&wire));
	assert(stomp_parser_next(p, &again) == STOMP_GOT_FRAME);
	check_same(frame, &again, &expected);
	assert(stomp_parser_next(p, &again) == STOMP_GOT_MORE);
	assert(stomp_parser_pending(p) == 0);
	buf_fini(&wire);
	stomp_parser_free(p);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct stomp_limits limits = { .headers = HEADERS_MOST,
		.line_bytes = 4096,
		.header_bytes = 8192,
		.body_bytes = 8192 };
	enum stomp_version from, to;
	struct stomp_parser *p;
	struct stomp_frame frame;

	if (size < 1)
		return 0;
	from = (enum stomp_version)(data[0] % STOMP_VERSION_COUNT);
	to = (enum stomp_version)(data[0] / STOMP_VERSION_COUNT % STOMP_VERSION_COUNT);
	p = stomp_parser_new(&limits);
	stomp_parser_set_version(p, from);
	stomp_parser_feed(p, (struct span){ (const char *)data + 1, size - 1 });
	limits.headers += 1; /* content-length */
	limits.line_bytes *= 2;
	limits.header_bytes *= 2; /* every byte may need a backslash */
	limits.header_bytes += sizeof("content-length:8192");
	while (stomp_parser_next(p, &frame) == STOMP_GOT_FRAME)
		round_trip(&frame, from, to, &limits);
	stomp_parser_free(p);
	return 0;
}
