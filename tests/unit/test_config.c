/* config: the table of options, and the file. */
#include "config/options.h"
#include "tests/unit/config_case.h"

START_TEST(every_row_is_sound)
{
	const struct option *o, *other;
	char flag[OPTION_NAME_BYTES], again[OPTION_NAME_BYTES];

	for (size_t i = 0; (o = options_get(i)); i++) {
		bool is_number = o->type == &options_duration || o->type == &options_size ||
				 o->type == &options_count;

		ck_assert_msg(*o->help && o->help[strlen(o->help) - 1] == '.', "%s: help", o->path);
		ck_assert_msg(is_number == (o->least && o->most), "%s: bounds", o->path);
		ck_assert_msg((o->type == &options_choice) == (o->least && !o->most), "%s: words",
			o->path);
		ck_assert_ptr_eq(options_find(o->path), o);
		ck_assert(!options_is_group(o->path));
		options_flag_name(o, flag);
		for (size_t j = 0; j < i; j++) {
			other = options_get(j);
			options_flag_name(other, again);
			ck_assert_str_ne(flag, again);
			ck_assert_uint_ne(o->offset, other->offset);
		}
	}
}
END_TEST

/* Or else the printers would open an object twice. */
START_TEST(groups_stay_together)
{
	const struct option *o;
	char group[OPTION_NAME_BYTES];

	for (size_t i = 0; (o = options_get(i)); i++) {
		for (const char *dot = strchr(o->path, '.'); dot; dot = strchr(dot + 1, '.')) {
			size_t len = (size_t)(dot + 1 - o->path);
			const struct option *other;
			bool left = false;

			(void)snprintf(group, sizeof(group), "%.*s", (int)len, o->path);
			for (size_t j = i; (other = options_get(j)); j++) {
				bool inside = strncmp(other->path, group, len) == 0;

				ck_assert_msg(!inside || !left, "%s: apart", other->path);
				left = left || !inside;
			}
		}
	}
}
END_TEST

START_TEST(defaults_and_bounds_are_readable)
{
	const struct option *o;

	for (size_t i = 0; (o = options_get(i)); i++) {
		const struct config_origin origin = { .source = CONFIG_DEFAULT };

		ck_assert_msg(options_set(&c, o, origin, o->dflt, &error), "%s", error.text);
		if (!o->most)
			continue;
		ck_assert_msg(options_set(&c, o, origin, o->least, &error), "%s", error.text);
		ck_assert_msg(options_set(&c, o, origin, o->most, &error), "%s", error.text);
	}
}
END_TEST

START_TEST(defaults_are_those_of_the_table)
{
	ck_assert_str_eq(c.listen, "127.0.0.1:8080");
	ck_assert_uint_eq(c.threads, 0);
	ck_assert_uint_eq(c.drain_time, 10000);
	ck_assert_uint_eq(c.redis_outbox, 16u << 20);
	ck_assert_str_eq(c.redis_url, "");
	ck_assert(!c.allow_client_publish);
	ck_assert_uint_eq(c.origins.count, 0);
	ck_assert_uint_eq(c.auth_user_roles.count, 3);
	ck_assert_str_eq(c.auth_user_roles.items[2], "authorities");
	ck_assert_uint_eq(c.log_level, 2);
	ck_assert_str_eq(config_word(&c, "log.level"), "info");
}
END_TEST

START_TEST(reads_a_file)
{
	ck_assert_msg(load("// a comment with a \" in it\n"
			   "{ /* and\n another */ \"threads\": 4,\n"
			   "\"listen\": \"a // b /* c */ \\\" \\u00e9\",\n"
			   "\"drain_time\": \"9m\", \"allow_client_publish\": true,\n"
			   "\"origins\": [\"a,b\", \"c\"],\n"
			   "\"prefixes\": { \"app\": [] },\n"
			   "\"limits\": { \"connections\": \"7\", \"body\": \"3k\" },\n"
			   "\"log\": { \"level\": \"debug\" } }\n"),
		"%s", error.text);
	ck_assert_uint_eq(c.threads, 4);
	ck_assert_str_eq(c.listen, "a // b /* c */ \" \xc3\xa9");
	ck_assert_uint_eq(c.drain_time, 540000);
	ck_assert(c.allow_client_publish);
	ck_assert_uint_eq(c.origins.count, 2);
	ck_assert_str_eq(c.origins.items[0], "a,b");
	ck_assert_uint_eq(c.prefixes_app.count, 0);
	ck_assert_uint_eq(c.prefixes_broker.count, 1);
	ck_assert_uint_eq(c.limits_connections, 7);
	ck_assert_uint_eq(c.limits_body, 3072);
	ck_assert_str_eq(config_word(&c, "log.level"), "debug");
	ck_assert_uint_eq(options_origin(&c, options_find("log.level"))->line, 8 + 1);
}
END_TEST

/* The message goes on behind "stompbox.json:". */
static const struct {
	struct span text;
	const char *message;
} refused[] = {
	{ SPAN("{\n\n\"listten\": \"x\"}"),
		"3: listten: unknown option; did you mean \"listen\"?" },
	{ SPAN("{\"redis\":\n{\"urll\": \"x\"}}"),
		"2: redis.urll: unknown option; did you mean \"redis.url\"?" },
	{ SPAN("{\"url\": \"x\"}"), "1: url: unknown option; did you mean \"redis.url\"?" },
	{ SPAN("{\"zzz\": 1}"), "1: zzz: unknown option" },
	{ SPAN("{\"\": 1}"), "1: : unknown option" },
	{ SPAN("{\"redis.url\": \"x\"}"), "1: redis.url: unknown option; a dot stands for an "
					  "object, such as \"redis\": { \"url\": ... }" },
	{ SPAN("{\"threads\": 1,\n\"thread\\u0073\": 1}"),
		"2: threads: is set twice, in line 1 already; drop one" },
	{ SPAN("{\"log\": {},\n\"log\": {}}"),
		"2: log: is set twice, in line 1 already; drop one" },
	{ SPAN("{\"listen\": 8080}"), "1: listen: 8080 is not a text in quotes" },
	{ SPAN("{\"listen\": null}"), "1: listen: null is not a text in quotes" },
	{ SPAN("{\"listen\": {}}"), "1: listen: an object is not a text in quotes" },
	{ SPAN("{\"threads\": \"many\"}"), "1: threads: \"many\" is not a count, such as \"4\"" },
	{ SPAN("{\"threads\": 4.5}"), "1: threads: 4.5 is not a whole number, such as 4" },
	{ SPAN("{\"threads\": true}"), "1: threads: true is not a whole number, such as 4" },
	{ SPAN("{\"threads\": 65}"), "1: threads: \"65\" is not between 0 and 64" },
	{ SPAN("{\"threads\": -1}"), "1: threads: \"-1\" is not a count, such as \"4\"" },
	{ SPAN("{\"limits\": {\"connections\": 0}}"),
		"1: limits.connections: \"0\" is not between 1 and 10000000" },
	{ SPAN("{\"drain_time\": 10}"),
		"1: drain_time: 10 is not a duration in quotes, such as \"10s\"" },
	{ SPAN("{\"drain_time\": \"10\"}"),
		"1: drain_time: \"10\" is not a duration, such as \"10s\"" },
	{ SPAN("{\"drain_time\": \"10sec\"}"),
		"1: drain_time: \"10sec\" is not a duration, such as \"10s\"" },
	{ SPAN("{\"drain_time\": \" 1s\"}"),
		"1: drain_time: \" 1s\" is not a duration, such as \"10s\"" },
	{ SPAN("{\"drain_time\": \"-1s\"}"),
		"1: drain_time: \"-1s\" is not a duration, such as \"10s\"" },
	{ SPAN("{\"drain_time\": \"601s\"}"), "1: drain_time: \"601s\" is not between 0 and 10m" },
	{ SPAN("{\"drain_time\": \"99999999999999999999h\"}"),
		"1: drain_time: \"99999999999999999999h\" is not between 0 and 10m" },
	{ SPAN("{\"drain_time\": \"5124095576030432h\"}"),
		"1: drain_time: \"5124095576030432h\" is not between 0 and 10m" },
	{ SPAN("{\"limits\": {\"body\": \"1K\"}}"),
		"1: limits.body: \"1K\" is not a size, such as \"64k\"" },
	{ SPAN("{\"limits\": {\"body\": \"1023b\"}}"),
		"1: limits.body: \"1023b\" is not between 1k and 16M" },
	{ SPAN("{\"allow_client_publish\": \"true\"}"),
		"1: allow_client_publish: \"true\" is not true or false, without quotes" },
	{ SPAN("{\"redis\": {\n\"on_down\": \"maybe\"}}"),
		"2: redis.on_down: \"maybe\" is not one of local, refuse" },
	{ SPAN("{\"redis\": {\"on_down\": \"\"}}"),
		"1: redis.on_down: \"\" is not one of local, refuse" },
	{ SPAN("{\"redis\": {\"on_down\": 1}}"), "1: redis.on_down: 1 is not a word in quotes" },
	{ SPAN("{\"redis\": \"redis://u:hush@h\"}"),
		"1: redis: must be an object, { ... }, of options" },
	{ SPAN("{\"redis\": {\"url\": [\"hush\"]}}"),
		"1: redis.url: a list is not a text in quotes" },
	{ SPAN("{\"redis\": {\"url\": 12345}}"),
		"1: redis.url: the value is not a text in quotes" },
	{ SPAN("{\"redis\": {\"urls\": \"hush\"}}"),
		"1: redis.urls: unknown option; did you mean \"redis.url\"?" },
	{ SPAN("{\"origins\": \"a\"}"),
		"1: origins: \"a\" is not a list of texts, such as [\"a\", \"b\"]" },
	{ SPAN("{\"origins\": [\"a\", 5]}"),
		"1: origins: item 2: 5 is not a text in quotes that is not empty" },
	{ SPAN("{\"origins\": [\"\"]}"),
		"1: origins: item 1: \"\" is not a text in quotes that is not empty" },
	{ SPAN(""), "1:1: not JSON from here on" },
	{ SPAN("\n\n"), "3:1: not JSON from here on" },
	{ SPAN("[]"), "1:1: must be an object, { ... }, of options" },
	{ SPAN("\n 5"), "2:2: must be an object, { ... }, of options" },
	{ SPAN("{} x"), "1:4: not JSON from here on" },
	{ SPAN("{} {}"), "1:4: not JSON from here on" },
	{ SPAN("{\n\"threads\": 1,\n}"), "3:1: not JSON from here on" },
	{ SPAN("{\"threads\": 01}"), "1:14: not JSON from here on" },
	{ SPAN("{\"listen\": \"\xc3\xa9\" \"x\"}"), "1:16: not JSON from here on" },
	{ SPAN("{\"listen\": \"\xff\"}"), "1:13: not JSON from here on" },
	{ SPAN("{\"listen\": \"a\n\"}"), "1:14: not JSON from here on" },
	{ SPAN("{\"listen\": \"\\ud800\"}"), "1:13: not JSON from here on" },
	{ SPAN("{\"listen\": \"a\0b\"}"), "1:14: a NUL, which no text file holds" },
	{ SPAN("// \"\n{\"listen\": \"a\\u0000b\"}"), "2:14: a NUL, which no option may hold" },
	{ SPAN("{\n /* {}"), "2:2: this comment has no end; write */ behind it" },
	{ SPAN("{} /*/"), "1:4: this comment has no end; write */ behind it" },
};

START_TEST(refuses)
{
	ck_assert(!config_load_text(
		&c, "stompbox.json", refused[_i].text.at, refused[_i].text.len, &error));
	ck_assert_int_eq(strncmp(error.text, "stompbox.json:", 14), 0);
	ck_assert_str_eq(error.text + 14, refused[_i].message);
}
END_TEST

START_TEST(messages_stay_one_short_line)
{
	char text[4096], name[3000];

	memset(name, 'n', sizeof(name) - 1);
	name[sizeof(name) - 1] = '\0';
	ck_assert(!load("{\"log\": {\"level\": \"a\\nb\\u007f\"}}"));
	ck_assert_str_eq(error.text,
		"stompbox.json:1: log.level: \"a?b?\" is not one of error, warn, info, debug");
	(void)snprintf(text, sizeof(text), "{\"%s\": 1}", name);
	ck_assert(!load(text));
	ck_assert_ptr_nonnull(strstr(error.text, "unknown option"));
	(void)snprintf(text, sizeof(text), "{\"log\": {\"level\": \"%s\"}}", name);
	ck_assert(!load(text));
	ck_assert_ptr_nonnull(strstr(error.text, "...\" is not one of error"));
	ck_assert(!config_load_text(&c, name, "{\"threads\": 99}", 15, &error));
	ck_assert_ptr_nonnull(strstr(error.text, "n:1: threads: \"99\" is not between"));
}
END_TEST

START_TEST(refuses_a_file_that_is_too_long)
{
	size_t most = 1 << 20;
	char *text = mem_zalloc(most + 1);

	memset(text, ' ', most + 1);
	text[0] = '{';
	text[most - 1] = '}';
	ck_assert_msg(config_load_text(&c, "f", text, most, &error), "%s", error.text);
	ck_assert(!config_load_text(&c, "f", text, most + 1, &error));
	ck_assert_str_eq(error.text, "f: longer than 1 MiB");
	free(text);
}
END_TEST

START_TEST(refuses_a_file_that_cannot_be_read)
{
	ck_assert(!config_load_file(&c, "/nonexistent/f", &error));
	ck_assert_str_eq(error.text, "/nonexistent/f: cannot be read: No such file or directory");
	ck_assert(!config_load_file(&c, "/", &error));
	ck_assert_str_eq(error.text, "/: cannot be read: Is a directory");
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("config");
	TCase *tc = new_case(suite, "table");

	tcase_add_test(tc, every_row_is_sound);
	tcase_add_test(tc, groups_stay_together);
	tcase_add_test(tc, defaults_and_bounds_are_readable);
	tcase_add_test(tc, defaults_are_those_of_the_table);
	tc = new_case(suite, "file");
	tcase_add_test(tc, reads_a_file);
	tcase_add_loop_test(tc, refuses, 0, (int)countof(refused));
	tcase_add_test(tc, messages_stay_one_short_line);
	tcase_add_test(tc, refuses_a_file_that_is_too_long);
	tcase_add_test(tc, refuses_a_file_that_cannot_be_read);
	return run_suite(suite);
}
