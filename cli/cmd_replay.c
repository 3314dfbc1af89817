/* mailwarden replay: the whole pipeline on history, without the live store. */
#include <errno.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "cli/input.h"
#include "cli/kept.h"
#include "cli/replay_compare.h"
#include "cli/replay_reports.h"
#include "cli/report_source.h"
#include "cli/show.h"
#include "core/clock.h"
#include "core/json.h"
#include "rules/context.h"
#include "rules/engine.h"
#include "rules/tally.h"

enum { HEAD_COLUMNS = 24, COLUMNS = 80 }; /* severity, id, and the blanks between */

struct replay {
	bool json;
	struct compare
	    *compare; /* takes the incidents in place of printing them; or NULL */
	enum compare_side side;
	uint32_t kinds; /* bit per event kind that is of use */
	struct engine *engine;
	struct replay_reports *reports; /* or NULL */
	char **paths;                   /* owned; of servers' logs */
	char **report_logs;             /* of the others, behind them */
	size_t nreport_logs;
	struct err err; /* of reports */
	struct tally tally;
	struct line_counts lines;
	int64_t log_lines; /* of them: not of reports.log */
	struct buf out;
	int64_t began_us, took_us;
	size_t incidents, open;
	/* Signs for which there was no room, stamps not believed, groups forgotten, reports
	 * that came again. */
	uint64_t dropped, strays, groups_dropped, repeats;
	struct engine_sink sink;
};

static void *
list_new(void *ctx)
{
	(void)ctx;
	return kept_new();
}

static void
list_free(void *ctx, void *data)
{
	(void)ctx;
	kept_free(data);
}

static void
begin_batch(void *ctx, struct input_batch *batch)
{
	(void)ctx;
	kept_clear(batch->data);
}

/* Kinds that neither a figure nor a rule looks at do not leave the worker. */
#define TALLIED_KINDS (1u << KIND_ATTEMPT | 1u << KIND_REJECT | 1u << KIND_DSN)

static void
on_event(void *ctx, struct input_batch *batch, struct event *ev, const struct line *line)
{
	const struct replay *replay = ctx;

	if (report_source_is_forged(ev, ev->source)) /* as live */
		return;
	if ((replay->kinds >> event_num(ev, EVF_kind) & 1) != 0 || context_wants(ev))
		kept_add(batch->data, ev, line->text);
}

static int
take(struct replay *replay, struct kept *k)
{
	if (engine_is_repeat(replay->engine, &k->ev))
		return 0;
	if (!engine_feed(replay->engine, &k->ev, k->line))
		return -ENOMEM;
	tally_add(&replay->tally, &k->ev);
	return 0;
}

/* Reports that are due when the logs have come to at_us. */
static int
take_reports(struct replay *replay, int64_t at_us)
{
	struct kept *k;
	int r = 0;

	while (r >= 0 && replay->reports != NULL &&
	       (r = replay_reports_next(replay->reports, at_us, &k, &replay->err)) > 0)
		r = take(replay, k);
	return r;
}

static int
on_batch(void *ctx, struct input_batch *batch)
{
	struct replay *replay = ctx;
	struct kept_list *list = batch->data;

	if (list->failed)
		return -ENOMEM;
	for (size_t i = 0; i < list->n; i++) {
		struct kept *k = &list->items[i];
		int r = take_reports(replay, k->ev.time_us);

		if (r == 0)
			r = take(replay, k);
		if (r < 0)
			return r;
	}
	return engine_flush(replay->engine, &replay->sink);
}

static int
save_nothing(void *ctx, const struct incident *incident)
{
	(void)ctx;
	(void)incident;
	return 0;
}

static int
tell_nobody(void *ctx, const struct incident *incident, enum notice notice, int64_t at_us)
{
	(void)ctx;
	(void)incident;
	(void)notice;
	(void)at_us;
	return 0;
}

static void
print_text(struct replay *replay, const struct incident *in)
{
	struct buf *out = &replay->out;

	clock_minute(out, in->opened_us);
	if (in->resolved_us != 0) {
		buf_add(out, STR(", resolved after "));
		clock_span_words(out, in->resolved_us - in->opened_us);
	} else {
		buf_add(out, STR(", not resolved"));
	}
	if (in->count == 1)
		buf_add(out, STR(", once"));
	else
		buf_addf(out, ", %lld times", (long long)in->count);
	if (in->resolved_us == 0 && in->count > 1) {
		buf_add(out, STR(", last seen "));
		clock_minute(out, in->last_seen_us);
	}
	printf("%-8s  %.*s%s%.*s\n", severity_name(in->severity), STR_ARG(in->id),
	    HEAD_COLUMNS + out->n <= COLUMNS ? "  " : "\n    ", STR_ARG(buf_str(out)));
	show_folded(in->summary, 4, stdout);
	buf_clear(out);
	buf_add(out, STR("rule "));
	buf_add(out, in->rule);
	show_folded(buf_str(out), 4, stdout);
}

static int
on_incident(void *ctx, const struct incident *in)
{
	struct replay *replay = ctx;
	struct buf *out = &replay->out;

	replay->incidents++;
	replay->open += in->state == INCIDENT_OPEN;
	if (replay->compare != NULL)
		return compare_add(replay->compare, replay->side, in);
	buf_clear(out);
	if (!replay->json) {
		print_text(replay, in);
		return 0;
	}
	incident_json(in, out);
	buf_add_char(out, '\n');
	(void)fwrite(out->p, 1, out->n, stdout);
	return 0;
}

static void
add_json_summary(const struct replay *replay, struct buf *out)
{
	const struct line_counts *c = &replay->lines;
	struct json j = json_begin(out);

	json_text(&j, "type", STR("summary"));
	json_int(&j, "lines", c->lines);
	json_int(&j, "events", c->events);
	json_int(&j, "ignored", c->ignored);
	json_int(&j, "unparsed", c->unparsed);
	tally_json(&replay->tally, &j);
	json_int(&j, "incidents", (int64_t)replay->incidents);
	json_int(&j, "dropped", (int64_t)replay->dropped);
	json_int(&j, "strays", (int64_t)replay->strays);
	json_int(&j, "groups_dropped", (int64_t)replay->groups_dropped);
	json_int(&j, "repeats", (int64_t)replay->repeats);
	json_key(&j, "seconds");
	buf_addf(out, "%.3f", (double)replay->took_us / US_PER_S);
	json_end(&j);
}

static void
print_json_summary(const struct replay *replay)
{
	AUTO(buf_done) struct buf out = { 0 };

	add_json_summary(replay, &out);
	buf_add_char(&out, '\n');
	(void)fwrite(out.p, 1, out.n, stdout);
}

static void
print_text_summary(const struct replay *replay)
{
	const struct line_counts *c = &replay->lines;
	const struct tally *t = &replay->tally;

	printf(
	    "\n%lld lines: %lld events, %lld other programs' or of no interest, %lld unparsed\n",
	    (long long)c->lines, (long long)c->events, (long long)c->ignored,
	    (long long)c->unparsed);
	printf("\n%-22s %10s %10s %10s %10s\n", "attempts", "delivered", "deferred",
	    "bounced", "expired");
	for (size_t i = 0; i < t->nproviders; i++) {
		const int64_t *o = t->providers[i].outcomes;

		printf("%-22s %10lld %10lld %10lld %10lld\n", t->providers[i].name,
		    (long long)o[OUTCOME_DELIVERED], (long long)o[OUTCOME_DEFERRED],
		    (long long)o[OUTCOME_BOUNCED], (long long)o[OUTCOME_EXPIRED]);
	}
	printf("%-22s %10lld %10lld %10lld %10lld\n", "all",
	    (long long)t->outcomes[OUTCOME_DELIVERED],
	    (long long)t->outcomes[OUTCOME_DEFERRED],
	    (long long)t->outcomes[OUTCOME_BOUNCED],
	    (long long)t->outcomes[OUTCOME_EXPIRED]);
	printf("\nrefused to clients: %lld, handed to local filters: %lld\n",
	    (long long)t->outcomes[OUTCOME_REJECTED], (long long)t->internal);
	printf("incidents: %zu, not resolved: %zu\n", replay->incidents, replay->open);
	if (replay->dropped > 0)
		printf("more than %d troubles at once: %llu were dropped\n",
		    ENGINE_MAX_ALIVE, (unsigned long long)replay->dropped);
	if (replay->repeats > 0)
		printf("reports that came again, not counted: %llu\n",
		    (unsigned long long)replay->repeats);
	if (replay->strays > 0)
		printf("lines with a time far in the future, taken as of then: %llu\n",
		    (unsigned long long)replay->strays);
}

/* --- running --- */

static const struct engine_sink replay_sink = { save_nothing, save_nothing, tell_nobody,
	on_incident, NULL, NULL, NULL };

static void
tell_off(void *ctx, struct str rule)
{
	(void)ctx;
	fprintf(stderr,
	    "mailwarden: rule '%.*s' hit its match limit again and again and was switched off\n",
	    STR_ARG(rule));
}

/* reports.log has a way of its own: what is left are the logs of servers. */
static bool
set_reports_apart(struct replay *replay, struct input_job *job)
{
	size_t n = 0;

	replay->paths = calloc(2 * job->npaths + 1, sizeof *replay->paths);
	if (replay->paths == NULL)
		return false;
	replay->report_logs = replay->paths + job->npaths;
	if (job->journal)
		return true;
	for (size_t i = 0; i < job->npaths; i++)
		if (report_source_is(str_of(job->paths[i])))
			replay->report_logs[replay->nreport_logs++] = job->paths[i];
		else
			replay->paths[n++] = job->paths[i];
	job->paths = replay->paths;
	job->npaths = n;
	return true;
}

static void
add_counts(struct line_counts *to, const struct line_counts *from)
{
	to->lines += from->lines;
	to->events += from->events;
	to->ignored += from->ignored;
	to->unparsed += from->unparsed;
	to->gave_up += from->gave_up;
	to->truncated += from->truncated;
}

/* All lines of all files; an exit code. */
static int
read_all(struct replay *replay, struct input_job *job)
{
	int r = EXIT_FINE;

	if (replay->nreport_logs > 0 &&
	    replay_reports_open(replay->report_logs, replay->nreport_logs, job->book,
		&replay->reports, &replay->err) < 0)
		return app_fail(EXIT_FAILED, "%s", replay->err.text);
	if (job->npaths > 0 || job->journal || replay->reports == NULL)
		r = input_run(job, &replay->lines);
	replay->log_lines = replay->lines.lines;
	if (r == EXIT_FINE && (take_reports(replay, INT64_MAX) < 0 ||
				  engine_end(replay->engine, &replay->sink) < 0))
		r = app_fail(EXIT_FAILED, "%s",
		    replay->err.text[0] != '\0' ? replay->err.text : "out of memory");
	if (replay->reports != NULL)
		add_counts(&replay->lines, replay_reports_counts(replay->reports));
	replay_reports_close(replay->reports);
	replay->reports = NULL;
	return r;
}

/* The lines through one rule set; an exit code. now_us: the end of what stamps may say. */
static int
run_once(struct replay *replay, struct input_job *job, const struct rulebook *book,
    int64_t now_us)
{
	int r;

	replay->began_us = app_now_us();
	replay->engine = engine_new(book->alerts, book->catalogue);
	if (replay->engine == NULL)
		return app_fail(EXIT_FAILED, "out of memory");
	engine_set_horizon(replay->engine, now_us + 86400 * (int64_t)US_PER_S);
	replay->kinds = TALLIED_KINDS | alert_rules_kinds(book->alerts);
	replay->sink = replay_sink;
	replay->sink.ctx = replay;
	job->book = book;
	job->ctx = replay;
	r = read_all(replay, job);
	engine_take_off(replay->engine, tell_off, NULL);
	replay->dropped = engine_dropped(replay->engine);
	replay->strays = engine_strays(replay->engine);
	replay->groups_dropped = engine_series_evicted(replay->engine);
	replay->repeats = engine_repeats(replay->engine);
	engine_free(replay->engine);
	buf_done(&replay->out);
	replay->took_us = app_now_us() - replay->began_us;
	return r;
}

static int
run_replay(bool json, struct input_job *job, const char *rules)
{
	struct replay replay = { .json = json };
	struct rulebook book;
	int r = app_load_rules(rules, RULEBOOK_ALL, &book);

	if (r != EXIT_FINE)
		return r;
	if (set_reports_apart(&replay, job))
		r = run_once(&replay, job, &book, app_now_us());
	else
		r = app_fail(EXIT_FAILED, "out of memory");
	free(replay.paths);
	if (r == EXIT_FINE && json)
		print_json_summary(&replay);
	else if (r == EXIT_FINE)
		print_text_summary(&replay);
	app_free_rules(&book);
	return r;
}

/* --- comparing --- */

/* What is read twice must still be there the second time. */
static int
check_can_read_twice(const struct input_job *job)
{
	struct stat st;

	for (size_t i = 0; i < job->npaths && !job->journal; i++) {
		const char *path = job->paths[i];

		if (strcmp(path, "-") == 0)
			return app_usage(&cmd_replay,
			    "--compare reads its input twice, and standard input can be read only "
			    "once: name FILEs");
		if (stat(path, &st) == 0 && !S_ISREG(st.st_mode) && !S_ISDIR(st.st_mode))
			return app_usage(&cmd_replay,
			    "--compare reads its input twice, and %s is no file: it can be read "
			    "only once",
			    path);
	}
	return EXIT_FINE;
}

static void
print_comparison(const struct replay sides[2], const struct compare *compare,
    const struct compare_totals *t)
{
	const struct line_counts *was = &sides[0].lines, *is = &sides[1].lines;

	compare_print(compare, stdout);
	printf("%-34s %12s %12s\n", "", "before", "after");
	printf("%-34s %12lld %12lld\n", "lines", (long long)was->lines,
	    (long long)is->lines);
	printf("%-34s %12lld %12lld\n", "events", (long long)was->events,
	    (long long)is->events);
	printf("%-34s %12lld %12lld\n", "other programs' or of no interest",
	    (long long)was->ignored, (long long)is->ignored);
	printf("%-34s %12lld %12lld\n", "unparsed", (long long)was->unparsed,
	    (long long)is->unparsed);
	printf("%-34s %12zu %12zu\n", "incidents", sides[0].incidents, sides[1].incidents);
	printf("%-34s %12zu %12zu\n", "not resolved", sides[0].open, sides[1].open);
	printf("\nincidents: %zu added, %zu removed, %zu changed, %zu the same\n", t->added,
	    t->removed, t->changed, t->same);
}

static void
print_json_comparison(const struct replay sides[2], const struct compare *compare,
    const struct compare_totals *t)
{
	AUTO(buf_done) struct buf out = { 0 };
	struct json j = json_begin(&out);

	compare_print_json(compare, stdout);
	json_text(&j, "type", STR("summary"));
	json_int(&j, "added", (int64_t)t->added);
	json_int(&j, "removed", (int64_t)t->removed);
	json_int(&j, "changed", (int64_t)t->changed);
	json_int(&j, "same", (int64_t)t->same);
	json_key(&j, "before");
	add_json_summary(&sides[COMPARE_BEFORE], &out);
	json_key(&j, "after");
	add_json_summary(&sides[COMPARE_AFTER], &out);
	json_end(&j);
	buf_add_char(&out, '\n');
	(void)fwrite(out.p, 1, out.n, stdout);
}

static int
run_both(struct replay sides[2], struct input_job *job, const struct rulebook books[2])
{
	int64_t now_us = app_now_us();
	int r = run_once(&sides[0], job, &books[0], now_us);

	/* What came in between belongs to neither: a log may grow. */
	job->max_lines = sides[0].log_lines;
	if (r != EXIT_FINE || sides[0].lines.lines == 0)
		return r;
	return run_once(&sides[1], job, &books[1], now_us);
}

static int
run_compare(bool json, struct input_job *job, const char *const rules[2])
{
	struct rulebook books[2] = { 0 };
	struct compare *compare = compare_new();
	struct replay sides[2] = { { .json = json, .compare = compare },
		{ .json = json, .compare = compare, .side = COMPARE_AFTER } };
	struct compare_totals totals;
	int r = check_can_read_twice(job);

	if (r == EXIT_FINE && (compare == NULL || !set_reports_apart(&sides[0], job)))
		r = app_fail(EXIT_FAILED, "out of memory");
	sides[1].report_logs = sides[0].report_logs;
	sides[1].nreport_logs = sides[0].nreport_logs;
	for (int i = 0; i < 2 && r == EXIT_FINE; i++) /* faults come before the work */
		r = app_load_rules(rules[i], RULEBOOK_ALL, &books[i]);
	if (r == EXIT_FINE)
		r = run_both(sides, job, books);
	if (r == EXIT_FINE) {
		compare_match(compare, &totals);
		if (json)
			print_json_comparison(sides, compare, &totals);
		else
			print_comparison(sides, compare, &totals);
		if (totals.left_out[0] + totals.left_out[1] > 0)
			r = app_fail(EXIT_FAILED,
			    "too many incidents to compare: %zu before and %zu after are left out",
			    totals.left_out[0], totals.left_out[1]);
	}
	compare_free(compare);
	free(sides[0].paths);
	app_free_rules(&books[0]);
	app_free_rules(&books[1]);
	return r;
}

static int
run(int argc, char **argv)
{
	static const struct option options[] = { { "json", no_argument, NULL, 'j' },
		{ "journal", no_argument, NULL, 'J' },
		{ "rules", required_argument, NULL, 'r' },
		{ "compare", required_argument, NULL, 'c' },
		{ "threads", required_argument, NULL, 't' }, { 0 } };
	static char *standard_input[] = { "-" };
	struct input_job job = {
		.workers = SIZE_MAX,
		.batch_new = list_new,
		.batch_free = list_free,
		.on_begin = begin_batch,
		.on_event = on_event,
		.on_batch = on_batch,
	};
	const char *rules[2] = { NULL };
	bool json = false;
	int64_t threads;
	int c;

	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		switch (c) {
		case 'j': json = true; break;
		case 'J': job.journal = true; break;
		case 'r': rules[COMPARE_BEFORE] = optarg; break;
		case 'c': rules[COMPARE_AFTER] = optarg; break;
		case 't':
			if (!str_to_int(str_of(optarg), &threads) || threads < 1 ||
			    threads > 16)
				return app_usage(&cmd_replay,
				    "--threads takes a number from 1 to 16");
			job.workers = threads == 1 ? 0 : (size_t)threads;
			break;
		default: return app_usage(&cmd_replay, "%s", "");
		}
	}
	job.paths = argv + optind;
	job.npaths = (size_t)(argc - optind);
	if (job.npaths == 0 && !job.journal) {
		job.paths = standard_input;
		job.npaths = 1;
	}
	return rules[COMPARE_AFTER] != NULL ? run_compare(json, &job, rules)
					    : run_replay(json, &job, rules[COMPARE_BEFORE]);
}

const struct command cmd_replay = {
	.name = "replay",
	.args = "[--json] [OPTIONS] [FILE...]",
	.summary = "tells what would have been told, from old logs",
	.help =
	    "Runs the whole pipeline over log files (also compressed) or standard input, on the\n"
	    "lines' own time, and prints each incident when it ends, then a summary. Name the oldest\n"
	    "file first; reports.log is read along with the others. The live store is not touched and nobody is told. Times are UTC.\n\n"
	    "  --json         one JSON object for each incident, then one summary object\n"
	    "  --journal      FILEs are journals (folders or .journal files); none: this machine's\n"
	    "  --rules DIR    rules that add to the shipped ones, in place of\n"
	    "                 /etc/mailwarden/rules.d\n"
	    "  --compare DIR  what changes with DIR in place of those rules: incidents added,\n"
	    "                 removed, changed. FILEs are read twice\n"
	    "  --threads N    parse on N threads; as many as there are cores if not given",
	.run = run,
};
