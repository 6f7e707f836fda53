#include "stomp/writer.h"

enum {
	REFUSED = 1
};

/*
 * What a byte becomes behind a backslash; 0: it is written as it is. A NUL is
 * refused everywhere: the grammar would let it stand in a header, but a
 * receiver that looks for the end of the frame would find it there.
 */
static const char escapes[STOMP_VERSION_COUNT][256] = {
	[STOMP_VERSION_1_0] = { ['\0'] = REFUSED, ['\n'] = REFUSED, ['\r'] = REFUSED },
	[STOMP_VERSION_1_1] = { ['\0'] = REFUSED,
		['\n'] = 'n',
		['\r'] = REFUSED,
		[':'] = 'c',
		['\\'] = '\\' },
	[STOMP_VERSION_1_2] = { ['\0'] = REFUSED,
		['\n'] = 'n',
		['\r'] = 'r',
		[':'] = 'c',
		['\\'] = '\\' },
};

/* Writes a name or a value; false when it cannot be expressed, with some of it written. */
static bool put_escaped(struct buf *out, enum stomp_version version, struct span s)
{
	const char *escape = escapes[version];
	size_t from = 0; /* what is plain is copied in runs */

	if (s.len == 0)
		return true;
	for (size_t i = 0; i < s.len; i++) {
		char letter = escape[(unsigned char)s.at[i]];

		if (letter == 0)
			continue;
		if (letter == REFUSED)
			return false;
		buf_put(out, (struct span){ s.at + from, i - from });
		buf_put(out, (struct span){ (const char[]){ '\\', letter }, 2 });
		from = i + 1;
	}
	buf_put(out, (struct span){ s.at + from, s.len - from });
	return true;
}

void stomp_writer_command(struct buf *out, enum stomp_command command)
{
	buf_put(out, span_of(stomp_command_name(command)));
	buf_put_byte(out, '\n');
}

bool stomp_writer_header(
	struct buf *out, enum stomp_version version, struct span name, struct span value)
{
	size_t mark = out->len;

	if (name.len == 0)
		return false;
	if (version == STOMP_VERSION_1_0 && memchr(name.at, ':', name.len))
		return false;
	if (put_escaped(out, version, name)) {
		buf_put_byte(out, ':');
		if (put_escaped(out, version, value)) {
			buf_put_byte(out, '\n');
			return true;
		}
	}
	out->len = mark;
	return false;
}

/* A frame that is never escaped is written by the rules of the version without escapes. */
bool stomp_writer_header_raw(struct buf *out, struct span name, struct span value)
{
	return stomp_writer_header(out, STOMP_VERSION_1_0, name, value);
}

void stomp_writer_body(struct buf *out, struct span body)
{
	char digits[20]; /* of 2^64 - 1 */
	size_t first = sizeof(digits);
	size_t rest = body.len;

	do {
		digits[--first] = (char)('0' + rest % 10);
		rest /= 10;
	} while (rest > 0);
	buf_reserve(out, sizeof("content-length:\n\n") + sizeof(digits) + body.len);
	buf_put(out, SPAN("content-length:"));
	buf_put(out, (struct span){ digits + first, sizeof(digits) - first });
	buf_put(out, SPAN("\n\n"));
	buf_put(out, body);
	buf_put_byte(out, '\0');
}

void stomp_writer_end(struct buf *out)
{
	buf_put(out, SPAN("\n\0"));
}
