#include "stomp/frame.h"

#include "base/attr.h"

static const struct span names[STOMP_COMMAND_COUNT] = { [STOMP_NO_COMMAND] = SPAN("?"),
#define X(name, sender) [STOMP_##name] = SPAN(#name),
	STOMP_COMMANDS(X)
#undef X
};

bool stomp_frame_header(const struct stomp_frame *frame, struct span name, struct span *value)
{
	for (size_t i = 0; i < frame->header_count; i++) {
		if (span_eq(frame->headers[i].name, name)) {
			*value = frame->headers[i].value;
			return true;
		}
	}
	return false;
}

const char *stomp_command_name(enum stomp_command command)
{
	return names[command].at;
}

enum stomp_command stomp_command_of(struct span name)
{
	for (int c = STOMP_NO_COMMAND + 1; c < STOMP_COMMAND_COUNT; c++) {
		if (span_eq(names[c], name))
			return (enum stomp_command)c;
	}
	return STOMP_NO_COMMAND;
}
