/*
 * A note as bytes: a letter that no other note begins with, a version, the fixed
 * fields, then each span as its length and its bytes, then the headers. Numbers
 * are little-endian. There is one way to write a note, and only that is read.
 */
#include "broker/queue_note.h"

#include <assert.h>

enum {
	LAYOUT_VERSION = 1, /* of the layout; another one is not read */
	FIXED_BYTES = 4 + 4 * 8 + QUEUE_NODE_BYTES,
	LENGTH_BYTES = 4,
	SPANS = 4,
	KEPT_BYTES = 16,
};

static void put_number(uint64_t value, size_t bytes, struct buf *out)
{
	for (size_t i = 0; i < bytes; i++)
		buf_put_byte(out, (char)(value >> 8 * i));
}

static void put_span(struct span s, struct buf *out)
{
	assert(s.len <= UINT32_MAX);
	put_number(s.len, LENGTH_BYTES, out);
	buf_put(out, s);
}

void queue_note_write(const struct queue_note *note, struct buf *out)
{
	const struct span spans[SPANS] = { note->queue, note->id, note->content_type, note->body };
	char from[QUEUE_NODE_BYTES] = { 0 };

	assert(note->header_count <= ENVELOPE_HEADERS_MOST);
	memcpy(from, note->from, strnlen(note->from, sizeof(from) - 1));
	buf_put_byte(out, 'Q');
	put_number(LAYOUT_VERSION, 1, out);
	put_number(note->kind, 1, out);
	put_number(note->flags, 1, out);
	put_number(note->consumer, 8, out);
	put_number(note->epoch, 8, out);
	put_number(note->number, 8, out);
	put_number(note->amount, 8, out);
	buf_put(out, (struct span){ from, sizeof(from) });
	for (size_t i = 0; i < SPANS; i++)
		put_span(spans[i], out);
	for (size_t i = 0; i < note->header_count; i++) {
		put_span(note->headers[i].name, out);
		put_span(note->headers[i].value, out);
	}
}

/* The caller has seen that there are so many bytes. */
static uint64_t take_number(struct span *rest, size_t bytes)
{
	uint64_t value = 0;

	for (size_t i = 0; i < bytes; i++)
		value |= (uint64_t)(unsigned char)rest->at[i] << 8 * i;
	*rest = (struct span){ rest->at + bytes, rest->len - bytes };
	return value;
}

static bool take_span(struct span *rest, struct span *s)
{
	uint64_t len;

	if (rest->len < LENGTH_BYTES)
		return false;
	len = take_number(rest, LENGTH_BYTES);
	if (len > rest->len)
		return false;
	*s = (struct span){ rest->at, (size_t)len };
	*rest = (struct span){ rest->at + len, rest->len - (size_t)len };
	return true;
}

/* False when it is empty, does not end, or something stands behind its end. */
static bool take_node(struct span *rest, char node[QUEUE_NODE_BYTES])
{
	static const char zeroes[QUEUE_NODE_BYTES];
	size_t len;

	memcpy(node, rest->at, QUEUE_NODE_BYTES);
	*rest = (struct span){ rest->at + QUEUE_NODE_BYTES, rest->len - QUEUE_NODE_BYTES };
	len = strnlen(node, QUEUE_NODE_BYTES);
	return len > 0 && len < QUEUE_NODE_BYTES &&
	       memcmp(node + len, zeroes, QUEUE_NODE_BYTES - len) == 0;
}

static bool take_headers(struct span *rest, struct queue_note *note)
{
	while (rest->len > 0) {
		struct bus_header *h = &note->headers[note->header_count];

		if (note->header_count == ENVELOPE_HEADERS_MOST || !take_span(rest, &h->name) ||
			!take_span(rest, &h->value))
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
	if (bytes.len < FIXED_BYTES || take_number(&bytes, 1) != 'Q' ||
		take_number(&bytes, 1) != LAYOUT_VERSION)
		return false;
	note->kind = (uint8_t)take_number(&bytes, 1);
	note->flags = (uint8_t)take_number(&bytes, 1);
	note->consumer = take_number(&bytes, 8);
	note->epoch = take_number(&bytes, 8);
	note->number = take_number(&bytes, 8);
	note->amount = take_number(&bytes, 8);
	if (!take_node(&bytes, note->from) || note->kind >= QUEUE_NOTE_KINDS ||
		note->flags >= QUEUE_NOTE_FLAGS)
		return false;
	for (size_t i = 0; i < SPANS; i++) {
		if (!take_span(&bytes, spans[i]))
			return false;
	}
	return take_headers(&bytes, note);
}

void queue_note_put_kept(struct buf *out, uint64_t consumer, uint64_t epoch)
{
	put_number(consumer, 8, out);
	put_number(epoch, 8, out);
}

bool queue_note_take_kept(struct span *rest, uint64_t *consumer, uint64_t *epoch)
{
	if (rest->len < KEPT_BYTES)
		return false;
	*consumer = take_number(rest, 8);
	*epoch = take_number(rest, 8);
	return true;
}
