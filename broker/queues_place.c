/*
 * A place is a queue as this node knows it. While its owner is being looked for,
 * what is sent there waits; HERE it goes into the queue, THERE to the owner, who
 * answers for it. When the owner changes, what has not been answered is sent
 * anew, and every consumer is attached anew under its next epoch, so that numbers
 * of one attachment are never taken for those of another.
 */
#include "base/clock.h"
#include "base/mem.h"
#include "broker/hub.h"
#include "broker/queues_internal.h"

#include <stdlib.h>

enum {
	AUTO_MOST = 256,             /* messages that a consumer without ACK is given ahead */
	NEAR_BYTES_MOST = 64 * 1024, /* that it has not passed on; so coming and going is cheap */
	FAR_BYTES_LEAST = 16 * 1024,
	FAR_BYTES_MOST = 128 * 1024,
	LOOK_AGAIN_MS = 100,
	CROWDED_MS = 1000,
};

static struct stats *stats_of(const struct queues *q)
{
	return &q->broker->shards[0].stats;
}

static bool is_ours(const struct consumer *c)
{
	return c->key.node[0] == '\0';
}

static struct consumer *consumer_of(struct list *link)
{
	return container_of(link, struct consumer, link);
}

static struct send *send_of(struct list *link)
{
	return container_of(link, struct send, link);
}

/* --- consumers ------------------------------------------------------------ */

static struct span key_of(const struct consumer_key *key)
{
	return (struct span){ (const char *)key, sizeof(*key) };
}

static struct consumer_key make_key(const char *node, uint64_t number)
{
	struct consumer_key key;

	memset(&key, 0, sizeof(key));
	memcpy(key.node, node, strnlen(node, sizeof(key.node) - 1));
	key.number = number;
	return key;
}

struct consumer *consumer_find(const struct queues *q, const char *node, uint64_t number)
{
	const struct consumer_key key = make_key(node, number);

	return map_get(&q->consumers, key_of(&key));
}

struct consumer *consumer_new(struct place *place, const char *node, uint64_t number)
{
	struct consumer *c = mem_zalloc(sizeof(*c));

	c->key = make_key(node, number);
	c->place = place;
	queue_reader_init(&c->reader, false, 0, 0);
	map_put(&place->queues->consumers, key_of(&c->key), c);
	list_push(&place->consumers, &c->link);
	place->queues->far_consumers += !is_ours(c);
	return c;
}

void consumer_free(struct consumer *c, bool lost)
{
	struct queues *q = c->place->queues;

	if (c->place->state == PLACE_HERE)
		queue_detach(&c->place->queue, &c->reader, lost);
	q->far_consumers -= !is_ours(c);
	list_remove(&c->link);
	(void)map_remove(&q->consumers, key_of(&c->key));
	free(c);
}

static size_t near_bytes(const struct queues *q)
{
	size_t most = q->broker->config->limits_queue;

	return most < NEAR_BYTES_MOST ? most : NEAR_BYTES_MOST;
}

/* All of them together stay well below what may be under way to other nodes. */
static size_t far_bytes(const struct queues *q)
{
	size_t share = q->broker->config->redis_outbox / 4 / (q->far_consumers + 1);

	if (share > FAR_BYTES_MOST)
		return FAR_BYTES_MOST;
	return share < FAR_BYTES_LEAST ? FAR_BYTES_LEAST : share;
}

/* What it was given before is nothing to this attachment. */
static void begin_anew(struct consumer *c)
{
	const struct queue_mail forget = {
		.kind = QUEUE_MAIL_FORGET,
		.consumer = c->key.number,
	};
	struct shard *s;

	if (!is_ours(c) || c->epoch++ == 0)
		return;
	s = &c->place->queues->broker->shards[c->shard];
	c->base = c->last;
	queue_mailbox_post(&s->queue_mail, &forget);
	shard_wake(s);
}

void consumer_attach(struct consumer *c)
{
	struct queues *q = c->place->queues;
	size_t count = c->answers ? c->amount : AUTO_MOST;

	begin_anew(c);
	if (c->place->state == PLACE_HERE) {
		queue_reader_init(
			&c->reader, c->answers, count, is_ours(c) ? near_bytes(q) : far_bytes(q));
		queue_attach(&c->place->queue, &c->reader);
	} else if (c->place->state == PLACE_THERE) {
		far_attach(c);
	}
}

void consumer_give(struct consumer *c, struct message *m, uint64_t number, bool redelivered)
{
	struct shard *s = &c->place->queues->broker->shards[c->shard];
	struct queue_mail mail = {
		.kind = QUEUE_MAIL_GIVE,
		.consumer = c->key.number,
		.last = c->base + number,
		.redelivered = redelivered,
		.message = m,
	};

	c->last = mail.last;
	queue_mailbox_post(&s->queue_mail, &mail);
	shard_wake(s);
}

static struct consumer *consumer_of_reader(struct queue_reader *r)
{
	return container_of(r, struct consumer, reader);
}

/*
 * Is there a way to whose turn it is? Many windows, or a few long messages, are more
 * than may be under way to other nodes; the rest follows what they have passed on,
 * and at the latest the next sweep.
 */
static bool can_deal(const struct place *place)
{
	struct queue_reader *next = queue_next_reader(&place->queue);

	return next &&
	       (is_ours(consumer_of_reader(next)) || !bus_load(place->queues->bus).notes_half_full);
}

void place_deal(struct place *place)
{
	const struct queue_item *item;
	struct queue_reader *r;

	if (place->state != PLACE_HERE)
		return;
	while (can_deal(place) && (item = queue_give(&place->queue, clock_ms(), &r))) {
		struct consumer *c = consumer_of_reader(r);

		stats_add(&stats_of(place->queues)->queue_given, 1);
		if (!is_ours(c)) {
			far_give(c, item);
			continue;
		}
		atomic_fetch_add_explicit(&item->message->refs, 1, memory_order_relaxed);
		consumer_give(c, item->message, item->number, item->redelivered);
	}
}

/* --- what is sent --------------------------------------------------------- */

static size_t bytes_of(const struct send *send)
{
	return sizeof(*send) + send->message->bytes;
}

static void answer(struct queues *q, struct publish *p, enum bus_accepted how)
{
	struct stats *stats = stats_of(q);

	if (how != BUS_ACCEPTED)
		stats_add(p ? &stats->queue_refused : &stats->queue_lost, 1);
	if (p)
		hub_answer(q->broker->hub, p, how);
}

void place_end_send(struct place *place, struct send *send, enum bus_accepted how)
{
	struct queues *q = place->queues;
	struct publish *p = send->publish;

	if (send->ticket)
		q->flight_bytes -= bytes_of(send);
	if (send->is_heard)
		q->parked_bytes -= bytes_of(send);
	list_remove(&send->link);
	message_unref(send->message);
	free(send);
	answer(q, p, how);
}

static void end_sends(struct place *place, enum bus_accepted how)
{
	while (!list_is_empty(&place->sends))
		place_end_send(place, send_of(place->sends.next), how);
}

/* It is everybody's; the owner has heard it too. */
static void drop_heard(struct queues *q, struct send *send)
{
	q->parked_bytes -= bytes_of(send);
	list_remove(&send->link);
	message_unref(send->message);
	free(send);
}

bool place_put(struct place *place, struct message *m, bool redelivered)
{
	bool taken = queue_push(&place->queue, m, redelivered, clock_ms());

	stats_add(&stats_of(place->queues)->queue_messages, taken);
	if (!taken)
		message_unref(m);
	return taken;
}

static void put_sends(struct place *place)
{
	while (!list_is_empty(&place->sends)) {
		struct send *send = send_of(place->sends.next);
		bool taken;

		atomic_fetch_add_explicit(&send->message->refs, 1, memory_order_relaxed);
		taken = place_put(place, send->message, send->redelivered);
		place_end_send(place, send, taken ? BUS_ACCEPTED : BUS_QUEUE_FULL);
	}
}

/* As many as may be under way; the rest follows their answers. */
void place_tell_sends(struct place *place)
{
	struct queues *q = place->queues;
	size_t most = q->broker->config->redis_outbox / 4;
	struct list *at, *next;

	for (at = place->sends.next; at != &place->sends; at = next) {
		struct send *send = send_of(at);

		next = at->next;
		if (send->ticket)
			continue;
		if (send->is_heard) {
			drop_heard(q, send);
			continue;
		}
		if (send->publish && far_is_silent(q, place->owner)) {
			place_end_send(place, send, BUS_QUEUE_SILENT);
			continue;
		}
		if ((q->flight_bytes > 0 && q->flight_bytes + bytes_of(send) > most) ||
			bus_load(q->bus).notes_half_full)
			return;
		q->flight_bytes += bytes_of(send);
		send->ticket = ++q->tickets;
		far_send(place, send);
	}
}

static void park(struct place *place, const struct send *like)
{
	struct send *send = mem_zalloc(sizeof(*send));

	*send = *like;
	send->parked_ms = clock_ms();
	list_push(&place->sends, &send->link);
	if (send->is_heard)
		place->queues->parked_bytes += bytes_of(send);
}

void place_send(struct place *place, const struct send *send)
{
	place->used_ms = clock_ms();
	if (place->state == PLACE_HERE) {
		bool taken = place_put(place, send->message, send->redelivered);

		answer(place->queues, send->publish, taken ? BUS_ACCEPTED : BUS_QUEUE_FULL);
		place_deal(place);
		return;
	}
	park(place, send);
	if (place->state == PLACE_THERE)
		place_tell_sends(place);
	else
		place_look(place);
}

/*
 * They were under way to a node that does not answer for them. Does it have them
 * all the same, then a client may have seen them.
 */
static void take_sends_back(struct place *place, bool may_be_there)
{
	for (struct list *at = place->sends.next; at != &place->sends; at = at->next) {
		struct send *send = send_of(at);

		if (!send->ticket)
			continue;
		place->queues->flight_bytes -= bytes_of(send);
		send->redelivered |= may_be_there;
		send->ticket = 0;
	}
}

/* --- whose it is ---------------------------------------------------------- */

static void be_here(struct place *place)
{
	struct queues *q = place->queues;

	if (place->state == PLACE_HERE)
		return;
	take_sends_back(place, true);
	place->state = PLACE_HERE;
	queue_init(&place->queue, &q->limits, &q->totals);
	for (struct list *at = place->consumers.next; at != &place->consumers; at = at->next)
		consumer_attach(consumer_of(at));
	put_sends(place);
	place_deal(place);
}

void place_drop_far(struct place *place)
{
	struct list *at, *next;

	for (at = place->consumers.next; at != &place->consumers; at = next) {
		struct consumer *c = consumer_of(at);

		next = at->next;
		if (is_ours(c))
			continue;
		far_drop(place, &c->key, c->epoch);
		consumer_free(c, true);
	}
}

/*
 * What the queue holds goes to its new owner, before what is sent from now on. Our
 * shards go on passing on what they have, until they are told.
 */
static void hand_over(struct place *place)
{
	struct queue_item *item;

	place_drop_far(place);
	for (struct list *at = place->consumers.next; at != &place->consumers; at = at->next)
		queue_detach(&place->queue, &consumer_of(at)->reader, true);
	while ((item = queue_pull(&place->queue))) {
		park(place, &(struct send){
				    .message = item->message, .redelivered = item->redelivered });
		free(item);
	}
	queue_fini(&place->queue);
}

static void be_there(struct place *place, struct span node)
{
	if (node.len == 0 || node.len >= sizeof(place->owner))
		return; /* no name of a node: it is looked for again */
	if (place->state == PLACE_THERE && span_eq(span_of(place->owner), node))
		return;
	if (place->state == PLACE_HERE)
		hand_over(place);
	take_sends_back(place, true);
	place->state = PLACE_THERE;
	memset(place->owner, 0, sizeof(place->owner));
	memcpy(place->owner, node.at, node.len);
	for (struct list *at = place->consumers.next; at != &place->consumers; at = at->next)
		consumer_attach(consumer_of(at));
	place_tell_sends(place);
}

/* The directory cannot be asked: as redis.on_down says. */
static void be_alone(struct place *place)
{
	if (place->state != PLACE_LOOKING)
		return;
	if (place->queues->broker->config->redis_on_down == 0)
		be_here(place);
	else
		end_sends(place, BUS_REFUSED);
}

static void on_owner(void *cookie, enum bus_owner owner, struct span node)
{
	struct place *place = cookie;

	place->is_asked = false;
	switch (owner) {
	case BUS_OWNER_SELF:
		be_here(place);
		break;
	case BUS_OWNER_OTHER:
		be_there(place, node);
		break;
	case BUS_OWNER_NONE:
	case BUS_OWNER_UNKNOWN:
		be_alone(place);
		break;
	}
}

/* In the scratch, until the next one. */
static struct span key_in_directory(struct queues *q, struct span name)
{
	q->scratch.len = 0;
	buf_put(&q->scratch, SPAN("queue:"));
	buf_put(&q->scratch, name);
	return buf_span(&q->scratch);
}

static struct span claim_of(struct place *place)
{
	return key_in_directory(place->queues, place->name);
}

void place_disclaim(struct queues *q, struct span name)
{
	bus_release_claim(q->bus, key_in_directory(q, name));
}

void place_look(struct place *place)
{
	struct queues *q = place->queues;

	if (place->is_asked)
		return;
	place->is_asked = true;
	place->asked_ms = clock_ms();
	if (place->state == PLACE_HERE)
		bus_renew_claim(q->bus, claim_of(place));
	else if (place->owner[0])
		bus_break_claim(q->bus, claim_of(place), span_of(place->owner));
	bus_find_owner(q->bus, claim_of(place), true, on_owner, place);
}

void place_lose(struct place *place, bool by_itself)
{
	if (place->state != PLACE_THERE)
		return;
	place->state = PLACE_LOOKING;
	take_sends_back(place, !by_itself);
	/* Who has just been told of that owner may be told of it again: not in a circle. */
	if (clock_ms() - place->asked_ms >= LOOK_AGAIN_MS)
		place_look(place);
}

/* --- places --------------------------------------------------------------- */

struct place *place_find(const struct queues *q, struct span name)
{
	return map_get(&q->places, name);
}

bool place_is_idle(const struct place *place)
{
	return !place->is_asked && list_is_empty(&place->consumers) &&
	       list_is_empty(&place->sends) &&
	       (place->state != PLACE_HERE || place->queue.count == 0);
}

void place_free(struct place *place)
{
	struct queues *q = place->queues;

	while (!list_is_empty(&place->consumers))
		consumer_free(consumer_of(place->consumers.next), false);
	while (!list_is_empty(&place->sends)) {
		struct send *send = send_of(place->sends.next);

		list_remove(&send->link);
		message_unref(send->message);
		free(send);
	}
	if (place->state == PLACE_HERE) {
		queue_fini(&place->queue);
		if (q->bus)
			place_disclaim(q, place->name);
	}
	list_remove(&place->link);
	(void)map_remove(&q->places, place->name);
	free(place);
}

/* Frees those that nobody uses, though they are not old; not more often than is cheap. */
static void make_room(struct queues *q)
{
	struct list *at, *next;

	if (clock_ms() - q->crowded_ms < CROWDED_MS)
		return;
	q->crowded_ms = clock_ms();
	for (at = q->all.next; at != &q->all; at = next) {
		struct place *place = container_of(at, struct place, link);

		next = at->next;
		if (place_is_idle(place))
			place_free(place);
	}
}

struct place *place_get(struct queues *q, struct span name)
{
	struct place *place = place_find(q, name);
	char *copy;

	if (place)
		return place;
	if (q->places.count >= q->broker->config->queues_most)
		make_room(q);
	if (q->places.count >= q->broker->config->queues_most)
		return NULL;
	place = mem_zalloc(sizeof(*place) + name.len);
	copy = (char *)(place + 1);
	memcpy(copy, name.at, name.len);
	place->queues = q;
	place->name = (struct span){ copy, name.len };
	place->used_ms = clock_ms();
	list_init(&place->consumers);
	list_init(&place->sends);
	list_push(&q->all, &place->link);
	map_put(&q->places, place->name, place);
	return place;
}
