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
 *            In text a paragraph is one line, not folded: who shows it knows how wide.
 */
#ifndef NOTIFY_MESSAGE_H
#define NOTIFY_MESSAGE_H

#include "rules/incident.h"

enum {
	MESSAGE_SUBJECT_BYTES = 200,
	MESSAGE_SUMMARY_BYTES = 1000,
	MESSAGE_ADVICE_BYTES = 8000,
	MESSAGE_EVIDENCE_BYTES = 900,
	MESSAGE_EVIDENCE_LINES = 12,
	MESSAGE_AFFECTED = 10,
	MESSAGE_TOLD_WHOLE = 5,
	MESSAGE_TOLD_LINES = 100,
	MESSAGE_GROUP_BYTES = 4000,
	MESSAGE_JSON_BYTES = 1000000, /* incidents behind it are left out */
	MESSAGE_HTML_BYTES = 100000,  /* large providers cut what is longer */
};

struct message_context {
	struct str host; /* this monitor's host name */
	int64_t now_us;
	int offset_min; /* for times in the text */
	struct str version;
	struct str dashboard; /* links begin with it; empty: none */
};

/* A digest as it lies in the store (store/digest.h): views. */
struct message_image {
	struct str id; /* Content-ID, without <> */
	struct str png;
};
struct message_digest {
	struct str subject, brief; /* plain text for any channel */
	struct str text, html;     /* of the mail; html names the images by `cid:` */
	struct message_image *images;
	size_t nimages;
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
	struct message_digest *digest; /* NULL: it is none; then there are no items */
	/* None for a test. The graver first, what is over last. Without what the detectors
	 * alone need: seen, senders_seen, recipients_seen. */
	struct told *items;
	size_t nitems;
	/* The gravest that is not over; all over: info; of a test: unknown. */
	enum severity severity;
	char *subject, *text, *html;
	void *kept; /* what owns the incidents' text */
};

/* items are copied. nitems 0: a test. NULL without memory. */
struct message *message_new(struct str id, const struct told *items, size_t nitems,
    const struct message_context *context);
/* A digest: subject and brief are its subject and text. All is copied. */
struct message *message_new_digest(struct str id, const struct message_digest *digest,
    const struct message_context *context);
void message_free(struct message *message); /* NULL is fine */

/* Over: by what is told of it, or by what came after that. */
bool told_is_over(const struct told *told);
/* "[critical]", "[warning]", "[still critical]" (a reminder), "[resolved]", "[alert]" (of
 * which the severity is not known); static text. */
const char *told_word(const struct told *told);
/* An incident's text made safe (core/plain.h) and cut, for channels that build their own. */
void message_plain(struct buf *out, struct str text, size_t max_bytes);
/* One line for each item: "[critical] mx1: ...", safe for a person to read. */
void message_line(const struct told *told, struct buf *out);
/* {"type":"message","id":...,"host":...,"subject":...,"severity":...,"text":...,
 * "digest":true of a digest, "incidents":[incident_json() with "notice"]}; with "incidents_left_out" where not all of
 * them are in it. */
void message_json(const struct message *message, struct buf *out);

#endif
