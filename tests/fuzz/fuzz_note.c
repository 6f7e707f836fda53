/*
 * The laws: of bytes from anywhere, those that are a note are what writing that
 * note gives; and any note that is written and read is what it was.
 */
#include "transport/note.h"
#include "transport/sockjs_codec.h"

#include <assert.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_same(const struct note *a, const struct note *b)
{
	assert(a->kind == b->kind && a->endpoint == b->endpoint);
	assert(a->transport == b->transport && a->hops == b->hops);
	assert(a->status == b->status && a->number == b->number);
	assert(a->exchange == b->exchange && a->amount == b->amount);
	assert(strcmp(a->from.node, b->from.node) == 0 && a->from.loop == b->from.loop);
	assert(strcmp(a->to.node, b->to.node) == 0 && a->to.loop == b->to.loop);
	assert(strcmp(a->about, b->about) == 0);
	assert(span_eq(a->session, b->session) && span_eq(a->callback, b->callback));
	assert(span_eq(a->query, b->query) && span_eq(a->cookie, b->cookie));
	assert(span_eq(a->origin, b->origin) && span_eq(a->peer, b->peer));
	assert(span_eq(a->body, b->body));
}

static void check_bytes(struct span bytes)
{
	struct note *note = note_read(bytes), *copy;
	struct buf again = { NULL, 0, 0 };

	if (!note)
		return;
	assert(note->kind < NOTE_KINDS && note->transport < SOCKJS_TRANSPORTS);
	assert(list_is_empty(&note->link));
	copy = note_new(note);
	check_same(copy, note);
	free(note);
	note_write(copy, &again);
	assert(span_eq(buf_span(&again), bytes));
	buf_fini(&again);
	free(copy);
}

/* Copies what there is, up to `size` bytes. */
static void take(struct span *rest, void *to, size_t size)
{
	size_t len = rest->len < size ? rest->len : size;

	memcpy(to, rest->at, len);
	*rest = (struct span){ rest->at + len, rest->len - len };
}

static struct span take_span(struct span *rest)
{
	struct span taken;
	uint8_t len = 0;

	take(rest, &len, 1);
	taken = (struct span){ rest->at, len < rest->len ? len : rest->len };
	*rest = (struct span){ rest->at + taken.len, rest->len - taken.len };
	return taken;
}

static void take_place(struct span *rest, struct note_place *place)
{
	take(rest, place->node, NOTE_NODE_BYTES - 1);
	take(rest, &place->loop, sizeof(place->loop));
}

static void check_note(struct span rest)
{
	struct buf bytes = { NULL, 0, 0 };
	struct note note = { .kind = 0 }, *again;

	take(&rest, &note.kind, 1);
	take(&rest, &note.endpoint, 1);
	take(&rest, &note.transport, 1);
	take(&rest, &note.hops, 1);
	take(&rest, &note.status, sizeof(note.status));
	take(&rest, &note.number, sizeof(note.number));
	take(&rest, &note.exchange, sizeof(note.exchange));
	take(&rest, &note.amount, sizeof(note.amount));
	take_place(&rest, &note.from);
	take_place(&rest, &note.to);
	take(&rest, note.about, NOTE_NODE_BYTES - 1);
	note.kind %= NOTE_KINDS;
	note.transport %= SOCKJS_TRANSPORTS;
	note.session = take_span(&rest);
	note.callback = take_span(&rest);
	note.query = take_span(&rest);
	note.cookie = take_span(&rest);
	note.origin = take_span(&rest);
	note.peer = take_span(&rest);
	note.body = rest;
	note_write(&note, &bytes);
	again = note_read(buf_span(&bytes));
	assert(again);
	check_same(again, &note);
	free(again);
	buf_fini(&bytes);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct span bytes = { (const char *)data, size };

	check_bytes(bytes);
	if (size > 0)
		check_note(bytes);
	return 0;
}
