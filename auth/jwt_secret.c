#include "auth/jwt_secret.h"

#include "base/base64.h"
#include "base/json.h"

#include <errno.h>
#include <stdio.h>

static bool take_raw(struct span text, struct buf *out)
{
	buf_put(out, text);
	return true;
}

static bool take_base64(struct span text, struct buf *out)
{
	return base64_decode(text, BASE64_STANDARD, out);
}

static bool take_base64url(struct span text, struct buf *out)
{
	return base64_decode(text, BASE64_URL, out);
}

static bool take_lenient(struct span text, struct buf *out)
{
	return base64_decode(text, BASE64_LENIENT, out);
}

static int hex_value(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static bool take_hex(struct span text, struct buf *out)
{
	if (text.len % 2 != 0)
		return false;
	buf_reserve(out, text.len / 2 + 1);
	for (size_t i = 0; i < text.len; i += 2) {
		int high = hex_value(text.at[i]), low = hex_value(text.at[i + 1]);

		if (high < 0 || low < 0)
			return false;
		buf_put_byte(out, (char)(high << 4 | low));
	}
	return true;
}

static const struct form {
	struct span prefix;
	bool (*take)(struct span text, struct buf *out);
	const char *wrong;
} forms[] = {
	{ SPAN("raw:"), take_raw, "" },
	{ SPAN("base64:"), take_base64,
		"what follows base64: is not base64 with its padding; for the URL alphabet write "
		"base64url:, for text with other characters in between base64-lenient:" },
	{ SPAN("base64url:"), take_base64url,
		"what follows base64url: is not base64 in the URL alphabet without padding; for + / "
		"and = write base64:" },
	{ SPAN("base64-lenient:"), take_lenient, "" },
	{ SPAN("hex:"), take_hex, "what follows hex: is not pairs of hexadecimal digits" },
};

/* One line end at the end is the editor's, not the key's. */
static void drop_line_end(struct buf *b)
{
	if (b->len > 0 && b->at[b->len - 1] == '\n')
		b->len--;
	if (b->len > 0 && b->at[b->len - 1] == '\r')
		b->len--;
}

static bool read_file(const char *path, struct buf *out, char why[256])
{
	FILE *in = fopen(path, "re");
	bool ok;

	if (!in) {
		(void)snprintf(why, 256, "the key file %.128s cannot be opened: %s", path,
			strerror(errno));
		return false;
	}
	/* A second copy of the key in the stream's buffer would not be wiped. */
	(void)setvbuf(in, NULL, _IONBF, 0);
	out->len = fread(
		buf_reserve(out, JWT_SECRET_BYTES_MOST + 1), 1, JWT_SECRET_BYTES_MOST + 1, in);
	ok = !ferror(in);
	if (!ok)
		(void)snprintf(
			why, 256, "the key file %.128s cannot be read: %s", path, strerror(errno));
	(void)fclose(in);
	if (ok && out->len > JWT_SECRET_BYTES_MOST) {
		(void)snprintf(why, 256,
			"the key file %.128s is longer than %d bytes: is it a key?", path,
			JWT_SECRET_BYTES_MOST);
		return false;
	}
	drop_line_end(out);
	return ok;
}

/* Takes `prefix` off the front. */
static bool begins_with(struct span *text, struct span prefix)
{
	if (text->len < prefix.len || memcmp(text->at, prefix.at, prefix.len) != 0)
		return false;
	*text = (struct span){ text->at + prefix.len, text->len - prefix.len };
	return true;
}

static bool take(struct span text, struct buf *out, char why[256])
{
	for (size_t i = 0; i < countof(forms); i++) {
		if (!begins_with(&text, forms[i].prefix))
			continue;
		if (forms[i].take != take_raw)
			text = json_trim(text);
		if (forms[i].take(text, out))
			return true;
		(void)snprintf(why, 256, "%s", forms[i].wrong);
		return false;
	}
	return take_raw(text, out);
}

bool jwt_secret_read(const char *text, struct buf *out, char why[256])
{
	struct span path = span_of(text);

	if (begins_with(&path, SPAN("file:"))) {
		if (!read_file(path.at, out, why))
			return false;
	} else if (!take(span_of(text), out, why)) {
		return false;
	}
	if (out->len > 0)
		return true;
	(void)snprintf(why, 256,
		"the key is empty: make one with \"openssl rand -base64 48\" and "
		"write it behind base64:, or name a file behind file:");
	return false;
}

void jwt_secret_fini(struct buf *secret)
{
	if (secret->at)
		explicit_bzero(secret->at, secret->size);
	buf_fini(secret);
}
