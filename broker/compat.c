#include "broker/compat.h"

#include "base/log.h"
#include "broker/broker.h"
#include "broker/session.h"

static bool is_on(const struct config *config, enum compat what)
{
	switch (what) {
	case COMPAT_UNKNOWN_DESTINATION:
		return config->compat_ignore_unknown_destination;
	case COMPAT_UNKNOWN_UNSUBSCRIBE:
		return config->compat_ignore_unknown_unsubscribe;
	case COMPAT_DUPLICATE_SUBSCRIPTION:
		return config->compat_ignore_duplicate_subscription;
	}
	return false;
}

bool compat_ignores(struct session *s, const struct stomp_frame *frame, enum compat what)
{
	if (!is_on(s->shard->broker->config, what))
		return false;
	stats_add(&s->shard->stats.frames_ignored, 1);
	log_debug("session.ignored", LOG_U64("session", s->id),
		LOG_STR("command", stomp_command_name(frame->command)));
	if (what == COMPAT_UNKNOWN_UNSUBSCRIBE)
		session_receipt(s, frame, 0);
	return true;
}

bool compat_ignores_incomplete(struct session *s, const struct stomp_frame *frame)
{
	switch (frame->command) {
	case STOMP_SEND:
	case STOMP_SUBSCRIBE:
		return compat_ignores(s, frame, COMPAT_UNKNOWN_DESTINATION);
	case STOMP_UNSUBSCRIBE:
		return compat_ignores(s, frame, COMPAT_UNKNOWN_UNSUBSCRIBE);
	default:
		return false;
	}
}
