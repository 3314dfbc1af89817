/*
 * explain - text in, answers out
 *
 * Purpose    Finds out what a text is (code, reply, log line, bounce message), asks the
 *            catalogue, and prints the answers to standard output.
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
/* relay: who said it, unless the text tells; may be empty. */
void explain_set(struct explain *ex, struct str relay, enum explain_output output);

/* One line: a code, a reply or a log line. */
void explain_line(struct explain *ex, struct str line);
/* A line, several, or a message; -ENOMEM. */
int explain_text(struct explain *ex, struct str text);

size_t explain_found(const struct explain *ex); /* answers that say something */

#endif
