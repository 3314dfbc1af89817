/*
 * watch - when a store's file may have changed
 *
 * Purpose    Sleeping until another process commits, without asking again and again: inotify
 *            on the folder of the store, where its -wal file is written; or, while the
 *            folder is not there, on the nearest one above it.
 * Ownership  The caller's struct; store_watch_done() closes what is in it.
 * Limits     A commit becomes visible a moment after its last write (SQLite syncs the file
 *            first, and tells of it in shared memory, which no inotify sees): look again
 *            several times after a change, see store_watch_again_ms().
 * Errors     Negative errno with a reason.
 */
#ifndef STORE_WATCH_H
#define STORE_WATCH_H

#include "core/err.h"
#include "core/str.h"

struct store_watch {
	int fd; /* readable: call store_watch_take() */
	int wd;
	char *path;        /* of the store, as it was given */
	char *folder;      /* that is watched */
	bool direct;       /* it is the store's own folder */
	bool lock_changed; /* a watcher took it or let it go; cleared by who looks at it */
	int again;         /* looks since the last change */
};

int store_watch_init(struct store_watch *watch, const char *path, struct err *err);
void store_watch_done(struct store_watch *watch);

/* Before looking at the store: watches the right folder, also when folders came or went. */
int store_watch_set(struct store_watch *watch, struct err *err);
/* Reads what happened. */
void store_watch_take(struct store_watch *watch);
/* How long to sleep at most after a look: -1 until the next change. */
int store_watch_again_ms(struct store_watch *watch);

#endif
