/* Sums over a span, from rollups and ledger: their first hour counts whole. */
#include <assert.h>

#include "store/private.h"

/*
 * What counts as somebody's delivery: attempts and rejects, and messages that expired,
 * whatever kind of line said so; not the hand-over to a filter here. A reject counts as
 * rejected even where its reply was a 4xx. The numbers are those of core/event.h (see
 * the assertions in migrate.c).
 */
#define COUNTS_AS "CASE kind WHEN 4 THEN 5 ELSE outcome END"
#define COUNTED "(kind = 4 OR (direction <> 4 AND (kind = 3 OR outcome = 4)))"

static int
sum_outcomes(struct store *store, int64_t hour, struct store_totals *t, struct err *err)
{
	AUTO(auto_query) struct query q = query_once(&store->db,
	    "SELECT " COUNTS_AS ", " COUNTED ", kind, sum(count) FROM rollup "
	    "WHERE hour >= ?1 AND (kind IN (3, 4, 5) OR outcome = 4) "
	    "GROUP BY 1, 2, 3");
	int r;

	query_int(&q, hour);
	while ((r = query_next(&q, "read store", err)) > 0) {
		int64_t outcome = query_col_int(&q, 0), count = query_col_int(&q, 3);

		if (query_col_int(&q, 1) != 0 && outcome >= 0 && outcome < OUTCOME_COUNT)
			t->outcomes[outcome] += count;
		else if (query_col_int(&q, 2) == KIND_ATTEMPT)
			t->internal += count;
		if (query_col_int(&q, 2) == KIND_STORED)
			t->stored += count;
	}
	return r;
}

static struct ledger_counts
read_ledger(const struct query *q, int first)
{
	return (struct ledger_counts){
		.lines = query_col_int(q, first),
		.events = query_col_int(q, first + 1),
		.ignored = query_col_int(q, first + 2),
		.unparsed = query_col_int(q, first + 3),
		.truncated = query_col_int(q, first + 4),
		.gaps = query_col_int(q, first + 5),
		.bytes = query_col_int(q, first + 6),
	};
}

static int
sum_ledger(struct store *store, int64_t hour, struct store_totals *t, struct err *err)
{
	AUTO(auto_query) struct query q = query_once(&store->db,
	    "SELECT sum(lines), sum(events), sum(ignored), sum(unparsed), sum(truncated), "
	    "sum(gaps), sum(bytes) FROM ledger WHERE hour >= ?1");

	query_int(&q, hour);
	int r = query_next(&q, "read store", err);

	if (r > 0)
		t->ledger = read_ledger(&q, 0);
	return r < 0 ? r : 0;
}

/* A reminder (7) that is to come is not called waiting. */
static int
count_outbox(struct store *store, int64_t since_us, struct store_totals *t, struct err *err)
{
	AUTO(auto_query) struct query q =
		query_once(&store->db, "SELECT count(*) FILTER (WHERE sent IS NULL AND NOT "
				       "(notice = 7 AND tries = 0)), "
				       "count(*) FILTER (WHERE sent >= ?1 AND tries > 0) "
				       "FROM outbox");

	query_int(&q, since_us);
	int r = query_next(&q, "read store", err);

	if (r > 0) {
		t->outbox_waiting = query_col_int(&q, 0);
		t->outbox_sent = query_col_int(&q, 1);
	}
	return r < 0 ? r : 0;
}

int
store_get_totals(struct store *store, int64_t since_us, struct store_totals *out,
    struct err *err)
{
	int64_t hour = store_hour(since_us);
	struct store_totals t = { .hour_us = hour * US_PER_S };
	int r = sum_outcomes(store, hour, &t, err);

	if (r == 0)
		r = sum_ledger(store, hour, &t, err);
	if (r == 0)
		r = count_outbox(store, since_us, &t, err);
	if (r < 0)
		return r;
	*out = t;
	return 0;
}

int
store_each_provider(struct store *store, int64_t since_us, store_provider_fn *fn, void *ctx,
    struct err *err)
{
	AUTO(auto_query) struct query q = query_once(&store->db,
	    "SELECT coalesce(word.text, CASE direction WHEN 3 THEN 'local' ELSE 'other' "
	    "END), "
	    "sum(count) FILTER (WHERE " COUNTS_AS " = 0), "
	    "sum(count) FILTER (WHERE " COUNTS_AS " = 1), "
	    "sum(count) FILTER (WHERE " COUNTS_AS " = 2), "
	    "sum(count) FILTER (WHERE " COUNTS_AS " = 3), "
	    "sum(count) FILTER (WHERE " COUNTS_AS " = 4), "
	    "sum(count) FILTER (WHERE " COUNTS_AS " = 5) "
	    "FROM rollup LEFT JOIN word ON word.id = provider "
	    "WHERE hour >= ?1 AND " COUNTED " GROUP BY 1 ORDER BY sum(count) DESC, 1");
	int r;

	static_assert(OUTCOME_COUNT == 6, "one sum for each outcome");
	query_int(&q, store_hour(since_us));
	while ((r = query_next(&q, "read store", err)) > 0) {
		int64_t outcomes[OUTCOME_COUNT];

		for (int i = 0; i < OUTCOME_COUNT; i++)
			outcomes[i] = query_col_int(&q, i + 1);
		if ((r = fn(ctx, query_col_text(&q, 0), outcomes)) != 0)
			return r;
	}
	return r;
}

int
store_each_source(struct store *store, int64_t since_us, store_source_fn *fn, void *ctx,
    struct err *err)
{
	AUTO(auto_query) struct query q = query_once(&store->db,
	    "WITH sums AS (SELECT source, sum(lines) AS lines, sum(events) AS events, "
	    "sum(ignored) AS ignored, sum(unparsed) AS unparsed, "
	    "sum(truncated) AS truncated, sum(gaps) AS gaps, sum(bytes) AS bytes "
	    "FROM ledger WHERE hour >= ?1 GROUP BY source), "
	    "known AS (SELECT source FROM cursor UNION SELECT source FROM sums) "
	    "SELECT source, cursor.at, lines, events, ignored, unparsed, truncated, gaps, "
	    "bytes FROM known LEFT JOIN cursor USING (source) LEFT JOIN sums USING "
	    "(source) "
	    "ORDER BY source");
	int r;

	query_int(&q, store_hour(since_us));
	while ((r = query_next(&q, "read store", err)) > 0) {
		struct ledger_counts counts = read_ledger(&q, 2);

		r = fn(ctx, query_col_text(&q, 0), query_col_int(&q, 1), &counts);
		if (r != 0)
			return r;
	}
	return r;
}

int
store_get_version(struct store *store, int64_t *out, struct err *err)
{
	AUTO(auto_query) struct query q = query_once(&store->db, "PRAGMA data_version");
	int r = query_next(&q, "read store", err);

	if (r > 0)
		*out = query_col_int(&q, 0);
	return r < 0 ? r : 0;
}
