#include "redis/outbox.h"

#include "base/mem.h"

#include <stdlib.h>

void outbox_init(struct outbox *o)
{
	*o = (struct outbox){ .added = 0 };
	list_init(&o->unanswered);
	list_init(&o->unheard);
}

static void end_if_done(struct outbox *o, struct record *r)
{
	if (!list_is_empty(&r->unanswered) || !list_is_empty(&r->unheard))
		return;
	o->bytes -= r->len;
	free(r);
}

static struct record *first_unanswered(struct outbox *o)
{
	if (list_is_empty(&o->unanswered))
		return NULL;
	return container_of(o->unanswered.next, struct record, unanswered);
}

struct record *outbox_first_unheard(struct outbox *o)
{
	if (list_is_empty(&o->unheard))
		return NULL;
	return container_of(o->unheard.next, struct record, unheard);
}

static void forget_answer(struct outbox *o, struct record *r)
{
	list_remove(&r->unanswered);
	o->pending--;
	end_if_done(o, r);
}

void outbox_forget_echo(struct outbox *o, struct record *r)
{
	list_remove(&r->unheard);
	o->echoes_due--;
	end_if_done(o, r);
}

void outbox_fini(struct outbox *o)
{
	struct record *r;

	while ((r = first_unanswered(o)))
		forget_answer(o, r);
	while ((r = outbox_first_unheard(o)))
		outbox_forget_echo(o, r);
}

struct record *outbox_add(
	struct outbox *o, struct span bytes, bool extended, bool echo_due, void *cookie)
{
	struct record *r = mem_zalloc(sizeof(*r) + bytes.len);

	if (bytes.len > 0)
		memcpy(r->bytes, bytes.at, bytes.len);
	r->len = bytes.len;
	r->extended = extended;
	r->cookie = cookie;
	r->number = ++o->added;
	list_init(&r->unanswered);
	list_init(&r->unheard);
	list_push(&o->unanswered, &r->unanswered);
	if (echo_due) {
		list_push(&o->unheard, &r->unheard);
		o->echoes_due++;
	}
	o->pending++;
	o->bytes += r->len;
	return r;
}

void outbox_answered(struct outbox *o)
{
	for (struct list *at = o->unanswered.next; at != &o->unanswered; at = at->next) {
		struct record *r = container_of(at, struct record, unanswered);

		if (r->settled)
			continue;
		outbox_settle(r, BUS_ACCEPTED);
		return;
	}
}

size_t outbox_settle_rest(struct outbox *o, enum bus_accepted how)
{
	size_t count = 0;

	for (struct list *at = o->unanswered.next; at != &o->unanswered; at = at->next) {
		struct record *r = container_of(at, struct record, unanswered);
		bool heard = list_is_empty(&r->unheard);

		if (r->settled)
			continue;
		outbox_settle(r, heard ? BUS_ACCEPTED : how);
		count += !heard;
	}
	return count;
}

bool outbox_take_settled(struct outbox *o, void **cookie, enum bus_accepted *how)
{
	struct record *r = first_unanswered(o);

	if (!r || !r->settled)
		return false;
	*cookie = r->cookie;
	*how = r->how;
	forget_answer(o, r);
	return true;
}

void outbox_note_echo(struct outbox *o, struct span payload, bool extended)
{
	struct record *r = outbox_first_unheard(o);

	if (r && r->extended == extended && span_eq((struct span){ r->bytes, r->len }, payload))
		outbox_forget_echo(o, r);
}
