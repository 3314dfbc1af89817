/*
 * figures_json - figures and time lines as JSON
 *
 * Purpose    One shape for all who hand figures to programs; names as in figures.h, counts of
 *            outcomes and sessions as objects, times to deliver in seconds.
 * Ownership  Adds to the caller's buffer.
 */
#ifndef STORE_FIGURES_JSON_H
#define STORE_FIGURES_JSON_H

#include "core/json.h"
#include "store/figures.h"

void figures_json(const struct figures *figures, struct buf *out);
/* {"from", "until", "step", "time": [...], "lines": [{"name", "values": [...]}]}, seconds
 * since 1970; null: no value. */
void figure_lines_json(const struct figure_lines *lines, enum figure_line line,
    struct buf *out);

#endif
