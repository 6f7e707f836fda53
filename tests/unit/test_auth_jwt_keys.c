/*
 * auth/jwt: which keys are accepted, in which form, and that each kind of
 * signature is told from every other.
 */
#include "base/base64.h"
#include "base/mem.h"
#include "tests/unit/jwt_case.h"

#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/rsa.h>
#include <stdio.h>
#include <unistd.h>

static const char *const hs_all[] = { "HS256", "HS384", "HS512" };
static const char *const rs256[] = { "RS256" };
static const char *const es256[] = { "ES256" };

static const struct {
	const char *key;
	struct span bytes;
} keys[] = {
	{ KEY32, SPAN(KEY32) },
	{ "raw:" KEY32, SPAN(KEY32) },
	{ "raw:hex:" KEY32, SPAN("hex:" KEY32) },
	{ "other:" KEY32, SPAN("other:" KEY32) },
	{ "base64:MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=", SPAN(KEY32) },
	{ "base64: MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=\n", SPAN(KEY32) },
	{ "base64url:MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY", SPAN(KEY32) },
	{ "base64-lenient:MDEy MzQ1Njc4$OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY", SPAN(KEY32) },
	{ "hex:3031323334353637383961626364656630313233343536373839616263646566", SPAN(KEY32) },
	{ "hex:00fF000000000000000000000000000000000000000000000000000000000000",
		SPAN("\0\xff\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0") },
};

START_TEST(key_form)
{
	struct jwt_config config = plain;
	struct jwt *j;

	config.key = keys[_i].key;
	j = must_make(&config);
	jwt_maker_hmac(&token, HS256, "{}", keys[_i].bytes, "SHA256");
	expect(j, NULL);
	jwt_free(j);
}
END_TEST

/* The caller unlinks it and frees the path. */
static char *temporary_file(struct span content)
{
	char path[] = "/tmp/test_auth_jwt.XXXXXX";
	int fd = mkstemp(path);

	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(write(fd, content.at, content.len), (ssize_t)content.len);
	close(fd);
	return mem_dup(path, strlen(path));
}

/* Configures `path` as the key; NULL when that is refused. */
static struct jwt *make_with_file(const char *path)
{
	struct jwt_config config = plain;
	struct buf key = { NULL, 0, 0 };
	struct jwt *j;

	buf_printf(&key, "file:%s", path);
	config.key = key.at;
	j = jwt_new(&config, why);
	buf_fini(&key);
	return j;
}

static const struct {
	struct span content;
	struct span key; /* at NULL: refused */
} files[] = {
	{ SPAN(KEY32), SPAN(KEY32) },
	{ SPAN(KEY32 "\n"), SPAN(KEY32) },
	{ SPAN(KEY32 "\r\n"), SPAN(KEY32) },
	{ SPAN(KEY32 "\n\n"), SPAN(KEY32 "\n") },
	{ SPAN(KEY32 " "), SPAN(KEY32 " ") },
	{ SPAN(""), { NULL, 0 } },
	{ SPAN("\n"), { NULL, 0 } },
	{ SPAN("short\n"), { NULL, 0 } },
};

START_TEST(key_file)
{
	char *path = temporary_file(files[_i].content);
	struct jwt *j = make_with_file(path);

	unlink(path);
	free(path);
	ck_assert_int_eq(j != NULL, files[_i].key.at != NULL);
	if (j) {
		jwt_maker_hmac(&token, HS256, "{}", files[_i].key, "SHA256");
		expect(j, NULL);
	}
	jwt_free(j);
}
END_TEST

START_TEST(key_file_has_a_limit)
{
	struct buf content = { NULL, 0, 0 };
	struct jwt *j;
	char *path;

	buf_printf(&content, "%0*d", 64 * 1024 + 1, 7);
	path = temporary_file(buf_span(&content));
	j = make_with_file(path);
	unlink(path);
	free(path);
	buf_fini(&content);
	ck_assert_ptr_null(j);
	ck_assert_ptr_nonnull(strstr(why, "is longer than 65536 bytes"));
}
END_TEST

#define PEM "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n"

static const char *const none_at_all[] = { "none" };
static const char *const mixed[] = { "HS256", "RS256" };
static const char *const nameless[] = { "=x" };

/* Each `why` is the start of what is said. */
static const struct {
	const char *key;
	const char *const *algorithms;
	size_t count;
	bool allow_short;
	const char *why;
} bad_keys[] = {
	{ KEY32, hs256, 0, false, "no algorithm is named" },
	{ KEY32, none_at_all, 1, true, "\"none\" is not one of: HS256, HS384" },
	{ KEY32, mixed, 2, true, "the algorithms need different kinds of keys" },
	{ NULL, hs256, 1, true, "the key is empty" },
	{ "", hs256, 1, true, "the key is empty" },
	{ "raw:", hs256, 1, true, "the key is empty" },
	{ "hex:", hs256, 1, true, "the key is empty" },
	{ "base64-lenient:$&", hs256, 1, true, "the key is empty" },
	{ "base64:abc", hs256, 1, true, "what follows base64: is not" },
	{ "base64:YQ-_", hs256, 1, true, "what follows base64: is not" },
	{ "base64url:YQ==", hs256, 1, true, "what follows base64url: is not" },
	{ "hex:0", hs256, 1, true, "what follows hex: is not" },
	{ "hex:0g", hs256, 1, true, "what follows hex: is not" },
	{ "file:/nonexistent/key", hs256, 1, true,
		"the key file /nonexistent/key cannot be opened: No such file" },
	{ "file:/", hs256, 1, true, "the key file / cannot be read: Is a directory" },
	{ "file:", hs256, 1, true, "the key file  cannot be opened" },
	{ "0123456789abcdef0123456789abcde", hs256, 1, false,
		"the key has 31 bytes, but HS256 needs at least 32" },
	{ KEY32, hs_all, 3, false, "the key has 32 bytes, but HS384 needs at least 48" },
	{ PEM, hs256, 1, true, "the key is in PEM form, but HS algorithms take a secret" },
	{ "raw:" PEM, hs256, 1, true, "the key is in PEM form" },
	{ KEY32, rs256, 1, true, "RS256 needs a public key or a certificate in PEM form" },
	{ KEY32, es256, 1, true, "ES256 needs a public key or a certificate in PEM form" },
	{ PEM, rs256, 1, true, "RS256 needs a public key or a certificate in PEM form" },
	{ "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", rs256, 1, true,
		"RS256 needs a public key or a certificate in PEM form" },
};

START_TEST(refuses_configuration)
{
	struct jwt_config config = { .algorithms = bad_keys[_i].algorithms,
		.algorithm_count = bad_keys[_i].count,
		.key = bad_keys[_i].key,
		.allow_short_key = bad_keys[_i].allow_short };
	const char *wanted = bad_keys[_i].why;

	ck_assert_ptr_null(jwt_new(&config, why));
	ck_assert_msg(strncmp(why, wanted, strlen(wanted)) == 0, "said: %s", why);
}
END_TEST

START_TEST(refuses_a_requirement_without_a_name)
{
	struct jwt_config config = plain;

	config.required = nameless;
	config.required_count = 1;
	ck_assert_ptr_null(jwt_new(&config, why));
	ck_assert_str_eq(why, "\"=x\" names no claim: write claim or claim=value, such as "
			      "type=access");
}
END_TEST

START_TEST(short_key_may_be_allowed)
{
	struct jwt_config config = plain;
	struct jwt *j;

	config.key = "k";
	config.allow_short_key = true;
	j = must_make(&config);
	jwt_maker_hmac(&token, HS256, "{}", SPAN("k"), "SHA256");
	expect(j, NULL);
	sign("{}");
	expect(j, "signature does not match");
	jwt_free(j);
}
END_TEST

/* The header chooses among the allowed ones only, and must then be true to its hash. */
START_TEST(several_hmac_algorithms)
{
	static const char *const digests[] = { "SHA256", "SHA384", "SHA512" };
	struct jwt_config config = plain;
	struct jwt *j;

	config.algorithms = hs_all;
	config.algorithm_count = 3;
	config.key = KEY64;
	j = must_make(&config);
	for (size_t a = 0; a < 3; a++) {
		for (size_t d = 0; d < 3; d++) {
			char header[64];

			(void)snprintf(header, sizeof(header), "{\"alg\":\"%s\"}", hs_all[a]);
			jwt_maker_hmac(&token, header, "{}", SPAN(KEY64), digests[d]);
			expect(j, a == d ? NULL : "signature does not match");
		}
	}
	jwt_free(j);
}
END_TEST

static EVP_PKEY *rsa_key(void)
{
	return EVP_RSA_gen(2048);
}

static EVP_PKEY *ec_key(void)
{
	return EVP_EC_gen("P-256");
}

static const struct kind {
	const char *const *algorithm;
	const char *header;
	EVP_PKEY *(*make)(void);
} kinds[] = {
	{ rs256, "{\"alg\":\"RS256\"}", rsa_key },
	{ es256, "{\"alg\":\"ES256\"}", ec_key },
};

static struct jwt *make_public(const char *const *algorithm, const char *pem)
{
	const struct jwt_config config = {
		.algorithms = algorithm, .algorithm_count = 1, .key = pem
	};

	return jwt_new(&config, why);
}

START_TEST(public_key_verifies)
{
	const struct kind *kind = &kinds[_i];
	EVP_PKEY *key = kind->make(), *other = kind->make();
	char *pems[] = { jwt_maker_public_pem(key), jwt_maker_certificate_pem(key) };

	for (size_t i = 0; i < countof(pems); i++) {
		struct jwt *j = make_public(kind->algorithm, pems[i]);

		ck_assert_msg(j != NULL, "%s", why);
		jwt_maker_signed(&token, kind->header, "{\"exp\":4102444800}", key);
		expect(j, NULL);
		ck_assert(span_eq(buf_span(&claims), SPAN("{\"exp\":4102444800}")));
		jwt_maker_signed(&token, kind->header, "{}", other);
		expect(j, "signature does not match");
		/* A client knows the public key; it must be of no use as a secret. */
		jwt_maker_hmac(&token, HS256, "{}", span_of(pems[i]), "SHA256");
		expect(j, "algorithm not allowed");
		jwt_maker_hmac(&token, kind->header, "{}", span_of(pems[i]), "SHA256");
		expect(j, "signature does not match");
		jwt_free(j);
		free(pems[i]);
	}
	ck_assert_uint_eq(ERR_peek_error(), 0);
	EVP_PKEY_free(other);
	EVP_PKEY_free(key);
}
END_TEST

START_TEST(public_signature_is_refused_when_changed)
{
	const struct kind *kind = &kinds[_i];
	EVP_PKEY *key = kind->make();
	char *pem = jwt_maker_public_pem(key);
	struct jwt *j = make_public(kind->algorithm, pem);

	jwt_maker_signed(&token, kind->header, "{\"sub\":\"a\"}", key);
	for (size_t bit = 0; bit < token.len * 8; bit++) {
		token.at[bit / 8] ^= (char)(1 << bit % 8);
		ck_assert_ptr_nonnull(verdict_at(j, buf_span(&token), NOW));
		token.at[bit / 8] ^= (char)(1 << bit % 8);
	}
	for (size_t len = 0; len < token.len; len++)
		ck_assert_ptr_nonnull(verdict_at(j, (struct span){ token.at, len }, NOW));
	expect(j, NULL);
	jwt_free(j);
	free(pem);
	EVP_PKEY_free(key);
}
END_TEST

/* The base64 of two numbers that begin with a zero byte begins so. */
static bool begins_with_zero(size_t *r, size_t *s)
{
	const char *signature = strrchr(token.at, '.') + 1;
	struct buf raw = { NULL, 0, 0 };

	ck_assert(base64_decode(span_of(signature), BASE64_URL, &raw));
	ck_assert_uint_eq(raw.len, 64);
	*r += raw.at[0] == 0;
	*s += raw.at[32] == 0;
	buf_fini(&raw);
	return *r > 0 && *s > 0;
}

/* A number that begins with zero bytes is shorter in DER; one with its first bit set is longer. */
START_TEST(es256_numbers_of_every_length)
{
	EVP_PKEY *key = ec_key();
	char *pem = jwt_maker_public_pem(key);
	struct jwt *j = make_public(es256, pem);
	size_t r = 0, s = 0;

	for (int i = 0; i < 20000; i++) {
		jwt_maker_signed(&token, "{\"alg\":\"ES256\"}", "{}", key);
		buf_put_byte(&token, '\0');
		token.len--;
		expect(j, NULL);
		if (begins_with_zero(&r, &s))
			break;
	}
	ck_assert_uint_gt(r, 0);
	ck_assert_uint_gt(s, 0);
	jwt_free(j);
	free(pem);
	EVP_PKEY_free(key);
}
END_TEST

/* Zero is no signature of anything (CVE-2022-21449), nor is one in DER. */
START_TEST(es256_refuses_other_forms)
{
	static const char zeros[64];
	const struct span signatures[] = { { zeros, 64 }, { zeros, 63 }, { zeros, 1 },
		SPAN("\x30\x06\x02\x01\x01\x02\x01\x01"), SPAN("") };
	EVP_PKEY *key = ec_key();
	char *pem = jwt_maker_public_pem(key);
	struct jwt *j = make_public(es256, pem);

	for (size_t i = 0; i < countof(signatures); i++) {
		jwt_maker_hmac(&token, "{\"alg\":\"ES256\"}", "{}", SPAN("k"), "SHA256");
		token.len -= 43; /* the HMAC */
		jwt_maker_put_url(signatures[i], &token);
		expect(j, "signature does not match");
	}
	jwt_free(j);
	free(pem);
	EVP_PKEY_free(key);
}
END_TEST

static EVP_PKEY *short_rsa_key(void)
{
	return EVP_RSA_gen(1024);
}

static EVP_PKEY *other_curve(void)
{
	return EVP_EC_gen("P-384");
}

static EVP_PKEY *edwards_key(void)
{
	return EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
}

static const struct {
	EVP_PKEY *(*make)(void);
	char *(*print)(EVP_PKEY *key);
	const char *const *algorithm;
	const char *why;
} unfit[] = {
	{ short_rsa_key, jwt_maker_public_pem, rs256,
		"the RSA key has 1024 bits, but RS256 needs at least 2048" },
	{ ec_key, jwt_maker_public_pem, rs256, "RS256 needs an RSA key" },
	{ edwards_key, jwt_maker_public_pem, rs256, "RS256 needs an RSA key" },
	{ rsa_key, jwt_maker_public_pem, es256, "ES256 needs an EC key on the curve P-256" },
	{ other_curve, jwt_maker_public_pem, es256, "ES256 needs an EC key on the curve P-256" },
	{ other_curve, jwt_maker_certificate_pem, es256,
		"ES256 needs an EC key on the curve P-256" },
	{ ec_key, jwt_maker_private_pem, es256, "the key is a private one" },
	{ ec_key, jwt_maker_public_pem, hs256, "the key is in PEM form" },
	{ ec_key, jwt_maker_certificate_pem, hs256, "the key is in PEM form" },
};

START_TEST(refuses_unfit_public_key)
{
	EVP_PKEY *key = unfit[_i].make();
	char *pem = unfit[_i].print(key);
	const char *wanted = unfit[_i].why;

	ck_assert_ptr_null(make_public(unfit[_i].algorithm, pem));
	ck_assert_msg(strncmp(why, wanted, strlen(wanted)) == 0, "said: %s", why);
	ck_assert_uint_eq(ERR_peek_error(), 0);
	free(pem);
	EVP_PKEY_free(key);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("auth/jwt keys");
	TCase *tc = tcase_create("keys");

	tcase_add_checked_fixture(tc, NULL, free_case);
	tcase_add_loop_test(tc, key_form, 0, (int)countof(keys));
	tcase_add_loop_test(tc, key_file, 0, (int)countof(files));
	tcase_add_test(tc, key_file_has_a_limit);
	tcase_add_loop_test(tc, refuses_configuration, 0, (int)countof(bad_keys));
	tcase_add_test(tc, refuses_a_requirement_without_a_name);
	tcase_add_test(tc, short_key_may_be_allowed);
	tcase_add_test(tc, several_hmac_algorithms);
	tcase_add_loop_test(tc, public_key_verifies, 0, (int)countof(kinds));
	tcase_add_loop_test(tc, public_signature_is_refused_when_changed, 0, (int)countof(kinds));
	tcase_add_test(tc, es256_numbers_of_every_length);
	tcase_add_test(tc, es256_refuses_other_forms);
	tcase_add_loop_test(tc, refuses_unfit_public_key, 0, (int)countof(unfit));
	suite_add_tcase(suite, tc);
	return run_suite(suite);
}
