/* Incidents: one row each, kept for ever. */
#include <errno.h>

#include "core/plain.h"
#include "core/sketch.h"
#include "store/private.h"

enum { SHOWN_ID_BYTES = 60 }; /* of what somebody took for an id */

#define INCIDENT_COLUMNS                                                                 \
	"id, rule, severity, state, fields, host, provider, code_id, category, opened, " \
	"last_seen, resolved, told, count, streak, summary, advice, url, affected, "     \
	"samples, seen, trouble, relapses, senders, recipients, ack.at, ack.who, ack.note, noticed, lag"
#define FROM_INCIDENT "FROM incident LEFT JOIN ack ON ack.incident = incident.id "

int
store_save_incident(struct store *store, const struct incident *i, struct err *err)
{
	struct query q = query_kept(&store->db, Q_INCIDENT_SAVE);

	query_text(&q, store_not_null(i->id));
	query_text(&q, store_not_null(i->rule));
	query_int(&q, i->severity);
	query_int(&q, i->state);
	query_text(&q, store_not_null(i->group));
	query_text(&q, store_not_null(i->host));
	query_text(&q, store_not_null(i->provider));
	query_text(&q, store_not_null(i->code_id));
	query_text(&q, store_not_null(i->category));
	query_int(&q, i->opened_us);
	query_int(&q, i->last_seen_us);
	query_int(&q, i->resolved_us);
	query_int(&q, i->told_us);
	query_int(&q, i->count);
	query_int(&q, i->streak);
	query_text(&q, store_not_null(i->summary));
	query_text(&q, store_not_null(i->advice));
	query_text(&q, store_not_null(i->url));
	query_text(&q, store_not_null(i->affected));
	query_text(&q, store_not_null(i->samples));
	query_text(&q, store_not_null(i->seen));
	query_text(&q, store_not_null(i->trouble));
	query_int(&q, i->relapses);
	query_text(&q, store_not_null(i->senders_seen));
	query_text(&q, store_not_null(i->recipients_seen));
	query_int(&q, i->noticed_us);
	query_int(&q, i->lag_us);
	return store_run(store, &q, err);
}

int
store_forget_incident(struct store *store, struct str id, struct err *err)
{
	struct query q = query_kept(&store->db, Q_INCIDENT_FORGET);

	query_text(&q, id);
	return store_run(store, &q, err);
}

static struct incident
read_row(const struct query *q)
{
	return (struct incident){
		.id = query_col_text(q, 0),
		.rule = query_col_text(q, 1),
		.severity = (enum severity)query_col_int(q, 2),
		.state = (enum incident_state)query_col_int(q, 3),
		.group = query_col_text(q, 4),
		.host = query_col_text(q, 5),
		.provider = query_col_text(q, 6),
		.code_id = query_col_text(q, 7),
		.category = query_col_text(q, 8),
		.opened_us = query_col_int(q, 9),
		.last_seen_us = query_col_int(q, 10),
		.resolved_us = query_col_int(q, 11),
		.told_us = query_col_int(q, 12),
		.count = query_col_int(q, 13),
		.streak = query_col_int(q, 14),
		.summary = query_col_text(q, 15),
		.advice = query_col_text(q, 16),
		.url = query_col_text(q, 17),
		.affected = query_col_text(q, 18),
		.samples = query_col_text(q, 19),
		.seen = query_col_text(q, 20),
		.trouble = query_col_text(q, 21),
		.relapses = query_col_int(q, 22),
		.senders_seen = query_col_text(q, 23),
		.recipients_seen = query_col_text(q, 24),
		.senders = sketch_text_count(query_col_text(q, 23)),
		.recipients = sketch_text_count(query_col_text(q, 24)),
		.ack_at_us = query_col_int(q, 25),
		.ack_who = query_col_text(q, 26),
		.ack_note = query_col_text(q, 27),
		.noticed_us = query_col_int(q, 28),
		.lag_us = query_col_int(q, 29),
	};
}

static int
walk(struct query *q, store_incident_fn *fn, void *ctx, struct err *err)
{
	int r;

	while ((r = query_next(q, "read store", err)) > 0) {
		struct incident incident = read_row(q);

		if ((r = fn(ctx, &incident)) != 0)
			return r;
	}
	return r;
}

/* State 1 is open, 0 pending, 2 resolved: see the assertions in migrate.c. */
int
store_each_incident(struct store *store, enum incident_filter filter, int64_t since_us,
    store_incident_fn *fn, void *ctx, struct err *err)
{
	static const char *const sql[] = {
		[INCIDENTS_OPEN] =
		    "SELECT " INCIDENT_COLUMNS " " FROM_INCIDENT "WHERE state = 1 "
		    "ORDER BY opened, id",
		[INCIDENTS_ALIVE] =
		    "SELECT " INCIDENT_COLUMNS " " FROM_INCIDENT
		    "WHERE state IN (0, 1) OR (state = 2 AND resolved >= ?1) "
		    "ORDER BY opened, id",
		[INCIDENTS_RECENT] = "SELECT " INCIDENT_COLUMNS " " FROM_INCIDENT
				     "WHERE state = 1 OR (state = 2 AND last_seen >= ?1) "
				     "ORDER BY last_seen DESC, opened DESC, id",
	};
	AUTO(auto_query) struct query q = query_once(&store->db, sql[filter]);

	if (filter != INCIDENTS_OPEN)
		query_int(&q, since_us);
	return walk(&q, fn, ctx, err);
}

static int
no_such_incident(struct store *store, struct str id, struct err *err)
{
	AUTO(buf_done) struct buf shown = { 0 };

	plain_add_cut(&shown, id, SHOWN_ID_BYTES);
	return err_set(err, -ENOENT, "no incident %.*s in %s", STR_ARG(buf_str(&shown)),
	    store->db.path);
}

/* Ids that begin so stand next to each other: the first two tell all. */
static int
find_id(struct store *store, struct str id, struct buf *out, struct err *err)
{
	AUTO(auto_query) struct query q = query_once(&store->db,
	    "SELECT id FROM incident WHERE id >= ?1 ORDER BY id LIMIT 2");

	query_text(&q, id);
	int r = query_next(&q, "read store", err);

	if (r < 0)
		return r;
	if (r == 0 || id.n == 0 || !str_starts(query_col_text(&q, 0), id))
		return no_such_incident(store, id, err);
	buf_add(out, query_col_text(&q, 0));
	if (out->failed)
		return err_set(err, -ENOMEM, "read store: out of memory");
	if (out->n == id.n) /* whole, though others may begin with it */
		return 0;
	if ((r = query_next(&q, "read store", err)) < 0)
		return r;
	struct str one = buf_str(out);
	struct str other = r > 0 ? query_col_text(&q, 0) : STR("");

	if (!str_starts(other, id))
		return 0;
	return err_set(err, -ENOTUNIQ,
	    "several incidents begin with %.*s: %.*s and %.*s among them", STR_ARG(id),
	    STR_ARG(one), STR_ARG(other));
}

int
store_find_incident(struct store *store, struct str id, store_incident_fn *fn, void *ctx,
    struct err *err)
{
	AUTO(buf_done) struct buf whole = { 0 };
	int r = find_id(store, id, &whole, err);

	if (r < 0)
		return r;
	AUTO(auto_query) struct query q = query_once(&store->db,
	    "SELECT " INCIDENT_COLUMNS " " FROM_INCIDENT "WHERE id = ?1");

	query_text(&q, buf_str(&whole));
	return walk(&q, fn, ctx, err);
}
