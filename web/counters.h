/*
 * counters - sums from the store as counters that never go back
 *
 * Purpose    A scraper takes a counter that became smaller for one that began anew, and counts
 *            all of it again. The store's sums do become smaller: a bounce message tells that
 *            what was delivered was not, a provider falls behind the largest. Here each
 *            series counts what was added since the server started, and waits where its sum
 *            went back. What stood there at the first look is no part of it.
 * Ownership  The caller frees.
 * Limits     COUNTERS series; more are not shown, which counters_lost() says.
 */
#ifndef WEB_COUNTERS_H
#define WEB_COUNTERS_H

#include "core/str.h"

enum { COUNTERS = 4096 };

struct counters;

struct counters *counters_new(void); /* NULL without memory */
void counters_free(struct counters *counters);
/* A look at all sums begins; another store: they begin at 0 there. */
void counters_begin(struct counters *counters, uint64_t identity);
/* The series by its name and labels, and its sum now: what it counts. */
int64_t counters_value(struct counters *counters, struct str series, int64_t sum);
bool counters_lost(const struct counters *counters);

#endif
