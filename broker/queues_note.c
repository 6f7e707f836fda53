/*
 * Between nodes. Notes between two nodes keep their order, and who is told that
 * one did not arrive takes the other node for gone. So what is said here need not
 * be confirmed; but either side may have taken the other for gone without its
 * knowing. Therefore consumers are named again now and then (KEEP), and whoever
 * is told of something that it does not know says so (DROPPED, DETACH, NOT_MINE).
 */
#include "base/clock.h"
#include "base/mem.h"
#include "base/utf8.h"
#include "broker/hub.h"
#include "broker/queues_internal.h"

#include <stdio.h>
#include <stdlib.h>

enum {
	SCRATCH_KEPT = 64 * 1024, /* a longer one was for a rare note */
	AMOUNT_MOST = 10000,      /* of limits.unacked */
};

/* --- out ------------------------------------------------------------------ */

/* Without the bus nobody hears it; all that others know ends with the bus anyway. */
void far_tell(struct queues *q, const char *node, struct queue_note *note)
{
	if (q->state != BUS_UP)
		return;
	snprintf(note->from, sizeof(note->from), "%s", q->broker->node);
	q->scratch.len = 0;
	queue_note_write(note, &q->scratch);
	bus_tell(q->bus, span_of(node), buf_span(&q->scratch));
	if (q->scratch.size > SCRATCH_KEPT)
		buf_fini(&q->scratch);
}

static struct queue_note about(const struct consumer *c, enum queue_note_kind kind)
{
	return (struct queue_note){
		.kind = (uint8_t)kind,
		.consumer = c->key.number,
		.epoch = c->epoch,
		.queue = c->place->name,
	};
}

void far_attach(struct consumer *c)
{
	struct queue_note note = about(c, QUEUE_NOTE_ATTACH);

	note.flags = c->answers ? QUEUE_NOTE_ANSWERS : 0;
	note.amount = c->amount;
	far_tell(c->place->queues, c->place->owner, &note);
}

void far_detach(struct consumer *c)
{
	struct queue_note note = about(c, QUEUE_NOTE_DETACH);

	far_tell(c->place->queues, c->place->owner, &note);
}

static void tell_about(struct queues *q, const char *node, enum queue_note_kind kind,
	const struct queue_note *like)
{
	struct queue_note note = {
		.kind = (uint8_t)kind,
		.consumer = like->consumer,
		.epoch = like->epoch,
		.number = like->number,
		.amount = like->amount,
		.queue = like->queue,
	};

	far_tell(q, node, &note);
}

void far_drop(struct place *place, const struct consumer_key *key, uint64_t epoch)
{
	struct queue_note note = {
		.consumer = key->number,
		.epoch = epoch,
		.queue = place->name,
	};

	tell_about(place->queues, key->node, QUEUE_NOTE_DROPPED, &note);
}

static void put_message(struct queue_note *note, const struct message *m)
{
	note->id = span_of(m->id);
	note->content_type = m->content.content_type;
	note->body = m->content.body;
	note->flags |= m->content.body_is_utf8 ? QUEUE_NOTE_UTF8 : 0;
	note->header_count = m->content.header_count;
	for (size_t i = 0; i < m->content.header_count; i++)
		note->headers[i] = m->content.headers[i];
}

void far_give(struct consumer *c, const struct queue_item *item)
{
	struct queue_note note = about(c, QUEUE_NOTE_GIVE);

	note.number = item->number;
	note.flags = item->redelivered ? QUEUE_NOTE_REDELIVERED : 0;
	put_message(&note, item->message);
	far_tell(c->place->queues, c->key.node, &note);
}

void far_send(struct place *place, struct send *send)
{
	struct queue_note note = {
		.kind = QUEUE_NOTE_SEND,
		.number = send->ticket,
		.flags = send->redelivered ? QUEUE_NOTE_REDELIVERED : 0,
		.queue = place->name,
	};

	put_message(&note, send->message);
	far_tell(place->queues, place->owner, &note);
}

/* Also without consumers, when a send waits for its answer: is the owner still there? */
void far_keep(struct place *place)
{
	struct queue_note note = { .kind = QUEUE_NOTE_KEEP, .queue = place->name };
	struct list *at = place->consumers.next;
	struct buf kept = { NULL, 0, 0 };

	if (list_is_empty(&place->consumers) && list_is_empty(&place->sends))
		return;
	do {
		kept.len = 0;
		for (size_t i = 0; i < QUEUE_KEPT_MOST && at != &place->consumers; i++) {
			const struct consumer *c = container_of(at, struct consumer, link);

			queue_note_put_kept(&kept, c->key.number, c->epoch);
			at = at->next;
		}
		note.body = buf_span(&kept);
		far_tell(place->queues, place->owner, &note);
	} while (at != &place->consumers);
	buf_fini(&kept);
}

/* --- silence --------------------------------------------------------------- */

static struct silent *find_silent(const struct queues *q, const char *node)
{
	for (struct list *at = q->silent.next; at != &q->silent; at = at->next) {
		struct silent *s = container_of(at, struct silent, link);

		if (strcmp(s->node, node) == 0)
			return s;
	}
	return NULL;
}

bool far_is_silent(const struct queues *q, const char *node)
{
	return find_silent(q, node) != NULL;
}

void far_fall_silent(struct place *place)
{
	struct queues *q = place->queues;
	struct silent *s;
	char *copy;

	if (find_silent(q, place->owner))
		return;
	s = mem_zalloc(sizeof(*s) + place->name.len);
	copy = (char *)(s + 1);
	memcpy(copy, place->name.at, place->name.len);
	memcpy(s->node, place->owner, sizeof(s->node));
	s->queue = (struct span){ copy, place->name.len };
	list_push(&q->silent, &s->link);
}

static void forget_silent(struct silent *s)
{
	list_remove(&s->link);
	free(s);
}

void far_end_silence(struct queues *q, const char *node)
{
	struct silent *s;

	if (node) {
		s = find_silent(q, node);
		if (s)
			forget_silent(s);
		return;
	}
	while (!list_is_empty(&q->silent))
		forget_silent(container_of(q->silent.next, struct silent, link));
}

/* Who is told of a consumer that nobody has says so (DROPPED), or that it is not the owner. */
void far_ask_silent(struct queues *q)
{
	struct buf nobody = { NULL, 0, 0 };

	queue_note_put_kept(&nobody, 0, 0);
	for (struct list *at = q->silent.next; at != &q->silent; at = at->next) {
		const struct silent *s = container_of(at, struct silent, link);
		struct queue_note note = {
			.kind = QUEUE_NOTE_KEEP,
			.queue = s->queue,
			.body = buf_span(&nobody),
		};

		far_tell(q, s->node, &note);
	}
	buf_fini(&nobody);
}

/* --- in, for the owner ---------------------------------------------------- */

static struct message *message_of(const struct queue_note *note)
{
	const struct bus_message content = {
		.destination = note->queue,
		.content_type = note->content_type,
		.headers = note->headers,
		.header_count = note->header_count,
		.body = note->body,
		/* WebSocket clients are cut off by a text that is none: nobody's word is taken. */
		.body_is_utf8 = (note->flags & QUEUE_NOTE_UTF8) && utf8_is_valid(note->body),
	};
	char id[MESSAGE_ID_BYTES];

	snprintf(id, sizeof(id), "%.*s", (int)(note->id.len < sizeof(id) ? note->id.len : 0),
		note->id.at);
	return message_new(&content, id, 1);
}

static void on_send(struct place *place, const struct queue_note *note)
{
	bool redelivered = (note->flags & QUEUE_NOTE_REDELIVERED) != 0;
	bool taken = place_put(place, message_of(note), redelivered);
	struct queue_note sent = {
		.number = note->number,
		.amount = taken ? BUS_ACCEPTED : BUS_QUEUE_FULL,
		.queue = note->queue,
	};

	tell_about(place->queues, note->from, QUEUE_NOTE_SENT, &sent);
	place_deal(place);
}

static void on_attach(struct place *place, const struct queue_note *note)
{
	struct consumer *c = consumer_find(place->queues, note->from, note->consumer);

	if (c && c->epoch == note->epoch && c->place == place) {
		c->heard_ms = clock_ms();
		return;
	}
	if (c)
		consumer_free(c, true);
	c = consumer_new(place, note->from, note->consumer);
	c->answers = (note->flags & QUEUE_NOTE_ANSWERS) != 0;
	c->amount = note->amount < AMOUNT_MOST ? (size_t)note->amount : AMOUNT_MOST;
	c->epoch = note->epoch;
	c->heard_ms = clock_ms();
	consumer_attach(c);
	place_deal(place);
}

static void on_report(struct place *place, struct consumer *c, const struct queue_note *note)
{
	bool taken = (note->flags & QUEUE_NOTE_TAKEN) != 0;

	c->heard_ms = clock_ms();
	if (note->kind == QUEUE_NOTE_DETACH)
		consumer_free(c, false);
	else if (note->kind == QUEUE_NOTE_PASSED)
		queue_passed(&place->queue, &c->reader, note->amount);
	else
		queue_settle(&place->queue, &c->reader, note->number, note->amount, taken);
	place_deal(place);
}

static struct consumer *find(struct place *place, const char *node, uint64_t number, uint64_t epoch)
{
	struct consumer *c = consumer_find(place->queues, node, number);

	return c && c->place == place && c->epoch == epoch ? c : NULL;
}

static void on_keep(struct place *place, const struct queue_note *note)
{
	struct span rest = note->body;
	struct queue_note other = { .queue = note->queue };

	while (queue_note_take_kept(&rest, &other.consumer, &other.epoch)) {
		struct consumer *c = find(place, note->from, other.consumer, other.epoch);

		if (c)
			c->heard_ms = clock_ms();
		else
			tell_about(place->queues, note->from, QUEUE_NOTE_DROPPED, &other);
	}
}

/* Is this node the owner? Else the other one is told, who then looks anew. */
static struct place *place_of(struct queues *q, const struct queue_note *note)
{
	struct place *place = place_find(q, note->queue);

	if (place && place->state == PLACE_HERE) {
		place->used_ms = clock_ms();
		return place;
	}
	/* A claim that was never released must not lead anybody here again. */
	if (!place || !place->is_asked)
		place_disclaim(q, note->queue);
	tell_about(q, note->from, QUEUE_NOTE_NOT_MINE, note);
	return NULL;
}

static void on_note_to_owner(struct queues *q, const struct queue_note *note)
{
	struct place *place = place_of(q, note);
	struct consumer *c;

	if (!place)
		return;
	if (note->kind == QUEUE_NOTE_SEND) {
		on_send(place, note);
	} else if (note->kind == QUEUE_NOTE_ATTACH) {
		on_attach(place, note);
	} else if (note->kind == QUEUE_NOTE_KEEP) {
		on_keep(place, note);
	} else {
		c = find(place, note->from, note->consumer, note->epoch);
		if (c)
			on_report(place, c, note);
		else if (note->kind != QUEUE_NOTE_DETACH)
			tell_about(q, note->from, QUEUE_NOTE_DROPPED, note);
	}
}

/* --- in, from the owner --------------------------------------------------- */

static void on_sent(struct place *place, const struct queue_note *note)
{
	for (struct list *at = place->sends.next; at != &place->sends; at = at->next) {
		struct send *send = container_of(at, struct send, link);

		if (send->ticket == 0)
			return;
		if (send->ticket == note->number) {
			place_end_send(place, send,
				note->amount == BUS_ACCEPTED ? BUS_ACCEPTED : BUS_QUEUE_FULL);
			place_tell_sends(place);
			return;
		}
	}
}

static void on_give(struct queues *q, struct place *place, const struct queue_note *note)
{
	struct consumer *c = place ? find(place, "", note->consumer, note->epoch) : NULL;

	if (!c) {
		tell_about(q, note->from, QUEUE_NOTE_DETACH, note);
		return;
	}
	consumer_give(
		c, message_of(note), note->number, (note->flags & QUEUE_NOTE_REDELIVERED) != 0);
}

static void on_dropped(struct place *place, const struct queue_note *note)
{
	struct consumer *c = find(place, "", note->consumer, note->epoch);

	if (c)
		consumer_attach(c);
}

static void on_note_from_owner(struct queues *q, const struct queue_note *note)
{
	struct place *place = place_find(q, note->queue);

	if (place && (place->state != PLACE_THERE || strcmp(place->owner, note->from) != 0))
		place = NULL;
	if (note->kind == QUEUE_NOTE_GIVE)
		on_give(q, place, note);
	else if (place && note->kind == QUEUE_NOTE_SENT)
		on_sent(place, note);
	else if (place && note->kind == QUEUE_NOTE_DROPPED)
		on_dropped(place, note);
	else if (place)
		place_lose(place, true);
}

void far_on_note(struct queues *q, const struct queue_note *note)
{
	far_end_silence(q, note->from);
	switch ((enum queue_note_kind)note->kind) {
	case QUEUE_NOTE_SEND:
	case QUEUE_NOTE_ATTACH:
	case QUEUE_NOTE_DETACH:
	case QUEUE_NOTE_PASSED:
	case QUEUE_NOTE_SETTLE:
	case QUEUE_NOTE_KEEP:
		on_note_to_owner(q, note);
		break;
	case QUEUE_NOTE_SENT:
	case QUEUE_NOTE_GIVE:
	case QUEUE_NOTE_DROPPED:
	case QUEUE_NOTE_NOT_MINE:
		on_note_from_owner(q, note);
		break;
	case QUEUE_NOTE_KINDS:
		break;
	}
}
