#include "base/json.h"

#include "base/utf8.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>

struct cursor {
	const char *at;
	const char *end;
};

/* Arithmetic on NULL is undefined, even with 0. */
static struct cursor cursor_of(struct span s)
{
	const char *at = s.at ? s.at : "";

	return (struct cursor){ at, at + s.len };
}

static void skip_space(struct cursor *c)
{
	while (c->at < c->end &&
		(*c->at == ' ' || *c->at == '\n' || *c->at == '\r' || *c->at == '\t'))
		c->at++;
}

static bool is_hex(char c)
{
	return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

/* At the backslash. */
static bool scan_escape(struct cursor *c)
{
	c->at++;
	if (c->at == c->end || *c->at == '\0' || !strchr("\"\\/bfnrtu", *c->at))
		return false;
	if (*c->at++ != 'u')
		return true;
	for (int i = 0; i < 4; i++, c->at++) {
		if (c->at == c->end || !is_hex(*c->at))
			return false;
	}
	return true;
}

/* At the opening quote. */
static bool scan_string(struct cursor *c)
{
	for (c->at++; c->at < c->end;) {
		unsigned char byte = (unsigned char)*c->at;

		if (byte == '"') {
			c->at++;
			return true;
		}
		if (byte < 0x20)
			return false;
		if (byte == '\\') {
			if (!scan_escape(c))
				return false;
		} else if (byte < 0x80) {
			c->at++;
		} else {
			size_t step =
				utf8_sequence((struct span){ c->at, (size_t)(c->end - c->at) });

			if (step == 0)
				return false;
			c->at += step;
		}
	}
	return false;
}

static bool scan_digits(struct cursor *c)
{
	const char *from = c->at;

	while (c->at < c->end && *c->at >= '0' && *c->at <= '9')
		c->at++;
	return c->at > from;
}

static bool scan_number(struct cursor *c)
{
	if (*c->at == '-')
		c->at++;
	if (c->at < c->end && *c->at == '0')
		c->at++;
	else if (!scan_digits(c))
		return false;
	if (c->at < c->end && *c->at == '.') {
		c->at++;
		if (!scan_digits(c))
			return false;
	}
	if (c->at < c->end && (*c->at == 'e' || *c->at == 'E')) {
		c->at++;
		if (c->at < c->end && (*c->at == '+' || *c->at == '-'))
			c->at++;
		if (!scan_digits(c))
			return false;
	}
	return true;
}

static bool scan_word(struct cursor *c, struct span word)
{
	for (size_t i = 0; i < word.len; i++, c->at++) {
		if (c->at == c->end || *c->at != word.at[i])
			return false;
	}
	return true;
}

static bool scan_scalar(struct cursor *c)
{
	switch (*c->at) {
	case '"':
		return scan_string(c);
	case 't':
		return scan_word(c, SPAN("true"));
	case 'f':
		return scan_word(c, SPAN("false"));
	case 'n':
		return scan_word(c, SPAN("null"));
	default:
		return scan_number(c);
	}
}

/* "name": with the white space around it. */
static bool scan_name(struct cursor *c)
{
	skip_space(c);
	if (c->at == c->end || *c->at != '"' || !scan_string(c))
		return false;
	skip_space(c);
	if (c->at == c->end || *c->at != ':')
		return false;
	c->at++;
	return true;
}

/*
 * After a value: goes up through every container that ends here. True with
 * *depth > 0 when another value must follow, true with 0 when all is read.
 */
static bool scan_after_value(struct cursor *c, const bool *in_object, size_t *depth)
{
	while (*depth > 0) {
		bool object = in_object[*depth - 1];

		skip_space(c);
		if (c->at == c->end)
			return false;
		if (*c->at == ',') {
			c->at++;
			return !object || scan_name(c);
		}
		if (*c->at != (object ? '}' : ']'))
			return false;
		c->at++;
		(*depth)--;
	}
	return true;
}

static bool scan_value(struct cursor *c)
{
	bool in_object[JSON_DEPTH_MOST];
	size_t depth = 0;

	for (;;) {
		skip_space(c);
		if (c->at == c->end)
			return false;
		if (*c->at == '{' || *c->at == '[') {
			bool object = *c->at == '{';

			if (depth == JSON_DEPTH_MOST)
				return false;
			in_object[depth++] = object;
			c->at++;
			skip_space(c);
			if (c->at < c->end && *c->at == (object ? '}' : ']')) {
				c->at++;
				depth--;
			} else if (object) {
				if (!scan_name(c))
					return false;
				continue;
			} else {
				continue;
			}
		} else if (!scan_scalar(c)) {
			return false;
		}
		if (!scan_after_value(c, in_object, &depth))
			return false;
		if (depth == 0)
			return true;
	}
}

bool json_scan(struct span *text, struct span *value)
{
	struct cursor c = cursor_of(*text);
	const char *from;

	skip_space(&c);
	from = c.at;
	if (c.at == c.end || !scan_value(&c))
		return false;
	*value = (struct span){ from, (size_t)(c.at - from) };
	*text = (struct span){ c.at, (size_t)(c.end - c.at) };
	return true;
}

struct span json_trim(struct span text)
{
	struct cursor c = cursor_of(text);

	skip_space(&c);
	while (c.end > c.at &&
		(c.end[-1] == ' ' || c.end[-1] == '\n' || c.end[-1] == '\r' || c.end[-1] == '\t'))
		c.end--;
	return (struct span){ c.at, (size_t)(c.end - c.at) };
}

bool json_is_value(struct span text)
{
	struct span value;

	return json_scan(&text, &value) && json_trim(text).len == 0;
}

size_t json_error_at(struct span text)
{
	struct cursor c = cursor_of(text);

	if (scan_value(&c))
		skip_space(&c);
	return text.len - (size_t)(c.end - c.at);
}

bool json_next(struct span *rest, struct span *name, struct span *value)
{
	struct cursor c = cursor_of(*rest);
	const char *from;

	*name = (struct span){ NULL, 0 };
	skip_space(&c);
	if (c.at == c.end || (*c.at != '{' && *c.at != '[' && *c.at != ','))
		return false; /* a scalar, or the container's end */
	c.at++;
	skip_space(&c);
	if (c.at == c.end || *c.at == '}' || *c.at == ']')
		return false;
	if (*c.at == '"') {
		/* A string is a member's name when a colon follows it. */
		from = c.at + 1;
		if (!scan_string(&c))
			return false;
		*name = (struct span){ from, (size_t)(c.at - from) - 1 };
		*value = (struct span){ from - 1, (size_t)(c.at - from) + 1 };
		skip_space(&c);
		if (c.at == c.end || *c.at != ':') {
			*name = (struct span){ NULL, 0 };
			*rest = (struct span){ c.at, (size_t)(c.end - c.at) };
			return true;
		}
		c.at++;
	}
	*rest = (struct span){ c.at, (size_t)(c.end - c.at) };
	return json_scan(rest, value);
}

bool json_member(struct span object, struct span name, struct span *value)
{
	struct span rest = object, raw;
	struct buf text = { NULL, 0, 0 };
	bool found = false;

	if (object.len == 0 || object.at[0] != '{')
		return false;
	while (!found && json_next(&rest, &raw, value) && raw.at) {
		if (!memchr(raw.at, '\\', raw.len)) {
			found = span_eq(raw, name);
			continue;
		}
		text.len = 0;
		json_unquote((struct span){ raw.at - 1, raw.len + 2 }, &text);
		found = span_eq(buf_span(&text), name);
	}
	buf_fini(&text);
	return found;
}

static uint32_t hex4(const char *at)
{
	uint32_t code = 0;

	for (int i = 0; i < 4; i++) {
		char c = at[i];

		code = code << 4 | (uint32_t)(c <= '9' ? c - '0' : (c | 0x20) - 'a' + 10);
	}
	return code;
}

/* At the u of \uXXXX; joins a pair of surrogates. Returns how far to go on. */
static size_t unquote_unicode(const char *at, const char *end, bool lone, struct buf *out)
{
	uint32_t code = hex4(at + 1);
	size_t taken = 5;
	char bytes[4];

	if (code >= 0xd800 && code < 0xdc00 && end - at >= 11 && at[5] == '\\' && at[6] == 'u') {
		uint32_t low = hex4(at + 7);

		if (low >= 0xdc00 && low < 0xe000) {
			code = 0x10000 + ((code - 0xd800) << 10) + (low - 0xdc00);
			taken = 11;
		}
	}
	if (code >= 0xd800 && code < 0xe000 && !lone)
		code = 0xfffd;
	buf_put(out, (struct span){ bytes, utf8_encode(code, bytes) });
	return taken;
}

static void unquote(struct span value, bool lone, struct buf *out)
{
	static const char from[] = "bfnrt", to[] = "\b\f\n\r\t";
	const char *at = value.at + 1, *end = value.at + value.len - 1;

	buf_reserve(out, value.len);
	while (at < end) {
		const char *escape = memchr(at, '\\', (size_t)(end - at));
		const char *short_form;

		buf_put(out, (struct span){ at, (size_t)((escape ? escape : end) - at) });
		if (!escape)
			return;
		at = escape + 1;
		if (*at == 'u') {
			at += unquote_unicode(at, end, lone, out);
			continue;
		}
		short_form = strchr(from, *at);
		if (short_form)
			buf_put_byte(out, to[short_form - from]);
		else
			buf_put_byte(out, *at);
		at++;
	}
}

void json_unquote(struct span value, struct buf *out)
{
	unquote(value, false, out);
}

void json_unquote_lone(struct span value, struct buf *out)
{
	unquote(value, true, out);
}

void json_quote(struct span text, struct buf *out)
{
	static const char hex[] = "0123456789abcdef";
	static const char from[] = "\b\f\n\r\t\"\\", to[] = "bfnrt\"\\";
	size_t start = 0;

	buf_reserve(out, text.len + 2);
	buf_put_byte(out, '"');
	for (size_t i = 0; i < text.len; i++) {
		unsigned char c = (unsigned char)text.at[i];
		const char *short_form;

		if (c >= 0x20 && c != '"' && c != '\\')
			continue;
		buf_put(out, (struct span){ text.at + start, i - start });
		start = i + 1;
		short_form = c ? strchr(from, c) : NULL;
		buf_put_byte(out, '\\');
		if (short_form) {
			buf_put_byte(out, to[short_form - from]);
		} else {
			buf_put(out, SPAN("u00"));
			buf_put_byte(out, hex[c >> 4]);
			buf_put_byte(out, hex[c & 15]);
		}
	}
	if (start < text.len)
		buf_put(out, (struct span){ text.at + start, text.len - start });
	buf_put_byte(out, '"');
}

bool json_double(struct span value, double *out)
{
	char text[64];
	char *end;

	if (value.len == 0 || value.len >= sizeof(text) ||
		(value.at[0] != '-' && (value.at[0] < '0' || value.at[0] > '9')))
		return false;
	memcpy(text, value.at, value.len);
	text[value.len] = '\0';
	*out = strtod(text, &end);
	return *end == '\0' && isfinite(*out);
}

bool json_int(struct span value, int64_t *out)
{
	double approximate;
	char text[32];
	char *end;

	if (!json_double(value, &approximate))
		return false;
	if (value.len < sizeof(text) && !memchr(value.at, '.', value.len) &&
		!memchr(value.at, 'e', value.len) && !memchr(value.at, 'E', value.len)) {
		memcpy(text, value.at, value.len);
		text[value.len] = '\0';
		errno = 0;
		*out = strtoll(text, &end, 10);
		return errno == 0 && *end == '\0';
	}
	/* Dates are sometimes written as 1.7e9 or 1700000000.0. */
	if (!(approximate > -9e15 && approximate < 9e15))
		return false;
	*out = (int64_t)approximate;
	return (double)*out == approximate;
}
