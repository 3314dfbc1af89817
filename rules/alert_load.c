/* Reading alert rules, for rules/alert.h. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "core/clock.h"
#include "parsers/field.h"
#include "rules/alert_rule.h"
#include "rules/engine.h"
#include "rules/template.h"

static const char *const file_keys[] = { "rules", NULL };
static const char *const rule_keys[] = { "name", "trouble", "detector", "when", "group_by",
	"in_a_row", "among", "distinct", "at_least", "within", "share", "confidence",
	"change", "by", "learn", "times", "severity", "summary", "advice", "resolves",
	"reopen", "inhibited_by", "examples", NULL };
static const char *const resolve_keys[] = { "when", "after", NULL };

#define DEFAULT_REOPEN_US (3600 * (int64_t)US_PER_S)
#define LONGEST_REOPEN_US (7 * 86400 * (int64_t)US_PER_S)

static bool
read_group(const struct ynode *node, struct alert_rule *rule, struct diags *diags)
{
	const struct ynode *list = ynode_get(node, "group_by");
	bool good = true;

	rule->ngroup = 0;
	if (list == NULL) {
		rule->group_by[rule->ngroup++] = EVF_host;
		return true;
	}
	if (!ynode_is(list, YNODE_LIST, "a list of fields", diags))
		return false;
	if (list->n > MAX_GROUP) {
		diag_add(diags, list->at, "more than %d fields to group by", MAX_GROUP);
		return false;
	}
	for (size_t i = 0; i < list->n; i++) {
		const struct ynode *name = &list->values[i];
		bool peer = str_eq(name->text, STR("peer"));
		enum event_field f =
		    peer ? EVF_COUNT : field_named(name->text, name->at, diags);

		if (f == EVF_COUNT && !peer) {
			good = false;
			continue;
		}
		rule->group_by[rule->ngroup++] = peer ? (unsigned)GROUP_PEER : (unsigned)f;
	}
	return good;
}

static bool
read_resolves(const struct ynode *node, struct alert_rule *rule, struct diags *diags)
{
	const struct ynode *resolves = ynode_get(node, "resolves");
	const struct ynode *when;

	if (detector_counts(rule->detector))
		rule->quiet_us = rule->counting.within_us;
	if (resolves == NULL && detector_counts(rule->detector))
		return true; /* over when the detector no longer finds it */
	if (resolves == NULL) {
		diag_add(diags, node->at,
		    "rule '%.*s' does not say when it `resolves`: `when` something is seen, or "
		    "`after` a quiet span",
		    STR_ARG(rule->name));
		return false;
	}
	if (!ynode_is(resolves, YNODE_MAP, "`when` or `after`", diags) ||
	    !ynode_check_keys(resolves, resolve_keys, diags))
		return false;
	rule->quiet_us = ynode_span_us(resolves, "after", rule->quiet_us, diags);
	if ((when = ynode_get(resolves, "when")) == NULL)
		return true;
	rule->has_healthy = true;
	return conditions_read(when, &rule->healthy, diags);
}

static bool
read_words(const struct ynode *node, struct alert_rule *rule, struct diags *diags)
{
	static const char *const names[] = { "info", "warning", "critical", NULL };
	struct str word = ynode_text(node, "severity", STR("warning"), diags);
	bool good = true;

	rule->severity = severity_find(word);
	if (rule->severity == SEVERITY_UNKNOWN) {
		const char *near = nearest_word(word, names);

		diag_add(diags, ynode_get(node, "severity")->at,
		    "severity is info, warning or critical, not '%.*s'%s%s%s",
		    STR_ARG(word), near ? ", did you mean '" : "", near ? near : "",
		    near ? "'?" : "");
		good = false;
	}
	rule->summary = ynode_text(node, "summary", STR(""), diags);
	rule->advice = ynode_text(node, "advice", STR(""), diags);
	if (rule->summary.n == 0) {
		diag_add(diags, node->at,
		    "rule '%.*s' has no `summary`: what is a person told?",
		    STR_ARG(rule->name));
		return false;
	}
	good &= template_check(ynode_get(node, "summary"), diags);
	if (rule->advice.n > 0)
		good &= template_check(ynode_get(node, "advice"), diags);
	return good;
}

static bool
read_among(const struct ynode *node, struct alert_rule *rule, struct diags *diags)
{
	const struct ynode *among = ynode_get(node, "among");

	rule->has_among = among != NULL;
	return among == NULL || conditions_read(among, &rule->among, diags);
}

static bool
read_distinct(const struct ynode *node, struct alert_rule *rule, struct diags *diags)
{
	const struct ynode *name = ynode_get(node, "distinct");

	rule->distinct = EVF_COUNT;
	if (name == NULL)
		return true;
	rule->distinct = event_field_find(name->text);
	if (rule->distinct != EVF_COUNT && event_field_is_text(rule->distinct))
		return true;
	diag_add(diags, name->at, "`distinct` names a text field of events, not '%.*s'",
	    STR_ARG(name->text));
	return false;
}

static uint64_t
mark_node(uint64_t mark, const struct ynode *node)
{
	mark = (mark ^ str_hash(node->text)) * UINT64_C(0x9e3779b97f4a7c15) + 1;
	for (size_t i = 0; i < node->n; i++) {
		if (node->type == YNODE_MAP)
			mark = mark_node(mark, &node->keys[i]);
		mark = mark_node(mark, &node->values[i]);
	}
	return mark;
}

/* Of all that decides what is counted, and in what spans. */
static uint64_t
mark_of(const struct alert_rule *rule)
{
	static const char *const keys[] = { "detector", "when", "among", "group_by",
		"distinct", "at_least", "within" };
	uint64_t mark = 1;

	for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
		const struct ynode *node = ynode_get(rule->node, keys[i]);

		mark = mark * 31 + i;
		if (node != NULL)
			mark = mark_node(mark, node);
	}
	return mark & INT64_MAX; /* the store keeps it as a signed number */
}

/*
 * Where a pattern hits its limit again and again the rule is off: what it counts, too, or a
 * share would fall and a silence come. A sign of health without a pattern still counts.
 */
static bool
share_limits(struct alert_rule *rule, struct diags *diags)
{
	bool sign = conditions_have_pattern(&rule->when) ||
		    (rule->has_among && conditions_have_pattern(&rule->among));
	bool health = rule->has_healthy && conditions_have_pattern(&rule->healthy);

	if (!sign && !health)
		return true;
	if ((rule->hits = calloc(1, sizeof *rule->hits)) == NULL) {
		diag_add(diags, rule->node->at, "out of memory");
		return false;
	}
	rule->when.hits = rule->among.hits = rule->hits;
	rule->healthy.hits = health ? rule->hits : NULL;
	return true;
}

static bool
read_rule(const struct ynode *node, struct alert_rule *rule, struct diags *diags)
{
	const struct ynode *when = ynode_get(node, "when");
	bool good = ynode_check_keys(node, rule_keys, diags);

	rule->node = node;
	rule->name = ynode_text(node, "name", STR(""), diags);
	if (rule->name.n == 0 || when == NULL) {
		diag_add(diags, node->at, "a rule needs a `name` and a `when`");
		return false;
	}
	rule->trouble = ynode_text(node, "trouble", rule->name, diags);
	rule->reopen_us = ynode_span_us(node, "reopen", DEFAULT_REOPEN_US, diags);
	if (rule->reopen_us > LONGEST_REOPEN_US)
		diag_add(diags, ynode_get(node, "reopen")->at,
		    "`reopen` must be at most 7d: older incidents are not looked at again");
	rule->examples = ynode_get(node, "examples");
	good &= conditions_read(when, &rule->when, diags);
	good &= detector_read(node, rule, diags);
	good &= read_distinct(node, rule, diags);
	good &= read_among(node, rule, diags);
	good &= read_group(node, rule, diags);
	good &= read_resolves(node, rule, diags);
	good &= share_limits(rule, diags);
	rule->mark = mark_of(rule);
	return read_words(node, rule, diags) && good;
}

/* Rules of one trouble must group alike, or they could not share an incident. */
static bool
same_group(const struct alert_rule *a, const struct alert_rule *b)
{
	return a->ngroup == b->ngroup &&
	       memcmp(a->group_by, b->group_by, a->ngroup * sizeof *a->group_by) == 0;
}

static bool
join_trouble(struct alert_rules *set, struct alert_rule *rule, struct diags *diags)
{
	rule->rank = (size_t)(rule - set->rules);
	for (const struct alert_rule *other = set->rules; other < rule; other++) {
		if (!str_eq(other->trouble, rule->trouble))
			continue;
		rule->trouble_index = other->trouble_index;
		if (same_group(other, rule))
			return true;
		diag_add(diags, rule->node->at,
		    "rule '%.*s' shares the trouble '%.*s' with '%.*s' and must group alike",
		    STR_ARG(rule->name), STR_ARG(rule->trouble), STR_ARG(other->name));
		return false;
	}
	rule->trouble_index = set->ntroubles++;
	return true;
}

static void
rule_done(struct alert_rule *rule)
{
	conditions_done(&rule->when);
	conditions_done(&rule->healthy);
	conditions_done(&rule->among);
	free(rule->hits);
}

static struct str
folder_of(const char *path)
{
	struct str whole = str_of(path);
	ptrdiff_t slash = str_rfind_char(whole, '/');

	return str_head(whole, slash < 0 ? 0 : (size_t)slash);
}

/* A rule of an earlier folder gives way to one of the same name, which takes its place. */
static bool
add_rule(struct alert_rules *set, const struct alert_rule *rule, struct diags *diags)
{
	for (size_t i = 0; i < set->nrules; i++) {
		struct alert_rule *other = &set->rules[i];

		if (!str_eq(other->name, rule->name))
			continue;
		if (str_eq(folder_of(other->node->at.file),
			folder_of(rule->node->at.file))) {
			diag_add(diags, rule->node->at,
			    "rule '%.*s' exists already, at %s:%u", STR_ARG(rule->name),
			    other->node->at.file, other->node->at.line);
			return false;
		}
		rule_done(other);
		*other = *rule;
		return true;
	}
	set->rules[set->nrules++] = *rule;
	return true;
}

static int
read_file(struct alert_rules *set, const struct ynode *root, struct diags *diags)
{
	const struct ynode *rules = ynode_get(root, "rules");
	size_t before = diags->errors;

	if (!ynode_is(root, YNODE_MAP, "rules", diags) ||
	    !ynode_check_keys(root, file_keys, diags))
		return -EINVAL;
	if (rules == NULL)
		return 0;
	if (!ynode_is(rules, YNODE_LIST, "a list of rules", diags))
		return -EINVAL;
	struct alert_rule *more =
	    realloc(set->rules, (set->nrules + rules->n + 1) * sizeof *more);

	if (more == NULL)
		return -ENOMEM;
	set->rules = more;
	for (size_t i = 0; i < rules->n; i++) {
		struct alert_rule rule = { .node = &rules->values[i] };

		if (!ynode_is(&rules->values[i], YNODE_MAP, "a rule", diags))
			continue;
		if (!read_rule(&rules->values[i], &rule, diags) ||
		    !add_rule(set, &rule, diags))
			rule_done(&rule);
	}
	return diags->errors == before ? 0 : -EINVAL;
}

static int
load_all(struct alert_rules *set, const char *const *dirs, size_t ndirs,
    struct diags *diags)
{
	size_t before = diags->errors;
	int r = folder_list_yaml(dirs, ndirs, "alerts", &set->list, diags);

	if (r < 0)
		return r;
	set->files = calloc(set->list.n + 1, sizeof(struct yaml *));
	if (set->files == NULL)
		return -ENOMEM;
	for (size_t i = 0; i < set->list.n; i++) {
		int one = ydoc_load(set->list.paths[i], &set->files[i], diags);

		if (one == 0)
			one = read_file(set, ydoc_root(set->files[i]), diags);
		if (one == -ENOMEM)
			return one;
		r = one < 0 ? one : r;
	}
	for (size_t i = 0; i < set->nrules; i++)
		(void)join_trouble(set, &set->rules[i], diags);
	(void)inhibition_read(set, diags);
	if (r == 0 && diags->errors != before)
		r = -EINVAL; /* some faults are only told */
	return r;
}

int
alert_rules_load(const char *const *dirs, size_t ndirs, struct alert_rules **out,
    struct diags *diags)
{
	struct alert_rules *set = calloc(1, sizeof *set);
	int r = set == NULL ? -ENOMEM : load_all(set, dirs, ndirs, diags);

	if (r < 0) {
		alert_rules_free(set);
		return r;
	}
	*out = set;
	return 0;
}

void
alert_rules_free(struct alert_rules *set)
{
	if (set == NULL)
		return;
	for (size_t i = 0; i < set->nrules; i++)
		rule_done(&set->rules[i]);
	for (size_t i = 0; set->files != NULL && i < set->list.n; i++)
		ydoc_free(set->files[i]);
	folder_done(&set->list);
	free(set->rules);
	free(set->files);
	free(set);
}

size_t
alert_rules_count(const struct alert_rules *set)
{
	return set->nrules;
}

bool
alert_rules_has(const struct alert_rules *set, struct str name)
{
	for (size_t i = 0; i < set->nrules; i++)
		if (str_eq(set->rules[i].name, name))
			return true;
	return false;
}

bool
alert_rules_at(const struct alert_rules *set, size_t i, struct alert_rule_info *out)
{
	if (i >= set->nrules)
		return false;
	const struct alert_rule *rule = &set->rules[i];

	*out = (struct alert_rule_info){
		.name = rule->name,
		.detector = detector_name(rule->detector),
		.learn_us = rule->counting.learn_us,
		.mark = (int64_t)rule->mark,
	};
	return true;
}

uint32_t
alert_rules_kinds(const struct alert_rules *set)
{
	uint32_t kinds = 0;

	for (size_t i = 0; i < set->nrules; i++) {
		kinds |= set->rules[i].when.kinds;
		if (set->rules[i].has_healthy)
			kinds |= set->rules[i].healthy.kinds;
		if (set->rules[i].has_among)
			kinds |= set->rules[i].among.kinds;
	}
	return kinds;
}
