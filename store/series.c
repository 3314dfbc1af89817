/* What detectors count: a row for each rule and group, and its history. */
#include "store/private.h"

/* No detector looks further back than HISTORY_DAYS; the last few are a margin. */
enum { HISTORY_KEPT_S = (HISTORY_DAYS + 5) * 86400 };

int
store_save_series(struct store *store, const struct series_row *row, int64_t *number_out,
    struct err *err)
{
	int64_t number = row->number;
	int r = 0;

	if (number == 0 || row->renamed) {
		struct query add = query_kept(&store->db, Q_SERIES_ADD);

		query_int_or_null(&add, number != 0, number);
		query_text(&add, store_not_null(row->rule));
		query_text(&add, store_not_null(row->group));
		query_int(&add, row->mark);
		r = store_run(store, &add, err);
		if (number == 0)
			number = sqlite3_last_insert_rowid(store->db.sql);
	}
	if (r < 0)
		return r;
	struct query q = query_kept(&store->db, Q_SERIES_SAVE);

	query_int(&q, number);
	query_int(&q, row->touched);
	query_text(&q, store_not_null(row->body));
	r = store_run(store, &q, err);
	if (r == 0)
		*number_out = number;
	return r;
}

int
store_save_series_record(struct store *store, int64_t number,
    const struct series_record *record, struct err *err)
{
	struct query q = query_kept(&store->db, Q_SERIES_COUNT);

	query_int(&q, number);
	query_int(&q, record->at);
	query_int(&q, record->hits);
	query_int(&q, record->total);
	query_int(&q, record->peak);
	query_int(&q, record->squares);
	int r = store_run(store, &q, err);

	if (r < 0)
		return r;
	struct query old = query_kept(&store->db, Q_SERIES_FORGET_OLD);

	query_int(&old, number);
	query_int(&old, record->at - HISTORY_KEPT_S);
	return store_run(store, &old, err);
}

int
store_forget_series(struct store *store, int64_t number, struct err *err)
{
	static const enum query_id parts[] = { Q_SERIES_FORGET_COUNTS, Q_SERIES_FORGET_BODY,
		Q_SERIES_FORGET };
	int r = 0;

	for (size_t i = 0; r == 0 && i < sizeof parts / sizeof *parts; i++) {
		struct query q = query_kept(&store->db, parts[i]);

		query_int(&q, number);
		r = store_run(store, &q, err);
	}
	return r;
}

int
store_each_series(struct store *store, store_series_fn *fn, void *ctx, struct err *err)
{
	AUTO(auto_query) struct query q = query_once(&store->db,
	    "SELECT id, rule, fields, mark, touched, body FROM series "
	    "JOIN series_body ON series = id ORDER BY touched, id");
	int r;

	while ((r = query_next(&q, "read store", err)) > 0) {
		const struct series_row row = {
			.number = query_col_int(&q, 0),
			.rule = query_col_text(&q, 1),
			.group = query_col_text(&q, 2),
			.mark = query_col_int(&q, 3),
			.touched = query_col_int(&q, 4),
			.body = query_col_text(&q, 5),
		};

		if ((r = fn(ctx, &row)) != 0)
			return r;
	}
	return r;
}

int
store_each_series_record(struct store *store, int64_t number, store_series_record_fn *fn,
    void *ctx, struct err *err)
{
	AUTO(auto_query) struct query q = query_once(&store->db,
	    "SELECT at, hits, total, peak, squares FROM series_count WHERE series = ?1 "
	    "ORDER BY at");
	int r;

	query_int(&q, number);
	while ((r = query_next(&q, "read store", err)) > 0) {
		const struct series_record record = {
			.at = query_col_int(&q, 0),
			.hits = query_col_int(&q, 1),
			.total = query_col_int(&q, 2),
			.peak = query_col_int(&q, 3),
			.squares = query_col_int(&q, 4),
		};

		if ((r = fn(ctx, &record)) != 0)
			return r;
	}
	return r;
}
