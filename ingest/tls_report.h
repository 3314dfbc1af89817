/*
 * tls_report - what senders met at our MX (TLS-RPT, RFC 8460, section 4)
 *
 * Purpose    Events of kind tls_report: for each policy one with the sessions that worked
 *            (outcome delivered, repeated), and one for each failure detail (failure_type,
 *            relay_name the receiving MX, source_ip the sender's, text the reason code,
 *            repeated the failed sessions). reporter (organization-name), domain,
 *            policy_type.
 *            Failed sessions that no detail tells of: failure_type `unspecified`.
 * Limits     16 MiB, 200,000 values. Wrong types are passed over; of a member that is there
 *            twice the last counts.
 * Errors     -EBADMSG with the offset, -E2BIG; nothing was handed over then.
 */
#ifndef INGEST_TLS_REPORT_H
#define INGEST_TLS_REPORT_H

#include "ingest/report.h"

/* json: unpacked. How many events, or -errno. */
int tls_report_read(struct str json, const struct report_host *host,
    const struct report_sink *sink, size_t *left_out, struct err *err);

#endif
