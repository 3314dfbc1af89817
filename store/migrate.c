#include "store/migrate.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>

/*
 * Version 1. Times are microseconds since 1970 (UTC), hours are seconds since 1970.
 *
 * word       host, mta, provider, category and code_id stand in the big tables as
 *            numbers: a row gets a third smaller. 0: none.
 * queue      hour << 32 | FNV-1a of the queue id: an index on it grows at its end, while
 *            one on the id itself would be written all over (ids may be random), each
 *            batch again. A search asks for each hour of its span: see message.h.
 * attempt    rows are added in the order of arrival and never changed; the index is the
 *            only one. category, code_id, reply only if not delivered.
 * event      notable ones; body is the event as JSON.
 * outbox     sent: when a channel took it; such rows are kept as long as events are, to
 *            recognise our own mail in the logs.
 */
static const char version_1[] =
    "CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;"
    "CREATE TABLE slot (number INTEGER PRIMARY KEY, key INTEGER NOT NULL, "
    "  at INTEGER NOT NULL, provider TEXT NOT NULL);"
    "CREATE TABLE cursor (source TEXT PRIMARY KEY, cursor TEXT NOT NULL, "
    "  at INTEGER NOT NULL) WITHOUT ROWID;"
    "CREATE TABLE word (id INTEGER PRIMARY KEY, text TEXT NOT NULL UNIQUE);"
    "CREATE TABLE message (id INTEGER PRIMARY KEY, time INTEGER NOT NULL, "
    "  queue INTEGER NOT NULL, host INTEGER NOT NULL, mta INTEGER NOT NULL, "
    "  queue_id TEXT NOT NULL, size INTEGER, recipients INTEGER, sender TEXT, "
    "  message_id TEXT, sasl_user TEXT, client_name TEXT, client_ip TEXT);"
    "CREATE INDEX message_queue ON message (queue);"
    "CREATE TABLE attempt (id INTEGER PRIMARY KEY, time INTEGER NOT NULL, "
    "  queue INTEGER, host INTEGER NOT NULL, mta INTEGER NOT NULL, "
    "  direction INTEGER NOT NULL, outcome INTEGER NOT NULL, provider INTEGER NOT NULL, "
    "  queue_id TEXT, recipient TEXT, relay_name TEXT, relay_ip TEXT, smtp_code INTEGER, "
    "  status TEXT, category INTEGER, code_id INTEGER, suspected INTEGER, delay INTEGER, "
    "  reply TEXT);"
    "CREATE INDEX attempt_queue ON attempt (queue);"
    "CREATE TABLE event (id INTEGER PRIMARY KEY, time INTEGER NOT NULL, "
    "  kind INTEGER NOT NULL, host INTEGER NOT NULL, provider INTEGER NOT NULL, "
    "  outcome INTEGER NOT NULL, category INTEGER NOT NULL, code_id INTEGER NOT NULL, "
    "  body TEXT NOT NULL);"
    "CREATE TABLE rollup (hour INTEGER, host INTEGER, mta INTEGER, kind INTEGER, "
    "  direction INTEGER, provider INTEGER, outcome INTEGER, category INTEGER, "
    "  count INTEGER NOT NULL, PRIMARY KEY (hour, host, mta, kind, direction, provider, "
    "  outcome, category)) WITHOUT ROWID;"
    "CREATE TABLE incident (id TEXT PRIMARY KEY, rule TEXT NOT NULL, "
    "  severity INTEGER NOT NULL, state INTEGER NOT NULL, fields TEXT NOT NULL, "
    "  host TEXT NOT NULL, provider TEXT NOT NULL, code_id TEXT NOT NULL, "
    "  category TEXT NOT NULL, opened INTEGER NOT NULL, last_seen INTEGER NOT NULL, "
    "  resolved INTEGER NOT NULL, told INTEGER NOT NULL, count INTEGER NOT NULL, "
    "  streak INTEGER NOT NULL, summary TEXT NOT NULL, advice TEXT NOT NULL, "
    "  url TEXT NOT NULL, affected TEXT NOT NULL, samples TEXT NOT NULL, "
    "  seen TEXT NOT NULL);"
    "CREATE INDEX incident_state ON incident (state, resolved);"
    "CREATE INDEX incident_seen ON incident (last_seen);"
    "CREATE TABLE outbox (seq INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, "
    "  incident TEXT NOT NULL, notice INTEGER NOT NULL, created INTEGER NOT NULL, "
    "  due INTEGER NOT NULL, tries INTEGER NOT NULL, last_error TEXT NOT NULL, "
    "  sent INTEGER);"
    "CREATE INDEX outbox_due ON outbox (due) WHERE sent IS NULL;"
    "CREATE TABLE ledger (source TEXT, hour INTEGER, lines INTEGER NOT NULL, "
    "  events INTEGER NOT NULL, ignored INTEGER NOT NULL, unparsed INTEGER NOT NULL, "
    "  truncated INTEGER NOT NULL, gaps INTEGER NOT NULL, bytes INTEGER NOT NULL, "
    "  PRIMARY KEY (source, hour)) WITHOUT ROWID;"
    "CREATE TABLE gap (id INTEGER PRIMARY KEY, source TEXT NOT NULL, "
    "  at INTEGER NOT NULL, what TEXT NOT NULL, detail TEXT NOT NULL);";

/*
 * Version 2: judgement.
 *
 * series        what detectors count, one row for a rule and group: a rollup of the rule's own
 *               (rules/series.h). `mark` tells what the rule counted when it was written: a
 *               rule that counts something else begins anew.
 * series_body   the window in progress. Written with each batch, so it stands apart from
 *               the long names.
 * series_count  its history: `at` is where the hour or day begins, seconds since 1970.
 * change        what happened to incidents, in order: opened, escalated, resolved,
 *               acknowledged. Its id is a part of what `events` resumes by.
 * event_time    where `events --since` begins; it grows at its end.
 * identity      tells this file from another that was made in its place: a part of what
 *               `events` resumes by.
 * senders, recipients of an incident: sketches of distinct addresses (core/sketch.h).
 * related       another queue id of the same message: of a message where it came from, the id
 *               before the filter, the bounce's original; of an internal attempt the next.
 *               Ids of messages are given in the order of their first lines.
 * related_queue as `queue`, of `related`, at the hour of this message: finds what became
 *               of a message, with an index on the few that have it.
 * instance      the MTA's, if there are several on a host (rules/message_context.h).
 */
static const char version_2[] =
    "CREATE TABLE series (id INTEGER PRIMARY KEY, rule TEXT NOT NULL, "
    "  fields TEXT NOT NULL, mark INTEGER NOT NULL);"
    "CREATE TABLE series_body (series INTEGER PRIMARY KEY, touched INTEGER NOT NULL, "
    "  body TEXT NOT NULL);"
    "CREATE TABLE series_count (series INTEGER, at INTEGER, hits INTEGER NOT NULL, "
    "  total INTEGER NOT NULL, peak INTEGER NOT NULL, squares INTEGER NOT NULL, "
    "  PRIMARY KEY (series, at)) WITHOUT ROWID;"
    "CREATE TABLE change (id INTEGER PRIMARY KEY, incident TEXT NOT NULL, "
    "  at INTEGER NOT NULL, notice INTEGER NOT NULL, body TEXT NOT NULL);"
    "CREATE INDEX change_incident ON change (incident);"
    "CREATE TABLE ack (incident TEXT PRIMARY KEY, at INTEGER NOT NULL, who TEXT NOT NULL, "
    "  note TEXT NOT NULL) WITHOUT ROWID;"
    "CREATE TABLE silence (id INTEGER PRIMARY KEY, match TEXT NOT NULL, "
    "  reason TEXT NOT NULL, who TEXT NOT NULL, created INTEGER NOT NULL, "
    "  until INTEGER NOT NULL);"
    "CREATE INDEX event_time ON event (time);"
    "INSERT INTO meta (key, value) VALUES ('identity', lower(hex(randomblob(4))));"
    "ALTER TABLE incident ADD COLUMN trouble TEXT NOT NULL DEFAULT '';"
    "ALTER TABLE incident ADD COLUMN relapses INTEGER NOT NULL DEFAULT 0;"
    "ALTER TABLE incident ADD COLUMN noticed INTEGER NOT NULL DEFAULT 0;"
    "ALTER TABLE incident ADD COLUMN lag INTEGER NOT NULL DEFAULT 0;"
    "ALTER TABLE incident ADD COLUMN senders TEXT NOT NULL DEFAULT '';"
    "ALTER TABLE incident ADD COLUMN recipients TEXT NOT NULL DEFAULT '';"
    "ALTER TABLE message ADD COLUMN origin INTEGER;"
    "ALTER TABLE message ADD COLUMN related TEXT;"
    "ALTER TABLE message ADD COLUMN related_queue INTEGER;"
    "ALTER TABLE message ADD COLUMN instance INTEGER;"
    "CREATE INDEX message_related ON message (related_queue) "
    "  WHERE related_queue IS NOT NULL;"
    "ALTER TABLE attempt ADD COLUMN related TEXT;";

/*
 * Version 3: channels.
 *
 * delivery   what one channel is to tell of one notice (outbox.seq). rank 0: a channel of the
 *            route's `to`; from 1 on its fallbacks in order, whose due is NULL until they
 *            are wanted. message: left side of the Message-ID of the last try; trying: 1
 *            that try's end is not known (a crash, a lost connection), so the same notices
 *            go out again under the same id; 2 it was refused: it goes alone.
 *            queue_id: what the server said it queued the mail as. fate: 0 not known, else
 *            an outcome (core/event.h) that the mail log told.
 *            A notice's row in the outbox is sent when all its deliveries are, or are
 *            covered by a fallback that is; then their due is NULL. See store/delivery.h.
 *            Of what was sent before, the relay was the only channel.
 * channel    how each channel fares; failing_since 0: it works. login: 1 only a person can
 *            mend it, 2 it refused a message (store/channels.h).
 */
static const char version_3[] =
    "CREATE TABLE delivery (id INTEGER PRIMARY KEY, notice INTEGER NOT NULL, "
    "  channel TEXT NOT NULL, rank INTEGER NOT NULL, due INTEGER, "
    "  tries INTEGER NOT NULL DEFAULT 0, last_error TEXT NOT NULL DEFAULT '', "
    "  message TEXT NOT NULL DEFAULT '', trying INTEGER NOT NULL DEFAULT 0, sent INTEGER, "
    "  queue_id TEXT NOT NULL DEFAULT '', fate INTEGER NOT NULL DEFAULT 0, "
    "  fate_at INTEGER, UNIQUE (notice, channel));"
    "CREATE INDEX delivery_due ON delivery (channel, due) "
    "  WHERE sent IS NULL AND due IS NOT NULL;"
    "CREATE INDEX delivery_sent ON delivery (channel, sent) WHERE sent IS NOT NULL;"
    "CREATE INDEX delivery_message ON delivery (message) WHERE message <> '';"
    "CREATE INDEX delivery_queue ON delivery (queue_id) WHERE queue_id <> '';"
    "CREATE TRIGGER delivery_gone AFTER DELETE ON outbox BEGIN "
    "  DELETE FROM delivery WHERE notice = old.seq; END;"
    "CREATE INDEX outbox_incident ON outbox (incident);"
    "INSERT INTO delivery (notice, channel, rank, due, tries, message, sent) "
    "  SELECT seq, 'relay', 0, due, tries, id, sent FROM outbox WHERE sent IS NOT NULL;"
    "CREATE TABLE channel (name TEXT PRIMARY KEY, kind TEXT NOT NULL, "
    "  failing_since INTEGER NOT NULL, tries INTEGER NOT NULL, login INTEGER NOT NULL, "
    "  last_error TEXT NOT NULL, last_sent INTEGER NOT NULL) WITHOUT ROWID;";

/*
 * Version 4: reports (store/reports.h).
 *
 * report        reports that were told, each once. Rows lie in the order of arrival.
 * report_count  what they said, by the hour in which they came: kind as in core/event.h,
 *               domain that it is about, who wrote it; source: an IP of ours, '' of all
 *               others; ours: 0 no, 1 yes, 2 not known; result, a word.
 */
static const char version_4[] =
    "CREATE TABLE report (seq INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, "
    "  at INTEGER NOT NULL);"
    "CREATE TABLE report_count (hour INTEGER, kind INTEGER, domain TEXT, reporter TEXT, "
    "  source TEXT, ours INTEGER, result TEXT, count INTEGER NOT NULL, "
    "  PRIMARY KEY (hour, kind, domain, reporter, source, ours, result)) WITHOUT ROWID;";

/*
 * Version 5: what figures are summed from (store/tally.h).
 *
 * tally      grain: 0 an hour, 1 a day (UTC) that is the sum of its hours, of those before
 *            `tally_days` in meta; at: where it begins, seconds since 1970; what: enum
 *            tally_what, which tells what the others mean. In order of time, so that a batch writes in one place, and a span is
 *            one walk.
 * From `rollup` come attempts, expiries, rejects, limits, what was stored, and reasons by
 * category. It does not tell: code ids of reasons (they stay 0), delays, TLS sessions,
 * which accepted events are one message, which failed logins are told twice, which notices
 * are bounces. These begin with this version.
 *
 * digest     the parts of a digest that waits, or was sent; gone with its notice
 *            (store/digest.h).
 * change_at  for counts of what opened and was resolved in a span.
 */
static const char version_5[] =
    "CREATE TABLE tally (grain INTEGER, at INTEGER, what INTEGER, provider INTEGER, "
    "  value INTEGER, word INTEGER, code INTEGER, count INTEGER NOT NULL, "
    "  PRIMARY KEY (grain, at, what, provider, value, word, code)) WITHOUT ROWID;"
    "INSERT INTO tally SELECT 0, hour, CASE direction WHEN 3 THEN 2 WHEN 4 THEN 3 ELSE 1 "
    "  END AS what, CASE WHEN direction IN (3, 4) THEN 0 ELSE provider END AS who, outcome, "
    "  0, 0, sum(count) FROM rollup WHERE kind = 3 OR (outcome = 4 AND kind <> 4 AND "
    "  direction <> 4) GROUP BY hour, what, who, outcome;"
    "INSERT INTO tally SELECT 0, hour, 4, 0, 0, category, 0, sum(count) FROM rollup "
    "  WHERE kind = 4 GROUP BY hour, category;"
    "INSERT INTO tally SELECT 0, hour, 5, provider, outcome, category, 0, sum(count) "
    "  FROM rollup WHERE direction NOT IN (3, 4) AND outcome > 1 AND "
    "  (kind = 3 OR (outcome = 4 AND kind <> 4)) "
    "  GROUP BY hour, provider, outcome, category;"
    "INSERT INTO tally SELECT 0, hour, 11, 0, 0, mta, 0, sum(count) FROM rollup "
    "  WHERE kind = 10 GROUP BY hour, mta;"
    "INSERT INTO tally SELECT 0, hour, 12, 0, outcome, 0, 0, sum(count) FROM rollup "
    "  WHERE kind = 5 GROUP BY hour, outcome;"
    "INSERT INTO tally SELECT 1, at - (at % 86400 + 86400) % 86400 AS day, what, provider, "
    "  value, word, code, sum(count) FROM tally WHERE grain = 0 "
    "  GROUP BY day, what, provider, value, word, code;"
    "INSERT INTO meta SELECT 'tally_days', max(at) + 86400 FROM tally WHERE grain = 1 "
    "  HAVING max(at) IS NOT NULL;"
    "CREATE INDEX change_at ON change (at);"
    "CREATE TABLE digest (notice TEXT, name TEXT, body BLOB NOT NULL, "
    "  UNIQUE (notice, name));"
    "CREATE TRIGGER digest_gone AFTER DELETE ON outbox WHEN old.notice = 8 BEGIN "
    "  DELETE FROM digest WHERE notice = old.id; END;";

static const struct migration migrations[] = {
	{ 1, version_1 },
	{ 2, version_2 },
	{ 3, version_3 },
	{ 4, version_4 },
	{ 5, version_5 },
};

static_assert(sizeof migrations / sizeof *migrations == STORE_SCHEMA_VERSION,
    "one step for each version");

/* The numbers of these enumerators stand in the files of all users: only add to them. */
static_assert(KIND_ACCEPTED == 2 && KIND_ATTEMPT == 3 && KIND_REJECT == 4 &&
		  KIND_STORED == 5 && KIND_DSN == 6 && KIND_LIMIT == 10 &&
		  KIND_WARNING == 13 && KIND_COMPLAINT == 14 && KIND_DMARC == 15 &&
		  KIND_TLS_REPORT == 16 && DIRECTION_OUTBOUND == 2 &&
		  DIRECTION_LOCAL == 3 && DIRECTION_INTERNAL == 4 &&
		  OUTCOME_DELIVERED == 1 && OUTCOME_EXPIRED == 4 && OUTCOME_REJECTED == 5,
    "events as stored");
static_assert(SEVERITY_INFO == 1 && SEVERITY_WARNING == 2 && SEVERITY_CRITICAL == 3 &&
		  INCIDENT_PENDING == 0 && INCIDENT_OPEN == 1 && INCIDENT_RESOLVED == 2 &&
		  NOTICE_OPENED == 1 && NOTICE_ESCALATED == 2 && NOTICE_RESOLVED == 3 &&
		  NOTICE_TEST == 4 && NOTICE_ACKNOWLEDGED == 5 &&
		  NOTICE_UNACKNOWLEDGED == 6 && NOTICE_REMINDER == 7 && NOTICE_DIGEST == 8,
    "incidents and notices as stored");

static int
ask_number(struct db *db, const char *sql, int64_t *out, struct err *err)
{
	AUTO(auto_query) struct query q = query_once(db, sql);
	int r = query_next(&q, "open store", err);

	if (r > 0)
		*out = query_col_int(&q, 0);
	return r < 0 ? r : 0;
}

static int
check_is_ours(struct db *db, int64_t version, struct err *err)
{
	int64_t application = 0, tables = 0;
	int r = ask_number(db, "PRAGMA application_id", &application, err);

	if (r == 0)
		r = ask_number(db, "SELECT count(*) FROM sqlite_schema", &tables, err);
	if (r < 0 || application == STORE_APPLICATION_ID)
		return r;
	if (version != 0 || tables != 0)
		return err_set(err, -EUCLEAN,
		    "open store %s: a database of another program (move it aside, "
		    "or name another file)",
		    db->path);
	if (db->mode != STORE_WRITE)
		return err_set(err, -ENOENT,
		    "open store %s: empty (has `mailwarden run` run yet?)", db->path);
	return 0;
}

static int
check_version(struct db *db, int newest, struct err *err)
{
	int64_t version = 0;
	int r = ask_number(db, "PRAGMA user_version", &version, err);

	if (r < 0 || (r = check_is_ours(db, version, err)) < 0)
		return r;
	if (version > newest)
		return err_set(err, -EPROTO,
		    "open store %s: written by a newer mailwarden (its version is %lld, "
		    "this "
		    "program knows up to %d): upgrade the program, or move the file aside",
		    db->path, (long long)version, newest);
	if (db->mode != STORE_WRITE && version < newest)
		return err_set(err, -EPROTO,
		    "open store %s: written by an older mailwarden (its version is %lld, "
		    "needed is %d): `mailwarden run` of this version brings it up to date",
		    db->path, (long long)version, newest);
	return 0;
}

int
migrate_check(struct db *db, int newest, struct err *err)
{
	/* In one look: another process may make the store just now. */
	int r = db_exec(db, "BEGIN", "open store", err);

	if (r < 0)
		return r;
	r = check_version(db, newest, err);
	(void)sqlite3_exec(db->sql, "ROLLBACK", NULL, NULL, NULL);
	return r;
}

static int
take_steps(struct db *db, const struct migration *steps, size_t n, struct err *err)
{
	int64_t version = 0;
	char sql[96];
	int r = ask_number(db, "PRAGMA user_version", &version, err);

	for (size_t i = 0; r == 0 && i < n; i++) {
		if (steps[i].version <= version)
			continue;
		r = db_exec(db, steps[i].sql, "update the schema of", err);
		version = steps[i].version;
	}
	if (r < 0)
		return r;
	(void)snprintf(sql, sizeof sql,
	    "PRAGMA application_id = %d; PRAGMA user_version = %d", STORE_APPLICATION_ID,
	    (int)version);
	return db_exec(db, sql, "update the schema of", err);
}

int
migrate_run(struct db *db, const struct migration *steps, size_t n, struct err *err)
{
	int64_t version = 0;
	int r = ask_number(db, "PRAGMA user_version", &version, err);

	if (r < 0 || version >= steps[n - 1].version)
		return r;
	/* Another process may do the same just now: look again behind the lock. */
	if ((r = db_exec(db, "BEGIN IMMEDIATE", "update the schema of", err)) < 0)
		return r;
	if ((r = take_steps(db, steps, n, err)) == 0)
		r = db_exec(db, "COMMIT", "update the schema of", err);
	if (r < 0)
		(void)sqlite3_exec(db->sql, "ROLLBACK", NULL, NULL, NULL);
	return r;
}

int
migrate_store(struct db *db, struct err *err)
{
	return migrate_run(db, migrations, sizeof migrations / sizeof *migrations, err);
}
