/*
 * explain - text in, answers out
 *
 * Purpose    Finds out what a text is (code, reply, log line, a bounce message or another
 *            report), asks the catalogue, and prints the answers to standard output.
 * Ownership  The caller frees; the rulebook stays the caller's and must outlive it.
 */
#ifndef CLI_EXPLAIN_H
#define CLI_EXPLAIN_H

#include "cli/app.h"

struct explain;

enum explain_output {
	EXPLAIN_TEXT,
	EXPLAIN_JSON,
	EXPLAIN_BATCH, /* JSON; one object for each explain_line(), found or not */
};

struct explain *explain_new(const struct rulebook *book, int64_t now_us);
void explain_free(struct explain *ex);
/* relay: who said it, unless the text tells; may be empty. rules: folder for the helper that
 * reads messages; NULL: the usual one. Both are looked at as long as ex lives. */
void explain_set(struct explain *ex, struct str relay, const char *rules,
    enum explain_output output);

/* One line: a code, a reply or a log line. */
void explain_line(struct explain *ex, struct str line);
/* A line, several, or a message; a negative errno with the reason: no memory, or the helper
 * that reads messages failed. */
int explain_text(struct explain *ex, struct str text, struct err *err);

size_t explain_found(const struct explain *ex); /* answers that say something */

#endif
