#include "redis_server.h"

#include <check.h>
#include <hiredis/hiredis.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum {
	STARTS_WITHIN_MS = 10000,
	LOOK_MS = 5,
};

static unsigned free_port(void)
{
	struct sockaddr_in address = { .sin_family = AF_INET,
		.sin_addr = { htonl(INADDR_LOOPBACK) } };
	socklen_t size = sizeof(address);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(bind(fd, (struct sockaddr *)&address, size), 0);
	ck_assert_int_eq(getsockname(fd, (struct sockaddr *)&address, &size), 0);
	close(fd);
	return ntohs(address.sin_port);
}

void redis_server_init(struct redis_server *r)
{
	*r = (struct redis_server){ .pid = 0 };
	snprintf(r->dir, sizeof(r->dir), "/tmp/test-redis-XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(r->dir));
	snprintf(r->socket, sizeof(r->socket), "%s/sock", r->dir);
	r->port = free_port();
	snprintf(r->url, sizeof(r->url), "redis://127.0.0.1:%u/0", r->port);
}

/* In the child: becomes the server, and dies with the test. */
static _Noreturn void become_server(
	const struct redis_server *r, const char *password, pid_t parent)
{
	char port[16];

	snprintf(port, sizeof(port), "%u", r->port);
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent || !freopen("/dev/null", "w", stdout))
		_exit(EXIT_FAILURE);
	execlp("redis-server", "redis-server", "--bind", "127.0.0.1", "--port", port,
		"--unixsocket", r->socket, "--dir", r->dir, "--save", "", "--appendonly", "no",
		"--requirepass", password ? password : "", (char *)NULL);
	_exit(EXIT_FAILURE);
}

static redisContext *connected(const struct redis_server *r)
{
	redisContext *c = redisConnectUnix(r->socket);

	if (c && c->err) {
		redisFree(c);
		c = NULL;
	}
	return c;
}

void redis_server_start(struct redis_server *r, const char *password)
{
	const struct timespec look = { .tv_nsec = LOOK_MS * 1000000L };
	pid_t parent = getpid();

	ck_assert_int_eq(r->pid, 0);
	r->pid = fork();
	ck_assert_int_ge(r->pid, 0);
	if (r->pid == 0)
		become_server(r, password, parent);
	for (int waited = 0; waited < STARTS_WITHIN_MS; waited += LOOK_MS) {
		redisContext *c = connected(r);
		redisReply *reply = c ? redisCommand(c, "PING") : NULL;

		if (reply)
			freeReplyObject(reply);
		if (c)
			redisFree(c);
		if (reply)
			return;
		nanosleep(&look, NULL);
	}
	ck_abort_msg("redis-server does not start");
}

void redis_server_signal(const struct redis_server *r, int number)
{
	ck_assert_int_gt(r->pid, 0);
	ck_assert_int_eq(kill(r->pid, number), 0);
}

void redis_server_kill(struct redis_server *r)
{
	if (r->pid == 0)
		return;
	redis_server_signal(r, SIGKILL);
	ck_assert_int_eq(waitpid(r->pid, NULL, 0), r->pid);
	r->pid = 0;
	unlink(r->socket);
}

void redis_server_fini(struct redis_server *r)
{
	redis_server_kill(r);
	ck_assert_int_eq(rmdir(r->dir), 0);
}

bool redis_server_tell(
	const struct redis_server *r, int argc, const char **argv, const size_t *lens)
{
	redisContext *c = connected(r);
	redisReply *reply;
	bool good;

	ck_assert_ptr_nonnull(c);
	reply = redisCommandArgv(c, argc, argv, lens);
	good = reply && reply->type != REDIS_REPLY_ERROR;
	if (reply)
		freeReplyObject(reply);
	redisFree(c);
	return good;
}

bool redis_server_command(const struct redis_server *r, const char *line)
{
	const char *argv[16];
	char words[256], *rest = words, *word;
	int argc = 0;

	snprintf(words, sizeof(words), "%s", line);
	while ((word = strsep(&rest, " ")) != NULL) {
		ck_assert_int_lt(argc, (int)countof(argv));
		argv[argc++] = word;
	}
	return redis_server_tell(r, argc, argv, NULL);
}
