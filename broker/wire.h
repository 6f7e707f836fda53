/*
 * A frame as it goes out, made once and shared by everyone on the shard who
 * gets the same bytes. A MESSAGE has a gap where each subscription's own line
 * is put in while writing. Not for use across threads.
 */
#ifndef BROKER_WIRE_H
#define BROKER_WIRE_H

#include "base/attr.h"
#include "base/buf.h"
#include "redis/bus.h"
#include "stomp/version.h"

#include <stdint.h>

struct wire {
	uint32_t refs;
	bool text;    /* valid UTF-8: goes into a text message, else into a binary one */
	uint32_t gap; /* the subscription line goes before this byte */
	uint32_t len;
	char bytes[];
};

/* A copy of whole bytes (a frame, or the line end of a heart-beat), with one reference. */
struct wire *wire_new(struct span bytes, bool text) MUST_USE;

/* MESSAGE for receivers of that version, with one reference; `scratch` is reused memory. */
struct wire *wire_message(const struct bus_message *m, struct span id, enum stomp_version version,
	struct buf *scratch) MUST_USE;

/*
 * The same for a receiver that gets nothing but texts, of a body that is none: it
 * becomes the data URL of its bytes (docs/decisions/0003).
 */
struct wire *wire_message_as_text(const struct bus_message *m, struct span id,
	enum stomp_version version, struct buf *scratch) MUST_USE;

static inline struct wire *wire_ref(struct wire *w)
{
	w->refs++;
	return w;
}

/* Accepts NULL. */
void wire_unref(struct wire *w);

#endif
