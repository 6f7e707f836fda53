/*
 * Writing puts spans together. Reading first tries the compact form, in which
 * we and Jackson write: nothing between the tokens, `content` last. There the
 * content is everything up to the last brace, white space around it included,
 * so that a body comes back byte for byte. Anything else is walked member by
 * member, and the content trimmed.
 */
#include "redis/envelope.h"

#include "base/base64.h"
#include "base/json.h"
#include "base/utf8.h"

#include <assert.h>

#define DATA_URL "data:application/octet-stream;base64,"
#define MARK     " \t\t "

enum {
	SHORT_BYTES = 64, /* a body below that may grow as much as it likes */
};

static const struct span type_json = SPAN("application/json");
static const struct span type_text = SPAN("text/plain;charset=UTF-8");
static const struct span type_bytes = SPAN("application/octet-stream");

enum form {
	FORM_JSON,   /* stands in the record as it is */
	FORM_STRING, /* quoted */
	FORM_BYTES,  /* a data URL */
};

static bool starts_with(struct span s, struct span start)
{
	return s.len >= start.len && memcmp(s.at, start.at, start.len) == 0;
}

/*
 * Is more than a quarter of it characters that JSON writes as \u00XX? Nobody reads
 * that as a text, and as a string it could be six times as long as it is.
 */
static bool is_mostly_control(struct span body)
{
	static const char short_forms[] = "\b\f\n\r\t";
	size_t count = 0;

	for (size_t i = 0; i < body.len; i++)
		count += (unsigned char)body.at[i] < ' ' &&
			 !memchr(short_forms, body.at[i], sizeof(short_forms) - 1);
	return count > body.len / 4 && body.len >= SHORT_BYTES;
}

static enum form form_of(struct span body, bool is_utf8)
{
	struct span json;

	if (!is_utf8 || starts_with(body, SPAN(DATA_URL)))
		return FORM_BYTES;
	json = json_trim(body);
	if (json.len > 0 && json.at[0] != '"' && json_is_value(json))
		return FORM_JSON;
	return is_mostly_control(body) ? FORM_BYTES : FORM_STRING;
}

struct span envelope_implied_type(struct span body, bool body_is_utf8)
{
	switch (form_of(body, body_is_utf8)) {
	case FORM_JSON:
		return type_json;
	case FORM_STRING:
		return type_text;
	case FORM_BYTES:
		break;
	}
	return type_bytes;
}

bool envelope_needs_extension(const struct bus_message *m)
{
	if (m->header_count > 0)
		return true;
	return m->content_type.at &&
	       !span_eq(m->content_type, envelope_implied_type(m->body, m->body_is_utf8));
}

/* --- writing -------------------------------------------------------------- */

static void put_content(const struct bus_message *m, struct buf *out)
{
	switch (form_of(m->body, m->body_is_utf8)) {
	case FORM_JSON:
		buf_put(out, m->body);
		return;
	case FORM_STRING:
		json_quote(m->body, out);
		return;
	case FORM_BYTES:
		buf_put(out, SPAN("\"" DATA_URL));
		base64_encode(m->body, out);
		buf_put_byte(out, '"');
		return;
	}
}

void envelope_write(const struct bus_message *m, bool marked, struct buf *out)
{
	buf_reserve(out, m->destination.len + m->body.len + 64);
	buf_put(out, SPAN("{\"destination\":"));
	json_quote(m->destination, out);
	buf_put(out, SPAN(",\"content\":"));
	put_content(m, out);
	buf_put_byte(out, '}');
	if (marked)
		buf_put(out, SPAN(MARK));
}

void envelope_write_extended(const struct bus_message *m, struct buf *out)
{
	buf_put(out, SPAN("{\"destination\":"));
	json_quote(m->destination, out);
	if (m->content_type.at) {
		buf_put(out, SPAN(",\"contentType\":"));
		json_quote(m->content_type, out);
	}
	buf_put(out, SPAN(",\"headers\":["));
	for (size_t i = 0; i < m->header_count; i++) {
		buf_put(out, i ? SPAN(",[") : SPAN("["));
		json_quote(m->headers[i].name, out);
		buf_put_byte(out, ',');
		json_quote(m->headers[i].value, out);
		buf_put_byte(out, ']');
	}
	buf_put(out, SPAN("],\"content\":"));
	put_content(m, out);
	buf_put_byte(out, '}');
}

/* --- reading -------------------------------------------------------------- */

/* The members of a record that count; at NULL while not seen. */
struct record {
	struct span destination; /* as JSON text */
	struct span content;
	struct span payload; /* what some projects call content */
	struct span type;
	struct span headers;
	bool has_class;
};

void envelope_scratch_fini(struct envelope_scratch *scratch)
{
	buf_fini(&scratch->text);
}

/* Takes `what` from the start of *rest. */
static bool take(struct span *rest, struct span what)
{
	if (!starts_with(*rest, what))
		return false;
	*rest = (struct span){ rest->at + what.len, rest->len - what.len };
	return true;
}

/* Takes `what` and the value behind it. */
static bool take_member(struct span *rest, struct span what, struct span *value)
{
	return take(rest, what) && json_scan(rest, value);
}

/*
 * The content is checked on its own: with the record around it, it may be
 * deeper by one than what json_is_value() takes.
 */
static bool read_compact(struct span payload, bool extended, struct record *r)
{
	const struct span type = SPAN(",\"contentType\":"), headers = SPAN(",\"headers\":");
	struct span rest = payload;

	if (!take_member(&rest, SPAN("{\"destination\":"), &r->destination))
		return false;
	if (extended && starts_with(rest, type) && !take_member(&rest, type, &r->type))
		return false;
	if (extended && !take_member(&rest, headers, &r->headers))
		return false;
	if (!take(&rest, SPAN(",\"content\":")) || rest.len == 0 || rest.at[rest.len - 1] != '}')
		return false;
	r->content = (struct span){ rest.at, rest.len - 1 };
	return json_is_value(r->content);
}

/* `object` is checked. Where a member repeats, the first one counts. */
static void read_members(struct span object, bool extended, struct record *r)
{
	struct span rest = object, name, value;

	while (json_next(&rest, &name, &value)) {
		if (span_eq(name, SPAN("destination")) && !r->destination.at)
			r->destination = value;
		else if (span_eq(name, SPAN("content")) && !r->content.at)
			r->content = value;
		else if (span_eq(name, SPAN("payload")) && !r->payload.at)
			r->payload = value;
		else if (span_eq(name, SPAN("contentType")) && extended && !r->type.at)
			r->type = value;
		else if (span_eq(name, SPAN("headers")) && extended && !r->headers.at)
			r->headers = value;
		else if (span_eq(name, SPAN("@class")))
			r->has_class = true;
	}
}

/* Copies a checked value without any "@class" member; no deeper than a checked value can be. */
static void put_without_class(struct span value, struct buf *out)
{
	struct span rest = value, name, member;
	bool first = true;

	if (value.at[0] != '{' && value.at[0] != '[') {
		buf_put(out, value);
		return;
	}
	buf_put_byte(out, value.at[0]);
	while (json_next(&rest, &name, &member)) {
		if (span_eq(name, SPAN("@class")))
			continue;
		if (!first)
			buf_put_byte(out, ',');
		first = false;
		if (name.at) {
			buf_put(out, (struct span){ name.at - 1, name.len + 2 });
			buf_put_byte(out, ':');
		}
		put_without_class(member, out);
	}
	buf_put_byte(out, value.at[0] == '{' ? '}' : ']');
}

/* Everything that a record needs unquoted is shorter than the record: one allocation. */
static struct span unquoted(struct span value, struct buf *text)
{
	size_t from = text->len;

	json_unquote(value, text);
	return (struct span){ text->at + from, text->len - from };
}

static bool read_headers(struct span list, struct envelope_scratch *scratch, struct bus_message *m)
{
	struct span rest = list, none, pair, name, value;

	if (list.at[0] != '[')
		return false;
	while (json_next(&rest, &none, &pair)) {
		struct span in_pair = pair;

		if (pair.at[0] != '[' || !json_next(&in_pair, &none, &name) ||
			!json_is_string(name) || !json_next(&in_pair, &none, &value) ||
			!json_is_string(value) || m->header_count == ENVELOPE_HEADERS_MOST)
			return false;
		scratch->headers[m->header_count++] =
			(struct bus_header){ unquoted(name, &scratch->text),
				unquoted(value, &scratch->text) };
	}
	m->headers = scratch->headers;
	return true;
}

static void read_body(struct span content, struct envelope_scratch *scratch, struct bus_message *m)
{
	struct span value = json_trim(content);
	struct span text;
	size_t from;

	if (!json_is_string(value)) {
		m->body = content;
		m->body_is_utf8 = true;
		m->content_type = type_json;
		return;
	}
	text = unquoted(value, &scratch->text);
	from = scratch->text.len;
	if (starts_with(text, SPAN(DATA_URL)) &&
		base64_decode((struct span){ text.at + sizeof(DATA_URL) - 1,
				      text.len - (sizeof(DATA_URL) - 1) },
			BASE64_STANDARD, &scratch->text)) {
		m->body = (struct span){ scratch->text.at + from, scratch->text.len - from };
		m->body_is_utf8 = utf8_is_valid(m->body);
		m->content_type = type_bytes;
		return;
	}
	m->body = text;
	m->body_is_utf8 = true;
	m->content_type = type_text;
}

static enum envelope_read read_record(
	const struct record *r, struct envelope_scratch *scratch, struct bus_message *m)
{
	struct span content = r->content.at ? r->content : r->payload;
	size_t from;

	if (!r->destination.at || !json_is_string(r->destination) || r->destination.len == 2)
		return ENVELOPE_NO_DESTINATION;
	if (!content.at)
		return ENVELOPE_NO_CONTENT;
	if (r->has_class) {
		from = scratch->text.len;
		put_without_class(content, &scratch->text);
		content = (struct span){ scratch->text.at + from, scratch->text.len - from };
	}
	m->destination = unquoted(r->destination, &scratch->text);
	read_body(content, scratch, m);
	if (r->headers.at && !read_headers(r->headers, scratch, m))
		return ENVELOPE_NOT_JSON;
	if (r->type.at && json_is_string(r->type))
		m->content_type = unquoted(r->type, &scratch->text);
	return ENVELOPE_READ;
}

enum envelope_read envelope_read(
	struct span payload, bool extended, struct envelope_scratch *scratch, struct bus_message *m)
{
	struct record r = { .has_class = false };
	struct span json;

	*m = (struct bus_message){ .body_is_utf8 = true };
	scratch->text.len = 0;
	if (starts_with(payload, SPAN("\xac\xed\x00\x05")))
		return ENVELOPE_JDK;
	if (!extended && payload.len > sizeof(MARK) &&
		memcmp(payload.at + payload.len - (sizeof(MARK) - 1), MARK, sizeof(MARK) - 1) == 0)
		return ENVELOPE_SKIP;
	/* Decoded twice at most, unquoted and copied once each: nothing moves while it is viewed. */
	buf_reserve(&scratch->text, payload.len * 4 + 64);
	if (read_compact(payload, extended, &r))
		return read_record(&r, scratch, m);
	if (!json_is_value(payload))
		return ENVELOPE_NOT_JSON;
	json = json_trim(payload);
	if (json_is_string(json)) {
		json = unquoted(json, &scratch->text);
		if (!json_is_value(json))
			return ENVELOPE_NO_DESTINATION;
		json = json_trim(json);
	}
	if (json.len == 0 || json.at[0] != '{')
		return ENVELOPE_NO_DESTINATION;
	r = (struct record){ .has_class = false };
	read_members(json, extended, &r);
	return read_record(&r, scratch, m);
}

const char *envelope_problem(enum envelope_read result)
{
	static const char *const texts[] = {
		[ENVELOPE_READ] = "none",
		[ENVELOPE_SKIP] = "none",
		[ENVELOPE_NOT_JSON] = "not JSON; publish {\"destination\":...,\"content\":...}",
		[ENVELOPE_NO_DESTINATION] = "no destination; publish an object with that member",
		[ENVELOPE_NO_CONTENT] = "no content; publish an object with that member",
		[ENVELOPE_JDK] = "Java serialisation; set a JSON serializer on the RedisTemplate",
	};

	assert(result < ENVELOPE_RESULT_COUNT);
	return texts[result];
}
