/*
 * days - a time line's hours as days of the process's zone
 *
 * Purpose    The store's days are those of UTC; people mean their own. Steps that are longer
 *            than an hour stay as they are.
 * Ownership  The caller's struct; days_done() frees.
 */
#ifndef REPORT_DAYS_H
#define REPORT_DAYS_H

#include "store/figures.h"

struct days {
	size_t n, nlines;
	int64_t *at_us;  /* of each a moment in its first step */
	int64_t *values; /* [line * n + day] */
};

/* False without memory; then it is empty. */
bool days_of(const struct figure_lines *lines, struct days *out);
void days_done(struct days *days);
/* The line of that name, NULL if there is none. */
const int64_t *days_line(const struct days *days, const struct figure_lines *lines,
    struct str name);

#endif
