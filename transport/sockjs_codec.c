/*
 * Escaping looks at each byte once: stretches that go out as they came are
 * found by a table (ASCII) or by the length of their sequence, and copied
 * whole. What a browser cannot be trusted with is rare in texts.
 *
 * The frames of htmlfile and jsonp are JavaScript strings that hold a frame;
 * they are escaped a second time by the same function.
 */
#include "transport/sockjs_codec.h"

#include "base/json.h"
#include "base/percent.h"
#include "base/utf8.h"

#include <assert.h>

enum {
	PRELUDE_XHR_BYTES = 2048,      /* old browsers hold back what is shorter */
	PRELUDE_HTMLFILE_BYTES = 1024, /* likewise */
	ESCAPED_BYTES_MOST = 12,       /* a pair of surrogates */
};

/* The bytes of ASCII that may stand in a JSON string as they are. */
static const bool plain[256] = {
	[' ' ... '!'] = true,
	['#' ... '['] = true,
	[']' ... 0x7f] = true,
};

/* Without the sign that could end a script element, or begin a comment in it. */
static const bool plain_in_html[256] = {
	[' ' ... '!'] = true,
	['#' ... ';'] = true,
	['=' ... '['] = true,
	[']' ... 0x7f] = true,
};

static const char short_forms[256] = {
	['"'] = '"',
	['\\'] = '\\',
	['\b'] = 'b',
	['\f'] = 'f',
	['\n'] = 'n',
	['\r'] = 'r',
	['\t'] = 't',
};

/* --- what clients send ---------------------------------------------------- */

static bool all_are_texts(struct span array)
{
	struct span rest = array, name, value;

	while (json_next(&rest, &name, &value)) {
		if (!json_is_string(value))
			return false;
	}
	return true;
}

enum sockjs_payload sockjs_check(struct span payload, bool or_text)
{
	struct span value = json_trim(payload);

	if (value.len == 0)
		return SOCKJS_PAYLOAD_MISSING;
	if (!json_is_value(value))
		return SOCKJS_PAYLOAD_BROKEN;
	if (value.at[0] == '[')
		return all_are_texts(value) ? SOCKJS_PAYLOAD_GOOD : SOCKJS_PAYLOAD_BROKEN;
	return or_text && json_is_string(value) ? SOCKJS_PAYLOAD_GOOD : SOCKJS_PAYLOAD_MISSING;
}

bool sockjs_next(struct span *rest, struct buf *out, bool lone)
{
	struct span value = json_trim(*rest), name;

	if (json_is_string(value)) /* the payload is a text alone: nothing comes behind it */
		*rest = (struct span){ value.at + value.len, 0 };
	else if (!json_next(rest, &name, &value))
		return false;
	out->len = 0;
	if (lone)
		json_unquote_lone(value, out);
	else
		json_unquote(value, out);
	return true;
}

bool sockjs_is_callback(struct span callback)
{
	for (size_t i = 0; i < callback.len; i++) {
		char c = callback.at[i];

		if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
			    c == '_' || c == '.' || c == '-'))
			return false;
	}
	return callback.len > 0 && callback.len <= SOCKJS_CALLBACK_MOST;
}

/* Takes what comes before the next `separator` from the start of *rest, or all of it. */
static struct span take_until(struct span *rest, char separator)
{
	const char *end = rest->len > 0 ? memchr(rest->at, separator, rest->len) : NULL;
	struct span taken = *rest;

	if (!end) {
		rest->len = 0;
		return taken;
	}
	taken.len = (size_t)(end - taken.at);
	*rest = (struct span){ end + 1, rest->len - taken.len - 1 };
	return taken;
}

bool sockjs_form_field(struct span form, const char *name, struct buf *out)
{
	while (form.len > 0) {
		struct span value = take_until(&form, '&');
		struct span raw_name = take_until(&value, '=');

		out->len = 0;
		percent_decode(raw_name, true, out);
		if (!span_eq(buf_span(out), span_of(name)))
			continue;
		out->len = 0;
		percent_decode(value, true, out);
		return true;
	}
	out->len = 0;
	return false;
}

/* --- what goes to them ---------------------------------------------------- */

/* Of a sequence of three bytes, which may be a surrogate's. */
static uint32_t code_of_three(const char *at)
{
	const unsigned char *c = (const unsigned char *)at;

	return (c[0] & 0x0fu) << 12 | (c[1] & 0x3fu) << 6 | (c[2] & 0x3fu);
}

/*
 * The length of the character at the start when it is above ASCII and goes out
 * as it came, else 0. Only U+2xxx and U+Fxxx have some that do not.
 */
static size_t plain_sequence(struct span rest)
{
	size_t len = (unsigned char)rest.at[0] < 0x80 ? 0 : utf8_sequence(rest);
	uint32_t code;

	if (len == 4)
		return 0;
	if (len != 3 || (rest.at[0] != '\xe2' && rest.at[0] != '\xef'))
		return len;
	code = code_of_three(rest.at);
	if ((code >= 0x200c && code <= 0x200f) || (code >= 0x2028 && code <= 0x202f) ||
		(code >= 0x2060 && code <= 0x206f) || code >= 0xfff0)
		return 0;
	return len;
}

static bool is_surrogate(struct span rest)
{
	return rest.len >= 3 && rest.at[0] == '\xed' && (rest.at[1] & 0xe0) == 0xa0 &&
	       (rest.at[2] & 0xc0) == 0x80;
}

/* The code point at the start, and its length. */
static uint32_t first_code(struct span rest, size_t *len)
{
	const unsigned char *c = (const unsigned char *)rest.at;

	*len = is_surrogate(rest) ? 3 : utf8_sequence(rest);
	switch (*len) {
	case 1:
		return c[0];
	case 3:
		return code_of_three(rest.at);
	case 4:
		return (c[0] & 0x07u) << 18 | (c[1] & 0x3fu) << 12 | (c[2] & 0x3fu) << 6 |
		       (c[3] & 0x3fu);
	default:
		/* No UTF-8: characters of two bytes are never escaped. */
		*len = 1;
		return 0xfffd;
	}
}

static char *put_unit(char *to, uint32_t unit)
{
	static const char hex[] = "0123456789abcdef";

	*to++ = '\\';
	*to++ = 'u';
	for (int shift = 12; shift >= 0; shift -= 4)
		*to++ = hex[unit >> shift & 15];
	return to;
}

/* Returns the length of the character that it has escaped. */
static size_t put_escaped(struct span rest, struct buf *out)
{
	char *to = buf_reserve(out, ESCAPED_BYTES_MOST);
	char short_form = short_forms[(unsigned char)rest.at[0]];
	size_t len = 1;
	uint32_t code;

	if (short_form) {
		*to++ = '\\';
		*to++ = short_form;
	} else {
		code = first_code(rest, &len);
		if (code < 0x10000) {
			to = put_unit(to, code);
		} else {
			to = put_unit(to, 0xd800 + ((code - 0x10000) >> 10));
			to = put_unit(to, 0xdc00 + (code & 0x3ff));
		}
	}
	out->len = (size_t)(to - out->at);
	return len;
}

static void escape(struct span text, const bool as_is[256], struct buf *out)
{
	struct span rest = text;
	const char *from = rest.at; /* what is before it has been put out */

	buf_reserve(out, text.len);
	while (rest.len > 0) {
		size_t len = as_is[(unsigned char)rest.at[0]] ? 1 : plain_sequence(rest);

		if (len == 0) {
			buf_put(out, (struct span){ from, (size_t)(rest.at - from) });
			len = put_escaped(rest, out);
			from = rest.at + len;
		}
		rest = (struct span){ rest.at + len, rest.len - len };
	}
	buf_put(out, (struct span){ from, (size_t)(rest.at - from) });
}

void sockjs_escape(struct span text, struct buf *out)
{
	escape(text, plain, out);
}

void sockjs_put_close(unsigned code, struct span reason, struct buf *out)
{
	buf_printf(out, "c[%u,\"", code);
	sockjs_escape(reason, out);
	buf_put(out, SPAN("\"]"));
}

static void put_repeated(char byte, size_t count, struct buf *out)
{
	memset(buf_reserve(out, count), byte, count);
	out->len += count;
}

/*
 * The page that an htmlfile response begins with. The protocol fixes it to the
 * byte: its test suite compares. The page that shows it has put an object of
 * that name into its window; loading ends when the response does.
 */
static void put_page(struct span callback, struct buf *out)
{
	size_t from = out->len;

	buf_put(out,
		SPAN("<!doctype html>\n"
		     "<html><head>\n"
		     "  <meta http-equiv=\"X-UA-Compatible\" content=\"IE=edge\" />\n"
		     "  <meta http-equiv=\"Content-Type\" content=\"text/html; charset=UTF-8\" />\n"
		     "</head><body><h2>Don't panic!</h2>\n"
		     "  <script>\n"
		     "    document.domain = document.domain;\n"
		     "    var c = parent."));
	buf_put(out, callback);
	buf_put(out, SPAN(";\n"
			  "    c.start();\n"
			  "    function p(d) {c.message(d);};\n"
			  "    window.onload = function() {c.stop();};\n"
			  "  </script>"));
	if (out->len - from < PRELUDE_HTMLFILE_BYTES)
		put_repeated(' ', PRELUDE_HTMLFILE_BYTES - (out->len - from), out);
	buf_put(out, SPAN("\r\n\r\n"));
}

void sockjs_put_prelude(enum sockjs_transport t, struct span callback, struct buf *out)
{
	switch (t) {
	case SOCKJS_XHR_STREAMING:
		put_repeated('h', PRELUDE_XHR_BYTES, out);
		buf_put_byte(out, '\n');
		break;
	case SOCKJS_EVENTSOURCE:
		buf_put(out, SPAN("\r\n"));
		break;
	case SOCKJS_HTMLFILE:
		assert(sockjs_is_callback(callback));
		put_page(callback, out);
		break;
	case SOCKJS_WEBSOCKET:
	case SOCKJS_XHR:
	case SOCKJS_JSONP:
	case SOCKJS_TRANSPORTS:
		break;
	}
}

/* The client undoes the percent-encoding of an event, so its own percent signs are encoded. */
static void put_event(struct span frame, struct buf *out)
{
	static const char hex[] = "0123456789ABCDEF";
	const char *from = frame.at;

	buf_put(out, SPAN("data: "));
	for (size_t i = 0; i < frame.len; i++) {
		char c = frame.at[i];
		char code[] = { '%', hex[c >> 4 & 15], hex[c & 15] };

		if (c != '%' && c != '\r' && c != '\n' && c != '\0')
			continue;
		buf_put(out, (struct span){ from, (size_t)(frame.at + i - from) });
		buf_put(out, (struct span){ code, sizeof(code) });
		from = frame.at + i + 1;
	}
	if (frame.len > 0)
		buf_put(out, (struct span){ from, (size_t)(frame.at + frame.len - from) });
	buf_put(out, SPAN("\r\n\r\n"));
}

void sockjs_put_frame(
	enum sockjs_transport t, struct span callback, struct span frame, struct buf *out)
{
	switch (t) {
	case SOCKJS_WEBSOCKET:
		buf_put(out, frame);
		break;
	case SOCKJS_XHR:
	case SOCKJS_XHR_STREAMING:
		buf_put(out, frame);
		buf_put_byte(out, '\n');
		break;
	case SOCKJS_EVENTSOURCE:
		put_event(frame, out);
		break;
	case SOCKJS_HTMLFILE:
		buf_put(out, SPAN("<script>\np(\""));
		escape(frame, plain_in_html, out);
		buf_put(out, SPAN("\");\n</script>\r\n"));
		break;
	case SOCKJS_JSONP:
		assert(sockjs_is_callback(callback));
		buf_put(out, SPAN("/**/"));
		buf_put(out, callback);
		buf_put(out, SPAN("(\""));
		escape(frame, plain, out);
		buf_put(out, SPAN("\");\r\n"));
		break;
	case SOCKJS_TRANSPORTS:
		break;
	}
}
