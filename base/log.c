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
	bool is_full; /* something did not fit, so nothing more is appended */
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

/*
 * Appends all of it, or nothing from here on: what is cut is cut between two
 * characters. Keeps CLOSING_BYTES for what closes a line: a quote, a brace, a
 * newline.
 */
static void put(struct line *l, const char *bytes, size_t len)
{
	const size_t most = sizeof(l->text) - CLOSING_BYTES;

	if (l->is_full || l->len > most || len > most - l->len) {
		l->is_full = true;
		return;
	}
	memcpy(l->text + l->len, bytes, len);
	l->len += len;
}

static void put_text(struct line *l, const char *text)
{
	put(l, text, strlen(text));
}

/* Is it a control character, or what some readers take for the end of a line (U+0085, U+2028)? */
static bool is_control(struct span character)
{
	const unsigned char *c = (const unsigned char *)character.at;

	if (character.len == 2)
		return c[0] == 0xc2 && c[1] < 0xa0;
	if (character.len == 3)
		return c[0] == 0xe2 && c[1] == 0x80 && (c[2] == 0xa8 || c[2] == 0xa9);
	return c[0] < ' ' || c[0] == 0x7f;
}

/* May it stand in logfmt without quotes? */
static bool is_word(struct span s)
{
	if (s.len == 0)
		return false;
	while (s.len > 0) {
		size_t step = utf8_sequence(s);

		if (step == 0 || is_control((struct span){ s.at, step }) ||
			strchr(" \"=\\", s.at[0]))
			return false;
		s.at += step;
		s.len -= step;
	}
	return true;
}

/*
 * The first character of s; returns its bytes. Control characters and bytes
 * that are not UTF-8 become \xNN, in JSON \u00NN.
 */
static size_t put_character(struct line *l, struct span s)
{
	unsigned char c = (unsigned char)s.at[0];
	size_t step = utf8_sequence(s);
	char escape[8];

	if (step == 0 || is_control((struct span){ s.at, step })) {
		snprintf(
			escape, sizeof(escape), form == LOG_FORMAT_JSON ? "\\u%04x" : "\\x%02x", c);
		put_text(l, escape);
		return 1;
	}
	if (c == '"' || c == '\\')
		put(l, (const char[]){ '\\', (char)c }, 2);
	else
		put(l, s.at, step);
	return step;
}

/* In logfmt a word stays bare; anything else is quoted. */
static void put_value(struct line *l, struct span s)
{
	bool quoted = form == LOG_FORMAT_JSON || !is_word(s);

	if (quoted)
		put_text(l, "\"");
	quoted = quoted && !l->is_full;
	while (s.len > 0 && !l->is_full) {
		size_t step = put_character(l, s);

		s.at += step;
		s.len -= step;
	}
	if (quoted)
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

static void put_field(struct line *l, const struct log_field *f)
{
	size_t before = l->len, value;
	char digits[21];

	put_key(l, f->key);
	value = l->len;
	if (f->type == LOG_TYPE_U64) {
		snprintf(digits, sizeof(digits), "%" PRIu64, f->as.u64);
		put_text(l, digits);
	} else {
		put_value(l, f->as.span);
	}
	/* A field of which no value is left, is left out. */
	if (l->is_full && l->len == value)
		l->len = before;
}

/* What is known of the event; the one not seen for longest makes room for a new one. */
static struct watched *watch(const char *event, uint64_t second)
{
	struct watched *oldest = watched;

	for (size_t i = 0; i < EVENTS_WATCHED; i++) {
		if (watched[i].event == event)
			return &watched[i];
		if (watched[i].second < oldest->second)
			oldest = &watched[i];
	}
	*oldest = (struct watched){ .event = event, .second = second };
	return oldest;
}

/* May the event be written now? Then *left_out is how many were not since the last one. */
static bool within_burst(const char *event, uint64_t *left_out)
{
	uint64_t second = clock_ms() / 1000;
	struct watched *w = watch(event, second);

	*left_out = 0;
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
	put_field(&l, fields++);
	/* Up here, since what comes last may be cut. */
	if (left_out > 0)
		put_field(&l, &LOG_U64("left_out", left_out));
	for (; fields->type != LOG_TYPE_END; fields++)
		put_field(&l, fields);
	if (form == LOG_FORMAT_JSON)
		l.text[l.len++] = '}';
	l.text[l.len++] = '\n';

	/* One write() keeps lines whole; a log that cannot be written is not worth dying for. */
	written = write(STDERR_FILENO, l.text, l.len);
	(void)written;
}
