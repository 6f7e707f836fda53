/*
 * What the operator wants, checked. Defaults, then the file, then the
 * environment, then the command line; each later source overrides the earlier.
 *
 *     config_init(&c);
 *     result = config_load(&c, argc, argv, &command, &error);
 *
 * Messages name the file and line (or variable, or flag), the option, the value
 * and a remedy. Values of `secret` options are never printed.
 */
#ifndef CONFIG_CONFIG_H
#define CONFIG_CONFIG_H

#include "base/attr.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

struct config_list {
	char **items; /* owned; each too */
	size_t count;
};

/* C types of the option types: durations are milliseconds, sizes bytes, choices word indexes. */
typedef char *config_text;
typedef char *config_secret;
typedef uint64_t config_duration;
typedef uint64_t config_size;
typedef uint64_t config_count;
typedef bool config_flag;
typedef unsigned config_choice; /* index into the words of the option */
typedef struct config_list config_list;

enum {
	CONFIG_OPTIONS_MOST = 128,
	CONFIG_WORD_BYTES = 16,
};

struct config {
#define OPTION(field, type, path, dflt, least, most, help) config_##type field;
#include "config/options.def"
#undef OPTION
	/* Where each option's value came from, in the order of options.def. */
	struct config_origin {
		enum {
			CONFIG_DEFAULT,
			CONFIG_FILE,
			CONFIG_ENVIRONMENT,
			CONFIG_ARGUMENT
		} source;
		unsigned line;                /* of the file, from 1; else 0 */
		char word[CONFIG_WORD_BYTES]; /* of a choice: what it is now */
	} origins_of[CONFIG_OPTIONS_MOST];
	char *file; /* owned; NULL when none was read */
};

struct config_error {
	char text[768];
};

/* Sets every option to its default; a contradictory row of the table ends the program. */
void config_init(struct config *c);
void config_fini(struct config *c);

/* Reads a JSON file with // and block comments. False with one line in *error. */
bool config_load_file(struct config *c, const char *file, struct config_error *error) MUST_USE;

/* As config_load_file(), of a text that `name` is the name of. Both are copied. */
bool config_load_text(struct config *c, const char *name, const char *text, size_t len,
	struct config_error *error) MUST_USE;

/*
 * Reads STOMPBOX_... . An unknown STOMPBOX_ variable is an error; excepted are
 * STOMPBOX_CONFIG and what Kubernetes sets for a Service named stompbox.
 */
bool config_load_env(struct config *c, struct config_error *error) MUST_USE;

/* What the command line asked for, besides setting options. */
enum config_command {
	CONFIG_RUN,
	CONFIG_TEST,          /* -t, --test */
	CONFIG_PRINT_CONFIG,  /* --print-config */
	CONFIG_PRINT_SAMPLE,  /* --print-sample */
	CONFIG_PRINT_SCHEMA,  /* --print-schema */
	CONFIG_PRINT_OPTIONS, /* --print-options: docs/options.md */
	CONFIG_HELP,          /* -h, --help */
	CONFIG_VERSION,       /* -V, --version */
};

enum config_result {
	CONFIG_OK,
	CONFIG_USAGE, /* the command line is off: exit 64 */
	CONFIG_BAD,   /* a value, the file or the environment is: exit 78 */
};

/*
 * The whole of it: command line, file (--config, -c, or STOMPBOX_CONFIG),
 * environment, in the right order. `c` must have been initialised. On anything
 * but CONFIG_OK, *error holds one line.
 */
enum config_result config_load(struct config *c, int argc, char **argv,
	enum config_command *command, struct config_error *error) MUST_USE;

/*
 * Says which option another module found wrong, as the readers here would: with
 * its file and line, variable or flag, path, value (unless secret) and `why`.
 * `item` is the list item's number from 0, or -1.
 */
void config_blame(const struct config *c, const char *path, int item, const char *why,
	struct config_error *error);

/* Each option with its value and where it came from, as a file that can be loaded again. */
void config_print(const struct config *c, FILE *out);
void config_print_help(FILE *out, const char *program);
void config_print_sample(FILE *out);
void config_print_schema(FILE *out);
/* Markdown. */
void config_print_options(FILE *out);

/* The word that a choice option holds now. Valid until the option is set again. */
const char *config_word(const struct config *c, const char *path);

#endif
