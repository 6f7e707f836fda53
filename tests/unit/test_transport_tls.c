/* transport/tls: what a client may do once it has been let in. */
#include "transport/internal.h"

#include <check.h>
#include <openssl/pem.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
	SERVER,
	CLIENT,
	KEY_UPDATES = 100,
	DAYS_2 = 2 * 24 * 3600,
};

static char folder[] = "/tmp/stompbox-tls-XXXXXX";
static char certificate_path[64];
static char key_path[64];

static struct tls *tls;
static SSL_CTX *client_context;
static int sockets[2];
static SSL *ends[2];

static void write_files(EVP_PKEY *key, X509 *certificate)
{
	FILE *file = fopen(key_path, "w");

	ck_assert_ptr_nonnull(file);
	ck_assert_int_eq(PEM_write_PrivateKey(file, key, NULL, NULL, 0, NULL, NULL), 1);
	ck_assert_int_eq(fclose(file), 0);
	file = fopen(certificate_path, "w");
	ck_assert_ptr_nonnull(file);
	ck_assert_int_eq(PEM_write_X509(file, certificate), 1);
	ck_assert_int_eq(fclose(file), 0);
}

static void make_certificate(void)
{
	EVP_PKEY *key = EVP_EC_gen("P-256");
	X509 *certificate = X509_new();

	ck_assert(key && certificate);
	ck_assert_ptr_nonnull(X509_gmtime_adj(X509_getm_notBefore(certificate), 0));
	ck_assert_ptr_nonnull(X509_gmtime_adj(X509_getm_notAfter(certificate), DAYS_2));
	ck_assert_int_eq(X509_set_pubkey(certificate, key), 1);
	ck_assert_int_gt(X509_sign(certificate, key, EVP_sha256()), 0);
	write_files(key, certificate);
	X509_free(certificate);
	EVP_PKEY_free(key);
}

static bool handshake_is_done(void)
{
	for (size_t i = 0; i < countof(ends); i++) {
		int done = SSL_do_handshake(ends[i]);

		if (done != 1)
			ck_assert_int_eq(SSL_get_error(ends[i], done), SSL_ERROR_WANT_READ);
	}
	return SSL_is_init_finished(ends[SERVER]) && SSL_is_init_finished(ends[CLIENT]);
}

static void set_up(void)
{
	enum tls_fault fault;
	char why[TLS_WHY_BYTES];

	ck_assert_ptr_nonnull(mkdtemp(folder));
	snprintf(certificate_path, sizeof(certificate_path), "%s/certificate", folder);
	snprintf(key_path, sizeof(key_path), "%s/key", folder);
	make_certificate();
	tls = tls_new(certificate_path, key_path, &fault, why);
	ck_assert_msg(tls != NULL, "%s", why);
	client_context = SSL_CTX_new(TLS_client_method());
	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, sockets), 0);
	ends[SERVER] = tls_accept(tls, sockets[SERVER]);
	ends[CLIENT] = SSL_new(client_context);
	ck_assert_int_eq(SSL_set_fd(ends[CLIENT], sockets[CLIENT]), 1);
	SSL_set_connect_state(ends[CLIENT]);
	while (!handshake_is_done())
		;
}

static void tear_down(void)
{
	for (size_t i = 0; i < countof(ends); i++) {
		SSL_free(ends[i]);
		close(sockets[i]);
	}
	SSL_CTX_free(client_context);
	tls_free(tls);
	unlink(certificate_path);
	unlink(key_path);
	rmdir(folder);
}

static bool read_byte(char *byte)
{
	size_t len = 0;

	return SSL_read_ex(ends[SERVER], byte, 1, &len) == 1;
}

static bool has_more(void)
{
	char byte;

	return recv(sockets[SERVER], &byte, 1, MSG_PEEK) == 1;
}

/* However many records without data a client sends, one read takes one: others have their turn. */
START_TEST(a_read_comes_back_after_a_record_without_data)
{
	size_t written;
	unsigned reads = 0;
	char byte = '\0';

	for (int i = 0; i < KEY_UPDATES; i++) {
		ck_assert_int_eq(SSL_key_update(ends[CLIENT], SSL_KEY_UPDATE_NOT_REQUESTED), 1);
		ck_assert_int_eq(SSL_do_handshake(ends[CLIENT]), 1);
	}
	ck_assert_int_eq(SSL_write_ex(ends[CLIENT], "x", 1, &written), 1);
	while (!read_byte(&byte)) {
		ck_assert_int_eq(SSL_get_error(ends[SERVER], 0), SSL_ERROR_WANT_READ);
		ck_assert_msg(has_more(), "nothing is left after read %u", reads);
		reads++;
	}
	ck_assert_int_eq(byte, 'x');
	ck_assert_uint_eq(reads, KEY_UPDATES);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("transport_tls");
	TCase *tc = tcase_create("tls");
	SRunner *runner = srunner_create(suite);
	int failed;

	tcase_add_checked_fixture(tc, set_up, tear_down);
	tcase_add_test(tc, a_read_comes_back_after_a_record_without_data);
	suite_add_tcase(suite, tc);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
