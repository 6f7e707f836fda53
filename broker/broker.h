/*
 * The whole node: owns the settings, the shards and the hub; starts, drains,
 * stops.
 */
#ifndef BROKER_BROKER_H
#define BROKER_BROKER_H

#include "auth/access.h"
#include "auth/interceptor.h"
#include "auth/jwt.h"
#include "auth/steps.h"
#include "auth/token.h"
#include "base/attr.h"
#include "broker/route.h"
#include "broker/shard.h"
#include "config/config.h"
#include "redis/bus.h"
#include "stomp/heartbeat.h"
#include "stomp/parser.h"
#include "transport/listener.h"
#include "transport/server.h"
#include "transport/tls.h"

#include <pthread.h>

enum {
	NODE_NAME_BYTES = 9
};

/* Names of headers; `all` stands for a "*" in the option. */
struct header_rules {
	bool all;
	const struct config_list *names; /* borrowed */
};

/* What the queues of this node hold. */
struct queue_load {
	size_t queues; /* those of other nodes that it uses too */
	size_t messages;
	size_t bytes;
};

struct broker {
	const struct config *config; /* borrowed */
	char node[NODE_NAME_BYTES];  /* random; in every message-id, and for other nodes' notes */
	uint64_t started_ms;
	uint64_t report_due_ms; /* 0: never; see broker/report.h */

	/* Made from the configuration, never changed. */
	struct endpoint endpoint;
	struct route route;
	struct header_rules forward;
	struct stomp_heartbeat heartbeat;
	struct stomp_limits connect_limits; /* of a session that has not said CONNECT */
	struct stomp_limits limits;
	struct token_sources *tokens;
	struct jwt *jwt;
	struct access *access;
	struct authenticate authenticate;
	struct interceptor_chain *chain;
	struct tls *tcp_tls; /* NULL: TCP is plain, or off */

	struct shard *shards; /* owned */
	unsigned shard_count;
	struct server_group *servers; /* those of the shards */
	struct hub *hub;
	struct queues *queues; /* the hub's; NULL: there are none */
	_Atomic unsigned connections;
	_Atomic uint64_t sessions; /* since the start; numbers them */
	_Atomic unsigned shards_running;
	_Atomic bool draining;
	uint64_t drain_until_ms; /* set before `draining` */

	/* What the bus last said of itself, for any thread. */
	pthread_mutex_t bus_lock;
	enum bus_state bus_state;
	char bus_why[256];
	struct bus_counters bus_counters; /* as of the hub's last tick */
	struct queue_load queue_load;     /* the same */
};

/*
 * Builds what the configuration says. False with one line for the operator: a
 * value that only the module concerned can judge is wrong.
 */
bool broker_init(
	struct broker *b, const struct config *config, struct config_error *error) MUST_USE;
void broker_fini(struct broker *b);

/* Listens, starts the threads, runs until stopped. The exit status of the process. */
int broker_run(struct broker *b) MUST_USE;

#endif
