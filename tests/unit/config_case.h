/* A fresh configuration for each test, without the variables of who runs it. */
#ifndef TESTS_UNIT_CONFIG_CASE_H
#define TESTS_UNIT_CONFIG_CASE_H

#include "base/mem.h"
#include "config/config.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static struct config c;
static struct config_error error;

static inline void set_up(void)
{
	char name[128];

	for (char **at = environ; *at;) {
		if (strncmp(*at, "STOMPBOX_", 9) != 0) {
			at++;
			continue;
		}
		(void)snprintf(name, sizeof(name), "%.*s", (int)strcspn(*at, "="), *at);
		ck_assert_int_eq(unsetenv(name), 0);
	}
	config_init(&c);
	memset(&error, 0, sizeof(error));
}

static inline void tear_down(void)
{
	config_fini(&c);
}

static inline bool load(const char *text)
{
	return config_load_text(&c, "stompbox.json", text, strlen(text), &error);
}

/* Runs the command line, whose words have blanks between them. */
static inline enum config_result run(const char *line, enum config_command *command)
{
	char *words = mem_dup(line, strlen(line));
	char *argv[16] = { words };
	enum config_result result;
	int argc = 1;

	for (char *at = words; (at = strchr(at, ' ')); argc++) {
		*at++ = '\0';
		argv[argc] = at;
	}
	result = config_load(&c, argc, argv, command, &error);
	free(words);
	return result;
}

static inline TCase *new_case(Suite *suite, const char *name)
{
	TCase *tc = tcase_create(name);

	tcase_add_checked_fixture(tc, set_up, tear_down);
	suite_add_tcase(suite, tc);
	return tc;
}

static inline int run_suite(Suite *suite)
{
	SRunner *runner = srunner_create(suite);
	int failed;

	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}

#endif
