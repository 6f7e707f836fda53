/*
 * auth/interceptor: the chain and its waiting calls. A step here answers by a
 * script, and every call is run with an identity at stake, so that the address
 * sanitizer sees one that is leaked or freed twice.
 */
#include "auth/interceptor.h"
#include "base/mem.h"

#include <check.h>
#include <signal.h>
#include <stdlib.h>

enum {
	STEPS_MOST = 4
};

/* A step that answers as told, and remembers what happened to it. */
struct actor {
	enum interceptor_verdict answer;
	bool identifies;
	const char *why;
	struct interceptor_call *waiting;
	int asked;
	int cancelled;
};

/* A session, as far as a call is concerned. */
struct session {
	struct interceptor_call *call; /* owned */
	struct principal *principal;   /* owned */
	enum interceptor_verdict verdict;
	int told;
	bool frees_call;
};

static struct actor actors[STEPS_MOST];
static struct interceptor_chain *chain;
static struct session session;
static const struct stomp_frame frame = { .command = STOMP_CONNECT };

static enum interceptor_verdict decide(void *owner, struct interceptor_call *call)
{
	struct actor *a = owner;

	a->asked++;
	ck_assert_ptr_eq(call->frame, &frame);
	if (a->identifies) {
		principal_free(call->identified);
		call->identified = principal_new(&(struct principal){ .id = SPAN("kim") });
	}
	if (a->answer == INTERCEPTOR_DENY)
		call->why = a->why;
	if (a->answer == INTERCEPTOR_LATER)
		a->waiting = call;
	return a->answer;
}

static void cancel(void *owner, struct interceptor_call *call)
{
	struct actor *a = owner;

	ck_assert_ptr_eq(a->waiting, call);
	a->waiting = NULL;
	a->cancelled++;
}

static void on_verdict(void *owner, struct interceptor_call *call, enum interceptor_verdict verdict)
{
	struct session *s = owner;

	ck_assert_ptr_eq(s->call, call);
	s->told++;
	s->verdict = verdict;
	s->principal = call->identified;
	if (s->frees_call) {
		free(call);
		s->call = NULL;
		interceptor_chain_free(chain);
		chain = NULL;
	}
}

static void teardown(void)
{
	principal_free(session.principal);
	free(session.call);
	interceptor_chain_free(chain);
}

/* 'a' allows, 'i' allows and identifies, 'd' denies, 'l' says later, 'L' identifies before that. */
static enum interceptor_verdict run(const char *script)
{
	struct interceptor_step steps[STEPS_MOST];
	size_t count = strlen(script);
	enum interceptor_verdict verdict;

	for (size_t i = 0; i < count; i++) {
		actors[i] = (struct actor){ .identifies = script[i] == 'i' || script[i] == 'L',
			.why = "because" };
		if (script[i] == 'd')
			actors[i].answer = INTERCEPTOR_DENY;
		else if (script[i] == 'l' || script[i] == 'L')
			actors[i].answer = INTERCEPTOR_LATER;
		steps[i] = (struct interceptor_step){ "actor", decide, cancel, &actors[i] };
	}
	chain = interceptor_chain_new(steps, count);
	session.call = mem_zalloc(sizeof(*session.call));
	*session.call = (struct interceptor_call){
		.frame = &frame, .on_verdict = on_verdict, .owner = &session
	};
	verdict = interceptor_run(chain, session.call);
	if (verdict != INTERCEPTOR_LATER)
		session.principal = session.call->identified;
	return verdict;
}

static void resume(size_t step, enum interceptor_verdict verdict)
{
	struct interceptor_call *call = actors[step].waiting;

	ck_assert_ptr_nonnull(call);
	actors[step].waiting = NULL;
	interceptor_resume(call, verdict);
}

static const struct {
	const char *script;
	enum interceptor_verdict verdict;
	int asked; /* how many steps */
	bool identified;
} at_once[] = {
	{ "", INTERCEPTOR_ALLOW, 0, false },
	{ "a", INTERCEPTOR_ALLOW, 1, false },
	{ "aia", INTERCEPTOR_ALLOW, 3, true },
	{ "ii", INTERCEPTOR_ALLOW, 2, true },
	{ "d", INTERCEPTOR_DENY, 1, false },
	{ "iad", INTERCEPTOR_DENY, 3, false },
	{ "ida", INTERCEPTOR_DENY, 2, false },
	{ "idl", INTERCEPTOR_DENY, 2, false },
	{ "la", INTERCEPTOR_LATER, 1, false },
};

START_TEST(answers_at_once)
{
	int asked = 0;

	ck_assert_int_eq(run(at_once[_i].script), at_once[_i].verdict);
	for (size_t i = 0; i < STEPS_MOST; i++)
		asked += actors[i].asked;
	ck_assert_int_eq(asked, at_once[_i].asked);
	ck_assert_int_eq(session.principal != NULL, at_once[_i].identified);
	if (at_once[_i].verdict == INTERCEPTOR_DENY)
		ck_assert_str_eq(session.call->why, "because");
	else
		ck_assert_ptr_null(session.call->why);
	ck_assert_int_eq(session.told, 0);
}
END_TEST

/* What a step forgot to explain is still explained to the client. */
START_TEST(denial_has_a_reason)
{
	ck_assert_int_eq(run("l"), INTERCEPTOR_LATER);
	resume(0, INTERCEPTOR_DENY);
	ck_assert_str_eq(session.call->why, "not allowed");
}
END_TEST

START_TEST(resumes_to_allow)
{
	session.frees_call = _i;
	ck_assert_int_eq(run("ila"), INTERCEPTOR_LATER);
	ck_assert_int_eq(actors[2].asked, 0);
	ck_assert_int_eq(session.told, 0);
	resume(1, INTERCEPTOR_ALLOW);
	ck_assert_int_eq(actors[2].asked, 1);
	ck_assert_int_eq(session.told, 1);
	ck_assert_int_eq(session.verdict, INTERCEPTOR_ALLOW);
	ck_assert(span_eq(session.principal->id, SPAN("kim")));
}
END_TEST

START_TEST(resumes_to_deny)
{
	session.frees_call = _i;
	ck_assert_int_eq(run("ila"), INTERCEPTOR_LATER);
	resume(1, INTERCEPTOR_DENY);
	ck_assert_int_eq(actors[2].asked, 0);
	ck_assert_int_eq(session.told, 1);
	ck_assert_int_eq(session.verdict, INTERCEPTOR_DENY);
	ck_assert_ptr_null(session.principal);
}
END_TEST

START_TEST(step_after_the_wait_denies)
{
	session.frees_call = _i;
	ck_assert_int_eq(run("Lida"), INTERCEPTOR_LATER);
	resume(0, INTERCEPTOR_ALLOW);
	ck_assert_int_eq(actors[3].asked, 0);
	ck_assert_int_eq(session.told, 1);
	ck_assert_int_eq(session.verdict, INTERCEPTOR_DENY);
	ck_assert_ptr_null(session.principal);
}
END_TEST

START_TEST(two_steps_wait)
{
	session.frees_call = _i & 1;
	ck_assert_int_eq(run("lLa"), INTERCEPTOR_LATER);
	resume(0, INTERCEPTOR_ALLOW);
	ck_assert_int_eq(session.told, 0);
	ck_assert_int_eq(actors[1].asked, 1);
	resume(1, _i & 2 ? INTERCEPTOR_DENY : INTERCEPTOR_ALLOW);
	ck_assert_int_eq(session.told, 1);
	ck_assert_int_eq(session.verdict, _i & 2 ? INTERCEPTOR_DENY : INTERCEPTOR_ALLOW);
	ck_assert_int_eq(session.principal != NULL, !(_i & 2));
	ck_assert_int_eq(actors[2].asked, !(_i & 2));
}
END_TEST

/* The step that waits is told, and nobody else; on_verdict is not called. */
START_TEST(cancels)
{
	ck_assert_int_eq(run("iLl"), INTERCEPTOR_LATER);
	if (_i == 1)
		resume(1, INTERCEPTOR_ALLOW);
	interceptor_cancel(session.call);
	ck_assert_int_eq(actors[0].cancelled, 0);
	ck_assert_int_eq(actors[1].cancelled, _i == 0);
	ck_assert_int_eq(actors[2].cancelled, _i == 1);
	ck_assert_int_eq(session.told, 0);
	ck_assert_ptr_null(session.call->identified);
}
END_TEST

/* A call may be run again once it has ended: nothing of the first time is left. */
START_TEST(runs_again)
{
	ck_assert_int_eq(run("id"), INTERCEPTOR_DENY);
	actors[1].answer = INTERCEPTOR_ALLOW;
	ck_assert_int_eq(interceptor_run(chain, session.call), INTERCEPTOR_ALLOW);
	ck_assert_ptr_null(session.call->why);
	session.principal = session.call->identified;
	ck_assert_ptr_nonnull(session.principal);
}
END_TEST

/* An answer to a call that has ended is a bug in the step. */
START_TEST(late_answer_is_a_bug)
{
	ck_assert_int_eq(run("l"), INTERCEPTOR_LATER);
	resume(0, _i ? INTERCEPTOR_ALLOW : INTERCEPTOR_DENY);
	interceptor_resume(session.call, INTERCEPTOR_ALLOW);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("auth/interceptor");
	TCase *tc = tcase_create("chain");
	SRunner *runner;
	int failed;

	tcase_add_checked_fixture(tc, NULL, teardown);
	tcase_add_loop_test(tc, answers_at_once, 0, (int)countof(at_once));
	tcase_add_test(tc, denial_has_a_reason);
	tcase_add_loop_test(tc, resumes_to_allow, 0, 2);
	tcase_add_loop_test(tc, resumes_to_deny, 0, 2);
	tcase_add_loop_test(tc, step_after_the_wait_denies, 0, 2);
	tcase_add_loop_test(tc, two_steps_wait, 0, 4);
	tcase_add_loop_test(tc, cancels, 0, 2);
	tcase_add_test(tc, runs_again);
	tcase_add_loop_test_raise_signal(tc, late_answer_is_a_bug, SIGABRT, 0, 2);
	suite_add_tcase(suite, tc);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
