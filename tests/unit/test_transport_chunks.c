#include "base/buf.h"
#include "transport/chunks.h"

#include <check.h>
#include <stdlib.h>

struct result {
	enum chunks_got got;
	struct buf body;
	size_t behind; /* bytes behind the body */
};

/* Feeds `text` in pieces of `step` bytes. */
static struct result take(struct span text, size_t step)
{
	struct chunks chunks = { .state = CHUNKS_SIZE };
	struct result r = { .got = CHUNKS_GOT_MORE, .body = { NULL, 0, 0 } };

	for (size_t at = 0; at < text.len && r.got == CHUNKS_GOT_MORE; at += step) {
		size_t len = text.len - at < step ? text.len - at : step;
		struct span bytes = { text.at + at, len }, data;

		while ((r.got = chunks_next(&chunks, &bytes, &data)) == CHUNKS_GOT_DATA)
			buf_put(&r.body, data);
		r.behind = text.len - at - len + bytes.len;
	}
	return r;
}

struct good {
	const char *text;
	const char *body;
	size_t behind;
};

static const struct good good[] = {
	{ "0\r\n\r\n", "", 0 },
	{ "5\r\nhello\r\n0\r\n\r\n", "hello", 0 },
	{ "1\r\na\r\n2\r\nbc\r\n0\r\n\r\n", "abc", 0 },
	{ "A\r\n0123456789\r\n0\r\n\r\n", "0123456789", 0 },
	{ "a;name=\"value\"\r\n0123456789\r\n0;last\r\n\r\n", "0123456789", 0 },
	{ "2 \r\nab\r\n0\r\n\r\n", "ab", 0 },
	{ "00002\r\n\r\n\r\n0\r\n\r\n", "\r\n", 0 },
	{ "1\r\nx\r\n0\r\nTrailer: yes\r\nAnother: one\r\n\r\n", "x", 0 },
	{ "1\r\nx\r\n0\r\n\r\nGET / HTTP/1.1\r\n", "x", 16 },
};

START_TEST(bodies_in_any_pieces)
{
	const struct good *g = &good[_i];
	size_t len = strlen(g->text);

	for (size_t step = 1; step <= len; step++) {
		struct result r = take((struct span){ g->text, len }, step);

		ck_assert_int_eq(r.got, CHUNKS_GOT_END);
		ck_assert(span_eq(buf_span(&r.body), span_of(g->body)));
		ck_assert_uint_eq(r.behind, g->behind);
		buf_fini(&r.body);
	}
}
END_TEST

static const char *const broken[] = {
	"\r\n",
	"x\r\n",
	"-1\r\n",
	"+1\r\nx\r\n",
	" 1\r\nx\r\n",
	"0x1\r\nx\r\n",
	"1\nx\r\n",
	"1\r\nx0\r\n",
	"1\r\nx\r0",
	"1\r\nx\n0",
	"1;a\nb\r\n",
	"1\rx",
	"0\r\n\r\r",
	"0\r\n\n",
	"1000000000000000\r\n",
};

START_TEST(what_is_no_chunk_is_refused)
{
	size_t len = strlen(broken[_i]);

	for (size_t step = 1; step <= len; step++) {
		struct result r = take((struct span){ broken[_i], len }, step);

		ck_assert_int_eq(r.got, CHUNKS_GOT_ERROR);
		buf_fini(&r.body);
	}
}
END_TEST

START_TEST(whatever_is_missing_is_asked_for)
{
	const char whole[] = "3;e\r\nabc\r\n0\r\nT: t\r\n\r\n";

	for (size_t len = 1; len < sizeof(whole) - 1; len++) {
		struct result r = take((struct span){ whole, len }, len);

		ck_assert_int_eq(r.got, CHUNKS_GOT_MORE);
		buf_fini(&r.body);
	}
}
END_TEST

/* Extensions and trailers are read past, but not without end. */
START_TEST(what_nobody_reads_is_bounded)
{
	static const char *const starts[] = { "1;", "0\r\nT: " };
	struct buf text = { NULL, 0, 0 };
	struct result r;

	buf_put(&text, span_of(starts[_i]));
	for (int i = 0; i < 5000; i++)
		buf_put_byte(&text, 'x');
	r = take(buf_span(&text), 512);
	ck_assert_int_eq(r.got, CHUNKS_GOT_ERROR);
	buf_fini(&r.body);
	buf_fini(&text);
}
END_TEST

START_TEST(a_size_is_known_before_its_data)
{
	struct chunks chunks = { .state = CHUNKS_SIZE };
	struct span bytes = SPAN("fffffff\r\n"), data;

	ck_assert_int_eq(chunks_next(&chunks, &bytes, &data), CHUNKS_GOT_MORE);
	ck_assert_uint_eq(chunks.left, 0xfffffff);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("transport/chunks");
	TCase *tcase = tcase_create("chunks");
	SRunner *runner;
	int failed;

	tcase_add_loop_test(tcase, bodies_in_any_pieces, 0, countof(good));
	tcase_add_loop_test(tcase, what_is_no_chunk_is_refused, 0, countof(broken));
	tcase_add_test(tcase, whatever_is_missing_is_asked_for);
	tcase_add_loop_test(tcase, what_nobody_reads_is_bounded, 0, 2);
	tcase_add_test(tcase, a_size_is_known_before_its_data);
	suite_add_tcase(suite, tcase);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
