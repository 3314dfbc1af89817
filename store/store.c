#include "store/store.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

#include "store/private.h"

int64_t
store_hour(int64_t at_us)
{
	int64_t hour = at_us / store_hour_us;

	if (at_us % store_hour_us < 0)
		hour--;
	return hour * 3600;
}

struct str
store_not_null(struct str text)
{
	return text.p == NULL ? STR("") : text;
}

int
store_open(const char *path, enum store_mode mode, struct store **store_out,
    struct err *err)
{
	/* Most of it stays untouched, and so without memory, in who does not add events. */
	struct store *store = calloc(1, sizeof *store);

	if (store == NULL)
		return err_set(err, -ENOMEM, "open store %s: out of memory", path);
	int r = db_open(&store->db, path, mode, err);

	if (r < 0) {
		store_close(store);
		return r;
	}
	*store_out = store;
	return 0;
}

void
store_close(struct store *store)
{
	if (store == NULL)
		return;
	if (store->begun)
		store_rollback(store);
	db_close(&store->db);
	buf_done(&store->body);
	free(store);
}

/* --- transactions --- */

static void
forget_batch(struct store *store)
{
	/* After some faults (disk full) SQLite has rolled back by itself: then there is
	 * nothing to do, and if this one fails, too, the connection is as good as closed.
	 */
	if (sqlite3_get_autocommit(store->db.sql) == 0)
		(void)sqlite3_exec(store->db.sql, "ROLLBACK", NULL, NULL, NULL);
	store->begun = false;
	words_clear(&store->words);
	rollups_clear(&store->rollups);
	tallies_clear(&store->tallies);
	messages_clear(&store->messages);
}

int
store_may_write(struct store *store, struct err *err)
{
	if (store->db.mode == STORE_READ)
		return err_set(err, -EROFS, "write to store %s: opened for reading only",
		    store->db.path);
	if (store->failed < 0)
		return err_set(err, store->failed,
		    "write to store %s: the batch was given up after an earlier fault",
		    store->db.path);
	return 0;
}

int
store_wrote(struct store *store, int r)
{
	if (r < 0 && store->begun) {
		forget_batch(store);
		store->failed = r;
	}
	return r;
}

int
store_run(struct store *store, struct query *q, struct err *err)
{
	int r = store_may_write(store, err);

	if (r < 0) {
		query_end(q);
		return r;
	}
	return store_wrote(store, query_run(q, "write to store", err));
}

int
store_begin(struct store *store, struct err *err)
{
	assert(!store->begun);
	store->failed = 0;
	int r = store_may_write(store, err);

	if (r < 0)
		return r;
	struct query q = query_kept(&store->db, Q_BEGIN);

	if ((r = query_run(&q, "write to store", err)) == 0)
		store->begun = true;
	return r;
}

int
store_commit(struct store *store, struct err *err)
{
	int r = store_may_write(store, err);

	if (r < 0)
		return r;
	assert(store->begun);
	r = messages_flush(&store->messages, &store->db, err);
	if (r == 0)
		r = rollups_flush(&store->rollups, &store->db, err);
	if (r == 0)
		r = tallies_flush(&store->tallies, &store->db, err);
	if (r == 0) {
		struct query q = query_kept(&store->db, Q_COMMIT);

		r = query_run(&q, "write to store", err);
	}
	if (r < 0)
		return store_wrote(store, r);
	store->begun = false;
	return 0;
}

void
store_rollback(struct store *store)
{
	if (store->begun)
		forget_batch(store);
	store->failed = 0;
}

/* --- cursors, ledger, meta --- */

static int
get_text(struct query *q, struct buf *out, struct err *err)
{
	int r = query_next(q, "read store", err);

	if (r > 0)
		buf_add(out, query_col_text(q, 0));
	query_end(q);
	if (r > 0 && out->failed)
		return err_set(err, -ENOMEM, "read store: out of memory");
	return r;
}

int
store_cursor_get(struct store *store, struct str source, struct buf *out, struct err *err)
{
	struct query q = query_kept(&store->db, Q_CURSOR_GET);

	query_text(&q, source);
	int r = get_text(&q, out, err);

	if (r == 0)
		return err_set(err, -ENOENT, "read store %s: no position for %.*s",
		    store->db.path, STR_ARG(source));
	return r < 0 ? r : 0;
}

int
store_cursor_set(struct store *store, struct str source, struct str cursor, int64_t now_us,
    struct err *err)
{
	struct query q = query_kept(&store->db, Q_CURSOR_SET);

	query_text(&q, source);
	query_text(&q, store_not_null(cursor));
	query_int(&q, now_us);
	return store_run(store, &q, err);
}

int
store_meta_get(struct store *store, struct str key, struct buf *out, struct err *err)
{
	struct query q = query_kept(&store->db, Q_META_GET);

	query_text(&q, key);
	int r = get_text(&q, out, err);

	return r < 0 ? r : 0;
}

int
store_meta_set(struct store *store, struct str key, struct str value, struct err *err)
{
	struct query q = query_kept(&store->db, Q_META_SET);

	query_text(&q, key);
	query_text(&q, store_not_null(value));
	return store_run(store, &q, err);
}

int
store_add_ledger(struct store *store, struct str source, int64_t hour_us,
    const struct ledger_counts *counts, struct err *err)
{
	struct query q = query_kept(&store->db, Q_LEDGER_ADD);

	query_text(&q, source);
	query_int(&q, store_hour(hour_us));
	query_int(&q, counts->lines);
	query_int(&q, counts->events);
	query_int(&q, counts->ignored);
	query_int(&q, counts->unparsed);
	query_int(&q, counts->truncated);
	query_int(&q, counts->gaps);
	query_int(&q, counts->bytes);
	return store_run(store, &q, err);
}

int
store_add_gap(struct store *store, struct str source, int64_t at_us, struct str what,
    struct str detail, struct err *err)
{
	struct query q = query_kept(&store->db, Q_GAP_ADD);

	query_text(&q, source);
	query_int(&q, at_us);
	query_text(&q, store_not_null(what));
	query_text(&q, store_not_null(detail));
	return store_run(store, &q, err);
}

int
store_each_gap(struct store *store, int64_t since_us, store_gap_fn *fn, void *ctx,
    struct err *err)
{
	AUTO(auto_query) struct query q = query_once(&store->db,
	    "SELECT source, at, what, detail FROM gap WHERE at >= ?1 ORDER BY at, id");
	int r;

	query_int(&q, since_us);
	while ((r = query_next(&q, "read store", err)) > 0) {
		r = fn(ctx, query_col_text(&q, 0), query_col_int(&q, 1),
		    query_col_text(&q, 2), query_col_text(&q, 3));
		if (r != 0)
			return r;
	}
	return r;
}

int
store_save_slot(struct store *store, const struct context_slot *slot, struct err *err)
{
	struct query q = query_kept(&store->db, Q_SLOT_SAVE);

	query_int(&q, slot->number);
	query_int(&q, (int64_t)slot->key);
	query_int(&q, slot->at);
	query_text(&q, store_not_null(slot->provider));
	return store_run(store, &q, err);
}

int
store_each_slot(struct store *store, store_slot_fn *fn, void *ctx, struct err *err)
{
	AUTO(auto_query) struct query q =
		query_once(&store->db, "SELECT number, key, at, provider FROM slot");
	int r;

	while ((r = query_next(&q, "read store", err)) > 0) {
		struct context_slot slot = {
			.number = query_col_int(&q, 0),
			.key = (uint64_t)query_col_int(&q, 1),
			.at = query_col_int(&q, 2),
			.provider = query_col_text(&q, 3),
		};

		if ((r = fn(ctx, &slot)) != 0)
			return r;
	}
	return r;
}
