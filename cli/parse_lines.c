#include "cli/parse_lines.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cli/kept.h"
#include "parsers/pool.h"

/* Below MANY_LINES a batch is not worth other threads; each gets PORTION_LINES at a time. */
enum { MANY_LINES = 2048, PORTION_LINES = 512 };

static bool
is_unparsed(enum parse_result result)
{
	return result == PARSE_UNPARSED || result == PARSE_GAVE_UP;
}

static void
count_line(struct ledger_counts *counts, const struct line *line, enum parse_result result)
{
	counts->lines++;
	counts->bytes += (int64_t)line->text.n + 1;
	counts->truncated += line->truncated;
	counts->unparsed += is_unparsed(result);
	counts->ignored += result != PARSE_EVENT && !is_unparsed(result);
}

/* --- few lines: one after the other --- */

struct few {
	const struct parse_job *job;
	const struct line *line;
	int failed;
};

static void
on_event(void *ctx, struct event *ev)
{
	struct few *few = ctx;

	if (few->failed == 0)
		few->failed = few->job->take(few->job->ctx, ev, few->line->text);
}

static int
take_few(const struct parse_job *job)
{
	struct parser *parser = job->parsers[0];
	struct few few = { .job = job };

	parser_set_reference(parser, job->reference_us);
	for (size_t i = 0; i < job->n && few.failed == 0; i++) {
		few.line = &job->lines[i];
		enum parse_result result =
		    parser_line(parser, few.line, job->source, on_event, &few);

		count_line(job->counts, few.line, result);
		if (is_unparsed(result))
			self_add_sample(job->samples, few.line);
	}
	return few.failed;
}

/* --- many lines: parsed on all cores, taken in order --- */

struct many {
	const struct parse_job *job;
	struct err *err;
	size_t next;
	int failed;
};

/* A worker's portion; its events wait in `kept`. */
struct portion {
	const struct line *lines;
	size_t n;
	struct kept_list *kept;
	struct result {
		enum parse_result result;
		size_t events; /* kept of this line and those before it */
	} results[PORTION_LINES];
	struct self_samples samples;
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
	size_t left = many->job->n - many->next;

	if (left == 0)
		return 0;
	portion->lines = many->job->lines + many->next;
	portion->n = left < PORTION_LINES ? left : PORTION_LINES;
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
	struct parser *parser = many->job->parsers[worker];

	portion->samples.n = 0;
	kept_clear(portion->kept);
	parser_set_reference(parser, many->job->reference_us);
	for (size_t i = 0; i < portion->n; i++) {
		portion->line = &portion->lines[i];
		enum parse_result result = parser_line(parser, portion->line,
		    many->job->source, keep_event, portion);

		portion->results[i] = (struct result){ result, portion->kept->n };
		if (is_unparsed(result))
			self_add_sample(&portion->samples, portion->line);
	}
}

static int
portion_take(void *ctx, void *slot)
{
	struct many *many = ctx;
	const struct parse_job *job = many->job;
	struct portion *portion = slot;
	const struct kept_list *kept = portion->kept;
	size_t next = 0;

	if (kept->failed)
		return many->failed = err_set(many->err, -ENOMEM, "out of memory");
	self_add_samples(job->samples, &portion->samples);
	for (size_t i = 0; i < portion->n && many->failed == 0; i++) {
		const struct result *result = &portion->results[i];

		for (; next < result->events && many->failed == 0; next++)
			many->failed = job->take(job->ctx, &kept->items[next].ev,
			    kept->items[next].line);
		count_line(job->counts, &portion->lines[i], result->result);
	}
	return many->failed;
}

static int
take_many(const struct parse_job *job, struct err *err)
{
	struct many many = { .job = job, .err = err };
	const struct pool_job pool = { &many, portion_new, portion_free, portion_fill,
		portion_work, portion_take };
	int r = pool_run(job->nparsers, &pool);

	if (r < 0 && many.failed == 0)
		return err_set(err, r, "parse lines: %s", strerror(-r));
	return many.failed;
}

int
parse_lines(const struct parse_job *job, struct err *err)
{
	return job->n < MANY_LINES || job->nparsers < 2 ? take_few(job)
							: take_many(job, err);
}
