#include "cli/pipeline.h"

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "cli/keeper.h"
#include "cli/parse_lines.h"
#include "cli/report_source.h"
#include "cli/self.h"
#include "core/clock.h"
#include "parsers/parser.h"
#include "parsers/pool.h"
#include "rules/bounce_join.h"
#include "rules/context.h"
#include "rules/engine.h"
#include "rules/tls_sessions.h"
#include "store/own_mail.h"
#include "store/reports.h"

#define HOUR_US (3600 * (int64_t)US_PER_S)
/* The log's clock, where time passes without lines, stays so far behind: a line on its way
 * must not find that a quiet span has ended before it. */
#define TRAIL_US (5 * (int64_t)US_PER_S)
#define AHEAD_US (86400 * (int64_t)US_PER_S) /* no stamp is so far in the future */

struct pipeline {
	struct store *store;
	struct rulebook book; /* its parts are the caller's */
	struct parser
	    *parsers[POOL_MAX_WORKERS]; /* one for each worker, at least the first */
	size_t nparsers;
	struct engine *engine;
	struct tls_sessions *tls;
	struct err *err; /* of the call that runs */
	struct pipeline_totals totals;
	struct str source;           /* of the batch */
	struct ledger_counts counts; /* of hour_us, not yet in the ledger */
	int64_t hour_us;
	int failed; /* of this batch, negative errno */
	int64_t now_us;
	int64_t
	    reference_us; /* stamps without a year are not later: a file's last change */
	int64_t last_batch_us; /* wall clock when lines came last */
	int64_t log_us;        /* the log's clock then; INT64_MIN: it has shown none */
	bool told_full;        /* that incidents find no room */
	bool stale;            /* the engine knows what was rolled back */
	bool is_own;           /* the event is of a mail that we sent */
	struct buf own_id;     /* of that mail */
	struct self *self;
	struct self_samples samples; /* of the batch */
	int64_t judged_hour_us;      /* the log's hour when the ledger was looked at */
};

static struct keeper
keeper_of(struct pipeline *p, struct err *err)
{
	return (struct keeper){ p->store, &p->totals, p->now_us, err, false };
}

static void
free_parsers(struct parser *const *parsers)
{
	for (size_t i = 0; i < POOL_MAX_WORKERS; i++)
		parser_free(parsers[i]);
}

static int
make_parsers(const struct rulebook *book, struct parser **parsers, size_t n,
    struct err *err)
{
	for (size_t i = 0; i < n; i++) {
		parsers[i] = parser_new(book->parsers, book->catalogue, app_now_us());
		if (parsers[i] == NULL)
			return err_set(err, -ENOMEM, "out of memory");
		matcher_set_max_hits(parser_matcher(parsers[i]), MATCH_MAX_HITS);
	}
	return 0;
}

int
pipeline_set_rules(struct pipeline *p, const struct rulebook *book, struct err *err)
{
	struct parser *parsers[POOL_MAX_WORKERS] = { NULL };
	size_t workers = pool_default_workers();
	size_t n = workers == 0 ? 1 : workers;
	int r = make_parsers(book, parsers, n, err);
	p->now_us = app_now_us();
	struct keeper keeper = keeper_of(p, err);
	struct engine *engine = r < 0 ? NULL : keeper_load(&keeper, book);

	if (engine == NULL || (r = keeper_close_orphans(&keeper, book)) < 0) {
		engine_free(engine);
		free_parsers(parsers);
		return r < 0 ? r : -EIO;
	}
	if (p->engine != NULL && !p->stale) /* the log's clock does not go back */
		engine_tick(engine, engine_now(p->engine));
	free_parsers(p->parsers);
	engine_free(p->engine);
	memcpy(p->parsers, parsers, sizeof parsers);
	p->nparsers = n;
	p->engine = engine;
	p->stale = false;
	p->book = *book;
	return 0;
}

int
pipeline_open(const char *state, const struct rulebook *book, struct pipeline **out,
    struct err *err)
{
	struct pipeline *p = calloc(1, sizeof *p);

	if (p == NULL)
		return err_set(err, -ENOMEM, "out of memory");
	p->last_batch_us = app_now_us();
	p->self = self_new();
	p->tls = tls_sessions_new();
	if (p->self == NULL || p->tls == NULL) {
		pipeline_close(p);
		return err_set(err, -ENOMEM, "out of memory");
	}
	int r = store_open(state, STORE_WRITE, &p->store, err);

	if (r == 0)
		r = pipeline_set_rules(p, book, err);
	if (r < 0) {
		pipeline_close(p);
		return r;
	}
	p->log_us = engine_now(p->engine);
	*out = p;
	return 0;
}

void
pipeline_close(struct pipeline *p)
{
	if (p == NULL)
		return;
	free_parsers(p->parsers);
	engine_free(p->engine);
	tls_sessions_free(p->tls);
	store_close(p->store);
	self_free(p->self);
	buf_done(&p->own_id);
	free(p);
}

struct store *
pipeline_store(struct pipeline *p)
{
	return p->store;
}

int64_t
pipeline_next_due(const struct pipeline *p)
{
	int64_t due_us = engine_next_due(p->engine);

	if (due_us == INT64_MAX || p->log_us == INT64_MIN)
		return INT64_MAX;
	return p->last_batch_us + TRAIL_US + (due_us > p->log_us ? due_us - p->log_us : 0);
}

struct pipeline_totals
pipeline_take_totals(struct pipeline *p)
{
	struct pipeline_totals totals = p->totals;

	p->totals = (struct pipeline_totals){ 0 };
	return totals;
}

char *
pipeline_cursor(struct pipeline *p, const char *source, struct err *err)
{
	AUTO(buf_done) struct buf out = { 0 };
	int r = store_cursor_get(p->store, str_of(source), &out, err);

	if (r < 0 && r != -ENOENT)
		return NULL;
	char *cursor = str_dup(buf_str(&out));

	if (cursor == NULL)
		(void)err_set(err, -ENOMEM, "out of memory");
	return cursor;
}

/* --- a batch --- */

static int
flush_engine(struct pipeline *p)
{
	struct keeper keeper = keeper_of(p, p->err);

	return keeper_flush(&keeper, p->engine);
}

static int
flush_ledger(struct pipeline *p)
{
	struct ledger_counts counts = p->counts;

	p->counts = (struct ledger_counts){ 0 };
	if (counts.lines == 0 && counts.events == 0)
		return 0;
	if (p->hour_us == 0) /* a batch without an event: it is of now */
		p->hour_us =
		    engine_now(p->engine) != INT64_MIN ? engine_now(p->engine) : p->now_us;
	return store_add_ledger(p->store, p->source, p->hour_us, &counts, p->err);
}

/* Asked by the engine for each event: is it about a mail that mailwarden sent? */
static bool
find_own(void *ctx, const struct event *ev)
{
	struct pipeline *p = ctx;

	if (!own_mail_may_be(ev))
		return false;
	buf_clear(&p->own_id);
	int r = own_mail_find(p->store, ev, p->now_us, &p->own_id, p->err);

	if (r < 0)
		p->failed = r;
	p->is_own = r > 0;
	return p->is_own;
}

/* Our own mail: what became of it, and rows to trace it by. */
static int
take_own(struct pipeline *p, const struct event *ev)
{
	int r = own_mail_fate(p->store, buf_str(&p->own_id), ev, p->now_us, p->err);

	if (r < 0)
		return r;
	p->totals.notices += r;
	return store_add_uncounted(p->store, ev, p->err);
}

/* --- what the store knows of bounces --- */

struct looking {
	bounce_row_fn *fn;
	void *ctx;
};

static int
pass_row(void *ctx, const struct event *row)
{
	struct looking *l = ctx;

	l->fn(l->ctx, row);
	return 0;
}

static void
look_up(void *ctx, struct str queue_id, int64_t at_us, bounce_row_fn *fn, void *fn_ctx)
{
	struct pipeline *p = ctx;
	struct looking looking = { fn, fn_ctx };
	int r = store_each_of_queue_id(p->store, queue_id,
	    at_us - REPORT_BACK_DAYS * 24 * HOUR_US, at_us, pass_row, &looking, p->err);

	if (r < 0)
		p->failed = r;
}

static bool
has_report(void *ctx, struct str report_id)
{
	struct pipeline *p = ctx;
	int r = store_has_report(p->store, report_id, p->err);

	if (r < 0)
		p->failed = r;
	return r > 0;
}

/* One event, in its turn: detectors, rows, counts. */
static int
take_event(void *ctx, struct event *ev, struct str line)
{
	struct pipeline *p = ctx;
	int64_t hour_us = ev->time_us - ev->time_us % HOUR_US;

	/* Nobody's report; the same message, delivered twice. */
	if (report_source_is_forged(ev, p->source) || engine_is_repeat(p->engine, ev)) {
		p->counts.ignored++;
		return p->failed;
	}
	if (p->hour_us != 0 && hour_us != p->hour_us)
		p->failed = flush_ledger(p);
	p->hour_us = hour_us;
	p->counts.events++;
	p->is_own = false;
	if (!engine_feed(p->engine, ev, line))
		p->failed = err_set(p->err, -ENOMEM, "out of memory");
	/* What it sets is for figures: no rule is to judge by it. */
	tls_sessions_apply(p->tls, ev);
	if (p->failed == 0)
		p->failed =
		    p->is_own ? take_own(p, ev) : store_add_event(p->store, ev, p->err);
	return p->failed;
}

static int
take_lines(struct pipeline *p, const struct line *lines, size_t n)
{
	const struct parse_job job = {
		.parsers = p->parsers,
		.nparsers = p->nparsers,
		.reference_us = p->reference_us,
		.source = p->source,
		.lines = lines,
		.n = n,
		.counts = &p->counts,
		.samples = &p->samples,
		.take = take_event,
		.ctx = p,
	};

	return parse_lines(&job, p->err);
}

/* What was rolled back the engine may know and the store not: it is built anew. */
static int
renew_engine(struct pipeline *p, struct err *err)
{
	struct keeper keeper = keeper_of(p, err);
	struct engine *fresh = keeper_load(&keeper, &p->book);

	if (fresh == NULL)
		return -EIO;
	engine_free(p->engine);
	p->engine = fresh;
	p->stale = false;
	return 0;
}

static int
undo(struct pipeline *p, int r)
{
	struct err second;

	store_rollback(p->store);
	p->counts = (struct ledger_counts){ 0 };
	p->judged_hour_us = 0;
	p->stale = true;
	(void)renew_engine(p, &second); /* else before the next batch */
	return r;
}

/* An old log that is read today ends in the year in which it was written last. */
static int64_t
last_change(const char *source, int64_t now_us)
{
	struct stat st;
	int64_t changed_us;

	if (strncmp(source, "file:", 5) != 0 || stat(source + 5, &st) != 0)
		return now_us;
	changed_us = st.st_mtim.tv_sec * (int64_t)US_PER_S;
	return changed_us > 0 && changed_us < now_us ? changed_us : now_us;
}

static int
begin(struct pipeline *p, const char *source, struct err *err)
{
	p->err = err;
	p->failed = 0;
	p->source = str_of(source);
	p->samples.n = 0;
	p->hour_us = 0;
	p->now_us = app_now_us();
	p->reference_us = last_change(source, p->now_us);
	if (p->stale && renew_engine(p, err) < 0)
		return -EIO;
	engine_set_horizon(p->engine, p->now_us + AHEAD_US);
	engine_set_own(p->engine, find_own, p);
	engine_set_memory(p->engine, &(struct bounce_memory){ look_up, has_report, p });
	return store_begin(p->store, err);
}

/* --- what there is to say about ourselves --- */

void
pipeline_note(struct pipeline *p, const char *limit_name, const char *fmt, ...)
{
	char text[SELF_TEXT_BYTES + 1];
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(text, sizeof text, fmt, ap);
	va_end(ap);
	self_note(p->self, limit_name, "%s", text);
}

/* What one worker found out holds for all, or lines would be understood by chance. */
static void
parser_rule_off(void *ctx, struct str rule)
{
	struct pipeline *p = ctx;

	for (size_t i = 0; i < p->nparsers; i++)
		matcher_switch_off(parser_matcher(p->parsers[i]), rule);
	self_note(p->self, SELF_RULE_OFF, "parser rule %.*s", STR_ARG(rule));
}

static void
alert_rule_off(void *ctx, struct str rule)
{
	struct pipeline *p = ctx;

	self_note(p->self, SELF_RULE_OFF, "alert rule %.*s", STR_ARG(rule));
}

/* What a batch brought to light; the ledger is looked at as the log's clock comes to another
 * hour. */
static int
look_at_batch(struct pipeline *p)
{
	int64_t now_us = engine_now(p->engine);

	for (size_t i = 0; i < p->nparsers; i++)
		matcher_take_off(parser_matcher(p->parsers[i]), parser_rule_off, p);
	engine_take_off(p->engine, alert_rule_off, p);
	if (engine_dropped(p->engine) > 0 && !p->told_full) {
		self_note(p->self, SELF_TABLE_FULL,
		    "more than %d troubles at once, some are not kept", ENGINE_MAX_ALIVE);
		p->told_full = true;
	}
	if (now_us == INT64_MIN || now_us - now_us % HOUR_US == p->judged_hour_us)
		return 0;
	p->judged_hour_us = now_us - now_us % HOUR_US;
	return self_look_at_ledger(p->self, p->store, now_us, p->err);
}

/* INT64_MIN: the log has shown no clock yet, it waits. */
static int
tell_self(struct pipeline *p, int64_t at_us)
{
	struct keeper keeper = keeper_of(p, p->err);

	if (at_us == INT64_MIN || !self_has_news(p->self))
		return 0;
	if (self_feed(p->self, p->engine, at_us) < 0)
		return err_set(p->err, -ENOMEM, "out of memory");
	keeper.of_now = true;
	return keeper_flush(&keeper, p->engine);
}

static int
commit(struct pipeline *p, int r, const struct pipeline_totals *before)
{
	if (r == 0)
		r = store_commit(p->store, p->err);
	if (r < 0) {
		p->totals = *before;
		return undo(p, r);
	}
	self_told(p->self);
	return 0;
}

int
pipeline_lines(struct pipeline *p, const char *source, const struct line *lines, size_t n,
    const char *cursor, struct err *err)
{
	struct pipeline_totals before = p->totals;
	int r = begin(p, source, err);

	if (r < 0)
		return r;
	r = take_lines(p, lines, n);
	if (r == 0)
		r = flush_ledger(p);
	if (r == 0)
		r = self_save_samples(&p->samples, p->store, p->source, err);
	if (r == 0)
		r = flush_engine(p);
	if (r == 0)
		r = look_at_batch(p);
	if (r == 0)
		r = tell_self(p, engine_now(p->engine));
	if (r == 0)
		r = store_cursor_set(p->store, p->source, str_of(cursor), p->now_us, err);
	if ((r = commit(p, r, &before)) < 0)
		return r;
	p->totals.lines += (int64_t)n;
	p->last_batch_us = p->now_us;
	p->log_us = engine_now(p->engine);
	return 0;
}

int
pipeline_gap(struct pipeline *p, const char *source, const char *what, const char *detail,
    struct err *err)
{
	struct pipeline_totals before = p->totals;
	int r = begin(p, source, err);

	if (r < 0)
		return r;
	self_note(p->self, SELF_GAP, "%s: %s%s%s", source, what,
	    detail[0] != '\0' ? ": " : "", detail);
	r = store_add_gap(p->store, str_of(source), p->now_us, str_of(what), str_of(detail),
	    err);
	if (r == 0)
		r = tell_self(p, engine_now(p->engine));
	return commit(p, r, &before);
}

/* The log's clock goes on as the wall's did since the last line. */
static int
move_on(struct pipeline *p, int64_t now_us)
{
	if (p->log_us != INT64_MIN)
		engine_tick(p->engine, p->log_us + (now_us - p->last_batch_us) - TRAIL_US);
	return flush_engine(p);
}

int
pipeline_tick(struct pipeline *p, int64_t now_us, struct err *err)
{
	struct pipeline_totals before = p->totals;
	int r = begin(p, "", err);

	return r < 0 ? r : commit(p, move_on(p, now_us), &before);
}

int
pipeline_look(struct pipeline *p, int64_t now_us, struct err *err)
{
	struct pipeline_totals before = p->totals;
	int r = begin(p, "", err);

	if (r < 0)
		return r;
	if ((r = move_on(p, now_us)) == 0)
		r = look_at_batch(p);
	if (r == 0)
		r = self_look_at_outbox(p->self, p->store, now_us, err);
	/* Where no line was ever read, the wall's clock is all there is. */
	if (r == 0)
		r = tell_self(p,
		    engine_now(p->engine) == INT64_MIN ? now_us : engine_now(p->engine));
	if ((r = commit(p, r, &before)) == 0 && p->log_us == INT64_MIN) {
		p->last_batch_us = now_us;
		p->log_us = engine_now(p->engine);
	}
	return r;
}
