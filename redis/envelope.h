/*
 * {"destination":"...","content":...}: the record that Spring servers and this
 * broker exchange on one Pub/Sub channel. The only file that knows this JSON.
 *
 * Body to content: a body that is JSON (and not a JSON string) stands in the
 * record byte for byte; other UTF-8 becomes a JSON string; bytes that are not
 * UTF-8, or nearly all control characters, become a JSON string that holds a data URL
 * ("data:application/octet-stream;base64,..."), which a Spring reader takes as
 * text. A body that would be mistaken for one of these is written so that it
 * comes back as it was.
 *
 * Content to body: any JSON value but a string arrives byte for byte as
 * application/json; a string arrives unquoted as text/plain;charset=UTF-8, as
 * SimpMessagingTemplate.convertAndSend() has it.
 *
 * A message whose sender gave headers or a content-type that the above would
 * not reproduce travels twice: the plain record, marked by white space at its
 * end so that stompbox nodes pass it over, and an extended record with the
 * members "contentType" and "headers" on a channel that only stompbox reads.
 */
#ifndef REDIS_ENVELOPE_H
#define REDIS_ENVELOPE_H

#include "base/attr.h"
#include "base/buf.h"
#include "redis/bus.h"

enum {
	ENVELOPE_HEADERS_MOST = 64,
};

/* Must this message also travel as an extended record? */
bool envelope_needs_extension(const struct bus_message *m) MUST_USE;

/* Appends the plain record; `marked` when an extended one goes with it. */
void envelope_write(const struct bus_message *m, bool marked, struct buf *out);

/* Appends the extended record. */
void envelope_write_extended(const struct bus_message *m, struct buf *out);

enum envelope_read {
	ENVELOPE_READ,
	ENVELOPE_SKIP, /* marked: its extended record is what counts */
	ENVELOPE_NOT_JSON,
	ENVELOPE_NO_DESTINATION, /* or one that is no text, or empty */
	ENVELOPE_NO_CONTENT,
	ENVELOPE_JDK, /* Java serialisation: the Spring side needs a JSON serializer */
	ENVELOPE_RESULT_COUNT,
};

/* Memory that a reader reuses from one record to the next. */
struct envelope_scratch {
	struct buf text;
	struct bus_header headers[ENVELOPE_HEADERS_MOST];
};

void envelope_scratch_fini(struct envelope_scratch *scratch);

/*
 * Reads a plain or extended record with any order of members, white space,
 * unknown members, "@class", JSON inside a JSON string, and (as Spring projects
 * write it) "payload" in place of "content". `m` is a view of `payload` and of
 * `scratch`, valid until either changes.
 */
enum envelope_read envelope_read(struct span payload, bool extended,
	struct envelope_scratch *scratch, struct bus_message *m) MUST_USE;

/* One line for the log with a remedy. Static. */
const char *envelope_problem(enum envelope_read result);

/* The content-type that a reader finds for a body whose sender gave none. Static. */
struct span envelope_implied_type(struct span body, bool body_is_utf8);

#endif
