/*
 * explain_tables - complaints, DMARC and TLS reports for people
 *
 * Purpose    The parts of explain_report_text() that count rows.
 */
#ifndef CLI_EXPLAIN_TABLES_H
#define CLI_EXPLAIN_TABLES_H

#include "cli/explain_report.h"

void explain_complaint(const struct explain_report *report);
void explain_dmarc(const struct explain_report *report);
void explain_tls(const struct explain_report *report);

/* "WHAT from REPORTER about DOMAIN, DATE", folded. */
void explain_title(const struct explain_report *report, const char *what);

#endif
