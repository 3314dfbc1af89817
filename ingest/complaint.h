/*
 * complaint - abuse reports (ARF, RFC 5965; RFC 6650, 6590)
 *
 * Purpose    One event of kind complaint: feedback_type, reporter, source_ip (and `ours`),
 *            sender (Original-Mail-From), recipient (Original-Rcpt-To, often redacted; else
 *            what the returned header tells), domain (Reported-Domain), message_id, queue_id
 *            of the reported message, repeated (Incidents).
 *            relay_name: the Reporting-MTA, or the domain of the report's From, by which the
 *            provider is found; reporter is the same, else the User-Agent.
 *            feedback_type is the report's word in lower case: abuse, fraud, virus, not-spam,
 *            opt-out, opt-out-list, other; without one `other`.
 *            auth-failure (RFC 6591) is no complaint of a person, but a receiver's note that
 *            one message failed SPF, DKIM or DMARC: dkim, spf, disposition (its
 *            Delivery-Result) and text tell of that. Who counts complaints leaves it out,
 *            and not-spam (RFC 6430), which takes a complaint back.
 */
#ifndef INGEST_COMPLAINT_H
#define INGEST_COMPLAINT_H

#include "ingest/dsn.h"

/*
 * fields: body of message/feedback-report; empty: the message has none, which is a complaint
 * only if it is one of Microsoft's older kind (the whole message as message/rfc822, the
 * recipient in X-HmXmrOriginalRecipient or the address in the subject). from: the report's
 * own From. 1, 0 (no complaint) or -errno.
 */
int complaint_read(struct str fields, struct str from, const struct dsn_parts *parts,
    const struct report_host *host, const struct report_sink *sink, struct err *err);

#endif
