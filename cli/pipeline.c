#include "cli/pipeline.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cli/kept.h"
#include "core/clock.h"
#include "parsers/parser.h"
#include "parsers/pool.h"
#include "rules/context.h"
#include "rules/engine.h"

/* Below MANY_LINES a batch is not worth other threads; each gets PORTION_LINES at a time. */
enum { MANY_LINES = 2048, PORTION_LINES = 512 };

#define HOUR_US (3600 * (int64_t)US_PER_S)
#define TELL_WITHIN_US (24 * HOUR_US) /* older troubles are shown, not told */
#define ALIVE_US (7 * 24 * HOUR_US)
/* A resolution waits a little: a relapse takes it back before anybody was told. */
#define SETTLE_US (300 * (int64_t)US_PER_S)

struct pipeline {
	struct store *store;
	struct rulebook book; /* its parts are the caller's */
	struct parser
	    *parsers[POOL_MAX_WORKERS]; /* one for each worker, at least the first */
	size_t nparsers;
	struct engine *engine;
	struct err *err; /* of the call that runs */
	struct pipeline_totals totals;
	struct str source;           /* of the batch */
	struct ledger_counts counts; /* of hour_us, not yet in the ledger */
	int64_t hour_us;
	const struct line *line;
	int failed; /* of this batch, negative errno */
	int64_t now_us;
	int64_t last_batch_us; /* wall clock when lines came last */
	bool stale;            /* the engine knows what was rolled back */
};

static int
restore_incident(void *ctx, const struct incident *incident)
{
	int r = engine_restore(ctx, incident);

	return r == -ENOMEM ? r : 0; /* a rule that is gone: its incident stays as it is */
}

static int
restore_slot(void *ctx, const struct context_slot *slot)
{
	engine_remember(ctx, slot);
	return 0;
}

/* A new engine with all that the store knows. */
static struct engine *
load_engine(struct pipeline *p, const struct rulebook *book, struct err *err)
{
	struct engine *e = engine_new(book->alerts, book->catalogue);

	if (e == NULL) {
		(void)err_set(err, -ENOMEM, "out of memory");
		return NULL;
	}
	if (store_each_incident(p->store, INCIDENTS_ALIVE, app_now_us() - ALIVE_US,
		restore_incident, e, err) < 0 ||
	    store_each_slot(p->store, restore_slot, e, err) < 0) {
		engine_free(e);
		return NULL;
	}
	return e;
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
	struct engine *engine = r < 0 ? NULL : load_engine(p, book, err);

	if (engine == NULL) {
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
	int r = store_open(state, STORE_WRITE, &p->store, err);

	if (r == 0)
		r = pipeline_set_rules(p, book, err);
	if (r < 0) {
		pipeline_close(p);
		return r;
	}
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
	store_close(p->store);
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

	return due_us == INT64_MAX ? due_us
				   : p->last_batch_us + (due_us - engine_now(p->engine));
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

/* --- what the engine hands over --- */

static int
save(void *ctx, const struct incident *incident)
{
	struct pipeline *p = ctx;

	return store_save_incident(p->store, incident, p->err);
}

static int
remember(void *ctx, const struct context_slot *slot)
{
	struct pipeline *p = ctx;

	return store_save_slot(p->store, slot, p->err);
}

static int
forget(void *ctx, const struct incident *incident)
{
	struct pipeline *p = ctx;

	return store_forget_incident(p->store, incident->id, p->err);
}

static int
tell(void *ctx, const struct incident *incident, enum notice notice, int64_t at_us)
{
	struct pipeline *p = ctx;
	AUTO(buf_done) struct buf id = { 0 };

	if (notice == NOTICE_OPENED)
		p->totals.incidents_opened++;
	if (at_us < p->now_us - TELL_WITHIN_US)
		return 0;
	if (notice == NOTICE_OPENED) {
		/* A relapse before the resolution was told: nobody needs to hear of either. */
		int r =
		    store_outbox_withdraw(p->store, incident->id, NOTICE_RESOLVED, p->err);

		if (r != 0)
			return r < 0 ? r : 0;
	}
	buf_addf(&id, "%.*s.%s.%llx", STR_ARG(incident->id), notice_name(notice),
	    (unsigned long long)at_us);
	struct outbox_row row = {
		.id = buf_str(&id),
		.incident = incident->id,
		.notice = notice,
		.created_us = p->now_us,
		.due_us = p->now_us + (notice == NOTICE_RESOLVED ? SETTLE_US : 0),
	};

	p->totals.notices++;
	return store_outbox_add(p->store, &row, p->err);
}

static int
flush_engine(struct pipeline *p)
{
	const struct engine_sink sink = { save, forget, tell, NULL, remember, p };

	return engine_flush(p->engine, &sink);
}

/* --- a batch --- */

static int
flush_ledger(struct pipeline *p)
{
	struct ledger_counts counts = p->counts;

	p->counts = (struct ledger_counts){ 0 };
	if (counts.lines == 0)
		return 0;
	return store_add_ledger(p->store, p->source, p->hour_us, &counts, p->err);
}

/* One event, in its turn: detectors, rows, counts. */
static void
take_event(struct pipeline *p, struct event *ev, struct str line)
{
	int64_t hour_us = ev->time_us - ev->time_us % HOUR_US;

	if (p->failed < 0)
		return;
	if (hour_us != p->hour_us && p->counts.lines > 0)
		p->failed = flush_ledger(p);
	p->hour_us = hour_us;
	p->counts.events++;
	if (!engine_feed(p->engine, ev, line))
		p->failed = err_set(p->err, -ENOMEM, "out of memory");
	else if (p->failed == 0)
		p->failed = store_add_event(p->store, ev, p->err);
}

static void
count_result(struct ledger_counts *counts, enum parse_result result)
{
	if (result == PARSE_UNPARSED || result == PARSE_GAVE_UP)
		counts->unparsed++;
	else if (result != PARSE_EVENT)
		counts->ignored++;
}

static void
count_line(struct ledger_counts *counts, const struct line *line)
{
	counts->lines++;
	counts->bytes += (int64_t)line->text.n + 1;
	counts->truncated += line->truncated;
}

/* --- few lines: one after the other --- */

static void
on_event(void *ctx, struct event *ev)
{
	struct pipeline *p = ctx;

	take_event(p, ev, p->line->text);
}

static int
take_few(struct pipeline *p, const struct line *lines, size_t n)
{
	parser_set_reference(p->parsers[0], p->now_us);
	for (size_t i = 0; i < n && p->failed == 0; i++) {
		p->line = &lines[i];
		count_line(&p->counts, p->line);
		count_result(&p->counts,
		    parser_line(p->parsers[0], p->line, p->source, on_event, p));
	}
	return p->failed;
}

/* --- many lines: parsed on all cores, taken in order --- */

struct many {
	struct pipeline *p;
	const struct line *lines;
	size_t n, next;
};

/* A worker's portion; its events wait in `kept`. */
struct portion {
	const struct line *lines;
	size_t n;
	struct kept_list *kept;
	struct ledger_counts counts;
	const struct line *line;
};

static void *
portion_new(void *ctx)
{
	struct portion *portion = calloc(1, sizeof *portion);

	(void)ctx;
	if (portion != NULL && (portion->kept = kept_new()) == NULL) {
		free(portion);
		return NULL;
	}
	return portion;
}

static void
portion_free(void *ctx, void *slot)
{
	struct portion *portion = slot;

	(void)ctx;
	kept_free(portion->kept);
	free(portion);
}

static int
portion_fill(void *ctx, void *slot)
{
	struct many *many = ctx;
	struct portion *portion = slot;

	if (many->next == many->n)
		return 0;
	portion->lines = many->lines + many->next;
	portion->n =
	    many->n - many->next < PORTION_LINES ? many->n - many->next : PORTION_LINES;
	many->next += portion->n;
	return 1;
}

static void
keep_event(void *ctx, struct event *ev)
{
	struct portion *portion = ctx;

	kept_add(portion->kept, ev, portion->line->text);
}

static void
portion_work(void *ctx, size_t worker, void *slot)
{
	struct many *many = ctx;
	struct portion *portion = slot;
	struct parser *parser = many->p->parsers[worker];

	portion->counts = (struct ledger_counts){ 0 };
	kept_clear(portion->kept);
	parser_set_reference(parser, many->p->now_us);
	for (size_t i = 0; i < portion->n; i++) {
		portion->line = &portion->lines[i];
		count_line(&portion->counts, portion->line);
		count_result(&portion->counts, parser_line(parser, portion->line,
						   many->p->source, keep_event, portion));
	}
}

static int
portion_take(void *ctx, void *slot)
{
	struct many *many = ctx;
	struct pipeline *p = many->p;
	struct portion *portion = slot;

	if (portion->kept->failed)
		return p->failed = err_set(p->err, -ENOMEM, "out of memory");
	p->counts.lines += portion->counts.lines;
	p->counts.bytes += portion->counts.bytes;
	p->counts.ignored += portion->counts.ignored;
	p->counts.unparsed += portion->counts.unparsed;
	p->counts.truncated += portion->counts.truncated;
	for (size_t i = 0; i < portion->kept->n && p->failed == 0; i++)
		take_event(p, &portion->kept->items[i].ev, portion->kept->items[i].line);
	return p->failed;
}

static int
take_many(struct pipeline *p, const struct line *lines, size_t n)
{
	struct many many = { .p = p, .lines = lines, .n = n };
	const struct pool_job job = { &many, portion_new, portion_free, portion_fill,
		portion_work, portion_take };
	int r = pool_run(p->nparsers, &job);

	if (r < 0 && p->failed == 0)
		return err_set(p->err, r, "parse lines: %s", strerror(-r));
	return p->failed;
}

static int
take_lines(struct pipeline *p, const struct line *lines, size_t n)
{
	return n < MANY_LINES || p->nparsers < 2 ? take_few(p, lines, n)
						 : take_many(p, lines, n);
}

/* What was rolled back the engine may know and the store not: it is built anew. */
static int
renew_engine(struct pipeline *p, struct err *err)
{
	struct engine *fresh = load_engine(p, &p->book, err);

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
	p->stale = true;
	(void)renew_engine(p, &second); /* else before the next batch */
	return r;
}

static int
begin(struct pipeline *p, const char *source, struct err *err)
{
	p->err = err;
	p->failed = 0;
	p->source = str_of(source);
	p->now_us = app_now_us();
	if (p->stale && renew_engine(p, err) < 0)
		return -EIO;
	return store_begin(p->store, err);
}

int
pipeline_lines(struct pipeline *p, const char *source, const struct line *lines, size_t n,
    const char *cursor, struct err *err)
{
	struct pipeline_totals before = p->totals;
	int r = begin(p, source, err);

	if (r < 0)
		return r;
	if (p->hour_us == 0)
		p->hour_us = p->now_us - p->now_us % HOUR_US;
	r = take_lines(p, lines, n);
	if (r == 0)
		r = flush_ledger(p);
	if (r == 0)
		r = flush_engine(p);
	if (r == 0)
		r = store_cursor_set(p->store, p->source, str_of(cursor), p->now_us, err);
	if (r == 0)
		r = store_commit(p->store, err);
	if (r < 0) {
		p->totals = before;
		return undo(p, r);
	}
	p->totals.lines += (int64_t)n;
	p->last_batch_us = p->now_us;
	return 0;
}

int
pipeline_gap(struct pipeline *p, const char *source, const char *what, const char *detail,
    struct err *err)
{
	int r = begin(p, source, err);

	if (r < 0)
		return r;
	r = store_add_gap(p->store, str_of(source), p->now_us, str_of(what), str_of(detail),
	    err);
	if (r == 0)
		r = store_commit(p->store, err);
	if (r < 0)
		store_rollback(p->store);
	return r;
}

int
pipeline_tick(struct pipeline *p, int64_t now_us, struct err *err)
{
	int r = begin(p, "", err);

	if (r < 0)
		return r;
	struct pipeline_totals before = p->totals;

	engine_tick(p->engine, engine_now(p->engine) + (now_us - p->last_batch_us));
	r = flush_engine(p);
	if (r == 0)
		r = store_commit(p->store, err);
	if (r < 0) {
		p->totals = before;
		return undo(p, r);
	}
	p->last_batch_us = now_us;
	return 0;
}
