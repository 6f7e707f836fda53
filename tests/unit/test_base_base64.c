/* base/base64: RFC 4648, its vectors and what it says about the bits left over. */
#include "base/base64.h"

#include <check.h>
#include <stdlib.h>

#define STD BASE64_STANDARD
#define URL BASE64_URL
#define LAX BASE64_LENIENT

/* Two letters of "foo", which a spelling checker would make a word of. */
#define TWO SPAN("\x66o")

/* Section 10. */
static const struct {
	struct span bytes;
	struct span text;
} vectors[] = {
	{ SPAN(""), SPAN("") },
	{ SPAN("f"), SPAN("Zg==") },
	{ TWO, SPAN("Zm8=") },
	{ SPAN("foo"), SPAN("Zm9v") },
	{ SPAN("foob"), SPAN("Zm9vYg==") },
	{ SPAN("fooba"), SPAN("Zm9vYmE=") },
	{ SPAN("foobar"), SPAN("Zm9vYmFy") },
	{ SPAN("\0"), SPAN("AA==") },
	{ SPAN("\xff"), SPAN("/w==") },
	{ SPAN("\xfb\xef\xbe"), SPAN("++++") },
	{ SPAN("\xff\xff\xff"), SPAN("////") },
	{ SPAN("\xfb\xff"), SPAN("+/8=") },
};

START_TEST(vector)
{
	struct buf out = { NULL, 0, 0 };

	base64_encode(vectors[_i].bytes, &out);
	ck_assert(span_eq(buf_span(&out), vectors[_i].text));
	out.len = 0;
	ck_assert(base64_decode(vectors[_i].text, STD, &out));
	ck_assert(span_eq(buf_span(&out), vectors[_i].bytes));
	buf_fini(&out);
}
END_TEST

/* bytes.at NULL: refused. */
static const struct {
	enum base64_form form;
	struct span text;
	struct span bytes;
} rows[] = {
	{ STD, { NULL, 0 }, SPAN("") },
	/* The length. */
	{ STD, SPAN("Z"), { NULL, 0 } },
	{ STD, SPAN("Zg"), { NULL, 0 } },
	{ STD, SPAN("Zg="), { NULL, 0 } },
	{ STD, SPAN("Zg==="), { NULL, 0 } },
	{ STD, SPAN("Zm9"), { NULL, 0 } },
	{ STD, SPAN("Zm9v="), { NULL, 0 } },
	{ STD, SPAN("Zm9v===="), { NULL, 0 } },
	{ STD, SPAN("Zm9vY"), { NULL, 0 } },
	{ STD, SPAN("Z==="), { NULL, 0 } },
	{ STD, SPAN("="), { NULL, 0 } },
	{ STD, SPAN("===="), { NULL, 0 } },
	/* Padding is at the end only. */
	{ STD, SPAN("Zg==Zg=="), { NULL, 0 } },
	{ STD, SPAN("Zg=v"), { NULL, 0 } },
	{ STD, SPAN("=Zm9"), { NULL, 0 } },
	/* Bits that belong to no byte are zero (section 3.5). */
	{ STD, SPAN("Zh=="), { NULL, 0 } },
	{ STD, SPAN("Zi=="), { NULL, 0 } },
	{ STD, SPAN("Zk=="), { NULL, 0 } },
	{ STD, SPAN("Zo=="), { NULL, 0 } },
	{ STD, SPAN("Zm9="), { NULL, 0 } },
	{ STD, SPAN("Zm+="), { NULL, 0 } },
	{ STD, SPAN("Zm9vZh=="), { NULL, 0 } },
	/* No other bytes (section 3.3), and no other alphabet. */
	{ STD, SPAN("Zm9v\n"), { NULL, 0 } },
	{ STD, SPAN(" Zm9v"), { NULL, 0 } },
	{ STD, SPAN("Zm\r\n9v"), { NULL, 0 } },
	{ STD, SPAN("Zm9\0"), { NULL, 0 } },
	{ STD, SPAN("Zm9\xc3"), { NULL, 0 } },
	{ STD, SPAN("Zm9."), { NULL, 0 } },
	{ STD, SPAN("-_-_"), { NULL, 0 } },
	/* For URLs: no padding at all. */
	{ URL, SPAN(""), SPAN("") },
	{ URL, SPAN("Zg"), SPAN("f") },
	{ URL, SPAN("Zm8"), TWO },
	{ URL, SPAN("Zm9v"), SPAN("foo") },
	{ URL, SPAN("-_-_"), SPAN("\xfb\xff\xbf") },
	{ URL, SPAN("+/+/"), { NULL, 0 } },
	{ URL, SPAN("Zg=="), { NULL, 0 } },
	{ URL, SPAN("Zm8="), { NULL, 0 } },
	{ URL, SPAN("Z"), { NULL, 0 } },
	{ URL, SPAN("Zm9vY"), { NULL, 0 } },
	{ URL, SPAN("Zh"), { NULL, 0 } },
	{ URL, SPAN("Zm9"), { NULL, 0 } },
	{ URL, SPAN("Zm9v\n"), { NULL, 0 } },
	{ URL, SPAN("Zm9v.Zm9v"), { NULL, 0 } },
	/* Lenient: as Java's MIME decoder reads, whatever the alphabet. */
	{ LAX, SPAN("Zg=="), SPAN("f") },
	{ LAX, SPAN("Zg="), SPAN("f") },
	{ LAX, SPAN("Zg"), SPAN("f") },
	{ LAX, SPAN("Zm8"), TWO },
	{ LAX, SPAN(" Z m\r\n9\tv\0"), SPAN("foo") },
	{ LAX, SPAN("Zm9v-_+/"), SPAN("foo\xfb\xff\xbf") },
	{ LAX, SPAN("Z!m@9#v$"), SPAN("foo") },
	{ LAX, SPAN("Zh"), SPAN("f") }, /* the bits left over are passed over, too */
	{ LAX, SPAN("Zm9vZ"), SPAN("foo") },
	{ LAX, SPAN("Zg==Zg=="), SPAN("f") },
	{ LAX, SPAN("!?*"), SPAN("") },
};

START_TEST(decode)
{
	struct buf out = { NULL, 0, 0 };
	bool good = rows[_i].bytes.at != NULL;

	/* What was there before stays, and a refusal leaves nothing behind it. */
	buf_put(&out, SPAN("before"));
	ck_assert_int_eq(base64_decode(rows[_i].text, rows[_i].form, &out), good);
	ck_assert_uint_eq(out.len, 6 + (good ? rows[_i].bytes.len : 0));
	ck_assert_mem_eq(out.at, "before", 6);
	if (good)
		ck_assert(span_eq((struct span){ out.at + 6, out.len - 6 }, rows[_i].bytes));
	buf_fini(&out);
}
END_TEST

/* Each byte of the alphabet stands for its number, and no other byte for any. */
START_TEST(every_byte)
{
	static const char digits[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";

	for (int c = 0; c < 256; c++) {
		for (enum base64_form form = STD; form <= URL; form++) {
			const char *at = c ? strchr(digits, c) : NULL;
			int value = at ? (int)(at - digits) : -1;
			const char text[4] = { (char)c, 'A', 'A', 'A' };
			struct buf out = { NULL, 0, 0 };

			if (c == (form == STD ? '+' : '-'))
				value = 62;
			else if (c == (form == STD ? '/' : '_'))
				value = 63;
			ck_assert_int_eq(
				base64_decode((struct span){ text, 4 }, form, &out), value >= 0);
			if (value >= 0)
				ck_assert_int_eq((unsigned char)out.at[0], value << 2);
			buf_fini(&out);
		}
	}
}
END_TEST

/* Decoding undoes encoding, in each form. */
START_TEST(there_and_back)
{
	char bytes[70];
	size_t len = (size_t)_i;
	struct buf text = { NULL, 0, 0 }, out = { NULL, 0, 0 };

	for (size_t i = 0; i < len; i++)
		bytes[i] = (char)(i * 151 + len * 31);
	base64_encode((struct span){ bytes, len }, &text);
	ck_assert_uint_eq(text.len, (len + 2) / 3 * 4);
	ck_assert(base64_decode(buf_span(&text), STD, &out));
	ck_assert(base64_decode(buf_span(&text), LAX, &out));
	while (text.len > 0 && text.at[text.len - 1] == '=')
		text.len--;
	for (size_t i = 0; i < text.len; i++) {
		if (text.at[i] == '+')
			text.at[i] = '-';
		else if (text.at[i] == '/')
			text.at[i] = '_';
	}
	ck_assert(base64_decode(buf_span(&text), URL, &out));
	ck_assert_uint_eq(out.len, 3 * len);
	for (size_t i = 0; i < 3 * len; i++)
		ck_assert_int_eq(out.at[i], bytes[i % len]);
	buf_fini(&text);
	buf_fini(&out);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("base/base64");
	TCase *tc = tcase_create("base64");
	SRunner *runner;
	int failed;

	tcase_add_loop_test(tc, vector, 0, (int)countof(vectors));
	tcase_add_loop_test(tc, decode, 0, (int)countof(rows));
	tcase_add_test(tc, every_byte);
	tcase_add_loop_test(tc, there_and_back, 0, 70);
	suite_add_tcase(suite, tc);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
