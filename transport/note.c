/*
 * A note as bytes: a version, the fixed fields, then each span as its length
 * and its bytes. Numbers are little-endian. There is one way to write a note,
 * and only that is read.
 */
#include "transport/note.h"

#include "base/mem.h"
#include "base/pack.h"
#include "transport/sockjs_codec.h"

#include <assert.h>

enum {
	LAYOUT_VERSION = 1, /* of the layout; another one is not read */
	FIXED_BYTES = 5 + 2 + 4 + 8 + 8 + 2 * (NOTE_NODE_BYTES + 2) + NOTE_NODE_BYTES,
	SPANS = 7,
};

static const size_t spans[SPANS] = {
	offsetof(struct note, session),
	offsetof(struct note, callback),
	offsetof(struct note, query),
	offsetof(struct note, cookie),
	offsetof(struct note, origin),
	offsetof(struct note, peer),
	offsetof(struct note, body),
};

static struct span *span_in(struct note *note, size_t i)
{
	return (struct span *)(void *)((char *)note + spans[i]);
}

static struct span span_at(const struct note *note, size_t i)
{
	return *(const struct span *)(const void *)((const char *)note + spans[i]);
}

struct note *note_new(const struct note *like)
{
	size_t size = sizeof(*like);
	struct note *note;
	char *to;

	for (size_t i = 0; i < SPANS; i++)
		size += span_at(like, i).len;
	note = mem_zalloc(size);
	*note = *like;
	list_init(&note->link);
	to = (char *)(note + 1);
	for (size_t i = 0; i < SPANS; i++) {
		struct span s = span_at(like, i);

		if (s.len > 0)
			memcpy(to, s.at, s.len);
		*span_in(note, i) = (struct span){ to, s.len };
		to += s.len;
	}
	return note;
}

void note_write(const struct note *note, struct buf *out)
{
	size_t size = FIXED_BYTES;

	for (size_t i = 0; i < SPANS; i++)
		size += PACK_LENGTH_BYTES + span_at(note, i).len;
	buf_reserve(out, size);
	pack_number(out, LAYOUT_VERSION, 1);
	pack_number(out, note->kind, 1);
	pack_number(out, note->endpoint, 1);
	pack_number(out, note->transport, 1);
	pack_number(out, note->hops, 1);
	pack_number(out, note->status, 2);
	pack_number(out, note->number, 4);
	pack_number(out, note->exchange, 8);
	pack_number(out, note->amount, 8);
	pack_name(out, note->from.node, NOTE_NODE_BYTES);
	pack_number(out, note->from.loop, 2);
	pack_name(out, note->to.node, NOTE_NODE_BYTES);
	pack_number(out, note->to.loop, 2);
	pack_name(out, note->about, NOTE_NODE_BYTES);
	for (size_t i = 0; i < SPANS; i++)
		pack_span(out, span_at(note, i));
}

static bool take_fixed(struct span *rest, struct note *note)
{
	bool nodes_are_names;

	if (rest->len < FIXED_BYTES || unpack_number(rest, 1) != LAYOUT_VERSION)
		return false;
	note->kind = (uint8_t)unpack_number(rest, 1);
	note->endpoint = (uint8_t)unpack_number(rest, 1);
	note->transport = (uint8_t)unpack_number(rest, 1);
	note->hops = (uint8_t)unpack_number(rest, 1);
	note->status = (uint16_t)unpack_number(rest, 2);
	note->number = (uint32_t)unpack_number(rest, 4);
	note->exchange = unpack_number(rest, 8);
	note->amount = unpack_number(rest, 8);
	nodes_are_names = unpack_name(rest, note->from.node, NOTE_NODE_BYTES);
	note->from.loop = (uint16_t)unpack_number(rest, 2);
	nodes_are_names &= unpack_name(rest, note->to.node, NOTE_NODE_BYTES);
	note->to.loop = (uint16_t)unpack_number(rest, 2);
	nodes_are_names &= unpack_name(rest, note->about, NOTE_NODE_BYTES);
	return nodes_are_names && note->kind < NOTE_KINDS && note->transport < SOCKJS_TRANSPORTS;
}

struct note *note_read(struct span bytes)
{
	struct note note = { .kind = NOTE_KINDS }; /* its spans are views of the bytes */

	if (!take_fixed(&bytes, &note))
		return NULL;
	for (size_t i = 0; i < SPANS; i++) {
		if (!unpack_span(&bytes, span_in(&note, i)))
			return NULL;
	}
	return bytes.len == 0 ? note_new(&note) : NULL;
}
