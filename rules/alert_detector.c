/* The detectors' own keys and `inhibited_by`, for rules/alert_rule.h. */
#include <stdlib.h>

#include "core/clock.h"
#include "rules/alert_rule.h"
#include "rules/engine.h"

#define HOUR_US (3600 * (int64_t)US_PER_S)
#define DAY_US (24 * HOUR_US)

/* clang-format off */
static const struct detector_info {
	const char *name;
	const char *keys[8]; /* its own; those of all rules are known to alert_load.c */
	struct counting defaults;
} detectors[DETECTOR_COUNT] = {
	[DETECT_MATCH] = { "match", { "in_a_row", "among", "distinct" }, { 0 } },
	[DETECT_COUNT] = { "count", { "at_least", "within", "distinct" },
		{ .at_least = 10, .within_us = HOUR_US } },
	[DETECT_RATIO] = { "ratio", { "among", "at_least", "within", "share", "confidence" },
		{ .at_least = 20, .within_us = HOUR_US, .share = 0.5, .confidence = 0.99 } },
	[DETECT_TREND] = { "trend",
		{ "among", "at_least", "within", "change", "by", "confidence", "learn" },
		{ .at_least = 5, .within_us = DAY_US, .by = 0.2, .confidence = 0.999,
		  .learn_us = 7 * DAY_US, .change = CHANGE_UP } },
	[DETECT_SILENCE] = { "silence", { "confidence", "learn" },
		{ .confidence = 0.999, .learn_us = 7 * DAY_US } },
	[DETECT_SURGE] = { "surge",
		{ "at_least", "within", "confidence", "learn", "times" },
		{ .at_least = 50, .within_us = HOUR_US, .times = 3, .confidence = 0.9999,
		  .learn_us = 3 * DAY_US } },
};
/* clang-format on */

static const char *const own_keys[] = { "in_a_row", "among", "distinct", "at_least",
	"within", "share", "confidence", "change", "by", "learn", "times", NULL };

bool
detector_counts(enum detector detector)
{
	return detector != DETECT_MATCH;
}

const char *
detector_name(enum detector detector)
{
	return detectors[detector].name;
}

static bool
has_key(const struct detector_info *info, const char *key)
{
	for (size_t i = 0; i < sizeof info->keys / sizeof *info->keys; i++)
		if (info->keys[i] != NULL && str_eq(str_of(info->keys[i]), str_of(key)))
			return true;
	return false;
}

static bool
check_own_keys(const struct ynode *node, const struct detector_info *info,
    struct diags *diags)
{
	bool good = true;

	for (size_t i = 0; own_keys[i] != NULL; i++) {
		const struct ynode *value = ynode_get(node, own_keys[i]);

		if (value == NULL || has_key(info, own_keys[i]))
			continue;
		diag_add(diags, value->at, "detector %s has no `%s`", info->name,
		    own_keys[i]);
		good = false;
	}
	return good;
}

/* "99.9%" as 0.999. */
static double
read_percent(const struct ynode *map, const char *key, double fallback, struct diags *diags)
{
	const struct ynode *node = ynode_get(map, key);
	int64_t millionths; /* of a percent */

	if (node == NULL)
		return fallback;
	if (node->type == YNODE_SCALAR && str_ends(node->text, STR("%")) &&
	    str_to_us(str_head(node->text, node->text.n - 1), &millionths) &&
	    millionths > 0 && millionths < 100 * US_PER_S)
		return (double)millionths / (100.0 * US_PER_S);
	diag_add(diags, node->at,
	    "'%s' must be a share between 0%% and 100%%, such as 99.9%%", key);
	return fallback;
}

static double
read_factor(const struct ynode *map, const char *key, double fallback, struct diags *diags)
{
	const struct ynode *node = ynode_get(map, key);
	int64_t millionths;

	if (node == NULL)
		return fallback;
	if (node->type == YNODE_SCALAR && str_to_us(node->text, &millionths) &&
	    millionths >= US_PER_S && millionths <= 1000 * (int64_t)US_PER_S)
		return (double)millionths / US_PER_S;
	diag_add(diags, node->at, "'%s' must be a number from 1 to 1000, such as 2.5", key);
	return fallback;
}

static enum change
read_change(const struct ynode *map, enum change fallback, struct diags *diags)
{
	static const char *const words[] = { "up", "down", "both", NULL };
	const struct ynode *node = ynode_get(map, "change");

	if (node == NULL)
		return fallback;
	for (int i = 0; words[i] != NULL; i++)
		if (str_eq(node->text, str_of(words[i])))
			return (enum change)(i + 1);
	diag_add(diags, node->at, "change is up, down or both, not '%.*s'",
	    STR_ARG(node->text));
	return fallback;
}

static bool
check_spans(const struct ynode *node, const struct alert_rule *rule, struct diags *diags)
{
	const struct counting *c = &rule->counting;
	const struct ynode *within = ynode_get(node, "within");

	if (within != NULL && (c->within_us < 60 * US_PER_S || c->within_us > 7 * DAY_US)) {
		diag_add(diags, within->at, "`within` must be from 1m to 7d");
		return false;
	}
	if (c->learn_us > 28 * DAY_US) {
		diag_add(diags, ynode_get(node, "learn")->at,
		    "`learn` must be at most 28d: history is not kept longer");
		return false;
	}
	return true;
}

static bool
read_kind(const struct ynode *node, struct alert_rule *rule, struct diags *diags)
{
	const char *names[DETECTOR_COUNT + 1] = { NULL };
	struct str word = ynode_text(node, "detector", STR("match"), diags);

	for (int i = 0; i < DETECTOR_COUNT; i++) {
		names[i] = detectors[i].name;
		if (str_eq(word, str_of(names[i]))) {
			rule->detector = (enum detector)i;
			return true;
		}
	}
	const char *near = nearest_word(word, names);

	diag_add(diags, ynode_get(node, "detector")->at, "no detector '%.*s'%s%s%s",
	    STR_ARG(word), near ? ", did you mean '" : "", near ? near : "",
	    near ? "'?" : "");
	return false;
}

bool
detector_read(const struct ynode *node, struct alert_rule *rule, struct diags *diags)
{
	size_t before = diags->errors;

	if (!read_kind(node, rule, diags))
		return false;
	const struct detector_info *info = &detectors[rule->detector];
	struct counting *c = &rule->counting;

	*c = info->defaults;
	(void)check_own_keys(node, info, diags);
	rule->in_a_row = ynode_int(node, "in_a_row", 1, 1, ENGINE_MAX_SEEN, diags);
	c->at_least = ynode_int(node, "at_least", c->at_least, 1,
	    rule->detector == DETECT_COUNT ? MAX_COUNT : 1000000, diags);
	c->within_us = ynode_span_us(node, "within", c->within_us, diags);
	c->learn_us = ynode_span_us(node, "learn", c->learn_us, diags);
	c->share = read_percent(node, "share", c->share, diags);
	c->by = read_percent(node, "by", c->by, diags);
	c->confidence = read_percent(node, "confidence", c->confidence, diags);
	c->times = read_factor(node, "times", c->times, diags);
	c->change = read_change(node, c->change, diags);
	(void)check_spans(node, rule, diags);
	if ((rule->detector == DETECT_RATIO || rule->detector == DETECT_TREND) &&
	    ynode_get(node, "among") == NULL)
		diag_add(diags, node->at,
		    "detector %s needs `among`: of which events is it the share?",
		    info->name);
	return diags->errors == before;
}

/* --- inhibited_by --- */

static bool
name_inhibitor(struct alert_rules *set, struct alert_rule *rule, const struct ynode *name,
    struct diags *diags)
{
	const char *near;
	const char **names = calloc(set->nrules + 1, sizeof *names);

	for (size_t i = 0; i < set->nrules; i++) {
		const struct alert_rule *other = &set->rules[i];

		if (names != NULL)
			names[i] = other->trouble.p; /* scalars end with a NUL */
		if (!str_eq(other->trouble, name->text))
			continue;
		rule->inhibitors[rule->ninhibitors++] = other->trouble_index;
		free(names);
		return true;
	}
	near = names == NULL ? NULL : nearest_word(name->text, names);
	diag_add(diags, name->at,
	    "no trouble '%.*s' (a rule's `trouble`, or its name)%s%s%s",
	    STR_ARG(name->text), near ? ", did you mean '" : "", near ? near : "",
	    near ? "'?" : "");
	free(names);
	return false;
}

/* Is `wanted` among the troubles that hold this one back, over any number of steps? */
static bool
reaches(const struct alert_rules *set, size_t trouble, size_t wanted, uint8_t *seen)
{
	if (seen[trouble] != 0)
		return false;
	seen[trouble] = 1;
	for (size_t i = 0; i < set->nrules; i++) {
		const struct alert_rule *rule = &set->rules[i];

		if (rule->trouble_index != trouble)
			continue;
		for (size_t k = 0; k < rule->ninhibitors; k++)
			if (rule->inhibitors[k] == wanted ||
			    reaches(set, rule->inhibitors[k], wanted, seen))
				return true;
	}
	return false;
}

static bool
check_circles(const struct alert_rules *set, struct diags *diags)
{
	bool good = true;

	for (size_t i = 0; i < set->nrules; i++) {
		const struct alert_rule *rule = &set->rules[i];
		uint8_t *seen = rule->ninhibitors == 0 ? NULL : calloc(set->ntroubles, 1);

		if (seen != NULL &&
		    reaches(set, rule->trouble_index, rule->trouble_index, seen)) {
			diag_add(diags, ynode_get(rule->node, "inhibited_by")->at,
			    "inhibited_by goes in a circle: '%.*s' would hold itself back",
			    STR_ARG(rule->trouble));
			good = false;
		}
		free(seen);
	}
	return good;
}

bool
inhibition_read(struct alert_rules *set, struct diags *diags)
{
	bool good = true;

	for (size_t i = 0; i < set->nrules; i++) {
		struct alert_rule *rule = &set->rules[i];
		const struct ynode *list = ynode_get(rule->node, "inhibited_by");

		if (list == NULL)
			continue;
		if (!ynode_is(list, YNODE_LIST, "a list of troubles", diags))
			return false;
		if (list->n > MAX_INHIBITORS) {
			diag_add(diags, list->at, "more than %d troubles", MAX_INHIBITORS);
			return false;
		}
		for (size_t k = 0; k < list->n; k++)
			good &= name_inhibitor(set, rule, &list->values[k], diags);
	}
	return good && check_circles(set, diags);
}
