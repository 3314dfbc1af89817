/* What the counting detectors find becomes incidents. */

#include "core/clock.h"
#include "rules/engine_impl.h"
#include "rules/group.h"

#define RETRY_US (5 * 60 * (int64_t)US_PER_S) /* a silence that is held back */
#define MINUTE_US (60 * (int64_t)US_PER_S)

/* Where a share falls, the events that do not match are the trouble. */
static bool
falls(const struct alert_rule *rule)
{
	return rule->detector == DETECT_TREND && rule->counting.change == CHANGE_DOWN;
}

/* The detector finds what it looks for. */
static void
on_found(struct engine *e, const struct alert_rule *rule, struct series *s,
    const struct event *ev, struct str line, const struct figures *f)
{
	struct live *l = engine_find_at(e, rule, buf_str(&s->group), ev);
	uint8_t *fed = &e->fed[rule->trouble_index];
	bool fresh = l == NULL;

	if ((l == NULL || l->state != INCIDENT_OPEN) &&
	    engine_is_inhibited(e, rule, buf_str(&s->group))) {
		series_clear_window(s); /* this much was the other trouble's */
		return;
	}
	if (l == NULL && (l = engine_create(e, rule, buf_str(&s->group), ev)) == NULL)
		return;
	if (fresh)
		l->count = falls(rule) ? f->total - f->hits : f->hits;
	else if (!*fed)
		l->count += event_weight(ev);
	if (fresh && rule->detector == DETECT_COUNT)
		live_add_evidence(l, ev, STR("")); /* the series has the line */
	else if (!*fed)
		live_add_evidence(l, ev, line);
	*fed = 1;
	if (ev->time_us > l->last_seen_us)
		l->last_seen_us = ev->time_us;
	l->dirty = true;
	if (l->state == INCIDENT_OPEN) {
		engine_take_over(e, l, rule, ev, f);
	} else {
		for (size_t i = 0; l->state == INCIDENT_PENDING && i < SERIES_SAMPLES; i++)
			live_add_sample(l, series_sample(s, i));
		engine_open(e, l, rule, ev, f);
	}
	engine_set_due(e, l);
}

/* More of the same while the incident is open: counted, but no new finding. */
static void
on_more(struct engine *e, const struct alert_rule *rule, struct str group,
    const struct event *ev, struct str line)
{
	struct live *l;

	if (e->open_of[rule->trouble_index] == 0 || e->fed[rule->trouble_index] ||
	    (l = engine_find(e, rule, group)) == NULL || l->state != INCIDENT_OPEN)
		return;
	e->fed[rule->trouble_index] = 1;
	l->count += event_weight(ev);
	l->dirty = true;
	live_add_evidence(l, ev, line);
}

/* When, by the engine's clock, the silence is due. */
static int64_t
due_here(const struct series *s)
{
	return s->due_us == INT64_MAX ? INT64_MAX : s->due_us + s->lag_us;
}

/* Mail is back: an open silence is over, the next one is due later. */
static void
on_sound(struct engine *e, struct series *s, const struct event *ev)
{
	struct live *l;

	if (e->open_of[s->rule->trouble_index] > 0 &&
	    (l = engine_find(e, s->rule, buf_str(&s->group))) != NULL &&
	    l->state == INCIDENT_OPEN)
		engine_resolve(e, l, ev->time_us);
	if (s->due_from_us / MINUTE_US == s->last_us / MINUTE_US && s->due_us != INT64_MAX)
		return;
	detect_silence_due(s, s->last_us);
	if (due_here(s) < e->silence_due_us)
		e->silence_due_us = due_here(s);
	if (due_here(s) < e->due_us)
		e->due_us = due_here(s);
}

static uint64_t
distinct_value(const struct alert_rule *rule, const struct event *ev)
{
	struct str text = rule->distinct == EVF_COUNT ? (struct str){ NULL, 0 }
						      : event_text(ev, rule->distinct);
	uint64_t hash = text.n == 0 ? 0 : str_hash(text) >> 32; /* short: many are stored */

	return text.n > 0 && hash == 0 ? 1 : hash;
}

/* Nothing was heard, but the other trouble was the reason: silence begins anew when that
 * ends. Until then it is looked at again and again. */
static void
hold_silence(struct series *s, int64_t at_us)
{
	detect_silence_due(s, at_us);
	if (s->due_us > at_us + RETRY_US)
		s->due_us = at_us + RETRY_US;
	series_mark_dirty(s);
}

static bool
was_held(const struct series *s)
{
	return s->due_from_us > s->last_us;
}

static void
on_silence(struct engine *e, struct series *s)
{
	AUTO(buf_done) struct buf values = { 0 };
	struct event ev = { .time_us = s->due_us, .offset = -1 };
	const struct figures f = { .hits = 1, .span_us = s->due_us - s->last_us };

	group_to_event(s->rule, buf_str(&s->group), &ev, &values);
	e->out_of_memory |= values.failed;
	if (engine_is_inhibited(e, s->rule, buf_str(&s->group))) {
		hold_silence(s, s->due_us);
		return;
	}
	if (was_held(s)) {
		int64_t at_us = s->due_us;

		detect_silence_due(s, s->due_from_us);
		if (s->due_us > at_us)
			return;
	}
	e->fed[s->rule->trouble_index] = 0;
	on_found(e, s->rule, s, &ev, STR(""), &f);
	s->due_us = INT64_MAX;
}

void
engine_count(struct engine *e, const struct alert_rule *rule, const struct event *ev,
    struct str line, bool hit)
{
	const struct shape_entry *shape = engine_shape(e, rule, ev);
	struct series *s =
	    series_find(e->series, rule, buf_str(&shape->group), shape->hash, ev->time_us);
	struct figures f;

	if (s == NULL) {
		e->out_of_memory = true;
		return;
	}
	int64_t now_us = ev->time_us > s->last_us ? ev->time_us : s->last_us;

	if (rule->detector == DETECT_SILENCE) {
		s->lag_us = e->now_us > now_us ? e->now_us - now_us : 0;
		while (s->due_us <= now_us) /* read long after it happened */
			on_silence(e, s);
	} else if (hit && rule->detector == DETECT_COUNT) {
		series_add_sample(s, line); /* the few that it takes; others count many */
	}
	bool found = detect_event(e->series, s, hit, event_weight(ev),
	    distinct_value(rule, ev), now_us, &f);

	if (rule->detector == DETECT_SILENCE)
		on_sound(e, s, ev);
	else if (found)
		on_found(e, rule, s, ev, line, &f);
	else if (hit != falls(rule))
		on_more(e, rule, buf_str(&s->group), ev, line);
}

static void
look_at(void *ctx, struct series *s)
{
	struct engine *e = ctx;

	if (due_here(s) <= e->now_us && s->due_from_us < s->last_us) {
		detect_silence_due(s, s->last_us); /* it was heard of since */
		series_mark_dirty(s);
	}
	while (due_here(s) <= e->now_us)
		on_silence(e, s);
	if (due_here(s) < e->silence_due_us)
		e->silence_due_us = due_here(s);
}

void
engine_silences(struct engine *e)
{
	e->silence_due_us = INT64_MAX;
	for (size_t i = 0; i < e->rules->nrules; i++)
		if (e->rules->rules[i].detector == DETECT_SILENCE &&
		    !alert_rule_is_off(&e->rules->rules[i])) /* else it hears nothing */
			series_each(e->series, &e->rules->rules[i], look_at, e);
}

static void
schedule(void *ctx, struct series *s)
{
	struct engine *e = ctx;
	const struct live *l = engine_find(e, s->rule, buf_str(&s->group));

	if (s->due_from_us == 0)
		return;
	detect_silence_due(s, s->due_from_us);
	if (l != NULL && l->state == INCIDENT_OPEN)
		s->due_us = INT64_MAX; /* told already */
	else if (was_held(s) && s->due_us > s->due_from_us + RETRY_US)
		s->due_us = s->due_from_us + RETRY_US;
	if (due_here(s) < e->silence_due_us)
		e->silence_due_us = due_here(s);
}

void
engine_schedule_silences(struct engine *e)
{
	for (size_t i = 0; i < e->rules->nrules; i++)
		if (e->rules->rules[i].detector == DETECT_SILENCE)
			series_each(e->series, &e->rules->rules[i], schedule, e);
	if (e->silence_due_us < e->due_us)
		e->due_us = e->silence_due_us;
}
