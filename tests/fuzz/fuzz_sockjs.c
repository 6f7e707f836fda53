/*
 * The laws. A payload is good when it is JSON and an array of texts, and then
 * its texts are UTF-8 (WTF-8 when lone surrogates are kept). Whatever is escaped
 * is within quotes a JSON string of harmless characters; it reads back as what
 * it was when that was UTF-8 or WTF-8, and escaped again it stays the same.
 * A frame comes back from what a transport made of it, which nothing in the
 * frame can end early. A form's field is no longer than the form.
 */
#include "base/json.h"
#include "base/percent.h"
#include "base/utf8.h"
#include "transport/sockjs_codec.h"

#include <assert.h>
#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct span cut(struct span s, size_t before, size_t behind)
{
	assert(s.len >= before + behind);
	return s.len == 0 ? s : (struct span){ s.at + before, s.len - before - behind };
}

static bool starts_with(struct span s, struct span start)
{
	return s.len >= start.len && span_eq((struct span){ s.at, start.len }, start);
}

static bool has(struct span s, const char *bytes, size_t count)
{
	for (size_t i = 0; i < s.len; i++) {
		if (memchr(bytes, s.at[i], count))
			return true;
	}
	return false;
}

/* UTF-8 in which surrogates may stand, but not as a pair. */
static bool is_wtf8(struct span s)
{
	bool after_high = false;

	while (s.len > 0) {
		size_t len = utf8_sequence(s);
		bool is_low = false, is_high = false;

		if (len == 0 && s.len >= 3 && (unsigned char)s.at[0] == 0xed &&
			(s.at[1] & 0xc0) == 0x80 && (s.at[2] & 0xc0) == 0x80) {
			is_low = (unsigned char)s.at[1] >= 0xb0;
			is_high = !is_low;
			len = 3;
		}
		if (len == 0 || (after_high && is_low))
			return false;
		after_high = is_high;
		s = cut(s, len, 0);
	}
	return true;
}

/* The number of texts in an array of nothing else; -1 when it is something else. */
static int count_texts(struct span text)
{
	struct span rest = json_trim(text), value;
	int count = 0;

	if (rest.len == 0 || rest.at[0] != '[')
		return -1;
	rest = json_trim(cut(rest, 1, 0));
	if (span_eq(rest, SPAN("]")))
		return 0;
	while (json_scan(&rest, &value) && json_is_string(value)) {
		count++;
		rest = json_trim(rest);
		if (span_eq(rest, SPAN("]")))
			return count;
		if (rest.len == 0 || rest.at[0] != ',')
			return -1;
		rest = cut(rest, 1, 0);
	}
	return -1;
}

static void check_texts(struct span payload, int count, bool lone)
{
	struct buf text = { NULL, 0, 0 };
	struct span rest = payload;

	while (sockjs_next(&rest, &text, lone)) {
		assert(text.len < payload.len);
		assert(lone ? is_wtf8(buf_span(&text)) : utf8_is_valid(buf_span(&text)));
		count--;
	}
	assert(count == 0);
	buf_fini(&text);
}

static void check_payload(struct span payload)
{
	int count = count_texts(payload);
	bool is_text = json_is_value(payload) && json_is_string(json_trim(payload));

	assert((sockjs_check(payload, false) == SOCKJS_PAYLOAD_GOOD) == (count >= 0));
	assert((sockjs_check(payload, true) == SOCKJS_PAYLOAD_GOOD) == (count >= 0 || is_text));
	if (count < 0 && !is_text)
		return;
	check_texts(payload, is_text ? 1 : count, false);
	check_texts(payload, is_text ? 1 : count, true);
}

/* Of the characters that are always escaped, none is there as it is. */
static void check_harmless(struct span text)
{
	assert(utf8_is_valid(text));
	for (size_t len; text.len > 0; text = cut(text, len, 0)) {
		const unsigned char *c = (const unsigned char *)text.at;

		len = utf8_sequence(text);
		assert(len < 4 && c[0] >= 0x20);
		assert(!(c[0] == 0xe2 && c[1] == 0x80 && c[2] >= 0x8c && c[2] <= 0x8f));
		assert(!(c[0] == 0xe2 && c[1] == 0x80 && c[2] >= 0xa8 && c[2] <= 0xaf));
		assert(!(c[0] == 0xe2 && c[1] == 0x81 && c[2] >= 0xa0 && c[2] <= 0xaf));
		assert(!(c[0] == 0xef && c[1] == 0xbf && c[2] >= 0xb0));
	}
}

/* Leaves the array with that text, as it goes out, in `array`. */
static void check_escape(struct span text, struct buf *array)
{
	struct buf again = { NULL, 0, 0 }, decoded = { NULL, 0, 0 };
	struct span rest;

	buf_put(array, SPAN("[\""));
	sockjs_escape(text, array);
	buf_put(array, SPAN("\"]"));
	check_harmless(buf_span(array));
	assert(array->len <= 6 * text.len + 4);
	assert(sockjs_check(buf_span(array), false) == SOCKJS_PAYLOAD_GOOD);
	rest = buf_span(array);
	assert(sockjs_next(&rest, &decoded, true));
	assert(span_eq(buf_span(&decoded), text) == is_wtf8(text));
	sockjs_escape(buf_span(&decoded), &again);
	assert(span_eq(buf_span(&again), cut(buf_span(array), 2, 2)));
	assert(!sockjs_next(&rest, &decoded, true));
	buf_fini(&decoded);
	buf_fini(&again);
}

/* `inner` is what the transport made of the frame, without what it puts around. */
static void check_frame(enum sockjs_transport t, struct span inner, struct span frame)
{
	struct buf decoded = { NULL, 0, 0 };

	switch (t) {
	case SOCKJS_EVENTSOURCE:
		assert(!has(inner, "\r\n\0", 3));
		percent_decode(inner, false, &decoded);
		assert(span_eq(buf_span(&decoded), frame));
		break;
	case SOCKJS_HTMLFILE:
	case SOCKJS_JSONP:
		assert(t == SOCKJS_JSONP || !has(inner, "<", 1));
		check_harmless(inner);
		inner = (struct span){ inner.at - 1, inner.len + 2 };
		assert(json_is_value(inner) && json_is_string(inner));
		json_unquote_lone(inner, &decoded);
		assert(span_eq(buf_span(&decoded), frame) == is_wtf8(frame));
		break;
	case SOCKJS_WEBSOCKET:
	case SOCKJS_XHR:
	case SOCKJS_XHR_STREAMING:
	case SOCKJS_TRANSPORTS:
		assert(span_eq(inner, frame));
		break;
	}
	buf_fini(&decoded);
}

static void check_frames(struct span frame)
{
	static const struct {
		struct span before;
		struct span behind;
	} around[SOCKJS_TRANSPORTS] = {
		[SOCKJS_WEBSOCKET] = { SPAN(""), SPAN("") },
		[SOCKJS_XHR] = { SPAN(""), SPAN("\n") },
		[SOCKJS_XHR_STREAMING] = { SPAN(""), SPAN("\n") },
		[SOCKJS_EVENTSOURCE] = { SPAN("data: "), SPAN("\r\n\r\n") },
		[SOCKJS_HTMLFILE] = { SPAN("<script>\np(\""), SPAN("\");\n</script>\r\n") },
		[SOCKJS_JSONP] = { SPAN("/**/c(\""), SPAN("\");\r\n") },
	};

	for (unsigned t = 0; t < SOCKJS_TRANSPORTS; t++) {
		struct buf wire = { NULL, 0, 0 };
		struct span inner;

		sockjs_put_frame((enum sockjs_transport)t, SPAN("c"), frame, &wire);
		assert(starts_with(buf_span(&wire), around[t].before));
		inner = cut(buf_span(&wire), around[t].before.len, around[t].behind.len);
		if (around[t].behind.len > 0)
			assert(memcmp(inner.at + inner.len, around[t].behind.at,
				       around[t].behind.len) == 0);
		check_frame((enum sockjs_transport)t, inner, frame);
		buf_fini(&wire);
	}
}

static void check_form(struct span text)
{
	struct buf form = { NULL, 0, 0 }, value = { NULL, 0, 0 };

	if (sockjs_form_field(text, "d", &value))
		assert(value.len < text.len);
	assert(value.size <= text.len + 64);
	buf_put(&form, SPAN("a&%64="));
	for (size_t i = 0; i < text.len; i++)
		buf_printf(&form, i % 2 ? "%%%02x" : "%%%02X", (unsigned char)text.at[i]);
	assert(sockjs_form_field(buf_span(&form), "d", &value));
	assert(span_eq(buf_span(&value), text));
	buf_fini(&value);
	buf_fini(&form);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct span text = { (const char *)data, size };
	struct buf array = { NULL, 0, 0 }, page = { NULL, 0, 0 };

	check_payload(text);
	check_escape(text, &array);
	check_frames(text);
	assert(!has(buf_span(&array), "\r\n\0", 3));
	check_frames(buf_span(&array));
	check_form(text);
	if (sockjs_is_callback(text)) {
		sockjs_put_prelude(SOCKJS_HTMLFILE, text, &page);
		assert(page.len > 1024 && !has(text, "<>\"'();\\ \n", 10));
	}
	buf_fini(&page);
	buf_fini(&array);
	return 0;
}
