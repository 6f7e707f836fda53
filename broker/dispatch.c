/* From a message of the bus to the queues of those on a shard who have subscribed to it. */
#include "auth/access.h"
#include "broker/broker.h"
#include "broker/private.h"
#include "broker/session.h"
#include "broker/topic.h"
#include "broker/wire.h"

/* A message on its way to its subscribers. */
struct delivery {
	const struct bus_message *message;
	const char *id;
	/* Made when the first one needs it; the second row for those who get texts only. */
	struct wire *wires[2][STOMP_VERSION_COUNT];
	bool harms_texts; /* those who get texts only cannot have the body as it is */
	size_t count;
};

/*
 * The rules were asked about an exact destination when it was subscribed to; what
 * a pattern would reach, they are asked now.
 */
static bool may_hear(const struct session *session, struct span destination)
{
	return access_is_allowed(
		session->shard->broker->access, ACCESS_SUBSCRIBE, destination, session->principal);
}

static void make_wire(struct shard *s, const struct delivery *d, const struct session *session,
	struct wire **wire)
{
	bool as_text = session->is_text_only && !d->message->body_is_utf8;

	*wire = (as_text ? wire_message_as_text : wire_message)(
		d->message, span_of(d->id), session->version, &s->scratch);
}

/* The innermost step of all: what can be asked once for each message is not asked here. */
static inline void deliver_to(
	struct shard *s, struct delivery *d, struct subscription *subscription)
{
	struct session *session = subscription->session;
	struct wire **wire = &d->wires[d->harms_texts & session->is_text_only][session->version];

	if (!*wire)
		make_wire(s, d, session, wire);
	if (subscription->ack == SUBSCRIPTION_AUTO)
		session_push(session, wire_ref(*wire), subscription);
	else
		session_deliver(session, wire_ref(*wire), subscription, d->id);
}

/* Nobody joins or leaves the topic while it is walked: closing takes a turn. */
static void deliver(struct shard *s, struct delivery *d, const struct topic *topic)
{
	for (uint32_t i = 0; i < topic->count; i++)
		deliver_to(s, d, topic->subscriptions[i]);
	d->count += topic->count;
}

static void deliver_by_pattern(struct shard *s, struct delivery *d, const struct topic *topic)
{
	for (uint32_t i = 0; i < topic->count; i++) {
		struct subscription *subscription = topic->subscriptions[i];

		if (!may_hear(subscription->session, d->message->destination))
			continue;
		deliver_to(s, d, subscription);
		d->count++;
	}
}

static void dispatch_broadcast(struct shard *s, struct delivery *d)
{
	const struct topic *topic = topics_find(&s->topics, d->message->destination);
	struct trie_node *const *found;
	size_t count = topics_match(&s->topics, d->message->destination, &found);

	if (topic)
		deliver(s, d, topic);
	for (size_t i = 0; i < count; i++) {
		for (topic = trie_value(found[i]); topic; topic = topic->after)
			deliver_by_pattern(s, d, topic);
	}
}

/* To a session of a user, if it is here: to those of its subscriptions that the rest names. */
static void dispatch_to_session(struct shard *s, struct delivery *d, struct bus_message *shown,
	struct span name, struct span rest)
{
	const char *prefix = s->broker->route.user;
	const struct session *session = map_get(&s->by_name, name);

	if (!session)
		return;
	for (struct subscription *at = session->subscriptions; at; at = at->next) {
		if (!span_eq(route_tail(at->topic->shown, prefix), rest))
			continue;
		shown->destination = at->topic->shown;
		deliver_to(s, d, at);
		d->count++;
	}
}

/* Patterns are not asked, and receivers are not shown whose it is. */
static void dispatch_private(struct shard *s, struct delivery *d, enum private_kind kind)
{
	struct bus_message shown = *d->message;
	struct span key = shown.destination, name = { NULL, 0 }, rest;
	const struct topic *topic;

	if (kind == PRIVATE_USER) {
		s->key_scratch.len = 0;
		if (!private_put_key(&s->broker->route, key, &s->key_scratch, &name, &rest))
			return;
		key = buf_span(&s->key_scratch);
	}
	d->message = &shown;
	topic = topics_find(&s->topics, key);
	if (topic) {
		shown.destination = topic->shown;
		deliver(s, d, topic);
	} else if (name.at) {
		dispatch_to_session(s, d, &shown, name, rest);
	}
	d->message = NULL;
}

void shard_dispatch(struct shard *s, const struct bus_message *m, const char *id)
{
	struct delivery d = { .message = m, .id = id, .harms_texts = !m->body_is_utf8 };
	enum private_kind kind = private_kind(&s->broker->route, m->destination);

	stats_add(&s->stats.messages_dispatched, 1);
	if (kind == PRIVATE_NONE)
		dispatch_broadcast(s, &d);
	else
		dispatch_private(s, &d, kind);
	stats_add(&s->stats.messages_queued, d.count);
	for (size_t i = 0; i < STOMP_VERSION_COUNT; i++) {
		wire_unref(d.wires[false][i]);
		wire_unref(d.wires[true][i]);
	}
}
