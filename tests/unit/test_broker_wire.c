/* broker/wire: a MESSAGE byte by byte, in each version, and where its gap is. */
#include "broker/wire.h"

#include "base/attr.h"

#include <check.h>
#include <stdlib.h>

/* `before` and `behind` the gap, for each version. */
struct expected {
	struct span before;
	struct span behind;
};

static const struct bus_header two[] = { { SPAN("x-a"), SPAN("1") }, { SPAN("x-b"), SPAN("2") } };
static const struct bus_header odd[] = {
	{ SPAN("tab\\"), SPAN("a\\b") },
	{ SPAN("co:lon"), SPAN("v") },
	{ SPAN("colon"), SPAN("a:b") },
	{ SPAN("line"), SPAN("a\nb") },
	{ SPAN("return"), SPAN("a\rb") },
	{ SPAN("empty"), SPAN("") },
	{ SPAN("none"), { NULL, 0 } },
	{ SPAN("nul"), SPAN("a\0b") },
	{ SPAN("x"), SPAN("1") },
	{ SPAN("x"), SPAN("2") },
};

static const struct {
	struct bus_message message;
	struct expected expected[STOMP_VERSION_COUNT];
} rows[] = {
	{ { SPAN("/sub/a"), SPAN("application/json"), NULL, 0, SPAN("{\"a\":1}"), true },
		{ { SPAN("MESSAGE\ndestination:/sub/a\ncontent-type:application/json\n"),
			  SPAN("message-id:n-7\ncontent-length:7\n\n{\"a\":1}\0") },
			{ SPAN("MESSAGE\ndestination:/sub/a\ncontent-type:application/json\n"),
				SPAN("message-id:n-7\ncontent-length:7\n\n{\"a\":1}\0") },
			{ SPAN("MESSAGE\ndestination:/sub/a\ncontent-type:application/json\n"),
				SPAN("message-id:n-7\ncontent-length:7\n\n{\"a\":1}\0") } } },
	{ { SPAN("/sub/a"), SPAN("text/plain;charset=UTF-8"), two, 2, { NULL, 0 }, true },
		{ { SPAN("MESSAGE\ndestination:/sub/a\ncontent-type:text/plain;charset=UTF-8\n"
			 "x-a:1\nx-b:2\n"),
			  SPAN("message-id:n-7\ncontent-length:0\n\n\0") },
			{ SPAN("MESSAGE\ndestination:/sub/a\n"
			       "content-type:text/plain;charset=UTF-8\nx-a:1\nx-b:2\n"),
				SPAN("message-id:n-7\ncontent-length:0\n\n\0") },
			{ SPAN("MESSAGE\ndestination:/sub/a\n"
			       "content-type:text/plain;charset=UTF-8\nx-a:1\nx-b:2\n"),
				SPAN("message-id:n-7\ncontent-length:0\n\n\0") } } },
	/* Each version escapes as it can; what it cannot express is left out, and nothing else. */
	{ { SPAN("/sub/a:b"), SPAN("x/y"), odd, countof(odd), SPAN("\0\n\0"), true },
		{ { SPAN("MESSAGE\ndestination:/sub/a:b\ncontent-type:x/y\ntab\\:a\\b\ncolon:a:b\n"
			 "empty:\nnone:\nx:1\nx:2\n"),
			  SPAN("message-id:n-7\ncontent-length:3\n\n\0\n\0\0") },
			{ SPAN("MESSAGE\ndestination:/sub/a\\cb\ncontent-type:x/y\n"
			       "tab\\\\:a\\\\b\nco\\clon:v\ncolon:a\\cb\nline:a\\nb\n"
			       "empty:\nnone:\nx:1\nx:2\n"),
				SPAN("message-id:n-7\ncontent-length:3\n\n\0\n\0\0") },
			{ SPAN("MESSAGE\ndestination:/sub/a\\cb\ncontent-type:x/y\n"
			       "tab\\\\:a\\\\b\nco\\clon:v\ncolon:a\\cb\nline:a\\nb\nreturn:a\\rb\n"
			       "empty:\nnone:\nx:1\nx:2\n"),
				SPAN("message-id:n-7\ncontent-length:3\n\n\0\n\0\0") } } },
	{ { SPAN("/sub/한"), SPAN("application/octet-stream"), NULL, 0, SPAN("\xff\xfe"), false },
		{ { SPAN("MESSAGE\ndestination:/sub/한\ncontent-type:application/octet-stream\n"),
			  SPAN("message-id:n-7\ncontent-length:2\n\n\xff\xfe\0") },
			{ SPAN("MESSAGE\ndestination:/sub/한\n"
			       "content-type:application/octet-stream\n"),
				SPAN("message-id:n-7\ncontent-length:2\n\n\xff\xfe\0") },
			{ SPAN("MESSAGE\ndestination:/sub/한\n"
			       "content-type:application/octet-stream\n"),
				SPAN("message-id:n-7\ncontent-length:2\n\n\xff\xfe\0") } } },
};

START_TEST(message)
{
	const struct bus_message *m = &rows[_i].message;
	struct buf scratch = { NULL, 0, 0 };

	for (enum stomp_version v = STOMP_VERSION_1_0; v < STOMP_VERSION_COUNT; v++) {
		const struct expected *e = &rows[_i].expected[v];
		struct wire *w = wire_message(m, SPAN("n-7"), v, &scratch);

		ck_assert_msg(span_eq((struct span){ w->bytes, w->gap }, e->before),
			"version %d: %.*s", v, (int)w->gap, w->bytes);
		ck_assert_msg(
			span_eq((struct span){ w->bytes + w->gap, w->len - w->gap }, e->behind),
			"version %d: %.*s", v, (int)(w->len - w->gap), w->bytes + w->gap);
		ck_assert_int_eq(w->text, m->body_is_utf8);
		ck_assert_uint_eq(w->refs, 1);
		wire_unref(w);
	}
	buf_fini(&scratch);
}
END_TEST

static const struct {
	struct span type;
	struct span body;
	struct span expected; /* of the body */
} texts[] = {
	{ SPAN("application/octet-stream"), SPAN("\xff\0"),
		SPAN("data:application/octet-stream;base64,/wA=") },
	{ SPAN("image/png;v=1"), SPAN("\xff"), SPAN("data:image/png;v=1;base64,/w==") },
	{ SPAN("a/b, c"), SPAN("\xff"), SPAN("data:application/octet-stream;base64,/w==") },
	{ SPAN("a/\"b\""), SPAN("\xff"), SPAN("data:application/octet-stream;base64,/w==") },
	{ SPAN("a/한"), SPAN("\xff"), SPAN("data:application/octet-stream;base64,/w==") },
	{ SPAN(""), SPAN("\xff"), SPAN("data:application/octet-stream;base64,/w==") },
};

START_TEST(bytes_as_a_text)
{
	const struct bus_message m = { SPAN("/sub/a"), texts[_i].type, two, countof(two),
		texts[_i].body, false };
	struct buf scratch = { NULL, 0, 0 }, expected = { NULL, 0, 0 };
	struct wire *w = wire_message_as_text(&m, SPAN("n-7"), STOMP_VERSION_1_2, &scratch);

	buf_printf(&expected,
		"MESSAGE\ndestination:/sub/a\ncontent-type:text/plain;charset=UTF-8\nx-a:1\nx-b:2\n"
		"message-id:n-7\ncontent-length:%zu\n\n%s",
		texts[_i].expected.len, texts[_i].expected.at);
	buf_put_byte(&expected, '\0');
	ck_assert_msg(span_eq((struct span){ w->bytes, w->len }, buf_span(&expected)), "%.*s",
		(int)w->len, w->bytes);
	ck_assert(w->text);
	wire_unref(w);
	buf_fini(&scratch);
	buf_fini(&expected);
}
END_TEST

/* The scratch memory is only lent: a wire stays what it is when the next is made. */
START_TEST(wires_do_not_share_memory)
{
	struct buf scratch = { NULL, 0, 0 };
	struct wire *first =
		wire_message(&rows[0].message, SPAN("n-7"), STOMP_VERSION_1_2, &scratch);
	struct wire *second =
		wire_message(&rows[1].message, SPAN("n-8"), STOMP_VERSION_1_2, &scratch);

	buf_fini(&scratch);
	ck_assert(span_eq((struct span){ first->bytes, first->gap },
		rows[0].expected[STOMP_VERSION_1_2].before));
	ck_assert(span_eq((struct span){ second->bytes + second->gap, second->len - second->gap },
		SPAN("message-id:n-8\ncontent-length:0\n\n\0")));
	wire_unref(first);
	wire_unref(second);
}
END_TEST

START_TEST(bytes_as_they_are)
{
	char bytes[] = "\n";
	struct wire *w = wire_new((struct span){ bytes, 1 }, true);

	bytes[0] = 'x';
	ck_assert(span_eq((struct span){ w->bytes, w->len }, SPAN("\n")));
	ck_assert_uint_eq(w->gap, 0);
	ck_assert(w->text);
	wire_unref(w);
	w = wire_new(SPAN("A\0B"), false);
	ck_assert(span_eq((struct span){ w->bytes, w->len }, SPAN("A\0B")));
	ck_assert(!w->text);
	wire_unref(w);
}
END_TEST

START_TEST(lives_while_referred_to)
{
	struct wire *w = wire_new(SPAN("abc"), true);

	ck_assert_ptr_eq(wire_ref(w), w);
	ck_assert_ptr_eq(wire_ref(w), w);
	ck_assert_uint_eq(w->refs, 3);
	wire_unref(w);
	wire_unref(w);
	ck_assert(span_eq((struct span){ w->bytes, w->len }, SPAN("abc")));
	wire_unref(w);
	wire_unref(NULL);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("broker/wire");
	TCase *tc = tcase_create("wire");
	SRunner *runner;
	int failed;

	tcase_add_loop_test(tc, message, 0, (int)countof(rows));
	tcase_add_loop_test(tc, bytes_as_a_text, 0, (int)countof(texts));
	tcase_add_test(tc, wires_do_not_share_memory);
	tcase_add_test(tc, bytes_as_they_are);
	tcase_add_test(tc, lives_while_referred_to);
	suite_add_tcase(suite, tc);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
