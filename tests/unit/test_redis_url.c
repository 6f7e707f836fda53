/* redis/url: addresses of a Redis, and what an operator is told about a wrong one. */
#include "redis/url.h"

#include "base/attr.h"
#include "redis/bus.h"

#include <check.h>
#include <stdlib.h>

static const struct {
	const char *text;
	const char *host;
	unsigned port;
	const char *path;
	const char *user;
	const char *password;
	unsigned database;
	const char *shown;
} good[] = {
	{ "redis://h", "h", 6379, NULL, NULL, NULL, 0, "h:6379" },
	{ "redis://h/", "h", 6379, NULL, NULL, NULL, 0, "h:6379" },
	{ "redis://h:1/15", "h", 1, NULL, NULL, NULL, 15, "h:1" },
	{ "redis://h:65535/65535", "h", 65535, NULL, NULL, NULL, 65535, "h:65535" },
	{ "redis://:secret@h:7", "h", 7, NULL, NULL, "secret", 0, "h:7" },
	{ "redis://secret@h:7", "h", 7, NULL, NULL, "secret", 0, "h:7" },
	{ "redis://me:secret@h/2", "h", 6379, NULL, "me", "secret", 2, "h:6379" },
	{ "redis://me:@h", "h", 6379, NULL, "me", "", 0, "h:6379" },
	{ "redis://@h", "h", 6379, NULL, NULL, NULL, 0, "h:6379" },
	{ "redis://:@h", "h", 6379, NULL, NULL, NULL, 0, "h:6379" },
	/* A password may hold what separates the parts. */
	{ "redis://me:a@b:c/d@h:7/1", "h", 7, NULL, "me", "a@b:c/d", 1, "h:7" },
	{ "redis://m%3Ae:a%40%2f%25@h", "h", 6379, NULL, "m:e", "a@/%", 0, "h:6379" },
	{ "redis://:100%@h", "h", 6379, NULL, NULL, "100%", 0, "h:6379" },
	{ "redis://:%zz%1@h", "h", 6379, NULL, NULL, "%zz%1", 0, "h:6379" },
	{ "redis://[::1]:7/1", "::1", 7, NULL, NULL, NULL, 1, "::1:7" },
	{ "redis://[::1]", "::1", 6379, NULL, NULL, NULL, 0, "::1:6379" },
	{ "redis://u:p@[fe80::1]:7", "fe80::1", 7, NULL, "u", "p", 0, "fe80::1:7" },
	{ "unix:///run/r.sock", NULL, 0, "/run/r.sock", NULL, NULL, 0, "/run/r.sock" },
	{ "unix:///run/r%20s?db=3", NULL, 0, "/run/r s", NULL, NULL, 3, "/run/r s" },
};

static void ck_assert_text(const char *is, const char *expected)
{
	if (expected)
		ck_assert_str_eq(is, expected);
	else
		ck_assert_ptr_null(is);
}

START_TEST(reads_good_ones)
{
	struct redis_url u;
	char why[256] = "";

	ck_assert_msg(redis_url_read(good[_i].text, &u, why), "%s: %s", good[_i].text, why);
	ck_assert_text(u.host, good[_i].host);
	ck_assert_uint_eq(u.port, good[_i].port);
	ck_assert_text(u.path, good[_i].path);
	ck_assert_text(u.user, good[_i].user);
	ck_assert_text(u.password, good[_i].password);
	ck_assert_uint_eq(u.database, good[_i].database);
	ck_assert_str_eq(u.shown, good[_i].shown);
	redis_url_fini(&u);
	ck_assert_ptr_null(u.host);
	redis_url_fini(&u);
	ck_assert(bus_redis_check_url(good[_i].text, why));
}
END_TEST

static const struct {
	const char *text;
	const char *why; /* a part of it */
} bad[] = {
	{ "", "must begin with" },
	{ "h:6379", "must begin with" },
	{ "http://h", "must begin with" },
	{ "REDIS://h", "must begin with" },
	{ "rediss://:secret@h", "TLS" },
	{ "redis://", "no host" },
	{ "redis:///1", "no host" },
	{ "redis://:secret@", "no host" },
	{ "redis://:secret@/1", "no host" },
	{ "redis://[]", "no host" },
	{ "redis://:secret@:7", "no host" },
	{ "redis://:secret@h:", "port" },
	{ "redis://:secret@h:0", "port" },
	{ "redis://:secret@h:65536", "port" },
	{ "redis://:secret@h:7a", "port" },
	{ "redis://:secret@h:-1", "port" },
	{ "redis://:secret@h:99999999999999999999", "port" },
	{ "redis://::1", "port" },
	{ "redis://[::1", "port" },
	{ "redis://[::1]x", "port" },
	{ "redis://[::1]x:7", "port" },
	{ "redis://:secret@h/x", "database" },
	{ "redis://:secret@h/1/2", "database" },
	{ "redis://:secret@h/65536", "database" },
	{ "redis://:secret@h%00x", "%00" },
	{ "unix://", "path" },
	{ "unix:///", "path" },
	{ "unix://run/sock", "path" },
	{ "unix:///sock?", "db=" },
	{ "unix:///sock?db=", "db=" },
	{ "unix:///sock?db=x", "db=" },
	{ "unix:///sock?password=secret", "db=" },
	{ "unix://?db=1", "path" },
};

START_TEST(refuses_bad_ones)
{
	struct redis_url u;
	char why[256] = "";

	ck_assert_msg(!redis_url_read(bad[_i].text, &u, why), "%s", bad[_i].text);
	ck_assert_msg(strstr(why, bad[_i].why) != NULL, "%s: %s", bad[_i].text, why);
	ck_assert_ptr_null(strstr(why, "secret"));
	ck_assert_ptr_null(u.host);
	ck_assert_ptr_null(u.path);
	ck_assert_ptr_null(u.password);
	ck_assert(!bus_redis_check_url(bad[_i].text, why));
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("redis/url");
	TCase *tc = tcase_create("url");
	SRunner *runner;
	int failed;

	tcase_add_loop_test(tc, reads_good_ones, 0, (int)countof(good));
	tcase_add_loop_test(tc, refuses_bad_ones, 0, (int)countof(bad));
	suite_add_tcase(suite, tc);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
