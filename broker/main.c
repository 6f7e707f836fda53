/* The command line, and what the process says and answers to who started it. */
#include "base/log.h"
#include "broker/broker.h"

#include <stdio.h>
#include <stdlib.h>
#include <sysexits.h>

static int fail(int status, const struct config_error *error)
{
	fprintf(stderr, "stompbox: %s\n", error->text);
	return status;
}

/* What is printed without starting; false: the command is to run. */
static bool print(enum config_command command, const struct config *c)
{
	switch (command) {
	case CONFIG_HELP:
		config_print_help(stdout, "stompbox");
		return true;
	case CONFIG_VERSION:
		printf("stompbox %s\n", VERSION);
		return true;
	case CONFIG_PRINT_CONFIG:
		config_print(c, stdout);
		return true;
	case CONFIG_PRINT_SAMPLE:
		config_print_sample(stdout);
		return true;
	case CONFIG_PRINT_SCHEMA:
		config_print_schema(stdout);
		return true;
	case CONFIG_PRINT_OPTIONS:
		config_print_options(stdout);
		return true;
	case CONFIG_RUN:
	case CONFIG_TEST:
		break;
	}
	return false;
}

static int run(const struct config *c, enum config_command command)
{
	struct config_error error;
	struct broker broker;
	int status = EXIT_SUCCESS;

	log_set_level((enum log_level)c->log_level);
	log_set_format((enum log_format)c->log_format);
	if (!broker_init(&broker, c, &error))
		status = fail(EX_CONFIG, &error);
	else if (command == CONFIG_TEST)
		printf("stompbox: the configuration is good\n");
	else
		status = broker_run(&broker);
	broker_fini(&broker);
	return status;
}

int main(int argc, char **argv)
{
	enum config_command command = CONFIG_RUN;
	struct config_error error;
	struct config config;
	int status = EXIT_SUCCESS;

	config_init(&config);
	switch (config_load(&config, argc, argv, &command, &error)) {
	case CONFIG_USAGE:
		status = fail(EX_USAGE, &error);
		break;
	case CONFIG_BAD:
		status = fail(EX_CONFIG, &error);
		break;
	case CONFIG_OK:
		if (!print(command, &config))
			status = run(&config, command);
		break;
	}
	config_fini(&config);
	return status;
}
