/*
 * alert - the alert rules of all rule files
 *
 * Purpose    Which events are a trouble, whose, how grave, what to say, when it is over:
 *            data from the folder rules.d/alerts.
 * Ownership  The caller frees a loaded set with alert_rules_free(); engines that use it
 *            must be gone by then.
 * Errors     -ENOMEM, -EINVAL with every fault in *diags; *out keeps its old value.
 * Threads    Never changed after loading.
 */
#ifndef RULES_ALERT_H
#define RULES_ALERT_H

#include "core/diag.h"
#include "core/str.h"

struct alert_rules;

/* Reads all .yaml files in DIR/alerts of each folder; files of later folders replace those
 * of the same name. */
int alert_rules_load(const char *const *dirs, size_t ndirs, struct alert_rules **out,
    struct diags *diags);
void alert_rules_free(struct alert_rules *rules); /* NULL is fine */
size_t alert_rules_count(const struct alert_rules *rules);
bool alert_rules_has(const struct alert_rules *rules, struct str name);

struct alert_rule_info {
	struct str name;
	const char *detector;
	int64_t learn_us; /* history wanted before it judges; 0: none */
	int64_t mark;     /* as in rows of series: what is counted */
};
/* The i-th rule. False: there are not so many. */
bool alert_rules_at(const struct alert_rules *rules, size_t i, struct alert_rule_info *out);
/* Bit per event kind that some rule looks at; all other events may be left out. */
uint32_t alert_rules_kinds(const struct alert_rules *rules);

struct ruleset;
struct catalogue;

/* Runs the examples: lines, and the incidents that they must give. How many were run. */
size_t alert_rules_check(const struct alert_rules *rules, const struct ruleset *parsers,
    const struct catalogue *catalogue, struct diags *diags);

#endif
