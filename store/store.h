/*
 * store - what mailwarden remembers, in one SQLite file
 *
 * Purpose    Source cursors, events, hourly rollups, incidents, the outbox and
 *            the ledger (design, section 8). WAL, synchronous=FULL, one writer.
 * Ownership  The caller closes what it opened. Text handed to callbacks lives
 *            until the callback returns.
 * Errors     Negative errno with a reason in *err that names the file: -ENOSPC
 *            disk full, -EROFS read-only, -EBUSY locked too long, -EUCLEAN
 *            damaged, -EPROTO written by a newer mailwarden, -EACCES, -EISDIR,
 *            -ENOENT, -ENOMEM, -EIO other. After a failed write the transaction
 *            is rolled back and nothing of it is kept: more writes give the same
 *            errno until store_begin() or store_rollback(), so that no cursor
 *            moves past lines that were lost; the caller may offer the same
 *            batch again.
 * Threads    One at a time per handle; processes share the file.
 */
#ifndef STORE_STORE_H
#define STORE_STORE_H

#include "core/err.h"
#include "core/event.h"
#include "rules/context.h"
#include "rules/incident.h"
#include "rules/series.h"

struct store;

enum store_mode {
	STORE_READ,  /* must exist */
	STORE_WRITE, /* created with its folder (0700) and migrated as needed */
	STORE_JOIN,  /* to write beside the one who watches: must exist, is not migrated */
};

enum {
	STORE_SCHEMA_VERSION = 5,
	STORE_TEXT_BYTES = 1000, /* of any text of an event; the rest is cut off */
};

/* Creates what is missing of the folders that lead to path (0700), as STORE_WRITE does. */
int store_make_folders(const char *path, struct err *err);
/*
 * A file beside the store, or the store's own, open for reading and writing. Made if it is
 * not there, with mode 0600; in a folder whose setgid bit is set (mode 02000) with 0660: then
 * the programs that share the store are different users of one group.
 */
int store_make_file(const char *path, int *fd_out, struct err *err);
int store_open(const char *path, enum store_mode mode, struct store **store_out,
    struct err *err);
void store_close(struct store *store); /* NULL is fine; rolls back what is open */

/* One transaction for a batch: events, rollups, ledger, incidents, outbox, cursor. */
int store_begin(struct store *store, struct err *err);
int store_commit(struct store *store, struct err *err);
void store_rollback(struct store *store);

/* The cursor committed last for that source; -ENOENT if there is none. */
int store_cursor_get(struct store *store, struct str source, struct buf *out,
    struct err *err);
int store_cursor_set(struct store *store, struct str source, struct str cursor,
    int64_t now_us, struct err *err);

/*
 * Takes one event in: a row for a message, an attempt or a notable event (reject,
 * stored, dsn, limit, filter, warning, auth that has an outcome other than delivered, and of
 * reports what store/reports.h says), none for the rest; and event_weight() in the hourly rollup (hour, host, mta, kind,
 * direction, provider, outcome, category). Rollups and messages in the making are
 * gathered in memory and written by store_commit(). Only between store_begin() and
 * that.
 */
int store_add_event(struct store *store, const struct event *ev, struct err *err);
/* The rows alone, nothing is counted: for mailwarden's own mail (store/own_mail.h). */
int store_add_uncounted(struct store *store, const struct event *ev, struct err *err);

/* Ledger: what became of a source's lines in that hour. Added up. */
struct ledger_counts {
	int64_t lines, events, ignored, unparsed, truncated, gaps, bytes;
};
int store_add_ledger(struct store *store, struct str source, int64_t hour_us,
    const struct ledger_counts *counts, struct err *err);
/* A sentence about a gap: when, where, what; kept for ever. */
int store_add_gap(struct store *store, struct str source, int64_t at_us, struct str what,
    struct str detail, struct err *err);
typedef int store_gap_fn(void *ctx, struct str source, int64_t at_us, struct str what,
    struct str detail);
int store_each_gap(struct store *store, int64_t since_us, store_gap_fn *fn, void *ctx,
    struct err *err);

/* --- lines of mail servers that no rule took --- */

enum {
	STORE_UNPARSED_LINES = 5, /* kept of a source, the newest */
	STORE_UNPARSED_BYTES = 500,
};
/* Both: lines, each with its newline, oldest first. */
int store_add_unparsed(struct store *store, struct str source, struct str lines,
    struct err *err);
int store_get_unparsed(struct store *store, struct str source, struct buf *out,
    struct err *err);
/*
 * Hours of the ledger with such lines that are over, and that store_judged_hours() has not
 * marked yet. log_us: the log's clock, for sources that have no later line.
 */
typedef int store_hour_fn(void *ctx, struct str source, int64_t hour_us, int64_t events,
    int64_t unparsed);
int store_each_hour_over(struct store *store, int64_t log_us, store_hour_fn *fn, void *ctx,
    struct err *err);
int store_judged_hours(struct store *store, int64_t log_us, struct err *err);

/* Inserts or replaces by id. */
int store_save_incident(struct store *store, const struct incident *incident,
    struct err *err);
int store_forget_incident(struct store *store, struct str id, struct err *err);

enum incident_filter {
	INCIDENTS_OPEN,   /* state open, oldest first */
	INCIDENTS_ALIVE,  /* pending, open, resolved since since_us: what an engine needs */
	INCIDENTS_RECENT, /* open, or resolved and seen since since_us; last seen first */
};
/*
 * fn returning non-zero ends the walk; that value is returned. This holds for all walks
 * here. fn may read from the store; it writes only within a batch of the caller's.
 */
typedef int store_incident_fn(void *ctx, const struct incident *incident);
int store_each_incident(struct store *store, enum incident_filter filter, int64_t since_us,
    store_incident_fn *fn, void *ctx, struct err *err);
/* One by id or by an unambiguous beginning of it; -ENOENT, -ENOTUNIQ. */
int store_find_incident(struct store *store, struct str id, store_incident_fn *fn,
    void *ctx, struct err *err);

typedef int store_event_fn(void *ctx, const struct event *ev);

/* What the engine has learnt (rules/context.h); replaces the slot of that number. */
int store_save_slot(struct store *store, const struct context_slot *slot, struct err *err);
typedef int store_slot_fn(void *ctx, const struct context_slot *slot);
int store_each_slot(struct store *store, store_slot_fn *fn, void *ctx, struct err *err);
/*
 * What is known of a queue id, on any host, from since_us to until_us: messages as
 * events of kind accepted, and attempts, in time order. Asks the index once for each
 * hour of the span. related_queue_id: of a message where it came from, of an internal
 * attempt the next (rules/message_context.h).
 */
int store_each_of_queue_id(struct store *store, struct str queue_id, int64_t since_us,
    int64_t until_us, store_event_fn *fn, void *ctx, struct err *err);

/* The last n attempts, the oldest first, with what rules/bounce_join.h wants to know. */
int store_each_attempt(struct store *store, int64_t n, store_event_fn *fn, void *ctx,
    struct err *err);

/* --- what detectors count (rules/series.h) --- */

/* A row without a number is added, *number_out is its number; else it is replaced. */
int store_save_series(struct store *store, const struct series_row *row,
    int64_t *number_out, struct err *err);
/* Replaces the record of the same time. */
int store_save_series_record(struct store *store, int64_t number,
    const struct series_record *record, struct err *err);
int store_forget_series(struct store *store, int64_t number, struct err *err);
/* In the order of `touched`. */
typedef int store_series_fn(void *ctx, const struct series_row *row);
int store_each_series(struct store *store, store_series_fn *fn, void *ctx, struct err *err);
/* Oldest first. */
typedef int store_series_record_fn(void *ctx, const struct series_record *record);
int store_each_series_record(struct store *store, int64_t number,
    store_series_record_fn *fn, void *ctx, struct err *err);

/* --- messages --- */

/* The last n, oldest first: what message_context_restore() takes. */
int store_each_message(struct store *store, int64_t n, store_event_fn *fn, void *ctx,
    struct err *err);
/* Messages of any host that came from that queue id, told from since_us to until_us:
 * bounces about it, what a filter gave back. As store_each_message(). */
int store_each_related(struct store *store, struct str queue_id, int64_t since_us,
    int64_t until_us, store_event_fn *fn, void *ctx, struct err *err);

/* What fits one of these; p NULL: not asked for. Addresses in any case of letters. */
struct message_search {
	struct str message_id;
	struct str address;      /* of sender, login or recipient */
	struct str ends, begins; /* of sender or recipient: "@example.org", "alice@" */
	int64_t since_us;
	int64_t most; /* so many, the newest */
};
/*
 * Where they are: events with nothing but time, host and queue_id, newest first, some of
 * them of one message. Reads all rows since then: seconds for some million.
 */
int store_find_messages(struct store *store, const struct message_search *search,
    store_event_fn *fn, void *ctx, struct err *err);

/* --- evidence: what was tried, and what came of it --- */

struct evidence_scope {
	struct str host;     /* empty: all */
	struct str provider; /* id; or, if empty, */
	struct str peer;     /* the relay's name, a domain above it, or its address */
	int64_t since_us, until_us;
};

/* Attempts in the scope that did not succeed, in time order; internal ones left out. */
int store_each_failure(struct store *store, const struct evidence_scope *scope,
    store_event_fn *fn, void *ctx, struct err *err);
/* The first, or the last, attempt in the scope that succeeded: one call of fn, or none. */
enum evidence_end { EVIDENCE_FIRST, EVIDENCE_LAST };
int store_find_success(struct store *store, const struct evidence_scope *scope,
    enum evidence_end end, store_event_fn *fn, void *ctx, struct err *err);

struct evidence_day {
	int64_t day_us; /* where it begins, UTC */
	int64_t outcomes[OUTCOME_COUNT];
	int64_t unknown_users; /* of them: refused for category mailbox-unknown */
};
/* Attempts by day, days without any left out. Of a provider from the rollups, which are
 * kept longer than attempts; the first and the last hour of the scope count whole. */
typedef int store_day_fn(void *ctx, const struct evidence_day *day);
int store_each_day(struct store *store, const struct evidence_scope *scope,
    store_day_fn *fn, void *ctx, struct err *err);

/* --- outbox: rows leave only when a channel took them (invariant 2) --- */

struct outbox_row {
	struct str id;       /* the mail's Message-ID, left side */
	struct str incident; /* incident id; empty for a test */
	enum notice notice;
	int64_t created_us;
	int64_t due_us; /* wall clock: not before */
	int64_t tries;
	struct str last_error; /* of the last try, empty: none */
};

/* A row whose id is known already, waiting or sent, is left as it is. */
int store_outbox_add(struct store *store, const struct outbox_row *row, struct err *err);
/* Takes back rows of that incident and notice that were never tried; how many. */
int store_outbox_withdraw(struct store *store, struct str incident, enum notice notice,
    struct err *err);
typedef int store_outbox_fn(void *ctx, const struct outbox_row *row);
/* Rows due by now_us (INT64_MAX: all), oldest first. fn may not change the outbox. */
int store_each_outbox(struct store *store, int64_t now_us, store_outbox_fn *fn, void *ctx,
    struct err *err);

/*
 * Takes back what silence held back and nobody was told, when the incident is over: its
 * notices that were never tried and are not due yet. 1 if its opening was among them: then
 * nobody knows of it, and its end is nobody's concern. Else 0.
 */
int store_outbox_never_told(struct store *store, struct str incident, int64_t now_us,
    struct err *err);
/* All notices of an incident, waiting or sent, oldest first; sent_us 0: it waits. */
typedef int store_notice_fn(void *ctx, const struct outbox_row *row, int64_t sent_us);
int store_each_notice(struct store *store, struct str incident, store_notice_fn *fn,
    void *ctx, struct err *err);

/* --- what happened to incidents: one row for each change, in order, kept for ever --- */

/* at_us: event time of its reason, wall clock for what people do. The incident as it is
 * now goes into the row. */
int store_add_change(struct store *store, const struct incident *incident,
    enum notice notice, int64_t at_us, struct err *err);
struct change_row {
	int64_t id, at_us;
	enum notice notice;
	struct str
	    body; /* incident_json() of then; empty once it is older than events are */
};
typedef int store_change_fn(void *ctx, const struct change_row *row);
int store_each_change(struct store *store, struct str incident, store_change_fn *fn,
    void *ctx, struct err *err);

/* --- acknowledged: somebody works on it --- */

struct ack {
	struct str who, note;
	int64_t at_us;
};
/* Replaces an earlier one. Takes back notices of its opening that were never tried; how
 * many. */
int store_ack(struct store *store, struct str incident, const struct ack *ack,
    struct err *err);
/* 1: it was acknowledged until now, 0: it was not. */
int store_unack(struct store *store, struct str incident, struct err *err);

/* --- silence: notices of what matches wait until its end (rules/silence.h) --- */

struct silence_row {
	int64_t id;
	struct str match, reason, who;
	int64_t created_us, until_us;
};
/* row->id is not looked at. Waiting notices, never tried, of open incidents that it matches
 * wait, too. Within a batch of the caller's. */
int store_silence_add(struct store *store, const struct silence_row *row, int64_t *id_out,
    struct err *err);
/* -ENOENT if there is none that lasts at now_us. What waited for its end is due now, unless
 * another silence holds it; *freed_out: how many notices. Within a batch of the caller's. */
int store_silence_end(struct store *store, int64_t id, int64_t now_us, int64_t *freed_out,
    struct err *err);
typedef int store_silence_fn(void *ctx, const struct silence_row *row);
/* Those that last at now_us, the next to end first. */
int store_each_silence(struct store *store, int64_t now_us, store_silence_fn *fn, void *ctx,
    struct err *err);
/* The latest end of those that match it at now_us; 0: none. Wall clock, both. */
int store_silenced_until(struct store *store, const struct incident *incident,
    int64_t now_us, int64_t *until_us_out, struct err *err);

/* --- for status --- */

struct store_totals {
	int64_t hour_us;                 /* where the span begins: a whole hour */
	int64_t outcomes[OUTCOME_COUNT]; /* attempts, rejects, expired; not internal */
	int64_t internal;
	int64_t stored; /* mailbox deliveries told by dovecot */
	struct ledger_counts ledger;
	int64_t outbox_waiting, outbox_sent;
};
int store_get_totals(struct store *store, int64_t since_us, struct store_totals *out,
    struct err *err);
/* Another number once somebody else has changed the store; one handle's do not compare with
 * another's. */
int store_get_version(struct store *store, int64_t *out, struct err *err);
/* Counts by provider in the span, largest first: what store_totals.outcomes sums up.
 * Without a provider it is "local" (final delivery here) or "other". */
typedef int store_provider_fn(void *ctx, struct str provider,
    const int64_t outcomes[OUTCOME_COUNT]);
int store_each_provider(struct store *store, int64_t since_us, store_provider_fn *fn,
    void *ctx, struct err *err);
/* Sources by name, when their cursor was set last (0: it has none), their ledger in the
 * span. */
typedef int store_source_fn(void *ctx, struct str source, int64_t cursor_at_us,
    const struct ledger_counts *counts);
int store_each_source(struct store *store, int64_t since_us, store_source_fn *fn, void *ctx,
    struct err *err);

/*
 * Deletes what is older than the retention (design, section 8), in small transactions
 * of its own: not within a batch. Bounded; what is left waits for the next call.
 */
int store_expire(struct store *store, int64_t now_us, struct err *err);

/* Free-form settings and marks (meta table), "" if absent. */
int store_meta_get(struct store *store, struct str key, struct buf *out, struct err *err);
int store_meta_set(struct store *store, struct str key, struct str value, struct err *err);

#endif
