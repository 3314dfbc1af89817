/*
 * series - what the counting detectors count: for each rule and group a sliding window and
 *          its history
 *
 * Purpose    Counts of matching events (hits) and of all that they are a share of (total).
 *            The window is made of WINDOW_STEPS steps; the history is a record for each
 *            hour (silence) or day that had any event. It is the rule's own rollup: the
 *            store keeps it, and gives it back after a restart.
 * Ownership  The table owns its series; a pointer is good until the next series_find().
 * Limits     SERIES_MAX groups a rule, of silence SERIES_MAX_SILENCE. When a table is full
 *            the group longest unheard of goes, counted; groups that were heard of once
 *            (SERIES_PROBATION of them) do not drive out those with a history, so ten
 *            million strangers' names cost an attacker's groups, not ours (segmented LRU:
 *            Karedla, Love, Wherry 1994).
 * Time       Microseconds of event time. A series has its own clock, that of its events,
 *            which does not go back: logs of several hosts may be read one after the other.
 */
#ifndef RULES_SERIES_H
#define RULES_SERIES_H

#include "core/buf.h"
#include "rules/alert_rule.h"

enum {
	SERIES_MAX = 1024,
	SERIES_PROBATION = 256, /* of them: heard of in one hour only, and seldom */
	SERIES_MAX_SILENCE = 64,
	SERIES_SAMPLES = 2,
	SERIES_SAMPLE_BYTES = 400,
	WINDOW_STEPS = 12,
	HISTORY_DAYS = 35,
};

/* More are not told apart; what series_read_body() takes. */
#define SERIES_SQUARES_MAX ((INT64_C(1) << 62) - 1)

/* One hour or day of history. */
struct series_record {
	int64_t at; /* hours or days since 1970 */
	int64_t hits, total;
	int64_t peak;    /* most hits in one `within` of it */
	int64_t squares; /* sum over its `within` spans of hits squared */
};

/* Sums over the days that ended before the window began. */
struct series_base {
	int64_t before;    /* the day that is no more among them */
	int64_t days;      /* that had events */
	int64_t span_days; /* from the first one on */
	double hits, total, squares, share_squares;
	int64_t peak;
};

enum { SERIES_WEEK = 168 };

/* Of silence: rates worked out for the hours of a week, from history before an hour. */
struct series_rates {
	struct series_rate {
		double rate;
		size_t weeks;
		int64_t before; /* 0: not worked out */
	} of_hour[SERIES_WEEK];
};

struct series_mark { /* of a count: when, and which distinct value */
	int64_t at_us;
	uint64_t value; /* below 10^18: what str_to_int() takes */
};

struct series {
	struct series_table *table;
	struct series *next_hash, *older, *newer;
	struct series *prev_dirty, *next_dirty;
	const struct alert_rule *rule;
	uint64_t hash;
	int64_t number; /* row in the store, 0: not there yet */
	struct buf group;
	int64_t newest; /* step number of the window's last step */
	int64_t hits[WINDOW_STEPS], total[WINDOW_STEPS];
	int64_t window_hits, window_total; /* their sums */
	struct series_mark *marks;         /* owned; a ring of rule->counting.at_least */
	size_t nmarks, next_mark, cap_marks;
	struct series_record *past; /* owned, by time; the last one is in progress */
	size_t npast, cap_past;
	int64_t kept_at; /* what is older than this record does not change in the store */
	int64_t span_number, span_hits; /* the `within` in progress, for peak and squares */
	int64_t first_us, last_us;      /* first and last hit */
	int64_t touched;                /* order of use, for what goes first */
	int64_t due_us;                 /* silence: when it becomes unlikely */
	int64_t due_from_us;            /* the hit from which that was worked out */
	int64_t lag_us; /* silence: so far behind the engine's clock its last event came */
	int64_t judge_us;        /* trend, surge: not before */
	struct series_base base; /* what series_base_of() worked out last */
	/* Silence, worked out from the history: as of a day, as of an hour. */
	double dispersion, a_day;
	double seen, expected; /* in the last hours */
	int64_t dispersion_day, level_hour;
	struct series_rates *rates;         /* owned */
	struct buf samples[SERIES_SAMPLES]; /* last lines that matched, a ring */
	size_t next_sample;
	uint32_t uses;
	bool established; /* not on probation */
	bool has_rows;    /* records of its history may be in the store */
	bool dirty;       /* changed since the last flush */
};

struct series_table;

struct series_table *series_new(const struct alert_rules *rules);
void series_free(struct series_table *table);

/* The series of that rule and group, made if it is new; NULL without memory. */
struct series *series_find(struct series_table *table, const struct alert_rule *rule,
    struct str group, uint64_t group_hash, int64_t now_us);
/* As above, but NULL if there is none. */
struct series *series_peek(struct series_table *table, const struct alert_rule *rule,
    struct str group, uint64_t group_hash);

/* Brings window and history to now; counts of the new steps are zero. */
void series_roll(struct series *s, int64_t now_us);
/* An event: of all that the share is of, and one of the matching ones if hit. */
void series_add(struct series *s, bool hit, int64_t weight, int64_t now_us);
/* A mark of a count; true if it was a new value. value 0: none, always new. */
bool series_add_mark(struct series *s, uint64_t value, int64_t now_us);
/* It has changed: the next flush takes it along. */
void series_mark_dirty(struct series *s);
void series_add_sample(struct series *s, struct str line);
/* The i-th oldest of SERIES_SAMPLES lines, empty if there are not so many. */
struct str series_sample(const struct series *s, size_t i);
/* Forgets the window, keeps the history: the trouble is over. */
void series_clear_window(struct series *s);

/* Of a history in days; good until the next call. */
const struct series_base *series_base_of(struct series *s, int64_t now_us);
/* Record of that hour or day, NULL if nothing happened in it. */
const struct series_record *series_at(const struct series *s, int64_t at);
int64_t series_unit_us(const struct alert_rule *rule); /* of history: an hour or a day */

/* Calls fn for every series of the rule. */
void series_each(struct series_table *table, const struct alert_rule *rule,
    void (*fn)(void *ctx, struct series *s), void *ctx);

/* The first event that any series was made for: so long we have been watching. */
int64_t series_since(const struct series_table *table);
size_t series_count(const struct series_table *table);
uint64_t series_evicted(const struct series_table *table);

/* --- keeping --- */

/* As the store keeps it. */
struct series_row {
	int64_t number;
	struct str rule, group;
	int64_t mark; /* alert_rule.mark when it was written */
	bool renamed; /* the row of that number was another's, who is forgotten */
	int64_t touched;
	struct str body; /* see series_text.c */
};

struct series_sink {
	/* Writes the row; *number_out is its number from now on. */
	int (*save)(void *ctx, const struct series_row *row, int64_t *number_out);
	/* A record of its history that is complete; `at` in seconds since 1970 here. */
	int (*count)(void *ctx, int64_t number, const struct series_record *record);
	int (*forget)(void *ctx, int64_t number); /* row and history */
	void *ctx;
};

/* Hands over what changed since the last time; a negative errno ends it. */
int series_flush(struct series_table *table, const struct series_sink *sink);

/* A row, in the order of `touched`. -ENOENT: of no rule that we have, or of what that rule
 * does not count any more. *series_out takes the history. */
int series_restore(struct series_table *table, const struct series_row *row,
    struct series **series_out);
/* Its history, oldest first, as it was handed to the sink. */
int series_restore_record(struct series *s, const struct series_record *record);

/* Room for n marks, at most at_least of them. */
bool series_marks_hold(struct series *s, size_t n);
/* The record in progress, of a series that has none. */
bool series_begin_history(struct series *s, const struct series_record *record);
/* The body, for series_flush() and series_restore(). */
void series_write_body(const struct series *s, struct buf *out);
bool series_read_body(struct series *s, struct str body);
/* When its first event came, from the body alone; 0: the body cannot be read. */
int64_t series_body_first(struct str body);

#endif
