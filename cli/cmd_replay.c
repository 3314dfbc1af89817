/* mailwarden replay: the whole pipeline on history, without the live store. */
#include <errno.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>

#include "cli/input.h"
#include "cli/kept.h"
#include "core/clock.h"
#include "core/json.h"
#include "rules/context.h"
#include "rules/engine.h"
#include "rules/tally.h"

struct replay {
	bool json;
	uint32_t kinds; /* bit per event kind that is of use */
	struct engine *engine;
	struct tally tally;
	struct buf out;
	int64_t began_us;
	size_t incidents, open;
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

	if ((replay->kinds >> event_num(ev, EVF_kind) & 1) != 0 || context_wants(ev))
		kept_add(batch->data, ev, line->text);
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

		if (!engine_feed(replay->engine, &k->ev, k->line))
			return -ENOMEM;
		tally_add(&replay->tally, &k->ev);
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

static int
print_incident(void *ctx, const struct incident *in)
{
	struct replay *replay = ctx;
	struct buf *out = &replay->out;

	replay->incidents++;
	replay->open += in->state == INCIDENT_OPEN;
	buf_clear(out);
	if (replay->json) {
		incident_json(in, out);
		buf_add_char(out, '\n');
		(void)fwrite(out->p, 1, out->n, stdout);
		return 0;
	}
	buf_addf(out, "%-8s  ", severity_name(in->severity));
	clock_rfc3339(out, in->opened_us, 0);
	out->n -= 13; /* to the second */
	if (in->count == 1)
		buf_add(out, STR("Z  once, "));
	else
		buf_addf(out, "Z  %lld times, ", (long long)in->count);
	if (in->resolved_us != 0) {
		buf_add(out, STR("resolved after "));
		clock_span_words(out, in->resolved_us - in->opened_us);
	} else {
		buf_add(out, STR("not resolved"));
	}
	printf("%.*s\n", STR_ARG(buf_str(out)));
	app_print_folded(in->summary, stdout);
	return 0;
}

static void
print_json_summary(const struct replay *replay, const struct line_counts *c)
{
	AUTO(buf_done) struct buf out = { 0 };
	struct json j = json_begin(&out);
	int64_t us = app_now_us() - replay->began_us;

	json_text(&j, "type", STR("summary"));
	json_int(&j, "lines", c->lines);
	json_int(&j, "events", c->events);
	json_int(&j, "ignored", c->ignored);
	json_int(&j, "unparsed", c->unparsed);
	tally_json(&replay->tally, &j);
	json_int(&j, "incidents", (int64_t)replay->incidents);
	json_key(&j, "seconds");
	buf_addf(&out, "%.3f", (double)us / US_PER_S);
	json_end(&j);
	buf_add_char(&out, '\n');
	(void)fwrite(out.p, 1, out.n, stdout);
}

static void
print_text_summary(const struct replay *replay, const struct line_counts *c)
{
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
}

static int
run_replay(struct replay *replay, struct input_job *job, const char *rules)
{
	struct rulebook book;
	struct line_counts total;
	int r = app_load_rules(rules, RULEBOOK_ALL, &book);

	if (r != EXIT_FINE)
		return r;
	replay->began_us = app_now_us();
	replay->engine = engine_new(book.alerts, book.catalogue);
	if (replay->engine == NULL) {
		app_free_rules(&book);
		return app_fail(EXIT_FAILED, "out of memory");
	}
	replay->kinds = TALLIED_KINDS | alert_rules_kinds(book.alerts);
	job->book = &book;
	r = input_run(job, &total);
	if (r == EXIT_FINE && engine_end(replay->engine, &replay->sink) < 0)
		r = app_fail(EXIT_FAILED, "out of memory");
	if (r == EXIT_FINE && replay->json)
		print_json_summary(replay, &total);
	else if (r == EXIT_FINE)
		print_text_summary(replay, &total);
	engine_free(replay->engine);
	buf_done(&replay->out);
	app_free_rules(&book);
	return r;
}

static int
run(int argc, char **argv)
{
	static const struct option options[] = { { "json", no_argument, NULL, 'j' },
		{ "journal", no_argument, NULL, 'J' },
		{ "rules", required_argument, NULL, 'r' },
		{ "threads", required_argument, NULL, 't' }, { 0 } };
	static char *standard_input[] = { "-" };
	struct replay replay = { 0 };
	struct input_job job = {
		.workers = SIZE_MAX,
		.ctx = &replay,
		.batch_new = list_new,
		.batch_free = list_free,
		.on_begin = begin_batch,
		.on_event = on_event,
		.on_batch = on_batch,
	};
	const char *rules = NULL;
	int64_t threads;
	int c;

	replay.sink = (struct engine_sink){ save_nothing, save_nothing, tell_nobody,
		print_incident, NULL, &replay };
	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		switch (c) {
		case 'j': replay.json = true; break;
		case 'J': job.journal = true; break;
		case 'r': rules = optarg; break;
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
	return run_replay(&replay, &job, rules);
}

const struct command cmd_replay = {
	.name = "replay",
	.args = "[--json] [OPTIONS] [FILE...]",
	.summary = "tells what would have been told, from old logs",
	.help =
	    "Runs the whole pipeline over log files (also compressed) or standard input, on the\n"
	    "lines' own time, and prints each incident when it ends, then a summary. The live store\n"
	    "is not touched and nobody is told.\n\n"
	    "  --json       one JSON object for each incident, then one summary object\n"
	    "  --journal    FILEs are journals (folders or .journal files); none: this machine's\n"
	    "  --rules DIR  rules that add to the shipped ones, in place of /etc/mailwarden/rules.d\n"
	    "  --threads N  parse on N threads; as many as there are cores if not given",
	.run = run,
};
