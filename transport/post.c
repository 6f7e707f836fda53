/*
 * Notes between the loops of a process. Each loop has one list under a lock
 * instead of a ring for each pair of loops: only SockJS over HTTP comes this
 * way, and what waits is bounded by the requests that are open and by what an
 * owner may send ahead (docs/decisions/0007-sockjs-sessions-directory.md).
 */
#include "base/mem.h"
#include "base/random.h"
#include "transport/internal.h"

#include <stdlib.h>

enum {
	NOTES_A_TURN = 4096, /* then what they brought is written, and the rest taken */
};

struct server_group *server_group_new(unsigned servers)
{
	struct server_group *g = mem_zalloc(sizeof(*g) + servers * sizeof(struct server *));

	g->count = servers;
	random_bytes(&g->seed, sizeof(g->seed));
	return g;
}

void server_group_free(struct server_group *g)
{
	free(g);
}

static void mail(struct server *to, struct note *note)
{
	if (!to) {
		free(note); /* it has ended: the process is ending */
		return;
	}
	pthread_mutex_lock(&to->mail_lock);
	list_push(&to->mail, &note->link);
	pthread_mutex_unlock(&to->mail_lock);
	ev_async_send(to->loop, &to->mail_wake);
}

static unsigned home_of(const struct server_group *g, const struct note *note)
{
	return (unsigned)(map_hash(note->session, g->seed) % g->count);
}

/* The index of the loop that handles it; one that does not exist: nobody. */
static unsigned loop_of(const struct server_group *g, const struct note *note)
{
	if (note->to.node[0] || note->to.loop == NOTE_LOOP_EXIT)
		return 0;
	if (note->to.loop == NOTE_LOOP_HOME)
		return home_of(g, note);
	return note->to.loop;
}

void server_group_post(struct server_group *g, struct note *note)
{
	unsigned index;

	if (note->to.loop == NOTE_LOOPS_ALL && !note->to.node[0]) {
		for (unsigned i = 0; i < g->count; i++)
			mail(g->servers[i], note_new(note));
		free(note);
		return;
	}
	index = loop_of(g, note);
	if (index < g->count)
		mail(g->servers[index], note);
	else
		free(note); /* from a node that has more loops than its message says */
}

void post_taken(struct server *s, struct note *note)
{
	struct server_group *g = s->config.group;

	if (note->to.loop != NOTE_LOOPS_ALL && loop_of(g, note) == s->config.index)
		list_push(&s->notes, &note->link);
	else
		server_group_post(g, note);
}

void post(struct server *s, const struct note *note)
{
	post_taken(s, note_new(note));
}

void post_status(struct server *s, const struct note *to, unsigned status)
{
	struct note note = {
		.kind = NOTE_STATUS,
		.status = (uint16_t)status,
		.exchange = to->exchange,
		.from.loop = (uint16_t)s->config.index,
		.to = to->from,
	};

	post(s, &note);
}

static void take_note(struct server *s, struct note *note)
{
	if (note->to.node[0] || note->to.loop == NOTE_LOOP_EXIT) {
		s->on.on_note(s->owner, note);
		return;
	}
	switch ((enum note_kind)note->kind) {
	case NOTE_RECEIVE:
	case NOTE_SEND:
	case NOTE_ROOM:
	case NOTE_GONE:
	case NOTE_FOUND:
		home_take_note(s, note);
		return;
	case NOTE_FRAME:
	case NOTE_END:
	case NOTE_STATUS:
	case NOTE_SENT_ON:
		exchange_take_note(s, note);
		break;
	case NOTE_NODE_GONE:
		home_node_gone(s, note->about);
		exchange_node_gone(s, note->about);
		break;
	case NOTE_HELLO:
	case NOTE_FIND:
	case NOTE_RENEW:
	case NOTE_RELEASE:
	case NOTE_KINDS:
		break;
	}
	free(note);
}

void post_take_mail(struct server *s)
{
	struct list taken;

	pthread_mutex_lock(&s->mail_lock);
	list_take(&taken, &s->mail);
	pthread_mutex_unlock(&s->mail_lock);
	while (!list_is_empty(&taken)) {
		struct list *at = taken.next;

		list_remove(at);
		list_push(&s->notes, at);
	}
	/* What they bring about is handled too, but not without end. */
	for (unsigned i = 0; i < NOTES_A_TURN && !list_is_empty(&s->notes); i++) {
		struct list *at = s->notes.next;

		list_remove(at);
		take_note(s, container_of(at, struct note, link));
	}
	if (!list_is_empty(&s->notes))
		ev_async_send(s->loop, &s->mail_wake);
}

/* The notes are taken at the end of the turn; this only makes it come. */
static void on_mail(struct ev_loop *loop, ev_async *async, int events)
{
	(void)loop;
	(void)async;
	(void)events;
}

void post_init(struct server *s)
{
	pthread_mutex_init(&s->mail_lock, NULL);
	list_init(&s->mail);
	list_init(&s->notes);
	ev_async_init(&s->mail_wake, on_mail);
	ev_async_start(s->loop, &s->mail_wake);
	s->config.group->servers[s->config.index] = s;
	if (s->config.index == 0)
		s->config.group->is_alone = !s->on.on_note;
}

static void drop(struct list *notes)
{
	while (!list_is_empty(notes)) {
		struct list *at = notes->next;

		list_remove(at);
		free(container_of(at, struct note, link));
	}
}

void post_fini(struct server *s)
{
	s->config.group->servers[s->config.index] = NULL;
	ev_async_stop(s->loop, &s->mail_wake);
	drop(&s->mail);
	drop(&s->notes);
	pthread_mutex_destroy(&s->mail_lock);
}
