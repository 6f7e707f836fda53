/* As much of WebSocket (RFC 6455) and STOMP as the load generator needs; bytes only. */
#ifndef BENCH_WIRE_H
#define BENCH_WIRE_H

#include "base/attr.h"
#include "base/buf.h"
#include "base/span.h"

/* The key of RFC 6455, 1.3; its answer is known, so it need not be computed. */
#define WIRE_KEY "dGhlIHNhbXBsZSBub25jZQ=="

enum wire_opcode {
	WIRE_TEXT = 1,
	WIRE_BINARY = 2,
	WIRE_CLOSE = 8,
	WIRE_PING = 9,
	WIRE_PONG = 10,
};

struct wire_frame {
	struct span whole; /* with its header; empty: more must come */
	struct span payload;
	unsigned opcode;
};

enum wire_upgrade {
	WIRE_UPGRADE_MORE,
	WIRE_UPGRADE_DONE,
	WIRE_UPGRADE_REFUSED
};

enum wire_stomp {
	WIRE_MESSAGE,
	WIRE_CONNECTED,
	WIRE_RECEIPT,
	WIRE_ERROR,
	WIRE_BEAT,
	WIRE_NONSENSE,
};

/* Appends a masked frame that holds `head` and then `body`. */
void wire_write(struct buf *out, const unsigned char mask[4], enum wire_opcode opcode,
	struct span head, struct span body);

/* Reads the frame at the start of `bytes`; returns what is wrong with it, or NULL. */
const char *wire_read(struct span bytes, struct wire_frame *frame) MUST_USE;

/* The server's answer to the upgrade; *head is its length when it is done. */
enum wire_upgrade wire_upgraded(struct span bytes, size_t *head) MUST_USE;

/* What a payload is. For a MESSAGE, *body is its body, which must have `body_bytes`. */
enum wire_stomp wire_stomp(struct span payload, size_t body_bytes, struct span *body) MUST_USE;

#endif
