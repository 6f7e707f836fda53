/*
 * The laws: text that is quoted and unquoted is what it was; a value that was
 * scanned is a value; and a walk over its members takes as many as there are
 * commas on its first level, and one.
 */
#include "base/json.h"
#include "base/utf8.h"

#include <assert.h>
#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_quote(struct span text)
{
	struct buf quoted = { NULL, 0, 0 }, again = { NULL, 0, 0 };

	json_quote(text, &quoted);
	assert(json_is_value(buf_span(&quoted)) && json_is_string(buf_span(&quoted)));
	json_unquote(buf_span(&quoted), &again);
	assert(span_eq(buf_span(&again), text));
	buf_fini(&again);
	buf_fini(&quoted);
}

/* Of a checked container that is not empty. */
static size_t count_members(struct span value)
{
	size_t depth = 0, count = 1;
	bool in_string = false;

	for (size_t i = 0; i < value.len; i++) {
		char c = value.at[i];

		if (in_string && c == '\\')
			i++;
		else if (c == '"')
			in_string = !in_string;
		else if (in_string)
			continue;
		else if (c == '{' || c == '[')
			depth++;
		else if (c == '}' || c == ']')
			depth--;
		else if (c == ',' && depth == 1)
			count++;
	}
	assert(depth == 0 && !in_string);
	return count;
}

static void check_members(struct span value)
{
	bool object = value.at[0] == '{', container = object || value.at[0] == '[';
	struct span rest = value, name, member, found;
	struct buf text = { NULL, 0, 0 };
	size_t count = 0;

	while (json_next(&rest, &name, &member)) {
		assert(json_is_value(member));
		assert((name.at != NULL) == object);
		count++;
		if (!object)
			continue;
		text.len = 0;
		json_unquote((struct span){ name.at - 1, name.len + 2 }, &text);
		assert(utf8_is_valid(buf_span(&text)));
		assert(json_member(value, buf_span(&text), &found) && found.at <= member.at);
	}
	if (!container)
		assert(count == 0);
	else if (count > 0)
		assert(count == count_members(value));
	else
		assert(json_trim((struct span){ value.at + 1, value.len - 2 }).len == 0);
	buf_fini(&text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct span text = { (const char *)data, size }, rest = text, value;
	int64_t n;
	double d;

	if (utf8_is_valid(text))
		check_quote(text);
	assert(json_error_at(text) <= size);
	assert(!json_is_value(text) || json_error_at(text) == size);
	if (!json_scan(&rest, &value))
		return 0;
	assert(json_is_value(value) && span_eq(value, json_trim(value)));
	assert(value.at + value.len == rest.at && rest.at + rest.len == text.at + text.len);
	assert(json_is_value(text) == (json_trim(rest).len == 0));
	check_members(value);
	if (json_int(value, &n))
		assert(json_double(value, &d) && (double)n == d);
	return 0;
}
