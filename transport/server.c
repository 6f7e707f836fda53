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

enum {
	RX_BYTES = 1024, /* per connection; longer messages come in several parts */
	TX_BYTES = 1 << 20,
	SERVICE_BYTES = 16 * 1024,
	REQUEST_HEADER_BYTES = 16 * 1024,
	REQUESTS_AT_ONCE = 1024, /* header tables, given back after each request */
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

/* The arguments of the query joined as they were, in `out`. */
static struct span query_of(struct lws *wsi, char *out, size_t size)
{
	size_t len = 0;

	for (int i = 0; lws_hdr_fragment_length(wsi, WSI_TOKEN_HTTP_URI_ARGS, i) > 0; i++) {
		int part;

		if (i > 0 && len + 1 < size)
			out[len++] = '&';
		part = lws_hdr_copy_fragment(
			wsi, out + len, (int)(size - len), WSI_TOKEN_HTTP_URI_ARGS, i);
		if (part < 0)
			break;
		len += (size_t)part;
	}
	return (struct span){ out, len };
}

static struct span header_of(struct lws *wsi, enum lws_token_indexes token, char *out, size_t size)
{
	int len = lws_hdr_copy(wsi, out, (int)size, token);

	return (struct span){ out, len > 0 ? (size_t)len : 0 };
}

static int open_conn(struct server *s, struct lws *wsi, struct conn *c)
{
	char query[REQUEST_PART_BYTES_MOST], cookie[REQUEST_PART_BYTES_MOST], origin[512];
	const struct request request = {
		.query = query_of(wsi, query, sizeof(query)),
		.cookie = header_of(wsi, WSI_TOKEN_HTTP_COOKIE, cookie, sizeof(cookie)),
		.origin = header_of(wsi, WSI_TOKEN_ORIGIN, origin, sizeof(origin)),
	};

	conn_init(c, s, wsi);
	atomic_fetch_add_explicit(s->config.connections, 1, memory_order_relaxed);
	c->session = s->on.on_open(s->owner, c, &request);
	if (!c->session) {
		conn_gone(c);
		return -1;
	}
	return 0;
}

static int on_writable(struct conn *c)
{
	if (c->state == CONN_NONE || lws_partial_buffered(c->wsi))
		return 0;
	c->blocked = false;
	conn_want_room(c);
	return 0;
}

/* The peer's close: an answer to ours, or its own wish, which the library answers. */
static int on_peer_close(struct conn *c)
{
	bool ours = c->state == CONN_CLOSING;

	/* What is ready goes out before the answer: a receipt for a DISCONNECT right before. */
	if (!ours)
		conn_room_now(c);
	conn_gone(c);
	return ours ? -1 : 0;
}

/*
 * Every event of a connection, HTTP or WebSocket. `memory` is the struct conn
 * that the library keeps for it; zeroed, and not ours, before ESTABLISHED.
 */
static int on_event(
	struct lws *wsi, enum lws_callback_reasons reason, void *memory, void *in, size_t len)
{
	struct lws_context *context = lws_get_context(wsi);
	struct server *s = context ? lws_context_user(context) : NULL;
	struct conn *c = memory;

	if (!s)
		return 0; /* the library speaks of itself, before there is a context */
	switch ((int)reason) {
	case LWS_CALLBACK_HTTP_CONFIRM_UPGRADE:
		return http_confirm_upgrade(s, wsi);
	case LWS_CALLBACK_ADD_HEADERS:
		http_fix_upgrade_answer(s, in);
		return 0;
	case LWS_CALLBACK_HTTP:
		return http_answer_request(s, wsi);
	case LWS_CALLBACK_ESTABLISHED:
		return c ? open_conn(s, wsi, c) : -1;
	case LWS_CALLBACK_RECEIVE:
		if (c && c->state == CONN_OPEN)
			s->on.on_bytes(c->session, (struct span){ in, len });
		return 0;
	case LWS_CALLBACK_RECEIVE_PONG:
		if (c && c->state == CONN_OPEN)
			s->on.on_pong(c->session);
		return 0;
	case LWS_CALLBACK_SERVER_WRITEABLE:
		return c ? on_writable(c) : 0;
	case LWS_CALLBACK_WS_PEER_INITIATED_CLOSE:
		return c ? on_peer_close(c) : 0;
	case LWS_CALLBACK_WS_SERVER_DROP_PROTOCOL:
	case LWS_CALLBACK_CLOSED:
		if (c)
			conn_gone(c);
		return 0;
	default:
		return 0;
	}
}

static void on_turn_end(struct ev_loop *loop, ev_prepare *prepare, int events)
{
	struct server *s = container_of(prepare, struct server, turn_end);
	struct list turn;

	(void)loop;
	(void)events;
	/* Who asks for room while others write waits for the next turn. */
	list_take(&turn, &s->dirty);
	while (!list_is_empty(&turn))
		conn_turn_end(container_of(turn.next, struct conn, dirty));
	if (!list_is_empty(&s->dirty))
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
			.per_session_data_size = sizeof(struct conn),
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
	describe_protocols(s);
	ev_prepare_init(&s->turn_end, on_turn_end);
	ev_timer_init(&s->kick, on_kick, 1., 1.);
	if (!start_library(s)) {
		log_error("transport.failed",
			LOG_STR("remedy", "is the package libwebsockets-evlib-ev installed?"));
		if (s->context)
			lws_context_destroy(s->context);
		free(s);
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
	lws_context_destroy(s->context);
	buf_fini(&s->scratch);
	free(s);
}
