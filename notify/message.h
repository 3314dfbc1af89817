/*
 * message - what is told, in a person's words
 *
 * Purpose    One message tells of one or of many incidents: subject, plain text, an HTML
 *            part that says the same, and the incidents themselves for channels that want
 *            fields. What happened, since when, how often, who is affected, what it means
 *            and what to do next, evidence lines, how to acknowledge, where to read on.
 * Ownership  A message owns copies of all it holds: it may be handed to another thread.
 *            The caller frees it with message_free().
 * Limits     Log text comes from strangers: control characters, bidi overrides and bytes
 *            that are not UTF-8 are shown by number (core/plain.h); in HTML all is escaped.
 *            Of many incidents MESSAGE_TOLD_WHOLE are told in full, the graver first, each
 *            of the rest in a line, up to MESSAGE_TOLD_LINES; what is left is counted.
 *            Running text is folded at MESSAGE_COLUMNS.
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
	MESSAGE_TOLD_WHOLE = 5,
	MESSAGE_TOLD_LINES = 100,
};

struct message_context {
	struct str host; /* this monitor's host name */
	int64_t now_us;
	int offset_min; /* for times in the text */
	struct str version;
	struct str dashboard; /* links begin with it; empty: none */
};

/* One incident and what is new about it. */
struct told {
	struct incident incident; /* as of now */
	enum notice notice;       /* the newest of those that are told here */
	bool was_opened;          /* its opening is told here, too */
};

struct message {
	char *id; /* left side of Message-ID, idempotency key: the same in each try */
	char *host, *version, *dashboard;
	int64_t at_us;
	int offset_min;
	bool is_test;
	struct told *items; /* none for a test */
	size_t nitems;
	enum severity severity; /* the gravest that is not over; of a test: unknown */
	char *subject, *text, *html;
	void *kept; /* what owns the incidents' text */
};

/* items are copied. nitems 0: a test. NULL without memory. */
struct message *message_new(struct str id, const struct told *items, size_t nitems,
    const struct message_context *context);
void message_free(struct message *message); /* NULL is fine */

/* "opened", "escalated", "resolved", "reminder" as a person's word: "[critical]",
 * "[resolved]"; static text. */
const char *told_word(const struct told *told);
/* An incident's text made safe (core/plain.h) and cut, for channels that build their own. */
void message_plain(struct buf *out, struct str text, size_t max_bytes);
/* One line for each item: "[critical] mx1: ...", safe for a person to read. */
void message_line(const struct told *told, struct buf *out);
/* {"type":"message","id":...,"host":...,"subject":...,"severity":...,"text":...,
 * "incidents":[incident_json() with "notice"]}. */
void message_json(const struct message *message, struct buf *out);

/* Subject and plain text of one incident, NULL for NOTICE_TEST; body lines ended by \n. */
void message_render(const struct incident *incident, enum notice notice,
    const struct message_context *context, struct buf *subject, struct buf *body);

#endif
