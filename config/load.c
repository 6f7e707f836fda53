/*
 * Reads the configuration file: JSON with comments.
 *
 * Comments are blanked out, not cut out, so that lines and columns stay those
 * of the user's file. cJSON makes the tree; since it keeps no positions and lets
 * some malformed text pass, base/json.h has checked the text before, and walks
 * it beside the tree to tell the line of each member. Objects are walked down to
 * options; an unknown or repeated name is an error, never a shrug.
 */
#include "base/json.h"
#include "base/mem.h"
#include "config/nearest.h"
#include "config/options.h"

#include <cjson/cJSON.h>
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum {
	TEXT_BYTES_MOST = 1 << 20,
	FILE_NAME_BYTES_MOST = 200,
	SHOWN_BYTES_MOST = 40,
};

struct reader {
	struct config *config;
	char *text; /* the file, comments blanked; NUL behind it */
	size_t len;
	struct config_error *error;
};

/* A member of an object, in cJSON's tree and in the text. */
struct member {
	const cJSON *item;
	const char *prefix; /* path of the object, with its dot, or "" */
	struct span name;   /* raw */
	struct span value;
};

/* The end of a long one, so that the message still fits behind it. */
static const char *short_name(const char *file)
{
	size_t len = strlen(file);

	return file + (len > FILE_NAME_BYTES_MOST ? len - FILE_NAME_BYTES_MOST : 0);
}

static unsigned line_of(const struct reader *r, const char *at)
{
	unsigned line = 1;

	for (const char *c = r->text; c < at; c++)
		line += *c == '\n';
	return line;
}

/* Columns are characters, from 1. */
static bool fail_at(const struct reader *r, const char *at, const char *what)
{
	unsigned column = 1;

	for (const char *c = at; c > r->text && c[-1] != '\n'; c--)
		column += ((unsigned char)c[-1] & 0xc0) != 0x80;
	options_say(r->error, "%s:%u:%u: %s", short_name(r->config->file), line_of(r, at), column,
		what);
	return false;
}

/* Blanks a comment and returns its last byte; NULL when it has no end. */
static char *blank_comment(char *from)
{
	const char *end = from[1] == '/' ? from + strcspn(from, "\n") : strstr(from + 2, "*/");
	char *c = from;

	if (!end)
		return NULL;
	if (from[1] == '*')
		end += 2;
	for (; c < end; c++) {
		if (*c != '\n')
			*c = ' ';
	}
	return c - 1;
}

static bool blank_comments(const struct reader *r)
{
	bool quoted = false;

	for (char *c = r->text; *c; c++) {
		if (quoted && c[0] == '\\' && c[1]) {
			c++;
		} else if (*c == '"') {
			quoted = !quoted;
		} else if (!quoted && c[0] == '/' && (c[1] == '/' || c[1] == '*')) {
			char *from = c;

			c = blank_comment(from);
			if (!c)
				return fail_at(
					r, from, "this comment has no end; write */ behind it");
		}
	}
	return true;
}

/* cJSON would let a text end at an escaped NUL. */
static bool check_escapes(const struct reader *r)
{
	bool quoted = false;

	for (const char *c = r->text; *c; c++) {
		if (quoted && strncmp(c, "\\u0000", 6) == 0)
			return fail_at(r, c, "a NUL, which no option may hold");
		if (quoted && c[0] == '\\' && c[1])
			c++;
		else if (*c == '"')
			quoted = !quoted;
	}
	return true;
}

static bool fail(const struct reader *r, const struct member *m, const char *what)
{
	options_say(r->error, "%s:%u: %s%.*s: %s", short_name(r->config->file),
		line_of(r, m->name.at), m->prefix, OPTION_NAME_BYTES, m->item->string, what);
	return false;
}

/* The value is not printed: it may be a secret under a misspelt name. */
static bool fail_unknown(const struct reader *r, const struct member *m, const char *path)
{
	const struct option *o;
	struct nearest near;
	char question[NEAREST_QUESTION_BYTES], what[NEAREST_QUESTION_BYTES + 16];

	nearest_init(&near, path);
	for (size_t i = 0; (o = options_get(i)); i++) {
		if (strncmp(o->path, m->prefix, strlen(m->prefix)) == 0)
			nearest_offer(&near, o->path, strlen(m->prefix));
	}
	for (size_t i = 0; !*near.name && (o = options_get(i)); i++) {
		const char *dot = strrchr(o->path, '.');

		if (dot && strcmp(dot + 1, m->item->string) == 0)
			nearest_take(&near, o->path);
	}
	(void)snprintf(what, sizeof(what), "unknown option%s", nearest_question(&near, question));
	return fail(r, m, what);
}

/* "8080 is not a text in quotes" */
static bool fail_type(const struct reader *r, const struct member *m, const struct option *o,
	struct span value, int item)
{
	const char *wanted = item < 0 ? o->type->in_file : "a text in quotes that is not empty";
	struct buf what = { NULL, 0, 0 };

	if (item >= 0)
		buf_printf(&what, "item %d: ", item + 1);
	if (value.at[0] == '{')
		buf_put(&what, SPAN("an object"));
	else if (value.at[0] == '[')
		buf_put(&what, SPAN("a list"));
	else if (o->type->is_secret || value.len > SHOWN_BYTES_MOST)
		buf_put(&what, SPAN("the value"));
	else
		buf_put(&what, value);
	buf_printf(&what, " is not %s", wanted);
	buf_put_byte(&what, '\0');
	(void)fail(r, m, what.at);
	buf_fini(&what);
	return false;
}

static bool read_list(const struct reader *r, const struct member *m, const struct option *o,
	struct config_origin origin)
{
	struct span rest = m->value, name, value = { NULL, 0 };
	struct config_list list = { NULL, 0 };
	const cJSON *item;
	int number = 0;

	if (!cJSON_IsArray(m->item))
		return fail_type(r, m, o, m->value, -1);
	cJSON_ArrayForEach(item, m->item) {
		bool is_there = json_next(&rest, &name, &value);

		if (!is_there || !cJSON_IsString(item) || !*item->valuestring) {
			options_list_fini(&list);
			return fail_type(r, m, o, value, number);
		}
		options_list_push(&list, span_of(item->valuestring));
		number++;
	}
	options_take_list(r->config, o, origin, list);
	return true;
}

static bool read_option(const struct reader *r, const struct member *m, const struct option *o)
{
	const struct config_origin origin = { .source = CONFIG_FILE,
		.line = line_of(r, m->name.at) };
	const char *text = NULL;
	char digits[24];
	int64_t number;

	if (o->type == &options_list)
		return read_list(r, m, o, origin);
	if (o->type == &options_flag) {
		if (cJSON_IsBool(m->item))
			text = cJSON_IsTrue(m->item) ? "true" : "false";
	} else if (cJSON_IsString(m->item)) {
		text = m->item->valuestring;
	} else if (o->type == &options_count && json_int(m->value, &number)) {
		(void)snprintf(digits, sizeof(digits), "%" PRId64, number);
		text = digits;
	}
	if (!text)
		return fail_type(r, m, o, m->value, -1);
	return options_set(r->config, o, origin, text, r->error);
}

/* Goes through the members up to m again, to find the line of one of the same name. */
static bool check_first(
	const struct reader *r, const struct member *m, const cJSON *object, struct span text)
{
	struct span name, value;
	char what[64];

	for (const cJSON *item = object->child; item != m->item; item = item->next) {
		if (!json_next(&text, &name, &value) || strcmp(item->string, m->item->string) != 0)
			continue;
		(void)snprintf(what, sizeof(what), "is set twice, in line %u already; drop one",
			line_of(r, name.at));
		return fail(r, m, what);
	}
	return true;
}

static bool read_object(
	const struct reader *r, const cJSON *object, struct span text, const char *prefix)
{
	struct member m = { .prefix = prefix };
	struct span rest = text;
	char path[OPTION_NAME_BYTES];

	cJSON_ArrayForEach(m.item, object) {
		const struct option *o;
		int len = snprintf(path, sizeof(path), "%s%s", prefix, m.item->string);

		if (!json_next(&rest, &m.name, &m.value))
			return fail_at(r, rest.at, "not JSON from here on");
		if (len < 0 || (size_t)len >= sizeof(path) - 1)
			return fail_unknown(r, &m, "");
		if (strchr(m.item->string, '.'))
			return fail(r, &m,
				"unknown option; a dot stands for an object, such as "
				"\"redis\": { \"url\": ... }");
		o = options_find(path);
		if (!o && !options_is_group(path))
			return fail_unknown(r, &m, path);
		if (!check_first(r, &m, object, text))
			return false;
		if (o) {
			if (!read_option(r, &m, o))
				return false;
			continue;
		}
		if (!cJSON_IsObject(m.item))
			return fail(r, &m, "must be an object, { ... }, of options");
		(void)snprintf(path + len, sizeof(path) - (size_t)len, ".");
		if (!read_object(r, m.item, m.value, path))
			return false;
	}
	return true;
}

static bool read_tree(const struct reader *r)
{
	const struct span text = { r->text, r->len };
	const char *at;
	cJSON *root;
	bool ok;

	if (!json_is_value(text))
		return fail_at(r, r->text + json_error_at(text), "not JSON from here on");
	root = cJSON_ParseWithOpts(r->text, &at, true);
	if (!root)
		return fail_at(r, at, "not JSON from here on");
	if (cJSON_IsObject(root))
		ok = read_object(r, root, json_trim(text), "");
	else
		ok = fail_at(r, json_trim(text).at, "must be an object, { ... }, of options");
	cJSON_Delete(root);
	return ok;
}

bool config_load_text(struct config *c, const char *name, const char *text, size_t len,
	struct config_error *error)
{
	struct reader r = { .config = c, .text = NULL, .len = len, .error = error };
	const char *nul;
	bool ok;

	free(c->file);
	c->file = mem_dup(name, strlen(name));
	if (len > TEXT_BYTES_MOST) {
		options_say(error, "%s: longer than 1 MiB", short_name(name));
		return false;
	}
	r.text = mem_dup(text, len);
	nul = memchr(r.text, '\0', len);
	if (nul)
		ok = fail_at(&r, nul, "a NUL, which no text file holds");
	else
		ok = blank_comments(&r) && check_escapes(&r) && read_tree(&r);
	explicit_bzero(r.text, len);
	free(r.text);
	return ok;
}

/* Up to one byte more than a text may have. False: see errno. */
static bool read_file(const char *file, char *text, size_t *len)
{
	FILE *in = fopen(file, "re");
	bool ok;

	if (!in)
		return false;
	errno = EIO;
	*len = fread(text, 1, TEXT_BYTES_MOST + 1, in);
	ok = !ferror(in);
	(void)fclose(in); /* it was only read */
	return ok;
}

bool config_load_file(struct config *c, const char *file, struct config_error *error)
{
	char *text = mem_zalloc(TEXT_BYTES_MOST + 1);
	size_t len = 0;
	bool ok;

	ok = read_file(file, text, &len);
	if (ok)
		ok = config_load_text(c, file, text, len, error);
	else
		options_say(error, "%s: cannot be read: %s", short_name(file), strerror(errno));
	explicit_bzero(text, len);
	free(text);
	return ok;
}
