/* desktop/kept: places and unseen mail, written and read again; files that are no good. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include <glib.h>
#include <glib/gstdio.h>

#include "desktop/kept.h"

struct desk {
	char *folder, *path, *bad, *fresh;
	struct desk_settings settings;
	struct inbox *inbox;
	struct kept *kept;
	struct err err;
};

static char *nobody[] = { NULL };
static char *joe[] = { (char *)"joe@example.org", NULL };

static void
load(struct desk *d)
{
	kept_free(d->kept);
	inbox_free(d->inbox);
	d->inbox = inbox_new(&d->settings);
	d->kept = kept_load(d->path, d->inbox, &d->err);
	assert_non_null(d->kept);
}

static int
set_up(void **state)
{
	struct desk *d = g_new0(struct desk, 1);

	d->settings.addresses = joe;
	d->settings.mailboxes = nobody;
	d->folder = g_dir_make_tmp("mailwarden-test-XXXXXX", NULL);
	assert_non_null(d->folder);
	d->path = g_build_filename(d->folder, "state", "mailwarden", "desktop.json", NULL);
	d->bad = g_strconcat(d->path, ".bad", NULL);
	d->fresh = g_strconcat(d->path, ".new", NULL);
	load(d);
	*state = d;
	return 0;
}

static int
tear_down(void **state)
{
	struct desk *d = *state;

	kept_free(d->kept);
	inbox_free(d->inbox);
	(void)g_unlink(d->path);
	(void)g_unlink(d->bad);
	(void)g_rmdir(d->fresh);
	for (char *at = g_path_get_dirname(d->path), *up; at != NULL; at = up) {
		up = strlen(at) > strlen(d->folder) ? g_path_get_dirname(at) : NULL;
		(void)g_chmod(at, 0700);
		(void)g_rmdir(at);
		g_free(at);
	}
	g_free(d->folder);
	g_free(d->path);
	g_free(d->bad);
	g_free(d->fresh);
	g_free(d);
	return 0;
}

static void
save(struct desk *d)
{
	if (kept_save(d->kept, d->inbox, &d->err) != 0)
		fail_msg("%s", d->err.text);
}

static void
assert_place(const struct desk *d, const char *host, const char *id, int64_t at_us)
{
	int64_t got_us = -1;

	assert_string_equal(kept_place(d->kept, host, &got_us), id);
	assert_int_equal(got_us, at_us);
}

static void
add_mail(struct desk *d, const char *message_id)
{
	struct record record = {
		.kind = RECORD_DELIVERED,
		.at_us = 1795228877000000,
		.recipient = "joe@example.org",
		.sender = "ann@example.net",
		.message_id = message_id,
	};

	assert_true(inbox_add_delivery(d->inbox, "mx1", &record) > 0);
}

static void
test_nothing_yet(void **state)
{
	struct desk *d = *state;

	assert_string_equal(d->err.text, "");
	assert_place(d, "mx1", "", 0);
	assert_int_equal(inbox_new_count(d->inbox), 0);
	assert_false(g_file_test(d->path, G_FILE_TEST_EXISTS));
}

static void
test_again(void **state)
{
	struct desk *d = *state;
	struct stat file;

	kept_set_place(d->kept, "mx1", "p1", 1);
	kept_set_place(d->kept, "a \"host\"\n\xe2\x80\xae", "p\\", INT64_MAX);
	kept_set_place(d->kept, "mx1", "1f2e3d4c.m1.a2.e3.c4", 1795228877500000);
	add_mail(d, "a1@example.net");
	save(d);
	assert_int_equal(stat(d->path, &file), 0);
	assert_int_equal(file.st_mode & 07777, 0600);
	load(d);
	assert_string_equal(d->err.text, "");
	assert_place(d, "mx1", "1f2e3d4c.m1.a2.e3.c4", 1795228877500000);
	assert_place(d, "a \"host\"\n\xe2\x80\xae", "p\\", INT64_MAX);
	assert_place(d, "mx2", "", 0);
	assert_int_equal(inbox_new_count(d->inbox), 1);
	assert_string_equal(inbox_recent(d->inbox, 0)->sender, "ann@example.net");
}

/* What was held back in quiet hours is held back by the next run, too. */
static void
test_held(void **state)
{
	struct desk *d = *state;
	const char *keys[] = { "mx1\x1f"
			       "00000000000a",
		"mx2\x1f"
		"00000000000b",
		"\"" };

	for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
		(void)g_hash_table_add(kept_held(d->kept), g_strdup(keys[i]));
	save(d);
	load(d);
	assert_string_equal(d->err.text, "");
	assert_int_equal(g_hash_table_size(kept_held(d->kept)), 3);
	for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
		assert_true(g_hash_table_remove(kept_held(d->kept), keys[i]));
	save(d);
	load(d);
	assert_int_equal(g_hash_table_size(kept_held(d->kept)), 0);
}

/* A file is made anew only if something has changed, also after a start. */
static void
test_written_when_changed(void **state)
{
	struct desk *d = *state;

	kept_set_place(d->kept, "mx1", "p1", 1);
	save(d);
	assert_int_equal(g_unlink(d->path), 0);
	kept_set_place(d->kept, "mx1", "p1", 1);
	save(d);
	assert_false(g_file_test(d->path, G_FILE_TEST_EXISTS));
	kept_set_place(d->kept, "mx1", "p2", 1);
	save(d);
	assert_true(g_file_test(d->path, G_FILE_TEST_EXISTS));
	load(d);
	assert_int_equal(g_unlink(d->path), 0);
	save(d);
	assert_false(g_file_test(d->path, G_FILE_TEST_EXISTS));
	add_mail(d, "a1@example.net");
	save(d);
	assert_true(g_file_test(d->path, G_FILE_TEST_EXISTS));
	assert_true(inbox_all_seen(d->inbox));
	save(d);
	load(d);
	assert_int_equal(inbox_new_count(d->inbox), 0);
}

static void
test_no_good(void **state)
{
	static const char *const files[] = { "", "{", "[]", "null", "{\"version\":1}",
		"{\"version\":2,\"hosts\":[],\"mail\":[]}",
		"{\"version\":1,\"hosts\":{},\"mail\":[]}",
		"{\"version\":1,\"hosts\":[],\"mail\":7}", "\xff\xfe" };
	struct desk *d = *state;

	save(d); /* makes the folder */
	for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
		g_autofree char *kept_aside = NULL;

		assert_true(g_file_set_contents(d->path, files[i], -1, NULL));
		load(d);
		assert_non_null(strstr(d->err.text, "begins anew"));
		assert_non_null(strstr(d->err.text, ".bad"));
		assert_false(g_file_test(d->path, G_FILE_TEST_EXISTS));
		assert_true(g_file_get_contents(d->bad, &kept_aside, NULL, NULL));
		assert_string_equal(kept_aside, files[i]);
		assert_place(d, "mx1", "", 0);
		save(d);
		load(d);
		assert_string_equal(d->err.text, "");
	}
}

/* What fits is taken, what does not is left out. */
static void
test_half_good(void **state)
{
	struct desk *d = *state;

	save(d);
	assert_true(g_file_set_contents(d->path,
	    "{\"version\":1,\"hosts\":[7,{},{\"name\":\"a\"},{\"name\":\"b\",\"place\":3},"
	    "{\"name\":\"c\",\"place\":\"p\",\"at_us\":\"x\"},"
	    "{\"name\":\"d\",\"place\":\"q\",\"at_us\":4}],"
	    "\"held\":[7,\"k\",null],\"mail\":[7,{},null]}",
	    -1, NULL));
	load(d);
	assert_int_equal(g_hash_table_size(kept_held(d->kept)), 1);
	assert_string_equal(d->err.text, "");
	assert_place(d, "b", "", 0);
	assert_place(d, "c", "p", 0);
	assert_place(d, "d", "q", 4);
}

/* A write that fails is told, leaves what was there, and is tried again. */
static void
test_write_fails(void **state)
{
	struct desk *d = *state;

	kept_set_place(d->kept, "mx1", "p1", 1);
	save(d);
	assert_int_equal(g_mkdir(d->fresh, 0700), 0); /* in the way */
	kept_set_place(d->kept, "mx1", "p2", 2);
	assert_true(kept_save(d->kept, d->inbox, &d->err) < 0);
	assert_non_null(strstr(d->err.text, d->fresh));
	assert_int_equal(g_rmdir(d->fresh), 0);
	struct kept *other = kept_load(d->path, d->inbox, &d->err);
	int64_t at_us;

	assert_string_equal(kept_place(other, "mx1", &at_us), "p1");
	kept_free(other);
	save(d);
	load(d);
	assert_place(d, "mx1", "p2", 2);
}

static void
test_path(void **state)
{
	g_autofree char *before = g_strdup(g_getenv("XDG_STATE_HOME"));

	(void)state;
	(void)g_setenv("XDG_STATE_HOME", "/var/tmp/s", TRUE);
	g_autofree char *given = kept_path();

	(void)g_setenv("XDG_STATE_HOME", "relative", TRUE);
	g_autofree char *home = kept_path();

	assert_string_equal(given, "/var/tmp/s/mailwarden/desktop.json");
	assert_true(g_path_is_absolute(home));
	assert_true(g_str_has_suffix(home, "/.local/state/mailwarden/desktop.json"));
	if (before == NULL)
		g_unsetenv("XDG_STATE_HOME");
	else
		(void)g_setenv("XDG_STATE_HOME", before, TRUE);
}

#define KEPT_TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		KEPT_TEST(test_nothing_yet),
		KEPT_TEST(test_again),
		KEPT_TEST(test_held),
		KEPT_TEST(test_written_when_changed),
		KEPT_TEST(test_no_good),
		KEPT_TEST(test_half_good),
		KEPT_TEST(test_write_fails),
		cmocka_unit_test(test_path),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
