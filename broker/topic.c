#include "broker/topic.h"

#include "base/mem.h"

#include <assert.h>
#include <stdlib.h>

void topics_init(struct topics *t)
{
	map_init(&t->by_destination);
}

void topics_fini(struct topics *t)
{
	assert(t->by_destination.count == 0);
	map_fini(&t->by_destination);
}

struct topic *topics_find(const struct topics *t, struct span destination)
{
	return map_get(&t->by_destination, destination);
}

static struct topic *topic_of(struct topics *t, struct span destination)
{
	struct topic *topic = topics_find(t, destination);
	char *copy;

	if (topic)
		return topic;
	topic = mem_zalloc(sizeof(*topic) + destination.len);
	copy = (char *)(topic + 1);
	memcpy(copy, destination.at, destination.len);
	topic->destination = (struct span){ copy, destination.len };
	map_put(&t->by_destination, topic->destination, topic);
	return topic;
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

struct subscription *subscription_new(struct topics *t, struct session *session,
	struct span destination, struct span id, struct span line)
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
	s->topic = topic_of(t, destination);
	topic_add(s->topic, s);
	return s;
}

void subscription_end(struct topics *t, struct subscription *s)
{
	struct topic *topic = s->topic;
	struct subscription *last = topic->subscriptions[--topic->count];

	topic->subscriptions[s->place] = last;
	last->place = s->place;
	if (topic->count == 0) {
		(void)map_remove(&t->by_destination, topic->destination);
		free(topic->subscriptions);
		free(topic);
	}
	s->topic = NULL;
	s->session = NULL;
	subscription_unref(s);
}

void subscription_unref(struct subscription *s)
{
	if (--s->refs == 0)
		free(s);
}
