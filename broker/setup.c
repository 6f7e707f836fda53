/* From the configuration to the modules' own settings; what only they can judge is judged here. */
#include "base/clock.h"
#include "base/random.h"
#include "broker/broker.h"
#include "broker/hub.h"
#include "broker/report.h"
#include "transport/origin.h"

#include <stdlib.h>

enum {
	WHY_BYTES = 256
};

static const char *const *texts(const struct config_list *list)
{
	return (const char *const *)list->items;
}

static bool check_prefixes(const struct config *c, const char *path, const struct config_list *list,
	struct config_error *error)
{
	const char *why;

	for (size_t i = 0; i < list->count; i++) {
		if (!route_check_prefix(list->items[i], &why)) {
			config_blame(c, path, (int)i, why, error);
			return false;
		}
	}
	return true;
}

/* Does one of the two prefixes lie below the other, or is it the same? */
static bool overlap(const char *a, const char *b)
{
	size_t a_len = strlen(a), b_len = strlen(b), least = a_len < b_len ? a_len : b_len;
	const char *longer = a_len < b_len ? b : a;

	return memcmp(a, b, least) == 0 && (longer[least] == '/' || !longer[least]);
}

static bool is_apart(const char *prefix, const struct config_list *list)
{
	for (size_t i = 0; i < list->count; i++) {
		if (overlap(prefix, list->items[i]))
			return false;
	}
	return true;
}

/* What is private must not be reached by another way. */
static bool check_private(
	const struct config *c, const char *path, const char *prefix, struct config_error *error)
{
	const char *why = NULL;

	if (!prefix[0])
		return true;
	if (!route_check_prefix(prefix, &why)) {
		config_blame(c, path, -1, why, error);
		return false;
	}
	if (is_apart(prefix, &c->prefixes_app) && is_apart(prefix, &c->prefixes_broker) &&
		(prefix == c->prefixes_user || !c->prefixes_user[0] ||
			!overlap(prefix, c->prefixes_user)))
		return true;
	config_blame(c, path, -1,
		"must not be, or lie above or below, another prefix: choose another one, or \"\" for "
		"none",
		error);
	return false;
}

/* It may lie below a broker prefix, or be one: then it is taken out of that. */
static bool check_queues(const struct config *c, struct config_error *error)
{
	const char *prefix = c->queues_prefix;
	const char *why = "must not be, or lie above or below, one of prefixes.app, "
			  "prefixes.user or prefixes.temp";

	if (!prefix[0])
		return true;
	if (route_check_prefix(prefix, &why) && is_apart(prefix, &c->prefixes_app) &&
		(!c->prefixes_user[0] || !overlap(prefix, c->prefixes_user)) &&
		(!c->prefixes_temp[0] || !overlap(prefix, c->prefixes_temp)))
		return true;
	config_blame(c, "queues.prefix", -1, why, error);
	return false;
}

static bool set_up_routes(struct broker *b, struct config_error *error)
{
	const struct config *c = b->config;

	if (c->prefixes_broker.count == 0) {
		config_blame(c, "prefixes.broker", -1,
			"must name at least one prefix, such as \"/sub\"", error);
		return false;
	}
	if (!check_prefixes(c, "prefixes.app", &c->prefixes_app, error) ||
		!check_prefixes(c, "prefixes.broker", &c->prefixes_broker, error) ||
		!check_prefixes(c, "subscribe.patterns", &c->subscribe_patterns, error))
		return false;
	if (!check_private(c, "prefixes.user", c->prefixes_user, error) ||
		!check_private(c, "prefixes.temp", c->prefixes_temp, error))
		return false;
	if (!check_queues(c, error))
		return false;
	b->route = (struct route){
		.app = texts(&c->prefixes_app),
		.app_count = c->prefixes_app.count,
		.broker = texts(&c->prefixes_broker),
		.broker_count = c->prefixes_broker.count,
		.patterns = texts(&c->subscribe_patterns),
		.pattern_count = c->subscribe_patterns.count,
		.allow_client_publish = c->allow_client_publish,
		.user = c->prefixes_user,
		.temp = c->prefixes_temp,
		.allow_user_send = c->allow_user_send,
	};
	b->forward.names = &c->headers_forward;
	for (size_t i = 0; i < c->headers_forward.count; i++)
		b->forward.all |= strcmp(c->headers_forward.items[i], "*") == 0;
	return true;
}

/* It becomes part of a page. */
static bool is_script_url(const char *url)
{
	static const char *const starts[] = { "/", "http://", "https://" };
	bool starts_well = false;

	for (size_t i = 0; i < countof(starts); i++)
		starts_well |= strncmp(url, starts[i], strlen(starts[i])) == 0;
	for (const char *at = url; *at; at++) {
		if (*at <= ' ' || *at >= 0x7f || strchr("\"'<>\\`", *at))
			return false;
	}
	return starts_well;
}

static bool set_up_sockjs(struct broker *b, struct config_error *error)
{
	const struct config *c = b->config;

	b->endpoint = (struct endpoint){
		.path = c->endpoint,
		.websocket = true,
		.cookie = c->sockjs_cookie,
		.response_limit = c->sockjs_response_limit,
		.client_url = c->sockjs_client_url,
	};
	for (size_t i = 0; i < c->sockjs_transports.count; i++) {
		unsigned bit = server_sockjs_bit(c->sockjs_transports.items[i]);

		if (bit == 0) {
			config_blame(c, "sockjs.transports", (int)i,
				"must be websocket, xhr, xhr_streaming, eventsource, htmlfile, "
				"jsonp or iframe",
				error);
			return false;
		}
		b->endpoint.sockjs |= bit;
	}
	if (!is_script_url(c->sockjs_client_url)) {
		config_blame(c, "sockjs.client_url", -1,
			"must begin with http://, https:// or /, and have no blanks or quotes",
			error);
		return false;
	}
	return true;
}

static bool set_up_endpoint(struct broker *b, struct config_error *error)
{
	const struct config *c = b->config;
	struct listener_address address;
	char text[WHY_BYTES];
	const char *why;

	if (!route_check_prefix(c->endpoint, &why)) {
		config_blame(c, "endpoint", -1, why, error);
		return false;
	}
	for (size_t i = 0; i < c->origins.count; i++) {
		if (!origin_check_pattern(span_of(c->origins.items[i]), &why)) {
			config_blame(c, "origins", (int)i, why, error);
			return false;
		}
	}
	if (!listener_parse(c->listen, &address, text)) {
		config_blame(c, "listen", -1, text, error);
		return false;
	}
	return true;
}

static bool set_up_tcp(struct broker *b, struct config_error *error)
{
	const struct config *c = b->config;
	bool has_certificate = *c->tcp_tls_certificate, has_key = *c->tcp_tls_key;
	struct listener_address address;
	char why[WHY_BYTES];
	enum tls_fault fault;

	if (!*c->tcp_listen && (has_certificate || has_key)) {
		config_blame(c, "tcp.listen", -1,
			"must be an address and a port, since tcp.tls is set", error);
		return false;
	}
	if (*c->tcp_listen && !listener_parse(c->tcp_listen, &address, why)) {
		config_blame(c, "tcp.listen", -1, why, error);
		return false;
	}
	if (has_certificate != has_key) {
		config_blame(c, has_key ? "tcp.tls.certificate" : "tcp.tls.key", -1,
			"must name a file too: TLS needs the certificate and its key", error);
		return false;
	}
	if (!has_key)
		return true;
	b->tcp_tls = tls_new(c->tcp_tls_certificate, c->tcp_tls_key, &fault, why);
	if (!b->tcp_tls)
		config_blame(c, fault == TLS_FAULT_KEY ? "tcp.tls.key" : "tcp.tls.certificate", -1,
			why, error);
	return b->tcp_tls != NULL;
}

static bool set_up_bus(const struct broker *b, struct config_error *error)
{
	const struct config *c = b->config;
	char why[WHY_BYTES];

	if (*c->redis_url && !bus_redis_check_url(c->redis_url, why)) {
		config_blame(c, "redis.url", -1, why, error);
		return false;
	}
	if (!*c->redis_channel) {
		config_blame(c, "redis.channel", -1, "must not be empty", error);
		return false;
	}
	if (c->redis_pause_least > c->redis_pause_most) {
		config_blame(c, "redis.pause_least", -1, "must not be longer than redis.pause_most",
			error);
		return false;
	}
	return true;
}

static void set_up_limits(struct broker *b)
{
	const struct config *c = b->config;

	b->heartbeat.can = (uint32_t)c->heartbeat_send;
	b->heartbeat.want = (uint32_t)c->heartbeat_receive;
	b->limits = (struct stomp_limits){
		.headers = c->limits_headers,
		.line_bytes = c->limits_header_line,
		.header_bytes = c->limits_header_block,
		.body_bytes = c->limits_body,
	};
	b->connect_limits = (struct stomp_limits){
		.headers = c->limits_headers,
		.line_bytes = c->limits_connect_frame,
		.header_bytes = c->limits_connect_frame,
		.body_bytes = c->limits_connect_frame,
	};
}

static bool set_up_jwt(struct broker *b, struct config_error *error)
{
	const struct config *c = b->config;
	const struct jwt_config jwt = {
		.algorithms = texts(&c->auth_jwt_algorithms),
		.algorithm_count = c->auth_jwt_algorithms.count,
		.key = c->auth_jwt_key,
		.allow_short_key = c->auth_jwt_allow_short_key,
		.issuer = *c->auth_jwt_issuer ? c->auth_jwt_issuer : NULL,
		.audiences = texts(&c->auth_jwt_audience),
		.audience_count = c->auth_jwt_audience.count,
		.required = texts(&c->auth_jwt_require),
		.required_count = c->auth_jwt_require.count,
		.leeway_s = (int64_t)(c->auth_jwt_leeway / 1000),
		.require_exp = c->auth_jwt_require_exp,
	};
	char why[WHY_BYTES];

	if (jwt.algorithm_count == 0) {
		if (!*c->auth_jwt_key)
			return true;
		config_blame(c, "auth.jwt.algorithms", -1,
			"must name the signature, such as HS256, since auth.jwt.key is set", error);
		return false;
	}
	b->jwt = jwt_new(&jwt, why);
	if (!b->jwt)
		config_blame(c, "auth.jwt", -1, why, error);
	return b->jwt != NULL;
}

static bool set_up_chain(struct broker *b, struct config_error *error)
{
	const struct config *c = b->config;
	struct interceptor_step steps[2];
	char why[WHY_BYTES];
	size_t bad = 0;

	b->tokens = token_sources_new(texts(&c->auth_token), c->auth_token.count, &bad, why);
	if (!b->tokens) {
		config_blame(c, "auth.token", (int)bad, why, error);
		return false;
	}
	b->access = access_new(texts(&c->access_rules), c->access_rules.count,
		c->access_otherwise == 0, &bad, why);
	if (!b->access) {
		config_blame(c, "access.rules", (int)bad, why, error);
		return false;
	}
	if (c->auth_anonymous != 0 && !b->jwt) {
		config_blame(c, "auth.anonymous", -1,
			"nobody could connect: set auth.jwt.algorithms and auth.jwt.key, or allow",
			error);
		return false;
	}
	b->authenticate = (struct authenticate){
		.jwt = b->jwt,
		.sources = b->tokens,
		.allow_anonymous = c->auth_anonymous == 0,
		.id_claims = texts(&c->auth_user_id),
		.id_claim_count = c->auth_user_id.count,
		.name_claims = texts(&c->auth_user_name),
		.name_claim_count = c->auth_user_name.count,
		.role_claims = texts(&c->auth_user_roles),
		.role_claim_count = c->auth_user_roles.count,
	};
	steps[0] = authenticate_step(&b->authenticate);
	steps[1] = authorize_step(b->access);
	b->chain = interceptor_chain_new(steps, countof(steps));
	return true;
}

bool broker_init(struct broker *b, const struct config *config, struct config_error *error)
{
	*b = (struct broker){ .config = config, .started_ms = clock_ms() };
	b->report_due_ms = report_first_due(b);
	random_name(b->node, sizeof(b->node) - 1);
	pthread_mutex_init(&b->bus_lock, NULL);
	snprintf(b->bus_why, sizeof(b->bus_why), "starting");
	set_up_limits(b);
	return set_up_endpoint(b, error) && set_up_sockjs(b, error) && set_up_tcp(b, error) &&
	       set_up_routes(b, error) && set_up_bus(b, error) && set_up_jwt(b, error) &&
	       set_up_chain(b, error);
}

void broker_fini(struct broker *b)
{
	interceptor_chain_free(b->chain);
	access_free(b->access);
	jwt_free(b->jwt);
	token_sources_free(b->tokens);
	tls_free(b->tcp_tls);
	pthread_mutex_destroy(&b->bus_lock);
}
