#include "store/figures_json.h"

#include "core/clock.h"

/* Microseconds as seconds: "0.25", "12". */
static void
add_seconds(struct buf *out, int64_t us)
{
	AUTO(buf_done) struct buf text = { 0 };

	buf_addf(&text, "%lld.%06lld", (long long)(us / US_PER_S),
	    (long long)(us % US_PER_S));
	while (text.n > 0 && text.p[text.n - 1] == '0')
		text.n--;
	if (text.n > 0 && text.p[text.n - 1] == '.')
		text.n--;
	buf_add(out, buf_str(&text));
}

static void
add_outcomes(struct json *parent, const char *key, const int64_t outcomes[OUTCOME_COUNT])
{
	json_key(parent, key);
	struct json j = json_begin(parent->out);

	for (int i = 1; i < OUTCOME_COUNT; i++)
		json_int(&j, event_enum_name(EVT_OUTCOME, i), outcomes[i]);
	json_end(&j);
}

static void
add_tls(struct json *parent, const char *key, const struct figure_tls *tls)
{
	json_key(parent, key);
	struct json j = json_begin(parent->out);

	json_int(&j, "plain", tls->plain);
	json_int(&j, "encrypted", tls->encrypted);
	json_int(&j, "verified", tls->verified);
	json_end(&j);
}

static void
add_quantile(struct json *j, const char *key, const struct figure_delay *delay, double q)
{
	int64_t us = figure_delay_quantile(delay, q);

	json_key(j, key);
	if (us < 0)
		buf_add(j->out, STR("null"));
	else
		add_seconds(j->out, us);
}

static void
add_delay(struct json *parent, const struct figure_delay *delay)
{
	json_key(parent, "delay");
	struct json j = json_begin(parent->out);

	json_int(&j, "n", delay->n);
	add_quantile(&j, "median", delay, 0.5);
	add_quantile(&j, "p95", delay, 0.95);
	json_key(&j, "sum");
	add_seconds(parent->out, delay->sum_us);
	json_end(&j);
}

static void
add_provider(struct buf *out, const struct figure_provider *p)
{
	struct json j = json_begin(out);

	if (p->provider.n > 0)
		json_text(&j, "provider", p->provider);
	add_outcomes(&j, "outcomes", p->outcomes);
	add_delay(&j, &p->delay);
	add_tls(&j, "tls", &p->tls);
	json_end(&j);
}

static void
add_out(struct json *j, const struct figures *f)
{
	json_key(j, "out");
	add_provider(j->out, &f->out);
	json_key(j, "providers");
	buf_add_char(j->out, '[');
	for (size_t i = 0; i < f->nproviders; i++) {
		if (i > 0)
			buf_add_char(j->out, ',');
		add_provider(j->out, &f->providers[i]);
	}
	buf_add_char(j->out, ']');
	json_key(j, "reasons");
	buf_add_char(j->out, '[');
	for (size_t i = 0; i < f->nreasons; i++) {
		const struct figure_reason *r = &f->reasons[i];

		if (i > 0)
			buf_add_char(j->out, ',');
		struct json one = json_begin(j->out);

		json_text(&one, "provider", r->provider);
		if (r->code_id.n > 0)
			json_text(&one, "code_id", r->code_id);
		json_text(&one, "category", r->category);
		json_text(&one, "outcome",
		    str_of(event_enum_name(EVT_OUTCOME, r->outcome)));
		json_int(&one, "count", r->count);
		json_end(&one);
	}
	buf_add_char(j->out, ']');
}

static void
add_in(struct json *j, const struct figures *f)
{
	json_int(j, "accepted", f->accepted);
	add_tls(j, "tls_in", &f->tls_in);
	json_key(j, "rejected");
	buf_add_char(j->out, '[');
	for (size_t i = 0; i < f->nrejected; i++) {
		if (i > 0)
			buf_add_char(j->out, ',');
		struct json one = json_begin(j->out);

		json_text(&one, "name", f->rejected[i].name);
		json_int(&one, "count", f->rejected[i].count);
		json_end(&one);
	}
	buf_add_char(j->out, ']');
	json_int(j, "rejects", f->rejects);
	json_int(j, "logins", f->logins);
	json_int(j, "logins_failed", f->logins_failed);
	json_int(j, "dovecot_logins", f->dovecot_logins);
	json_int(j, "dovecot_failed", f->dovecot_failed);
	json_int(j, "dovecot_limits", f->dovecot_limits);
	add_outcomes(j, "local", f->local);
	json_int(j, "stored", f->stored);
	json_int(j, "internal", f->internal);
	json_int(j, "bounces_made", f->bounces_made);
}

static void
add_reports(struct json *parent, const struct report_totals *t)
{
	json_key(parent, "reports");
	struct json j = json_begin(parent->out);

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

static void
add_ledger(struct json *parent, const struct ledger_counts *c)
{
	json_key(parent, "ledger");
	struct json j = json_begin(parent->out);

	json_int(&j, "lines", c->lines);
	json_int(&j, "events", c->events);
	json_int(&j, "ignored", c->ignored);
	json_int(&j, "unparsed", c->unparsed);
	json_int(&j, "truncated", c->truncated);
	json_int(&j, "bytes", c->bytes);
	json_end(&j);
}

void
figures_json(const struct figures *f, struct buf *out)
{
	struct json j = json_begin(out);

	json_text(&j, "type", STR("figures"));
	json_time(&j, "from", f->from_us);
	json_time(&j, "until", f->until_us);
	add_out(&j, f);
	add_in(&j, f);
	add_reports(&j, &f->reports);
	add_ledger(&j, &f->ledger);
	json_int(&j, "gaps", f->gaps);
	json_int(&j, "incidents_opened", f->incidents_opened);
	json_int(&j, "incidents_resolved", f->incidents_resolved);
	json_end(&j);
}

/* --- time lines --- */

static void
add_values(struct buf *out, const int64_t *values, size_t n, enum figure_line line)
{
	buf_add_char(out, '[');
	for (size_t i = 0; i < n; i++) {
		if (i > 0)
			buf_add_char(out, ',');
		if (line != LINE_DELAY)
			buf_add_int(out, values[i]);
		else if (values[i] < 0)
			buf_add(out, STR("null"));
		else
			add_seconds(out, values[i]);
	}
	buf_add_char(out, ']');
}

void
figure_lines_json(const struct figure_lines *l, enum figure_line line, struct buf *out)
{
	struct json j = json_begin(out);
	int64_t from = l->from_us / US_PER_S, step = l->step_us / US_PER_S;

	json_int(&j, "from", from);
	json_int(&j, "until", from + (int64_t)l->nsteps * step);
	json_int(&j, "step", step);
	json_key(&j, "time");
	buf_add_char(out, '[');
	for (size_t i = 0; i < l->nsteps; i++) {
		if (i > 0)
			buf_add_char(out, ',');
		buf_add_int(out, from + (int64_t)i * step);
	}
	buf_add_char(out, ']');
	json_key(&j, "lines");
	buf_add_char(out, '[');
	for (size_t i = 0; i < l->nlines; i++) {
		if (i > 0)
			buf_add_char(out, ',');
		struct json one = json_begin(out);

		json_text(&one, "name", l->names[i]);
		json_key(&one, "values");
		add_values(out, &l->values[i * l->nsteps], l->nsteps, line);
		json_end(&one);
	}
	buf_add_char(out, ']');
	json_end(&j);
}
