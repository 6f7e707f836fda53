#include "stomp/version.h"

static const struct span names[STOMP_VERSION_COUNT] = {
	[STOMP_VERSION_1_0] = SPAN("1.0"),
	[STOMP_VERSION_1_1] = SPAN("1.1"),
	[STOMP_VERSION_1_2] = SPAN("1.2"),
};

struct span stomp_version_name(enum stomp_version version)
{
	return names[version];
}

struct span stomp_version_all(void)
{
	return SPAN("1.0,1.1,1.2");
}

static bool is_blank(char c)
{
	return c == ' ' || c == '\t';
}

/* Some clients write "1.1, 1.2", which the specification does not have. */
static struct span trim(struct span s)
{
	while (s.len > 0 && is_blank(s.at[0])) {
		s.at++;
		s.len--;
	}
	while (s.len > 0 && is_blank(s.at[s.len - 1]))
		s.len--;
	return s;
}

bool stomp_version_negotiate(struct span accept, enum stomp_version *version)
{
	int best = -1;

	if (!accept.at) {
		*version = STOMP_VERSION_1_0;
		return true;
	}
	while (accept.len > 0) {
		const char *comma = memchr(accept.at, ',', accept.len);
		size_t len = comma ? (size_t)(comma - accept.at) : accept.len;
		size_t used = comma ? len + 1 : len;
		struct span offer = trim((struct span){ accept.at, len });

		for (int v = best + 1; v < STOMP_VERSION_COUNT; v++) {
			if (span_eq(offer, names[v]))
				best = v;
		}
		accept.at += used;
		accept.len -= used;
	}
	if (best < 0)
		return false;
	*version = (enum stomp_version)best;
	return true;
}
