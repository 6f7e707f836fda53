/*
 * What costs time is done once, when the key is made: for HMAC, a context that
 * has the key in it already and is duplicated by every verification; for RSA
 * and EC, the parsed key, which OpenSSL lets threads share for reading.
 */
#include "auth/jwt_key.h"

#include "auth/claims.h"
#include "auth/jwt_secret.h"
#include "base/mem.h"

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include <stdio.h>
#include <stdlib.h>

enum {
	RSA_BITS_LEAST = 2048, /* RFC 7518, section 3.3 */
	EC_BYTES = 32,         /* of each of the two numbers of an ES256 signature */
};

enum family {
	FAMILY_HMAC,
	FAMILY_RSA,
	FAMILY_EC,
};

static const struct algorithm {
	struct span name;
	enum family family;
	const char *digest;
	size_t digest_bytes;
} known[] = {
	{ SPAN("HS256"), FAMILY_HMAC, "SHA256", 32 },
	{ SPAN("HS384"), FAMILY_HMAC, "SHA384", 48 },
	{ SPAN("HS512"), FAMILY_HMAC, "SHA512", 64 },
	{ SPAN("RS256"), FAMILY_RSA, "SHA256", 32 },
	{ SPAN("ES256"), FAMILY_EC, "SHA256", 32 },
};

struct jwt_key_use {
	const struct algorithm *algorithm;
	EVP_MAC_CTX *mac; /* owned; holds the key; NULL but for HMAC */
};

struct jwt_key {
	EVP_PKEY *public_key; /* owned; NULL for HMAC */
	size_t count;
	struct jwt_key_use uses[];
};

static bool refuse(char why[256], const char *text)
{
	(void)snprintf(why, 256, "%s", text);
	return false;
}

static const struct algorithm *algorithm_of(const char *name)
{
	for (size_t i = 0; i < countof(known); i++) {
		if (span_eq(known[i].name, span_of(name)))
			return &known[i];
	}
	return NULL;
}

static bool choose(struct jwt_key *key, const char *const *algorithms, char why[256])
{
	if (key->count == 0)
		return refuse(why,
			"no algorithm is named: write those that the issuer uses, such as HS256");
	for (size_t i = 0; i < key->count; i++) {
		const struct algorithm *chosen = algorithm_of(algorithms[i]);

		key->uses[i].algorithm = chosen;
		if (!chosen) {
			(void)snprintf(why, 256,
				"\"%.32s\" is not one of: HS256, HS384, HS512, RS256, ES256",
				algorithms[i]);
			return false;
		}
		if (chosen->family != key->uses[0].algorithm->family)
			return refuse(why,
				"the algorithms need different kinds of keys: name HS ones, or "
				"RS256, or ES256");
	}
	return true;
}

static bool has_text(struct span bytes, struct span text)
{
	return memmem(bytes.at, bytes.len, text.at, text.len) != NULL;
}

static bool check_secret(
	const struct jwt_key *key, struct span secret, bool allow_short, char why[256])
{
	if (has_text(secret, SPAN("-----BEGIN ")))
		return refuse(why,
			"the key is in PEM form, but HS algorithms take a secret: name RS256 or "
			"ES256, or give the secret that the issuer signs with");
	for (size_t i = 0; i < key->count && !allow_short; i++) {
		const struct algorithm *a = key->uses[i].algorithm;

		if (secret.len >= a->digest_bytes)
			continue;
		(void)snprintf(why, 256,
			"the key has %zu bytes, but %s needs at least %zu: make a longer one with "
			"\"openssl rand -base64 64\", or set allow_short_key if the issuer cannot "
			"change it",
			secret.len, a->name.at, a->digest_bytes);
		return false;
	}
	return true;
}

static EVP_MAC_CTX *keyed_mac(const struct algorithm *a, struct span secret)
{
	char digest[16];
	OSSL_PARAM params[2];
	EVP_MAC *hmac = EVP_MAC_fetch(NULL, "HMAC", NULL);
	EVP_MAC_CTX *mac = EVP_MAC_CTX_new(hmac);

	EVP_MAC_free(hmac);
	(void)snprintf(digest, sizeof(digest), "%s", a->digest);
	params[0] = OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest, 0);
	params[1] = OSSL_PARAM_construct_end();
	if (mac && EVP_MAC_init(mac, (const unsigned char *)secret.at, secret.len, params) == 1)
		return mac;
	EVP_MAC_CTX_free(mac);
	return NULL;
}

static bool load_secret(struct jwt_key *key, struct span secret, bool allow_short, char why[256])
{
	if (!check_secret(key, secret, allow_short, why))
		return false;
	for (size_t i = 0; i < key->count; i++) {
		key->uses[i].mac = keyed_mac(key->uses[i].algorithm, secret);
		if (!key->uses[i].mac)
			return refuse(why,
				"OpenSSL offers no HMAC with this algorithm and key: look at its "
				"configuration, such as FIPS mode");
	}
	return true;
}

/* OpenSSL would ask for a password on the terminal otherwise. */
static int no_password(char *to, int size, int writing, void *owner)
{
	(void)size;
	(void)writing;
	(void)owner;
	*to = '\0';
	return -1;
}

/* NULL when the text holds neither a public key nor a certificate. */
static EVP_PKEY *parse_public(struct span pem)
{
	BIO *in = BIO_new_mem_buf(pem.at, (int)pem.len);
	EVP_PKEY *key = NULL;
	X509 *certificate;

	if (!in)
		return NULL;
	if (has_text(pem, SPAN("CERTIFICATE-----"))) {
		certificate = PEM_read_bio_X509(in, NULL, no_password, NULL);
		if (certificate)
			key = X509_get_pubkey(certificate);
		X509_free(certificate);
	} else {
		key = PEM_read_bio_PUBKEY(in, NULL, no_password, NULL);
	}
	BIO_free(in);
	return key;
}

static bool is_p256(const EVP_PKEY *key)
{
	char group[32];

	return EVP_PKEY_is_a(key, "EC") == 1 &&
	       EVP_PKEY_get_group_name(key, group, sizeof(group), NULL) == 1 &&
	       (strcmp(group, "prime256v1") == 0 || strcmp(group, "P-256") == 0);
}

static bool check_public(const EVP_PKEY *key, enum family family, char why[256])
{
	if (family == FAMILY_EC)
		return is_p256(key) ||
		       refuse(why, "ES256 needs an EC key on the curve P-256: give the public "
				   "half of one made with \"openssl ecparam -genkey -name "
				   "prime256v1\"");
	if (EVP_PKEY_is_a(key, "RSA") != 1)
		return refuse(why, "RS256 needs an RSA key: give one, or name the algorithm that "
				   "fits this key");
	if (EVP_PKEY_get_bits(key) >= RSA_BITS_LEAST)
		return true;
	(void)snprintf(why, 256,
		"the RSA key has %d bits, but RS256 needs at least %d: make a longer one with "
		"\"openssl genrsa %d\" and let the issuer sign with it",
		EVP_PKEY_get_bits(key), RSA_BITS_LEAST, RSA_BITS_LEAST);
	return false;
}

static bool load_public(struct jwt_key *key, struct span pem, char why[256])
{
	const struct algorithm *a = key->uses[0].algorithm;

	if (has_text(pem, SPAN("PRIVATE KEY-----")))
		return refuse(why, "the key is a private one, which only the issuer should have: "
				   "give what \"openssl pkey -pubout\" makes of it");
	if (has_text(pem, SPAN("-----BEGIN ")))
		key->public_key = parse_public(pem);
	if (key->public_key)
		return check_public(key->public_key, a->family, why);
	(void)snprintf(why, 256,
		"%s needs a public key or a certificate in PEM form, and the key is none: give "
		"file: and the path of one, or name HS algorithms if the key is a secret",
		a->name.at);
	return false;
}

struct jwt_key *jwt_key_new(const char *const *algorithms, size_t count, const char *text,
	bool allow_short, char why[256])
{
	struct jwt_key *key = mem_zalloc(sizeof(*key) + count * sizeof(key->uses[0]));
	struct buf secret = { NULL, 0, 0 };
	bool ok;

	ERR_set_mark();
	key->count = count;
	ok = choose(key, algorithms, why) && jwt_secret_read(text ? text : "", &secret, why);
	if (ok && key->uses[0].algorithm->family == FAMILY_HMAC)
		ok = load_secret(key, buf_span(&secret), allow_short, why);
	else if (ok)
		ok = load_public(key, buf_span(&secret), why);
	jwt_secret_fini(&secret);
	ERR_pop_to_mark();
	if (ok)
		return key;
	jwt_key_free(key);
	return NULL;
}

void jwt_key_free(struct jwt_key *key)
{
	if (!key)
		return;
	for (size_t i = 0; i < key->count; i++)
		EVP_MAC_CTX_free(key->uses[i].mac);
	EVP_PKEY_free(key->public_key);
	free(key);
}

const struct jwt_key_use *jwt_key_use_of(const struct jwt_key *key, struct span name)
{
	for (size_t i = 0; i < key->count; i++) {
		if (claims_has_text(name, key->uses[i].algorithm->name))
			return &key->uses[i];
	}
	return NULL;
}

static bool verify_hmac(const struct jwt_key_use *use, struct span text, struct span signature)
{
	EVP_MAC_CTX *mac = EVP_MAC_CTX_dup(use->mac);
	unsigned char sum[EVP_MAX_MD_SIZE];
	size_t len = 0;
	bool ok;

	ok = mac && EVP_MAC_update(mac, (const unsigned char *)text.at, text.len) == 1 &&
	     EVP_MAC_final(mac, sum, &len, sizeof(sum)) == 1 &&
	     len == use->algorithm->digest_bytes && signature.len == len &&
	     CRYPTO_memcmp(sum, signature.at, len) == 0;
	EVP_MAC_CTX_free(mac);
	return ok;
}

/* A DER INTEGER: no needless zero bytes in front, but one where the first bit is set. */
static size_t put_integer(unsigned char *to, const char *number)
{
	size_t skip = 0, sign, len;

	while (skip < EC_BYTES - 1 && number[skip] == 0)
		skip++;
	sign = (unsigned char)number[skip] >> 7;
	len = EC_BYTES - skip;
	to[0] = 0x02;
	to[1] = (unsigned char)(sign + len);
	to[2] = 0;
	memcpy(to + 2 + sign, number + skip, len);
	return 2 + sign + len;
}

/* OpenSSL wants the two numbers of RFC 7518, section 3.4, as a DER SEQUENCE. */
static size_t put_sequence(unsigned char *to, struct span signature)
{
	size_t len = put_integer(to + 2, signature.at);

	len += put_integer(to + 2 + len, signature.at + EC_BYTES);
	to[0] = 0x30;
	to[1] = (unsigned char)len;
	return 2 + len;
}

static bool verify_public(const struct jwt_key *key, const struct algorithm *a, struct span text,
	struct span signature)
{
	unsigned char der[2 + 2 * (3 + EC_BYTES)];
	const unsigned char *bytes = (const unsigned char *)signature.at;
	size_t len = signature.len;
	EVP_MD_CTX *context;
	bool ok;

	if (a->family == FAMILY_EC) {
		if (len != (size_t)2 * EC_BYTES)
			return false;
		len = put_sequence(der, signature);
		bytes = der;
	}
	context = EVP_MD_CTX_new();
	ok = context &&
	     EVP_DigestVerifyInit_ex(context, NULL, a->digest, NULL, NULL, key->public_key, NULL) ==
		     1 &&
	     EVP_DigestVerify(context, bytes, len, (const unsigned char *)text.at, text.len) == 1;
	EVP_MD_CTX_free(context);
	return ok;
}

bool jwt_key_verify(const struct jwt_key *key, const struct jwt_key_use *use, struct span text,
	struct span signature)
{
	bool ok;

	/* What OpenSSL notes about a bad signature is no concern of this thread's TLS. */
	ERR_set_mark();
	if (use->algorithm->family == FAMILY_HMAC)
		ok = verify_hmac(use, text, signature);
	else
		ok = verify_public(key, use->algorithm, text, signature);
	ERR_pop_to_mark();
	return ok;
}
