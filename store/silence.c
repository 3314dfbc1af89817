/* Silences, and the notices that wait for their end. */
#include "rules/silence.h"

#include <errno.h>

#include "store/private.h"

int
store_each_silence(struct store *store, int64_t now_us, store_silence_fn *fn, void *ctx,
    struct err *err)
{
	AUTO(auto_query) struct query q = query_once(&store->db,
	    "SELECT id, match, reason, who, created, until FROM silence WHERE until > ?1 "
	    "ORDER BY until, id");
	int r;

	query_int(&q, now_us);
	while ((r = query_next(&q, "read store", err)) > 0) {
		struct silence_row row = {
			.id = query_col_int(&q, 0),
			.match = query_col_text(&q, 1),
			.reason = query_col_text(&q, 2),
			.who = query_col_text(&q, 3),
			.created_us = query_col_int(&q, 4),
			.until_us = query_col_int(&q, 5),
		};

		if ((r = fn(ctx, &row)) != 0)
			return r;
	}
	return r;
}

struct asked {
	const struct incident *incident;
	int64_t until_us;
};

static int
take_until(void *ctx, const struct silence_row *row)
{
	struct asked *asked = ctx;

	if (row->until_us > asked->until_us && silence_matches(row->match, asked->incident))
		asked->until_us = row->until_us;
	return 0;
}

int
store_silenced_until(struct store *store, const struct incident *incident, int64_t now_us,
    int64_t *until_us_out, struct err *err)
{
	struct asked asked = { incident, 0 };
	int r = store_each_silence(store, now_us, take_until, &asked, err);

	if (r == 0)
		*until_us_out = asked.until_us;
	return r;
}

/* --- a new one --- */

struct fresh {
	struct store *store;
	const struct silence_row *row;
	struct err *err;
};

static int
hold_notices(void *ctx, const struct incident *incident)
{
	const struct fresh *fresh = ctx;

	if (!silence_matches(fresh->row->match, incident))
		return 0;
	struct query q = query_once(&fresh->store->db,
	    "UPDATE outbox SET due = ?2 WHERE incident = ?1 AND sent IS NULL AND tries = 0 "
	    "AND due < ?2");

	query_text(&q, incident->id);
	query_int(&q, fresh->row->until_us);
	return store_run(fresh->store, &q, fresh->err);
}

int
store_silence_add(struct store *store, const struct silence_row *row, int64_t *id_out,
    struct err *err)
{
	struct fresh fresh = { store, row, err };
	struct query q = query_once(&store->db,
	    "INSERT INTO silence (match, reason, who, created, until) "
	    "VALUES (?1, ?2, ?3, ?4, ?5)");

	query_text(&q, store_not_null(row->match));
	query_text(&q, store_not_null(str_head(row->reason, STORE_TEXT_BYTES)));
	query_text(&q, store_not_null(str_head(row->who, STORE_TEXT_BYTES)));
	query_int(&q, row->created_us);
	query_int(&q, row->until_us);
	int r = store_run(store, &q, err);

	if (r < 0)
		return r;
	int64_t id = sqlite3_last_insert_rowid(store->db.sql);

	r = store_each_incident(store, INCIDENTS_OPEN, 0, hold_notices, &fresh, err);
	if (r == 0)
		*id_out = id;
	return r;
}

/* --- its end --- */

struct ending {
	struct store *store;
	int64_t old_us, now_us;
	int64_t freed; /* notices that are due now */
	struct err *err;
};

static int
set_due(struct ending *e, struct str incident, int64_t due_us)
{
	struct query q = query_once(&e->store->db,
	    "UPDATE outbox SET due = ?2 WHERE incident = ?1 AND sent IS NULL AND tries = 0 "
	    "AND due = ?3");

	query_text(&q, incident);
	query_int(&q, due_us);
	query_int(&q, e->old_us);
	int r = store_run(e->store, &q, e->err);

	if (r == 0 && due_us <= e->now_us)
		e->freed += sqlite3_changes(e->store->db.sql);
	return r;
}

static int
free_notices(void *ctx, const struct incident *incident)
{
	struct ending *e = ctx;
	int64_t until_us = 0;
	int r = store_silenced_until(e->store, incident, e->now_us, &until_us, e->err);

	if (r < 0)
		return r;
	return set_due(e, incident->id, until_us > e->now_us ? until_us : e->now_us);
}

/* The incidents whose notices wait for that time, as lines. */
static int
waiting_until(struct ending *e, struct buf *out)
{
	AUTO(auto_query) struct query q = query_once(&e->store->db,
	    "SELECT DISTINCT incident FROM outbox WHERE sent IS NULL AND tries = 0 "
	    "AND due = ?1");
	int r;

	query_int(&q, e->old_us);
	while ((r = query_next(&q, "read store", e->err)) > 0) {
		buf_add(out, query_col_text(&q, 0));
		buf_add_char(out, '\n');
	}
	if (r == 0 && out->failed)
		return err_set(e->err, -ENOMEM, "read store: out of memory");
	return r;
}

static int
free_all(struct ending *e)
{
	AUTO(buf_done) struct buf ids = { 0 };
	int r = waiting_until(e, &ids);
	struct str rest = buf_str(&ids);

	while (r == 0 && rest.n > 0) {
		struct str id = str_cut(&rest, '\n');

		r = store_find_incident(e->store, id, free_notices, e, e->err);
		if (r == -ENOENT) /* deleted by somebody; its notice is still owed */
			r = set_due(e, id, e->now_us);
	}
	return r;
}

static int
lasts_until(struct store *store, int64_t id, int64_t now_us, int64_t *until_us,
    struct err *err)
{
	AUTO(auto_query) struct query q = query_once(&store->db,
	    "SELECT until FROM silence WHERE id = ?1 AND until > ?2");

	query_int(&q, id);
	query_int(&q, now_us);
	int r = query_next(&q, "read store", err);

	if (r == 0)
		return err_set(err, -ENOENT, "no silence %lld lasts in %s", (long long)id,
		    store->db.path);
	if (r > 0)
		*until_us = query_col_int(&q, 0);
	return r < 0 ? r : 0;
}

int
store_silence_end(struct store *store, int64_t id, int64_t now_us, int64_t *freed_out,
    struct err *err)
{
	struct ending e = { .store = store, .now_us = now_us, .err = err };
	int r = lasts_until(store, id, now_us, &e.old_us, err);

	if (r < 0)
		return r;
	struct query q =
	    query_once(&store->db, "UPDATE silence SET until = ?2 WHERE id = ?1");

	query_int(&q, id);
	query_int(&q, now_us);
	if ((r = store_run(store, &q, err)) == 0)
		r = free_all(&e);
	if (r == 0)
		*freed_out = e.freed;
	return r;
}
