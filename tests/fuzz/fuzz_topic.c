/*
 * The law: whatever patterns come and go, a destination finds those that
 * stomp/pattern.h says match it, each once, and no other; one of too many
 * segments finds none.
 *
 * Each line is "+PATTERN", "-NUMBER of a live one" or a destination.
 */
#include "broker/topic.h"
#include "stomp/pattern.h"

#include <assert.h>
#include <stdint.h>

enum {
	LIVE_MOST = 16
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct live {
	struct subscription *items[LIVE_MOST];
	size_t count;
};

static void add(struct topics *t, struct live *live, struct span pattern)
{
	const struct span none = { NULL, 0 };
	const char *why;

	if (live->count == LIVE_MOST || !stomp_pattern_is_special(pattern) ||
		topics_check_pattern(t, pattern, SIZE_MAX, &why) != TOPICS_PATTERN)
		return;
	live->items[live->count++] = subscription_new(t, NULL, pattern, none, none);
}

static void take_away(struct topics *t, struct live *live, size_t at)
{
	subscription_end(t, live->items[at]);
	live->items[at] = live->items[--live->count];
}

static bool matches(struct span text, struct span destination)
{
	const char *why;
	struct stomp_pattern *p = stomp_pattern_new(text, NULL, 0, &why);
	bool yes;

	assert(p);
	yes = stomp_pattern_match(p, destination, NULL, 0, NULL);
	stomp_pattern_free(p);
	return yes;
}

static bool is_too_deep(struct span destination)
{
	size_t segments = 0;

	for (size_t i = 0; i < destination.len; i++)
		segments += destination.at[i] == '/';
	return segments > TRIE_SEGMENTS_MOST;
}

static void check(struct topics *t, const struct live *live, struct span destination)
{
	struct trie_node *const *found;
	size_t count = topics_match(t, destination, &found);
	size_t expected = 0, got = 0;

	for (size_t i = 0; i < live->count && !is_too_deep(destination); i++)
		expected += matches(live->items[i]->topic->destination, destination);
	for (size_t i = 0; i < count; i++) {
		for (const struct topic *at = trie_value(found[i]); at; at = at->after) {
			assert(matches(at->destination, destination));
			got += at->count;
		}
	}
	assert(got == expected);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct span rest = { (const char *)data, size };
	struct live live = { .count = 0 };
	struct topics t;

	topics_init(&t, false);
	while (rest.len > 0) {
		const char *end = memchr(rest.at, '\n', rest.len);
		struct span line = { rest.at, end ? (size_t)(end - rest.at) : rest.len };
		struct span text = { line.at + 1, line.len > 0 ? line.len - 1 : 0 };

		if (line.len > 0 && line.at[0] == '+')
			add(&t, &live, text);
		else if (line.len > 1 && line.at[0] == '-' && live.count > 0)
			take_away(&t, &live, (uint8_t)line.at[1] % live.count);
		else
			check(&t, &live, line);
		rest.at += line.len + (end ? 1 : 0);
		rest.len -= line.len + (end ? 1 : 0);
	}
	while (live.count > 0)
		take_away(&t, &live, 0);
	topics_fini(&t);
	return 0;
}
