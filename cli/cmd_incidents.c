/* mailwarden incidents: what is and was wrong. */
#include <string.h>

#include "cli/show.h"
#include "core/clock.h"

#define RECENT_US (30 * 86400 * (int64_t)US_PER_S)

struct list {
	const struct show_options *options;
	bool colour;
	int64_t now_us;
	size_t n;
};

static const char *
colour_of(const struct list *list, const struct incident *in)
{
	if (!list->colour)
		return "";
	if (in->state == INCIDENT_RESOLVED)
		return "\x1b[32m";
	return in->severity == SEVERITY_CRITICAL ? "\x1b[31m" : "\x1b[33m";
}

static void
print_times(const struct list *list, const struct incident *in)
{
	AUTO(buf_done) struct buf text = { 0 };

	buf_add(&text, STR("since "));
	clock_rfc3339(&text, in->opened_us, 0);
	text.n -= 13;
	buf_add(&text, STR("Z, "));
	if (in->state == INCIDENT_RESOLVED) {
		buf_add(&text, STR("resolved after "));
		clock_span_words(&text, in->resolved_us - in->opened_us);
	} else {
		buf_add(&text, STR("last seen "));
		clock_span_words(&text, list->now_us - in->last_seen_us);
		buf_add(&text, STR(" ago"));
	}
	if (in->count == 1)
		buf_add(&text, STR(", once"));
	else
		buf_addf(&text, ", %lld times", (long long)in->count);
	printf("%.*s\n", STR_ARG(buf_str(&text)));
}

static int
print_one(void *ctx, const struct incident *in)
{
	struct list *list = ctx;
	AUTO(buf_done) struct buf out = { 0 };

	if (in->state == INCIDENT_PENDING)
		return 0;
	list->n++;
	if (list->options->json) {
		incident_json(in, &out);
		buf_add_char(&out, '\n');
		(void)fwrite(out.p, 1, out.n, stdout);
		return 0;
	}
	printf("%s%-8s%s  %.*s  ", colour_of(list, in),
	    in->state == INCIDENT_RESOLVED ? "resolved" : severity_name(in->severity),
	    list->colour ? "\x1b[0m" : "", STR_ARG(in->id));
	print_times(list, in);
	app_print_folded(in->summary, stdout);
	if (in->state == INCIDENT_OPEN)
		app_print_folded(in->advice, stdout);
	return 0;
}

static int
run(int argc, char **argv)
{
	struct show_options options = { 0 };
	struct store *store = NULL;
	struct err err;
	int r = show_options(&cmd_incidents, argc, argv, &options);

	if (r != EXIT_FINE)
		return r;
	if (options.nwords > 0)
		return app_usage(&cmd_incidents, "takes no '%s'", options.words[0]);
	if ((r = show_open(&options, &store)) != EXIT_FINE)
		return r;
	struct list list = { &options, app_wants_colour(stdout), app_now_us(), 0 };

	if (store_each_incident(store, options.all ? INCIDENTS_RECENT : INCIDENTS_OPEN,
		list.now_us - RECENT_US, print_one, &list, &err) < 0)
		r = app_fail(EXIT_STORE, "%s", err.text);
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
