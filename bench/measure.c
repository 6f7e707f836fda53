#include "bench/measure.h"

#include "base/mem.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

uint64_t measure_cpu(pid_t pid)
{
	struct timespec used;
	clockid_t clock;

	if (clock_getcpuclockid(pid, &clock) != 0 || clock_gettime(clock, &used) != 0)
		return 0;
	return (uint64_t)used.tv_sec * MEASURE_SECOND + (uint64_t)used.tv_nsec;
}

uint64_t measure_rss(pid_t pid)
{
	char line[256];
	uint64_t pages = 0;
	FILE *f;

	snprintf(line, sizeof line, "/proc/%ld/statm", (long)pid);
	f = fopen(line, "re");
	if (!f)
		return 0;
	if (fgets(line, sizeof line, f)) {
		char *end;

		(void)strtoull(line, &end, 10); /* the first number is the virtual size */
		pages = strtoull(end, NULL, 10);
	}
	fclose(f);
	return pages * (uint64_t)sysconf(_SC_PAGESIZE);
}

static int compare_doubles(const void *a, const void *b)
{
	double x = *(const double *)a;
	double y = *(const double *)b;

	return (x > y) - (x < y);
}

double measure_median(double *values, size_t count)
{
	qsort(values, count, sizeof *values, compare_doubles);
	if (count % 2)
		return values[count / 2];
	return (values[count / 2 - 1] + values[count / 2]) / 2;
}

void samples_fini(struct samples *s)
{
	free(s->at);
	*s = (struct samples){ 0 };
}

void samples_add(struct samples *s, uint64_t value)
{
	if (s->count == s->size) {
		s->size = s->size ? s->size * 2 : 1024;
		s->at = mem_realloc(s->at, s->size * sizeof *s->at);
	}
	s->at[s->count++] = value;
}

static int compare_times(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a;
	uint64_t y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

uint64_t samples_quantile(struct samples *s, double share)
{
	size_t rank;

	if (s->count == 0)
		return 0;
	qsort(s->at, s->count, sizeof *s->at, compare_times);
	rank = (size_t)(share * (double)s->count);
	return s->at[rank < s->count ? rank : s->count - 1];
}
