/* base/percent: RFC 3986, section 2.1, and what is no code. */
#include "base/percent.h"

#include <check.h>
#include <stdint.h>
#include <stdlib.h>

static const struct {
	struct span text;
	struct span in_url;
	struct span in_form;
} rows[] = {
	{ { NULL, 0 }, SPAN(""), SPAN("") },
	{ SPAN("plain"), SPAN("plain"), SPAN("plain") },
	{ SPAN("a+b%2Bc%2bd%20"), SPAN("a+b+c+d "), SPAN("a b+c+d ") },
	{ SPAN("%00%7F%80%ff"), SPAN("\0\x7f\x80\xff"), SPAN("\0\x7f\x80\xff") },
	{ SPAN("%2541"), SPAN("%41"), SPAN("%41") },
	{ SPAN("%"), SPAN("%"), SPAN("%") },
	{ SPAN("%4"), SPAN("%4"), SPAN("%4") },
	{ SPAN("%%41%4%41"), SPAN("%A%4A"), SPAN("%A%4A") },
	{ SPAN("%4g%g4%/0%:0%@0%`0"), SPAN("%4g%g4%/0%:0%@0%`0"), SPAN("%4g%g4%/0%:0%@0%`0") },
	{ SPAN("%aF%Fa%0x"), SPAN("\xaf\xfa%0x"), SPAN("\xaf\xfa%0x") },
};

/* In memory that ends where the text ends, so that reading further is seen. */
static struct span exact(struct span text)
{
	char *copy = malloc(text.len);

	if (text.len > 0)
		memcpy(copy, text.at, text.len);
	return (struct span){ copy, text.len };
}

START_TEST(decodes)
{
	struct span text = exact(rows[_i].text);
	struct buf out = { NULL, 0, 0 };

	buf_put_byte(&out, '>');
	percent_decode(text, false, &out);
	ck_assert(span_eq((struct span){ out.at + 1, out.len - 1 }, rows[_i].in_url));
	out.len = 1;
	percent_decode(text, true, &out);
	ck_assert(span_eq((struct span){ out.at + 1, out.len - 1 }, rows[_i].in_form));
	ck_assert_int_eq(out.at[0], '>');
	buf_fini(&out);
	free((void *)(uintptr_t)text.at);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("base/percent");
	TCase *tc = tcase_create("percent");
	SRunner *runner;
	int failed;

	tcase_add_loop_test(tc, decodes, 0, countof(rows));
	suite_add_tcase(suite, tc);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
