/* The counts of a series: its sliding window and its history, for rules/series.h. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "core/clock.h"
#include "rules/series.h"

#define HOUR_US (3600 * (int64_t)US_PER_S)
#define DAY_US (24 * HOUR_US)

/* Of silence: four weeks before the day in progress, with the neighbours of each hour. */
enum { HISTORY_HOURS = 28 * 24 + 24 + 1 };

int64_t
series_unit_us(const struct alert_rule *rule)
{
	return rule->detector == DETECT_SILENCE ? HOUR_US : DAY_US;
}

static int64_t
step_us(const struct alert_rule *rule)
{
	int64_t within = rule->counting.within_us;

	return within < WINDOW_STEPS ? HOUR_US : within / WINDOW_STEPS;
}

void
series_roll(struct series *s, int64_t now_us)
{
	int64_t now = now_us / step_us(s->rule);
	int64_t gap = now - s->newest;

	if (gap <= 0)
		return;
	for (int64_t i = 1; i <= gap && i <= WINDOW_STEPS; i++) {
		int64_t *hits = &s->hits[(s->newest + i) % WINDOW_STEPS];
		int64_t *total = &s->total[(s->newest + i) % WINDOW_STEPS];

		s->window_hits -= *hits;
		s->window_total -= *total;
		*hits = *total = 0;
	}
	s->newest = now;
}

/* For one more record. */
static bool
make_place(struct series *s)
{
	if (s->npast == s->cap_past) {
		size_t cap = s->cap_past * 2 + 4;
		struct series_record *more = realloc(s->past, cap * sizeof *more);

		if (more == NULL)
			return false;
		s->past = more;
		s->cap_past = cap;
	}
	return true;
}

/* What is older than this is no more looked at while the record at `at` is in progress. */
static int64_t
oldest_kept(const struct series *s, int64_t at)
{
	return at - (s->rule->detector == DETECT_SILENCE ? (int64_t)HISTORY_HOURS
							 : HISTORY_DAYS);
}

static struct series_record *
record_now(struct series *s, int64_t now_us)
{
	int64_t at = now_us / series_unit_us(s->rule);
	int64_t oldest = oldest_kept(s, at);

	if (s->npast > 0 && s->past[s->npast - 1].at >= at)
		return &s->past[s->npast - 1];
	if (s->npast > 0 && s->past[0].at < oldest) {
		size_t old = 0;

		while (old < s->npast && s->past[old].at < oldest)
			old++;
		s->npast -= old;
		memmove(s->past, s->past + old, s->npast * sizeof *s->past);
		s->base.before = -1; /* worked out anew, as after a restart */
		if (s->npast == 0)
			s->first_us = now_us; /* what is known is nothing: it learns anew */
	}
	if (!make_place(s))
		return NULL;
	s->past[s->npast] = (struct series_record){ .at = at };
	return &s->past[s->npast++];
}

/* Surges are judged by the counts of one `within` at a time. */
static void
count_span(struct series *s, struct series_record *record, int64_t weight, int64_t now_us)
{
	int64_t within = s->rule->counting.within_us;
	int64_t number = within > 0 ? now_us / within : 0;

	if (number != s->span_number) {
		s->span_number = number;
		s->span_hits = 0;
	}
	/* (a+w)^2 - a^2; lines may stand for a million each */
	int64_t more;

	if (__builtin_mul_overflow(weight, 2 * s->span_hits + weight, &more) ||
	    __builtin_add_overflow(record->squares, more, &record->squares) ||
	    record->squares > SERIES_SQUARES_MAX)
		record->squares = SERIES_SQUARES_MAX;
	s->span_hits += weight;
	if (s->span_hits > record->peak)
		record->peak = s->span_hits;
}

void
series_add(struct series *s, bool hit, int64_t weight, int64_t now_us)
{
	struct series_record *record = record_now(s, now_us);

	series_roll(s, now_us);
	s->total[s->newest % WINDOW_STEPS] += weight;
	s->window_total += weight;
	if (hit) {
		s->hits[s->newest % WINDOW_STEPS] += weight;
		s->window_hits += weight;
	}
	if (record != NULL) {
		record->total += weight;
		if (hit) {
			record->hits += weight;
			count_span(s, record, weight, now_us);
		}
	}
	if (hit && now_us > s->last_us)
		s->last_us = now_us;
	series_mark_dirty(s);
}

const struct series_base *
series_base_of(struct series *s, int64_t now_us)
{
	int64_t before = (now_us - s->rule->counting.within_us) / DAY_US;
	struct series_base b = { .before = before,
		.span_days = before - s->first_us / DAY_US };

	if (s->base.before == before)
		return &s->base;
	if (b.span_days > HISTORY_DAYS)
		b.span_days = HISTORY_DAYS;
	for (size_t i = 0; i < s->npast && s->past[i].at < before; i++) {
		const struct series_record *r = &s->past[i];

		b.days++;
		b.hits += (double)r->hits;
		b.total += (double)r->total;
		b.squares += (double)r->squares;
		if (r->total > 0)
			b.share_squares +=
			    (double)r->hits * (double)r->hits / (double)r->total;
		if (r->peak > b.peak)
			b.peak = r->peak;
	}
	s->base = b;
	return &s->base;
}

const struct series_record *
series_at(const struct series *s, int64_t at)
{
	size_t low = 0, high = s->npast;

	while (low < high) {
		size_t mid = (low + high) / 2;

		if (s->past[mid].at < at)
			low = mid + 1;
		else
			high = mid;
	}
	return low < s->npast && s->past[low].at == at ? &s->past[low] : NULL;
}

bool
series_begin_history(struct series *s, const struct series_record *record)
{
	if (!make_place(s))
		return false;
	s->past[s->npast++] = *record;
	return true;
}

/* The one in progress came with the body and stays the last. */
int
series_restore_record(struct series *s, const struct series_record *record)
{
	int64_t at = record->at / (series_unit_us(s->rule) / US_PER_S);

	s->has_rows = true;
	if (s->npast == 0 || s->past[s->npast - 1].at <= at)
		return 0; /* of no series that has been written by us */
	if (at < oldest_kept(s, s->past[s->npast - 1].at))
		return 0; /* gone before the restart, and may not count again */
	if (!make_place(s))
		return -ENOMEM;
	s->past[s->npast] = s->past[s->npast - 1];
	s->past[s->npast - 1] = *record;
	s->past[s->npast - 1].at = at;
	s->npast++;
	return 0;
}
