/* broker/message: one block holds it all, and lives as long as somebody needs it. */
#include "broker/message.h"

#include "broker/stats.h"

#include <check.h>
#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>

static const struct bus_header headers[] = {
	{ SPAN("x-a"), SPAN("1") },
	{ SPAN("x-empty"), SPAN("") },
	{ SPAN("x-none"), { NULL, 0 } },
	{ SPAN("x-b"), SPAN("a\0b") },
};

static const struct bus_message contents[] = {
	{ SPAN("/sub/a"), SPAN("text/plain"), headers, countof(headers), SPAN("hello\0"), true },
	{ SPAN("/sub/b"), { NULL, 0 }, NULL, 0, { NULL, 0 }, false },
	{ SPAN("/sub/c"), SPAN(""), NULL, 0, SPAN(""), true },
	{ SPAN("/"), SPAN("x"), headers, 1, SPAN("\xff"), false },
};

static size_t bytes_of(const struct bus_message *m)
{
	size_t bytes = m->destination.len + m->content_type.len + m->body.len;

	for (size_t i = 0; i < m->header_count; i++)
		bytes += m->headers[i].name.len + m->headers[i].value.len;
	return bytes;
}

/* The same, byte by byte, but not the same memory; missing stays missing, empty stays empty. */
static void check_span(struct span copy, struct span original, const void *block, size_t size)
{
	ck_assert(span_eq(copy, original));
	ck_assert_int_eq(copy.at == NULL, original.at == NULL);
	if (copy.at) {
		ck_assert(copy.at >= (const char *)block);
		ck_assert(copy.at + copy.len <= (const char *)block + size);
	}
}

static void check_copy(
	const struct bus_message *copy, const struct bus_message *m, const void *block, size_t size)
{
	check_span(copy->destination, m->destination, block, size);
	check_span(copy->content_type, m->content_type, block, size);
	check_span(copy->body, m->body, block, size);
	ck_assert_int_eq(copy->body_is_utf8, m->body_is_utf8);
	ck_assert_uint_eq(copy->header_count, m->header_count);
	for (size_t i = 0; i < m->header_count; i++) {
		check_span(copy->headers[i].name, m->headers[i].name, block, size);
		check_span(copy->headers[i].value, m->headers[i].value, block, size);
	}
}

START_TEST(message_is_a_copy)
{
	const struct bus_message *content = &contents[_i];
	struct message *m = message_new(content, "node-1-42", 1);

	ck_assert_int_eq(m->mail.kind, MAIL_MESSAGE);
	ck_assert_ptr_eq(&m->mail, (struct mail *)m);
	ck_assert_str_eq(m->id, "node-1-42");
	ck_assert_uint_ge(m->bytes, sizeof(*m) + bytes_of(content));
	check_copy(&m->content, content, m, m->bytes);
	message_unref(m);
}
END_TEST

START_TEST(message_id_fits)
{
	struct message *m = message_new(&contents[0], "v0123456-18446744073709551615", 1);

	ck_assert_str_eq(m->id, "v0123456-18446744073709551615");
	message_unref(m);
	m = message_new(&contents[0], "a name that is longer than thirty-one bytes", 1);
	ck_assert_uint_eq(strlen(m->id), MESSAGE_ID_BYTES - 1);
	message_unref(m);
}
END_TEST

START_TEST(publish_copies_when_told)
{
	const struct bus_message *content = &contents[_i];
	struct publish *p = publish_new(content, true);

	ck_assert_int_eq(p->mail.kind, MAIL_ACCEPTED);
	ck_assert_ptr_eq(&p->mail, (struct mail *)p);
	ck_assert_uint_ge(p->bytes, sizeof(*p) + bytes_of(content));
	check_copy(&p->content, content, p, p->bytes);
	free(p);

	p = publish_new(content, false);
	ck_assert_int_eq(p->mail.kind, MAIL_ACCEPTED);
	ck_assert_ptr_eq(p->content.destination.at, content->destination.at);
	ck_assert_ptr_eq(p->content.body.at, content->body.at);
	ck_assert_ptr_eq(p->content.headers, content->headers);
	free(p);
}
END_TEST

enum {
	THREADS = 4,
	MESSAGES = 2000
};

static struct message *shared[MESSAGES];

static void *let_go(void *seen)
{
	for (size_t i = 0; i < MESSAGES; i++) {
		*(size_t *)seen += shared[i]->content.body.len;
		message_unref(shared[i]);
	}
	return NULL;
}

/* Each shard lets go on its own thread; the last one frees. A sanitizer tells if not. */
START_TEST(last_reference_frees)
{
	pthread_t threads[THREADS];
	size_t seen[THREADS] = { 0 };

	for (size_t i = 0; i < MESSAGES; i++)
		shared[i] = message_new(&contents[0], "id", THREADS);
	for (size_t i = 0; i < THREADS; i++)
		ck_assert_int_eq(pthread_create(&threads[i], NULL, let_go, &seen[i]), 0);
	for (size_t i = 0; i < THREADS; i++) {
		ck_assert_int_eq(pthread_join(threads[i], NULL), 0);
		ck_assert_uint_eq(seen[i], MESSAGES * contents[0].body.len);
	}
}
END_TEST

/* Each row of stats.def is a counter of its own, under a name of its own. */
START_TEST(stats_rows_are_the_counters)
{
	struct stats stats = { 0 };

	ck_assert_uint_eq(stats_row_count * sizeof(_Atomic uint64_t), sizeof(stats));
	for (size_t i = 0; i < stats_row_count; i++)
		stats_add(
			(_Atomic uint64_t *)(void *)((char *)&stats + stats_rows[i].offset), i + 1);
	stats_add(&stats.connections_opened, 1000);
	stats_add(&stats.access_denied, UINT64_C(1) << 40);
	for (size_t i = 0; i < stats_row_count; i++) {
		uint64_t expected = i + 1;

		if (strcmp(stats_rows[i].name, "connections_opened") == 0)
			expected += 1000;
		if (strcmp(stats_rows[i].name, "access_denied") == 0)
			expected += UINT64_C(1) << 40;
		ck_assert_uint_eq(stats_read_at(&stats, stats_rows[i].offset), expected);
		ck_assert(stats_rows[i].help[0]);
		for (size_t other = 0; other < i; other++)
			ck_assert_str_ne(stats_rows[i].name, stats_rows[other].name);
	}
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("broker/message");
	TCase *tc = tcase_create("message");
	SRunner *runner;
	int failed;

	tcase_add_loop_test(tc, message_is_a_copy, 0, (int)countof(contents));
	tcase_add_test(tc, message_id_fits);
	tcase_add_loop_test(tc, publish_copies_when_told, 0, (int)countof(contents));
	tcase_add_test(tc, last_reference_frees);
	tcase_add_test(tc, stats_rows_are_the_counters);
	suite_add_tcase(suite, tc);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
