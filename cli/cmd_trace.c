/* mailwarden trace: one message's way across queue ids, filters and bounces. */
#include <errno.h>
#include <getopt.h>
#include <stdlib.h>

#include "cli/show.h"
#include "cli/trace_find.h"

#define SINCE_US (7 * 86400 * (int64_t)US_PER_S)

enum { DETAIL = 4 };

struct tracing {
	struct show_options show;
	struct store *store;
	int64_t since_us, now_us;
	struct buf line;
	struct err err;
};

/* --- text --- */

/* An entry of a list: folded, what follows its first line a little further in. */
static void
print_entry(struct str text, size_t indent)
{
	AUTO(auto_free) char *block = NULL;
	size_t size = 0;
	FILE *to = open_memstream(&block, &size);

	if (to == NULL)
		return;
	show_folded(text, indent + DETAIL, to);
	if (fclose(to) != 0 || size < indent + DETAIL)
		return;
	printf("%*s", (int)indent, "");
	(void)fwrite(block + indent + DETAIL, 1, size - indent - DETAIL, stdout);
}

/* "2026-11-21 02:41:17Z", without the day where it is that of `before`. */
static void
add_time(struct buf *out, int64_t at_us, int64_t before_us)
{
	const int64_t day_us = 86400 * (int64_t)US_PER_S;

	if (at_us / day_us != before_us / day_us) {
		AUTO(buf_done) struct buf minute = { 0 };

		clock_minute(&minute, at_us);
		buf_add(out, str_head(buf_str(&minute), 11));
	}
	clock_time_of_day(out, at_us);
	buf_add(out, STR("Z "));
}

static void
add_address(struct buf *out, struct str address)
{
	buf_add(out, address.n == 0 ? STR("<>") : address);
}

/* "mx.example.org [192.0.2.1]" */
static void
add_peer(struct buf *out, const struct event *ev)
{
	struct str name = event_text(ev, EVF_relay_name), ip = event_text(ev, EVF_relay_ip);

	buf_add(out, name);
	if (ip.n > 0 && !str_eq(name, ip)) {
		buf_add(out, name.n > 0 ? STR(" [") : STR("["));
		buf_add(out, ip);
		buf_add_char(out, ']');
	}
}

static const char *
origin_words(const struct event *ev)
{
	switch ((enum event_origin)event_num(ev, EVF_origin)) {
	case ORIGIN_REMOTE: return ", from another host";
	case ORIGIN_SUBMITTED: return ", submitted";
	case ORIGIN_LOCAL: return ", from this host";
	case ORIGIN_BOUNCE: return ", a notice of the server itself";
	default: return "";
	}
}

static void
add_hop(struct buf *out, const struct trace_hop *hop)
{
	const struct event *ev = &hop->ev;

	buf_add(out, event_text(ev, EVF_queue_id));
	if (hop->parent != SIZE_MAX)
		buf_add(out, event_num(ev, EVF_origin) == ORIGIN_BOUNCE
				 ? STR(", a notice about it")
				 : STR(", the same message again"));
	else
		buf_addf(out, " on %.*s%s", STR_ARG(event_text(ev, EVF_host)),
		    origin_words(ev));
	if (event_has(ev, EVF_sender)) {
		buf_add(out, STR(", sender "));
		add_address(out, event_text(ev, EVF_sender));
	}
	if (event_has(ev, EVF_sasl_user) && hop->parent == SIZE_MAX)
		buf_addf(out, ", login %.*s", STR_ARG(event_text(ev, EVF_sasl_user)));
	if ((event_has(ev, EVF_relay_ip) || event_has(ev, EVF_relay_name)) &&
	    hop->parent == SIZE_MAX) {
		buf_add(out, STR(", client "));
		add_peer(out, ev);
	}
	if (event_has(ev, EVF_size))
		buf_addf(out, ", %lld bytes", (long long)event_num(ev, EVF_size));
}

/* What was said, or the figures that stand for it. */
static void
add_reason(struct buf *out, const struct event *ev)
{
	if (event_has(ev, EVF_reply)) {
		buf_addf(out, ": %.*s", STR_ARG(event_text(ev, EVF_reply)));
	} else if (event_has(ev, EVF_status)) {
		buf_addf(out, ": status %.*s", STR_ARG(event_text(ev, EVF_status)));
	}
	if (event_text(ev, EVF_code_id).n > 0)
		buf_addf(out, " (%.*s)", STR_ARG(event_text(ev, EVF_code_id)));
	else if (event_text(ev, EVF_category).n > 0)
		buf_addf(out, " (%.*s)", STR_ARG(event_text(ev, EVF_category)));
}

/* What came by `mailwarden ingest`. */
static void
add_bounce(struct buf *out, const struct event *ev)
{
	add_address(out, event_text(ev, EVF_recipient));
	buf_addf(out, ": a bounce message says %.*s",
	    STR_ARG(event_text(ev, EVF_dsn_action)));
	if (event_has(ev, EVF_relay_ip) || event_has(ev, EVF_relay_name)) {
		buf_add(out, STR(" by "));
		add_peer(out, ev);
	}
	add_reason(out, ev);
}

static void
add_attempt(struct buf *out, const struct event *ev)
{
	int64_t direction = event_num(ev, EVF_direction);
	bool good = event_num(ev, EVF_outcome) == OUTCOME_DELIVERED;
	const char *outcome = event_enum_name(EVT_OUTCOME, event_num(ev, EVF_outcome));

	add_address(out, event_text(ev, EVF_recipient));
	if (good && direction == DIRECTION_INTERNAL)
		buf_add(out, STR(": handed on"));
	else
		buf_addf(out, ": %s", *outcome == '\0' ? "tried" : outcome);
	if (good && direction == DIRECTION_LOCAL)
		buf_add(out, STR(" here"));
	if (event_has(ev, EVF_relay_ip) || event_has(ev, EVF_relay_name)) {
		buf_add(out, good ? STR(" to ") : STR(" by "));
		add_peer(out, ev);
	}
	if (direction == DIRECTION_INTERNAL && good && event_has(ev, EVF_related_queue_id))
		buf_addf(out, ", back as %.*s",
		    STR_ARG(event_text(ev, EVF_related_queue_id)));
	if (!good)
		add_reason(out, ev);
}

static bool
is_again(const struct event *a, const struct event *b)
{
	return event_num(a, EVF_kind) == event_num(b, EVF_kind) &&
	       str_eq(event_text(a, EVF_recipient), event_text(b, EVF_recipient)) &&
	       event_num(a, EVF_outcome) == event_num(b, EVF_outcome) &&
	       event_num(a, EVF_smtp_code) == event_num(b, EVF_smtp_code) &&
	       str_eq(event_text(a, EVF_status), event_text(b, EVF_status));
}

/* The attempt before it that ended in the same way, for the same recipient; or it. */
static size_t
first_of_row(const struct trace_hop *hop, size_t i)
{
	size_t first = i;

	for (size_t k = i; k-- > 0;) {
		if (is_again(&hop->attempts[k], &hop->attempts[i]))
			first = k;
		else if (str_eq(event_text(&hop->attempts[k], EVF_recipient),
			     event_text(&hop->attempts[i], EVF_recipient)))
			break;
	}
	return first;
}

/* How often it ended so in a row, the first is told in full. */
static void
add_repeats(struct buf *out, const struct trace_hop *hop, size_t first)
{
	size_t n = 0, last = first;

	for (size_t i = first + 1; i < hop->n; i++)
		if (first_of_row(hop, i) == first) {
			n++;
			last = i;
		}
	if (n == 0)
		return;
	buf_addf(out, n == 1 ? "; again at " : "; %zu times more until ", n);
	add_time(out, hop->attempts[last].time_us, hop->attempts[first].time_us);
	out->n--; /* the blank */
}

static void
print_hop(struct tracing *t, const struct trace *trace, size_t i, size_t depth,
    int64_t *before_us)
{
	const struct trace_hop *hop = &trace->hops[i];
	size_t indent = depth > 10 ? 20 : depth * 2;

	buf_clear(&t->line);
	add_time(&t->line, hop->ev.time_us, *before_us);
	add_hop(&t->line, hop);
	print_entry(buf_str(&t->line), indent);
	*before_us = hop->ev.time_us;
	for (size_t a = 0; a < hop->n; a++) {
		if (first_of_row(hop, a) != a)
			continue;
		buf_clear(&t->line);
		add_time(&t->line, hop->attempts[a].time_us, *before_us);
		if (event_num(&hop->attempts[a], EVF_kind) == KIND_DSN)
			add_bounce(&t->line, &hop->attempts[a]);
		else
			add_attempt(&t->line, &hop->attempts[a]);
		add_repeats(&t->line, hop, a);
		print_entry(buf_str(&t->line), indent + 2);
		*before_us = hop->attempts[a].time_us;
	}
	if (hop->left_out > 0)
		printf("%*s... and %zu attempts more\n", (int)indent + 2, "",
		    hop->left_out);
	for (size_t c = i + 1; c < trace->n; c++)
		if (trace->hops[c].parent == i)
			print_hop(t, trace, c, depth + 1, before_us);
}

static void
print_trace(struct tracing *t, const struct trace *trace)
{
	struct str id = trace_message_id(trace);
	int64_t before_us = INT64_MIN;

	buf_clear(&t->line);
	if (id.n > 0)
		buf_addf(&t->line, "message <%.*s>", STR_ARG(id));
	else
		buf_add(&t->line, STR("message, its id is not logged"));
	print_entry(buf_str(&t->line), 0);
	print_hop(t, trace, 0, 1, &before_us);
	if (trace->cut)
		printf("  ... and more queue ids\n");
}

/* --- the command --- */

static int
tell_nothing_found(const struct tracing *t, const char *pattern)
{
	AUTO(buf_done) struct buf since = { 0 };

	clock_minute(&since, t->since_us);
	fprintf(stderr, "mailwarden: no message with '");
	app_print_safe(str_of(pattern), stderr);
	fprintf(stderr, "' since %s; --since looks further back\n", buf_cstr(&since));
	return EXIT_FAILED;
}

static void
print_found(struct tracing *t, const struct trace_found *found)
{
	for (size_t i = found->n; i-- > 0;) { /* the newest last, where one looks first */
		if (!t->show.json) {
			print_trace(t, found->messages[i]);
			if (i > 0)
				putchar('\n');
			continue;
		}
		buf_clear(&t->line);
		trace_json(found->messages[i], &t->line);
		buf_add_char(&t->line, '\n');
		(void)fwrite(t->line.p, 1, t->line.n, stdout);
	}
	if (found->more)
		fprintf(stderr,
		    "mailwarden: there are more; these are the newest %zu. Name a queue id, or "
		    "less with --since\n",
		    found->n);
}

static int
show(struct tracing *t, const char *pattern)
{
	struct trace_found found;

	if (trace_find(t->store, str_of(pattern), t->since_us, t->now_us, &found, &t->err) <
	    0)
		return app_fail(EXIT_STORE, "%s", t->err.text);
	if (found.n == 0)
		return tell_nothing_found(t, pattern);
	print_found(t, &found);
	trace_found_done(&found);
	return EXIT_FINE;
}

static int
read_since(struct tracing *t, const char *text)
{
	int64_t span_us;

	if (clock_parse_span(str_of(text), &span_us))
		t->since_us = t->now_us - span_us;
	else if (!clock_parse_words(str_of(text), t->now_us, CLOCK_PAST, &t->since_us))
		return app_usage(&cmd_trace,
		    "--since takes a span such as 12h or 30d, or a time such as 2026-11-21");
	return EXIT_FINE;
}

static int
read_options(struct tracing *t, int argc, char **argv)
{
	static const struct option options[] = { { "json", no_argument, NULL, 'j' },
		{ "since", required_argument, NULL, 'S' },
		{ "state", required_argument, NULL, 's' },
		{ "config", required_argument, NULL, 'c' }, { 0 } };
	int c, r;

	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		switch (c) {
		case 'j': t->show.json = true; break;
		case 's': t->show.state = optarg; break;
		case 'c': t->show.config = optarg; break;
		case 'S':
			if ((r = read_since(t, optarg)) != EXIT_FINE)
				return r;
			break;
		default: return app_usage(&cmd_trace, "%s", "");
		}
	}
	if (optind != argc - 1 || *argv[optind] == '\0')
		return app_usage(&cmd_trace, "takes one queue id, message id or address");
	return EXIT_FINE;
}

static int
run(int argc, char **argv)
{
	struct tracing t = { .now_us = app_now_us() };
	int r;

	t.since_us = t.now_us - SINCE_US;
	r = read_options(&t, argc, argv);
	if (r == EXIT_FINE)
		r = show_open(&t.show, &t.store);
	if (r == EXIT_FINE)
		r = show(&t, argv[optind]);
	store_close(t.store);
	buf_done(&t.line);
	return r;
}

const struct command cmd_trace = {
	.name = "trace",
	.args = "[--since SPAN|TIME] [--json] [--state FILE] PATTERN",
	.summary = "one message's way across queue ids, filters and bounces",
	.help =
	    "Shows the whole way of the messages that fit PATTERN: a queue id, a message id, an\n"
	    "address, or a part of addresses (@example.org, alice@). What a filter or proxy took\n"
	    "and gave back is one message, bounces about it stand below it. Times are UTC.\n\n"
	    "  --since SPAN|TIME  look so far back: 12h, 30d, 2026-11-21; 7d if not given\n"
	    "  --json             one JSON object for each message\n"
	    "  --state FILE       the store, in place of the configuration's\n"
	    "  --config FILE      in place of /etc/mailwarden/mailwarden.yaml",
	.run = run,
};
