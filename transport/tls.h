/* A certificate with its key, for the servers of a process. */
#ifndef TRANSPORT_TLS_H
#define TRANSPORT_TLS_H

#include "base/attr.h"

enum {
	TLS_WHY_BYTES = 256
};

struct tls;

enum tls_fault {
	TLS_FAULT_NONE,
	TLS_FAULT_CERTIFICATE,
	TLS_FAULT_KEY,
	TLS_FAULT_LIBRARY,
};

/*
 * Reads both files, PEM: the chain with the server's own certificate first, and
 * its key without a passphrase. NULL with what is to blame and a line in `why`.
 * Connections made from it keep what they need; any thread may use it.
 */
struct tls *tls_new(const char *certificate, const char *key, enum tls_fault *fault,
	char why[TLS_WHY_BYTES]) MUST_USE;

/* Accepts NULL. */
void tls_free(struct tls *t);

#endif
