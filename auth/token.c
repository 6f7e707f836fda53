#include "auth/token.h"

#include "auth/words.h"
#include "base/mem.h"
#include "base/percent.h"

#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

enum kind {
	KIND_HEADER,
	KIND_QUERY,
	KIND_COOKIE,
};

static const struct span kinds[] = {
	[KIND_HEADER] = SPAN("header"),
	[KIND_QUERY] = SPAN("query"),
	[KIND_COOKIE] = SPAN("cookie"),
};

struct source {
	enum kind kind;
	char *text; /* owned; what follows are views of it */
	struct span name;
	struct span scheme; /* may be empty */
};

struct token_sources {
	size_t count;
	struct source sources[];
};

static bool eq_without_case(struct span a, struct span b)
{
	return a.len == b.len && strncasecmp(a.at, b.at, a.len) == 0;
}

static bool read_kind(struct source *s, struct span word, char why[256])
{
	for (size_t i = 0; i < countof(kinds); i++) {
		if (span_eq(word, kinds[i])) {
			s->kind = (enum kind)i;
			return true;
		}
	}
	words_refuse(word, "one of: header NAME [SCHEME], query NAME, cookie NAME", why);
	return false;
}

static bool read_source(struct source *s, const char *text, char why[256])
{
	const struct span blanks = SPAN(" \t");
	struct span rest, more;

	s->text = mem_dup(text, strlen(text));
	rest = span_of(s->text);
	if (!read_kind(s, words_take(&rest, blanks), why))
		return false;
	s->name = words_take(&rest, blanks);
	if (s->name.len == 0) {
		(void)snprintf(why, 256, "the name is missing after \"%s\"", kinds[s->kind].at);
		return false;
	}
	if (s->kind == KIND_HEADER)
		s->scheme = words_take(&rest, blanks);
	more = words_take(&rest, blanks);
	if (more.len == 0)
		return true;
	(void)snprintf(why, 256, "\"%.*s\" is too much: allowed is %s NAME%s", WORDS_ARG(more),
		kinds[s->kind].at, s->kind == KIND_HEADER ? " [SCHEME]" : "");
	return false;
}

struct token_sources *token_sources_new(
	const char *const *texts, size_t count, size_t *bad, char why[256])
{
	struct token_sources *t = mem_zalloc(sizeof(*t) + count * sizeof(t->sources[0]));

	t->count = count;
	for (size_t i = 0; i < count; i++) {
		if (!read_source(&t->sources[i], texts[i], why)) {
			*bad = i;
			token_sources_free(t);
			return NULL;
		}
	}
	return t;
}

void token_sources_free(struct token_sources *t)
{
	if (!t)
		return;
	for (size_t i = 0; i < t->count; i++)
		free(t->sources[i].text);
	free(t);
}

/* Takes what stands before the next `byte`, and that byte; false at the end. */
static bool take_until(struct span *rest, char byte, struct span *piece)
{
	const char *end;

	if (rest->len == 0)
		return false;
	end = memchr(rest->at, byte, rest->len);
	*piece = *rest;
	if (!end) {
		rest->len = 0;
		return true;
	}
	piece->len = (size_t)(end - rest->at);
	*rest = (struct span){ end + 1, rest->len - piece->len - 1 };
	return true;
}

/* "name=value"; without an equals sign, all of it is the name. */
static void split_pair(struct span pair, struct span *name, struct span *value)
{
	*value = pair;
	*name = (struct span){ pair.at, 0 };
	if (take_until(value, '=', name))
		return;
	value->len = 0;
}

/* The value when the pair has that name and its value holds more than blanks. */
static bool append_of_pair(struct span pair, struct span name, struct buf *token)
{
	struct buf decoded = { NULL, 0, 0 };
	struct span raw_name, raw_value, value;
	bool found = false;

	split_pair(pair, &raw_name, &raw_value);
	percent_decode(raw_name, true, &decoded);
	if (span_eq(buf_span(&decoded), name)) {
		decoded.len = 0;
		percent_decode(raw_value, true, &decoded);
		value = words_trim(buf_span(&decoded));
		found = value.len > 0;
		buf_put(token, value);
	}
	buf_fini(&decoded);
	return found;
}

static bool from_query(struct span query, struct span name, struct buf *token)
{
	struct span pair;

	while (take_until(&query, '&', &pair)) {
		if (append_of_pair(pair, name, token))
			return true;
	}
	return false;
}

/* RFC 6265, section 4.2.1; the value may stand in quotes (section 4.1.1). */
static bool from_cookie(struct span cookie, struct span name, struct buf *token)
{
	struct span pair, found, value;

	while (take_until(&cookie, ';', &pair)) {
		split_pair(words_trim(pair), &found, &value);
		if (!span_eq(words_trim(found), name))
			continue;
		value = words_trim(value);
		if (value.len >= 2 && value.at[0] == '"' && value.at[value.len - 1] == '"')
			value = words_trim((struct span){ value.at + 1, value.len - 2 });
		if (value.len > 0) {
			buf_put(token, value);
			return true;
		}
	}
	return false;
}

bool token_from_request(
	const struct token_sources *t, struct span query, struct span cookie, struct buf *token)
{
	for (size_t i = 0; i < t->count; i++) {
		const struct source *s = &t->sources[i];

		if (s->kind == KIND_QUERY && from_query(query, s->name, token))
			return true;
		if (s->kind == KIND_COOKIE && from_cookie(cookie, s->name, token))
			return true;
	}
	return false;
}

/* Clients send the token with the scheme's word before it or bare; both are meant. */
static struct span without_scheme(struct span value, struct span scheme)
{
	struct span rest = words_trim(value), all = rest;
	struct span word = words_take(&rest, SPAN(" \t"));

	return scheme.len > 0 && eq_without_case(word, scheme) ? words_trim(rest) : all;
}

static bool from_header(const struct stomp_frame *frame, const struct source *s, struct span *token)
{
	for (size_t i = 0; i < frame->header_count; i++) {
		if (!eq_without_case(frame->headers[i].name, s->name))
			continue;
		*token = without_scheme(frame->headers[i].value, s->scheme);
		if (token->len > 0)
			return true;
	}
	return false;
}

bool token_of_connect(const struct token_sources *t, const struct stomp_frame *frame,
	struct span kept, struct span *token)
{
	kept = words_trim(kept);
	for (size_t i = 0; i < t->count; i++) {
		const struct source *s = &t->sources[i];

		if (s->kind == KIND_HEADER) {
			if (from_header(frame, s, token))
				return true;
		} else if (kept.len > 0) {
			*token = kept;
			return true;
		}
	}
	return false;
}

bool token_is_header(const struct token_sources *t, struct span name)
{
	for (size_t i = 0; i < t->count; i++) {
		if (t->sources[i].kind == KIND_HEADER && eq_without_case(t->sources[i].name, name))
			return true;
	}
	return false;
}
