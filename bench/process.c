#include "bench/process.h"

#include "bench/measure.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define START_WITHIN (10 * MEASURE_SECOND)
#define STOP_WITHIN  (15 * MEASURE_SECOND)
#define ARGS_MOST    64

static void nap(void)
{
	nanosleep(&(struct timespec){ .tv_nsec = 10000000L }, NULL);
}

static struct sockaddr_in loopback(uint16_t port)
{
	return (struct sockaddr_in){ .sin_family = AF_INET,
		.sin_port = htons(port),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
}

/* Nothing holds the port for us meanwhile, but the kernel does not soon give it out again. */
static uint16_t free_port(void)
{
	struct sockaddr_in at = loopback(0);
	socklen_t len = sizeof at;
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	uint16_t port = 0;

	if (fd < 0)
		return 0;
	if (bind(fd, (struct sockaddr *)&at, sizeof at) == 0 &&
		getsockname(fd, (struct sockaddr *)&at, &len) == 0)
		port = ntohs(at.sin_port);
	close(fd);
	return port;
}

static bool accepts(uint16_t port)
{
	struct sockaddr_in at = loopback(port);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	bool ok = fd >= 0 && connect(fd, (struct sockaddr *)&at, sizeof at) == 0;

	if (fd >= 0)
		close(fd);
	return ok;
}

void process_pin(int cpu)
{
	cpu_set_t set;

	if (cpu < 0)
		return;
	CPU_ZERO(&set);
	CPU_SET((unsigned)cpu, &set);
	if (sched_setaffinity(0, sizeof set, &set) != 0)
		perror("sched_setaffinity");
}

/* Runs in the child. The broker ends when this benchmark does, whatever ends it. */
static void become_broker(const struct options *o, uint16_t port, const char *extra)
{
	static char threads[] = "--threads=1";
	static char level[] = "--log-level=warn";
	static char connections[] = "--limits-connections=200000";
	static char drain[] = "--drain-time=2s";
	/* The clients of a benchmark answer no PING; they are watched by other means. */
	static char liveness[] = "--liveness-ping-after=1h";
	char listening[64];
	char binary[4096];
	char more[256];
	char *args[ARGS_MOST];
	size_t n = 0;

	snprintf(listening, sizeof listening, "--listen=127.0.0.1:%u", port);
	snprintf(binary, sizeof binary, "%s", o->broker);
	args[n++] = binary;
	args[n++] = listening;
	args[n++] = threads;
	args[n++] = level;
	args[n++] = connections;
	args[n++] = drain;
	args[n++] = liveness;
	if (extra) {
		snprintf(more, sizeof more, "%s", extra);
		args[n++] = more;
	}
	for (char **arg = o->broker_args; *arg && n < ARGS_MOST - 1; arg++)
		args[n++] = *arg;
	args[n] = NULL;
	prctl(PR_SET_PDEATHSIG, SIGTERM);
	process_pin(o->broker_cpu);
	/* What the broker prints must not get between our tables. */
	dup2(STDERR_FILENO, STDOUT_FILENO);
	execv(binary, args);
	perror(binary);
	_exit(127);
}

bool process_start(struct process *p, const struct options *o, const char *extra)
{
	uint64_t deadline = measure_now() + START_WITHIN;

	p->port = free_port();
	fflush(NULL);
	p->pid = fork();
	if (p->pid == 0)
		become_broker(o, p->port, extra);
	if (p->pid < 0) {
		perror("fork");
		p->pid = 0;
		return false;
	}
	while (measure_now() < deadline) {
		if (accepts(p->port))
			return true;
		if (waitpid(p->pid, NULL, WNOHANG) == p->pid) {
			fprintf(stderr, "bench: the broker ended at once\n");
			p->pid = 0;
			return false;
		}
		nap();
	}
	fprintf(stderr, "bench: the broker did not begin to listen\n");
	if (!process_stop(p))
		p->pid = 0;
	return false;
}

bool process_stop(struct process *p)
{
	uint64_t deadline = measure_now() + STOP_WITHIN;
	int status = 0;
	pid_t got;

	if (p->pid == 0)
		return false;
	kill(p->pid, SIGTERM);
	while ((got = waitpid(p->pid, &status, WNOHANG)) == 0 && measure_now() < deadline)
		nap();
	if (got == 0) {
		fprintf(stderr, "bench: the broker did not end after SIGTERM\n");
		kill(p->pid, SIGKILL);
		waitpid(p->pid, &status, 0);
	}
	p->pid = 0;
	if (got > 0 && WIFEXITED(status) && WEXITSTATUS(status) == 0)
		return true;
	fprintf(stderr, "bench: the broker ended badly (wait status %d)\n", status);
	return false;
}
