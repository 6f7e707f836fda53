/* What the tests of auth/jwt share: a token, and what is said about it. */
#ifndef TESTS_UNIT_JWT_CASE_H
#define TESTS_UNIT_JWT_CASE_H

#include "auth/jwt.h"
#include "tests/unit/jwt_maker.h"

#include <check.h>
#include <stdlib.h>

#define KEY32 "0123456789abcdef0123456789abcdef"
#define KEY64 KEY32 KEY32
#define HS256 "{\"alg\":\"HS256\",\"typ\":\"JWT\"}"
#define NOW   1790000000

static const char *const hs256[] = { "HS256" };

static const struct jwt_config plain = { .algorithms = hs256, .algorithm_count = 1, .key = KEY32 };

static struct buf token, claims;
static int64_t expires_s;
static char why[256];

static inline void free_case(void)
{
	buf_fini(&token);
	buf_fini(&claims);
}

static inline struct jwt *must_make(const struct jwt_config *config)
{
	struct jwt *j = jwt_new(config, why);

	ck_assert_msg(j != NULL, "%s", why);
	return j;
}

/* NULL when the token is let in, else why not. */
static inline const char *verdict_at(const struct jwt *j, struct span text, int64_t now_s)
{
	const char *reason = "unset";
	bool good = jwt_verify(j, text, now_s, &claims, &expires_s, &reason);

	ck_assert_int_eq(good, reason == NULL);
	if (!good) {
		ck_assert_uint_eq(claims.len, 0);
		ck_assert_int_eq(expires_s, 0);
	}
	return reason;
}

/* `wanted` NULL: the token is let in. */
static inline void expect(const struct jwt *j, const char *wanted)
{
	const char *reason = verdict_at(j, buf_span(&token), NOW);

	if (wanted)
		ck_assert_pstr_eq(reason, wanted);
	else
		ck_assert_msg(!reason, "refused: %s", reason);
}

static inline void sign(const char *payload)
{
	jwt_maker_hmac(&token, HS256, payload, SPAN(KEY32), "SHA256");
}

static inline int run_suite(Suite *suite)
{
	SRunner *runner = srunner_create(suite);
	int failed;

	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}

#endif
