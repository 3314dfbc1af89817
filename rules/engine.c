#include "rules/engine.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "core/json.h"
#include "rules/context.h"
#include "rules/live.h"

enum { BUCKETS = 1024 };

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
engine_now(const struct engine *e)
{
	return e->now_us;
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

/* Takes it out of the table and keeps it for the next flush, if that has anything to say. */
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
	if (l->state == INCIDENT_PENDING && !l->saved) {
		live_free(l); /* nobody has ever heard of it: batches do not pile them up */
		return;
	}
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

static struct live *
create(struct engine *e, const struct alert_rule *rule, const struct event *ev)
{
	struct live *l = make_room(e) ? live_new(rule, buf_str(&e->key), ev) : NULL;

	if (l == NULL)
		return NULL;
	link_live(e, l);
	live_make_id(l);
	return l;
}

/* --- feeding --- */

static void
open_live(struct engine *e, struct live *l, const struct alert_rule *rule,
    const struct event *ev)
{
	l->state = INCIDENT_OPEN;
	live_describe(l, e->catalogue, rule, ev);
	live_add_notice(l, NOTICE_OPENED, ev->time_us);
}

/* A graver or better-informed rule of the same trouble takes the incident over. */
static void
take_over(struct engine *e, struct live *l, const struct alert_rule *rule,
    const struct event *ev)
{
	enum severity before = l->severity;

	live_describe(l, e->catalogue, rule, ev);
	if (before > l->severity)
		l->severity = before;
	if (l->severity > before)
		live_add_notice(l, NOTICE_ESCALATED, ev->time_us);
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
		live_forget_streak(l); /* a row is one rule's */
		l->rule = rule;
	}
	l->count += event_weight(ev);
	live_add_to_streak(l, rule, ev);
	if (ev->time_us > l->last_seen_us)
		l->last_seen_us = ev->time_us;
	l->dirty = true;
	live_add_evidence(l, ev, line);
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
			return live_is_affected(l, ev);
	return true;
}

static void
resolve(struct engine *e, struct live *l, int64_t at_us)
{
	live_forget_streak(l);
	l->dirty = true;
	if (l->state == INCIDENT_PENDING) {
		retire(e, l);
		return;
	}
	if (l->state == INCIDENT_OPEN) {
		l->state = INCIDENT_RESOLVED;
		l->resolved_us = at_us;
		live_add_notice(l, NOTICE_RESOLVED, at_us);
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
		live_forget_streak(l);
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
	live_forget_streak(l);
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
	/* What one span's end resolves, the next may end for good: replay makes big steps. */
	while (e->now_us >= e->due_us)
		expire(e);
}

void
engine_remember(struct engine *e, const struct context_slot *slot)
{
	context_restore(e->context, slot);
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

static int
flush_one(struct live *l, const struct engine_sink *sink)
{
	struct incident incident = live_view(l);
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
	struct incident incident = live_view(l);

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
	return r < 0 ? r : context_flush(e->context, sink->remember, sink->ctx);
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

int
engine_restore(struct engine *e, const struct incident *in)
{
	const struct alert_rule *rule = rule_by_name(e, in->rule);
	struct live *l = rule == NULL ? NULL : live_of(rule, in);

	if (rule == NULL)
		return -ENOENT; /* the rule is gone, nothing can feed it */
	if (l == NULL)
		return -ENOMEM;
	if (l->last_seen_us > e->now_us)
		e->now_us = l->last_seen_us;
	if (l->resolved_us > e->now_us)
		e->now_us = l->resolved_us;
	link_live(e, l);
	set_due(e, l);
	return 0;
}
