/*
 * replay_compare - what two rule sets make of the same lines
 *
 * Purpose    Keeps the incidents of two replays and tells the difference: added, removed,
 *            changed. The same incident is the one of the same rule, group and opening;
 *            of the rest, those of the same trouble and group whose spans overlap are the
 *            same one, changed.
 * Ownership  The caller frees it with compare_free(); incidents are copied.
 * Limits     COMPARE_MAX incidents and COMPARE_BYTES a side; more are counted, not compared.
 *            Advice, links and sample lines are not kept: the difference is told without.
 */
#ifndef CLI_REPLAY_COMPARE_H
#define CLI_REPLAY_COMPARE_H

#include <stdio.h>

#include "rules/incident.h"

enum { COMPARE_MAX = 50000, COMPARE_BYTES = 64 << 20 };

enum compare_side {
	COMPARE_BEFORE,
	COMPARE_AFTER,
};

struct compare;

struct compare_totals {
	size_t incidents[2]; /* by side, all of them */
	size_t left_out[2];  /* of these: not compared, for want of room */
	size_t added, removed, changed, same;
};

struct compare *compare_new(void); /* NULL without memory */
void compare_free(struct compare *compare);

/* -ENOMEM: it was not taken. */
int compare_add(struct compare *compare, enum compare_side side,
    const struct incident *incident);

/* Finds the pairs; once, when both sides are complete. */
void compare_match(struct compare *compare, struct compare_totals *totals_out);

/* Each difference, in the order of opening; after compare_match(). */
void compare_print(const struct compare *compare, FILE *to);
/* One object a line: {"type":"difference","change":"added|removed|changed","before":{},
 * "after":{}}, with the one that is there. */
void compare_print_json(const struct compare *compare, FILE *to);

#endif
