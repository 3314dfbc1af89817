/*
 * watcher_lives - does a watcher work on that store?
 *
 * Errors     Negative errno with a reason.
 */
#ifndef CLI_WATCHER_LIVES_H
#define CLI_WATCHER_LIVES_H

#include "core/err.h"

/* 1: one does, 0: none does; asks the lock that it holds. state: the store's file. */
int watcher_lives(const char *state, struct err *err);

#endif
