/*
 * report_source - which lines of mailwarden-ingest are believed
 *
 * Purpose    Any user of a host can write a line under any name into syslog and the journal
 *            (logger -t mailwarden-ingest ...). reports.log, which is written by
 *            mailwarden-ingest alone, is the only place where reports are believed; elsewhere
 *            they count as lines of no interest.
 */
#ifndef CLI_REPORT_SOURCE_H
#define CLI_REPORT_SOURCE_H

#include "core/event.h"

/* source: a path, also as source_name() tells it. Rotated files count, and copies that keep
 * the name: reports.log, reports.log.1, reports.log.2.gz. */
bool report_source_is(struct str source);

/* Is it of a report, where there can be none? */
bool report_source_is_forged(const struct event *ev, struct str source);

#endif
