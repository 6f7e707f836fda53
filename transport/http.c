/*
 * What is answered over HTTP, and the checks of a WebSocket upgrade in Spring's
 * order: path, method, Upgrade, Connection, key, version, origin. They are made
 * here, before the library's own, because that closes the connection without a
 * word where a status would help.
 */
#include "transport/internal.h"
#include "transport/origin.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

enum {
	HEADER_BYTES_MOST = 8192, /* of one header that is looked at */
	WEBSOCKET_VERSION = 13,
};

static const char not_an_upgrade[] = "Can \"Upgrade\" only to \"WebSocket\".";

struct status {
	unsigned code;
	const char *text;
};

static const char *reason_of(unsigned code)
{
	static const struct status reasons[] = {
		{ 200, "OK" },
		{ 400, "Bad Request" },
		{ 403, "Forbidden" },
		{ 404, "Not Found" },
		{ 405, "Method Not Allowed" },
		{ 426, "Upgrade Required" },
		{ 431, "Request Header Fields Too Large" },
		{ 503, "Service Unavailable" },
	};

	for (size_t i = 0; i < countof(reasons); i++) {
		if (reasons[i].code == code)
			return reasons[i].text;
	}
	return "Error";
}

/* The header's value in `out`, NUL-terminated; empty when missing or too long. */
static struct span header(struct lws *wsi, enum lws_token_indexes token, char *out, size_t size)
{
	int len = lws_hdr_copy(wsi, out, (int)size, token);

	if (len <= 0)
		return (struct span){ out, 0 };
	return (struct span){ out, (size_t)len };
}

/* Is `word` one of the comma-separated words of the header? Case does not count. */
static bool has_word(struct span list, const char *word)
{
	size_t len = strlen(word);

	for (size_t i = 0; i < list.len;) {
		size_t from, end;

		while (i < list.len && (list.at[i] == ',' || isspace((unsigned char)list.at[i])))
			i++;
		from = i;
		while (i < list.len && list.at[i] != ',')
			i++;
		end = i;
		while (end > from && isspace((unsigned char)list.at[end - 1]))
			end--;
		if (end - from == len && strncasecmp(list.at + from, word, len) == 0)
			return true;
	}
	return false;
}

/* One whole response, then the connection is closed: the request may have a body we do not read. */
static void refuse(struct lws *wsi, unsigned code, const char *headers, const char *body)
{
	char out[LWS_PRE + 512];
	int len = snprintf(out + LWS_PRE, sizeof(out) - LWS_PRE,
		"HTTP/1.1 %u %s\r\nContent-Type: text/plain;charset=UTF-8\r\n%sContent-Length: %zu\r\n"
		"Connection: close\r\n\r\n%s",
		code, reason_of(code), headers, strlen(body), body);

	(void)lws_write(wsi, (unsigned char *)out + LWS_PRE, (size_t)len, LWS_WRITE_HTTP_HEADERS);
}

/* The request's path without its query; empty when there is none. */
static struct span path_of(struct lws *wsi, int *method)
{
	char *path = NULL;
	int len = 0;

	*method = lws_http_get_uri_and_method(wsi, &path, &len);
	if (*method < 0 || !path || len <= 0)
		return (struct span){ "", 0 };
	return (struct span){ path, (size_t)len };
}

/* The endpoint itself, or /websocket below it. */
static bool is_endpoint(const struct server *s, struct span path)
{
	struct span endpoint = span_of(s->config.endpoint);
	static const char below[] = "/websocket";

	if (path.len < endpoint.len || memcmp(path.at, endpoint.at, endpoint.len) != 0)
		return false;
	path = (struct span){ path.at + endpoint.len, path.len - endpoint.len };
	return path.len == 0 || span_eq(path, SPAN("/")) || span_eq(path, span_of(below));
}

/* The parts of an upgrade request that have one right form. False after an answer. */
static bool is_well_formed(struct lws *wsi, int method)
{
	char value[256];

	if (method != LWSHUMETH_GET) {
		refuse(wsi, 405, "Allow: GET\r\n", "");
		return false;
	}
	if (!has_word(header(wsi, WSI_TOKEN_UPGRADE, value, sizeof(value)), "websocket")) {
		refuse(wsi, 400, "", not_an_upgrade);
		return false;
	}
	if (!has_word(header(wsi, WSI_TOKEN_CONNECTION, value, sizeof(value)), "upgrade")) {
		refuse(wsi, 400, "", "\"Connection\" must be \"upgrade\".");
		return false;
	}
	if (header(wsi, WSI_TOKEN_KEY, value, sizeof(value)).len == 0 ||
		header(wsi, WSI_TOKEN_HOST, value, sizeof(value)).len == 0) {
		refuse(wsi, 400, "", "\"Sec-WebSocket-Key\" and \"Host\" are required.");
		return false;
	}
	if (!span_eq(header(wsi, WSI_TOKEN_VERSION, value, sizeof(value)), SPAN("13"))) {
		refuse(wsi, 426, "Sec-WebSocket-Version: 13\r\n", "");
		return false;
	}
	return true;
}

static bool is_origin_allowed(const struct server *s, struct lws *wsi)
{
	char origin[512], host[512];

	if (lws_hdr_total_length(wsi, WSI_TOKEN_ORIGIN) >= (int)sizeof(origin))
		return false;
	return origin_is_allowed(header(wsi, WSI_TOKEN_ORIGIN, origin, sizeof(origin)),
		header(wsi, WSI_TOKEN_HOST, host, sizeof(host)), s->config.origins,
		s->config.origin_count);
}

static bool is_separator(char c)
{
	return c == ',' || c == ' ' || c == '\t';
}

/* 1 to 3 for v10.stomp to v12.stomp, 0 for anything else. */
static unsigned rank_of(struct span name)
{
	static const char *const known[] = { "v10.stomp", "v11.stomp", "v12.stomp" };

	for (unsigned i = 0; i < countof(known); i++) {
		if (name.len == strlen(known[i]) && strncasecmp(name.at, known[i], name.len) == 0)
			return i + 1;
	}
	return 0;
}

/*
 * The library takes the first of the client's sub-protocols that one of its
 * own rows is named after, and hangs up when there is none. One row's name is
 * ours to write: it is given the highest STOMP version that was offered, as
 * the client spelled it; or else the first name of the list, and then that name
 * is taken out of the answer again, so that a client with an unknown
 * sub-protocol is let in without one.
 */
static bool choose_subprotocol(struct server *s, struct lws *wsi)
{
	char list[127]; /* the library hangs up on longer ones */
	struct span offered = header(wsi, WSI_TOKEN_PROTOCOL, list, sizeof(list));
	struct span best = { NULL, 0 };

	s->subprotocol_is_known = false;
	if (offered.len == 0)
		return lws_hdr_total_length(wsi, WSI_TOKEN_PROTOCOL) == 0;
	for (size_t i = 0; i < offered.len;) {
		size_t from;

		while (i < offered.len && is_separator(offered.at[i]))
			i++;
		from = i;
		while (i < offered.len && !is_separator(offered.at[i]))
			i++;
		if (i > from && (!best.at || rank_of((struct span){ offered.at + from, i - from }) >
						     rank_of(best)))
			best = (struct span){ offered.at + from, i - from };
	}
	if (!best.at || best.len >= sizeof(s->subprotocol))
		return false;
	memcpy(s->subprotocol, best.at, best.len);
	s->subprotocol[best.len] = '\0';
	s->subprotocol_is_known = rank_of(best) > 0;
	return true;
}

int http_confirm_upgrade(struct server *s, struct lws *wsi)
{
	int method;
	struct span path = path_of(wsi, &method);

	if (lws_hdr_total_length(wsi, WSI_TOKEN_UPGRADE) <= 0)
		return -1; /* the library has answered an unknown Upgrade itself */
	if (!is_endpoint(s, path)) {
		refuse(wsi, 404, "", "");
		return -1;
	}
	if (!is_well_formed(wsi, method))
		return -1;
	if (!is_origin_allowed(s, wsi)) {
		refuse(wsi, 403, "", "Invalid CORS request");
		return -1;
	}
	if (s->refusing || atomic_load_explicit(s->config.connections, memory_order_relaxed) >=
				   s->config.connections_most) {
		refuse(wsi, 503, "Retry-After: 5\r\n",
			s->refusing ? "shutting down" : "limits.connections is reached");
		return -1;
	}
	if (lws_hdr_total_length(wsi, WSI_TOKEN_HTTP_URI_ARGS) >= REQUEST_PART_BYTES_MOST ||
		lws_hdr_total_length(wsi, WSI_TOKEN_HTTP_COOKIE) >= REQUEST_PART_BYTES_MOST) {
		refuse(wsi, 431, "", "The query or the cookies are longer than 8 KiB.");
		return -1;
	}
	if (!choose_subprotocol(s, wsi)) {
		refuse(wsi, 400, "", "\"Sec-WebSocket-Protocol\" is malformed or too long.");
		return -1;
	}
	return 0;
}

void http_fix_upgrade_answer(const struct server *s, struct lws_process_html_args *args)
{
	char line[SUBPROTOCOL_BYTES + 32];
	size_t len;

	if (s->subprotocol_is_known)
		return;
	len = (size_t)snprintf(
		line, sizeof(line), "Sec-WebSocket-Protocol: %s\r\n", s->subprotocol);
	if (memcmp(args->p - len, line, len) == 0)
		args->p -= len;
}

/* A response that keeps the connection where the client may go on using it. */
static int answer_get(struct lws *wsi, const struct answer *a, bool with_body)
{
	struct buf out = { NULL, 0, 0 };
	int sent;

	buf_reserve(&out, LWS_PRE);
	out.len = LWS_PRE;
	buf_printf(&out,
		"HTTP/1.1 %u %s\r\nContent-Type: %s\r\nCache-Control: no-store\r\n"
		"Content-Length: %zu\r\n\r\n",
		a->status, reason_of(a->status), a->type, a->body.len);
	if (with_body)
		buf_put(&out, buf_span(&a->body));
	sent = lws_write(
		wsi, (unsigned char *)out.at + LWS_PRE, out.len - LWS_PRE, LWS_WRITE_HTTP_HEADERS);
	buf_fini(&out);
	if (sent < 0 || lws_http_transaction_completed(wsi))
		return -1;
	return 0;
}

int http_answer_request(struct server *s, struct lws *wsi)
{
	struct answer a = { .status = 404, .type = "text/plain;charset=UTF-8" };
	int method, result;
	struct span path = path_of(wsi, &method);

	if (is_endpoint(s, path)) {
		if (method == LWSHUMETH_GET)
			refuse(wsi, 400, "", not_an_upgrade);
		else
			refuse(wsi, 405, "Allow: GET\r\n", "");
		return -1;
	}
	if (method != LWSHUMETH_GET && method != LWSHUMETH_HEAD) {
		s->on.on_get(s->owner, path, &a);
		buf_fini(&a.body);
		refuse(wsi, a.status == 404 ? 404 : 405,
			a.status == 404 ? "" : "Allow: GET, HEAD\r\n", "");
		return -1;
	}
	s->on.on_get(s->owner, path, &a);
	result = answer_get(wsi, &a, method == LWSHUMETH_GET);
	buf_fini(&a.body);
	return result;
}
