/*
 * watcher_lives - one watcher for a store, and whether there is one
 *
 * Errors     Negative errno with a reason.
 */
#ifndef CLI_WATCHER_LIVES_H
#define CLI_WATCHER_LIVES_H

#include "core/err.h"

/* 1: one does, 0: none does; asks the lock that it holds. state: the store's file. */
int watcher_lives(const char *state, struct err *err);

/* Takes that lock for as long as *fd_out is open, and writes the process id there, so that who
 * watches the file learns of it (store/watch.h). -EBUSY: another watcher has it. */
int watcher_lock(const char *state, int *fd_out, struct err *err);

#endif
