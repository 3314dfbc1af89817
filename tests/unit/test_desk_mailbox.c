/* desktop/mailbox: a real Maildir, real inotify, and what mail programs do with both. */
#include "mail_box.h"

static void
make_maildir(struct mail_box *b, const char *name)
{
	static const char *const parts[] = { "tmp", "new", "cur" };

	for (size_t i = 0; i < G_N_ELEMENTS(parts); i++) {
		g_autofree char *part = g_build_filename(name, parts[i], NULL);

		make_folder(b, part);
	}
}

/* As a delivery agent does it: written to tmp/, then renamed. */
static void
deliver(struct mail_box *b, const char *maildir, const char *name, const char *subject)
{
	g_autofree char *tmp = g_strdup_printf("%s/tmp/%s", maildir, name);
	g_autofree char *place = g_strdup_printf("%s/new/%s", maildir, name);
	g_autofree char *path = in_box(b, tmp);
	g_autofree char *text =
	    g_strdup_printf("Message-ID: <%s@example.net>\nSubject: %s\n\nHello\n", name,
		subject);

	write_file(path, text);
	move(b, tmp, place);
}

/* All that happened before is known: a letter came, and one went for good. */
static void
settle(struct mail_box *b)
{
	deliver(b, "box", "barrier", "barrier");
	WAIT_FOR(b, unread_of(b, "barrier") == 1);
	unlink_in(b, "box/new/barrier");
	WAIT_FOR(b, unread_of(b, "barrier") == 0);
}

static void
test_at_start(void **state)
{
	struct mail_box *b = *state;

	make_maildir(b, "box");
	deliver(b, "box", "1.a", "new one");
	deliver(b, "box", "2.a", "new two");
	deliver(b, "box", "3.a", "old");
	move(b, "box/new/3.a", "box/cur/3.a:2,");
	deliver(b, "box", "4.a", "read");
	move(b, "box/new/4.a", "box/cur/4.a:2,S");
	deliver(b, "box", "5.a", "read in new");
	move(b, "box/new/5.a", "box/new/5.a:2,S");
	deliver(b, "box", ".hidden", "hidden");
	start(b);
	assert_int_equal(unread(b), 2);
	assert_int_equal(unread_of(b, "new one"), 1);
	assert_string_equal(g_hash_table_lookup(b->unread, "2.a"), "new two");
	settle(b);
	assert_int_equal(b->faults, 0);
}

/* What happens to a letter in new/, and whether it is unread then. */
static void
test_marks(void **state)
{
	static const struct {
		const char *name, *to, *then;
		bool unread;
	} cases[] = {
		{ "taken notice of", "box/cur/1.a:2,", NULL, true },
		{ "taken notice of, no flags at all", "box/cur/1.a", NULL, true },
		{ "flagged", "box/cur/1.a:2,F", NULL, true },
		{ "read", "box/cur/1.a:2,S", NULL, false },
		{ "answered and read", "box/cur/1.a:2,RS", NULL, false },
		{ "trashed", "box/cur/1.a:2,T", NULL, false },
		{ "noticed, then read", "box/cur/1.a:2,", "box/cur/1.a:2,S", false },
		{ "noticed, then flagged", "box/cur/1.a:2,", "box/cur/1.a:2,F", true },
		{ "back to new", "box/cur/1.a:2,", "box/new/1.a", true },
		{ "moved away", "elsewhere", NULL, false },
		{ "noticed, then moved away", "box/cur/1.a:2,", "elsewhere", false },
		{ "another name in new", "box/new/1.a,U=7", NULL, true },
		{ "another name, then read", "box/new/1.a,U=7", "box/cur/1.a,U=7:2,S",
		    false },
		{ "another name in cur", "box/cur/1.a,U=7:2,", "box/cur/1.a,U=8:2,", true },
		{ "flags of another kind", "box/cur/1.a:1,S", NULL, true },
	};

	(void)state;
	for (size_t i = 0; i < G_N_ELEMENTS(cases); i++)
		for (int how = 0; how < 2; how++) {
			void *own = NULL;

			assert_int_equal(set_up(&own), 0);
			struct mail_box *b = own;

			make_maildir(b, "box");
			start(b);
			deliver(b, "box", "1.a", "a");
			/* In a hurry: nobody could read it in new/. */
			if (how == 0)
				WAIT_FOR(b, unread(b) == 1);
			move(b, "box/new/1.a", cases[i].to);
			if (how == 0)
				settle(b);
			if (cases[i].then != NULL)
				move(b, cases[i].to, cases[i].then);
			settle(b);
			if (unread(b) != cases[i].unread || b->faults != 0 ||
			    unread_of(b, "a") != cases[i].unread)
				fail_msg("%s, %s: unread %u", cases[i].name,
				    how == 0 ? "slowly" : "in a hurry", unread(b));
			(void)tear_down(&own);
		}
}

/* Old mail that is moved about and marked is not told. */
static void
test_old_mail(void **state)
{
	struct mail_box *b = *state;

	make_maildir(b, "box");
	deliver(b, "box", "1.a", "a");
	move(b, "box/new/1.a", "box/cur/1.a:2,S");
	start(b);
	move(b, "box/cur/1.a:2,S", "box/cur/1.a:2,");
	settle(b);
	move(b, "box/cur/1.a:2,", "box/cur/1.a,U=9:2,F");
	settle(b);
	unlink_in(b, "box/cur/1.a,U=9:2,F");
	settle(b);
	assert_int_equal(b->added, 3); /* barriers */
	/* Marked as unread by hand: no new mail. */
	deliver(b, "box", "2.a", "b");
	WAIT_FOR(b, unread(b) == 1);
	move(b, "box/new/2.a", "box/cur/2.a:2,S");
	WAIT_FOR(b, unread(b) == 0);
	move(b, "box/cur/2.a:2,S", "box/cur/2.a:2,");
	settle(b);
	assert_int_equal(unread(b), 0);
}

static void
test_linked(void **state)
{
	struct mail_box *b = *state;
	g_autofree char *new = NULL, *cur = NULL, *seen = NULL;

	make_maildir(b, "box");
	start(b);
	deliver(b, "box", "1.a", "a");
	new = in_box(b, "box/new/1.a");
	cur = in_box(b, "box/cur/1.a:2,");
	seen = in_box(b, "box/cur/1.a:2,S");
	/* Linked under the new name, then removed by the old one. */
	assert_int_equal(link(new, cur), 0);
	assert_int_equal(unlink(new), 0);
	settle(b);
	assert_int_equal(unread_of(b, "a"), 1);
	assert_int_equal(link(cur, seen), 0);
	assert_int_equal(unlink(cur), 0);
	WAIT_FOR(b, unread(b) == 0);
	settle(b);
}

/* Delivered straight to cur/, as Dovecot does for mail that a filter flagged. */
static void
test_into_cur(void **state)
{
	struct mail_box *b = *state;
	g_autofree char *path = NULL;

	make_maildir(b, "box");
	path = in_box(b, "box/tmp/1.a");
	start(b);
	write_file(path, "Subject: a\n\n");
	move(b, "box/tmp/1.a", "box/cur/1.a:2,F");
	WAIT_FOR(b, unread_of(b, "a") == 1);
	move(b, "box/cur/1.a:2,F", "box/cur/1.a:2,FS");
	WAIT_FOR(b, unread(b) == 0);
	/* Read by a filter: known, so that a log's word of it is not new. */
	write_file(path, "Subject: b\n\n");
	move(b, "box/tmp/1.a", "box/cur/2.a:2,S");
	WAIT_FOR(b, b->seen == 2);
	assert_int_equal(b->added, 2);
}

/* Written in place, which a Maildir does not allow: told when there is something. */
static void
test_written_in_place(void **state)
{
	struct mail_box *b = *state;

	make_maildir(b, "box");
	start(b);
	g_autofree char *path = in_box(b, "box/new/1.a");
	int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);

	assert_true(fd >= 0);
	settle(b);
	assert_int_equal(unread(b), 0);
	assert_int_equal(write(fd, "Subject: a\n\n", 12), 12);
	assert_int_equal(close(fd), 0);
	WAIT_FOR(b, unread_of(b, "a") == 1);
}

/* Whatever lies there instead of a message: nothing blocks, nothing is read. */
static void
test_no_messages(void **state)
{
	struct mail_box *b = *state;

	make_maildir(b, "box");
	for (int round = 0; round < 2; round++) {
		const char *mark = round == 0 ? "before" : "after";
		g_autofree char *fifo =
		    g_strdup_printf("%s/box/new/fifo-%s", b->folder, mark);
		g_autofree char *link =
		    g_strdup_printf("%s/box/new/link-%s", b->folder, mark);
		g_autofree char *void_link =
		    g_strdup_printf("%s/box/cur/void-%s", b->folder, mark);
		g_autofree char *inner = g_strdup_printf("box/new/dir-%s", mark);

		assert_int_equal(mkfifo(fifo, 0600), 0);
		assert_int_equal(symlink("/etc/hostname", link), 0);
		assert_int_equal(symlink("/nowhere", void_link), 0);
		make_folder(b, inner);
		if (round == 0)
			start(b);
	}
	settle(b);
	assert_int_equal(unread(b), 0);
	assert_int_equal(b->faults, 0);
}

static void
test_hostile(void **state)
{
	struct mail_box *b = *state;

	make_maildir(b, "box");
	start(b);
	deliver(b, "box", "1.\xff\xfe\n\x1b[2J",
	    "<b>\x1b]0;x\x07 =?utf-8?Q?=00=E2=80=AE?=");
	WAIT_FOR(b, b->added == 1);
	move(b, "box/new/1.\xff\xfe\n\x1b[2J", "box/cur/1.\xff\xfe\n\x1b[2J:2,S");
	WAIT_FOR(b, unread(b) == 0);
}

/* --- folders --- */

static void
test_made_later(void **state)
{
	struct mail_box *b = *state;

	g_free(b->path);
	b->path = in_box(b, "home/joe/mail/box");
	start(b);
	make_folder(b, "home");
	while (g_main_context_iteration(b->context, FALSE))
		;
	make_maildir(b, "home/joe/mail/box");
	deliver(b, "home/joe/mail/box", "1.a", "a");
	WAIT_FOR(b, unread_of(b, "a") == 1);
	deliver(b, "home/joe/mail/box", "2.a", "b");
	WAIT_FOR(b, unread_of(b, "b") == 1);
	assert_int_equal(b->faults, 0);
}

/* Renamed away and back, and a folder above it: what is unread stays so. */
static void
test_renamed(void **state)
{
	static const char *const pairs[][2] = { { "home/box", "home/away" },
		{ "home", "away" }, { "home/box/new", "home/box/old" } };
	struct mail_box *b = *state;

	g_free(b->path);
	b->path = in_box(b, "home/box");
	make_maildir(b, "home/box");
	start(b);
	deliver(b, "home/box", "1.a", "a");
	WAIT_FOR(b, unread(b) == 1);
	for (size_t i = 0; i < G_N_ELEMENTS(pairs); i++) {
		g_autofree char *name = g_strdup_printf("2.%zu", i);
		guint was_unread = unread(b);

		move(b, pairs[i][0], pairs[i][1]);
		while (g_main_context_iteration(b->context, FALSE))
			;
		move(b, pairs[i][1], pairs[i][0]);
		deliver(b, "home/box", name, "b");
		WAIT_FOR(b, unread(b) == was_unread + 1);
	}
	assert_int_equal(b->seen, 0);
	unlink_in(b, "home/box/new/1.a");
	WAIT_FOR(b, unread_of(b, "a") == 0);
	/* Another folder in the place of one above it. */
	move(b, "home", "away");
	make_maildir(b, "home/box");
	deliver(b, "home/box", "3.a", "c");
	WAIT_FOR(b, unread_of(b, "c") == 1 && unread_of(b, "b") == 0);
}

static void
test_made_anew(void **state)
{
	struct mail_box *b = *state;

	make_maildir(b, "box");
	start(b);
	for (int i = 0; i < 5; i++) {
		deliver(b, "box", i % 2 ? "1.a" : "1.b", "a");
		WAIT_FOR(b, g_hash_table_contains(b->unread, i % 2 ? "1.a" : "1.b"));
		WAIT_FOR(b, unread(b) == 1);
		remove_all(b->path);
		make_maildir(b, "box");
	}
	/* A look at an empty Maildir: what was there has gone. */
	WAIT_FOR(b, unread(b) == 0);
	settle(b);
}

/* Another Maildir is put in its place by one rename. */
static void
test_replaced(void **state)
{
	struct mail_box *b = *state;

	make_maildir(b, "box");
	make_maildir(b, "other");
	deliver(b, "other", "2.a", "b");
	start(b);
	deliver(b, "box", "1.a", "a");
	WAIT_FOR(b, unread(b) == 1);
	move(b, "box", "away");
	move(b, "other", "box");
	WAIT_FOR(b, unread_of(b, "a") == 0 && unread_of(b, "b") == 1);
	/* The old one is not watched any more. */
	deliver(b, "away", "3.a", "c");
	settle(b);
	assert_int_equal(unread_of(b, "c"), 0);
}

static void
test_through_link(void **state)
{
	struct mail_box *b = *state;
	g_autofree char *slashed = g_strconcat(b->path, "/", NULL);

	make_maildir(b, "real");
	assert_int_equal(symlink("real", b->path), 0);
	g_free(b->path);
	b->path = g_steal_pointer(&slashed); /* told as it was given */
	start(b);
	deliver(b, "real", "1.a", "a");
	WAIT_FOR(b, unread_of(b, "a") == 1);
}

static void
test_faults(void **state)
{
	struct mail_box *b = *state;

	assert_int_equal(mkfifo(b->path, 0600), 0);
	start(b);
	assert_string_equal(b->fault, "neither a Maildir nor an mbox file");
	unlink_in(b, "box");
	make_folder(b, "box");
	WAIT_FOR(b, b->faults == 2);
	assert_string_equal(b->fault, "it has no folder new/: not a Maildir (yet)");
	make_maildir(b, "box");
	deliver(b, "box", "1.a", "a");
	WAIT_FOR(b, unread(b) == 1);
	assert_int_equal(b->faults, 2);
	if (geteuid() == 0)
		return; /* who may read everything */
	assert_int_equal(chmod(b->path, 0), 0);
	start(b);
	assert_int_equal(chmod(b->path, 0700), 0);
	assert_int_equal(b->faults, 3);
}

/* --- many, and again --- */

static int
read_number(const char *path, int otherwise)
{
	g_autofree char *text = NULL;

	return g_file_get_contents(path, &text, NULL, NULL) ? atoi(text) : otherwise;
}

/* More at once than the kernel keeps for us: a look finds what it did not tell. */
static void
test_overflow(void **state)
{
	struct mail_box *b = *state;
	int most = read_number("/proc/sys/fs/inotify/max_queued_events", 16384);
	g_autofree char *real = NULL;

	if (most > 100000)
		skip();
	make_maildir(b, "box");
	start(b);
	deliver(b, "box", "1.gone", "gone");
	deliver(b, "box", "1.read", "read");
	WAIT_FOR(b, unread(b) == 2);
	real = in_box(b, "box/tmp/x");
	write_file(real, "Subject: many\n\n");
	for (int i = 0; i <= most; i++) {
		g_autofree char *path =
		    g_strdup_printf("%s/new/%d.a", b->path, 1000 + i % 5000);

		if (i >= 5000)
			assert_int_equal(unlink(path), 0);
		assert_int_equal(link(real, path), 0);
	}
	move(b, "box/new/1.read", "box/cur/1.read:2,S");
	unlink_in(b, "box/new/1.gone");
	deliver(b, "box", "9000.a", "last");
	WAIT_FOR(b, unread_of(b, "last") == 1 && unread_of(b, "read") == 0 &&
			unread_of(b, "gone") == 0);
	WAIT_FOR(b, unread(b) == 5001);
	settle(b);
}

/* Of very many the newest are read, and all are told. */
static void
test_many(void **state)
{
	struct mail_box *b = *state;
	g_autofree char *real = NULL;
	enum { N = 20000 };

	make_maildir(b, "box");
	real = in_box(b, "box/tmp/x");
	write_file(real, "Subject: many\n\n");
	for (int i = 0; i < N; i++) {
		g_autofree char *path = g_strdup_printf("%s/new/%d.a", b->path, 5000 + i);

		assert_int_equal(link(real, path), 0);
	}
	start(b);
	assert_int_equal(unread(b), N);
	assert_int_equal(unread_of(b, "many"), 1000);
	assert_string_equal(g_hash_table_lookup(b->unread, "24999.a"), "many");
	assert_string_equal(g_hash_table_lookup(b->unread, "5000.a"), "");
	unlink_in(b, "box/new/5000.a");
	WAIT_FOR(b, unread(b) == N - 1);
}

/* Keys of an earlier run. */
static void
test_check(void **state)
{
	static const char *const keys[] = { "1.new", "2.cur", "3.read", "4.gone", NULL };
	struct mail_box *b = *state;

	make_maildir(b, "box");
	deliver(b, "box", "1.new", "new");
	deliver(b, "box", "2.cur", "cur");
	move(b, "box/new/2.cur", "box/cur/2.cur:2,");
	deliver(b, "box", "3.read", "read");
	move(b, "box/new/3.read", "box/cur/3.read:2,S");
	start(b);
	for (size_t i = 1; keys[i] != NULL; i++)
		(void)g_hash_table_insert(b->unread, g_strdup(keys[i]), g_strdup(""));
	mailbox_check(b->mailbox, (char *const *)(uintptr_t)keys);
	assert_int_equal(unread(b), 2);
	assert_int_equal(b->added, 1);
	assert_true(g_hash_table_contains(b->unread, "2.cur"));
	move(b, "box/cur/2.cur:2,", "box/cur/2.cur:2,S");
	WAIT_FOR(b, unread(b) == 1);
}

/* Keys of a mailbox that is not there yet, as before a home is mounted. */
static void
test_check_later(void **state)
{
	static const char *const keys[] = { "1.new", "4.gone", NULL };
	struct mail_box *b = *state;

	start(b);
	for (size_t i = 0; keys[i] != NULL; i++)
		(void)g_hash_table_insert(b->unread, g_strdup(keys[i]), g_strdup(""));
	mailbox_check(b->mailbox, (char *const *)(uintptr_t)keys);
	assert_int_equal(unread(b), 2);
	make_maildir(b, "other");
	deliver(b, "other", "1.new", "new");
	move(b, "other", "box");
	WAIT_FOR(b, unread(b) == 1);
	assert_true(g_hash_table_contains(b->unread, "1.new"));
	assert_int_equal(b->added, 0);
}

int
main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		T(test_at_start),
		cmocka_unit_test(test_marks),
		T(test_old_mail),
		T(test_linked),
		T(test_into_cur),
		T(test_written_in_place),
		T(test_no_messages),
		T(test_hostile),
		T(test_made_later),
		T(test_renamed),
		T(test_made_anew),
		T(test_replaced),
		T(test_through_link),
		T(test_faults),
		T(test_overflow),
		T(test_many),
		T(test_check),
		T(test_check_later),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
