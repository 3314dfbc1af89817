/*
 * live - an incident in the engine's hands; for the engine only
 *
 * Purpose    What is gathered about one trouble while it is pending, open or may reopen:
 *            counts, evidence, words, notices to be told.
 * Ownership  All text is its own; the engine frees it with live_free().
 * Limits     As engine.h says: samples, affected relays, streak.
 */
#ifndef RULES_LIVE_H
#define RULES_LIVE_H

#include "core/sketch.h"
#include "rules/alert_rule.h"
#include "rules/detect.h"
#include "rules/engine.h"

enum { MAX_KEY_VALUE = 256, MAX_SEEN_BYTES = 64 };

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
	int64_t opened_us, noticed_us, last_seen_us, resolved_us, told_us, count, streak,
	    relapses;
	struct sketch senders, recipients;        /* distinct ones affected */
	struct buf senders_text, recipients_text; /* the sketches, for live_view() */
	int64_t
	    due_us; /* when time alone changes it, by the engine's clock; INT64_MAX: never */
	int64_t lag_us; /* so far behind that clock its last event came */
	bool dirty;
	bool saved; /* the store may know it */
	struct {
		enum notice notice;
		int64_t at_us;
	} notices[4];
	size_t nnotices;
};

/* Pending, with nothing counted yet; NULL without memory. key: trouble, 0x1f, group. */
struct live *live_new(const struct alert_rule *rule, struct str key,
    const struct event *ev);
/* As the store kept it. */
struct live *live_of(const struct alert_rule *rule, const struct incident *in);
void live_free(struct live *l);

void live_make_id(struct live *l); /* after key's hash and opened_us are known */
void live_add_notice(struct live *l, enum notice notice, int64_t at_us);
void live_add_evidence(struct live *l, const struct event *ev, struct str line);
/* figures: of a counting detector, else NULL. */
void live_describe(struct live *l, const struct catalogue *catalogue,
    const struct alert_rule *rule, const struct event *ev, const struct figures *figures);
void live_add_to_streak(struct live *l, const struct alert_rule *rule,
    const struct event *ev);
void live_forget_streak(struct live *l);
/* Did this event's relay refuse us in this incident? */
bool live_is_affected(const struct live *l, const struct event *ev);
/* A line that matched before the incident was there. */
void live_add_sample(struct live *l, struct str line);
struct incident live_view(struct live *l);

#endif
