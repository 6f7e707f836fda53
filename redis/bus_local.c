/* One node alone: what is published is received at once, as every reader of the bus would see it. */
#include "base/mem.h"
#include "redis/bus.h"
#include "redis/envelope.h"

#include <stdlib.h>

struct local {
	struct bus bus;
	struct bus_counters counters;
};

static void publish(struct bus *b, const struct bus_message *m, void *cookie)
{
	struct local *l = container_of(b, struct local, bus);
	struct bus_message received = *m;

	if (!received.content_type.at)
		received.content_type = envelope_implied_type(m->body, m->body_is_utf8);
	l->counters.published++;
	l->counters.received++;
	b->on.on_message(b->owner, &received);
	b->on.on_accepted(b->owner, cookie, BUS_ACCEPTED);
}

static struct bus_load load(const struct bus *b)
{
	(void)b;
	return (struct bus_load){ .full = false };
}

static enum bus_state state(const struct bus *b, const char **why)
{
	(void)b;
	*why = "";
	return BUS_UP;
}

static void counters(const struct bus *b, struct bus_counters *out)
{
	*out = container_of_const(b, struct local, bus)->counters;
}

static size_t pending(const struct bus *b)
{
	(void)b;
	return 0;
}

static void local_free(struct bus *b)
{
	free(container_of(b, struct local, bus));
}

struct bus *bus_local_new(const struct bus_events *events, void *owner)
{
	/* Without other nodes there is nobody to tell, and nothing to ask. */
	static const struct bus_class class = {
		.publish = publish,
		.load = load,
		.state = state,
		.counters = counters,
		.pending = pending,
		.free = local_free,
	};
	struct local *l = mem_zalloc(sizeof(*l));

	l->bus = (struct bus){ &class, *events, owner };
	events->on_state(owner, BUS_UP, "");
	return &l->bus;
}
