/*
 * What a client may say, and when. One row per command: the states in which
 * the command is legal, the headers it must bring, and the function that does
 * it. Everything else is refused here, before any handler runs.
 */
#include "broker/inbound.h"

#include "broker/session.h"

#define IN(state) (1u << SESSION_##state)

static const struct rule {
	unsigned legal_in;           /* IN() bits */
	const char *required[3];     /* header names; NULL ends the list early */
	enum stomp_version id_since; /* the id among them may be missing in older versions */
	inbound_fn *act;
} rules[STOMP_COMMAND_COUNT] = {
	[STOMP_CONNECT] = { IN(OPEN), { NULL }, STOMP_VERSION_1_0, session_connect },
	[STOMP_STOMP] = { IN(OPEN), { NULL }, STOMP_VERSION_1_0, session_connect },
	[STOMP_SEND] = { IN(CONNECTED), { "destination" }, STOMP_VERSION_1_0, session_send },
	[STOMP_SUBSCRIBE] = { IN(CONNECTED), { "id", "destination" }, STOMP_VERSION_1_1,
		session_subscribe },
	[STOMP_UNSUBSCRIBE] = { IN(CONNECTED), { "id" }, STOMP_VERSION_1_1, session_unsubscribe },
	[STOMP_DISCONNECT] = { IN(CONNECTED), { NULL }, STOMP_VERSION_1_0, session_disconnect },
};

enum inbound inbound_check(
	const struct session *s, const struct stomp_frame *frame, const char **missing)
{
	const struct rule *rule = &rules[frame->command];
	struct span ignored;

	if (!rule->act)
		return INBOUND_NOT_SUPPORTED;
	if (!(rule->legal_in & (1u << s->state)))
		return INBOUND_WRONG_STATE;
	for (size_t i = 0; i < countof(rule->required) && rule->required[i]; i++) {
		bool is_id = strcmp(rule->required[i], "id") == 0;

		if (is_id && s->version < rule->id_since)
			continue;
		if (!stomp_frame_header(frame, span_of(rule->required[i]), &ignored)) {
			*missing = rule->required[i];
			return INBOUND_HEADER_MISSING;
		}
	}
	return INBOUND_LEGAL;
}

void inbound_act(struct session *s, const struct stomp_frame *frame)
{
	rules[frame->command].act(s, frame);
}
