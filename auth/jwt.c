/*
 * The order of the checks is the defence: the form of the token, the algorithm
 * that its header names, the signature, and only then the claims. The payload
 * is not even decoded before its signature has been found good. Each check
 * answers NULL or why the token is refused.
 */
#include "auth/jwt.h"

#include "auth/claims.h"
#include "auth/jwt_key.h"
#include "base/base64.h"
#include "base/json.h"
#include "base/mem.h"

#include <stdio.h>
#include <stdlib.h>

static const char not_a_token[] = "not a token";
static const char claim_missing[] = "claim missing or different";

struct requirement {
	char *text; /* owned; "claim" or "claim=value" */
	struct span claim;
	struct span value;
	bool any; /* whatever its value */
};

struct jwt {
	struct jwt_key *key;
	char *issuer; /* owned; NULL: any */
	char **audiences;
	size_t audience_count;
	struct requirement *required;
	size_t required_count;
	int64_t leeway_s;
	bool require_exp;
};

struct parts {
	struct span header;
	struct span payload;
	struct span signature;
	struct span signed_text; /* header and payload with the dot between them */
};

static bool read_requirement(struct requirement *r, const char *text, char why[256])
{
	const char *equals;

	r->text = mem_dup(text, strlen(text));
	equals = strchr(r->text, '=');
	r->any = !equals;
	r->claim = span_of(r->text);
	if (equals) {
		r->claim.len = (size_t)(equals - r->text);
		r->value = span_of(equals + 1);
	}
	if (r->claim.len > 0)
		return true;
	(void)snprintf(why, 256,
		"\"%.64s\" names no claim: write claim or claim=value, such as "
		"type=access",
		text);
	return false;
}

static bool copy_config(struct jwt *j, const struct jwt_config *config, char why[256])
{
	if (config->issuer)
		j->issuer = mem_dup(config->issuer, strlen(config->issuer));
	if (config->audience_count > 0)
		j->audiences = mem_zalloc(config->audience_count * sizeof(j->audiences[0]));
	for (size_t i = 0; i < config->audience_count; i++)
		j->audiences[j->audience_count++] =
			mem_dup(config->audiences[i], strlen(config->audiences[i]));
	if (config->required_count > 0)
		j->required = mem_zalloc(config->required_count * sizeof(j->required[0]));
	for (size_t i = 0; i < config->required_count; i++) {
		if (!read_requirement(&j->required[j->required_count++], config->required[i], why))
			return false;
	}
	j->leeway_s = config->leeway_s;
	j->require_exp = config->require_exp;
	return true;
}

struct jwt *jwt_new(const struct jwt_config *config, char why[256])
{
	struct jwt *j = mem_zalloc(sizeof(*j));

	j->key = jwt_key_new(config->algorithms, config->algorithm_count, config->key,
		config->allow_short_key, why);
	if (j->key && copy_config(j, config, why))
		return j;
	jwt_free(j);
	return NULL;
}

void jwt_free(struct jwt *j)
{
	if (!j)
		return;
	jwt_key_free(j->key);
	free(j->issuer);
	for (size_t i = 0; i < j->audience_count; i++)
		free(j->audiences[i]);
	free(j->audiences);
	for (size_t i = 0; i < j->required_count; i++)
		free(j->required[i].text);
	free(j->required);
	free(j);
}

/* Exactly two dots; what lies between them is looked at later. */
static bool split(struct span token, struct parts *parts)
{
	const char *end = token.at + token.len;
	const char *first = memchr(token.at, '.', token.len);
	const char *second = first ? memchr(first + 1, '.', (size_t)(end - first - 1)) : NULL;

	if (!second || memchr(second + 1, '.', (size_t)(end - second - 1)))
		return false;
	parts->header = (struct span){ token.at, (size_t)(first - token.at) };
	parts->payload = (struct span){ first + 1, (size_t)(second - first - 1) };
	parts->signature = (struct span){ second + 1, (size_t)(end - second - 1) };
	parts->signed_text = (struct span){ token.at, (size_t)(second - token.at) };
	return true;
}

/* Decodes a part that must be a JSON object; `out` then holds that and no white space around it. */
static bool decode_object(struct span part, struct buf *out)
{
	struct span object;

	out->len = 0;
	if (!base64_decode(part, BASE64_URL, out) || out->len == 0)
		return false;
	object = json_trim(buf_span(out));
	if (object.len == 0 || object.at[0] != '{' || !json_is_value(object))
		return false;
	buf_drop(out, (size_t)(object.at - out->at));
	out->len = object.len;
	return true;
}

static const char *check_header(const struct jwt_key *key, struct span part, struct buf *scratch,
	const struct jwt_key_use **use)
{
	const struct span names[] = { SPAN("alg"), SPAN("crit") };
	struct span found[countof(names)], alg;

	if (!decode_object(part, scratch) ||
		!claims_pick(buf_span(scratch), names, countof(names), found))
		return not_a_token;
	alg = found[0];
	/* We understand no extension, so any that must be understood is one too many. */
	if (found[1].len > 0)
		return not_a_token;
	if (!json_is_string(alg))
		return "algorithm not allowed";
	*use = jwt_key_use_of(key, alg);
	return *use ? NULL : "algorithm not allowed";
}

static const char *check_signature(const struct jwt_key *key, const struct jwt_key_use *use,
	const struct parts *parts, struct buf *scratch)
{
	scratch->len = 0;
	if (!base64_decode(parts->signature, BASE64_URL, scratch))
		return not_a_token;
	if (!jwt_key_verify(key, use, parts->signed_text, buf_span(scratch)))
		return "signature does not match";
	return NULL;
}

/* A NumericDate (RFC 7519, section 2) may have a fraction; one out of range is the far end. */
static bool read_date(struct span value, int64_t *out)
{
	double seconds;

	if (json_int(value, out))
		return true;
	if (!json_double(value, &seconds))
		return false;
	if (seconds >= 9e18)
		*out = INT64_MAX;
	else if (seconds <= -9e18)
		*out = INT64_MIN;
	else
		*out = (int64_t)seconds;
	return true;
}

static int64_t add_saturated(int64_t a, int64_t b)
{
	int64_t sum;

	if (!__builtin_add_overflow(a, b, &sum))
		return sum;
	return a < 0 ? INT64_MIN : INT64_MAX;
}

static const char *check_dates(
	const struct jwt *j, struct span exp, struct span nbf, int64_t now_s, int64_t *expires_s)
{
	int64_t from;

	if (exp.len == 0 && j->require_exp)
		return claim_missing;
	if (exp.len > 0) {
		if (!read_date(exp, expires_s))
			return not_a_token;
		/* 0 and before cannot be told from "never" later on, and are long gone. */
		if (*expires_s <= 0 || now_s >= add_saturated(*expires_s, j->leeway_s))
			return "token expired";
	}
	if (nbf.len > 0) {
		if (!read_date(nbf, &from))
			return not_a_token;
		if (add_saturated(now_s, j->leeway_s) < from)
			return "token not yet valid";
	}
	return NULL;
}

static bool has_audience(const struct jwt *j, struct span aud)
{
	for (size_t i = 0; i < j->audience_count; i++) {
		if (claims_has_text(aud, span_of(j->audiences[i])))
			return true;
	}
	return false;
}

static bool is_met(const struct requirement *r, struct span claims)
{
	struct span value;

	return claims_find(claims, r->claim, &value) &&
	       (r->any || claims_has_text(value, r->value));
}

static const char *check_claims(
	const struct jwt *j, struct span claims, int64_t now_s, int64_t *expires_s)
{
	const struct span names[] = { SPAN("exp"), SPAN("nbf"), SPAN("iss"), SPAN("aud") };
	struct span found[countof(names)], iss, aud;
	const char *why;

	if (!claims_pick(claims, names, countof(names), found))
		return not_a_token;
	iss = found[2];
	aud = found[3];
	why = check_dates(j, found[0], found[1], now_s, expires_s);
	if (why)
		return why;
	if (j->issuer && (!json_is_string(iss) || !claims_has_text(iss, span_of(j->issuer))))
		return "wrong issuer";
	if (j->audience_count > 0 && (aud.len == 0 || !has_audience(j, aud)))
		return "wrong audience";
	for (size_t i = 0; i < j->required_count; i++) {
		if (!is_met(&j->required[i], claims))
			return claim_missing;
	}
	return NULL;
}

static const char *check(const struct jwt *j, struct span token, int64_t now_s, struct buf *claims,
	int64_t *expires_s)
{
	struct buf scratch = { NULL, 0, 0 };
	const struct jwt_key_use *use;
	struct parts parts;
	const char *why;

	if (token.len > 0)
		token = json_trim(token);
	if (token.len == 0 || token.len > JWT_TOKEN_BYTES_MOST || !split(token, &parts))
		return not_a_token;
	why = check_header(j->key, parts.header, &scratch, &use);
	if (!why)
		why = check_signature(j->key, use, &parts, &scratch);
	if (!why)
		why = decode_object(parts.payload, claims) ? NULL : not_a_token;
	if (!why)
		why = check_claims(j, buf_span(claims), now_s, expires_s);
	buf_fini(&scratch);
	return why;
}

bool jwt_verify(const struct jwt *j, struct span token, int64_t now_s, struct buf *claims,
	int64_t *expires_s, const char **why)
{
	claims->len = 0;
	*expires_s = 0;
	*why = check(j, token, now_s, claims, expires_s);
	if (!*why)
		return true;
	claims->len = 0;
	*expires_s = 0;
	return false;
}
