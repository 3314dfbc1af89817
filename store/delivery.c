#include "store/delivery.h"

#include <assert.h>
#include <errno.h>

#include "store/private.h"

static_assert(TRY_UNCERTAIN == 1 && TRY_REFUSED == 2, "as stored");

/* d is a row of delivery, o its notice. */
#define DELIVERY_COLUMNS                                                               \
	"d.id, d.notice, d.channel, d.rank, d.due IS NOT NULL AND d.sent IS NULL, "    \
	"" DUE_AT ", d.tries, d.last_error, d.message, d.trying, d.sent, d.queue_id, " \
	"d.fate, d.fate_at, o.id, o.incident, o.notice, o.created "
#define FROM_DELIVERY "FROM delivery AS d JOIN outbox AS o ON o.seq = d.notice "
#define IS_WANTED "d.sent IS NULL AND d.due IS NOT NULL "
/* A silence that came after the planning puts the notice off. */
#define DUE_AT                                                                            \
	"CASE WHEN d.tries = 0 AND d.trying = 0 AND o.due > d.due THEN o.due ELSE d.due " \
	"END"
#define IS_UNPLANNED \
	"sent IS NULL AND NOT EXISTS (SELECT 1 FROM delivery WHERE delivery.notice = seq) "
/* A batch of the watcher may be committed a little later than its time. */
#define STEP_US "1000000"

static struct delivery_row
read_row(const struct query *q)
{
	return (struct delivery_row){
		.id = query_col_int(q, 0),
		.notice = query_col_int(q, 1),
		.channel = query_col_text(q, 2),
		.rank = query_col_int(q, 3),
		.wanted = query_col_int(q, 4) != 0,
		.due_us = query_col_int(q, 5),
		.tries = query_col_int(q, 6),
		.last_error = query_col_text(q, 7),
		.message = query_col_text(q, 8),
		.trying = (enum delivery_try)query_col_int(q, 9),
		.sent_us = query_col_int(q, 10),
		.queue_id = query_col_text(q, 11),
		.fate = (enum event_outcome)query_col_int(q, 12),
		.fate_us = query_col_int(q, 13),
		.notice_id = query_col_text(q, 14),
		.incident = query_col_text(q, 15),
		.what = (enum notice)query_col_int(q, 16),
		.created_us = query_col_int(q, 17),
	};
}

static int
walk(struct query *q, delivery_fn *fn, void *ctx, struct err *err)
{
	int r;

	while ((r = query_next(q, "read store", err)) > 0) {
		struct delivery_row row = read_row(q);

		if ((r = fn(ctx, &row)) != 0)
			return r;
	}
	return r;
}

/* The one number of the one row, *out if it is NULL. */
static int
ask_number(struct query *q, int64_t *out, struct err *err)
{
	int r = query_next(q, "read store", err);

	if (r > 0 && !query_col_is_null(q, 0))
		*out = query_col_int(q, 0);
	query_end(q);
	return r < 0 ? r : 0;
}

/* --- planning --- */

int
delivery_each_unplanned(struct store *store, int64_t now_us, delivery_notice_fn *fn,
    void *ctx, struct err *err)
{
	AUTO(auto_query) struct query q = query_once(&store->db,
	    "SELECT id, incident, notice, created, due, tries, last_error, seq FROM outbox "
	    "WHERE due <= ?1 AND " IS_UNPLANNED "ORDER BY seq");
	int r;

	query_int(&q, now_us);
	while ((r = query_next(&q, "read store", err)) > 0) {
		struct outbox_row row = {
			.id = query_col_text(&q, 0),
			.incident = query_col_text(&q, 1),
			.notice = (enum notice)query_col_int(&q, 2),
			.created_us = query_col_int(&q, 3),
			.due_us = query_col_int(&q, 4),
			.tries = query_col_int(&q, 5),
			.last_error = query_col_text(&q, 6),
		};

		if ((r = fn(ctx, query_col_int(&q, 7), &row)) != 0)
			return r;
	}
	return r;
}

int
delivery_next_unplanned(struct store *store, int64_t now_us, int64_t *due_us_out,
    struct err *err)
{
	struct query q = query_once(&store->db,
	    "SELECT min(CASE WHEN tries = 0 AND created > ?1 + " STEP_US
	    " THEN due - created + ?1 ELSE due END) FROM outbox WHERE " IS_UNPLANNED);

	query_int(&q, now_us);
	*due_us_out = INT64_MAX;
	return ask_number(&q, due_us_out, err);
}

int
delivery_step_back(struct store *store, int64_t now_us, struct err *err)
{
	int64_t n = 0;
	struct query ask = query_once(&store->db,
	    "SELECT count(*) FROM outbox WHERE sent IS NULL AND tries = 0 AND "
	    "created > ?1 + " STEP_US);
	struct query q = query_once(&store->db,
	    "UPDATE outbox SET due = due - created + ?1, created = ?1 WHERE sent IS NULL "
	    "AND tries = 0 AND created > ?1 + " STEP_US);

	query_int(&ask, now_us);
	query_int(&q, now_us);
	int r = ask_number(&ask, &n, err);

	if (r == 0 && n > 0) {
		r = store_run(store, &q, err);
		return r < 0 ? r : 1;
	}
	query_end(&q);
	return r;
}

int
delivery_add(struct store *store, int64_t notice, struct str channel, int64_t rank,
    int64_t due_us, struct err *err)
{
	struct query q = query_once(&store->db,
	    "INSERT INTO delivery (notice, channel, rank, due) VALUES (?1, ?2, ?3, ?4) "
	    "ON CONFLICT DO NOTHING");

	query_int(&q, notice);
	query_text(&q, channel);
	query_int(&q, rank);
	query_int_or_null(&q, due_us != INT64_MAX, due_us);
	return store_run(store, &q, err);
}

int
delivery_put_off(struct store *store, int64_t notice, int64_t due_us, struct err *err)
{
	struct query q =
	    query_once(&store->db, "UPDATE outbox SET due = ?2 WHERE seq = ?1");

	query_int(&q, notice);
	query_int(&q, due_us);
	return store_run(store, &q, err);
}

int
delivery_nobody(struct store *store, int64_t notice, struct str reason, int64_t now_us,
    struct err *err)
{
	struct query q = query_once(&store->db,
	    "UPDATE outbox SET sent = ?2, last_error = ?3 WHERE seq = ?1");

	query_int(&q, notice);
	query_int(&q, now_us);
	query_text(&q, store_not_null(reason));
	return store_run(store, &q, err);
}

int
delivery_drop(struct store *store, int64_t notice, struct err *err)
{
	struct query q = query_once(&store->db, "DELETE FROM outbox WHERE seq = ?1");

	query_int(&q, notice);
	return store_run(store, &q, err);
}

static int
walk_channels(struct query *q, delivery_text_fn *fn, void *ctx, struct err *err)
{
	int r;

	while ((r = query_next(q, "read store", err)) > 0)
		if ((r = fn(ctx, query_col_text(q, 0))) != 0)
			return r;
	return r;
}

int
delivery_each_told(struct store *store, struct str incident, int64_t before,
    delivery_text_fn *fn, void *ctx, struct err *err)
{
	static_assert(NOTICE_RESOLVED == 3, "as in the statement");
	AUTO(auto_query) struct query q = query_once(&store->db,
	    "SELECT DISTINCT d.channel " FROM_DELIVERY
	    "WHERE o.incident = ?1 AND o.seq < ?2 AND o.notice <> 3 AND "
	    "(d.sent IS NOT NULL OR d.due IS NOT NULL) AND o.seq > coalesce((SELECT "
	    "max(seq) FROM outbox WHERE incident = ?1 AND notice = 3 AND seq < ?2 AND sent "
	    "IS NOT NULL), 0) ORDER BY d.channel");

	query_text(&q, incident);
	query_int(&q, before);
	return walk_channels(&q, fn, ctx, err);
}

int
delivery_last_told(struct store *store, struct str incident, struct str channel,
    int64_t *at_us_out, struct err *err)
{
	struct query q = query_once(&store->db,
	    "SELECT max(d.sent) " FROM_DELIVERY "WHERE o.incident = ?1 AND d.channel = ?2");

	query_text(&q, incident);
	query_text(&q, channel);
	*at_us_out = 0;
	return ask_number(&q, at_us_out, err);
}

int
delivery_has_reminder(struct store *store, struct str incident, struct err *err)
{
	static_assert(NOTICE_REMINDER == 7, "as in the statement");
	int64_t n = 0;
	struct query q = query_once(&store->db,
	    "SELECT count(*) FROM outbox WHERE incident = ?1 AND notice = 7 AND " IS_UNPLANNED);

	query_text(&q, incident);
	int r = ask_number(&q, &n, err);

	return r < 0 ? r : n > 0;
}

int
delivery_each_channel(struct store *store, delivery_text_fn *fn, void *ctx, struct err *err)
{
	AUTO(auto_query) struct query q = query_once(&store->db,
	    "SELECT DISTINCT channel FROM delivery WHERE notice IN "
	    "(SELECT seq FROM outbox WHERE sent IS NULL) AND sent IS NULL");

	return walk_channels(&q, fn, ctx, err);
}

int
delivery_forget_channel(struct store *store, struct str channel, struct err *err)
{
	struct query q = query_once(&store->db,
	    "DELETE FROM delivery WHERE channel = ?1 AND sent IS NULL");
	struct query rest = query_once(&store->db,
	    "DELETE FROM delivery WHERE notice IN (SELECT seq FROM outbox WHERE sent IS NULL "
	    "AND NOT EXISTS (SELECT 1 FROM delivery AS d WHERE d.notice = seq AND "
	    "(d.sent IS NOT NULL OR d.due IS NOT NULL)))");

	query_text(&q, channel);
	int r = store_run(store, &q, err);

	if (r == 0)
		return store_run(store, &rest, err);
	query_end(&rest);
	return r;
}

/* --- looking for what is to be tried --- */

int
delivery_each_waiting(struct store *store, struct str channel, delivery_fn *fn, void *ctx,
    struct err *err)
{
	AUTO(auto_query) struct query q = query_once(&store->db,
	    "SELECT " DELIVERY_COLUMNS FROM_DELIVERY "WHERE d.channel = ?1 AND " IS_WANTED
	    "ORDER BY 6, d.tries, d.id");

	query_text(&q, channel);
	return walk(&q, fn, ctx, err);
}

int
delivery_next_due(struct store *store, struct str channel, enum delivery_which which,
    int64_t *due_us_out, struct err *err)
{
	struct query q = query_once(&store->db, "SELECT min(" DUE_AT ") " FROM_DELIVERY
						"WHERE d.channel = ?1 AND d.tries >= ?2 "
						"AND " IS_WANTED);

	query_text(&q, channel);
	query_int(&q, which == DELIVERIES_TRIED);
	*due_us_out = INT64_MAX;
	return ask_number(&q, due_us_out, err);
}

int
delivery_nth_sent(struct store *store, struct str channel, int64_t n, int64_t since_us,
    int64_t until_us, int64_t *at_us_out, struct err *err)
{
	AUTO(auto_query) struct query q = query_once(&store->db,
	    "SELECT max(sent) FROM delivery WHERE channel = ?1 AND sent > ?2 AND sent <= ?3 "
	    "GROUP BY message ORDER BY 1 DESC LIMIT 1 OFFSET ?4");

	query_text(&q, channel);
	query_int(&q, since_us);
	query_int(&q, until_us);
	query_int(&q, n - 1);
	int r = query_next(&q, "read store", err);

	*at_us_out = r > 0 ? query_col_int(&q, 0) : 0;
	return r < 0 ? r : 0;
}

int
delivery_each_of_notice(struct store *store, struct str notice_id, delivery_fn *fn,
    void *ctx, struct err *err)
{
	AUTO(auto_query) struct query q = query_once(&store->db,
	    "SELECT " DELIVERY_COLUMNS FROM_DELIVERY "WHERE o.id = ?1 "
	    "ORDER BY d.rank, d.id");

	query_text(&q, notice_id);
	return walk(&q, fn, ctx, err);
}
