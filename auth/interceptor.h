/*
 * The interceptor chain: every frame of a client passes it, step by step,
 * before the broker acts on it. A step allows, denies, or says "later" and
 * answers by itself when it knows; until then the session reads no further
 * frame, so the order of frames is kept.
 *
 *     chain = interceptor_chain_new(steps, count);
 *     verdict = interceptor_run(chain, &call);
 *
 * `call` holds what a step may see and set. For LATER the caller keeps `call`
 * and the frame alive and unchanged until on_verdict or interceptor_cancel().
 */
#ifndef AUTH_INTERCEPTOR_H
#define AUTH_INTERCEPTOR_H

#include "auth/principal.h"
#include "base/attr.h"
#include "base/span.h"
#include "stomp/frame.h"

#include <stdint.h>

enum interceptor_verdict {
	INTERCEPTOR_ALLOW,
	INTERCEPTOR_DENY,
	INTERCEPTOR_LATER,
};

struct interceptor_call;

struct interceptor_step {
	const char *name; /* for the log; static */
	/*
	 * Looks at call->frame. On DENY it sets call->why. On LATER it keeps
	 * `call` and later calls interceptor_resume() with ALLOW or DENY, never
	 * from inside this function.
	 */
	enum interceptor_verdict (*decide)(void *owner, struct interceptor_call *call);
	/* The call is being given up: forget it. NULL for steps that never say LATER. */
	void (*cancel)(void *owner, struct interceptor_call *call);
	void *owner; /* borrowed */
};

struct interceptor_chain;

struct interceptor_call {
	/* Set by the caller. */
	const struct stomp_frame *frame;
	struct span kept_token;            /* from the opening request; may be empty */
	int64_t now_s;                     /* Unix time */
	const struct principal *principal; /* NULL before CONNECT and when anonymous */
	void (*on_verdict)(void *owner, struct interceptor_call *call,
		enum interceptor_verdict verdict); /* after LATER; ALLOW or DENY */
	void *owner;

	/* Set by the steps. */
	/* By a step at CONNECT; NULL: anonymous. The caller takes it after ALLOW; DENY frees it. */
	struct principal *identified;
	const char *why; /* after DENY: short, static, fit for the client */

	/* Private to the chain. */
	const struct interceptor_chain *chain;
	size_t next;
};

/* Copies the steps. Free with interceptor_chain_free(), which accepts NULL. */
struct interceptor_chain *interceptor_chain_new(
	const struct interceptor_step *steps, size_t count) MUST_USE;
void interceptor_chain_free(struct interceptor_chain *chain);

/* Runs every step until one does not allow. An empty chain allows. */
enum interceptor_verdict interceptor_run(
	const struct interceptor_chain *chain, struct interceptor_call *call) MUST_USE;

/* A step that said LATER goes on: the rest of the chain runs, then on_verdict tells the end. */
void interceptor_resume(struct interceptor_call *call, enum interceptor_verdict verdict);

/* Gives up a call that is waiting; on_verdict will not be called. `identified` is freed. */
void interceptor_cancel(struct interceptor_call *call);

#endif
