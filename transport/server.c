/*
 * libwebsockets runs on our libev loop and knows nothing of our listeners: they
 * accept, it adopts. What it must be told, and why (measured on 4.1.6):
 *
 * - A mount for "/", or an aborted request spins the loop for ever.
 * - A zeroed retry policy: its own validity pings keep a sorted list of all
 *   connections, which costs more the more there are.
 * - tx_packet_size: a longer write would be cut and copied.
 * - alpn http/1.1 and only "websocket" in CONFIRM_UPGRADE: no HTTP/2.
 * - Its timers are armed only by its own events; lws_cancel_service() once a
 *   second makes it look at them.
 * - No permessage-deflate.
 */
#include "transport/server.h"

#include "base/log.h"
#include "base/mem.h"
#include "transport/internal.h"

#include <signal.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/socket.h>

enum {
	RX_BYTES = 1024, /* per connection; longer messages come in several parts */
	TX_BYTES = 1 << 20,
	SERVICE_BYTES = 16 * 1024,
	REQUEST_HEADER_BYTES = 16 * 1024,
	REQUESTS_AT_ONCE = 8192, /* header tables, given back after each request */
	REQUEST_SECONDS = 10,
	DESCRIPTORS_MOST = 1 << 20,
};

/* Names the row for clients without one; no client can ask for a name with a blank. */
static const char no_subprotocol[] = "no sub-protocol";

static void on_library_log(int level, const char *line)
{
	struct span text = span_of(line);

	while (text.len > 0 && text.at[text.len - 1] == '\n')
		text.len--;
	if (level == LLL_ERR)
		log_warn("transport.library", LOG_SPAN("says", text));
	else
		log_debug("transport.library_detail", LOG_SPAN("says", text));
}

/*
 * The library keeps a table with one entry for each possible descriptor, so the
 * limit is raised, but not without end.
 */
void server_prepare_process(void)
{
	struct rlimit limit;

	signal(SIGPIPE, SIG_IGN);
	lws_set_log_level(LLL_ERR | LLL_WARN, on_library_log);
	if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
		return;
	limit.rlim_cur = limit.rlim_max < DESCRIPTORS_MOST ? limit.rlim_max : DESCRIPTORS_MOST;
	(void)setrlimit(RLIMIT_NOFILE, &limit);
	log_info("process.limits", LOG_U64("open_files", limit.rlim_cur));
}

void server_be_quiet(void)
{
	lws_set_log_level(0, NULL);
}

/* What libwebsockets tells of a connection that speaks HTTP. */
static int on_http_event(
	struct server *s, struct lws *wsi, int reason, struct peer *peer, struct span bytes)
{
	switch (reason) {
	case LWS_CALLBACK_HTTP:
		return http_answer_request(s, wsi, peer);
	case LWS_CALLBACK_HTTP_BODY:
		return sockjs_front_body(peer, bytes);
	case LWS_CALLBACK_HTTP_BODY_COMPLETION:
		return sockjs_front_body_end(peer);
	case LWS_CALLBACK_HTTP_WRITEABLE:
		return exchange_on_writable(peer);
	case LWS_CALLBACK_HTTP_DROP_PROTOCOL:
		/*
		 * The memory is about to go. With a request under way this is a second
		 * one, sent before the first was answered: its answer must not get
		 * into the other's.
		 */
		if (peer->exchange)
			(void)shutdown(lws_get_socket_fd(wsi), SHUT_RDWR);
		exchange_gone(peer);
		return 0;
	case LWS_CALLBACK_CLOSED_HTTP:
		exchange_gone(peer);
		return 0;
	default:
		return 0;
	}
}

/*
 * Every event of a connection, HTTP or WebSocket. `memory` is the struct peer
 * that the library keeps for it, zeroed for each request and each upgrade.
 */
static int on_event(
	struct lws *wsi, enum lws_callback_reasons reason, void *memory, void *in, size_t len)
{
	struct lws_context *context = lws_get_context(wsi);
	struct server *s = context ? lws_context_user(context) : NULL;
	struct peer *peer = memory;

	if (!s)
		return 0; /* the library speaks of itself, before there is a context */
	switch ((int)reason) {
	case LWS_CALLBACK_HTTP_CONFIRM_UPGRADE:
		return upgrade_confirm(s, wsi);
	case LWS_CALLBACK_ADD_HEADERS:
		upgrade_fix_answer(s, in);
		return 0;
	case LWS_CALLBACK_RAW_ADOPT:
	case LWS_CALLBACK_RAW_RX:
		return -1; /* what the library makes of the method CONNECT */
	default:
		break;
	}
	if (!peer)
		return reason == LWS_CALLBACK_ESTABLISHED || reason == LWS_CALLBACK_HTTP ? -1 : 0;
	switch ((int)reason) {
	case LWS_CALLBACK_ESTABLISHED:
		return websocket_open(s, wsi, &peer->websocket);
	case LWS_CALLBACK_RECEIVE:
		websocket_on_bytes(&peer->websocket, (struct span){ in, len });
		return 0;
	case LWS_CALLBACK_RECEIVE_PONG:
		if (peer->websocket.conn.state == CONN_OPEN)
			s->on.on_pong(peer->websocket.conn.session);
		return 0;
	case LWS_CALLBACK_SERVER_WRITEABLE:
		websocket_on_writable(&peer->websocket);
		return 0;
	case LWS_CALLBACK_WS_PEER_INITIATED_CLOSE:
		return websocket_on_peer_close(&peer->websocket);
	case LWS_CALLBACK_WS_SERVER_DROP_PROTOCOL:
	case LWS_CALLBACK_CLOSED:
		websocket_gone(&peer->websocket);
		return 0;
	default:
		return on_http_event(s, wsi, (int)reason, peer, (struct span){ in, len });
	}
}

static void on_turn_end(struct ev_loop *loop, ev_prepare *prepare, int events)
{
	struct server *s = container_of(prepare, struct server, turn_end);
	struct list turn;

	(void)loop;
	(void)events;
	post_take_mail(s);
	/* Who asks for room while others write waits for the next turn. */
	list_take(&turn, &s->dirty);
	while (!list_is_empty(&turn)) {
		struct conn *c = container_of(turn.next, struct conn, dirty);

		list_remove(&c->dirty);
		c->class->turn_end(c);
	}
	/* What sessions here have written for requests that are here too. */
	post_take_mail(s);
	exchanges_write(s);
	if (!list_is_empty(&s->dirty) || !list_is_empty(&s->notes))
		ev_feed_event(
			s->loop, &s->kick, EV_TIMER); /* so that the next turn comes at once */
}

static void on_kick(struct ev_loop *loop, ev_timer *timer, int events)
{
	struct server *s = container_of(timer, struct server, kick);

	(void)loop;
	(void)events;
	lws_cancel_service(s->context);
}

/* Row 0 serves HTTP and WebSocket without a sub-protocol, row 1 the chosen sub-protocol. */
static void describe_protocols(struct server *s)
{
	for (size_t i = 0; i < 2; i++) {
		s->protocols[i] = (struct lws_protocols){
			.name = i == 0 ? no_subprotocol : s->subprotocol,
			.callback = on_event,
			.per_session_data_size = sizeof(struct peer),
			.rx_buffer_size = RX_BYTES,
			.tx_packet_size = TX_BYTES,
		};
	}
	memcpy(s->subprotocol, "v12.stomp", sizeof("v12.stomp"));
	s->mount = (struct lws_http_mount){
		.mountpoint = "/",
		.mountpoint_len = 1,
		.origin = no_subprotocol,
		.origin_protocol = LWSMPRO_CALLBACK,
	};
}

static bool start_library(struct server *s)
{
	static const lws_retry_bo_t no_validity_pings;
	void *loops[] = { s->loop };
	struct lws_context_creation_info info = {
		.port = CONTEXT_PORT_NO_LISTEN_SERVER,
		.options = LWS_SERVER_OPTION_LIBEV | LWS_SERVER_OPTION_VALIDATE_UTF8 |
			   LWS_SERVER_OPTION_EXPLICIT_VHOSTS,
		.foreign_loops = loops,
		.user = s,
		.protocols = s->protocols,
		.mounts = &s->mount,
		.pt_serv_buf_size = SERVICE_BYTES,
		.max_http_header_data2 = REQUEST_HEADER_BYTES,
		.max_http_header_pool = REQUESTS_AT_ONCE,
		.timeout_secs = REQUEST_SECONDS,
		.keepalive_timeout = REQUEST_SECONDS,
		.retry_and_idle_policy = &no_validity_pings,
		.alpn = "http/1.1",
		.vhost_name = "stompbox",
	};

	s->context = lws_create_context(&info);
	if (!s->context)
		return false;
	s->vhost = lws_create_vhost(s->context, &info);
	return s->vhost != NULL;
}

static void free_parts(struct server *s)
{
	tcp_free_all(s);
	/* Ends every connection, and so every exchange. */
	if (s->context)
		lws_context_destroy(s->context);
	homes_fini(s);
	exchanges_fini(s);
	post_fini(s);
	buf_fini(&s->scratch);
	buf_fini(&s->text);
	free(s);
}

struct server *server_new(struct ev_loop *loop, struct wheel *wheel,
	const struct server_config *config, const struct server_events *events, void *owner)
{
	struct server *s = mem_zalloc(sizeof(*s));

	s->loop = loop;
	s->wheel = wheel;
	s->config = *config;
	s->on = *events;
	s->owner = owner;
	list_init(&s->dirty);
	list_init(&s->tcps);
	post_init(s);
	exchanges_init(s);
	homes_init(s);
	describe_protocols(s);
	ev_prepare_init(&s->turn_end, on_turn_end);
	ev_timer_init(&s->kick, on_kick, 1., 1.);
	if (!start_library(s)) {
		log_error("transport.failed",
			LOG_STR("remedy", "is the package libwebsockets-evlib-ev installed?"));
		free_parts(s);
		return NULL;
	}
	ev_prepare_start(loop, &s->turn_end);
	ev_timer_start(loop, &s->kick);
	return s;
}

void server_adopt(struct server *s, int fd)
{
	/* On failure the library has closed the descriptor. */
	(void)lws_adopt_socket_vhost(s->vhost, fd);
}

void server_refuse_upgrades(struct server *s)
{
	s->refusing = true;
}

void server_free(struct server *s)
{
	if (!s)
		return;
	ev_prepare_stop(s->loop, &s->turn_end);
	ev_timer_stop(s->loop, &s->kick);
	free_parts(s);
}
