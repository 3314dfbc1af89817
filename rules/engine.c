#include "rules/engine.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/json.h"
#include "parsers/catalogue.h"
#include "rules/alert_rule.h"
#include "rules/context.h"
#include "rules/template.h"

enum { BUCKETS = 1024, MAX_KEY_VALUE = 256, MAX_SEEN_BYTES = 64 };

/* An incident in the engine's hands; all text its own. */
struct live {
	struct live *next_hash, *prev, *next; /* chain of a bucket; list by age */
	uint64_t hash;
	const struct alert_rule *rule;
	struct buf key; /* trouble, 0x1f, group */
	size_t group_at;
	char id[13];
	struct buf host, provider, code_id, category, summary, advice, url, affected, seen,
	    samples;
	size_t nsamples, last_sample_at, naffected;
	enum incident_state state;
	enum severity severity;
	int64_t opened_us, last_seen_us, resolved_us, told_us, count, streak;
	int64_t due_us; /* when time alone changes it; INT64_MAX: never */
	bool dirty;
	bool saved; /* the store may know it */
	struct {
		enum notice notice;
		int64_t at_us;
	} notices[4];
	size_t nnotices;
};

struct engine {
	const struct alert_rules *rules;
	const struct catalogue *catalogue;
	struct context *context;
	struct live *buckets[BUCKETS];
	struct live *first, *last; /* by age */
	struct live *over;         /* ended or dropped since the last flush, newest first */
	size_t alive;
	uint64_t dropped;
	int64_t now_us;
	int64_t due_us;        /* the earliest of all */
	struct buf key, group; /* scratch */
	uint8_t *touched;      /* by trouble: this event is accounted for */
};

struct engine *
engine_new(const struct alert_rules *rules, const struct catalogue *catalogue)
{
	struct engine *e = calloc(1, sizeof *e);

	if (e == NULL)
		return NULL;
	*e = (struct engine){ .rules = rules, .catalogue = catalogue, .due_us = INT64_MAX };
	e->now_us = INT64_MIN;
	e->context = context_new();
	e->touched = calloc(rules->ntroubles + 1, 1);
	if (e->context == NULL || e->touched == NULL) {
		engine_free(e);
		return NULL;
	}
	return e;
}

static void
live_free(struct live *l)
{
	struct buf *bufs[] = { &l->key, &l->host, &l->provider, &l->code_id, &l->category,
		&l->summary, &l->advice, &l->url, &l->affected, &l->seen, &l->samples };

	for (size_t i = 0; i < sizeof bufs / sizeof *bufs; i++)
		buf_done(bufs[i]);
	free(l);
}

void
engine_free(struct engine *e)
{
	if (e == NULL)
		return;
	for (struct live *l = e->first, *next; l != NULL; l = next) {
		next = l->next;
		live_free(l);
	}
	for (struct live *l = e->over, *next; l != NULL; l = next) {
		next = l->next;
		live_free(l);
	}
	context_free(e->context);
	buf_done(&e->key);
	buf_done(&e->group);
	free(e->touched);
	free(e);
}

size_t
engine_alive(const struct engine *e)
{
	return e->alive;
}

int64_t
engine_next_due(const struct engine *e)
{
	return e->due_us;
}

uint64_t
engine_dropped(const struct engine *e)
{
	return e->dropped;
}

/* --- the table --- */

/* Makes e->key: the trouble and the group's values as JSON. */
static void
make_key(struct engine *e, const struct alert_rule *rule, const struct event *ev)
{
	AUTO(buf_done) struct buf value = { 0 };

	buf_clear(&e->group);
	struct json j = json_begin(&e->group);

	for (size_t i = 0; i < rule->ngroup; i++) {
		buf_clear(&value);
		event_value_text(ev, rule->group_by[i], &value);
		json_text(&j, event_field_name(rule->group_by[i]),
		    str_head(buf_str(&value), MAX_KEY_VALUE));
	}
	json_end(&j);
	buf_clear(&e->key);
	buf_add(&e->key, rule->trouble);
	buf_add_char(&e->key, '\x1f');
	buf_add(&e->key, buf_str(&e->group));
}

static struct live *
find(struct engine *e)
{
	uint64_t hash = str_hash(buf_str(&e->key));

	for (struct live *l = e->buckets[hash % BUCKETS]; l != NULL; l = l->next_hash)
		if (l->hash == hash && str_eq(buf_str(&l->key), buf_str(&e->key)))
			return l;
	return NULL;
}

static void
link_live(struct engine *e, struct live *l)
{
	l->hash = str_hash(buf_str(&l->key));
	l->next_hash = e->buckets[l->hash % BUCKETS];
	e->buckets[l->hash % BUCKETS] = l;
	l->prev = e->last;
	*(e->last == NULL ? &e->first : &e->last->next) = l;
	e->last = l;
	e->alive++;
}

/* Takes it out of the table and keeps it for the next flush. */
static void
retire(struct engine *e, struct live *l)
{
	struct live **at = &e->buckets[l->hash % BUCKETS];

	while (*at != l)
		at = &(*at)->next_hash;
	*at = l->next_hash;
	*(l->prev == NULL ? &e->first : &l->prev->next) = l->next;
	*(l->next == NULL ? &e->last : &l->next->prev) = l->prev;
	e->alive--;
	l->next = e->over;
	e->over = l;
}

static bool
make_room(struct engine *e)
{
	if (e->alive < ENGINE_MAX_ALIVE)
		return true;
	e->dropped++;
	for (struct live *l = e->first; l != NULL; l = l->next)
		if (l->state == INCIDENT_PENDING) {
			retire(e, l);
			return true;
		}
	return false;
}

static void
set_due(struct engine *e, struct live *l)
{
	l->due_us = INT64_MAX;
	if (l->state == INCIDENT_RESOLVED)
		l->due_us = l->resolved_us + l->rule->reopen_us;
	else if (l->rule->quiet_us > 0)
		l->due_us = l->last_seen_us + l->rule->quiet_us;
	else if (l->state == INCIDENT_PENDING)
		l->due_us =
		    l->last_seen_us + 7 * INT64_C(86400000000); /* no sign for a week */
	if (l->due_us < e->due_us)
		e->due_us = l->due_us;
}

static void
replace(struct buf *b, struct str text)
{
	buf_clear(b);
	buf_add(b, text);
}

/* The id depends on what is seen only, so a second run over the same lines gives it again. */
static void
make_id(struct live *l)
{
	uint64_t h = (l->hash ^ (uint64_t)l->opened_us) * UINT64_C(0x9e3779b97f4a7c15);

	h ^= h >> 31;
	(void)snprintf(l->id, sizeof l->id, "%012llx",
	    (unsigned long long)(h & UINT64_C(0xffffffffffff)));
}

static struct live *
create(struct engine *e, const struct alert_rule *rule, const struct event *ev)
{
	struct live *l = make_room(e) ? calloc(1, sizeof *l) : NULL;

	if (l == NULL)
		return NULL;
	l->rule = rule;
	replace(&l->key, buf_str(&e->key));
	l->group_at = rule->trouble.n + 1;
	replace(&l->host, event_text(ev, EVF_host));
	l->state = INCIDENT_PENDING;
	l->opened_us = l->last_seen_us = ev->time_us;
	link_live(e, l);
	make_id(l);
	return l;
}

/* --- feeding --- */

static void
add_notice(struct live *l, enum notice notice, int64_t at_us)
{
	if (l->nnotices < sizeof l->notices / sizeof *l->notices) {
		l->notices[l->nnotices].notice = notice;
		l->notices[l->nnotices++].at_us = at_us;
	}
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
add_line(struct buf *lines, struct str line)
{
	if (lines->n > 0)
		buf_add_char(lines, '\n');
	size_t at = lines->n;

	buf_add(lines, line);
	for (size_t i = at; i < lines->n; i++)
		if (lines->p[i] == '\n' || lines->p[i] == '\0')
			lines->p[i] = ' '; /* the line is evidence, not a separator */
}

static void
add_evidence(struct live *l, const struct event *ev, struct str line)
{
	struct str relay = relay_of(ev);

	if (relay.n > 0 && l->naffected < ENGINE_MAX_AFFECTED &&
	    !has_line(buf_str(&l->affected), relay)) {
		add_line(&l->affected, relay);
		l->naffected++;
	}
	if (line.n == 0)
		return;
	if (l->nsamples == ENGINE_MAX_SAMPLES)
		l->samples.n = l->last_sample_at;
	else
		l->nsamples++;
	l->last_sample_at = l->samples.n;
	add_line(&l->samples, str_head(line, ENGINE_SAMPLE_BYTES));
}

/* What the incident is called, after the rule and event that know it best. */
static void
describe(struct engine *e, struct live *l, const struct alert_rule *rule,
    const struct event *ev)
{
	const struct catalogue_code *code =
	    e->catalogue == NULL
		? NULL
		: catalogue_code(e->catalogue, event_text(ev, EVF_code_id));

	l->rule = rule;
	l->severity = rule->severity;
	replace(&l->provider, event_text(ev, EVF_provider));
	replace(&l->code_id, event_text(ev, EVF_code_id));
	replace(&l->category, event_text(ev, EVF_category));
	buf_clear(&l->summary);
	template_fill(rule->summary, ev, e->catalogue, &l->summary);
	buf_clear(&l->advice);
	template_fill(rule->advice, ev, e->catalogue, &l->advice);
	replace(&l->url, code == NULL ? STR("") : code->url);
}

static void
open_live(struct engine *e, struct live *l, const struct alert_rule *rule,
    const struct event *ev)
{
	l->state = INCIDENT_OPEN;
	describe(e, l, rule, ev);
	add_notice(l, NOTICE_OPENED, ev->time_us);
}

/* A graver or better-informed rule of the same trouble takes the incident over. */
static void
take_over(struct engine *e, struct live *l, const struct alert_rule *rule,
    const struct event *ev)
{
	enum severity before = l->severity;

	describe(e, l, rule, ev);
	if (before > l->severity)
		l->severity = before;
	if (l->severity > before)
		add_notice(l, NOTICE_ESCALATED, ev->time_us);
}

static void
forget_streak(struct live *l)
{
	l->dirty |= l->streak > 0;
	l->streak = 0;
	buf_clear(&l->seen);
}

/* One more in a row, unless the rule counts distinct values and has seen this one. */
static void
add_to_streak(struct live *l, const struct alert_rule *rule, const struct event *ev)
{
	struct str value = rule->distinct == EVF_COUNT ? (struct str){ NULL, 0 }
						       : event_text(ev, rule->distinct);

	value = str_head(value, MAX_SEEN_BYTES);
	if (value.n == 0) {
		l->streak += event_weight(ev);
		return;
	}
	if (l->streak >= ENGINE_MAX_SEEN || has_line(buf_str(&l->seen), value))
		return;
	add_line(&l->seen, value);
	l->streak++;
}

static void
on_match(struct engine *e, const struct alert_rule *rule, const struct event *ev,
    struct str line)
{
	make_key(e, rule, ev);
	struct live *l = find(e);

	if (l == NULL && (l = create(e, rule, ev)) == NULL)
		return;
	if (l->state == INCIDENT_PENDING && l->rule != rule) {
		forget_streak(l); /* a row is one rule's */
		l->rule = rule;
	}
	l->count += event_weight(ev);
	add_to_streak(l, rule, ev);
	if (ev->time_us > l->last_seen_us)
		l->last_seen_us = ev->time_us;
	l->dirty = true;
	add_evidence(l, ev, line);
	if (l->state == INCIDENT_PENDING) {
		if (l->streak >= rule->in_a_row)
			open_live(e, l, rule, ev);
	} else if (l->state == INCIDENT_RESOLVED && l->streak >= rule->in_a_row) {
		l->resolved_us = 0;
		open_live(e, l, rule->rank < l->rule->rank ? rule : l->rule, ev);
	} else if (l->state == INCIDENT_OPEN && rule->rank < l->rule->rank) {
		take_over(e, l, rule, ev);
	}
	set_due(e, l);
}

/* Where the group names no provider, only a host that refused us can say that it is over. */
static bool
is_concerned(const struct live *l, const struct event *ev)
{
	for (size_t i = 0; i < l->rule->ngroup; i++)
		if (l->rule->group_by[i] == EVF_provider && l->provider.n == 0)
			return has_line(buf_str(&l->affected), relay_of(ev));
	return true;
}

static void
resolve(struct engine *e, struct live *l, int64_t at_us)
{
	forget_streak(l);
	l->dirty = true;
	if (l->state == INCIDENT_PENDING) {
		retire(e, l);
		return;
	}
	if (l->state == INCIDENT_OPEN) {
		l->state = INCIDENT_RESOLVED;
		l->resolved_us = at_us;
		add_notice(l, NOTICE_RESOLVED, at_us);
	}
	set_due(e, l);
}

static void
on_healthy(struct engine *e, const struct alert_rule *rule, const struct event *ev)
{
	make_key(e, rule, ev);
	struct live *l = find(e);

	if (l == NULL || !is_concerned(l, ev))
		return;
	if (l->state == INCIDENT_RESOLVED)
		forget_streak(l);
	else
		resolve(e, l, ev->time_us);
}

/* Something else of the same group came between: the row begins anew. */
static void
on_break(struct engine *e, const struct alert_rule *rule, const struct event *ev)
{
	make_key(e, rule, ev);
	struct live *l = find(e);

	if (l == NULL || l->state == INCIDENT_OPEN)
		return;
	forget_streak(l);
	if (l->state == INCIDENT_PENDING)
		retire(e, l);
}

static bool
is_about(const struct conditions *c, uint32_t kind, const struct event *ev)
{
	return (c->kinds & kind) != 0 && conditions_hold(c, ev);
}

/* Events that match no rule of a trouble may still end it, or break a row. */
static void
feed_signs(struct engine *e, const struct event *ev, uint32_t kind)
{
	for (size_t i = 0; e->alive > 0 && i < e->rules->nrules; i++) {
		const struct alert_rule *rule = &e->rules->rules[i];

		if (e->touched[rule->trouble_index])
			continue;
		if (rule->has_healthy && is_about(&rule->healthy, kind, ev))
			on_healthy(e, rule, ev);
		else if (rule->has_among && is_about(&rule->among, kind, ev))
			on_break(e, rule, ev);
		else
			continue;
		e->touched[rule->trouble_index] = 1;
	}
}

/* Spans that ended by now: quiet ones resolve, resolved ones are over. */
static void
expire(struct engine *e)
{
	struct live *next;

	e->due_us = INT64_MAX;
	for (struct live *l = e->first; l != NULL; l = next) {
		next = l->next;
		if (l->due_us > e->now_us) {
			e->due_us = l->due_us < e->due_us ? l->due_us : e->due_us;
			continue;
		}
		if (l->state == INCIDENT_RESOLVED || l->state == INCIDENT_PENDING)
			retire(e, l);
		else
			resolve(e, l, l->due_us);
	}
}

void
engine_tick(struct engine *e, int64_t now_us)
{
	if (now_us > e->now_us)
		e->now_us = now_us;
	if (e->now_us >= e->due_us)
		expire(e);
}

void
engine_learn(struct engine *e, struct event *ev)
{
	context_apply(e->context, ev);
}

bool
engine_feed(struct engine *e, struct event *ev, struct str line)
{
	uint32_t kind = 1u << event_num(ev, EVF_kind);

	context_apply(e->context, ev);
	engine_tick(e, ev->time_us);
	if (e->rules->ntroubles > 0)
		memset(e->touched, 0, e->rules->ntroubles);
	for (size_t i = 0; i < e->rules->nrules; i++) {
		const struct alert_rule *rule = &e->rules->rules[i];

		if (e->touched[rule->trouble_index] || !is_about(&rule->when, kind, ev))
			continue;
		e->touched[rule->trouble_index] = 1;
		on_match(e, rule, ev, line);
	}
	feed_signs(e, ev, kind);
	return !e->key.failed && !e->group.failed;
}

/* --- handing over --- */

static struct incident
view(const struct live *l)
{
	return (struct incident){
		.id = str_of(l->id),
		.rule = l->rule->name,
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
		.told_us = l->told_us,
		.count = l->count,
		.streak = l->streak,
		.summary = buf_str(&l->summary),
		.advice = buf_str(&l->advice),
		.url = buf_str(&l->url),
		.affected = buf_str(&l->affected),
		.seen = buf_str(&l->seen),
		.samples = buf_str(&l->samples),
	};
}

static int
flush_one(struct live *l, const struct engine_sink *sink)
{
	struct incident incident = view(l);
	int r = 0;

	if (!l->dirty && l->nnotices == 0)
		return 0;
	r = sink->save(sink->ctx, &incident);
	for (size_t i = 0; r >= 0 && i < l->nnotices; i++)
		r = sink->tell(sink->ctx, &incident, l->notices[i].notice,
		    l->notices[i].at_us);
	if (r < 0)
		return r;
	l->dirty = false;
	l->saved = true;
	l->nnotices = 0;
	return 0;
}

static int
flush_over(struct live *l, const struct engine_sink *sink)
{
	struct incident incident = view(l);

	if (l->state == INCIDENT_PENDING)
		return l->saved ? sink->forget(sink->ctx, &incident) : 0;
	int r = flush_one(l, sink);

	if (r >= 0 && sink->ended != NULL)
		r = sink->ended(sink->ctx, &incident);
	return r;
}

int
engine_flush(struct engine *e, const struct engine_sink *sink)
{
	struct live *order = NULL, *next;
	int r = 0;

	for (struct live *l = e->over; l != NULL; l = next) { /* oldest first */
		next = l->next;
		l->next = order;
		order = l;
	}
	e->over = NULL;
	for (struct live *l = order; l != NULL; l = next) {
		next = l->next;
		if (r >= 0)
			r = flush_over(l, sink);
		live_free(l);
	}
	for (struct live *l = e->first; r >= 0 && l != NULL; l = l->next)
		r = flush_one(l, sink);
	return r;
}

int
engine_end(struct engine *e, const struct engine_sink *sink)
{
	while (e->first != NULL)
		retire(e, e->first);
	return engine_flush(e, sink);
}

/* --- coming back --- */

static const struct alert_rule *
rule_by_name(const struct engine *e, struct str name)
{
	for (size_t i = 0; i < e->rules->nrules; i++)
		if (str_eq(e->rules->rules[i].name, name))
			return &e->rules->rules[i];
	return NULL;
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

int
engine_restore(struct engine *e, const struct incident *in)
{
	const struct alert_rule *rule = rule_by_name(e, in->rule);
	struct live *l = rule == NULL ? NULL : calloc(1, sizeof *l);

	if (rule == NULL)
		return -ENOENT; /* the rule is gone, nothing can feed it */
	if (l == NULL)
		return -ENOMEM;
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
	l->opened_us = in->opened_us;
	l->last_seen_us = in->last_seen_us;
	l->resolved_us = in->resolved_us;
	l->told_us = in->told_us;
	l->count = in->count;
	l->streak = in->streak;
	l->saved = true;
	link_live(e, l);
	set_due(e, l);
	return 0;
}
