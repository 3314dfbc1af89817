/*
 * ingest_watch - the Maildirs of the configuration, followed
 *
 * Purpose    Takes each message once: what lies there, then what comes (inotify). A report
 *            that was taken is left, marked as read or moved, as `after` says; all other
 *            mail stays as it is. Sleeps while nothing comes.
 * Errors     A Maildir that is not there or cannot be read is told once and waited for. A log
 *            that cannot be written is told once, and the messages are taken later.
 */
#ifndef CLI_INGEST_WATCH_H
#define CLI_INGEST_WATCH_H

#include "cli/ingest_setup.h"

enum { INGEST_RELOAD = -1 };

/* Until a signal or, with options->child, the end of standard input. An exit code, or
 * INGEST_RELOAD after SIGHUP. */
int ingest_watch(struct ingest_setup *setup);

#endif
