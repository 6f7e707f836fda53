/*
 * One client connection, as the rest of the broker sees it: a WebSocket, with or
 * without SockJS framing, a SockJS session over HTTP, or a TCP stream. It is made
 * by the server (transport/server.h) and lives until on_close returns.
 *
 * Nothing is written while the loop reads: what is to be sent waits with its
 * owner, the owner says conn_want_room(), and once at the end of the loop's
 * turn on_room lets it put everything into one write.
 */
#ifndef TRANSPORT_CONN_H
#define TRANSPORT_CONN_H

#include "base/attr.h"
#include "base/span.h"

#include <stdint.h>

struct conn;

/* WebSocket close codes (RFC 6455, section 7.4; 4500 is Spring's). */
enum {
	CONN_CLOSE_NORMAL = 1000,
	CONN_CLOSE_GOING_AWAY = 1001,
	CONN_CLOSE_PROTOCOL = 1002,
	CONN_CLOSE_SLOW = 4500,
};

enum conn_kind {
	CONN_WEBSOCKET,   /* with or without SockJS framing */
	CONN_HTTP_STREAM, /* SockJS: responses that go on and on */
	CONN_HTTP_POLL,   /* SockJS: a response for each lot of messages */
	CONN_TCP,
	CONN_KINDS,
};

/* What it has been since it was opened; on_close may still ask. */
enum conn_kind conn_kind(const struct conn *c);

/* SockJS carries texts and nothing else: what is no UTF-8 would be harmed. */
bool conn_is_text_only(const struct conn *c);

/*
 * For on_close: did it end without a farewell, neither the peer's nor ours? SockJS
 * over HTTP knows none and is never cut.
 */
bool conn_was_cut(const struct conn *c);

/* Calls on_room at the end of this turn, or when the socket has room again. */
void conn_want_room(struct conn *c);

/* As conn_want_room(), but at once, also in the middle of a turn. Only this connection's on_room. */
void conn_room_now(struct conn *c);

/*
 * Inside on_room only: appends one message, the concatenation of the parts, as
 * text or binary. False when the socket takes no more now: nothing was taken,
 * and on_room comes again when there is room.
 */
bool conn_put(struct conn *c, const struct span *parts, size_t count, bool text) MUST_USE;

/* Is there output that the socket has not taken yet? */
bool conn_is_blocked(const struct conn *c);

/* Is there a way to ask the peer? On a TCP stream there is none. */
bool conn_can_ping(const struct conn *c);

/* Asks the peer for a sign of life; on_pong tells of its answer. */
void conn_ping(struct conn *c);

/* While paused, on_bytes does not come, but for what had been read already. */
void conn_pause(struct conn *c);
void conn_resume(struct conn *c);

/*
 * Sends a close with code and reason (at most 123 bytes, borrowed) behind what
 * was put, waits for the peer's answer at most linger_ms, then ends the
 * connection. A TCP stream has no code and reason; its close is a FIN. From
 * here on only on_close comes; on_room and on_bytes do not.
 */
void conn_close(struct conn *c, unsigned code, const char *reason, uint64_t linger_ms);

/* Ends the connection at once; on_close comes on a later turn. */
void conn_kill(struct conn *c);

/* Writes "10.0.0.7:5123", or "?". */
void conn_peer(const struct conn *c, char *out, size_t size);

#endif
