/*
 * broker/queue: scripts and what comes of them. A script is words:
 *
 *     +x     message x comes; it has room        =x   it has none
 *     A:2    a reader that acknowledges joins, for two messages at a time; a:2 one that does not
 *     .      what there is room for is given: the trace gets "Ax" for each, "Ax*" when marked
 *     pA2    all up to delivery 2 of A were passed on to its client
 *     kA1-2  the client has taken deliveries 1 to 2, nA1-2: refused them
 *     -A     A leaves, ~A: is lost
 *     t9     it is 9 o'clock
 */
#include "broker/queue.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>

enum {
	MESSAGES = 5,
	BYTES_MOST = 1 << 20,
	AGE_MOST = 100,
	REDELIVERIES = 2,
	READERS = 128, /* one for each letter */
};

static const struct queue_limits limits = { MESSAGES, BYTES_MOST, AGE_MOST, REDELIVERIES };
static struct queue_totals totals;
static struct queue queue;
static struct queue_reader readers[READERS];
static uint64_t now;
static char trace[512];

static void set_up(void)
{
	totals = (struct queue_totals){ .bytes = 0 };
	queue_init(&queue, &limits, &totals);
	now = 1;
	trace[0] = '\0';
}

static struct message *make(char name)
{
	const struct bus_message content = {
		.destination = SPAN("/queue/a"),
		.content_type = SPAN("text/plain"),
		.body = { &name, 1 },
	};

	return message_new(&content, "id", 1);
}

static void push(char name, bool fits)
{
	struct message *m = make(name);

	ck_assert_int_eq(queue_push(&queue, m, false, now), fits);
	if (!fits)
		message_unref(m);
}

static void deal(void)
{
	const struct queue_item *item;
	struct queue_reader *r;
	size_t len = strlen(trace);

	while ((item = queue_give(&queue, now, &r)))
		len += (size_t)snprintf(trace + len, sizeof(trace) - len, "%c%c%s ",
			(char)(r - readers), item->message->content.body.at[0],
			item->redelivered ? "*" : "");
}

static void settle(const char *word)
{
	unsigned first, last;

	ck_assert_int_eq(sscanf(word + 2, "%u-%u", &first, &last), 2);
	queue_settle(&queue, &readers[(int)word[1]], first, last, word[0] == 'k');
}

static void say(const char *word)
{
	struct queue_reader *r = &readers[(int)word[0]];

	switch (word[0]) {
	case '+':
	case '=':
		push(word[1], word[0] == '+');
		break;
	case '.':
		deal();
		break;
	case 'p':
		queue_passed(&queue, &readers[(int)word[1]], strtoul(word + 2, NULL, 10));
		break;
	case 'k':
	case 'n':
		settle(word);
		break;
	case '-':
	case '~':
		queue_detach(&queue, &readers[(int)word[1]], word[0] == '~');
		break;
	case 't':
		now = strtoul(word + 1, NULL, 10);
		break;
	default:
		ck_assert_int_eq(word[1], ':');
		queue_reader_init(r, word[0] < 'a', strtoul(word + 2, NULL, 10), BYTES_MOST);
		queue_attach(&queue, r);
		break;
	}
}

static const struct {
	const char *script;
	const char *trace;
} scripts[] = {
	{ "+1 +2 a:9 .", "a1 a2 " },
	{ "a:9 +1 . +2 .", "a1 a2 " },
	/* each has its turn, among those with room */
	{ "a:9 b:9 +1 +2 +3 +4 .", "a1 b2 a3 b4 " },
	{ "a:1 b:9 +1 +2 +3 +4 .", "a1 b2 b3 b4 " },
	{ "a:1 b:1 +1 +2 +3 . pb1 .", "a1 b2 b3 " },
	{ "a:9 b:9 +1 . -a -b c:9 d:9 .", "a1 c1 " },
	/* without acknowledgements, passed is gone */
	{ "a:2 +1 +2 +3 . pa1 .", "a1 a2 a3 " },
	{ "a:9 +1 +2 +3 . pa2 -a b:9 .", "a1 a2 a3 b3 " },
	{ "a:9 +1 +2 . pa2 ~a b:9 .", "a1 a2 " },
	/* what was not passed has not been seen; who is lost may have seen it */
	{ "A:9 +1 +2 . -A B:9 .", "A1 A2 B1 B2 " },
	{ "A:9 +1 +2 . pA1 -A B:9 .", "A1 A2 B1* B2 " },
	{ "A:9 +1 +2 . pA1 ~A B:9 .", "A1 A2 B1* B2* " },
	/* passed takes a place until it is settled */
	{ "A:1 +1 +2 . pA1 .", "A1 " },
	{ "A:1 +1 +2 . pA1 kA1-1 .", "A1 A2 " },
	{ "A:3 +1 +2 +3 . pA3 kA1-2 -A B:9 .", "A1 A2 A3 B3* " },
	/* settled twice, or before the first number, is nothing */
	{ "A:3 +1 +2 . pA2 kA2-2 kA2-2 kA0-0 -A B:9 .", "A1 A2 B1* " },
	/* given back to where it stood, under a new number */
	{ "A:3 +1 +2 +3 . pA3 nA1-3 .", "A1 A2 A3 A1* A2* A3* " },
	{ "A:2 +1 +2 +3 +4 . pA2 nA2-2 nA1-1 .", "A1 A2 A1* A2* " },
	{ "A:3 +1 +2 +3 . pA3 nA3-3 nA1-1 nA2-2 .", "A1 A2 A3 A1* A2* A3* " },
	{ "A:1 +1 +2 . pA1 nA1-1 . pA2 kA1-1 -A B:9 .", "A1 A1* B1* B2 " },
	{ "A:9 B:9 +1 +2 +3 +4 . -B -A C:9 .", "A1 B2 A3 B4 C1 C2 C3 C4 " },
	{ "B:1 A:3 +1 +2 . -B . -A C:9 .", "B1 A2 A1 C1 C2 " },
	/* too often */
	{ "A:1 +1 . nA1-1 . nA2-2 . nA3-3 .", "A1 A1* A1* " },
	{ "A:9 +1 +2 . pA2 -A A:9 . pA2 -A A:9 . pA2 -A A:9 .", "A1 A2 A1* A2* A1* A2* A2* " },
	{ "A:9 +1 . -A A:9 . -A A:9 . -A A:9 .", "A1 A1 A1 A1 " },
	/* full: what is given and not settled counts */
	{ "+1 +2 +3 +4 +5 =6", "" },
	{ "A:9 +1 +2 +3 +4 +5 . =6 pA5 =6 kA1-1 +6 .", "A1 A2 A3 A4 A5 A6 " },
	/* too old, but only while it waits */
	{ "+1 t50 +2 t101 a:9 .", "a2 " },
	{ "A:9 +1 . pA1 t500 nA1-1 .", "A1 " },
	{ "+1 +2 +3 +4 +5 t101 +6 a:9 .", "a6 " },
};

START_TEST(goes_by_the_script)
{
	char text[256], *word, *rest = NULL;

	snprintf(text, sizeof(text), "%s", scripts[_i].script);
	for (word = strtok_r(text, " ", &rest); word; word = strtok_r(NULL, " ", &rest))
		say(word);
	ck_assert_str_eq(trace, scripts[_i].trace);
	for (size_t i = 0; i < READERS; i++) {
		if (readers[i].link.next && readers[i].link.next != &readers[i].link)
			queue_detach(&queue, &readers[i], false);
	}
	queue_fini(&queue);
	ck_assert_uint_eq(totals.bytes, 0);
	ck_assert_uint_eq(queue.count, 0);
}
END_TEST

START_TEST(all_queues_share_the_bytes)
{
	struct message *one = make('1'), *two = make('2');
	struct queue_limits tight = { MESSAGES, sizeof(struct queue_item) + one->bytes, 0, 0 };
	struct queue other;

	queue_init(&queue, &tight, &totals);
	queue_init(&other, &tight, &totals);
	ck_assert(queue_push(&queue, one, false, now));
	ck_assert(!queue_push(&other, two, false, now));
	queue_fini(&queue);
	ck_assert(queue_push(&other, two, false, now));
	queue_fini(&other);
}
END_TEST

START_TEST(what_is_ahead_is_bounded_in_bytes)
{
	struct message *first = make('1');
	struct queue_reader *r = &readers['A'];

	queue_reader_init(r, true, MESSAGES, sizeof(struct queue_item) + first->bytes + 1);
	queue_attach(&queue, r);
	ck_assert(queue_push(&queue, first, false, now));
	push('2', true);
	push('3', true);
	deal();
	ck_assert_str_eq(trace, "A1 A2 ");
	queue_passed(&queue, r, 1);
	deal();
	ck_assert_str_eq(trace, "A1 A2 A3 ");
	ck_assert_uint_eq(r->count, 3);
	queue_detach(&queue, r, false);
	queue_fini(&queue);
}
END_TEST

START_TEST(what_is_pulled_is_the_callers)
{
	struct queue_item *item;

	push('1', true);
	item = queue_pull(&queue);
	ck_assert_ptr_nonnull(item);
	ck_assert_uint_eq(totals.bytes, 0);
	ck_assert_ptr_null(queue_pull(&queue));
	message_unref(item->message);
	free(item);
	queue_fini(&queue);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("broker/queue");
	TCase *tc = tcase_create("queue");
	SRunner *runner;
	int failed;

	tcase_add_checked_fixture(tc, set_up, NULL);
	tcase_add_loop_test(tc, goes_by_the_script, 0, (int)countof(scripts));
	tcase_add_test(tc, all_queues_share_the_bytes);
	tcase_add_test(tc, what_is_ahead_is_bounded_in_bytes);
	tcase_add_test(tc, what_is_pulled_is_the_callers);
	suite_add_tcase(suite, tc);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
