/*
 * The laws: what is written and read is what it was, for any body and any
 * destination that is UTF-8, as a plain record and as an extended one; and of
 * bytes from anywhere, what is accepted has a destination, a content-type, and
 * is UTF-8 where it says so.
 *
 * The first byte says what the rest is: a record of somebody's, or a
 * destination, a line end and a body.
 */
#include "base/utf8.h"
#include "redis/envelope.h"

#include <assert.h>
#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_read(struct span record, bool extended)
{
	struct envelope_scratch scratch = { .text = { NULL, 0, 0 } };
	struct bus_message m;
	enum envelope_read result = envelope_read(record, extended, &scratch, &m);

	assert(envelope_problem(result));
	if (result == ENVELOPE_READ) {
		assert(m.destination.len > 0 && utf8_is_valid(m.destination));
		assert(m.content_type.at && utf8_is_valid(m.content_type));
		assert(m.body_is_utf8 == utf8_is_valid(m.body));
		assert(extended || m.header_count == 0);
		for (size_t i = 0; i < m.header_count; i++) {
			assert(utf8_is_valid(m.headers[i].name));
			assert(utf8_is_valid(m.headers[i].value));
		}
	}
	envelope_scratch_fini(&scratch);
}

static void check_same(struct span record, bool extended, const struct bus_message *m)
{
	struct span implied = envelope_implied_type(m->body, m->body_is_utf8);
	struct envelope_scratch scratch = { .text = { NULL, 0, 0 } };
	struct bus_message again;

	assert(envelope_read(record, extended, &scratch, &again) == ENVELOPE_READ);
	assert(span_eq(again.destination, m->destination));
	assert(span_eq(again.body, m->body));
	assert(again.body_is_utf8 == m->body_is_utf8);
	assert(span_eq(
		again.content_type, extended && m->content_type.at ? m->content_type : implied));
	assert(again.header_count == (extended ? m->header_count : 0));
	for (size_t i = 0; i < again.header_count; i++) {
		assert(span_eq(again.headers[i].name, m->headers[i].name));
		assert(span_eq(again.headers[i].value, m->headers[i].value));
	}
	envelope_scratch_fini(&scratch);
}

static void round_trip(struct bus_message *m)
{
	const struct bus_header headers[] = { { m->destination, SPAN("") },
		{ SPAN("x"), m->destination } };
	struct envelope_scratch scratch = { .text = { NULL, 0, 0 } };
	struct buf record = { NULL, 0, 0 };
	struct bus_message none;

	envelope_write(m, false, &record);
	check_same(buf_span(&record), false, m);
	record.len = 0;
	envelope_write(m, true, &record);
	assert(envelope_read(buf_span(&record), false, &scratch, &none) == ENVELOPE_SKIP);
	record.len = 0;
	envelope_write_extended(m, &record);
	check_same(buf_span(&record), true, m);
	record.len = 0;
	m->headers = headers;
	m->header_count = countof(headers);
	m->content_type = m->destination;
	envelope_write_extended(m, &record);
	check_same(buf_span(&record), true, m);
	buf_fini(&record);
	envelope_scratch_fini(&scratch);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct span rest;
	struct bus_message m = { .content_type = { NULL, 0 } };
	const char *line_end;

	if (size < 1)
		return 0;
	rest = (struct span){ (const char *)data + 1, size - 1 };
	if (data[0] % 2 == 0) {
		check_read(rest, false);
		check_read(rest, true);
		return 0;
	}
	line_end = memchr(rest.at, '\n', rest.len);
	if (!line_end || line_end == rest.at)
		return 0;
	m.destination = (struct span){ rest.at, (size_t)(line_end - rest.at) };
	m.body = (struct span){ line_end + 1, rest.len - m.destination.len - 1 };
	m.body_is_utf8 = utf8_is_valid(m.body);
	if (utf8_is_valid(m.destination))
		round_trip(&m);
	return 0;
}
