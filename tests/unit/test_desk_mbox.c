/* desktop/mailbox: a real mbox file, appended to, rewritten, replaced and locked. */
#include "mail_box.h"

#include <signal.h>
#include <sys/wait.h>

/* As a delivery agent does it: appended, and closed. */
static void
append(struct mail_box *b, const char *text)
{
	FILE *f = fopen(b->path, "ae");

	assert_non_null(f);
	assert_true(fputs(text, f) >= 0);
	assert_int_equal(fclose(f), 0);
}

#define FROM_LINE "From ann@example.net Sat Nov 21 20:15:00 2026\n"
#define MESSAGE(id, more)                                                         \
	FROM_LINE "Message-ID: <" id "@example.net>\nSubject: " id "\n" more "\n" \
		  "Hello\n\n"

/* All that was written before is known. */
static void
settle(struct mail_box *b)
{
	guint before = b->added;

	append(b, FROM_LINE "Subject: barrier\n\nHello\n\n");
	if (unread_of(b, "barrier") == 0)
		WAIT_FOR(b, unread_of(b, "barrier") == 1);
	assert_int_equal(b->added, before + 1);
}

static void
test_at_start(void **state)
{
	struct mail_box *b = *state;

	write_file(b->path,
	    MESSAGE("read", "Status: RO\n") MESSAGE("new", "") MESSAGE("old", "Status: O\n")
		MESSAGE("gone", "Status: O\nX-Status: D\n")
		    MESSAGE("bird", "X-Mozilla-Status: 0001\n") FROM_LINE
	    "no head\nFrom nobody\n\nFrom: a\n\n");
	start(b);
	assert_int_equal(unread_of(b, "new"), 1);
	assert_int_equal(unread_of(b, "old"), 1);
	assert_int_equal(unread(b), 3); /* and the one without a head */
	assert_int_equal(b->faults, 0);
}

static void
test_appended(void **state)
{
	struct mail_box *b = *state;

	write_file(b->path, "");
	start(b);
	append(b, MESSAGE("a", ""));
	WAIT_FOR(b, unread_of(b, "a") == 1);
	append(b, MESSAGE("b", "") MESSAGE("c", ""));
	WAIT_FOR(b, unread(b) == 3);
	assert_int_equal(b->added, 3);
	/* A quoted line is no message, nor is one in the middle of a text. */
	append(b, FROM_LINE "Subject: d\n\n>From me\nFrom you\n\n>From x\n\n");
	WAIT_FOR(b, unread(b) == 4);
	settle(b);
	assert_int_equal(b->seen, 0);
}

/* A message told while it is written, by pieces of any length. */
static void
test_pieces(void **state)
{
	static const char text[] =
	    FROM_LINE "Subject: whole\n\tsubject\nFrom: a@example.net\n"
		      "\nHello\n\n" FROM_LINE "Subject: second\n\n";
	struct mail_box *b = *state;

	write_file(b->path, MESSAGE("first", ""));
	start(b);
	for (size_t i = 0; i < strlen(text); i++) {
		char piece[2] = { text[i] };

		append(b, piece);
		while (g_main_context_iteration(b->context, FALSE))
			;
		assert_int_equal(unread_of(b, "whole subject") + 1 + unread_of(b, "second"),
		    unread(b));
	}
	WAIT_FOR(b, unread_of(b, "second") == 1);
	assert_int_equal(unread_of(b, "whole subject"), 1);
	assert_int_equal(b->added, 3);
}

/* Written without being closed: some programs keep it open for hours. */
static void
test_kept_open(void **state)
{
	struct mail_box *b = *state;

	write_file(b->path, "");
	start(b);
	FILE *f = fopen(b->path, "ae");

	assert_non_null(f);
	assert_true(fputs(MESSAGE("a", ""), f) >= 0);
	assert_int_equal(fflush(f), 0);
	WAIT_FOR(b, unread_of(b, "a") == 1);
	assert_int_equal(fclose(f), 0);
}

/* How a mail program writes that one was read. */
static void
test_marked(void **state)
{
	struct mail_box *b = *state;

	write_file(b->path, MESSAGE("a", "") MESSAGE("b", "Status: O \n"));
	start(b);
	assert_int_equal(unread(b), 2);
	/* In place, without a change of its length. */
	write_file(b->path, MESSAGE("a", "") MESSAGE("b", "Status: RO\n"));
	WAIT_FOR(b, unread_of(b, "b") == 0);
	assert_int_equal(unread_of(b, "a"), 1);
	/* More before it, and one more behind it. */
	write_file(b->path, MESSAGE("a", "Status: RO\nX-Keywords:     \n")
				MESSAGE("b", "Status: RO\n") MESSAGE("c", ""));
	WAIT_FOR(b, unread_of(b, "a") == 0 && unread_of(b, "c") == 1);
	/* Taken away. */
	write_file(b->path, "");
	WAIT_FOR(b, unread(b) == 0);
	settle(b);
	assert_int_equal(b->added, 4);
}

static void
test_replaced(void **state)
{
	struct mail_box *b = *state;
	g_autofree char *fresh = in_box(b, "fresh");
	int old = -1;

	write_file(b->path, MESSAGE("a", "") MESSAGE("b", ""));
	start(b);
	for (int round = 0; round < 2; round++) {
		/* The second time somebody has the old one open. */
		if (round == 1)
			old = open(b->path, O_RDONLY | O_CLOEXEC);
		write_file(fresh, round == 0 ? MESSAGE("a", "Status: RO\n") MESSAGE("b", "")
						   MESSAGE("c", "")
					     : MESSAGE("c", ""));
		move(b, "fresh", "box");
		if (round == 0)
			WAIT_FOR(b, unread_of(b, "c") == 1 && unread_of(b, "a") == 0);
		else
			WAIT_FOR(b, unread(b) == 1);
		assert_int_equal(unread_of(b, "c"), 1);
	}
	settle(b);
	assert_int_equal(close(old), 0);
	assert_int_equal(b->faults, 0);
}

/* Emptied mailboxes are removed by some programs, and made anew by the next delivery. */
static void
test_removed(void **state)
{
	struct mail_box *b = *state;

	start(b);
	append(b, MESSAGE("a", ""));
	WAIT_FOR(b, unread_of(b, "a") == 1);
	unlink_in(b, "box");
	WAIT_FOR(b, unread(b) == 0);
	append(b, MESSAGE("b", ""));
	WAIT_FOR(b, unread_of(b, "b") == 1);
	/* A moment without it, as between a rename and a copy, loses nothing. */
	move(b, "box", "away");
	while (g_main_context_iteration(b->context, FALSE))
		;
	move(b, "away", "box");
	settle(b);
	assert_int_equal(unread_of(b, "b"), 1);
	assert_int_equal(b->seen, 1);
	assert_int_equal(b->faults, 0);
}

/* Half rewritten and locked: what is not there at the moment is not gone. */
static void
test_locked(void **state)
{
	struct mail_box *b = *state;
	g_autofree char *lock = g_strconcat(b->path, ".lock", NULL);

	write_file(b->path, MESSAGE("a", "") MESSAGE("b", ""));
	start(b);
	write_file(lock, "");
	write_file(b->path, MESSAGE("a", "Status: RO\n"));
	for (int i = 0; i < 3; i++) /* the change, and looks at the lock */
		assert_true(turn(b));
	assert_int_equal(unread(b), 2);
	append(b, MESSAGE("b", ""));
	assert_int_equal(unlink(lock), 0);
	WAIT_FOR(b, unread(b) == 1);
	assert_int_equal(unread_of(b, "b"), 1);
	/* One that nobody takes away does not hold for ever. */
	write_file(lock, "");
	append(b, MESSAGE("c", ""));
	WAIT_FOR(b, unread_of(b, "c") == 1);
}

/* The same by fcntl(), held by another program. */
static void
test_fcntl_lock(void **state)
{
	struct mail_box *b = *state;
	int pipes[2];
	char byte = 0;

	write_file(b->path, MESSAGE("a", ""));
	start(b);
	assert_int_equal(pipe(pipes), 0);
	pid_t child = fork();

	if (child == 0) {
		struct flock whole = { .l_type = F_WRLCK, .l_whence = SEEK_SET };
		int fd = open(b->path, O_RDWR | O_CLOEXEC);

		if (fd < 0 || fcntl(fd, F_SETLK, &whole) < 0 || ftruncate(fd, 0) < 0 ||
		    write(pipes[1], "x", 1) != 1)
			_exit(1);
		for (;;)
			(void)pause();
	}
	assert_int_equal(read(pipes[0], &byte, 1), 1);
	for (int i = 0; i < 3; i++)
		assert_true(turn(b));
	assert_int_equal(unread(b), 1);
	assert_int_equal(kill(child, SIGKILL), 0);
	assert_int_equal(waitpid(child, NULL, 0), child);
	WAIT_FOR(b, unread(b) == 0);
	(void)close(pipes[0]);
	(void)close(pipes[1]);
}

/* Past 4 MiB only what is appended is read; a rewrite is read in full. */
static void
test_big(void **state)
{
	struct mail_box *b = *state;
	g_autofree char *line = g_strnfill(200000, 'x');
	g_autoptr(GString) text = g_string_new(NULL);

	for (int i = 0; i < 60; i++)
		g_string_append_printf(text,
		    FROM_LINE "Message-ID: <%d@x>\nSubject: %d\n\n%s\n\n%s\n\n", i, i,
		    i % 2 ? line : "From", line);
	write_file(b->path, text->str);
	start(b);
	assert_int_equal(unread(b), 60);
	append(b, MESSAGE("a", ""));
	WAIT_FOR(b, unread_of(b, "a") == 1);
	append(b, FROM_LINE "Subject: b\nX-Cut: ");
	while (g_main_context_iteration(b->context, FALSE))
		;
	append(b, "\n\nHello\n\n");
	WAIT_FOR(b, unread_of(b, "b") == 1);
	assert_int_equal(b->added, 62);
	g_string_erase(text, 0, (gssize)strlen(FROM_LINE) + 1);
	g_string_prepend(text, FROM_LINE "Status: R\nM");
	/* Longer than before, so that only its content tells. */
	g_string_append(text, MESSAGE("a", "") FROM_LINE "Subject: b\n\n" MESSAGE("c", "")
				  MESSAGE("d", "") MESSAGE("e", ""));
	write_file(b->path, text->str);
	WAIT_FOR(b, unread_of(b, "e") == 1);
	assert_int_equal(unread(b), 64);
	assert_int_equal(unread_of(b, "0"), 0);
}

static void
test_huge(void **state)
{
	struct mail_box *b = *state;

	write_file(b->path, MESSAGE("a", ""));
	assert_int_equal(truncate(b->path, (off_t)257 << 20), 0);
	start(b);
	assert_int_equal(unread(b), 0);
	assert_int_equal(b->faults, 1);
	append(b, MESSAGE("b", ""));
	WAIT_FOR(b, unread_of(b, "b") == 1);
	append(b, MESSAGE("c", ""));
	WAIT_FOR(b, unread_of(b, "c") == 1);
	assert_int_equal(b->faults, 1);
}

static void
test_anything(void **state)
{
	struct mail_box *b = *state;
	GRand *random = g_rand_new_with_seed(7);
	static const char *const pieces[] = { "From ", "From x\n", "\n", "\r\n",
		"Subject: a\n", "\n\nFrom a Sat Nov 99 99:99:99 9999\n", "Status: R\n",
		"\xff\n", "From \n\n", "\n\nFrom b Sat Nov 21\n", ":\n", " " };

	write_file(b->path, "");
	start(b);
	for (int i = 0; i < 300; i++) {
		append(b, pieces[g_rand_int_range(random, 0, G_N_ELEMENTS(pieces))]);
		while (g_main_context_iteration(b->context, FALSE))
			;
	}
	append(b, "\n\n" MESSAGE("last", ""));
	WAIT_FOR(b, unread_of(b, "last") == 1);
	g_rand_free(random);
}

static void
test_check(void **state)
{
	struct mail_box *b = *state;

	write_file(b->path, MESSAGE("a", "") MESSAGE("b", ""));
	start(b);
	g_autofree char **keys = (char **)g_hash_table_get_keys_as_array(b->unread, NULL);
	g_auto(GStrv) own = g_strdupv(keys);

	write_file(b->path, MESSAGE("c", "") MESSAGE("b", ""));
	mailbox_free(b->mailbox);
	b->mailbox = NULL;
	start(b);
	mailbox_check(b->mailbox, own);
	assert_int_equal(unread(b), 2);
	assert_int_equal(unread_of(b, "a"), 0);
}

int
main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		T(test_at_start),
		T(test_appended),
		T(test_pieces),
		T(test_kept_open),
		T(test_marked),
		T(test_replaced),
		T(test_removed),
		T(test_locked),
		T(test_fcntl_lock),
		T(test_big),
		T(test_huge),
		T(test_anything),
		T(test_check),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
