/*
 * A redis-server of a test's own: on a free port of the loopback interface and
 * on a unix socket in a folder of its own, without a file to keep data in. It
 * ends with the test, whatever becomes of that.
 */
#ifndef TESTS_REDIS_SERVER_H
#define TESTS_REDIS_SERVER_H

#include "base/attr.h"
#include "base/span.h"

#include <stdbool.h>
#include <sys/types.h>

struct redis_server {
	char dir[64];
	char socket[96]; /* path of the unix socket */
	char url[64];    /* of the port, database 0 */
	unsigned port;
	pid_t pid; /* 0: not started */
};

/* Chooses a port and a folder; starts nothing. */
void redis_server_init(struct redis_server *r);

/* Returns when it answers. `password` may be NULL. */
void redis_server_start(struct redis_server *r, const char *password);

/* Returns when it has ended. Does nothing when it was not started. */
void redis_server_kill(struct redis_server *r);

/* Kills it and removes the folder. */
void redis_server_fini(struct redis_server *r);

void redis_server_signal(const struct redis_server *r, int number);

/* Sends one command over a connection of its own; false when the answer is an error. */
bool redis_server_tell(
	const struct redis_server *r, int argc, const char **argv, const size_t *lens) MUST_USE;

/* The same for a command without blanks in its words. */
bool redis_server_command(const struct redis_server *r, const char *line) MUST_USE;

#endif
