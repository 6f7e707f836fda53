#include "tests/sockjs/app.h"

#include "base/digits.h"
#include "base/list.h"
#include "base/mem.h"
#include "base/utf8.h"
#include "transport/sockjs_codec.h"

#include <stdlib.h>

enum {
	ALL_TRANSPORTS = (1 << SOCKJS_TRANSPORTS) - 1,
	SMALL_LIMIT = 4096,         /* so that tests see responses end */
	USUAL_LIMIT = 128 * 1024,   /* of sockjs-node */
	QUEUE_BYTES_MOST = 8 << 20, /* of one session; also of one message that comes in parts */
	LINGER_MS = 5000,
	CLOSE_TOO_LONG = 1009,
	CLOSE_GO_AWAY = 3000,
	POWER_MOST = 18,
};

struct message {
	struct list link;
	struct span text; /* in the same block */
};

struct session {
	struct conn *conn;
	const struct app *app;
	struct buf coming; /* parts of a message */
	struct list queue; /* struct message.link, oldest first */
	size_t queued;     /* bytes in it, with what the messages cost besides */
};

static void push(struct session *s, struct span text)
{
	size_t bytes = sizeof(struct message) + text.len;
	struct message *m;

	if (bytes > QUEUE_BYTES_MOST - s->queued) {
		conn_close(s->conn, CONN_CLOSE_SLOW, "The client does not read", LINGER_MS);
		return;
	}
	m = mem_zalloc(bytes);
	if (text.len > 0)
		memcpy(m + 1, text.at, text.len);
	m->text = (struct span){ (const char *)(m + 1), text.len };
	list_push(&s->queue, &m->link);
	s->queued += bytes;
	conn_want_room(s->conn);
}

static void pop(struct session *s)
{
	struct message *m = container_of(s->queue.next, struct message, link);

	list_remove(&m->link);
	s->queued -= sizeof(*m) + m->text.len;
	free(m);
}

static void go_away(struct session *s)
{
	conn_close(s->conn, CLOSE_GO_AWAY, "Go away!", LINGER_MS);
}

/* "3" brings xxxxxxxx. */
static void amplify(struct session *s, struct span message)
{
	struct buf text = { NULL, 0, 0 };
	uint64_t power;

	if (!digits_read(message, &power) || power < 1 || power > POWER_MOST)
		return;
	text.len = (size_t)1 << power;
	text.at = mem_realloc(NULL, text.len);
	text.size = text.len;
	memset(text.at, 'x', text.len);
	push(s, buf_span(&text));
	buf_fini(&text);
}

struct app {
	const char *path;
	bool websocket;
	bool cookie;
	size_t response_limit;
	void (*start)(struct session *s);                           /* or NULL */
	void (*on_message)(struct session *s, struct span message); /* or NULL */
};

static const struct app apps[APP_ENDPOINTS] = {
	{ "/echo", true, false, SMALL_LIMIT, NULL, push },
	{ "/disabled_websocket_echo", false, false, SMALL_LIMIT, NULL, push },
	{ "/cookie_needed_echo", true, true, SMALL_LIMIT, NULL, push },
	{ "/close", true, false, USUAL_LIMIT, go_away, NULL },
	{ "/amplify", true, false, USUAL_LIMIT, NULL, amplify },
};

void app_describe(struct endpoint endpoints[APP_ENDPOINTS], const char *client_url)
{
	for (size_t i = 0; i < APP_ENDPOINTS; i++) {
		const struct app *app = &apps[i];
		unsigned without = app->websocket ? 0 : 1u << SOCKJS_WEBSOCKET;

		endpoints[i] = (struct endpoint){
			.path = app->path,
			.websocket = app->websocket,
			.sockjs = (ALL_TRANSPORTS | SERVER_IFRAME) & ~without,
			.cookie = app->cookie,
			.response_limit = app->response_limit,
			.client_url = client_url,
		};
	}
}

void *app_on_open(void *owner, struct conn *c, const struct request *request)
{
	struct session *s = mem_zalloc(sizeof(*s));

	(void)owner;
	s->conn = c;
	s->app = &apps[request->endpoint];
	list_init(&s->queue);
	if (s->app->start)
		s->app->start(s);
	return s;
}

void app_on_bytes(void *session, struct span bytes)
{
	struct session *s = session;

	if (bytes.len > QUEUE_BYTES_MOST - s->coming.len) {
		conn_close(s->conn, CLOSE_TOO_LONG, "The message is too long", LINGER_MS);
		return;
	}
	buf_put(&s->coming, bytes);
}

void app_on_end(void *session)
{
	struct session *s = session;

	if (s->app->on_message)
		s->app->on_message(s, buf_span(&s->coming));
	buf_fini(&s->coming);
}

void app_on_pong(void *session)
{
	(void)session;
}

/* A WebSocket's message that can only have been binary goes back as such. */
void app_on_room(void *session)
{
	struct session *s = session;

	while (!list_is_empty(&s->queue)) {
		const struct message *m = container_of(s->queue.next, struct message, link);

		if (!conn_put(s->conn, &m->text, 1, utf8_is_valid(m->text)))
			return;
		pop(s);
	}
}

void app_on_close(void *session)
{
	struct session *s = session;

	while (!list_is_empty(&s->queue))
		pop(s);
	buf_fini(&s->coming);
	free(s);
}
