/*
 * plot - pictures of a digest, and what each of them says
 *
 * Purpose    Three plots, each only where it tells something: mail by outcome and day, what
 *            became of it by provider, times to deliver. PNG, drawn at twice the size that
 *            it is shown at. They have a light background of their own, so that they are
 *            read in a dark mail program, and colours that the colour-blind tell apart
 *            (Okabe and Ito 2008), which differ in lightness, too.
 * Ownership  Writes into the caller's buffers.
 * Errors     -ENOMEM, -EIO with a reason.
 */
#ifndef REPORT_PLOT_H
#define REPORT_PLOT_H

#include "core/err.h"
#include "report/digest.h"

enum plot_kind { PLOT_VOLUME, PLOT_PROVIDERS, PLOT_DELAYS, PLOT_COUNT };

enum { PLOT_WIDTH = 560, PLOT_SCALE = 2, PLOT_ROWS = 8 };

const char *plot_name(enum plot_kind kind); /* "volume", "providers", "delays" */
int plot_height(const struct digest *digest, enum plot_kind kind);
/* What it shows, in a sentence or two, safe to look at; nothing: it would tell nothing. */
void plot_words(const struct digest *digest, enum plot_kind kind, struct buf *out);
/* The PNG. */
int plot_draw(const struct digest *digest, enum plot_kind kind, struct buf *out,
    struct err *err);

/* Frees what the library keeps between plots; no other thread draws. */
void plot_end(void);

#endif
