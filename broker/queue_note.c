/*
 * A note as bytes: a letter that no other note begins with, a version, the fixed
 * fields, then each span as its length and its bytes, then the headers. Numbers
 * are little-endian. There is one way to write a note, and only that is read.
 */
#include "broker/queue_note.h"

#include "base/pack.h"

#include <assert.h>

enum {
	LAYOUT_VERSION = 1, /* of the layout; another one is not read */
	FIXED_BYTES = 4 + 4 * 8 + QUEUE_NODE_BYTES,
	SPANS = 4,
	KEPT_BYTES = 16,
};

void queue_note_write(const struct queue_note *note, struct buf *out)
{
	const struct span spans[SPANS] = { note->queue, note->id, note->content_type, note->body };

	assert(note->header_count <= ENVELOPE_HEADERS_MOST);
	buf_put_byte(out, 'Q');
	pack_number(out, LAYOUT_VERSION, 1);
	pack_number(out, note->kind, 1);
	pack_number(out, note->flags, 1);
	pack_number(out, note->consumer, 8);
	pack_number(out, note->epoch, 8);
	pack_number(out, note->number, 8);
	pack_number(out, note->amount, 8);
	pack_name(out, note->from, QUEUE_NODE_BYTES);
	for (size_t i = 0; i < SPANS; i++)
		pack_span(out, spans[i]);
	for (size_t i = 0; i < note->header_count; i++) {
		pack_span(out, note->headers[i].name);
		pack_span(out, note->headers[i].value);
	}
}

static bool take_headers(struct span *rest, struct queue_note *note)
{
	while (rest->len > 0) {
		struct bus_header *h = &note->headers[note->header_count];

		if (note->header_count == ENVELOPE_HEADERS_MOST || !unpack_span(rest, &h->name) ||
			!unpack_span(rest, &h->value))
			return false;
		note->header_count++;
	}
	return true;
}

bool queue_note_read(struct span bytes, struct queue_note *note)
{
	struct span *const spans[SPANS] = { &note->queue, &note->id, &note->content_type,
		&note->body };

	note->header_count = 0;
	if (bytes.len < FIXED_BYTES || unpack_number(&bytes, 1) != 'Q' ||
		unpack_number(&bytes, 1) != LAYOUT_VERSION)
		return false;
	note->kind = (uint8_t)unpack_number(&bytes, 1);
	note->flags = (uint8_t)unpack_number(&bytes, 1);
	note->consumer = unpack_number(&bytes, 8);
	note->epoch = unpack_number(&bytes, 8);
	note->number = unpack_number(&bytes, 8);
	note->amount = unpack_number(&bytes, 8);
	if (!unpack_name(&bytes, note->from, QUEUE_NODE_BYTES) || !note->from[0] ||
		note->kind >= QUEUE_NOTE_KINDS || note->flags >= QUEUE_NOTE_FLAGS)
		return false;
	for (size_t i = 0; i < SPANS; i++) {
		if (!unpack_span(&bytes, spans[i]))
			return false;
	}
	return take_headers(&bytes, note);
}

void queue_note_put_kept(struct buf *out, uint64_t consumer, uint64_t epoch)
{
	pack_number(out, consumer, 8);
	pack_number(out, epoch, 8);
}

bool queue_note_take_kept(struct span *rest, uint64_t *consumer, uint64_t *epoch)
{
	if (rest->len < KEPT_BYTES)
		return false;
	*consumer = unpack_number(rest, 8);
	*epoch = unpack_number(rest, 8);
	return true;
}
