#include "rules/engine.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "core/clock.h"
#include "rules/context.h"
#include "rules/engine_impl.h"

#define DAY_US (86400 * (int64_t)US_PER_S)

enum { AHEAD_LINES = 20 };

/* Rules with the same group_by share a shape. */
static void
make_shapes(struct engine *e)
{
	for (size_t i = 0; i < e->rules->nrules; i++) {
		const struct alert_rule *rule = &e->rules->rules[i];
		size_t k = 0;

		while (k < e->nshapes &&
		       (e->shapes[k].rule->ngroup != rule->ngroup ||
			   memcmp(e->shapes[k].rule->group_by, rule->group_by,
			       rule->ngroup * sizeof *rule->group_by) != 0))
			k++;
		if (k == e->nshapes)
			e->shapes[e->nshapes++].rule = rule;
		e->shape_of[i] = k;
	}
}

struct engine *
engine_new(const struct alert_rules *rules, const struct catalogue *catalogue)
{
	struct engine *e = calloc(1, sizeof *e);
	size_t n = rules->nrules + 1;

	if (e == NULL)
		return NULL;
	*e = (struct engine){ .rules = rules,
		.catalogue = catalogue,
		.now_us = INT64_MIN,
		.horizon_us = INT64_MAX,
		.due_us = INT64_MAX,
		.silence_due_us = INT64_MAX };
	e->context = context_new();
	e->bounces = bounce_join_new();
	e->dispatch = dispatch_new(rules);
	e->series = series_new(rules);
	e->shapes = calloc(n, sizeof *e->shapes);
	e->shape_of = calloc(n, sizeof *e->shape_of);
	e->touched = calloc(rules->ntroubles + 1, 1);
	e->fed = calloc(rules->ntroubles + 1, 1);
	e->hit = calloc(n, 1);
	e->open_of = calloc(rules->ntroubles + 1, sizeof *e->open_of);
	if (e->context == NULL || e->bounces == NULL || e->dispatch == NULL ||
	    e->series == NULL || e->shapes == NULL || e->shape_of == NULL ||
	    e->touched == NULL || e->fed == NULL || e->hit == NULL || e->open_of == NULL) {
		engine_free(e);
		return NULL;
	}
	make_shapes(e);
	return e;
}

static void
free_all(struct live *l)
{
	for (struct live *next; l != NULL; l = next) {
		next = l->next;
		live_free(l);
	}
}

static void
shape_done(struct shape *shape)
{
	buf_done(&shape->raw);
	for (size_t i = 0; i < SHAPE_CACHE; i++) {
		buf_done(&shape->cache[i].raw);
		buf_done(&shape->cache[i].group);
	}
}

void
engine_free(struct engine *e)
{
	if (e == NULL)
		return;
	free_all(e->first);
	free_all(e->over);
	for (size_t i = 0; i < e->nshapes; i++)
		shape_done(&e->shapes[i]);
	context_free(e->context);
	bounce_join_free(e->bounces);
	dispatch_free(e->dispatch);
	series_free(e->series);
	buf_done(&e->key);
	free(e->shapes);
	free(e->shape_of);
	free(e->touched);
	free(e->fed);
	free(e->hit);
	free(e->open_of);
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

uint64_t
engine_repeats(const struct engine *e)
{
	return bounce_join_repeats(e->bounces);
}

uint64_t
engine_strays(const struct engine *e)
{
	return e->strays;
}

size_t
engine_series(const struct engine *e)
{
	return series_count(e->series);
}

uint64_t
engine_series_evicted(const struct engine *e)
{
	return series_evicted(e->series);
}

void
engine_set_horizon(struct engine *e, int64_t latest_us)
{
	e->horizon_us = latest_us;
}

/* --- match: each event is a sign --- */

void
engine_open(struct engine *e, struct live *l, const struct alert_rule *rule,
    const struct event *ev, const struct figures *figures)
{
	if (l->state == INCIDENT_RESOLVED && l->rule->rank < rule->rank)
		rule = l->rule; /* it was known better before */
	l->relapses += l->state == INCIDENT_RESOLVED;
	l->resolved_us = 0;
	engine_set_state(e, l, INCIDENT_OPEN);
	live_describe(l, e->catalogue, rule, ev, figures);
	live_add_notice(l, NOTICE_OPENED, ev->time_us);
}

void
engine_take_over(struct engine *e, struct live *l, const struct alert_rule *rule,
    const struct event *ev, const struct figures *figures)
{
	enum severity before = l->severity;

	if (rule->rank >= l->rule->rank)
		return;
	live_describe(l, e->catalogue, rule, ev, figures);
	if (before > l->severity)
		l->severity = before;
	if (l->severity > before)
		live_add_notice(l, NOTICE_ESCALATED, ev->time_us);
}

/*
 * A bounce tells more of an attempt that was judged when it was logged. It speaks of that
 * moment: where mail was delivered since, the trouble is over, and only gets its name. True:
 * there is no more to do.
 */
static bool
is_told_late(struct engine *e, const struct alert_rule *rule, struct live *l,
    const struct event *ev, struct str line)
{
	if (e->news != BOUNCE_MORE_LATE || (l != NULL && l->state == INCIDENT_OPEN))
		return false;
	if (l == NULL || l->state == INCIDENT_PENDING || rule->rank >= l->rule->rank)
		return true;
	live_describe(l, e->catalogue, rule, ev, NULL);
	live_add_evidence(l, ev, line);
	l->dirty = true;
	return true;
}

/* An attempt that a bounce tells more of is one sign, if the log's line was none here. */
static int64_t
sign_weight(const struct engine *e, const struct live *l, const struct event *ev)
{
	if (e->news == BOUNCE_AS_IT_IS)
		return event_weight(ev);
	return l->count == 0 || l->state == INCIDENT_RESOLVED;
}

static void
on_match(struct engine *e, const struct alert_rule *rule, const struct event *ev,
    struct str line)
{
	struct str group = buf_str(&engine_shape(e, rule, ev)->group);
	struct live *l = engine_find_at(e, rule, group, ev);

	if (is_told_late(e, rule, l, ev, line))
		return;
	if (l == NULL && (l = engine_create(e, rule, group, ev)) == NULL)
		return;
	if (l->state == INCIDENT_PENDING && l->rule != rule) {
		live_forget_streak(l); /* a row is one rule's */
		l->rule = rule;
	}
	e->fed[rule->trouble_index] = 1;
	l->count += sign_weight(e, l, ev);
	live_add_to_streak(l, rule, ev);
	if (ev->time_us > l->last_seen_us)
		l->last_seen_us = ev->time_us;
	l->dirty = true;
	live_add_evidence(l, ev, line);
	bool enough = l->streak >= rule->in_a_row;

	if (l->state == INCIDENT_OPEN) {
		if (enough)
			engine_take_over(e, l, rule, ev, NULL);
	} else if (enough && engine_is_inhibited(e, rule, group)) {
		live_forget_streak(l); /* this much was the other trouble's */
	} else if (enough) {
		engine_open(e, l, rule, ev, NULL);
	}
	engine_set_due(e, l);
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

void
engine_resolve(struct engine *e, struct live *l, int64_t at_us)
{
	live_forget_streak(l);
	l->dirty = true;
	if (l->state == INCIDENT_PENDING) {
		engine_retire(e, l);
		return;
	}
	if (l->state == INCIDENT_OPEN) {
		engine_set_state(e, l, INCIDENT_RESOLVED);
		l->resolved_us = at_us;
		live_add_notice(l, NOTICE_RESOLVED, at_us);
	}
	engine_set_due(e, l);
}

static void
on_healthy(struct engine *e, const struct alert_rule *rule, const struct event *ev)
{
	const struct shape_entry *shape = engine_shape(e, rule, ev);
	struct live *l = engine_find(e, rule, buf_str(&shape->group));
	struct series *s;

	if (l == NULL || !is_concerned(l, ev))
		return;
	if (detector_counts(rule->detector) &&
	    (s = series_peek(e->series, rule, buf_str(&shape->group), shape->hash)) != NULL)
		series_clear_window(s);
	if (l->state == INCIDENT_RESOLVED)
		live_forget_streak(l);
	else
		engine_resolve(e, l, ev->time_us);
}

/* Something else of the same group came between: the row begins anew. */
static void
on_break(struct engine *e, const struct alert_rule *rule, const struct event *ev)
{
	struct live *l = engine_find(e, rule, buf_str(&engine_shape(e, rule, ev)->group));

	if (l == NULL || l->state == INCIDENT_OPEN)
		return;
	live_forget_streak(l);
	if (l->state == INCIDENT_PENDING)
		engine_retire(e, l);
}

/* --- an event --- */

/* Rules whose `when` holds: first those to which it is a sign, then those that count, so
 * that what counts finds the incident fed. */
static void
feed_hits(struct engine *e, const struct event *ev, struct str line,
    const struct picked *picked)
{
	bool counting = false;

	for (size_t w = 0; w < picked->words; w++)
		for (uint64_t bits = picked->when[w]; bits != 0; bits &= bits - 1) {
			size_t i = w * 64 + (size_t)__builtin_ctzll(bits);
			const struct alert_rule *rule = &e->rules->rules[i];
			uint8_t *touched = &e->touched[rule->trouble_index];

			if (detector_counts(rule->detector)) {
				e->hit[i] = e->news == BOUNCE_AS_IT_IS &&
					    conditions_hold(&rule->when, ev);
				counting |= e->hit[i];
			} else if (!*touched && conditions_hold(&rule->when, ev)) {
				*touched = 1;
				on_match(e, rule, ev, line);
			}
		}
	for (size_t w = 0; counting && w < picked->words; w++)
		for (uint64_t bits = picked->when[w]; bits != 0; bits &= bits - 1) {
			size_t i = w * 64 + (size_t)__builtin_ctzll(bits);

			if (e->hit[i])
				engine_count(e, &e->rules->rules[i], ev, line, true);
		}
}

/* Events that match no rule of a trouble may still end it, or break a row, or be what a
 * share is made of. */
static void
feed_sign(struct engine *e, const struct alert_rule *rule, const struct event *ev,
    struct str line, bool hit)
{
	uint8_t *touched = &e->touched[rule->trouble_index];
	bool counts = detector_counts(rule->detector);

	if (counts && rule->has_among && !hit && conditions_hold(&rule->among, ev))
		engine_count(e, rule, ev, line, false);
	if (*touched || e->alive == 0)
		return;
	if (rule->has_healthy && !hit && conditions_hold(&rule->healthy, ev))
		on_healthy(e, rule, ev);
	else if (!counts && rule->has_among && conditions_hold(&rule->among, ev))
		on_break(e, rule, ev);
	else
		return;
	*touched = 1;
}

static void
feed_signs(struct engine *e, const struct event *ev, struct str line,
    const struct picked *picked)
{
	for (size_t w = 0; w < picked->words; w++) {
		for (uint64_t bits = picked->signs[w]; bits != 0; bits &= bits - 1) {
			size_t i = w * 64 + (size_t)__builtin_ctzll(bits);

			feed_sign(e, &e->rules->rules[i], ev, line, e->hit[i] != 0);
		}
		for (uint64_t bits = picked->when[w]; bits != 0; bits &= bits - 1)
			e->hit[w * 64 + (size_t)__builtin_ctzll(bits)] = 0;
	}
}

/* Spans that ended by now: quiet ones resolve, resolved ones are over. */
static void
expire(struct engine *e)
{
	struct live *next;

	if (e->now_us >= e->silence_due_us)
		engine_silences(e);
	e->due_us = e->silence_due_us;
	for (struct live *l = e->first; l != NULL; l = next) {
		next = l->next;
		if (l->due_us > e->now_us) {
			e->due_us = l->due_us < e->due_us ? l->due_us : e->due_us;
			continue;
		}
		(void)engine_has_ended(e, l);
	}
}

void
engine_tick(struct engine *e, int64_t now_us)
{
	/* In the order of time, whatever the step: what one end allows, the next may need. */
	while (e->due_us <= now_us) {
		if (e->due_us > e->now_us)
			e->now_us = e->due_us;
		expire(e);
	}
	if (now_us > e->now_us)
		e->now_us = now_us;
}

void
engine_remember(struct engine *e, const struct context_slot *slot)
{
	context_restore(e->context, slot);
}

/*
 * A stamp that lies far ahead of everything before it and of the wall clock is a fault of
 * one line, until AHEAD_LINES lines say the same: then it is the log's clock that is wrong.
 */
static bool
is_stray(struct engine *e, int64_t at_us)
{
	if (at_us <= e->horizon_us || e->now_us == INT64_MIN || at_us - e->now_us < DAY_US)
		return false;
	bool same = at_us > e->ahead_us - DAY_US && at_us - DAY_US < e->ahead_us;

	e->nahead = same ? e->nahead + 1 : 1;
	e->ahead_us = at_us;
	if (e->nahead >= AHEAD_LINES)
		return false;
	e->strays++;
	return true;
}

/* The detectors' part of an event that the context has completed. */
static void
judge(struct engine *e, struct event *ev, struct str line)
{
	memset(e->touched, 0, e->rules->ntroubles + 1);
	memset(e->fed, 0, e->rules->ntroubles + 1);
	for (size_t i = 0; i < e->nshapes; i++)
		e->shapes[i].now = NULL;
	const struct picked picked = dispatch_pick(e->dispatch, ev);

	feed_hits(e, ev, line, &picked);
	if (e->news == BOUNCE_AS_IT_IS)
		feed_signs(e, ev, line, &picked);
}

bool
engine_feed(struct engine *e, struct event *ev, struct str line)
{
	int64_t stamp_us = ev->time_us;

	if (is_stray(e, stamp_us))
		ev->time_us = e->now_us;
	e->news = bounce_join_apply(e->bounces, context_messages(e->context), ev);
	context_apply(e->context, ev);
	bounce_join_learn(e->bounces, ev);
	engine_tick(e, ev->time_us);
	bool is_own = e->is_own != NULL && e->is_own(e->own_ctx, ev);

	if (!is_own && e->news != BOUNCE_NO_NEWS)
		judge(e, ev, line);
	ev->time_us = stamp_us; /* what was logged is what is kept */
	return !e->out_of_memory;
}

void
engine_set_own(struct engine *e, engine_own_fn *is_own, void *ctx)
{
	e->is_own = is_own;
	e->own_ctx = ctx;
}

void
engine_restore_message(struct engine *e, const struct event *row)
{
	context_restore_message(e->context, row);
}

void
engine_restore_attempt(struct engine *e, const struct event *row)
{
	bounce_join_learn(e->bounces, row);
}

void
engine_set_memory(struct engine *e, const struct bounce_memory *memory)
{
	bounce_join_set_memory(e->bounces, memory);
}

bool
engine_is_repeat(struct engine *e, const struct event *ev)
{
	return bounce_is_report(ev) && bounce_join_is_repeat(e->bounces, ev);
}
