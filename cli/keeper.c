#include "cli/keeper.h"

#include <errno.h>

#include "core/clock.h"
#include "rules/alert.h"
#include "rules/context.h"
#include "rules/engine.h"
#include "rules/series.h"

#define HOUR_US (3600 * (int64_t)US_PER_S)
#define TELL_WITHIN_US (24 * HOUR_US) /* older troubles are shown, not told */
#define ALIVE_US (7 * 24 * HOUR_US)
/* A resolution waits a little: a relapse takes it back before anybody was told. */
#define SETTLE_US (300 * (int64_t)US_PER_S)

static int
restore_incident(void *ctx, const struct incident *incident)
{
	int r = engine_restore(ctx, incident);

	return r == -ENOMEM ? r : 0; /* a rule that is gone: see keeper_close_orphans() */
}

static int
restore_slot(void *ctx, const struct context_slot *slot)
{
	engine_remember(ctx, slot);
	return 0;
}

static int
restore_message(void *ctx, const struct event *row)
{
	engine_restore_message(ctx, row);
	return 0;
}

static int
restore_attempt(void *ctx, const struct event *row)
{
	engine_restore_attempt(ctx, row);
	return 0;
}

enum {
	/* A message may have more than one row. */
	MESSAGES_READ = MESSAGES_KEPT + MESSAGES_KEPT / 8,
	/* Those of older bounces are looked up when they come. */
	ATTEMPTS_READ = 8192,
};

struct restoring {
	struct keeper *k;
	struct engine *engine;
	struct series *series;
};

static int
restore_record(void *ctx, const struct series_record *record)
{
	struct restoring *r = ctx;

	return series_restore_record(r->series, record);
}

static int
restore_series(void *ctx, const struct series_row *row)
{
	struct restoring *r = ctx;
	int done = engine_restore_series(r->engine, row, &r->series);

	if (done == 0)
		done = store_each_series_record(r->k->store, row->number, restore_record, r,
		    r->k->err);
	return done == -ENOENT ? 0 : done;
}

/* What was resolved since then may come back. By the log's clock, which may be far behind
 * the wall's: old logs are read in portions, too. */
static int64_t
alive_since(const struct engine *e)
{
	int64_t now_us = engine_now(e);

	return now_us == INT64_MIN ? 0 : now_us - ALIVE_US;
}

/* A new engine with all that the store knows. */
struct engine *
keeper_load(struct keeper *k, const struct rulebook *book)
{
	struct engine *e = engine_new(book->alerts, book->catalogue);
	struct restoring restoring = { k, e, NULL };

	if (e == NULL) {
		(void)err_set(k->err, -ENOMEM, "out of memory");
		return NULL;
	}
	if (store_each_slot(k->store, restore_slot, e, k->err) < 0 ||
	    store_each_message(k->store, MESSAGES_READ, restore_message, e, k->err) < 0 ||
	    store_each_attempt(k->store, ATTEMPTS_READ, restore_attempt, e, k->err) < 0 ||
	    store_each_series(k->store, restore_series, &restoring, k->err) < 0 ||
	    store_each_incident(k->store, INCIDENTS_ALIVE, alive_since(e), restore_incident,
		e, k->err) < 0) {
		engine_free(e);
		return NULL;
	}
	engine_restored(e);
	return e;
}

/* --- what the engine hands over --- */

static int
save(void *ctx, const struct incident *incident)
{
	struct keeper *k = ctx;

	return store_save_incident(k->store, incident, k->err);
}

static int
remember(void *ctx, const struct context_slot *slot)
{
	struct keeper *k = ctx;

	return store_save_slot(k->store, slot, k->err);
}

static int
forget(void *ctx, const struct incident *incident)
{
	struct keeper *k = ctx;

	return store_forget_incident(k->store, incident->id, k->err);
}

/* What comes back again and again has to stay away longer before it is called over. */
static int64_t
settle_us(const struct incident *incident)
{
	return SETTLE_US << (incident->relapses < 5 ? incident->relapses : 5);
}

/* When a notice may go out; 0: nobody needs to hear of it. */
static int
find_due(struct keeper *k, const struct incident *incident, enum notice notice,
    int64_t *due_us_out)
{
	int64_t until_us = 0, due_us = k->now_us;
	int r = 0;

	if (notice == NOTICE_OPENED)
		/* A relapse before the resolution was told. */
		r = store_outbox_withdraw(k->store, incident->id, NOTICE_RESOLVED, k->err);
	else if (notice == NOTICE_RESOLVED)
		/* Over before the silence was, and nobody had been told. */
		r = store_outbox_never_told(k->store, incident->id, k->now_us, k->err);
	*due_us_out = 0;
	if (r != 0)
		return r < 0 ? r : 0;
	if (notice == NOTICE_RESOLVED)
		due_us += settle_us(incident);
	r = store_silenced_until(k->store, incident, k->now_us, &until_us, k->err);
	*due_us_out = until_us > due_us ? until_us : due_us;
	return r;
}

static int
tell(void *ctx, const struct incident *incident, enum notice notice, int64_t at_us)
{
	struct keeper *k = ctx;
	AUTO(buf_done) struct buf id = { 0 };
	int r = store_add_change(k->store, incident, notice, at_us, k->err);

	if (notice == NOTICE_OPENED)
		k->totals->incidents_opened++;
	if (r == 0 && notice == NOTICE_RESOLVED)
		r = store_unack(k->store, incident->id, k->err);
	if (r < 0 || (!k->of_now && at_us < k->now_us - TELL_WITHIN_US))
		return r < 0 ? r : 0;
	buf_addf(&id, "%.*s.%s.%llx", STR_ARG(incident->id), notice_name(notice),
	    (unsigned long long)at_us);
	struct outbox_row row = {
		.id = buf_str(&id),
		.incident = incident->id,
		.notice = notice,
		.created_us = k->now_us,
	};

	r = find_due(k, incident, notice, &row.due_us);
	if (r < 0 || row.due_us == 0)
		return r;
	k->totals->notices++;
	return store_outbox_add(k->store, &row, k->err);
}

static int
save_series(void *ctx, const struct series_row *row, int64_t *number_out)
{
	struct keeper *k = ctx;

	return store_save_series(k->store, row, number_out, k->err);
}

static int
save_record(void *ctx, int64_t number, const struct series_record *record)
{
	struct keeper *k = ctx;

	return store_save_series_record(k->store, number, record, k->err);
}

static int
forget_series(void *ctx, int64_t number)
{
	struct keeper *k = ctx;

	return store_forget_series(k->store, number, k->err);
}

int
keeper_flush(struct keeper *k, struct engine *engine)
{
	const struct series_sink series = { save_series, save_record, forget_series, k };
	const struct engine_sink sink = { save, forget, tell, NULL, remember, &series, k };

	return engine_flush(engine, &sink);
}

/* --- rules that are gone --- */

struct closing {
	struct keeper *k;
	const struct alert_rules *rules;
};

static int
close_one(struct keeper *k, struct incident *in)
{
	struct err *err = k->err;
	int r;

	in->state = INCIDENT_RESOLVED;
	in->resolved_us = k->now_us;
	in->streak = 0;
	if ((r = store_save_incident(k->store, in, err)) < 0 ||
	    (r = store_add_change(k->store, in, NOTICE_RESOLVED, k->now_us, err)) < 0 ||
	    (r = store_unack(k->store, in->id, err)) < 0 ||
	    (r = store_outbox_withdraw(k->store, in->id, NOTICE_OPENED, err)) < 0 ||
	    (r = store_outbox_withdraw(k->store, in->id, NOTICE_ESCALATED, err)) < 0)
		return r;
	k->totals->orphans++;
	return 0;
}

static int
close_orphan(void *ctx, const struct incident *found)
{
	const struct closing *c = ctx;
	struct incident in = *found;

	if (in.state == INCIDENT_RESOLVED || alert_rules_has(c->rules, in.rule))
		return 0;
	if (in.state == INCIDENT_PENDING)
		return store_forget_incident(c->k->store, in.id, c->k->err);
	return close_one(c->k, &in);
}

int
keeper_close_orphans(struct keeper *k, const struct rulebook *book)
{
	struct closing closing = { k, book->alerts };
	int64_t before = k->totals->orphans;
	int r = store_begin(k->store, k->err);

	if (r < 0)
		return r;
	r = store_each_incident(k->store, INCIDENTS_ALIVE, INT64_MAX, close_orphan,
	    &closing, k->err);
	if (r == 0)
		r = store_commit(k->store, k->err);
	if (r < 0) {
		store_rollback(k->store);
		k->totals->orphans = before;
	}
	return r;
}
