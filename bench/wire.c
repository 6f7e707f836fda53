#include "bench/wire.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#define ACCEPT "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="

static size_t put_header(unsigned char *at, enum wire_opcode opcode, size_t len)
{
	at[0] = (unsigned char)(0x80 | opcode);
	if (len < 126) {
		at[1] = (unsigned char)(0x80 | len);
		return 2;
	}
	if (len < 65536) {
		at[1] = 0x80 | 126;
		at[2] = (unsigned char)(len >> 8);
		at[3] = (unsigned char)len;
		return 4;
	}
	at[1] = 0x80 | 127;
	for (size_t i = 0; i < 8; i++)
		at[2 + i] = (unsigned char)((uint64_t)len >> (56 - 8 * i));
	return 10;
}

void wire_write(struct buf *out, const unsigned char mask[4], enum wire_opcode opcode,
	struct span head, struct span body)
{
	size_t len = head.len + body.len;
	unsigned char *at = (unsigned char *)buf_reserve(out, 14 + len);
	unsigned char *payload = at + put_header(at, opcode, len);

	memcpy(payload, mask, 4);
	payload += 4;
	if (head.len)
		memcpy(payload, head.at, head.len);
	if (body.len)
		memcpy(payload + head.len, body.at, body.len);
	for (size_t i = 0; i < len; i++)
		payload[i] ^= mask[i % 4];
	out->len += (size_t)(payload - at) + len;
}

const char *wire_read(struct span bytes, struct wire_frame *frame)
{
	const unsigned char *at = (const unsigned char *)bytes.at;
	size_t header = 2;
	uint64_t len;

	frame->whole = (struct span){ bytes.at, 0 };
	if (bytes.len < 2)
		return NULL;
	if ((at[0] & 0xf0) != 0x80)
		return "a fragment or a reserved bit";
	if (at[1] & 0x80)
		return "a masked frame from the server";
	len = at[1];
	if (len >= 126)
		header = len == 126 ? 4 : 10;
	if (bytes.len < header)
		return NULL;
	if (header > 2) {
		len = 0;
		for (size_t i = 2; i < header; i++)
			len = len << 8 | at[i];
	}
	if (bytes.len - header < len)
		return NULL;
	frame->opcode = at[0] & 0xf;
	frame->payload = (struct span){ bytes.at + header, (size_t)len };
	frame->whole.len = header + (size_t)len;
	return NULL;
}

enum wire_upgrade wire_upgraded(struct span bytes, size_t *head)
{
	static const char status[] = "HTTP/1.1 101";
	const char *end = memmem(bytes.at, bytes.len, "\r\n\r\n", 4);

	if (!end)
		return bytes.len < 8192 ? WIRE_UPGRADE_MORE : WIRE_UPGRADE_REFUSED;
	*head = (size_t)(end - bytes.at) + 4;
	if (memcmp(bytes.at, status, sizeof status - 1) != 0 ||
		!memmem(bytes.at, *head, ACCEPT, sizeof ACCEPT - 1))
		return WIRE_UPGRADE_REFUSED;
	return WIRE_UPGRADE_DONE;
}

static bool begins(struct span s, struct span with)
{
	return s.len >= with.len && memcmp(s.at, with.at, with.len) == 0;
}

enum wire_stomp wire_stomp(struct span payload, size_t body_bytes, struct span *body)
{
	if (begins(payload, SPAN("MESSAGE\n"))) {
		const char *end = payload.at + payload.len - 1;

		if (payload.len < body_bytes + 11 || *end != '\0' ||
			memcmp(end - body_bytes - 2, "\n\n", 2) != 0)
			return WIRE_NONSENSE;
		*body = (struct span){ end - body_bytes, body_bytes };
		return WIRE_MESSAGE;
	}
	if (begins(payload, SPAN("CONNECTED\n")))
		return WIRE_CONNECTED;
	if (begins(payload, SPAN("RECEIPT\n")))
		return WIRE_RECEIPT;
	if (begins(payload, SPAN("ERROR\n")))
		return WIRE_ERROR;
	return span_eq(payload, SPAN("\n")) ? WIRE_BEAT : WIRE_NONSENSE;
}
