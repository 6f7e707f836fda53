#include "transport/chunks.h"

enum {
	DIGITS_MOST = 15, /* so that the size fits into 64 bits */
	SKIPPED_MOST = 4096,
};

static int digit_of(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

/* What follows the line of a size. */
static enum chunks_state behind_size(struct chunks *c)
{
	c->digits = 0;
	return c->left > 0 ? CHUNKS_DATA : CHUNKS_TRAILER;
}

static bool take_size(struct chunks *c, char byte)
{
	int digit = digit_of(byte);

	if (digit >= 0) {
		c->left = c->left * 16 + (uint64_t)digit;
		return ++c->digits <= DIGITS_MOST;
	}
	if (c->digits == 0)
		return false;
	if (byte == '\r') {
		c->state = CHUNKS_SIZE_END;
		return true;
	}
	c->state = CHUNKS_EXTENSION;
	return byte == ';' || byte == ' ' || byte == '\t';
}

/* Within a line that says nothing to us. */
static bool skip(struct chunks *c, char byte, enum chunks_state at_end)
{
	if (byte == '\r')
		c->state = at_end;
	return byte != '\n' && ++c->skipped <= SKIPPED_MOST;
}

static bool expect(struct chunks *c, char byte, char expected, enum chunks_state next)
{
	c->state = next;
	return byte == expected;
}

/* One byte that is not data; false when it cannot stand there. */
static bool take_byte(struct chunks *c, char byte)
{
	switch (c->state) {
	case CHUNKS_SIZE:
		return take_size(c, byte);
	case CHUNKS_EXTENSION:
		return skip(c, byte, CHUNKS_SIZE_END);
	case CHUNKS_SIZE_END:
		return expect(c, byte, '\n', behind_size(c));
	case CHUNKS_DATA_CR:
		return expect(c, byte, '\r', CHUNKS_DATA_LF);
	case CHUNKS_DATA_LF:
		return expect(c, byte, '\n', CHUNKS_SIZE);
	case CHUNKS_TRAILER:
		c->state = byte == '\r' ? CHUNKS_LAST_LF : CHUNKS_TRAILER_LINE;
		return byte != '\n';
	case CHUNKS_TRAILER_LINE:
		return byte == '\n' ? expect(c, byte, '\n', CHUNKS_TRAILER)
				    : ++c->skipped <= SKIPPED_MOST;
	case CHUNKS_LAST_LF:
		return expect(c, byte, '\n', CHUNKS_ENDED);
	case CHUNKS_DATA:
	case CHUNKS_ENDED:
		break;
	}
	return false;
}

enum chunks_got chunks_next(struct chunks *c, struct span *bytes, struct span *data)
{
	while (c->state != CHUNKS_ENDED) {
		if (bytes->len == 0)
			return CHUNKS_GOT_MORE;
		if (c->state == CHUNKS_DATA) {
			size_t len = c->left < bytes->len ? (size_t)c->left : bytes->len;

			*data = (struct span){ bytes->at, len };
			*bytes = (struct span){ bytes->at + len, bytes->len - len };
			c->left -= len;
			if (c->left == 0)
				c->state = CHUNKS_DATA_CR;
			return CHUNKS_GOT_DATA;
		}
		if (!take_byte(c, bytes->at[0]))
			return CHUNKS_GOT_ERROR;
		*bytes = (struct span){ bytes->at + 1, bytes->len - 1 };
	}
	return CHUNKS_GOT_END;
}
