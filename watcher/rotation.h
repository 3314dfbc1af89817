/*
 * rotation - a log file and the older ones beside it
 *
 * Purpose    Says in which file a mark lies now and which file follows a given
 *            one. Knows logrotate's and newsyslog's names: path.1, path.2.gz,
 *            path-20261121.xz; any other path.* or path-* may hold a mark, but
 *            has no place in the order.
 * Ownership  The caller closes the descriptor that it gets.
 * Limits     ROTATION_MAX_FILES names beside a log; more is an error.
 *            A copy shorter than MARK_HEAD_BYTES is not recognised after the
 *            truncation: only matters if a second one follows before we look.
 * Errors     A negative errno with the reason; -EAGAIN while files are being
 *            renamed under our eyes: ask again in a moment.
 */
#ifndef WATCHER_ROTATION_H
#define WATCHER_ROTATION_H

#include <limits.h>

#include "watcher/mark.h"

enum { ROTATION_MAX_FILES = 4096 };

struct rotation_file {
	int fd;
	uint64_t dev, ino, size;
	int64_t born_ns; /* as in a mark */
	bool is_current; /* the one that is written to, not a rotated one */
	bool is_after;   /* of rotation_next(): the mark's file was there to go by */
	char name[NAME_MAX + 1];
};

/* The file that the mark lies in: 1, 0 if there is none. */
int rotation_find(const char *path, const struct mark *mark, struct rotation_file *out,
    struct err *err);

/* The file that was begun after the mark's: a rotated one, or the current one.
 * After a mark's file that is gone comes the current one, after an unset mark the
 * oldest of all. A copy of the current file is not one that follows: the file is
 * about to be truncated, but was not yet. 1, or 0 if there is none yet. */
int rotation_next(const char *path, const struct mark *mark, struct rotation_file *out,
    struct err *err);

/* Marks the beginning of the newest rotated file; unset if there is none. */
int rotation_newest(const char *path, struct mark *mark_out, struct err *err);

#endif
