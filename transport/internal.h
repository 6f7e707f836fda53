/* What server.c, conn.c and http.c share; nobody else includes this. */
#ifndef TRANSPORT_INTERNAL_H
#define TRANSPORT_INTERNAL_H

#include "base/buf.h"
#include "base/list.h"
#include "base/wheel.h"
#include "transport/server.h"

#include <ev.h>
#include <libwebsockets.h>

enum {
	REQUEST_PART_BYTES_MOST = 8 * 1024, /* query or cookies of an upgrade, with a NUL */
	SUBPROTOCOL_BYTES = 64, /* longest name that the library can match, with its NUL */
};

struct server {
	struct ev_loop *loop;
	struct wheel *wheel;
	struct server_config config;
	struct server_events on;
	void *owner;

	struct lws_context *context;
	struct lws_vhost *vhost;
	ev_prepare turn_end;
	ev_timer kick;      /* the library's own timers are unreliable under libev: see server.c */
	struct list dirty;  /* struct conn.dirty: those that want room at the end of this turn */
	struct buf scratch; /* frames of the connection whose turn it is */
	bool refusing;

	/* The one sub-protocol that the library may choose for the upgrade at hand. */
	char subprotocol[SUBPROTOCOL_BYTES];
	bool subprotocol_is_known;
	struct lws_protocols protocols[3];
	struct lws_http_mount mount;
};

enum conn_state {
	CONN_NONE, /* an HTTP request, or gone */
	CONN_OPEN,
	CONN_CLOSING, /* our close frame is on its way */
};

/* Lives in the memory that the library keeps for each connection; zeroed by it. */
struct conn {
	struct server *server;
	struct lws *wsi;
	void *session; /* NULL from on_close on */
	struct list dirty;
	struct wheel_timer linger;
	enum conn_state state;
	bool blocked;    /* the library holds output that the socket has not taken */
	bool ping_asked; /* to be sent at the next room */
	bool paused;
	uint16_t close_code; /* not 0: send it at the next room */
	char *close_reason;  /* owned */
};

/* http.c: may this upgrade go on? 0, or -1 after an answer was written. */
int http_confirm_upgrade(struct server *s, struct lws *wsi);

/* http.c: takes the sub-protocol line out of the upgrade's answer when it names none of ours. */
void http_fix_upgrade_answer(const struct server *s, struct lws_process_html_args *args);

/* http.c: answers a request that is no upgrade. What the library's callback must return. */
int http_answer_request(struct server *s, struct lws *wsi);

/* conn.c */
void conn_init(struct conn *c, struct server *s, struct lws *wsi);
void conn_turn_end(struct conn *c);
void conn_gone(struct conn *c);

#endif
