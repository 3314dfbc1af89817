/* The engine's incidents: finding, making room, dues, restoring, handing over. */
#include <errno.h>
#include <stdlib.h>

#include "rules/context.h"
#include "rules/engine_impl.h"
#include "rules/group.h"

#define WEEK_US (7 * INT64_C(86400000000))
#define DAY_US INT64_C(86400000000)

const struct shape_entry *
engine_shape(struct engine *e, const struct alert_rule *rule, const struct event *ev)
{
	struct shape *shape = &e->shapes[e->shape_of[rule - e->rules->rules]];

	if (shape->now != NULL)
		return shape->now;
	group_raw(rule, ev, &shape->raw);
	struct str raw = buf_str(&shape->raw);
	struct shape_entry *entry = &shape->cache[str_hash(raw) % SHAPE_CACHE];

	if (entry->raw.n == 0 || !str_eq(buf_str(&entry->raw), raw)) {
		buf_clear(&entry->raw);
		buf_add(&entry->raw, raw);
		group_of_event(rule, ev, &entry->group);
		entry->hash = str_hash(buf_str(&entry->group));
		e->out_of_memory |= entry->raw.failed || entry->group.failed;
	}
	shape->now = entry;
	return entry;
}

/* Makes e->key: the trouble and the group. */
static void
make_key(struct engine *e, const struct alert_rule *rule, struct str group)
{
	buf_clear(&e->key);
	buf_add(&e->key, rule->trouble);
	buf_add_char(&e->key, '\x1f');
	buf_add(&e->key, group);
	e->out_of_memory |= e->key.failed;
}

struct live *
engine_find(struct engine *e, const struct alert_rule *rule, struct str group)
{
	make_key(e, rule, group);
	uint64_t hash = str_hash(buf_str(&e->key));

	for (struct live *l = e->buckets[hash % ENGINE_BUCKETS]; l != NULL;
	     l = l->next_hash)
		if (l->hash == hash && str_eq(buf_str(&l->key), buf_str(&e->key)))
			return l;
	return NULL;
}

static void
link_live(struct engine *e, struct live *l)
{
	l->hash = str_hash(buf_str(&l->key));
	l->next_hash = e->buckets[l->hash % ENGINE_BUCKETS];
	e->buckets[l->hash % ENGINE_BUCKETS] = l;
	l->prev = e->last;
	*(e->last == NULL ? &e->first : &e->last->next) = l;
	e->last = l;
	e->alive++;
	e->open_of[l->rule->trouble_index] += l->state == INCIDENT_OPEN;
}

void
engine_retire(struct engine *e, struct live *l)
{
	struct live **at = &e->buckets[l->hash % ENGINE_BUCKETS];

	while (*at != l)
		at = &(*at)->next_hash;
	*at = l->next_hash;
	*(l->prev == NULL ? &e->first : &l->prev->next) = l->next;
	*(l->next == NULL ? &e->last : &l->next->prev) = l->prev;
	e->alive--;
	e->open_of[l->rule->trouble_index] -= l->state == INCIDENT_OPEN;
	if (l->state == INCIDENT_PENDING && !l->saved) {
		live_free(l); /* nobody has ever heard of it: batches do not pile them up */
		return;
	}
	l->next = e->over;
	e->over = l;
}

/* Takes the oldest one of that state out. */
static bool
retire_one(struct engine *e, enum incident_state state)
{
	for (struct live *l = e->first; l != NULL; l = l->next)
		if (l->state == state) {
			engine_retire(e, l);
			return true;
		}
	return false;
}

/* What only might come back does not keep out what is here. */
static bool
make_room(struct engine *e, const struct event *ev)
{
	size_t own =
	    str_eq(event_text(ev, EVF_mta), STR("mailwarden")) ? ENGINE_OWN_ROOM : 0;

	if (e->alive < ENGINE_MAX_ALIVE + own)
		return true;
	e->dropped++;
	return retire_one(e, INCIDENT_PENDING) || retire_one(e, INCIDENT_RESOLVED);
}

struct live *
engine_create(struct engine *e, const struct alert_rule *rule, struct str group,
    const struct event *ev)
{
	make_key(e, rule, group);
	struct live *l = make_room(e, ev) ? live_new(rule, buf_str(&e->key), ev) : NULL;

	if (l == NULL)
		return NULL;
	link_live(e, l);
	live_make_id(l);
	l->lag_us = e->now_us > ev->time_us ? e->now_us - ev->time_us : 0;
	return l;
}

void
engine_set_state(struct engine *e, struct live *l, enum incident_state state)
{
	e->open_of[l->rule->trouble_index] += state == INCIDENT_OPEN;
	e->open_of[l->rule->trouble_index] -= l->state == INCIDENT_OPEN;
	l->state = state;
}

/* What comes back again and again is waited for longer, up to a day. */
static int64_t
reopen_span(const struct live *l)
{
	int64_t span = l->rule->reopen_us;

	for (int64_t i = 0; i < l->relapses && span < DAY_US / 2; i++)
		span *= 2;
	return span;
}

/* By the clock of the host whose lines these are; the engine's may be ahead of it. */
static int64_t
own_due(const struct live *l)
{
	if (l->state == INCIDENT_RESOLVED)
		return l->resolved_us + reopen_span(l);
	if (l->rule->quiet_us > 0)
		return l->last_seen_us + l->rule->quiet_us;
	if (l->state == INCIDENT_PENDING)
		return l->last_seen_us + WEEK_US; /* no sign for a week */
	return INT64_MAX;
}

void
engine_set_due(struct engine *e, struct live *l)
{
	int64_t own_us = own_due(l);

	l->due_us = own_us == INT64_MAX ? INT64_MAX : own_us + l->lag_us;
	if (l->due_us < e->due_us)
		e->due_us = l->due_us;
}

bool
engine_has_ended(struct engine *e, struct live *l)
{
	if (l->state == INCIDENT_OPEN) {
		engine_resolve(e, l, own_due(l));
		return false;
	}
	engine_retire(e, l);
	return true;
}

struct live *
engine_find_at(struct engine *e, const struct alert_rule *rule, struct str group,
    const struct event *ev)
{
	struct live *l = engine_find(e, rule, group);

	while (l != NULL && own_due(l) <= ev->time_us)
		if (engine_has_ended(e, l))
			l = NULL;
	if (l != NULL)
		l->lag_us = e->now_us > ev->time_us ? e->now_us - ev->time_us : 0;
	return l;
}

bool
engine_is_inhibited(const struct engine *e, const struct alert_rule *rule, struct str group)
{
	size_t open = 0;

	for (size_t i = 0; i < rule->ninhibitors; i++)
		open += e->open_of[rule->inhibitors[i]];
	if (open == 0)
		return false;
	for (const struct live *l = e->first; l != NULL; l = l->next) {
		if (l->state != INCIDENT_OPEN)
			continue;
		for (size_t i = 0; i < rule->ninhibitors; i++)
			if (l->rule->trouble_index == rule->inhibitors[i] &&
			    group_overlap(group, str_skip(buf_str(&l->key), l->group_at)))
				return true;
	}
	return false;
}

/* --- handing over --- */

static int
flush_one(struct live *l, const struct engine_sink *sink)
{
	int r = 0;

	if (!l->dirty && l->nnotices == 0)
		return 0;
	struct incident incident = live_view(l);

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
	int r = 0;

	if (l->state != INCIDENT_PENDING)
		r = flush_one(l, sink);
	struct incident incident = live_view(l);

	if (l->state == INCIDENT_PENDING)
		return l->saved ? sink->forget(sink->ctx, &incident) : 0;
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
	if (r >= 0 && sink->series != NULL)
		r = series_flush(e->series, sink->series);
	return r < 0 ? r : context_flush(e->context, sink->remember, sink->ctx);
}

int
engine_end(struct engine *e, const struct engine_sink *sink)
{
	while (e->first != NULL)
		engine_retire(e, e->first);
	return engine_flush(e, sink);
}

void
engine_take_off(struct engine *e, void (*fn)(void *ctx, struct str rule), void *ctx)
{
	for (size_t i = 0; i < e->rules->nrules; i++) {
		const struct alert_rule *rule = &e->rules->rules[i];

		if (!alert_rule_is_off(rule) || rule->hits->told)
			continue;
		rule->hits->told = true;
		fn(ctx, rule->name);
	}
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

static void
move_clock(struct engine *e, int64_t at_us)
{
	if (at_us > e->now_us)
		e->now_us = at_us;
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
	move_clock(e, l->last_seen_us);
	move_clock(e, l->resolved_us);
	link_live(e, l);
	engine_set_due(e, l);
	return 0;
}

int
engine_restore_series(struct engine *e, const struct series_row *row,
    struct series **series_out)
{
	int r = series_restore(e->series, row, series_out);

	if (r == 0)
		move_clock(e, (*series_out)->last_us);
	return r;
}

void
engine_restored(struct engine *e)
{
	engine_schedule_silences(e);
}
