#include "transport/origin.h"

#include <ctype.h>
#include <stdint.h>
#include <strings.h>

/* An origin or a pattern of origins, taken apart. */
struct parts {
	struct span scheme;
	struct span host;
	struct span port; /* empty: the scheme's default; for patterns maybe "[...]" */
};

static bool same_text(struct span a, struct span b)
{
	return a.len == b.len && strncasecmp(a.at, b.at, a.len) == 0;
}

static struct span cut(struct span s, size_t from)
{
	return (struct span){ s.at + from, s.len - from };
}

/* "host:port", the host maybe an IPv6 address in brackets. */
static void split_host(struct span text, struct span *host, struct span *port)
{
	size_t at = 0;

	if (text.len > 0 && text.at[0] == '[') {
		const char *end = memchr(text.at, ']', text.len);

		at = end ? (size_t)(end - text.at) : 0;
	}
	while (at < text.len && text.at[at] != ':')
		at++;
	*host = (struct span){ text.at, at };
	*port = at < text.len ? cut(text, at + 1) : SPAN("");
}

static bool split(struct span text, struct parts *parts)
{
	size_t colon = 0;

	if (text.len > 0 && text.at[text.len - 1] == '/')
		text.len--;
	while (colon < text.len && text.at[colon] != ':')
		colon++;
	if (colon == 0 || text.len - colon < 4 || memcmp(text.at + colon, "://", 3) != 0)
		return false;
	parts->scheme = (struct span){ text.at, colon };
	split_host(cut(text, colon + 3), &parts->host, &parts->port);
	return parts->host.len > 0 && !memchr(parts->host.at, '/', parts->host.len);
}

static struct span default_port(struct span scheme)
{
	if (same_text(scheme, SPAN("https")) || same_text(scheme, SPAN("wss")))
		return SPAN("443");
	return SPAN("80");
}

/* Glob with * only; linear, since a later * makes the earlier ones' choices good for ever. */
static bool host_matches(struct span pattern, struct span host)
{
	size_t p = 0, h = 0, star = SIZE_MAX, mark = 0;

	while (h < host.len) {
		if (p < pattern.len && pattern.at[p] == '*') {
			star = p++;
			mark = h;
		} else if (p < pattern.len && strncasecmp(pattern.at + p, host.at + h, 1) == 0) {
			p++;
			h++;
		} else if (star != SIZE_MAX) {
			p = star + 1;
			h = ++mark;
		} else {
			return false;
		}
	}
	while (p < pattern.len && pattern.at[p] == '*')
		p++;
	return p == pattern.len;
}

/* `list` is "8080" or "[8080,8081]" or "[*]". */
static bool port_matches(struct span list, struct span port)
{
	if (list.len < 2 || list.at[0] != '[')
		return span_eq(list, port);
	list = (struct span){ list.at + 1, list.len - 2 };
	while (list.len > 0) {
		const char *comma = memchr(list.at, ',', list.len);
		size_t len = comma ? (size_t)(comma - list.at) : list.len;
		struct span item = { list.at, len };

		if (span_eq(item, port) || span_eq(item, SPAN("*")))
			return true;
		list = cut(list, comma ? len + 1 : len);
	}
	return false;
}

static bool matches(struct span pattern, const struct parts *origin)
{
	struct span port = origin->port.len ? origin->port : default_port(origin->scheme);
	struct parts p;

	if (!split(pattern, &p) || !same_text(p.scheme, origin->scheme) ||
		!host_matches(p.host, origin->host))
		return false;
	return port_matches(p.port.len ? p.port : default_port(p.scheme), port);
}

static bool is_port(struct span s)
{
	for (size_t i = 0; i < s.len; i++) {
		if (s.at[i] < '0' || s.at[i] > '9')
			return false;
	}
	return s.len > 0 && s.len <= 5;
}

/* "8080,8081" or "*" */
static bool is_port_list(struct span list)
{
	for (;;) {
		const char *comma = memchr(list.at, ',', list.len);
		struct span item = { list.at, comma ? (size_t)(comma - list.at) : list.len };

		if (!is_port(item) && !span_eq(item, SPAN("*")))
			return false;
		if (!comma)
			return true;
		list = cut(list, item.len + 1);
	}
}

bool origin_check_pattern(struct span pattern, const char **why)
{
	struct parts p;

	*why = "is not an origin, such as https://a.example, https://*.a.example:[8443,9443] or *";
	if (span_eq(pattern, SPAN("*")))
		return true;
	if (!split(pattern, &p))
		return false;
	for (size_t i = 0; i < p.scheme.len; i++) {
		if (!isalnum((unsigned char)p.scheme.at[i]))
			return false;
	}
	if (p.port.len > 1 && p.port.at[0] == '[' && p.port.at[p.port.len - 1] == ']')
		return is_port_list((struct span){ p.port.at + 1, p.port.len - 2 });
	return p.port.len == 0 || is_port(p.port);
}

/* The page came from the host that it now talks to; its scheme may end at a proxy. */
static bool is_same_host(const struct parts *origin, struct span host)
{
	struct span name, port, own = origin->port;

	split_host(host, &name, &port);
	if (!same_text(name, origin->host))
		return false;
	if (own.len == 0)
		own = default_port(origin->scheme);
	return span_eq(port.len ? port : default_port(origin->scheme), own);
}

bool origin_is_allowed(
	struct span origin, struct span host, const char *const *patterns, size_t count)
{
	struct parts parts;

	if (origin.len == 0)
		return true;
	for (size_t i = 0; i < count; i++) {
		if (span_eq(span_of(patterns[i]), SPAN("*")))
			return true;
	}
	if (!split(origin, &parts))
		return false;
	if (is_same_host(&parts, host))
		return true;
	for (size_t i = 0; i < count; i++) {
		if (matches(span_of(patterns[i]), &parts))
			return true;
	}
	return false;
}
