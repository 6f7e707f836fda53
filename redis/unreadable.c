#include "redis/unreadable.h"

#include "base/log.h"

enum {
	QUIET_S = 60
};

void unreadable_note(struct unreadable *u, enum envelope_read result, size_t bytes,
	const char *channel, double now)
{
	u->of[result].count++;
	if (u->of[result].logged > 0 && now - u->of[result].logged < QUIET_S)
		return;
	log_warn("bus.unreadable", LOG_STR("channel", channel),
		LOG_STR("why", envelope_problem(result)), LOG_U64("bytes", bytes),
		LOG_U64("records", u->of[result].count - u->of[result].count_logged));
	u->of[result].logged = now;
	u->of[result].count_logged = u->of[result].count;
}
