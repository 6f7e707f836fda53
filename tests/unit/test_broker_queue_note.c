/* broker/queue_note: what is written is read, and nothing else is. */
#include "broker/queue_note.h"

#include <check.h>
#include <stdlib.h>

enum {
	KIND_AT = 2, /* of the bytes */
	FLAGS_AT = 3,
	NODE_AT = 36,
};

static const struct bus_header headers[] = { { SPAN("a"), SPAN("1") }, { SPAN("b"), SPAN("") } };

static struct queue_note make(void)
{
	struct queue_note note = {
		.kind = QUEUE_NOTE_GIVE,
		.flags = QUEUE_NOTE_UTF8 | QUEUE_NOTE_REDELIVERED,
		.from = "node1",
		.consumer = 0x0102030405060708,
		.epoch = 2,
		.number = 3,
		.amount = UINT64_MAX,
		.queue = SPAN("/queue/a"),
		.id = SPAN("n-1"),
		.content_type = SPAN("text/plain"),
		.body = SPAN("hello"),
		.header_count = countof(headers),
	};

	memcpy(note.headers, headers, sizeof(headers));
	return note;
}

START_TEST(what_is_written_is_read)
{
	struct queue_note note = make(), again;
	struct buf bytes = { NULL, 0, 0 };

	queue_note_write(&note, &bytes);
	ck_assert(queue_note_is_one(buf_span(&bytes)));
	ck_assert(queue_note_read(buf_span(&bytes), &again));
	ck_assert_uint_eq(again.kind, note.kind);
	ck_assert_uint_eq(again.flags, note.flags);
	ck_assert_str_eq(again.from, "node1");
	ck_assert_uint_eq(again.consumer, note.consumer);
	ck_assert_uint_eq(again.epoch, 2);
	ck_assert_uint_eq(again.number, 3);
	ck_assert_uint_eq(again.amount, UINT64_MAX);
	ck_assert(span_eq(again.queue, note.queue) && span_eq(again.id, note.id));
	ck_assert(span_eq(again.content_type, note.content_type));
	ck_assert(span_eq(again.body, note.body));
	ck_assert_uint_eq(again.header_count, countof(headers));
	for (size_t i = 0; i < countof(headers); i++) {
		ck_assert(span_eq(again.headers[i].name, headers[i].name));
		ck_assert(span_eq(again.headers[i].value, headers[i].value));
	}
	buf_fini(&bytes);
}
END_TEST

START_TEST(a_cut_note_is_none)
{
	struct queue_note note = make(), again;
	struct buf bytes = { NULL, 0, 0 };
	size_t without_headers, one_header;

	note.header_count = 0;
	queue_note_write(&note, &bytes);
	without_headers = bytes.len;
	bytes.len = 0;
	note.header_count = 1;
	queue_note_write(&note, &bytes);
	one_header = bytes.len;
	bytes.len = 0;
	note.header_count = 2;
	queue_note_write(&note, &bytes);
	for (size_t len = 0; len < bytes.len; len++)
		ck_assert_int_eq(queue_note_read((struct span){ bytes.at, len }, &again),
			len == without_headers || len == one_header);
	buf_put_byte(&bytes, 'x');
	ck_assert(!queue_note_read(buf_span(&bytes), &again));
	buf_fini(&bytes);
}
END_TEST

static const struct {
	size_t at;
	char byte;
} spoilt[] = {
	{ 0, 1 }, { 1, 2 }, { KIND_AT, QUEUE_NOTE_KINDS }, { FLAGS_AT, QUEUE_NOTE_FLAGS },
	{ NODE_AT, '\0' },                       /* no name */
	{ NODE_AT + 2, '\0' },                   /* something behind its end */
	{ NODE_AT + QUEUE_NODE_BYTES - 1, 'x' }, /* no end */
	{ NODE_AT + QUEUE_NODE_BYTES + 3, 1 },   /* a length beyond all bytes */
};

START_TEST(a_spoilt_note_is_none)
{
	struct queue_note note = make(), again;
	struct buf bytes = { NULL, 0, 0 };

	queue_note_write(&note, &bytes);
	bytes.at[spoilt[_i].at] = spoilt[_i].byte;
	ck_assert(!queue_note_read(buf_span(&bytes), &again));
	buf_fini(&bytes);
}
END_TEST

START_TEST(there_are_only_so_many_headers)
{
	struct queue_note note = make(), again;
	struct buf bytes = { NULL, 0, 0 };

	note.header_count = ENVELOPE_HEADERS_MOST;
	for (size_t i = 0; i < ENVELOPE_HEADERS_MOST; i++)
		note.headers[i] = headers[0];
	queue_note_write(&note, &bytes);
	ck_assert(queue_note_read(buf_span(&bytes), &again));
	for (size_t i = 0; i < 8; i++)
		buf_put_byte(&bytes, '\0');
	ck_assert(!queue_note_read(buf_span(&bytes), &again));
	buf_fini(&bytes);
}
END_TEST

START_TEST(the_kept_are_listed)
{
	struct buf body = { NULL, 0, 0 };
	struct span rest;
	uint64_t consumer, epoch;

	queue_note_put_kept(&body, 1, 2);
	queue_note_put_kept(&body, UINT64_MAX, 4);
	buf_put_byte(&body, 'x');
	rest = buf_span(&body);
	ck_assert(queue_note_take_kept(&rest, &consumer, &epoch));
	ck_assert(consumer == 1 && epoch == 2);
	ck_assert(queue_note_take_kept(&rest, &consumer, &epoch));
	ck_assert(consumer == UINT64_MAX && epoch == 4);
	ck_assert(!queue_note_take_kept(&rest, &consumer, &epoch));
	buf_fini(&body);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("broker/queue note");
	TCase *tc = tcase_create("queue note");
	SRunner *runner;
	int failed;

	tcase_add_test(tc, what_is_written_is_read);
	tcase_add_test(tc, a_cut_note_is_none);
	tcase_add_loop_test(tc, a_spoilt_note_is_none, 0, (int)countof(spoilt));
	tcase_add_test(tc, there_are_only_so_many_headers);
	tcase_add_test(tc, the_kept_are_listed);
	suite_add_tcase(suite, tc);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
