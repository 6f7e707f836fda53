#include "stomp/heartbeat.h"

/* Decimal digits only, at most UINT32_MAX. */
static bool read_ms(struct span text, uint32_t *ms)
{
	uint32_t n = 0;

	if (text.len == 0)
		return false;
	for (size_t i = 0; i < text.len; i++) {
		if (text.at[i] < '0' || text.at[i] > '9')
			return false;
		if (__builtin_mul_overflow(n, 10, &n) ||
			__builtin_add_overflow(n, (uint32_t)(text.at[i] - '0'), &n))
			return false;
	}
	*ms = n;
	return true;
}

bool stomp_heartbeat_read(struct span value, struct stomp_heartbeat *offer)
{
	const char *comma = value.len > 0 ? memchr(value.at, ',', value.len) : NULL;
	struct stomp_heartbeat read;
	size_t can_len;

	if (!comma)
		return false;
	can_len = (size_t)(comma - value.at);
	if (!read_ms((struct span){ value.at, can_len }, &read.can) ||
		!read_ms((struct span){ comma + 1, value.len - can_len - 1 }, &read.want))
		return false;
	*offer = read;
	return true;
}

/* The slower of what one side can and the other wants; none if either says none. */
static uint32_t interval(uint32_t can, uint32_t want)
{
	if (can == 0 || want == 0)
		return 0;
	return can > want ? can : want;
}

struct stomp_beats stomp_heartbeat_agree(
	struct stomp_heartbeat server, struct stomp_heartbeat client)
{
	return (struct stomp_beats){
		.send_ms = interval(server.can, client.want),
		.receive_ms = interval(client.can, server.want),
	};
}
