#include "store/figures.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "store/sums.h"

/* --- times to deliver --- */

int64_t
figure_delay_bound(int bucket)
{
	/* 0.1 s, and that by the square root of two */
	static const int64_t first_us[] = { 100000, 141421 };

	if (bucket >= FIGURE_BUCKETS - 1)
		return INT64_MAX;
	return first_us[bucket % 2] << bucket / 2;
}

int64_t
figure_delay_quantile(const struct figure_delay *delay, double q)
{
	double rank = q * (double)delay->n, before = 0;
	int bucket = 0;

	if (delay->n <= 0)
		return -1;
	while (bucket < FIGURE_BUCKETS - 1 &&
	       (delay->buckets[bucket] <= 0 ||
		   before + (double)delay->buckets[bucket] < rank)) {
		before += (double)delay->buckets[bucket];
		bucket++;
	}
	int64_t begin_us = bucket == 0 ? 0 : figure_delay_bound(bucket - 1);

	if (bucket == FIGURE_BUCKETS - 1)
		return begin_us; /* its end is not known */
	double share = (rank - before) / (double)delay->buckets[bucket];

	share = share < 0 ? 0 : share > 1 ? 1 : share;
	return begin_us +
	       (int64_t)(share * (double)(figure_delay_bound(bucket) - begin_us));
}

/* --- out of sums --- */

/* Who is called by name, and by what number. */
struct builder {
	struct store *store;
	const struct sums *sums;
	struct figures *f;
	uint32_t named[FIGURE_PROVIDERS_MOST];
	size_t nnamed, most;
	struct err *err;
};

struct size {
	uint32_t number;
	int64_t count;
};

static int
by_size(const void *one, const void *other)
{
	const struct size *a = one, *b = other;

	if (a->count != b->count)
		return a->count < b->count ? 1 : -1;
	return a->number < b->number ? -1 : a->number > b->number;
}

static int
no_memory(struct builder *b)
{
	return err_set(b->err, -ENOMEM, "read store %s: out of memory", b->store->db.path);
}

/* Those with most attempts. */
static int
choose_providers(struct builder *b)
{
	AUTO(sums_done) struct sums by_provider = { 0 };
	const struct sum *s;
	size_t at = 0, n = 0;

	while ((s = sums_next(b->sums, &at)) != NULL) {
		const struct sum one = { .provider = s->provider, .count = s->count };

		if (s->what == TALLY_OUT && s->provider != 0 && s->count > 0 &&
		    s->value >= OUTCOME_DELIVERED && sums_add(&by_provider, &one) < 0)
			return no_memory(b);
	}
	struct size *sizes = calloc(by_provider.n + 1, sizeof *sizes);

	if (sizes == NULL)
		return no_memory(b);
	for (at = 0; (s = sums_next(&by_provider, &at)) != NULL;)
		sizes[n++] = (struct size){ s->provider, s->count };
	qsort(sizes, n, sizeof *sizes, by_size);
	b->nnamed = n < b->most ? n : b->most;
	for (size_t i = 0; i < b->nnamed; i++)
		b->named[i] = sizes[i].number;
	free(sizes);
	return 0;
}

/* Its place; that of "other" is behind them. */
static size_t
place_of(const struct builder *b, uint32_t provider)
{
	size_t i = 0;

	while (i < b->nnamed && b->named[i] != provider)
		i++;
	return i;
}

static int
name_providers(struct builder *b)
{
	struct figures *f = b->f;

	f->providers = calloc(b->nnamed + 1, sizeof *f->providers);
	if (f->providers == NULL)
		return no_memory(b);
	for (; f->nproviders < b->nnamed; f->nproviders++) {
		int r = sums_word(b->store, b->named[f->nproviders],
		    &f->providers[f->nproviders].provider, b->err);

		if (r < 0)
			return r;
	}
	char *other = str_dup(STR("other"));

	if (other == NULL)
		return no_memory(b);
	f->providers[f->nproviders++].provider = str_of(other);
	return 0;
}

static void
add_delay(struct figure_delay *delay, const struct sum *s)
{
	if (s->what == TALLY_DELAY_SUM) {
		sum_to(&delay->sum_us,
		    s->count < INT64_MAX / 1000 ? s->count * 1000 : INT64_MAX);
	} else if (s->value < FIGURE_BUCKETS) {
		sum_to(&delay->buckets[s->value], s->count);
		sum_to(&delay->n, s->count);
	}
}

static void
add_tls(struct figure_tls *tls, const struct sum *s)
{
	switch ((enum tally_tls)s->value) {
	case TALLY_PLAIN: sum_to(&tls->plain, s->count); break;
	case TALLY_ENCRYPTED: sum_to(&tls->encrypted, s->count); break;
	case TALLY_VERIFIED: sum_to(&tls->verified, s->count); break;
	default: break;
	}
}

static void
add_out(struct figure_provider *p, const struct sum *s)
{
	switch ((enum tally_what)s->what) {
	case TALLY_OUT:
		if (s->value < OUTCOME_COUNT)
			sum_to(&p->outcomes[s->value], s->count);
		break;
	case TALLY_TLS: add_tls(&p->tls, s); break;
	case TALLY_DELAY:
	case TALLY_DELAY_SUM: add_delay(&p->delay, s); break;
	default: break;
	}
}

static void
add_login(struct builder *b, const struct sum *s, uint32_t dovecot)
{
	bool failed = s->value > OUTCOME_DELIVERED;

	sum_to(failed ? &b->f->logins_failed : &b->f->logins, s->count);
	if (s->word == dovecot && dovecot != 0)
		sum_to(failed ? &b->f->dovecot_failed : &b->f->dovecot_logins, s->count);
}

static void
add_one(struct builder *b, const struct sum *s, uint32_t dovecot)
{
	struct figures *f = b->f;

	switch ((enum tally_what)s->what) {
	case TALLY_OUT:
	case TALLY_TLS:
	case TALLY_DELAY:
	case TALLY_DELAY_SUM:
		add_out(&f->out, s);
		add_out(&f->providers[place_of(b, s->provider)], s);
		break;
	case TALLY_LOCAL:
		if (s->value < OUTCOME_COUNT)
			sum_to(&f->local[s->value], s->count);
		break;
	case TALLY_INTERNAL: sum_to(&f->internal, s->count); break;
	case TALLY_REJECT: sum_to(&f->rejects, s->count); break;
	case TALLY_ACCEPTED:
		sum_to(&f->accepted, s->count);
		add_tls(&f->tls_in, s);
		break;
	case TALLY_LOGIN: add_login(b, s, dovecot); break;
	case TALLY_LIMIT:
		if (s->word == dovecot && dovecot != 0)
			sum_to(&f->dovecot_limits, s->count);
		break;
	case TALLY_STORED: sum_to(&f->stored, s->count); break;
	case TALLY_BOUNCE: sum_to(&f->bounces_made, s->count); break;
	default: break;
	}
}

static int
find_word(struct store *store, struct str text, uint32_t *number, struct err *err)
{
	struct query q = query_kept(&store->db, Q_WORD_FIND);

	query_text(&q, text);
	int r = query_next(&q, "read store", err);

	*number = r > 0 ? (uint32_t)query_col_int(&q, 0) : 0;
	query_end(&q);
	return r < 0 ? r : 0;
}

/* --- lists --- */

static int
by_count(const void *one, const void *other)
{
	const struct sum *a = one, *b = other;

	if (a->count != b->count)
		return a->count < b->count ? 1 : -1;
	return memcmp(a, b, offsetof(struct sum, count));
}

/* All of `sums` that were seen at all, the most frequent first; *n of them. */
static struct sum *
sorted(const struct sums *sums, size_t *n)
{
	struct sum *list = calloc(sums->n + 1, sizeof *list);
	const struct sum *s;
	size_t at = 0;

	*n = 0;
	while (list != NULL && (s = sums_next(sums, &at)) != NULL)
		if (s->count > 0)
			list[(*n)++] = *s;
	if (list != NULL)
		qsort(list, *n, sizeof *list, by_count);
	return list;
}

static int
name_reasons(struct builder *b, const struct sum *list, size_t n)
{
	struct figures *f = b->f;

	f->reasons = calloc(n + 1, sizeof *f->reasons);
	if (f->reasons == NULL)
		return no_memory(b);
	for (; f->nreasons < n; f->nreasons++) {
		const struct sum *s = &list[f->nreasons];
		struct figure_reason *reason = &f->reasons[f->nreasons];

		reason->provider = f->providers[s->provider].provider;
		reason->outcome = (enum event_outcome)s->value;
		reason->count = s->count;
		int r = sums_word(b->store, s->code, &reason->code_id, b->err);

		if (r < 0)
			return r;
		r = sums_word(b->store, s->word, &reason->category, b->err);
		if (r < 0) {
			free((void *)reason->code_id.p);
			return r;
		}
	}
	return 0;
}

static int
list_reasons(struct builder *b)
{
	AUTO(sums_done) struct sums reasons = { 0 };
	const struct sum *s;
	size_t at = 0, n;

	while ((s = sums_next(b->sums, &at)) != NULL) {
		struct sum one = *s;

		one.provider = (uint32_t)place_of(b, s->provider);
		if (s->what == TALLY_REASON && s->value < OUTCOME_COUNT &&
		    sums_add(&reasons, &one) < 0)
			return no_memory(b);
	}
	AUTO(auto_free) struct sum *list = sorted(&reasons, &n);

	if (list == NULL)
		return no_memory(b);
	return name_reasons(b, list, n < FIGURE_REASONS ? n : FIGURE_REASONS);
}

static int
list_rejected(struct builder *b)
{
	AUTO(sums_done) struct sums rejected = { 0 };
	struct figures *f = b->f;
	const struct sum *s;
	size_t at = 0, n;

	while ((s = sums_next(b->sums, &at)) != NULL)
		if (s->what == TALLY_REJECT && sums_add(&rejected, s) < 0)
			return no_memory(b);
	AUTO(auto_free) struct sum *list = sorted(&rejected, &n);

	f->rejected = calloc(n + 1, sizeof *f->rejected);
	if (list == NULL || f->rejected == NULL)
		return no_memory(b);
	for (; f->nrejected < n; f->nrejected++) {
		struct figure_name *name = &f->rejected[f->nrejected];
		int r = sums_word(b->store, list[f->nrejected].word, &name->name, b->err);

		if (r < 0)
			return r;
		name->count = list[f->nrejected].count;
	}
	return 0;
}

static int
build(struct builder *b)
{
	uint32_t dovecot;
	const struct sum *s;
	size_t at = 0;
	int r = find_word(b->store, STR("dovecot"), &dovecot, b->err);

	if (r == 0)
		r = choose_providers(b);
	if (r == 0)
		r = name_providers(b);
	if (r < 0)
		return r;
	while ((s = sums_next(b->sums, &at)) != NULL)
		add_one(b, s, dovecot);
	r = list_reasons(b);
	return r < 0 ? r : list_rejected(b);
}

/* --- what other tables tell --- */

static int
read_ledger(struct store *store, struct figures *f, struct err *err)
{
	AUTO(auto_query) struct query q = query_once(&store->db,
	    "SELECT sum(lines), sum(events), sum(ignored), sum(unparsed), sum(truncated), "
	    "sum(gaps), sum(bytes) FROM ledger WHERE hour >= ?1 AND hour < ?2");

	query_int(&q, f->from_us / US_PER_S);
	query_int(&q, f->until_us / US_PER_S);
	int r = query_next(&q, "read store", err);

	if (r > 0)
		f->ledger = (struct ledger_counts){
			.lines = query_col_int(&q, 0),
			.events = query_col_int(&q, 1),
			.ignored = query_col_int(&q, 2),
			.unparsed = query_col_int(&q, 3),
			.truncated = query_col_int(&q, 4),
			.gaps = query_col_int(&q, 5),
			.bytes = query_col_int(&q, 6),
		};
	return r < 0 ? r : 0;
}

static int
count_rows(struct store *store, const char *sql, const struct figures *f, int64_t *out,
    struct err *err)
{
	AUTO(auto_query) struct query q = query_once(&store->db, sql);

	query_int(&q, f->from_us);
	query_int(&q, f->until_us);
	int r = query_next(&q, "read store", err);

	if (r > 0)
		*out = query_col_int(&q, 0);
	return r < 0 ? r : 0;
}

static int
read_others(struct store *store, struct figures *f, struct err *err)
{
	int r = read_ledger(store, f, err);

	if (r == 0)
		r = reports_sum(store, f->from_us / US_PER_S, f->until_us / US_PER_S,
		    &f->reports, err);
	if (r == 0)
		r = count_rows(store, "SELECT count(*) FROM gap WHERE at >= ?1 AND at < ?2",
		    f, &f->gaps, err);
	/* Notices are those of rules/incident.h (see the assertions in migrate.c). */
	if (r == 0)
		r = count_rows(store,
		    "SELECT count(*) FROM change WHERE at >= ?1 AND at < ?2 AND notice = 1",
		    f, &f->incidents_opened, err);
	if (r == 0)
		r = count_rows(store,
		    "SELECT count(*) FROM change WHERE at >= ?1 AND at < ?2 AND notice = 3",
		    f, &f->incidents_resolved, err);
	return r;
}

static int
read_all(struct store *store, size_t providers, struct figures *f, struct err *err)
{
	AUTO(sums_done) struct sums sums = { 0 };
	struct builder b = {
		.store = store, .sums = &sums, .f = f, .most = providers, .err = err
	};
	int r = sums_read(store, f->from_us / US_PER_S, f->until_us / US_PER_S, &sums, err);

	if (r == 0)
		r = build(&b);
	return r < 0 ? r : read_others(store, f, err);
}

static int
get_figures(struct store *store, int64_t from_us, int64_t until_us, size_t providers,
    struct figures *out, struct err *err)
{
	struct figures f = { .out.provider = STR("all") };
	int64_t from, until;
	bool mine;

	sums_span(from_us, until_us, &from, &until);
	f.from_us = from * US_PER_S;
	f.until_us = until * US_PER_S;
	int r = sums_begin_look(store, &mine, err);

	if (r < 0)
		return r;
	r = read_all(store, providers, &f, err);
	sums_end_look(store, mine);
	if (r < 0) {
		figures_done(&f);
		return r;
	}
	*out = f;
	return 0;
}

int
store_get_figures(struct store *store, int64_t from_us, int64_t until_us,
    struct figures *out, struct err *err)
{
	return get_figures(store, from_us, until_us, FIGURE_PROVIDERS, out, err);
}

int
store_get_figures_of_all(struct store *store, int64_t from_us, int64_t until_us,
    struct figures *out, struct err *err)
{
	return get_figures(store, from_us, until_us, FIGURE_PROVIDERS_MOST, out, err);
}

void
figures_done(struct figures *f)
{
	for (size_t i = 0; i < f->nproviders; i++)
		free((void *)f->providers[i].provider.p);
	for (size_t i = 0; i < f->nreasons; i++) {
		free((void *)f->reasons[i].code_id.p);
		free((void *)f->reasons[i].category.p);
	}
	for (size_t i = 0; i < f->nrejected; i++)
		free((void *)f->rejected[i].name.p);
	free(f->providers);
	free(f->reasons);
	free(f->rejected);
	*f = (struct figures){ 0 };
}
