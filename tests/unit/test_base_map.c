/* base/map: against a naive model; holes are closed; the seed counts. */
#include "base/map.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>

enum {
	OBJECTS = 400,
	OPERATIONS = 100000,
	CROWD = 12 /* as many as a table of 16 takes */
};

struct object {
	char name[32];
	struct span key;
	bool is_in; /* the model */
	bool seen;
};

static struct object objects[OBJECTS];
static struct map m;

/* xorshift64: the same numbers on every machine. */
static uint64_t next_number(uint64_t *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 7;
	*state ^= *state << 17;
	return *state;
}

static void set_up(void)
{
	map_init(&m);
}

static void tear_down(void)
{
	map_fini(&m);
}

/* Names of every length from 0 to 31, so also such as differ only in length. */
static void name_objects(void)
{
	for (size_t i = 0; i < OBJECTS; i++) {
		struct object *o = &objects[i];
		size_t len = i < 20 ? i
				    : (size_t)snprintf(o->name, sizeof(o->name), "/sub/%.*s%zu",
					      (int)(i % 23), "rooms/of/many/lengths/", i);

		if (i < 20)
			memset(o->name, 0, sizeof(o->name));
		o->key = (struct span){ o->name, len };
		o->is_in = false;
	}
}

/* Between the place where a key belongs and the place where it is there is no hole. */
static void check_runs(void)
{
	size_t count = 0;

	for (size_t i = 0; i < m.size; i++) {
		if (!m.slots[i].key.at)
			continue;
		count++;
		for (size_t at = map_hash(m.slots[i].key, m.seed) & (m.size - 1); at != i;
			at = (at + 1) & (m.size - 1)) {
			if (!m.slots[at].key.at)
				ck_abort_msg("a hole at %zu before %zu", at, i);
		}
	}
	ck_assert_uint_eq(count, m.count);
}

static void check_walk(void)
{
	size_t at = 0, count = 0, expected = 0;
	struct object *o;

	for (size_t i = 0; i < OBJECTS; i++)
		objects[i].seen = false;
	while ((o = map_next(&m, &at))) {
		if (!o->is_in || o->seen)
			ck_abort_msg("%s is not in the map, or was seen before", o->name);
		o->seen = true;
		count++;
	}
	for (size_t i = 0; i < OBJECTS; i++)
		expected += objects[i].is_in;
	ck_assert_uint_eq(count, expected);
	ck_assert_uint_eq(m.count, expected);
}

/* A key that is equal, but not the same memory. */
static struct span copy_of(const struct object *o, char copy[sizeof(o->name)])
{
	memcpy(copy, o->key.at, o->key.len);
	return (struct span){ copy, o->key.len };
}

START_TEST(agrees_with_a_naive_model)
{
	uint64_t state = 0x9e3779b97f4a7c15u * (uint64_t)(_i + 1);

	name_objects();
	m.seed = next_number(&state);
	for (int n = 0; n < OPERATIONS; n++) {
		uint64_t number = next_number(&state);
		/* Grows and shrinks by turns: now more is put than removed, now less. */
		unsigned puts_of_16 = n / 10000 % 2 ? 5 : 11;
		struct object *o = &objects[number % OBJECTS];
		char copy[sizeof(o->name)];
		struct span key = copy_of(o, copy);

		if (map_get(&m, key) != (o->is_in ? o : NULL))
			ck_abort_msg("step %d", n);
		if ((number >> 32) % 16 >= puts_of_16) {
			if (map_remove(&m, key) != (o->is_in ? o : NULL))
				ck_abort_msg("step %d", n);
			o->is_in = false;
		} else if (!o->is_in) {
			map_put(&m, o->key, o);
			o->is_in = true;
		}
		if (n % 1000 == 0) {
			check_runs();
			check_walk();
		}
	}
}
END_TEST

/* CROWD names whose places in a table of 16 are `home` or just behind it. */
static void crowd_at(size_t home)
{
	size_t found = 0;

	for (unsigned n = 0; found < CROWD; n++) {
		struct object *o = &objects[found];
		size_t distance;

		snprintf(o->name, sizeof(o->name), "/sub/%u", n);
		o->key = span_of(o->name);
		distance = (map_hash(o->key, m.seed) - home) & 15;
		/* Most at home, some one and two behind: removal must not take those too far. */
		if (distance == (found % 4 == 1 ? 1u : 0u) + (found % 4 == 3 ? 2u : 0u))
			found++;
	}
}

/* Whichever goes first, in a run that wraps around the end of the table too. */
START_TEST(removal_keeps_runs_whole)
{
	size_t home = (size_t)_i;

	m.seed = 0x0123456789abcdefu;
	crowd_at(home);
	for (size_t first = 0; first < CROWD; first++) {
		for (size_t i = 0; i < CROWD; i++)
			map_put(&m, objects[i].key, &objects[i]);
		ck_assert_uint_eq(m.size, 16);
		for (size_t gone = 0; gone < CROWD; gone++) {
			struct object *o = &objects[(first + gone * 5) % CROWD];

			ck_assert_ptr_eq(map_remove(&m, o->key), o);
			ck_assert_ptr_null(map_get(&m, o->key));
			ck_assert_ptr_null(map_remove(&m, o->key));
			check_runs();
			for (size_t later = gone + 1; later < CROWD; later++) {
				struct object *left = &objects[(first + later * 5) % CROWD];

				ck_assert_ptr_eq(map_get(&m, left->key), left);
			}
		}
		ck_assert_uint_eq(m.count, 0);
	}
}
END_TEST

START_TEST(empty_map)
{
	size_t at = 0;

	ck_assert_ptr_null(map_get(&m, SPAN("a")));
	ck_assert_ptr_null(map_remove(&m, SPAN("a")));
	ck_assert_ptr_null(map_next(&m, &at));
	map_put(&m, SPAN("a"), &at);
	ck_assert_ptr_eq(map_remove(&m, SPAN("a")), &at);
	ck_assert_ptr_null(map_get(&m, SPAN("a")));
	ck_assert_ptr_null(map_remove(&m, SPAN("a")));
}
END_TEST

START_TEST(keys_are_bytes)
{
	int values[4];

	map_put(&m, SPAN(""), &values[0]);
	map_put(&m, SPAN("\0"), &values[1]);
	map_put(&m, SPAN("a"), &values[2]);
	map_put(&m, SPAN("a\0"), &values[3]);
	ck_assert_ptr_eq(map_get(&m, SPAN("")), &values[0]);
	ck_assert_ptr_eq(map_get(&m, SPAN("\0")), &values[1]);
	ck_assert_ptr_eq(map_get(&m, SPAN("a")), &values[2]);
	ck_assert_ptr_eq(map_get(&m, SPAN("a\0")), &values[3]);
	ck_assert_ptr_null(map_get(&m, SPAN("\0\0")));
	ck_assert_ptr_null(map_get(&m, SPAN("A")));
	/* NULs at the end are not for free: keys that differ in them only do not crowd. */
	ck_assert(map_hash(SPAN("a"), 1) != map_hash(SPAN("a\0"), 1));
}
END_TEST

/* What collides in one map must not collide in the next: `_i` is the length of the keys. */
START_TEST(seed_reaches_every_length)
{
	const uint64_t seeds[] = { 1, 0x8000000000000001u, 0x5851f42d4c957f2du };
	char text[41];
	size_t len = (size_t)_i, together = 0, still_together = 0;
	uint64_t place;

	memset(text, 'x', sizeof(text));
	place = map_hash((struct span){ text, len }, seeds[0]) & 63;
	for (unsigned n = 0; n < 4096; n++) {
		struct span key = { text, len };
		uint64_t hash;

		/* The first bytes differ, the rest does not. */
		text[0] = (char)(n & 0xff);
		if (len > 1)
			text[1] = (char)(n >> 8);
		hash = map_hash(key, seeds[0]);
		if (hash == map_hash(key, seeds[1]) || hash == map_hash(key, seeds[2]))
			ck_abort_msg("the seed does not matter to key %u", n);
		if ((hash & 63) != place)
			continue;
		together++;
		still_together += (map_hash(key, seeds[2]) & 63) == place;
	}
	ck_assert_uint_gt(together, 8);
	ck_assert_uint_le(still_together, together / 2);
}
END_TEST

/*
 * The hash multiplies. No word, not even one of the constants of the hash,
 * may make a factor zero, or all that stood before it would be forgotten.
 */
START_TEST(no_word_swallows_what_came_before)
{
	const uint64_t words[] = { 0, UINT64_MAX, 0xa0761d6478bd642fu, 0xe7037ed1a0b428dbu,
		0xa0761d6478bd642fu ^ 0xe7037ed1a0b428dbu };

	for (size_t i = 0; i < countof(words); i++) {
		char one[24] = "/sub/one", two[24] = "/sub/two";

		memcpy(one + 8, &words[i], 8);
		memcpy(two + 8, &words[i], 8);
		for (size_t len = 16; len <= sizeof(one); len++)
			ck_assert_msg(map_hash((struct span){ one, len }, 42) !=
					      map_hash((struct span){ two, len }, 42),
				"word %zu, length %zu", i, len);
	}
}
END_TEST

START_TEST(maps_have_seeds_of_their_own)
{
	struct map other;

	map_init(&other);
	ck_assert(other.seed != m.seed);
	map_fini(&other);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("base/map");
	TCase *tc = tcase_create("map");
	SRunner *runner;
	int failed;

	tcase_add_checked_fixture(tc, set_up, tear_down);
	tcase_add_loop_test(tc, agrees_with_a_naive_model, 0, 4);
	tcase_add_loop_test(tc, removal_keeps_runs_whole, 0, 16);
	tcase_add_test(tc, empty_map);
	tcase_add_test(tc, keys_are_bytes);
	tcase_add_loop_test(tc, seed_reaches_every_length, 1, 41);
	tcase_add_test(tc, no_word_swallows_what_came_before);
	tcase_add_test(tc, maps_have_seeds_of_their_own);
	suite_add_tcase(suite, tc);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
