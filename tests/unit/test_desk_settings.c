#include <errno.h>
#include <glib.h>
#include <glib/gstdio.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "core/str.h"
#include "desktop/settings.h"
#include "desktop/settings_check.h"

struct box {
	char *folder, *path, *bak;
};

static int
setup(void **state)
{
	struct box *box = g_new0(struct box, 1);

	box->folder = g_dir_make_tmp("desk.XXXXXX", NULL);
	assert_non_null(box->folder);
	box->path = g_build_filename(box->folder, "desktop.yaml", NULL);
	box->bak = g_strconcat(box->path, ".bak", NULL);
	*state = box;
	return 0;
}

static int
teardown(void **state)
{
	struct box *box = *state;

	(void)g_unlink(box->path);
	(void)g_unlink(box->bak);
	assert_int_equal(g_rmdir(box->folder), 0); /* nothing else was left behind */
	g_free(box->folder);
	g_free(box->path);
	g_free(box->bak);
	g_free(box);
	return 0;
}

static void
put(const char *path, const char *text)
{
	assert_true(g_file_set_contents(path, text, -1, NULL));
}

static char *
get(const char *path)
{
	char *text = NULL;

	assert_true(g_file_get_contents(path, &text, NULL, NULL));
	return text;
}

/* The faults as they are printed, to be freed by free(); NULL: there were none. */
static char *
read_faults(const char *path, struct desk_settings **out)
{
	struct diags diags = { 0 };
	int r = desk_settings_read(path, out, &diags);

	if (r == 0) {
		assert_int_equal(diags.errors, 0);
		diags_done(&diags);
		return NULL;
	}
	char *text = NULL;
	size_t n;
	FILE *to = open_memstream(&text, &n);

	assert_int_equal(r, -EINVAL);
	assert_non_null(to);
	diags_print(&diags, to);
	assert_int_equal(fclose(to), 0);
	diags_done(&diags);
	return text;
}

static struct desk_settings *
read_good(const char *path)
{
	struct desk_settings *settings = NULL;
	char *faults = read_faults(path, &settings);

	if (faults != NULL)
		fail_msg("%s", faults);
	return settings;
}

static void
assert_words(char *const *words, const char *joined)
{
	g_autofree char *all = g_strjoinv("|", (char **)words);

	assert_string_equal(all, joined);
}

static void
assert_choices(const struct desk_rule *rule, enum desk_choice count,
    enum desk_choice notify, enum desk_choice sound)
{
	assert_int_equal(rule->count, count);
	assert_int_equal(rule->notify, notify);
	assert_int_equal(rule->sound, sound);
}

static const char all_keys[] =
    "hosts:\n"
    "  - name: here\n"
    "    program: ~/bin/mailwarden\n"
    "    state: ~/mail.db\n"
    "  - ssh: joe@mx1\n"
    "    program: /opt/bin/mailwarden\n"
    "    state: /srv/mail.db\n"
    "    config: /etc/mw.yaml\n"
    "    dashboard: http://127.0.0.1:8025/\n"
    "  - ssh: [-p, 2222, mx2]\n"
    "  - ssh: -o 'ProxyJump gate' ssh://joe@[2001:db8::7]:2222\n"
    "mail:\n"
    "  addresses: [joe@example.org, \"*@example.net\"]\n"
    "  mailboxes: [~/Maildir, /var/mail/joe]\n"
    "  open: thunderbird -mail 'a b'\n"
    "  notify: no\n"
    "  sound: yes\n"
    "  settle: 2m\n"
    "  rules:\n"
    "    - to: list@example.org\n"
    "      notify: no\n"
    "    - {from: \"*@example.com\", to: joe, count: no, sound: yes}\n"
    "trouble:\n"
    "  notify: critical\n"
    "  acknowledged_in_icon: no\n"
    "quiet_hours: { from: 22:30, until: \"7:05\", critical: no }\n"
    "icons: symbolic\n";

static void
check_all_keys(const struct desk_settings *s)
{
	g_autofree char *db = g_build_filename(g_get_home_dir(), "mail.db", NULL);
	g_autofree char *program =
	    g_build_filename(g_get_home_dir(), "bin", "mailwarden", NULL);
	g_autofree char *boxes =
	    g_strconcat(g_get_home_dir(), "/Maildir|/var/mail/joe", NULL);

	assert_true(s->given);
	assert_int_equal(s->nhosts, 4);
	assert_string_equal(s->hosts[0].name, "here");
	assert_null(s->hosts[0].ssh);
	assert_string_equal(s->hosts[0].program, program);
	assert_string_equal(s->hosts[0].state, db);
	assert_null(s->hosts[0].config);
	assert_string_equal(s->hosts[1].name, "mx1");
	assert_words(s->hosts[1].ssh, "joe@mx1");
	assert_string_equal(s->hosts[1].program, "/opt/bin/mailwarden");
	assert_string_equal(s->hosts[1].state, "/srv/mail.db");
	assert_string_equal(s->hosts[1].config, "/etc/mw.yaml");
	assert_string_equal(s->hosts[1].dashboard, "http://127.0.0.1:8025/");
	assert_string_equal(s->hosts[2].name, "mx2");
	assert_words(s->hosts[2].ssh, "-p|2222|mx2");
	assert_string_equal(s->hosts[2].program, "mailwarden");
	assert_string_equal(s->hosts[3].name, "2001:db8::7");
	assert_words(s->hosts[3].ssh, "-o|ProxyJump gate|ssh://joe@[2001:db8::7]:2222");
	assert_words(s->addresses, "joe@example.org|*@example.net");
	assert_words(s->mailboxes, boxes);
	assert_words(s->open, "thunderbird|-mail|a b");
	assert_false(s->mail_notify);
	assert_string_equal(s->mail_sound, "message-new-email");
	assert_int_equal(s->settle_us, 120 * G_USEC_PER_SEC);
	assert_int_equal(s->nrules, 2);
	assert_string_equal(s->rules[0].to, "list@example.org");
	assert_null(s->rules[0].from);
	assert_choices(&s->rules[0], DESK_UNSET, DESK_NO, DESK_UNSET);
	assert_string_equal(s->rules[1].to, "joe");
	assert_string_equal(s->rules[1].from, "*@example.com");
	assert_choices(&s->rules[1], DESK_NO, DESK_UNSET, DESK_YES);
	assert_int_equal(s->trouble_from, DESK_CRITICAL);
	assert_false(s->acknowledged_counts);
	assert_true(s->quiet);
	assert_int_equal(s->quiet_from_min, 22 * 60 + 30);
	assert_int_equal(s->quiet_until_min, 7 * 60 + 5);
	assert_false(s->critical_when_quiet);
	assert_true(s->symbolic);
}

static void
test_all_keys(void **state)
{
	struct box *box = *state;

	put(box->path, all_keys);
	struct desk_settings *read = read_good(box->path);

	check_all_keys(read);
	struct desk_settings *copy = desk_settings_copy(read);

	desk_settings_free(read);
	check_all_keys(copy);
	desk_settings_free(copy);
}

static void
check_defaults(const struct desk_settings *s)
{
	assert_int_equal(s->nhosts, 1);
	assert_string_equal(s->hosts[0].name, g_get_host_name());
	assert_null(s->hosts[0].ssh);
	assert_string_equal(s->hosts[0].program, "mailwarden");
	assert_words(s->addresses, g_get_user_name());
	assert_null(s->open);
	assert_true(s->mail_notify);
	assert_null(s->mail_sound);
	assert_int_equal(s->settle_us, 3 * G_USEC_PER_SEC);
	assert_int_equal(s->nrules, 0);
	assert_int_equal(s->trouble_from, DESK_WARNING);
	assert_true(s->acknowledged_counts);
	assert_false(s->quiet);
	assert_true(s->critical_when_quiet);
	assert_false(s->symbolic);
}

static void
test_defaults(void **state)
{
	struct box *box = *state;
	static const char *const texts[] = { "", "# nothing\n",
		"hosts:\nmail:\ntrouble:\nquiet_hours: no\n",
		"mail:\n  addresses:\n#   - joe@example.org\n  open: no\n  sound: no\n",
		"icons: colour\nmail: { open: [], rules: [] }\n" };
	struct desk_settings *s = desk_settings_default();

	check_defaults(s);
	assert_false(s->given);
	desk_settings_free(s);
	for (size_t i = 0; i < G_N_ELEMENTS(texts); i++) {
		put(box->path, texts[i]);
		s = read_good(box->path);
		check_defaults(s);
		assert_true(s->given);
		desk_settings_free(s);
	}
	put(box->path, "hosts: []\nmail: { addresses: [], mailboxes: [] }\n");
	s = read_good(box->path);
	assert_int_equal(s->nhosts, 0);
	assert_null(s->addresses[0]);
	assert_null(s->mailboxes[0]);
	desk_settings_free(s);
	desk_settings_free(NULL);
}

/* $MAIL comes first, though nothing lies there yet, and once. */
static void
test_mailboxes(void **state)
{
	struct box *box = *state;
	g_autofree char *old = g_strdup(g_getenv("MAIL"));
	g_autofree char *maildir = g_build_filename(g_get_home_dir(), "Maildir", NULL);

	assert_true(g_setenv("MAIL", box->path, TRUE));
	struct desk_settings *s = desk_settings_default();

	assert_string_equal(s->mailboxes[0], box->path);
	assert_int_equal(g_strv_contains((const char *const *)s->mailboxes, maildir),
	    g_file_test(maildir, G_FILE_TEST_EXISTS));
	desk_settings_free(s);
	assert_true(g_setenv("MAIL", maildir, TRUE));
	s = desk_settings_default();
	assert_string_equal(s->mailboxes[0], maildir);
	assert_true(s->mailboxes[1] == NULL || strcmp(s->mailboxes[1], maildir) != 0);
	desk_settings_free(s);
	if (old != NULL)
		(void)g_setenv("MAIL", old, TRUE);
	else
		g_unsetenv("MAIL");
}

static void
test_faults(void **state)
{
	struct box *box = *state;
	static const struct {
		const char *text, *want; /* behind the name of the file */
	} cases[] = {
		{ "hosts: [{ssh: mx1, dashbord: http://mx1}]\n",
		    ":1:20: unknown key 'dashbord', did you mean 'dashboard'?" },
		{ "host: mx1\n", ":1:1: unknown key 'host', did you mean 'hosts'?" },
		{ "hosts: mx1\n", ":1:8: expected a list of hosts, found a single value" },
		{ "hosts: [mx1]\n", ":1:9: expected a host, such as 'ssh: mx1'" },
		{ "hosts:\n  - ssh: mx1\n  - ssh: joe@mx1\n",
		    ":3:5: two hosts are called 'mx1'" },
		{ "hosts: [{}, {}]\n", ":1:13: two hosts are called " },
		{ "hosts: [{ssh: -oProxyCommand=ls}]\n", ":1:15: 'ssh': the destination" },
		{ "hosts: [{ssh: [mx1, -v]}]\n", ":1:15: 'ssh': the destination" },
		{ "hosts: [{ssh: []}]\n", ":1:15: 'ssh': the destination is missing" },
		{ "hosts: [{ssh: joe@}]\n", ":1:15: 'ssh': the destination has no host" },
		{ "hosts: [{ssh: \"'mx1\"}]\n", ":1:15: 'ssh': " },
		{ "hosts: [{ssh: mx1, state: ~/db}]\n", ":1:27: '~/db': on another host" },
		{ "hosts: [{name: \"a\\tb\"}]\n", "has a control character" },
		{ "hosts: [{name: \"a\\0b\"}]\n", "has a control character" },
		{ "hosts: [{dashboard: mx1:8025}]\n",
		    ":1:21: 'mx1:8025': write an address such as http://" },
		{ "hosts: [{dashboard: \"http://mx1/#/x\"}]\n", "leave out the #" },
		{ "hosts: [{dashboard: \"file:///etc\"}]\n", "write an address such as" },
		{ "mail:\n  addresses: [joe@example.org, 'Joe <joe@example.org>']\n",
		    ":2:32: 'Joe <joe@example.org>': an address has no blanks" },
		{ "mail: { addresses: \"a@example.org,b@example.org\" }\n",
		    ":1:20: 'a@example.org,b@example.org': one address at a time" },
		{ "mail: { addresses: \"@example.org\" }\n", "write *@DOMAIN" },
		{ "mail: { addresses: { a: b } }\n",
		    ":1:20: expected a list, found a map" },
		{ "mail: { mailboxes: Maildir }\n", ":1:20: 'Maildir': write the full" },
		{ "mail: { mailboxes: ~jim/Maildir }\n", "write the full path" },
		{ "mail: { notify: maybe }\n", ":1:17: 'notify' must be yes or no" },
		{ "mail: { settle: soon }\n", ":1:17: 'settle' must be a span" },
		{ "mail: { settle: 6m }\n", ":1:17: 'settle' is longer than 5m" },
		{ "mail: { open: 'a \"b' }\n", ":1:15: 'open': " },
		{ "mail: { rules: [{to: joe}] }\n", "needs 'count', 'notify' or 'sound'" },
		{ "mail: { rules: [{count: no}] }\n",
		    ":1:17: a rule needs 'to' or 'from'" },
		{ "trouble: { notify: warnign }\n",
		    ":1:20: 'notify' cannot be 'warnign', did you mean 'warning'?" },
		{ "trouble: { notify: loud }\n",
		    "'notify' cannot be 'loud', only one of none, info, warning, critical" },
		{ "quiet_hours: { from: \"22:00\" }\n", ":1:14: quiet_hours need 'until'" },
		{ "quiet_hours: { from: 24:00, until: 7:00 }\n", ":1:22: 'from' must be" },
		{ "quiet_hours: { from: 22:0, until: 7:00 }\n", ":1:22: 'from' must be" },
		{ "quiet_hours: { from: 7:00, until: \"07:00\" }\n",
		    "end when they begin" },
		{ "quiet_hours: yes\n", ":1:14: expected 'from' and 'until', or no" },
		{ "icons: color\n", ":1:8: 'icons' cannot be 'color', did you mean" },
		{ "- a\n", ":1:1: expected settings" },
		{ "mail: {\n", "not YAML" },
	};

	for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
		struct desk_settings *settings = NULL;

		put(box->path, cases[i].text);
		char *faults = read_faults(box->path, &settings);

		assert_null(settings);
		if (faults == NULL || strstr(faults, cases[i].want) == NULL)
			fail_msg("%s gives\n%s", cases[i].text, faults ? faults : "-");
		free(faults);
	}
}

/* All of them in one run. */
static void
test_many_faults(void **state)
{
	struct box *box = *state;
	struct desk_settings *settings = NULL;
	GString *text =
	    g_string_new("icons: red\nmail: { notify: 1, sond: no, hosts: [] }\n"
			 "hosts:\n");

	for (int i = 0; i <= DESK_MAX_HOSTS; i++)
		g_string_append_printf(text, "  - ssh: mx%d\n", i);
	put(box->path, text->str);
	char *faults = read_faults(box->path, &settings);

	assert_non_null(faults);
	assert_non_null(strstr(faults, ":1:8: "));
	assert_non_null(strstr(faults, ":2:17: "));
	assert_non_null(strstr(faults, "did you mean 'sound'?"));
	assert_non_null(strstr(faults, ":4:3: 33 hosts, at most 32 are allowed"));
	free(faults);
	(void)g_string_free(text, TRUE);
}

static void
test_no_file(void **state)
{
	struct box *box = *state;
	struct desk_settings *settings = NULL;
	struct diags diags = { 0 };
	g_autofree char *below = g_build_filename(box->path, "x", NULL);

	assert_int_equal(desk_settings_read(box->path, &settings, &diags), -ENOENT);
	put(box->path, "");
	assert_int_equal(desk_settings_read(below, &settings, &diags), -ENOENT);
	assert_int_equal(diags.errors, 0);
	assert_int_equal(desk_settings_read(box->folder, &settings, &diags), -EISDIR);
	assert_int_equal(diags.errors, 1);
	assert_null(settings);
	diags_done(&diags);
}

static void
write_good(const char *path, const struct desk_settings *settings)
{
	struct err err = { "" };

	if (desk_settings_write(path, settings, &err) != 0)
		fail_msg("%s", err.text);
}

/* What is written reads the same, and is then known as written here. */
static void
test_write(void **state)
{
	struct box *box = *state;
	struct stat st;

	put(box->path, all_keys);
	struct desk_settings *s = read_good(box->path);

	write_good(box->path, s);
	g_autofree char *kept = get(box->bak);

	assert_string_equal(kept, all_keys);
	assert_int_equal(g_unlink(box->bak), 0);
	desk_settings_free(s);
	s = read_good(box->path);
	check_all_keys(s);
	g_autofree char *first = get(box->path);

	write_good(box->path, s);
	assert_false(g_file_test(box->bak, G_FILE_TEST_EXISTS));
	g_autofree char *second = get(box->path);

	assert_string_equal(first, second);
	assert_non_null(strstr(first, "    - \"~/Maildir\"\n"));
	desk_settings_free(s);

	/* A comment of one's own is not lost. */
	g_autofree char *changed = g_strconcat(first, "# mine\n", NULL);

	put(box->path, changed);
	assert_int_equal(g_chmod(box->path, 0640), 0);
	s = desk_settings_default();
	write_good(box->path, s);
	desk_settings_free(s);
	g_autofree char *backup = get(box->bak);

	assert_string_equal(backup, changed);
	assert_int_equal(stat(box->path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0640);
	s = read_good(box->path);
	check_defaults(s);
	desk_settings_free(s);
}

static void
test_write_hostile(void **state)
{
	struct box *box = *state;
	static const char *const texts[] = { "yes", "- a: b", "a # b", "\"q\" \\ 'x'",
		"{a}", "\xe2\x80\xa8line", "\xef\xbb\xbf",
		"\xc2\xad\xc3\xa4 \xf0\x9f\x93\xa7", "~/x", "@", "2001:db8::1", "null" };
	struct desk_settings *s = desk_settings_default();

	for (size_t i = 0; i < G_N_ELEMENTS(texts); i++) {
		g_free(s->hosts[0].name);
		s->hosts[0].name = g_strdup(texts[i]);
		g_strfreev(s->open);
		s->open = g_new0(char *, 3);
		s->open[0] = g_strdup(texts[i]);
		s->open[1] = g_strdup(texts[i]);
		write_good(box->path, s);
		struct desk_settings *back = read_good(box->path);

		assert_string_equal(back->hosts[0].name, texts[i]);
		assert_string_equal(back->open[0], texts[i]);
		assert_string_equal(back->open[1], texts[i]);
		desk_settings_free(back);
	}
	desk_settings_free(s);
}

static void
test_write_link(void **state)
{
	struct box *box = *state;
	g_autofree char *folder = g_build_filename(box->folder, "a", "b", NULL);
	g_autofree char *above = g_path_get_dirname(folder);
	g_autofree char *real = g_build_filename(folder, "desktop.yaml", NULL);
	struct desk_settings *s = desk_settings_default();
	struct err err = { "" };

	write_good(real, s); /* makes the folders */
	assert_int_equal(symlink(real, box->path), 0);
	s->symbolic = true;
	write_good(box->path, s);
	assert_true(g_file_test(box->path, G_FILE_TEST_IS_SYMLINK));
	struct desk_settings *back = read_good(real);

	assert_true(back->symbolic);
	desk_settings_free(back);
	assert_int_equal(g_unlink(real), 0);
	assert_int_equal(g_rmdir(folder), 0);
	assert_int_equal(g_rmdir(above), 0);
	assert_int_equal(g_unlink(box->path), 0);

	/* A file where a folder must be; a folder where the file must be. */
	put(box->path, "");
	g_autofree char *below = g_build_filename(box->path, "desktop.yaml", NULL);

	assert_true(desk_settings_write(below, s, &err) < 0);
	assert_non_null(strstr(err.text, box->path));
	assert_int_equal(desk_settings_write(box->folder, s, &err), -EINVAL);
	assert_non_null(strstr(err.text, box->folder));
	desk_settings_free(s);
}

static void
test_patterns(void **state)
{
	static const struct {
		const char *pattern, *address;
		bool want;
	} cases[] = {
		{ "joe@example.org", "joe@example.org", true },
		{ "joe@example.org", "JOE@Example.ORG", true },
		{ "joe@example.org", "joe@example.org.example.net", false },
		{ "joe@example.org", "ajoe@example.org", false },
		{ "joe@example.org", "joe", false },
		{ "joe", "joe", true },
		{ "joe", "joe@mx1.example.org", true },
		{ "joe", "joel@example.org", false },
		{ "joe", "ann@joe", false },
		{ "joe*", "joe+list@example.org", true },
		{ "a@b", "\"a@b\"@example.org", false },
		{ "*b\"", "\"a@b\"@example.org", true },
		{ "*@example.org", "\"a@b\"@example.org", true },
		{ "*@example.org", "@example.org", true },
		{ "*@example.org", "a@example.net", false },
		{ "*", "", true },
		{ "*", "a@b", true },
		{ "", "", true },
		{ "", "a", false },
		{ "*list*@*.org", "my-list-x@a.b.org", true },
		{ "*list*@*.org", "my-lis@a.b.org", false },
		{ "a**b@c", "axxb@c", true },
		{ "*a*a*a*a*a*a*a*a*b", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
		    false },
		{ "*", NULL, false },
	};
	char *some[] = { "joe", "*@example.net", NULL }, *none[] = { NULL };

	(void)state;
	for (size_t i = 0; i < G_N_ELEMENTS(cases); i++)
		if (desk_pattern_matches(cases[i].pattern, cases[i].address) !=
		    cases[i].want)
			fail_msg("%s, %s", cases[i].pattern, cases[i].address);
	assert_true(desk_address_matches("joe@a", some));
	assert_true(desk_address_matches("x@example.net", some));
	assert_false(desk_address_matches("x@example.org", some));
	assert_false(desk_address_matches("x@example.org", none));
	assert_false(desk_address_matches(NULL, some));
}

static void
test_quiet(void **state)
{
	struct desk_settings s = {
		.quiet = true, .quiet_from_min = 1320, .quiet_until_min = 420
	};

	(void)state;
	assert_true(desk_is_quiet(&s, 1320));
	assert_true(desk_is_quiet(&s, 1439));
	assert_true(desk_is_quiet(&s, 0));
	assert_true(desk_is_quiet(&s, 419));
	assert_false(desk_is_quiet(&s, 420));
	assert_false(desk_is_quiet(&s, 1319));
	s.quiet_from_min = 60;
	assert_true(desk_is_quiet(&s, 60));
	assert_false(desk_is_quiet(&s, 59));
	assert_false(desk_is_quiet(&s, 420));
	s.quiet = false;
	assert_false(desk_is_quiet(&s, 100));
}

static void
test_words(void **state)
{
	g_autofree char *home = g_build_filename(g_get_home_dir(), "a/b", NULL);
	g_autofree char *full = desk_path_full("~/a/b");
	g_autofree char *brief = desk_path_short(home);
	g_autofree char *other = desk_path_short("/var/mail/joe");
	g_autofree char *beside = g_strconcat(g_get_home_dir(), "x/a", NULL);
	g_autofree char *same = desk_path_short(beside);
	g_autofree char *path = desk_settings_path();
	int minute = 0;

	(void)state;
	assert_string_equal(full, home);
	assert_string_equal(brief, "~/a/b");
	assert_string_equal(other, "/var/mail/joe");
	assert_string_equal(same, beside);
	assert_true(g_str_has_suffix(path, "/mailwarden/desktop.yaml"));
	assert_int_equal(desk_severity_find("critical"), DESK_CRITICAL);
	assert_int_equal(desk_severity_find("none"), DESK_NONE);
	assert_int_equal(desk_severity_find("fatal"), DESK_NONE);
	assert_int_equal(desk_severity_find(NULL), DESK_NONE);
	assert_string_equal(desk_severity_name(DESK_INFO), "info");
	assert_true(check_time("0:00", &minute));
	assert_int_equal(minute, 0);
	assert_true(check_time("23:59", &minute));
	assert_int_equal(minute, 1439);
	assert_false(check_time("", &minute));
	assert_false(check_time("7", &minute));
	assert_false(check_time("007:00", &minute));
	assert_false(check_time("12:60", &minute));
	assert_false(check_time("12:5 ", &minute));
}

/* The example that comes with mailwarden: as it stands, and with each # taken away. */
static void
test_example(void **state)
{
	struct box *box = *state;
	struct desk_settings *s = read_good(SOURCE_DIR "/packaging/desktop.yaml");

	check_defaults(s);
	desk_settings_free(s);
	g_autofree char *text = get(SOURCE_DIR "/packaging/desktop.yaml");
	GString *bare = g_string_new("");

	/* "#key" is a setting, "# Word" is a comment. */
	for (char *line = strtok(text, "\n"); line != NULL; line = strtok(NULL, "\n")) {
		const char *mark = line + strspn(line, " ");

		if (*mark == '#' && mark[1] != ' ' && mark[1] != '\0')
			g_string_append_printf(bare, "%.*s%s\n", (int)(mark - line), line,
			    mark + 1);
		else if (*mark == '#' && g_str_has_prefix(mark, "#  "))
			g_string_append_printf(bare, "%.*s%s\n", (int)(mark - line), line,
			    mark + 1);
	}
	put(box->path, bare->str);
	s = read_good(box->path);
	assert_int_equal(s->nhosts, 3);
	assert_non_null(s->hosts[1].dashboard);
	assert_true(s->nrules > 0 && s->quiet && s->open != NULL && s->mail_sound != NULL);
	desk_settings_free(s);
	(void)g_string_free(bare, TRUE);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_all_keys, setup, teardown),
		cmocka_unit_test_setup_teardown(test_defaults, setup, teardown),
		cmocka_unit_test_setup_teardown(test_mailboxes, setup, teardown),
		cmocka_unit_test_setup_teardown(test_faults, setup, teardown),
		cmocka_unit_test_setup_teardown(test_many_faults, setup, teardown),
		cmocka_unit_test_setup_teardown(test_no_file, setup, teardown),
		cmocka_unit_test_setup_teardown(test_write, setup, teardown),
		cmocka_unit_test_setup_teardown(test_write_hostile, setup, teardown),
		cmocka_unit_test_setup_teardown(test_write_link, setup, teardown),
		cmocka_unit_test(test_patterns),
		cmocka_unit_test(test_quiet),
		cmocka_unit_test(test_words),
		cmocka_unit_test_setup_teardown(test_example, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
