/*
 * engine_impl - the engine's inside; for engine*.c only
 *
 * Ownership  All of it is the engine's, freed with engine_free().
 */
#ifndef RULES_ENGINE_IMPL_H
#define RULES_ENGINE_IMPL_H

#include "rules/bounce_join.h"
#include "rules/dispatch.h"
#include "rules/engine.h"
#include "rules/live.h"
#include "rules/series.h"

enum { ENGINE_BUCKETS = 1024 };

enum { SHAPE_CACHE = 128 };

/* A group that was worked out before. */
struct shape_entry {
	struct buf raw;   /* the event's values as they are: what it is found by */
	struct buf group; /* JSON */
	uint64_t hash;    /* of group */
};

/* Rules that group alike share the work: one text and hash an event, and mostly none, since
 * the same groups come again and again. */
struct shape {
	const struct alert_rule *rule; /* one of them */
	struct buf raw;                /* scratch */
	struct shape_entry *now;       /* of the event in hand; NULL: not looked for yet */
	struct shape_entry cache[SHAPE_CACHE];
};

struct engine {
	const struct alert_rules *rules;
	const struct catalogue *catalogue;
	struct context *context;
	struct bounce_join *bounces;
	enum bounce_news news; /* of the event in hand */
	struct dispatch *dispatch;
	struct series_table *series;
	struct live *buckets[ENGINE_BUCKETS];
	struct live *first, *last; /* by age */
	struct live *over;         /* ended or dropped since the last flush, newest first */
	size_t alive;
	uint64_t dropped, strays;
	int64_t now_us, horizon_us;
	int64_t ahead_us; /* the last stamp beyond the horizon, and how many agreed */
	int nahead;
	int64_t due_us;         /* the earliest of all */
	int64_t silence_due_us; /* of them, of silence series */
	struct buf key;         /* scratch */
	struct shape *shapes;   /* nrules at most */
	size_t nshapes;
	size_t *shape_of; /* by rule */
	uint8_t *touched; /* by trouble: this event is accounted for */
	uint8_t *fed;     /* by trouble: its incident has counted this event */
	uint8_t *hit;     /* by rule: `when` held for this event */
	size_t *open_of;  /* by trouble: open incidents */
	bool out_of_memory;
	engine_own_fn *is_own;
	void *own_ctx;
};

/* --- engine_table.c: incidents by trouble and group --- */

/* The group of the rule for the event in hand, worked out once. */
const struct shape_entry *engine_shape(struct engine *e, const struct alert_rule *rule,
    const struct event *ev);
struct live *engine_find(struct engine *e, const struct alert_rule *rule, struct str group);
/* The same for an event of its trouble: spans that ended before it end first. Logs of several
 * hosts may be read one after the other, or a host's clock be behind: then the engine's time
 * is ahead of the event's, and the incident is given so much longer. */
struct live *engine_find_at(struct engine *e, const struct alert_rule *rule,
    struct str group, const struct event *ev);
/* Its quiet span is over: resolved, or, true, gone. */
bool engine_has_ended(struct engine *e, struct live *l);
/* A pending one; NULL without room or memory. */
struct live *engine_create(struct engine *e, const struct alert_rule *rule,
    struct str group, const struct event *ev);
/* Takes it out of the table and keeps it for the next flush, if that has anything to say. */
void engine_retire(struct engine *e, struct live *l);
void engine_set_state(struct engine *e, struct live *l, enum incident_state state);
void engine_set_due(struct engine *e, struct live *l);
/* Does an open incident hold one of this rule and group back? */
bool engine_is_inhibited(const struct engine *e, const struct alert_rule *rule,
    struct str group);

/* --- engine.c --- */
/* There are signs enough; figures: of a counting detector, else NULL. */
void engine_open(struct engine *e, struct live *l, const struct alert_rule *rule,
    const struct event *ev, const struct figures *figures);
/* A rule of the same trouble that knows better takes an open incident over. */
void engine_take_over(struct engine *e, struct live *l, const struct alert_rule *rule,
    const struct event *ev, const struct figures *figures);
void engine_resolve(struct engine *e, struct live *l, int64_t at_us);

/* --- engine_count.c: the counting detectors --- */

/* An event of the rule's `when` (hit) or `among`. */
void engine_count(struct engine *e, const struct alert_rule *rule, const struct event *ev,
    struct str line, bool hit);
/* Silence that has become unlikely by now. */
void engine_silences(struct engine *e);
/* After a restart: when is each silence due? */
void engine_schedule_silences(struct engine *e);

#endif
