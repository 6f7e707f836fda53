/* What the client commands do (STOMP 1.2, "Connecting" and "Client Frames"). */
#include "auth/principal.h"
#include "base/log.h"
#include "base/utf8.h"
#include "broker/ack.h"
#include "broker/broker.h"
#include "broker/compat.h"
#include "broker/intake.h"
#include "broker/policy.h"
#include "broker/private.h"
#include "broker/queues.h"
#include "broker/session.h"
#include "broker/wire.h"
#include "redis/envelope.h"
#include "stomp/parser.h"
#include "stomp/pattern.h"
#include "stomp/writer.h"
#include "transport/conn.h"

#include <stdlib.h>

enum {
	/* After DISCONNECT the client may close first; most do. */
	DISCONNECT_GRACE_MS = 1000,
};

/* The words of headers.content_type. */
enum {
	TYPE_IMPLIED,
	TYPE_NONE
};

static const struct span none = { NULL, 0 };

static void fail(struct session *s, const struct stomp_frame *frame, const char *message,
	const char *details)
{
	session_fail(s, stomp_frame_value(frame, SPAN("receipt")), message, "%s", details);
}

/* --- CONNECT -------------------------------------------------------------- */

static void send_connected(struct session *s)
{
	const struct stomp_heartbeat *own = &s->shard->broker->heartbeat;
	struct buf *out = &s->shard->scratch;

	out->len = 0;
	stomp_writer_command(out, STOMP_CONNECTED);
	(void)stomp_writer_header_raw(out, SPAN("version"), stomp_version_name(s->version));
	buf_printf(out, "heart-beat:%u,%u\nsession:%s\n", own->can, own->want, s->name);
	if (s->principal && s->principal->name.len > 0)
		(void)stomp_writer_header_raw(out, SPAN("user-name"), s->principal->name);
	stomp_writer_end(out);
	session_push(s, wire_new(buf_span(out), true), NULL);
}

/* Without one, or with one that is passed over, the client can and wants none. */
static bool read_heartbeat(
	const struct session *s, struct span offer, struct stomp_heartbeat *client)
{
	if (!offer.at || stomp_heartbeat_read(offer, client))
		return true;
	return compat_is_on(s, COMPAT_ODD_HEARTBEAT) &&
	       (offer.len == 0 || !memchr(offer.at, ',', offer.len));
}

void session_connect(struct session *s, const struct stomp_frame *frame)
{
	struct stomp_heartbeat client = { 0, 0 };
	enum stomp_version version;

	if (!stomp_version_negotiate(stomp_frame_value(frame, SPAN("accept-version")), &version)) {
		session_fail_version(s);
		return;
	}
	if (!read_heartbeat(s, stomp_frame_value(frame, SPAN("heart-beat")), &client)) {
		session_fail(s, none, "Malformed heart-beat header",
			"heart-beat must be two whole numbers with a comma between them");
		return;
	}
	s->version = version;
	s->beats = stomp_heartbeat_agree(s->shard->broker->heartbeat, client);
	s->state = SESSION_CONNECTED;
	free(s->kept_token);
	s->kept_token = NULL;
	stomp_parser_set_version(s->parser, version);
	stomp_parser_set_limits(s->parser, &s->shard->broker->limits);
	stats_add(&s->shard->stats.sessions_connected, 1);
	log_debug("session.connected", LOG_U64("session", s->id),
		LOG_SPAN("version", stomp_version_name(version)),
		LOG_SPAN("user", s->principal ? s->principal->id : SPAN("")));
	send_connected(s);
	session_rearm(s);
}

/* --- where a SEND goes ---------------------------------------------------- */

static bool check_destination(
	struct session *s, const struct stomp_frame *frame, struct span destination)
{
	size_t most = s->shard->broker->config->limits_destination;

	if (destination.len <= most)
		return true;
	session_fail(s, stomp_frame_value(frame, SPAN("receipt")), "Destination too long",
		"limits.destination is %zu bytes", most);
	return false;
}

/* The sender's headers that subscribers get to see; false when there are too many. */
static bool forward_headers(const struct session *s, const struct stomp_frame *frame,
	struct bus_header *headers, size_t *count)
{
	*count = 0;
	for (size_t i = 0; i < frame->header_count; i++) {
		const struct stomp_header *h = &frame->headers[i];

		if (!policy_forwards(s->shard->broker, h->name))
			continue;
		if (*count == ENVELOPE_HEADERS_MOST)
			return false;
		headers[(*count)++] = (struct bus_header){ h->name, h->value };
	}
	return true;
}

static struct private_owner owner_of(const struct session *s)
{
	return (struct private_owner){
		.user = s->principal ? s->principal->id : SPAN(""),
		.session = span_of(s->name),
	};
}

static void fail_unknown_target(struct session *s, const struct stomp_frame *frame)
{
	if (!compat_ignores(s, frame, COMPAT_UNKNOWN_DESTINATION))
		fail(s, frame, "Unknown destination",
			"the destination is under none of prefixes.app");
}

static bool resolve_private(
	struct session *s, const struct stomp_frame *frame, struct span from, struct span *to)
{
	const struct route *route = &s->shard->broker->route;
	struct private_owner owner = owner_of(s);
	struct buf *scratch = &s->shard->route_scratch;

	if (private_kind(route, from) == PRIVATE_USER && !route->allow_user_send) {
		fail(s, frame, "Not allowed to send there",
			"clients do not send to users; see allow_user_send");
		return false;
	}
	scratch->len = 0;
	if (!private_put_target(route, from, &owner, scratch)) {
		fail_unknown_target(s, frame);
		return false;
	}
	*to = buf_span(scratch);
	return true;
}

static bool resolve(struct session *s, const struct stomp_frame *frame, struct span *to)
{
	struct span from = stomp_frame_value(frame, SPAN("destination"));

	if (!check_destination(s, frame, from))
		return false;
	if (private_kind(&s->shard->broker->route, from) != PRIVATE_NONE)
		return resolve_private(s, frame, from, to);
	if (queues_has(s->shard->broker->queues, from)) {
		*to = from;
		return intake_check(s, frame, from);
	}
	switch (route_resolve(&s->shard->broker->route, from, &s->shard->route_scratch, to)) {
	case ROUTE_FOUND:
		return !queues_has(s->shard->broker->queues, *to) || intake_check(s, frame, *to);
	case ROUTE_BROKER_ONLY:
		fail(s, frame, "Not allowed to send there",
			"clients send to an application prefix (prefixes.app); see allow_client_publish");
		return false;
	case ROUTE_UNKNOWN:
		fail_unknown_target(s, frame);
		return false;
	}
	return false;
}

/* --- SUBSCRIBE, UNSUBSCRIBE ----------------------------------------------- */

/* The link that leads to the subscription, so that it can be taken out; NULL when none fits. */
static struct subscription **find_subscription(
	struct session *s, struct span id, struct span destination)
{
	for (struct subscription **at = &s->subscriptions; *at; at = &(*at)->next) {
		bool same = (*at)->id_len > 0 || id.at ? span_eq(subscription_id(*at), id)
						       : span_eq((*at)->topic->shown, destination);

		if (same)
			return at;
	}
	return NULL;
}

static bool read_ack(const struct session *s, struct span word, enum subscription_ack *ack)
{
	static const struct {
		struct span word;
		enum subscription_ack ack;
		enum stomp_version since;
	} words[] = {
		{ SPAN("auto"), SUBSCRIPTION_AUTO, STOMP_VERSION_1_0 },
		{ SPAN("client"), SUBSCRIPTION_CLIENT, STOMP_VERSION_1_0 },
		{ SPAN("client-individual"), SUBSCRIPTION_INDIVIDUAL, STOMP_VERSION_1_1 },
	};

	*ack = SUBSCRIPTION_AUTO;
	if (!word.at || compat_is_on(s, COMPAT_ACK))
		return true;
	for (size_t i = 0; i < countof(words); i++) {
		if (s->version >= words[i].since && span_eq(word, words[i].word)) {
			*ack = words[i].ack;
			return true;
		}
	}
	return false;
}

static bool check_pattern(struct session *s, const struct stomp_frame *frame, struct span pattern)
{
	const struct config *config = s->shard->broker->config;
	struct span receipt = stomp_frame_value(frame, SPAN("receipt"));
	const char *why = NULL;

	if (!route_allows_pattern(&s->shard->broker->route, pattern)) {
		fail(s, frame, "Pattern not allowed there",
			"the destination of SUBSCRIBE holds one of * ? { }; see subscribe.patterns");
		return false;
	}
	if (s->pattern_count + topics_pattern_share(&s->shard->topics, pattern) >
		config->limits_patterns) {
		session_fail(s, receipt, "Too many patterns", "limits.patterns is %zu",
			(size_t)config->limits_patterns);
		return false;
	}
	switch (topics_check_pattern(
		&s->shard->topics, pattern, config->limits_costly_patterns, &why)) {
	case TOPICS_PATTERN:
		return true;
	case TOPICS_NOT_A_PATTERN:
		fail(s, frame, "Malformed pattern", why);
		return false;
	case TOPICS_TOO_COSTLY:
		fail(s, frame, "Too many patterns", "this node is at limits.costly_patterns");
		return false;
	}
	return false;
}

static bool check_topic(struct session *s, const struct stomp_frame *frame, struct span destination)
{
	const struct route *route = &s->shard->broker->route;

	if (private_kind(route, destination) == PRIVATE_NONE &&
		!route_is_broker(route, destination)) {
		if (!compat_ignores(s, frame, COMPAT_UNKNOWN_DESTINATION))
			fail(s, frame, "Unknown destination",
				"the destination is under none of prefixes.broker");
		return false;
	}
	return !stomp_pattern_is_special(destination) || check_pattern(s, frame, destination);
}

static bool check_subscribe(
	struct session *s, const struct stomp_frame *frame, struct span id, struct span destination)
{
	size_t most = s->shard->broker->config->limits_subscriptions;

	if (id.at && id.len == 0) {
		fail(s, frame, "Empty subscription id", "SUBSCRIBE needs an id that is not empty");
		return false;
	}
	if (!check_destination(s, frame, destination))
		return false;
	if (queues_has(s->shard->broker->queues, destination)) {
		if (!intake_check(s, frame, destination))
			return false;
	} else if (!check_topic(s, frame, destination)) {
		return false;
	}
	if (find_subscription(s, id, destination)) {
		if (!compat_ignores(s, frame, COMPAT_DUPLICATE_SUBSCRIPTION))
			fail(s, frame, "Duplicate subscription",
				id.at ? "the id is in use on this connection"
				      : "the destination is subscribed to without an id already");
		return false;
	}
	if (s->subscription_count >= most) {
		session_fail(s, stomp_frame_value(frame, SPAN("receipt")), "Too many subscriptions",
			"limits.subscriptions is %zu", most);
		return false;
	}
	return true;
}

/* Its topic has another name if it is private; false when there is no such private destination. */
static bool subscribe(struct session *s, struct span id, struct span destination, struct span line,
	enum subscription_ack ack)
{
	const struct route *route = &s->shard->broker->route;
	enum private_kind kind = private_kind(route, destination);
	struct private_owner owner = owner_of(s);
	struct buf *key = &s->shard->key_scratch;
	struct topics *topics = &s->shard->topics;
	struct subscription *subscription;

	key->len = 0;
	if (kind == PRIVATE_NONE)
		subscription = subscription_new(topics, s, destination, id, line);
	else if (private_put_topic(route, destination, &owner, key))
		subscription =
			subscription_new_private(topics, s, buf_span(key), destination, id, line);
	else
		return false;
	if (kind == PRIVATE_USER)
		shard_make_findable(s->shard, s);
	subscription->ack = ack;
	if (ack != SUBSCRIPTION_AUTO && !s->acks)
		s->acks = acks_new(s->shard->broker->config->limits_unacked);
	subscription->next = s->subscriptions;
	s->subscriptions = subscription;
	s->subscription_count++;
	if (subscription->topic->node)
		s->pattern_count += topics_pattern_share(topics, destination);
	return true;
}

/* What both a SUBSCRIBE and a reply-to do; they have been let through. */
static bool add_subscription(struct session *s, const struct stomp_frame *frame, struct span id,
	struct span destination, enum subscription_ack ack)
{
	struct buf *line = &s->shard->scratch;

	if (!check_subscribe(s, frame, id, destination))
		return false;
	line->len = 0;
	if (id.at && !stomp_writer_header(line, s->version, SPAN("subscription"), id)) {
		fail(s, frame, "Malformed subscription id", "the id cannot be sent back");
		return false;
	}
	if (!subscribe(s, id, destination, buf_span(line), ack)) {
		fail(s, frame, "Unknown destination",
			"a temporary queue of one's own has a name of one segment");
		return false;
	}
	return true;
}

void session_subscribe(struct session *s, const struct stomp_frame *frame)
{
	struct span destination = stomp_frame_value(frame, SPAN("destination"));
	enum subscription_ack ack;

	if (!destination.at) {
		fail(s, frame, "Required header missing", "SUBSCRIBE needs the header destination");
		return;
	}
	if (!read_ack(s, stomp_frame_value(frame, SPAN("ack")), &ack)) {
		fail(s, frame, "Unknown ack mode",
			"ack must be auto, client or, since STOMP 1.1, client-individual");
		return;
	}
	if (!add_subscription(s, frame, stomp_frame_value(frame, SPAN("id")), destination, ack))
		return;
	if (queues_has(s->shard->broker->queues, destination))
		intake_open(s, frame, s->subscriptions);
	else
		session_receipt(s, frame, 0);
}

/* By its destination 1.0 may also name a subscription that has an id. */
static struct subscription **find_ended(struct session *s, struct span id, struct span destination)
{
	struct subscription **at = find_subscription(s, id, destination);

	if (at || id.at)
		return at;
	for (at = &s->subscriptions; *at; at = &(*at)->next)
		if (span_eq((*at)->topic->shown, destination))
			return at;
	return NULL;
}

void session_unsubscribe(struct session *s, const struct stomp_frame *frame)
{
	struct span id = stomp_frame_value(frame, SPAN("id"));
	struct span destination = stomp_frame_value(frame, SPAN("destination"));
	struct subscription **at;
	struct subscription *subscription;

	if (!id.at && !destination.at) {
		if (!compat_ignores(s, frame, COMPAT_UNKNOWN_UNSUBSCRIBE))
			fail(s, frame, "Required header missing",
				"UNSUBSCRIBE needs the header id or destination");
		return;
	}
	at = find_ended(s, id, destination);
	if (!at) {
		if (!compat_ignores(s, frame, COMPAT_UNKNOWN_UNSUBSCRIBE))
			fail(s, frame, "Unknown subscription",
				"there is no such subscription to end");
		return;
	}
	subscription = *at;
	*at = subscription->next;
	s->subscription_count--;
	intake_close(s, subscription);
	if (subscription->ack != SUBSCRIPTION_AUTO)
		session_end_deliveries(s, subscription);
	if (subscription->topic->node)
		s->pattern_count -=
			topics_pattern_share(&s->shard->topics, subscription->topic->destination);
	subscription_end(&s->shard->topics, subscription);
	session_receipt(s, frame, 0);
}

void session_end_subscriptions(struct session *s)
{
	while (s->subscriptions) {
		struct subscription *subscription = s->subscriptions;

		s->subscriptions = subscription->next;
		intake_close(s, subscription);
		subscription_end(&s->shard->topics, subscription);
	}
	s->subscription_count = 0;
	s->pattern_count = 0;
}

/* --- SEND ----------------------------------------------------------------- */

static bool has_subscribed(const struct session *s, struct span destination)
{
	for (const struct subscription *at = s->subscriptions; at; at = at->next) {
		if (span_eq(at->topic->shown, destination))
			return true;
	}
	return false;
}

/*
 * A client that names a temporary queue of its own in reply-to means to listen
 * there: without a subscription it gets one, with the queue's name for its id.
 */
static bool listen_for_reply(
	struct session *s, const struct stomp_frame *frame, struct span destination)
{
	if (has_subscribed(s, destination))
		return true;
	if (!access_is_allowed(
		    s->shard->broker->access, ACCESS_SUBSCRIBE, destination, s->principal)) {
		fail(s, frame, "Access denied", "reply-to names what may not be subscribed to");
		return false;
	}
	return add_subscription(s, frame, destination, destination, SUBSCRIPTION_AUTO);
}

/* Others get to see the name that they can send to. */
static bool take_reply_to(struct session *s, const struct stomp_frame *frame,
	struct bus_header *headers, size_t count)
{
	const struct route *route = &s->shard->broker->route;
	struct private_owner owner = owner_of(s);
	struct buf *address = &s->shard->reply_scratch;

	for (size_t i = 0; i < count; i++) {
		struct span *value = &headers[i].value;

		if (!span_eq(headers[i].name, SPAN("reply-to")) ||
			private_kind(route, *value) != PRIVATE_TEMP)
			continue;
		address->len = 0;
		if (!private_put_target(route, *value, &owner, address))
			return true;
		if (!span_eq(*value, buf_span(address)) && !listen_for_reply(s, frame, *value))
			return false;
		*value = buf_span(address);
		return true; /* of repeated headers the first one counts */
	}
	return true;
}

/* Without one, whoever reads it from the bus gives it the type that its body implies. */
static struct span content_type_of(const struct session *s, const struct stomp_frame *frame)
{
	struct span type = stomp_frame_value(frame, SPAN("content-type"));

	if (!type.at && s->shard->broker->config->headers_content_type == TYPE_NONE)
		return SPAN("");
	return type;
}

void session_send(struct session *s, const struct stomp_frame *frame)
{
	struct bus_header headers[ENVELOPE_HEADERS_MOST];
	struct transaction *in;
	struct bus_message m = {
		.content_type = content_type_of(s, frame),
		.headers = headers,
		.body = frame->body,
	};

	if (!session_find_transaction(s, frame, &in))
		return;
	if (!resolve(s, frame, &m.destination))
		return;
	if (!forward_headers(s, frame, headers, &m.header_count)) {
		fail(s, frame, "Too many headers", "at most 64 headers are passed on");
		return;
	}
	if (!take_reply_to(s, frame, headers, m.header_count))
		return;
	m.body_is_utf8 = utf8_is_valid(m.body);
	if (in) {
		session_hold_send(s, frame, in, &m);
		return;
	}
	/* The receipt first: the answer may come before shard_publish() returns. */
	session_receipt(s, frame, s->shard->published + 1);
	stats_add(&s->shard->stats.messages_received, 1);
	shard_publish(s->shard, &m, s);
}

/* --- DISCONNECT ----------------------------------------------------------- */

/* The receipt says that everything before it was processed: it waits for the last SEND. */
void session_disconnect(struct session *s, const struct stomp_frame *frame)
{
	session_receipt(s, frame, s->last_publish);
	session_finish(s, CONN_CLOSE_NORMAL, "", DISCONNECT_GRACE_MS);
}
