/*
 * A file in new/ is a message that no mail program has taken notice of; in cur/ its flags
 * stand behind ":2,". A program marks a message by renaming it, from new/ to cur/ or within
 * cur/: inotify tells the old name, then the new one, maybe in the next batch. Between the
 * two a key is in limbo; what stays there has gone.
 */
#include <dirent.h>
#include <errno.h>
#include <string.h>

#include "desktop/mailbox_parts.h"

enum {
	HEADS_READ = 1000, /* of what is found at once: the newest */
	LIMBO_MS = 150,    /* twice that */
	NO_MAILDIR_MS = 2000,
	FOLDER_EVENTS = WATCH_SELF | IN_CREATE | IN_MOVED_TO | IN_MOVED_FROM | IN_DELETE |
			IN_CLOSE_WRITE | IN_ONLYDIR,
};

struct maildir {
	struct mailbox *mailbox;
	GHashTable *limbo;  /* key -> struct limbo */
	GHashTable *filled; /* keys of files that were empty when they came */
	bool has_new;
};

enum limbo_kind {
	LIMBO_OTHER,  /* read long ago, or not told for another reason */
	LIMBO_UNREAD, /* it was told */
	LIMBO_UNTOLD, /* it went before its head could be read */
};

struct limbo {
	enum limbo_kind kind;
	uint32_t cookie;
	bool is_old;
};

struct found {
	char *name;
	int64_t time; /* the name's first part: seconds since 1970 */
};

/* --- names --- */

static char *
key_of(const char *name)
{
	return g_strndup(name, strcspn(name, ":"));
}

static bool
has_flag(const char *name, const char *flags)
{
	const char *info = strstr(name, ":2,");

	return info != NULL && strpbrk(info + strlen(":2,"), flags) != NULL;
}

/* Seen, or trashed unseen. */
static bool
is_read(const char *name)
{
	return has_flag(name, "ST");
}

static bool
is_message(const char *name)
{
	return name[0] != '.' && name[0] != '\0';
}

/* --- one message --- */

/* False: the file is not there any more. */
static bool
tell(struct maildir *dir, const char *key, const char *name, bool was_there)
{
	g_autofree char *path = g_build_filename(dir->mailbox->path, name, NULL);
	struct letter letter;
	int r = desk_letter_read_file(&letter, path);

	if (r == -ENODATA)
		(void)g_hash_table_add(dir->filled, g_strdup(key));
	if (r == -ENODATA || r == -EINVAL || r == -ELOOP)
		return true; /* no message, or not yet */
	/* One that can't be read is there all the same. */
	if (r != -ENOENT) {
		letter.was_there = was_there;
		mailbox_added(dir->mailbox, key, name, &letter);
	}
	desk_letter_done(&letter);
	return r != -ENOENT;
}

static void
put_in_limbo(struct maildir *dir, const char *key, enum limbo_kind kind, uint32_t cookie)
{
	struct limbo *limbo = g_new0(struct limbo, 1);

	limbo->kind = kind;
	limbo->cookie = cookie;
	(void)g_hash_table_insert(dir->limbo, g_strdup(key), limbo);
	mailbox_later(dir->mailbox, LIMBO_MS);
}

static void
came(struct maildir *dir, const char *key, const char *name, bool was_there)
{
	if (!tell(dir, key, name, was_there))
		put_in_limbo(dir, key, LIMBO_UNTOLD, 0);
	else if (is_read(name))
		mailbox_seen(dir->mailbox, key);
}

/* Programs that synchronise write their own number behind the name (",U=12"): the same
 * message under another key. The new key takes the place of the old one. */
static void
take_over_key(struct maildir *dir, const char *key, uint32_t cookie)
{
	GHashTableIter iter;
	gpointer old_key, value;

	if (cookie == 0 || g_hash_table_contains(dir->limbo, key))
		return;
	g_hash_table_iter_init(&iter, dir->limbo);
	while (g_hash_table_iter_next(&iter, &old_key, &value)) {
		gpointer own_key = NULL, unread = NULL;

		if (((struct limbo *)value)->cookie != cookie)
			continue;
		if (g_hash_table_steal_extended(dir->mailbox->unread, old_key, &own_key,
			&unread)) {
			g_free(own_key);
			(void)g_hash_table_insert(dir->mailbox->unread, g_strdup(key),
			    unread);
		}
		g_hash_table_iter_steal(&iter);
		g_free(old_key);
		(void)g_hash_table_insert(dir->limbo, g_strdup(key), value);
		return;
	}
}

/* A file has that name now: a new one, or one that had another name. */
static void
appeared(struct maildir *dir, const char *name, const struct inotify_event *event)
{
	g_autofree char *key = key_of(event->name);

	take_over_key(dir, key, event->cookie);
	struct unread *unread = mailbox_unread(dir->mailbox, key);
	const struct limbo *limbo = g_hash_table_lookup(dir->limbo, key);
	bool is_known = limbo != NULL && limbo->kind == LIMBO_OTHER;

	(void)g_hash_table_remove(dir->limbo, key);
	if (unread == NULL && !is_known) {
		came(dir, key, name, false);
	} else if (unread != NULL && is_read(name)) {
		mailbox_seen(dir->mailbox, key);
	} else if (unread != NULL) {
		g_free(unread->name);
		unread->name = g_strdup(name);
	}
}

static void
disappeared(struct maildir *dir, const char *name, const struct inotify_event *event)
{
	g_autofree char *key = key_of(event->name);
	const struct unread *unread = mailbox_unread(dir->mailbox, key);
	const struct limbo *limbo = g_hash_table_lookup(dir->limbo, key);
	bool is_untold = limbo != NULL && limbo->kind == LIMBO_UNTOLD;

	(void)g_hash_table_remove(dir->filled, key);
	/* Linked under a new name first, then removed by the old one: it is there. */
	if (unread != NULL && g_strcmp0(unread->name, name) != 0)
		return;
	put_in_limbo(dir, key,
	    unread != NULL ? LIMBO_UNREAD
	    : is_untold    ? LIMBO_UNTOLD
			   : LIMBO_OTHER,
	    event->cookie);
}

/* --- a look at all of it --- */

static void
free_found(gpointer data)
{
	struct found *found = data;

	g_free(found->name);
	g_free(found);
}

static gint
by_time(gconstpointer a, gconstpointer b)
{
	const struct found *left = *(const struct found *const *)a;
	const struct found *right = *(const struct found *const *)b;

	if (left->time != right->time)
		return left->time < right->time ? -1 : 1;
	return strcmp(left->name, right->name);
}

/* 0, or a negative errno. Those that are known are marked as found or seen, others are
 * added to `strange` if it is not NULL. */
static int
look_into(struct maildir *dir, const char *folder, GPtrArray *strange)
{
	g_autofree char *path = g_build_filename(dir->mailbox->path, folder, NULL);
	DIR *d = opendir(path);
	const struct dirent *entry;

	if (d == NULL)
		return -errno;
	while ((entry = readdir(d)) != NULL) {
		g_autofree char *key = key_of(entry->d_name);
		struct unread *unread = mailbox_unread(dir->mailbox, key);

		if (!is_message(entry->d_name))
			continue;
		if (unread != NULL && is_read(entry->d_name)) {
			mailbox_seen(dir->mailbox, key);
		} else if (unread != NULL) {
			unread->round = dir->mailbox->round;
			g_free(unread->name);
			unread->name = g_build_filename(folder, entry->d_name, NULL);
		} else if (strange != NULL && !is_read(entry->d_name)) {
			struct found *found = g_new0(struct found, 1);

			found->name = g_build_filename(folder, entry->d_name, NULL);
			found->time = g_ascii_strtoll(entry->d_name, NULL, 10);
			g_ptr_array_add(strange, found);
		}
	}
	(void)closedir(d);
	return 0;
}

static void
tell_found(struct maildir *dir, GPtrArray *strange)
{
	static const struct letter empty = { .was_there = true };

	g_ptr_array_sort(strange, by_time);
	for (guint i = 0; i < strange->len; i++) {
		const struct found *found = strange->pdata[i];
		g_autofree char *key = key_of(strrchr(found->name, '/') + 1);

		if (i + HEADS_READ < strange->len) {
			struct letter letter = empty;

			letter.at_us = found->time * G_USEC_PER_SEC;
			mailbox_added(dir->mailbox, key, found->name, &letter);
		} else {
			came(dir, key, found->name, true);
		}
		struct unread *unread = mailbox_unread(dir->mailbox, key);

		if (unread != NULL)
			unread->round = dir->mailbox->round;
	}
}

static void
maildir_look(void *state)
{
	struct maildir *dir = state;
	g_autoptr(GPtrArray) strange = g_ptr_array_new_with_free_func(free_found);

	if (!dir->has_new)
		return;
	mailbox_look_begins(dir->mailbox);
	int r = look_into(dir, "new", strange);

	if (r == 0)
		tell_found(dir, strange);
	/* A folder that can't be read says nothing about what went. */
	if (r == 0 && look_into(dir, "cur", NULL) == 0)
		mailbox_look_ends(dir->mailbox);
}

/* --- watching --- */

static void *
maildir_open(struct mailbox *mailbox)
{
	static const struct {
		const char *name;
		int watch;
	} folders[] = { { "new", WATCH_NEW }, { "cur", WATCH_CUR } };
	struct maildir *dir = g_new0(struct maildir, 1);

	dir->mailbox = mailbox;
	dir->limbo = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
	dir->filled = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
	int r = mailbox_watch(mailbox, mailbox->path,
	    WATCH_SELF | IN_CREATE | IN_MOVED_TO | IN_ONLYDIR, WATCH_ROOT);

	if (r < 0)
		mailbox_watch_fault(mailbox, mailbox->path, r);
	for (size_t i = 0; i < G_N_ELEMENTS(folders); i++) {
		g_autofree char *path =
		    g_build_filename(mailbox->path, folders[i].name, NULL);

		r = mailbox_watch(mailbox, path, FOLDER_EVENTS, folders[i].watch);
		if (r == 0 && folders[i].watch == WATCH_NEW)
			dir->has_new = true;
		if (r < 0 && r != -ENOENT)
			mailbox_watch_fault(mailbox, path, r);
	}
	if (!dir->has_new)
		mailbox_later(mailbox, NO_MAILDIR_MS);
	return dir;
}

static void
maildir_close(void *state)
{
	struct maildir *dir = state;

	g_hash_table_destroy(dir->limbo);
	g_hash_table_destroy(dir->filled);
	g_free(dir);
}

static bool
maildir_event(void *state, int watch, const struct inotify_event *event)
{
	struct maildir *dir = state;

	if (event->len == 0 || (event->mask & IN_ISDIR))
		return (watch & WATCH_ROOT) && event->len > 0 &&
		       (strcmp(event->name, "new") == 0 || strcmp(event->name, "cur") == 0);
	if (!(watch & (WATCH_NEW | WATCH_CUR)) || !is_message(event->name))
		return false;
	g_autofree char *name =
	    g_build_filename(watch & WATCH_NEW ? "new" : "cur", event->name, NULL);
	g_autofree char *key = key_of(event->name);

	if (event->mask & (IN_MOVED_FROM | IN_DELETE))
		disappeared(dir, name, event);
	else if (!(event->mask & IN_CLOSE_WRITE) || g_hash_table_remove(dir->filled, key))
		appeared(dir, name, event);
	return false;
}

static void
maildir_batch(void *state)
{
	(void)state;
}

static void
maildir_later(void *state)
{
	struct maildir *dir = state;
	g_autoptr(GPtrArray) gone = g_ptr_array_new_with_free_func(g_free);
	GHashTableIter iter;
	gpointer key, value;

	if (!dir->has_new)
		mailbox_fault(dir->mailbox, "it has no folder new/: not a Maildir (yet)");
	g_hash_table_iter_init(&iter, dir->limbo);
	while (g_hash_table_iter_next(&iter, &key, &value)) {
		struct limbo *limbo = value;

		if (!limbo->is_old) {
			limbo->is_old = true;
			continue;
		}
		if (limbo->kind == LIMBO_UNREAD)
			g_ptr_array_add(gone, g_strdup(key));
		g_hash_table_iter_remove(&iter);
	}
	for (guint i = 0; i < gone->len; i++)
		mailbox_seen(dir->mailbox, gone->pdata[i]);
	if (g_hash_table_size(dir->limbo) > 0)
		mailbox_later(dir->mailbox, LIMBO_MS);
}

const struct mailbox_kind mailbox_kind_maildir = {
	.open = maildir_open,
	.close = maildir_close,
	.look = maildir_look,
	.event = maildir_event,
	.batch = maildir_batch,
	.later = maildir_later,
};
