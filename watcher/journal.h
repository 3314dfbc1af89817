/*
 * journal - entries of a journal as lines
 *
 * Purpose    One pass over a journal directory or file (parse --journal), and
 *            the reading that the journal source is built on.
 * Ownership  As reader.h: the caller owns reader and batch.
 * Source     Fields as sd-journal(3), systemd.journal-fields(7). One
 *            sd_journal_enumerate_data pass an entry (cheaper than a
 *            sd_journal_get_data for each field).
 */
#ifndef WATCHER_JOURNAL_H
#define WATCHER_JOURNAL_H

#include "watcher/reader.h"

struct journal_reader;

/* dir NULL: this machine's. A path may be a directory or one .journal file. */
int journal_reader_open(const char *path, const char *const *identifiers,
    struct journal_reader **reader_out, struct err *err);
/* 1: lines; 0: end; negative errno. Lines have has_fields set. */
int journal_reader_next(struct journal_reader *reader, struct line_batch *batch,
    struct err *err);
void journal_reader_close(struct journal_reader *reader);

#endif
