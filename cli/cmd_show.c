/* mailwarden show: all about one incident. */
#include <errno.h>

#include "cli/show.h"
#include "cli/show_json.h"
#include "cli/status_channels.h"
#include "core/clock.h"
#include "core/members.h"
#include "rules/silence.h"

enum { LABEL = 10 };

struct showing {
	struct show_options show;
	struct store *store;
	bool colour;
	int64_t now_us;
	struct incident in; /* while its row is there */
	size_t n;
	struct buf out;
	struct err err;
};

/* --- text --- */

static void
print_label(const char *label)
{
	printf("  %-*s", LABEL, label);
}

/* A row "label  text", folded behind the label. */
static void
print_row(const char *label, struct str text)
{
	AUTO(auto_free) char *block = NULL;
	size_t size = 0;
	FILE *to;

	if (text.n == 0 || (to = open_memstream(&block, &size)) == NULL)
		return;
	show_folded(text, LABEL + 2, to);
	if (fclose(to) != 0 || size < LABEL + 2)
		return;
	print_label(label);
	(void)fwrite(block + LABEL + 2, 1, size - LABEL - 2, stdout);
}

static void
add_lines(struct buf *out, struct str lines)
{
	while (lines.n > 0) {
		struct str line = str_cut(&lines, '\n');

		if (line.n == 0)
			continue;
		if (out->n > 0)
			buf_add(out, STR(", "));
		buf_add(out, line);
	}
}

static void
add_count(struct buf *out, int64_t n, const char *what)
{
	if (n == 0)
		return;
	if (out->n > 0)
		buf_add(out, STR(", "));
	/* Counted by a sketch: exact while they are few. */
	buf_addf(out, "%s%lld %s%s", n > 100 ? "about " : "", (long long)n, what,
	    n == 1 ? "" : "s");
}

static void
print_head(const struct showing *s)
{
	const struct incident *in = &s->in;
	AUTO(buf_done) struct buf text = { 0 };

	clock_minute(&text, in->opened_us);
	printf("%s%s%s  %.*s  ", s->colour ? show_colour(in) : "",
	    severity_name(in->severity), s->colour ? "\x1b[0m" : "", STR_ARG(in->id));
	if (in->state == INCIDENT_RESOLVED) {
		buf_add(&text, STR(" to "));
		clock_minute(&text, in->resolved_us);
		buf_add(&text, STR(", for "));
		clock_span_words(&text, in->resolved_us - in->opened_us);
		printf("resolved: ");
	} else {
		buf_add(&text, STR(", for "));
		clock_span_words(&text, s->now_us - in->opened_us);
		printf("%s since ", incident_state_name(in->state));
	}
	printf("%.*s\n\n", STR_ARG(buf_str(&text)));
	show_folded(in->summary, 2, stdout);
	putchar('\n');
}

static void
print_rule(const struct incident *in)
{
	AUTO(buf_done) struct buf text = { 0 };

	buf_add(&text, in->rule);
	if (in->trouble.n > 0 && !str_eq(in->trouble, in->rule)) {
		buf_add(&text, STR(", trouble "));
		buf_add(&text, in->trouble);
	}
	if (in->category.n > 0) {
		buf_add(&text, STR(", category "));
		buf_add(&text, in->category);
	}
	if (in->code_id.n > 0) {
		buf_add(&text, STR(", code "));
		buf_add(&text, in->code_id);
	}
	print_row("rule", buf_str(&text));
}

static void
print_counts(const struct showing *s)
{
	const struct incident *in = &s->in;
	AUTO(buf_done) struct buf seen = { 0 };
	AUTO(buf_done) struct buf who = { 0 };
	AUTO(buf_done) struct buf relays = { 0 };

	buf_addf(&seen, in->count == 1 ? "once, last " : "%lld times, last ",
	    (long long)in->count);
	clock_span_words(&seen, s->now_us - in->last_seen_us);
	buf_add(&seen, STR(" ago"));
	if (in->relapses > 0)
		buf_addf(&seen, "; came back %lld time%s", (long long)in->relapses,
		    in->relapses == 1 ? "" : "s");
	print_row("seen", buf_str(&seen));
	add_count(&who, in->senders, "sender");
	add_count(&who, in->recipients, "recipient");
	print_row("affected", buf_str(&who));
	add_lines(&relays, in->affected);
	print_row("relays", buf_str(&relays));
}

static void
print_facts(const struct showing *s)
{
	const struct incident *in = &s->in;
	AUTO(buf_done) struct buf group = { 0 };
	AUTO(buf_done) struct buf marks = { 0 };

	show_group(in->group, &group);
	print_row("of", buf_str(&group));
	if (in->provider.n > 0 && str_find(in->group, STR("\"provider\"")) < 0)
		print_row("provider", in->provider);
	print_rule(in);
	print_counts(s);
	show_marks(in, &marks);
	print_row("marks", buf_str(&marks));
}

static void
print_advice(const struct incident *in)
{
	if (in->advice.n == 0 && in->url.n == 0)
		return;
	puts("\nWhat to do");
	show_paragraphs(in->advice, 2, stdout);
	show_folded(in->url, 2, stdout);
}

static void
print_samples(const struct incident *in)
{
	struct str rest = in->samples;

	if (rest.n > 0)
		puts("\nLines");
	while (rest.n > 0)
		show_folded(str_cut(&rest, '\n'), 2, stdout);
}

/* The text of a member of an object within the body: who acknowledged, and the note. */
static void
add_note(struct buf *out, struct str body)
{
	AUTO(buf_done) struct buf key = { 0 };
	AUTO(buf_done) struct buf value = { 0 };
	ptrdiff_t at = str_find(body, STR("\"acknowledged\":{"));

	if (at < 0)
		return;
	struct str rest = str_skip(body, (size_t)at + sizeof "\"acknowledged\":{" - 1);

	/* The walk ends behind this object: what follows its brace is no member. */
	while (members_next(&rest, &key, &value)) {
		if (str_eq(buf_str(&key), STR("who")))
			buf_add(out, STR(" by "));
		else if (str_eq(buf_str(&key), STR("note")))
			buf_add(out, STR(": "));
		else
			continue;
		buf_add(out, buf_str(&value));
	}
}

static int
print_change(void *ctx, const struct change_row *row)
{
	struct showing *s = ctx;
	AUTO(buf_done) struct buf text = { 0 };

	if (s->n++ == 0)
		puts("\nHistory");
	clock_minute(&text, row->at_us);
	buf_addf(&text, "  %s", notice_name(row->notice));
	if (row->notice == NOTICE_ACKNOWLEDGED)
		add_note(&text, row->body);
	show_folded(buf_str(&text), 2, stdout);
	return 0;
}

static int
print_notice(void *ctx, const struct outbox_row *row, int64_t sent_us)
{
	struct showing *s = ctx;
	AUTO(buf_done) struct buf text = { 0 };

	if (s->n++ == 0)
		puts("\nNotices");
	buf_addf(&text, "%s: ", notice_name(row->notice));
	if (sent_us != 0 && row->tries == 0) {
		buf_add(&text, row->last_error); /* nobody was to be told */
	} else if (sent_us != 0) {
		buf_add(&text, STR("sent "));
		clock_minute(&text, sent_us);
	} else if (row->tries > 0) {
		buf_addf(&text, "not sent by all after %lld tr%s", (long long)row->tries,
		    row->tries == 1 ? "y" : "ies");
	} else if (row->due_us > s->now_us) {
		buf_add(&text, STR("waits until "));
		clock_minute(&text, row->due_us);
	} else {
		buf_add(&text, STR("waits to be sent"));
	}
	show_folded(buf_str(&text), 2, stdout);
	return deliveries_print(s->store, row->id, s->now_us, &s->err);
}

/* The silences that hold it. */
static int
print_silence(void *ctx, const struct silence_row *row)
{
	struct showing *s = ctx;
	AUTO(buf_done) struct buf text = { 0 };

	if (!silence_matches(row->match, &s->in))
		return 0;
	if (s->n++ == 0)
		puts("\nSilenced");
	clock_minute(&text, row->created_us);
	buf_add(&text, STR(" to "));
	clock_minute(&text, row->until_us);
	buf_addf(&text, " by %.*s (silence %lld: %.*s)%s%.*s", STR_ARG(row->who),
	    (long long)row->id, STR_ARG(row->match), row->reason.n > 0 ? ": " : "",
	    STR_ARG(row->reason));
	show_folded(buf_str(&text), 2, stdout);
	return 0;
}

static int
print_text(struct showing *s)
{
	int r;

	print_head(s);
	print_facts(s);
	print_advice(&s->in);
	print_samples(&s->in);
	s->n = 0;
	r = store_each_change(s->store, s->in.id, print_change, s, &s->err);
	s->n = 0;
	if (r == 0)
		r = store_each_silence(s->store, s->now_us, print_silence, s, &s->err);
	s->n = 0;
	if (r == 0)
		r = store_each_notice(s->store, s->in.id, print_notice, s, &s->err);
	return r;
}

static int
on_incident(void *ctx, const struct incident *in)
{
	struct showing *s = ctx;

	s->in = *in;
	int r = store_silenced_until(s->store, in, s->now_us, &s->in.silenced_us, &s->err);

	if (r < 0)
		return r;
	if (!s->show.json)
		return print_text(s);
	r = show_json(s->store, &s->in, &s->out, &s->err);
	if (r == 0)
		printf("%.*s\n", STR_ARG(buf_str(&s->out)));
	return r;
}

static int
run(int argc, char **argv)
{
	struct showing s = { .now_us = app_now_us(), .colour = app_wants_colour(stdout) };
	int r = show_options(&cmd_show, argc, argv, &s.show);

	if (r != EXIT_FINE)
		return r;
	if (s.show.nwords != 1 || s.show.all)
		return app_usage(&cmd_show,
		    "needs the id of one incident: `mailwarden incidents` lists them");
	if ((r = show_open(&s.show, &s.store)) != EXIT_FINE)
		return r;
	r = store_find_incident(s.store, str_of(s.show.words[0]), on_incident, &s, &s.err);
	if (r < 0)
		r = app_fail(r == -ENOENT || r == -ENOTUNIQ ? EXIT_FAILED : EXIT_STORE,
		    "%s", s.err.text);
	buf_done(&s.out);
	store_close(s.store);
	return r;
}

const struct command cmd_show = {
	.name = "show",
	.args = "ID [--json] [--state FILE] [--config FILE]",
	.summary = "all about one incident",
	.help =
	    "What is wrong since when, whom it affects, what to do, the log lines that show it,\n"
	    "what became of it and of its notices. ID may be the beginning of an id.\n\n"
	    "  --json         one JSON object: the incident with `changes` and `notices`\n"
	    "  --state FILE   the store, in place of the configuration's\n"
	    "  --config FILE  in place of /etc/mailwarden/mailwarden.yaml",
	.run = run,
};
