/*
 * The law: a pattern matches, and captures, as the plainest matcher does that
 * one can write down: segments and characters one by one, by recursion, the
 * wildcards trying the shortest first.
 *
 * The first line is the pattern, the rest the destination.
 */
#include "base/utf8.h"
#include "stomp/pattern.h"

#include <assert.h>
#include <stdint.h>

/* Recursion takes exponential time; this keeps it to some thousand steps. */
enum {
	BYTES_MOST = 48,
	STARS_MOST = 5
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct span names[] = { SPAN("u"), SPAN("v"), SPAN("w") };

static const struct stomp_binding given[] = {
	{ SPAN("u"), SPAN("a") },
	{ SPAN("v"), SPAN("*") },
};

static struct span behind(struct span s, size_t len)
{
	return (struct span){ s.at + len, s.len - len };
}

static bool naive_glob(struct span pattern, struct span text)
{
	size_t step = text.len > 0;

	if (pattern.len == 0)
		return text.len == 0;
	if (pattern.at[0] == '*')
		return naive_glob(behind(pattern, 1), text) ||
		       (text.len > 0 && naive_glob(pattern, behind(text, 1)));
	if (pattern.at[0] == '?')
		step = utf8_sequence(text);
	else if (step > 0 && pattern.at[0] != text.at[0])
		step = 0;
	return step > 0 && naive_glob(behind(pattern, 1), behind(text, step));
}

static struct span first_segment(struct span text)
{
	const char *slash = memchr(text.at, '/', text.len);

	return (struct span){ text.at, slash ? (size_t)(slash - text.at) : text.len };
}

/* One segment of the pattern that is not ** against one of the destination. */
static bool naive_segment(struct span pattern, struct span text, struct span *captured)
{
	if (pattern.len > 2 && pattern.at[0] == '{') {
		*captured = (struct span){ pattern.at + 1, pattern.len - 2 };
		return text.len > 0;
	}
	if (pattern.len == 4 && pattern.at[0] == '$' && pattern.at[1] == '{') {
		if (pattern.at[2] == 'u')
			return span_eq(text, SPAN("a"));
		return pattern.at[2] == 'v' && span_eq(text, SPAN("*"));
	}
	return naive_glob(pattern, text);
}

/* Both are either empty or begin with a slash. */
static bool naive_match(struct span pattern, struct span text, struct stomp_captures *captures)
{
	struct span one, other, captured = { NULL, 0 };

	if (pattern.len == 0)
		return text.len == 0;
	one = first_segment(behind(pattern, 1));
	other = text.len > 0 ? first_segment(behind(text, 1)) : text;
	if (span_eq(one, SPAN("**")))
		return naive_match(behind(pattern, 3), text, captures) ||
		       (text.len > 0 &&
			       naive_match(pattern, behind(text, 1 + other.len), captures));
	if (text.len == 0 || !naive_segment(one, other, &captured))
		return false;
	if (captured.at)
		captures->items[captures->count++] = (struct stomp_binding){ captured, other };
	if (naive_match(behind(pattern, 1 + one.len), behind(text, 1 + other.len), captures))
		return true;
	captures->count -= captured.at ? 1 : 0;
	return false;
}

static void check(const struct stomp_pattern *p, struct span pattern, struct span destination)
{
	struct stomp_captures expected = { .count = 0 };
	struct stomp_captures got;
	bool matches = destination.len > 0 && destination.at[0] == '/' &&
		       naive_match(pattern, destination, &expected);

	assert(stomp_pattern_match(p, destination, given, countof(given), &got) == matches);
	assert(stomp_pattern_match(p, destination, given, countof(given), NULL) == matches);
	assert(got.count == expected.count);
	for (size_t i = 0; i < got.count; i++) {
		assert(span_eq(got.items[i].name, expected.items[i].name));
		assert(got.items[i].value.at == expected.items[i].value.at);
		assert(got.items[i].value.len == expected.items[i].value.len);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *text = (const char *)data;
	const char *end = size > 0 && size <= BYTES_MOST ? memchr(text, '\n', size) : NULL;
	struct span pattern, destination;
	struct stomp_pattern *p;
	const char *why;
	int stars = 0;

	if (!end)
		return 0;
	pattern = (struct span){ text, (size_t)(end - text) };
	destination = (struct span){ end + 1, size - pattern.len - 1 };
	for (size_t i = 0; i < pattern.len; i++)
		stars += pattern.at[i] == '*';
	p = stomp_pattern_new(pattern, names, countof(names), &why);
	assert((p == NULL) == (why != NULL));
	if (p && stars <= STARS_MOST)
		check(p, pattern, destination);
	if (p && !stomp_pattern_is_special(pattern))
		assert(stomp_pattern_match(p, destination, NULL, 0, NULL) ==
			span_eq(pattern, destination));
	stomp_pattern_free(p);
	return 0;
}
