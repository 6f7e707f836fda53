#include "base/log.h"

#include "base/attr.h"
#include "base/clock.h"
#include "base/utf8.h"

#include <inttypes.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

/* Longest line, in bytes. What does not fit is cut, never split over lines. */
enum {
	LINE_BYTES = 1024,
	CLOSING_BYTES = 3,
	EVENTS_WATCHED = 32, /* different events a thread can be limited in */
};

struct line {
	char text[LINE_BYTES];
	size_t len;
};

/* How often an event was written in the current second; event names are constants. */
struct watched {
	const char *event;
	uint64_t second;
	unsigned written;
	uint64_t left_out;
};

/* Written before the first thread starts, read by all. */
static enum log_level threshold = LOG_LEVEL_INFO;
static enum log_format form = LOG_FORMAT_LOGFMT;

static __thread struct watched watched[EVENTS_WATCHED];

static const char *const level_names[] = {
	[LOG_LEVEL_ERROR] = "error",
	[LOG_LEVEL_WARN] = "warn",
	[LOG_LEVEL_INFO] = "info",
	[LOG_LEVEL_DEBUG] = "debug",
};

/* Keeps CLOSING_BYTES for what closes a line: a quote, a brace, a newline. */
static void put(struct line *l, const char *bytes, size_t len)
{
	size_t room = sizeof(l->text) - CLOSING_BYTES;

	room = l->len < room ? room - l->len : 0;
	if (len > room)
		len = room;
	memcpy(l->text + l->len, bytes, len);
	l->len += len;
}

static void put_text(struct line *l, const char *text)
{
	put(l, text, strlen(text));
}

static bool is_plain(unsigned char c)
{
	return c > ' ' && c != '"' && c != '=' && c != '\\' && c != 0x7f;
}

/* Inside quotes: control characters and bytes that are not UTF-8 become \xNN, in JSON \u00NN. */
static void put_escaped(struct line *l, struct span s)
{
	char hex[8];

	while (s.len > 0) {
		unsigned char c = (unsigned char)s.at[0];
		size_t step = utf8_sequence(s);

		if (step == 0 || c < ' ' || c == 0x7f) {
			snprintf(hex, sizeof(hex), form == LOG_FORMAT_JSON ? "\\u%04x" : "\\x%02x",
				c);
			put_text(l, hex);
			step = 1;
		} else {
			if (c == '"' || c == '\\')
				put_text(l, "\\");
			put(l, s.at, step);
		}
		s.at += step;
		s.len -= step;
	}
}

/* In logfmt a word stays bare; anything else is quoted. */
static void put_value(struct line *l, struct span s)
{
	size_t plain = 0;

	while (form == LOG_FORMAT_LOGFMT && plain < s.len && is_plain((unsigned char)s.at[plain]))
		plain++;
	if (plain == s.len && s.len > 0) {
		put(l, s.at, s.len);
		return;
	}
	put_text(l, "\"");
	put_escaped(l, s);
	if (l->len <= sizeof(l->text) - CLOSING_BYTES)
		l->text[l->len++] = '"';
}

static void put_key(struct line *l, const char *key)
{
	if (form == LOG_FORMAT_JSON) {
		put_text(l, l->len > 0 ? ",\"" : "{\"");
		put_text(l, key);
		put_text(l, "\":");
		return;
	}
	if (l->len > 0)
		put_text(l, " ");
	put_text(l, key);
	put_text(l, "=");
}

static void put_time(struct line *l)
{
	struct timespec now;
	struct tm utc;
	char text[40];
	size_t n;

	clock_gettime(CLOCK_REALTIME, &now);
	gmtime_r(&now.tv_sec, &utc);
	n = strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%S", &utc);
	n += (size_t)snprintf(
		text + n, sizeof(text) - n, ".%03uZ", (unsigned)(now.tv_nsec / 1000000) % 1000u);
	put_key(l, "ts");
	put_value(l, (struct span){ text, n });
}

static void put_number(struct line *l, const char *key, uint64_t number)
{
	char digits[21];

	snprintf(digits, sizeof(digits), "%" PRIu64, number);
	put_key(l, key);
	put_text(l, digits);
}

static void put_field(struct line *l, const struct log_field *f)
{
	if (f->type == LOG_TYPE_U64) {
		put_number(l, f->key, f->as.u64);
	} else if (f->type == LOG_TYPE_SPAN) {
		put_key(l, f->key);
		put_value(l, f->as.span);
	}
}

/* May the event be written now? Then *left_out is how many were not since the last one. */
static bool within_burst(const char *event, uint64_t *left_out)
{
	uint64_t second = clock_ms() / 1000;
	struct watched *w = &watched[((uintptr_t)event >> 3) % EVENTS_WATCHED];

	*left_out = 0;
	if (w->event != event)
		*w = (struct watched){ .event = event, .second = second };
	if (w->second == second && w->written >= LOG_BURST) {
		w->left_out++;
		return false;
	}
	if (w->second != second) {
		w->second = second;
		w->written = 0;
	}
	w->written++;
	*left_out = w->left_out;
	w->left_out = 0;
	return true;
}

void log_set_level(enum log_level level)
{
	threshold = level;
}

void log_set_format(enum log_format format)
{
	form = format;
}

bool log_enabled(enum log_level level)
{
	return level <= threshold;
}

void log_write(enum log_level level, const struct log_field *fields)
{
	struct line l = { .len = 0 };
	uint64_t left_out = 0;
	ssize_t written;

	/* Whoever asks for debug lines wants them all. */
	if (level != LOG_LEVEL_DEBUG && !within_burst(fields->as.span.at, &left_out))
		return;
	put_time(&l);
	put_key(&l, "level");
	put_value(&l, span_of(level_names[level]));
	for (; fields->type != LOG_TYPE_END; fields++)
		put_field(&l, fields);
	if (left_out > 0)
		put_number(&l, "left_out", left_out);
	if (form == LOG_FORMAT_JSON)
		l.text[l.len++] = '}';
	l.text[l.len++] = '\n';

	/* One write() keeps lines whole; a log that cannot be written is not worth dying for. */
	written = write(STDERR_FILENO, l.text, l.len);
	(void)written;
}
