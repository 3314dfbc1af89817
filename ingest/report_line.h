/*
 * report_line - an event as a line of the reports log, and back
 *
 * Purpose    reports.log in the state folder is a log like others: RFC 3339 stamp, host,
 *            `mailwarden-ingest[pid]:`, then a word for the kind and fields in the fixed
 *            order of EVENT_FIELDS, `key=value` joined by ", ":
 *              bounce: queue_id=4bXkWz3qLRz9tQf, recipient=<a@example.net>, ...
 *              complaint: ...   dmarc: ...   tls-report: ...
 *              unread: text="not a report", report_id=..., file="..."
 *            rules.d/parsers/reports.yaml reads them. Addresses and message ids stand in
 *            <>, words of people (`text`) in "", `reply` is the last and goes to the end
 *            of the line; all else holds neither blank nor comma nor quote. Fields without
 *            a value are not written, but for an empty address (<>) and text.
 * Limits     Addresses, text and reply are cut at REPORT_FIELD_BYTES, other values at
 *            REPORT_WORD_BYTES, so that the line stays below LINE_MAX_BYTES. What would
 *            end a value (controls, <, >, ", blanks, commas, by the kind of value) is
 *            written as '?' or as a blank.
 */
#ifndef INGEST_REPORT_LINE_H
#define INGEST_REPORT_LINE_H

#include "core/buf.h"
#include "core/event.h"

enum { REPORT_WORD_BYTES = 512 };

/* Adds the line, with its newline. */
void report_line_add(struct buf *out, int64_t now_us, struct str host, int pid,
    const struct event *ev);
/* The message was kept in `file` ("" if it was not), as it could not be read, or is none of
 * these reports. */
void report_line_add_unread(struct buf *out, int64_t now_us, struct str host, int pid,
    struct str report_id, struct str why, struct str file);

#endif
