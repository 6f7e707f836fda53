#include "broker/policy.h"

#include "broker/broker.h"

#include <strings.h>

/* What the broker writes itself, what concerns only the sender's frame, and credentials. */
static const char *const never[] = {
	"destination",
	"content-type",
	"content-length",
	"subscription",
	"message-id",
	"redelivered",
	"ack",
	"id",
	"receipt",
	"receipt-id",
	"transaction",
	"selector",
	"session",
	"server",
	"version",
	"host",
	"accept-version",
	"heart-beat",
	"user-name",
	"login",
	"passcode",
	"authorization",
	"proxy-authorization",
	"cookie",
	"x-authorization",
	"x-csrf-token",
	"access_token",
	"token",
};

static bool is_named(struct span header, const char *name)
{
	return header.len == strlen(name) && strncasecmp(header.at, name, header.len) == 0;
}

static bool is_listed(const struct broker *b, struct span header)
{
	for (size_t i = 0; i < b->forward.names->count; i++) {
		if (is_named(header, b->forward.names->items[i]))
			return true;
	}
	return false;
}

bool policy_forwards(const struct broker *b, struct span header)
{
	/*
	 * Spring servers show it to their pages as the destination. Where they publish through
	 * their relay and pages may not, it can be let through.
	 */
	if (is_named(header, "simpOrigDestination"))
		return is_listed(b, header);
	if (header.len >= 4 && strncasecmp(header.at, "simp", 4) == 0)
		return false;
	for (size_t i = 0; i < countof(never); i++) {
		if (is_named(header, never[i]))
			return false;
	}
	if (token_is_header(b->tokens, header))
		return false;
	return b->forward.all || is_listed(b, header);
}
