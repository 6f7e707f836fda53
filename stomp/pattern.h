/*
 * Destination patterns, as in access rules: segments between slashes, where
 *
 *     *        any bytes but a slash, at least none, inside one segment ("a*b")
 *     ?        one character but a slash
 *     **       as a whole segment: any number of segments, also none
 *     {name}   as a whole segment: one non-empty segment, which is captured
 *     ${name}  as a whole segment: exactly the value given for that name when
 *              matching; it is compared as text and never read as a pattern
 *
 * Matching takes time linear in the destination for each `**` of the pattern,
 * and patterns have a bounded number of those; there is no backtracking into
 * regular expressions.
 */
#ifndef STOMP_PATTERN_H
#define STOMP_PATTERN_H

#include "base/attr.h"
#include "base/span.h"

enum {
	STOMP_PATTERN_SEGMENTS_MOST = 32,
	STOMP_PATTERN_CAPTURES_MOST = 8,
	STOMP_PATTERN_DEEP_MOST = 4, /* `**` segments in one pattern */
};

struct stomp_pattern;

/* A captured {name}, or a value given for ${name}. */
struct stomp_binding {
	struct span name;
	struct span value;
};

struct stomp_captures {
	struct stomp_binding items[STOMP_PATTERN_CAPTURES_MOST];
	size_t count;
};

/*
 * Copies `text`. NULL when it is not a pattern (no leading slash, `**` or
 * braces inside a longer segment, an unknown ${name}, too many of anything);
 * *why then says what is wrong, static. `names` are the names that ${...} may
 * use.
 */
struct stomp_pattern *stomp_pattern_new(
	struct span text, const struct span *names, size_t name_count, const char **why) MUST_USE;

/* Accepts NULL. */
void stomp_pattern_free(struct stomp_pattern *p);

/*
 * `given` are the values of ${...}: a name without a value, or with an empty
 * one, matches nothing. captures may be NULL; its spans are views of
 * `destination` and of the pattern.
 */
bool stomp_pattern_match(const struct stomp_pattern *p, struct span destination,
	const struct stomp_binding *given, size_t given_count,
	struct stomp_captures *captures) MUST_USE;

/* Does one segment with * and ? match one segment of a destination? In linear steps per *. */
bool stomp_pattern_glob(struct span pattern, struct span text) MUST_USE;

/* Does the text hold a pattern's special characters: * ? { } ? */
bool stomp_pattern_is_special(struct span text);

#endif
