/*
 * broker/relay: notes on their way between servers, other nodes and the
 * directory. The bus and the servers' mailboxes are the test's own.
 */
#include "broker/relay.h"

#include "base/buf.h"
#include "base/log.h"
#include "broker/broker.h"
#include "transport/note.h"

#include <check.h>
#include <stdlib.h>

enum {
	POSTED_MOST = 8
};

static struct broker broker;
static struct relay *relay;

/* What has been posted to the servers. */
static struct note *posted[POSTED_MOST];
static size_t posted_count;

/* What the bus has been asked, last. */
static struct {
	char told[16];
	struct note *note;
	char found[200];
	bool take;
	char renewed[200];
	char released[200];
	size_t count;
} asked;

/* The directory's answer, and to whom. */
static bool answers_at_once;
static enum bus_owner owner_is;
static const char *owner_name;
static void (*answer_to)(void *cookie, enum bus_owner owner, struct span node);
static void *answer_cookie;

void server_group_post(struct server_group *g, struct note *note)
{
	ck_assert_ptr_eq(g, broker.servers);
	ck_assert_uint_lt(posted_count, POSTED_MOST);
	posted[posted_count++] = note;
}

static void keep(char *out, size_t size, struct span text)
{
	ck_assert_uint_lt(text.len, size);
	memcpy(out, text.at, text.len);
	out[text.len] = '\0';
	asked.count++;
}

static void tell(struct bus *b, struct span node, struct span note)
{
	(void)b;
	keep(asked.told, sizeof(asked.told), node);
	free(asked.note);
	asked.note = note_read(note);
	ck_assert_ptr_nonnull(asked.note);
}

/* The key is looked at after the answer, as a bus may do. */
static void find_owner(struct bus *b, struct span key, bool take,
	void (*on_owner)(void *cookie, enum bus_owner owner, struct span node), void *cookie)
{
	(void)b;
	if (answers_at_once)
		on_owner(cookie, owner_is, span_of(owner_name));
	answer_to = on_owner;
	answer_cookie = cookie;
	asked.take = take;
	keep(asked.found, sizeof(asked.found), key);
}

static void renew_claim(struct bus *b, struct span key)
{
	(void)b;
	keep(asked.renewed, sizeof(asked.renewed), key);
}

static void release_claim(struct bus *b, struct span key)
{
	(void)b;
	keep(asked.released, sizeof(asked.released), key);
}

static const struct bus_class class = {
	.tell = tell,
	.find_owner = find_owner,
	.renew_claim = renew_claim,
	.release_claim = release_claim,
};

static struct bus bus = { .class = &class };

static void set_up(void)
{
	log_set_level(LOG_LEVEL_ERROR);
	memset(&broker, 0, sizeof(broker));
	memset(&asked, 0, sizeof(asked));
	memcpy(broker.node, "ourname", sizeof("ourname"));
	broker.shards = aligned_alloc(64, sizeof(*broker.shards));
	memset(broker.shards, 0, sizeof(*broker.shards));
	broker.shard_count = 1;
	broker.servers = (struct server_group *)(void *)&posted; /* only its address is used */
	posted_count = 0;
	answers_at_once = false;
	owner_is = BUS_OWNER_NONE;
	owner_name = "";
	relay = relay_new(&broker);
	relay_start(relay, &bus);
}

static void tear_down(void)
{
	relay_free(relay);
	while (posted_count > 0)
		free(posted[--posted_count]);
	free(asked.note);
	free(broker.shards);
}

static void take(const struct note *like)
{
	relay_take_note(relay, note_new(like));
}

static void hear(const struct note *like)
{
	struct buf bytes = { NULL, 0, 0 };

	note_write(like, &bytes);
	relay_on_note(relay, buf_span(&bytes));
	buf_fini(&bytes);
}

/* --- to and from other nodes ---------------------------------------------- */

static const struct note to_there = {
	.kind = NOTE_SEND,
	.exchange = 12,
	.from = { .loop = 3 },
	.to = { "there", NOTE_LOOP_HOME },
	.session = SPAN("abc"),
	.body = SPAN("[\"x\"]"),
};

START_TEST(a_note_leaves_under_our_name)
{
	take(&to_there);
	ck_assert_str_eq(asked.told, "there");
	ck_assert_str_eq(asked.note->from.node, "ourname");
	ck_assert_uint_eq(asked.note->from.loop, 3);
	ck_assert_str_eq(asked.note->to.node, "there");
	ck_assert_uint_eq(asked.note->to.loop, NOTE_LOOP_HOME);
	ck_assert_uint_eq(asked.note->exchange, 12);
	ck_assert(span_eq(asked.note->body, SPAN("[\"x\"]")));
	ck_assert_uint_eq(posted_count, 0);
}
END_TEST

/* The one that began it gets the answer, not the one in between. */
START_TEST(what_is_sent_on_keeps_its_sender)
{
	struct note note = to_there;

	memcpy(note.from.node, "first", sizeof("first"));
	take(&note);
	ck_assert_str_eq(asked.note->from.node, "first");
}
END_TEST

START_TEST(notes_do_not_mix)
{
	static char body[200 * 1024];
	struct note note = to_there;

	take(&to_there);
	memset(body, 'b', sizeof(body));
	note.body = (struct span){ body, sizeof(body) };
	take(&note);
	ck_assert_uint_eq(asked.note->body.len, sizeof(body));
	take(&to_there);
	ck_assert(span_eq(asked.note->body, SPAN("[\"x\"]")));
	ck_assert_uint_eq(asked.count, 3);
}
END_TEST

static const struct note to_us = {
	.kind = NOTE_FRAME,
	.exchange = 12,
	.from = { "there", 1 },
	.to = { "ourname", 2 },
	.body = SPAN("a[\"x\"]"),
};

START_TEST(a_note_comes_in_without_our_name)
{
	hear(&to_us);
	ck_assert_uint_eq(posted_count, 1);
	ck_assert_str_eq(posted[0]->to.node, "");
	ck_assert_uint_eq(posted[0]->to.loop, 2);
	ck_assert_str_eq(posted[0]->from.node, "there");
	ck_assert_uint_eq(posted[0]->from.loop, 1);
	ck_assert(span_eq(posted[0]->body, SPAN("a[\"x\"]")));
	ck_assert_uint_eq(stats_read(&broker.shards[0].stats.notes_unreadable), 0);
}
END_TEST

START_TEST(our_own_request_may_come_back)
{
	struct note note = to_us;

	memcpy(note.from.node, "ourname", sizeof("ourname"));
	note.kind = NOTE_RECEIVE;
	note.to.loop = NOTE_LOOP_HOME;
	hear(&note);
	ck_assert_uint_eq(posted_count, 1);
	ck_assert_str_eq(posted[0]->from.node, "");
}
END_TEST

/* What no node says to another: it would be obeyed, or go round in circles. */
static const struct {
	const char *what;
	enum note_kind kind;
	struct note_place from, to;
	bool good;
} incoming[] = {
	{ "receive", NOTE_RECEIVE, { "there", 0 }, { "ourname", NOTE_LOOP_HOME }, true },
	{ "send", NOTE_SEND, { "there", 0 }, { "ourname", NOTE_LOOP_HOME }, true },
	{ "room", NOTE_ROOM, { "there", 0 }, { "ourname", NOTE_LOOP_HOME }, true },
	{ "gone", NOTE_GONE, { "there", 0 }, { "ourname", NOTE_LOOP_HOME }, true },
	{ "end", NOTE_END, { "there", 0 }, { "ourname", 0 }, true },
	{ "status", NOTE_STATUS, { "there", 0 }, { "ourname", 0 }, true },
	{ "hello", NOTE_HELLO, { "there", 0 }, { "ourname", NOTE_LOOP_HOME }, true },
	{ "find", NOTE_FIND, { "there", 0 }, { "ourname", 0 }, false },
	{ "found", NOTE_FOUND, { "there", 0 }, { "ourname", 0 }, false },
	{ "renew", NOTE_RENEW, { "there", 0 }, { "ourname", 0 }, false },
	{ "release", NOTE_RELEASE, { "there", 0 }, { "ourname", 0 }, false },
	{ "node gone", NOTE_NODE_GONE, { "there", 0 }, { "ourname", 0 }, false },
	{ "from nobody", NOTE_SEND, { "", 0 }, { "ourname", NOTE_LOOP_HOME }, false },
	{ "to nobody", NOTE_SEND, { "there", 0 }, { "", NOTE_LOOP_HOME }, false },
	{ "to another", NOTE_SEND, { "there", 0 }, { "another", NOTE_LOOP_HOME }, false },
	{ "longer name", NOTE_SEND, { "there", 0 }, { "ournames", NOTE_LOOP_HOME }, false },
	{ "exit", NOTE_SEND, { "there", 0 }, { "ourname", NOTE_LOOP_EXIT }, false },
	{ "all loops", NOTE_SEND, { "there", 0 }, { "ourname", NOTE_LOOPS_ALL }, false },
};

START_TEST(only_what_nodes_say_comes_in)
{
	const struct note note = {
		.kind = (uint8_t)incoming[_i].kind,
		.from = incoming[_i].from,
		.to = incoming[_i].to,
	};

	hear(&note);
	ck_assert_msg(posted_count == incoming[_i].good, "%s", incoming[_i].what);
	ck_assert_uint_eq(stats_read(&broker.shards[0].stats.notes_unreadable), !incoming[_i].good);
	ck_assert_uint_eq(asked.count, 0);
}
END_TEST

START_TEST(garbage_is_counted)
{
	relay_on_note(relay, SPAN(""));
	relay_on_note(relay, SPAN("\1\1\1"));
	relay_on_note(relay, SPAN("{\"destination\":\"/sub/a\"}"));
	ck_assert_uint_eq(posted_count, 0);
	ck_assert_uint_eq(stats_read(&broker.shards[0].stats.notes_unreadable), 3);
}
END_TEST

/* --- the directory -------------------------------------------------------- */

static const struct note find = {
	.kind = NOTE_FIND,
	.endpoint = 4,
	.amount = 1,
	.from = { .loop = 5 },
	.to = { .loop = NOTE_LOOP_EXIT },
	.session = SPAN("abc"),
};

static void check_found(enum note_found status, const char *about)
{
	ck_assert_uint_eq(posted_count, 1);
	ck_assert_uint_eq(posted[0]->kind, NOTE_FOUND);
	ck_assert_uint_eq(posted[0]->status, status);
	ck_assert_str_eq(posted[0]->to.node, "");
	ck_assert_uint_eq(posted[0]->to.loop, 5);
	ck_assert_uint_eq(posted[0]->endpoint, 4);
	ck_assert(span_eq(posted[0]->session, SPAN("abc")));
	ck_assert_str_eq(posted[0]->about, about);
}

static const struct {
	enum bus_owner owner;
	const char *name;
	enum note_found status;
	const char *about;
} owners[] = {
	{ BUS_OWNER_SELF, "ourname", NOTE_FOUND_HERE, "" },
	{ BUS_OWNER_OTHER, "there", NOTE_FOUND_THERE, "there" },
	{ BUS_OWNER_OTHER, "fifteen-letters", NOTE_FOUND_THERE, "fifteen-letters" },
	{ BUS_OWNER_OTHER, "sixteen-letters!", NOTE_FOUND_UNKNOWN, "" },
	{ BUS_OWNER_OTHER, "", NOTE_FOUND_UNKNOWN, "" },
	{ BUS_OWNER_NONE, "", NOTE_FOUND_NOWHERE, "" },
	{ BUS_OWNER_UNKNOWN, "", NOTE_FOUND_UNKNOWN, "" },
};

START_TEST(the_answer_goes_to_who_asked)
{
	take(&find);
	ck_assert_str_eq(asked.found, "abc");
	ck_assert_uint_eq(posted_count, 0);
	answer_to(answer_cookie, owners[_i].owner, span_of(owners[_i].name));
	check_found(owners[_i].status, owners[_i].about);
	ck_assert_uint_eq(stats_read(&broker.shards[0].stats.sockjs_lookups), 1);
	ck_assert_uint_eq(stats_read(&broker.shards[0].stats.sockjs_lookups_failed),
		owners[_i].status == NOTE_FOUND_UNKNOWN);
}
END_TEST

START_TEST(the_answer_may_come_at_once)
{
	answers_at_once = true;
	owner_is = owners[_i].owner;
	owner_name = owners[_i].name;
	take(&find);
	ck_assert_str_eq(asked.found, "abc");
	check_found(owners[_i].status, owners[_i].about);
}
END_TEST

START_TEST(only_who_wants_it_claims)
{
	struct note note = find;

	take(&find);
	ck_assert(asked.take);
	answer_to(answer_cookie, BUS_OWNER_SELF, SPAN("ourname"));
	note.amount = 0;
	take(&note);
	ck_assert(!asked.take);
	ck_assert_str_eq(asked.found, "abc");
	answer_to(answer_cookie, BUS_OWNER_NONE, SPAN(""));
}
END_TEST

START_TEST(claims_are_renewed_and_released)
{
	struct note note = find;

	note.kind = NOTE_RENEW;
	take(&note);
	ck_assert_str_eq(asked.renewed, "abc");
	ck_assert_str_eq(asked.released, "");
	note.kind = NOTE_RELEASE;
	take(&note);
	ck_assert_str_eq(asked.released, "abc");
	ck_assert_uint_eq(asked.count, 2);
	ck_assert_uint_eq(posted_count, 0);
}
END_TEST

/* The sanitizer sees what is not freed. */
START_TEST(questions_end_with_the_relay)
{
	take(&find);
	take(&find);
	ck_assert_uint_eq(asked.count, 2);
}
END_TEST

/* --- what the bus tells --------------------------------------------------- */

START_TEST(every_loop_hears_of_a_node_that_is_gone)
{
	relay_on_node_gone(relay, SPAN("there"));
	ck_assert_uint_eq(posted_count, 1);
	ck_assert_uint_eq(posted[0]->kind, NOTE_NODE_GONE);
	ck_assert_uint_eq(posted[0]->to.loop, NOTE_LOOPS_ALL);
	ck_assert_str_eq(posted[0]->to.node, "");
	ck_assert_str_eq(posted[0]->about, "there");
}
END_TEST

/* An empty name would mean all of them. */
START_TEST(a_node_without_a_name_is_nobody)
{
	relay_on_node_gone(relay, SPAN(""));
	relay_on_node_gone(relay, SPAN("\0x"));
	relay_on_node_gone(relay, SPAN("sixteen-letters!"));
	ck_assert_uint_eq(posted_count, 0);
}
END_TEST

START_TEST(all_are_gone_when_the_bus_goes_down)
{
	static const struct {
		enum bus_state state;
		size_t posted; /* since the beginning */
	} steps[] = {
		{ BUS_STARTING, 0 },
		{ BUS_UP, 0 },
		{ BUS_DOWN, 1 },
		{ BUS_DOWN, 1 },
		{ BUS_UP, 1 },
		{ BUS_DOWN, 2 },
	};

	for (size_t i = 0; i < countof(steps); i++) {
		relay_on_state(relay, steps[i].state);
		ck_assert_uint_eq(posted_count, steps[i].posted);
	}
	ck_assert_uint_eq(posted[0]->kind, NOTE_NODE_GONE);
	ck_assert_uint_eq(posted[0]->to.loop, NOTE_LOOPS_ALL);
	ck_assert_str_eq(posted[0]->about, "");
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("broker/relay");
	TCase *tc = tcase_create("relay");
	SRunner *runner;
	int failed;

	tcase_add_checked_fixture(tc, set_up, tear_down);
	tcase_add_test(tc, a_note_leaves_under_our_name);
	tcase_add_test(tc, what_is_sent_on_keeps_its_sender);
	tcase_add_test(tc, notes_do_not_mix);
	tcase_add_test(tc, a_note_comes_in_without_our_name);
	tcase_add_test(tc, our_own_request_may_come_back);
	tcase_add_loop_test(tc, only_what_nodes_say_comes_in, 0, (int)countof(incoming));
	tcase_add_test(tc, garbage_is_counted);
	tcase_add_loop_test(tc, the_answer_goes_to_who_asked, 0, (int)countof(owners));
	tcase_add_loop_test(tc, the_answer_may_come_at_once, 0, (int)countof(owners));
	tcase_add_test(tc, only_who_wants_it_claims);
	tcase_add_test(tc, claims_are_renewed_and_released);
	tcase_add_test(tc, questions_end_with_the_relay);
	tcase_add_test(tc, every_loop_hears_of_a_node_that_is_gone);
	tcase_add_test(tc, a_node_without_a_name_is_nobody);
	tcase_add_test(tc, all_are_gone_when_the_bus_goes_down);
	suite_add_tcase(suite, tc);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
