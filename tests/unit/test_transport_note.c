/* transport/note: notes as bytes, their only form, and what is no note. */
#include "transport/note.h"
#include "transport/sockjs_codec.h"

#include <check.h>
#include <stdlib.h>

enum {
	/* Where things stand in the bytes. */
	AT_KIND = 1,
	AT_TRANSPORT = 3,
	AT_FROM = 27,
	AT_TO = 45,
	AT_ABOUT = 63,
	AT_SESSION_LENGTH = 79,
	SPANS = 7,
};

static const struct note full = {
	.kind = NOTE_HELLO,
	.endpoint = 0x12,
	.transport = SOCKJS_JSONP,
	.hops = 255,
	.status = 0xfedc,
	.number = 0x89abcdef,
	.exchange = UINT64_C(0x0123456789abcdef),
	.amount = UINT64_MAX,
	.from = { "node-1", NOTE_LOOP_HOME },
	.to = { "fifteen-letters", 0x0102 },
	.about = "n",
	.session = { "abc", 3 },
	.callback = { "_jp.x", 5 },
	.query = { "a=b\0c", 5 },
	.cookie = { "JSESSIONID=dummy", 16 },
	.origin = { "null", 4 },
	.peer = { "10.0.0.7:5123", 13 },
	.body = { "[\"x\"]", 5 },
};

static struct buf bytes;

static void setup(void)
{
	bytes = (struct buf){ NULL, 0, 0 };
	note_write(&full, &bytes);
}

static void teardown(void)
{
	buf_fini(&bytes);
}

static void expect_same(const struct note *a, const struct note *b)
{
	ck_assert_int_eq(a->kind, b->kind);
	ck_assert_int_eq(a->endpoint, b->endpoint);
	ck_assert_int_eq(a->transport, b->transport);
	ck_assert_int_eq(a->hops, b->hops);
	ck_assert_int_eq(a->status, b->status);
	ck_assert_uint_eq(a->number, b->number);
	ck_assert_uint_eq(a->exchange, b->exchange);
	ck_assert_uint_eq(a->amount, b->amount);
	ck_assert_str_eq(a->from.node, b->from.node);
	ck_assert_int_eq(a->from.loop, b->from.loop);
	ck_assert_str_eq(a->to.node, b->to.node);
	ck_assert_int_eq(a->to.loop, b->to.loop);
	ck_assert_str_eq(a->about, b->about);
	ck_assert(span_eq(a->session, b->session));
	ck_assert(span_eq(a->callback, b->callback));
	ck_assert(span_eq(a->query, b->query));
	ck_assert(span_eq(a->cookie, b->cookie));
	ck_assert(span_eq(a->origin, b->origin));
	ck_assert(span_eq(a->peer, b->peer));
	ck_assert(span_eq(a->body, b->body));
}

/* In memory that ends where the bytes end, so that reading further is seen. */
static struct note *read_exactly(struct span s)
{
	char *copy = malloc(s.len);
	struct note *note;

	if (s.len > 0)
		memcpy(copy, s.at, s.len);
	note = note_read((struct span){ copy, s.len });
	free(copy);
	return note;
}

START_TEST(copies)
{
	char session[] = "abc", body[] = "text";
	struct note like = full, *note;

	like.session = (struct span){ session, 3 };
	like.body = (struct span){ body, 4 };
	note = note_new(&like);
	expect_same(note, &like);
	ck_assert(list_is_empty(&note->link));
	/* It is a copy: it stays what it was. */
	memset(session, 'x', 3);
	memset(body, 'x', 4);
	ck_assert(span_eq(note->session, SPAN("abc")));
	ck_assert(span_eq(note->body, SPAN("text")));
	free(note);
}
END_TEST

START_TEST(copies_a_linked_note_without_its_link)
{
	struct list queue;
	struct note *first = note_new(&full), *second;

	list_init(&queue);
	list_push(&queue, &first->link);
	second = note_new(first);
	ck_assert(list_is_empty(&second->link));
	free(first);
	expect_same(second, &full);
	free(second);
}
END_TEST

START_TEST(reads_what_was_written)
{
	struct note *note = read_exactly(buf_span(&bytes));

	ck_assert_ptr_nonnull(note);
	expect_same(note, &full);
	ck_assert(list_is_empty(&note->link));
	free(note);
}
END_TEST

START_TEST(reads_an_empty_note)
{
	const struct note empty = { .kind = NOTE_RECEIVE };
	struct note *note;

	bytes.len = 0;
	note_write(&empty, &bytes);
	ck_assert_uint_eq(bytes.len, AT_SESSION_LENGTH + SPANS * 4);
	note = read_exactly(buf_span(&bytes));
	ck_assert_ptr_nonnull(note);
	expect_same(note, &empty);
	free(note);
}
END_TEST

/* Nodes of other machines and builds must agree. */
START_TEST(has_one_layout)
{
	const struct span fixed = SPAN("\x01\x0d\x12\x05\xff\xdc\xfe\xef\xcd\xab\x89"
				       "\xef\xcd\xab\x89\x67\x45\x23\x01"
				       "\xff\xff\xff\xff\xff\xff\xff\xff"
				       "node-1\0\0\0\0\0\0\0\0\0\0\xff\xff"
				       "fifteen-letters\0\x02\x01"
				       "n\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"
				       "\x03\0\0\0abc"
				       "\x05\0\0\0_jp.x"
				       "\x05\0\0\0a=b\0c");

	ck_assert_uint_ge(bytes.len, fixed.len);
	ck_assert(span_eq((struct span){ bytes.at, fixed.len }, fixed));
}
END_TEST

START_TEST(appends)
{
	struct buf twice = { NULL, 0, 0 };

	note_write(&full, &twice);
	note_write(&full, &twice);
	ck_assert_uint_eq(twice.len, 2 * bytes.len);
	ck_assert(span_eq((struct span){ twice.at + bytes.len, bytes.len }, buf_span(&bytes)));
	ck_assert_ptr_null(read_exactly(buf_span(&twice)));
	buf_fini(&twice);
}
END_TEST

/* Memory that was used before does not leak to other nodes. */
START_TEST(writes_nothing_behind_a_name)
{
	struct note dirty = full;
	struct buf again = { NULL, 0, 0 };

	memset(dirty.about, 'x', sizeof(dirty.about));
	memcpy(dirty.about, "n", 2);
	note_write(&dirty, &again);
	ck_assert(span_eq(buf_span(&again), buf_span(&bytes)));
	buf_fini(&again);
}
END_TEST

START_TEST(refuses_a_part)
{
	for (size_t len = 0; len < bytes.len; len++) {
		struct note *note = read_exactly((struct span){ bytes.at, len });

		if (note)
			ck_abort_msg("%zu bytes are a note", len);
	}
}
END_TEST

START_TEST(refuses_more)
{
	buf_put_byte(&bytes, '\0');
	ck_assert_ptr_null(read_exactly(buf_span(&bytes)));
}
END_TEST

static const struct {
	size_t at;
	unsigned char byte;
} wrong[] = {
	{ 0, 0 },
	{ 0, 2 },
	{ AT_KIND, NOTE_KINDS },
	{ AT_KIND, 255 },
	{ AT_TRANSPORT, SOCKJS_TRANSPORTS },
	{ AT_TRANSPORT, 255 },
	{ AT_FROM, 0 },                         /* something stands behind the name's end */
	{ AT_FROM + NOTE_NODE_BYTES - 1, 'x' }, /* likewise */
	{ AT_FROM + 8, 'x' },
	{ AT_TO + NOTE_NODE_BYTES - 1, 'x' }, /* no end */
	{ AT_ABOUT + 2, 'x' },
	{ AT_SESSION_LENGTH, 2 },
	{ AT_SESSION_LENGTH, 4 },
	{ AT_SESSION_LENGTH + 1, 1 },
	{ AT_SESSION_LENGTH + 2, 1 },
	{ AT_SESSION_LENGTH + 3, 0xff },
};

START_TEST(refuses_what_is_wrong)
{
	bytes.at[wrong[_i].at] = (char)wrong[_i].byte;
	ck_assert_ptr_null(read_exactly(buf_span(&bytes)));
}
END_TEST

START_TEST(takes_every_kind)
{
	struct note *note;

	bytes.at[AT_KIND] = (char)_i;
	note = read_exactly(buf_span(&bytes));
	ck_assert_ptr_nonnull(note);
	ck_assert_int_eq(note->kind, _i);
	free(note);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("transport/note");
	TCase *tc = tcase_create("note");
	SRunner *runner;
	int failed;

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, copies);
	tcase_add_test(tc, copies_a_linked_note_without_its_link);
	tcase_add_test(tc, reads_what_was_written);
	tcase_add_test(tc, reads_an_empty_note);
	tcase_add_test(tc, has_one_layout);
	tcase_add_test(tc, appends);
	tcase_add_test(tc, writes_nothing_behind_a_name);
	tcase_add_test(tc, refuses_a_part);
	tcase_add_test(tc, refuses_more);
	tcase_add_loop_test(tc, refuses_what_is_wrong, 0, countof(wrong));
	tcase_add_loop_test(tc, takes_every_kind, 0, NOTE_KINDS);
	suite_add_tcase(suite, tc);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
