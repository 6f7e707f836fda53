#include "broker/route.h"

struct span route_tail(struct span destination, const char *prefix)
{
	size_t len = strlen(prefix);

	if (len == 0 || destination.len < len + 2 || memcmp(destination.at, prefix, len) != 0 ||
		destination.at[len] != '/')
		return (struct span){ NULL, 0 };
	return (struct span){ destination.at + len, destination.len - len };
}

bool route_is_broker(const struct route *r, struct span destination)
{
	for (size_t i = 0; i < r->broker_count; i++) {
		if (route_tail(destination, r->broker[i]).at)
			return true;
	}
	return false;
}

bool route_allows_pattern(const struct route *r, struct span pattern)
{
	if (route_tail(pattern, r->user).at || route_tail(pattern, r->temp).at)
		return false;
	for (size_t i = 0; i < r->pattern_count; i++) {
		if (route_tail(pattern, r->patterns[i]).at)
			return true;
	}
	return false;
}

enum route_result route_resolve(
	const struct route *r, struct span from, struct buf *scratch, struct span *to)
{
	for (size_t i = 0; i < r->app_count; i++) {
		struct span tail = route_tail(from, r->app[i]);

		if (!tail.at)
			continue;
		scratch->len = 0;
		buf_put(scratch, span_of(r->broker[0]));
		buf_put(scratch, tail);
		*to = buf_span(scratch);
		return ROUTE_FOUND;
	}
	if (!route_is_broker(r, from))
		return ROUTE_UNKNOWN;
	*to = from;
	return r->allow_client_publish ? ROUTE_FOUND : ROUTE_BROKER_ONLY;
}

bool route_check_prefix(const char *prefix, const char **why)
{
	size_t len = strlen(prefix);

	*why = "must begin with a slash, not end with one, and hold no empty segment and none of "
	       "* ? { }, such as \"/pub\"";
	return len >= 2 && prefix[0] == '/' && prefix[len - 1] != '/' && !strstr(prefix, "//") &&
	       !strpbrk(prefix, "*?{}");
}
