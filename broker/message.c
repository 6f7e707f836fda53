#include "broker/message.h"

#include "base/mem.h"

#include <stdio.h>
#include <stdlib.h>

static struct span keep(char **at, struct span s)
{
	char *copy = *at;

	if (!s.at)
		return s;
	if (s.len > 0)
		memcpy(copy, s.at, s.len);
	*at += s.len;
	return (struct span){ copy, s.len };
}

static size_t size_of(const struct bus_message *m)
{
	size_t size = m->destination.len + m->content_type.len + m->body.len +
		      m->header_count * sizeof(struct bus_header);

	for (size_t i = 0; i < m->header_count; i++)
		size += m->headers[i].name.len + m->headers[i].value.len;
	return size;
}

/* Copies everything to `at`, which is aligned for a struct bus_header and has size_of(from). */
static void copy_to(char *at, const struct bus_message *from, struct bus_message *to)
{
	struct bus_header *headers = (struct bus_header *)(void *)at;

	at += from->header_count * sizeof(*headers);
	*to = *from;
	to->headers = headers;
	for (size_t i = 0; i < from->header_count; i++) {
		headers[i].name = keep(&at, from->headers[i].name);
		headers[i].value = keep(&at, from->headers[i].value);
	}
	to->destination = keep(&at, from->destination);
	to->content_type = keep(&at, from->content_type);
	to->body = keep(&at, from->body);
}

struct message *message_new(const struct bus_message *content, const char *id, unsigned refs)
{
	size_t bytes = sizeof(struct message) + size_of(content);
	struct message *m = mem_zalloc(bytes);

	m->mail.kind = MAIL_MESSAGE;
	atomic_init(&m->refs, refs);
	snprintf(m->id, sizeof(m->id), "%s", id);
	m->bytes = bytes;
	copy_to((char *)(m + 1), content, &m->content);
	return m;
}

void message_unref(struct message *m)
{
	if (atomic_fetch_sub_explicit(&m->refs, 1, memory_order_acq_rel) == 1)
		free(m);
}

size_t publish_bytes(const struct bus_message *content)
{
	return sizeof(struct publish) + size_of(content);
}

struct publish *publish_new(const struct bus_message *content, bool copy)
{
	size_t bytes = copy ? publish_bytes(content) : sizeof(struct publish);
	struct publish *p = mem_zalloc(bytes);

	p->mail.kind = MAIL_ACCEPTED;
	list_init(&p->under_way);
	p->bytes = bytes;
	if (copy)
		copy_to((char *)(p + 1), content, &p->content);
	else
		p->content = *content;
	return p;
}
