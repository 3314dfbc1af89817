/*
 * The body of a series as the store keeps it: hexadecimal numbers with blanks between them,
 * short since thousands are written at a time, and the sample lines behind the first newline.
 *
 *   1 FIRST LAST ESTABLISHED USES SPAN SPAN_HITS NEXT_MARK JUDGE DUE_FROM LAG NEWEST
 *   STEPS {STEP HITS TOTAL} x STEPS                     those that are not zero
 *   MARKS {BEFORE_LAST VALUE} x MARKS
 *   RECORDS {AT HITS TOTAL PEAK SQUARES} x RECORDS      the record in progress, if any
 */
#include "core/str.h"
#include "rules/series.h"

enum { BODY_VERSION = 1 };

static void
put(struct buf *out, int64_t v)
{
	static const char digits[] = "0123456789abcdef";
	char text[17];
	size_t at = sizeof text;

	text[--at] = ' ';
	do {
		text[--at] = digits[v & 15];
		v = (int64_t)((uint64_t)v >> 4);
	} while (v != 0);
	buf_add(out, (struct str){ text + at, sizeof text - at });
}

static void
put_window(const struct series *s, struct buf *out)
{
	int64_t steps = 0;

	for (size_t i = 0; i < WINDOW_STEPS; i++)
		steps += s->total[i] != 0;
	put(out, steps);
	for (size_t i = 0; i < WINDOW_STEPS; i++)
		if (s->total[i] != 0) {
			put(out, (int64_t)i);
			put(out, s->hits[i]);
			put(out, s->total[i]);
		}
}

static void
put_record(const struct series *s, struct buf *out)
{
	const struct series_record *r = &s->past[s->npast - 1];

	put(out, r->at);
	put(out, r->hits);
	put(out, r->total);
	put(out, r->peak);
	put(out, r->squares);
}

static void
put_sample(struct str line, struct buf *out)
{
	size_t from = out->n;

	if (line.n == 0)
		return;
	buf_add(out, line);
	for (size_t k = from; k < out->n; k++)
		if (out->p[k] == '\n' || out->p[k] == '\0')
			out->p[k] = ' '; /* it stands on a line */
	buf_add_char(out, '\n');
}

void
series_write_body(const struct series *s, struct buf *out)
{
	put(out, BODY_VERSION);
	put(out, s->first_us);
	put(out, s->last_us);
	put(out, s->established);
	put(out, s->uses);
	put(out, s->span_number);
	put(out, s->span_hits);
	put(out, (int64_t)s->next_mark);
	put(out, s->judge_us);
	put(out, s->due_from_us);
	put(out, s->lag_us);
	put(out, s->newest);
	put_window(s, out);
	put(out, (int64_t)s->nmarks);
	for (size_t i = 0; i < s->nmarks; i++) {
		put(out, s->last_us - s->marks[i].at_us);
		put(out, (int64_t)s->marks[i].value);
	}
	put(out, s->npast > 0);
	if (s->npast > 0)
		put_record(s, out);
	buf_add_char(out, '\n');
	for (size_t i = 0; i < SERIES_SAMPLES; i++)
		put_sample(series_sample(s, i), out);
}

struct numbers {
	struct str left;
	bool bad;
};

/* Up to 2^62: what is larger is damage. */
static int64_t
take(struct numbers *n)
{
	int64_t v = 0;
	struct str word = str_cut(&n->left, ' ');

	n->bad |= word.n == 0 || word.n > 16;
	for (size_t i = 0; i < word.n && !n->bad; i++) {
		char c = word.p[i];
		int digit = c >= '0' && c <= '9'   ? c - '0'
			    : c >= 'a' && c <= 'f' ? c - 'a' + 10
						   : 16;

		n->bad |= digit > 15 || v >> 58 != 0;
		if (!n->bad)
			v = v << 4 | digit;
	}
	return n->bad ? 0 : v;
}

/* Of events, or of steps since 1970: what is no such number is damage. */
static int64_t
take_count(struct numbers *n)
{
	int64_t v = take(n);

	n->bad |= v > INT64_C(1) << 53;
	return v;
}

static bool
take_window(struct series *s, struct numbers *n)
{
	int64_t steps = take_count(n);

	for (int64_t i = 0; i < steps && !n->bad; i++) {
		int64_t step = take_count(n);

		if (n->bad || step >= WINDOW_STEPS)
			return false;
		s->hits[step] = take_count(n);
		s->total[step] = take_count(n);
		s->window_hits += s->hits[step];
		s->window_total += s->total[step];
	}
	return !n->bad;
}

static bool
take_marks(struct series *s, struct numbers *n)
{
	int64_t nmarks = take_count(n);
	int64_t most = s->rule->detector == DETECT_COUNT ? s->rule->counting.at_least : 0;

	if (n->bad || nmarks > most || (most > 0 && (int64_t)s->next_mark >= most))
		return false;
	if (nmarks > 0 && !series_marks_hold(s, (size_t)nmarks))
		return false;
	for (s->nmarks = 0; s->nmarks < (size_t)nmarks; s->nmarks++) {
		s->marks[s->nmarks].at_us = s->last_us - take(n);
		s->marks[s->nmarks].value = (uint64_t)take(n);
	}
	return !n->bad;
}

static bool
take_record(struct series *s, struct numbers *n)
{
	struct series_record r = { 0 };

	if (take(n) == 0)
		return !n->bad;
	r.at = take_count(n);
	r.hits = take_count(n);
	r.total = take_count(n);
	r.peak = take_count(n);
	r.squares = take(n);
	return !n->bad && series_begin_history(s, &r);
}

bool
series_read_body(struct series *s, struct str body)
{
	struct numbers n = { str_cut(&body, '\n'), false };

	if (take(&n) != BODY_VERSION)
		return false;
	s->first_us = take(&n);
	s->last_us = take(&n);
	s->established = take(&n) != 0;
	s->uses = (uint32_t)take(&n);
	s->span_number = take(&n);
	s->span_hits = take_count(&n);
	s->next_mark = (size_t)take(&n);
	s->judge_us = take(&n);
	s->due_from_us = take(&n);
	s->lag_us = take(&n);
	s->newest = take_count(&n);
	if (n.bad || !take_window(s, &n) || !take_marks(s, &n) || !take_record(s, &n))
		return false;
	while (body.n > 0)
		series_add_sample(s, str_cut(&body, '\n'));
	return true;
}

int64_t
series_body_first(struct str body)
{
	struct numbers n = { .left = str_cut(&body, '\n') };
	int64_t version = take(&n), first_us = take(&n);

	return !n.bad && version == BODY_VERSION ? first_us : 0;
}
