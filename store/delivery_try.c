/* Rows of deliveries that are tried, what came of it, and who steps in. */
#include <errno.h>

#include "store/delivery.h"
#include "store/private.h"

/* What a statement is bound to: texts first, then numbers. */
struct bound {
	struct str texts[2];
	size_t ntexts;
	int64_t numbers[2];
	size_t nnumbers;
};

/* The statement, in which @ stands for the ids of the set. */
static struct query
query_on(struct store *store, struct delivery_set set, const char *sql, struct buf *text)
{
	for (const char *p = sql; *p != '\0'; p++) {
		if (*p != '@') {
			buf_add_char(text, *p);
			continue;
		}
		for (size_t i = 0; i < set.n; i++)
			buf_addf(text, "%s%lld", i == 0 ? "" : ",", (long long)set.ids[i]);
	}
	return query_once(&store->db, buf_cstr(text));
}

static int
run_on(struct store *store, struct delivery_set set, const char *sql,
    const struct bound *bound, struct err *err)
{
	AUTO(buf_done) struct buf text = { 0 };
	struct query q = query_on(store, set, sql, &text);

	for (size_t i = 0; i < bound->ntexts; i++)
		query_text(&q, store_not_null(bound->texts[i]));
	for (size_t i = 0; i < bound->nnumbers; i++)
		query_int(&q, bound->numbers[i]);
	if (!text.failed)
		return store_run(store, &q, err);
	query_end(&q);
	return store_wrote(store, err_set(err, -ENOMEM, "write to store: out of memory"));
}

int
delivery_each_incident(struct store *store, struct delivery_set set, delivery_text_fn *fn,
    void *ctx, struct err *err)
{
	AUTO(buf_done) struct buf text = { 0 };
	AUTO(auto_query) struct query q = query_on(store, set,
	    "SELECT DISTINCT incident FROM outbox WHERE incident <> '' AND seq IN "
	    "(SELECT notice FROM delivery WHERE id IN (@)) ORDER BY seq",
	    &text);
	int r;

	if (text.failed)
		return err_set(err, -ENOMEM, "read store: out of memory");
	while ((r = query_next(&q, "read store", err)) > 0)
		if ((r = fn(ctx, query_col_text(&q, 0))) != 0)
			return r;
	return r;
}

#define NOTICES_OF_SET "(SELECT notice FROM delivery WHERE id IN (@))"

int
delivery_begin(struct store *store, struct delivery_set set, struct str message,
    struct err *err)
{
	int r = run_on(store, set,
	    "UPDATE delivery SET message = ?1, trying = 1 WHERE id IN (@)",
	    &(struct bound){ .texts = { message }, .ntexts = 1 }, err);

	/* From now on nobody takes the notice back: it may be known. */
	if (r == 0)
		r = run_on(store, set,
		    "UPDATE outbox SET tries = tries + 1 WHERE seq IN " NOTICES_OF_SET,
		    &(struct bound){ .ntexts = 0 }, err);
	return r;
}

int
delivery_return(struct store *store, struct delivery_set set, enum delivery_try trying,
    struct err *err)
{
	int r = run_on(store, set, "UPDATE delivery SET trying = ?1 WHERE id IN (@)",
	    &(struct bound){ .numbers = { trying }, .nnumbers = 1 }, err);

	if (r == 0)
		r = run_on(store, set,
		    "UPDATE outbox SET tries = tries - 1 WHERE tries > 0 AND seq "
		    "IN " NOTICES_OF_SET,
		    &(struct bound){ .ntexts = 0 }, err);
	return r;
}

/*
 * Covered is a row of a lower rank that failed, or whose channel does; not one whose try may
 * have had success, which is to be told again under its id.
 */
static int
cover_failed(struct store *store, struct delivery_set set, struct err *err)
{
	return run_on(store, set,
	    "UPDATE delivery SET due = NULL WHERE notice IN " NOTICES_OF_SET
	    " AND sent IS NULL AND due IS NOT NULL AND trying <> 1 AND (tries > 0 OR "
	    "channel IN (SELECT name FROM channel WHERE failing_since <> 0)) AND EXISTS "
	    "(SELECT 1 FROM delivery AS told WHERE told.id IN (@) AND "
	    "told.notice = delivery.notice AND told.rank > delivery.rank)",
	    &(struct bound){ .ntexts = 0 }, err);
}

/* All of rank 0 were told, and nothing in the log makes one doubt it. */
static int
call_off_fallbacks(struct store *store, struct delivery_set set, struct err *err)
{
	return run_on(store, set,
	    "UPDATE delivery SET due = NULL WHERE notice IN (SELECT notice FROM delivery "
	    "WHERE id IN (@) AND rank = 0) AND rank > 0 AND sent IS NULL AND "
	    "due IS NOT NULL AND trying <> 1 AND NOT EXISTS (SELECT 1 FROM delivery AS d "
	    "WHERE d.notice = delivery.notice AND d.rank = 0 AND ((d.sent IS NULL AND "
	    "d.due IS NOT NULL) OR d.fate > 1))",
	    &(struct bound){ .ntexts = 0 }, err);
}

int
delivery_sent(struct store *store, struct delivery_set set, struct str queue_id,
    struct str warning, int64_t now_us, struct err *err)
{
	int r = run_on(store, set,
	    "UPDATE delivery SET sent = ?3, trying = 0, tries = tries + 1, queue_id = ?1, "
	    "last_error = ?2 WHERE id IN (@)",
	    &(struct bound){ .texts = { queue_id, str_head(warning, STORE_TEXT_BYTES) },
		.ntexts = 2,
		.numbers = { now_us },
		.nnumbers = 1 },
	    err);

	if (r == 0)
		r = cover_failed(store, set, err);
	return r == 0 ? call_off_fallbacks(store, set, err) : r;
}

int
delivery_failed(struct store *store, struct delivery_set set, enum delivery_try trying,
    struct str reason, int64_t due_us, struct err *err)
{
	struct str cut = str_head(reason, STORE_TEXT_BYTES);
	/* What a fallback told meanwhile is covered, unless this try may have had success. */
	int r = run_on(store, set,
	    "UPDATE delivery SET due = CASE WHEN ?3 <> 1 AND EXISTS (SELECT 1 FROM delivery "
	    "AS told WHERE told.notice = delivery.notice AND told.rank > delivery.rank AND "
	    "told.sent IS NOT NULL) THEN NULL ELSE ?2 END, trying = ?3, tries = tries + 1, "
	    "last_error = ?1 WHERE id IN (@)",
	    &(struct bound){ .texts = { cut },
		.ntexts = 1,
		.numbers = { due_us, trying },
		.nnumbers = 2 },
	    err);

	if (r == 0)
		r = run_on(store, set,
		    "UPDATE outbox SET last_error = ?1 WHERE seq IN " NOTICES_OF_SET,
		    &(struct bound){ .texts = { cut }, .ntexts = 1 }, err);
	return r;
}

int
delivery_hasten(struct store *store, struct str channel, enum delivery_try trying,
    int64_t due_us, struct err *err)
{
	struct query q = query_once(&store->db,
	    "UPDATE delivery SET due = ?2 WHERE channel = ?1 AND sent IS NULL AND due > ?2 "
	    "AND tries > 0 AND trying = ?3");

	query_text(&q, channel);
	query_int(&q, due_us);
	query_int(&q, trying);
	return store_run(store, &q, err);
}

int
delivery_put_off_refused(struct store *store, struct str channel, int64_t due_us,
    struct err *err)
{
	struct query q = query_once(&store->db,
	    "UPDATE delivery SET due = ?2 WHERE channel = ?1 AND sent IS NULL AND due < ?2 "
	    "AND trying = 2");

	query_text(&q, channel);
	query_int(&q, due_us);
	return store_run(store, &q, err);
}

int
delivery_bound(struct store *store, struct str channel, int64_t now_us, int64_t latest_us,
    struct err *err)
{
	/* Never tried, so held by quiet hours: they end within a day. */
	struct query q = query_once(&store->db,
	    "UPDATE delivery SET due = CASE WHEN tries > 0 THEN ?3 ELSE ?2 END "
	    "WHERE channel = ?1 AND sent IS NULL AND due IS NOT NULL AND "
	    "((tries > 0 AND due > ?3) OR (tries = 0 AND due > ?2 + 90000000000))");

	query_text(&q, channel);
	query_int(&q, now_us);
	query_int(&q, latest_us);
	return store_run(store, &q, err);
}

int
delivery_call_off(struct store *store, struct delivery_set set, struct err *err)
{
	int r = run_on(store, set,
	    "UPDATE delivery SET due = NULL WHERE id IN (@) AND sent IS NULL",
	    &(struct bound){ .ntexts = 0 }, err);

	if (r == 0)
		r = run_on(store, set,
		    "DELETE FROM outbox WHERE seq IN " NOTICES_OF_SET
		    " AND sent IS NULL AND NOT EXISTS (SELECT 1 FROM delivery WHERE "
		    "notice = seq AND (delivery.sent IS NOT NULL OR due IS NOT NULL))",
		    &(struct bound){ .ntexts = 0 }, err);
	return r;
}

/* --- fallbacks --- */

/* d is a row that fails, o its notice. */
#define HAS_RESERVE                                                          \
	"EXISTS (SELECT 1 FROM delivery AS f WHERE f.notice = d.notice AND " \
	"f.rank > d.rank AND f.sent IS NULL AND f.due IS NULL) "
#define HAS_HELP                                                             \
	"EXISTS (SELECT 1 FROM delivery AS a WHERE a.notice = d.notice AND " \
	"a.rank > d.rank AND (a.sent IS NOT NULL OR a.due IS NOT NULL)) "
#define NEXT_RESERVE                                                     \
	"(SELECT f.id FROM delivery AS f WHERE f.notice = d.notice AND " \
	"f.rank > d.rank AND f.sent IS NULL AND f.due IS NULL "          \
	"ORDER BY f.rank, f.id LIMIT 1)"
#define CALL_WHERE                                                                     \
	"UPDATE delivery SET due = ?1 WHERE id IN (SELECT " NEXT_RESERVE               \
	" FROM delivery AS d JOIN outbox AS o ON o.seq = d.notice WHERE NOT " HAS_HELP \
	"AND "
#define IS_WANTED "d.sent IS NULL AND d.due IS NOT NULL "

int
delivery_call_fallbacks(struct store *store, struct str channel, int64_t now_us,
    struct err *err)
{
	struct query q = query_once(&store->db, CALL_WHERE IS_WANTED
	    "AND d.channel = ?2 AND (d.tries > 0 OR (d.due <= ?1 AND o.due <= ?1)))");

	query_int(&q, now_us);
	query_text(&q, channel);
	return store_run(store, &q, err);
}

int
delivery_call_fallbacks_of(struct store *store, struct delivery_set set, int64_t now_us,
    struct err *err)
{
	return run_on(store, set, CALL_WHERE IS_WANTED "AND d.id IN (@))",
	    &(struct bound){ .numbers = { now_us }, .nnumbers = 1 }, err);
}

int
delivery_next_fallback(struct store *store, struct str channel, int64_t *due_us_out,
    struct err *err)
{
	AUTO(auto_query) struct query q = query_once(&store->db,
	    "SELECT min(CASE WHEN d.tries > 0 THEN 0 ELSE max(d.due, o.due) END) "
	    "FROM delivery AS d JOIN outbox AS o ON o.seq = d.notice WHERE d.channel = ?1 "
	    "AND " IS_WANTED "AND " HAS_RESERVE "AND NOT " HAS_HELP);

	query_text(&q, channel);
	int r = query_next(&q, "read store", err);

	*due_us_out = r > 0 && !query_col_is_null(&q, 0) ? query_col_int(&q, 0) : INT64_MAX;
	return r < 0 ? r : 0;
}

int
delivery_finish(struct store *store, struct err *err)
{
	struct query q = query_once(&store->db,
	    "UPDATE outbox SET sent = (SELECT max(sent) FROM delivery WHERE notice = seq) "
	    "WHERE sent IS NULL AND EXISTS (SELECT 1 FROM delivery WHERE notice = seq AND "
	    "delivery.sent IS NOT NULL) AND NOT EXISTS (SELECT 1 FROM delivery WHERE "
	    "notice = seq AND delivery.sent IS NULL AND delivery.due IS NOT NULL)");

	return store_run(store, &q, err);
}
