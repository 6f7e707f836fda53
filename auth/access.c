#include "auth/access.h"

#include "auth/words.h"
#include "base/mem.h"
#include "stomp/pattern.h"

#include <stdio.h>
#include <stdlib.h>

enum who {
	WHO_ANYONE,
	WHO_ANONYMOUS,
	WHO_AUTHENTICATED,
	WHO_ROLE,
	WHO_USER,
};

struct rule {
	bool allow;
	bool send;
	bool subscribe;
	enum who who;
	char *name; /* owned; of the role or user, else NULL */
	struct stomp_pattern *pattern;
};

struct access {
	bool allow_by_default;
	size_t count;
	struct rule rules[];
};

static bool read_verdict(struct rule *r, struct span word, char why[256])
{
	r->allow = span_eq(word, SPAN("allow"));
	if (r->allow || span_eq(word, SPAN("deny")))
		return true;
	words_refuse(word, "one of: allow, deny", why);
	return false;
}

static bool read_action(struct rule *r, struct span word, char why[256])
{
	bool all = span_eq(word, SPAN("all"));

	r->send = all || span_eq(word, SPAN("send"));
	r->subscribe = all || span_eq(word, SPAN("subscribe"));
	if (r->send || r->subscribe)
		return true;
	words_refuse(word, "one of: send, subscribe, all", why);
	return false;
}

static bool read_pattern(struct rule *r, struct span word, char why[256])
{
	const struct span names[] = { SPAN("user"), SPAN("name") };
	const char *wrong;

	if (word.len == 0) {
		words_refuse(word, "a destination pattern such as /pub/chat/**", why);
		return false;
	}
	r->pattern = stomp_pattern_new(word, names, countof(names), &wrong);
	if (r->pattern)
		return true;
	(void)snprintf(why, 256,
		"pattern \"%.*s\": %s; a pattern is made of segments behind slashes, with *, ?, ** "
		"and, as whole segments, ${user} and ${name}",
		WORDS_ARG(word), wrong);
	return false;
}

/* "role=ADMIN": takes what stands behind the equals sign. */
static bool read_name(struct rule *r, struct span word, struct span key, enum who who)
{
	if (word.len <= key.len || memcmp(word.at, key.at, key.len) != 0)
		return false;
	r->who = who;
	r->name = mem_dup(word.at + key.len, word.len - key.len);
	return true;
}

static bool read_who(struct rule *r, struct span word, char why[256])
{
	static const struct {
		struct span word;
		enum who who;
	} plain[] = {
		{ SPAN(""), WHO_ANYONE },
		{ SPAN("anyone"), WHO_ANYONE },
		{ SPAN("anonymous"), WHO_ANONYMOUS },
		{ SPAN("authenticated"), WHO_AUTHENTICATED },
	};

	for (size_t i = 0; i < countof(plain); i++) {
		if (span_eq(word, plain[i].word)) {
			r->who = plain[i].who;
			return true;
		}
	}
	if (read_name(r, word, SPAN("role="), WHO_ROLE) ||
		read_name(r, word, SPAN("user="), WHO_USER))
		return true;
	words_refuse(word, "one of: anyone, anonymous, authenticated, role=NAME, user=ID", why);
	return false;
}

static bool read_rule(struct rule *r, struct span text, char why[256])
{
	const struct span blanks = SPAN(" \t");
	struct span more;

	if (!read_verdict(r, words_take(&text, blanks), why) ||
		!read_action(r, words_take(&text, blanks), why) ||
		!read_pattern(r, words_take(&text, blanks), why) ||
		!read_who(r, words_take(&text, blanks), why))
		return false;
	more = words_take(&text, blanks);
	if (more.len == 0)
		return true;
	(void)snprintf(why, 256, "\"%.*s\" is too much: a rule ends after its fourth word",
		WORDS_ARG(more));
	return false;
}

struct access *access_new(
	const char *const *rules, size_t count, bool allow_by_default, size_t *bad, char why[256])
{
	struct access *a = mem_zalloc(sizeof(*a) + count * sizeof(a->rules[0]));

	a->allow_by_default = allow_by_default;
	a->count = count;
	for (size_t i = 0; i < count; i++) {
		if (!read_rule(&a->rules[i], span_of(rules[i]), why)) {
			*bad = i;
			access_free(a);
			return NULL;
		}
	}
	return a;
}

void access_free(struct access *a)
{
	if (!a)
		return;
	for (size_t i = 0; i < a->count; i++) {
		stomp_pattern_free(a->rules[i].pattern);
		free(a->rules[i].name);
	}
	free(a);
}

/* An anonymous client has neither an id nor roles, whatever its principal says. */
static bool is_meant(const struct rule *r, const struct principal *who)
{
	bool anonymous = principal_is_anonymous(who);

	switch (r->who) {
	case WHO_ANYONE:
		return true;
	case WHO_ANONYMOUS:
		return anonymous;
	case WHO_AUTHENTICATED:
		return !anonymous;
	case WHO_ROLE:
		return !anonymous && principal_has_role(who, span_of(r->name));
	case WHO_USER:
		return !anonymous && span_eq(who->id, span_of(r->name));
	}
	return false;
}

bool access_is_allowed(const struct access *a, enum access_action action, struct span destination,
	const struct principal *who)
{
	struct stomp_binding given[2];
	size_t given_count = 0;

	if (!principal_is_anonymous(who)) {
		given[given_count++] = (struct stomp_binding){ SPAN("user"), who->id };
		given[given_count++] = (struct stomp_binding){ SPAN("name"), who->name };
	}
	for (size_t i = 0; i < a->count; i++) {
		const struct rule *r = &a->rules[i];

		if ((action == ACCESS_SEND ? r->send : r->subscribe) && is_meant(r, who) &&
			stomp_pattern_match(r->pattern, destination, given, given_count, NULL))
			return r->allow;
	}
	return a->allow_by_default;
}
