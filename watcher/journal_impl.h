/*
 * journal_impl - what the journal source needs of the journal reader
 */
#ifndef WATCHER_JOURNAL_IMPL_H
#define WATCHER_JOURNAL_IMPL_H

#include <systemd/sd-journal.h>

#include "watcher/journal.h"

enum { JOURNAL_SCAN_ENTRIES = 16384 }; /* looked at in one journal_reader_fill() */

enum journal_notice {
	JOURNAL_SUPPRESSED, /* journald says that it dropped messages */
	JOURNAL_DAMAGED,    /* an entry cannot be read */
};

/* Whom to tell; without it notices are dropped and damage ends the reading. */
void journal_reader_on_notice(struct journal_reader *reader,
    void (*fn)(void *ctx, enum journal_notice notice, struct str text), void *ctx);

/* Entries looked at, of which some may have become lines (at most
 * SOURCE_BATCH_LINES); 0: at the end; negative errno, then the place is lost. */
int journal_reader_fill(struct journal_reader *reader, struct line_batch *batch,
    struct err *err);

/* Of the last entry that was looked at, "" for none; until the next fill. */
const char *journal_reader_cursor(const struct journal_reader *reader);

sd_journal *journal_reader_handle(struct journal_reader *reader);

#endif
