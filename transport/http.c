/*
 * Requests that are no upgrades: whose they are, what their headers say, and
 * responses that are written at once.
 */
#include "base/mem.h"
#include "transport/internal.h"
#include "transport/origin.h"

#include <errno.h>
#include <stdio.h>
#include <strings.h>
#include <sys/socket.h>

static const char *reason_of(unsigned code)
{
	static const struct {
		unsigned code;
		const char *text;
	} reasons[] = {
		{ 200, "OK" },
		{ 204, "No Content" },
		{ 304, "Not Modified" },
		{ 400, "Bad Request" },
		{ 403, "Forbidden" },
		{ 404, "Not Found" },
		{ 405, "Method Not Allowed" },
		{ 408, "Request Timeout" },
		{ 413, "Payload Too Large" },
		{ 426, "Upgrade Required" },
		{ 431, "Request Header Fields Too Large" },
		{ 500, "Internal Server Error" },
		{ 503, "Service Unavailable" },
	};

	for (size_t i = 0; i < countof(reasons); i++) {
		if (reasons[i].code == code)
			return reasons[i].text;
	}
	return "Error";
}

/* --- the request ---------------------------------------------------------- */

struct span http_header(struct lws *wsi, enum lws_token_indexes token, char *out, size_t size)
{
	int len = lws_hdr_copy(wsi, out, (int)size, token);

	return (struct span){ out, len > 0 ? (size_t)len : 0 };
}

struct span http_query(struct lws *wsi, char *out, size_t size)
{
	size_t len = 0;

	for (int i = 0; lws_hdr_fragment_length(wsi, WSI_TOKEN_HTTP_URI_ARGS, i) > 0; i++) {
		int part;

		if (i > 0 && len + 1 < size)
			out[len++] = '&';
		part = lws_hdr_copy_fragment(
			wsi, out + len, (int)(size - len), WSI_TOKEN_HTTP_URI_ARGS, i);
		if (part < 0)
			break;
		len += (size_t)part;
	}
	return (struct span){ out, len };
}

struct span http_path(struct lws *wsi, int *method)
{
	char *path = NULL;
	int len = 0;

	*method = lws_http_get_uri_and_method(wsi, &path, &len);
	if (*method < 0 || !path || len <= 0)
		return (struct span){ "", 0 };
	return (struct span){ path, (size_t)len };
}

unsigned http_minor_version(struct lws *wsi)
{
	char version[16];
	struct span v = http_header(wsi, WSI_TOKEN_HTTP, version, sizeof(version));

	return span_eq(v, SPAN("HTTP/1.1")) ? 1 : 0;
}

/*
 * The library undoes percent-encoding while it still looks for the end of the
 * request line: %0a in a URL makes a header out of what follows. Then the
 * version is missing.
 */
bool http_is_whole(struct lws *wsi)
{
	char version[16];
	struct span v = http_header(wsi, WSI_TOKEN_HTTP, version, sizeof(version));

	return span_eq(v, SPAN("HTTP/1.1")) || span_eq(v, SPAN("HTTP/1.0"));
}

bool http_wants_close(struct lws *wsi)
{
	char text[64];
	struct span connection = http_header(wsi, WSI_TOKEN_CONNECTION, text, sizeof(text));

	if (http_minor_version(wsi) == 0)
		return connection.len == 0 || strcasecmp(text, "keep-alive") != 0;
	return connection.len > 0 && strcasecmp(text, "close") == 0;
}

bool http_is_printable(struct span value, char least)
{
	for (size_t i = 0; i < value.len; i++) {
		if (value.at[i] < least || value.at[i] > '~')
			return false;
	}
	return true;
}

bool http_is_short(struct lws *wsi)
{
	return lws_hdr_total_length(wsi, WSI_TOKEN_HTTP_URI_ARGS) < REQUEST_PART_BYTES_MOST &&
	       lws_hdr_total_length(wsi, WSI_TOKEN_HTTP_COOKIE) < REQUEST_PART_BYTES_MOST;
}

bool http_is_origin_allowed(const struct server *s, struct lws *wsi)
{
	char text[ORIGIN_BYTES], host[ORIGIN_BYTES];
	struct span origin = http_header(wsi, WSI_TOKEN_ORIGIN, text, sizeof(text));

	if (lws_hdr_total_length(wsi, WSI_TOKEN_ORIGIN) >= (int)sizeof(text) ||
		!http_is_printable(origin, '!'))
		return false;
	return origin_is_allowed(origin, http_header(wsi, WSI_TOKEN_HOST, host, sizeof(host)),
		s->config.origins, s->config.origin_count);
}

struct place http_place_of(const struct server *s, struct span path)
{
	for (unsigned i = 0; i < s->config.endpoint_count; i++) {
		const struct endpoint *endpoint = &s->config.endpoints[i];
		size_t len = strlen(endpoint->path);

		if (path.len >= len && memcmp(path.at, endpoint->path, len) == 0 &&
			(path.len == len || path.at[len] == '/'))
			return (struct place){ endpoint, i, { path.at + len, path.len - len } };
	}
	return (struct place){ NULL, 0, { "", 0 } };
}

/* Takes "/{segment}" off the front of *rest. */
static bool take_segment(struct span *rest, struct span *segment)
{
	size_t end = 1;

	if (rest->len < 2 || rest->at[0] != '/')
		return false;
	while (end < rest->len && rest->at[end] != '/')
		end++;
	*segment = (struct span){ rest->at + 1, end - 1 };
	*rest = (struct span){ rest->at + end, rest->len - end };
	return segment->len > 0;
}

static bool is_name(struct span segment)
{
	return segment.len <= SEGMENT_BYTES_MOST && !memchr(segment.at, '.', segment.len);
}

bool http_split_session(struct span rest, struct span *session, struct span *transport)
{
	struct span server;

	return take_segment(&rest, &server) && take_segment(&rest, session) &&
	       take_segment(&rest, transport) && (rest.len == 0 || span_eq(rest, SPAN("/"))) &&
	       is_name(server) && is_name(*session);
}

/* --- responses ------------------------------------------------------------ */

void http_put_response(const struct response *r, struct buf *out)
{
	buf_printf(out, "HTTP/1.1 %u %s\r\n", r->status, reason_of(r->status));
	if (r->type)
		buf_printf(out, "Content-Type: %s\r\n", r->type);
	if (r->etag)
		buf_printf(out, "ETag: %s\r\n", r->etag);
	buf_put(out, r->headers);
	if (r->status != 204 && r->status != 304)
		buf_printf(out, "Content-Length: %zu\r\n", r->body.len);
	if (r->close)
		buf_put(out, SPAN("Connection: close\r\n"));
	else if (r->keep)
		buf_put(out, SPAN("Connection: keep-alive\r\n"));
	buf_put(out, SPAN("\r\n"));
	if (!r->head_only)
		buf_put(out, r->body);
}

void http_put_head(struct span headers, const char *type, bool chunked, struct buf *out)
{
	buf_printf(out, "HTTP/1.1 200 OK\r\nContent-Type: %s\r\n", type);
	buf_put(out, headers);
	if (chunked)
		buf_put(out, SPAN("Transfer-Encoding: chunked\r\n"));
	buf_put(out, SPAN("\r\n"));
}

/* Has the client got just that already? */
static bool is_known(struct lws *wsi, const char *etag)
{
	char known[128];

	return etag && span_eq(http_header(wsi, WSI_TOKEN_HTTP_IF_NONE_MATCH, known, sizeof(known)),
			       span_of(etag));
}

int http_respond(struct lws *wsi, const struct response *r)
{
	struct response answer = *r;
	struct peer *peer = lws_wsi_user(wsi);
	struct buf out = { NULL, 0, 0 };
	ssize_t sent;
	int result = -1;

	/* Sent before the last request was answered: this must not get into that answer. */
	if (peer && peer->exchange)
		return -1;

	if (is_known(wsi, answer.etag)) {
		answer.status = 304;
		answer.type = NULL;
		answer.body = SPAN("");
	}
	/* The library does not know where such a body ends, so it must not look for a request there. */
	if (lws_hdr_total_length(wsi, WSI_TOKEN_HTTP_TRANSFER_ENCODING) > 0 ||
		http_wants_close(wsi))
		answer.close = true;
	/* HTTP/1.0 has to be told. */
	answer.keep = http_minor_version(wsi) == 0 && !answer.close;
	http_put_response(&answer, &out);
	/* Not through the library: see exchange.c. */
	sent = send(lws_get_socket_fd(wsi), out.at, out.len, MSG_NOSIGNAL | MSG_DONTWAIT);
	if (sent < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR))
		sent = 0;
	if (sent == (ssize_t)out.len) {
		result = answer.close || lws_http_transaction_completed(wsi) ? -1 : 0;
	} else if (sent >= 0 && peer) {
		exchange_finish(lws_context_user(lws_get_context(wsi)), wsi, peer,
			(struct span){ out.at + sent, out.len - (size_t)sent }, answer.close);
		result = 0;
	}
	buf_fini(&out);
	return result;
}

int http_refuse(struct lws *wsi, unsigned status, const char *headers, const char *body)
{
	const struct response r = {
		.status = status,
		.type = *body ? "text/plain; charset=UTF-8" : NULL,
		.headers = span_of(headers),
		.body = span_of(body),
		.close = true,
	};

	return http_respond(wsi, &r);
}

/* A GET or HEAD of what the owner may have: /health, the page. */
static int answer_owner(struct server *s, struct lws *wsi, struct span path, int method)
{
	bool reads = method == LWSHUMETH_GET || method == LWSHUMETH_HEAD;
	struct answer a = { .status = 404, .type = "text/plain;charset=UTF-8" };
	struct response r;
	int result;

	s->on.on_get(s->owner, path, &a);
	r = (struct response){
		.status = a.status,
		.type = a.type,
		.etag = a.etag,
		.headers = span_of(a.headers ? a.headers : "Cache-Control: no-store\r\n"),
		.body = buf_span(&a.body),
		.head_only = method == LWSHUMETH_HEAD,
	};
	if (reads)
		result = http_respond(wsi, &r);
	else
		result = a.status == 404 ? http_refuse(wsi, 404, "", "")
					 : http_refuse(wsi, 405, "Allow: GET, HEAD\r\n", "");
	buf_fini(&a.body);
	return result;
}

int http_answer_request(struct server *s, struct lws *wsi, struct peer *peer)
{
	int method;
	struct span path = http_path(wsi, &method);
	struct place place = http_place_of(s, path);

	if (!http_is_whole(wsi))
		return http_refuse(wsi, 400, "", "The request line is broken.");
	if (place.endpoint && place.endpoint->sockjs)
		return sockjs_front_request(s, wsi, peer, &place, method);
	if (place.endpoint && (place.rest.len == 0 || span_eq(place.rest, SPAN("/")) ||
				      span_eq(place.rest, SPAN("/websocket"))))
		return upgrade_refuse_missing(wsi, method);
	return answer_owner(s, wsi, path, method);
}
