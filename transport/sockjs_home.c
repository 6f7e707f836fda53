/*
 * Who owns a session? Its home on this node knows: the session lives here, or
 * on another node, or the directory has been asked. Only the home creates
 * sessions, so two requests that arrive at once cannot make two of them.
 *
 * What is said of other nodes may be out of date: such a node asks the
 * directory again for what it does not know, and a note that has been sent on
 * too often is refused.
 */
#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "transport/internal.h"

#include <stdlib.h>

enum {
	WAITING_MOST = 16,  /* notes, while the directory is asked */
	ASKED_MS = 10000,   /* the directory must have answered by then */
	REMEMBER_MS = 60000 /* an owner on another node, since it was last needed */
};

enum home_state {
	HOME_ASKING,
	HOME_HERE,
	HOME_THERE,
};

struct home {
	struct server *server;
	enum home_state state;
	struct sockjs_session *session; /* HOME_HERE */
	char node[NOTE_NODE_BYTES];     /* HOME_THERE */
	struct list link;               /* in server->elsewhere; HOME_THERE */
	struct list waiting;            /* struct note.link; HOME_ASKING */
	unsigned waiting_count;
	struct wheel_timer timer;
	size_t key_len;
	char key[]; /* the endpoint's index in a byte, then the session's name */
};

enum {
	KEY_BYTES_MOST = 1 + SEGMENT_BYTES_MOST
};

static struct span key_of(const struct home *h)
{
	return (struct span){ h->key, h->key_len };
}

/* Empty when the note names no session that could be. */
static struct span key_from(const struct note *note, char out[KEY_BYTES_MOST])
{
	if (note->session.len == 0 || note->session.len > SEGMENT_BYTES_MOST)
		return SPAN("");
	out[0] = (char)note->endpoint;
	memcpy(out + 1, note->session.at, note->session.len);
	return (struct span){ out, 1 + note->session.len };
}

static struct span name_of(const struct home *h)
{
	return (struct span){ h->key + 1, h->key_len - 1 };
}

/* --- answers -------------------------------------------------------------- */

static void refuse(struct server *s, struct note *note, unsigned status)
{
	if (note->kind == NOTE_RECEIVE || note->kind == NOTE_SEND)
		post_status(s, note, status);
	free(note);
}

/* --- homes ---------------------------------------------------------------- */

static void free_home(struct home *h)
{
	(void)map_remove(&h->server->homes, key_of(h));
	list_remove(&h->link);
	wheel_stop(&h->timer);
	while (!list_is_empty(&h->waiting)) {
		struct note *note = container_of(h->waiting.next, struct note, link);

		list_remove(&note->link);
		refuse(h->server, note, 503);
	}
	free(h);
}

static void on_timer(struct wheel_timer *timer)
{
	free_home(container_of(timer, struct home, timer));
}

static struct home *add_home(struct server *s, struct span key, enum home_state state)
{
	struct home *h = mem_zalloc(sizeof(*h) + key.len);

	h->server = s;
	h->state = state;
	h->key_len = key.len;
	memcpy(h->key, key.at, key.len);
	list_init(&h->link);
	list_init(&h->waiting);
	wheel_timer_init(&h->timer, on_timer);
	map_put(&s->homes, key_of(h), h);
	return h;
}

static void tell_directory(struct server *s, enum note_kind kind, const struct home *h, bool claim)
{
	struct note note = {
		.kind = (uint8_t)kind,
		.endpoint = (uint8_t)h->key[0],
		.amount = claim,
		.from.loop = (uint16_t)s->config.index,
		.to.loop = NOTE_LOOP_EXIT,
		.session = name_of(h),
	};

	if (!post_is_alone(s))
		post(s, &note);
}

void home_forget(struct server *s, struct sockjs_session *session)
{
	struct home *h = map_get(&s->homes, sockjs_session_key(session));

	if (!h || h->session != session)
		return;
	tell_directory(s, NOTE_RELEASE, h, false);
	free_home(h);
}

static bool is_full(const struct server *s)
{
	return s->refusing || atomic_load_explicit(s->config.connections, memory_order_relaxed) >=
				      s->config.connections_most;
}

/* The session lives here from now on. */
static void open_here(struct server *s, struct home *h, struct note *receive)
{
	struct sockjs_session *session;

	if (is_full(s)) {
		tell_directory(s, NOTE_RELEASE, h, false);
		free_home(h);
		refuse(s, receive, 503);
		return;
	}
	wheel_stop(&h->timer);
	session = sockjs_session_open(s, key_of(h), receive);
	free(receive);
	if (!session) {
		tell_directory(s, NOTE_RELEASE, h, false);
		free_home(h);
		return;
	}
	h->state = HOME_HERE;
	h->session = session;
}

static void send_on(struct home *h, struct note *note)
{
	struct note told = {
		.kind = NOTE_SENT_ON,
		.exchange = note->exchange,
		.from.loop = (uint16_t)h->server->config.index,
		.to = note->from,
	};
	/* Its own front only: that of another node knows whom its home has sent it to. */
	bool tells = !note->from.node[0] && (note->kind == NOTE_RECEIVE || note->kind == NOTE_SEND);

	if (++note->hops > NOTE_HOPS_MOST) {
		refuse(h->server, note, 503);
		return;
	}
	memcpy(note->to.node, h->node, sizeof(note->to.node));
	note->to.loop = NOTE_LOOP_HOME;
	wheel_arm(h->server->wheel, &h->timer, clock_ms() + REMEMBER_MS);
	post_taken(h->server, note);
	/* Behind it: or what the front then says could overtake it. */
	memcpy(told.about, h->node, sizeof(told.about));
	if (tells)
		post(h->server, &told);
}

/* A request that is gone needs no owner any more. */
static void forget_waiting(struct home *h, const struct note *gone)
{
	for (struct list *at = h->waiting.next; at != &h->waiting; at = at->next) {
		struct note *note = container_of(at, struct note, link);

		if (note->exchange != gone->exchange || note->from.loop != gone->from.loop ||
			strcmp(note->from.node, gone->from.node) != 0)
			continue;
		list_remove(at);
		h->waiting_count--;
		free(note);
		return;
	}
}

static void wait_for_directory(struct home *h, struct note *note)
{
	if (note->kind == NOTE_GONE) {
		forget_waiting(h, note);
		free(note);
	} else if (note->kind != NOTE_RECEIVE && note->kind != NOTE_SEND) {
		free(note);
	} else if (h->waiting_count == WAITING_MOST) {
		refuse(h->server, note, 503);
	} else {
		h->waiting_count++;
		list_push(&h->waiting, &note->link);
	}
}

static void hand_over(struct home *h, struct note *note)
{
	switch (h->state) {
	case HOME_ASKING:
		wait_for_directory(h, note);
		break;
	case HOME_HERE:
		sockjs_session_take_note(h->session, note);
		break;
	case HOME_THERE:
		send_on(h, note);
		break;
	}
}

static void ask_directory(struct home *h, bool claim)
{
	h->state = HOME_ASKING;
	wheel_arm(h->server->wheel, &h->timer, clock_ms() + ASKED_MS);
	tell_directory(h->server, NOTE_FIND, h, claim);
}

/* Nobody on this node knows the session. */
static void take_unknown(struct server *s, struct span key, struct note *note)
{
	struct home *h;

	if (note->kind != NOTE_RECEIVE && note->kind != NOTE_SEND) {
		free(note);
		return;
	}
	if (post_is_alone(s)) {
		if (note->kind == NOTE_SEND)
			refuse(s, note, 404);
		else
			open_here(s, add_home(s, key, HOME_ASKING), note);
		return;
	}
	h = add_home(s, key, HOME_ASKING);
	ask_directory(h, note->kind == NOTE_RECEIVE);
	wait_for_directory(h, note);
}

/* --- what the directory says ---------------------------------------------- */

static struct note *take_first(struct home *h)
{
	struct note *note = container_of(h->waiting.next, struct note, link);

	list_remove(&note->link);
	h->waiting_count--;
	return note;
}

static bool receiver_waits(const struct home *h)
{
	for (const struct list *at = h->waiting.next; at != &h->waiting; at = at->next) {
		if (container_of_const(at, struct note, link)->kind == NOTE_RECEIVE)
			return true;
	}
	return false;
}

/* Those who waited are dealt with as if they came now. */
static void resume(struct server *s, struct span key, struct list *waiting)
{
	while (!list_is_empty(waiting)) {
		struct note *note = container_of(waiting->next, struct note, link);
		struct home *h = map_get(&s->homes, key);

		list_remove(&note->link);
		if (h && h->state != HOME_ASKING)
			hand_over(h, note);
		else if (note->kind == NOTE_SEND)
			refuse(s, note, 404);
		else
			open_here(s, h ? h : add_home(s, key, HOME_ASKING), note);
	}
}

static void found_here(struct home *h, bool is_claimed)
{
	struct server *s = h->server;
	char text[KEY_BYTES_MOST];
	struct span key = { text, h->key_len };
	struct list waiting;

	memcpy(text, h->key, h->key_len);
	/* Claimed for a receiver that has gone meanwhile. */
	if (is_claimed && !receiver_waits(h))
		tell_directory(s, NOTE_RELEASE, h, false);
	list_take(&waiting, &h->waiting);
	free_home(h);
	resume(s, key, &waiting);
}

static void found_there(struct home *h, const char *node)
{
	h->state = HOME_THERE;
	list_push(&h->server->elsewhere, &h->link);
	memcpy(h->node, node, sizeof(h->node));
	wheel_arm(h->server->wheel, &h->timer, clock_ms() + REMEMBER_MS);
	while (!list_is_empty(&h->waiting))
		send_on(h, take_first(h));
}

static void take_found(struct home *h, const struct note *found)
{
	if (h->state != HOME_ASKING)
		return;
	switch ((enum note_found)found->status) {
	case NOTE_FOUND_HERE:
	case NOTE_FOUND_UNKNOWN: /* better a session that is not known elsewhere than none */
		found_here(h, found->status == NOTE_FOUND_HERE);
		break;
	case NOTE_FOUND_THERE:
		found_there(h, found->about);
		break;
	case NOTE_FOUND_NOWHERE:
		/* Asked for somebody who sends; a receiver has come meanwhile. */
		if (receiver_waits(h))
			ask_directory(h, true);
		else
			found_here(h, false);
		break;
	}
}

/* --- notes ---------------------------------------------------------------- */

/* Fronts of this process send no other, but a note may come from another node. */
static bool is_sound(const struct server *s, const struct note *note)
{
	bool needs_callback =
		note->kind == NOTE_RECEIVE &&
		(note->transport == SOCKJS_JSONP || note->transport == SOCKJS_HTMLFILE);

	return note->endpoint < s->config.endpoint_count && note->hops <= NOTE_HOPS_MOST &&
	       (!needs_callback || sockjs_is_callback(note->callback)) &&
	       (note->kind != NOTE_SEND || sockjs_check(note->body, false) == SOCKJS_PAYLOAD_GOOD);
}

void home_take_note(struct server *s, struct note *note)
{
	char text[KEY_BYTES_MOST];
	struct span key = key_from(note, text);
	struct home *h;

	if (key.len == 0 || (note->from.node[0] && !is_sound(s, note))) {
		free(note);
		return;
	}
	h = map_get(&s->homes, key);
	if (note->kind == NOTE_FOUND) {
		if (h)
			take_found(h, note);
		free(note);
	} else if (h) {
		hand_over(h, note);
	} else {
		take_unknown(s, key, note);
	}
}

void home_node_gone(struct server *s, const char *node)
{
	struct list *at, *next;

	for (at = s->sessions.next; at != &s->sessions; at = next) {
		next = at->next;
		sockjs_session_node_gone(sockjs_session_at(at), node);
	}
	for (at = s->elsewhere.next; at != &s->elsewhere; at = next) {
		struct home *h = container_of(at, struct home, link);

		next = at->next;
		if (!*node || strcmp(h->node, node) == 0)
			free_home(h);
	}
}

void homes_init(struct server *s)
{
	map_init(&s->homes);
	list_init(&s->elsewhere);
	list_init(&s->sessions);
}

void homes_fini(struct server *s)
{
	struct home *h;

	while (!list_is_empty(&s->sessions))
		sockjs_session_free(sockjs_session_at(s->sessions.next));
	for (size_t i = 0; (h = map_next(&s->homes, &i)); i = 0)
		free_home(h);
	map_fini(&s->homes);
}
