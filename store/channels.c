#include "store/channels.h"

#include <assert.h>
#include <errno.h>

#include "store/private.h"

static_assert(CHANNEL_FAULT_LOGIN == 1 && CHANNEL_FAULT_REFUSED == 2, "as stored");

#define CHANNEL_COLUMNS                                                                  \
	"name, kind, failing_since, tries, login, last_error, last_sent, "               \
	"(SELECT count(*) FROM delivery WHERE delivery.channel = name AND sent IS NULL " \
	"AND due IS NOT NULL), "                                                         \
	"(SELECT coalesce(min(due), 0) FROM delivery WHERE delivery.channel = name AND " \
	"sent IS NULL AND due IS NOT NULL AND delivery.tries > 0) "

int
channel_row_add(struct store *store, struct str name, struct str kind, struct err *err)
{
	struct query q = query_once(&store->db,
	    "INSERT INTO channel (name, kind, failing_since, tries, login, last_error, "
	    "last_sent) VALUES (?1, ?2, 0, 0, 0, '', 0) "
	    "ON CONFLICT (name) DO UPDATE SET kind = ?2 WHERE kind <> ?2");

	query_text(&q, name);
	query_text(&q, store_not_null(kind));
	return store_run(store, &q, err);
}

int
channel_row_forget(struct store *store, struct str name, struct err *err)
{
	struct query q = query_once(&store->db, "DELETE FROM channel WHERE name = ?1");

	query_text(&q, name);
	return store_run(store, &q, err);
}

int
channel_row_worked(struct store *store, struct str name, int64_t now_us, struct err *err)
{
	struct query q = query_once(&store->db,
	    "UPDATE channel SET failing_since = 0, tries = 0, login = 0, last_error = '', "
	    "last_sent = ?2 WHERE name = ?1");

	query_text(&q, name);
	query_int(&q, now_us);
	return store_run(store, &q, err);
}

int
channel_row_failed(struct store *store, struct str name, enum channel_fault fault,
    struct str reason, int64_t now_us, struct err *err)
{
	/* A clock that was set back must not make it look as if it failed since tomorrow. */
	struct query q = query_once(&store->db,
	    "UPDATE channel SET failing_since = CASE WHEN failing_since = 0 OR "
	    "failing_since > ?2 OR (login = 2) <> (?3 = 2) THEN ?2 ELSE failing_since END, "
	    "tries = tries + 1, login = ?3, last_error = ?4 WHERE name = ?1");

	query_text(&q, name);
	query_int(&q, now_us);
	query_int(&q, fault);
	query_text(&q, store_not_null(str_head(reason, STORE_TEXT_BYTES)));
	return store_run(store, &q, err);
}

static struct channel_row
read_row(const struct query *q)
{
	return (struct channel_row){
		.name = query_col_text(q, 0),
		.kind = query_col_text(q, 1),
		.failing_since_us = query_col_int(q, 2),
		.tries = query_col_int(q, 3),
		.fault = (enum channel_fault)query_col_int(q, 4),
		.last_error = query_col_text(q, 5),
		.last_sent_us = query_col_int(q, 6),
		.waiting = query_col_int(q, 7),
		.next_try_us = query_col_int(q, 8),
	};
}

int
channel_row_each(struct store *store, channel_row_fn *fn, void *ctx, struct err *err)
{
	AUTO(auto_query) struct query q = query_once(&store->db,
	    "SELECT " CHANNEL_COLUMNS "FROM channel ORDER BY name");
	int r;

	while ((r = query_next(&q, "read store", err)) > 0) {
		struct channel_row row = read_row(&q);

		if ((r = fn(ctx, &row)) != 0)
			return r;
	}
	return r;
}

int
channel_row_find(struct store *store, struct str name, struct channel_row *out,
    struct err *err)
{
	AUTO(auto_query) struct query q = query_once(&store->db,
	    "SELECT '', '', failing_since, tries, login, '', last_sent, 0, 0 FROM channel "
	    "WHERE name = ?1");

	query_text(&q, name);
	int r = query_next(&q, "read store", err);

	if (r == 0)
		return err_set(err, -ENOENT, "no channel %.*s in %s", STR_ARG(name),
		    store->db.path);
	if (r < 0)
		return r;
	*out = read_row(&q);
	out->name = out->kind = out->last_error = STR("");
	return 0;
}
