/*
 * The command line and the environment.
 *
 * The command line is walked twice: first for what it asks for and for the
 * file, and to refuse it before anything is read; then, with file and
 * environment applied, for the options that override them.
 */
#include "config/nearest.h"
#include "config/options.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define VARIABLE_PREFIX "STOMPBOX_"

static const struct word {
	const char *name;
	char letter; /* or 0 */
	bool is_file;
	enum config_command command;
} words[] = {
	{ "--config", 'c', true, CONFIG_RUN },
	{ "--test", 't', false, CONFIG_TEST },
	{ "--print-config", 0, false, CONFIG_PRINT_CONFIG },
	{ "--print-sample", 0, false, CONFIG_PRINT_SAMPLE },
	{ "--print-schema", 0, false, CONFIG_PRINT_SCHEMA },
	{ "--print-options", 0, false, CONFIG_PRINT_OPTIONS },
	{ "--help", 'h', false, CONFIG_HELP },
	{ "--version", 'V', false, CONFIG_VERSION },
};

/* Where the walk is, and what it stands at. */
struct walk {
	char **next;
	const char *letters; /* the rest of "-tc", or NULL */
	struct config_error *error;
	bool failed;
	/* One of these two. */
	const struct word *word;
	const struct option *option;
	const char *value; /* of the option or of --config; NULL for a command */
};

static bool fail(struct walk *w)
{
	w->failed = true;
	return false;
}

static bool fail_unknown(struct walk *w, const char *name)
{
	size_t len = strspn(name, "-_.abcdefghijklmnopqrstuvwxyz");
	const struct option *o;
	char flag[OPTION_NAME_BYTES], question[NEAREST_QUESTION_BYTES];
	struct nearest near;

	nearest_init(&near, name);
	for (size_t i = 0; i < countof(words); i++)
		nearest_offer(&near, words[i].name, 2);
	for (size_t i = 0; (o = options_get(i)); i++) {
		options_flag_name(o, flag);
		nearest_offer(&near, flag, 2);
	}
	/* What cannot be part of a name may be a secret behind one. */
	options_say(w->error, "%.*s%s: unknown option%s", (int)len, name, name[len] ? "..." : "",
		*near.name ? nearest_question(&near, question) : "; --help lists them all");
	return fail(w);
}

/* The next argument, unless it looks like an option: then the value was forgotten. */
static bool take_value(struct walk *w, const char *name, const char *form)
{
	if (!*w->next || strncmp(*w->next, "--", 2) == 0) {
		options_say(w->error, "%s: needs a value, as in %s=<%s>", name, name, form);
		return fail(w);
	}
	w->value = *w->next++;
	return true;
}

static bool stand_at_letter(struct walk *w)
{
	char letter = *w->letters++;

	for (size_t i = 0; i < countof(words) && letter; i++) {
		if (words[i].letter != letter)
			continue;
		w->word = &words[i];
		if (words[i].is_file && *w->letters) {
			w->value = w->letters;
			w->letters = NULL;
		} else if (words[i].is_file) {
			return take_value(w, words[i].name, "file");
		}
		return true;
	}
	options_say(w->error, "-%c: unknown option; --help lists them all", letter ? letter : ' ');
	return fail(w);
}

static bool find(struct walk *w, const char *name)
{
	char flag[OPTION_NAME_BYTES];

	for (size_t i = 0; i < countof(words); i++) {
		w->word = &words[i];
		if (strcmp(w->word->name, name) == 0)
			return true;
	}
	w->word = NULL;
	for (size_t i = 0; (w->option = options_get(i)); i++) {
		options_flag_name(w->option, flag);
		if (strcmp(flag, name) == 0)
			return true;
	}
	return false;
}

static bool find_value(struct walk *w, const char *name)
{
	if (w->word && !w->word->is_file) {
		if (!w->value)
			return true;
		options_say(w->error, "%s: takes no value", name);
		return fail(w);
	}
	if (w->value)
		return true;
	if (w->word)
		return take_value(w, name, "file");
	assert(w->option);
	if (w->option->type != &options_flag)
		return take_value(w, name, w->option->type->name);
	w->value = "true";
	return true;
}

/* At "--name" or "--name=value". */
static bool stand_at_name(struct walk *w, const char *argument)
{
	char name[OPTION_NAME_BYTES];
	size_t len = strcspn(argument, "=");

	(void)snprintf(name, sizeof(name), "%.*s", (int)(len < 256 ? len : 256), argument);
	if (len >= sizeof(name) || !find(w, name))
		return fail_unknown(w, name);
	if (argument[len] == '=')
		w->value = argument + len + 1;
	return find_value(w, name);
}

/* False at the end and after an error. What is no option is not printed: it may be a secret. */
static bool walk_on(struct walk *w)
{
	const char *argument;

	w->word = NULL;
	w->option = NULL;
	w->value = NULL;
	if (w->letters && *w->letters)
		return stand_at_letter(w);
	w->letters = NULL;
	argument = *w->next;
	if (!argument)
		return false;
	w->next++;
	if (strncmp(argument, "--", 2) == 0 && argument[2])
		return stand_at_name(w, argument);
	if (argument[0] == '-' && argument[1] && argument[1] != '-') {
		w->letters = argument + 1;
		return stand_at_letter(w);
	}
	options_say(w->error, "an argument is not an option; write --option=value, see --help");
	return fail(w);
}

/* What is asked for, and the file. Help and version win over all that comes behind them. */
static bool find_orders(struct walk w, enum config_command *command, const char **file)
{
	const struct word *before = NULL;

	while (walk_on(&w)) {
		if (!w.word)
			continue;
		if (w.word->is_file && *file) {
			options_say(w.error, "--config: is given twice; there is one file");
			return false;
		}
		if (w.word->is_file) {
			*file = w.value;
			continue;
		}
		*command = w.word->command;
		if (*command == CONFIG_HELP || *command == CONFIG_VERSION)
			return true;
		if (before && before != w.word) {
			options_say(w.error, "%s: does not go with %s; give one of them",
				w.word->name, before->name);
			return false;
		}
		before = w.word;
	}
	return !w.failed;
}

static bool set_options(struct config *c, struct walk w)
{
	const struct config_origin origin = { .source = CONFIG_ARGUMENT };

	while (walk_on(&w)) {
		bool again;

		if (!w.option)
			continue;
		again = options_origin(c, w.option)->source == CONFIG_ARGUMENT;
		if (again && w.option->type == &options_list) {
			if (!options_add(c, w.option, origin, w.value, w.error))
				return false;
		} else if (!options_set(c, w.option, origin, w.value, w.error)) {
			return false;
		}
	}
	return !w.failed;
}

static bool needs_configuration(enum config_command command)
{
	return command == CONFIG_RUN || command == CONFIG_TEST || command == CONFIG_PRINT_CONFIG;
}

enum config_result config_load(struct config *c, int argc, char **argv,
	enum config_command *command, struct config_error *error)
{
	struct walk w = { .next = argv + (argc > 0), .error = error };
	const char *file = NULL;

	*command = CONFIG_RUN;
	if (!find_orders(w, command, &file))
		return CONFIG_USAGE;
	if (!needs_configuration(*command))
		return CONFIG_OK;
	if (!file)
		file = getenv(VARIABLE_PREFIX "CONFIG");
	if (file && *file && !config_load_file(c, file, error))
		return CONFIG_BAD;
	if (!config_load_env(c, error) || !set_options(c, w))
		return CONFIG_BAD;
	return CONFIG_OK;
}

static const struct option *option_of_variable(const char *name)
{
	const struct option *o;
	char variable[OPTION_NAME_BYTES];

	for (size_t i = 0; (o = options_get(i)); i++) {
		options_variable(o, variable);
		if (strcmp(variable, name) == 0)
			break;
	}
	return o;
}

static bool fail_variable(const char *name, struct config_error *error)
{
	const struct option *o;
	char variable[OPTION_NAME_BYTES], question[NEAREST_QUESTION_BYTES];
	struct nearest near;

	nearest_init(&near, name);
	nearest_offer(&near, VARIABLE_PREFIX "CONFIG", strlen(VARIABLE_PREFIX));
	for (size_t i = 0; (o = options_get(i)); i++) {
		options_variable(o, variable);
		nearest_offer(&near, variable, strlen(VARIABLE_PREFIX));
	}
	options_say(error, "%s: unknown variable%s", name, nearest_question(&near, question));
	return false;
}

/* Kubernetes sets these for a Service of our name, in every pod beside it. */
static bool is_service_link(const char *name)
{
	static const char *const starts[] = { "SERVICE_", "PORT_" };
	const char *rest = name + strlen(VARIABLE_PREFIX);

	for (size_t i = 0; i < countof(starts); i++) {
		if (strncmp(rest, starts[i], strlen(starts[i])) == 0)
			return true;
	}
	return strcmp(rest, "PORT") == 0;
}

bool config_load_env(struct config *c, struct config_error *error)
{
	const struct config_origin origin = { .source = CONFIG_ENVIRONMENT };

	for (char **at = environ; at && *at; at++) {
		const struct option *o;
		char name[OPTION_NAME_BYTES];
		size_t len = strcspn(*at, "=");

		if (strncmp(*at, VARIABLE_PREFIX, strlen(VARIABLE_PREFIX)) != 0)
			continue;
		(void)snprintf(name, sizeof(name), "%.*s", (int)(len < 256 ? len : 256), *at);
		if (strcmp(name, VARIABLE_PREFIX "CONFIG") == 0)
			continue;
		o = len < sizeof(name) ? option_of_variable(name) : NULL;
		if (!o && is_service_link(name))
			continue;
		if (!o)
			return fail_variable(name, error);
		if (!options_set(c, o, origin, (*at)[len] ? *at + len + 1 : "", error))
			return false;
	}
	return true;
}
