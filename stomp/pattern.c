/*
 * A pattern is split once into segments; a destination is split as it is
 * walked. Both `**` among segments and `*` inside one are matched without
 * recursion: when what follows the last wildcard does not fit, that wildcard
 * takes one more and the walk goes on from there. Earlier wildcards need never
 * be tried again, since whatever they could take instead, the last one can.
 */
#include "stomp/pattern.h"

#include "base/mem.h"
#include "base/utf8.h"

#include <stdlib.h>

enum kind {
	KIND_TEXT,
	KIND_GLOB,    /* holds * or ? */
	KIND_DEEP,    /* ** */
	KIND_CAPTURE, /* {name} */
	KIND_GIVEN,   /* ${name} */
};

struct segment {
	enum kind kind;
	struct span text; /* view of the pattern's text; the name for KIND_CAPTURE and KIND_GIVEN */
};

struct stomp_pattern {
	char *text; /* owned */
	size_t count;
	struct segment segments[STOMP_PATTERN_SEGMENTS_MOST];
};

/* What is left of a text between slashes; at == NULL: no segment is left. */
static struct span take_segment(struct span *rest)
{
	const char *slash = rest->len > 0 ? memchr(rest->at, '/', rest->len) : NULL;
	struct span segment = *rest;

	if (!slash) {
		*rest = (struct span){ NULL, 0 };
		return segment;
	}
	segment.len = (size_t)(slash - rest->at);
	*rest = (struct span){ slash + 1, rest->len - segment.len - 1 };
	return segment;
}

/* The text behind the leading slash; at == NULL when there is none. */
static struct span without_slash(struct span text)
{
	if (text.len == 0 || text.at[0] != '/')
		return (struct span){ NULL, 0 };
	return (struct span){ text.at + 1, text.len - 1 };
}

static bool holds_any(struct span s, struct span bytes)
{
	for (size_t i = 0; i < s.len; i++) {
		if (memchr(bytes.at, s.at[i], bytes.len))
			return true;
	}
	return false;
}

static bool starts_with(struct span s, struct span start)
{
	return s.len >= start.len && memcmp(s.at, start.at, start.len) == 0;
}

static bool is_name(struct span s)
{
	return s.len > 0 && !holds_any(s, SPAN("*?{}$"));
}

/* Says what a segment of a pattern is; NULL, or what is wrong with it. */
static const char *classify(struct span text, struct segment *segment)
{
	size_t open = starts_with(text, SPAN("${")) ? 2 : 1;

	*segment = (struct segment){ KIND_TEXT, text };
	if (span_eq(text, SPAN("**"))) {
		segment->kind = KIND_DEEP;
		return NULL;
	}
	if (holds_any(text, SPAN("{}"))) {
		if ((open == 1 && text.at[0] != '{') || text.at[text.len - 1] != '}')
			return "braces inside a longer segment";
		segment->kind = open == 2 ? KIND_GIVEN : KIND_CAPTURE;
		segment->text = (struct span){ text.at + open, text.len - open - 1 };
		return is_name(segment->text) ? NULL : "not a name inside the braces";
	}
	for (size_t i = 0; i + 1 < text.len; i++) {
		if (text.at[i] == '*' && text.at[i + 1] == '*')
			return "** inside a longer segment";
	}
	if (holds_any(text, SPAN("*?")))
		segment->kind = KIND_GLOB;
	return NULL;
}

static bool is_known(struct span name, const struct span *names, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		if (span_eq(name, names[i]))
			return true;
	}
	return false;
}

/* How many segments before the last one are of its kind; *same: one has its text, too. */
static size_t count_before(const struct stomp_pattern *p, bool *same)
{
	const struct segment *last = &p->segments[p->count - 1];
	size_t before = 0;

	*same = false;
	for (size_t i = 0; i + 1 < p->count; i++) {
		if (p->segments[i].kind != last->kind)
			continue;
		before++;
		if (span_eq(p->segments[i].text, last->text))
			*same = true;
	}
	return before;
}

/* NULL, or what is wrong with the segment that was added last. */
static const char *check_last(const struct stomp_pattern *p, const struct span *names, size_t count)
{
	const struct segment *last = &p->segments[p->count - 1];
	bool same;
	size_t before = count_before(p, &same);

	switch (last->kind) {
	case KIND_DEEP:
		return before == STOMP_PATTERN_DEEP_MOST ? "too many **" : NULL;
	case KIND_CAPTURE:
		if (before == STOMP_PATTERN_CAPTURES_MOST)
			return "too many {names}";
		return same ? "a {name} stands twice" : NULL;
	case KIND_GIVEN:
		return is_known(last->text, names, count) ? NULL : "unknown ${name}";
	case KIND_TEXT:
	case KIND_GLOB:
		break;
	}
	return NULL;
}

static const char *split(
	struct stomp_pattern *p, struct span text, const struct span *names, size_t name_count)
{
	struct span rest = without_slash(text);
	const char *why;

	if (!rest.at)
		return "does not begin with a slash";
	if (!utf8_is_valid(text))
		return "is not UTF-8";
	while (rest.at) {
		if (p->count == STOMP_PATTERN_SEGMENTS_MOST)
			return "too many segments";
		why = classify(take_segment(&rest), &p->segments[p->count++]);
		if (!why)
			why = check_last(p, names, name_count);
		if (why)
			return why;
	}
	return NULL;
}

/*
 * Matches a segment with * and ?. A ? takes a whole character, and never a part
 * of one that a * has begun: what is left then is not valid UTF-8.
 */
bool stomp_pattern_glob(struct span pattern, struct span text)
{
	size_t p = 0, t = 0;
	size_t star = 0;  /* behind the last *; 0: none yet */
	size_t retry = 0; /* where the text goes on if that * takes one byte more */

	for (;;) {
		size_t step = 0;

		if (p < pattern.len && pattern.at[p] == '*') {
			star = ++p;
			retry = t;
			continue;
		}
		if (p == pattern.len && t == text.len)
			return true;
		if (p < pattern.len && t < text.len) {
			if (pattern.at[p] == '?')
				step = utf8_sequence((struct span){ text.at + t, text.len - t });
			else if (pattern.at[p] == text.at[t])
				step = 1;
		}
		if (step > 0) {
			p++;
			t += step;
		} else if (star > 0 && retry < text.len) {
			p = star;
			t = ++retry;
		} else {
			return false;
		}
	}
}

static bool is_given(
	struct span name, struct span value, const struct stomp_binding *given, size_t given_count)
{
	for (size_t i = 0; i < given_count; i++) {
		if (span_eq(given[i].name, name))
			return given[i].value.len > 0 && span_eq(given[i].value, value);
	}
	return false;
}

static bool match_segment(const struct segment *segment, struct span text,
	const struct stomp_binding *given, size_t given_count)
{
	switch (segment->kind) {
	case KIND_TEXT:
		return span_eq(segment->text, text);
	case KIND_GLOB:
		return stomp_pattern_glob(segment->text, text);
	case KIND_CAPTURE:
		return text.len > 0;
	case KIND_GIVEN:
		return is_given(segment->text, text, given, given_count);
	case KIND_DEEP:
		break;
	}
	return false;
}

struct stomp_pattern *stomp_pattern_new(
	struct span text, const struct span *names, size_t name_count, const char **why)
{
	struct stomp_pattern *p = mem_zalloc(sizeof(*p));

	p->text = mem_dup(text.at, text.len);
	*why = split(p, (struct span){ p->text, text.len }, names, name_count);
	if (!*why)
		return p;
	stomp_pattern_free(p);
	return NULL;
}

void stomp_pattern_free(struct stomp_pattern *p)
{
	if (!p)
		return;
	free(p->text);
	free(p);
}

/* A later match of the same segment replaces the earlier one: `**` has moved on since. */
static void capture(struct stomp_captures *captures, struct span name, struct span value)
{
	size_t i = 0;

	while (i < captures->count && !span_eq(captures->items[i].name, name))
		i++;
	captures->items[i] = (struct stomp_binding){ name, value };
	if (i == captures->count)
		captures->count++;
}

bool stomp_pattern_match(const struct stomp_pattern *p, struct span destination,
	const struct stomp_binding *given, size_t given_count, struct stomp_captures *captures)
{
	struct stomp_captures none;
	struct span rest = without_slash(destination);
	struct span retry = { NULL, 0 }; /* what is left if the last ** takes one segment more */
	size_t deep = 0;                 /* behind the last **; 0: none yet */
	size_t s = 0;

	if (!captures)
		captures = &none;
	captures->count = 0;
	if (!rest.at)
		return false;
	while (s < p->count || rest.at) {
		const struct segment *segment = s < p->count ? &p->segments[s] : NULL;
		struct span text;

		if (segment && segment->kind == KIND_DEEP) {
			deep = ++s;
			retry = rest;
			continue;
		}
		if (segment && rest.at) {
			text = take_segment(&rest);
			if (match_segment(segment, text, given, given_count)) {
				if (segment->kind == KIND_CAPTURE)
					capture(captures, segment->text, text);
				s++;
				continue;
			}
		}
		if (deep == 0 || !retry.at) {
			captures->count = 0;
			return false;
		}
		s = deep;
		(void)take_segment(&retry);
		rest = retry;
	}
	return true;
}

bool stomp_pattern_is_special(struct span text)
{
	return holds_any(text, SPAN("*?{}"));
}
