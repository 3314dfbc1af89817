/*
 * journal - entries of a journal as lines
 *
 * Purpose    One pass over a journal directory or file (parse --journal), and
 *            the reading that the journal source is built on.
 * Ownership  As reader.h: the caller owns reader and batch.
 * Source     Fields as sd-journal(3), systemd.journal-fields(7). One
 *            sd_journal_enumerate_data pass an entry (cheaper than a
 *            sd_journal_get_data for each field).
 *
 * A line's time is _SOURCE_REALTIME_TIMESTAMP (when it was logged), else the time
 * of the entry; ident is SYSLOG_IDENTIFIER, else _COMM; pid is SYSLOG_PID, else
 * _PID, which for dovecot is that of its log process. A MESSAGE may hold newlines.
 * Only the last line of a batch has its cursor.
 */
#ifndef WATCHER_JOURNAL_H
#define WATCHER_JOURNAL_H

#include "watcher/reader.h"

struct journal_reader;

/* path NULL: this machine's. A path may be a directory or one .journal file.
 * identifiers as for source_open_journal(): NULL-terminated, NULL: all; they must
 * outlive the reader. */
int journal_reader_open(const char *path, const char *const *identifiers,
    struct journal_reader **reader_out, struct err *err);
/* 1: lines; 0: end; negative errno. Lines have has_fields set. */
int journal_reader_next(struct journal_reader *reader, struct line_batch *batch,
    struct err *err);
void journal_reader_close(struct journal_reader *reader);

#endif
