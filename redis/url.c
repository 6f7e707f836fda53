#include "redis/url.h"

#include "base/buf.h"
#include "base/digits.h"
#include "base/mem.h"
#include "base/percent.h"
#include "base/span.h"
#include "redis/bus.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
	DEFAULT_PORT = 6379,
	DATABASE_MOST = 65535,
};

static bool refuse(char why[256], const char *text)
{
	snprintf(why, 256, "%s", text);
	return false;
}

/* The caller owns the text. */
static char *decoded(struct span s)
{
	struct buf out = { NULL, 0, 0 };

	percent_decode(s, false, &out);
	buf_put_byte(&out, '\0');
	return out.at;
}

static bool read_number(struct span s, unsigned most, unsigned *out)
{
	uint64_t n;

	if (!digits_read(s, &n) || n > most)
		return false;
	*out = (unsigned)n;
	return true;
}

static struct span before(struct span s, const char *at)
{
	return (struct span){ s.at, (size_t)(at - s.at) };
}

static struct span behind(struct span s, const char *at)
{
	return (struct span){ at + 1, s.len - (size_t)(at - s.at) - 1 };
}

/* "user:password" or ":password" or, as older clients have it, "password". */
static void read_credentials(struct span text, struct redis_url *u)
{
	const char *colon = memchr(text.at, ':', text.len);

	if (text.len == 0 || span_eq(text, SPAN(":")))
		return; /* "@host" and ":@host" name nobody */
	if (!colon) {
		u->password = decoded(text);
		return;
	}
	if (colon > text.at)
		u->user = decoded(before(text, colon));
	u->password = decoded(behind(text, colon));
}

static bool read_host(struct span text, struct redis_url *u, char why[256])
{
	const char *end = text.len > 0 && text.at[0] == '[' ? memchr(text.at, ']', text.len) : NULL;
	struct span tail = end ? behind(text, end) : text;
	const char *colon = memchr(tail.at, ':', tail.len);
	struct span host = colon ? before(text, colon) : text;
	unsigned port = DEFAULT_PORT;

	if (end && colon != tail.at && tail.len > 0)
		return refuse(why, "only a port may follow the ] of an address");
	if (colon && (!read_number(behind(text, colon), UINT16_MAX, &port) || port == 0))
		return refuse(why, "the port must be a number from 1 to 65535");
	if (end)
		host = (struct span){ text.at + 1, (size_t)(end - text.at) - 1 };
	if (host.len == 0)
		return refuse(why, "names no host; write redis://127.0.0.1:6379/0");
	u->host = decoded(host);
	u->port = (uint16_t)port;
	return true;
}

static bool read_redis(struct span text, struct redis_url *u, char why[256])
{
	const char *at = memrchr(text.at, '@', text.len);
	const char *slash;

	if (at) {
		read_credentials(before(text, at), u);
		text = behind(text, at);
	}
	slash = memchr(text.at, '/', text.len);
	if (slash && behind(text, slash).len > 0 &&
		!read_number(behind(text, slash), DATABASE_MOST, &u->database))
		return refuse(
			why, "the database behind the last slash must be a number, such as /0");
	return read_host(slash ? before(text, slash) : text, u, why);
}

static bool read_unix(struct span text, struct redis_url *u, char why[256])
{
	const char *question = memchr(text.at, '?', text.len);

	if (question) {
		struct span query = behind(text, question);

		if (query.len < 3 || memcmp(query.at, "db=", 3) != 0 ||
			!read_number((struct span){ query.at + 3, query.len - 3 }, DATABASE_MOST,
				&u->database))
			return refuse(
				why, "only ?db=<number> may follow the path of a unix socket");
		text = before(text, question);
	}
	if (text.len < 2 || text.at[0] != '/')
		return refuse(why, "names no path; write unix:///run/redis/redis.sock");
	u->path = decoded(text);
	return true;
}

bool redis_url_read(const char *text, struct redis_url *u, char why[256])
{
	struct buf shown = { NULL, 0, 0 };
	bool good = false;

	*u = (struct redis_url){ .host = NULL };
	if (strstr(text, "%00"))
		refuse(why, "must not hold %00");
	else if (strncmp(text, "redis://", 8) == 0)
		good = read_redis(span_of(text + 8), u, why);
	else if (strncmp(text, "unix://", 7) == 0)
		good = read_unix(span_of(text + 7), u, why);
	else if (strncmp(text, "rediss://", 9) == 0)
		refuse(why, "TLS to Redis is not supported; use stunnel, or a unix socket");
	else
		refuse(why,
			"must begin with redis:// or unix://, such as redis://127.0.0.1:6379/0");
	if (!good) {
		redis_url_fini(u);
		return false;
	}
	if (u->path)
		buf_printf(&shown, "%s", u->path);
	else
		buf_printf(&shown, "%s:%u", u->host, u->port);
	buf_put_byte(&shown, '\0');
	u->shown = shown.at;
	return true;
}

void redis_url_fini(struct redis_url *u)
{
	free(u->host);
	free(u->path);
	free(u->user);
	free(u->password);
	free(u->shown);
	*u = (struct redis_url){ .host = NULL };
}

bool bus_redis_check_url(const char *url, char why[256])
{
	struct redis_url parts;

	if (!redis_url_read(url, &parts, why))
		return false;
	redis_url_fini(&parts);
	return true;
}
