/*
 * shares - is a change real, or only chance?
 *
 * Purpose    Judges a share, or a count, against the one of an earlier span of time. A sign is
 *            given only if the interval of the difference at SHARES_CONFIDENCE excludes
 *            "none" and the change is large enough to matter to a person.
 * Inputs     Any: negative numbers count as 0, hits above the total as the total, a
 *            dispersion below 1 or not a number as 1.
 * Threads    Pure functions.
 *
 * Mail comes in bursts: a list that goes to a hundred closed mailboxes is one thing that
 * happened, not a hundred. `dispersion` (variance by that of independent trials) is
 * estimated from the days of the earlier span, as its usual unrest; counts are divided by
 * it. The later span's own days are not asked: trouble that lasts two days of seven would
 * hide itself.
 */
#ifndef REPORT_SHARES_H
#define REPORT_SHARES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SHARES_CONFIDENCE 0.99 /* two-sided */

struct share {
	int64_t hits, total;
};

struct share_interval {
	double lower, upper; /* of now - before */
};

/*
 * The interval of the difference of two shares: Newcombe's hybrid score method (Newcombe
 * 1998, Statistics in Medicine 17, 873-890, method 10), from the score intervals of both
 * (Wilson 1927). Nothing known of one of them: -1 to 1.
 */
struct share_interval share_difference(struct share now, struct share before,
    double dispersion);

/* 1: higher than before, -1: lower, 0: not to be told apart, or by less than `least`. */
int share_sign(struct share now, struct share before, double dispersion, double least);

/* The same of counts in spans of equal length, by the interval of their ratio's logarithm;
 * least: the smallest ratio that matters, as 1.25. Below SHARES_LEAST_COUNT both: 0. */
enum { SHARES_LEAST_COUNT = 50 };
int count_sign(int64_t now, int64_t before, double dispersion, double least);

/* Of the days of a span: at most `max`; 1 if fewer than three days had any. */
double share_dispersion(const struct share *days, size_t n, double max);
double count_dispersion(const int64_t *days, size_t n, double max);

/* hits / total, -1 if there is no total. */
double share_value(struct share share);

#endif
