/*
 * ingest_take - a message becomes lines of the log, or is kept
 *
 * Purpose    What standard input, mailboxes and watched Maildirs share: the message is read in
 *            its jail, its lines are appended, or it is told why there are none.
 * Ownership  The caller's result, for ingest_taken_done().
 * Errors     A negative errno for what may pass: the disk is full, the log is locked. Then
 *            nothing was written, and the message is to be offered again.
 */
#ifndef CLI_INGEST_TAKE_H
#define CLI_INGEST_TAKE_H

#include "cli/ingest_setup.h"

#define INGEST_OLD_US (7 * 86400 * INT64_C(1000000))

enum ingest_verdict {
	VERDICT_TAKEN,
	VERDICT_OTHER,      /* none of these reports */
	VERDICT_OLD,        /* dated more than INGEST_OLD_US ago: not written */
	VERDICT_UNREADABLE, /* damaged, over a limit, or its reader crashed */
	VERDICT_COUNT
};

struct ingest_taken {
	enum ingest_verdict verdict;
	struct jail_result result; /* its lines, also where they were not written */
};

/* As --dry-run has it, nothing is written; with --old, or INGEST_ANY_AGE, age is no matter. */
enum ingest_age {
	INGEST_NEW_ONLY,
	INGEST_ANY_AGE,
};
int ingest_take(struct ingest_setup *setup, struct str message, enum ingest_age age,
    struct ingest_taken *out, struct err *err);
/* One that was too long to be read. */
void ingest_take_none(struct ingest_taken *out);
void ingest_taken_done(struct ingest_taken *taken);

/* A line that says that the message in `file` was not read, and why. id: see
 * ingest/report_line.h. */
int ingest_note_unread(struct ingest_setup *setup, struct str id, const char *why,
    struct str file, struct err *err);

/* Standard input: everything is taken or kept. An exit code of sysexits.h. */
int ingest_pipe(struct ingest_setup *setup);

#endif
