/*
 * explain_report - the story of one message: a bounce, a complaint, a DMARC or TLS report
 *
 * Purpose    Who refused whom, why, and what to do, from the events that mailwarden-ingest
 *            found in the message. Recipients that were told the same stand together.
 * Ownership  Everything stays the caller's.
 * Limits     EXPLAIN_NAMES recipients of a block, EXPLAIN_ROWS rows of a table are shown;
 *            the rest is counted. JSON has all of them.
 */
#ifndef CLI_EXPLAIN_REPORT_H
#define CLI_EXPLAIN_REPORT_H

#include "cli/explain.h"
#include "cli/kept.h"

enum { EXPLAIN_NAMES = 12, EXPLAIN_ROWS = 12 };

struct explain_report {
	const struct catalogue *catalogue;
	const struct kept_list *events;
	struct str date;  /* the message's own, as written; may be empty */
	struct str relay; /* who said it, where the message does not tell; may be empty */
	bool again;       /* it is not the first answer */
};

/* Of one message all events are of one kind; the first decides. */
void explain_report_text(const struct explain_report *report);
/* One object for each recipient (see explain_print_json), or for each event. */
void explain_report_json(const struct explain_report *report);

#endif
