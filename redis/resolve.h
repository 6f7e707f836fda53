/* Host names to addresses without making the loop wait. */
#ifndef REDIS_RESOLVE_H
#define REDIS_RESOLVE_H

#include "base/attr.h"

#include <stdbool.h>

struct ev_loop;
struct resolve;

enum {
	RESOLVE_ADDRESS_BYTES = 64
};

/*
 * Asks on a thread of its own and calls on_answer from the loop, once: a
 * numeric address, or NULL and why. A name may have several addresses: the
 * `turn`th is given, counted round and round, so that a caller who counts its
 * tries gets to try each. `name` is copied; `owner` is borrowed until
 * on_answer or resolve_cancel(). on_answer ends the question; it need not be
 * cancelled after that.
 */
struct resolve *resolve_new(struct ev_loop *loop, const char *name, unsigned turn,
	void (*on_answer)(void *owner, const char *address, const char *why), void *owner) MUST_USE;

/* on_answer will not come. Accepts NULL. May wait for nothing: the thread ends by itself. */
void resolve_cancel(struct resolve *r);

/* Is it an address already? */
bool resolve_is_address(const char *name) MUST_USE;

#endif
