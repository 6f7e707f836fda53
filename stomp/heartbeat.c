#include "stomp/heartbeat.h"

#include "base/digits.h"

static bool read_ms(struct span text, uint32_t *ms)
{
	uint64_t n;

	if (!digits_read(text, &n) || n > UINT32_MAX)
		return false;
	*ms = (uint32_t)n;
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
