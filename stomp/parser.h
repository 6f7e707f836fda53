/*
 * STOMP frame parser: bytes in, frames out. It does no I/O, reads no clock and
 * knows nothing of sessions, so it can be tested and fuzzed on its own.
 *
 *     stomp_parser_feed(p, bytes);
 *     while ((got = stomp_parser_next(p, &frame)) == STOMP_GOT_FRAME)
 *             handle(&frame);
 */
#ifndef STOMP_PARSER_H
#define STOMP_PARSER_H

#include "base/attr.h"
#include "stomp/frame.h"
#include "stomp/version.h"

struct stomp_parser;

struct stomp_limits {
	size_t headers;      /* most headers in a frame, repeated ones counted */
	size_t line_bytes;   /* longest header line, without its end */
	size_t header_bytes; /* command and header lines together, with the ends between them */
	size_t body_bytes;   /* longest body */
};

/* Which rule a refused frame broke; the session makes the ERROR frame's text of it. */
enum stomp_fault {
	STOMP_FAULT_NONE,
	STOMP_FAULT_SYNTAX,
	STOMP_FAULT_HEADERS,      /* limits.headers */
	STOMP_FAULT_LINE_BYTES,   /* limits.line_bytes */
	STOMP_FAULT_HEADER_BYTES, /* limits.header_bytes */
	STOMP_FAULT_BODY_BYTES,   /* limits.body_bytes */
};

enum stomp_got {
	STOMP_GOT_FRAME, /* *frame is valid until the next call on this parser */
	STOMP_GOT_MORE,  /* not an error: feed more bytes and call again */
	STOMP_GOT_ERROR, /* the peer broke the protocol; see stomp_parser_error() */
};

/* `limits` is copied. The caller owns the parser. It starts with the rules of STOMP 1.2. */
struct stomp_parser *stomp_parser_new(const struct stomp_limits *limits) MUST_USE;

/* Accepts NULL. Frames handed out by this parser end with it. */
void stomp_parser_free(struct stomp_parser *p);

/*
 * Empties the parser for another peer: no bytes, no error, version 1.2, new
 * limits. Memory beyond a few KiB is given back.
 */
void stomp_parser_reset(struct stomp_parser *p, const struct stomp_limits *limits);

/* From the next frame on (STOMP 1.2, "Value Encoding"; 1.0 has no escapes). */
void stomp_parser_set_version(struct stomp_parser *p, enum stomp_version version);

/* From the next frame on. `limits` is copied. */
void stomp_parser_set_limits(struct stomp_parser *p, const struct stomp_limits *limits);

/* Appends a copy of `bytes`. Frames handed out before end here. */
void stomp_parser_feed(struct stomp_parser *p, struct span bytes);

/*
 * Takes the next frame. Heart-beats (bare line ends) between frames are eaten.
 * After STOMP_GOT_ERROR the parser is dead: every later call answers the same.
 */
enum stomp_got stomp_parser_next(struct stomp_parser *p, struct stomp_frame *frame) MUST_USE;

/* One line for the peer and the log, such as "header line too long". Static. */
const char *stomp_parser_error(const struct stomp_parser *p);

/* STOMP_FAULT_NONE until STOMP_GOT_ERROR. */
enum stomp_fault stomp_parser_fault(const struct stomp_parser *p);

/*
 * The value of the refused frame's receipt header, when it was read before the
 * fault; false when not. Borrowed until the parser is fed, reset or freed.
 */
bool stomp_parser_refused_receipt(const struct stomp_parser *p, struct span *receipt);

/* Bytes held for an unfinished frame. The session charges them to the client. */
size_t stomp_parser_pending(const struct stomp_parser *p);

#endif
