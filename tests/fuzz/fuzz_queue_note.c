/*
 * The laws: of bytes from anywhere, those that are a note are what writing that
 * note gives; and any note that is written and read is what it was.
 */
#include "broker/queue_note.h"

#include <assert.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_same(const struct queue_note *a, const struct queue_note *b)
{
	assert(a->kind == b->kind && a->flags == b->flags && strcmp(a->from, b->from) == 0);
	assert(a->consumer == b->consumer && a->epoch == b->epoch);
	assert(a->number == b->number && a->amount == b->amount);
	assert(span_eq(a->queue, b->queue) && span_eq(a->id, b->id));
	assert(span_eq(a->content_type, b->content_type) && span_eq(a->body, b->body));
	assert(a->header_count == b->header_count);
	for (size_t i = 0; i < a->header_count; i++)
		assert(span_eq(a->headers[i].name, b->headers[i].name) &&
			span_eq(a->headers[i].value, b->headers[i].value));
}

static void check_kept(struct span body)
{
	struct buf again = { NULL, 0, 0 };
	struct span rest = body;
	uint64_t consumer, epoch;

	while (queue_note_take_kept(&rest, &consumer, &epoch))
		queue_note_put_kept(&again, consumer, epoch);
	assert(again.len + rest.len == body.len);
	assert(again.len == 0 || memcmp(again.at, body.at, again.len) == 0);
	buf_fini(&again);
}

static void check_bytes(struct span bytes)
{
	struct buf again = { NULL, 0, 0 };
	struct queue_note note;

	if (!queue_note_read(bytes, &note))
		return;
	assert(queue_note_is_one(bytes));
	assert(note.kind < QUEUE_NOTE_KINDS && note.flags < QUEUE_NOTE_FLAGS);
	assert(note.header_count <= ENVELOPE_HEADERS_MOST && note.from[0]);
	check_kept(note.body);
	queue_note_write(&note, &again);
	assert(span_eq(buf_span(&again), bytes));
	buf_fini(&again);
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

static void check_note(struct span rest)
{
	struct buf bytes = { NULL, 0, 0 };
	struct queue_note note = { .kind = 0 }, again;

	take(&rest, &note.kind, 1);
	take(&rest, &note.flags, 1);
	take(&rest, &note.consumer, sizeof(note.consumer));
	take(&rest, &note.epoch, sizeof(note.epoch));
	take(&rest, &note.number, sizeof(note.number));
	take(&rest, &note.amount, sizeof(note.amount));
	take(&rest, note.from, sizeof(note.from) - 1);
	note.kind %= QUEUE_NOTE_KINDS;
	note.flags %= QUEUE_NOTE_FLAGS;
	if (!note.from[0])
		note.from[0] = 'n';
	note.queue = take_span(&rest);
	note.id = take_span(&rest);
	note.content_type = take_span(&rest);
	note.body = take_span(&rest);
	while (rest.len > 0 && note.header_count < ENVELOPE_HEADERS_MOST) {
		note.headers[note.header_count].name = take_span(&rest);
		note.headers[note.header_count++].value = take_span(&rest);
	}
	queue_note_write(&note, &bytes);
	assert(queue_note_read(buf_span(&bytes), &again));
	check_same(&again, &note);
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
