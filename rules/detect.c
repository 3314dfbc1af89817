#include "rules/detect.h"

#include <stdlib.h>

#include "core/clock.h"
#include "rules/stats.h"

#define DAY_US (24 * 3600 * (int64_t)US_PER_S)
#define MINUTE_US (60 * (int64_t)US_PER_S)
#define MONTH_US (30 * DAY_US)

/* Real shares and counts vary more than chance alone, but not without end. */
static const double max_dispersion = 1000;

bool
detect_has_learnt(const struct series *s, int64_t now_us)
{
	return now_us - s->first_us >= s->rule->counting.learn_us;
}

/* The chance that one judgement may err, so that a month of windows errs with 1 - confidence. */
static double
error_allowed(const struct counting *c)
{
	return (1 - c->confidence) * (double)c->within_us / (double)MONTH_US;
}

/* Heavy tests are made once in a while: the window moves slowly. */
static bool
is_time(struct series *s, int64_t now_us)
{
	if (now_us < s->judge_us)
		return false;
	s->judge_us = now_us + s->rule->counting.within_us / 240;
	return true;
}

static bool
judge_count(const struct series *s, int64_t now_us)
{
	const struct counting *c = &s->rule->counting;

	if (s->nmarks < (size_t)c->at_least)
		return false;
	for (size_t i = 0; i < s->nmarks; i++)
		if (s->marks[i].at_us <= now_us - c->within_us)
			return false;
	return true;
}

/* Is the share surely above? Wilson's lower bound, see rules/stats.h. */
static bool
judge_ratio(const struct series *s, struct figures *f)
{
	const struct counting *c = &s->rule->counting;

	return f->total >= c->at_least && f->share > c->share &&
	       stats_wilson_lower(f->hits, f->total, c->confidence) > c->share;
}

/*
 * Is the share another one than the group's own? Beta-binomial predictive tail of the
 * window, given the days before (stats_share_tail()), both reduced by the overdispersion
 * of the days: with intraclass correlation r a sample of n counts as n / (1 + (n - 1) r)
 * (Williams 1982, Applied Statistics 31, 144-148).
 */
static bool
judge_trend(struct series *s, int64_t now_us, struct figures *f)
{
	const struct counting *c = &s->rule->counting;
	const struct series_base *b;

	if (f->total < c->at_least || !detect_has_learnt(s, now_us) || now_us < s->judge_us)
		return false;
	b = series_base_of(s, now_us);
	if (b->days < 2 || b->total < (double)c->at_least)
		return false;
	f->usual = b->hits / b->total;
	bool upper = f->share > f->usual;

	if ((c->change & (upper ? CHANGE_UP : CHANGE_DOWN)) == 0 ||
	    (upper ? f->share - f->usual : f->usual - f->share) < c->by ||
	    !is_time(s, now_us))
		return false;
	double a_day = b->total / (double)b->days;
	double dispersion = stats_dispersion_shares(b->share_squares, b->hits, b->total,
	    b->days, max_dispersion);
	double r = a_day > 1 ? (dispersion - 1) / (a_day - 1) : 0;
	double shrink = 1 + ((double)f->total - 1) * (r < 1 ? r : 1);
	double hits = (double)f->hits / shrink, total = (double)f->total / shrink;

	/* Whole events are wanted: rounded towards the usual share. */
	int64_t n = (int64_t)(total + 0.5) > 0 ? (int64_t)(total + 0.5) : 1;
	int64_t x = upper ? (int64_t)hits : (int64_t)(hits + 0.999999);

	if (shrink <= 1) {
		n = f->total;
		x = f->hits;
	}
	return stats_share_tail(x, n, b->hits / dispersion, b->total / dispersion, upper) <
	       error_allowed(c);
}

/* --- surge --- */

struct population {
	double mean; /* of the groups' means */
	int64_t *peaks;
	size_t n;
	int64_t now_us;
	const struct series *but;
};

static int
by_size(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

	return (x > y) - (x < y);
}

static double
spans_in(const struct series_base *b, const struct counting *c)
{
	double spans = (double)b->span_days * ((double)DAY_US / (double)c->within_us);

	return spans < 1 ? 1 : spans;
}

static void
add_to_population(void *ctx, struct series *s)
{
	struct population *p = ctx;
	const struct series_base *b;

	if (s == p->but || !s->established || p->n >= SERIES_MAX)
		return;
	b = series_base_of(s, p->now_us);
	if (b->days == 0)
		return;
	p->mean += b->hits / spans_in(b, &s->rule->counting);
	p->peaks[p->n++] = b->peak;
}

/* A group without a history of its own is measured by the others of its rule. */
static bool
borrow(struct series_table *table, const struct series *s, int64_t now_us, double *mean,
    int64_t *peak)
{
	int64_t peaks[SERIES_MAX];
	struct population p = { .peaks = peaks, .now_us = now_us, .but = s };

	if (now_us - series_since(table) < s->rule->counting.learn_us)
		return false; /* watching has just begun: everything is new */
	series_each(table, s->rule, add_to_population, &p);
	qsort(peaks, p.n, sizeof *peaks, by_size);
	*mean = p.n > 0 ? p.mean / (double)p.n : 0;
	*peak = p.n > 0 ? peaks[p.n / 2] : 0;
	return true;
}

/*
 * Far above anything known: `times` the highest count of past weeks, and in the tail of a
 * negative binomial with the group's own mean and dispersion (stats_negbin_upper_tail():
 * counts of mail are overdispersed, Poisson would cry at every newsletter).
 */
static bool
judge_surge(struct series_table *table, struct series *s, int64_t now_us, struct figures *f)
{
	const struct counting *c = &s->rule->counting;
	double mean, dispersion = 1;
	int64_t peak;

	if (f->hits < c->at_least || !is_time(s, now_us))
		return false;
	if (detect_has_learnt(s, now_us)) {
		const struct series_base *b = series_base_of(s, now_us);
		double spans = spans_in(b, c);

		mean = b->hits / spans;
		if (mean > 0)
			dispersion = (b->squares / spans - mean * mean) / mean;
		peak = b->peak;
	} else {
		if (!borrow(table, s, now_us, &mean, &peak))
			return false;
		const struct series_base *b = series_base_of(s, now_us);

		/* What little it has shown of itself is usual too. */
		if (b->peak > peak)
			peak = b->peak;
		if (b->hits / spans_in(b, c) > mean)
			mean = b->hits / spans_in(b, c);
	}
	f->usual = (double)peak;
	if (mean < 1 / 24.0)
		mean = 1 / 24.0;
	if (dispersion < 2)
		dispersion = 2; /* recipients of one mail come together */
	return (double)f->hits >= c->times * (double)peak &&
	       stats_negbin_upper_tail(f->hits, mean,
		   dispersion < max_dispersion ? dispersion : max_dispersion) <
		   error_allowed(c);
}

/* Silence is judged by minutes that had mail: a newsletter to a thousand does not make an
 * hour a busy one. */
static void
hear(struct series *s, int64_t now_us)
{
	if (s->npast > 0 && now_us / MINUTE_US == s->last_us / MINUTE_US) {
		s->last_us = now_us > s->last_us ? now_us : s->last_us;
		series_mark_dirty(s);
	} else {
		series_add(s, true, 1, now_us);
	}
}

bool
detect_event(struct series_table *table, struct series *s, bool hit, int64_t weight,
    uint64_t value, int64_t now_us, struct figures *f)
{
	const struct alert_rule *rule = s->rule;

	if (rule->detector == DETECT_COUNT) {
		if (!hit)
			return false;
		if (value != 0 || weight > rule->counting.at_least)
			weight = value != 0 ? 1 : rule->counting.at_least;
		for (int64_t i = 0; i < weight; i++)
			(void)series_add_mark(s, value, now_us);
		*f = (struct figures){ .hits = (int64_t)s->nmarks,
			.total = (int64_t)s->nmarks,
			.span_us = rule->counting.within_us };
		return judge_count(s, now_us);
	}
	if (rule->detector == DETECT_SILENCE) {
		hear(s, now_us);
		return false;
	}
	series_add(s, hit, weight, now_us);
	/* Only what speaks for the trouble is judged: it will be the evidence. */
	if (rule->detector != DETECT_TREND || rule->counting.change == CHANGE_UP) {
		if (!hit)
			return false;
	} else if (rule->counting.change == CHANGE_DOWN && hit) {
		return false;
	}
	*f = (struct figures){ .hits = s->window_hits,
		.total = s->window_total,
		.span_us = rule->counting.within_us,
		.is_share = rule->detector != DETECT_SURGE };
	f->share = f->total > 0 ? (double)f->hits / (double)f->total : 0;
	switch (rule->detector) {
	case DETECT_RATIO: return judge_ratio(s, f);
	case DETECT_TREND: return judge_trend(s, now_us, f);
	default: return judge_surge(table, s, now_us, f);
	}
}
