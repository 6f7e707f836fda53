/* Reads a key as the operator wrote it; see `key` of struct jwt_config for the forms. */
#ifndef AUTH_JWT_SECRET_H
#define AUTH_JWT_SECRET_H

#include "base/attr.h"
#include "base/buf.h"

enum {
	JWT_SECRET_BYTES_MOST = 64 * 1024
};

/*
 * Appends the key's bytes to the empty `out`. False when `text` cannot be read;
 * `why` then says so with a remedy. End `out` with jwt_secret_fini().
 */
bool jwt_secret_read(const char *text, struct buf *out, char why[256]) MUST_USE;

/* Wipes the bytes before it frees them. */
void jwt_secret_fini(struct buf *secret);

#endif
