/* The types of options: text in, a field of struct config out, and back again as JSON. */
#include "base/json.h"
#include "base/mem.h"
#include "config/options.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

/* From the largest to the smallest, which is 1. */
struct unit {
	const char *name;
	uint64_t factor;
};

static const struct unit duration_units[] = {
	{ "h", UINT64_C(60) * 60 * 1000 },
	{ "m", UINT64_C(60) * 1000 },
	{ "s", 1000 },
	{ "ms", 1 },
};

static const struct unit size_units[] = {
	{ "G", UINT64_C(1) << 30 },
	{ "M", UINT64_C(1) << 20 },
	{ "k", 1024 },
	{ "b", 1 },
};

static const struct unit count_units[] = { { "", 1 } };

/*
 * A whole number and a unit. Without a unit only 0 is allowed, so that "10" is
 * never a guess. What is too big for 64 bits is the biggest that is not: it is
 * out of every bounds.
 */
static bool parse_number(const struct unit *units, const char *text, uint64_t *value)
{
	unsigned long long n;
	char *end;

	if (*text < '0' || *text > '9')
		return false;
	n = strtoull(text, &end, 10);
	*value = n;
	if (n == 0 && *end == '\0')
		return true;
	for (;; units++) {
		if (strcmp(end, units->name) == 0)
			break;
		if (units->factor == 1)
			return false;
	}
	if (__builtin_mul_overflow((uint64_t)n, units->factor, value))
		*value = UINT64_MAX;
	return true;
}

static bool read_number(const struct option *o, const struct unit *units, const char *text,
	uint64_t *slot, struct buf *why)
{
	uint64_t n, least = 0, most = 0;

	bool bounded = o->least && parse_number(units, o->least, &least) && o->most &&
		       parse_number(units, o->most, &most);

	/* A row of options.def without bounds ends the program at its start. */
	assert(bounded);
	if (!parse_number(units, text, &n)) {
		buf_printf(why, "is not a %s, such as \"%s\"", o->type->name, o->type->example);
		return false;
	}
	if (n < least || n > most) {
		buf_printf(why, "is not between %s and %s", o->least, o->most);
		return false;
	}
	*slot = n;
	return true;
}

static void write_number(const struct unit *units, uint64_t n, struct buf *out)
{
	while (n % units->factor != 0)
		units++;
	buf_printf(out, "\"%llu%s\"", (unsigned long long)(n / units->factor),
		n == 0 ? "" : units->name);
}

static bool read_duration(const struct option *o, const char *text, void *slot, struct buf *why)
{
	return read_number(o, duration_units, text, slot, why);
}

static bool read_size(const struct option *o, const char *text, void *slot, struct buf *why)
{
	return read_number(o, size_units, text, slot, why);
}

static bool read_count(const struct option *o, const char *text, void *slot, struct buf *why)
{
	return read_number(o, count_units, text, slot, why);
}

static void write_duration(const struct option *o UNUSED, const void *slot, struct buf *out)
{
	const config_duration *ms = slot;

	write_number(duration_units, *ms, out);
}

static void write_size(const struct option *o UNUSED, const void *slot, struct buf *out)
{
	const config_size *bytes = slot;

	write_number(size_units, *bytes, out);
}

static void write_count(const struct option *o UNUSED, const void *slot, struct buf *out)
{
	const config_count *n = slot;

	buf_printf(out, "%llu", (unsigned long long)*n);
}

static bool read_text(
	const struct option *o UNUSED, const char *text, void *slot, struct buf *why UNUSED)
{
	char **value = slot;

	free(*value);
	*value = mem_dup(text, strlen(text));
	return true;
}

static void write_text(const struct option *o UNUSED, const void *slot, struct buf *out)
{
	const config_text *text = slot;

	json_quote(span_of(*text), out);
}

static void fini_text(void *slot)
{
	char **value = slot;

	free(*value);
	*value = NULL;
}

static void fini_secret(void *slot)
{
	char **value = slot;

	if (*value)
		explicit_bzero(*value, strlen(*value));
	fini_text(slot);
}

static bool read_secret(const struct option *o, const char *text, void *slot, struct buf *why)
{
	fini_secret(slot);
	return read_text(o, text, slot, why);
}

static void write_secret(const struct option *o UNUSED, const void *slot, struct buf *out)
{
	const config_secret *secret = slot;

	buf_put(out, **secret ? SPAN("(set)") : SPAN("(not set)"));
}

static bool read_flag(const struct option *o UNUSED, const char *text, void *slot, struct buf *why)
{
	config_flag *value = slot;
	bool yes = strcmp(text, "true") == 0;

	if (!yes && strcmp(text, "false") != 0) {
		buf_put(why, SPAN("is not true or false"));
		return false;
	}
	*value = yes;
	return true;
}

static void write_flag(const struct option *o UNUSED, const void *slot, struct buf *out)
{
	const config_flag *value = slot;

	buf_put(out, *value ? SPAN("true") : SPAN("false"));
}

/* Takes the next of the words, which have blanks between them. */
static bool next_word(const char **words, struct span *word)
{
	*words += strspn(*words, " ");
	*word = (struct span){ *words, strcspn(*words, " ") };
	*words += word->len;
	return word->len > 0;
}

static bool read_choice(const struct option *o, const char *text, void *slot, struct buf *why)
{
	config_choice *value = slot;
	const char *words = o->least;
	struct span word;

	for (unsigned i = 0; next_word(&words, &word); i++) {
		if (span_eq(word, span_of(text))) {
			*value = i;
			return true;
		}
	}
	buf_put(why, SPAN("is not one of "));
	words = o->least;
	for (unsigned i = 0; next_word(&words, &word); i++)
		buf_printf(why, "%s%.*s", i > 0 ? ", " : "", (int)word.len, word.at);
	return false;
}

static void write_choice(const struct option *o, const void *slot, struct buf *out)
{
	const config_choice *value = slot;
	const char *words = o->least;
	struct span word = { NULL, 0 };

	for (unsigned i = 0; i <= *value && next_word(&words, &word); i++)
		;
	json_quote(word, out);
}

void options_list_push(struct config_list *list, struct span item)
{
	list->items = mem_realloc(list->items, (list->count + 1) * sizeof(*list->items));
	list->items[list->count++] = mem_dup(item.at, item.len);
}

void options_list_fini(struct config_list *list)
{
	for (size_t i = 0; i < list->count; i++)
		free(list->items[i]);
	free(list->items);
	*list = (struct config_list){ NULL, 0 };
}

static void fini_list(void *slot)
{
	options_list_fini(slot);
}

static struct span trim_blanks(struct span s)
{
	while (s.len > 0 && strchr(" \t", s.at[0]))
		s = (struct span){ s.at + 1, s.len - 1 };
	while (s.len > 0 && strchr(" \t", s.at[s.len - 1]))
		s.len--;
	return s;
}

/* Up to the next comma; those between brackets belong to a list of ports and do not count. */
static size_t item_length(const char *text)
{
	bool inside = false;
	size_t len = 0;

	for (; text[len] && (inside || text[len] != ','); len++) {
		if (text[len] == '[' || text[len] == ']')
			inside = text[len] == '[';
	}
	return len;
}

static bool read_list(const struct option *o UNUSED, const char *text, void *slot, struct buf *why)
{
	struct config_list list = { NULL, 0 }, *value = slot;

	if (trim_blanks(span_of(text)).len == 0)
		text = NULL;
	while (text) {
		size_t len = item_length(text);
		struct span item = trim_blanks((struct span){ text, len });

		if (item.len == 0) {
			buf_put(why, SPAN("has an empty item: write a,b or nothing at all"));
			options_list_fini(&list);
			return false;
		}
		options_list_push(&list, item);
		text = text[len] ? text + len + 1 : NULL;
	}
	options_list_fini(value);
	*value = list;
	return true;
}

static void write_list(const struct option *o UNUSED, const void *slot, struct buf *out)
{
	const config_list *list = slot;

	buf_put_byte(out, '[');
	for (size_t i = 0; i < list->count; i++) {
		if (i > 0)
			buf_put(out, SPAN(", "));
		json_quote(span_of(list->items[i]), out);
	}
	buf_put_byte(out, ']');
}

#define TYPE(what, secret, example_, file_form, schema_form, free_slot) \
	const struct option_type options_##what = { .name = #what,      \
		.example = (example_),                                  \
		.in_file = (file_form),                                 \
		.schema = (schema_form),                                \
		.is_secret = (secret),                                  \
		.read = read_##what,                                    \
		.write = write_##what,                                  \
		.fini = (free_slot) }

#define STRING "\"type\": \"string\""

TYPE(text, false, "text", "a text in quotes", STRING, fini_text);
TYPE(secret, true, "text", "a text in quotes", STRING, fini_secret);
TYPE(duration, false, "10s", "a duration in quotes, such as \"10s\"",
	STRING ", \"pattern\": \"^(0+|[0-9]+(ms|s|m|h))$\"", NULL);
TYPE(size, false, "64k", "a size in quotes, such as \"64k\"",
	STRING ", \"pattern\": \"^(0+|[0-9]+[bkMG])$\"", NULL);
TYPE(count, false, "4", "a whole number, such as 4",
	"\"type\": [\"integer\", \"string\"], \"pattern\": \"^[0-9]+$\"", NULL);
TYPE(flag, false, "true", "true or false, without quotes", "\"type\": \"boolean\"", NULL);
TYPE(choice, false, "word", "a word in quotes", STRING, NULL);
TYPE(list, false, "a,b", "a list of texts, such as [\"a\", \"b\"]",
	"\"type\": \"array\", \"items\": { \"type\": \"string\", \"minLength\": 1 }", fini_list);
