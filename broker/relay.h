/*
 * SockJS sessions between nodes, on shard 0 beside the hub: carries the servers'
 * notes to other nodes and theirs to our servers (transport/note.h), and asks
 * the directory on the bus which node a session lives on.
 *
 * Everything here is called on shard 0's thread.
 */
#ifndef BROKER_RELAY_H
#define BROKER_RELAY_H

#include "base/attr.h"
#include "base/span.h"
#include "redis/bus.h"

struct broker;
struct note;
struct relay;

struct relay *relay_new(struct broker *broker) MUST_USE;

/* `bus` is borrowed until relay_free(). */
void relay_start(struct relay *r, struct bus *bus);

/* After bus_free(): questions that the bus has not answered end here. Accepts NULL. */
void relay_free(struct relay *r);

/* From a server: for another node, or for the directory. Takes the note. */
void relay_take_note(struct relay *r, struct note *note);

/* What the bus tells; see struct bus_events. */
void relay_on_note(struct relay *r, struct span bytes);
void relay_on_node_gone(struct relay *r, struct span node);
void relay_on_state(struct relay *r, enum bus_state state);

#endif
