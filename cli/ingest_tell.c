#include "cli/ingest_tell.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "cli/app.h"
#include "core/clock.h"
#include "core/json.h"
#include "core/plain.h"
#include "parsers/parser.h"

enum { MAX_TOLD = 100, TOLD_BYTES = 300 };

static const char *
kind_name(enum report_kind kind)
{
	switch (kind) {
	case REPORT_BOUNCE: return "bounce";
	case REPORT_COMPLAINT: return "complaint";
	case REPORT_DMARC: return "dmarc";
	case REPORT_TLS: return "tls-report";
	default: return "none";
	}
}

static const char *
verdict_name(enum ingest_verdict verdict)
{
	static const char *const names[] = { "taken", "other", "old", "unreadable" };

	return names[verdict];
}

/*
 * A field of a line of our own: "..., key=value, ...". An address stands in <>; `reply` goes
 * to the end. Only for what is shown: the rules of reports.yaml are what is counted by.
 */
static struct str
line_value(struct str line, struct str key)
{
	ptrdiff_t at = str_find(line, key);

	if (at < 2 || line.p[at - 1] != ' ' ||
	    (line.p[at - 2] != ',' && line.p[at - 2] != ':'))
		return (struct str){ NULL, 0 };
	struct str value = str_skip(line, (size_t)at + key.n);

	if (str_eq(key, STR("reply=")))
		return value;
	if (!str_starts(value, STR("<")))
		return str_cut(&value, ',');
	(void)str_cut(&value, '<');
	return str_cut(&value, '>');
}

static void
tell_json(const char *name, const struct ingest_taken *taken)
{
	const struct report_summary *summary = &taken->result.summary;
	AUTO(buf_done) struct buf out = { 0 };
	AUTO(buf_done) struct buf list = { 0 };
	struct json j = json_begin(&out);
	struct str rest = buf_str(&taken->result.lines), reply = { NULL, 0 };

	for (size_t told = 0; rest.n > 0 && told < MAX_TOLD; told++) {
		struct str line = str_cut(&rest, '\n');
		struct str recipient = line_value(line, STR("recipient="));

		if (reply.n == 0)
			reply = line_value(line, STR("reply="));
		if (recipient.n == 0)
			continue;
		buf_add_char(&list, list.n == 0 ? '[' : ',');
		json_quote(&list, recipient);
	}
	json_text(&j, "type", STR("message"));
	json_text(&j, "name", str_of(name));
	json_text(&j, "verdict", str_of(verdict_name(taken->verdict)));
	json_text(&j, "kind", str_of(kind_name(summary->kind)));
	if (summary->dated_us != 0)
		json_time(&j, "date", summary->dated_us);
	json_int(&j, "events", (int64_t)summary->events);
	if (summary->left_out > 0)
		json_int(&j, "left_out", (int64_t)summary->left_out);
	if (list.n > 0) {
		buf_add_char(&list, ']');
		json_raw(&j, "recipients", buf_str(&list));
	}
	if (reply.n > 0)
		json_text(&j, "reply", reply);
	if (taken->result.code != 0)
		json_text(&j, "why", str_of(taken->result.why.text));
	json_end(&j);
	buf_add_char(&out, '\n');
	(void)fwrite(out.p, 1, out.n, stdout);
}

/* "failed ann@example.org: 550 5.1.1 ... and 3 more" */
static void
add_first(struct buf *out, const struct ingest_taken *taken)
{
	struct str rest = buf_str(&taken->result.lines);
	struct str line = str_cut(&rest, '\n');
	struct str recipient = line_value(line, STR("recipient="));
	struct str domain = line_value(line, STR("domain="));
	struct str reply = line_value(line, STR("reply="));

	buf_add_char(out, ' ');
	plain_add_cut(out, line_value(line, STR("dsn_action=")), TOLD_BYTES);
	buf_add_char(out, ' ');
	plain_add_cut(out, recipient.n > 0 ? recipient : domain, TOLD_BYTES);
	if (reply.n > 0) {
		buf_add(out, STR(": "));
		plain_add_cut(out, reply, TOLD_BYTES);
	}
	if (taken->result.summary.events > 1)
		buf_addf(out, " and %zu more", taken->result.summary.events - 1);
	if (taken->result.summary.left_out > 0)
		buf_addf(out, "; %zu were left out: too many",
		    taken->result.summary.left_out);
}

static void
tell_text(const char *name, const struct ingest_taken *taken)
{
	AUTO(buf_done) struct buf out = { 0 };

	plain_add(&out, str_of(name));
	switch (taken->verdict) {
	case VERDICT_OTHER: buf_add(&out, STR(": not a report: ")); break;
	case VERDICT_UNREADABLE: buf_add(&out, STR(": not read: ")); break;
	case VERDICT_OLD:
		buf_add(&out, STR(": older than 7 days, left out (--old takes it): "));
		break;
	default: buf_add(&out, STR(": ")); break;
	}
	if (taken->result.code != 0) {
		plain_add(&out, str_of(taken->result.why.text));
	} else {
		buf_add(&out, str_of(kind_name(taken->result.summary.kind)));
		add_first(&out, taken);
	}
	buf_add_char(&out, '\n');
	(void)fwrite(out.p, 1, out.n, stdout);
}

void
ingest_tell(const struct ingest_setup *setup, const char *name,
    const struct ingest_taken *taken)
{
	if (setup->options->json)
		tell_json(name, taken);
	else
		tell_text(name, taken);
}

/* --- the events, as `run` will see them --- */

static void
print_event(void *ctx, struct event *ev)
{
	AUTO(buf_done) struct buf out = { 0 };

	(void)ctx;
	event_json(ev, &out);
	buf_add_char(&out, '\n');
	(void)fwrite(out.p, 1, out.n, stdout);
}

static int
print_events(struct ingest_setup *setup, const char *name, struct str lines)
{
	if (setup->parser == NULL) {
		const char *rules = setup->options->rules != NULL ? setup->options->rules
								  : setup->config->rules;

		if (app_load_rules(rules, RULEBOOK_PARSERS, &setup->book) != EXIT_FINE)
			return -EINVAL;
		setup->parser =
		    parser_new(setup->book.parsers, setup->book.catalogue, app_now_us());
		if (setup->parser == NULL)
			return -ENOMEM;
	}
	while (lines.n > 0) {
		const struct line line = { .text = str_cut(&lines, '\n'), .offset = -1 };

		(void)parser_line(setup->parser, &line, str_of(name), print_event, NULL);
	}
	return 0;
}

int
ingest_tell_dry(struct ingest_setup *setup, const char *name,
    const struct ingest_taken *taken)
{
	AUTO(buf_done) struct buf lines = { 0 };
	AUTO(buf_done) struct buf stamp = { 0 };

	if (taken->result.code != 0 || taken->verdict == VERDICT_OLD) {
		ingest_tell(setup, name, taken);
		return 0;
	}
	clock_rfc3339(&stamp, app_now_us(), 0);
	for (struct str rest = buf_str(&taken->result.lines); rest.n > 0;) {
		struct str line = str_cut(&rest, '\n');

		buf_add(&lines, buf_str(&stamp));
		buf_add(&lines, line);
		buf_add_char(&lines, '\n');
	}
	if (lines.failed)
		return -ENOMEM;
	if (setup->options->json)
		return print_events(setup, name, buf_str(&lines));
	for (struct str rest = buf_str(&lines); rest.n > 0;) {
		app_print_safe(str_cut(&rest, '\n'), stdout);
		(void)fputc('\n', stdout);
	}
	return 0;
}

/* --- the sum --- */

void
ingest_tell_sum(const struct ingest_setup *setup, const struct ingest_counts *c)
{
	const int64_t *v = c->verdicts;

	if (setup->options->json && setup->options->dry_run)
		return; /* events alone */
	if (setup->options->json) {
		printf("{\"type\":\"summary\",\"messages\":%lld,\"taken\":%lld,"
		       "\"events\":%lld,\"left_out\":%lld,\"old\":%lld,\"other\":%lld,"
		       "\"unreadable\":%lld,\"failed\":%lld}\n",
		    (long long)c->messages, (long long)v[VERDICT_TAKEN],
		    (long long)c->events, (long long)c->left_out, (long long)v[VERDICT_OLD],
		    (long long)v[VERDICT_OTHER], (long long)v[VERDICT_UNREADABLE],
		    (long long)c->failed);
		return;
	}
	fprintf(stderr, "%lld message%s: %lld report%s %s, %lld event%s",
	    (long long)c->messages, c->messages == 1 ? "" : "s",
	    (long long)v[VERDICT_TAKEN], v[VERDICT_TAKEN] == 1 ? "" : "s",
	    setup->options->dry_run ? "found" : "taken", (long long)c->events,
	    c->events == 1 ? "" : "s");
	if (v[VERDICT_OLD] > 0)
		fprintf(stderr, ", %lld older than 7 days left out (--old takes them)",
		    (long long)v[VERDICT_OLD]);
	if (v[VERDICT_OTHER] > 0)
		fprintf(stderr, ", %lld not reports", (long long)v[VERDICT_OTHER]);
	if (v[VERDICT_UNREADABLE] > 0)
		fprintf(stderr, ", %lld not read", (long long)v[VERDICT_UNREADABLE]);
	if (c->failed > 0)
		fprintf(stderr, ", %lld failed", (long long)c->failed);
	fputc('\n', stderr);
}
