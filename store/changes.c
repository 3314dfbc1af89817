/* What happened to incidents, and who acknowledged them. */
#include <errno.h>

#include "store/private.h"

int
store_add_change(struct store *store, const struct incident *incident, enum notice notice,
    int64_t at_us, struct err *err)
{
	int r = store_may_write(store, err);

	if (r < 0)
		return r;
	buf_clear(&store->body);
	incident_json(incident, &store->body);
	if (store->body.failed)
		return store_wrote(store,
		    err_set(err, -ENOMEM, "write to store %s: out of memory",
			store->db.path));
	struct query q = query_once(&store->db,
	    "INSERT INTO change (incident, at, notice, body) VALUES (?1, ?2, ?3, ?4)");

	query_text(&q, store_not_null(incident->id));
	query_int(&q, at_us);
	query_int(&q, notice);
	query_text(&q, buf_str(&store->body));
	return store_run(store, &q, err);
}

int
store_each_change(struct store *store, struct str incident, store_change_fn *fn, void *ctx,
    struct err *err)
{
	AUTO(auto_query) struct query q = query_once(&store->db,
	    "SELECT id, at, notice, body FROM change WHERE incident = ?1 ORDER BY id");
	int r;

	query_text(&q, incident);
	while ((r = query_next(&q, "read store", err)) > 0) {
		struct change_row row = {
			.id = query_col_int(&q, 0),
			.at_us = query_col_int(&q, 1),
			.notice = (enum notice)query_col_int(&q, 2),
			.body = query_col_text(&q, 3),
		};

		if ((r = fn(ctx, &row)) != 0)
			return r;
	}
	return r;
}

int
store_ack(struct store *store, struct str incident, const struct ack *ack, struct err *err)
{
	struct query q = query_once(&store->db,
	    "INSERT INTO ack (incident, at, who, note) VALUES (?1, ?2, ?3, ?4) "
	    "ON CONFLICT (incident) DO UPDATE SET at = ?2, who = ?3, note = ?4");

	query_text(&q, store_not_null(incident));
	query_int(&q, ack->at_us);
	query_text(&q, store_not_null(str_head(ack->who, STORE_TEXT_BYTES)));
	query_text(&q, store_not_null(str_head(ack->note, STORE_TEXT_BYTES)));
	int r = store_run(store, &q, err);

	return r < 0 ? r : store_outbox_withdraw(store, incident, NOTICE_OPENED, err);
}

int
store_unack(struct store *store, struct str incident, struct err *err)
{
	struct query q = query_once(&store->db, "DELETE FROM ack WHERE incident = ?1");

	query_text(&q, incident);
	int r = store_run(store, &q, err);

	return r < 0 ? r : sqlite3_changes(store->db.sql) > 0;
}
