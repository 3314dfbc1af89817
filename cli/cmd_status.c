/* mailwarden status: is mail flowing, and does the watcher see? */
#include <string.h>
#include <unistd.h>

#include "cli/show.h"
#include "cli/status_channels.h"
#include "cli/status_facts.h"
#include "cli/status_learning.h"
#include "core/clock.h"
#include "rules/alert.h"

struct status {
	struct status_facts facts;
	struct store *store;
	struct alert_rules *rules; /* NULL: they cannot be read */
	struct buf trouble;        /* of the store; empty: none */
	size_t rows;
	struct err err;
};

/* Is mail healthy? In one sentence, and which incident to look at first. */
static void
print_verdict(struct status *s)
{
	AUTO(buf_done) struct buf text = { 0 };

	status_sentence(&s->facts, &text);
	show_folded(buf_str(&text), 0, stdout);
	if (s->facts.open == 0)
		return;
	printf("`mailwarden show %.*s` tells what to do.\n",
	    STR_ARG(buf_str(&s->facts.gravest.id)));
	if (s->facts.acknowledged > 0 || s->facts.silenced > 0)
		printf("%zu acknowledged, %zu silenced.\n", s->facts.acknowledged,
		    s->facts.silenced);
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
	const int64_t *o = s->facts.totals.outcomes;

	print_verdict(s);
	puts("\nIn the last 24 hours");
	printf("  delivered %lld, deferred %lld, bounced %lld, expired %lld\n",
	    (long long)o[OUTCOME_DELIVERED], (long long)o[OUTCOME_DEFERRED],
	    (long long)o[OUTCOME_BOUNCED], (long long)o[OUTCOME_EXPIRED]);
	printf(
	    "  refused to clients %lld, to local filters %lld, into mailboxes by dovecot %lld\n",
	    (long long)o[OUTCOME_REJECTED], (long long)s->facts.totals.internal,
	    (long long)s->facts.totals.stored);
	printf("  notices sent %lld, waiting %lld\n",
	    (long long)s->facts.totals.outbox_sent,
	    (long long)s->facts.totals.outbox_waiting);
	print_reports(&s->facts.reports);
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
	clock_span_words(&text, s->facts.now_us - at_us);
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
print_text(struct status *s, struct store *store, struct err *err)
{
	int64_t since_us = s->facts.now_us - STATUS_SPAN_US;

	if (s->trouble.n > 0) {
		show_folded(buf_str(&s->trouble), 0, stdout);
		putchar('\n');
	}
	print_health(s);
	int r = store_each_provider(store, since_us, print_provider, s, err);

	if (r >= 0)
		r = store_each_source(store, since_us, print_source, s, err);
	if (r >= 0)
		r = channels_print(store, s->facts.now_us, err);
	if (r >= 0)
		r = learning_print(store, s->rules, s->facts.now_us, err);
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
print(struct status *s, bool json)
{
	AUTO(buf_done) struct buf out = { 0 };
	int r = status_gather(s->store, app_now_us(), &s->facts, &s->err);

	if (r < 0 || !json)
		return r < 0 ? r : print_text(s, s->store, &s->err);
	r = status_json(s->store, &s->facts, buf_str(&s->trouble), s->rules, &out, &s->err);
	if (r >= 0)
		printf("%.*s\n", STR_ARG(buf_str(&out)));
	return r;
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
	s.rules = show_alert_rules(&options);
	if (print(&s, options.json) < 0)
		r = app_fail(EXIT_STORE, "%s", s.err.text);
	status_facts_done(&s.facts);
	buf_done(&s.trouble);
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
