/* Reading the files of rules.d/bounces, for parsers/bounce_rules.h. */
#include <errno.h>
#include <stdlib.h>

#include "parsers/bounce_rules_impl.h"

static const char *const file_keys[] = { "mta", "versions", "define", "ends", "rules",
	"parts", NULL };
static const char *const rule_keys[] = { "name", "literal", "from", "subject", "header",
	"in", "pattern", "kind", "set", "map", "parts", "others_only", "examples", NULL };

static const struct {
	enum event_field field;
	const char *name;
} values[BOUNCE_VALUES] = {
	[BOUNCE_RECIPIENT] = { EVF_recipient, "recipient" },
	[BOUNCE_ACTION] = { EVF_dsn_action, "dsn_action" },
	[BOUNCE_STATUS] = { EVF_status, "status" },
	[BOUNCE_SMTP_CODE] = { EVF_smtp_code, "smtp_code" },
	[BOUNCE_REPLY] = { EVF_reply, "reply" },
	[BOUNCE_RELAY_NAME] = { EVF_relay_name, "relay_name" },
	[BOUNCE_RELAY_IP] = { EVF_relay_ip, "relay_ip" },
	[BOUNCE_QUEUE_ID] = { EVF_queue_id, "queue_id" },
	[BOUNCE_SENDER] = { EVF_sender, "sender" },
	[BOUNCE_MESSAGE_ID] = { EVF_message_id, "message_id" },
};

static const struct {
	struct str name;
} wheres[WHERE_COUNT] = {
	[WHERE_TEXT] = { STR_INIT("text") },
	[WHERE_HEADER] = { STR_INIT("header") },
	[WHERE_SUBJECT] = { STR_INIT("subject") },
	[WHERE_FROM] = { STR_INIT("from") },
};

enum bounce_value
bounce_value_of(enum event_field f)
{
	for (int v = 0; v < BOUNCE_VALUES; v++)
		if (values[v].field == f)
			return (enum bounce_value)v;
	return BOUNCE_VALUES;
}

const char *
bounce_value_name(enum bounce_value v)
{
	return values[v].name;
}

enum bounce_where
bounce_where_named(struct str name)
{
	for (int w = 0; w < WHERE_COUNT; w++)
		if (str_eq(wheres[w].name, name))
			return (enum bounce_where)w;
	return WHERE_COUNT;
}

bool
bounce_pattern_has(const struct pattern *pattern, enum event_field f)
{
	for (size_t i = 0; i < pattern->ncaptures; i++)
		if (pattern->captures[i].field == f)
			return true;
	return false;
}

/* All that it sets is of use here? */
static bool
check_fields(const struct pattern *p, struct diags *diags)
{
	bool good = true;

	for (size_t i = 0; i < p->ncaptures + p->nconstants; i++) {
		enum event_field f =
		    i < p->ncaptures
			? (enum event_field)p->captures[i].field
			: (enum event_field)p->constants[i - p->ncaptures].field;

		if (bounce_value_of(f) != BOUNCE_VALUES)
			continue;
		diag_add(diags, p->source->at,
		    "a bounce has no '%s': recipient, dsn_action, status, smtp_code, "
		    "reply, relay_name, relay_ip, queue_id, sender, message_id",
		    event_field_name(f));
		good = false;
	}
	return good;
}

static bool
read_where(const struct ynode *node, struct bounce_rule *rule, struct diags *diags)
{
	const struct ynode *in = ynode_get(node, "in");

	if (in == NULL)
		return true;
	rule->where = bounce_where_named(ynode_text(node, "in", STR("text"), diags));
	if (rule->where != WHERE_COUNT)
		return true;
	rule->where = WHERE_TEXT;
	diag_add(diags, in->at, "`in` is one of text, header, subject, from");
	return false;
}

static bool
read_kind(const struct ynode *node, struct bounce_rule *rule, struct diags *diags)
{
	const struct ynode *kind = ynode_get(node, "kind");
	struct str word = ynode_text(node, "kind", STR("dsn"), diags);

	rule->ignore = str_eq(word, STR("ignore"));
	if (rule->ignore || str_eq(word, STR("dsn")))
		return true;
	diag_add(diags, kind->at, "`kind` is dsn (default) or ignore, not '%.*s'",
	    STR_ARG(word));
	return false;
}

/* from, subject, header: patterns for the message's own header. */
static bool
read_fits(struct bounce_file *file, const struct ynode *node, struct bounce_rule *rule,
    struct diags *diags)
{
	bool good = true;

	for (int w = WHERE_HEADER; w < WHERE_COUNT; w++) {
		const struct ynode *one = ynode_get(node, wheres[w].name.p);

		if (one != NULL)
			good &=
			    ynode_is(one, YNODE_SCALAR, "a pattern", diags) &&
			    pattern_compile_code(&file->base, one, &rule->fits[w], diags);
	}
	return good;
}

/* "text", "header" and the like, or a group of the rule's pattern. */
static bool
find_subject(struct bounce_rule *rule, const struct part *part, uint16_t groups[4])
{
	return bounce_where_named(part->of) != WHERE_COUNT ||
	       (rule->pattern.re != NULL &&
		   pattern_find_groups(rule->pattern.re, part->of, groups));
}

static bool
use_list(struct bounce_file *file, const struct ynode *word, struct bounce_rule *rule,
    struct diags *diags)
{
	const struct part_list *list = rule_file_find_list(&file->base, word->text);

	if (list == NULL) {
		diag_add(diags, word->at, "no parts '%.*s' in this file",
		    STR_ARG(word->text));
		return false;
	}
	if (rule->nuses == MAX_PARTS) {
		diag_add(diags, word->at, "more than %d part lists", MAX_PARTS);
		return false;
	}
	struct part_use *use = &rule->uses[rule->nuses++];

	*use = (struct part_use){ list, calloc(list->n + 1, sizeof *use->groups) };
	if (use->groups == NULL)
		return false;
	for (size_t i = 0; i < list->n; i++)
		if (!find_subject(rule, &list->parts[i], use->groups[i])) {
			diag_add(diags, word->at,
			    "the pattern has no group '%.*s', which parts '%.*s' read",
			    STR_ARG(list->parts[i].of), STR_ARG(list->name));
			return false;
		}
	return true;
}

static bool
read_uses(struct bounce_file *file, const struct ynode *node, struct bounce_rule *rule,
    struct diags *diags)
{
	const struct ynode *names = ynode_get(node, "parts");
	bool good = true;

	if (names == NULL)
		return true;
	if (!ynode_is(names, YNODE_LIST, "a list of parts", diags))
		return false;
	for (size_t i = 0; i < names->n; i++)
		good &= use_list(file, &names->values[i], rule, diags);
	return good;
}

/* Does anything of the rule name a recipient? */
static bool
check_recipient(const struct bounce_rule *rule, struct diags *diags)
{
	bool found = rule->ignore || bounce_pattern_has(&rule->pattern, EVF_recipient);

	for (size_t u = 0; u < rule->nuses; u++)
		for (size_t i = 0; i < rule->uses[u].list->n; i++)
			found |= bounce_pattern_has(&rule->uses[u].list->parts[i].pattern,
			    EVF_recipient);
	if (!found)
		diag_add(diags, rule->node->at,
		    "rule '%.*s' finds no recipient: its pattern, or a part's, needs a "
		    "group (?<recipient>...)",
		    STR_ARG(rule->name));
	return found;
}

static bool
read_pattern(struct bounce_file *file, const struct ynode *node, struct bounce_rule *rule,
    struct diags *diags)
{
	if (rule->ignore && ynode_get(node, "pattern") == NULL) {
		if (rule->nliterals > 0 || rule->fits[WHERE_HEADER].re != NULL ||
		    rule->fits[WHERE_SUBJECT].re != NULL ||
		    rule->fits[WHERE_FROM].re != NULL)
			return true;
		diag_add(diags, node->at, "rule '%.*s' would ignore every message",
		    STR_ARG(rule->name));
		return false;
	}
	return pattern_compile(&file->base, node, &rule->pattern, diags) &&
	       check_fields(&rule->pattern, diags) && read_uses(file, node, rule, diags) &&
	       check_recipient(rule, diags);
}

static bool
read_rule(struct bounce_file *file, const struct ynode *node, struct bounce_rule *rule,
    struct diags *diags)
{
	const struct ynode *literal;

	if (!ynode_is(node, YNODE_MAP, "a rule", diags))
		return false;
	bool good = ynode_check_keys(node, rule_keys, diags);

	rule->file = file;
	rule->node = node;
	rule->name = ynode_text(node, "name", STR(""), diags);
	if (rule->name.n == 0) {
		diag_add(diags, node->at, "a rule needs a `name`");
		return false;
	}
	rule->examples = ynode_get(node, "examples");
	rule->others_only = ynode_bool(node, "others_only", false, diags);
	if ((literal = ynode_get(node, "literal")) != NULL)
		rule->literals = rule_read_words(literal, &rule->nliterals, diags);
	good &= read_kind(node, rule, diags);
	good &= read_where(node, rule, diags);
	good &= read_fits(file, node, rule, diags);
	return read_pattern(file, node, rule, diags) && good;
}

static bool
read_ends(struct bounce_file *file, const struct ynode *root, struct diags *diags)
{
	const struct ynode *ends = ynode_get(root, "ends");
	bool good = true;

	if (ends == NULL)
		return true;
	if (!ynode_is(ends, YNODE_LIST, "a list of patterns", diags))
		return false;
	file->ends = calloc(ends->n + 1, sizeof *file->ends);
	if (file->ends == NULL)
		return false;
	for (size_t i = 0; i < ends->n; i++, file->nends++)
		good &= ynode_is(&ends->values[i], YNODE_SCALAR, "a pattern", diags) &&
			pattern_compile_code(&file->base, &ends->values[i], &file->ends[i],
			    diags);
	return good;
}

static bool
check_part_fields(const struct bounce_file *file, struct diags *diags)
{
	bool good = true;

	for (size_t i = 0; i < file->base.nlists; i++)
		for (size_t k = 0; k < file->base.lists[i].n; k++)
			if (file->base.lists[i].parts[k].pattern.re != NULL)
				good &= check_fields(&file->base.lists[i].parts[k].pattern,
				    diags);
	return good;
}

static bool
read_rules(struct bounce_file *file, const struct ynode *rules, struct diags *diags)
{
	bool good = true;

	file->rules = calloc(rules->n + 1, sizeof *file->rules);
	if (file->rules == NULL)
		return false;
	for (size_t i = 0; i < rules->n; i++) {
		file->nrules++;
		good &= read_rule(file, &rules->values[i], &file->rules[i], diags);
	}
	return good;
}

int
bounce_file_load(struct bounce_file *file, struct diags *diags)
{
	size_t before = diags->errors;
	int r = ydoc_load(file->base.path, &file->base.yaml, diags);

	if (r < 0)
		return r;
	const struct ynode *root = ydoc_root(file->base.yaml);
	const struct ynode *rules = ynode_get(root, "rules");

	if (!ynode_is(root, YNODE_MAP, "mta and rules", diags) ||
	    !ynode_check_keys(root, file_keys, diags))
		return -EINVAL;
	file->base.many_lines = true;
	file->base.mta = ynode_text(root, "mta", STR(""), diags);
	if (file->base.mta.n == 0 || rules == NULL) {
		diag_add(diags, root->at, "a rule file needs `mta` and `rules`");
		return -EINVAL;
	}
	if (!ynode_is(rules, YNODE_LIST, "a list of rules", diags))
		return -EINVAL;
	bool good = rule_file_read_defines(&file->base, root, diags);

	good &= rule_file_read_parts(&file->base, root, diags);
	good &= check_part_fields(file, diags);
	good &= read_ends(file, root, diags);
	good &= read_rules(file, rules, diags);
	return good && diags->errors == before ? 0 : -EINVAL;
}

void
bounce_file_done(struct bounce_file *file)
{
	for (size_t i = 0; i < file->nrules; i++) {
		struct bounce_rule *rule = &file->rules[i];

		pattern_done(&rule->pattern);
		for (int w = 0; w < WHERE_COUNT; w++)
			pattern_done(&rule->fits[w]);
		for (size_t u = 0; u < rule->nuses; u++)
			free(rule->uses[u].groups);
		free(rule->literals);
	}
	for (size_t i = 0; i < file->nends; i++)
		pattern_done(&file->ends[i]);
	free(file->ends);
	free(file->rules);
	rule_file_done(&file->base);
}
