/* Makes tokens for the tests, independently of the code that verifies them. */
#ifndef TESTS_UNIT_JWT_MAKER_H
#define TESTS_UNIT_JWT_MAKER_H

#include "base/buf.h"
#include "base/span.h"

#include <openssl/evp.h>

/* Appends base64 in the URL alphabet without padding. */
void jwt_maker_put_url(struct span bytes, struct buf *out);

/* Replaces *token by a signed one. `digest` names the hash, such as "SHA256". */
void jwt_maker_hmac(struct buf *token, const char *header, const char *payload, struct span key,
	const char *digest);

/* As above with a private key; the signature of an EC key is written as r and s. */
void jwt_maker_signed(struct buf *token, const char *header, const char *payload, EVP_PKEY *key);

/* PEM texts of a key's public half, of the private half, and of a certificate. The caller frees. */
char *jwt_maker_public_pem(EVP_PKEY *key);
char *jwt_maker_private_pem(EVP_PKEY *key);
char *jwt_maker_certificate_pem(EVP_PKEY *key);

#endif
