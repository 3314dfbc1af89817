#include <dirent.h>
#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "notify/json_in.h"
#include "notify/oauth.h"
#include "notify/oauth_state.h"

struct box {
	char folder[64], path[128];
};

static int
setup(void **state)
{
	struct box *box = calloc(1, sizeof *box);

	(void)snprintf(box->folder, sizeof box->folder, "/tmp/oauth.XXXXXX");
	assert_non_null(mkdtemp(box->folder));
	(void)snprintf(box->path, sizeof box->path, "%s/state.json", box->folder);
	*state = box;
	return 0;
}

static int
teardown(void **state)
{
	struct box *box = *state;

	(void)unlink(box->path);
	assert_int_equal(rmdir(box->folder), 0); /* nothing else was left there */
	free(box);
	return 0;
}

static void
fill(struct oauth_state *state)
{
	*state = (struct oauth_state){ .got_s = 1000, .until_s = 4600 };
	assert_int_equal(oauth_state_salt(state), 0);
	oauth_state_hash(state, STR("original"), state->original);
	oauth_state_hash(state, STR("settings"), state->settings);
	assert_int_equal(secret_set(&state->access, STR("ya29.access")), 0);
	assert_int_equal(secret_set(&state->refresh, STR("1//\"odd\\token")), 0);
}

static void
test_round_trip(void **state)
{
	struct box *box = *state;
	struct oauth_state one, two = { 0 };
	struct err err = { "" };
	struct stat st;

	fill(&one);
	assert_int_equal(oauth_state_load(box->path, &two, &err), -ENOENT);
	assert_int_equal(oauth_state_save(box->path, &one, &err), 0);
	assert_int_equal(stat(box->path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	assert_int_equal(oauth_state_load(box->path, &two, &err), 0);
	assert_string_equal(two.access.text, "ya29.access");
	assert_string_equal(two.refresh.text, "1//\"odd\\token");
	assert_string_equal(two.salt, one.salt);
	assert_string_equal(two.original, one.original);
	assert_string_equal(two.settings, one.settings);
	assert_int_equal(two.got_s, 1000);
	assert_int_equal(two.until_s, 4600);
	/* Again over the former one, without the tokens. */
	secret_done(&one.access);
	secret_done(&one.refresh);
	assert_int_equal(oauth_state_save(box->path, &one, &err), 0);
	assert_int_equal(oauth_state_load(box->path, &two, &err), 0);
	assert_int_equal(two.access.n + two.refresh.n, 0);
	oauth_state_done(&one);
	oauth_state_done(&two);
}

static void
test_others_can_read(void **state)
{
	struct box *box = *state;
	struct oauth_state one, two = { 0 };
	struct err err = { "" };

	fill(&one);
	assert_int_equal(oauth_state_save(box->path, &one, &err), 0);
	assert_int_equal(chmod(box->path, 0644), 0);
	assert_int_equal(oauth_state_load(box->path, &two, &err), -EPERM);
	assert_non_null(strstr(err.text, "chmod 600 "));
	assert_null(two.access.text);
	oauth_state_done(&one);
}

static void
test_hash(void **state)
{
	struct oauth_state one = { 0 }, two = { 0 };
	char a[OAUTH_HASH_BYTES], b[OAUTH_HASH_BYTES];

	(void)state;
	assert_int_equal(oauth_state_salt(&one), 0);
	assert_int_equal(oauth_state_salt(&two), 0);
	assert_string_not_equal(one.salt, two.salt);
	oauth_state_hash(&one, STR("token"), a);
	oauth_state_hash(&two, STR("token"), b);
	assert_string_not_equal(a, b); /* each file has its own salt */
	oauth_state_hash(&one, STR("token"), b);
	assert_string_equal(a, b);
	oauth_state_hash(&one, STR("tokem"), b);
	assert_string_not_equal(a, b);
	assert_int_equal(strlen(a), OAUTH_HASH_BYTES - 1);
}

/* A write that fails half-way (here at a limit, as on a full disk) leaves the old file, and
 * nothing beside it. */
static void
test_full_disk(void **state)
{
	struct box *box = *state;
	struct oauth_state one, two = { 0 };
	struct err err = { "" };
	struct rlimit before, small;

	fill(&one);
	assert_int_equal(oauth_state_save(box->path, &one, &err), 0);
	assert_int_equal(secret_set(&one.access, STR("another")), 0);
	(void)signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
	small = before;
	small.rlim_cur = 100;
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
	int r = oauth_state_save(box->path, &one, &err);

	assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
	assert_int_equal(r, -EFBIG);
	assert_non_null(strstr(err.text, box->path));
	assert_null(strstr(err.text, "another"));
	assert_int_equal(oauth_state_load(box->path, &two, &err), 0);
	assert_string_equal(two.access.text, "ya29.access");
	oauth_state_done(&one);
	oauth_state_done(&two);
}

static void
test_json(void **state)
{
	static const struct {
		struct str text;
		bool good;
	} cases[] = {
		{ STR_INIT("{}"), true },
		{ STR_INIT(" {\"a\": 1}\r\n"), true },
		{ STR_INIT(""), false },
		{ STR_INIT("[]"), false },
		{ STR_INIT("7"), false },
		{ STR_INIT("null"), false },
		{ STR_INIT("{\"a\": 1"), false },
		{ STR_INIT("{\"a\": 1} x"), false },
		{ STR_INIT("{}\0"), false },
		{ STR_INIT("{\"a\": \"\xff\"}"), false },
		{ STR_INIT(
		      "{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":{}}}}}}}}}"),
		    false },
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		AUTO(json_in_done) struct json_object *o = json_in_read(cases[i].text);

		print_message("%.*s\n", STR_ARG(cases[i].text));
		assert_int_equal(o != NULL, cases[i].good);
	}
	AUTO(json_in_done) struct json_object *object = json_in_read(
	    STR("{\"n\": 7, \"t\": \"3599\", \"s\": \"token\", \"bad\": \"a\\nb\"}"));
	AUTO(secret_done) struct secret secret = { 0 };

	assert_non_null(object);
	assert_int_equal(json_in_int(object, "n", 1), 7);
	assert_int_equal(json_in_int(object, "t", 1), 3599);
	assert_int_equal(json_in_int(object, "none", 1), 1);
	assert_true(json_in_has(object, "n"));
	assert_false(json_in_has(object, "none"));
	assert_null(json_in_text(object, "n").p);
	assert_false(json_in_secret(object, "n", &secret));
	assert_false(json_in_secret(object, "bad", &secret));
	assert_false(json_in_secret(object, "none", &secret));
	assert_true(json_in_secret(object, "s", &secret));
	assert_string_equal(secret.text, "token");
}

static void
test_settings(void **state)
{
	static const struct {
		const char *url, *client, *file, *channel, *part;
	} cases[] = {
		{ "http://x.example.org/", "c", "/f", "relay", "https://" },
		{ "https://x.example.org/", NULL, "/f", "relay", "client_id" },
		{ "https://x.example.org/", "c", NULL, "relay", "refresh_token_file" },
		{ "https://x.example.org/", "c", "/f", "../relay", "without /" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct oauth_settings settings = {
			.token_url = (char *)(uintptr_t)cases[i].url,
			.client_id = (char *)(uintptr_t)cases[i].client,
			.refresh_token.file = (char *)(uintptr_t)cases[i].file,
		};
		struct oauth *oauth = NULL;
		struct err err = { "" };

		assert_int_equal(oauth_open(&settings, "/tmp", cases[i].channel, &oauth,
				     &err),
		    -EINVAL);
		assert_non_null(strstr(err.text, cases[i].part));
		assert_null(oauth);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_round_trip, setup, teardown),
		cmocka_unit_test_setup_teardown(test_others_can_read, setup, teardown),
		cmocka_unit_test_setup_teardown(test_full_disk, setup, teardown),
		cmocka_unit_test(test_hash),
		cmocka_unit_test(test_json),
		cmocka_unit_test(test_settings),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
