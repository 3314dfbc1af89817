/*
 * message - an incident in a person's words
 *
 * Purpose    Subject and plain text of a notice: what happened, since when, how often,
 *            who is affected, what it means and what to do next, evidence lines, and
 *            where to read on. Short lines with a label, so that a phone may fold them.
 * Ownership  Writes into the caller's buffers; no text is kept.
 * Limits     Log text comes from strangers: control characters, bidi overrides and
 *            bytes that are not UTF-8 are shown by number (core/plain.h). Running text
 *            is folded at MESSAGE_COLUMNS; evidence lines and addresses of pages are
 *            not, the former are cut at MESSAGE_EVIDENCE_BYTES. The newest
 *            MESSAGE_AFFECTED names and the first and last MESSAGE_EVIDENCE_LINES / 2
 *            lines of evidence are shown, the rest is counted.
 */
#ifndef NOTIFY_MESSAGE_H
#define NOTIFY_MESSAGE_H

#include "rules/incident.h"

enum {
	MESSAGE_COLUMNS = 76, /* of 78: quoted-printable then needs no soft breaks */
	MESSAGE_SUBJECT_BYTES = 200,
	MESSAGE_SUMMARY_BYTES = 1000,
	MESSAGE_ADVICE_BYTES = 8000,
	MESSAGE_EVIDENCE_BYTES = 900,
	MESSAGE_EVIDENCE_LINES = 12,
	MESSAGE_AFFECTED = 10,
};

struct message_context {
	struct str host; /* this monitor's host name */
	int64_t now_us;
	int offset_min; /* for times in the text */
	struct str version;
};

/*
 * Subject and body in UTF-8, body lines ended by \n. incident is NULL for NOTICE_TEST.
 * A time of 0 in the incident is unknown and not told; an incident that has ended by
 * the time its opening is told says so.
 */
void message_render(const struct incident *incident, enum notice notice,
    const struct message_context *context, struct buf *subject, struct buf *body);

#endif
