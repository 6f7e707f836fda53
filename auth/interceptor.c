/*
 * call->next is the step that is asked or, while a call waits, the one that
 * said LATER. When the call has ended it is the number of steps, so that an
 * answer to a call that nobody waits for any more is noticed.
 */
#include "auth/interceptor.h"

#include "base/mem.h"

#include <assert.h>
#include <stdlib.h>

struct interceptor_chain {
	size_t count;
	struct interceptor_step steps[];
};

struct interceptor_chain *interceptor_chain_new(const struct interceptor_step *steps, size_t count)
{
	struct interceptor_chain *chain =
		mem_zalloc(sizeof(*chain) + count * sizeof(chain->steps[0]));

	chain->count = count;
	for (size_t i = 0; i < count; i++)
		chain->steps[i] = steps[i];
	return chain;
}

void interceptor_chain_free(struct interceptor_chain *chain)
{
	free(chain);
}

/* Nobody is identified by a call that does not end well. */
static void forget(struct interceptor_call *call)
{
	call->next = call->chain->count;
	principal_free(call->identified);
	call->identified = NULL;
}

static enum interceptor_verdict deny(struct interceptor_call *call)
{
	forget(call);
	if (!call->why)
		call->why = "not allowed";
	return INTERCEPTOR_DENY;
}

/* Asks from step call->next on. */
static enum interceptor_verdict go_on(struct interceptor_call *call)
{
	for (; call->next < call->chain->count; call->next++) {
		const struct interceptor_step *step = &call->chain->steps[call->next];

		switch (step->decide(step->owner, call)) {
		case INTERCEPTOR_ALLOW:
			break;
		case INTERCEPTOR_DENY:
			return deny(call);
		case INTERCEPTOR_LATER:
			assert(step->cancel && call->on_verdict);
			return INTERCEPTOR_LATER;
		}
	}
	return INTERCEPTOR_ALLOW;
}

enum interceptor_verdict interceptor_run(
	const struct interceptor_chain *chain, struct interceptor_call *call)
{
	call->identified = NULL;
	call->why = NULL;
	call->chain = chain;
	call->next = 0;
	return go_on(call);
}

void interceptor_resume(struct interceptor_call *call, enum interceptor_verdict verdict)
{
	assert(verdict != INTERCEPTOR_LATER);
	assert(call->next < call->chain->count);
	if (verdict == INTERCEPTOR_DENY) {
		deny(call);
	} else {
		call->next++;
		verdict = go_on(call);
	}
	if (verdict != INTERCEPTOR_LATER)
		call->on_verdict(call->owner, call, verdict);
}

void interceptor_cancel(struct interceptor_call *call)
{
	const struct interceptor_step *step;

	assert(call->next < call->chain->count);
	step = &call->chain->steps[call->next];
	forget(call);
	step->cancel(step->owner, call);
}
