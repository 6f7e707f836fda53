/* transport/listener: addresses, who may share them, and what happens when descriptors run out. */
#include "transport/listener.h"

#include <arpa/inet.h>
#include <check.h>
#include <errno.h>
#include <ev.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

enum {
	CLIENTS = 64
};

/* `printed` is how the address looks afterwards; NULL: refused. */
static const struct {
	const char *text;
	const char *printed;
} addresses[] = {
	{ "127.0.0.1:8080", "127.0.0.1:8080" },
	{ "127.0.0.1:0", "127.0.0.1:0" },
	{ "127.0.0.1:1", "127.0.0.1:1" },
	{ "127.0.0.1:65535", "127.0.0.1:65535" },
	{ "0.0.0.0:8080", "0.0.0.0:8080" },
	{ "[::1]:8080", "[::1]:8080" },
	{ "[::]:8080", "[::]:8080" },
	{ "::1:8080", "[::1]:8080" },
	{ "", NULL },
	{ ":", NULL },
	{ "8080", NULL },
	{ ":8080", NULL },
	{ "127.0.0.1", NULL },
	{ "127.0.0.1:http", NULL },
	{ "127.0.0.1:80x", NULL },
	{ "127.0.0.1:8080 ", NULL },
	{ "127.0.0.1:", NULL },
	{ "127.0.0.1:65536", NULL },
	{ "127.0.0.1:99999", NULL },
	{ "127.0.0.1:4294967376", NULL }, /* 80 more than 2^32 */
	{ "127.0.0.1:-1", NULL },
	{ "127.0.0.1: 80", NULL },
	{ "127.0.0.1:+80", NULL },
	{ "127.0.0.256:80", NULL },
	{ "[]:80", NULL },
	{ "[:80", NULL },
	{ "[::1:80", NULL },
	{ "[::g]:80", NULL },
	{ "no such host:80", NULL },
};

START_TEST(parses)
{
	struct listener_address address;
	char why[256] = "";
	char printed[80] = "";
	bool good = listener_parse(addresses[_i].text, &address, why);

	if (good)
		listener_print(&address, printed, sizeof(printed));
	ck_assert_msg(good == (addresses[_i].printed != NULL), "\"%s\" became %s",
		addresses[_i].text, printed);
	if (good)
		ck_assert_str_eq(printed, addresses[_i].printed);
	else
		ck_assert_msg(why[0] && !strchr(why, '\n'), "\"%s\"", why);
}
END_TEST

START_TEST(star_is_every_address)
{
	struct listener_address address;
	char why[256], printed[80];

	ck_assert(listener_parse("*:8080", &address, why));
	listener_print(&address, printed, sizeof(printed));
	ck_assert(strcmp(printed, "0.0.0.0:8080") == 0 || strcmp(printed, "[::]:8080") == 0);
}
END_TEST

START_TEST(host_has_a_limit)
{
	struct listener_address address;
	char text[1000], why[256] = "";

	for (size_t len = 120; len < 140; len++) {
		memset(text, '1', sizeof(text));
		memcpy(text + len, ":80", sizeof(":80"));
		ck_assert(!listener_parse(text, &address, why));
	}
	memset(text, '[', sizeof(text));
	memcpy(text + sizeof(text) - 5, "]:80", sizeof("]:80"));
	ck_assert(!listener_parse(text, &address, why));
	ck_assert(why[0]);
}
END_TEST

static struct listener_address loopback(void)
{
	struct listener_address address;
	char why[256];

	ck_assert_msg(listener_parse("127.0.0.1:0", &address, why), "%s", why);
	return address;
}

static unsigned port_of(const struct listener_address *address)
{
	const struct sockaddr_in *four = (const struct sockaddr_in *)(const void *)&address->at;

	return ntohs(four->sin_port);
}

START_TEST(port_0_is_chosen_by_the_kernel)
{
	struct listener_address one = loopback(), two = loopback();
	struct listener *first = listener_new(&one, true), *second = listener_new(&two, true);
	char printed[80], expected[80];

	ck_assert_ptr_nonnull(first);
	ck_assert_ptr_nonnull(second);
	ck_assert_uint_ne(port_of(&one), 0);
	ck_assert_uint_ne(port_of(&one), port_of(&two));
	listener_print(&one, printed, sizeof(printed));
	snprintf(expected, sizeof(expected), "127.0.0.1:%u", port_of(&one));
	ck_assert_str_eq(printed, expected);
	listener_free(first);
	listener_free(second);
}
END_TEST

/* Another broker, whether it shares its own address among loops or not. */
START_TEST(second_broker_is_refused)
{
	struct listener_address address = loopback();
	struct listener *first = listener_new(&address, true);
	struct listener *second = listener_new(&address, false), *again;

	ck_assert_ptr_nonnull(first);
	ck_assert_ptr_nonnull(second);
	errno = 0;
	ck_assert_ptr_null(listener_new(&address, true));
	ck_assert_int_eq(errno, EADDRINUSE);
	listener_free(first);
	errno = 0;
	ck_assert_ptr_null(listener_new(&address, true));
	ck_assert_int_eq(errno, EADDRINUSE);
	listener_free(second);
	again = listener_new(&address, true);
	ck_assert_ptr_nonnull(again);
	listener_free(again);
}
END_TEST

START_TEST(address_of_another_machine_is_refused)
{
	struct listener_address address;
	char why[256];

	ck_assert(listener_parse("192.0.2.1:8080", &address, why)); /* RFC 5737 */
	errno = 0;
	ck_assert_ptr_null(listener_new(&address, true));
	ck_assert_int_eq(errno, EADDRNOTAVAIL);
}
END_TEST

static int connect_to(const struct listener_address *address)
{
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(
		connect(fd, (const struct sockaddr *)(const void *)&address->at, address->len), 0);
	return fd;
}

struct accepted {
	unsigned count;
	int fds[CLIENTS];
};

static void on_accept(void *owner, int fd)
{
	struct accepted *a = owner;

	a->fds[a->count++] = fd;
}

static void close_all(struct accepted *a)
{
	while (a->count > 0)
		close(a->fds[--a->count]);
}

/* The kernel spreads clients over the listeners of one process, and none is lost. */
START_TEST(listeners_of_one_process_share)
{
	struct listener_address address = loopback();
	struct listener *first = listener_new(&address, true);
	struct listener *second = listener_new(&address, false);
	struct ev_loop *loop = ev_loop_new(EVFLAG_AUTO);
	struct accepted one = { 0 }, two = { 0 };
	int clients[CLIENTS];

	ck_assert_ptr_nonnull(first);
	ck_assert_ptr_nonnull(second);
	listener_start(first, loop, 65536, on_accept, &one);
	listener_start(second, loop, 65536, on_accept, &two);
	for (size_t i = 0; i < CLIENTS; i++)
		clients[i] = connect_to(&address);
	for (int turn = 0; turn < 100 && one.count + two.count < CLIENTS; turn++)
		ev_run(loop, EVRUN_ONCE);
	ck_assert_uint_eq(one.count + two.count, CLIENTS);
	ck_assert_uint_gt(one.count, 0);
	ck_assert_uint_gt(two.count, 0);
	close_all(&one);
	close_all(&two);
	for (size_t i = 0; i < CLIENTS; i++)
		close(clients[i]);
	listener_free(first);
	listener_free(second);
	ev_loop_destroy(loop);
}
END_TEST

static int option_of(int fd, int level, int name)
{
	int value = -1;
	socklen_t len = sizeof(value);

	ck_assert_int_eq(getsockopt(fd, level, name, &value, &len), 0);
	return value;
}

START_TEST(accepted_descriptors_are_set_up)
{
	struct listener_address address = loopback();
	struct listener *l = listener_new(&address, true);
	struct ev_loop *loop = ev_loop_new(EVFLAG_AUTO);
	struct accepted a = { 0 };
	int client, fd;
	char byte;

	listener_start(l, loop, 40000, on_accept, &a);
	client = connect_to(&address);
	ev_run(loop, EVRUN_ONCE);
	ck_assert_uint_eq(a.count, 1);
	fd = a.fds[0];
	ck_assert_int_eq(recv(fd, &byte, 1, 0), -1); /* would hang if it blocked */
	ck_assert_int_eq(errno, EAGAIN);
	ck_assert_int_eq(option_of(fd, IPPROTO_TCP, TCP_NODELAY), 1);
	ck_assert_int_eq(option_of(fd, SOL_SOCKET, SO_KEEPALIVE), 1);
	ck_assert_int_gt(option_of(fd, IPPROTO_TCP, TCP_USER_TIMEOUT), 0);
	ck_assert_int_eq(option_of(fd, SOL_SOCKET, SO_SNDBUF), 80000); /* Linux doubles it */
	close_all(&a);
	close(client);
	listener_free(l);
	listener_free(NULL);
	ev_loop_destroy(loop);
}
END_TEST

static int count_lines(int fd)
{
	static char text[65536];
	ssize_t len = pread(fd, text, sizeof(text), 0);
	int count = 0;

	for (ssize_t i = 0; i < len; i++)
		count += text[i] == '\n';
	return count;
}

static void set_limit(rlim_t descriptors)
{
	struct rlimit limit;

	ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &limit), 0);
	limit.rlim_cur = descriptors;
	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
}

static int next_descriptor(void)
{
	int fd = dup(STDERR_FILENO);

	close(fd);
	return fd;
}

/* Who gets one of the last descriptors is closed at once, and one line says why. */
START_TEST(the_last_descriptors_are_not_for_clients)
{
	const int reserved = 32;
	struct listener_address address = loopback();
	struct listener *l = listener_new(&address, true);
	struct ev_loop *loop = ev_loop_new(EVFLAG_AUTO);
	struct accepted a = { 0 };
	struct rlimit before;
	int errors = fileno(tmpfile()), saved = dup(STDERR_FILENO);
	int clients[3];
	char byte;

	ev_run(loop, EVRUN_NOWAIT); /* it opens what it needs itself */
	for (size_t i = 0; i < 3; i++)
		clients[i] = connect_to(&address);
	ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &before), 0);
	set_limit((rlim_t)(next_descriptor() + 1 + reserved));
	listener_start(l, loop, 65536, on_accept, &a);
	dup2(errors, STDERR_FILENO);
	ev_run(loop, EVRUN_ONCE);
	dup2(saved, STDERR_FILENO);
	ck_assert_uint_eq(a.count, 1);
	ck_assert_int_eq(count_lines(errors), 2);
	for (size_t i = 1; i < 3; i++)
		ck_assert_int_eq(recv(clients[i], &byte, 1, MSG_DONTWAIT), 0);
	for (size_t i = 0; i < 3; i++)
		close(clients[i]);
	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &before), 0);
	close_all(&a);
	listener_free(l);
	ev_loop_destroy(loop);
}
END_TEST

static void on_overtime(struct ev_loop *loop, ev_timer *timer, int events)
{
	(void)loop;
	(void)events;
	*(bool *)timer->data = true;
}

/* accept() that cannot succeed must not be tried again and again. */
START_TEST(rests_when_nothing_can_be_accepted)
{
	struct listener_address address = loopback();
	struct listener *l = listener_new(&address, true);
	struct ev_loop *loop = ev_loop_new(EVFLAG_AUTO);
	struct accepted a = { 0 };
	struct rlimit before;
	bool late = false;
	ev_timer timer;
	int client, turns = 0;

	ev_run(loop, EVRUN_NOWAIT);
	listener_start(l, loop, 65536, on_accept, &a);
	client = connect_to(&address);
	ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &before), 0);
	set_limit((rlim_t)next_descriptor());
	ev_timer_init(&timer, on_overtime, 0.3, 0.);
	timer.data = &late;
	ev_timer_start(loop, &timer);
	for (; !late; turns++)
		ev_run(loop, EVRUN_ONCE);
	ck_assert_int_lt(turns, 20);
	ck_assert_uint_eq(a.count, 0);
	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &before), 0);
	for (turns = 0; a.count == 0 && turns < 20; turns++)
		ev_run(loop, EVRUN_ONCE);
	ck_assert_uint_eq(a.count, 1);
	close(client);
	close_all(&a);
	listener_free(l);
	ev_loop_destroy(loop);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("transport/listener");
	TCase *tc = tcase_create("listener");
	SRunner *runner;
	int failed;

	tcase_add_loop_test(tc, parses, 0, (int)countof(addresses));
	tcase_add_test(tc, star_is_every_address);
	tcase_add_test(tc, host_has_a_limit);
	tcase_add_test(tc, port_0_is_chosen_by_the_kernel);
	tcase_add_test(tc, second_broker_is_refused);
	tcase_add_test(tc, address_of_another_machine_is_refused);
	tcase_add_test(tc, listeners_of_one_process_share);
	tcase_add_test(tc, accepted_descriptors_are_set_up);
	tcase_add_test(tc, the_last_descriptors_are_not_for_clients);
	tcase_add_test(tc, rests_when_nothing_can_be_accepted);
	suite_add_tcase(suite, tc);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
