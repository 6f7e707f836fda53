#include "base/percent.h"

static int hex_value(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

void percent_decode(struct span text, bool is_form, struct buf *out)
{
	char *to = buf_reserve(out, text.len);

	for (size_t i = 0; i < text.len; i++) {
		char byte = text.at[i];
		int high = -1, low = -1;

		if (byte == '%' && text.len - i > 2) {
			high = hex_value(text.at[i + 1]);
			low = hex_value(text.at[i + 2]);
		}
		if (high >= 0 && low >= 0) {
			byte = (char)(high << 4 | low);
			i += 2;
		} else if (byte == '+' && is_form) {
			byte = ' ';
		}
		*to++ = byte;
	}
	out->len = (size_t)(to - out->at);
}
