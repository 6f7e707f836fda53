#include "broker/wire.h"

#include "base/base64.h"
#include "base/mem.h"
#include "stomp/writer.h"

#include <ctype.h>
#include <stdlib.h>

struct wire *wire_new(struct span bytes, bool text)
{
	struct wire *w = mem_realloc(NULL, sizeof(*w) + bytes.len);

	w->refs = 1;
	w->text = text;
	w->gap = 0;
	w->len = (uint32_t)bytes.len;
	memcpy(w->bytes, bytes.at, bytes.len);
	return w;
}

/*
 * The order of Spring's broker: what the sender gave, then subscription,
 * message-id and content-length. A header that the version cannot express is
 * left out.
 */
struct wire *wire_message(const struct bus_message *m, struct span id, enum stomp_version version,
	struct buf *scratch)
{
	struct wire *w;
	size_t gap;

	scratch->len = 0;
	stomp_writer_command(scratch, STOMP_MESSAGE);
	(void)stomp_writer_header(scratch, version, SPAN("destination"), m->destination);
	if (m->content_type.len > 0)
		(void)stomp_writer_header(scratch, version, SPAN("content-type"), m->content_type);
	for (size_t i = 0; i < m->header_count; i++)
		(void)stomp_writer_header(
			scratch, version, m->headers[i].name, m->headers[i].value);
	gap = scratch->len;
	(void)stomp_writer_header(scratch, version, SPAN("message-id"), id);
	stomp_writer_body(scratch, m->body);
	w = wire_new(buf_span(scratch), m->body_is_utf8);
	w->gap = (uint32_t)gap;
	return w;
}

/* A content type that can stand in a data URL as it is. */
static bool is_plain_type(struct span type)
{
	static const char marks[] = "!#$&^_.+-/;=";

	for (size_t i = 0; i < type.len; i++) {
		if (!isalnum((unsigned char)type.at[i]) &&
			!memchr(marks, type.at[i], sizeof(marks) - 1))
			return false;
	}
	return type.len > 0;
}

struct wire *wire_message_as_text(const struct bus_message *m, struct span id,
	enum stomp_version version, struct buf *scratch)
{
	struct bus_message text = *m;
	struct buf url = { NULL, 0, 0 };
	struct wire *w;

	buf_put(&url, SPAN("data:"));
	buf_put(&url, is_plain_type(m->content_type) ? m->content_type
						     : SPAN("application/octet-stream"));
	buf_put(&url, SPAN(";base64,"));
	base64_encode(m->body, &url);
	text.content_type = SPAN("text/plain;charset=UTF-8");
	text.body = buf_span(&url);
	text.body_is_utf8 = true;
	w = wire_message(&text, id, version, scratch);
	buf_fini(&url);
	return w;
}

void wire_unref(struct wire *w)
{
	if (w && --w->refs == 0)
		free(w);
}
