/*
 * file_watch - says when a log file may have something new
 *
 * Purpose    inotify on the file being read, on the file at the path, and on the
 *            directory, or, while that does not exist, on the nearest parent
 *            that does. For a symbolic link also on the directory it leads to.
 * Ownership  The caller frees with file_watch_close().
 * Errors     A negative errno with the reason, and what helps if we know it.
 */
#ifndef WATCHER_FILE_WATCH_H
#define WATCHER_FILE_WATCH_H

#include <stdbool.h>

#include "core/err.h"

struct file_watch;

int file_watch_open(const char *path, struct file_watch **out, struct err *err);
void file_watch_close(struct file_watch *w); /* NULL is fine */

int file_watch_fd(const struct file_watch *w); /* readable when something happened */
/* Takes what happened; does any of it concern our file? */
bool file_watch_drain(struct file_watch *w);

/* Sets up what is missing of the watches on directories; call before looking. */
int file_watch_refresh(struct file_watch *w, struct err *err);
int file_watch_reading(struct file_watch *w, int fd, struct err *err);
/* The file at the path too, if there is one: while an older one is still read. */
int file_watch_path(struct file_watch *w, struct err *err);

#endif
