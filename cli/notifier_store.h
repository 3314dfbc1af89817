/*
 * notifier_store - the notifier's hold on the store
 *
 * Purpose    Opens the store beside the watcher that made it, keeps other notifiers out (two
 *            would send the same notice twice), makes the FIFO that wakes us, and sees when
 *            the file was replaced by another one.
 * Ownership  The caller's struct; hold_close() closes what is in it.
 * Errors     Negative errno with a reason; -EWOULDBLOCK: another notifier works on it.
 */
#ifndef CLI_NOTIFIER_STORE_H
#define CLI_NOTIFIER_STORE_H

#include <sys/stat.h>

#include "store/store.h"

struct hold {
	const char *path;
	struct store *store; /* NULL: not open */
	int lock_fd, wake_fd;
	int watch_fd; /* readable: hold_take_news(); -1: the system has no more of them */
	dev_t dev;
	ino_t ino;
};

struct hold hold_of(const char *path);
int hold_open(struct hold *hold, struct err *err);
void hold_close(struct hold *hold);
/* Another file, or none, stands where the store or its FIFO was. */
bool hold_is_replaced(const struct hold *hold);
/* Reads what was told of the FIFO's file. */
void hold_take_news(const struct hold *hold);
/* Reads all knocks; true if there were any. */
bool hold_take_knocks(const struct hold *hold);

#endif
