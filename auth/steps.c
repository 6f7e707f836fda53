#include "auth/steps.h"

#include "auth/claims.h"
#include "base/json.h"
#include "base/mem.h"

#include <stdlib.h>

/* The text of the first of the claims that is there and says something. */
static bool first_text(struct span claims, const char *const *paths, size_t count, struct buf *out)
{
	struct span value;

	for (size_t i = 0; i < count; i++) {
		out->len = 0;
		if (claims_find(claims, span_of(paths[i]), &value) && claims_text(value, out) &&
			out->len > 0)
			return true;
	}
	out->len = 0;
	return false;
}

/* Appends each role with a NUL behind it; a role's own text holds none. */
static void put_roles(struct span value, struct buf *out)
{
	struct span rest = value, none, element;
	size_t from = out->len;

	if (value.at[0] == '[') {
		while (json_next(&rest, &none, &element)) {
			if (claims_text(element, out))
				buf_put_byte(out, '\0');
		}
		return;
	}
	if (!claims_text(value, out))
		return;
	buf_put_byte(out, '\0');
	for (char *c = out->at + from; *c; c++) {
		if (strchr(" \t\n\r,", *c))
			*c = '\0';
	}
}

/* Cuts what put_roles() wrote; owned by the caller, views of `texts`. */
static struct span *cut_roles(struct span texts, size_t *count)
{
	struct span *roles;
	size_t most = 1;

	for (size_t i = 0; i < texts.len; i++)
		most += texts.at[i] == '\0';
	roles = mem_zalloc(most * sizeof(*roles));
	*count = 0;
	while (texts.len > 0) {
		size_t len = strlen(texts.at);

		if (len > 0)
			roles[(*count)++] = (struct span){ texts.at, len };
		texts = (struct span){ texts.at + len + 1, texts.len - len - 1 };
	}
	return roles;
}

/* NULL when the claims do not say who it is. */
static struct principal *principal_of(
	const struct authenticate *a, struct span claims, int64_t expires_s)
{
	struct buf id = { NULL, 0, 0 }, name = { NULL, 0, 0 }, texts = { NULL, 0, 0 };
	struct principal *p = NULL;
	struct span *roles, value;
	size_t role_count;
	bool found = false;

	for (size_t i = 0; i < a->role_claim_count && !found; i++) {
		found = claims_find(claims, span_of(a->role_claims[i]), &value);
		if (found)
			put_roles(value, &texts);
	}
	roles = cut_roles(buf_span(&texts), &role_count);
	(void)first_text(claims, a->name_claims, a->name_claim_count, &name);
	if (first_text(claims, a->id_claims, a->id_claim_count, &id))
		p = principal_new(&(struct principal){ .id = buf_span(&id),
			.name = buf_span(&name),
			.roles = roles,
			.role_count = role_count,
			.expires_s = expires_s,
			.claims = claims });
	free(roles);
	buf_fini(&texts);
	buf_fini(&name);
	buf_fini(&id);
	return p;
}

static enum interceptor_verdict deny(struct interceptor_call *call, const char *why)
{
	call->why = why;
	return INTERCEPTOR_DENY;
}

static enum interceptor_verdict identify(
	const struct authenticate *a, struct interceptor_call *call, struct span token)
{
	struct buf claims = { NULL, 0, 0 };
	struct principal *p = NULL;
	const char *why;
	int64_t expires_s;

	if (jwt_verify(a->jwt, token, call->now_s, &claims, &expires_s, &why)) {
		p = principal_of(a, buf_span(&claims), expires_s);
		why = "claim missing or different";
	}
	buf_fini(&claims);
	if (!p)
		return deny(call, why);
	principal_free(call->identified);
	call->identified = p;
	return INTERCEPTOR_ALLOW;
}

static enum interceptor_verdict authenticate(void *owner, struct interceptor_call *call)
{
	const struct authenticate *a = owner;
	struct span token;

	if (call->frame->command != STOMP_CONNECT && call->frame->command != STOMP_STOMP)
		return INTERCEPTOR_ALLOW;
	if (a->jwt && token_of_connect(a->sources, call->frame, call->kept_token, &token))
		return identify(a, call, token);
	/* A step before this one may know the client by other means. */
	if (a->allow_anonymous || call->identified)
		return INTERCEPTOR_ALLOW;
	return deny(call, "no token");
}

static enum interceptor_verdict authorize(void *owner, struct interceptor_call *call)
{
	const struct access *a = owner;
	bool send = call->frame->command == STOMP_SEND;
	struct span destination;

	if (!send && call->frame->command != STOMP_SUBSCRIBE)
		return INTERCEPTOR_ALLOW;
	if (stomp_frame_header(call->frame, SPAN("destination"), &destination) &&
		access_is_allowed(
			a, send ? ACCESS_SEND : ACCESS_SUBSCRIBE, destination, call->principal))
		return INTERCEPTOR_ALLOW;
	return deny(call, send ? "not allowed to send there" : "not allowed to subscribe there");
}

/* A step's owner is changeable in general; these two are only read. */
static void *borrow(const void *owner)
{
	union {
		const void *in;
		void *out;
	} cast = { .in = owner };

	return cast.out;
}

struct interceptor_step authenticate_step(const struct authenticate *a)
{
	return (struct interceptor_step){ "authenticate", authenticate, NULL, borrow(a) };
}

struct interceptor_step authorize_step(const struct access *a)
{
	return (struct interceptor_step){ "authorize", authorize, NULL, borrow(a) };
}
