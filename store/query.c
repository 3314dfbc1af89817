#include "store/query.h"

#include <errno.h>

#include "store/db.h"
#include "store/tally.h"

/* Handed over, or it may have been. Fate 2, deferred, is not its end; else nothing is awaited
 * of it if it was handed over, or its end was logged, before ?3. */
#define OWN_MAIL(column)                                                              \
	"SELECT message FROM delivery JOIN outbox ON outbox.seq = delivery.notice "   \
	"WHERE " column " = ?1 AND outbox.created >= ?2 AND "                         \
	"(delivery.sent IS NOT NULL OR trying = 1) AND (fate = 2 OR ?3 <= CASE fate " \
	"WHEN 0 THEN coalesce(delivery.sent, ?3) ELSE fate_at END) LIMIT 1"

static const char *const kept_sql[Q_COUNT] = {
	/* At once: a batch must not find out at its end that another process writes. */
	[Q_BEGIN] = "BEGIN IMMEDIATE",
	[Q_COMMIT] = "COMMIT",

	[Q_CURSOR_GET] = "SELECT cursor FROM cursor WHERE source = ?1",
	[Q_CURSOR_SET] = "INSERT INTO cursor (source, cursor, at) VALUES (?1, ?2, ?3) "
			 "ON CONFLICT (source) DO UPDATE SET cursor = ?2, at = ?3",
	[Q_META_GET] = "SELECT value FROM meta WHERE key = ?1",
	[Q_META_SET] = "INSERT INTO meta (key, value) VALUES (?1, ?2) "
		       "ON CONFLICT (key) DO UPDATE SET value = ?2",
	[Q_SLOT_SAVE] = "INSERT OR REPLACE INTO slot (number, key, at, provider) "
			"VALUES (?1, ?2, ?3, ?4)",
	[Q_LEDGER_ADD] =
	    "INSERT INTO ledger (source, hour, lines, events, ignored, unparsed, "
	    "truncated, "
	    "gaps, bytes) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9) "
	    "ON CONFLICT (source, hour) DO UPDATE SET lines = lines + ?3, "
	    "events = events + ?4, ignored = ignored + ?5, unparsed = unparsed + ?6, "
	    "truncated = truncated + ?7, gaps = gaps + ?8, bytes = bytes + ?9",
	[Q_GAP_ADD] = "INSERT INTO gap (source, at, what, detail) VALUES (?1, ?2, ?3, ?4)",

	[Q_WORD_FIND] = "SELECT id FROM word WHERE text = ?1",
	[Q_WORD_ADD] = "INSERT INTO word (text) VALUES (?1)",
	[Q_ATTEMPT_ADD] =
	    "INSERT INTO attempt (time, queue, host, mta, direction, outcome, provider, "
	    "queue_id, recipient, relay_name, relay_ip, smtp_code, status, category, "
	    "code_id, suspected, delay, reply, related) VALUES (?1, ?2, ?3, ?4, ?5, ?6, "
	    "?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19)",
	[Q_MESSAGE_ADD] =
	    "INSERT INTO message (id, time, queue, host, mta, queue_id, size, recipients, "
	    "origin, instance, related_queue, sender, message_id, sasl_user, "
	    "client_name, client_ip, related) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, "
	    "?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17)",
	/* What was told first stays, but for an origin that was a loopback client's (3,
	 * local): another line may tell where it came from. */
	[Q_MESSAGE_MERGE] =
	    "UPDATE message SET size = coalesce(size, ?2), "
	    "recipients = coalesce(recipients, ?3), "
	    "origin = CASE WHEN origin IS NULL OR origin = 3 THEN coalesce(?4, origin) "
	    "ELSE origin END, instance = coalesce(instance, ?5), "
	    "related_queue = coalesce(related_queue, ?6), sender = coalesce(sender, ?7), "
	    "message_id = coalesce(message_id, ?8), sasl_user = coalesce(sasl_user, ?9), "
	    "client_name = coalesce(client_name, ?10), "
	    "client_ip = coalesce(client_ip, ?11), related = coalesce(related, ?12) "
	    "WHERE id = ?1",
	[Q_EVENT_ADD] = "INSERT INTO event (time, kind, host, provider, outcome, category, "
			"code_id, body) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
	[Q_ROLLUP_ADD] =
	    "INSERT INTO rollup (hour, host, mta, kind, direction, provider, outcome, "
	    "category, count) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9) "
	    "ON CONFLICT DO UPDATE SET count = count + ?9",
	[Q_TALLY_ADD] =
	    "INSERT INTO tally (grain, at, what, provider, value, word, code, count) "
	    "VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8) "
	    "ON CONFLICT DO UPDATE SET count = count + ?8",
	[Q_TALLY_MARK] =
	    "SELECT CAST(value AS INTEGER) FROM meta WHERE key = '" TALLY_MARK "'",
	/* Not sum(): beyond the end of integers it is a fault, at each try again. */
	[Q_TALLY_DAYS] =
	    "INSERT INTO tally SELECT 1, at - (at % 86400 + 86400) % 86400 AS day, what, "
	    "provider, value, word, code, CAST(total(count) AS INTEGER) FROM tally "
	    "WHERE grain = 0 AND at >= ?1 AND at < ?2 "
	    "GROUP BY day, what, provider, value, word, code",
	[Q_REPORT_ADD] =
	    "INSERT INTO report (id, at) VALUES (?1, ?2) ON CONFLICT DO NOTHING",
	[Q_REPORT_HAS] = "SELECT 1 FROM report WHERE id = ?1",
	[Q_REPORT_COUNT] = "UPDATE report_count SET count = count + ?8 WHERE hour = ?1 AND "
			   "kind = ?2 AND domain = ?3 AND reporter = ?4 AND source = ?5 "
			   "AND ours = ?6 AND result = ?7",
	/* Too many kinds in an hour are one. */
	[Q_REPORT_COUNT_NEW] =
	    "INSERT INTO report_count (hour, kind, domain, reporter, source, ours, result, "
	    "count) SELECT ?1, ?2, iif(full, '', ?3), iif(full, '', ?4), iif(full, '', ?5), "
	    "?6, iif(full, '', ?7), ?8 FROM (SELECT count(*) >= ?9 AS full FROM "
	    "report_count WHERE hour = ?1) WHERE true "
	    "ON CONFLICT DO UPDATE SET count = count + ?8",

	[Q_INCIDENT_SAVE] =
	    "INSERT INTO incident (id, rule, severity, state, fields, host, provider, "
	    "code_id, category, opened, last_seen, resolved, told, count, streak, summary, "
	    "advice, url, affected, samples, seen, trouble, relapses, senders, recipients, "
	    "noticed, lag) "
	    "VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, "
	    "?17, ?18, ?19, ?20, ?21, ?22, ?23, ?24, ?25, ?26, ?27) ON CONFLICT (id) DO UPDATE SET "
	    "rule = ?2, severity = ?3, state = ?4, fields = ?5, host = ?6, provider = ?7, "
	    "code_id = ?8, category = ?9, opened = ?10, last_seen = ?11, resolved = ?12, "
	    "told = ?13, count = ?14, streak = ?15, summary = ?16, advice = ?17, "
	    "url = ?18, affected = ?19, samples = ?20, seen = ?21, trouble = ?22, "
	    "relapses = ?23, senders = ?24, recipients = ?25, noticed = ?26, "
	    "lag = ?27",
	[Q_INCIDENT_FORGET] = "DELETE FROM incident WHERE id = ?1",

	[Q_OUTBOX_ADD] =
	    "INSERT INTO outbox (id, incident, notice, created, due, tries, last_error) "
	    "VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7) ON CONFLICT (id) DO NOTHING",
	[Q_OUTBOX_WITHDRAW] = "DELETE FROM outbox WHERE incident = ?1 AND notice = ?2 "
			      "AND tries = 0 AND sent IS NULL",

	[Q_OWN_MAIL_FIND] = OWN_MAIL("delivery.message"),
	[Q_OWN_MAIL_FIND_QUEUE] = OWN_MAIL("delivery.queue_id"),
	[Q_STREAM_MESSAGE] =
	    "SELECT sender, message_id FROM message WHERE queue = ?1 AND queue_id = ?2 "
	    "AND host = ?3 ORDER BY id DESC LIMIT 1",
	[Q_SERIES_ADD] = "INSERT OR REPLACE INTO series (id, rule, fields, mark) "
			 "VALUES (?1, ?2, ?3, ?4)",
	[Q_SERIES_SAVE] = "INSERT OR REPLACE INTO series_body (series, touched, body) "
			  "VALUES (?1, ?2, ?3)",
	[Q_SERIES_COUNT] = "INSERT OR REPLACE INTO series_count (series, at, hits, total, "
			   "peak, squares) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
	[Q_SERIES_FORGET_OLD] = "DELETE FROM series_count WHERE series = ?1 AND at < ?2",
	[Q_SERIES_FORGET_BODY] = "DELETE FROM series_body WHERE series = ?1",
	[Q_SERIES_FORGET] = "DELETE FROM series WHERE id = ?1",
	[Q_SERIES_FORGET_COUNTS] = "DELETE FROM series_count WHERE series = ?1",
};

struct query
query_kept(struct db *db, enum query_id id)
{
	struct query q = { .db = db, .stmt = db->kept[id], .rc = SQLITE_OK, .kept = true };

	if (q.stmt == NULL) {
		q.rc = sqlite3_prepare_v3(db->sql, kept_sql[id], -1,
		    SQLITE_PREPARE_PERSISTENT, &q.stmt, NULL);
		db->kept[id] = q.stmt;
	}
	return q;
}

struct query
query_once(struct db *db, const char *sql)
{
	struct query q = { .db = db };

	q.rc = sqlite3_prepare_v3(db->sql, sql, -1, 0, &q.stmt, NULL);
	return q;
}

/* Binding a view or a number to a parameter that exists allocates nothing: it cannot
 * fail. Without a statement SQLite says MISUSE, and running it tells why. */
void
query_text(struct query *q, struct str text)
{
	(void)sqlite3_bind_text64(q->stmt, ++q->at, text.p, text.n, SQLITE_STATIC,
	    SQLITE_UTF8);
}

/* Of no bytes it is an empty one, not NULL. */
void
query_blob(struct query *q, struct str bytes)
{
	(void)sqlite3_bind_blob64(q->stmt, ++q->at, bytes.n == 0 ? "" : bytes.p, bytes.n,
	    SQLITE_STATIC);
}

void
query_int(struct query *q, int64_t value)
{
	(void)sqlite3_bind_int64(q->stmt, ++q->at, value);
}

void
query_int_or_null(struct query *q, bool known, int64_t value)
{
	if (known)
		query_int(q, value);
	else
		(void)sqlite3_bind_null(q->stmt, ++q->at);
}

int
query_next(struct query *q, const char *tried, struct err *err)
{
	int rc = q->rc;

	errno = 0; /* db_fault() looks at it */
	if (rc == SQLITE_OK)
		rc = sqlite3_step(q->stmt);
	if (rc == SQLITE_ROW)
		return 1;
	return rc == SQLITE_DONE ? 0 : db_fault(q->db, rc, tried, err);
}

struct str
query_col_text(const struct query *q, int col)
{
	const unsigned char *p = sqlite3_column_text(q->stmt, col);

	if (p == NULL)
		return (struct str){ NULL, 0 };
	return (struct str){ (const char *)p, (size_t)sqlite3_column_bytes(q->stmt, col) };
}

struct str
query_col_blob(const struct query *q, int col)
{
	const char *p = sqlite3_column_blob(q->stmt, col);

	return (struct str){ p, (size_t)sqlite3_column_bytes(q->stmt, col) };
}

int64_t
query_col_int(const struct query *q, int col)
{
	return sqlite3_column_int64(q->stmt, col);
}

bool
query_col_is_null(const struct query *q, int col)
{
	return sqlite3_column_type(q->stmt, col) == SQLITE_NULL;
}

/* What resetting and finalizing return is the fault of the last step, told already. */
void
query_end(struct query *q)
{
	if (q->kept)
		(void)sqlite3_reset(q->stmt);
	else
		(void)sqlite3_finalize(q->stmt);
	q->stmt = NULL;
}

int
query_run(struct query *q, const char *tried, struct err *err)
{
	int r = query_next(q, tried, err);

	query_end(q);
	return r < 0 ? r : 0;
}

void
auto_query(struct query *q)
{
	if (q->stmt != NULL)
		query_end(q);
}
