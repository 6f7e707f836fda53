/*
 * What a client may say, and when. One row per command: the states and
 * versions in which the command is legal, the headers it must bring, and the
 * function that does it. Everything else is refused here, before any handler runs.
 */
#include "broker/inbound.h"

#include "broker/session.h"

#define IN(state) (1u << SESSION_##state)

/* Versions in which something holds. */
#define ONLY_1_0  (1u << STOMP_VERSION_1_0)
#define ONLY_1_1  (1u << STOMP_VERSION_1_1)
#define ONLY_1_2  (1u << STOMP_VERSION_1_2)
#define SINCE_1_1 (ONLY_1_1 | ONLY_1_2)
#define SINCE_1_0 (ONLY_1_0 | SINCE_1_1)

/* An acknowledgement names its message as its version has it. */
#define MESSAGE_NAMES                                                      \
	{                                                                  \
		{ "id", ONLY_1_2 }, { "message-id", ONLY_1_0 | ONLY_1_1 }, \
		{                                                          \
			"subscription", ONLY_1_1                           \
		}                                                          \
	}

static const struct rule {
	unsigned legal_in; /* IN() bits */
	unsigned versions;
	struct {
		const char *name; /* NULL ends the list early */
		unsigned versions;
	} required[3];
	inbound_fn *act;
} rules[STOMP_COMMAND_COUNT] = {
	[STOMP_CONNECT] = { IN(OPEN), SINCE_1_0, { { NULL, 0 } }, session_connect },
	[STOMP_STOMP] = { IN(OPEN), SINCE_1_0, { { NULL, 0 } }, session_connect },
	[STOMP_SEND] = { IN(CONNECTED), SINCE_1_0, { { "destination", SINCE_1_0 } }, session_send },
	[STOMP_SUBSCRIBE] = { IN(CONNECTED), SINCE_1_0,
		{ { "id", SINCE_1_1 }, { "destination", SINCE_1_0 } }, session_subscribe },
	[STOMP_UNSUBSCRIBE] = { IN(CONNECTED), SINCE_1_0, { { "id", SINCE_1_1 } },
		session_unsubscribe },
	[STOMP_ACK] = { IN(CONNECTED), SINCE_1_0, MESSAGE_NAMES, session_ack },
	[STOMP_NACK] = { IN(CONNECTED), SINCE_1_1, MESSAGE_NAMES, session_nack },
	[STOMP_BEGIN] = { IN(CONNECTED), SINCE_1_0, { { "transaction", SINCE_1_0 } },
		session_begin },
	[STOMP_COMMIT] = { IN(CONNECTED), SINCE_1_0, { { "transaction", SINCE_1_0 } },
		session_commit },
	[STOMP_ABORT] = { IN(CONNECTED), SINCE_1_0, { { "transaction", SINCE_1_0 } },
		session_abort },
	[STOMP_DISCONNECT] = { IN(CONNECTED), SINCE_1_0, { { NULL, 0 } }, session_disconnect },
};

enum inbound inbound_check(
	const struct session *s, const struct stomp_frame *frame, const char **missing)
{
	const struct rule *rule = &rules[frame->command];
	struct span ignored;

	if (!rule->act || !(rule->versions & (1u << s->version)))
		return INBOUND_NOT_SUPPORTED;
	if (!(rule->legal_in & (1u << s->state)))
		return INBOUND_WRONG_STATE;
	for (size_t i = 0; i < countof(rule->required) && rule->required[i].name; i++) {
		if (!(rule->required[i].versions & (1u << s->version)))
			continue;
		if (!stomp_frame_header(frame, span_of(rule->required[i].name), &ignored)) {
			*missing = rule->required[i].name;
			return INBOUND_HEADER_MISSING;
		}
	}
	return INBOUND_LEGAL;
}

void inbound_act(struct session *s, const struct stomp_frame *frame)
{
	rules[frame->command].act(s, frame);
}
