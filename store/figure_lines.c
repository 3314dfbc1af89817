/* Time lines: one value for each step. Sums over a span are those of store/figures.c. */
#include <errno.h>
#include <stdlib.h>

#include "store/figures.h"
#include "store/sums.h"

enum {
	HOUR_S = 3600,
	DAY_S = 86400,
	CHOSEN_STEPS = 400,
	NAMES_MOST = FIGURE_LINE_PROVIDERS + 1,
};

enum figure_line
figure_line_find(struct str name)
{
	static const char *const names[LINE_COUNT] = {
		[LINE_VOLUME] = "volume",
		[LINE_OUT] = "out",
		[LINE_PROVIDERS] = "providers",
		[LINE_FAILED] = "failed",
		[LINE_DELAY] = "delay",
		[LINE_TLS] = "tls",
		[LINE_LOGINS] = "logins",
	};
	int i = 0;

	while (i < LINE_COUNT && !str_eq(name, str_of(names[i])))
		i++;
	return (enum figure_line)i;
}

/* --- steps, in seconds --- */

struct steps {
	int64_t from, until, step;
	size_t n;
};

static int64_t
floor_to(int64_t at, int64_t unit)
{
	return at - (at % unit + unit) % unit;
}

static int64_t
ceil_to(int64_t at, int64_t unit)
{
	return floor_to(at + unit - 1, unit);
}

/* The next that a day is made of, or a whole number of days. */
static int64_t
round_step(int64_t step)
{
	static const int hours[] = { 1, 2, 3, 4, 6, 8, 12, 24 };

	for (size_t i = 0; i < sizeof hours / sizeof *hours; i++)
		if (step <= (int64_t)hours[i] * HOUR_S)
			return (int64_t)hours[i] * HOUR_S;
	return ceil_to(step, DAY_S);
}

/* A first step may begin before the span does. */
static struct steps
steps_of(int64_t from, int64_t until, int64_t step)
{
	struct steps s = { .step = round_step(step) };

	s.from = floor_to(from, s.step < DAY_S ? s.step : DAY_S);
	s.n = until <= from ? 0 : (size_t)((until - s.from + s.step - 1) / s.step);
	s.until = s.from + (int64_t)s.n * s.step;
	return s;
}

static struct steps
choose_steps(int64_t from_us, int64_t until_us, int64_t step_us)
{
	int64_t from, until;

	sums_span(from_us, until_us, &from, &until);
	int64_t span = until > from ? until - from : 0;
	int64_t step = step_us / US_PER_S + (step_us % US_PER_S > 0);
	int64_t most = step <= 0 ? CHOSEN_STEPS : FIGURE_STEPS;
	int64_t least = (span + most - 1) / most;

	if (span > (step <= 0 ? FIGURE_STEPS / 2 : FIGURE_STEPS) * (int64_t)HOUR_S &&
	    step < DAY_S)
		step = DAY_S; /* more hours than these take too long to sum */
	if (step > span + DAY_S)
		step = span + DAY_S;
	struct steps s = steps_of(from, until, step > least ? step : least);

	return s.n <= (size_t)most ? s : steps_of(from, until, s.step + 1);
}

/* --- rows --- */

struct row {
	size_t step;
	uint32_t provider, value;
	int64_t count;
};

struct line_reader {
	struct store *store;
	struct steps steps;
	struct figure_lines *out;
	struct err *err;
	uint32_t providers[FIGURE_LINE_PROVIDERS];
	size_t nproviders;
	bool failed_only;
	struct sums sums;            /* of providers */
	struct figure_delay *delays; /* of each step */
};

static int
no_memory(struct line_reader *lr)
{
	return err_set(lr->err, -ENOMEM, "read store %s: out of memory",
	    lr->store->db.path);
}

typedef int row_fn(struct line_reader *lr, enum tally_what what, const struct row *row);

/* Each time of the grain is looked up, so that the rest of its rows costs nothing. */
static int
read_rows(struct line_reader *lr, enum tally_what what, enum tally_grain grain,
    int64_t from, int64_t until, row_fn *fn)
{
	AUTO(auto_query) struct query q = query_once(&lr->store->db,
	    "WITH RECURSIVE ends (first, last) AS ("
	    "SELECT max(?2, (SELECT min(at) FROM tally WHERE grain = ?1)), "
	    "min(?3 - ?4, (SELECT max(at) FROM tally WHERE grain = ?1))), "
	    "times (t) AS (SELECT first FROM ends WHERE first <= last UNION ALL "
	    "SELECT t + ?4 FROM times, ends WHERE t < last) "
	    "SELECT at, provider, value, count FROM times CROSS JOIN tally "
	    "WHERE grain = ?1 AND at = t AND what = ?5");
	const struct steps *s = &lr->steps;
	int r;

	if (from >= until)
		return 0;
	query_int(&q, grain);
	query_int(&q, from);
	query_int(&q, until);
	query_int(&q, grain == TALLY_HOUR ? HOUR_S : DAY_S);
	query_int(&q, what);
	while ((r = query_next(&q, "read store", lr->err)) > 0) {
		const struct row row = {
			.step = (size_t)((query_col_int(&q, 0) - s->from) / s->step),
			.provider = (uint32_t)query_col_int(&q, 1),
			.value = (uint32_t)query_col_int(&q, 2),
			.count = query_col_int(&q, 3),
		};

		if ((r = fn(lr, what, &row)) < 0)
			return r;
	}
	return r;
}

/* Steps of days: from the days that are summed, and the hours of the others. */
static int
each_row(struct line_reader *lr, enum tally_what what, row_fn *fn)
{
	const struct steps *s = &lr->steps;
	int64_t mark = s->from;
	int r = 0;

	if (s->step >= DAY_S)
		r = tally_mark(&lr->store->db, &mark, lr->err);
	mark = mark < s->from ? s->from : mark > s->until ? s->until : mark;
	if (r == 0)
		r = read_rows(lr, what, TALLY_DAY, s->from, mark, fn);
	return r < 0 ? r : read_rows(lr, what, TALLY_HOUR, mark, s->until, fn);
}

static void
add(struct line_reader *lr, size_t line, const struct row *row)
{
	sum_to(&lr->out->values[line * lr->out->nsteps + row->step], row->count);
}

static int
add_volume(struct line_reader *lr, enum tally_what what, const struct row *row)
{
	uint32_t outcome = what == TALLY_REJECT ? OUTCOME_REJECTED : row->value;

	if (outcome >= OUTCOME_DELIVERED && outcome - OUTCOME_DELIVERED < lr->out->nlines)
		add(lr, outcome - OUTCOME_DELIVERED, row);
	return 0;
}

static int
add_provider(struct line_reader *lr, enum tally_what what, const struct row *row)
{
	size_t i = 0;

	(void)what;
	if (row->value < OUTCOME_DELIVERED ||
	    (lr->failed_only && row->value == OUTCOME_DELIVERED))
		return 0;
	while (i < lr->nproviders && lr->providers[i] != row->provider)
		i++;
	add(lr, i, row);
	return 0;
}

static int
sum_provider(struct line_reader *lr, enum tally_what what, const struct row *row)
{
	const struct sum one = { .provider = row->provider, .count = row->count };

	(void)what;
	if (row->provider == 0 || row->value < OUTCOME_DELIVERED)
		return 0;
	return sums_add(&lr->sums, &one) < 0 ? no_memory(lr) : 0;
}

/* Of the whole span: whole days come from the day rows, which are far fewer. */
static int
sum_providers(struct line_reader *lr)
{
	const struct steps *s = &lr->steps;
	int64_t first = ceil_to(s->from, DAY_S), last = floor_to(s->until, DAY_S), mark;
	int r = tally_mark(&lr->store->db, &mark, lr->err);

	last = last < mark ? last : mark;
	if (r < 0)
		return r;
	if (first >= last)
		first = last = s->until;
	r = read_rows(lr, TALLY_OUT, TALLY_HOUR, s->from, first, sum_provider);
	if (r == 0)
		r = read_rows(lr, TALLY_OUT, TALLY_DAY, first, last, sum_provider);
	return r < 0 ? r
		     : read_rows(lr, TALLY_OUT, TALLY_HOUR, last, s->until, sum_provider);
}

static int
add_tls(struct line_reader *lr, enum tally_what what, const struct row *row)
{
	(void)what;
	if (row->value < TALLY_TLS_COUNT)
		add(lr, row->value, row);
	return 0;
}

static int
add_login(struct line_reader *lr, enum tally_what what, const struct row *row)
{
	(void)what;
	add(lr, row->value > OUTCOME_DELIVERED, row);
	return 0;
}

static int
add_delay(struct line_reader *lr, enum tally_what what, const struct row *row)
{
	struct figure_delay *delay = &lr->delays[row->step];

	(void)what;
	if (row->value >= FIGURE_BUCKETS)
		return 0;
	sum_to(&delay->buckets[row->value], row->count);
	sum_to(&delay->n, row->count);
	return 0;
}

/* --- lines --- */

static int
make_lines(struct line_reader *lr, size_t nlines)
{
	struct figure_lines *out = lr->out;

	out->names = calloc(nlines + 1, sizeof *out->names);
	out->values = calloc(nlines * out->nsteps + 1, sizeof *out->values);
	return out->names == NULL || out->values == NULL ? no_memory(lr) : 0;
}

static int
add_name(struct line_reader *lr, const char *name)
{
	char *copy = str_dup(str_of(name));

	if (copy == NULL)
		return no_memory(lr);
	lr->out->names[lr->out->nlines++] = str_of(copy);
	return 0;
}

/* names: up to a NULL */
static int
make_named(struct line_reader *lr, const char *const *names)
{
	size_t n = 0;
	int r;

	while (names[n] != NULL)
		n++;
	r = make_lines(lr, n);
	for (size_t i = 0; r == 0 && i < n; i++)
		r = add_name(lr, names[i]);
	return r;
}

static int
read_volume(struct line_reader *lr)
{
	static const char *const names[] = { "delivered", "deferred", "bounced", "expired",
		"rejected", NULL };
	int r = make_named(lr, names);

	if (r == 0)
		r = each_row(lr, TALLY_OUT, add_volume);
	if (r == 0)
		r = each_row(lr, TALLY_LOCAL, add_volume);
	return r < 0 ? r : each_row(lr, TALLY_REJECT, add_volume);
}

static int
read_out(struct line_reader *lr)
{
	static const char *const names[] = { "delivered", "deferred", "bounced", "expired",
		NULL };
	int r = make_named(lr, names);

	return r < 0 ? r : each_row(lr, TALLY_OUT, add_volume);
}

/* The largest, by attempts, in order. */
static void
choose_providers(struct line_reader *lr)
{
	int64_t counts[FIGURE_LINE_PROVIDERS];
	const struct sum *s;
	size_t at = 0;

	while ((s = sums_next(&lr->sums, &at)) != NULL) {
		size_t i = lr->nproviders;

		while (i > 0 && (counts[i - 1] < s->count ||
				    (counts[i - 1] == s->count &&
					lr->providers[i - 1] > s->provider))) {
			i--;
			if (i + 1 < FIGURE_LINE_PROVIDERS) {
				counts[i + 1] = counts[i];
				lr->providers[i + 1] = lr->providers[i];
			}
		}
		if (i == FIGURE_LINE_PROVIDERS)
			continue;
		counts[i] = s->count;
		lr->providers[i] = s->provider;
		if (lr->nproviders < FIGURE_LINE_PROVIDERS)
			lr->nproviders++;
	}
}

static int
read_providers(struct line_reader *lr)
{
	int r = sum_providers(lr);

	if (r < 0)
		return r;
	choose_providers(lr);
	r = make_lines(lr, NAMES_MOST);
	for (size_t i = 0; r == 0 && i < lr->nproviders; i++) {
		r = sums_word(lr->store, lr->providers[i], &lr->out->names[i], lr->err);
		lr->out->nlines += r == 0;
	}
	if (r == 0)
		r = add_name(lr, "other");
	return r < 0 ? r : each_row(lr, TALLY_OUT, add_provider);
}

static int
read_delay(struct line_reader *lr)
{
	static const char *const names[] = { "median", "95th percentile", NULL };
	int64_t *values;
	size_t n = lr->out->nsteps;

	lr->delays = calloc(n + 1, sizeof *lr->delays);
	if (lr->delays == NULL)
		return no_memory(lr);
	int r = make_named(lr, names);

	if (r == 0)
		r = each_row(lr, TALLY_DELAY, add_delay);
	values = lr->out->values;
	for (size_t i = 0; r == 0 && i < n; i++) {
		values[i] = figure_delay_quantile(&lr->delays[i], 0.5);
		values[n + i] = figure_delay_quantile(&lr->delays[i], 0.95);
	}
	return r;
}

static int
read_line(struct line_reader *lr, enum figure_line line)
{
	static const char *const tls[] = { "plain", "encrypted", "verified", NULL };
	static const char *const logins[] = { "accepted", "failed", NULL };
	int r;

	switch (line) {
	case LINE_VOLUME: return read_volume(lr);
	case LINE_OUT: return read_out(lr);
	case LINE_FAILED: lr->failed_only = true; /* fall through */
	case LINE_PROVIDERS: return read_providers(lr);
	case LINE_DELAY: return read_delay(lr);
	case LINE_TLS:
		r = make_named(lr, tls);
		return r < 0 ? r : each_row(lr, TALLY_TLS, add_tls);
	case LINE_LOGINS:
		r = make_named(lr, logins);
		return r < 0 ? r : each_row(lr, TALLY_LOGIN, add_login);
	default: return err_set(lr->err, -EINVAL, "read store: no such line");
	}
}

int
store_get_lines(struct store *store, enum figure_line line, int64_t from_us,
    int64_t until_us, int64_t step_us, struct figure_lines *out, struct err *err)
{
	struct figure_lines lines = { 0 };
	struct line_reader lr = { .store = store, .out = &lines, .err = err };
	bool mine;
	int r = sums_begin_look(store, &mine, err);

	if (r < 0)
		return r;
	lr.steps = choose_steps(from_us, until_us, step_us);
	lines.from_us = lr.steps.from * US_PER_S;
	lines.step_us = lr.steps.step * US_PER_S;
	lines.nsteps = lr.steps.n;
	r = read_line(&lr, line);
	sums_end_look(store, mine);
	sums_done(&lr.sums);
	free(lr.delays);
	if (r < 0) {
		figure_lines_done(&lines);
		return r;
	}
	*out = lines;
	return 0;
}

void
figure_lines_done(struct figure_lines *lines)
{
	for (size_t i = 0; i < lines->nlines; i++)
		free((void *)lines->names[i].p);
	free(lines->names);
	free(lines->values);
	*lines = (struct figure_lines){ 0 };
}
