/*
 * When silence becomes unlikely, for rules/detect.h.
 *
 * What is counted is minutes that had an event, so at most 60 an hour.
 *
 * The rate of an hour is that of the same hour of the week in up to four past weeks, with
 * its neighbours (1:2:1); an hour far above its fellows (a newsletter) counts as three
 * times their median. Counts are negative binomial with one dispersion for the series:
 * adding up hours keeps that form, so P(nothing) has a closed form (stats_silence_log_p()).
 * k weeks tell the rate with an uncertainty of their own: the predictive dispersion is
 * (1 + 1/k) times larger.
 *
 * A holiday has the mail of a Sunday: the level of the day is not known, but the last hours
 * tell of it. Taken as gamma distributed around 1 (shape level_shape, the spread of daily
 * totals), after O events where E were expected P(nothing where e is expected) is
 * ((k + E) / (k + E + e)) ^ (k + O) (gamma-Poisson; Gelman et al. 2013, Bayesian Data
 * Analysis, 2.6); O, E and e in units of the dispersion.
 * What they tell fades, by half in LEVEL_HALF_H and no further than after LEVEL_FADES_H: the
 * morning after may be another kind of day. But no day is taken for emptier than level_least
 * of the usual, so that a true silence is told within some hours even then.
 *
 * Silence is told when P(nothing) falls below (1 - confidence) / (events to come in a day):
 * every event begins a gap, and of all gaps of a day none should be so long by chance.
 */
#include <math.h>
#include <stdlib.h>

#include "core/clock.h"
#include "rules/detect.h"
#include "rules/stats.h"

#define HOUR_US (3600 * (int64_t)US_PER_S)
#define SHORTEST_US \
	(30 * 60 * (int64_t)US_PER_S) /* an upgrade with a reboot is no silence */

enum {
	WEEK = SERIES_WEEK,
	WEEKS = 4,
	LOOK_AHEAD = 14 * 24,
	LEVEL_EVENTS = 40,
	LEVEL_HALF_H = 8,
	LEVEL_PAST_HALF_H = 12,
	LEVEL_FADES_H = 12
};

static const double level_shape = 2;
static const double level_least = 0.4; /* of the usual */

static double
hits_at(const struct series *s, int64_t hour, int64_t before)
{
	const struct series_record *r = hour < before ? series_at(s, hour) : NULL;

	return r == NULL ? 0 : (double)r->hits;
}

static void
sort_few(double *v, size_t n)
{
	for (size_t i = 1; i < n; i++)
		for (size_t k = i; k > 0 && v[k] < v[k - 1]; k--) {
			double x = v[k];

			v[k] = v[k - 1];
			v[k - 1] = x;
		}
}

/* Caps what stands out; n values in any order become sorted. */
static void
cap_outliers(double *v, size_t n)
{
	sort_few(v, n);
	double most = 3 * v[(n - 1) / 2] + 3;

	for (size_t i = 0; i < n; i++)
		if (v[i] > most)
			v[i] = most;
}

static double
mean_of(const double *v, size_t n)
{
	double sum = 0;

	for (size_t i = 0; i < n; i++)
		sum += v[i];
	return n > 0 ? sum / (double)n : 0;
}

/* Expected hits in that hour, from hours before `before`. *weeks: from how many weeks. */
static double
work_out_rate(const struct series *s, int64_t hour, int64_t before, size_t *weeks)
{
	int64_t first = s->first_us / HOUR_US;
	double v[WEEKS];
	size_t n = 0;

	while (hour + 1 >= before)
		hour -= WEEK;
	for (; n < WEEKS && hour > first; hour -= WEEK)
		v[n++] = (hits_at(s, hour - 1, before) + 2 * hits_at(s, hour, before) +
			     hits_at(s, hour + 1, before)) /
			 4;
	*weeks = n;
	if (n == 0)
		return 0;
	cap_outliers(v, n);
	return mean_of(v, n);
}

/* The same, kept: hours a week apart have the same rate, and it is asked for minute by
 * minute. */
static double
rate_at(struct series *s, int64_t hour, int64_t before, size_t *weeks)
{
	if (s->rates == NULL && (s->rates = calloc(1, sizeof *s->rates)) == NULL)
		return work_out_rate(s, hour, before, weeks);
	struct series_rate *kept = &s->rates->of_hour[hour % WEEK];

	if (kept->before != before) {
		kept->rate = work_out_rate(s, hour, before, &kept->weeks);
		kept->before = before;
	}
	*weeks = kept->weeks;
	return kept->rate;
}

/* Of the hourly counts around their hour of the week, over the weeks before that day. */
static double
dispersion_of(const struct series *s, int64_t before)
{
	int64_t first = s->first_us / HOUR_US;
	double chi2 = 0;
	int64_t n = 0, fitted = 0;

	for (int64_t cell = before - WEEK; cell < before; cell++) {
		double v[WEEKS];
		size_t k = 0;

		for (int64_t hour = cell; k < WEEKS && hour > first; hour -= WEEK)
			v[k++] = hits_at(s, hour, before);
		if (k < 2)
			continue;
		cap_outliers(v, k);
		double mean = mean_of(v, k);

		if (mean <= 0)
			continue;
		for (size_t i = 0; i < k; i++)
			chi2 += (v[i] - mean) * (v[i] - mean) / mean;
		n += (int64_t)k;
		fitted++;
	}
	/* Without a second week to compare with: a cautious guess. */
	return n == 0 ? 4 : stats_dispersion_counts(chi2, n, fitted, 20);
}

/* What came and what was to come in the last hours, as many as had LEVEL_EVENTS to come; the
 * longer ago, the less it counts. */
static void
find_level(struct series *s, int64_t now)
{
	size_t weeks;

	s->seen = s->expected = 0;
	for (int64_t hour = now - 1; hour >= now - 24 && s->expected < LEVEL_EVENTS;
	     hour--) {
		double weight = exp2(-(double)(now - 1 - hour) / LEVEL_PAST_HALF_H);

		s->seen += weight * hits_at(s, hour, now);
		s->expected += weight * work_out_rate(s, hour, now - 24, &weeks);
	}
}

/* Events to come within a day: so many gaps begin. */
static double
hits_a_day(struct series *s, int64_t now)
{
	double hits = 0;
	size_t weeks;

	for (int64_t hour = now; hour < now + 24; hour++)
		hits += rate_at(s, hour, now, &weeks);
	return hits > 1 ? hits : 1;
}

/* What is worked out anew once an hour, from full hours only. */
static void
prepare(struct series *s, int64_t now)
{
	int64_t day = now / 24;

	if (s->dispersion_day != day) {
		s->dispersion = dispersion_of(s, day * 24);
		s->dispersion_day = day;
	}
	if (s->level_hour != now) {
		find_level(s, now);
		s->a_day = hits_a_day(s, now);
		s->level_hour = now;
	}
}

/* One event more or less is worth this much of Poisson's: -ln P(nothing) for one expected. */
static double
worth(const struct series *s, size_t weeks)
{
	double phi = s->dispersion * (weeks == 0 ? 2 : 1 + 1.0 / (double)weeks);

	return -stats_silence_log_p(1, phi);
}

/* So many (in units of `worth`) must be missed `hours` later: P falls to exp(-wanted). */
static double
missed_for(const struct series *s, double wanted, double unit, int64_t hours)
{
	double known =
	    unit *
	    exp2(-(double)(hours < LEVEL_FADES_H ? hours : LEVEL_FADES_H) / LEVEL_HALF_H);
	double k = level_shape, expected = k + s->expected * known;
	double seen = s->seen < s->expected ? s->seen : s->expected;
	double missed = expected * (exp(wanted / (k + seen * known)) - 1);

	return missed < wanted / level_least ? missed : wanted / level_least;
}

void
detect_silence_due(struct series *s, int64_t from_us)
{
	int64_t now = from_us / HOUR_US;
	size_t weeks = 0;
	double missed = 0;

	s->due_us = INT64_MAX;
	s->due_from_us = from_us;
	if (!detect_has_learnt(s, from_us))
		return;
	prepare(s, now);
	(void)rate_at(s, now, now, &weeks);
	double unit = worth(s, weeks);
	double sure = log(s->a_day / (1 - s->rule->counting.confidence));

	for (int64_t hour = now; hour < now + LOOK_AHEAD; hour++) {
		int64_t from = hour == now ? from_us : hour * HOUR_US;
		double left = (double)((hour + 1) * HOUR_US - from) / (double)HOUR_US;
		double more = unit * left * rate_at(s, hour, now, &weeks);
		double wanted = missed_for(s, sure, unit, hour - now);

		if (missed + more >= wanted) {
			double part = missed >= wanted ? 0 : (wanted - missed) / more;
			int64_t at = from + (int64_t)(part * left * (double)HOUR_US);

			s->due_us = at > from_us + SHORTEST_US ? at : from_us + SHORTEST_US;
			return;
		}
		missed += more;
	}
}
