#include "desktop/mailbox.h"

#include <errno.h>
#include <glib-unix.h>
#include <linux/magic.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "desktop/mailbox_parts.h"

enum {
	EVENT_BYTES = 65536,
	REPLACE_MS = 1000, /* between an old mbox and a new one in its place */
	FIND_TRIES = 20,   /* what is found may go away before it is watched */
};

/* --- what is told --- */

void
mailbox_fault(struct mailbox *mailbox, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	char *reason = g_strdup_vprintf(fmt, args);

	va_end(args);
	if (g_hash_table_add(mailbox->faults, reason)) /* owns it, also if not new */
		mailbox->calls.fault(mailbox->calls.ctx, mailbox->given_path, reason);
}

void
mailbox_watch_fault(struct mailbox *mailbox, const char *path, int error)
{
	const char *help = "";

	if (error == -ENOSPC)
		help = " (raise fs.inotify.max_user_watches by sysctl)";
	else if (error == -EMFILE)
		help = " (raise fs.inotify.max_user_instances by sysctl)";
	else if (error == -EACCES)
		help = " (it must be readable by you)";
	mailbox_fault(mailbox, "watch %s: %s%s", path, g_strerror(-error), help);
}

static void
free_unread(gpointer data)
{
	struct unread *unread = data;

	g_free(unread->told);
	g_free(unread->name);
	g_free(unread);
}

struct unread *
mailbox_unread(struct mailbox *mailbox, const char *key)
{
	return g_hash_table_lookup(mailbox->unread, key);
}

void
mailbox_added(struct mailbox *mailbox, const char *key, const char *name,
    const struct letter *letter)
{
	struct unread *unread = g_new0(struct unread, 1);

	unread->told = g_strdup(key);
	unread->name = g_strdup(name);
	(void)g_hash_table_insert(mailbox->unread, g_strdup(key), unread);
	mailbox->calls.added(mailbox->calls.ctx, mailbox->given_path, key, letter);
}

void
mailbox_seen(struct mailbox *mailbox, const char *key)
{
	gpointer own_key = NULL, unread = NULL;

	if (!g_hash_table_steal_extended(mailbox->unread, key, &own_key, &unread))
		return;
	mailbox->calls.seen(mailbox->calls.ctx, mailbox->given_path,
	    ((struct unread *)unread)->told);
	g_free(own_key);
	free_unread(unread);
}

void
mailbox_look_begins(struct mailbox *mailbox)
{
	mailbox->round++;
}

void
mailbox_look_ends(struct mailbox *mailbox)
{
	g_autoptr(GPtrArray) gone = g_ptr_array_new_with_free_func(g_free);
	GHashTableIter iter;
	gpointer key, unread;

	g_hash_table_iter_init(&iter, mailbox->unread);
	while (g_hash_table_iter_next(&iter, &key, &unread))
		if (((struct unread *)unread)->round != mailbox->round)
			g_ptr_array_add(gone, g_strdup(key));
	for (guint i = 0; i < gone->len; i++)
		mailbox_seen(mailbox, gone->pdata[i]);
}

/* --- watches --- */

int
mailbox_watch(struct mailbox *mailbox, const char *path, uint32_t mask, int watch)
{
	/* One folder may be watched for two things: what was asked for it stays. */
	int descriptor = inotify_add_watch(mailbox->inotify, path, mask | IN_MASK_ADD);

	if (descriptor < 0)
		return -errno;
	watch |= GPOINTER_TO_INT(g_hash_table_lookup(mailbox->watches,
	    GINT_TO_POINTER(descriptor)));
	(void)g_hash_table_insert(mailbox->watches, GINT_TO_POINTER(descriptor),
	    GINT_TO_POINTER(watch));
	return 0;
}

static void
unwatch_all(struct mailbox *mailbox)
{
	GHashTableIter iter;
	gpointer descriptor;

	g_hash_table_iter_init(&iter, mailbox->watches);
	while (g_hash_table_iter_next(&iter, &descriptor, NULL))
		/* One that is gone has no watch any more. */
		(void)inotify_rm_watch(mailbox->inotify, GPOINTER_TO_INT(descriptor));
	g_hash_table_remove_all(mailbox->watches);
}

void
mailbox_not_later(struct mailbox *mailbox)
{
	if (mailbox->timer == NULL)
		return;
	g_source_destroy(mailbox->timer);
	g_source_unref(mailbox->timer);
	mailbox->timer = NULL;
}

static void find(struct mailbox *mailbox);

static gboolean
on_timer(gpointer data)
{
	struct mailbox *mailbox = data;

	mailbox_not_later(mailbox);
	if (mailbox->kind != NULL) {
		mailbox->kind->later(mailbox->state);
		return G_SOURCE_REMOVE;
	}
	if (mailbox->awaited == NULL) { /* find() gave up */
		find(mailbox);
		return G_SOURCE_REMOVE;
	}
	mailbox_look_begins(mailbox); /* expect_mbox(): nothing is there to be found */
	mailbox_look_ends(mailbox);
	return G_SOURCE_REMOVE;
}

void
mailbox_later(struct mailbox *mailbox, unsigned wait_ms)
{
	if (mailbox->timer != NULL)
		return;
	mailbox->timer = g_timeout_source_new(wait_ms);
	g_source_set_callback(mailbox->timer, on_timer, mailbox, NULL);
	(void)g_source_attach(mailbox->timer, mailbox->context);
}

/* --- where it is --- */

static void
close_kind(struct mailbox *mailbox)
{
	mailbox_not_later(mailbox);
	if (mailbox->kind != NULL)
		mailbox->kind->close(mailbox->state);
	mailbox->kind = NULL;
	mailbox->state = NULL;
}

/* Watches the folders that the path leads through, so that it is noticed if one of them is
 * renamed; NULL if all are there, else the first that is not. A folder that may be passed
 * but not read can't be watched: then a new name of it goes unnoticed. */
static char *
watch_above(struct mailbox *mailbox)
{
	const char *end = mailbox->path;

	while ((end = strchr(end + 1, '/')) != NULL) {
		g_autofree char *folder =
		    g_strndup(mailbox->path, (gsize)(end - mailbox->path));
		int r = mailbox_watch(mailbox, folder, WATCH_SELF | IN_ONLYDIR,
		    WATCH_FOLDER_ABOVE);

		if (r == -ENOENT || r == -ENOTDIR)
			return g_steal_pointer(&folder);
	}
	return access(mailbox->path, F_OK) == 0 ? NULL : g_strdup(mailbox->path);
}

/* False: it is there now. */
static bool
wait_for(struct mailbox *mailbox, const char *missing)
{
	g_autofree char *nearest = g_path_get_dirname(missing);
	bool is_folder_above = strcmp(missing, mailbox->path) != 0;
	struct stat st;

	mailbox->awaited = g_path_get_basename(missing);
	int r = mailbox_watch(mailbox, nearest,
	    WATCH_SELF | IN_CREATE | IN_MOVED_TO | IN_ONLYDIR, WATCH_NEAREST);

	if (stat(missing, &st) == 0)
		return is_folder_above && !S_ISDIR(st.st_mode);
	if (errno == EACCES)
		r = -EACCES;
	if (r < 0 && r != -ENOENT)
		mailbox_watch_fault(mailbox, nearest, r);
	return r != -ENOENT;
}

static void
warn_of_network(struct mailbox *mailbox)
{
	struct statfs fs;

	if (statfs(mailbox->path, &fs) < 0)
		return;
	switch ((unsigned long)fs.f_type) {
	case NFS_SUPER_MAGIC:
	case SMB_SUPER_MAGIC:
	case CIFS_SUPER_MAGIC:
	case SMB2_SUPER_MAGIC:
		mailbox_fault(mailbox,
		    "it lies on a network file system: what other machines "
		    "put there is noticed with the next change made here");
		break;
	default: break;
	}
}

static bool
is_mailbox(const struct stat *st)
{
	return S_ISDIR(st->st_mode) || S_ISREG(st->st_mode);
}

/* False: it went away meanwhile. */
static bool
open_kind(struct mailbox *mailbox)
{
	struct stat st;

	/* First, and of a link itself: what takes its place from now on is noticed. */
	int r = mailbox_watch(mailbox, mailbox->path, WATCH_SELF | IN_DONT_FOLLOW,
	    WATCH_FOLDER_ABOVE);

	if (r == -ENOENT || stat(mailbox->path, &st) < 0)
		return false;
	if (!is_mailbox(&st)) {
		mailbox_fault(mailbox, "neither a Maildir nor an mbox file");
		(void)wait_for(mailbox, mailbox->path); /* something else in its place */
		return stat(mailbox->path, &st) < 0 || !is_mailbox(&st);
	}
	warn_of_network(mailbox);
	mailbox->kind = S_ISDIR(st.st_mode) ? &mailbox_kind_maildir : &mailbox_kind_mbox;
	mailbox->state = mailbox->kind->open(mailbox);
	mailbox->kind->look(mailbox->state);
	return true;
}

/* A mail program removes an mbox that it has emptied: what was in it is gone. */
static void
expect_mbox(struct mailbox *mailbox, const char *missing)
{
	if (mailbox->was_read && strcmp(missing, mailbox->path) == 0)
		mailbox_later(mailbox, REPLACE_MS);
}

static void
find(struct mailbox *mailbox)
{
	close_kind(mailbox);
	for (int i = 0; i < FIND_TRIES; i++) {
		unwatch_all(mailbox);
		g_clear_pointer(&mailbox->awaited, g_free);
		g_autofree char *missing = watch_above(mailbox);

		if (missing == NULL && open_kind(mailbox))
			return;
		if (missing != NULL && wait_for(mailbox, missing)) {
			expect_mbox(mailbox, missing);
			return;
		}
	}
	g_clear_pointer(&mailbox->awaited, g_free);
	mailbox_fault(mailbox, "it comes and goes too fast to be watched");
	mailbox_later(mailbox, REPLACE_MS); /* on_timer() finds it, once that is over */
}

/* --- what happens --- */

/* True: all must be found anew. */
static bool
take_event(struct mailbox *mailbox, const struct inotify_event *event)
{
	int watch = GPOINTER_TO_INT(g_hash_table_lookup(mailbox->watches,
	    GINT_TO_POINTER(event->wd)));

	if (event->mask & IN_Q_OVERFLOW)
		return true;
	if (watch == 0 || (event->mask & IN_IGNORED))
		return false; /* of a watch given up meanwhile */
	if (event->mask & (WATCH_SELF | IN_UNMOUNT))
		return true;
	if ((watch & WATCH_NEAREST) && event->len > 0 && mailbox->awaited != NULL &&
	    strcmp(event->name, mailbox->awaited) == 0)
		return true;
	return mailbox->kind != NULL && mailbox->kind->event(mailbox->state, watch, event);
}

static gboolean
on_input(gint fd, GIOCondition condition, gpointer data)
{
	struct mailbox *mailbox = data;
	g_autofree char *bytes = g_malloc(EVENT_BYTES);
	ssize_t n = read(fd, bytes, EVENT_BYTES);
	const struct inotify_event *event;
	bool must_find = false;

	(void)condition;
	for (ssize_t at = 0; at < n; at += (ssize_t)(sizeof *event + event->len)) {
		event = (const struct inotify_event *)(const void *)(bytes + at);
		must_find = take_event(mailbox, event) || must_find;
	}
	if (must_find)
		find(mailbox);
	else if (mailbox->kind != NULL)
		mailbox->kind->batch(mailbox->state);
	return G_SOURCE_CONTINUE;
}

/* --- life --- */

struct mailbox *
mailbox_new(const char *path, const struct mailbox_calls *calls)
{
	struct mailbox *mailbox = g_new0(struct mailbox, 1);

	mailbox->given_path = g_strdup(path);
	mailbox->path = g_canonicalize_filename(path, NULL);
	mailbox->calls = *calls;
	mailbox->context = g_main_context_ref_thread_default();
	mailbox->watches = g_hash_table_new(NULL, NULL);
	mailbox->unread =
	    g_hash_table_new_full(g_str_hash, g_str_equal, g_free, free_unread);
	mailbox->faults = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
	mailbox->inotify = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
	if (mailbox->inotify < 0) {
		mailbox_watch_fault(mailbox, mailbox->path, -errno);
		return mailbox;
	}
	mailbox->input = g_unix_fd_source_new(mailbox->inotify, G_IO_IN);
	g_source_set_callback(mailbox->input, G_SOURCE_FUNC(on_input), mailbox, NULL);
	(void)g_source_attach(mailbox->input, mailbox->context);
	find(mailbox);
	return mailbox;
}

void
mailbox_free(struct mailbox *mailbox)
{
	if (mailbox == NULL)
		return;
	close_kind(mailbox);
	if (mailbox->input != NULL) {
		g_source_destroy(mailbox->input);
		g_source_unref(mailbox->input);
		(void)close(mailbox->inotify);
	}
	g_hash_table_destroy(mailbox->watches);
	g_hash_table_destroy(mailbox->unread);
	g_hash_table_destroy(mailbox->faults);
	g_main_context_unref(mailbox->context);
	g_free(mailbox->awaited);
	g_free(mailbox->path);
	g_free(mailbox->given_path);
	g_free(mailbox);
}

void
mailbox_check(struct mailbox *mailbox, char *const *keys)
{
	bool is_any_new = false;

	for (; *keys != NULL; keys++) {
		if (mailbox_unread(mailbox, *keys) != NULL)
			continue;
		struct unread *unread = g_new0(struct unread, 1);

		unread->told = g_strdup(*keys);
		(void)g_hash_table_insert(mailbox->unread, g_strdup(*keys), unread);
		is_any_new = true;
	}
	if (is_any_new && mailbox->kind != NULL)
		mailbox->kind->look(mailbox->state);
}
