/* config: the environment, the command line, and who is blamed for a value. */
#include "tests/unit/config_case.h"

static const struct {
	const char *name;
	const char *value;
	const char *message;
} variables[] = {
	{ "STOMPBOX_THREADS", "many",
		"STOMPBOX_THREADS: threads: \"many\" is not a count, such as \"4\"" },
	{ "STOMPBOX_THREADS", "", "STOMPBOX_THREADS: threads: \"\" is not a count, such as \"4\"" },
	{ "STOMPBOX_ALLOW_CLIENT_PUBLISH", "yes",
		"STOMPBOX_ALLOW_CLIENT_PUBLISH: allow_client_publish: \"yes\" is not true or false" },
	{ "STOMPBOX_ORIGINS", "a,,b",
		"STOMPBOX_ORIGINS: origins: \"a,,b\" has an empty item: write a,b or nothing at all" },
	{ "STOMPBOX_ORIGINS", "a,",
		"STOMPBOX_ORIGINS: origins: \"a,\" has an empty item: write a,b or nothing at all" },
	{ "STOMPBOX_REDIS_URL", "\xff", "STOMPBOX_REDIS_URL: redis.url: the value is not UTF-8" },
	{ "STOMPBOX_REDIS_URLS", "hush",
		"STOMPBOX_REDIS_URLS: unknown variable; did you mean \"STOMPBOX_REDIS_URL\"?" },
	{ "STOMPBOX_CONFG", "x",
		"STOMPBOX_CONFG: unknown variable; did you mean \"STOMPBOX_CONFIG\"?" },
	{ "STOMPBOX_", "x", "STOMPBOX_: unknown variable" },
};

START_TEST(refuses_a_variable)
{
	ck_assert_int_eq(setenv(variables[_i].name, variables[_i].value, 1), 0);
	ck_assert(!config_load_env(&c, &error));
	ck_assert_str_eq(error.text, variables[_i].message);
}
END_TEST

START_TEST(splits_lists_at_commas)
{
	enum config_command command;

	/* What Kubernetes sets for a Service named stompbox is no option, and no mistake. */
	ck_assert_int_eq(setenv("STOMPBOX_PORT", "tcp://10.0.0.1:8080", 1), 0);
	ck_assert_int_eq(setenv("STOMPBOX_PORT_8080_TCP_ADDR", "10.0.0.1", 1), 0);
	ck_assert_int_eq(setenv("STOMPBOX_SERVICE_HOST", "10.0.0.1", 1), 0);
	ck_assert_int_eq(setenv("STOMPBOX_AUTH_USER_ROLES", "", 1), 0);
	ck_assert_int_eq(setenv("STOMPBOX_ORIGINS", " a , https://*.b:[1,2],c d\t", 1), 0);
	ck_assert_int_eq(run("stompbox", &command), CONFIG_OK);
	ck_assert_uint_eq(c.auth_user_roles.count, 0);
	ck_assert_uint_eq(c.origins.count, 3);
	ck_assert_str_eq(c.origins.items[0], "a");
	ck_assert_str_eq(c.origins.items[1], "https://*.b:[1,2]");
	ck_assert_str_eq(c.origins.items[2], "c d");
}
END_TEST

static const struct {
	const char *line;
	enum config_result result;
	const char *message;
} lines[] = {
	{ "stompbox --threads=99", CONFIG_BAD,
		"--threads: threads: \"99\" is not between 0 and 64" },
	{ "stompbox --threads 99", CONFIG_BAD,
		"--threads: threads: \"99\" is not between 0 and 64" },
	{ "stompbox --allow-client-publish=1", CONFIG_BAD,
		"--allow-client-publish: allow_client_publish: \"1\" is not true or false" },
	{ "stompbox --config=/nonexistent/f", CONFIG_BAD,
		"/nonexistent/f: cannot be read: No such file or directory" },
	{ "stompbox --thread=4", CONFIG_USAGE,
		"--thread: unknown option; did you mean \"--threads\"?" },
	{ "stompbox --redis_url=hush", CONFIG_USAGE,
		"--redis_url: unknown option; did you mean \"--redis-url\"?" },
	{ "stompbox --redis-url:HUSH", CONFIG_USAGE,
		"--redis-url...: unknown option; --help lists them all" },
	{ "stompbox --tset", CONFIG_USAGE, "--tset: unknown option; did you mean \"--test\"?" },
	{ "stompbox --xyzzy", CONFIG_USAGE, "--xyzzy: unknown option; --help lists them all" },
	{ "stompbox -x", CONFIG_USAGE, "-x: unknown option; --help lists them all" },
	{ "stompbox -tx", CONFIG_USAGE, "-x: unknown option; --help lists them all" },
	{ "stompbox hush", CONFIG_USAGE,
		"an argument is not an option; write --option=value, see --help" },
	{ "stompbox --allow-client-publish false", CONFIG_USAGE,
		"an argument is not an option; write --option=value, see --help" },
	{ "stompbox --threads", CONFIG_USAGE, "--threads: needs a value, as in --threads=<count>" },
	{ "stompbox --threads --test", CONFIG_USAGE,
		"--threads: needs a value, as in --threads=<count>" },
	{ "stompbox -c", CONFIG_USAGE, "--config: needs a value, as in --config=<file>" },
	{ "stompbox --test=1", CONFIG_USAGE, "--test: takes no value" },
	{ "stompbox -c a -c b", CONFIG_USAGE, "--config: is given twice; there is one file" },
	{ "stompbox -t --print-config", CONFIG_USAGE,
		"--print-config: does not go with --test; give one of them" },
};

START_TEST(refuses_a_command_line)
{
	enum config_command command;

	ck_assert_int_eq(run(lines[_i].line, &command), lines[_i].result);
	ck_assert_str_eq(error.text, lines[_i].message);
}
END_TEST

static const struct {
	const char *line;
	enum config_command command;
} commands[] = {
	{ "stompbox", CONFIG_RUN },
	{ "stompbox --threads=2", CONFIG_RUN },
	{ "stompbox -t", CONFIG_TEST },
	{ "stompbox --test --threads 2", CONFIG_TEST },
	{ "stompbox -tc/dev/null --help", CONFIG_HELP },
	{ "stompbox --print-config", CONFIG_PRINT_CONFIG },
	{ "stompbox --print-sample", CONFIG_PRINT_SAMPLE },
	{ "stompbox --print-schema", CONFIG_PRINT_SCHEMA },
	{ "stompbox --print-options", CONFIG_PRINT_OPTIONS },
	{ "stompbox -h --bad", CONFIG_HELP },
	{ "stompbox -V", CONFIG_VERSION },
	{ "stompbox --version", CONFIG_VERSION },
};

START_TEST(understands_commands)
{
	enum config_command command;

	ck_assert_int_eq(run(commands[_i].line, &command), CONFIG_OK);
	ck_assert_int_eq(command, commands[_i].command);
}
END_TEST

/* Help must come even when the configuration is broken. */
START_TEST(help_reads_no_configuration)
{
	enum config_command command;

	ck_assert_int_eq(setenv("STOMPBOX_THREADS", "many", 1), 0);
	ck_assert_int_eq(setenv("STOMPBOX_CONFIG", "/nonexistent/f", 1), 0);
	ck_assert_int_eq(run("stompbox --help", &command), CONFIG_OK);
	ck_assert_int_eq(run("stompbox --print-schema", &command), CONFIG_OK);
	ck_assert_int_eq(run("stompbox", &command), CONFIG_BAD);
}
END_TEST

/* Default, file, environment, command line: each overrides those before. */
START_TEST(later_sources_override)
{
	char file[] = "/tmp/test-config-XXXXXX", line[128];
	const char text[] = "{ \"threads\": 1, \"listen\": \"f\", \"endpoint\": \"/f\",\n"
			    "\"origins\": [\"f\"], \"prefixes\": { \"app\": [\"/f\"] } }";
	enum config_command command;
	int fd = mkstemp(file);

	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(write(fd, text, sizeof(text) - 1), sizeof(text) - 1);
	close(fd);
	ck_assert_int_eq(setenv("STOMPBOX_THREADS", "2", 1), 0);
	ck_assert_int_eq(setenv("STOMPBOX_LISTEN", "e", 1), 0);
	ck_assert_int_eq(setenv("STOMPBOX_ORIGINS", "e", 1), 0);
	ck_assert_int_eq(setenv("STOMPBOX_CONFIG", "/nonexistent/f", 1), 0);
	(void)snprintf(line, sizeof(line),
		"stompbox --threads=9 --origins=a --threads=3 --origins b,c -c %s", file);
	ck_assert_msg(run(line, &command) == CONFIG_OK, "%s", error.text);
	unlink(file);
	ck_assert_uint_eq(c.threads, 3);
	ck_assert_str_eq(c.listen, "e");
	ck_assert_str_eq(c.endpoint, "/f");
	ck_assert_uint_eq(c.origins.count, 3);
	ck_assert_str_eq(c.origins.items[0], "a");
	ck_assert_str_eq(c.origins.items[2], "c");
	ck_assert_uint_eq(c.prefixes_app.count, 1);
	ck_assert_str_eq(c.prefixes_app.items[0], "/f");
	ck_assert_str_eq(c.prefixes_broker.items[0], "/sub");
}
END_TEST

START_TEST(blames_where_a_value_came_from)
{
	enum config_command command;

	ck_assert(load("{\n\"origins\": [\"a\", \"hm\"],\n\"redis\": { \"url\": \"hush\" } }"));
	ck_assert_int_eq(setenv("STOMPBOX_LISTEN", "x", 1), 0);
	ck_assert_int_eq(run("stompbox --threads=3 --heartbeat-send=90s", &command), CONFIG_OK);
	config_blame(&c, "origins", 1, "is not an origin", &error);
	ck_assert_str_eq(error.text, "stompbox.json:2: origins: item 2: \"hm\" is not an origin");
	config_blame(&c, "redis.url", -1, "must not be so", &error);
	ck_assert_str_eq(error.text, "stompbox.json:3: redis.url: the value must not be so");
	config_blame(&c, "listen", -1, "nobody is there", &error);
	ck_assert_str_eq(error.text, "STOMPBOX_LISTEN: listen: \"x\": nobody is there");
	config_blame(&c, "threads", -1, "is odd", &error);
	ck_assert_str_eq(error.text, "--threads: threads: 3 is odd");
	config_blame(&c, "heartbeat.send", -1, "is long", &error);
	ck_assert_str_eq(error.text, "--heartbeat-send: heartbeat.send: \"90s\" is long");
	config_blame(&c, "auth.anonymous", -1, "must not be so", &error);
	ck_assert_str_eq(error.text, "auth.anonymous: \"allow\" must not be so");
	config_blame(&c, "prefixes.app", -1, "must be longer", &error);
	ck_assert_str_eq(error.text, "prefixes.app: [\"/pub\"] must be longer");
	config_blame(&c, "redis", -1, "the whole of it is off", &error);
	ck_assert_str_eq(error.text, "stompbox.json:3: redis: the whole of it is off");
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("config/args");
	TCase *tc = new_case(suite, "arguments");

	tcase_add_loop_test(tc, refuses_a_variable, 0, (int)countof(variables));
	tcase_add_test(tc, splits_lists_at_commas);
	tcase_add_loop_test(tc, refuses_a_command_line, 0, (int)countof(lines));
	tcase_add_loop_test(tc, understands_commands, 0, (int)countof(commands));
	tcase_add_test(tc, help_reads_no_configuration);
	tcase_add_test(tc, later_sources_override);
	tcase_add_test(tc, blames_where_a_value_came_from);
	return run_suite(suite);
}
