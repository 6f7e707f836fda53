#include "broker/compat.h"

#include "base/log.h"
#include "broker/broker.h"
#include "broker/session.h"

#define OPTION_AT(name) offsetof(struct config, compat_ignore_##name)

static const size_t options[] = {
	[COMPAT_UNKNOWN_DESTINATION] = OPTION_AT(unknown_destination),
	[COMPAT_UNKNOWN_UNSUBSCRIBE] = OPTION_AT(unknown_unsubscribe),
	[COMPAT_DUPLICATE_SUBSCRIPTION] = OPTION_AT(duplicate_subscription),
	[COMPAT_ACK] = OPTION_AT(ack),
	[COMPAT_TRANSACTIONS] = OPTION_AT(transactions),
	[COMPAT_ODD_HEARTBEAT] = OPTION_AT(odd_heartbeat),
};

/* Commands that may be passed over: for want of a header, and with a RECEIPT all the same. */
static const struct {
	bool may_lack; /* a header that it must bring */
	enum compat by;
	bool is_receipted;
} commands[STOMP_COMMAND_COUNT] = {
	[STOMP_SEND] = { true, COMPAT_UNKNOWN_DESTINATION, false },
	[STOMP_SUBSCRIBE] = { true, COMPAT_UNKNOWN_DESTINATION, false },
	[STOMP_UNSUBSCRIBE] = { true, COMPAT_UNKNOWN_UNSUBSCRIBE, true },
	[STOMP_ACK] = { true, COMPAT_ACK, true },
	[STOMP_NACK] = { true, COMPAT_ACK, true },
	[STOMP_BEGIN] = { true, COMPAT_TRANSACTIONS, true },
	[STOMP_COMMIT] = { true, COMPAT_TRANSACTIONS, true },
	[STOMP_ABORT] = { true, COMPAT_TRANSACTIONS, false },
};

bool compat_is_on(const struct session *s, enum compat what)
{
	const char *config = (const char *)s->shard->broker->config;

	return *(const config_flag *)(config + options[what]);
}

bool compat_ignores(struct session *s, const struct stomp_frame *frame, enum compat what)
{
	if (!compat_is_on(s, what))
		return false;
	stats_add(&s->shard->stats.frames_ignored, 1);
	log_debug("session.ignored", LOG_U64("session", s->id),
		LOG_STR("command", stomp_command_name(frame->command)));
	/* Not before what was sent until now has been taken: see COMMIT. */
	if (commands[frame->command].is_receipted)
		session_receipt(s, frame, s->last_publish);
	return true;
}

bool compat_ignores_incomplete(struct session *s, const struct stomp_frame *frame)
{
	return commands[frame->command].may_lack &&
	       compat_ignores(s, frame, commands[frame->command].by);
}
