/* stompbox-bench: starts a broker, loads it, checks every delivery, prints tables. */
#include "bench/fanout.h"
#include "bench/floor.h"
#include "bench/idle.h"
#include "bench/options.h"
#include "bench/process.h"
#include "bench/slow.h"

#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/utsname.h>
#include <unistd.h>

#define EXIT_WRONG_USAGE 64

static void raise_descriptor_limit(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
		return;
	/* Root may go above the hard limit, or not: containers differ. */
	if (limit.rlim_max < 1048576) {
		struct rlimit more = { .rlim_cur = 1048576, .rlim_max = 1048576 };

		if (setrlimit(RLIMIT_NOFILE, &more) == 0)
			return;
	}
	limit.rlim_cur = limit.rlim_max;
	if (setrlimit(RLIMIT_NOFILE, &limit) != 0)
		perror("setrlimit");
}

/* The first processor that we may use is the broker's, the second is ours. */
static void choose_cpus(struct options *o)
{
	int found[2];
	size_t count = 0;
	cpu_set_t set;

	if (sched_getaffinity(0, sizeof set, &set) != 0)
		return;
	for (int cpu = 0; cpu < CPU_SETSIZE && count < 2; cpu++)
		if (CPU_ISSET((unsigned)cpu, &set))
			found[count++] = cpu;
	if (count < 2) {
		fprintf(stderr,
			"bench: one processor only: broker and load are in each other's way\n");
		return;
	}
	o->broker_cpu = found[0];
	o->own_cpu = found[1];
}

static void print_machine(const struct options *o)
{
	struct utsname machine;

	if (uname(&machine) != 0)
		return;
	printf("## Benchmark\n\n%s %s %s, %ld processors; ", machine.sysname, machine.release,
		machine.machine, sysconf(_SC_NPROCESSORS_ONLN));
	if (o->broker_cpu >= 0)
		printf("broker and bare loop on processor %d, load on %d; ", o->broker_cpu,
			o->own_cpu);
	printf("median of %zu runs of %zu s.\n", o->repeat, o->seconds);
	fflush(stdout);
}

static bool floor_alone(const struct options *o)
{
	struct floor f;
	bool ok = floor_start(&f, o, SPAN("")) && floor_print(&f, o);

	floor_stop(&f);
	return ok;
}

int main(int argc, char **argv)
{
	static const struct {
		enum bench_part part;
		bool (*run)(const struct options *o);
	} parts[] = {
		{ BENCH_FLOOR, floor_alone },
		{ BENCH_FANOUT, fanout_run },
		{ BENCH_SLOW, slow_run },
		{ BENCH_CONNECT, connect_run },
		{ BENCH_IDLE, idle_run },
	};
	struct options o;
	bool ok = true;

	switch (options_read(&o, argc, argv)) {
	case OPTIONS_EXIT:
		return EXIT_SUCCESS;
	case OPTIONS_WRONG:
		return EXIT_WRONG_USAGE;
	case OPTIONS_RUN:
		break;
	}
	signal(SIGPIPE, SIG_IGN);
	raise_descriptor_limit();
	choose_cpus(&o);
	process_pin(o.own_cpu);
	print_machine(&o);
	for (size_t i = 0; i < countof(parts); i++) {
		if (o.parts & parts[i].part)
			ok = parts[i].run(&o) && ok;
		fflush(stdout);
	}
	if (!ok)
		fprintf(stderr, "bench: FAILED\n");
	return ok ? EXIT_SUCCESS : EXIT_FAILURE;
}
