/* What bus_redis.c and nodes.c share; nobody else includes this. */
#ifndef REDIS_BUS_REDIS_H
#define REDIS_BUS_REDIS_H

#include "base/attr.h"
#include "redis/bus.h"

#include <hiredis/async.h>
#include <hiredis/hiredis.h>

struct bus_redis;

/*
 * Sends a command on the publishing connection. `on_done` comes once, with a
 * NULL answer when the connection ends before; it must call bus_redis_answered()
 * first when there is one. False, and no call, while there is no connection.
 */
bool bus_redis_command(struct bus_redis *b, redisCallbackFn *on_done, void *cookie, int argc,
	const char **argv, const size_t *lens);

/* A command has been answered, with or without success: the connection lives. */
void bus_redis_answered(struct bus_redis *b);

#endif
