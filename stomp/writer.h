/*
 * Frames to bytes, into a growing buffer:
 *
 *     stomp_writer_command(out, STOMP_RECEIPT);
 *     stomp_writer_header(out, version, SPAN("receipt-id"), id);
 *     stomp_writer_end(out, body);
 *
 * Names and values are escaped as the receiver's version has it. What that
 * version cannot express (a CR in 1.1; a line end, or a colon in a name, in
 * 1.0) is never written: the header is left out and false returned, so no value
 * can break out of its line (STOMP 1.2, "Value Encoding").
 */
#ifndef STOMP_WRITER_H
#define STOMP_WRITER_H

#include "base/attr.h"
#include "base/buf.h"
#include "stomp/frame.h"
#include "stomp/version.h"

void stomp_writer_command(struct buf *out, enum stomp_command command);

/* False, and nothing written, when the version cannot express name or value. */
bool stomp_writer_header(
	struct buf *out, enum stomp_version version, struct span name, struct span value);

/* As stomp_writer_header(), without escaping: for CONNECTED, which is never escaped. */
bool stomp_writer_header_raw(struct buf *out, struct span name, struct span value);

/* content-length, the blank line, the body and its NUL. */
void stomp_writer_body(struct buf *out, struct span body);

/* The blank line and a NUL: a frame without a body and without content-length. */
void stomp_writer_end(struct buf *out);

#endif
