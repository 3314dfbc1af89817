#include "rules/live.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "parsers/catalogue.h"
#include "rules/template.h"

void
live_free(struct live *l)
{
	struct buf *bufs[] = { &l->key, &l->host, &l->provider, &l->code_id, &l->category,
		&l->summary, &l->advice, &l->url, &l->affected, &l->seen, &l->samples,
		&l->senders_text, &l->recipients_text };

	for (size_t i = 0; i < sizeof bufs / sizeof *bufs; i++)
		buf_done(bufs[i]);
	free(l);
}

static void
replace(struct buf *b, struct str text)
{
	buf_clear(b);
	buf_add(b, text);
}

struct live *
live_new(const struct alert_rule *rule, struct str key, const struct event *ev)
{
	struct live *l = calloc(1, sizeof *l);

	if (l == NULL)
		return NULL;
	l->rule = rule;
	replace(&l->key, key);
	l->group_at = rule->trouble.n + 1;
	replace(&l->host, event_text(ev, EVF_host));
	l->state = INCIDENT_PENDING;
	l->opened_us = l->last_seen_us = ev->time_us;
	return l;
}

/* The id depends on what is seen only, so a second run over the same lines gives it again. */
void
live_make_id(struct live *l)
{
	uint64_t h = (l->hash ^ (uint64_t)l->opened_us) * UINT64_C(0x9e3779b97f4a7c15);

	h ^= h >> 31;
	for (size_t i = sizeof l->id - 1; i-- > 0; h >>= 4)
		l->id[i] = "0123456789abcdef"[h & 15];
}

void
live_add_notice(struct live *l, enum notice notice, int64_t at_us)
{
	bool relapse = notice == NOTICE_OPENED && l->nnotices > 0 &&
		       l->notices[l->nnotices - 1].notice == NOTICE_RESOLVED;

	if (relapse) /* before anybody was told of the end: nothing to tell */
		l->nnotices--;
	else if (l->nnotices < sizeof l->notices / sizeof *l->notices) {
		l->notices[l->nnotices].notice = notice;
		l->notices[l->nnotices++].at_us = at_us;
	}
	if (notice == NOTICE_OPENED && l->noticed_us == 0)
		l->noticed_us = at_us;
	l->told_us = at_us;
}

/* One line of a text whose lines are separated by newlines. */
static bool
has_line(struct str lines, struct str wanted)
{
	while (lines.n > 0)
		if (str_eq(str_cut(&lines, '\n'), wanted))
			return true;
	return false;
}

static struct str
relay_of(const struct event *ev)
{
	struct str name = event_text(ev, EVF_relay_name);

	return str_head(name.n > 0 ? name : event_text(ev, EVF_relay_ip), MAX_KEY_VALUE);
}

static void
blank_out(struct buf *b, size_t from, char c)
{
	char *p;

	while (from < b->n && (p = memchr(b->p + from, c, b->n - from)) != NULL) {
		*p = ' ';
		from = (size_t)(p - b->p) + 1;
	}
}

static void
add_line(struct buf *lines, struct str line)
{
	if (lines->n > 0)
		buf_add_char(lines, '\n');
	size_t at = lines->n;

	buf_add(lines, line);
	/* The line is evidence, not a separator. */
	blank_out(lines, at, '\n');
	blank_out(lines, at, '\0');
}

void
live_add_sample(struct live *l, struct str line)
{
	if (line.n == 0)
		return;
	if (l->nsamples == ENGINE_MAX_SAMPLES)
		l->samples.n = l->last_sample_at;
	else
		l->nsamples++;
	l->last_sample_at = l->samples.n;
	add_line(&l->samples, str_head(line, ENGINE_SAMPLE_BYTES));
}

void
live_add_evidence(struct live *l, const struct event *ev, struct str line)
{
	struct str relay = relay_of(ev);

	if (relay.n > 0 && l->naffected < ENGINE_MAX_AFFECTED &&
	    !has_line(buf_str(&l->affected), relay)) {
		add_line(&l->affected, relay);
		l->naffected++;
	}
	struct str sender = event_text(ev, EVF_sender);
	struct str recipient = event_text(ev, EVF_recipient);

	if (sender.n > 0)
		(void)sketch_add(&l->senders, str_hash(sender));
	if (recipient.n > 0 && event_weight(ev) > 0) /* else it was added before */
		(void)sketch_add(&l->recipients, str_hash(recipient));
	live_add_sample(l, line);
}

bool
live_is_affected(const struct live *l, const struct event *ev)
{
	return has_line(buf_str(&l->affected), relay_of(ev));
}

/* What the incident is called, after the rule and event that know it best. */
void
live_describe(struct live *l, const struct catalogue *catalogue,
    const struct alert_rule *rule, const struct event *ev, const struct figures *figures)
{
	const struct catalogue_code *code =
	    catalogue == NULL ? NULL
			      : catalogue_code(catalogue, event_text(ev, EVF_code_id));

	l->rule = rule;
	l->severity = rule->severity;
	replace(&l->provider, event_text(ev, EVF_provider));
	replace(&l->code_id, event_text(ev, EVF_code_id));
	replace(&l->category, event_text(ev, EVF_category));
	buf_clear(&l->summary);
	template_fill(rule->summary, ev, figures, catalogue, &l->summary);
	buf_clear(&l->advice);
	template_fill(rule->advice, ev, figures, catalogue, &l->advice);
	replace(&l->url, code == NULL ? STR("") : code->url);
}

void
live_forget_streak(struct live *l)
{
	l->dirty |= l->streak > 0;
	l->streak = 0;
	buf_clear(&l->seen);
}

/* One more in a row, unless the rule counts distinct values and has seen this one. */
void
live_add_to_streak(struct live *l, const struct alert_rule *rule, const struct event *ev)
{
	struct str value = rule->distinct == EVF_COUNT ? (struct str){ NULL, 0 }
						       : event_text(ev, rule->distinct);

	value = str_head(value, MAX_SEEN_BYTES);
	if (value.n ==
	    0) { /* weight 0: more of what was counted, a sign where it was not */
		l->streak += event_weight(ev) > 0 ? event_weight(ev) : l->streak == 0;
		return;
	}
	if (l->streak >= ENGINE_MAX_SEEN || has_line(buf_str(&l->seen), value))
		return;
	add_line(&l->seen, value);
	l->streak++;
}

struct incident
live_view(struct live *l)
{
	buf_clear(&l->senders_text);
	sketch_to_text(&l->senders, &l->senders_text);
	buf_clear(&l->recipients_text);
	sketch_to_text(&l->recipients, &l->recipients_text);
	return (struct incident){
		.id = str_of(l->id),
		.rule = l->rule->name,
		.trouble = l->rule->trouble,
		.severity = l->severity,
		.state = l->state,
		.group = str_skip(buf_str(&l->key), l->group_at),
		.host = buf_str(&l->host),
		.provider = buf_str(&l->provider),
		.code_id = buf_str(&l->code_id),
		.category = buf_str(&l->category),
		.opened_us = l->opened_us,
		.last_seen_us = l->last_seen_us,
		.resolved_us = l->resolved_us,
		.noticed_us = l->noticed_us,
		.told_us = l->told_us,
		.count = l->count,
		.streak = l->streak,
		.relapses = l->relapses,
		.lag_us = l->lag_us,
		.senders = sketch_count(&l->senders),
		.recipients = sketch_count(&l->recipients),
		.senders_seen = buf_str(&l->senders_text),
		.recipients_seen = buf_str(&l->recipients_text),
		.summary = buf_str(&l->summary),
		.advice = buf_str(&l->advice),
		.url = buf_str(&l->url),
		.affected = buf_str(&l->affected),
		.seen = buf_str(&l->seen),
		.samples = buf_str(&l->samples),
	};
}

/* Where the last of the samples begins, if there are as many as we keep. */
static void
restore_samples(struct live *l, struct str samples)
{
	replace(&l->samples, samples);
	for (struct str left = samples; left.n > 0; l->nsamples++) {
		l->last_sample_at = samples.n - left.n;
		(void)str_cut(&left, '\n');
	}
	if (l->last_sample_at > 0)
		l->last_sample_at--; /* with the newline before it */
}

/* What is beyond it is damage, and must not overflow when spans are added. */
static int64_t
sane(int64_t v)
{
	const int64_t most = INT64_C(1) << 58;

	return v > most ? most : v < -most ? -most : v;
}

struct live *
live_of(const struct alert_rule *rule, const struct incident *in)
{
	struct live *l = calloc(1, sizeof *l);

	if (l == NULL)
		return NULL;
	l->rule = rule;
	replace(&l->key, rule->trouble);
	buf_add_char(&l->key, '\x1f');
	buf_add(&l->key, in->group);
	l->group_at = rule->trouble.n + 1;
	(void)snprintf(l->id, sizeof l->id, "%.*s", STR_ARG(in->id));
	replace(&l->host, in->host);
	replace(&l->provider, in->provider);
	replace(&l->code_id, in->code_id);
	replace(&l->category, in->category);
	replace(&l->summary, in->summary);
	replace(&l->advice, in->advice);
	replace(&l->url, in->url);
	replace(&l->affected, in->affected);
	for (struct str left = in->affected; left.n > 0; l->naffected++)
		(void)str_cut(&left, '\n');
	replace(&l->seen, in->seen);
	restore_samples(l, in->samples);
	l->state = in->state;
	l->severity = in->severity;
	l->opened_us = sane(in->opened_us);
	l->last_seen_us = sane(in->last_seen_us);
	l->resolved_us = sane(in->resolved_us);
	l->noticed_us = sane(in->noticed_us);
	l->told_us = sane(in->told_us);
	l->count = sane(in->count);
	l->streak = sane(in->streak);
	l->lag_us = in->lag_us > 0 ? sane(in->lag_us) : 0;
	l->relapses = sane(in->relapses);
	(void)sketch_of_text(in->senders_seen, &l->senders);
	(void)sketch_of_text(in->recipients_seen, &l->recipients);
	l->saved = true;
	return l;
}
