/* What the files behind server.h and conn.h share; nobody else includes this. */
#ifndef TRANSPORT_INTERNAL_H
#define TRANSPORT_INTERNAL_H

#include "base/buf.h"
#include "base/list.h"
#include "base/map.h"
#include "base/wheel.h"
#include "transport/note.h"
#include "transport/server.h"
#include "transport/sockjs_codec.h"
#include "transport/tls.h"

#include <ev.h>
#include <libwebsockets.h>
#include <openssl/ssl.h>
#include <pthread.h>

enum {
	REQUEST_PART_BYTES_MOST = 8 * 1024, /* query or cookies of a request, with a NUL */
	SUBPROTOCOL_BYTES = 64,   /* longest name that the library can match, with its NUL */
	ORIGIN_BYTES = 512,       /* longest origin, with its NUL */
	SEGMENT_BYTES_MOST = 128, /* of the names of server and session in a SockJS path */
	WRITE_BYTES = 64 * 1024,  /* gathered before a write */
};

struct exchange;
struct sockjs_session;

struct server_group {
	uint64_t seed; /* of the hash that gives each session its home */
	bool is_alone; /* notes cannot leave the process */
	unsigned count;
	struct server *servers[]; /* of those that live */
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
	struct buf text;    /* a SockJS frame, while it is made */
	struct list tcps;   /* struct tcp.link */
	bool refusing;

	/* Notes for this loop: from others under the lock, from itself without. */
	pthread_mutex_t mail_lock;
	struct list mail;
	ev_async mail_wake;
	struct list notes;

	/* HTTP requests under way, by number; see exchange.c. */
	struct map exchanges;
	struct list unwritten; /* struct exchange.unwritten */
	uint64_t last_exchange;
	struct wheel_timer hello; /* to the nodes that owe answers */

	/* SockJS sessions whose home is this loop; see sockjs_home.c. */
	struct map homes;
	struct list elsewhere; /* struct home.link: those that live on other nodes */
	struct list sessions;  /* struct sockjs_session.link */

	/* The one sub-protocol that the library may choose for the upgrade at hand. */
	char subprotocol[SUBPROTOCOL_BYTES];
	bool subprotocol_is_known;
	struct lws_protocols protocols[3];
	struct lws_http_mount mount;
};

/* --- connections: conn.c -------------------------------------------------- */

enum conn_state {
	CONN_NONE, /* never opened, or gone */
	CONN_OPEN,
	CONN_CLOSING, /* our close is on its way */
};

/* How each kind does what conn.h promises. */
struct conn_class {
	bool (*put)(struct conn *c, const struct span *parts, size_t count, bool text);
	/* Lets the owner write, and sends it. */
	void (*write)(struct conn *c);
	/* That, when there is room; or what has to be done at a close. */
	void (*turn_end)(struct conn *c);
	void (*pause)(struct conn *c, bool paused);
	void (*close)(struct conn *c, uint64_t linger_ms);
	void (*kill)(struct conn *c);
	void (*peer)(const struct conn *c, char *out, size_t size);
	bool can_ping; /* the peer can be asked for a sign of life */
};

struct conn {
	const struct conn_class *class;
	struct server *server;
	void *session; /* NULL from on_close on */
	struct list dirty;
	enum conn_state state;
	bool blocked;    /* nothing can be put: the socket is full, or nobody receives */
	bool ping_asked; /* to be sent at the next room */
	bool paused;
	bool text_only;    /* SockJS */
	bool has_farewell; /* one side has said that this is the end */
	uint8_t kind;      /* enum conn_kind */
	uint16_t close_code;
	char *close_reason; /* owned */
};

/* Kind and text_only are set. Counts it as open and tells the owner. False when the owner refuses: it is gone again. */
bool conn_open(struct conn *c, const struct conn_class *class, struct server *s,
	const struct request *request) MUST_USE;

/* Tells the owner, once. */
void conn_gone(struct conn *c);

/* Asks for its turn even when it is blocked. */
void conn_want_turn(struct conn *c);

/* --- WebSocket: websocket.c ----------------------------------------------- */

struct websocket {
	struct conn conn;
	struct lws *wsi;
	struct wheel_timer timer;
	uint64_t spoken_ms;  /* SockJS: when something last went out */
	bool sockjs;         /* messages are SockJS frames */
	bool greeting_owed;  /* the o has not been sent */
	bool beat_owed;      /* an h has to be */
	bool close_is_frame; /* a c[...] goes before the close */
	bool close_owed;
	struct buf message; /* SockJS: the parts of a message that have come */
};

/* After the upgrade; what the library's callback must return. */
int websocket_open(struct server *s, struct lws *wsi, struct websocket *w);
void websocket_on_bytes(struct websocket *w, struct span bytes);
void websocket_on_writable(struct websocket *w);
/* The peer's close; what the library's callback must return. */
int websocket_on_peer_close(struct websocket *w);
void websocket_gone(struct websocket *w);

/* The address at the other end of the socket, "10.0.0.7:5123" or "?". */
void socket_print_peer(int fd, char *out, size_t size);

/* --- TCP: tcp.c, tls.c ---------------------------------------------------- */

/* Ends every connection that server_adopt_tcp() has made. */
void tcp_free_all(struct server *s);

/* The server's side on a connected socket, which is borrowed. NULL: out of memory. */
SSL *tls_accept(struct tls *t, int fd) MUST_USE;

/* --- HTTP: http.c, upgrade.c ---------------------------------------------- */

/* The memory that the library keeps for each connection, and zeroes for each request. */
struct peer {
	struct exchange *exchange;
	bool is_ending; /* the connection is to be closed as soon as the library asks */
	struct websocket websocket;
};

/* A path that belongs to an endpoint. */
struct place {
	const struct endpoint *endpoint; /* NULL: the path is not below any */
	unsigned index;                  /* of the endpoint */
	struct span rest;                /* of the path: empty, or from the slash on */
};

struct place http_place_of(const struct server *s, struct span path);

/* Is it /{server}/{session}/{transport}, maybe with a slash behind it? */
bool http_split_session(struct span rest, struct span *session, struct span *transport) MUST_USE;

/* The header's value in `out`, NUL-terminated; empty when missing or too long. */
struct span http_header(struct lws *wsi, enum lws_token_indexes token, char *out, size_t size);

/* The arguments of the query joined as they were, in `out`. */
struct span http_query(struct lws *wsi, char *out, size_t size);

/* The request's path without its query, and the library's number for the method; empty: none. */
struct span http_path(struct lws *wsi, int *method);

/* Are query and cookies short enough to be looked at? */
bool http_is_short(struct lws *wsi);

/* Not a page of a foreign origin, or one that may connect. */
bool http_is_origin_allowed(const struct server *s, struct lws *wsi);

struct response {
	unsigned status;
	const char *type;    /* content type; NULL: no such header */
	const char *etag;    /* with its quotes; NULL: none */
	struct span headers; /* further lines */
	struct span body;
	bool keep;  /* the client has to be told that the connection goes on */
	bool close; /* the connection ends with it: the request may have a body we do not read */
	bool head_only; /* the answer to HEAD */
};

/* Appends the whole response. */
void http_put_response(const struct response *r, struct buf *out);

/* Appends status line, headers and the empty line of a response whose length is not known yet. */
void http_put_head(struct span headers, const char *type, bool chunked, struct buf *out);

/* One whole response, at once; 304 when the client has got that etag. What the library's callback must return. */
int http_respond(struct lws *wsi, const struct response *r);

/* One that ends the connection: the request may have a body that nobody reads. */
int http_refuse(struct lws *wsi, unsigned status, const char *headers, const char *body);

/* Is the request line what the client sent, and not cut off by something in the URL? */
bool http_is_whole(struct lws *wsi);

/* Has the client asked for the connection's end? */
bool http_wants_close(struct lws *wsi);

/* Only ASCII from `least` to the tilde? */
bool http_is_printable(struct span value, char least);

/* 0 for HTTP/1.0, 1 for 1.1. */
unsigned http_minor_version(struct lws *wsi);

/* Answers a request that is no upgrade. What the library's callback must return. */
int http_answer_request(struct server *s, struct lws *wsi, struct peer *peer);

/* May this upgrade go on? 0, or -1 after an answer was written. */
int upgrade_confirm(struct server *s, struct lws *wsi);

/* Takes the sub-protocol line out of the upgrade's answer when it names none of ours. */
void upgrade_fix_answer(const struct server *s, struct lws_process_html_args *args);

/* Answers a request that should have been an upgrade. What the library's callback must return. */
int upgrade_refuse_missing(struct lws *wsi, int method);

/* --- SockJS over HTTP ----------------------------------------------------- */

/*
 * sockjs_front.c: a request below an endpoint with SockJS. What the library's
 * callback must return.
 */
int sockjs_front_request(struct server *s, struct lws *wsi, struct peer *peer,
	const struct place *place, int method);
/* Its body. */
int sockjs_front_body(struct peer *peer, struct span bytes);
int sockjs_front_body_end(struct peer *peer);

/* exchange.c: the request at its front. */
/* The rest of a response that the socket has not taken at once. */
void exchange_finish(
	struct server *s, struct lws *wsi, struct peer *peer, struct span rest, bool closes);
void exchanges_init(struct server *s);
void exchanges_fini(struct server *s);
/* An owner's answer. */
void exchange_take_note(struct server *s, const struct note *note);
void exchange_node_gone(struct server *s, const char *node);
/* At the end of the turn: what has come together for each response goes out. */
void exchanges_write(struct server *s);
/* What the library's callback must return. */
int exchange_on_writable(struct peer *peer);
/* The connection has ended. */
void exchange_gone(struct peer *peer);

/* sockjs_home.c: who owns a session? */
void homes_init(struct server *s);
void homes_fini(struct server *s);
void home_take_note(struct server *s, struct note *note); /* takes it */
void home_node_gone(struct server *s, const char *node);
/* The session's name is free again. */
void home_forget(struct server *s, struct sockjs_session *session);

/* sockjs_session.c: the owner. */
/* For what its home knows it by (copied) and the first receiver. NULL when the owner refuses it. */
struct sockjs_session *sockjs_session_open(
	struct server *s, struct span key, const struct note *receive);
void sockjs_session_take_note(struct sockjs_session *session, struct note *note); /* takes it */
void sockjs_session_node_gone(struct sockjs_session *session, const char *node);
struct sockjs_session *sockjs_session_at(struct list *link);
struct span sockjs_session_key(const struct sockjs_session *session);
/* Ends it without a word; tells the owner. */
void sockjs_session_free(struct sockjs_session *session);

/* --- notes: post.c -------------------------------------------------------- */

void post_init(struct server *s);
void post_fini(struct server *s);

/* Copies the note and sends it where note->to says. */
void post(struct server *s, const struct note *note);

/* Takes the note and sends it where note->to says. */
void post_taken(struct server *s, struct note *note);

/* The whole answer to the exchange that `to` is part of. */
void post_status(struct server *s, const struct note *to, unsigned status);

/* Handles what has come. */
void post_take_mail(struct server *s);

static inline bool post_is_alone(const struct server *s)
{
	return s->config.group->is_alone;
}

#endif
