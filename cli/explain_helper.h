/*
 * explain_helper - a message taken apart by mailwarden-ingest
 *
 * Purpose    Messages come from strangers: the helper reads them in a process without
 *            network or files, and what it finds comes back as lines of the reports log.
 * Ownership  Lines and words go into the caller's buffers.
 * Errors     A negative errno and the reason: the helper is not there, or it failed.
 */
#ifndef CLI_EXPLAIN_HELPER_H
#define CLI_EXPLAIN_HELPER_H

#include "core/buf.h"
#include "core/err.h"

/* Does the text begin like a mail, not like a reply or a log line? */
bool explain_is_message(struct str text);
/* Is it the fields of a delivery status (RFC 3464) alone, as people paste them? */
bool explain_is_status(struct str text);
/* Status fields that were pasted without their recipient: the Diagnostic-Code, unfolded into
 * *out, tells all that they say. n 0: there are other lines, or no such field. */
struct str explain_diagnostic(struct str text, struct buf *out);
/* Value of the message's own Date field, unfolded; empty if it has none. */
void explain_date(struct str message, struct buf *out);

enum explain_helped {
	HELPED_NO_REPORT, /* the reason is in *said */
	HELPED_REPORT,    /* *lines has them */
};

/* rules: --rules of the command, NULL: none. */
int explain_helper(struct str message, const char *rules, struct buf *lines,
    struct buf *said, enum explain_helped *out, struct err *err);

#endif
