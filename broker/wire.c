#include "broker/wire.h"

#include "base/mem.h"
#include "stomp/writer.h"

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

void wire_unref(struct wire *w)
{
	if (w && --w->refs == 0)
		free(w);
}
