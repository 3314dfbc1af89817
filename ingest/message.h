/*
 * message - one mail in, its events out
 *
 * Purpose    Takes a message apart (MIME by GMime) and gives its parts to who can read them:
 *            ingest/dsn.h, parsers/bounce_rules.h, ingest/complaint.h, ingest/dmarc.h,
 *            ingest/tls_report.h.
 * Ownership  The message is the caller's. Nothing is kept between messages.
 * Errors     -ENOMSG: none of these reports (err says what it seems to be); -E2BIG: over a
 *            limit; -EBADMSG: a report that cannot be read (err says why); -ENOMEM.
 */
#ifndef INGEST_MESSAGE_H
#define INGEST_MESSAGE_H

#include "ingest/report.h"
#include "parsers/bounce_rules.h"

/* What the message is, for `ingest` and `explain`. Texts live until the next message. */
struct report_summary {
	enum report_kind {
		REPORT_NONE,
		REPORT_BOUNCE, /* delivery status notification, also one for people alone */
		REPORT_COMPLAINT,
		REPORT_DMARC,
		REPORT_TLS,
	} kind;
	size_t events, left_out;
	int64_t dated_us; /* its own Date; 0: none */
};

/* Once in a process, before the first message. */
void report_message_init(void);

/*
 * rules: for bounces that only people can read; NULL: none. Events carry `report_id`: 16 hex
 * digits of SHA-256 over the Message-ID and what the report says, '-', the event's number from 1:
 * the same message, delivered twice, has the same ids.
 */
int report_message_read(struct str message, const struct report_host *host,
    struct bounce_rules *rules, const struct report_sink *sink, struct report_summary *out,
    struct err *err);

#endif
