/* config: what is printed of it, and that it can be read again. */
#include "base/json.h"
#include "config/options.h"
#include "tests/unit/config_case.h"

static char *print(void (*printer)(FILE *out))
{
	char *text = NULL;
	size_t len = 0;
	FILE *out = open_memstream(&text, &len);

	ck_assert_ptr_nonnull(out);
	printer(out);
	ck_assert_int_eq(fclose(out), 0);
	return text;
}

static void print_c(FILE *out)
{
	config_print(&c, out);
}

static void print_help(FILE *out)
{
	config_print_help(out, "stompbox");
}

/* All values but the secrets, which are not printed. */
static char *values_of(const struct config *config)
{
	struct buf out = { NULL, 0, 0 };
	const struct option *o;

	for (size_t i = 0; (o = options_get(i)); i++) {
		buf_printf(&out, "%s ", o->path);
		if (!o->type->is_secret)
			o->type->write(o, options_value(config, o), &out);
		buf_put_byte(&out, '\n');
	}
	buf_put_byte(&out, '\0');
	return out.at;
}

START_TEST(the_sample_is_the_defaults)
{
	char *before = values_of(&c), *sample = print(config_print_sample), *after;

	ck_assert_msg(load(sample), "%s", error.text);
	after = values_of(&c);
	ck_assert_str_eq(before, after);
	for (size_t i = 0; options_get(i); i++) {
		const struct option *o = options_get(i);

		ck_assert_msg(o->type->is_secret || options_origin(&c, o)->line > 0, "%s", o->path);
	}
	ck_assert_ptr_nonnull(strstr(sample, "// \"url\": \"\","));
	free(before);
	free(sample);
	free(after);
}
END_TEST

START_TEST(what_is_printed_loads_again)
{
	char *before, *text, *after;
	enum config_command command;

	ck_assert(load("{ \"listen\": \"\\\"// \\u0001 /*\", \"origins\": [\"a,b\", \"\\\\\"],"
		       "\"drain_time\": \"61s\", \"limits\": { \"body\": \"1025b\" },"
		       "\"log\": { \"format\": \"json\" }, \"allow_client_publish\": true }"));
	free(c.file);
	c.file = mem_dup("evil\n}\nname", 11);
	ck_assert_int_eq(run("stompbox --heartbeat-send=0 --threads=7", &command), CONFIG_OK);
	before = values_of(&c);
	text = print(print_c);
	config_fini(&c);
	config_init(&c);
	ck_assert_msg(load(text), "%s\n%s", error.text, text);
	after = values_of(&c);
	ck_assert_str_eq(before, after);
	free(before);
	free(text);
	free(after);
}
END_TEST

START_TEST(says_where_values_came_from)
{
	enum config_command command;
	char *text;

	ck_assert(load("{\n\"endpoint\": \"/x\" }"));
	ck_assert_int_eq(setenv("STOMPBOX_LISTEN", "e", 1), 0);
	ck_assert_int_eq(run("stompbox --redis-url=redis://hush", &command), CONFIG_OK);
	text = print(print_c);
	ck_assert_ptr_nonnull(strstr(text, "  \"endpoint\": \"/x\",      "));
	ck_assert_ptr_nonnull(strstr(text, "// stompbox.json:2\n"));
	ck_assert_ptr_nonnull(strstr(text, "// STOMPBOX_LISTEN\n"));
	ck_assert_ptr_nonnull(strstr(text, "// \"url\": (set) "));
	ck_assert_ptr_nonnull(strstr(text, "// --redis-url\n"));
	ck_assert_ptr_nonnull(strstr(text, "// \"key\": (not set) "));
	ck_assert_ptr_nonnull(strstr(text, "// default\n"));
	ck_assert_ptr_null(strstr(text, "hush"));
	free(text);
}
END_TEST

static struct span member(struct span object, const char *name)
{
	struct span value = { NULL, 0 };

	ck_assert_msg(json_member(object, span_of(name), &value), "%s is missing", name);
	return value;
}

START_TEST(the_schema_knows_every_option)
{
	char *text = print(config_print_schema);
	struct span schema = json_trim(span_of(text)), at;
	const struct option *o;

	ck_assert(json_is_value(schema));
	for (size_t i = 0; (o = options_get(i)); i++) {
		char name[OPTION_NAME_BYTES];
		const char *path = o->path;

		at = schema;
		for (size_t len; *path; path += len + (path[len] == '.')) {
			len = strcspn(path, ".");
			(void)snprintf(name, sizeof(name), "%.*s", (int)len, path);
			ck_assert(span_eq(member(at, "additionalProperties"), SPAN("false")));
			at = member(member(at, "properties"), name);
		}
		(void)member(at, "type");
		(void)member(at, "description");
		if (o->type == &options_count)
			ck_assert(span_eq(member(at, "maximum"), span_of(o->most)));
		if (o->type == &options_duration || o->type == &options_size)
			(void)member(at, "pattern");
		if (!o->type->is_secret)
			(void)member(at, "default");
	}
	at = member(member(member(schema, "properties"), "redis"), "properties");
	at = member(member(at, "on_down"), "enum");
	ck_assert(span_eq(at, SPAN("[\"local\", \"refuse\"]")));
	free(text);
}
END_TEST

START_TEST(help_and_document_name_every_option)
{
	char *help = print(print_help), *document = print(config_print_options);
	const struct option *o;

	for (size_t i = 0; (o = options_get(i)); i++) {
		char name[OPTION_NAME_BYTES], row[2 * OPTION_NAME_BYTES];

		options_flag_name(o, name);
		(void)snprintf(row, sizeof(row), "  %s%s=<%s>", name,
			o->type == &options_flag ? "[" : "", o->type->name);
		ck_assert_msg(strstr(help, row) != NULL, "%s", row);
		(void)snprintf(row, sizeof(row), "\n## %s\n", o->path);
		ck_assert_msg(strstr(document, row) != NULL, "%s", row);
		options_variable(o, name);
		(void)snprintf(row, sizeof(row), "`%s`", name);
		ck_assert_msg(strstr(document, row) != NULL, "%s", row);
	}
	for (const char *line = help; *line; line += strcspn(line, "\n") + 1)
		ck_assert_msg(strcspn(line, "\n") <= 80, "%.90s", line);
	free(help);
	free(document);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("config/print");
	TCase *tc = new_case(suite, "print");

	tcase_add_test(tc, the_sample_is_the_defaults);
	tcase_add_test(tc, what_is_printed_loads_again);
	tcase_add_test(tc, says_where_values_came_from);
	tcase_add_test(tc, the_schema_knows_every_option);
	tcase_add_test(tc, help_and_document_name_every_option);
	return run_suite(suite);
}
