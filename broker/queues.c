/*
 * What comes in: from the shards by mail and as publishes, from the bus, and by
 * the clock. What becomes of it stands in queues_place.c.
 */
#include "broker/queues.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "broker/hub.h"
#include "broker/queues_internal.h"
#include "redis/envelope.h"
#include "stomp/pattern.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

enum {
	SWEEP_MS = 200,
	KEEP_MS =
		3000, /* between signs of life of consumers, and questions after that of an owner */
	GONE_MS = 15000,  /* after which a consumer without a sign of life is taken for gone */
	RENEW_MS = 20000, /* between renewals of the claims, which last for BUS_CLAIM_MS */
	ANSWER_MS = 5000, /* that an owner has to answer for a message */
	STALE_MS =
		3000, /* what the directory has said so long ago is asked again before it counts */
	STRANGER_MS = 10000, /* that another node's queue is remembered without a consumer */
	QUIET_MS = 60000,
};

static struct stats *stats_of(const struct queues *q)
{
	return &q->broker->shards[0].stats;
}

struct queues *queues_new(struct broker *broker)
{
	const struct config *c = broker->config;
	struct queues *q;

	if (!*c->queues_prefix)
		return NULL;
	q = mem_zalloc(sizeof(*q));
	q->broker = broker;
	q->limits = (struct queue_limits){
		.messages = c->queues_messages,
		.bytes = c->queues_bytes,
		.message_ms = c->queues_message_time,
		.redeliveries = (unsigned)c->queues_redeliveries,
	};
	list_init(&q->all);
	list_init(&q->silent);
	map_init(&q->places);
	map_init(&q->consumers);
	queue_mailbox_init(&q->mail);
	return q;
}

void queues_start(struct queues *q, struct bus *bus)
{
	q->bus = bus;
}

void queues_free(struct queues *q)
{
	if (!q)
		return;
	q->bus = NULL;
	while (!list_is_empty(&q->all))
		place_free(container_of(q->all.next, struct place, link));
	far_end_silence(q, NULL);
	map_fini(&q->places);
	map_fini(&q->consumers);
	queue_mailbox_fini(&q->mail);
	buf_fini(&q->scratch);
	free(q);
}

bool queues_has(const struct queues *q, struct span destination)
{
	return q && route_tail(destination, q->broker->config->queues_prefix).at;
}

/* The counters are this thread's, as are the totals. */
static void count(struct queues *q)
{
	struct stats *stats = stats_of(q);
	const struct queue_totals *now = &q->totals, *then = &q->counted;

	stats_add(&stats->queue_taken, now->taken - then->taken);
	stats_add(&stats->queue_returned, now->returned - then->returned);
	stats_add(&stats->queue_expired, now->expired - then->expired);
	stats_add(&stats->queue_rejected, now->rejected - then->rejected);
	q->counted = *now;
}

/* --- from the shards ------------------------------------------------------ */

void queues_ask(struct queues *q, const struct queue_mail *mail)
{
	queue_mailbox_post(&q->mail, mail);
	shard_wake(&q->broker->shards[0]);
}

/* Without a place the publish behind it says so: see session_attach(). */
static void attach(struct queues *q, const struct queue_mail *mail)
{
	struct place *place = place_get(q, mail->queue);
	struct consumer *c;

	if (!place)
		return;
	place->used_ms = clock_ms();
	c = consumer_new(place, "", mail->consumer);
	c->shard = mail->shard;
	c->answers = mail->answers;
	c->amount = mail->amount;
	if (place->state == PLACE_LOOKING)
		place_look(place);
	else
		consumer_attach(c);
	place_deal(place);
}

static void detach(struct consumer *c)
{
	struct place *place = c->place;

	place->used_ms = clock_ms();
	if (place->state == PLACE_THERE)
		far_detach(c);
	consumer_free(c, false);
	place_deal(place);
}

/* Numbers of an earlier attachment are settled already. */
static void report(struct consumer *c, const struct queue_mail *mail)
{
	struct place *place = c->place;
	uint64_t first = mail->first > c->base ? mail->first - c->base : 1;
	bool settles = mail->kind == QUEUE_MAIL_SETTLE;
	struct queue_note note = {
		.kind = settles ? QUEUE_NOTE_SETTLE : QUEUE_NOTE_PASSED,
		.flags = mail->taken ? QUEUE_NOTE_TAKEN : 0,
		.consumer = c->key.number,
		.epoch = c->epoch,
		.number = settles ? first : 0,
		.amount = mail->last - c->base,
		.queue = place->name,
	};

	if (mail->last <= c->base)
		return;
	if (place->state == PLACE_THERE) {
		far_tell(place->queues, place->owner, &note);
		return;
	}
	if (place->state != PLACE_HERE)
		return;
	if (settles)
		queue_settle(&place->queue, &c->reader, first, note.amount, mail->taken);
	else
		queue_passed(&place->queue, &c->reader, note.amount);
	place_deal(place);
}

void queues_collect(struct queues *q)
{
	struct queue_mail *mail;
	struct list mails;

	queue_mailbox_take(&q->mail, &mails);
	while ((mail = queue_mail_next(&mails))) {
		struct consumer *c = consumer_find(q, "", mail->consumer);

		if (mail->kind == QUEUE_MAIL_ATTACH)
			attach(q, mail);
		else if (c && mail->kind == QUEUE_MAIL_DETACH)
			detach(c);
		else if (c)
			report(c, mail);
		free(mail);
	}
}

/* As every reader of the bus would see it. */
static struct message *message_of(struct queues *q, const struct bus_message *from)
{
	struct bus_message content = *from;
	char id[MESSAGE_ID_BYTES];

	if (!content.content_type.at)
		content.content_type = envelope_implied_type(content.body, content.body_is_utf8);
	snprintf(id, sizeof(id), "%s-q%" PRIu64, q->broker->node, ++q->messages);
	return message_new(&content, id, 1);
}

void queues_publish(struct queues *q, struct publish *p)
{
	struct hub *hub = q->broker->hub;
	struct span name = p->content.destination;
	struct place *place;

	/* What the same session has said before, by mail, comes first. */
	if (p->attaches) {
		queues_collect(q);
		hub_answer(hub, p, place_find(q, name) ? BUS_ACCEPTED : BUS_QUEUES_FULL);
		return;
	}
	if (far_is_refusing(q)) {
		hub_answer(hub, p, BUS_REFUSED);
		return;
	}
	place = place_get(q, name);
	if (!place) {
		stats_add(&stats_of(q)->queue_refused, 1);
		hub_answer(hub, p, BUS_QUEUES_FULL);
		return;
	}
	place_send(place, &(struct send){ .message = message_of(q, &p->content), .publish = p });
}

/* --- from the bus --------------------------------------------------------- */

static bool is_name(const struct queues *q, struct span name)
{
	return name.len <= QUEUES_NAME_MOST && !stomp_pattern_is_special(name) &&
	       queues_has(q, name);
}

/*
 * Every node hears it, so only the owner takes it. Who does not know the owner asks
 * the directory, and one of all who do becomes it.
 */
void queues_hear(struct queues *q, const struct bus_message *m)
{
	struct place *place = is_name(q, m->destination) ? place_get(q, m->destination) : NULL;

	if (!place || q->parked_bytes > q->limits.bytes) {
		stats_add(&stats_of(q)->queue_lost, 1);
		return;
	}
	if (place->state == PLACE_THERE) {
		bool is_used = !list_is_empty(&place->consumers) || !list_is_empty(&place->sends);

		/* Who uses it notices when its owner is gone; nobody else does. */
		if (is_used || clock_ms() - place->asked_ms < STALE_MS)
			return;
		place_lose(place, false);
	}
	place_send(place, &(struct send){ .message = message_of(q, m), .is_heard = true });
}

void queues_on_state(struct queues *q, enum bus_state state)
{
	bool was_up = q->state == BUS_UP;

	q->state = state;
	if (state != BUS_UP && !was_up)
		return;
	far_end_silence(q, NULL);
	for (struct list *at = q->all.next; at != &q->all; at = at->next) {
		struct place *place = container_of(at, struct place, link);

		if (state == BUS_UP) {
			place_look(place);
			continue;
		}
		/* What has been under way may be lost, so nobody knows what others hold. */
		if (place->state == PLACE_HERE) {
			place_drop_far(place);
			place_deal(place);
		}
		place_lose(place, false);
		place_look(place);
	}
}

/* Who is told though it lives attaches them anew. */
static void lose_consumers(struct place *place, const char *node, uint64_t before_ms)
{
	struct list *at, *next;

	for (at = place->consumers.next; at != &place->consumers; at = next) {
		struct consumer *c = container_of(at, struct consumer, link);
		bool is_theirs = c->key.node[0] && (!node || strcmp(c->key.node, node) == 0);

		next = at->next;
		if (!is_theirs || c->heard_ms > before_ms)
			continue;
		far_drop(place, &c->key, c->epoch);
		consumer_free(c, true);
	}
}

void queues_on_node_gone(struct queues *q, struct span node)
{
	char name[QUEUE_NODE_BYTES] = { 0 };

	if (node.len == 0 || node.len >= sizeof(name))
		return;
	memcpy(name, node.at, node.len);
	far_end_silence(q, name);
	for (struct list *at = q->all.next; at != &q->all; at = at->next) {
		struct place *place = container_of(at, struct place, link);

		if (place->state == PLACE_HERE) {
			lose_consumers(place, name, UINT64_MAX);
			place_deal(place);
		} else if (place->state == PLACE_THERE && strcmp(place->owner, name) == 0) {
			place_lose(place, false);
		}
	}
}

static void complain(struct queues *q, size_t bytes)
{
	uint64_t now = clock_ms();

	stats_add(&stats_of(q)->notes_unreadable, 1);
	if (q->logged_ms > 0 && now - q->logged_ms < QUIET_MS)
		return;
	q->logged_ms = now;
	log_warn("queues.unreadable", LOG_U64("bytes", bytes),
		LOG_STR("remedy", "run the same version on every node"));
}

void queues_on_note(struct queues *q, struct span bytes)
{
	struct queue_note note;

	if (!queue_note_read(bytes, &note) || !is_name(q, note.queue) ||
		strcmp(note.from, q->broker->node) == 0)
		complain(q, bytes.len);
	else
		far_on_note(q, &note);
}

/* --- by the clock --------------------------------------------------------- */

/*
 * An owner that lives and does not answer: the sender is told rather than left waiting.
 * The receipts of its shard have waited too, and its credit; so the next one is told at once.
 */
static void end_overdue(struct place *place, uint64_t now)
{
	struct list *at, *next;

	for (at = place->sends.next; at != &place->sends; at = next) {
		struct send *send = container_of(at, struct send, link);

		next = at->next;
		if (!send->publish || now - send->parked_ms < ANSWER_MS)
			continue;
		if (send->ticket)
			far_fall_silent(place);
		place_end_send(place, send, BUS_QUEUE_SILENT);
	}
}

static void sweep_place(struct place *place, uint64_t now)
{
	uint64_t idle_ms = place->state == PLACE_HERE
				   ? place->queues->broker->config->queues_idle_time
				   : STRANGER_MS;

	if (place->state == PLACE_HERE) {
		queue_expire(&place->queue, now);
		if (place->queues->far_consumers > 0)
			lose_consumers(place, NULL, now > GONE_MS ? now - GONE_MS : 0);
		place_deal(place);
	} else {
		end_overdue(place, now);
		if (place->state == PLACE_THERE)
			place_tell_sends(place);
		else if (place->queues->state == BUS_UP && !place_is_idle(place))
			place_look(place);
	}
	if (place_is_idle(place) && now - place->used_ms >= idle_ms)
		place_free(place);
}

static bool is_due(uint64_t *last_ms, uint64_t now, uint64_t every_ms)
{
	if (now - *last_ms < every_ms)
		return false;
	*last_ms = now;
	return true;
}

void queues_tick(struct queues *q, uint64_t now)
{
	bool sweeps = is_due(&q->swept_ms, now, SWEEP_MS);
	bool keeps = sweeps && is_due(&q->kept_ms, now, KEEP_MS);
	bool renews = sweeps && is_due(&q->renewed_ms, now, RENEW_MS);
	struct list *at, *next;

	if (keeps)
		far_ask_silent(q);
	for (at = q->all.next; sweeps && at != &q->all; at = next) {
		struct place *place = container_of(at, struct place, link);

		next = at->next;
		if (keeps && place->state == PLACE_THERE)
			far_keep(place);
		if (renews && place->state == PLACE_HERE)
			place_look(place);
		sweep_place(place, now);
	}
	count(q);
}

void queues_publish_load(const struct queues *q)
{
	struct broker *b = q->broker;

	b->queue_load = (struct queue_load){
		.queues = q->places.count,
		.messages = q->totals.messages,
		.bytes = q->totals.bytes,
	};
}
