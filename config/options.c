/* The option table: names, defaults, bounds, and the words that blame a value. */
#include "config/options.h"

#include "base/mem.h"
#include "base/utf8.h"

#include <assert.h>
#include <ctype.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

enum {
	QUOTED_BYTES_MOST = 120,
	FILE_BYTES_MOST = 200,
};

static const struct option table[] = {
#define OPTION(field, type_, path_, dflt_, least_, most_, help_) \
	{ .path = (path_),                                       \
		.type = &options_##type_,                        \
		.dflt = (dflt_),                                 \
		.least = (least_),                               \
		.most = (most_),                                 \
		.help = (help_),                                 \
		.offset = offsetof(struct config, field) },
#include "config/options.def"
#undef OPTION
};

_Static_assert(countof(table) <= CONFIG_OPTIONS_MOST, "origins_of has no room for every option");

const struct option *options_get(size_t index)
{
	return index < countof(table) ? &table[index] : NULL;
}

const struct option *options_find(const char *path)
{
	for (size_t i = 0; i < countof(table); i++) {
		if (strcmp(table[i].path, path) == 0)
			return &table[i];
	}
	return NULL;
}

static bool is_below(const struct option *o, const char *path)
{
	size_t len = strlen(path);

	return strncmp(o->path, path, len) == 0 && o->path[len] == '.';
}

bool options_is_group(const char *path)
{
	for (size_t i = 0; i < countof(table); i++) {
		if (is_below(&table[i], path))
			return true;
	}
	return false;
}

void *options_slot(struct config *c, const struct option *o)
{
	return (char *)c + o->offset;
}

const void *options_value(const struct config *c, const struct option *o)
{
	return (const char *)c + o->offset;
}

struct config_origin *options_origin(struct config *c, const struct option *o)
{
	return &c->origins_of[o - table];
}

const struct config_origin *options_origin_of(const struct config *c, const struct option *o)
{
	return &c->origins_of[o - table];
}

static void spell(char out[OPTION_NAME_BYTES], const char *prefix, const char *path, char between)
{
	int len = snprintf(out, OPTION_NAME_BYTES, "%s%s", prefix, path);

	assert(len > 0 && len < OPTION_NAME_BYTES);
	for (char *c = out + strlen(prefix); *c; c++) {
		if (*c == '.' || *c == '_')
			*c = between;
		else if (between == '_')
			*c = (char)toupper((unsigned char)*c);
	}
}

void options_flag_name(const struct option *o, char out[OPTION_NAME_BYTES])
{
	spell(out, "--", o->path, '-');
}

void options_variable(const struct option *o, char out[OPTION_NAME_BYTES])
{
	spell(out, "STOMPBOX_", o->path, '_');
}

void options_put_bounds(const struct option *o, struct buf *out)
{
	if (o->least && o->most) {
		buf_printf(out, "%s to %s", o->least, o->most);
		return;
	}
	for (const char *c = o->least; c && *c; c++) {
		if (*c != ' ')
			buf_put_byte(out, *c);
		else
			buf_put(out, strchr(c + 1, ' ') ? SPAN(", ") : SPAN(" or "));
	}
}

void options_say(struct config_error *error, const char *fmt, ...)
{
	va_list args;
	size_t len, step;

	va_start(args, fmt);
	(void)vsnprintf(error->text, sizeof(error->text), fmt, args);
	va_end(args);
	len = strlen(error->text);
	for (size_t i = 0; i < len; i += step) {
		unsigned char c = (unsigned char)error->text[i];

		step = utf8_sequence((struct span){ error->text + i, len - i });
		if (step == 0 || c < 0x20 || c == 0x7f)
			error->text[i] = '?';
		if (step == 0)
			step = 1;
	}
}

void options_put_quoted(struct span text, struct buf *out)
{
	size_t len = text.len;

	if (len > QUOTED_BYTES_MOST) {
		len = QUOTED_BYTES_MOST;
		while (len > 0 && ((unsigned char)text.at[len] & 0xc0) == 0x80)
			len--;
	}
	buf_put_byte(out, '"');
	buf_put(out, (struct span){ text.at, len });
	buf_put(out, len < text.len ? SPAN("...\"") : SPAN("\""));
}

void options_put_origin(const struct config *c, const struct option *o, struct config_origin origin,
	struct buf *out)
{
	char name[OPTION_NAME_BYTES];
	size_t len;

	switch (origin.source) {
	case CONFIG_DEFAULT:
		buf_put(out, SPAN("default"));
		break;
	case CONFIG_FILE:
		len = strlen(c->file);
		if (len > FILE_BYTES_MOST)
			buf_printf(out, "...%s", c->file + len - FILE_BYTES_MOST);
		else
			buf_put(out, span_of(c->file));
		buf_printf(out, ":%u", origin.line);
		break;
	case CONFIG_ENVIRONMENT:
		options_variable(o, name);
		buf_put(out, span_of(name));
		break;
	case CONFIG_ARGUMENT:
		options_flag_name(o, name);
		buf_put(out, span_of(name));
		break;
	}
}

static void put_value(const struct option *o, const char *text, struct buf *out)
{
	if (o->type->is_secret)
		buf_put(out, SPAN("the value"));
	else
		options_put_quoted(span_of(text), out);
}

/* "origin: path: value why" */
static void refuse(const struct config *c, const struct option *o, struct config_origin origin,
	const struct buf *value_why, struct config_error *error)
{
	struct buf from = { NULL, 0, 0 };

	options_put_origin(c, o, origin, &from);
	options_say(error, "%.*s: %s: %.*s", (int)from.len, from.at, o->path, (int)value_why->len,
		value_why->at);
	buf_fini(&from);
}

static bool read_into(const struct config *c, const struct option *o, struct config_origin origin,
	const char *text, void *slot, struct config_error *error)
{
	struct buf line = { NULL, 0, 0 };
	struct buf why = { NULL, 0, 0 };
	bool ok;

	ok = utf8_is_valid(span_of(text));
	if (!ok)
		buf_put(&why, SPAN("is not UTF-8"));
	else
		ok = o->type->read(o, text, slot, &why);
	if (!ok) {
		put_value(o, text, &line);
		buf_put_byte(&line, ' ');
		buf_put(&line, buf_span(&why));
		refuse(c, o, origin, &line, error);
	}
	buf_fini(&line);
	buf_fini(&why);
	return ok;
}

static void note_word(struct config_origin *origin, const char *text)
{
	int len = snprintf(origin->word, sizeof(origin->word), "%s", text);

	assert(len > 0 && len < (int)sizeof(origin->word));
}

bool options_set(struct config *c, const struct option *o, struct config_origin origin,
	const char *text, struct config_error *error)
{
	if (!read_into(c, o, origin, text, options_slot(c, o), error))
		return false;
	*options_origin(c, o) = origin;
	if (o->type == &options_choice)
		note_word(options_origin(c, o), text);
	return true;
}

bool options_add(struct config *c, const struct option *o, struct config_origin origin,
	const char *text, struct config_error *error)
{
	struct config_list more = { NULL, 0 }, *list = options_slot(c, o);

	assert(o->type == &options_list);
	if (!read_into(c, o, origin, text, &more, error))
		return false;
	for (size_t i = 0; i < more.count; i++)
		options_list_push(list, span_of(more.items[i]));
	options_list_fini(&more);
	return true;
}

void options_take_list(struct config *c, const struct option *o, struct config_origin origin,
	struct config_list items)
{
	struct config_list *list = options_slot(c, o);

	assert(o->type == &options_list);
	options_list_fini(list);
	*list = items;
	*options_origin(c, o) = origin;
}

void config_init(struct config *c)
{
	const struct config_origin origin = { .source = CONFIG_DEFAULT, .line = 0 };
	struct config_error error;

	memset(c, 0, sizeof(*c));
	for (size_t i = 0; i < countof(table); i++) {
		if (!options_set(c, &table[i], origin, table[i].dflt, &error)) {
			fprintf(stderr, "options.def: %s\n", error.text);
			abort();
		}
	}
}

void config_fini(struct config *c)
{
	for (size_t i = 0; i < countof(table); i++) {
		if (table[i].type->fini)
			table[i].type->fini(options_slot(c, &table[i]));
	}
	free(c->file);
	memset(c, 0, sizeof(*c));
}

/* The option itself, or of a group the first option below it that somebody set. */
static const struct option *blamed(const struct config *c, const char *path)
{
	const struct option *first = options_find(path);

	for (size_t i = 0; i < countof(table); i++) {
		if (!is_below(&table[i], path))
			continue;
		if (c->origins_of[i].source != CONFIG_DEFAULT)
			return &table[i];
		if (!first)
			first = &table[i];
	}
	assert(first); /* the caller made the path up */
	return first;
}

/* The value, or the item of the list, as the user would write it. */
static void put_current(const struct config *c, const struct option *o, int item, struct buf *out)
{
	const void *slot = options_value(c, o);

	if (o->type->is_secret) {
		buf_put(out, SPAN("the value"));
	} else if (o->type == &options_list && item >= 0) {
		const config_list *list = slot;

		assert((size_t)item < list->count);
		options_put_quoted(span_of(list->items[item]), out);
	} else if (o->type == &options_text) {
		const config_text *text = slot;

		options_put_quoted(span_of(*text), out);
	} else {
		o->type->write(o, slot, out);
	}
}

void config_blame(const struct config *c, const char *path, int item, const char *why,
	struct config_error *error)
{
	const struct option *o = blamed(c, path);
	struct config_origin origin = c->origins_of[o - table];
	struct buf line = { NULL, 0, 0 };

	if (origin.source != CONFIG_DEFAULT) {
		options_put_origin(c, o, origin, &line);
		buf_put(&line, SPAN(": "));
	}
	buf_printf(&line, "%s: ", path);
	if (item >= 0)
		buf_printf(&line, "item %d: ", item + 1);
	if (strcmp(o->path, path) == 0) {
		/* A reason that begins with a verb goes on from the value. */
		bool goes_on = strncmp(why, "is ", 3) == 0 || strncmp(why, "must ", 5) == 0;

		put_current(c, o, item, &line);
		buf_put(&line, goes_on ? SPAN(" ") : SPAN(": "));
	}
	buf_put(&line, span_of(why));
	options_say(error, "%.*s", (int)line.len, line.at);
	buf_fini(&line);
}

const char *config_word(const struct config *c, const char *path)
{
	const struct option *o = options_find(path);

	assert(o && o->type == &options_choice);
	return c->origins_of[o - table].word;
}
