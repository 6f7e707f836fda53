/*
 * Requests below an endpoint with SockJS: what can be said at once is answered
 * here, the others become an exchange with the session's owner.
 * (SockJS protocol 0.3.3; the parts that it leaves open follow sockjs-node.)
 */
#include "base/log.h"
#include "base/random.h"
#include "transport/exchange.h"

#include <inttypes.h>
#include <openssl/sha.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>
#include <time.h>

enum {
	YEAR_S = 31536000
};

/* What a URL below an endpoint is for. */
struct action {
	const char *name; /* last segment of the path */
	enum sockjs_transport transport;
	bool is_get;
	bool sends;
	bool needs_callback;
};

static const struct action actions[] = {
	{ "xhr", SOCKJS_XHR, false, false, false },
	{ "xhr_streaming", SOCKJS_XHR_STREAMING, false, false, false },
	{ "xhr_send", SOCKJS_XHR, false, true, false },
	{ "eventsource", SOCKJS_EVENTSOURCE, true, false, false },
	{ "htmlfile", SOCKJS_HTMLFILE, true, false, true },
	{ "jsonp", SOCKJS_JSONP, true, false, true },
	{ "jsonp_send", SOCKJS_JSONP, false, true, false },
};

static const char plain[] = "text/plain; charset=UTF-8";
static const char no_cache[] =
	"Cache-Control: no-store, no-cache, no-transform, must-revalidate, max-age=0\r\n";

/* xhr_send serves all transports that only receive. */
static bool is_offered(const struct endpoint *endpoint, const struct action *a)
{
	unsigned receivers = endpoint->sockjs & ~(1U << SOCKJS_WEBSOCKET | 1U << SOCKJS_JSONP |
							(unsigned)SERVER_IFRAME);

	if (a->sends && a->transport == SOCKJS_XHR)
		return receivers != 0;
	return endpoint->sockjs & 1U << a->transport;
}

static const struct action *find_action(const struct endpoint *endpoint, struct span name)
{
	for (size_t i = 0; i < countof(actions); i++) {
		if (span_eq(name, span_of(actions[i].name)))
			return is_offered(endpoint, &actions[i]) ? &actions[i] : NULL;
	}
	return NULL;
}

unsigned server_sockjs_bit(const char *word)
{
	if (strcmp(word, "websocket") == 0)
		return 1U << SOCKJS_WEBSOCKET;
	if (strcmp(word, "iframe") == 0)
		return SERVER_IFRAME;
	for (size_t i = 0; i < countof(actions); i++) {
		if (!actions[i].sends && strcmp(word, actions[i].name) == 0)
			return 1U << actions[i].transport;
	}
	return 0;
}

/* --- headers of responses ------------------------------------------------- */

/* A page of any origin that may connect at all may also bring its cookies. */
static void put_cors(struct lws *wsi, struct buf *out)
{
	char value[ORIGIN_BYTES];
	struct span origin = http_header(wsi, WSI_TOKEN_ORIGIN, value, sizeof(value)), asked;

	buf_put(out, SPAN("Vary: Origin\r\nAccess-Control-Allow-Origin: "));
	buf_put(out, origin.len > 0 ? origin : SPAN("*"));
	buf_put(out, SPAN("\r\n"));
	if (origin.len > 0)
		buf_put(out, SPAN("Access-Control-Allow-Credentials: true\r\n"));
	asked = http_header(wsi, WSI_TOKEN_HTTP_AC_REQUEST_HEADERS, value, sizeof(value));
	if (asked.len > 0 && http_is_printable(asked, ' ')) {
		buf_put(out, SPAN("Access-Control-Allow-Headers: "));
		buf_put(out, asked);
		buf_put(out, SPAN("\r\n"));
	}
}

/* The value of a cookie that is safe to be sent back; empty: none. */
static struct span cookie_value(struct span cookies, const char *name)
{
	static const char safe[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
				   "!#$%&'()*+-./:<=>?@[]^_`{|}~";
	size_t name_len = strlen(name);

	for (size_t i = 0; i + name_len < cookies.len; i++) {
		const char *value = cookies.at + i + name_len + 1;
		size_t len = 0;

		if ((i > 0 && cookies.at[i - 1] != ' ' && cookies.at[i - 1] != ';') ||
			memcmp(cookies.at + i, name, name_len) != 0 || value[-1] != '=')
			continue;
		while (value + len < cookies.at + cookies.len && value[len] &&
			strchr(safe, value[len]))
			len++;
		return (struct span){ value, len };
	}
	return (struct span){ "", 0 };
}

/* For balancers that keep a client on one node by it. */
static void put_session_cookie(struct lws *wsi, struct buf *out)
{
	char cookies[REQUEST_PART_BYTES_MOST];
	struct span value = cookie_value(
		http_header(wsi, WSI_TOKEN_HTTP_COOKIE, cookies, sizeof(cookies)), "JSESSIONID");

	buf_put(out, SPAN("Set-Cookie: JSESSIONID="));
	buf_put(out, value.len > 0 ? value : SPAN("dummy"));
	buf_put(out, SPAN("; path=/\r\n"));
}

static void put_expires(struct buf *out)
{
	time_t then = time(NULL) + YEAR_S;
	struct tm at;
	char text[64];

	(void)strftime(text, sizeof(text), "%a, %d %b %Y %H:%M:%S GMT", gmtime_r(&then, &at));
	buf_printf(out, "Cache-Control: public, max-age=%d\r\nExpires: %s\r\n", YEAR_S, text);
}

/* --- what is answered at once --------------------------------------------- */

static int refuse_method(struct lws *wsi, const char *allowed)
{
	char line[64];

	snprintf(line, sizeof(line), "Allow: %s\r\n", allowed);
	return http_refuse(wsi, 405, line, "");
}

/* Frees the headers. */
static int respond(
	struct lws *wsi, unsigned status, const char *type, struct buf *headers, struct span body)
{
	const struct response r = {
		.status = status,
		.type = type,
		.headers = buf_span(headers),
		.body = body,
	};
	int result = http_respond(wsi, &r);

	buf_fini(headers);
	return result;
}

static int answer_preflight(struct lws *wsi, const char *methods, struct buf *headers)
{
	put_cors(wsi, headers);
	put_expires(headers);
	buf_printf(headers,
		"Access-Control-Max-Age: %d\r\nAccess-Control-Allow-Methods: OPTIONS, %s\r\n",
		YEAR_S, methods);
	return respond(wsi, 204, NULL, headers, SPAN(""));
}

static int answer_greeting(struct lws *wsi, int method)
{
	const struct response r = {
		.status = 200,
		.type = plain,
		.body = SPAN("Welcome to SockJS!\n"),
		.head_only = method == LWSHUMETH_HEAD,
	};

	if (method != LWSHUMETH_GET && method != LWSHUMETH_HEAD)
		return refuse_method(wsi, "GET, HEAD");
	return http_respond(wsi, &r);
}

static int answer_info(struct lws *wsi, const struct endpoint *endpoint, int method)
{
	struct buf headers = { NULL, 0, 0 };
	char body[160];
	uint32_t entropy;
	int len;

	if (method == LWSHUMETH_OPTIONS)
		return answer_preflight(wsi, "GET", &headers);
	if (method != LWSHUMETH_GET)
		return refuse_method(wsi, "OPTIONS, GET");
	random_bytes(&entropy, sizeof(entropy));
	len = snprintf(body, sizeof(body),
		"{\"websocket\":%s,\"origins\":[\"*:*\"],\"cookie_needed\":%s,\"entropy\":%" PRIu32
		"}",
		endpoint->sockjs & 1U << SOCKJS_WEBSOCKET ? "true" : "false",
		endpoint->cookie ? "true" : "false", entropy);
	buf_put(&headers, span_of(no_cache));
	put_cors(wsi, &headers);
	return respond(wsi, 200, "application/json; charset=UTF-8", &headers,
		(struct span){ body, (size_t)len });
}

/* Its only content is the client's script, of the same version as the page's. */
static void put_iframe(const struct endpoint *endpoint, struct buf *out)
{
	buf_printf(out,
		"<!DOCTYPE html>\n<html>\n<head>\n"
		"  <meta http-equiv=\"X-UA-Compatible\" content=\"IE=edge\" />\n"
		"  <meta http-equiv=\"Content-Type\" content=\"text/html; charset=UTF-8\" />\n"
		"  <script src=\"%s\"></script>\n"
		"  <script>\n"
		"    document.domain = document.domain;\n"
		"    SockJS.bootstrap_iframe();\n"
		"  </script>\n"
		"</head>\n<body>\n  <h2>Don't panic!</h2>\n"
		"  <p>This is a SockJS hidden iframe. It's used for cross domain magic.</p>\n"
		"</body>\n</html>",
		endpoint->client_url);
}

static int answer_iframe(struct lws *wsi, const struct endpoint *endpoint, int method)
{
	unsigned char hash[SHA256_DIGEST_LENGTH];
	struct buf body = { NULL, 0, 0 }, headers = { NULL, 0, 0 };
	char tag[40];
	struct response r;
	int result;

	if (method != LWSHUMETH_GET)
		return refuse_method(wsi, "GET");
	put_iframe(endpoint, &body);
	/* Equal on all nodes: it depends on nothing but the page. */
	(void)SHA256((const unsigned char *)body.at, body.len, hash);
	tag[0] = '"';
	for (size_t i = 0; i < 16; i++)
		snprintf(tag + 1 + 2 * i, 3, "%02x", hash[i]);
	memcpy(tag + 33, "\"", 2);
	put_expires(&headers);
	r = (struct response){
		.status = 200,
		.type = "text/html; charset=UTF-8",
		.etag = tag,
		.headers = buf_span(&headers),
		.body = buf_span(&body),
	};
	result = http_respond(wsi, &r);
	buf_fini(&headers);
	buf_fini(&body);
	return result;
}

/* "/iframe" [0-9-.a-z_]* ".html" */
static bool is_iframe(struct span rest)
{
	static const char start[] = "/iframe", end[] = ".html";
	size_t fixed = sizeof(start) - 1 + sizeof(end) - 1;

	if (rest.len < fixed || memcmp(rest.at, start, sizeof(start) - 1) != 0 ||
		memcmp(rest.at + rest.len - (sizeof(end) - 1), end, sizeof(end) - 1) != 0)
		return false;
	for (size_t i = sizeof(start) - 1; i < rest.len; i++) {
		char c = rest.at[i];

		if (!(c >= '0' && c <= '9') && !(c >= 'a' && c <= 'z') && c != '-' && c != '.' &&
			c != '_')
			return false;
	}
	return true;
}

/* --- what the owner answers ----------------------------------------------- */

/* How the body of a request comes. */
struct body {
	bool is_given; /* false: there is none, as far as anyone can tell */
	bool is_chunked;
	size_t length; /* of one that is not chunked */
};

/* False after an answer when it cannot be taken. */
static bool read_body_headers(const struct server *s, struct lws *wsi, struct body *body)
{
	char text[24];
	struct span value = http_header(wsi, WSI_TOKEN_HTTP_CONTENT_LENGTH, text, sizeof(text));
	char *end = NULL;
	unsigned long long n;

	*body = (struct body){
		.is_given = lws_hdr_total_length(wsi, WSI_TOKEN_HTTP_CONTENT_LENGTH) > 0,
		.is_chunked = lws_hdr_total_length(wsi, WSI_TOKEN_HTTP_TRANSFER_ENCODING) > 0,
	};
	if (body->is_chunked) {
		(void)http_header(wsi, WSI_TOKEN_HTTP_TRANSFER_ENCODING, text, sizeof(text));
		if (!body->is_given && strcasecmp(text, "chunked") == 0)
			return true;
		/* Two ways to say where the body ends are one too many. */
		(void)http_refuse(wsi, 400, "", "A body needs a Content-Length, or chunks.");
		return false;
	}
	if (!body->is_given)
		return true;
	n = strtoull(text, &end, 10);
	if (value.len == 0 || value.len > 19 || text[0] < '0' || text[0] > '9' ||
		end != text + value.len) {
		(void)http_refuse(wsi, 400, "", "The Content-Length is no number.");
		return false;
	}
	if (n > s->config.body_most) {
		(void)http_refuse(wsi, 413, "", "The body is longer than limits.sockjs_body.");
		return false;
	}
	body->length = (size_t)n;
	return true;
}

/* Reads the callback into `out`. False after an answer when it is missing or not one. */
static bool read_callback(struct lws *wsi, struct span query, struct buf *out)
{
	if (!sockjs_form_field(query, "c", out) && !sockjs_form_field(query, "callback", out)) {
		(void)http_refuse(wsi, 500, "", "\"callback\" parameter required");
		return false;
	}
	if (!sockjs_is_callback(buf_span(out))) {
		(void)http_refuse(wsi, 500, "", "invalid \"callback\" parameter");
		return false;
	}
	return true;
}

static bool is_form(struct lws *wsi)
{
	static const char form[] = "application/x-www-form-urlencoded";
	char type[128];

	(void)http_header(wsi, WSI_TOKEN_HTTP_CONTENT_TYPE, type, sizeof(type));
	return strncasecmp(type, form, sizeof(form) - 1) == 0;
}

/* The body has come, or there is none: what is in it goes to the owner. */
static void ask(struct exchange *e)
{
	static const char *const faults[] = {
		[SOCKJS_PAYLOAD_MISSING] = "Payload expected.",
		[SOCKJS_PAYLOAD_BROKEN] = "Broken JSON encoding.",
	};
	struct span body = buf_span(&e->body);
	struct buf field = { NULL, 0, 0 };
	enum sockjs_payload payload = SOCKJS_PAYLOAD_GOOD;

	if (!e->sends) {
		exchange_ask(e, SPAN(""));
		return;
	}
	if (e->is_form) {
		if (!sockjs_form_field(body, "d", &field))
			field.len = 0;
		body = buf_span(&field);
	}
	payload = sockjs_check(body, false);
	if (payload == SOCKJS_PAYLOAD_GOOD)
		exchange_ask(e, body);
	else
		exchange_respond(e, 500, faults[payload]);
	buf_fini(&field);
	buf_fini(&e->body);
}

/* From here on the library need not keep the request's headers. */
static void end_body(struct exchange *e)
{
	struct lws *wsi = e->wsi;

	ask(e);
	(void)lws_http_headers_detach(wsi);
}

static int start_exchange(struct server *s, struct lws *wsi, struct peer *peer,
	const struct place *place, const struct action *a, struct note *note)
{
	struct exchange *e;
	struct body body;

	if (exchange_is_full(s))
		return http_refuse(wsi, 503, "Retry-After: 5\r\n", "limits.connections is reached");
	if (!read_body_headers(s, wsi, &body))
		return -1;
	if (a->is_get && (body.length > 0 || body.is_chunked))
		return http_refuse(wsi, 400, "", "A GET has no body.");
	note->kind = a->sends ? NOTE_SEND : NOTE_RECEIVE;
	note->endpoint = (uint8_t)place->index;
	note->transport = (uint8_t)a->transport;
	e = exchange_new(s, wsi, peer, note);
	e->sends = a->sends;
	e->is_form = a->sends && a->transport == SOCKJS_JSONP && is_form(wsi);
	e->is_chunked = body.is_chunked;
	/* Without a length the library takes all that follows for a body. */
	e->closes = e->closes || body.is_chunked || (!body.is_given && !a->is_get);
	put_cors(wsi, &e->headers);
	buf_put(&e->headers, span_of(no_cache));
	if (place->endpoint->cookie)
		put_session_cookie(wsi, &e->headers);
	if (!a->sends)
		buf_put(&e->headers, SPAN("X-Accel-Buffering: no\r\n"));
	if (a->transport == SOCKJS_JSONP || a->transport == SOCKJS_HTMLFILE)
		buf_put(&e->headers, SPAN("X-Content-Type-Options: nosniff\r\n"));
	if (body.length == 0 && !body.is_chunked)
		end_body(e);
	return 0;
}

static int answer_session(struct server *s, struct lws *wsi, struct peer *peer,
	const struct place *place, struct span session, const struct action *a)
{
	char query[REQUEST_PART_BYTES_MOST], cookie[REQUEST_PART_BYTES_MOST], origin[ORIGIN_BYTES],
		peer_name[64];
	struct buf callback = { NULL, 0, 0 };
	struct note note = {
		.session = session,
		.query = http_query(wsi, query, sizeof(query)),
		.cookie = http_header(wsi, WSI_TOKEN_HTTP_COOKIE, cookie, sizeof(cookie)),
		.origin = http_header(wsi, WSI_TOKEN_ORIGIN, origin, sizeof(origin)),
	};
	int result = -1;

	socket_print_peer(lws_get_socket_fd(wsi), peer_name, sizeof(peer_name));
	note.peer = span_of(peer_name);
	if (!a->needs_callback || read_callback(wsi, note.query, &callback)) {
		note.callback = buf_span(&callback);
		result = start_exchange(s, wsi, peer, place, a, &note);
	}
	buf_fini(&callback);
	return result;
}

static int route_session(
	struct server *s, struct lws *wsi, struct peer *peer, const struct place *place, int method)
{
	struct span session, name;
	const struct action *a;
	struct buf headers = { NULL, 0, 0 };

	if (!http_split_session(place->rest, &session, &name))
		return http_refuse(wsi, 404, "", "");
	if (span_eq(name, SPAN("websocket")) && (place->endpoint->sockjs & 1U << SOCKJS_WEBSOCKET))
		return upgrade_refuse_missing(wsi, method);
	a = find_action(place->endpoint, name);
	if (!a)
		return http_refuse(wsi, 404, "", "");
	if (method == LWSHUMETH_OPTIONS && !a->is_get && a->transport != SOCKJS_JSONP) {
		if (place->endpoint->cookie)
			put_session_cookie(wsi, &headers);
		return answer_preflight(wsi, "POST", &headers);
	}
	if (a->is_get && method != LWSHUMETH_GET)
		return refuse_method(wsi, "GET");
	if (!a->is_get && method != LWSHUMETH_POST)
		return refuse_method(wsi, a->transport == SOCKJS_JSONP ? "POST" : "OPTIONS, POST");
	if (!http_is_short(wsi))
		return http_refuse(wsi, 431, "", "The query or the cookies are longer than 8 KiB.");
	return answer_session(s, wsi, peer, place, session, a);
}

static int route_raw(struct lws *wsi, const struct endpoint *endpoint, int method)
{
	if (!endpoint->websocket)
		return http_refuse(wsi, 404, "", "");
	return upgrade_refuse_missing(wsi, method);
}

int sockjs_front_request(
	struct server *s, struct lws *wsi, struct peer *peer, const struct place *place, int method)
{
	if (place->rest.len == 0 || span_eq(place->rest, SPAN("/")))
		return answer_greeting(wsi, method);
	if ((place->endpoint->sockjs & (unsigned)SERVER_IFRAME) && is_iframe(place->rest))
		return answer_iframe(wsi, place->endpoint, method);
	if (!http_is_origin_allowed(s, wsi))
		return http_refuse(wsi, 403, "", "Invalid CORS request");
	if (span_eq(place->rest, SPAN("/info")) || span_eq(place->rest, SPAN("/info/")))
		return answer_info(wsi, place->endpoint, method);
	if (span_eq(place->rest, SPAN("/websocket")) || span_eq(place->rest, SPAN("/websocket/")))
		return route_raw(wsi, place->endpoint, method);
	return route_session(s, wsi, peer, place, method);
}

/* False when the body becomes longer than it may be. */
static bool keep_body(struct exchange *e, struct span data)
{
	if (data.len > e->server->config.body_most - e->body.len)
		return false;
	/* What a receiver sends is of no interest; it ends with limits.body_time at the latest. */
	if (e->sends)
		buf_put(&e->body, data);
	return true;
}

static void take_chunks(struct exchange *e, struct span bytes)
{
	struct span data;

	for (;;) {
		switch (chunks_next(&e->chunks, &bytes, &data)) {
		case CHUNKS_GOT_DATA:
			if (keep_body(e, data))
				break;
			exchange_respond(e, 413, "The body is longer than limits.sockjs_body.");
			return;
		case CHUNKS_GOT_MORE:
			/* Said to come is as good as come. */
			if (e->chunks.left <= e->server->config.body_most - e->body.len)
				return;
			exchange_respond(e, 413, "The body is longer than limits.sockjs_body.");
			return;
		case CHUNKS_GOT_END:
			end_body(e);
			return;
		case CHUNKS_GOT_ERROR:
			exchange_respond(e, 400, "The chunks of the body are broken.");
			return;
		}
	}
}

int sockjs_front_body(struct peer *peer, struct span bytes)
{
	struct exchange *e = peer->exchange;

	/* What follows a request whose answer is still under way. */
	if (!e || e->state != EXCHANGE_BODY)
		return bytes.len > 0 ? -1 : 0;
	if (e->is_chunked) {
		take_chunks(e, bytes);
		return 0;
	}
	/* The library hands on no more than the length that was checked. */
	return keep_body(e, bytes) ? 0 : -1;
}

int sockjs_front_body_end(struct peer *peer)
{
	struct exchange *e = peer->exchange;

	if (!e)
		return 0;
	if (e->state != EXCHANGE_BODY)
		return -1;
	end_body(e);
	return 0;
}
