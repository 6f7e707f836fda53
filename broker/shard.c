#include "broker/shard.h"

#include "auth/access.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "broker/broker.h"
#include "broker/health.h"
#include "broker/hub.h"
#include "broker/intake.h"
#include "broker/page.h"
#include "broker/report.h"
#include "broker/session.h"
#include "broker/wire.h"
#include "stomp/parser.h"
#include "transport/listener.h"
#include "transport/server.h"

#include <assert.h>
#include <stdlib.h>

enum {
	MAIL_A_TURN = 1024, /* then what they brought is written, and the rest taken */
};

/* --- to and from the hub -------------------------------------------------- */

static bool is_hub_here(const struct shard *s)
{
	return s->index == 0;
}

bool shard_has_room(const struct shard *s, size_t publishes)
{
	if (s->published - s->answered + s->reserved + publishes > OUTBOX_SLOTS ||
		s->credit_bytes >= s->broker->config->limits_backlog)
		return false;
	return !is_hub_here(s) || !hub_is_congested(s->broker->hub);
}

bool shard_has_credit(const struct shard *s)
{
	return s->large_waiting == 0 && shard_has_room(s, 1);
}

static struct span key_of(const uint64_t *id)
{
	return (struct span){ (const char *)id, sizeof(*id) };
}

void shard_publish(struct shard *s, const struct bus_message *content, struct session *from)
{
	shard_hand_over(s, publish_new(content, !is_hub_here(s)), from);
}

void shard_hand_over(struct shard *s, struct publish *p, struct session *from)
{
	if (from->last_publish == 0)
		map_put(&s->publishers, key_of(&from->id), from);
	from->last_publish = ++s->published;
	p->shard = s->index;
	p->session = from->id;
	p->bytes += p->content.body.len;
	s->credit_bytes += p->bytes;
	if (is_hub_here(s)) {
		hub_publish(s->broker->hub, p);
		return;
	}
	/* There is a slot: a session that has no credit does not get here. */
	if (!ring_push(&s->outbox, p))
		abort();
	shard_wake(&s->broker->shards[0]);
}

void shard_make_findable(struct shard *s, struct session *session)
{
	if (session->is_findable || principal_is_anonymous(session->principal))
		return;
	session->is_findable = true;
	map_put(&s->by_name, span_of(session->name), session);
}

void shard_forget(struct shard *s, const struct session *session)
{
	if (session->last_publish > 0)
		(void)map_remove(&s->publishers, key_of(&session->id));
	if (session->is_findable)
		(void)map_remove(&s->by_name, span_of(session->name));
}

void shard_accepted(struct shard *s, struct publish *p)
{
	struct session *refused = NULL;

	s->answered++;
	s->credit_bytes -= p->bytes;
	if (p->how != BUS_ACCEPTED && p->how != BUS_LOCAL)
		refused = map_get(&s->publishers, key_of(&p->session));
	if (refused)
		session_on_refused(refused, p->how, s->answered);
	while (!list_is_empty(&s->owed)) {
		struct receipt *r = container_of(s->owed.next, struct receipt, owed);

		if (r->publish > s->answered)
			break;
		receipt_answered(r);
	}
	free(p);
}

static void take_mail(struct shard *s)
{
	for (unsigned i = 0; i < MAIL_A_TURN; i++) {
		struct mail *mail = ring_pull(&s->inbox);

		if (!mail) {
			hub_caught_up(s->broker->hub);
			return;
		}
		if (mail->kind == MAIL_ACCEPTED) {
			shard_accepted(s, container_of(mail, struct publish, mail));
		} else {
			struct message *m = container_of(mail, struct message, mail);

			atomic_fetch_sub_explicit(&s->inbox_bytes, m->bytes, memory_order_relaxed);
			shard_dispatch(s, &m->content, m->id);
			message_unref(m);
		}
	}
	ev_async_send(s->loop, &s->wake);
}

/* --- parsers -------------------------------------------------------------- */

struct stomp_parser *shard_take_parser(struct shard *s)
{
	if (s->parser_count > 0)
		return s->parsers[--s->parser_count];
	return stomp_parser_new(&s->broker->limits);
}

void shard_return_parser(struct shard *s, struct stomp_parser *p)
{
	if (s->parser_count == PARSERS_KEPT) {
		stomp_parser_free(p);
		return;
	}
	stomp_parser_reset(p, &s->broker->limits);
	s->parsers[s->parser_count++] = p;
}

/* --- the loop ------------------------------------------------------------- */

static void start_stopping(struct shard *s)
{
	struct list *at, *next;

	s->stopping = true;
	listener_free(s->listener);
	listener_free(s->tcp_listener);
	s->listener = s->tcp_listener = NULL;
	server_refuse_upgrades(s->server);
	for (at = s->sessions.next; at != &s->sessions; at = next) {
		next = at->next;
		session_go_away(container_of(at, struct session, link));
	}
}

/*
 * A request here may be for a SockJS session of another shard, and the other way
 * round: no shard leaves before all are done.
 */
static bool are_clients_gone(const struct broker *b)
{
	for (unsigned i = 0; i < b->shard_count; i++) {
		const struct shard *s = &b->shards[i];

		if (atomic_load_explicit(&s->session_count, memory_order_relaxed) > 0 ||
			atomic_load_explicit(&s->request_count, memory_order_relaxed) > 0)
			return false;
	}
	return true;
}

/*
 * The hub's shard leaves last: the others still have answers to get from it. It
 * stays for another tick, in which the last notes to other nodes are written.
 */
static bool may_leave(struct shard *s)
{
	struct broker *b = s->broker;

	if (clock_ms() >= b->drain_until_ms)
		return true;
	if (!are_clients_gone(b) || s->published != s->answered)
		return false;
	if (!is_hub_here(s))
		return true;
	if (atomic_load(&b->shards_running) > 1 || hub_pending(b->hub) > 0) {
		s->ticks_alone = 0;
		return false;
	}
	return s->ticks_alone++ > 0;
}

static void on_wake(struct ev_loop *loop, ev_async *async, int events)
{
	struct shard *s = container_of(async, struct shard, wake);

	(void)loop;
	(void)events;
	if (is_hub_here(s))
		hub_collect(s->broker->hub);
	else
		take_mail(s);
	intake_take_mail(s);
	if (!s->stopping && atomic_load(&s->broker->draining))
		start_stopping(s);
}

static void on_tick(struct ev_loop *loop, ev_timer *timer, int events)
{
	struct shard *s = container_of(timer, struct shard, tick);
	uint64_t now = clock_ms();

	(void)events;
	atomic_store_explicit(&s->ticked_ms, now, memory_order_relaxed);
	wheel_advance(&s->wheel, now);
	atomic_store_explicit(&s->request_count, server_requests(s->server), memory_order_relaxed);
	if (is_hub_here(s)) {
		hub_tick(s->broker->hub);
		report_look(s->broker, now);
	}
	if (s->stopping && may_leave(s))
		ev_break(loop, EVBREAK_ALL);
}

/* Sessions that were told to wait read on as soon as there is credit; a few are enough to use it. */
static void on_turn(struct ev_loop *loop, ev_prepare *prepare, int events)
{
	struct shard *s = container_of(prepare, struct shard, turn);
	struct list ready;

	(void)loop;
	(void)events;
	if (list_is_empty(&s->waiting) || (s->large_waiting == 0 && !shard_has_credit(s)))
		return;
	list_take(&ready, &s->waiting);
	while (!list_is_empty(&ready)) {
		struct list *at = ready.next;

		list_remove(at);
		list_push(&s->waiting, at);
		session_go_on(container_of(at, struct session, wait));
	}
}

static void on_accept(void *owner, int fd)
{
	struct shard *s = owner;

	server_adopt(s->server, fd);
}

static void on_accept_tcp(void *owner, int fd)
{
	struct shard *s = owner;

	server_adopt_tcp(s->server, fd);
}

static void *open_session(void *owner, struct conn *c, const struct request *request)
{
	return session_open(owner, c, request);
}

static void answer_get(void *owner, struct span path, struct answer *answer)
{
	const struct shard *s = owner;

	health_answer(s->broker, path, answer);
	if (s->broker->config->page)
		page_answer(s->broker->config, path, answer);
}

static void take_note(void *owner, struct note *note)
{
	const struct shard *s = owner;

	hub_take_note(s->broker->hub, note);
}

static bool start_server(struct shard *s, const struct config *config)
{
	const struct server_events events = {
		.on_open = open_session,
		.on_bytes = session_on_bytes,
		.on_pong = session_on_pong,
		.on_room = session_on_room,
		.on_eof = session_on_eof,
		.on_close = session_on_close,
		.on_get = answer_get,
		.on_note = is_hub_here(s) && *config->redis_url ? take_note : NULL,
	};
	const struct server_config server = {
		.endpoints = &s->broker->endpoint,
		.endpoint_count = 1,
		.origins = (const char *const *)config->origins.items,
		.origin_count = config->origins.count,
		.connections_most = (unsigned)config->limits_connections,
		.connections = &s->broker->connections,
		.body_ms = config->limits_body_time,
		.body_most = config->limits_sockjs_body,
		.heartbeat_ms = config->sockjs_heartbeat,
		.disconnect_ms = config->sockjs_disconnect_delay,
		.tcp_tls = s->broker->tcp_tls,
		.group = s->broker->servers,
		.index = s->index,
	};

	s->server = server_new(s->loop, &s->wheel, &server, &events, s);
	return s->server != NULL;
}

bool shard_init(struct shard *s, struct broker *broker, unsigned index)
{
	const struct config *config = broker->config;
	const double tick = WHEEL_TICK_MS / 1000.;

	s->broker = broker;
	s->index = index;
	/* Signals come as something to read, so no handler ever interrupts what a loop is doing. */
	s->loop = ev_loop_new(EVFLAG_AUTO | EVFLAG_SIGNALFD);
	if (!s->loop) {
		log_error("shard.no_loop", LOG_STR("remedy", "raise the limit of open files"));
		return false;
	}
	list_init(&s->sessions);
	list_init(&s->waiting);
	list_init(&s->owed);
	map_init(&s->publishers);
	map_init(&s->by_name);
	map_init(&s->intakes);
	queue_mailbox_init(&s->queue_mail);
	topics_init(&s->topics, config->subscribe_separator == 1);
	wheel_init(&s->wheel, clock_ms());
	s->beat = wire_new(SPAN("\n"), true);
	ring_init(&s->inbox, INBOX_SLOTS);
	ring_init(&s->outbox, OUTBOX_SLOTS);
	atomic_store(&s->ticked_ms, clock_ms());
	ev_async_init(&s->wake, on_wake);
	ev_async_start(s->loop, &s->wake);
	ev_timer_init(&s->tick, on_tick, tick, tick);
	ev_timer_start(s->loop, &s->tick);
	/* Before the server's own: what these sessions send is written in the same turn. */
	ev_prepare_init(&s->turn, on_turn);
	ev_set_priority(&s->turn, 1);
	ev_prepare_start(s->loop, &s->turn);
	return start_server(s, config);
}

void shard_run(struct shard *s)
{
	int send_buffer = (int)s->broker->config->limits_send_buffer;

	listener_start(s->listener, s->loop, send_buffer, on_accept, s);
	if (s->tcp_listener)
		listener_start(s->tcp_listener, s->loop, send_buffer, on_accept_tcp, s);
	ev_run(s->loop, 0);
}

void shard_wake(struct shard *s)
{
	ev_async_send(s->loop, &s->wake);
}

static void drop_mail(struct shard *s)
{
	struct mail *mail;
	struct publish *p;

	while ((mail = ring_pull(&s->inbox))) {
		if (mail->kind == MAIL_ACCEPTED)
			free(container_of(mail, struct publish, mail));
		else
			message_unref(container_of(mail, struct message, mail));
	}
	while ((p = ring_pull(&s->outbox)))
		free(p);
}

void shard_fini(struct shard *s)
{
	listener_free(s->listener);
	listener_free(s->tcp_listener);
	if (!s->loop)
		return;
	server_free(s->server);
	assert(list_is_empty(&s->sessions));
	drop_mail(s);
	ring_fini(&s->inbox);
	ring_fini(&s->outbox);
	topics_fini(&s->topics);
	map_fini(&s->publishers);
	map_fini(&s->by_name);
	map_fini(&s->intakes);
	queue_mailbox_fini(&s->queue_mail);
	while (s->parser_count > 0)
		stomp_parser_free(s->parsers[--s->parser_count]);
	free(s->spare);
	wire_unref(s->beat);
	buf_fini(&s->scratch);
	buf_fini(&s->route_scratch);
	buf_fini(&s->reply_scratch);
	buf_fini(&s->key_scratch);
	ev_timer_stop(s->loop, &s->tick);
	ev_async_stop(s->loop, &s->wake);
	ev_prepare_stop(s->loop, &s->turn);
	ev_loop_destroy(s->loop);
	s->loop = NULL;
}
