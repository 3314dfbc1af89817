/*
 * engine - events become incidents
 *
 * Purpose    Runs the detectors over events in order, on event time, and keeps the
 *            incidents that are alive: pending signs, open ones, and resolved ones that
 *            a new sign within the rule's `reopen` span would open again.
 *            Replay equals live: the same events give the same incidents, in batches of
 *            any size, with engine_restore() in between.
 * Ownership  Rules and catalogue are the caller's and must outlive the engine, which
 *            owns its incidents; those handed to the sink live until it returns.
 * Limits     ENGINE_MAX_ALIVE incidents; past that the oldest pending one goes, else the
 *            oldest resolved one, and without one nothing new opens: all are counted.
 * Time       Never asks for it. Its clock is the latest event's and only goes forward. An
 *            event that is older is judged by its own stamp: logs of several hosts may be
 *            read one after the other, or a host's clock be behind.
 */
#ifndef RULES_ENGINE_H
#define RULES_ENGINE_H

#include "core/event.h"
#include "rules/alert.h"
#include "rules/incident.h"

struct bounce_memory;

enum {
	ENGINE_MAX_ALIVE = 4096,
	ENGINE_OWN_ROOM = 64,       /* besides, for mailwarden's own troubles */
	ENGINE_MAX_SAMPLES = 4,     /* the first three and the last */
	ENGINE_SAMPLE_BYTES = 1500, /* of one raw line */
	ENGINE_MAX_AFFECTED = 16,
	ENGINE_MAX_SEEN = 64, /* the longest `in_a_row` */
};

struct engine;
struct catalogue;
struct context_slot;
struct series;
struct series_row;
struct series_record;
struct series_sink;

/* What to do with what changed; a negative errno ends engine_flush(). */
struct engine_sink {
	int (*save)(void *ctx, const struct incident *incident);
	/* A pending incident that came to nothing. */
	int (*forget)(void *ctx, const struct incident *incident);
	/* Something to tell; at_us is the event time of the reason. */
	int (*tell)(void *ctx, const struct incident *incident, enum notice notice,
	    int64_t at_us);
	/* It is over for good: no sign will open it again. May be NULL. */
	int (*ended)(void *ctx, const struct incident *incident);
	/* Something learnt that must outlive a restart. May be NULL. */
	int (*remember)(void *ctx, const struct context_slot *slot);
	/* What detectors count (rules/series.h). May be NULL. */
	const struct series_sink *series;
	void *ctx;
};

struct engine *engine_new(const struct alert_rules *rules,
    const struct catalogue *catalogue);
void engine_free(struct engine *engine);

/* An incident as the store kept it; also pending and lately resolved ones. */
int engine_restore(struct engine *engine, const struct incident *incident);

/*
 * A series as the store kept it, in the order of `touched`; its history goes to
 * series_restore_record(). -ENOENT: no rule has a use for it, the next flush forgets it.
 */
int engine_restore_series(struct engine *engine, const struct series_row *row,
    struct series **series_out);
/* All has been restored: what is due when? */
void engine_restored(struct engine *engine);

/*
 * An event later than this, and more than a day after all before it, counts as of now until
 * twenty such agree: else one bad stamp would end every quiet span. Default: none is.
 */
void engine_set_horizon(struct engine *engine, int64_t latest_us);

/* Was this report told before (rules/bounce_join.h)? Then it counts nowhere: do not feed it,
 * do not store it. Ask once for each event; those of logs are no repeats. */
bool engine_is_repeat(struct engine *engine, const struct event *ev);

/*
 * Takes one event; `line` is the raw line, for evidence. Completes the event from what
 * earlier ones told (provider; of a bounce the attempt that it is about), so call it before
 * the event is stored. False if memory ran out: the event changed nothing.
 */
bool engine_feed(struct engine *engine, struct event *ev, struct str line);

/* What a store knows of attempts and reports, for bounces. Default: nothing. */
void engine_set_memory(struct engine *engine, const struct bounce_memory *memory);

/* Asked about each completed event: those of mailwarden's own mail are not judged (design,
 * invariant 7). NULL: all are judged. */
typedef bool engine_own_fn(void *ctx, const struct event *ev);
void engine_set_own(struct engine *engine, engine_own_fn *is_own, void *ctx);

/* What the sink was told to remember, before a restart. */
void engine_remember(struct engine *engine, const struct context_slot *slot);
/* A message as the store kept it, the oldest first: context_restore_message(). */
void engine_restore_message(struct engine *engine, const struct event *row);
/* An attempt as the store kept it, the oldest first. */
void engine_restore_attempt(struct engine *engine, const struct event *row);

/* Event time has come to now_us without an event: quiet spans end. */
void engine_tick(struct engine *engine, int64_t now_us);

/* The latest event time seen; INT64_MIN: none. */
int64_t engine_now(const struct engine *engine);

/* When time alone will change something: call engine_tick() then. INT64_MAX: never. */
int64_t engine_next_due(const struct engine *engine);

/* Hands over everything that changed since the last flush. */
int engine_flush(struct engine *engine, const struct engine_sink *sink);

/* End of a replay: whatever is alive has ended; pending ones are dropped. */
int engine_end(struct engine *engine, const struct engine_sink *sink);

/*
 * Rules that were switched off since the last call, as their patterns hit the match limit
 * again and again (MAX_LIMIT_HITS): nothing matches them until the rules are loaded again.
 */
void engine_take_off(struct engine *engine, void (*fn)(void *ctx, struct str rule),
    void *ctx);

size_t engine_alive(const struct engine *engine);
uint64_t engine_dropped(const struct engine *engine); /* for want of room */
uint64_t engine_repeats(const struct engine *engine); /* reports that were told before */
uint64_t engine_strays(const struct engine *engine);  /* stamps that were not believed */
size_t engine_series(const struct engine *engine);
uint64_t engine_series_evicted(const struct engine *engine);

#endif
