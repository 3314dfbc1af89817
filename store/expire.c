/* Retention: rows go in slices, so that other processes get their turn between them. */
#include <errno.h>

#include "store/private.h"

enum {
	EXPIRE_EVENTS_DAYS = 30,
	EXPIRE_ROLLUPS_DAYS = 2 * 365,
	EXPIRE_REPORTS_DAYS = 60, /* nobody sends a report again after that */
	EXPIRE_SLICE_ROWS = 2000,
	EXPIRE_SLICES = 200, /* of a table and call; the rest waits for the next call */
};

/*
 * The big tables have no index by time, but they lie in the order of arrival: look at
 * the first rows only. A row that came late (old logs read in) goes when it is among the
 * first, at most EXPIRE_EVENTS_DAYS after it came. The very last row stays, so that ids
 * are never given twice.
 */
#define EXPIRE_FIRST(table)                                                               \
	"DELETE FROM " table " WHERE time < ?1 AND id < (SELECT max(id) FROM " table ") " \
	"AND id IN (SELECT id FROM " table " ORDER BY id LIMIT ?2)"

static const struct retention {
	const char *sql; /* ?1: before that time, ?2: rows of a slice */
	int days;
	int64_t unit; /* of the time, in microseconds */
} retentions[] = {
	{ EXPIRE_FIRST("attempt"), EXPIRE_EVENTS_DAYS, 1 },
	{ EXPIRE_FIRST("message"), EXPIRE_EVENTS_DAYS, 1 },
	{ EXPIRE_FIRST("event"), EXPIRE_EVENTS_DAYS, 1 },
	{ "DELETE FROM outbox WHERE seq IN "
	  "(SELECT seq FROM outbox WHERE sent < ?1 LIMIT ?2)",
	    EXPIRE_EVENTS_DAYS, 1 },
	/* A digest that no channel took: nobody waits for it, and it is large. Notices are those
	 * of rules/incident.h (see the assertions in migrate.c). */
	{ "DELETE FROM outbox WHERE seq IN "
	  "(SELECT seq FROM outbox WHERE notice = 8 AND created < ?1 LIMIT ?2)",
	    EXPIRE_EVENTS_DAYS, 1 },
	/* That something changed is kept for ever, what it looked like then is not. */
	{ "UPDATE change SET body = '' WHERE id IN "
	  "(SELECT id FROM change WHERE at < ?1 AND length(body) > 0 LIMIT ?2)",
	    EXPIRE_EVENTS_DAYS, 1 },
	{ "DELETE FROM silence WHERE id IN "
	  "(SELECT id FROM silence WHERE until < ?1 LIMIT ?2)",
	    EXPIRE_EVENTS_DAYS, 1 },
	{ "DELETE FROM rollup WHERE (hour, host, mta, kind, direction, provider, outcome, "
	  "category) IN (SELECT hour, host, mta, kind, direction, provider, outcome, "
	  "category "
	  "FROM rollup WHERE hour < ?1 LIMIT ?2)",
	    EXPIRE_ROLLUPS_DAYS, US_PER_S },
	{ "DELETE FROM tally WHERE (grain, at, what, provider, value, word, code) IN "
	  "(SELECT grain, at, what, provider, value, word, code FROM tally "
	  "WHERE grain = 0 AND at < ?1 LIMIT ?2)",
	    EXPIRE_ROLLUPS_DAYS, US_PER_S },
	{ "DELETE FROM tally WHERE (grain, at, what, provider, value, word, code) IN "
	  "(SELECT grain, at, what, provider, value, word, code FROM tally "
	  "WHERE grain = 1 AND at < ?1 LIMIT ?2)",
	    EXPIRE_ROLLUPS_DAYS, US_PER_S },
	{ "DELETE FROM report_count WHERE (hour, kind, domain, reporter, source, ours, result) "
	  "IN (SELECT hour, kind, domain, reporter, source, ours, result FROM report_count "
	  "WHERE hour < ?1 LIMIT ?2)",
	    EXPIRE_ROLLUPS_DAYS, US_PER_S },
	{ "DELETE FROM report WHERE at < ?1 AND seq IN "
	  "(SELECT seq FROM report ORDER BY seq LIMIT ?2)",
	    EXPIRE_REPORTS_DAYS, 1 },
	{ "DELETE FROM ledger WHERE (source, hour) IN "
	  "(SELECT source, hour FROM ledger WHERE hour < ?1 LIMIT ?2)",
	    EXPIRE_ROLLUPS_DAYS, US_PER_S },
};

static int
expire_one(struct store *store, const struct retention *retention, int64_t now_us,
    struct err *err)
{
	int64_t before_us = now_us - retention->days * 24 * store_hour_us;

	for (int i = 0; i < EXPIRE_SLICES; i++) {
		struct query q = query_once(&store->db, retention->sql);

		query_int(&q, before_us / retention->unit);
		query_int(&q, EXPIRE_SLICE_ROWS);
		int r = query_run(&q, "remove old rows from store", err);

		if (r < 0)
			return r;
		if (sqlite3_changes(store->db.sql) == 0)
			break;
	}
	return 0;
}

int
store_expire(struct store *store, int64_t now_us, struct err *err)
{
	int r = store_may_write(store, err);

	if (r == 0 && store->begun)
		return err_set(err, -EINVAL,
		    "remove old rows from store %s: a batch is open", store->db.path);
	for (size_t i = 0; i < sizeof retentions / sizeof *retentions && r == 0; i++)
		r = expire_one(store, &retentions[i], now_us, err);
	return r;
}
