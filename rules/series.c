#include "rules/series.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "core/clock.h"

#define HOUR_US (3600 * (int64_t)US_PER_S)

enum {
	MIN_BUCKETS = 4096,
	MAX_BUCKETS = 131072,
	BUCKETS_OF_RULE = 256,
	ESTABLISHED_USES = 8,
};

/* Of one rule: two lists by last use. */
struct rule_series {
	struct list {
		struct series *oldest, *newest;
		size_t n;
	} probation, established;
	struct series *recent; /* found last: most often it is wanted again */
};

struct series_table {
	const struct alert_rules *rules;
	struct rule_series *of_rule; /* owned, nrules */
	struct series **buckets;     /* owned, a power of two */
	size_t nbuckets;
	struct series *dirty;
	struct rows {
		int64_t *numbers; /* owned */
		size_t n, cap;
	} gone, spare; /* rows to be deleted; without history, so others may have them */
	int64_t clock;
	int64_t since_us;
	size_t count;
	uint64_t evicted;
};

struct series_table *
series_new(const struct alert_rules *rules)
{
	struct series_table *t = calloc(1, sizeof *t);

	if (t == NULL)
		return NULL;
	t->rules = rules;
	t->since_us = INT64_MAX;
	t->of_rule = calloc(rules->nrules + 1, sizeof *t->of_rule);
	t->nbuckets = MIN_BUCKETS;
	while (t->nbuckets < MAX_BUCKETS && t->nbuckets < rules->nrules * BUCKETS_OF_RULE)
		t->nbuckets *= 2;
	t->buckets = calloc(t->nbuckets, sizeof *t->buckets);
	if (t->of_rule == NULL || t->buckets == NULL) {
		series_free(t);
		return NULL;
	}
	return t;
}

static void
free_one(struct series *s)
{
	buf_done(&s->group);
	for (size_t i = 0; i < SERIES_SAMPLES; i++)
		buf_done(&s->samples[i]);
	free(s->marks);
	free(s->rates);
	free(s->past);
	free(s);
}

void
series_free(struct series_table *t)
{
	if (t == NULL)
		return;
	for (size_t i = 0; t->buckets != NULL && i < t->nbuckets; i++)
		for (struct series *s = t->buckets[i], *next; s != NULL; s = next) {
			next = s->next_hash;
			free_one(s);
		}
	free(t->buckets);
	free(t->of_rule);
	free(t->gone.numbers);
	free(t->spare.numbers);
	free(t);
}

size_t
series_count(const struct series_table *t)
{
	return t->count;
}

uint64_t
series_evicted(const struct series_table *t)
{
	return t->evicted;
}

/* --- the table --- */

static struct series **
bucket_of(const struct series_table *t, uint64_t hash)
{
	return &t->buckets[hash & (t->nbuckets - 1)];
}

static struct rule_series *
rule_of(struct series_table *t, const struct alert_rule *rule)
{
	return &t->of_rule[rule - t->rules->rules];
}

static struct list *
list_of(struct series_table *t, const struct series *s)
{
	struct rule_series *r = rule_of(t, s->rule);

	return s->established ? &r->established : &r->probation;
}

static void
unlink_series(struct series_table *t, struct series *s)
{
	struct list *list = list_of(t, s);

	*(s->older == NULL ? &list->oldest : &s->older->newer) = s->newer;
	*(s->newer == NULL ? &list->newest : &s->newer->older) = s->older;
	list->n--;
}

static void
link_newest(struct series_table *t, struct series *s)
{
	struct list *list = list_of(t, s);

	s->newer = NULL;
	s->older = list->newest;
	*(list->newest == NULL ? &list->oldest : &list->newest->newer) = s;
	list->newest = s;
	list->n++;
}

static bool
add_row(struct rows *rows, int64_t number)
{
	if (rows->n == rows->cap) {
		size_t cap = rows->cap * 2 + 64;
		int64_t *more = realloc(rows->numbers, cap * sizeof *more);

		if (more == NULL)
			return false;
		rows->numbers = more;
		rows->cap = cap;
	}
	rows->numbers[rows->n++] = number;
	return true;
}

void
series_mark_dirty(struct series *s)
{
	if (s->dirty)
		return;
	s->dirty = true;
	s->prev_dirty = NULL;
	s->next_dirty = s->table->dirty;
	if (s->next_dirty != NULL)
		s->next_dirty->prev_dirty = s;
	s->table->dirty = s;
}

static void
unlink_dirty(struct series *s)
{
	if (!s->dirty)
		return;
	*(s->prev_dirty == NULL ? &s->table->dirty : &s->prev_dirty->next_dirty) =
	    s->next_dirty;
	if (s->next_dirty != NULL)
		s->next_dirty->prev_dirty = s->prev_dirty;
	s->dirty = false;
}

static bool
evict(struct series_table *t, struct series *s)
{
	struct series **at = bucket_of(t, s->hash);

	if (s->number != 0 && !add_row(s->has_rows ? &t->gone : &t->spare, s->number))
		return false;
	while (*at != s)
		at = &(*at)->next_hash;
	*at = s->next_hash;
	unlink_series(t, s);
	unlink_dirty(s);
	if (rule_of(t, s->rule)->recent == s)
		rule_of(t, s->rule)->recent = NULL;
	free_one(s);
	t->count--;
	t->evicted++;
	return true;
}

static bool
make_room(struct series_table *t, const struct alert_rule *rule)
{
	struct rule_series *r = rule_of(t, rule);
	bool silence = rule->detector == DETECT_SILENCE;
	size_t probation = silence ? SERIES_MAX_SILENCE / 2 : SERIES_PROBATION;
	size_t most = silence ? SERIES_MAX_SILENCE : SERIES_MAX;

	if (r->probation.n >= probation)
		return evict(t, r->probation.oldest);
	if (r->probation.n + r->established.n >= most)
		return evict(t,
		    r->probation.n > 0 ? r->probation.oldest : r->established.oldest);
	return true;
}

static uint64_t
hash_of(const struct series_table *t, const struct alert_rule *rule, uint64_t group_hash)
{
	uint64_t hash = (group_hash + (uint64_t)(rule - t->rules->rules)) *
			UINT64_C(0x9e3779b97f4a7c15);

	return hash ^ hash >> 32;
}

struct series *
series_peek(struct series_table *t, const struct alert_rule *rule, struct str group,
    uint64_t group_hash)
{
	uint64_t hash = hash_of(t, rule, group_hash);
	struct series *recent = rule_of(t, rule)->recent;

	if (recent != NULL && recent->hash == hash &&
	    str_eq(buf_str(&recent->group), group))
		return recent;
	for (struct series *s = *bucket_of(t, hash); s != NULL; s = s->next_hash)
		if (s->hash == hash && s->rule == rule &&
		    str_eq(buf_str(&s->group), group)) {
			rule_of(t, rule)->recent = s;
			return s;
		}
	return NULL;
}

/* Heard of again in another hour, or often: no passer-by. */
static void
use(struct series_table *t, struct series *s, int64_t now_us)
{
	if (s->established && s->newer == NULL)
		return; /* the newest already */
	unlink_series(t, s);
	if (!s->established && (++s->uses >= ESTABLISHED_USES || s->npast > 1 ||
				   now_us / HOUR_US != s->first_us / HOUR_US)) {
		struct rule_series *r = rule_of(t, s->rule);
		size_t most = s->rule->detector == DETECT_SILENCE
				  ? SERIES_MAX_SILENCE / 2
				  : SERIES_MAX - SERIES_PROBATION;

		if (r->established.n >= most)
			(void)evict(t, r->established.oldest);
		s->established = true;
	}
	s->touched = ++t->clock;
	series_mark_dirty(s);
	link_newest(t, s);
}

static struct series *
add_series(struct series_table *t, const struct alert_rule *rule, struct str group,
    uint64_t group_hash)
{
	struct series *s = calloc(1, sizeof *s);

	if (s == NULL)
		return NULL;
	buf_add(&s->group, group);
	if (s->group.failed) {
		free_one(s);
		return NULL;
	}
	s->table = t;
	s->rule = rule;
	s->hash = hash_of(t, rule, group_hash);
	s->due_us = INT64_MAX;
	s->dispersion_day = s->level_hour = s->base.before = -1;
	struct series **bucket = bucket_of(t, s->hash);

	s->next_hash = *bucket;
	*bucket = s;
	link_newest(t, s);
	t->count++;
	return s;
}

static void
start(struct series_table *t, struct series *s, int64_t now_us)
{
	s->first_us = s->last_us = now_us;
	if (now_us < t->since_us)
		t->since_us = now_us;
}

int64_t
series_since(const struct series_table *t)
{
	return t->since_us;
}

struct series *
series_find(struct series_table *t, const struct alert_rule *rule, struct str group,
    uint64_t group_hash, int64_t now_us)
{
	struct series *s = series_peek(t, rule, group, group_hash);

	if (s == NULL && make_room(t, rule) &&
	    (s = add_series(t, rule, group, group_hash)) != NULL)
		start(t, s, now_us);
	if (s != NULL)
		use(t, s, now_us);
	return s;
}

void
series_each(struct series_table *t, const struct alert_rule *rule,
    void (*fn)(void *ctx, struct series *s), void *ctx)
{
	struct rule_series *r = rule_of(t, rule);

	for (struct series *s = r->established.oldest; s != NULL; s = s->newer)
		fn(ctx, s);
	for (struct series *s = r->probation.oldest; s != NULL; s = s->newer)
		fn(ctx, s);
}

/* --- marks and samples --- */

/* Most groups are heard of seldom: room grows with their marks. */
bool
series_marks_hold(struct series *s, size_t n)
{
	size_t most = (size_t)s->rule->counting.at_least, cap = s->cap_marks;

	if (n <= cap)
		return true;
	cap = n > 2 * cap ? n : 2 * cap;
	cap = cap < 4 ? 4 : cap;
	cap = cap > most ? most : cap;
	struct series_mark *more = realloc(s->marks, cap * sizeof *more);

	if (more == NULL)
		return false;
	s->marks = more;
	s->cap_marks = cap;
	return true;
}

bool
series_add_mark(struct series *s, uint64_t value, int64_t now_us)
{
	size_t size = (size_t)s->rule->counting.at_least;

	series_mark_dirty(s);
	if (now_us > s->last_us)
		s->last_us = now_us;
	for (size_t i = 0; value != 0 && i < s->nmarks; i++)
		if (s->marks[i].value == value) {
			bool old =
			    s->marks[i].at_us <= now_us - s->rule->counting.within_us;

			s->marks[i].at_us = now_us;
			return old;
		}
	size_t at = s->next_mark;

	if (value != 0 && s->nmarks == size) /* renewed ones are not in order */
		for (size_t i = 0; i < size; i++)
			if (s->marks[i].at_us < s->marks[at].at_us)
				at = i;
	if (!series_marks_hold(s, at + 1))
		return true; /* without memory it is as if it came later */
	s->marks[at] = (struct series_mark){ now_us, value };
	s->next_mark = (at + 1) % size;
	if (s->nmarks < size)
		s->nmarks++;
	return true;
}

void
series_add_sample(struct series *s, struct str line)
{
	struct buf *to = &s->samples[s->next_sample];

	if (line.n == 0)
		return;
	buf_clear(to);
	buf_add(to, str_head(line, SERIES_SAMPLE_BYTES));
	s->next_sample = (s->next_sample + 1) % SERIES_SAMPLES;
	series_mark_dirty(s);
}

struct str
series_sample(const struct series *s, size_t i)
{
	return buf_str(&s->samples[(s->next_sample + i) % SERIES_SAMPLES]);
}

void
series_clear_window(struct series *s)
{
	memset(s->hits, 0, sizeof s->hits);
	memset(s->total, 0, sizeof s->total);
	s->window_hits = s->window_total = 0;
	s->nmarks = s->next_mark = 0;
	for (size_t i = 0; i < SERIES_SAMPLES; i++)
		buf_clear(&s->samples[i]);
	series_mark_dirty(s);
}

/* --- keeping --- */

static int
flush_one(struct series *s, const struct series_sink *sink, struct buf *body)
{
	int r;

	buf_clear(body);
	series_write_body(s, body);
	if (body->failed)
		return -ENOMEM;
	struct rows *spare = &s->table->spare;
	bool renamed = s->number == 0 && spare->n > 0;

	if (renamed)
		s->number = spare->numbers[--spare->n];
	const struct series_row row = { .number = s->number,
		.rule = s->rule->name,
		.group = buf_str(&s->group),
		.mark = (int64_t)s->rule->mark,
		.renamed = renamed,
		.touched = s->touched,
		.body = buf_str(body) };

	if ((r = sink->save(sink->ctx, &row, &s->number)) < 0)
		return r;
	/* The last one is in progress and stands in the body. */
	size_t first = s->npast;

	while (first > 0 && s->past[first - 1].at >= s->kept_at)
		first--;
	for (size_t i = first; r >= 0 && i + 1 < s->npast; i++) {
		struct series_record record = s->past[i];

		record.at *= series_unit_us(s->rule) / US_PER_S;
		s->has_rows = true;
		r = sink->count(sink->ctx, s->number, &record);
	}
	if (r >= 0 && s->npast > 0)
		s->kept_at = s->past[s->npast - 1].at;
	return r;
}

static int
forget_rows(struct rows *rows, const struct series_sink *sink)
{
	int r = 0;

	for (size_t i = 0; r >= 0 && i < rows->n; i++)
		r = sink->forget(sink->ctx, rows->numbers[i]);
	if (r >= 0)
		rows->n = 0;
	return r;
}

int
series_flush(struct series_table *t, const struct series_sink *sink)
{
	AUTO(buf_done) struct buf body = { 0 };
	int r = 0;

	while (r >= 0 && t->dirty != NULL) {
		struct series *s = t->dirty;

		r = flush_one(s, sink, &body);
		unlink_dirty(s);
	}
	if (r >= 0)
		r = forget_rows(&t->gone, sink);
	return r < 0 ? r : forget_rows(&t->spare, sink);
}

int
series_restore(struct series_table *t, const struct series_row *row,
    struct series **series_out)
{
	const struct alert_rule *rule = NULL;

	for (size_t i = 0; rule == NULL && i < t->rules->nrules; i++)
		if (str_eq(t->rules->rules[i].name, row->rule))
			rule = &t->rules->rules[i];
	if (rule == NULL || (int64_t)rule->mark != row->mark ||
	    !detector_counts(rule->detector))
		return add_row(&t->gone, row->number) ? -ENOENT : -ENOMEM;
	struct series *s = add_series(t, rule, row->group, str_hash(row->group));

	if (s == NULL)
		return -ENOMEM;
	unlink_series(t, s);
	if (!series_read_body(s, row->body)) { /* damaged: it begins anew */
		link_newest(t, s);
		s->number = row->number;
		s->has_rows = true; /* not read yet */
		(void)evict(t, s);
		return -ENOENT;
	}
	s->number = row->number;
	s->touched = row->touched < INT64_C(1) << 53 ? row->touched : 0; /* else damage */
	s->kept_at = s->npast > 0 ? s->past[0].at : 0;
	if (s->first_us < t->since_us)
		t->since_us = s->first_us;
	if (s->touched > t->clock)
		t->clock = s->touched;
	link_newest(t, s);
	*series_out = s;
	return 0;
}
