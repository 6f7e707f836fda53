#include "auth/claims.h"

#include "base/json.h"

/* `raw` stands between its quotes in the JSON text. */
static bool is_named(struct span raw, struct span name, struct buf *scratch)
{
	if (!memchr(raw.at, '\\', raw.len))
		return span_eq(raw, name);
	scratch->len = 0;
	json_unquote((struct span){ raw.at - 1, raw.len + 2 }, scratch);
	return span_eq(buf_span(scratch), name);
}

bool claims_pick(struct span object, const struct span *names, size_t count, struct span *values)
{
	struct buf scratch = { NULL, 0, 0 };
	struct span rest = object, raw, value;
	bool once = true;

	for (size_t i = 0; i < count; i++)
		values[i] = (struct span){ NULL, 0 };
	while (once && json_next(&rest, &raw, &value)) {
		for (size_t i = 0; i < count; i++) {
			if (!is_named(raw, names[i], &scratch))
				continue;
			once = values[i].len == 0;
			values[i] = value;
			break;
		}
	}
	buf_fini(&scratch);
	return once;
}

static bool is_object(struct span value)
{
	return value.len > 0 && value.at[0] == '{';
}

static bool member(struct span object, struct span name, struct span *value)
{
	return is_object(object) && claims_pick(object, &name, 1, value) && value->len > 0 &&
	       !span_eq(*value, SPAN("null"));
}

bool claims_find(struct span claims, struct span path, struct span *value)
{
	while (!member(claims, path, value)) {
		const char *dot = memchr(path.at, '.', path.len);
		struct span first = path;

		if (!dot)
			return false;
		first.len = (size_t)(dot - path.at);
		if (!member(claims, first, &claims))
			return false;
		path = (struct span){ dot + 1, path.len - first.len - 1 };
	}
	return true;
}

static bool is_scalar(struct span value)
{
	return value.len > 0 && value.at[0] != '{' && value.at[0] != '[' &&
	       !span_eq(value, SPAN("null"));
}

bool claims_text(struct span value, struct buf *out)
{
	size_t before = out->len;

	if (!is_scalar(value))
		return false;
	if (!json_is_string(value)) {
		buf_put(out, value);
		return true;
	}
	json_unquote(value, out);
	if (out->len == before || !memchr(out->at + before, '\0', out->len - before))
		return true;
	out->len = before;
	return false;
}

static bool is_text(struct span value, struct span text, struct buf *scratch)
{
	scratch->len = 0;
	return claims_text(value, scratch) && span_eq(buf_span(scratch), text);
}

bool claims_has_text(struct span value, struct span text)
{
	struct buf scratch = { NULL, 0, 0 };
	struct span rest = value, none, element;
	bool found = is_text(value, text, &scratch);

	if (value.at[0] == '[') {
		while (!found && json_next(&rest, &none, &element))
			found = is_text(element, text, &scratch);
	}
	buf_fini(&scratch);
	return found;
}
