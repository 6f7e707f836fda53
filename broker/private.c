#include "broker/private.h"

/*
 * Escaping is one to one: each id has one written form. So a percent sign is
 * only escaped where it would be taken for an escape.
 */
static bool is_escape(struct span text, size_t at)
{
	return text.len - at >= 3 && text.at[at] == '%' && text.at[at + 1] == '2' &&
	       (text.at[at + 2] == '5' || text.at[at + 2] == 'F' || text.at[at + 2] == 'f');
}

static void put_escaped(struct buf *out, struct span id)
{
	for (size_t i = 0; i < id.len; i++) {
		if (id.at[i] == '/')
			buf_put(out, SPAN("%2F"));
		else if (is_escape(id, i))
			buf_put(out, SPAN("%25"));
		else
			buf_put_byte(out, id.at[i]);
	}
}

static void put_unescaped(struct buf *out, struct span text)
{
	for (size_t i = 0; i < text.len; i++) {
		if (!is_escape(text, i)) {
			buf_put_byte(out, text.at[i]);
			continue;
		}
		buf_put_byte(out, text.at[i + 2] == '5' ? '%' : '/');
		i += 2;
	}
}

/* "/NAME/REST" in its two parts, the second with its slash. */
static bool split(struct span tail, struct span *name, struct span *rest)
{
	const char *slash = tail.at ? memchr(tail.at + 1, '/', tail.len - 1) : NULL;

	if (!slash)
		return false;
	*name = (struct span){ tail.at + 1, (size_t)(slash - tail.at) - 1 };
	*rest = (struct span){ slash, tail.len - 1 - name->len };
	return name->len > 0 && rest->len > 1;
}

enum private_kind private_kind(const struct route *r, struct span destination)
{
	if (route_tail(destination, r->user).at)
		return PRIVATE_USER;
	return route_tail(destination, r->temp).at ? PRIVATE_TEMP : PRIVATE_NONE;
}

static void put_user(
	const struct route *r, struct span id, bool escaped, struct span rest, struct buf *out)
{
	buf_put(out, span_of(r->user));
	buf_put_byte(out, '/');
	if (escaped)
		buf_put(out, id);
	else
		put_escaped(out, id);
	buf_put(out, rest);
}

static void put_temp(const struct route *r, struct span session, struct span rest, struct buf *out)
{
	buf_put(out, span_of(r->temp));
	buf_put_byte(out, '/');
	buf_put(out, session);
	buf_put(out, rest);
}

bool private_put_topic(const struct route *r, struct span destination,
	const struct private_owner *owner, struct buf *out)
{
	struct span tail, name, rest;

	switch (private_kind(r, destination)) {
	case PRIVATE_USER:
		tail = route_tail(destination, r->user);
		put_user(r, owner->user.len > 0 ? owner->user : owner->session, false, tail, out);
		return true;
	case PRIVATE_TEMP:
		/* Two segments are another session's address. */
		tail = route_tail(destination, r->temp);
		if (split(tail, &name, &rest))
			return false;
		put_temp(r, owner->session, tail, out);
		return true;
	case PRIVATE_NONE:
		break;
	}
	return false;
}

bool private_put_key(const struct route *r, struct span destination, struct buf *out,
	struct span *name, struct span *rest)
{
	struct buf id = { NULL, 0, 0 };

	if (!split(route_tail(destination, r->user), name, rest))
		return false;
	if (!memchr(name->at, '%', name->len)) {
		put_user(r, *name, true, *rest, out);
		return true;
	}
	put_unescaped(&id, *name);
	put_user(r, buf_span(&id), false, *rest, out);
	buf_fini(&id);
	return true;
}

/* Is what stands in `out` from `start` on the destination of this id? Leaves it as it is. */
static bool is_own(
	struct buf *out, size_t start, const struct route *r, struct span rest, struct span id)
{
	size_t end = out->len;
	struct span own, key;

	put_user(r, id, false, rest, out);
	key = (struct span){ out->at + start, end - start };
	own = (struct span){ out->at + end, out->len - end };
	out->len = end;
	return id.len > 0 && span_eq(key, own);
}

bool private_put_target(const struct route *r, struct span destination,
	const struct private_owner *owner, struct buf *out)
{
	struct span tail, name, rest;
	size_t start = out->len;

	switch (private_kind(r, destination)) {
	case PRIVATE_USER:
		if (!private_put_key(r, destination, out, &name, &rest))
			return false;
		if (!span_eq((struct span){ out->at + start, out->len - start }, destination))
			return false;
		if (is_own(out, start, r, rest, owner->user)) {
			out->len = start;
			put_user(r, owner->session, true, rest, out);
		}
		return true;
	case PRIVATE_TEMP:
		tail = route_tail(destination, r->temp);
		if (split(tail, &name, &rest))
			buf_put(out, destination);
		else
			put_temp(r, owner->session, tail, out);
		return true;
	case PRIVATE_NONE:
		break;
	}
	return false;
}
