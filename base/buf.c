#include "base/buf.h"

#include "base/mem.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

enum {
	SIZE_LEAST = 64
};

void buf_fini(struct buf *b)
{
	free(b->at);
	*b = (struct buf){ NULL, 0, 0 };
}

char *buf_reserve(struct buf *b, size_t more)
{
	if (!b->at || b->size - b->len < more) {
		size_t size = b->size * 2 > SIZE_LEAST ? b->size * 2 : SIZE_LEAST;

		if (size - b->len < more)
			size = b->len + more;
		b->at = mem_realloc(b->at, size);
		b->size = size;
	}
	return b->at + b->len;
}

void buf_put(struct buf *b, struct span s)
{
	if (s.len == 0)
		return;
	memcpy(buf_reserve(b, s.len), s.at, s.len);
	b->len += s.len;
}

void buf_put_byte(struct buf *b, char byte)
{
	*buf_reserve(b, 1) = byte;
	b->len++;
}

void buf_printf(struct buf *b, const char *fmt, ...)
{
	va_list args;
	int len;

	va_start(args, fmt);
	len = vsnprintf(NULL, 0, fmt, args);
	va_end(args);
	if (len <= 0)
		return;
	buf_reserve(b, (size_t)len + 1);
	va_start(args, fmt);
	(void)vsnprintf(b->at + b->len, (size_t)len + 1, fmt, args);
	va_end(args);
	b->len += (size_t)len;
}

void buf_drop(struct buf *b, size_t len)
{
	if (len == 0)
		return;
	memmove(b->at, b->at + len, b->len - len);
	b->len -= len;
}
