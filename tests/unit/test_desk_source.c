/* desktop/source: a program in place of `mailwarden`, which says what each test wants. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include <glib.h>
#include <glib/gstdio.h>

#include "core/clock.h"
#include "desktop/record.h"
#include "desktop/source.h"

#define READY(id) "{\"type\":\"ready\",\"id\":\"" id "\",\"at\":\"2026-11-21T02:41:17.5Z\"}"
#define T0 (INT64_C(1795228877) * US_PER_S + US_PER_S / 2)

enum { PATIENCE_S = 60 };

struct desk {
	char *folder, *program, *asked; /* asked: a line of arguments for each run */
	struct desk_host host;
	struct source_calls calls;
	struct source *source;
	GPtrArray *lines;
	GString *states; /* S, C, L: each change */
	GString *places; /* at each pause, with a blank behind it */
	gsize nbytes;    /* of all lines */
};

/* --- what the source calls --- */

static void
on_line(void *ctx, struct source *source, struct str line)
{
	struct desk *d = ctx;

	assert_ptr_equal(source, d->source);
	g_ptr_array_add(d->lines, g_strndup(line.p, line.n));
	d->nbytes += line.n;
}

static void
on_pause(void *ctx, struct source *source)
{
	struct desk *d = ctx;

	g_string_append_printf(d->places, "%s ", source_place(source));
}

static void
on_changed(void *ctx, struct source *source)
{
	struct desk *d = ctx;

	(void)g_string_append_c(d->states, "SCL"[source_state(source)]);
}

/* --- the desk --- */

static int
set_up(void **state)
{
	struct desk *d = g_new0(struct desk, 1);

	d->folder = g_dir_make_tmp("mailwarden-test-XXXXXX", NULL);
	assert_non_null(d->folder);
	d->program = g_build_filename(d->folder, "mailwarden", NULL);
	d->asked = g_build_filename(d->folder, "asked", NULL);
	d->host = (struct desk_host){ .name = (char *)"here", .program = d->program };
	d->calls = (struct source_calls){ d, on_line, on_pause, on_changed };
	d->lines = g_ptr_array_new_with_free_func(g_free);
	d->states = g_string_new(NULL);
	d->places = g_string_new(NULL);
	*state = d;
	return 0;
}

static gboolean
on_too_late(gpointer data)
{
	*(bool *)data = true;
	return G_SOURCE_REMOVE;
}

/* Runs the main loop until it holds. */
#define UNTIL(condition)                                                             \
	do {                                                                         \
		bool late = false;                                                   \
		guint timer = g_timeout_add_seconds(PATIENCE_S, on_too_late, &late); \
                                                                                     \
		while (!(condition) && !late)                                        \
			(void)g_main_context_iteration(NULL, TRUE);                  \
		if (late)                                                            \
			fail_msg("not in time: %s", #condition);                     \
		(void)g_source_remove(timer);                                        \
	} while (0)

/* So long as any child is there, GLib still waits for it. */
static bool
has_children(void)
{
	g_autofree char *path =
	    g_strdup_printf("/proc/self/task/%d/children", (int)getpid());
	g_autofree char *text = NULL;

	return g_file_get_contents(path, &text, NULL, NULL) && text[0] != '\0';
}

static int
tear_down(void **state)
{
	struct desk *d = *state;
	g_autofree char *more = g_build_filename(d->folder, "more", NULL);

	source_free(d->source);
	while (has_children())
		(void)g_main_context_iteration(NULL, TRUE);
	(void)g_unlink(d->program);
	(void)g_unlink(d->asked);
	(void)g_unlink(more);
	(void)g_rmdir(d->folder);
	g_ptr_array_unref(d->lines);
	(void)g_string_free(d->states, TRUE);
	(void)g_string_free(d->places, TRUE);
	g_free(d->asked);
	g_free(d->program);
	g_free(d->folder);
	g_free(d);
	return 0;
}

/* The rest of a shell program; $F is the folder. */
static void
write_program(struct desk *d, const char *body)
{
	g_autofree char *text =
	    g_strdup_printf("#!/bin/sh\nF='%s'\necho \"$*\" >>\"$F/asked\"\n%s\n",
		d->folder, body);

	assert_true(g_file_set_contents(d->program, text, -1, NULL));
	assert_int_equal(chmod(d->program, 0700), 0);
}

static void
begin(struct desk *d, char *const *to, const char *place, int64_t at_us)
{
	d->source = source_new(&d->host, to, place, at_us, &d->calls);
}

static const char *
line_at(const struct desk *d, guint i)
{
	return i < d->lines->len ? d->lines->pdata[i] : "(none)";
}

/* How often it was run, and the arguments of a run. */
static char *
asked(const struct desk *d, guint run)
{
	g_autofree char *text = NULL;

	if (!g_file_get_contents(d->asked, &text, NULL, NULL))
		return NULL;
	g_auto(GStrv) lines = g_strsplit(text, "\n", -1);

	return run + 1 < g_strv_length(lines) ? g_strdup(lines[run]) : NULL;
}

static void
assert_asked(const struct desk *d, guint run, const char *want)
{
	g_autofree char *got = asked(d, run);

	assert_string_equal(got == NULL ? "(not run)" : got, want);
}

#define WAIT_HERE "exec sleep 1000"

/* --- tests --- */

static void
test_connects(void **state)
{
	struct desk *d = *state;

	write_program(d,
	    "echo '{\"type\":\"incident\",\"change\":\"open\"}'\n"
	    "echo '" READY("p1") "'\n"
				 "echo '{\"id\":\"p2\",\"type\":\"event\",\"time\":"
				 "\"2026-11-21T02:41:17.5Z\"}'\n" WAIT_HERE);
	begin(d, NULL, NULL, 0);
	assert_int_equal(source_state(d->source), SOURCE_STARTING);
	UNTIL(d->lines->len == 3 && strstr(d->places->str, "p2") != NULL);
	assert_asked(d, 0, "events --follow --json --open --since 0s --kind incident");
	assert_string_equal(d->states->str, "SC");
	assert_int_equal(source_state(d->source), SOURCE_CONNECTED);
	assert_string_equal(source_place(d->source), "p2");
	assert_int_equal(source_place_us(d->source), T0);
	assert_string_equal(source_reason(d->source), "");
	assert_int_equal(source_lost_us(d->source), 0);
	assert_int_equal(source_retry_us(d->source), 0);
}

static void
test_goes_on(void **state)
{
	char *const to[] = { (char *)"joe@example.org", (char *)"*@example.net", NULL };
	struct desk *d = *state;

	d->host.state = (char *)"/s t/db";
	d->host.config = (char *)"c.yaml";
	/* Each run tells one line and ends, by a word on standard error. */
	write_program(d,
	    "n=$(grep -c . \"$F/asked\")\necho '" READY(
		"p'$n'") "'\n"
			 "printf 'one\\nmx1: \\033[1mgone\\377\\n\\n' >&2\nexit 255");
	begin(d, to, "p0", T0);
	UNTIL(strcmp(d->states->str, "SCLSCL") == 0);
	assert_asked(d, 0,
	    "events --follow --json --open --since p0 --kind attempt,stored,incident --to "
	    "joe@example.org,*@example.net --state /s t/db --config c.yaml");
	g_autofree char *second = asked(d, 1);

	assert_non_null(strstr(second, "--since p1 "));
	assert_string_equal(source_place(d->source), "p2");
	assert_string_equal(source_reason(d->source), "mx1: \\x1b[1mgone\\xff");
	assert_true(source_lost_us(d->source) > 0);
	assert_true(source_retry_us(d->source) > source_lost_us(d->source));
}

/* 1 s, 2 s, 4 s until it holds for a while; being asked for it begins anew. */
static void
test_back_off(void **state)
{
	static const unsigned want_s[] = { 1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300 };
	struct desk *d = *state;

	for (unsigned i = 0; i < sizeof want_s / sizeof *want_s; i++)
		assert_int_equal(source_wait_s(i), want_s[i]);
	assert_int_equal(source_wait_s(1000000), 300);

	write_program(d, "exit 3");
	begin(d, NULL, "", 0);
	UNTIL(strcmp(d->states->str, "SL") == 0);
	assert_string_equal(source_reason(d->source),
	    "mailwarden ended with exit status 3");
	int64_t since_us = source_lost_us(d->source);

	assert_int_equal(source_retry_us(d->source) - since_us, US_PER_S);
	UNTIL(strcmp(d->states->str, "SLSL") == 0);
	assert_int_equal(source_lost_us(d->source), since_us);
	assert_true(source_retry_us(d->source) - since_us >= 3 * (int64_t)US_PER_S);
	source_retry_now(d->source);
	assert_int_equal(source_state(d->source), SOURCE_STARTING);
	assert_int_equal(source_lost_us(d->source), since_us); /* not there again yet */
	int64_t now_us = g_get_real_time();

	source_retry_now(d->source); /* the one that is on its way may hang */
	UNTIL(strcmp(d->states->str, "SLSLSSL") == 0);
	assert_true(source_retry_us(d->source) >= now_us + US_PER_S);
}

static void
test_no_program(void **state)
{
	struct desk *d = *state;

	begin(d, NULL, "", 0);
	UNTIL(source_state(d->source) == SOURCE_LOST);
	assert_non_null(strstr(source_reason(d->source), "mailwarden"));
	assert_non_null(strstr(source_reason(d->source), "No such file"));
}

static void
test_signal(void **state)
{
	struct desk *d = *state;

	write_program(d, "kill -9 $$");
	begin(d, NULL, "", 0);
	UNTIL(source_state(d->source) == SOURCE_LOST);
	assert_non_null(strstr(source_reason(d->source), "by signal 9"));
}

/* The store there was made anew: by time, at once. */
static void
test_stale(void **state)
{
	struct desk *d = *state;

	write_program(d,
	    "case $* in\n*\"--since p0 \"*) echo 'not of the store' >&2; exit 1;;\n"
	    "esac\necho '" READY("q1") "'\n" WAIT_HERE);
	begin(d, NULL, "p0", T0);
	UNTIL(source_state(d->source) == SOURCE_CONNECTED);
	assert_asked(d, 1,
	    "events --follow --json --open --since 2026-11-21T02:41:17Z --kind incident");
	assert_null(strchr(d->states->str, 'L')); /* never lost */
	source_restart(d->source);
	UNTIL(g_str_has_suffix(d->states->str, "CSC"));
	assert_asked(d, 2, "events --follow --json --open --since q1 --kind incident");
}

/* A place whose time nobody knows: from now on. And it does not go round and round. */
static void
test_stale_for_ever(void **state)
{
	struct desk *d = *state;

	write_program(d, "echo 'not of the store' >&2\nexit 1");
	begin(d, NULL, "p0", 0);
	UNTIL(source_state(d->source) == SOURCE_LOST);
	assert_asked(d, 1, "events --follow --json --open --since 0s --kind incident");
	assert_null(asked(d, 2));
	assert_string_equal(source_reason(d->source), "not of the store");
}

/* Half a line at the end is told again: it is no line, and its place no place. */
static void
test_half_a_line(void **state)
{
	struct desk *d = *state;

	write_program(d, "printf '%s\\n{\"id\":\"p2\"}' '" READY("p1") "'");
	begin(d, NULL, "", 0);
	UNTIL(source_state(d->source) == SOURCE_LOST);
	assert_int_equal(d->lines->len, 1);
	assert_string_equal(source_place(d->source), "p1");
	UNTIL(d->lines->len == 2);
	assert_string_equal(line_at(d, 1), READY("p1")); /* and begins with no rest of it */
	g_autofree char *again = asked(d, 1);

	assert_non_null(strstr(again, "--since p1 "));
}

/* In pieces, with NUL and without any sense; one of 5 MiB is left out, one of 3 is not. */
static void
test_odd_lines(void **state)
{
	struct desk *d = *state;

	write_program(d, "printf 'a\\000b\\n\\n'\n"
			 "head -c 5242880 /dev/zero | tr '\\000' x\nprintf '\\n'\n"
			 "head -c 3145728 /dev/zero | tr '\\000' y\nprintf 'z\\n{\"id\"'\n"
			 "printf ':\"p9\"}\\n'\n" WAIT_HERE);
	begin(d, NULL, "", 0);
	UNTIL(strstr(d->places->str, "p9") != NULL);
	assert_int_equal(d->lines->len, 4);
	assert_string_equal(line_at(d, 0), "a");
	assert_string_equal(line_at(d, 1), "");
	assert_int_equal(strlen(line_at(d, 2)), 3145729);
	assert_string_equal(line_at(d, 3), "{\"id\":\"p9\"}");
	assert_int_equal(d->nbytes, 3 + 3145729 + 11);
	assert_int_equal(source_state(d->source), SOURCE_STARTING);
}

/* Its last lines are there before it is told as lost, also if a child of its own keeps
 * the pipe open. */
static void
test_last_lines(void **state)
{
	struct desk *d = *state;

	write_program(d,
	    "sleep 1000 &\nfor i in 1 2 3; do echo \"{\\\"id\\\":\\\"p$i\\\"}\"; "
	    "done\nexit 4");
	begin(d, NULL, "", 0);
	UNTIL(source_state(d->source) == SOURCE_LOST);
	assert_int_equal(d->lines->len, 3);
	assert_string_equal(source_place(d->source), "p3");
}

static void
test_restart(void **state)
{
	struct desk *d = *state;

	write_program(d, "trap '' TERM\necho '" READY("p1") "'\nwhile :; do sleep 1; done");
	begin(d, NULL, "", 0);
	UNTIL(source_state(d->source) == SOURCE_CONNECTED);
	source_restart(d->source); /* though the first one ignores its end */
	assert_int_equal(source_state(d->source), SOURCE_STARTING);
	UNTIL(strcmp(d->states->str, "SCSC") == 0);
	g_autofree char *again = asked(d, 1);

	assert_non_null(strstr(again, "--since p1 "));
	assert_int_equal(d->lines->len, 2);
} /* tear_down() waits until both were killed */

/* It closes its output and stays: that is as good as gone. */
static void
test_without_output(void **state)
{
	struct desk *d = *state;

	write_program(d, "exec >&-\n" WAIT_HERE);
	begin(d, NULL, "", 0);
	UNTIL(source_state(d->source) == SOURCE_LOST);
	assert_non_null(strstr(source_reason(d->source), "by signal 15"));
}

static void
test_free_at_once(void **state)
{
	struct desk *d = *state;

	write_program(d, WAIT_HERE);
	begin(d, NULL, "", 0);
	source_free(d->source);
	d->source = NULL;
	source_free(NULL);
	assert_null(asked(d, 0));
}

static void
test_command(void **state)
{
	static const char *const words[] = { "ack", "0123", "--who", "o'neill", "--to",
		"*@example.net", NULL };
	char *ssh[] = { (char *)"-p", (char *)"2222", (char *)"mx1", NULL };
	struct desk_host here = { .name = (char *)"x", .program = (char *)"mailwarden" };
	struct desk_host there = { .name = (char *)"x",
		.program = (char *)"/opt/mail warden",
		.ssh = ssh,
		.state = (char *)"/s/db" };
	g_auto(GStrv) local = source_command(&here, words);
	g_auto(GStrv) remote = source_command(&there, words);
	g_autofree char *local_text = g_strjoinv("|", local);
	g_autofree char *remote_text = g_strjoinv("|", remote);

	(void)state;
	assert_string_equal(local_text,
	    "mailwarden|ack|0123|--who|o'neill|--to|*@example.net");
	assert_string_equal(remote_text,
	    "ssh|-p|2222|-T|-oBatchMode=yes|-oConnectTimeout=30|-oServerAliveInterval=60|"
	    "-oServerAliveCountMax=3|-oControlMaster=no|-oClearAllForwardings=yes|mx1|"
	    "'/opt/mail warden'|ack|0123|--who|'o'\\''neill'|--to|'*@example.net'|"
	    "--state|/s/db");
}

#define SOURCE_TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

/* What it says while it waits is the reason, before it ends. */
static void
test_waits(void **state)
{
	struct desk *d = *state;

	write_program(d, "echo 'no store yet: waiting for it' >&2\n" WAIT_HERE);
	begin(d, NULL, "", 0);
	UNTIL(strcmp(source_reason(d->source), "no store yet: waiting for it") == 0);
	assert_int_equal(source_state(d->source), SOURCE_STARTING);
	assert_false(source_is_heard(d->source));
	write_program(d, "echo '" READY("p1") "'\n" WAIT_HERE);
	source_retry_now(d->source); /* the one that hangs is ended */
	UNTIL(source_is_heard(d->source));
	assert_string_equal(source_reason(d->source), "");
	source_retry_now(d->source);
	assert_true(source_is_heard(d->source)); /* nothing to retry */
}

/* Connected to a host where nobody watches: nothing is heard until somebody does. */
static void
test_watcher(void **state)
{
	struct desk *d = *state;

	write_program(d,
	    "echo '" READY("p1") "'\necho '{\"type\":\"watcher\",\"runs\":false}'\n"
				 "while [ ! -e $F/more ]; do sleep 0.1; done\n"
				 "echo '{\"type\":\"watcher\",\"runs\":true}'\n" WAIT_HERE);
	begin(d, NULL, "", 0);
	UNTIL(source_state(d->source) == SOURCE_CONNECTED && !source_is_heard(d->source));
	assert_non_null(strstr(source_reason(d->source), "mailwarden run"));
	g_autofree char *more = g_build_filename(d->folder, "more", NULL);

	assert_true(g_file_set_contents(more, "", 0, NULL));
	UNTIL(source_is_heard(d->source));
	assert_string_equal(source_reason(d->source), "");
	assert_string_equal(source_place(d->source), "p1"); /* those lines have no id */
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		SOURCE_TEST(test_connects),
		SOURCE_TEST(test_goes_on),
		SOURCE_TEST(test_back_off),
		SOURCE_TEST(test_no_program),
		SOURCE_TEST(test_signal),
		SOURCE_TEST(test_stale),
		SOURCE_TEST(test_stale_for_ever),
		SOURCE_TEST(test_half_a_line),
		SOURCE_TEST(test_odd_lines),
		SOURCE_TEST(test_last_lines),
		SOURCE_TEST(test_restart),
		SOURCE_TEST(test_without_output),
		SOURCE_TEST(test_free_at_once),
		cmocka_unit_test(test_command),
		SOURCE_TEST(test_waits),
		SOURCE_TEST(test_watcher),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
