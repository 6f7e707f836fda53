#include "transport/tls.h"

#include "base/mem.h"
#include "transport/internal.h"

#include <errno.h>
#include <openssl/err.h>
#include <stdio.h>
#include <stdlib.h>

struct tls {
	SSL_CTX *context;
};

/* Nobody sits at a terminal to be asked. */
static int refuse_passphrase(char *out, int size, int writing, void *owner)
{
	(void)writing;
	(void)owner;
	if (size > 0)
		out[0] = '\0';
	return -1;
}

/* The library's own words for a missing file do not name the reason. */
static bool is_readable(const char *path, char why[TLS_WHY_BYTES])
{
	FILE *file = fopen(path, "re");

	if (!file) {
		snprintf(why, TLS_WHY_BYTES, "cannot be read: %s", strerror(errno));
		return false;
	}
	(void)fclose(file);
	return true;
}

static enum tls_fault read_files(
	SSL_CTX *context, const char *certificate, const char *key, char why[TLS_WHY_BYTES])
{
	if (!is_readable(certificate, why))
		return TLS_FAULT_CERTIFICATE;
	if (SSL_CTX_use_certificate_chain_file(context, certificate) != 1) {
		snprintf(why, TLS_WHY_BYTES,
			"must be a file with a certificate and its chain, in PEM");
		return TLS_FAULT_CERTIFICATE;
	}
	if (!is_readable(key, why))
		return TLS_FAULT_KEY;
	/* This looks at whether the two belong together, too. */
	if (SSL_CTX_use_PrivateKey_file(context, key, SSL_FILETYPE_PEM) != 1) {
		bool is_other =
			ERR_GET_REASON(ERR_peek_last_error()) == X509_R_KEY_VALUES_MISMATCH ||
			ERR_GET_REASON(ERR_peek_last_error()) == X509_R_KEY_TYPE_MISMATCH;

		snprintf(why, TLS_WHY_BYTES, "%s",
			is_other ? "does not belong to the certificate: give the key it was "
				   "made with"
				 : "must be a file with a private key, in PEM, without a "
				   "passphrase");
		return TLS_FAULT_KEY;
	}
	return TLS_FAULT_NONE;
}

static bool set_up(SSL_CTX *context)
{
	(void)SSL_CTX_set_options(
		context, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION | SSL_OP_NO_TICKET);
	(void)SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
	(void)SSL_CTX_set_num_tickets(context, 0);
	/* What could not be written is moved into a buffer of the connection. */
	(void)SSL_CTX_set_mode(context, SSL_MODE_ENABLE_PARTIAL_WRITE |
						SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
						SSL_MODE_RELEASE_BUFFERS);
	/* Or one call reads on for as long as a client sends records without data (KeyUpdate). */
	(void)SSL_CTX_clear_mode(context, SSL_MODE_AUTO_RETRY);
	SSL_CTX_set_default_passwd_cb(context, refuse_passphrase);
	return SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION) == 1;
}

struct tls *tls_new(
	const char *certificate, const char *key, enum tls_fault *fault, char why[TLS_WHY_BYTES])
{
	SSL_CTX *context = SSL_CTX_new(TLS_server_method());
	struct tls *t;

	*fault = TLS_FAULT_LIBRARY;
	snprintf(why, TLS_WHY_BYTES, "OpenSSL cannot start");
	if (context && set_up(context))
		*fault = read_files(context, certificate, key, why);
	ERR_clear_error();
	if (*fault != TLS_FAULT_NONE) {
		SSL_CTX_free(context);
		return NULL;
	}
	t = mem_zalloc(sizeof(*t));
	t->context = context;
	return t;
}

void tls_free(struct tls *t)
{
	if (!t)
		return;
	SSL_CTX_free(t->context);
	free(t);
}

SSL *tls_accept(struct tls *t, int fd)
{
	SSL *ssl = SSL_new(t->context);

	if (!ssl || SSL_set_fd(ssl, fd) != 1) {
		SSL_free(ssl);
		return NULL;
	}
	SSL_set_accept_state(ssl);
	return ssl;
}
