/*
 * dmarc - aggregate reports (RFC 7489, appendix C)
 *
 * Purpose    One event of kind dmarc for each row: reporter (org_name), domain (of the
 *            policy), sender (header_from, as a domain), source_ip, ours (is source_ip one
 *            of the host's addresses; see source_ip_set), repeated (count), disposition,
 *            dkim and spf (the aligned results of policy_evaluated: pass, fail; without it
 *            worked out as well as that can be done without the list of public suffixes),
 *            text (the results behind them, the receiver's reasons, the day).
 * Limits     A document type declaration is refused, so there are no entities to expand;
 *            REPORT_DEPTH of elements, REPORT_FIELD_BYTES of a text.
 * Errors     -EBADMSG with line and column: nothing was handed over then. -E2BIG.
 */
#ifndef INGEST_DMARC_H
#define INGEST_DMARC_H

#include "ingest/report.h"

/* xml: unpacked. How many rows, or -errno. *left_out: rows over REPORT_EVENTS. */
int dmarc_read(struct str xml, const struct report_host *host,
    const struct report_sink *sink, size_t *left_out, struct err *err);

#endif
