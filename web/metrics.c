#include "web/metrics.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "core/clock.h"
#include "store/channels.h"
#include "store/figures.h"
#include "web/counters.h"

/* Log lines that are read late still count: so far before the start the sums begin. */
#define BEHIND_US (7 * 86400 * (int64_t)US_PER_S)

struct metrics {
	struct counters *counters;
	int64_t since_us; /* 0: no look yet */
	struct buf series;
};

/* One call of metrics_write(). */
struct look {
	struct metrics *metrics;
	struct om_writer w;
	struct store *store;
	const struct metrics_now *now;
	struct figures figures;
	struct err *err;
};

struct metrics *
metrics_new(void)
{
	struct metrics *m = calloc(1, sizeof *m);

	if (m == NULL)
		return NULL;
	m->counters = counters_new();
	if (m->counters != NULL)
		return m;
	free(m);
	return NULL;
}

void
metrics_free(struct metrics *m)
{
	if (m == NULL)
		return;
	counters_free(m->counters);
	buf_done(&m->series);
	free(m);
}

/* --- counters --- */

/* What the series of this family and these labels has counted. */
static int64_t
counted(struct look *l, const char *part, const struct om_labels *labels, int64_t sum)
{
	struct buf *series = &l->metrics->series;

	buf_clear(series);
	buf_addf(series, "%s\n%s", l->w.name, part);
	for (size_t i = 0; i < OM_LABELS && labels != NULL && labels->items[i].name != NULL;
	     i++)
		buf_addf(series, "\n%.*s", STR_ARG(labels->items[i].value));
	return counters_value(l->metrics->counters, buf_str(series), sum);
}

static void
count(struct look *l, const struct om_labels *labels, int64_t sum)
{
	om_int(&l->w, NULL, labels, counted(l, "", labels, sum));
}

static void
count_one(struct look *l, const char *name, const char *unit, const char *help, int64_t sum)
{
	om_family(&l->w, name, OM_COUNTER, unit, help);
	count(l, NULL, sum);
}

static void
count_by(struct look *l, const char *label, const char *value, int64_t sum)
{
	const struct om_labels labels = { { { label, str_of(value) } } };

	count(l, &labels, sum);
}

/* --- deliveries --- */

static const enum event_outcome out_outcomes[] = { OUTCOME_DELIVERED, OUTCOME_DEFERRED,
	OUTCOME_BOUNCED, OUTCOME_EXPIRED };
enum { OUT_OUTCOMES = sizeof out_outcomes / sizeof *out_outcomes };

static void
write_attempts(struct look *l)
{
	om_family(&l->w, "mailwarden_delivery_attempts", OM_COUNTER, NULL,
	    "Attempts to deliver to other hosts, one for each recipient, and what expired.");
	for (size_t i = 0; i < l->figures.nproviders; i++)
		for (size_t o = 0; o < OUT_OUTCOMES; o++) {
			const struct figure_provider *p = &l->figures.providers[i];
			const struct om_labels labels = { { { "provider", p->provider },
			    { "outcome",
				str_of(event_enum_name(EVT_OUTCOME, out_outcomes[o])) } } };

			count(l, &labels, p->outcomes[out_outcomes[o]]);
		}
}

/* Ends of buckets of the store's, so that the counts are exact: 0.8 s, then four times as
 * much each. */
static const struct {
	int bucket;
	const char *le;
} bounds[] = { { 6, "0.8" }, { 10, "3.2" }, { 14, "12.8" }, { 18, "51.2" }, { 22, "204.8" },
	{ 26, "819.2" }, { 30, "3276.8" }, { 34, "13107.2" }, { 38, "52428.8" },
	{ FIGURE_BUCKETS - 1, "+Inf" } };
enum { BOUNDS = sizeof bounds / sizeof *bounds };

static void
write_delay_of(struct look *l, const struct figure_provider *p)
{
	const struct om_labels labels = { { { "provider", p->provider } } };
	int64_t n = 0, sum = 0;
	int b = 0;

	/* Each bucket by itself goes forward only; so does their sum. */
	for (size_t i = 0; i < BOUNDS; i++) {
		int64_t within = 0;
		const struct om_labels le = { { { "provider", p->provider },
		    { "le", str_of(bounds[i].le) } } };

		for (; b <= bounds[i].bucket; b++)
			within += p->delay.buckets[b];
		n += counted(l, "bucket", &le, within);
		om_int(&l->w, "_bucket", &le, n);
	}
	sum = counted(l, "sum", &labels, p->delay.sum_us);
	om_int(&l->w, "_count", &labels, n);
	om_seconds(&l->w, "_sum", &labels, sum);
}

static void
write_delays(struct look *l)
{
	om_family(&l->w, "mailwarden_delivery_delay_seconds", OM_HISTOGRAM, "seconds",
	    "Time from a message's arrival here to its delivery, for deliveries to other "
	    "hosts whose delay the log tells.");
	for (size_t i = 0; i < l->figures.nproviders; i++)
		write_delay_of(l, &l->figures.providers[i]);
}

static void
write_tls(struct look *l)
{
	static const char *const names[] = { "plain", "encrypted", "verified" };

	om_family(&l->w, "mailwarden_delivery_sessions", OM_COUNTER, NULL,
	    "Deliveries to other hosts by how their session was protected; encrypted "
	    "without the verified.");
	for (size_t i = 0; i < l->figures.nproviders; i++) {
		const struct figure_provider *p = &l->figures.providers[i];
		const int64_t sums[] = { p->tls.plain, p->tls.encrypted, p->tls.verified };

		for (size_t t = 0; t < 3; t++) {
			const struct om_labels labels = { { { "provider", p->provider },
			    { "tls", str_of(names[t]) } } };

			count(l, &labels, sums[t]);
		}
	}
}

static void
write_here(struct look *l)
{
	const struct figures *f = &l->figures;

	om_family(&l->w, "mailwarden_local_deliveries", OM_COUNTER, NULL,
	    "Attempts to deliver into mailboxes here.");
	for (size_t o = 0; o < OUT_OUTCOMES; o++)
		count_by(l, "outcome", event_enum_name(EVT_OUTCOME, out_outcomes[o]),
		    f->local[out_outcomes[o]]);
	count_one(l, "mailwarden_stored_messages", NULL,
	    "Messages that dovecot stored in mailboxes.", f->stored);
	count_one(l, "mailwarden_filter_handovers", NULL,
	    "Messages handed to filters on this host.", f->internal);
	count_one(l, "mailwarden_bounces_made", NULL,
	    "Bounce messages that this host wrote.", f->bounces_made);
}

/* --- in --- */

static void
write_in(struct look *l)
{
	const struct figures *f = &l->figures;

	om_family(&l->w, "mailwarden_accepted_messages", OM_COUNTER, NULL,
	    "Messages taken from other hosts, by how their session was protected.");
	count_by(l, "tls", "plain", f->tls_in.plain);
	count_by(l, "tls", "encrypted", f->tls_in.encrypted);
	count_by(l, "tls", "verified", f->tls_in.verified);
	om_family(&l->w, "mailwarden_rejects", OM_COUNTER, NULL,
	    "Recipients and messages refused to clients, by the category of the reason.");
	for (size_t i = 0; i < f->nrejected; i++) {
		const struct om_labels labels = { { { "category",
		    f->rejected[i].name.n > 0 ? f->rejected[i].name : STR("other") } } };

		count(l, &labels, f->rejected[i].count);
	}
}

static void
write_logins(struct look *l)
{
	const struct figures *f = &l->figures;
	const struct {
		const char *service, *outcome;
		int64_t sum;
	} rows[] = { { "smtp", "accepted", f->logins - f->dovecot_logins },
		{ "smtp", "failed", f->logins_failed - f->dovecot_failed },
		{ "dovecot", "accepted", f->dovecot_logins },
		{ "dovecot", "failed", f->dovecot_failed } };

	om_family(&l->w, "mailwarden_logins", OM_COUNTER, NULL,
	    "Logins at the mail server and at dovecot.");
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		const struct om_labels labels = { { { "service", str_of(rows[i].service) },
		    { "outcome", str_of(rows[i].outcome) } } };

		count(l, &labels, rows[i].sum);
	}
	count_one(l, "mailwarden_dovecot_limits", NULL,
	    "How often dovecot came to one of its limits.", f->dovecot_limits);
}

static void
write_reports(struct look *l)
{
	const struct report_totals *t = &l->figures.reports;

	om_family(&l->w, "mailwarden_reports", OM_COUNTER, NULL,
	    "Messages that `mailwarden ingest` took, by what they are.");
	count_by(l, "kind", "bounce", t->bounces);
	count_by(l, "kind", "receipt", t->receipts);
	count_by(l, "kind", "complaint", t->complaints);
	count_by(l, "kind", "unread", t->unread);
	count_one(l, "mailwarden_backscatter", NULL,
	    "Bounce messages about mail that nobody here knows.", t->backscatter);
	count_one(l, "mailwarden_dmarc_messages", NULL,
	    "Messages that DMARC reports tell of.", t->dmarc);
	om_family(&l->w, "mailwarden_dmarc_failed_messages", OM_COUNTER, NULL,
	    "Messages that failed DMARC, sent by this host or by others.");
	count_by(l, "sender", "own", t->dmarc_own_failed);
	count_by(l, "sender", "others", t->dmarc_others_failed);
	count_one(l, "mailwarden_tls_report_sessions", NULL,
	    "Sessions that TLS reports tell of.", t->tls);
	count_one(l, "mailwarden_tls_report_failed_sessions", NULL,
	    "Failed sessions that TLS reports tell of.", t->tls_failed);
}

/* --- the watcher itself --- */

struct source {
	struct buf name;
	int64_t read_us;
	struct ledger_counts counts;
};
enum { SOURCES = 64 };
struct sources {
	struct source items[SOURCES];
	size_t n;
};

static int
take_source(void *ctx, struct str name, int64_t read_us, const struct ledger_counts *counts)
{
	struct sources *s = ctx;

	if (s->n == SOURCES)
		return 0;
	struct source *one = &s->items[s->n++];

	*one = (struct source){ .read_us = read_us, .counts = *counts };
	buf_add(&one->name, name);
	return 0;
}

static void
write_lines(struct look *l, const struct sources *s)
{
	om_family(&l->w, "mailwarden_log_lines", OM_COUNTER, NULL,
	    "Log lines by what became of them; unparsed: a mail server's, and no rule knows "
	    "it.");
	for (size_t i = 0; i < s->n; i++) {
		const struct ledger_counts *c = &s->items[i].counts;
		const struct {
			const char *result;
			int64_t sum;
		} rows[] = { { "event", c->events }, { "ignored", c->ignored },
			{ "unparsed", c->unparsed } };

		for (size_t k = 0; k < 3; k++) {
			const struct om_labels labels = {
				{ { "source", buf_str(&s->items[i].name) },
				    { "result", str_of(rows[k].result) } }
			};

			count(l, &labels, rows[k].sum);
		}
	}
}

static void
write_source_parts(struct look *l, const struct sources *s)
{
	om_family(&l->w, "mailwarden_log_read_bytes", OM_COUNTER, "bytes",
	    "Bytes of log lines that were read.");
	for (size_t i = 0; i < s->n; i++) {
		const struct om_labels labels = {
			{ { "source", buf_str(&s->items[i].name) } }
		};

		count(l, &labels, s->items[i].counts.bytes);
	}
	om_family(&l->w, "mailwarden_log_gaps", OM_COUNTER, NULL,
	    "Places where lines are missing that nobody saw.");
	for (size_t i = 0; i < s->n; i++) {
		const struct om_labels labels = {
			{ { "source", buf_str(&s->items[i].name) } }
		};

		count(l, &labels, s->items[i].counts.gaps);
	}
	om_family(&l->w, "mailwarden_log_last_read_timestamp_seconds", OM_GAUGE, "seconds",
	    "When a line of the source was read last.");
	for (size_t i = 0; i < s->n; i++) {
		const struct om_labels labels = {
			{ { "source", buf_str(&s->items[i].name) } }
		};

		if (s->items[i].read_us != 0)
			om_seconds(&l->w, NULL, &labels, s->items[i].read_us);
	}
}

static int
write_sources(struct look *l)
{
	struct sources *s = calloc(1, sizeof *s);

	if (s == NULL)
		return err_set(l->err, -ENOMEM, "out of memory");
	int r = store_each_source(l->store, l->metrics->since_us, take_source, s, l->err);

	if (r >= 0) {
		write_lines(l, s);
		write_source_parts(l, s);
	}
	for (size_t i = 0; i < s->n; i++)
		buf_done(&s->items[i].name);
	free(s);
	return r;
}

/* --- incidents --- */

struct open_rule {
	struct buf rule;
	enum severity severity;
	int64_t n;
};
struct open_rules {
	struct open_rule items[METRICS_RULES];
	size_t n;
	int64_t by_severity[SEVERITY_CRITICAL + 1];
};

static int
take_open(void *ctx, const struct incident *in)
{
	struct open_rules *o = ctx;
	size_t i;

	o->by_severity[in->severity]++;
	for (i = 0; i < o->n; i++)
		if (o->items[i].severity == in->severity &&
		    str_eq(buf_str(&o->items[i].rule), in->rule))
			break;
	if (i == METRICS_RULES)
		return 0;
	if (i == o->n) {
		o->n++;
		o->items[i].severity = in->severity;
		buf_add(&o->items[i].rule, in->rule);
	}
	o->items[i].n++;
	return 0;
}

static void
write_open(struct look *l, const struct open_rules *o)
{
	om_family(&l->w, "mailwarden_open_incidents", OM_GAUGE, NULL,
	    "Incidents that are open.");
	for (int s = SEVERITY_INFO; s <= SEVERITY_CRITICAL; s++) {
		const struct om_labels labels = {
			{ { "severity", str_of(severity_name((enum severity)s)) } }
		};

		om_int(&l->w, NULL, &labels, o->by_severity[s]);
	}
	om_family(&l->w, "mailwarden_rule_open_incidents", OM_GAUGE, NULL,
	    "Open incidents of rules that have any.");
	for (size_t i = 0; i < o->n; i++) {
		const struct om_labels labels = {
			{ { "severity", str_of(severity_name(o->items[i].severity)) },
			    { "rule", buf_str(&o->items[i].rule) } }
		};

		om_int(&l->w, NULL, &labels, o->items[i].n);
	}
}

static int
write_incidents(struct look *l)
{
	struct open_rules *o = calloc(1, sizeof *o);

	if (o == NULL)
		return err_set(l->err, -ENOMEM, "out of memory");
	int r = store_each_incident(l->store, INCIDENTS_OPEN, 0, take_open, o, l->err);

	if (r >= 0)
		write_open(l, o);
	for (size_t i = 0; i < o->n; i++)
		buf_done(&o->items[i].rule);
	free(o);
	count_one(l, "mailwarden_incidents_opened", NULL, "Incidents that were opened.",
	    l->figures.incidents_opened);
	count_one(l, "mailwarden_incidents_resolved", NULL, "Incidents that were resolved.",
	    l->figures.incidents_resolved);
	return r;
}

/* --- notices --- */

static int
write_failing(void *ctx, const struct channel_row *row)
{
	struct look *l = ctx;
	const struct om_labels labels = { { { "channel", row->name },
	    { "kind", row->kind } } };

	om_int(&l->w, NULL, &labels, row->failing_since_us != 0);
	return 0;
}

static int
write_last(void *ctx, const struct channel_row *row)
{
	struct look *l = ctx;
	const struct om_labels labels = { { { "channel", row->name },
	    { "kind", row->kind } } };

	if (row->last_sent_us != 0)
		om_seconds(&l->w, NULL, &labels, row->last_sent_us);
	return 0;
}

static int
write_notices(struct look *l)
{
	struct store_totals totals;
	int r = store_get_totals(l->store, l->now->now_us, &totals, l->err);

	if (r < 0)
		return r;
	om_family(&l->w, "mailwarden_notices_waiting", OM_GAUGE, NULL,
	    "Notices in the outbox that no channel took yet.");
	om_int(&l->w, NULL, NULL, totals.outbox_waiting);
	om_family(&l->w, "mailwarden_channel_failing", OM_GAUGE, NULL,
	    "Whether the channel's last try failed.");
	r = channel_row_each(l->store, write_failing, l, l->err);
	om_family(&l->w, "mailwarden_channel_last_sent_timestamp_seconds", OM_GAUGE,
	    "seconds", "When the channel sent something last.");
	return r < 0 ? r : channel_row_each(l->store, write_last, l, l->err);
}

/* --- all --- */

static void
write_self(struct look *l)
{
	const struct om_labels version = { { { "version", str_of(l->now->version) } } };

	om_family(&l->w, "mailwarden_build", OM_INFO, NULL, "The version that answers.");
	om_int(&l->w, NULL, &version, 1);
	om_family(&l->w, "mailwarden_watcher_running", OM_GAUGE, NULL,
	    "Whether `mailwarden run` works on the store.");
	om_int(&l->w, NULL, NULL, l->now->watched);
	om_family(&l->w, "mailwarden_store_size_bytes", OM_GAUGE, "bytes",
	    "Size of the store's file.");
	om_int(&l->w, NULL, NULL, l->now->store_bytes);
}

int
metrics_write(struct metrics *m, struct store *store, const struct metrics_now *now,
    enum metrics_format format, struct buf *out, struct err *err)
{
	struct look l = { .metrics = m,
		.w = { .out = out, .format = format },
		.store = store,
		.now = now,
		.err = err };
	int64_t since_us = m->since_us != 0 ? m->since_us : now->now_us - BEHIND_US;
	/* Beyond now: a log's clock may be ahead of ours. */
	int r = store_get_figures_of_all(store, since_us, now->now_us + BEHIND_US,
	    &l.figures, err);

	if (r < 0)
		return r;
	m->since_us = since_us;
	counters_begin(m->counters, now->identity);
	write_self(&l);
	write_attempts(&l);
	write_delays(&l);
	write_tls(&l);
	write_here(&l);
	write_in(&l);
	write_logins(&l);
	write_reports(&l);
	r = write_sources(&l);
	if (r >= 0)
		r = write_incidents(&l);
	if (r >= 0)
		r = write_notices(&l);
	om_end(&l.w);
	figures_done(&l.figures);
	return r;
}
