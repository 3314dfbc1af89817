/* The outbox: notices that wait for a channel, and those that were taken. */
#include "store/private.h"

int
store_outbox_add(struct store *store, const struct outbox_row *row, struct err *err)
{
	struct query q = query_kept(&store->db, Q_OUTBOX_ADD);

	query_text(&q, store_not_null(row->id));
	query_text(&q, store_not_null(row->incident));
	query_int(&q, row->notice);
	query_int(&q, row->created_us);
	query_int(&q, row->due_us);
	query_int(&q, row->tries);
	query_text(&q, store_not_null(row->last_error));
	return store_run(store, &q, err);
}

int
store_outbox_withdraw(struct store *store, struct str incident, enum notice notice,
    struct err *err)
{
	struct query q = query_kept(&store->db, Q_OUTBOX_WITHDRAW);

	query_text(&q, incident);
	query_int(&q, notice);
	int r = store_run(store, &q, err);

	return r < 0 ? r : sqlite3_changes(store->db.sql);
}

static struct outbox_row
read_row(const struct query *q)
{
	return (struct outbox_row){
		.id = query_col_text(q, 0),
		.incident = query_col_text(q, 1),
		.notice = (enum notice)query_col_int(q, 2),
		.created_us = query_col_int(q, 3),
		.due_us = query_col_int(q, 4),
		.tries = query_col_int(q, 5),
		.last_error = query_col_text(q, 6),
	};
}

int
store_outbox_never_told(struct store *store, struct str incident, int64_t now_us,
    struct err *err)
{
	/* Held back: waiting, never tried, not due. The opening counts that was written
	 * last; what was told since then tells of the incident as well. */
	AUTO(auto_query) struct query ask = query_once(&store->db,
	    "SELECT sent IS NULL AND tries = 0 AND due > ?2 AND NOT EXISTS (SELECT 1 FROM "
	    "outbox AS later WHERE later.incident = ?1 AND later.seq > outbox.seq AND "
	    "NOT (later.sent IS NULL AND later.tries = 0 AND later.due > ?2)) "
	    "FROM outbox WHERE incident = ?1 AND notice = 1 ORDER BY seq DESC LIMIT 1");
	struct query q = query_once(&store->db,
	    "DELETE FROM outbox WHERE incident = ?1 AND sent IS NULL AND tries = 0 "
	    "AND due > ?2");

	query_text(&ask, incident);
	query_int(&ask, now_us);
	int r = query_next(&ask, "read store", err);
	bool never = r > 0 && query_col_int(&ask, 0) != 0;

	query_end(&ask);
	query_text(&q, incident);
	query_int(&q, now_us);
	if (r < 0) {
		query_end(&q);
		return r;
	}
	r = store_run(store, &q, err);
	return r < 0 ? r : never;
}

int
store_each_notice(struct store *store, struct str incident, store_notice_fn *fn, void *ctx,
    struct err *err)
{
	AUTO(auto_query) struct query q = query_once(&store->db,
	    "SELECT id, incident, notice, created, due, tries, last_error, sent FROM outbox "
	    "WHERE incident = ?1 ORDER BY created, seq");
	int r;

	query_text(&q, incident);
	while ((r = query_next(&q, "read store", err)) > 0) {
		struct outbox_row row = read_row(&q);

		if ((r = fn(ctx, &row, query_col_int(&q, 7))) != 0)
			return r;
	}
	return r;
}

int
store_each_outbox(struct store *store, int64_t now_us, store_outbox_fn *fn, void *ctx,
    struct err *err)
{
	AUTO(auto_query) struct query q = query_once(&store->db,
	    "SELECT id, incident, notice, created, due, tries, last_error FROM outbox "
	    "WHERE sent IS NULL AND due <= ?1 ORDER BY created, seq");
	int r;

	query_int(&q, now_us);
	while ((r = query_next(&q, "read store", err)) > 0) {
		struct outbox_row row = read_row(&q);

		if ((r = fn(ctx, &row)) != 0)
			return r;
	}
	return r;
}
