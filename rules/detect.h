/*
 * detect - what the counting detectors make of a series
 *
 * Purpose    count, ratio, trend, surge judge at an event; silence at a time that it names.
 *            All look at the series alone, so a restart changes nothing.
 * Time       Event time, microseconds.
 */
#ifndef RULES_DETECT_H
#define RULES_DETECT_H

#include "rules/series.h"

/* Figures behind a verdict, for the words {hits} {total} {share} {usual} {span}. */
struct figures {
	int64_t hits, total;
	double share;    /* of the window, 0 to 1 */
	double usual;    /* trend: the share before; surge: the highest count before */
	int64_t span_us; /* of the window; silence: how long nothing came */
	bool is_share;
};

/*
 * Takes the event into the series and judges. hit: it matches the rule's `when`, else only
 * `among`. value: hash of what `distinct` names, 0 without. True: the detector finds what
 * it looks for; *figures is set then.
 */
bool detect_event(struct series_table *table, struct series *s, bool hit, int64_t weight,
    uint64_t value, int64_t now_us, struct figures *figures);

/*
 * Silence: from when on it is too unlikely that nothing came since from_us, a hit, given the
 * rate at the same hours of past weeks; INT64_MAX: never, or not enough history. Set in
 * s->due_us, with from_us in s->due_from_us.
 */
void detect_silence_due(struct series *s, int64_t from_us);

/* Is the history long enough to judge? */
bool detect_has_learnt(const struct series *s, int64_t now_us);

#endif
