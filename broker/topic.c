#include "broker/topic.h"

#include "base/mem.h"
#include "stomp/pattern.h"

#include <assert.h>
#include <stdlib.h>

void topics_init(struct topics *t, bool dots)
{
	*t = (struct topics){ .dots = dots };
	map_init(&t->by_destination);
	map_init(&t->by_pattern);
	trie_init(&t->patterns);
}

void topics_fini(struct topics *t)
{
	assert(t->by_destination.count == 0 && t->by_pattern.count == 0);
	map_fini(&t->by_destination);
	map_fini(&t->by_pattern);
	trie_fini(&t->patterns);
	buf_fini(&t->scratch);
}

struct topic *topics_find(const struct topics *t, struct span destination)
{
	return map_get(&t->by_destination, destination);
}

/*
 * The text with slashes between its segments: where dots do that, dots and
 * slashes change places, and the first segment gets a slash.
 */
static struct span slashed(struct topics *t, struct span text)
{
	char *at;

	if (!t->dots)
		return text;
	t->scratch.len = 0;
	buf_put_byte(&t->scratch, '/');
	buf_put(&t->scratch, text);
	at = t->scratch.at;
	for (size_t i = 1; i < t->scratch.len; i++) {
		if (at[i] == '/' || at[i] == '.')
			at[i] = at[i] == '/' ? '.' : '/';
	}
	return buf_span(&t->scratch);
}

size_t topics_match(struct topics *t, struct span destination, struct trie_node *const **found)
{
	if (t->by_pattern.count == 0)
		return 0;
	return trie_match(&t->patterns, slashed(t, destination), found);
}

/* Regular expressions are not read; to take "x:[0-9]+" for a name would match too much. */
static bool has_expression(struct span pattern)
{
	const char *open = memchr(pattern.at, '{', pattern.len);

	return open && memchr(open, ':', pattern.len - (size_t)(open - pattern.at));
}

enum topics_verdict topics_check_pattern(
	struct topics *t, struct span pattern, size_t cost_most, const char **why)
{
	struct span text = slashed(t, pattern);
	size_t cost = trie_cost(text);
	struct stomp_pattern *p;

	if (map_get(&t->by_pattern, pattern))
		return TOPICS_PATTERN;
	if (has_expression(pattern)) {
		*why = "a {name} takes no expression, and no colon may follow it";
		return TOPICS_NOT_A_PATTERN;
	}
	p = stomp_pattern_new(text, NULL, 0, why);
	stomp_pattern_free(p);
	if (!p)
		return TOPICS_NOT_A_PATTERN;
	return cost > 0 && t->cost + cost > cost_most ? TOPICS_TOO_COSTLY : TOPICS_PATTERN;
}

size_t topics_pattern_share(struct topics *t, struct span pattern)
{
	size_t cost = trie_cost(slashed(t, pattern));

	return cost > 0 ? cost : 1;
}

static struct topic *topic_of(struct topics *t, struct span destination, struct span shown)
{
	bool special = !shown.at && stomp_pattern_is_special(destination);
	struct map *map = special ? &t->by_pattern : &t->by_destination;
	struct topic *topic = map_get(map, destination);
	struct span pattern;
	char *copy;

	if (topic)
		return topic;
	topic = mem_zalloc(sizeof(*topic) + destination.len + shown.len);
	copy = (char *)(topic + 1);
	memcpy(copy, destination.at, destination.len);
	topic->destination = topic->shown = (struct span){ copy, destination.len };
	if (shown.at) {
		memcpy(copy + destination.len, shown.at, shown.len);
		topic->shown = (struct span){ copy + destination.len, shown.len };
	}
	map_put(map, topic->destination, topic);
	if (!special)
		return topic;
	pattern = slashed(t, topic->destination);
	topic->node = trie_add(&t->patterns, pattern);
	topic->after = trie_value(topic->node);
	if (topic->after)
		topic->after->before = topic;
	trie_set_value(topic->node, topic);
	topic->cost = trie_cost(pattern);
	t->cost += topic->cost;
	return topic;
}

/* Takes a pattern's topic out of the tree. */
static void topic_detach(struct topics *t, struct topic *topic)
{
	if (topic->after)
		topic->after->before = topic->before;
	if (topic->before)
		topic->before->after = topic->after;
	else if (topic->after)
		trie_set_value(topic->node, topic->after);
	else
		trie_remove(&t->patterns, topic->node);
}

static void topic_free(struct topics *t, struct topic *topic)
{
	(void)map_remove(topic->node ? &t->by_pattern : &t->by_destination, topic->destination);
	if (topic->node)
		topic_detach(t, topic);
	t->cost -= topic->cost;
	free(topic->subscriptions);
	free(topic);
}

static void topic_add(struct topic *topic, struct subscription *s)
{
	if (topic->count == topic->size) {
		topic->size = topic->size ? topic->size * 2 : 1;
		topic->subscriptions = mem_realloc(
			topic->subscriptions, topic->size * sizeof(struct subscription *));
	}
	s->place = topic->count;
	topic->subscriptions[topic->count++] = s;
}

struct subscription *subscription_new_private(struct topics *t, struct session *session,
	struct span destination, struct span shown, struct span id, struct span line)
{
	struct subscription *s = mem_zalloc(sizeof(*s) + id.len + line.len);

	s->refs = 1;
	s->session = session;
	s->id_len = (uint32_t)id.len;
	if (id.len > 0)
		memcpy(s->id, id.at, id.len);
	s->line = s->id + id.len;
	s->line_len = (uint32_t)line.len;
	if (line.len > 0)
		memcpy(s->line, line.at, line.len);
	s->topic = topic_of(t, destination, shown);
	topic_add(s->topic, s);
	return s;
}

struct subscription *subscription_new(struct topics *t, struct session *session,
	struct span destination, struct span id, struct span line)
{
	struct span none = { NULL, 0 };

	return subscription_new_private(t, session, destination, none, id, line);
}

void subscription_end(struct topics *t, struct subscription *s)
{
	struct topic *topic = s->topic;
	struct subscription *last = topic->subscriptions[--topic->count];

	topic->subscriptions[s->place] = last;
	last->place = s->place;
	if (topic->count == 0)
		topic_free(t, topic);
	s->topic = NULL;
	s->session = NULL;
	subscription_unref(s);
}

void subscription_unref(struct subscription *s)
{
	if (--s->refs == 0)
		free(s);
}
