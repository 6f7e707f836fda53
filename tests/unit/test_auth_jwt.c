/*
 * auth/jwt: which tokens are let in. The vectors in tests/data are what real
 * applications issue; what they do not cover is signed here at run time.
 */
#include "auth/claims.h"
#include "base/json.h"
#include "tests/unit/jwt_case.h"

#include <pthread.h>
#include <stdio.h>

#define USER_ID "663c345e-9553-4e81-a14a-a9859b9a0e2d"

/*
 * How each vector's application would configure us. The two "sb04" ones tell
 * access from refresh tokens by `type`; no other application has a rule of its
 * own for `type`, though some tokens carry it. `id` is the claim that the
 * vector's note calls the user's id, and `id_json` what must come of it.
 */
static const struct expectation {
	const char *name;
	const char *required;
	const char *issuer;
	const char *id;
	const char *id_json;
	const char *why; /* NULL: let in */
} expectations[] = {
	{ "sb04 (seed 002)", "type=access", NULL, "userId", "\"" USER_ID "\"", NULL },
	{ "sb04 refresh token used as access", "type=access", NULL, NULL, NULL,
		"claim missing or different" },
	{ "sub is the id", "role=USER", NULL, "sub", "\"" USER_ID "\"", NULL },
	{ "issuer + sessionId", "sessionId", "mopl", "sub", "\"" USER_ID "\"", NULL },
	{ "name inside token", "rememberMe=false", NULL, "userId", "\"" USER_ID "\"", NULL },
	{ "numeric user id", "userId=5", NULL, "userId", "5", NULL },
	{ "authorities list", "authorities=ROLE_USER", NULL, "userId", "\"" USER_ID "\"", NULL },
	{ "jti is the name", NULL, NULL, "jti", "\"happydaddy\"", NULL },
	{ "expired", NULL, NULL, NULL, NULL, "token expired" },
	{ "not yet valid", NULL, NULL, NULL, NULL, "token not yet valid" },
	{ "no exp", NULL, NULL, "userId", "\"" USER_ID "\"", NULL },
	{ "alg none", NULL, NULL, NULL, NULL, "algorithm not allowed" },
	{ "HS512 while only HS256 allowed", NULL, NULL, NULL, NULL, "algorithm not allowed" },
	{ "bad signature", NULL, NULL, NULL, NULL, "signature does not match" },
	{ "two parts only", NULL, NULL, NULL, NULL, "not a token" },
	{ "Bearer with double space", NULL, NULL, "userId", "\"" USER_ID "\"", NULL },
};

static void read_data(const char *path, struct buf *out)
{
	FILE *in = fopen(path, "r");

	ck_assert_msg(in != NULL, "%s: run the tests from the root of the tree", path);
	out->len = fread(buf_reserve(out, 1 << 16), 1, 1 << 16, in);
	fclose(in);
	ck_assert(json_is_value(buf_span(out)));
}

static char *text_member(struct span object, struct span name)
{
	struct buf text = { NULL, 0, 0 };
	struct span value;

	if (!json_member(object, name, &value) || !json_is_string(value))
		return NULL;
	json_unquote(value, &text);
	buf_put_byte(&text, '\0');
	return text.at;
}

static const struct expectation *expectation_of(const char *name)
{
	for (size_t i = 0; i < countof(expectations); i++) {
		if (strcmp(expectations[i].name, name) == 0)
			return &expectations[i];
	}
	ck_abort_msg("nothing is expected of vector \"%s\"", name);
}

static void try_vector(struct span vector, const struct expectation *e)
{
	char *text = text_member(vector, SPAN("token"));
	char *key = text_member(vector, SPAN("key"));
	struct jwt_config config = plain;
	struct span value, cfg;
	char *own_key = NULL;
	struct jwt *j;

	ck_assert(json_member(vector, SPAN("cfg"), &cfg));
	own_key = text_member(cfg, SPAN("key"));
	config.key = own_key ? own_key : key;
	config.allow_short_key = own_key != NULL;
	config.issuer = e->issuer;
	config.required = &e->required;
	config.required_count = e->required ? 1 : 0;
	j = must_make(&config);
	buf_put(&token, span_of(text));
	expect(j, e->why);
	ck_assert(json_member(vector, SPAN("valid"), &value));
	ck_assert_int_eq(span_eq(value, SPAN("true")), e->why == NULL);
	if (e->id) {
		ck_assert(claims_find(buf_span(&claims), span_of(e->id), &value));
		ck_assert(span_eq(value, span_of(e->id_json)));
	}
	jwt_free(j);
	free(own_key);
	free(key);
	free(text);
	token.len = 0;
}

START_TEST(answers_the_vectors)
{
	struct buf data = { NULL, 0, 0 };
	struct span rest, none, vector;
	size_t count = 0;

	read_data("tests/data/jwt_vectors.json", &data);
	rest = json_trim(buf_span(&data));
	while (json_next(&rest, &none, &vector)) {
		char *name = text_member(vector, SPAN("name"));

		try_vector(vector, expectation_of(name));
		free(name);
		count++;
	}
	ck_assert_uint_eq(count, countof(expectations));
	buf_fini(&data);
}
END_TEST

START_TEST(lenient_key_is_short)
{
	struct jwt_config config = plain;

	config.key = "base64-lenient:govlepel@$&";
	ck_assert_ptr_null(jwt_new(&config, why));
	ck_assert_str_eq(why,
		"the key has 6 bytes, but HS256 needs at least 32: make a longer one with "
		"\"openssl rand -base64 64\", or set allow_short_key if the issuer cannot change it");
}
END_TEST

static const struct {
	const char *header;
	const char *payload;
	const char *why;
} forms[] = {
	{ HS256, "{}", NULL },
	{ " { \"alg\" : \"HS256\" } ", "\n {\"sub\":\"a\"}\t", NULL },
	{ "{\"\\u0061lg\":\"HS25\\u0036\"}", "{}", NULL },
	{ "{\"alg\":\"HS256\",\"kid\":\"1\",\"jku\":\"https://x\"}", "{}", NULL },
	{ "{}", "{}", "algorithm not allowed" },
	{ "{\"alg\":null}", "{}", "algorithm not allowed" },
	{ "{\"alg\":[\"HS256\"]}", "{}", "algorithm not allowed" },
	{ "{\"alg\":\"hs256\"}", "{}", "algorithm not allowed" },
	{ "{\"alg\":\"none\"}", "{}", "algorithm not allowed" },
	{ "{\"alg\":\"HS256\\u0000\"}", "{}", "algorithm not allowed" },
	{ "{\"alg\":\"RS256\"}", "{}", "algorithm not allowed" },
	{ "{\"alg\":\"HS256\",\"alg\":\"HS256\"}", "{}", "not a token" },
	{ "{\"alg\":\"none\",\"\\u0061lg\":\"HS256\"}", "{}", "not a token" },
	{ "{\"alg\":\"HS256\",\"crit\":[\"b64\"],\"b64\":false}", "{}", "not a token" },
	{ "{\"alg\":\"HS256\",\"crit\":null}", "{}", "not a token" },
	{ "[\"alg\",\"HS256\"]", "{}", "not a token" },
	{ "\"HS256\"", "{}", "not a token" },
	{ "", "{}", "not a token" },
	{ "{\"alg\":\"HS256\"", "{}", "not a token" },
	{ "{\"alg\":\"HS256\"}x", "{}", "not a token" },
	{ HS256, "", "not a token" },
	{ HS256, " ", "not a token" },
	{ HS256, "null", "not a token" },
	{ HS256, "[]", "not a token" },
	{ HS256, "{\"sub\":\"a\"", "not a token" },
	{ HS256, "{\"sub\":\"\xff\"}", "not a token" },
	{ HS256, "{\"exp\":4102444800,\"exp\":4102444800}", "not a token" },
	{ HS256, "{\"exp\":1,\"\\u0065xp\":4102444800}", "not a token" },
	{ HS256, "{\"nbf\":1,\"nbf\":1}", "not a token" },
	{ HS256, "{\"iss\":\"a\",\"iss\":\"a\"}", "not a token" },
	{ HS256, "{\"aud\":\"a\",\"aud\":\"a\"}", "not a token" },
	{ HS256, "{\"exp\":\"4102444800\"}", "not a token" },
	{ HS256, "{\"exp\":null}", "not a token" },
	{ HS256, "{\"exp\":true}", "not a token" },
	{ HS256, "{\"nbf\":\"1\"}", "not a token" },
	{ HS256, "{\"nbf\":[1]}", "not a token" },
};

START_TEST(form)
{
	struct jwt *j = must_make(&plain);

	jwt_maker_hmac(&token, forms[_i].header, forms[_i].payload, SPAN(KEY32), "SHA256");
	expect(j, forms[_i].why);
	jwt_free(j);
}
END_TEST

START_TEST(payload_is_kept_as_it_was)
{
	struct jwt *j = must_make(&plain);

	sign(" \n{\"n\": 9007199254740993, \"t\":\"\\u0000\"}\r\n");
	expect(j, NULL);
	ck_assert(span_eq(buf_span(&claims), SPAN("{\"n\": 9007199254740993, \"t\":\"\\u0000\"}")));
	jwt_free(j);
}
END_TEST

static const struct {
	struct span text;
	const char *why;
} texts[] = {
	{ SPAN(""), "not a token" },
	{ SPAN(" \r\n\t"), "not a token" },
	{ SPAN("."), "not a token" },
	{ SPAN(".."), "not a token" },
	{ SPAN("..."), "not a token" },
	{ SPAN("undefined"), "not a token" },
	{ SPAN("eyJhbGciOiJIUzI1NiJ9.e30"), "not a token" },
	{ SPAN("eyJhbGciOiJIUzI1NiJ9.e30."), "signature does not match" },
	{ SPAN("eyJhbGciOiJIUzI1NiJ9.e30.AA"), "signature does not match" },
	{ SPAN("eyJhbGciOiJIUzI1NiJ9.e30.AA=="), "not a token" },
	{ SPAN("eyJhbGciOiJIUzI1NiJ9.e30.A+"), "not a token" },
	{ SPAN("eyJhbGciOiJIUzI1NiJ9.e30.AB"), "not a token" },
	{ SPAN("eyJhbGciOiJIUzI1NiJ9.e30.AA.AA.AA"), "not a token" },
	{ SPAN("eyJhbGciOiJIUzI1NiJ9=.e30.AA"), "not a token" },
	{ SPAN("\0.\0.\0"), "not a token" },
};

START_TEST(text)
{
	struct jwt *j = must_make(&plain);

	ck_assert_pstr_eq(verdict_at(j, texts[_i].text, NOW), texts[_i].why);
	jwt_free(j);
}
END_TEST

START_TEST(nothing_at_all)
{
	struct jwt *j = must_make(&plain);

	ck_assert_pstr_eq(verdict_at(j, (struct span){ NULL, 0 }, NOW), "not a token");
	jwt_free(j);
}
END_TEST

/* The longest token is let in, with white space around it; one that is longer is not. */
START_TEST(length_has_a_limit)
{
	struct jwt *j = must_make(&plain);
	struct buf payload = { NULL, 0, 0 };
	size_t longest = 0;

	for (size_t fill = 12100; fill < 12300; fill++) {
		payload.len = 0;
		buf_printf(&payload, "{\"a\":\"%0*d\"}", (int)fill, 0);
		buf_put_byte(&payload, '\0');
		sign(payload.at);
		if (token.len > JWT_TOKEN_BYTES_MOST) {
			expect(j, "not a token");
			continue;
		}
		longest = token.len;
		buf_put_byte(&token, '\n');
		expect(j, NULL);
	}
	ck_assert_uint_gt(longest, JWT_TOKEN_BYTES_MOST - 2);
	buf_fini(&payload);
	jwt_free(j);
}
END_TEST

/* The right signature with more behind it: 33 bytes, no whole number of them, 36 bytes. */
START_TEST(longer_signature_is_refused)
{
	static const char *const tails[] = { "A", "AA", "AAAAA" };
	struct jwt *j = must_make(&plain);

	for (size_t i = 0; i < countof(tails); i++) {
		sign("{}");
		expect(j, NULL);
		buf_put(&token, span_of(tails[i]));
		expect(j, i == 1 ? "not a token" : "signature does not match");
	}
	jwt_free(j);
}
END_TEST

/* Also those of the dots, and of the last character's bits that belong to no byte. */
START_TEST(any_flipped_bit_is_refused)
{
	struct jwt *j = must_make(&plain);

	sign("{\"sub\":\"a\",\"exp\":4102444800}");
	expect(j, NULL);
	for (size_t bit = 0; bit < token.len * 8; bit++) {
		token.at[bit / 8] ^= (char)(1 << bit % 8);
		ck_assert_ptr_nonnull(verdict_at(j, buf_span(&token), NOW));
		token.at[bit / 8] ^= (char)(1 << bit % 8);
	}
	for (size_t len = 0; len < token.len; len++)
		ck_assert_ptr_nonnull(verdict_at(j, (struct span){ token.at, len }, NOW));
	expect(j, NULL);
	jwt_free(j);
}
END_TEST

static const struct {
	const char *payload;
	int64_t now_s;
	int64_t leeway_s;
	int64_t expires_s;
	const char *why;
} times[] = {
	{ "{\"exp\":1000}", 999, 0, 1000, NULL },
	{ "{\"exp\":1000}", 1000, 0, 0, "token expired" },
	{ "{\"exp\":1000}", 1029, 30, 1000, NULL },
	{ "{\"exp\":1000}", 1030, 30, 0, "token expired" },
	{ "{\"exp\":1000.9}", 999, 0, 1000, NULL },
	{ "{\"exp\":1e3}", 999, 0, 1000, NULL },
	{ "{\"exp\":0}", 5, 60, 0, "token expired" },
	{ "{\"exp\":-1}", -100, 60, 0, "token expired" },
	{ "{\"exp\":9223372036854775807}", NOW, 60, INT64_MAX, NULL },
	{ "{\"exp\":9223372036854775808}", NOW, 60, INT64_MAX, NULL },
	{ "{\"exp\":1e400}", NOW, 60, 0, "not a token" }, /* no number that can be compared */
	{ "{\"exp\":-1e400}", NOW, 60, 0, "not a token" },
	{ "{\"nbf\":1000}", 1000, 0, 0, NULL },
	{ "{\"nbf\":1000}", 999, 0, 0, "token not yet valid" },
	{ "{\"nbf\":1000}", 970, 30, 0, NULL },
	{ "{\"nbf\":1000}", 969, 30, 0, "token not yet valid" },
	{ "{\"nbf\":-9223372036854775808}", 0, 30, 0, NULL },
	{ "{\"nbf\":1e19}", INT64_MAX - 1, 0, 0, "token not yet valid" },
	{ "{}", NOW, 0, 0, NULL },
};

START_TEST(time_is_checked)
{
	struct jwt_config config = plain;
	struct jwt *j;

	config.leeway_s = times[_i].leeway_s;
	j = must_make(&config);
	sign(times[_i].payload);
	ck_assert_pstr_eq(verdict_at(j, buf_span(&token), times[_i].now_s), times[_i].why);
	ck_assert_int_eq(expires_s, times[_i].expires_s);
	jwt_free(j);
}
END_TEST

START_TEST(exp_may_be_required)
{
	struct jwt_config config = plain;
	struct jwt *j;

	config.require_exp = true;
	j = must_make(&config);
	sign("{}");
	expect(j, "claim missing or different");
	sign("{\"exp\":4102444800}");
	expect(j, NULL);
	ck_assert_int_eq(expires_s, 4102444800);
	jwt_free(j);
}
END_TEST

static const struct {
	const char *required;
	const char *payload;
	bool met;
} requirements[] = {
	{ "type=access", "{\"type\":\"access\"}", true },
	{ "type=access", "{\"type\":\"acc\\u0065ss\"}", true },
	{ "type=access", "{\"type\":\"refresh\"}", false },
	{ "type=access", "{\"type\":[\"x\",\"access\"]}", true },
	{ "type=access", "{\"type\":[\"x\",[\"access\"]]}", false },
	{ "type=access", "{\"type\":[]}", false },
	{ "type=access", "{\"type\":{\"access\":1}}", false },
	{ "type=access", "{\"type\":\"refresh\",\"type\":\"access\"}", false },
	{ "type=access", "{\"type\":\"access\",\"type\":\"refresh\"}", false },
	{ "type=access", "{}", false },
	{ "type", "{\"type\":{}}", true },
	{ "type", "{\"type\":false}", true },
	{ "type", "{\"type\":null}", false },
	{ "type", "{\"Type\":1}", false },
	{ "type=", "{\"type\":\"\"}", true },
	{ "type=", "{\"type\":\"x\"}", false },
	{ "n=5", "{\"n\":5}", true },
	{ "n=5", "{\"n\":\"5\"}", true },
	{ "n=5", "{\"n\":5.0}", false },
	{ "n=9007199254740993", "{\"n\":9007199254740993}", true },
	{ "n=9007199254740993", "{\"n\":9007199254740992}", false },
	{ "ok=true", "{\"ok\":true}", true },
	{ "ok=null", "{\"ok\":null}", false },
	{ "a=b=c", "{\"a\":\"b=c\"}", true },
	{ "a.b.c=1", "{\"a\":{\"b\":{\"c\":1}}}", true },
	{ "a.b.c=1", "{\"a\":{\"b\":[{\"c\":1}]}}", false },
	{ "a.b.c=1", "{\"a\":{\"b.c\":1}}", true },
	{ "a.b", "{\"a\":\"b\"}", false },
	{ "a.b", "{\"a.b\":1}", true },
	{ "a.", "{\"a\":{\"\":1}}", true },
	{ "https://example.org/id=7", "{\"https://example.org/id\":7}", true },
};

START_TEST(requirement)
{
	struct jwt_config config = plain;
	struct jwt *j;

	config.required = &requirements[_i].required;
	config.required_count = 1;
	j = must_make(&config);
	sign(requirements[_i].payload);
	expect(j, requirements[_i].met ? NULL : "claim missing or different");
	jwt_free(j);
}
END_TEST

START_TEST(every_requirement_counts)
{
	static const char *const both[] = { "a=1", "b" };
	struct jwt_config config = plain;
	struct jwt *j;

	config.required = both;
	config.required_count = 2;
	j = must_make(&config);
	sign("{\"a\":1}");
	expect(j, "claim missing or different");
	sign("{\"a\":1,\"b\":2}");
	expect(j, NULL);
	jwt_free(j);
}
END_TEST

static const struct {
	const char *payload;
	const char *why;
} meant_for[] = {
	{ "{\"iss\":\"me\",\"aud\":\"b\"}", NULL },
	{ "{\"iss\":\"me\",\"aud\":[\"x\",\"a\"]}", NULL },
	{ "{\"iss\":\"me\",\"aud\":[\"x\"]}", "wrong audience" },
	{ "{\"iss\":\"me\",\"aud\":\"\"}", "wrong audience" },
	{ "{\"iss\":\"me\",\"aud\":{\"a\":\"a\"}}", "wrong audience" },
	{ "{\"iss\":\"me\"}", "wrong audience" },
	{ "{\"iss\":\"Me\",\"aud\":\"a\"}", "wrong issuer" },
	{ "{\"iss\":[\"me\"],\"aud\":\"a\"}", "wrong issuer" },
	{ "{\"aud\":\"a\"}", "wrong issuer" },
};

START_TEST(issuer_and_audience)
{
	static const char *const audiences[] = { "a", "b" };
	struct jwt_config config = plain;
	struct jwt *j;

	config.issuer = "me";
	config.audiences = audiences;
	config.audience_count = 2;
	j = must_make(&config);
	sign(meant_for[_i].payload);
	expect(j, meant_for[_i].why);
	jwt_free(j);
}
END_TEST

static void *verify_many(void *owner)
{
	const struct jwt *j = owner;
	struct buf own = { NULL, 0, 0 };
	const char *reason;
	int64_t exp;

	for (int i = 0; i < 200; i++) {
		if (!jwt_verify(j, buf_span(&token), NOW, &own, &exp, &reason))
			return owner;
	}
	buf_fini(&own);
	return NULL;
}

/* Says most under ThreadSanitizer. */
START_TEST(threads_share_it)
{
	struct jwt *j = must_make(&plain);
	pthread_t threads[4];
	void *failed;

	sign("{\"exp\":4102444800}");
	for (size_t i = 0; i < countof(threads); i++)
		ck_assert_int_eq(pthread_create(&threads[i], NULL, verify_many, j), 0);
	for (size_t i = 0; i < countof(threads); i++) {
		pthread_join(threads[i], &failed);
		ck_assert_ptr_null(failed);
	}
	jwt_free(j);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("auth/jwt");
	TCase *tc = tcase_create("token");

	tcase_add_checked_fixture(tc, NULL, free_case);
	tcase_add_test(tc, answers_the_vectors);
	tcase_add_test(tc, lenient_key_is_short);
	tcase_add_loop_test(tc, form, 0, (int)countof(forms));
	tcase_add_test(tc, payload_is_kept_as_it_was);
	tcase_add_loop_test(tc, text, 0, (int)countof(texts));
	tcase_add_test(tc, nothing_at_all);
	tcase_add_test(tc, length_has_a_limit);
	tcase_add_test(tc, longer_signature_is_refused);
	tcase_add_test(tc, any_flipped_bit_is_refused);
	tcase_add_loop_test(tc, time_is_checked, 0, (int)countof(times));
	tcase_add_test(tc, exp_may_be_required);
	tcase_add_loop_test(tc, requirement, 0, (int)countof(requirements));
	tcase_add_test(tc, every_requirement_counts);
	tcase_add_loop_test(tc, issuer_and_audience, 0, (int)countof(meant_for));
	tcase_add_test(tc, threads_share_it);
	suite_add_tcase(suite, tc);
	return run_suite(suite);
}
