/* redis/link, and the bus on it: addresses, passwords, and being freed at any moment. */
#include "bus_case.h"

#include "redis/link.h"

static const char *const addresses[] = { "redis://127.0.0.1:%u/0", "redis://localhost:%u/3",
	"redis://:secret@127.0.0.1:%u", "redis://me:s%20t@127.0.0.1:%u/1", "unix://%s?db=2" };

/* Puts the port in place of %u, the path of the socket in place of %s. */
static void set_url(struct world *w, const char *format, char url[128])
{
	const char *path = strstr(format, "%s"), *port = strstr(format, "%u");

	if (path)
		snprintf(url, 128, "%.*s%s%s", (int)(path - format), format, w->redis.socket,
			path + 2);
	else if (port)
		snprintf(url, 128, "%.*s%u%s", (int)(port - format), format, w->redis.port,
			port + 2);
	else
		snprintf(url, 128, "%s", format);
	w->config.url = url;
}

START_TEST(connects_to)
{
	static struct world w;
	char url[128];

	world_init(&w);
	redis_server_start(&w.redis, NULL);
	if (strstr(addresses[_i], ":secret")) {
		ck_assert(redis_server_command(&w.redis, "CONFIG SET requirepass secret"));
	} else if (strchr(addresses[_i], '@')) {
		const char *argv[] = { "ACL", "SETUSER", "me", "on", ">s t", "+@all",
			"allchannels" };

		ck_assert(redis_server_tell(&w.redis, countof(argv), argv, NULL));
	}
	set_url(&w, addresses[_i], url);
	node_start(&w, 0);
	node_start(&w, 1);
	ck_assert(comes_within(&w, all_up, soon_s));
	publish_number(&w.nodes[0], 1);
	w.wanted = 1;
	ck_assert(comes_within(&w, all_got, soon_s));
	world_fini(&w);
}
END_TEST

static const struct {
	const char *url;
	const char *why; /* a part of it */
} refused[] = {
	{ "redis://:wrong@127.0.0.1:%u", "WRONGPASS" },
	{ "redis://me:wrong@127.0.0.1:%u", "WRONGPASS" },
	{ "redis://127.0.0.1:%u", "NOAUTH" },
	{ "redis://:secret@127.0.0.1:%u/999", "DB index" },
	{ "redis://deaf:s@127.0.0.1:%u", "NOPERM" },
	{ "redis://mute:s@127.0.0.1:%u", "NOPERM" },
	{ "unix://%s.none", "No such file" },
	{ "redis://no-such-host.invalid:%u", "" },
};

START_TEST(says_why_not)
{
	static struct world w;
	char url[128];

	world_init(&w);
	redis_server_start(&w.redis, NULL);
	ck_assert(redis_server_command(
		&w.redis, "ACL SETUSER deaf on >s +@all resetchannels &websocket-events"));
	ck_assert(redis_server_command(
		&w.redis, "ACL SETUSER mute on >s +@all -publish allchannels"));
	ck_assert(redis_server_command(&w.redis, "CONFIG SET requirepass secret"));
	set_url(&w, refused[_i].url, url);
	node_start(&w, 0);
	ck_assert(comes_within(&w, all_down, soon_s));
	ck_assert_msg(strstr(w.nodes[0].why, refused[_i].why) != NULL, "%s", w.nodes[0].why);
	ck_assert_ptr_null(strstr(w.nodes[0].why, "wrong@"));
	/* And goes on trying. */
	ck_assert(!comes_within(&w, all_up, 0.3));
	ck_assert_int_eq(w.nodes[0].state, BUS_DOWN);
	world_fini(&w);
}
END_TEST

START_TEST(a_right_password_may_come_later)
{
	static struct world w;
	char url[128];

	world_init(&w);
	redis_server_start(&w.redis, NULL);
	set_url(&w, "redis://me:right@127.0.0.1:%u", url);
	node_start(&w, 0);
	ck_assert(comes_within(&w, all_down, soon_s));
	ck_assert(redis_server_command(&w.redis, "ACL SETUSER me on >right +@all allchannels"));
	ck_assert(comes_within(&w, all_up, soon_s));
	world_fini(&w);
}
END_TEST

/* A subscription that is never confirmed: there is a port, but no Redis behind it. */
START_TEST(a_mute_server_is_given_up)
{
	struct world *w = world_of(1);

	redis_server_signal(&w->redis, SIGSTOP);
	for (int i = 0; i < 2; i++) {
		w->nodes[0].why[0] = '\0';
		ck_assert(comes_within(w, all_down, soon_s));
		ck_assert(!comes_within(w, never, 1.));
	}
	redis_server_signal(&w->redis, SIGCONT);
	ck_assert(comes_within(w, all_up, soon_s));
	world_fini(w);
}
END_TEST

/* --- being freed ------------------------------------------------------------ */

/* So many turns of the loop after its start the bus is freed, whatever it is at. */
START_TEST(a_bus_may_be_freed_at_any_turn)
{
	static const char *const urls[] = { "redis://127.0.0.1:%u", "redis://localhost:%u",
		"redis://no-such-host.invalid:%u", "unix://%s", "redis://127.0.0.1:1" };
	static struct world w;
	char url[128];

	world_init(&w);
	redis_server_start(&w.redis, NULL);
	for (size_t i = 0; i < countof(urls); i++) {
		for (int turns = 0; turns < 14; turns++) {
			set_url(&w, urls[i], url);
			node_start(&w, 0);
			for (int t = 0; t < turns; t++) {
				ev_run(w.loop, EVRUN_ONCE);
				publish_number(&w.nodes[0], (unsigned)t);
			}
			node_stop(&w, 0);
			ev_run(w.loop, EVRUN_NOWAIT);
			w.nodes[0].got_count = 0;
			w.nodes[0].accepted_count = 0;
		}
	}
	ck_assert(!comes_within(&w, never, 0.1));
	world_fini(&w);
}
END_TEST

enum moment {
	AT_ONCE,
	WHILE_DOWN,
	WHILE_CONNECTING,
	IN_UP,
	IN_DOWN,
	IN_DROP,
	WHILE_UP,
	MOMENTS
};

struct owner {
	struct redis_link *link;
	enum moment moment;
	unsigned ups;
	unsigned downs;
};

static void let_go(struct owner *o)
{
	redis_link_free(o->link);
	o->link = NULL;
}

static void on_up(void *owner, struct redisAsyncContext *redis)
{
	struct owner *o = owner;

	ck_assert_ptr_nonnull(redis);
	o->ups++;
	if (o->moment == IN_UP)
		let_go(o);
}

static void on_down(void *owner, const char *why)
{
	struct owner *o = owner;

	o->downs++;
	if (o->moment == IN_DOWN || o->moment == IN_DROP)
		let_go(o);
	/* Borrowed for the call, and not from what has been freed. */
	ck_assert_uint_gt(strlen(why), 0);
}

static struct owner *current;

static bool was_up(const struct world *w)
{
	(void)w;
	return current->ups > 0;
}

static bool was_down(const struct world *w)
{
	(void)w;
	return current->downs > 0;
}

START_TEST(a_link_may_be_freed_at_any_moment)
{
	static const struct redis_link_events events = { on_up, on_down };
	static struct world w;
	struct owner o = { .moment = (enum moment)(_i / 2) };
	struct redis_link_config config = { .host = "127.0.0.1",
		.password = _i % 2 ? "wrong" : NULL,
		.database = 1,
		.first_pause = 0.02,
		.longest_pause = 0.1,
		.answer_within = 1 };

	current = &o;
	world_init(&w);
	config.port = (uint16_t)w.redis.port;
	if (o.moment != WHILE_DOWN)
		redis_server_start(&w.redis, NULL);
	o.link = redis_link_new(w.loop, &config, &events, &o);
	ck_assert_uint_eq(o.ups + o.downs, 0);
	if (o.moment == WHILE_DOWN)
		ck_assert(comes_within(&w, was_down, soon_s));
	if (o.moment == WHILE_CONNECTING)
		ev_run(w.loop, EVRUN_ONCE);
	if (o.moment >= IN_UP && !config.password)
		ck_assert(comes_within(&w, was_up, soon_s));
	if (o.moment == IN_DOWN && !config.password) {
		redis_server_kill(&w.redis);
		ck_assert(comes_within(&w, was_down, soon_s));
	}
	if (o.moment >= IN_UP && config.password)
		ck_assert(comes_within(&w, was_down, soon_s));
	if (o.moment == IN_DROP && o.link)
		redis_link_drop(o.link, "dropped");
	let_go(&o);
	ck_assert(!comes_within(&w, never, 0.05));
	world_fini(&w);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("redis/link");
	TCase *tc = tcase_create("link");
	SRunner *runner;
	int failed;

	tcase_set_timeout(tc, 30);
	tcase_add_loop_test(tc, connects_to, 0, (int)countof(addresses));
	tcase_add_loop_test(tc, says_why_not, 0, (int)countof(refused));
	tcase_add_test(tc, a_right_password_may_come_later);
	tcase_add_test(tc, a_mute_server_is_given_up);
	tcase_add_test(tc, a_bus_may_be_freed_at_any_turn);
	tcase_add_loop_test(tc, a_link_may_be_freed_at_any_moment, 0, 2 * MOMENTS);
	suite_add_tcase(suite, tc);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
