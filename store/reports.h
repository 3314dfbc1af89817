/*
 * reports - what bounce messages, complaints, DMARC and TLS reports leave in the store
 *
 * Purpose    A report counts once: its ids are kept for 60 days. What reports say is counted
 *            by hour, domain and who wrote it, for `status` and the digest, kept as long as
 *            rollups are. Rows of their own (table `event`) get: each bounce; complaints;
 *            DMARC rows of an IP of ours that fail in any way, and of others that fail
 *            both ways; TLS failures. What passes is only counted: a report may have a
 *            row for each host that forwards.
 *            A bounce that tells more of a logged attempt (rules/bounce_join.h, `known:
 *            attempt`) corrects that row and moves its count to the other category.
 * Limits     REPORT_DAY_ROWS rows of DMARC and TLS reports a day, REPORT_HOUR_COUNTS
 *            different counts an hour; what is over is counted without its names. Attempts
 *            are looked for REPORT_BACK_DAYS back.
 */
#ifndef STORE_REPORTS_H
#define STORE_REPORTS_H

#include "store/store.h"

enum {
	REPORT_DAY_ROWS = 2000,
	REPORT_HOUR_COUNTS = 200,
	REPORT_BACK_DAYS = 7,
	REPORT_NAME_BYTES = 128, /* of a name in a count */
};

/* Was it told before? 1, 0 or a negative errno. */
int store_has_report(struct store *store, struct str report_id, struct err *err);

/* What came since: sums of `repeated`, but for bounces and what is kept unread. */
struct report_totals {
	int64_t bounces,
	    receipts;        /* about mail that failed or waits; about mail that arrived */
	int64_t backscatter; /* of bounces: about mail that nobody here knows */
	int64_t complaints;
	int64_t dmarc, dmarc_own_failed, dmarc_others_failed; /* messages */
	int64_t tls, tls_failed;                              /* sessions */
	int64_t unread;
};
int store_get_reports(struct store *store, int64_t since_us, struct report_totals *out,
    struct err *err);

/* Bounce messages about that queue id, on any host, oldest first: events of kind dsn. Looks
 * at all notable events of the span. */
int store_each_bounce(struct store *store, struct str queue_id, int64_t since_us,
    int64_t until_us, store_event_fn *fn, void *ctx, struct err *err);

/* --- for store/figures.c: hours in seconds since 1970, until_hour is not in it --- */

int reports_sum(struct store *store, int64_t from_hour, int64_t until_hour,
    struct report_totals *out, struct err *err);

/* --- for store/intake.c --- */

/* Is it of a report, or of a message that was kept unread? */
bool reports_is_one(const struct event *ev);
/* Notes a report's id, if it has one, and counts it. */
int reports_note(struct store *store, const struct event *ev, struct err *err);
/* Has it a row of its own? */
bool reports_wants_row(struct store *store, const struct event *ev);

/* Numbers of the event's words, see store/word.h. */
struct report_words {
	uint32_t host, category, code_id;
};
/* The logged attempt that the bounce tells more of; counted: its rollup, too. */
int reports_correct(struct store *store, const struct event *ev,
    const struct report_words *words, bool counted, struct err *err);

#endif
