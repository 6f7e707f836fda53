/* The address of a Redis: redis://[user[:password]@]host[:port][/db], unix:///path[?db=n]. */
#ifndef REDIS_URL_H
#define REDIS_URL_H

#include "base/attr.h"

#include <stdbool.h>
#include <stdint.h>

struct redis_url {
	char *host; /* NULL: a unix socket */
	uint16_t port;
	char *path;     /* of the unix socket */
	char *user;     /* NULL: none */
	char *password; /* NULL: none */
	unsigned database;
	char *shown; /* for logs: without user and password */
};

/*
 * Percent-encoding is undone. False with one line for the operator, without the
 * password, in `why`; `u` then holds nothing. Free with redis_url_fini().
 */
bool redis_url_read(const char *text, struct redis_url *u, char why[256]) MUST_USE;

void redis_url_fini(struct redis_url *u);

#endif
