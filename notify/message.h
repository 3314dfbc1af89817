/*
 * message - an incident in a person's words
 *
 * Purpose    Subject and plain text of a notice: what happened, since when, who is
 *            affected, evidence lines, what it means, what to do next.
 * Ownership  Writes into the caller's buffers; no text is kept.
 * Limits     Log text comes from strangers: control characters are shown as
 *            \xNN, lines are folded at 78 columns where that is safe, evidence
 *            lines are cut at MESSAGE_EVIDENCE_BYTES.
 */
#ifndef NOTIFY_MESSAGE_H
#define NOTIFY_MESSAGE_H

#include "rules/incident.h"

enum { MESSAGE_EVIDENCE_BYTES = 900 };

struct message_context {
	struct str host;    /* this monitor's host name */
	int64_t now_us;
	int offset_min;	    /* for times in the text */
	struct str version;
};

/* Subject and body in UTF-8, body lines ended by \n. incident NULL with NOTICE_TEST. */
void message_render(const struct incident *incident, enum notice notice,
    const struct message_context *context, struct buf *subject, struct buf *body);

#endif
