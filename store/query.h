/*
 * query - statements, their parameters and their rows
 *
 * Purpose    Statements that run for each event or batch are kept, by number;
 *            others live for one walk. Parameters are bound in order.
 * Ownership  Texts bound are views: they live until query_run() or query_end().
 *            Texts of a row live until the next row.
 * Errors     A statement that cannot be prepared says so when it is run.
 */
#ifndef STORE_QUERY_H
#define STORE_QUERY_H

#include <sqlite3.h>

#include "core/err.h"
#include "core/str.h"

struct db;

enum query_id {
	Q_BEGIN,
	Q_COMMIT,
	Q_CURSOR_GET,
	Q_CURSOR_SET,
	Q_META_GET,
	Q_META_SET,
	Q_SLOT_SAVE,
	Q_LEDGER_ADD,
	Q_GAP_ADD,
	Q_WORD_FIND,
	Q_WORD_ADD,
	Q_ATTEMPT_ADD,
	Q_MESSAGE_ADD,
	Q_MESSAGE_MERGE,
	Q_EVENT_ADD,
	Q_ROLLUP_ADD,
	Q_TALLY_ADD,
	Q_TALLY_MARK,
	Q_TALLY_DAYS,
	Q_REPORT_ADD,
	Q_REPORT_HAS,
	Q_REPORT_COUNT,
	Q_REPORT_COUNT_NEW,
	Q_INCIDENT_SAVE,
	Q_INCIDENT_FORGET,
	Q_OUTBOX_ADD,
	Q_OUTBOX_WITHDRAW,
	Q_OWN_MAIL_FIND,
	Q_OWN_MAIL_FIND_QUEUE,
	Q_STREAM_MESSAGE,
	Q_SERIES_ADD,
	Q_SERIES_SAVE,
	Q_SERIES_COUNT,
	Q_SERIES_FORGET_OLD,
	Q_SERIES_FORGET,
	Q_SERIES_FORGET_BODY,
	Q_SERIES_FORGET_COUNTS,
	Q_COUNT
};

struct query {
	struct db *db;
	sqlite3_stmt *stmt;
	int rc;    /* of preparing */
	int at;    /* parameter bound last */
	bool kept; /* else it ends with query_end() */
};

struct query query_kept(struct db *db, enum query_id id);
struct query query_once(struct db *db, const char *sql);

/* Binds the next parameter. Text with p == NULL is NULL, an empty text is ''. */
void query_text(struct query *q, struct str text);
void query_blob(struct query *q, struct str bytes);
void query_int(struct query *q, int64_t value);
void query_int_or_null(struct query *q, bool known, int64_t value);

/* Steps to the next row: 1 there is one, 0 no more, or a negative errno. */
int query_next(struct query *q, const char *tried, struct err *err);
struct str query_col_text(const struct query *q, int col);
struct str query_col_blob(const struct query *q, int col);
int64_t query_col_int(const struct query *q, int col);
bool query_col_is_null(const struct query *q, int col);
void query_end(struct query *q);

/* A statement without rows, from first to last, and its end. */
int query_run(struct query *q, const char *tried, struct err *err);

void auto_query(struct query *q);

#endif
