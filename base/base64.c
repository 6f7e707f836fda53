#include "base/base64.h"

#include <stdint.h>

enum {
	PADDING = 64
};

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/=";

/* Six bits, or -1. */
static int value_of(char c, enum base64_form form)
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 26;
	if (c >= '0' && c <= '9')
		return c - '0' + 52;
	if ((c == '+' && form != BASE64_URL) || (c == '-' && form != BASE64_STANDARD))
		return 62;
	if ((c == '/' && form != BASE64_URL) || (c == '_' && form != BASE64_STANDARD))
		return 63;
	return -1;
}

bool base64_decode(struct span text, enum base64_form form, struct buf *out)
{
	size_t before = out->len, digits = 0, i = 0;
	uint32_t bits = 0;

	buf_reserve(out, text.len / 4 * 3 + 3);
	for (; i < text.len; i++) {
		int value = value_of(text.at[i], form);

		if (value < 0 && form == BASE64_LENIENT && text.at[i] != '=')
			continue;
		if (value < 0)
			break;
		bits = bits << 6 | (uint32_t)value;
		digits++;
		if (digits % 4 != 1)
			buf_put_byte(out, (char)(bits >> (2 * (3 - (digits + 3) % 4)) & 0xff));
	}
	if (form == BASE64_STANDARD) {
		size_t padding = text.len - i;

		if (digits % 4 == 1 || padding != (4 - digits % 4) % 4)
			goto refuse;
		for (; i < text.len; i++) {
			if (text.at[i] != '=')
				goto refuse;
		}
	} else if (form == BASE64_URL && (i < text.len || digits % 4 == 1)) {
		goto refuse;
	}
	/* The last digit may hold bits that belong to no byte; they must be zero. */
	if (form != BASE64_LENIENT &&
		((digits % 4 == 2 && (bits & 0xf)) || (digits % 4 == 3 && (bits & 3))))
		goto refuse;
	return true;

refuse:
	out->len = before;
	return false;
}

void base64_encode(struct span bytes, struct buf *out)
{
	buf_reserve(out, (bytes.len + 2) / 3 * 4);
	for (size_t i = 0; i < bytes.len; i += 3) {
		size_t left = bytes.len - i;
		uint32_t bits = (uint32_t)(unsigned char)bytes.at[i] << 16;

		if (left > 1)
			bits |= (uint32_t)(unsigned char)bytes.at[i + 1] << 8;
		if (left > 2)
			bits |= (uint32_t)(unsigned char)bytes.at[i + 2];
		buf_put_byte(out, alphabet[bits >> 18]);
		buf_put_byte(out, alphabet[bits >> 12 & 63]);
		buf_put_byte(out, alphabet[left > 1 ? bits >> 6 & 63 : PADDING]);
		buf_put_byte(out, alphabet[left > 2 ? bits & 63 : PADDING]);
	}
}
