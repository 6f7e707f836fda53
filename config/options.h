/*
 * The option table as data, for the readers and printers in this folder; the
 * rest of the program reads the fields of struct config.
 */
#ifndef CONFIG_OPTIONS_H
#define CONFIG_OPTIONS_H

#include "base/buf.h"
#include "config/config.h"

struct option;

/* Slots are fields of struct config. */
struct option_type {
	const char *name;
	const char *example; /* on the command line */
	const char *in_file; /* what the file must hold, behind "is not" */
	const char *schema;  /* members of the JSON Schema */
	bool is_secret;
	/* Sets the slot. False: *why goes on from the value ("is not ..."), the slot is as before. */
	bool (*read)(const struct option *o, const char *text, void *slot, struct buf *why);
	/* Appends the value as JSON, in the form that the file may hold. */
	void (*write)(const struct option *o, const void *slot, struct buf *out);
	void (*fini)(void *slot); /* NULL: nothing is owned */
};

struct option {
	const char *path;
	const struct option_type *type;
	const char *dflt;
	const char *least; /* NULL: no bounds; of a choice: its words */
	const char *most;
	const char *help;
	size_t offset; /* of the field in struct config */
};

extern const struct option_type options_text, options_duration, options_size, options_count,
	options_flag, options_choice, options_list, options_secret;

enum {
	OPTION_NAME_BYTES = 64
};

/* In the order of options.def; NULL behind the last. */
const struct option *options_get(size_t index);

/* NULL when there is none. */
const struct option *options_find(const char *path);

/* Do options lie below that path, as redis.url below "redis"? */
bool options_is_group(const char *path);

void *options_slot(struct config *c, const struct option *o);
const void *options_value(const struct config *c, const struct option *o);
struct config_origin *options_origin(struct config *c, const struct option *o);

const struct config_origin *options_origin_of(const struct config *c, const struct option *o);

/* "--redis-url" */
void options_flag_name(const struct option *o, char out[OPTION_NAME_BYTES]);

/* "STOMPBOX_REDIS_URL" */
void options_variable(const struct option *o, char out[OPTION_NAME_BYTES]);

/* Appends "4k to 1G" or "local or refuse"; nothing where there are no bounds. */
void options_put_bounds(const struct option *o, struct buf *out);

/* Sets an option, as every source does. False with one line in *error. */
bool options_set(struct config *c, const struct option *o, struct config_origin origin,
	const char *text, struct config_error *error) MUST_USE;

/* As options_set(), but the items of a list come behind those that it holds. */
bool options_add(struct config *c, const struct option *o, struct config_origin origin,
	const char *text, struct config_error *error) MUST_USE;

/* Takes the items of a list. */
void options_take_list(struct config *c, const struct option *o, struct config_origin origin,
	struct config_list items);

void options_list_push(struct config_list *list, struct span item);
void options_list_fini(struct config_list *list);

/* Formats one line; whatever would break it, or is not UTF-8, becomes a question mark. */
void options_say(struct config_error *error, const char *fmt, ...) PRINTF(2, 3);

/* Appends where a value came from: "stompbox.json:12", "STOMPBOX_REDIS_URL", "--redis-url". */
void options_put_origin(const struct config *c, const struct option *o, struct config_origin origin,
	struct buf *out);

/* Appends "text", shortened. */
void options_put_quoted(struct span text, struct buf *out);

/* Prints lines of at most that many columns, the lead included, broken at blanks. */
void options_print_wrapped(FILE *out, const char *lead, struct span text, size_t columns);

#endif
