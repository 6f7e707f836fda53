/*
 * May a web page of this origin connect? (RFC 6454; the rules of Spring's
 * setAllowedOriginPatterns().) Non-browsers send no Origin and are let in:
 * the check protects users from foreign pages, not the server from programs.
 */
#ifndef TRANSPORT_ORIGIN_H
#define TRANSPORT_ORIGIN_H

#include "base/attr.h"
#include "base/span.h"

/*
 * Is `pattern` one of: "*", an origin such as https://a.example:8443, or one in
 * which * stands for any text in the host and the port may be a list
 * [8080,8081] or [*]? *why says what is wrong, static.
 */
bool origin_check_pattern(struct span pattern, const char **why) MUST_USE;

/*
 * `origin` and `host` are the values of those headers; an empty origin is
 * allowed. A page of the same host and port is allowed whatever the patterns.
 */
bool origin_is_allowed(
	struct span origin, struct span host, const char *const *patterns, size_t count) MUST_USE;

#endif
