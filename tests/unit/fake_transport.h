/*
 * A transport without sockets, for tests of sessions: what is written to a
 * connection is kept as text, rooms come when the test says so.
 *
 * A test that uses it must not pull in transport/conn.c or transport/server.c:
 * it defines their functions.
 */
#ifndef TESTS_FAKE_TRANSPORT_H
#define TESTS_FAKE_TRANSPORT_H

#include "base/buf.h"
#include "transport/conn.h"

struct conn {
	struct buf written; /* frames, each with a newline behind it */
	size_t frames;
	bool wants_room;
	bool full; /* the socket takes nothing */
	bool paused;
	bool killed;
	unsigned closed; /* the code, 0: not closed */
	unsigned pings;
	bool cannot_ping;
	enum conn_kind kind;
	bool text_only;
	bool cut;
};

void fake_conn_fini(struct conn *c);

/* Lets a session write, if it asked for it. */
void fake_conn_turn(struct conn *c, void (*on_room)(void *session), void *session);

#endif
