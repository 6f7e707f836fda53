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
	topics_init(&t, false);
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

/* --- patterns ------------------------------------------------------------- */

/* How many patterns a destination finds. */
static size_t reached(struct span destination)
{
	struct trie_node *const *found;
	size_t nodes = topics_match(&t, destination, &found), count = 0;

	for (size_t i = 0; i < nodes; i++) {
		for (const struct topic *at = trie_value(found[i]); at; at = at->after)
			count += at->count;
	}
	return count;
}

/* Spring's own answers, but for the expression and what needs a dot. */
static const struct {
	const char *pattern;
	const char *destination;
	bool dots;
	bool matches;
} patterns[] = {
	{ "/sub/*", "/sub/a", false, true },
	{ "/sub/*", "/sub/a/b", false, false },
	{ "/sub/**", "/sub/a/b", false, true },
	{ "/sub/**", "/sub", false, true },
	{ "/sub/**", "/subway", false, false },
	{ "/sub/{x}", "/sub/a", false, true },
	{ "/sub/{x}", "/sub/", false, false },
	{ "/sub/a?", "/sub/ab", false, true },
	{ "/sub/a?", "/sub/a", false, false },
	{ "/sub/a*c/d", "/sub/abc/d", false, true },
	{ "/sub/*", "/sub/", false, true },
	{ "/sub/*.b", "/sub/a.b", false, true },
	{ "/sub/**/z", "/sub/z", false, true },
	{ "/sub/**/z", "/sub/a/b/z", false, true },
	{ "/sub/**/z", "/sub/a/b/zz", false, false },
	{ "/sub/*", "/sub/*", false, true },
	{ "/sub/*", "/sub/a/", false, false },
	{ "/sub/ *", "/sub/ a", false, true },
	{ "/sub/**", "/sub/ a /b", false, true },
	{ "/sub/**/b/**/c", "/sub/b/b/x/c/c", false, true },
	{ "/sub/**/**", "/sub/x", false, true },
	{ "/sub/*", "", false, false },
	{ "/sub/*", "sub/a", false, false },
	{ "/sub/room.*", "/sub/room.a", true, true },
	{ "/sub/room.*", "/sub/room.a/b", true, true },
	{ "/sub/room.*", "/sub/room.a.b", true, false },
	{ "/sub/room.**", "/sub/room.a.b", true, true },
	{ "/sub/room.**", "/sub/room", true, true },
	{ "/sub/room.**", "/sub/roomy.a", true, false },
	{ "/sub/{x}.b", "/sub/a.b", true, false },
	{ "/sub/r.{x}.b", "/sub/r.a.b", true, true },
};

START_TEST(pattern)
{
	struct span text = span_of(patterns[_i].pattern);
	struct subscription *s;
	const char *why = NULL;
	bool is = true;

	t.dots = patterns[_i].dots;
	is = topics_check_pattern(&t, text, 9, &why) == TOPICS_PATTERN;
	ck_assert_msg(is || !patterns[_i].matches, "%s: %s", patterns[_i].pattern, why);
	if (!is)
		return;
	s = subscribe(0, text);
	ck_assert_msg((reached(span_of(patterns[_i].destination)) == 1) == patterns[_i].matches,
		"%s %s", patterns[_i].pattern, patterns[_i].destination);
	ck_assert_ptr_null(topics_find(&t, text));
	subscription_end(&t, s);
	ck_assert_uint_eq(reached(span_of(patterns[_i].destination)), 0);
}
END_TEST

/* {a} and {b} mean the same, and are two topics all the same. */
START_TEST(names_share_a_place)
{
	struct subscription *all[] = {
		subscribe(0, SPAN("/sub/{a}/x")),
		subscribe(1, SPAN("/sub/{b}/x")),
		subscribe(2, SPAN("/sub/{c}/x")),
		subscribe(3, SPAN("/sub/{b}/x")),
	};
	static const size_t order[] = { 1, 2, 0, 3 };

	for (size_t i = 0; i < countof(order); i++) {
		ck_assert_uint_eq(reached(SPAN("/sub/q/x")), countof(order) - i);
		subscription_end(&t, all[order[i]]);
	}
	ck_assert_uint_eq(reached(SPAN("/sub/q/x")), 0);
	ck_assert_ptr_null(t.patterns.root);
}
END_TEST

START_TEST(what_is_no_pattern)
{
	static const char *const texts[] = { "/sub/{x:[0-9]+}", "/sub/{x", "/sub/a**",
		"/sub/${user}", "/sub/}", "/sub/**/**/**/**/**" };
	const char *why;

	for (size_t i = 0; i < countof(texts); i++) {
		why = NULL;
		ck_assert_int_eq(
			topics_check_pattern(&t, span_of(texts[i]), 9, &why), TOPICS_NOT_A_PATTERN);
		ck_assert_ptr_nonnull(why);
	}
}
END_TEST

/* Many may have the same one; another one that costs as much is too much. */
START_TEST(costly_ones_are_counted)
{
	struct subscription *s = subscribe(0, SPAN("/sub/*/*")),
			    *same = subscribe(1, SPAN("/sub/*/*"));
	const char *why;

	ck_assert_uint_eq(t.cost, 1);
	ck_assert_int_eq(topics_check_pattern(&t, SPAN("/sub/*/*"), 1, &why), TOPICS_PATTERN);
	ck_assert_int_eq(topics_check_pattern(&t, SPAN("/sub/a*"), 1, &why), TOPICS_TOO_COSTLY);
	ck_assert_int_eq(topics_check_pattern(&t, SPAN("/sub/*/a"), 1, &why), TOPICS_PATTERN);
	ck_assert_int_eq(topics_check_pattern(&t, SPAN("/sub/**"), 1, &why), TOPICS_PATTERN);
	subscription_end(&t, s);
	ck_assert_uint_eq(t.cost, 1);
	subscription_end(&t, same);
	ck_assert_uint_eq(t.cost, 0);
}
END_TEST

static const struct {
	const char *pattern;
	size_t cost;
} costs[] = {
	{ "/sub/**", 0 },
	{ "/sub/**/a/b/c", 0 },
	{ "/sub/{x}/a", 0 },
	{ "/sub/*/*", 1 },
	{ "/sub/{x}/a/*/b/*", 1 },
	{ "/sub/a*", 1 },
	{ "/sub/*/a?/b", 1 },
	{ "/sub/a*/b*", 2 },
	{ "/sub/*/**", 1 },
	{ "/sub/**/*", 1 },
	{ "/sub/**/*/b/c", 3 },
	{ "/sub/**/b/**/c", 3 },
	{ "/sub/**/b/c*", 3 },
	{ "/sub/012345*", 1 },
	{ "/sub/0123456*", 2 },
};

START_TEST(cost)
{
	struct span text = span_of(costs[_i].pattern);
	struct subscription *s;
	const char *why;

	if (costs[_i].cost > 0)
		ck_assert_int_eq(topics_check_pattern(&t, text, costs[_i].cost - 1, &why),
			TOPICS_TOO_COSTLY);
	ck_assert_int_eq(topics_check_pattern(&t, text, costs[_i].cost, &why), TOPICS_PATTERN);
	s = subscribe(0, text);
	ck_assert_uint_eq(t.cost, costs[_i].cost);
	subscription_end(&t, s);
	ck_assert_uint_eq(t.cost, 0);
}
END_TEST

/* A walk is as long as the destination; ** would have to look at each of its segments. */
START_TEST(too_deep_for_patterns)
{
	struct subscription *s = subscribe(0, SPAN("/sub/**"));
	char text[5 + 2 * TRIE_SEGMENTS_MOST] = "/sub";
	size_t len = strlen(text);

	for (size_t segments = 1; segments <= TRIE_SEGMENTS_MOST; segments++, len += 2) {
		ck_assert_uint_eq(reached((struct span){ text, len }), 1);
		memcpy(text + len, "/a", 2);
	}
	ck_assert_uint_eq(reached((struct span){ text, len }), 0);
	ck_assert_uint_eq(reached((struct span){ text, len - 2 }), 1);
	subscription_end(&t, s);
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
	tcase_add_loop_test(tc, pattern, 0, (int)countof(patterns));
	tcase_add_test(tc, names_share_a_place);
	tcase_add_test(tc, what_is_no_pattern);
	tcase_add_test(tc, costly_ones_are_counted);
	tcase_add_loop_test(tc, cost, 0, (int)countof(costs));
	tcase_add_test(tc, too_deep_for_patterns);
	suite_add_tcase(suite, tc);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
