#include "tests/unit/jwt_maker.h"

#include "base/base64.h"
#include "base/mem.h"

#include <assert.h>
#include <openssl/ecdsa.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

void jwt_maker_put_url(struct span bytes, struct buf *out)
{
	size_t from = out->len;

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

static void put_parts(struct buf *token, const char *header, const char *payload)
{
	token->len = 0;
	buf_reserve(token, 1); /* even an empty part has a place */
	jwt_maker_put_url(span_of(header), token);
	buf_put_byte(token, '.');
	jwt_maker_put_url(span_of(payload), token);
}

void jwt_maker_hmac(struct buf *token, const char *header, const char *payload, struct span key,
	const char *digest)
{
	unsigned char sum[EVP_MAX_MD_SIZE];
	size_t len = 0;

	put_parts(token, header, payload);
	assert(EVP_Q_mac(NULL, "HMAC", NULL, digest, NULL, key.at, key.len,
		(const unsigned char *)token->at, token->len, sum, sizeof(sum), &len));
	buf_put_byte(token, '.');
	jwt_maker_put_url((struct span){ (const char *)sum, len }, token);
}

/* r and s of a DER signature, 32 bytes each. */
static struct span raw_of(const unsigned char *der, size_t len, unsigned char raw[64])
{
	ECDSA_SIG *sig = d2i_ECDSA_SIG(NULL, &der, (long)len);

	assert(sig);
	assert(BN_bn2binpad(ECDSA_SIG_get0_r(sig), raw, 32) == 32);
	assert(BN_bn2binpad(ECDSA_SIG_get0_s(sig), raw + 32, 32) == 32);
	ECDSA_SIG_free(sig);
	return (struct span){ (const char *)raw, 64 };
}

void jwt_maker_signed(struct buf *token, const char *header, const char *payload, EVP_PKEY *key)
{
	EVP_MD_CTX *context = EVP_MD_CTX_new();
	unsigned char signature[1024], raw[64];
	size_t len = sizeof(signature);
	struct span bytes;

	put_parts(token, header, payload);
	assert(EVP_DigestSignInit_ex(context, NULL, "SHA256", NULL, NULL, key, NULL) == 1);
	assert(EVP_DigestSign(context, signature, &len, (const unsigned char *)token->at,
		       token->len) == 1);
	EVP_MD_CTX_free(context);
	bytes = (struct span){ (const char *)signature, len };
	if (EVP_PKEY_is_a(key, "EC"))
		bytes = raw_of(signature, len, raw);
	buf_put_byte(token, '.');
	jwt_maker_put_url(bytes, token);
}

static char *text_of(BIO *memory)
{
	char *bytes, *text;
	long len = BIO_get_mem_data(memory, &bytes);

	text = mem_dup(bytes, (size_t)len);
	BIO_free(memory);
	return text;
}

char *jwt_maker_public_pem(EVP_PKEY *key)
{
	BIO *out = BIO_new(BIO_s_mem());

	assert(PEM_write_bio_PUBKEY(out, key) == 1);
	return text_of(out);
}

char *jwt_maker_private_pem(EVP_PKEY *key)
{
	BIO *out = BIO_new(BIO_s_mem());

	assert(PEM_write_bio_PrivateKey(out, key, NULL, NULL, 0, NULL, NULL) == 1);
	return text_of(out);
}

char *jwt_maker_certificate_pem(EVP_PKEY *key)
{
	BIO *out = BIO_new(BIO_s_mem());
	X509 *certificate = X509_new();

	X509_gmtime_adj(X509_getm_notBefore(certificate), 0);
	X509_gmtime_adj(X509_getm_notAfter(certificate), 3600);
	X509_set_pubkey(certificate, key);
	assert(X509_sign(certificate, key, EVP_sha256()) > 0);
	assert(PEM_write_bio_X509(out, certificate) == 1);
	X509_free(certificate);
	return text_of(out);
}
