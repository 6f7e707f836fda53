/*
 * A note leaves this node under its name and comes in without it: within a
 * process an empty name stands for the process itself, so that the servers need
 * not know what they are called.
 *
 * Who can write into Redis can do whatever nodes can do. Still only notes that
 * nodes send each other are let in, so that one of another version can neither
 * go round in circles nor speak for the directory.
 */
#include "broker/relay.h"

#include "base/buf.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "broker/broker.h"
#include "transport/note.h"

#include <stdlib.h>

enum {
	QUIET_MS = 60 * 1000,
	SCRATCH_KEPT = 64 * 1024, /* a longer one was for a rare note */
};

struct relay {
	struct broker *broker;
	struct bus *bus;
	enum bus_state state;
	struct list questions; /* struct question.link */
	struct buf scratch;

	uint64_t unreadable;
	uint64_t unreadable_logged; /* of those */
	uint64_t logged_ms;         /* when; 0: never */
};

/* To the directory, until the bus answers. */
struct question {
	struct list link;
	struct relay *relay;
	struct note *note; /* owned; becomes the answer */
};

struct relay *relay_new(struct broker *broker)
{
	struct relay *r = mem_zalloc(sizeof(*r));

	r->broker = broker;
	r->state = BUS_STARTING;
	list_init(&r->questions);
	return r;
}

void relay_start(struct relay *r, struct bus *bus)
{
	r->bus = bus;
}

void relay_free(struct relay *r)
{
	if (!r)
		return;
	while (!list_is_empty(&r->questions)) {
		struct question *q = container_of(r->questions.next, struct question, link);

		list_remove(&q->link);
		free(q->note);
		free(q);
	}
	buf_fini(&r->scratch);
	free(r);
}

static struct stats *stats_of(struct relay *r)
{
	return &r->broker->shards[0].stats;
}

/* False when it is no name of a node. */
static bool set_node(char out[NOTE_NODE_BYTES], struct span node)
{
	if (node.len == 0 || node.len >= NOTE_NODE_BYTES || memchr(node.at, '\0', node.len))
		return false;
	memset(out, 0, NOTE_NODE_BYTES);
	memcpy(out, node.at, node.len);
	return true;
}

/* --- the directory -------------------------------------------------------- */

static enum note_found found_by(enum bus_owner owner)
{
	switch (owner) {
	case BUS_OWNER_SELF:
		return NOTE_FOUND_HERE;
	case BUS_OWNER_OTHER:
		return NOTE_FOUND_THERE;
	case BUS_OWNER_NONE:
		return NOTE_FOUND_NOWHERE;
	case BUS_OWNER_UNKNOWN:
		break;
	}
	return NOTE_FOUND_UNKNOWN;
}

static void on_owner(void *cookie, enum bus_owner owner, struct span node)
{
	struct question *q = cookie;
	struct relay *r = q->relay;
	struct note *note = q->note;

	list_remove(&q->link);
	free(q);
	note->kind = NOTE_FOUND;
	note->status = (uint16_t)found_by(owner);
	if (note->status == NOTE_FOUND_THERE && !set_node(note->about, node))
		note->status = NOTE_FOUND_UNKNOWN;
	if (note->status == NOTE_FOUND_UNKNOWN)
		stats_add(&stats_of(r)->sockjs_lookups_failed, 1);
	note->to = note->from;
	note->from = (struct note_place){ .loop = NOTE_LOOP_EXIT };
	server_group_post(r->broker->servers, note);
}

/* The key is a copy: an answer that comes at once takes the note away. */
static void ask(struct relay *r, struct note *note)
{
	struct question *q = mem_zalloc(sizeof(*q));
	bool take = note->amount == 1;

	q->relay = r;
	q->note = note;
	list_push(&r->questions, &q->link);
	stats_add(&stats_of(r)->sockjs_lookups, 1);
	r->scratch.len = 0;
	buf_put(&r->scratch, note->session);
	bus_find_owner(r->bus, buf_span(&r->scratch), take, on_owner, q);
}

static void take_for_directory(struct relay *r, struct note *note)
{
	if (note->kind == NOTE_FIND) {
		ask(r, note);
		return;
	}
	if (note->kind == NOTE_RENEW)
		bus_renew_claim(r->bus, note->session);
	else if (note->kind == NOTE_RELEASE)
		bus_release_claim(r->bus, note->session);
	free(note);
}

/* --- other nodes ---------------------------------------------------------- */

/* One that is sent on keeps its sender, who gets the answer. */
static void send_out(struct relay *r, struct note *note)
{
	if (!note->from.node[0])
		(void)set_node(note->from.node, span_of(r->broker->node));
	r->scratch.len = 0;
	note_write(note, &r->scratch);
	bus_tell(r->bus, span_of(note->to.node), buf_span(&r->scratch));
	if (r->scratch.size > SCRATCH_KEPT)
		buf_fini(&r->scratch);
	free(note);
}

void relay_take_note(struct relay *r, struct note *note)
{
	if (note->to.node[0])
		send_out(r, note);
	else
		take_for_directory(r, note);
}

static bool is_ours(const struct relay *r, const char *node)
{
	return strcmp(node, r->broker->node) == 0;
}

static bool is_between_nodes(const struct relay *r, const struct note *note)
{
	return is_ours(r, note->to.node) && note->from.node[0] && note->to.loop != NOTE_LOOP_EXIT &&
	       note->to.loop != NOTE_LOOPS_ALL &&
	       (note->kind <= NOTE_SENT_ON || note->kind == NOTE_HELLO);
}

static void count_unreadable(struct relay *r, size_t bytes)
{
	uint64_t now = clock_ms();

	r->unreadable++;
	stats_add(&stats_of(r)->notes_unreadable, 1);
	if (r->logged_ms > 0 && now - r->logged_ms < QUIET_MS)
		return;
	log_warn("relay.unreadable", LOG_U64("bytes", bytes),
		LOG_U64("notes", r->unreadable - r->unreadable_logged),
		LOG_STR("remedy", "run the same version on every node"));
	r->logged_ms = now;
	r->unreadable_logged = r->unreadable;
}

void relay_on_note(struct relay *r, struct span bytes)
{
	struct note *note = note_read(bytes);

	if (!note || !is_between_nodes(r, note)) {
		count_unreadable(r, bytes.len);
		free(note);
		return;
	}
	note->to.node[0] = '\0';
	if (is_ours(r, note->from.node)) /* it was sent on, and sent back */
		note->from.node[0] = '\0';
	server_group_post(r->broker->servers, note);
}

/* `about`: zeroed means all others. */
static void tell_gone(struct relay *r, const char about[NOTE_NODE_BYTES])
{
	struct note note = { .kind = NOTE_NODE_GONE, .to.loop = NOTE_LOOPS_ALL };

	memcpy(note.about, about, NOTE_NODE_BYTES);
	server_group_post(r->broker->servers, note_new(&note));
}

void relay_on_node_gone(struct relay *r, struct span node)
{
	char about[NOTE_NODE_BYTES];

	if (set_node(about, node))
		tell_gone(r, about);
}

void relay_on_state(struct relay *r, enum bus_state state)
{
	static const char everyone[NOTE_NODE_BYTES];
	bool goes_down = state == BUS_DOWN && r->state != BUS_DOWN;

	r->state = state;
	if (goes_down)
		tell_gone(r, everyone);
}
