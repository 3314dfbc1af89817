/*
 * ingest_maildir - one watched Maildir: what is in it, what becomes of what was taken
 *
 * Purpose    Finds messages that were not looked at yet, takes them, and leaves, marks or
 *            moves what was a report.
 * Ownership  The caller frees with maildir_close(); setup and seen stay the caller's.
 * Errors     See each. What is the matter with a single message or with moving it is told on
 *            standard error, once in a row for the same reason.
 */
#ifndef CLI_INGEST_MAILDIR_H
#define CLI_INGEST_MAILDIR_H

#include "cli/ingest_seen.h"
#include "cli/ingest_setup.h"

struct maildir;

enum maildir_part { PART_NEW, PART_CUR, PART_COUNT };

/* seen: of that Maildir. NULL without memory. */
struct maildir *maildir_open(struct ingest_setup *setup, struct seen_maildir *seen,
    const char *path);
void maildir_close(struct maildir *m); /* NULL is fine */

const char *maildir_path(const struct maildir *m);
const char *maildir_part_path(const struct maildir *m, enum maildir_part part);
/* cur/ holds what was read there: of no interest where reports are moved to it. */
bool maildir_has_part(const struct maildir *m, enum maildir_part part);

/*
 * Takes all messages that are new, oldest first. 0; or a negative errno if one could not be
 * taken now: the same is to be done again later.
 */
int maildir_scan(struct maildir *m, struct err *err);
/* Takes one, which has just come, if it is new. */
int maildir_take(struct maildir *m, enum maildir_part part, const char *name,
    struct err *err);

#endif
