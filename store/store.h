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

struct store;

enum store_mode {
	STORE_READ,  /* must exist */
	STORE_WRITE, /* created with its folder (0700) and migrated as needed */
};

enum {
	STORE_SCHEMA_VERSION = 2,
	STORE_TEXT_BYTES = 1000, /* of any text of an event; the rest is cut off */
};

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
 * dsn, limit, filter, warning, auth that has an outcome other than delivered), none
 * for the rest; and event_weight() in the hourly rollup (hour, host, mta, kind,
 * direction, provider, outcome, category). Rollups and messages in the making are
 * gathered in memory and written by store_commit(). Only between store_begin() and
 * that.
 */
int store_add_event(struct store *store, const struct event *ev, struct err *err);

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
 * hour of the span.
 */
int store_each_of_queue_id(struct store *store, struct str queue_id, int64_t since_us,
    int64_t until_us, store_event_fn *fn, void *ctx, struct err *err);

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
/* When the next row is due; -ENOENT if the outbox is empty. */
int store_outbox_next_due(struct store *store, int64_t *due_us_out, struct err *err);
/* Both: -ENOENT if no such row waits. Sent ones are kept for a while, and counted. */
int store_outbox_sent(struct store *store, struct str id, int64_t now_us, struct err *err);
int store_outbox_failed(struct store *store, struct str id, int64_t next_due_us,
    struct str error, struct err *err);

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
