/* mailwarden status: is mail flowing, and does the watcher see? */
#include <string.h>
#include <unistd.h>

#include "cli/show.h"
#include "cli/status_channels.h"
#include "cli/status_learning.h"
#include "core/clock.h"
#include "core/json.h"
#include "rules/alert.h"
#include "store/reports.h"

#define DAY_US (86400 * (int64_t)US_PER_S)

struct status {
	bool json;
	int64_t now_us;
	struct store_totals totals;
	struct report_totals reports;
	struct store *store;
	struct alert_rules *rules; /* NULL: they cannot be read */
	size_t open, critical, acknowledged, silenced;
	struct {
		enum severity severity;
		bool marked; /* acknowledged or silenced: somebody knows */
		struct buf id, summary;
	} gravest;
	struct buf trouble; /* of the store; empty: none */
	struct buf out;
	size_t rows;
	struct err err;
};

static int
count_incident(void *ctx, const struct incident *in)
{
	struct status *s = ctx;
	int64_t until_us = 0;
	int r = store_silenced_until(s->store, in, s->now_us, &until_us, &s->err);
	bool marked = in->ack_at_us != 0 || until_us != 0;

	if (r < 0)
		return r;
	s->open++;
	s->critical += in->severity == SEVERITY_CRITICAL;
	s->acknowledged += in->ack_at_us != 0;
	s->silenced += until_us != 0;
	/* The first of equal ones is the oldest; what nobody knows of yet comes first. */
	if (s->open > 1 &&
	    (in->severity < s->gravest.severity ||
		(in->severity == s->gravest.severity && (marked || !s->gravest.marked))))
		return 0;
	s->gravest.severity = in->severity;
	s->gravest.marked = marked;
	buf_clear(&s->gravest.id);
	buf_add(&s->gravest.id, in->id);
	buf_clear(&s->gravest.summary);
	buf_add(&s->gravest.summary, in->summary);
	return 0;
}

/* Is mail healthy? In one sentence, and which incident to look at first. */
static void
print_verdict(struct status *s)
{
	AUTO(buf_done) struct buf text = { 0 };

	if (s->open == 0) {
		puts("No trouble is open.");
		return;
	}
	if (s->open == 1)
		buf_addf(&text, "1 incident is open, %s",
		    severity_name(s->gravest.severity));
	else
		buf_addf(&text, "%zu incidents are open, %zu critical, the gravest",
		    s->open, s->critical);
	buf_add(&text, STR(": "));
	buf_add(&text, buf_str(&s->gravest.summary));
	show_folded(buf_str(&text), 0, stdout);
	printf("`mailwarden show %.*s` tells what to do.\n",
	    STR_ARG(buf_str(&s->gravest.id)));
	if (s->acknowledged > 0 || s->silenced > 0)
		printf("%zu acknowledged, %zu silenced.\n", s->acknowledged, s->silenced);
}

static bool
has_reports(const struct report_totals *t)
{
	return t->bounces + t->receipts + t->complaints + t->dmarc + t->tls + t->unread > 0;
}

/* What `mailwarden ingest` took. Who does not use it has no need of zeros. */
static void
print_reports(const struct report_totals *t)
{
	if (!has_reports(t))
		return;
	printf("  bounce messages %lld, of them %lld about mail that is not known here\n"
	       "  complaints %lld\n"
	       "  DMARC reports on %lld messages: of our own %lld failed, of others %lld\n"
	       "  TLS reports on %lld sessions, %lld failed\n",
	    (long long)t->bounces, (long long)t->backscatter, (long long)t->complaints,
	    (long long)t->dmarc, (long long)t->dmarc_own_failed,
	    (long long)t->dmarc_others_failed, (long long)t->tls, (long long)t->tls_failed);
	if (t->unread > 0)
		printf("  %lld messages were no reports, or not understood: see unread/\n",
		    (long long)t->unread);
}

static void
print_health(struct status *s)
{
	const int64_t *o = s->totals.outcomes;

	print_verdict(s);
	puts("\nIn the last 24 hours");
	printf("  delivered %lld, deferred %lld, bounced %lld, expired %lld\n",
	    (long long)o[OUTCOME_DELIVERED], (long long)o[OUTCOME_DEFERRED],
	    (long long)o[OUTCOME_BOUNCED], (long long)o[OUTCOME_EXPIRED]);
	printf(
	    "  refused to clients %lld, to local filters %lld, into mailboxes by dovecot %lld\n",
	    (long long)o[OUTCOME_REJECTED], (long long)s->totals.internal,
	    (long long)s->totals.stored);
	printf("  notices sent %lld, waiting %lld\n", (long long)s->totals.outbox_sent,
	    (long long)s->totals.outbox_waiting);
	print_reports(&s->reports);
}

static void
json_reports(struct json *parent, const struct report_totals *t, struct buf *out)
{
	json_key(parent, "reports");
	struct json j = json_begin(out);

	json_int(&j, "bounces", t->bounces);
	json_int(&j, "backscatter", t->backscatter);
	json_int(&j, "receipts", t->receipts);
	json_int(&j, "complaints", t->complaints);
	json_int(&j, "dmarc_messages", t->dmarc);
	json_int(&j, "dmarc_own_failed", t->dmarc_own_failed);
	json_int(&j, "dmarc_others_failed", t->dmarc_others_failed);
	json_int(&j, "tls_sessions", t->tls);
	json_int(&j, "tls_failed", t->tls_failed);
	json_int(&j, "unread", t->unread);
	json_end(&j);
}

static int
print_provider(void *ctx, struct str provider, const int64_t outcomes[OUTCOME_COUNT])
{
	struct status *s = ctx;

	if (s->rows++ == 0)
		printf("\n  %-22s %9s %9s %9s %9s\n", "attempts by provider", "delivered",
		    "deferred", "bounced", "expired");
	if (s->rows > 12)
		return 1;
	printf("  %-22.*s %9lld %9lld %9lld %9lld\n", STR_ARG(provider),
	    (long long)outcomes[OUTCOME_DELIVERED], (long long)outcomes[OUTCOME_DEFERRED],
	    (long long)outcomes[OUTCOME_BOUNCED], (long long)outcomes[OUTCOME_EXPIRED]);
	return 0;
}

/* The newest line that was not understood: --json has more of them. */
static int
print_sample(struct status *s, struct str source)
{
	AUTO(buf_done) struct buf lines = { 0 };
	struct str line = { NULL, 0 };
	int r = store_get_unparsed(s->store, source, &lines, &s->err);

	for (struct str left = buf_str(&lines); left.n > 0;)
		line = str_cut(&left, '\n');
	if (line.n > 0) {
		puts("    not understood, the latest:");
		show_folded(str_head(line, 300), 6, stdout);
	}
	return r;
}

static int
print_source(void *ctx, struct str source, int64_t at_us, const struct ledger_counts *c)
{
	struct status *s = ctx;
	AUTO(buf_done) struct buf text = { 0 };
	int64_t claimed = c->events + c->unparsed;

	fputs("\n  ", stdout);
	app_print_safe(source, stdout);
	fputc('\n', stdout);
	buf_add(&text, STR("last line read "));
	clock_span_words(&text, s->now_us - at_us);
	buf_addf(&text,
	    " ago; %lld lines, %lld of mail servers, %lld (%.1f %%) not understood",
	    (long long)c->lines, (long long)claimed, (long long)c->unparsed,
	    claimed == 0 ? 0.0 : 100.0 * (double)c->unparsed / (double)claimed);
	show_folded(buf_str(&text), 4, stdout);
	if (c->gaps > 0)
		printf("    %lld gaps: lines that nobody saw\n", (long long)c->gaps);
	return c->unparsed > 0 ? print_sample(s, source) : 0;
}

static int
json_provider(void *ctx, struct str provider, const int64_t outcomes[OUTCOME_COUNT])
{
	struct status *s = ctx;

	if (s->rows++ > 0)
		buf_add_char(&s->out, ',');
	json_quote(&s->out, provider);
	buf_add_char(&s->out, ':');
	struct json j = json_begin(&s->out);

	for (int i = 1; i < OUTCOME_COUNT; i++)
		json_int(&j, event_enum_name(EVT_OUTCOME, i), outcomes[i]);
	json_end(&j);
	return 0;
}

static int
json_samples(struct status *s, struct json *j, struct str source)
{
	AUTO(buf_done) struct buf lines = { 0 };
	int r = store_get_unparsed(s->store, source, &lines, &s->err);
	struct str left = buf_str(&lines);

	if (left.n == 0)
		return r;
	json_key(j, "unparsed_samples");
	for (char before = '['; left.n > 0; before = ',') {
		buf_add_char(&s->out, before);
		json_quote(&s->out, str_cut(&left, '\n'));
	}
	buf_add_char(&s->out, ']');
	return r;
}

static int
json_source(void *ctx, struct str source, int64_t at_us, const struct ledger_counts *c)
{
	struct status *s = ctx;

	if (s->rows++ > 0)
		buf_add_char(&s->out, ',');
	struct json j = json_begin(&s->out);

	json_text(&j, "source", source);
	json_key(&j, "read");
	buf_add_char(&s->out, '"');
	clock_rfc3339(&s->out, at_us, 0);
	buf_add_char(&s->out, '"');
	json_int(&j, "lines", c->lines);
	json_int(&j, "events", c->events);
	json_int(&j, "ignored", c->ignored);
	json_int(&j, "unparsed", c->unparsed);
	json_int(&j, "truncated", c->truncated);
	json_int(&j, "gaps", c->gaps);
	int r = json_samples(s, &j, source);

	json_end(&j);
	return r;
}

static int
print_json(struct status *s, struct store *store, struct err *err)
{
	struct json j = json_begin(&s->out);
	int64_t since_us = s->now_us - DAY_US;

	json_text(&j, "type", STR("status"));
	json_int(&j, "open_incidents", (int64_t)s->open);
	json_int(&j, "critical_incidents", (int64_t)s->critical);
	json_int(&j, "acknowledged_incidents", (int64_t)s->acknowledged);
	json_int(&j, "silenced_incidents", (int64_t)s->silenced);
	if (s->open > 0)
		json_text(&j, "gravest", buf_str(&s->gravest.id));
	json_key(&j, "outcomes");
	struct json outcomes = json_begin(&s->out);

	for (int i = 1; i < OUTCOME_COUNT; i++)
		json_int(&outcomes, event_enum_name(EVT_OUTCOME, i), s->totals.outcomes[i]);
	json_end(&outcomes);
	json_int(&j, "internal", s->totals.internal);
	json_int(&j, "stored", s->totals.stored);
	json_int(&j, "notices_sent", s->totals.outbox_sent);
	json_int(&j, "notices_waiting", s->totals.outbox_waiting);
	json_reports(&j, &s->reports, &s->out);
	json_key(&j, "providers");
	buf_add_char(&s->out, '{');
	s->rows = 0;
	int r = store_each_provider(store, since_us, json_provider, s, err);

	buf_add_char(&s->out, '}');
	json_key(&j, "sources");
	buf_add_char(&s->out, '[');
	s->rows = 0;
	if (r >= 0)
		r = store_each_source(store, since_us, json_source, s, err);
	buf_add_char(&s->out, ']');
	json_key(&j, "channels");
	if (r >= 0)
		r = channels_json(store, &s->out, err);
	if (s->trouble.n > 0)
		json_text(&j, "store_trouble", buf_str(&s->trouble));
	json_key(&j, "learning");
	if (r >= 0)
		r = learning_json(store, s->rules, s->now_us, &s->out, err);
	json_end(&j);
	if (r >= 0)
		printf("%.*s\n", STR_ARG(buf_str(&s->out)));
	return r;
}

static int
print_text(struct status *s, struct store *store, struct err *err)
{
	int64_t since_us = s->now_us - DAY_US;

	if (s->trouble.n > 0) {
		show_folded(buf_str(&s->trouble), 0, stdout);
		putchar('\n');
	}
	print_health(s);
	int r = store_each_provider(store, since_us, print_provider, s, err);

	if (r >= 0)
		r = store_each_source(store, since_us, print_source, s, err);
	if (r >= 0)
		r = channels_print(store, s->now_us, err);
	if (r >= 0)
		r = learning_print(store, s->rules, s->now_us, err);
	return r;
}

/* Before it is opened to be read. */
static void
look_at_store(struct status *s, const struct show_options *options)
{
	AUTO(auto_free) char *path = NULL;

	if (show_path(options, &path) == EXIT_FINE && access(path, F_OK) == 0)
		store_trouble(path, &s->trouble);
}

static int
run(int argc, char **argv)
{
	struct show_options options = { 0 };
	struct status s = { 0 };
	int r = show_options(&cmd_status, argc, argv, &options);

	if (r != EXIT_FINE)
		return r;
	if (options.nwords > 0)
		return app_usage(&cmd_status, "takes no '%s'", options.words[0]);
	look_at_store(&s, &options);
	if ((r = show_open(&options, &s.store)) != EXIT_FINE) {
		buf_done(&s.trouble);
		return r;
	}
	s.json = options.json;
	s.now_us = app_now_us();
	s.rules = show_alert_rules(&options);
	int failed = store_get_totals(s.store, s.now_us - DAY_US, &s.totals, &s.err);

	if (failed >= 0)
		failed = store_get_reports(s.store, s.now_us - DAY_US, &s.reports, &s.err);
	if (failed >= 0)
		failed = store_each_incident(s.store, INCIDENTS_OPEN, 0, count_incident, &s,
		    &s.err);
	if (failed >= 0)
		failed = s.json ? print_json(&s, s.store, &s.err)
				: print_text(&s, s.store, &s.err);
	if (failed < 0)
		r = app_fail(EXIT_STORE, "%s", s.err.text);
	buf_done(&s.gravest.id);
	buf_done(&s.gravest.summary);
	buf_done(&s.trouble);
	buf_done(&s.out);
	alert_rules_free(s.rules);
	store_close(s.store);
	return r;
}

const struct command cmd_status = {
	.name = "status",
	.args = "[--json] [--state FILE] [--config FILE]",
	.summary = "today's health, and whether the watcher sees all",
	.help =
	    "Deliveries of the last 24 hours by outcome and provider, open incidents, the sources\n"
	    "with what was read and what was not understood, channels that work or fail and the\n"
	    "notices that wait for them, rules that still learn what is usual.\n\n"
	    "  --json         one JSON object\n"
	    "  --state FILE   the store, in place of the configuration's\n"
	    "  --config FILE  in place of /etc/mailwarden/mailwarden.yaml",
	.run = run,
};
