/*
 * telling - a digest in words, in order
 *
 * Purpose    Writes a digest onto a sheet (report/sheet.h): the sentence, gaps, what to do,
 *            what is over, and then the numbers. A quiet week is short: no tables, one line
 *            for a section, none for what there was none of.
 * Ownership  Writes into the caller's buffers; out->failed tells that memory ran out.
 */
#ifndef REPORT_TELLING_H
#define REPORT_TELLING_H

#include "report/digest.h"
#include "report/plot.h"
#include "report/sheet.h"

/* Where each plot is; empty: its words stand in its place. */
struct telling_plots {
	struct str urls[PLOT_COUNT];
};

void telling_write(const struct digest *digest, const struct sheet_type *type,
    const struct telling_plots *plots, struct buf *out);
/* "[digest] mx1.example.org, week 10: Mail is healthy" */
void telling_subject(const struct digest *digest, struct buf *out);
/* The sentence and a few counts, for channels that are no mail. */
void telling_brief(const struct digest *digest, struct buf *out);

#endif
