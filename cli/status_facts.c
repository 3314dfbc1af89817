#include "cli/status_facts.h"

#include <errno.h>

#include "cli/status_channels.h"
#include "cli/status_learning.h"
#include "core/json.h"

/* --- gathering --- */

struct incident_walk {
	struct store *store;
	struct status_facts *facts;
	struct err *err;
};

static int
count_incident(void *ctx, const struct incident *in)
{
	struct incident_walk *c = ctx;
	struct status_facts *s = c->facts;
	int64_t until_us = 0;
	int r = store_silenced_until(c->store, in, s->now_us, &until_us, c->err);
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

int
status_count_incidents(struct store *store, int64_t now_us, struct status_facts *out,
    struct err *err)
{
	struct incident_walk c = { store, out, err };

	*out = (struct status_facts){ .now_us = now_us };
	return store_each_incident(store, INCIDENTS_OPEN, 0, count_incident, &c, err);
}

int
status_gather(struct store *store, int64_t now_us, struct status_facts *out,
    struct err *err)
{
	int64_t since_us = now_us - STATUS_SPAN_US;
	int r = status_count_incidents(store, now_us, out, err);

	if (r >= 0)
		r = store_get_totals(store, since_us, &out->totals, err);
	if (r >= 0)
		r = store_get_reports(store, since_us, &out->reports, err);
	return r;
}

void
status_facts_done(struct status_facts *facts)
{
	buf_done(&facts->gravest.id);
	buf_done(&facts->gravest.summary);
	*facts = (struct status_facts){ 0 };
}

void
status_sentence(const struct status_facts *facts, struct buf *out)
{
	if (facts->open == 0) {
		buf_add(out, STR("No trouble is open."));
		return;
	}
	if (facts->open == 1)
		buf_addf(out, "1 incident is open, %s",
		    severity_name(facts->gravest.severity));
	else
		buf_addf(out, "%zu incidents are open, %zu critical, the gravest",
		    facts->open, facts->critical);
	buf_add(out, STR(": "));
	buf_add(out, buf_str(&facts->gravest.summary));
}

/* --- JSON --- */

struct listing {
	struct store *store;
	struct buf *out;
	size_t rows;
	struct err *err;
};

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
json_provider(void *ctx, struct str provider, const int64_t outcomes[OUTCOME_COUNT])
{
	struct listing *s = ctx;

	if (s->rows++ > 0)
		buf_add_char(s->out, ',');
	json_quote(s->out, provider);
	buf_add_char(s->out, ':');
	struct json j = json_begin(s->out);

	for (int i = 1; i < OUTCOME_COUNT; i++)
		json_int(&j, event_enum_name(EVT_OUTCOME, i), outcomes[i]);
	json_end(&j);
	return 0;
}

static int
json_samples(struct listing *s, struct json *j, struct str source)
{
	AUTO(buf_done) struct buf lines = { 0 };
	int r = store_get_unparsed(s->store, source, &lines, s->err);
	struct str left = buf_str(&lines);

	if (left.n == 0)
		return r;
	json_key(j, "unparsed_samples");
	for (char before = '['; left.n > 0; before = ',') {
		buf_add_char(s->out, before);
		json_quote(s->out, str_cut(&left, '\n'));
	}
	buf_add_char(s->out, ']');
	return r;
}

static int
json_source(void *ctx, struct str source, int64_t at_us, const struct ledger_counts *c)
{
	struct listing *s = ctx;

	if (s->rows++ > 0)
		buf_add_char(s->out, ',');
	struct json j = json_begin(s->out);

	json_text(&j, "source", source);
	json_key(&j, "read");
	buf_add_char(s->out, '"');
	clock_rfc3339(s->out, at_us, 0);
	buf_add_char(s->out, '"');
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

int
status_json(struct store *store, const struct status_facts *s, struct str trouble,
    const struct alert_rules *rules, struct buf *out, struct err *err)
{
	struct json j = json_begin(out);
	int64_t since_us = s->now_us - STATUS_SPAN_US;
	struct listing l = { .store = store, .out = out, .err = err };

	json_text(&j, "type", STR("status"));
	json_int(&j, "open_incidents", (int64_t)s->open);
	json_int(&j, "critical_incidents", (int64_t)s->critical);
	json_int(&j, "acknowledged_incidents", (int64_t)s->acknowledged);
	json_int(&j, "silenced_incidents", (int64_t)s->silenced);
	if (s->open > 0)
		json_text(&j, "gravest", buf_str(&s->gravest.id));
	json_key(&j, "outcomes");
	struct json outcomes = json_begin(out);

	for (int i = 1; i < OUTCOME_COUNT; i++)
		json_int(&outcomes, event_enum_name(EVT_OUTCOME, i), s->totals.outcomes[i]);
	json_end(&outcomes);
	json_int(&j, "internal", s->totals.internal);
	json_int(&j, "stored", s->totals.stored);
	json_int(&j, "notices_sent", s->totals.outbox_sent);
	json_int(&j, "notices_waiting", s->totals.outbox_waiting);
	json_reports(&j, &s->reports, out);
	json_key(&j, "providers");
	buf_add_char(out, '{');
	l.rows = 0;
	int r = store_each_provider(store, since_us, json_provider, &l, err);

	buf_add_char(out, '}');
	json_key(&j, "sources");
	buf_add_char(out, '[');
	l.rows = 0;
	if (r >= 0)
		r = store_each_source(store, since_us, json_source, &l, err);
	buf_add_char(out, ']');
	json_key(&j, "channels");
	if (r >= 0)
		r = channels_json(store, out, err);
	if (trouble.n > 0)
		json_text(&j, "store_trouble", trouble);
	json_key(&j, "learning");
	if (r >= 0)
		r = learning_json(store, rules, s->now_us, out, err);
	json_end(&j);
	return r >= 0 && out->failed ? err_set(err, -ENOMEM, "out of memory") : r;
}
