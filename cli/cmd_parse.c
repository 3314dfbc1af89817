/* mailwarden parse: lines to events. */
#include <errno.h>
#include <getopt.h>
#include <stdlib.h>
#include <unistd.h>

#include "cli/input.h"
#include "core/clock.h"
#include "core/plain.h"

enum output {
	OUTPUT_TEXT,
	OUTPUT_JSON,
	OUTPUT_STATS,
	OUTPUT_UNMATCHED,
};

struct parse {
	enum output output;
	int64_t began_us;
};

static void *
text_new(void *ctx)
{
	(void)ctx;
	return calloc(1, sizeof(struct buf));
}

static void
text_free(void *ctx, void *data)
{
	(void)ctx;
	buf_done(data);
	free(data);
}

static void
begin_batch(void *ctx, struct input_batch *batch)
{
	(void)ctx;
	buf_clear(batch->data);
}

/* For people: time, host, kind, outcome, then who and what, as far as the line says. */
static void
add_text(struct buf *out, const struct event *ev)
{
	static const enum event_field shown[] = { EVF_queue_id, EVF_sender, EVF_recipient,
		EVF_relay_name, EVF_status, EVF_category, EVF_code_id, EVF_limit_name,
		EVF_service, EVF_sasl_user, EVF_reply, EVF_text };

	clock_rfc3339(out, ev->time_us, ev->offset_min);
	buf_add_char(out, ' ');
	plain_add(out, event_text(ev, EVF_host));
	buf_addf(out, " %s", event_enum_name(EVT_KIND, event_num(ev, EVF_kind)));
	if (event_has(ev, EVF_outcome))
		buf_addf(out, " %s",
		    event_enum_name(EVT_OUTCOME, event_num(ev, EVF_outcome)));
	for (size_t i = 0; i < sizeof shown / sizeof *shown; i++) {
		if (!event_has(ev, shown[i]))
			continue;
		buf_addf(out, " %s=", event_field_name(shown[i]));
		plain_add(out, event_text(ev, shown[i]));
	}
}

static void
on_event(void *ctx, struct input_batch *batch, struct event *ev, const struct line *line)
{
	struct parse *parse = ctx;
	struct buf *out = batch->data;

	(void)line;
	if (parse->output == OUTPUT_JSON)
		event_json(ev, out);
	else
		add_text(out, ev);
	buf_add_char(out, '\n');
}

static void
on_unparsed(void *ctx, struct input_batch *batch, const struct line *line)
{
	(void)ctx;
	plain_add(batch->data, line->text);
	buf_add_char(batch->data, '\n');
}

static int
write_all(struct str text)
{
	while (text.n > 0) {
		ssize_t n = write(STDOUT_FILENO, text.p, text.n);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		text = str_skip(text, (size_t)n);
	}
	return 0;
}

static int
on_batch(void *ctx, struct input_batch *batch)
{
	struct buf *out = batch->data;

	(void)ctx;
	return out->failed ? -ENOMEM : write_all(buf_str(out));
}

static void
print_summary(const struct parse *parse, const struct line_counts *c)
{
	int64_t us = app_now_us() - parse->began_us;

	printf("{\"type\":\"summary\",\"lines\":%lld,\"events\":%lld,\"ignored\":%lld,"
	       "\"unparsed\":%lld,\"truncated\":%lld,\"seconds\":%.3f}\n",
	    (long long)c->lines, (long long)c->events, (long long)c->ignored,
	    (long long)c->unparsed, (long long)c->truncated, (double)us / US_PER_S);
}

static int
run_parse(struct parse *parse, struct input_job *job, const char *rules)
{
	struct rulebook book;
	struct line_counts total;
	int r = app_load_rules(rules, RULEBOOK_PARSERS, &book);

	if (r != EXIT_FINE)
		return r;
	job->book = &book;
	job->ctx = parse;
	if (parse->output != OUTPUT_STATS) {
		job->batch_new = text_new;
		job->batch_free = text_free;
		job->on_begin = begin_batch;
		job->on_batch = on_batch;
	}
	if (parse->output == OUTPUT_TEXT || parse->output == OUTPUT_JSON)
		job->on_event = on_event;
	if (parse->output == OUTPUT_UNMATCHED) {
		job->on_unparsed = on_unparsed;
		job->want_unparsed = true;
	}
	parse->began_us = app_now_us();
	r = input_run(job, &total);
	if (r == EXIT_FINE && parse->output == OUTPUT_STATS)
		print_summary(parse, &total);
	else if (r == EXIT_FINE && parse->output == OUTPUT_UNMATCHED)
		fprintf(stderr, "%lld of %lld claimed lines matched no rule\n",
		    (long long)total.unparsed, (long long)(total.unparsed + total.events));
	app_free_rules(&book);
	return r;
}

static int
run(int argc, char **argv)
{
	static const struct option options[] = { { "json", no_argument, NULL, 'j' },
		{ "stats", no_argument, NULL, 's' },
		{ "unmatched", no_argument, NULL, 'u' },
		{ "journal", no_argument, NULL, 'J' },
		{ "no-header", no_argument, NULL, 'n' },
		{ "process", required_argument, NULL, 'p' },
		{ "rules", required_argument, NULL, 'r' },
		{ "threads", required_argument, NULL, 't' }, { 0 } };
	static char *standard_input[] = { "-" };
	struct parse parse = { OUTPUT_TEXT, 0 };
	struct input_job job = { .workers = SIZE_MAX };
	const char *rules = NULL;
	int64_t threads;
	int c;

	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		switch (c) {
		case 'j': parse.output = OUTPUT_JSON; break;
		case 's': parse.output = OUTPUT_STATS; break;
		case 'u': parse.output = OUTPUT_UNMATCHED; break;
		case 'J': job.journal = true; break;
		case 'n': job.no_header = true; break;
		case 'p':
			job.no_header = true;
			job.process = str_of(optarg);
			break;
		case 'r': rules = optarg; break;
		case 't':
			if (!str_to_int(str_of(optarg), &threads) || threads < 1 ||
			    threads > 16)
				return app_usage(&cmd_parse,
				    "--threads takes a number from 1 to 16");
			job.workers = threads == 1 ? 0 : (size_t)threads;
			break;
		default: return app_usage(&cmd_parse, "%s", "");
		}
	}
	job.paths = argv + optind;
	job.npaths = (size_t)(argc - optind);
	if (job.npaths == 0 && !job.journal) {
		job.paths = standard_input;
		job.npaths = 1;
	}
	return run_parse(&parse, &job, rules);
}

const struct command cmd_parse = {
	.name = "parse",
	.args = "[--json | --stats | --unmatched] [OPTIONS] [FILE...]",
	.summary = "turns log lines into delivery events",
	.help =
	    "Reads log files (also .gz .xz .zst .bz2), or standard input (-), and prints one event\n"
	    "a line.\n\n"
	    "  --json          one JSON object for each event\n"
	    "  --stats         only a last JSON object that counts lines and events\n"
	    "  --unmatched     the lines of claimed programs that no rule took\n"
	    "  --journal       FILEs are journals (folders or .journal files); none: this machine's\n"
	    "  --no-header     lines have no syslog header\n"
	    "  --process NAME  the same, and all are of this program, such as postfix/smtp\n"
	    "  --rules DIR     rules that add to the shipped ones, in place of /etc/mailwarden/rules.d\n"
	    "  --threads N     parse on N threads; as many as there are cores if not given",
	.run = run,
};
