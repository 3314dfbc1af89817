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
	MAX_VALUES = 64,
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
	struct str *values; /* ONE_OF on text */
	int64_t *numbers;   /* ONE_OF on a number */
	size_t nvalues;
	int64_t at_least;
	pcre2_code *re;
};

struct conditions {
	struct condition items[MAX_CONDITIONS];
	size_t n;
	uint32_t kinds; /* bit per event kind that can match at all */
};

struct alert_rule {
	struct str name;
	struct str trouble; /* rules of one trouble share incidents; default: name */
	size_t trouble_index;
	size_t rank; /* order over all files: the earlier knows better */
	struct conditions when;
	enum event_field group_by[MAX_GROUP];
	size_t ngroup;
	enum event_field
	    distinct;     /* only new values of it count in a row; EVF_COUNT: all */
	int64_t in_a_row; /* matching events without a sign of health between them */
	enum severity severity;
	struct str summary, advice;
	struct conditions healthy; /* resolves: when */
	bool has_healthy;
	struct conditions among; /* what a row is made of: others of these break it */
	bool has_among;
	int64_t quiet_us;  /* resolves: after; 0: never by time */
	int64_t reopen_us; /* a new sign within this span reopens the old incident */
	const struct ynode *node, *examples;
};

struct alert_rules {
	struct folder_list list;
	struct yaml **files; /* as many as the list has */
	struct alert_rule *rules;
	size_t nrules;
	size_t ntroubles;
};

bool conditions_read(const struct ynode *map, struct conditions *out, struct diags *diags);
bool conditions_hold(const struct conditions *c, const struct event *ev);
void conditions_done(struct conditions *c);

#endif
