/* Every number that can be chosen is a row of one table, with its bounds. */
#include "bench/options.h"

#include "base/span.h"

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct number {
	const char *name;
	size_t at; /* offset in struct options */
	size_t preset;
	size_t least;
	size_t most;
	const char *help;
} numbers[] = {
	{ "subscribers", offsetof(struct options, subscribers), 1000, 1, 100000,
		"subscribers of the fan-out" },
	{ "publishers", offsetof(struct options, publishers), 16, 1, 1000,
		"publishers of the saturated run" },
	{ "window", offsetof(struct options, window), 64, 1, 4096,
		"messages in flight of each of them" },
	{ "body", offsetof(struct options, body), 128, 32, 32768, "bytes of a message body" },
	{ "seconds", offsetof(struct options, seconds), 2, 1, 60, "length of each measurement" },
	{ "repeat", offsetof(struct options, repeat), 3, 1, BENCH_REPEAT_MOST,
		"measurements of the fan-out; the median counts" },
	{ "idle", offsetof(struct options, idle), 10000, 1, 1000000, "idle connections" },
	{ "slow-subscribers", offsetof(struct options, slow_subscribers), 100, 1, 10000,
		"healthy subscribers beside the stalled ones" },
	{ "slow-rate", offsetof(struct options, slow_rate), 200, 1, 10000,
		"messages per second beside stalled subscribers" },
	{ "slow-body", offsetof(struct options, slow_body), 4096, 32, 32768,
		"bytes of their bodies" },
	{ "slow-seconds", offsetof(struct options, slow_seconds), 4, 1, 60,
		"length of each run beside stalled subscribers" },
};

static const struct {
	const char *name;
	enum bench_part part;
	const char *help;
} parts[] = {
	{ "floor", BENCH_FLOOR, "a bare send(2) loop, without a broker" },
	{ "fanout", BENCH_FANOUT, "broker and bare loop by turns" },
	{ "slow", BENCH_SLOW, "subscribers that stop reading" },
	{ "connect", BENCH_CONNECT, "connections per second" },
	{ "idle", BENCH_IDLE, "memory of idle connections" },
};

static size_t *number_in(struct options *o, const struct number *n)
{
	return (size_t *)(void *)((char *)o + n->at);
}

static void print_help(void)
{
	printf("usage: stompbox-bench [option...] [-- broker option...]\n\n"
	       "Starts a broker, loads it, checks every delivery and prints Markdown tables.\n"
	       "Ends with 1 if a check failed, 64 if the command line is wrong.\n\n"
	       "  --broker=PATH  the broker's binary (default: $STOMPBOX or "
	       "build/release/stompbox)\n"
	       "  --only=PARTS   what to run, with commas between; all but floor by default:\n");
	for (size_t i = 0; i < countof(parts); i++)
		printf("      %-8s   %s\n", parts[i].name, parts[i].help);
	for (size_t i = 0; i < countof(numbers); i++)
		printf("  --%s=N\n      %s (default %zu; %zu to %zu)\n", numbers[i].name,
			numbers[i].help, numbers[i].preset, numbers[i].least, numbers[i].most);
}

static bool read_parts(struct options *o, const char *text)
{
	o->parts = 0;
	while (*text) {
		struct span word = { text, strcspn(text, ",") };
		unsigned part = 0;

		for (size_t i = 0; i < countof(parts); i++)
			if (span_eq(word, span_of(parts[i].name)))
				part = parts[i].part;
		if (!part)
			return false;
		o->parts |= part;
		text += word.len + (text[word.len] == ',');
	}
	return o->parts != 0;
}

static bool read_number(struct options *o, struct span name, const char *text)
{
	for (size_t i = 0; i < countof(numbers); i++) {
		const struct number *n = &numbers[i];
		char *end;
		unsigned long long value;

		if (!span_eq(name, span_of(n->name)))
			continue;
		errno = 0;
		value = strtoull(text, &end, 10);
		if (errno || end == text || *end || *text == '-' || value < n->least ||
			value > n->most)
			return false;
		*number_in(o, n) = (size_t)value;
		return true;
	}
	return false;
}

static bool read_option(struct options *o, const char *arg)
{
	const char *equals = strchr(arg, '=');
	struct span name;

	if (strncmp(arg, "--", 2) != 0 || !equals)
		return false;
	name = (struct span){ arg + 2, (size_t)(equals - arg) - 2 };
	if (span_eq(name, SPAN("broker"))) {
		o->broker = equals + 1;
		return true;
	}
	if (span_eq(name, SPAN("only")))
		return read_parts(o, equals + 1);
	return read_number(o, name, equals + 1);
}

enum options_answer options_read(struct options *o, int argc, char **argv)
{
	int i;

	*o = (struct options){ .broker_cpu = -1, .own_cpu = -1 };
	o->parts = BENCH_FANOUT | BENCH_SLOW | BENCH_CONNECT | BENCH_IDLE;
	o->broker = getenv("STOMPBOX");
	if (!o->broker)
		o->broker = "build/release/stompbox";
	for (size_t n = 0; n < countof(numbers); n++)
		*number_in(o, &numbers[n]) = numbers[n].preset;
	for (i = 1; i < argc && strcmp(argv[i], "--") != 0; i++) {
		if (strcmp(argv[i], "--help") == 0) {
			print_help();
			return OPTIONS_EXIT;
		}
		if (!read_option(o, argv[i])) {
			fprintf(stderr, "stompbox-bench: %s is wrong, see --help\n", argv[i]);
			return OPTIONS_WRONG;
		}
	}
	o->broker_args = argv + (i < argc ? i + 1 : i);
	return OPTIONS_RUN;
}
