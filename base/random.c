#include "base/random.h"

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>

void random_bytes(void *out, size_t len)
{
	char *at = out;

	while (len > 0) {
		ssize_t got = getrandom(at, len, 0);

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0) {
			perror("getrandom");
			abort();
		}
		at += got;
		len -= (size_t)got;
	}
}

void random_name(char *out, size_t len)
{
	static const char digits[] = "0123456789abcdefghijklmnopqrstuv";

	random_bytes(out, len);
	for (size_t i = 0; i < len; i++)
		out[i] = digits[(unsigned char)out[i] % 32];
	out[len] = '\0';
}

double random_unit(void)
{
	uint32_t bits;

	random_bytes(&bits, sizeof(bits));
	return (double)bits / 4294967296.0;
}
