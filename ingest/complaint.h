/*
 * complaint - abuse reports (ARF, RFC 5965; RFC 6650, 6590)
 *
 * Purpose    One event of kind complaint: feedback_type, reporter, source_ip, sender
 *            (Original-Mail-From), recipient (Original-Rcpt-To, often redacted), domain
 *            (Reported-Domain), message_id, queue_id of the reported message, repeated
 *            (Incidents).
 */
#ifndef INGEST_COMPLAINT_H
#define INGEST_COMPLAINT_H

#include "ingest/dsn.h"

/* fields: body of message/feedback-report. from: the report's own From. 1, 0 or -errno. */
int complaint_read(struct str fields, struct str from, const struct dsn_parts *parts,
    const struct report_host *host, const struct report_sink *sink, struct err *err);

#endif
