/* broker/topic: who has subscribed to what, in whatever order they come and go. */
#include "broker/topic.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>

enum {
	SUBSCRIBERS = 200,
	DESTINATIONS = 7
};

static struct topics t;

/* Only addresses count here: topic.c never looks into a session. */
static char sessions[SUBSCRIBERS];

static struct session *session_of(size_t i)
{
	return (struct session *)(void *)&sessions[i];
}

static void set_up(void)
{
	topics_init(&t);
}

static void tear_down(void)
{
	topics_fini(&t);
}

static struct subscription *subscribe(size_t i, struct span destination)
{
	return subscription_new(
		&t, session_of(i), destination, SPAN("0"), SPAN("subscription:0\n"));
}

START_TEST(one_comes_and_goes)
{
	struct subscription *s = subscription_new(
		&t, session_of(3), SPAN("/sub/a"), SPAN("a:b"), SPAN("subscription:a\\cb\n"));
	struct topic *topic = topics_find(&t, SPAN("/sub/a"));

	ck_assert_ptr_nonnull(topic);
	ck_assert(span_eq(topic->destination, SPAN("/sub/a")));
	ck_assert_uint_eq(topic->count, 1);
	ck_assert_ptr_eq(topic->subscriptions[0], s);
	ck_assert_ptr_eq(s->session, session_of(3));
	ck_assert_ptr_eq(s->topic, topic);
	ck_assert(span_eq(subscription_id(s), SPAN("a:b")));
	ck_assert(span_eq((struct span){ s->line, s->line_len }, SPAN("subscription:a\\cb\n")));
	ck_assert_ptr_null(topics_find(&t, SPAN("/sub/")));
	ck_assert_ptr_null(topics_find(&t, SPAN("/sub/ab")));
	ck_assert_ptr_null(topics_find(&t, SPAN("/sub/A")));
	subscription_end(&t, s);
	ck_assert_ptr_null(topics_find(&t, SPAN("/sub/a")));
	ck_assert_uint_eq(t.by_destination.count, 0);
}
END_TEST

/* It keeps nothing of what the caller lent it. */
START_TEST(copies)
{
	char destination[] = "/sub/a", id[] = "7", line[] = "subscription:7\n";
	struct subscription *s = subscription_new(
		&t, session_of(0), span_of(destination), span_of(id), span_of(line));

	memset(destination, 'x', sizeof(destination));
	memset(id, 'x', sizeof(id));
	memset(line, 'x', sizeof(line));
	ck_assert_ptr_eq(topics_find(&t, SPAN("/sub/a")), s->topic);
	ck_assert(span_eq(subscription_id(s), SPAN("7")));
	ck_assert(span_eq((struct span){ s->line, s->line_len }, SPAN("subscription:7\n")));
	subscription_end(&t, s);
}
END_TEST

/* STOMP 1.0 asks for no id. */
START_TEST(without_id_and_line)
{
	const struct span none = { NULL, 0 };
	struct subscription *s = subscription_new(&t, session_of(0), SPAN("/sub/a"), none, none);

	ck_assert_uint_eq(subscription_id(s).len, 0);
	ck_assert_uint_eq(s->line_len, 0);
	subscription_end(&t, s);
}
END_TEST

/* A waiting message keeps id and line, and nothing else. */
START_TEST(reference_outlives_the_end)
{
	struct subscription *s = subscribe(0, SPAN("/sub/a")),
			    *other = subscribe(1, SPAN("/sub/a"));

	ck_assert_ptr_eq(subscription_ref(s), s);
	subscription_end(&t, s);
	ck_assert_ptr_null(s->session);
	ck_assert_ptr_null(s->topic);
	ck_assert(span_eq((struct span){ s->line, s->line_len }, SPAN("subscription:0\n")));
	ck_assert_uint_eq(topics_find(&t, SPAN("/sub/a"))->count, 1);
	ck_assert_ptr_eq(topics_find(&t, SPAN("/sub/a"))->subscriptions[0], other);
	subscription_end(&t, other);
	ck_assert(span_eq(subscription_id(s), SPAN("0")));
	subscription_unref(s);
}
END_TEST

START_TEST(same_session_twice)
{
	struct subscription *one = subscribe(0, SPAN("/sub/a")),
			    *two = subscribe(0, SPAN("/sub/a"));

	ck_assert_uint_eq(topics_find(&t, SPAN("/sub/a"))->count, 2);
	subscription_end(&t, one);
	ck_assert_ptr_eq(topics_find(&t, SPAN("/sub/a"))->subscriptions[0], two);
	subscription_end(&t, two);
}
END_TEST

/* After the last one has gone the topic is a new one. */
START_TEST(topic_comes_back)
{
	for (int turn = 0; turn < 3; turn++) {
		struct subscription *s = subscribe(0, SPAN("/sub/a"));

		ck_assert_uint_eq(topics_find(&t, SPAN("/sub/a"))->count, 1);
		subscription_end(&t, s);
		ck_assert_ptr_null(topics_find(&t, SPAN("/sub/a")));
	}
}
END_TEST

static struct span destination_of(size_t i, char text[32])
{
	snprintf(text, 32, "/sub/%zu", i % DESTINATIONS);
	return span_of(text);
}

/* Each member stands where it says, and each is a member of the right topic, once. */
static void check_topics(struct subscription *const *all)
{
	size_t live[DESTINATIONS] = { 0 };
	char text[32];

	for (size_t i = 0; i < SUBSCRIBERS; i++) {
		if (!all[i])
			continue;
		live[i % DESTINATIONS]++;
		if (all[i]->topic != topics_find(&t, destination_of(i, text)) ||
			all[i]->topic->subscriptions[all[i]->place] != all[i] ||
			all[i]->session != session_of(i))
			ck_abort_msg("subscription %zu is not in its place", i);
	}
	for (size_t i = 0; i < DESTINATIONS; i++) {
		const struct topic *topic = topics_find(&t, destination_of(i, text));

		ck_assert_uint_eq(topic ? topic->count : 0, live[i]);
	}
}

START_TEST(many_come_and_go)
{
	static struct subscription *all[SUBSCRIBERS];
	uint64_t state = 88172645463325252u + (uint64_t)_i;
	char text[32];

	for (int n = 0; n < 20000; n++) {
		size_t i;

		state ^= state << 13;
		state ^= state >> 7;
		state ^= state << 17;
		i = (state >> 8) % SUBSCRIBERS;
		/* By turns mostly coming and mostly going. */
		if (all[i] && state % 8 < (n / 2000 % 2 ? 7 : 2)) {
			subscription_end(&t, all[i]);
			all[i] = NULL;
		} else if (!all[i]) {
			all[i] = subscribe(i, destination_of(i, text));
		}
		if (n % 100 == 0)
			check_topics(all);
	}
	for (size_t i = 0; i < SUBSCRIBERS; i++) {
		if (all[i])
			subscription_end(&t, all[i]);
		all[i] = NULL;
	}
	ck_assert_uint_eq(t.by_destination.count, 0);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("broker/topic");
	TCase *tc = tcase_create("topic");
	SRunner *runner;
	int failed;

	tcase_add_checked_fixture(tc, set_up, tear_down);
	tcase_add_test(tc, one_comes_and_goes);
	tcase_add_test(tc, copies);
	tcase_add_test(tc, without_id_and_line);
	tcase_add_test(tc, reference_outlives_the_end);
	tcase_add_test(tc, same_session_twice);
	tcase_add_test(tc, topic_comes_back);
	tcase_add_loop_test(tc, many_come_and_go, 0, 3);
	suite_add_tcase(suite, tc);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
