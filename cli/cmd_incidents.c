/* mailwarden incidents: what is and was wrong. */
#include <string.h>

#include "cli/show.h"
#include "core/clock.h"

#define RECENT_US (30 * 86400 * (int64_t)US_PER_S)

enum { HEAD_COLUMNS = 24, COLUMNS = 80 }; /* severity, id, and the blanks between */

struct list {
	const struct show_options *options;
	bool colour;
	int64_t now_us;
	struct store *store;
	size_t n;
	struct err err;
};

static void
print_times(const struct list *list, const struct incident *in)
{
	AUTO(buf_done) struct buf text = { 0 };

	buf_add(&text, STR("since "));
	clock_minute(&text, in->opened_us);
	if (in->state == INCIDENT_RESOLVED) {
		buf_add(&text, STR(", resolved after "));
		clock_span_words(&text, in->resolved_us - in->opened_us);
	}
	if (in->count == 1)
		buf_add(&text, STR(", once"));
	else
		buf_addf(&text, ", %lld times", (long long)in->count);
	if (in->state == INCIDENT_OPEN) {
		buf_add(&text, STR(", last "));
		clock_span_words(&text, list->now_us - in->last_seen_us);
		buf_add(&text, STR(" ago"));
	}
	printf("%s%.*s\n", HEAD_COLUMNS + text.n <= COLUMNS ? "  " : "\n  ",
	    STR_ARG(buf_str(&text)));
}

static void
print_text(const struct list *list, const struct incident *in)
{
	AUTO(buf_done) struct buf marks = { 0 };

	printf("%s%-8s%s  %.*s", list->colour ? show_colour(in) : "",
	    in->state == INCIDENT_RESOLVED ? "resolved" : severity_name(in->severity),
	    list->colour ? "\x1b[0m" : "", STR_ARG(in->id));
	print_times(list, in);
	show_marks(in, &marks);
	show_folded(buf_str(&marks), 2, stdout);
	show_folded(in->summary, 4, stdout);
	if (in->state == INCIDENT_OPEN)
		show_paragraphs(in->advice, 4, stdout);
}

static int
print_one(void *ctx, const struct incident *found)
{
	struct list *list = ctx;
	struct incident in = *found;
	AUTO(buf_done) struct buf out = { 0 };

	if (in.state == INCIDENT_PENDING)
		return 0;
	list->n++;
	if (in.state == INCIDENT_OPEN) {
		int r = store_silenced_until(list->store, &in, list->now_us,
		    &in.silenced_us, &list->err);

		if (r < 0)
			return r;
	}
	if (list->options->json) {
		incident_json(&in, &out);
		buf_add_char(&out, '\n');
		(void)fwrite(out.p, 1, out.n, stdout);
	} else {
		print_text(list, &in);
	}
	return 0;
}

static int
run(int argc, char **argv)
{
	struct show_options options = { 0 };
	struct store *store = NULL;
	int r = show_options(&cmd_incidents, argc, argv, &options);

	if (r != EXIT_FINE)
		return r;
	if (options.nwords > 0)
		return app_usage(&cmd_incidents, "takes no '%s'", options.words[0]);
	if ((r = show_open(&options, &store)) != EXIT_FINE)
		return r;
	struct list list = { .options = &options,
		.colour = app_wants_colour(stdout),
		.now_us = app_now_us(),
		.store = store };

	if (store_each_incident(store, options.all ? INCIDENTS_RECENT : INCIDENTS_OPEN,
		list.now_us - RECENT_US, print_one, &list, &list.err) < 0)
		r = app_fail(EXIT_STORE, "%s", list.err.text);
	else if (list.n == 0 && !options.json)
		puts(options.all ? "no incidents in the last 30 days"
				 : "no open incidents");
	store_close(store);
	return r;
}

const struct command cmd_incidents = {
	.name = "incidents",
	.args = "[--all] [--json] [--state FILE] [--config FILE]",
	.summary = "open incidents, with what to do",
	.help = "Lists open incidents with their meaning and the next step.\n\n"
		"  --all          also those resolved in the last 30 days\n"
		"  --json         one JSON object for each\n"
		"  --state FILE   the store, in place of the configuration's\n"
		"  --config FILE  in place of /etc/mailwarden/mailwarden.yaml",
	.run = run,
};
