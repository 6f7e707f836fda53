#include "auth/words.h"

#include <stdio.h>

static bool is_one_of(char byte, struct span bytes)
{
	return memchr(bytes.at, byte, bytes.len) != NULL;
}

struct span words_take(struct span *rest, struct span separators)
{
	size_t from = 0, to;
	struct span word;

	while (from < rest->len && is_one_of(rest->at[from], separators))
		from++;
	to = from;
	while (to < rest->len && !is_one_of(rest->at[to], separators))
		to++;
	if (to == 0)
		return *rest;
	word = (struct span){ rest->at + from, to - from };
	*rest = (struct span){ rest->at + to, rest->len - to };
	return word;
}

struct span words_trim(struct span text)
{
	while (text.len > 0 && is_one_of(text.at[0], SPAN(" \t")))
		text = (struct span){ text.at + 1, text.len - 1 };
	while (text.len > 0 && is_one_of(text.at[text.len - 1], SPAN(" \t")))
		text.len--;
	return text;
}

void words_refuse(struct span word, const char *allowed, char why[256])
{
	if (word.len == 0)
		(void)snprintf(why, 256, "something is missing at the end: %s", allowed);
	else
		(void)snprintf(why, 256, "\"%.*s\" is not %s", WORDS_ARG(word), allowed);
}
