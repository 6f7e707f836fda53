/* broker/private: who joins which topic, and what leads to it. */
#include "broker/private.h"

#include <check.h>
#include <stdlib.h>

static const struct route route = { .user = "/user", .temp = "/temp-queue" };
static const struct private_owner kim = { SPAN("kim"), SPAN("s1") };
static const struct private_owner nobody = { SPAN(""), SPAN("s1") };

/* "": none. */
static void assert_out(bool is_one, struct buf *out, struct span expected, const char *what)
{
	ck_assert_msg(is_one == (expected.len > 0), "%s: %d", what, is_one);
	if (is_one)
		ck_assert_msg(
			span_eq(buf_span(out), expected), "%s: %.*s", what, (int)out->len, out->at);
	buf_fini(out);
}

static const struct {
	struct span destination;
	struct span topic;  /* of a SUBSCRIBE by kim */
	struct span target; /* of a SEND by kim */
} rows[] = {
	{ SPAN("/user/queue/x"), SPAN("/user/kim/queue/x"), SPAN("/user/queue/x") },
	{ SPAN("/user/x"), SPAN("/user/kim/x"), SPAN("") },
	/* Another one's name leads to a topic of one's own, and to the other one's by SEND. */
	{ SPAN("/user/lee/queue/x"), SPAN("/user/kim/lee/queue/x"), SPAN("/user/lee/queue/x") },
	{ SPAN("/user/lee/"), SPAN("/user/kim/lee/"), SPAN("") },
	{ SPAN("/user//x"), SPAN("/user/kim//x"), SPAN("") },
	{ SPAN("/user/a%2fb/x"), SPAN("/user/kim/a%2fb/x"), SPAN("") },
	{ SPAN("/user/a%2Fb/x"), SPAN("/user/kim/a%2Fb/x"), SPAN("/user/a%2Fb/x") },
	{ SPAN("/user/a%25b/x"), SPAN("/user/kim/a%25b/x"), SPAN("") },
	{ SPAN("/user/a%252Fb/x"), SPAN("/user/kim/a%252Fb/x"), SPAN("/user/a%252Fb/x") },
	{ SPAN("/user/a%2/x"), SPAN("/user/kim/a%2/x"), SPAN("/user/a%2/x") },
	{ SPAN("/user/%/x"), SPAN("/user/kim/%/x"), SPAN("/user/%/x") },
	/* One's own name is one's own session. */
	{ SPAN("/user/kim/queue/x"), SPAN("/user/kim/kim/queue/x"), SPAN("/user/s1/queue/x") },
	{ SPAN("/user/s1/queue/x"), SPAN("/user/kim/s1/queue/x"), SPAN("/user/s1/queue/x") },
	{ SPAN("/temp-queue/x"), SPAN("/temp-queue/s1/x"), SPAN("/temp-queue/s1/x") },
	/* Another session's address is for sending alone. */
	{ SPAN("/temp-queue/s2/x"), SPAN(""), SPAN("/temp-queue/s2/x") },
	{ SPAN("/user"), SPAN(""), SPAN("") },
	{ SPAN("/user/"), SPAN(""), SPAN("") },
	{ SPAN("/users/x/y"), SPAN(""), SPAN("") },
	{ SPAN("/temp-queue/"), SPAN(""), SPAN("") },
	{ SPAN("/sub/x"), SPAN(""), SPAN("") },
	{ SPAN(""), SPAN(""), SPAN("") },
};

START_TEST(private_destinations_have_these_topics)
{
	struct buf out = { NULL, 0, 0 };
	bool is_one = private_put_topic(&route, rows[_i].destination, &kim, &out);

	assert_out(is_one, &out, rows[_i].topic, rows[_i].destination.at);
}
END_TEST

START_TEST(private_destinations_are_reached_so)
{
	struct buf out = { NULL, 0, 0 };
	bool is_one = private_put_target(&route, rows[_i].destination, &kim, &out);

	assert_out(is_one, &out, rows[_i].target, rows[_i].destination.at);
}
END_TEST

START_TEST(anonymous_sessions_have_topics_of_their_own)
{
	struct buf out = { NULL, 0, 0 };
	bool is_one = private_put_topic(&route, SPAN("/user/queue/x"), &nobody, &out);

	assert_out(is_one, &out, SPAN("/user/s1/queue/x"), "anonymous");
}
END_TEST

START_TEST(without_prefixes_nothing_is_private)
{
	static const struct route off = { .user = "", .temp = "" };
	struct buf out = { NULL, 0, 0 };

	for (size_t i = 0; i < countof(rows); i++) {
		ck_assert_int_eq(private_kind(&off, rows[i].destination), PRIVATE_NONE);
		ck_assert(!private_put_topic(&off, rows[i].destination, &kim, &out));
		ck_assert(!private_put_target(&off, rows[i].destination, &kim, &out));
	}
	ck_assert_uint_eq(out.len, 0);
}
END_TEST

/* Ids that look alike once they are written into a destination. */
static const struct span ids[] = {
	SPAN("a"),
	SPAN("a/b"),
	SPAN("a%2Fb"),
	SPAN("a%2fb"),
	SPAN("a%252Fb"),
	SPAN("a%25b"),
	SPAN("a%b"),
	SPAN("a%2"),
	SPAN("a%"),
	SPAN("%%25"),
	SPAN("%"),
	SPAN("/"),
	SPAN("//"),
	SPAN("%2F"),
	SPAN("*"),
	SPAN("{x}"),
	SPAN("김"),
	SPAN("a\nb"),
};

/* What is written for one id leads to its topic alone. */
START_TEST(no_id_reaches_another_one)
{
	for (size_t i = 0; i < countof(ids); i++) {
		struct private_owner a = { ids[i], SPAN("s") };
		struct buf topic = { NULL, 0, 0 };

		ck_assert(private_put_topic(&route, SPAN("/user/queue/x"), &a, &topic));
		for (size_t j = 0; j < countof(ids); j++) {
			struct private_owner b = { ids[j], SPAN("s") };
			struct buf other = { NULL, 0, 0 }, key = { NULL, 0, 0 };
			struct span name, rest;

			ck_assert(private_put_topic(&route, SPAN("/user/queue/x"), &b, &other));
			ck_assert(private_put_key(&route, buf_span(&other), &key, &name, &rest));
			ck_assert(span_eq(buf_span(&key), buf_span(&other)));
			ck_assert_int_eq(span_eq(buf_span(&key), buf_span(&topic)), i == j);
			ck_assert(span_eq(rest, SPAN("/queue/x")));
			buf_fini(&other);
			buf_fini(&key);
		}
		buf_fini(&topic);
	}
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("broker_private");
	TCase *tcase = tcase_create("broker_private");
	SRunner *runner;
	int failed;

	suite_add_tcase(suite, tcase);
	tcase_add_loop_test(tcase, private_destinations_have_these_topics, 0, countof(rows));
	tcase_add_loop_test(tcase, private_destinations_are_reached_so, 0, countof(rows));
	tcase_add_test(tcase, anonymous_sessions_have_topics_of_their_own);
	tcase_add_test(tcase, without_prefixes_nothing_is_private);
	tcase_add_test(tcase, no_id_reaches_another_one);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
