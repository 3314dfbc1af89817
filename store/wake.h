/*
 * wake - a knock at the notifier's door
 *
 * Purpose    Who committed notices tells the notifier, so that it sleeps until then and
 *            nobody has to look again and again. A FIFO beside the store, made by the
 *            notifier; a byte in it means "look". The store alone is the truth: a knock
 *            that is lost or too much does no harm, since the notifier looks at its start.
 * Ownership  The notifier closes its descriptor; the FIFO stays.
 * Errors     Negative errno with a reason.
 */
#ifndef STORE_WAKE_H
#define STORE_WAKE_H

#include <stdbool.h>

#include "core/err.h"

/* Makes the FIFO of the store's file if need be; a descriptor that becomes readable and
 * never ends. Non-blocking: read it until EAGAIN. */
int store_wake_open(const char *store, int *fd_out, struct err *err);

/* Is another file, or none, where fd was opened? Then nobody's knock is heard any more. */
bool store_wake_is_replaced(const char *store, int fd);
/* A descriptor of inotify that becomes readable when that may have happened. */
int store_wake_watch(const char *store, struct err *err);

/* Never waits. 0 also if nobody listens. */
int store_wake_send(const char *store, struct err *err);

#endif
