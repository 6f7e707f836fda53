/*
 * No token is let in but one that we would have signed ourselves: its third
 * part is the canonical base64 of the HMAC of the other two, reckoned here by
 * other means than in auth/. And a token that is let in no longer is when any
 * one of its bits is flipped.
 *
 * The first byte of the input says what the rest is: a whole token; a token's
 * first two parts, to be signed here, since no guess would find a signature;
 * or a header and a payload with a line end between them, to be encoded first.
 */
#include "auth/jwt.h"
#include "base/base64.h"
#include "base/json.h"

#include <openssl/evp.h>

#include <assert.h>
#include <stdint.h>
#include <stdlib.h>

#define KEY "0123456789abcdef0123456789abcdef"

enum {
	NOW = 1790000000
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct jwt *jwt;

static void make_verifier(void)
{
	static const char *const algorithms[] = { "HS256" };
	const struct jwt_config config = {
		.algorithms = algorithms, .algorithm_count = 1, .key = KEY, .leeway_s = 60
	};
	char why[256];

	jwt = jwt_new(&config, why);
	assert(jwt);
}

static void free_verifier(void)
{
	jwt_free(jwt);
}

static void put_url(struct span bytes, struct buf *out)
{
	size_t from = out->len;

	buf_reserve(out, bytes.len + 4);
	base64_encode(bytes, out);
	while (out->len > from && out->at[out->len - 1] == '=')
		out->len--;
	for (size_t i = from; i < out->len; i++) {
		if (out->at[i] == '+')
			out->at[i] = '-';
		else if (out->at[i] == '/')
			out->at[i] = '_';
	}
}

static void put_signature(struct span text, struct buf *out)
{
	unsigned char sum[EVP_MAX_MD_SIZE];
	size_t len = 0;

	assert(EVP_Q_mac(NULL, "HMAC", NULL, "SHA256", NULL, KEY, sizeof(KEY) - 1,
		(const unsigned char *)text.at, text.len, sum, sizeof(sum), &len));
	put_url((struct span){ (const char *)sum, len }, out);
}

static bool is_let_in(struct span token, struct buf *claims, int64_t *expires_s)
{
	const char *why = NULL;
	bool good = jwt_verify(jwt, token, NOW, claims, expires_s, &why);

	assert(good == (why == NULL));
	assert(good || (claims->len == 0 && *expires_s == 0));
	return good;
}

/* The token without white space around it ends with a dot and the only right signature. */
static void check_signature(struct span token)
{
	struct buf signature = { NULL, 0, 0 };
	struct span trimmed = json_trim(token), last;
	const char *dot = memrchr(trimmed.at, '.', trimmed.len);

	assert(dot);
	last = (struct span){ dot + 1, trimmed.len - (size_t)(dot + 1 - trimmed.at) };
	put_signature((struct span){ trimmed.at, (size_t)(dot - trimmed.at) }, &signature);
	assert(span_eq(buf_span(&signature), last));
	buf_fini(&signature);
}

static void check_claims(struct span claims, int64_t expires_s)
{
	assert(claims.len >= 2 && claims.at[0] == '{' && claims.at[claims.len - 1] == '}');
	assert(json_is_value(claims));
	assert(expires_s == 0 || expires_s > NOW - 60);
}

static void check_flipped(struct buf *token, size_t bit)
{
	struct buf claims = { NULL, 0, 0 };
	int64_t expires_s;

	token->at[bit / 8] ^= (char)(1 << bit % 8);
	assert(!is_let_in(buf_span(token), &claims, &expires_s));
	token->at[bit / 8] ^= (char)(1 << bit % 8);
	buf_fini(&claims);
}

static void make_token(unsigned how, struct span rest, struct buf *token)
{
	const char *line_end = memchr(rest.at, '\n', rest.len);
	struct span header = rest;

	if (how == 2 && line_end) {
		header.len = (size_t)(line_end - rest.at);
		put_url(header, token);
		buf_put_byte(token, '.');
		put_url((struct span){ line_end + 1, rest.len - header.len - 1 }, token);
	} else {
		buf_put(token, rest);
	}
	if (how == 0)
		return;
	buf_put_byte(token, '.');
	put_signature((struct span){ token->at, token->len - 1 }, token);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct buf token = { NULL, 0, 0 }, claims = { NULL, 0, 0 };
	int64_t expires_s;

	if (size < 2)
		return 0;
	if (!jwt) {
		make_verifier();
		(void)atexit(free_verifier);
	}
	make_token(data[0] % 3, (struct span){ (const char *)data + 1, size - 1 }, &token);
	if (is_let_in(buf_span(&token), &claims, &expires_s)) {
		struct span trimmed = json_trim(buf_span(&token));

		check_signature(buf_span(&token));
		check_claims(buf_span(&claims), expires_s);
		buf_drop(&token, (size_t)(trimmed.at - token.at));
		token.len = trimmed.len;
		for (size_t bit = data[0]; bit < token.len * 8; bit += 97)
			check_flipped(&token, bit);
	}
	buf_fini(&claims);
	buf_fini(&token);
	return 0;
}
