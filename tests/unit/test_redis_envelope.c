/* redis/envelope: what stands on the bus, and that a body comes back as it was sent. */
#include "redis/envelope.h"

#include "base/json.h"
#include "base/utf8.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>

#define DATA_URL "data:application/octet-stream;base64,"
#define JSON     "application/json"
#define TEXT     "text/plain;charset=UTF-8"
#define BYTES    "application/octet-stream"
#define VECTORS  "tests/data/redis_payloads.json"

#define FOUR(x)            x x x x
#define CONTROLS_16        FOUR(FOUR("\x01"))
#define QUOTED_CONTROLS_16 FOUR(FOUR("\\u0001"))
#define TABS_47            FOUR(FOUR("\t\t")) FOUR("\t\t\t") "\t\t\t"
#define QUOTED_TABS_47     FOUR(FOUR("\\t\\t")) FOUR("\\t\\t\\t") "\\t\\t\\t"

static void ck_assert_span(struct span is, struct span expected)
{
	ck_assert_msg(span_eq(is, expected), "is \"%.*s\", expected \"%.*s\"", (int)is.len, is.at,
		(int)expected.len, expected.at);
}

/* --- writing: exact bytes ---------------------------------------------------- */

static const struct {
	struct span body;
	bool is_bytes; /* and no UTF-8 */
	struct span content;
	const char *type;
} bodies[] = {
	/* JSON, byte for byte. */
	{ SPAN("{\"a\":1}"), false, SPAN("{\"a\":1}"), JSON },
	{ SPAN(" {\"a\" : 1}\r\n"), false, SPAN(" {\"a\" : 1}\r\n"), JSON },
	{ SPAN("\t[ ]\n"), false, SPAN("\t[ ]\n"), JSON },
	{ SPAN("12345678901234567890123"), false, SPAN("12345678901234567890123"), JSON },
	{ SPAN("-0.10e+1"), false, SPAN("-0.10e+1"), JSON },
	{ SPAN("{\"a\":1,\"a\":2}"), false, SPAN("{\"a\":1,\"a\":2}"), JSON },
	{ SPAN("{\"@class\":\"x.Y\"}"), false, SPAN("{\"@class\":\"x.Y\"}"), JSON },
	{ SPAN("null"), false, SPAN("null"), JSON },
	{ SPAN("true"), false, SPAN("true"), JSON },
	{ SPAN("[\"\\ud800\",\"\\u0000\"]"), false, SPAN("[\"\\ud800\",\"\\u0000\"]"), JSON },
	{ SPAN("{\"t\":\"안녕\"}"), false, SPAN("{\"t\":\"안녕\"}"), JSON },
	/* Text. */
	{ SPAN(""), false, SPAN("\"\""), TEXT },
	{ SPAN(" "), false, SPAN("\" \""), TEXT },
	{ SPAN("hi"), false, SPAN("\"hi\""), TEXT },
	{ SPAN("안녕 😀"), false, SPAN("\"안녕 😀\""), TEXT },
	{ SPAN("a\0b"), false, SPAN("\"a\\u0000b\""), TEXT },
	{ SPAN("\0"), false, SPAN("\"\\u0000\""), TEXT },
	{ SPAN("a\"b\\c\nd\x01"), false, SPAN("\"a\\\"b\\\\c\\nd\\u0001\""), TEXT },
	{ SPAN("{\"a\":1"), false, SPAN("\"{\\\"a\\\":1\""), TEXT },
	{ SPAN("{'a':1}"), false, SPAN("\"{'a':1}\""), TEXT },
	{ SPAN("1 2"), false, SPAN("\"1 2\""), TEXT },
	{ SPAN("NaN"), false, SPAN("\"NaN\""), TEXT },
	{ SPAN("data:text/plain,x"), false, SPAN("\"data:text/plain,x\""), TEXT },
	/* A JSON string is text to us: unquoted it would come back without its quotes. */
	{ SPAN("\"hi\""), false, SPAN("\"\\\"hi\\\"\""), TEXT },
	{ SPAN(" \"hi\" "), false, SPAN("\" \\\"hi\\\" \""), TEXT },
	{ SPAN("\"\\ud83d\""), false, SPAN("\"\\\"\\\\ud83d\\\"\""), TEXT },
	/* Bytes. */
	{ SPAN("\xff\xfe"), true, SPAN("\"" DATA_URL "//4=\""), BYTES },
	{ SPAN("{\"a\":\"\xed\xa0\x80\"}"), true, SPAN("\"" DATA_URL "eyJhIjoi7aCAIn0=\""), BYTES },
	/* 17 of 64 that are no text; 16 still are. */
	{ SPAN(CONTROLS_16 "\x02" TABS_47), false,
		SPAN("\"" DATA_URL
		     "AQEBAQEBAQEBAQEBAQEBAQIJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJ"
		     "CQkJCQkJCQkJCQkJCQ==\""),
		BYTES },
	{ SPAN(CONTROLS_16 "\n" TABS_47), false,
		SPAN("\"" QUOTED_CONTROLS_16 "\\n" QUOTED_TABS_47 "\""), TEXT },
	{ SPAN(CONTROLS_16 CONTROLS_16), false,
		SPAN("\"" QUOTED_CONTROLS_16 QUOTED_CONTROLS_16 "\""), TEXT },
	/* What looks like our data URL is put into one. */
	{ SPAN(DATA_URL), false,
		SPAN("\"" DATA_URL "ZGF0YTphcHBsaWNhdGlvbi9vY3RldC1zdHJlYW07YmFzZTY0LA==\""),
		BYTES },
};

static struct bus_message message_of(size_t row)
{
	return (struct bus_message){ .destination = SPAN("/sub/\"a\"/가"),
		.body = bodies[row].body,
		.body_is_utf8 = !bodies[row].is_bytes };
}

#define HEAD "{\"destination\":\"/sub/\\\"a\\\"/가\""

START_TEST(writes_exact_bytes)
{
	struct bus_message m = message_of((size_t)_i);
	struct buf out = { NULL, 0, 0 }, expected = { NULL, 0, 0 };

	ck_assert_int_eq(utf8_is_valid(m.body), m.body_is_utf8);
	ck_assert_span(envelope_implied_type(m.body, m.body_is_utf8), span_of(bodies[_i].type));
	ck_assert(!envelope_needs_extension(&m));
	buf_put(&expected, SPAN(HEAD ",\"content\":"));
	buf_put(&expected, bodies[_i].content);
	buf_put_byte(&expected, '}');
	envelope_write(&m, false, &out);
	ck_assert_span(buf_span(&out), buf_span(&expected));
	/* The mark is white space, so a Spring reader does not see it. */
	envelope_write(&m, true, &out);
	ck_assert_uint_gt(out.len, expected.len * 2);
	ck_assert(json_is_value((struct span){ out.at + expected.len, out.len - expected.len }));
	buf_fini(&expected);
	buf_fini(&out);
}
END_TEST

static void check_read(
	struct span record, bool extended, const struct bus_message *expected, struct span type)
{
	struct envelope_scratch scratch = { .text = { NULL, 0, 0 } };
	struct bus_message m;

	ck_assert_int_eq(envelope_read(record, extended, &scratch, &m), ENVELOPE_READ);
	ck_assert_span(m.destination, expected->destination);
	ck_assert_span(m.body, expected->body);
	ck_assert_int_eq(m.body_is_utf8, expected->body_is_utf8);
	ck_assert_ptr_nonnull(m.content_type.at);
	ck_assert_span(m.content_type, type);
	ck_assert_uint_eq(m.header_count, expected->header_count);
	for (size_t i = 0; i < m.header_count; i++) {
		ck_assert_span(m.headers[i].name, expected->headers[i].name);
		ck_assert_span(m.headers[i].value, expected->headers[i].value);
	}
	envelope_scratch_fini(&scratch);
}

START_TEST(comes_back_as_it_was)
{
	struct bus_message m = message_of((size_t)_i);
	struct span type = span_of(bodies[_i].type);
	struct buf out = { NULL, 0, 0 };

	/* Text that is written as bytes is text again. */
	envelope_write(&m, false, &out);
	check_read(buf_span(&out), false, &m, type);
	out.len = 0;
	envelope_write_extended(&m, &out);
	check_read(buf_span(&out), true, &m, type);
	buf_fini(&out);
}
END_TEST

START_TEST(headers_come_back_in_order)
{
	static const struct bus_header headers[] = {
		{ SPAN("x"), SPAN("1") },
		{ SPAN("x"), SPAN("2") },
		{ SPAN("empty"), SPAN("") },
		{ SPAN(""), SPAN("no name") },
		{ SPAN("\"\n\\"), SPAN("{\"content\":1}\0\t가😀") },
	};
	struct bus_message m = message_of((size_t)_i);
	struct buf out = { NULL, 0, 0 };

	m.headers = headers;
	m.header_count = countof(headers);
	m.content_type = SPAN("text/x; a=\"b\"");
	ck_assert(envelope_needs_extension(&m));
	envelope_write_extended(&m, &out);
	ck_assert(json_is_value(buf_span(&out)));
	check_read(buf_span(&out), true, &m, m.content_type);
	m.content_type = (struct span){ NULL, 0 };
	ck_assert(envelope_needs_extension(&m));
	out.len = 0;
	envelope_write_extended(&m, &out);
	check_read(buf_span(&out), true, &m, span_of(bodies[_i].type));
	buf_fini(&out);
}
END_TEST

START_TEST(extended_record_is_exact)
{
	static const struct bus_header headers[] = { { SPAN("a"), SPAN("1") },
		{ SPAN("b"), SPAN("") } };
	struct bus_message m = { .destination = SPAN("/t"),
		.content_type = SPAN(""),
		.headers = headers,
		.header_count = 2,
		.body = SPAN("{}"),
		.body_is_utf8 = true };
	struct buf out = { NULL, 0, 0 };

	envelope_write_extended(&m, &out);
	ck_assert_span(buf_span(&out),
		SPAN("{\"destination\":\"/t\",\"contentType\":\"\",\"headers\":[[\"a\",\"1\"],[\"b\",\"\"]],"
		     "\"content\":{}}"));
	buf_fini(&out);
}
END_TEST

static const struct {
	const char *type; /* NULL: none */
	const char *body;
	bool needs;
} types[] = {
	{ NULL, "{}", false },
	{ NULL, "hi", false },
	{ JSON, "{}", false },
	{ JSON ";charset=UTF-8", "{}", true },
	{ JSON, "hi", true },
	{ JSON, "\"hi\"", true },
	{ TEXT, "hi", false },
	{ "text/plain", "hi", true },
	{ TEXT, "1", true },
	{ TEXT, DATA_URL, true },
	{ "", "hi", true },
};

START_TEST(knows_when_it_needs_an_extension)
{
	struct bus_message m = { .destination = SPAN("/t"), .body_is_utf8 = true };

	m.body = span_of(types[_i].body);
	if (types[_i].type)
		m.content_type = span_of(types[_i].type);
	ck_assert_int_eq(envelope_needs_extension(&m), types[_i].needs);
}
END_TEST

static void put_nested(struct buf *out, int depth)
{
	for (int i = 0; i < depth; i++)
		buf_put_byte(out, '[');
	for (int i = 0; i < depth; i++)
		buf_put_byte(out, ']');
}

START_TEST(deep_bodies_come_back)
{
	static const struct bus_header header = { SPAN("a"), SPAN("1") };
	struct buf body = { NULL, 0, 0 }, out = { NULL, 0, 0 };
	struct bus_message m = { .destination = SPAN("/t"), .body_is_utf8 = true };

	put_nested(&body, _i);
	m.body = buf_span(&body);
	envelope_write(&m, false, &out);
	check_read(buf_span(&out), false, &m, _i > JSON_DEPTH_MOST ? SPAN(TEXT) : SPAN(JSON));
	m.headers = &header;
	m.header_count = 1;
	out.len = 0;
	envelope_write_extended(&m, &out);
	check_read(buf_span(&out), true, &m, _i > JSON_DEPTH_MOST ? SPAN(TEXT) : SPAN(JSON));
	buf_fini(&out);
	buf_fini(&body);
}
END_TEST

START_TEST(headers_have_a_limit)
{
	struct bus_header headers[ENVELOPE_HEADERS_MOST + 1];
	struct envelope_scratch scratch = { .text = { NULL, 0, 0 } };
	struct bus_message m = { .destination = SPAN("/t"),
		.headers = headers,
		.body = SPAN("{}"),
		.body_is_utf8 = true },
			   read;
	struct buf out = { NULL, 0, 0 };

	for (size_t i = 0; i < countof(headers); i++)
		headers[i] = (struct bus_header){ SPAN("n"), SPAN("v") };
	m.header_count = ENVELOPE_HEADERS_MOST;
	envelope_write_extended(&m, &out);
	check_read(buf_span(&out), true, &m, SPAN(JSON));
	m.header_count++;
	out.len = 0;
	envelope_write_extended(&m, &out);
	ck_assert_int_eq(envelope_read(buf_span(&out), true, &scratch, &read), ENVELOPE_NOT_JSON);
	buf_fini(&out);
	envelope_scratch_fini(&scratch);
}
END_TEST

START_TEST(a_message_without_a_body_pointer)
{
	struct bus_message m = { .destination = SPAN("/t"), .body_is_utf8 = true };
	struct buf out = { NULL, 0, 0 };

	envelope_write(&m, false, &out);
	ck_assert_span(buf_span(&out), SPAN("{\"destination\":\"/t\",\"content\":\"\"}"));
	buf_fini(&out);
}
END_TEST

/* --- reading what others wrote ------------------------------------------------- */

#define D "\"destination\":\"/t\""

static const struct {
	struct span record;
	bool extended;
	enum envelope_read result;
	struct span body;
	const char *type;
} reads[] = {
	{ SPAN("{" D ",\"content\":{\"a\":1}}"), false, ENVELOPE_READ, SPAN("{\"a\":1}"), JSON },
	{ SPAN("{" D ",\"content\": [1] }"), false, ENVELOPE_READ, SPAN(" [1] "), JSON },
	{ SPAN("{" D ",\"content\": \"x\" }"), false, ENVELOPE_READ, SPAN("x"), TEXT },
	{ SPAN("{" D ",\"content\":null}"), false, ENVELOPE_READ, SPAN("null"), JSON },
	{ SPAN("{" D ",\"content\":\"\"}"), false, ENVELOPE_READ, SPAN(""), TEXT },
	/* Any order, white space, unknown members, "payload". */
	{ SPAN("{\"content\":1," D "}"), false, ENVELOPE_READ, SPAN("1"), JSON },
	{ SPAN(" { " D " , \"content\" : 1 } \n"), false, ENVELOPE_READ, SPAN("1"), JSON },
	{ SPAN("{\"n\":[{}]," D ",\"content\":1,\"at\":\"}\"}"), false, ENVELOPE_READ, SPAN("1"),
		JSON },
	{ SPAN("{" D ",\"payload\":{}}"), false, ENVELOPE_READ, SPAN("{}"), JSON },
	{ SPAN("{" D ",\"payload\":1,\"content\":2}"), false, ENVELOPE_READ, SPAN("2"), JSON },
	/* The first of a repeated member. */
	{ SPAN("{" D ",\"content\":1,\"content\":2}"), false, ENVELOPE_READ, SPAN("1"), JSON },
	{ SPAN("{" D ",\"destination\":\"/u\",\"content\":1}"), false, ENVELOPE_READ, SPAN("1"),
		JSON },
	/* A plain record has no headers, whatever it says. */
	{ SPAN("{" D ",\"headers\":[[\"a\",\"b\"]],\"contentType\":\"x\",\"content\":1}"), false,
		ENVELOPE_READ, SPAN("1"), JSON },
	/* "@class" goes when the record has one, and else belongs to the body. */
	{ SPAN("{\"@class\":\"R\"," D
	       ",\"content\":{\"@class\":\"C\",\"a\":[{\"@class\":\"D\"},2, 3]}}"),
		false, ENVELOPE_READ, SPAN("{\"a\":[{},2,3]}"), JSON },
	{ SPAN("{\"@class\":\"R\"," D ",\"content\":\"@class\"}"), false, ENVELOPE_READ,
		SPAN("@class"), TEXT },
	{ SPAN("{" D ",\"content\":{\"@class\":\"C\"}}"), false, ENVELOPE_READ,
		SPAN("{\"@class\":\"C\"}"), JSON },
	/* JSON inside a JSON string. */
	{ SPAN("\"{\\\"destination\\\":\\\"\\/t\\\",\\\"content\\\":\\\"\\\\uc548\\\"}\""), false,
		ENVELOPE_READ, SPAN("안"), TEXT },
	{ SPAN("\"\\\"{}\\\"\""), false, ENVELOPE_NO_DESTINATION, SPAN(""), NULL },
	{ SPAN("\"hello\""), false, ENVELOPE_NO_DESTINATION, SPAN(""), NULL },
	{ SPAN("\"\""), false, ENVELOPE_NO_DESTINATION, SPAN(""), NULL },
	/* Surrogates. */
	{ SPAN("{" D ",\"content\":\"\\ud83d\\ude00\"}"), false, ENVELOPE_READ, SPAN("😀"), TEXT },
	{ SPAN("{" D ",\"content\":\"\\ud83d\\ud83d\\ude00\\ude00\"}"), false, ENVELOPE_READ,
		SPAN("\xef\xbf\xbd😀\xef\xbf\xbd"), TEXT },
	/* Data URLs. */
	{ SPAN("{" D ",\"content\":\"" DATA_URL "/w==\"}"), false, ENVELOPE_READ, SPAN("\xff"),
		BYTES },
	{ SPAN("{" D ",\"content\":\"" DATA_URL "\"}"), false, ENVELOPE_READ, SPAN(""), BYTES },
	{ SPAN("{" D ",\"content\":\"" DATA_URL "/w\"}"), false, ENVELOPE_READ, SPAN(DATA_URL "/w"),
		TEXT },
	/* The mark. */
	{ SPAN("{" D ",\"content\":1} \t\t "), false, ENVELOPE_SKIP, SPAN(""), NULL },
	{ SPAN("{" D ",\"content\":1} \t\t "), true, ENVELOPE_READ, SPAN("1"), JSON },
	{ SPAN("{" D ",\"content\":1}\t\t "), false, ENVELOPE_READ, SPAN("1"), JSON },
	/* Extended, as another version of this broker might write it. */
	{ SPAN("{\"content\": 1 ," D ",\"headers\":[],\"contentType\":\"x\"}"), true, ENVELOPE_READ,
		SPAN("1"), "x" },
	{ SPAN("{" D ",\"content\":1,\"headers\":[]}"), true, ENVELOPE_READ, SPAN("1"), JSON },
	{ SPAN("{" D ",\"contentType\":\"x\",\"contentType\":\"y\",\"content\":1}"), true,
		ENVELOPE_READ, SPAN("1"), "x" },
	{ SPAN("{" D ",\"contentType\":7,\"headers\":[],\"content\":1}"), true, ENVELOPE_READ,
		SPAN("1"), JSON },
	{ SPAN("{" D ",\"headers\":[[\"a\"]],\"content\":1}"), true, ENVELOPE_NOT_JSON, SPAN(""),
		NULL },
	{ SPAN("{" D ",\"headers\":[\"a\"],\"content\":1}"), true, ENVELOPE_NOT_JSON, SPAN(""),
		NULL },
	{ SPAN("{" D ",\"headers\":[[\"a\",1]],\"content\":1}"), true, ENVELOPE_NOT_JSON, SPAN(""),
		NULL },
	{ SPAN("{" D ",\"headers\":[[1,\"a\"]],\"content\":1}"), true, ENVELOPE_NOT_JSON, SPAN(""),
		NULL },
	{ SPAN("{" D ",\"headers\":{\"a\":[\"b\",\"c\"]},\"content\":1}"), true, ENVELOPE_NOT_JSON,
		SPAN(""), NULL },
	{ SPAN("{" D ",\"headers\":null,\"content\":1}"), true, ENVELOPE_NOT_JSON, SPAN(""), NULL },
	/* What cannot be read. */
	{ SPAN(""), false, ENVELOPE_NOT_JSON, SPAN(""), NULL },
	{ SPAN("  "), false, ENVELOPE_NOT_JSON, SPAN(""), NULL },
	{ SPAN("{"), false, ENVELOPE_NOT_JSON, SPAN(""), NULL },
	{ SPAN("{\"destination\":\""), false, ENVELOPE_NOT_JSON, SPAN(""), NULL },
	{ SPAN("{" D ",\"content\":"), false, ENVELOPE_NOT_JSON, SPAN(""), NULL },
	{ SPAN("{" D ",\"content\":}"), false, ENVELOPE_NOT_JSON, SPAN(""), NULL },
	{ SPAN("{" D ",\"content\":1}}"), false, ENVELOPE_NOT_JSON, SPAN(""), NULL },
	{ SPAN("{" D ",\"content\":1},"), false, ENVELOPE_NOT_JSON, SPAN(""), NULL },
	{ SPAN("{" D ",\"content\":\"\xff\"}"), false, ENVELOPE_NOT_JSON, SPAN(""), NULL },
	{ SPAN("{" D ",\"content\":1}\0"), false, ENVELOPE_NOT_JSON, SPAN(""), NULL },
	{ SPAN("{\"destination\":\"\xc0\xaf\",\"content\":1}"), false, ENVELOPE_NOT_JSON, SPAN(""),
		NULL },
	{ SPAN("[]"), false, ENVELOPE_NO_DESTINATION, SPAN(""), NULL },
	{ SPAN("7"), false, ENVELOPE_NO_DESTINATION, SPAN(""), NULL },
	{ SPAN("{}"), false, ENVELOPE_NO_DESTINATION, SPAN(""), NULL },
	{ SPAN("{\"content\":1}"), false, ENVELOPE_NO_DESTINATION, SPAN(""), NULL },
	{ SPAN("{\"destination\":\"\",\"content\":1}"), false, ENVELOPE_NO_DESTINATION, SPAN(""),
		NULL },
	{ SPAN("{\"destination\":null,\"content\":1}"), false, ENVELOPE_NO_DESTINATION, SPAN(""),
		NULL },
	{ SPAN("{\"destination\":7,\"content\":1}"), false, ENVELOPE_NO_DESTINATION, SPAN(""),
		NULL },
	{ SPAN("{" D "}"), false, ENVELOPE_NO_CONTENT, SPAN(""), NULL },
	{ SPAN("\xac\xed\0\x05sr"), false, ENVELOPE_JDK, SPAN(""), NULL },
	{ SPAN("\xac\xed\0\x05sr"), true, ENVELOPE_JDK, SPAN(""), NULL },
	{ SPAN("\xac\xed\0"), false, ENVELOPE_NOT_JSON, SPAN(""), NULL },
};

/* In memory of its own, so that the sanitizer sees a read beyond the end. */
static struct span copy_of(struct span s)
{
	char *at = malloc(s.len + (s.len == 0));

	ck_assert_ptr_nonnull(at);
	memcpy(at, s.at, s.len);
	return (struct span){ at, s.len };
}

START_TEST(reads_what_others_wrote)
{
	struct span record = copy_of(reads[_i].record);
	struct envelope_scratch scratch = { .text = { NULL, 0, 0 } };
	struct bus_message m;

	ck_assert_int_eq(envelope_read(record, reads[_i].extended, &scratch, &m), reads[_i].result);
	if (reads[_i].result == ENVELOPE_READ) {
		ck_assert_span(m.destination, SPAN("/t"));
		ck_assert_span(m.body, reads[_i].body);
		ck_assert_span(m.content_type, span_of(reads[_i].type));
		ck_assert_int_eq(m.body_is_utf8, utf8_is_valid(m.body));
		ck_assert_uint_eq(m.header_count, 0);
	}
	envelope_scratch_fini(&scratch);
	free((char *)(uintptr_t)record.at);
}
END_TEST

START_TEST(every_problem_has_a_text)
{
	for (int i = 0; i < ENVELOPE_RESULT_COUNT; i++)
		ck_assert_uint_gt(strlen(envelope_problem((enum envelope_read)i)), 0);
	ck_assert_ptr_nonnull(strstr(envelope_problem(ENVELOPE_JDK), "JSON serializer"));
}
END_TEST

/* --- payloads seen in projects ------------------------------------------------- */

static const struct {
	struct span rule; /* of the vector */
	enum envelope_read result;
	unsigned vectors; /* so many have this rule */
} rules[] = {
	{ SPAN("[\"destination\",\"content\"]"), ENVELOPE_READ, 1 },
	{ SPAN("[\"destination\",\"payload\"]"), ENVELOPE_READ, 1 },
	{ SPAN("[\"destination\",\"payload\"], origin field serverId skipped when own"),
		ENVELOPE_READ, 1 },
	{ SPAN("@class keys stripped at every level"), ENVELOPE_READ, 1 },
	{ SPAN("JSON string that holds JSON: decoded once more"), ENVELOPE_NO_DESTINATION, 1 },
	{ SPAN("logged once per interval, counted, ignored"), ENVELOPE_NOT_JSON, 1 },
	{ SPAN("no destination: counted, ignored"), ENVELOPE_NO_DESTINATION, 1 },
	/* Readable: whether it is a broker destination, the broker says. */
	{ SPAN("not a broker destination: counted, ignored"), ENVELOPE_READ, 1 },
	{ SPAN("JDK serialisation recognised by AC ED 00 05: one clear log line \"set a JSON "
	       "serializer\", counted, ignored"),
		ENVELOPE_JDK, 1 },
};

/* The rules of other channels, which templates and patterns are for. */
static const unsigned skipped_vectors = 10;

static const char *const chat =
	"{\"sender\":{\"userId\":\"663c345e-9553-4e81-a14a-a9859b9a0e2d\",\"name\":\"test\","
	"\"profileImageUrl\":null},\"content\":\"hi\"}";

static void read_file(const char *name, struct buf *out)
{
	FILE *in = fopen(name, "rb");
	size_t got;

	ck_assert_msg(in != NULL, "%s: run from the top of the tree", name);
	do {
		got = fread(buf_reserve(out, 4096), 1, 4096, in);
		out->len += got;
	} while (got > 0);
	fclose(in);
}

/* The text of a vector's member; false when it has none. */
static bool text_of(struct span vector, struct span name, struct buf *out)
{
	struct span value;

	out->len = 0;
	if (!json_member(vector, name, &value))
		return false;
	json_unquote(value, out);
	return true;
}

static void check_vector(struct span payload, enum envelope_read expected)
{
	struct envelope_scratch scratch = { .text = { NULL, 0, 0 } };
	struct bus_message m;

	ck_assert_int_eq(envelope_read(payload, false, &scratch, &m), expected);
	if (expected == ENVELOPE_READ) {
		ck_assert_uint_gt(m.destination.len, 0);
		ck_assert_span(m.body, span_of(chat));
		ck_assert_span(m.content_type, SPAN(JSON));
	}
	envelope_scratch_fini(&scratch);
}

START_TEST(vectors)
{
	struct buf file = { NULL, 0, 0 }, rule = { NULL, 0, 0 }, payload = { NULL, 0, 0 };
	unsigned count[countof(rules)] = { 0 }, skipped = 0;
	struct span rest, none, vector;

	read_file(VECTORS, &file);
	ck_assert(json_is_value(buf_span(&file)));
	rest = json_trim(buf_span(&file));
	while (json_next(&rest, &none, &vector)) {
		size_t i = 0;

		ck_assert(text_of(vector, SPAN("rule"), &rule));
		while (i < countof(rules) && !span_eq(buf_span(&rule), rules[i].rule))
			i++;
		if (i == countof(rules)) {
			skipped++;
			continue;
		}
		count[i]++;
		if (rules[i].result == ENVELOPE_JDK)
			check_vector(SPAN("\xac\xed\0\x05sr\0\x10java.lang.Object"), ENVELOPE_JDK);
		else if (text_of(vector, SPAN("payload"), &payload))
			check_vector(buf_span(&payload), rules[i].result);
		else
			ck_abort_msg("a vector without a payload");
	}
	for (size_t i = 0; i < countof(rules); i++)
		ck_assert_uint_eq(count[i], rules[i].vectors);
	ck_assert_uint_eq(skipped, skipped_vectors);
	buf_fini(&payload);
	buf_fini(&rule);
	buf_fini(&file);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("redis/envelope");
	TCase *tc = tcase_create("envelope");
	SRunner *runner;
	int failed;

	tcase_add_loop_test(tc, writes_exact_bytes, 0, (int)countof(bodies));
	tcase_add_loop_test(tc, comes_back_as_it_was, 0, (int)countof(bodies));
	tcase_add_loop_test(tc, headers_come_back_in_order, 0, (int)countof(bodies));
	tcase_add_test(tc, extended_record_is_exact);
	tcase_add_loop_test(tc, knows_when_it_needs_an_extension, 0, (int)countof(types));
	tcase_add_loop_test(tc, deep_bodies_come_back, 126, 130);
	tcase_add_test(tc, headers_have_a_limit);
	tcase_add_test(tc, a_message_without_a_body_pointer);
	tcase_add_loop_test(tc, reads_what_others_wrote, 0, (int)countof(reads));
	tcase_add_test(tc, every_problem_has_a_text);
	tcase_add_test(tc, vectors);
	suite_add_tcase(suite, tc);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
