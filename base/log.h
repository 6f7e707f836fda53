/*
 * Structured log lines: one event name, then typed fields, in logfmt.
 *
 *     log_info("session.open", LOG_U64("session", s->id), LOG_SPAN("user", s->user));
 *
 *     ts=2026-01-31T09:15:02.114Z level=info event=session.open session=42 user="kim lee"
 *
 * The event name is a constant, made of lower-case words with dots between
 * them; what varies goes into fields. A field's text is escaped here and only
 * here, so a client cannot forge a line. Lines go to stderr; the service
 * manager keeps, rotates and ships them.
 *
 * An event that repeats is written LOG_BURST times a second at most (by each
 * thread); the next line that is written says how many were left out.
 */
#ifndef BASE_LOG_H
#define BASE_LOG_H

#include "base/span.h"

#include <stdbool.h>
#include <stdint.h>

enum log_level {
	LOG_LEVEL_ERROR, /* an operator must act */
	LOG_LEVEL_WARN,  /* worked around; will matter if it repeats */
	LOG_LEVEL_INFO,  /* the life of the process and of its links, not of messages */
	LOG_LEVEL_DEBUG, /* the life of sessions, subscriptions and frames */
};

enum log_type {
	LOG_TYPE_END = 0,
	LOG_TYPE_U64,
	LOG_TYPE_SPAN,
};

enum log_format {
	LOG_FORMAT_LOGFMT,
	LOG_FORMAT_JSON, /* one object a line */
};

enum {
	LOG_BURST = 10
};

struct log_field {
	const char *key;
	enum log_type type;
	union {
		uint64_t u64;
		struct span span;
	} as;
};

#define LOG_U64(k, v)  ((struct log_field){ (k), LOG_TYPE_U64, { .u64 = (v) } })
#define LOG_SPAN(k, v) ((struct log_field){ (k), LOG_TYPE_SPAN, { .span = (v) } })
#define LOG_STR(k, v)  ((struct log_field){ (k), LOG_TYPE_SPAN, { .span = span_of(v) } })

#define log_error(...) LOG_AT(LOG_LEVEL_ERROR, __VA_ARGS__)
#define log_warn(...)  LOG_AT(LOG_LEVEL_WARN, __VA_ARGS__)
#define log_info(...)  LOG_AT(LOG_LEVEL_INFO, __VA_ARGS__)
#define log_debug(...) LOG_AT(LOG_LEVEL_DEBUG, __VA_ARGS__)

/* Sets the least urgent level that is still written. Default: info. */
void log_set_level(enum log_level level);

/* Set before the first thread starts. Default: logfmt. */
void log_set_format(enum log_format format);

bool log_enabled(enum log_level level);

/* Use the macros above. `fields` ends with a LOG_TYPE_END element; borrowed. */
void log_write(enum log_level level, const struct log_field *fields);

/* The event is the first field. Nothing is evaluated when the level is off. */
#define LOG_AT(level, event, ...)                                                               \
	do {                                                                                    \
		if (log_enabled(level))                                                         \
			log_write((level), (const struct log_field[]){ LOG_STR("event", event), \
						   ##__VA_ARGS__, { 0 } });                     \
	} while (0)

#endif
