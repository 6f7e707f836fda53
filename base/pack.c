#include "base/pack.h"

#include <assert.h>
#include <string.h>

void pack_number(struct buf *out, uint64_t value, size_t bytes)
{
	for (size_t i = 0; i < bytes; i++)
		buf_put_byte(out, (char)(value >> 8 * i));
}

void pack_span(struct buf *out, struct span s)
{
	assert(s.len <= UINT32_MAX);
	pack_number(out, s.len, PACK_LENGTH_BYTES);
	buf_put(out, s);
}

void pack_name(struct buf *out, const char *name, size_t size)
{
	size_t len = strnlen(name, size - 1);

	buf_put(out, (struct span){ name, len });
	for (; len < size; len++)
		buf_put_byte(out, '\0');
}

static void skip(struct span *rest, size_t bytes)
{
	*rest = (struct span){ rest->at + bytes, rest->len - bytes };
}

uint64_t unpack_number(struct span *rest, size_t bytes)
{
	uint64_t value = 0;

	assert(bytes <= rest->len);
	for (size_t i = 0; i < bytes; i++)
		value |= (uint64_t)(unsigned char)rest->at[i] << 8 * i;
	skip(rest, bytes);
	return value;
}

bool unpack_name(struct span *rest, char *name, size_t size)
{
	size_t len;

	assert(size <= rest->len);
	memcpy(name, rest->at, size);
	skip(rest, size);
	len = strnlen(name, size);
	for (size_t i = len; i < size; i++) {
		if (name[i])
			return false;
	}
	return len < size;
}

bool unpack_span(struct span *rest, struct span *s)
{
	uint64_t len;

	if (rest->len < PACK_LENGTH_BYTES)
		return false;
	len = unpack_number(rest, PACK_LENGTH_BYTES);
	if (len > rest->len)
		return false;
	*s = (struct span){ rest->at, (size_t)len };
	skip(rest, (size_t)len);
	return true;
}
