/*
 * A note as bytes: a version, the fixed fields, then each span as its length
 * and its bytes. Numbers are little-endian. There is one way to write a note,
 * and only that is read.
 */
#include "transport/note.h"

#include "base/mem.h"
#include "transport/sockjs_codec.h"

#include <assert.h>

enum {
	LAYOUT_VERSION = 1, /* of the layout; another one is not read */
	FIXED_BYTES = 5 + 2 + 4 + 8 + 8 + 2 * (NOTE_NODE_BYTES + 2) + NOTE_NODE_BYTES,
	LENGTH_BYTES = 4,
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

static void put_number(uint64_t value, size_t bytes, struct buf *out)
{
	for (size_t i = 0; i < bytes; i++)
		buf_put_byte(out, (char)(value >> 8 * i));
}

/* What happens to stand behind its end stays here. */
static void put_node(const char node[NOTE_NODE_BYTES], struct buf *out)
{
	char name[NOTE_NODE_BYTES] = { 0 };

	memcpy(name, node, strnlen(node, NOTE_NODE_BYTES - 1));
	buf_put(out, (struct span){ name, sizeof(name) });
}

void note_write(const struct note *note, struct buf *out)
{
	size_t size = FIXED_BYTES;

	for (size_t i = 0; i < SPANS; i++)
		size += LENGTH_BYTES + span_at(note, i).len;
	buf_reserve(out, size);
	put_number(LAYOUT_VERSION, 1, out);
	put_number(note->kind, 1, out);
	put_number(note->endpoint, 1, out);
	put_number(note->transport, 1, out);
	put_number(note->hops, 1, out);
	put_number(note->status, 2, out);
	put_number(note->number, 4, out);
	put_number(note->exchange, 8, out);
	put_number(note->amount, 8, out);
	put_node(note->from.node, out);
	put_number(note->from.loop, 2, out);
	put_node(note->to.node, out);
	put_number(note->to.loop, 2, out);
	put_node(note->about, out);
	for (size_t i = 0; i < SPANS; i++) {
		struct span s = span_at(note, i);

		assert(s.len <= UINT32_MAX);
		put_number(s.len, LENGTH_BYTES, out);
		buf_put(out, s);
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

/* False when it does not end, or something stands behind its end. */
static bool take_node(struct span *rest, char node[NOTE_NODE_BYTES])
{
	static const char zeroes[NOTE_NODE_BYTES];
	size_t len;

	memcpy(node, rest->at, NOTE_NODE_BYTES);
	*rest = (struct span){ rest->at + NOTE_NODE_BYTES, rest->len - NOTE_NODE_BYTES };
	len = strnlen(node, NOTE_NODE_BYTES);
	return len < NOTE_NODE_BYTES && memcmp(node + len, zeroes, NOTE_NODE_BYTES - len) == 0;
}

static bool take_fixed(struct span *rest, struct note *note)
{
	bool nodes_are_names;

	if (rest->len < FIXED_BYTES || take_number(rest, 1) != LAYOUT_VERSION)
		return false;
	note->kind = (uint8_t)take_number(rest, 1);
	note->endpoint = (uint8_t)take_number(rest, 1);
	note->transport = (uint8_t)take_number(rest, 1);
	note->hops = (uint8_t)take_number(rest, 1);
	note->status = (uint16_t)take_number(rest, 2);
	note->number = (uint32_t)take_number(rest, 4);
	note->exchange = take_number(rest, 8);
	note->amount = take_number(rest, 8);
	nodes_are_names = take_node(rest, note->from.node);
	note->from.loop = (uint16_t)take_number(rest, 2);
	nodes_are_names &= take_node(rest, note->to.node);
	note->to.loop = (uint16_t)take_number(rest, 2);
	nodes_are_names &= take_node(rest, note->about);
	return nodes_are_names && note->kind < NOTE_KINDS && note->transport < SOCKJS_TRANSPORTS;
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

struct note *note_read(struct span bytes)
{
	struct note note = { .kind = NOTE_KINDS }; /* its spans are views of the bytes */

	if (!take_fixed(&bytes, &note))
		return NULL;
	for (size_t i = 0; i < SPANS; i++) {
		if (!take_span(&bytes, span_in(&note, i)))
			return NULL;
	}
	return bytes.len == 0 ? note_new(&note) : NULL;
}
