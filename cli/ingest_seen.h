/*
 * ingest_seen - which messages of the watched Maildirs were taken
 *
 * Purpose    For each Maildir the newest time of change (ctime) among the messages that were
 *            looked at, and the names of the last reports: after a restart nothing is left out
 *            and, but for a crash in between, nothing is taken twice. What is taken twice
 *            all the same has the same report_id and counts once.
 * Ownership  The caller frees it with seen_free(). Paths are copied.
 * Limits     SEEN_MAILDIRS, SEEN_NAMES of each.
 * Errors     A file that cannot be understood counts as none.
 */
#ifndef CLI_INGEST_SEEN_H
#define CLI_INGEST_SEEN_H

#include <stdbool.h>

#include "core/err.h"
#include "core/str.h"

struct seen;
struct seen_maildir;

enum { SEEN_MAILDIRS = 100, SEEN_NAMES = 2000 };

/* path: of the file, reports.seen beside the store. */
int seen_open(const char *path, struct seen **out, struct err *err);
void seen_free(struct seen *seen); /* NULL is fine */

/* NULL: too many, or no memory. */
struct seen_maildir *seen_of(struct seen *seen, const char *maildir);
/* Microseconds since 1970; 0: never looked. */
int64_t seen_newest(const struct seen_maildir *m);
void seen_set_newest(struct seen_maildir *m, int64_t ctime_us); /* only forward */
/* name: of the file; flags behind ":2," do not count. */
bool seen_has(const struct seen_maildir *m, struct str name);
void seen_add(struct seen_maildir *m, struct str name);

/* Replaces the file if something changed; on the disk when it returns. */
int seen_save(struct seen *seen, const char *folder, struct err *err);

/* Without the flags. */
struct str seen_base(struct str name);

#endif
