/*
 * The checks of a WebSocket upgrade in Spring's order: path, method, Upgrade,
 * Connection, key, version, origin. They are made here, before the library's
 * own, because that closes the connection without a word where a status would
 * help.
 */
#include "transport/internal.h"

#include <ctype.h>
#include <stdio.h>
#include <strings.h>

static const char upgrade_is_missing[] = "Can \"Upgrade\" only to \"WebSocket\".";

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

int upgrade_refuse_missing(struct lws *wsi, int method)
{
	if (method != LWSHUMETH_GET)
		return http_refuse(wsi, 405, "Allow: GET\r\n", "");
	return http_refuse(wsi, 400, "", upgrade_is_missing);
}

/* May WebSocket be spoken there? */
static bool is_for_upgrades(const struct place *place)
{
	struct span session, transport;
	unsigned bit = 1U << SOCKJS_WEBSOCKET;

	if (!place->endpoint)
		return false;
	if (place->rest.len == 0 || span_eq(place->rest, SPAN("/")) ||
		span_eq(place->rest, SPAN("/websocket")) ||
		span_eq(place->rest, SPAN("/websocket/")))
		return place->endpoint->websocket;
	return (place->endpoint->sockjs & bit) &&
	       http_split_session(place->rest, &session, &transport) &&
	       span_eq(transport, SPAN("websocket"));
}

/* The parts of an upgrade request that have one right form. False after an answer. */
static bool is_well_formed(struct lws *wsi, int method)
{
	char value[256];

	if (method != LWSHUMETH_GET) {
		(void)http_refuse(wsi, 405, "Allow: GET\r\n", "");
		return false;
	}
	if (!has_word(http_header(wsi, WSI_TOKEN_UPGRADE, value, sizeof(value)), "websocket")) {
		(void)http_refuse(wsi, 400, "", upgrade_is_missing);
		return false;
	}
	if (!has_word(http_header(wsi, WSI_TOKEN_CONNECTION, value, sizeof(value)), "upgrade")) {
		(void)http_refuse(wsi, 400, "", "\"Connection\" must be \"upgrade\".");
		return false;
	}
	if (http_header(wsi, WSI_TOKEN_KEY, value, sizeof(value)).len == 0 ||
		http_header(wsi, WSI_TOKEN_HOST, value, sizeof(value)).len == 0) {
		(void)http_refuse(wsi, 400, "", "\"Sec-WebSocket-Key\" and \"Host\" are required.");
		return false;
	}
	if (!span_eq(http_header(wsi, WSI_TOKEN_VERSION, value, sizeof(value)), SPAN("13"))) {
		(void)http_refuse(wsi, 426, "Sec-WebSocket-Version: 13\r\n", "");
		return false;
	}
	return true;
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
	struct span offered = http_header(wsi, WSI_TOKEN_PROTOCOL, list, sizeof(list));
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

int upgrade_confirm(struct server *s, struct lws *wsi)
{
	int method;
	struct place place = http_place_of(s, http_path(wsi, &method));
	const struct peer *peer = lws_wsi_user(wsi);

	if (lws_hdr_total_length(wsi, WSI_TOKEN_UPGRADE) <= 0)
		return -1; /* the library has answered an unknown Upgrade itself */
	if (peer && peer->exchange)
		return -1; /* not before the last request is answered */
	if (!http_is_whole(wsi)) {
		(void)http_refuse(wsi, 400, "", "The request line is broken.");
		return -1;
	}
	if (!is_for_upgrades(&place)) {
		(void)http_refuse(wsi, 404, "", "");
		return -1;
	}
	if (!is_well_formed(wsi, method))
		return -1;
	if (!http_is_origin_allowed(s, wsi)) {
		(void)http_refuse(wsi, 403, "", "Invalid CORS request");
		return -1;
	}
	if (s->refusing || atomic_load_explicit(s->config.connections, memory_order_relaxed) >=
				   s->config.connections_most) {
		(void)http_refuse(wsi, 503, "Retry-After: 5\r\n",
			s->refusing ? "shutting down" : "limits.connections is reached");
		return -1;
	}
	if (!http_is_short(wsi)) {
		(void)http_refuse(wsi, 431, "", "The query or the cookies are longer than 8 KiB.");
		return -1;
	}
	if (!choose_subprotocol(s, wsi)) {
		(void)http_refuse(
			wsi, 400, "", "\"Sec-WebSocket-Protocol\" is malformed or too long.");
		return -1;
	}
	return 0;
}

void upgrade_fix_answer(const struct server *s, struct lws_process_html_args *args)
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
