#include "cli/input.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/clock.h"
#include "parsers/pool.h"
#include "watcher/journal.h"

struct input {
	const struct input_job *job;
	struct parser *parsers[POOL_MAX_WORKERS + 1];
	size_t next_path;
	const char *path;
	struct reader *reader;
	struct journal_reader *journal;
	int64_t reference_us; /* of the open file */
	int64_t given;        /* lines handed to workers */
	struct progress progress;
	struct line_counts total;
	int failed; /* an exit code */
};

/* What on_event needs while one line is parsed. */
struct line_work {
	const struct input_job *job;
	struct input_batch *batch;
	const struct line *line;
};

struct slot {
	struct input_batch batch;
	int64_t reference_us;
};

static void *
slot_new(void *ctx)
{
	struct input *in = ctx;
	struct slot *slot = calloc(1, sizeof *slot);

	if (slot != NULL && in->job->batch_new != NULL) {
		slot->batch.data = in->job->batch_new(in->job->ctx);
		if (slot->batch.data == NULL) {
			free(slot);
			return NULL;
		}
	}
	return slot;
}

static void
slot_free(void *ctx, void *data)
{
	struct input *in = ctx;
	struct slot *slot = data;

	if (in->job->batch_free != NULL)
		in->job->batch_free(in->job->ctx, slot->batch.data);
	line_batch_done(&slot->batch.lines);
	free(slot);
}

static int
open_journal(struct input *in, struct err *err)
{
	if (in->next_path >= in->job->npaths && (in->job->npaths > 0 || in->next_path > 0))
		return 0;
	in->path = in->job->npaths > 0 ? in->job->paths[in->next_path] : NULL;
	in->next_path++;
	in->reference_us = app_now_us();
	int r = journal_reader_open(in->path, NULL, &in->journal, err);

	return r < 0 ? r : 1;
}

/* Opens the next input: 1 opened, 0 no more, negative errno. */
static int
open_next(struct input *in, struct err *err)
{
	if (in->job->journal)
		return open_journal(in, err);
	if (in->next_path == in->job->npaths)
		return 0;
	in->path = in->job->paths[in->next_path++];
	int r = reader_open(in->path, 0, &in->reader, err);

	if (r < 0)
		return r;
	int64_t mtime_s = reader_mtime_s(in->reader);

	in->reference_us = mtime_s > 0 ? mtime_s * US_PER_S : app_now_us();
	if (strcmp(in->path, "-") == 0)
		in->path = "stdin";
	return 1;
}

static int
read_batch(struct input *in, struct line_batch *lines, struct err *err)
{
	if (in->journal != NULL)
		return journal_reader_next(in->journal, lines, err);
	return reader_next(in->reader, lines, err);
}

static void
close_current(struct input *in)
{
	reader_close(in->reader);
	journal_reader_close(in->journal);
	in->reader = NULL;
	in->journal = NULL;
}

static int
fill(void *ctx, void *data)
{
	struct input *in = ctx;
	struct slot *slot = data;
	struct err err;

	for (;;) {
		int r = 0;

		if (in->job->max_lines > 0 && in->given >= in->job->max_lines)
			return 0;
		if (in->reader == NULL && in->journal == NULL &&
		    (r = open_next(in, &err)) <= 0) {
			if (r < 0)
				in->failed = app_fail(EXIT_STORE, "%s", err.text);
			return r;
		}
		r = read_batch(in, &slot->batch.lines, &err);
		if (r < 0) {
			in->failed = app_fail(EXIT_STORE, "%s", err.text);
			return r;
		}
		if (r > 0)
			break;
		close_current(in);
	}
	in->given += (int64_t)slot->batch.lines.n;
	if (in->job->max_lines > 0 && in->given > in->job->max_lines)
		slot->batch.lines.n -= (size_t)(in->given - in->job->max_lines);
	slot->batch.source = str_of(in->path == NULL ? "journal" : in->path);
	slot->reference_us = in->reference_us;
	if (in->reader != NULL)
		progress_show(&in->progress, reader_done_bytes(in->reader),
		    reader_size_bytes(in->reader), (uint64_t)in->total.lines);
	return 1;
}

static void
pass_event(void *ctx, struct event *ev)
{
	struct line_work *w = ctx;

	w->batch->counts.events++;
	if (w->job->on_event != NULL)
		w->job->on_event(w->job->ctx, w->batch, ev, w->line);
}

static void
count_result(struct line_work *w, enum parse_result r)
{
	struct line_counts *c = &w->batch->counts;

	switch (r) {
	case PARSE_EVENT: return;
	case PARSE_GAVE_UP: c->gave_up++; /* fall through */
	case PARSE_UNPARSED:
		c->unparsed++;
		if (w->job->want_unparsed)
			w->job->on_unparsed(w->job->ctx, w->batch, w->line);
		return;
	default: c->ignored++;
	}
}

static void
work(void *ctx, size_t worker, void *data)
{
	struct input *in = ctx;
	struct slot *slot = data;
	struct line_work w = { .job = in->job, .batch = &slot->batch };
	struct parser *parser = in->parsers[worker];

	slot->batch.counts = (struct line_counts){ .lines = (int64_t)slot->batch.lines.n };
	parser_set_reference(parser, slot->reference_us);
	if (in->job->on_begin != NULL)
		in->job->on_begin(in->job->ctx, &slot->batch);
	for (size_t i = 0; i < slot->batch.lines.n; i++) {
		w.line = &slot->batch.lines.lines[i];
		slot->batch.counts.truncated += w.line->truncated;
		count_result(&w,
		    parser_line(parser, w.line, slot->batch.source, pass_event, &w));
	}
}

static int
take(void *ctx, void *data)
{
	struct input *in = ctx;
	struct slot *slot = data;
	const struct line_counts *c = &slot->batch.counts;

	in->total.lines += c->lines;
	in->total.events += c->events;
	in->total.ignored += c->ignored;
	in->total.unparsed += c->unparsed;
	in->total.gave_up += c->gave_up;
	in->total.truncated += c->truncated;
	return in->job->on_batch == NULL ? 0
					 : in->job->on_batch(in->job->ctx, &slot->batch);
}

static int
make_parsers(struct input *in, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		in->parsers[i] = parser_new(in->job->book->parsers,
		    in->job->book->catalogue, app_now_us());
		if (in->parsers[i] == NULL)
			return -ENOMEM;
		if (in->job->no_header)
			parser_set_no_header(in->parsers[i], in->job->process);
	}
	return 0;
}

static void
tell_limit(void *ctx, struct str rule, uint64_t times)
{
	(void)ctx;
	fprintf(stderr, "mailwarden: rule '%.*s' hit its match limit %llu times\n",
	    STR_ARG(rule), (unsigned long long)times);
}

int
input_run(const struct input_job *job, struct line_counts *total_out)
{
	struct input in = { .job = job };
	struct pool_job pool = { &in, slot_new, slot_free, fill, work, take };
	size_t workers = job->workers == SIZE_MAX ? pool_default_workers() : job->workers;
	size_t nparsers = workers == 0 ? 1 : workers;

	if (workers > POOL_MAX_WORKERS)
		workers = nparsers = POOL_MAX_WORKERS;
	int r = make_parsers(&in, nparsers);

	in.progress = progress_begin("reading");
	if (r == 0)
		r = pool_run(workers, &pool);
	progress_end(&in.progress);
	close_current(&in);
	for (size_t i = 0; i < nparsers && in.parsers[i] != NULL; i++) {
		matcher_each_limit(parser_matcher(in.parsers[i]), tell_limit, NULL);
		parser_free(in.parsers[i]);
	}
	*total_out = in.total;
	if (in.failed != EXIT_FINE)
		return in.failed;
	if (r == -EPIPE)
		return EXIT_FINE; /* whoever read our output has seen enough */
	return r < 0 ? app_fail(EXIT_FAILED, "%s", strerror(-r)) : EXIT_FINE;
}
