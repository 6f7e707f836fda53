/* base/notify: what a service manager would get. */
#include "base/notify.h"

#include <check.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static int manager = -1;
static char folder[] = "/tmp/notify-XXXXXX";
static char path[sizeof(((struct sockaddr_un *)0)->sun_path)];

static void set_up(void)
{
	ck_assert_ptr_nonnull(mkdtemp(folder));
	snprintf(path, sizeof(path), "%s/socket", folder);
}

static void tear_down(void)
{
	if (manager >= 0)
		close(manager);
	manager = -1;
	unlink(path);
	rmdir(folder);
	memcpy(folder + sizeof(folder) - 7, "XXXXXX", 6);
	unsetenv("NOTIFY_SOCKET");
}

/* As systemd does: a datagram socket, whose name goes into the environment. */
static void listen_at(const char *name, size_t len)
{
	struct sockaddr_un at = { .sun_family = AF_UNIX };

	memcpy(at.sun_path, name, len);
	manager = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	ck_assert_int_ge(manager, 0);
	ck_assert_int_eq(bind(manager, (struct sockaddr *)&at,
				 (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len)),
		0);
}

static void expect(const char *state)
{
	char got[256] = "";
	ssize_t len = recv(manager, got, sizeof(got), MSG_DONTWAIT);

	ck_assert_int_eq(len, (ssize_t)strlen(state));
	ck_assert_str_eq(got, state);
}

static void expect_silence(void)
{
	char got[16];

	ck_assert_int_lt(recv(manager, got, sizeof(got), MSG_DONTWAIT), 0);
}

/* The lowest descriptor that is free: the same before and after, or one was lost. */
static int lowest_descriptor(void)
{
	int fd = dup(STDERR_FILENO);

	close(fd);
	return fd;
}

START_TEST(sends_one_datagram_to_a_path)
{
	listen_at(path, strlen(path));
	setenv("NOTIFY_SOCKET", path, 1);
	notify_manager("READY=1");
	notify_manager("RELOADING=1\nMONOTONIC_USEC=12345");
	expect("READY=1");
	expect("RELOADING=1\nMONOTONIC_USEC=12345");
	expect_silence();
}
END_TEST

START_TEST(sends_to_an_abstract_name)
{
	char name[64];
	size_t len;

	snprintf(name, sizeof(name), "@stompbox-test-%d", (int)getpid());
	len = strlen(name);
	setenv("NOTIFY_SOCKET", name, 1);
	name[0] = '\0';
	listen_at(name, len);
	notify_manager("STOPPING=1");
	expect("STOPPING=1");
}
END_TEST

START_TEST(says_nothing_where_nobody_asked)
{
	listen_at(path, strlen(path));
	notify_manager("READY=1");
	setenv("NOTIFY_SOCKET", "", 1);
	notify_manager("READY=1");
	expect_silence();
}
END_TEST

/* The longest name that sun_path holds with its NUL, and one more. */
START_TEST(minds_the_length_of_the_name)
{
	char name[sizeof(path) + 1];

	memset(name, 'n', sizeof(name));
	name[0] = '@';
	name[sizeof(path) - 1] = '\0';
	setenv("NOTIFY_SOCKET", name, 1);
	name[0] = '\0';
	listen_at(name, sizeof(path) - 1);
	notify_manager("READY=1");
	expect("READY=1");

	name[0] = '@';
	name[sizeof(path) - 1] = 'n';
	name[sizeof(path)] = '\0';
	setenv("NOTIFY_SOCKET", name, 1);
	notify_manager("READY=1");
	expect_silence();
}
END_TEST

START_TEST(absent_manager_costs_a_line_and_no_descriptor)
{
	int errors = memfd_create("stderr", 0), saved = dup(STDERR_FILENO), lowest;
	char line[512] = "";
	ssize_t len;

	setenv("NOTIFY_SOCKET", path, 1);
	lowest = lowest_descriptor();
	dup2(errors, STDERR_FILENO);
	notify_manager("WATCHDOG=1");
	dup2(saved, STDERR_FILENO);
	ck_assert_int_eq(lowest_descriptor(), lowest);
	len = pread(errors, line, sizeof(line) - 1, 0);
	ck_assert_int_gt(len, 0);
	ck_assert_ptr_nonnull(strstr(line, "level=warn event=notify.failed"));
	ck_assert_ptr_nonnull(strstr(line, path));
	ck_assert_ptr_eq(strchr(line, '\n'), line + len - 1);
	close(errors);
	close(saved);
}
END_TEST

START_TEST(loses_no_descriptor)
{
	int lowest;

	listen_at(path, strlen(path));
	setenv("NOTIFY_SOCKET", path, 1);
	lowest = lowest_descriptor();
	notify_manager("WATCHDOG=1");
	ck_assert_int_eq(lowest_descriptor(), lowest);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("base/notify");
	TCase *tc = tcase_create("notify");
	SRunner *runner;
	int failed;

	tcase_add_checked_fixture(tc, set_up, tear_down);
	tcase_add_test(tc, sends_one_datagram_to_a_path);
	tcase_add_test(tc, sends_to_an_abstract_name);
	tcase_add_test(tc, says_nothing_where_nobody_asked);
	tcase_add_test(tc, minds_the_length_of_the_name);
	tcase_add_test(tc, absent_manager_costs_a_line_and_no_descriptor);
	tcase_add_test(tc, loses_no_descriptor);
	suite_add_tcase(suite, tc);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
