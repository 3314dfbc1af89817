/* A folder with a watched mailbox in it, for test_desk_mailbox.c and test_desk_mbox.c. */
#ifndef TEST_MAIL_BOX_H
#define TEST_MAIL_BOX_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <glib.h>
#include <glib/gstdio.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "desktop/mailbox.h"

enum { PATIENCE_S = 20 };

struct mail_box {
	char *folder, *path; /* the path is folder/box */
	GMainContext *context;
	struct mailbox *mailbox;
	GHashTable *unread; /* key -> subject, "" for none */
	guint added, seen, faults;
	char *fault;
	bool is_late;
};

static inline char *
in_box(const struct mail_box *b, const char *name)
{
	return g_build_filename(b->folder, name, NULL);
}

/* --- what is told --- */

static inline void
on_added(void *ctx, const char *path, const char *key, const struct letter *letter)
{
	struct mail_box *b = ctx;

	assert_string_equal(path, b->path);
	b->added++;
	(void)g_hash_table_insert(b->unread, g_strdup(key),
	    g_strdup(letter->subject == NULL ? "" : letter->subject));
}

static inline void
on_seen(void *ctx, const char *path, const char *key)
{
	struct mail_box *b = ctx;

	assert_string_equal(path, b->path);
	b->seen++;
	(void)g_hash_table_remove(b->unread, key);
}

static inline void
on_fault(void *ctx, const char *path, const char *reason)
{
	struct mail_box *b = ctx;

	assert_string_equal(path, b->path);
	b->faults++;
	g_free(b->fault);
	b->fault = g_strdup(reason);
}

/* How many unread ones have that subject? */
static inline guint
unread_of(const struct mail_box *b, const char *subject)
{
	GHashTableIter iter;
	gpointer key, value;
	guint n = 0;

	g_hash_table_iter_init(&iter, b->unread);
	while (g_hash_table_iter_next(&iter, &key, &value))
		n += strcmp(value, subject) == 0;
	return n;
}

static inline guint
unread(const struct mail_box *b)
{
	return g_hash_table_size(b->unread);
}

/* --- life --- */

static inline void
start(struct mail_box *b)
{
	const struct mailbox_calls calls = {
		.ctx = b, .added = on_added, .seen = on_seen, .fault = on_fault
	};

	mailbox_free(b->mailbox);
	b->mailbox = mailbox_new(b->path, &calls);
}

static inline int
set_up(void **state)
{
	struct mail_box *b = g_new0(struct mail_box, 1);

	b->folder = g_dir_make_tmp("mail-box-XXXXXX", NULL);
	b->path = in_box(b, "box");
	b->context = g_main_context_new();
	b->unread = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
	g_main_context_push_thread_default(b->context);
	*state = b;
	return 0;
}

static inline void
remove_all(const char *path)
{
	const char *argv[] = { "rm", "-rf", "--", path, NULL };

	(void)g_spawn_sync(NULL, (char **)(uintptr_t)argv, NULL, G_SPAWN_SEARCH_PATH, NULL,
	    NULL, NULL, NULL, NULL, NULL);
}

static inline int
tear_down(void **state)
{
	struct mail_box *b = *state;

	mailbox_free(b->mailbox);
	g_main_context_pop_thread_default(b->context);
	g_main_context_unref(b->context);
	remove_all(b->folder);
	g_hash_table_destroy(b->unread);
	g_free(b->folder);
	g_free(b->path);
	g_free(b->fault);
	g_free(b);
	return 0;
}

static inline gboolean
on_late(gpointer data)
{
	((struct mail_box *)data)->is_late = true;
	return G_SOURCE_REMOVE;
}

/* One turn of the main loop; false after PATIENCE_S without what is waited for. */
static inline bool
turn(struct mail_box *b)
{
	GSource *late = g_timeout_source_new_seconds(PATIENCE_S);

	b->is_late = false;
	g_source_set_callback(late, on_late, b, NULL);
	(void)g_source_attach(late, b->context);
	(void)g_main_context_iteration(b->context, TRUE);
	g_source_destroy(late);
	g_source_unref(late);
	return !b->is_late;
}

#define WAIT_FOR(b, what)                                                    \
	do {                                                                 \
		while (!(what))                                              \
			if (!turn(b))                                        \
				fail_msg("never: %s; unread %u, added %u, "  \
					 "seen %u, fault %s",                \
				    #what, unread(b), (b)->added, (b)->seen, \
				    (b)->fault == NULL ? "" : (b)->fault);   \
	} while (0)

/* --- files --- */

static inline void
write_file(const char *path, const char *text)
{
	FILE *f = fopen(path, "we");

	assert_non_null(f);
	assert_true(fputs(text, f) >= 0);
	assert_int_equal(fclose(f), 0);
}

static inline void
move(struct mail_box *b, const char *from, const char *to)
{
	g_autofree char *old = in_box(b, from), *fresh = in_box(b, to);

	assert_int_equal(rename(old, fresh), 0);
}

static inline void
unlink_in(struct mail_box *b, const char *name)
{
	g_autofree char *path = in_box(b, name);

	assert_int_equal(unlink(path), 0);
}

static inline void
make_folder(struct mail_box *b, const char *name)
{
	g_autofree char *path = in_box(b, name);

	assert_int_equal(g_mkdir_with_parents(path, 0700), 0);
}

#endif
