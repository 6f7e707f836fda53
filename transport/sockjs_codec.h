/*
 * SockJS as arithmetic: what clients send to texts, and texts to what each
 * transport puts on the wire. No I/O; knows no sessions.
 * (SockJS protocol 0.3.3; docs/sockjs.md lists the transports.)
 */
#ifndef TRANSPORT_SOCKJS_CODEC_H
#define TRANSPORT_SOCKJS_CODEC_H

#include "base/attr.h"
#include "base/buf.h"
#include "base/span.h"

enum sockjs_transport {
	SOCKJS_WEBSOCKET,
	SOCKJS_XHR,
	SOCKJS_XHR_STREAMING,
	SOCKJS_EVENTSOURCE,
	SOCKJS_HTMLFILE,
	SOCKJS_JSONP,
	SOCKJS_TRANSPORTS,
};

enum {
	SOCKJS_CALLBACK_MOST = 32
};

enum sockjs_payload {
	SOCKJS_PAYLOAD_GOOD,
	SOCKJS_PAYLOAD_MISSING, /* empty, or not an array: "Payload expected." */
	SOCKJS_PAYLOAD_BROKEN,  /* no JSON: "Broken JSON encoding." */
};

/*
 * Is it an array of texts, as clients send it? `or_text`: a text alone will do,
 * as over WebSocket. Elements that are no texts make it broken.
 */
enum sockjs_payload sockjs_check(struct span payload, bool or_text) MUST_USE;

/*
 * Walks the texts of a checked payload: start with *rest = the payload, call
 * until false. Each text replaces what is in `out`. A surrogate without its
 * other half is kept as three bytes like any code point (WTF-8) when `lone`
 * says so, and becomes U+FFFD otherwise.
 */
bool sockjs_next(struct span *rest, struct buf *out, bool lone) MUST_USE;

/*
 * Appends text as it stands within the quotes of a JSON string, with every
 * character escaped that some browser or proxy cannot be trusted with: controls,
 * U+200C-200F, 2028-202F, 2060-206F, FFF0-FFFF, and surrogates (so everything
 * above U+FFFF; a lone one that was kept comes out as it was). Other bytes that
 * are not UTF-8 become U+FFFD.
 */
void sockjs_escape(struct span text, struct buf *out);

/* Appends c[code,"reason"]. */
void sockjs_put_close(unsigned code, struct span reason, struct buf *out);

/*
 * Appends what comes before the first frame of a response; may be nothing.
 * `callback`: for htmlfile and jsonp one that sockjs_is_callback() accepts, else
 * not looked at.
 */
void sockjs_put_prelude(enum sockjs_transport t, struct span callback, struct buf *out);

/* Appends a frame (o, h, a[...] or c[...]) as that transport carries it. */
void sockjs_put_frame(
	enum sockjs_transport t, struct span callback, struct span frame, struct buf *out);

/* [a-zA-Z0-9_.-], 1 to 32 characters? */
bool sockjs_is_callback(struct span callback) MUST_USE;

/*
 * The field `name` of an application/x-www-form-urlencoded text (a query or a
 * body), decoded, replaces what is in `out`. The first one counts. False when
 * there is none.
 */
bool sockjs_form_field(struct span form, const char *name, struct buf *out) MUST_USE;

#endif
