/*
 * alert_rule - what an alert rule is made of; for the files of this folder only
 *
 * Ownership  All of it belongs to the set and is freed with it.
 */
#ifndef RULES_ALERT_RULE_H
#define RULES_ALERT_RULE_H

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include "core/event.h"
#include "core/folder.h"
#include "core/yaml.h"
#include "rules/alert.h"
#include "rules/incident.h"

enum {
	MAX_CONDITIONS = 16,
	MAX_GROUP = 4,
	MAX_INHIBITORS = 16,
	MAX_COUNT = 1000,    /* the highest `at_least` of a count */
	MAX_LIMIT_HITS = 20, /* a rule whose patterns hit their limit so often is off */
	/* In group_by: provider if known, else the domain of the relay's name, else its IP. */
	GROUP_PEER = EVF_COUNT,
};

enum detector {
	DETECT_MATCH,
	DETECT_COUNT,
	DETECT_RATIO,
	DETECT_TREND,
	DETECT_SILENCE,
	DETECT_SURGE,
	DETECTOR_COUNT
};

enum change {
	CHANGE_UP = 1,
	CHANGE_DOWN = 2,
	CHANGE_BOTH = 3,
};

enum condition_test {
	CONDITION_ONE_OF,
	CONDITION_MATCH,
	CONDITION_AT_LEAST,
	CONDITION_KNOWN,
};

struct condition {
	enum event_field field;
	enum condition_test test;
	bool negate;
	uint32_t enums;     /* ONE_OF on an enum or a yes/no: bit per value */
	struct str *values; /* ONE_OF on text; MATCH: literals_of() the pattern */
	int64_t *numbers;   /* ONE_OF on a number */
	size_t nvalues;
	int64_t at_least;
	pcre2_code *re;
	pcre2_match_data *groups;    /* scratch: a set is used by one engine at a time */
	pcre2_match_context *limits; /* a hostile text ends as no match */
};

/* How often patterns of a rule hit their limit; scratch, as the patterns' own. */
struct limit_hits {
	uint32_t n;
	bool told; /* engine_take_off() has named the rule */
};

struct conditions {
	size_t n;
	struct limit_hits *hits; /* the rule's, or NULL; at MAX_LIMIT_HITS nothing holds */
	uint32_t kinds;          /* bit per event kind that can match at all */
	uint32_t outcomes;       /* bit per outcome; bit 0: events without one */
	struct condition *items; /* owned; rules are many, so as few as there are */
};

/* What the counting detectors want to know; 0 where a detector has no use for it. */
struct counting {
	int64_t at_least;  /* count: so many; the others: fewer are not judged */
	int64_t within_us; /* the sliding span */
	double share;      /* ratio: above this; 0 to 1 */
	double by;         /* trend: so much away from the usual share; 0 to 1 */
	double times;      /* surge: so many times the highest known */
	double confidence; /* 0 to 1 */
	int64_t learn_us;  /* history wanted before it judges */
	enum change change;
};

struct alert_rule {
	struct str name;
	struct str trouble; /* rules of one trouble share incidents; default: name */
	size_t trouble_index;
	size_t rank; /* order over all files: the earlier knows better */
	enum detector detector;
	struct conditions when;
	unsigned group_by[MAX_GROUP]; /* event fields, or GROUP_PEER */
	size_t ngroup;
	enum event_field distinct; /* only new values of it count; EVF_COUNT: all */
	int64_t in_a_row; /* match: matching events without a sign of health between them */
	struct counting counting;
	enum severity severity;
	struct str summary, advice;
	struct conditions healthy; /* resolves: when */
	bool has_healthy;
	struct conditions among; /* what a row or a share is made of */
	bool has_among;
	int64_t quiet_us;  /* resolves: after; 0: never by time */
	int64_t reopen_us; /* a new sign within this span reopens the old incident */
	size_t inhibitors[MAX_INHIBITORS]; /* trouble indexes */
	size_t ninhibitors;
	struct limit_hits *hits; /* owned; NULL without patterns */
	uint64_t mark;           /* changes with what the rule counts, not with its words */
	const struct ynode *node, *examples;
};

struct alert_rules {
	struct folder_list list;
	struct yaml **files; /* as many as the list has */
	struct alert_rule *rules;
	size_t nrules;
	size_t ntroubles;
};

/* The keys of counting detectors; a key of another detector is a fault. */
bool detector_read(const struct ynode *node, struct alert_rule *rule, struct diags *diags);
bool detector_counts(enum detector detector); /* all but match */
const char *detector_name(enum detector detector);

static inline bool
alert_rule_is_off(const struct alert_rule *rule)
{
	return rule->hits != NULL && rule->hits->n >= MAX_LIMIT_HITS;
}

/* `inhibited_by` of all rules: names to trouble indexes; unknown names and circles are
 * faults. */
bool inhibition_read(struct alert_rules *set, struct diags *diags);

bool conditions_read(const struct ynode *map, struct conditions *out, struct diags *diags);
bool conditions_have_pattern(const struct conditions *c);
bool conditions_hold(const struct conditions *c, const struct event *ev);
void conditions_done(struct conditions *c);

#endif
