#include "base/utf8.h"

static bool is_tail(unsigned char c)
{
	return (c & 0xc0) == 0x80;
}

size_t utf8_sequence(struct span s)
{
	const unsigned char *c = (const unsigned char *)s.at;

	if (s.len == 0)
		return 0;
	if (c[0] < 0x80)
		return 1;
	if (c[0] < 0xc2 || c[0] > 0xf4)
		return 0;
	if (c[0] < 0xe0)
		return s.len >= 2 && is_tail(c[1]) ? 2 : 0;
	if (c[0] < 0xf0) {
		if (s.len < 3 || !is_tail(c[1]) || !is_tail(c[2]))
			return 0;
		if ((c[0] == 0xe0 && c[1] < 0xa0) || (c[0] == 0xed && c[1] > 0x9f))
			return 0;
		return 3;
	}
	if (s.len < 4 || !is_tail(c[1]) || !is_tail(c[2]) || !is_tail(c[3]))
		return 0;
	if ((c[0] == 0xf0 && c[1] < 0x90) || (c[0] == 0xf4 && c[1] > 0x8f))
		return 0;
	return 4;
}

bool utf8_is_valid(struct span s)
{
	const uint64_t high = UINT64_C(0x8080808080808080);

	while (s.len > 0) {
		uint64_t word;
		size_t step;

		if (s.len >= sizeof(word)) {
			memcpy(&word, s.at, sizeof(word));
			if ((word & high) == 0) {
				s.at += sizeof(word);
				s.len -= sizeof(word);
				continue;
			}
		}
		step = utf8_sequence(s);
		if (step == 0)
			return false;
		s.at += step;
		s.len -= step;
	}
	return true;
}

size_t utf8_encode(uint32_t code, char out[4])
{
	if (code < 0x80) {
		out[0] = (char)code;
		return 1;
	}
	if (code < 0x800) {
		out[0] = (char)(0xc0 | (code >> 6));
		out[1] = (char)(0x80 | (code & 0x3f));
		return 2;
	}
	if (code < 0x10000) {
		out[0] = (char)(0xe0 | (code >> 12));
		out[1] = (char)(0x80 | ((code >> 6) & 0x3f));
		out[2] = (char)(0x80 | (code & 0x3f));
		return 3;
	}
	out[0] = (char)(0xf0 | (code >> 18));
	out[1] = (char)(0x80 | ((code >> 12) & 0x3f));
	out[2] = (char)(0x80 | ((code >> 6) & 0x3f));
	out[3] = (char)(0x80 | (code & 0x3f));
	return 4;
}
