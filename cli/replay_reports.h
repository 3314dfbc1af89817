/*
 * replay_reports - reports.log beside the logs of mail servers, in the order of time
 *
 * Purpose    A bounce message and the delivery that it is about stand in two files. Live the
 *            bounce comes after the log's line (see REPORTS_WAIT_US); in a replay it must,
 *            too, whatever the order in which the files are named.
 * Ownership  The rules are the caller's. An event handed out lives until the next call.
 * Limits     One batch of lines at a time (READER_BATCH_BYTES).
 */
#ifndef CLI_REPLAY_REPORTS_H
#define CLI_REPLAY_REPORTS_H

#include "cli/input.h"
#include "cli/kept.h"

/*
 * So long a line of reports.log waits for lines of other logs that were written before it:
 * servers log through syslog, which may take its time. Far longer than that takes, and short
 * enough for an alert.
 */
#define REPORTS_WAIT_US (2 * (int64_t)US_PER_S)

struct replay_reports;

/* paths: those logs (cli/report_source.h), the oldest first; they stay the caller's. */
int replay_reports_open(char *const *paths, size_t n, const struct rulebook *book,
    struct replay_reports **out, struct err *err);
void replay_reports_close(struct replay_reports *reports); /* NULL is fine */

/* The next event that is due when the other logs have come to at_us: 1, 0, or a negative
 * errno. INT64_MAX: whatever there is. */
int replay_reports_next(struct replay_reports *reports, int64_t at_us, struct kept **out,
    struct err *err);

/* Of what was read until now. */
const struct line_counts *replay_reports_counts(const struct replay_reports *reports);

#endif
