/* Reading rule files, for parsers/ruleset.h. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "core/folder.h"
#include "parsers/rule.h"

static const char *const file_keys[] = { "mta", "versions", "skip", "claims", "services",
	"define", "rules", "parts", NULL };
static const char *const rule_keys[] = { "name", "process", "begins", "literal", "pattern",
	"kind", "set", "map", "lower", "split", "parts", "examples", NULL };
static const char *const part_keys[] = { "of", "pattern", "set", "map", "lower", NULL };

/* A list of single values, or one value; NULL and a fault if it is neither. */
struct str *
rule_read_words(const struct ynode *node, size_t *n_out, struct diags *diags)
{
	const struct ynode *values = node->type == YNODE_LIST ? node->values : node;
	size_t n = node->type == YNODE_LIST ? node->n : 1;
	struct str *words = calloc(n + 1, sizeof *words);

	if (words == NULL)
		return NULL;
	for (size_t i = 0; i < n; i++) {
		if (!ynode_is(&values[i], YNODE_SCALAR, "a single value", diags)) {
			free(words);
			return NULL;
		}
		if (values[i].text.n == 0)
			diag_add(diags, values[i].at,
			    "empty text fits everything: leave it out");
		words[i] = values[i].text;
	}
	*n_out = n;
	return words;
}

static bool
read_processes(const struct rule_file *file, const struct ynode *node, struct rule *rule,
    struct diags *diags)
{
	const struct ynode *claims = ynode_get(ydoc_root(file->yaml), "claims");
	const struct ynode *list = ynode_get(node, "process");
	bool good = true;

	if (list == NULL)
		return true;
	rule->processes = rule_read_words(list, &rule->nprocesses, diags);
	if (rule->processes == NULL)
		return false;
	for (size_t i = 0; i < rule->nprocesses; i++) {
		bool claimed = false;

		for (size_t k = 0; k < claims->n; k++)
			claimed |= str_eq(claims->values[k].text, rule->processes[i]);
		if (!claimed) {
			diag_add(diags, list->at, "process '%.*s' is not among the claims",
			    STR_ARG(rule->processes[i]));
			good = false;
		}
		if (str_starts(rule->processes[i], STR("*/")))
			rule->processes[i] = str_skip(rule->processes[i], 1);
	}
	return good;
}

static bool
read_kind(const struct ynode *node, struct rule *rule, struct diags *diags)
{
	const struct ynode *kind = ynode_get(node, "kind");
	const char *names[KIND_COUNT + 1] = { "ignore" };

	if (kind == NULL) {
		diag_add(diags, node->at, "rule '%.*s' has no `kind`", STR_ARG(rule->name));
		return false;
	}
	if (!ynode_is(kind, YNODE_SCALAR, "a kind", diags))
		return false;
	rule->ignore = str_eq(kind->text, STR("ignore"));
	if (rule->ignore)
		return true;
	int value = event_enum_find(EVT_KIND, kind->text);

	if (value == 0) {
		for (int k = 1; k < KIND_COUNT; k++)
			names[k] = event_enum_name(EVT_KIND, k);
		const char *near = nearest_word(kind->text, names);

		diag_add(diags, kind->at, "no kind '%.*s'%s%s%s", STR_ARG(kind->text),
		    near ? ", did you mean '" : "", near ? near : "", near ? "'?" : "");
		return false;
	}
	struct constant *c =
	    realloc(rule->pattern.constants, (rule->pattern.nconstants + 1) * sizeof *c);

	if (c == NULL)
		return false;
	rule->pattern.constants = c;
	c[rule->pattern.nconstants++] = (struct constant){ EVF_kind, { .num = value } };
	return true;
}

/* The numbers of all groups of that name; scratch groups too. */
bool
pattern_find_groups(pcre2_code *re, struct str name, uint16_t groups[4])
{
	uint32_t n = 0, size = 0;
	PCRE2_SPTR table = NULL;
	size_t found = 0;

	(void)pcre2_pattern_info(re, PCRE2_INFO_NAMECOUNT, &n);
	(void)pcre2_pattern_info(re, PCRE2_INFO_NAMEENTRYSIZE, &size);
	(void)pcre2_pattern_info(re, PCRE2_INFO_NAMETABLE, &table);
	for (uint32_t i = 0; i < n && found < 4; i++) {
		const unsigned char *entry = table + (size_t)i * size;

		if (str_eq(str_of((const char *)entry + 2), name))
			groups[found++] = (uint16_t)(entry[0] << 8 | entry[1]);
	}
	return found > 0;
}

const struct part_list *
rule_file_find_list(const struct rule_file *file, struct str name)
{
	for (size_t i = 0; i < file->nlists; i++)
		if (str_eq(file->lists[i].name, name))
			return &file->lists[i];
	return NULL;
}

static bool
use_list(const struct rule_file *file, const struct ynode *word, struct rule *rule,
    struct diags *diags)
{
	const struct part_list *list = rule_file_find_list(file, word->text);

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
		if (!pattern_find_groups(rule->pattern.re, list->parts[i].of,
			use->groups[i])) {
			diag_add(diags, word->at,
			    "the pattern has no group '%.*s', which parts '%.*s' read",
			    STR_ARG(list->parts[i].of), STR_ARG(list->name));
			return false;
		}
	return true;
}

static bool
read_uses(const struct rule_file *file, const struct ynode *node, struct rule *rule,
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

static bool
read_split(const struct ynode *node, struct rule *rule, struct diags *diags)
{
	const struct ynode *split = ynode_get(node, "split");

	rule->split = EVF_COUNT;
	if (split == NULL)
		return true;
	if (str_eq(split->text, STR("recipient"))) {
		rule->split = EVF_recipient;
		return true;
	}
	diag_add(diags, split->at, "only `recipient` can be split");
	return false;
}

static bool
read_rule(struct rule_file *file, const struct ynode *node, struct rule *rule,
    struct diags *diags)
{
	const struct ynode *begins;

	if (!ynode_is(node, YNODE_MAP, "a rule", diags))
		return false;
	bool good = ynode_check_keys(node, rule_keys, diags);

	rule->node = node;
	rule->name = ynode_text(node, "name", STR(""), diags);
	if (rule->name.n == 0) {
		diag_add(diags, node->at, "a rule needs a `name`");
		return false;
	}
	rule->literal = ynode_text(node, "literal", STR(""), diags);
	rule->examples = ynode_get(node, "examples");
	if ((begins = ynode_get(node, "begins")) != NULL)
		rule->begins = rule_read_words(begins, &rule->nbegins, diags);
	bool compiled = pattern_compile(file, node, &rule->pattern, diags);

	good &= read_kind(node, rule, diags);
	good &= read_split(node, rule, diags);
	good &= read_processes(file, node, rule, diags);
	return compiled && read_uses(file, node, rule, diags) && good;
}

static bool
read_part_list(struct rule_file *file, const struct ynode *node, struct part_list *list,
    struct diags *diags)
{
	bool good = true;

	if (!ynode_is(node, YNODE_LIST, "a list of patterns", diags))
		return false;
	list->parts = calloc(node->n + 1, sizeof *list->parts);
	if (list->parts == NULL)
		return false;
	for (size_t i = 0; i < node->n; i++) {
		const struct ynode *one = &node->values[i];

		list->n++;
		if (!ynode_is(one, YNODE_MAP, "`of` and `pattern`", diags)) {
			good = false;
			continue;
		}
		good &= ynode_check_keys(one, part_keys, diags);
		list->parts[i].of = ynode_text(one, "of", STR(""), diags);
		if (list->parts[i].of.n == 0) {
			diag_add(diags, one->at,
			    "say with `of` which group this looks into");
			good = false;
		}
		good &= pattern_compile(file, one, &list->parts[i].pattern, diags);
	}
	return good;
}

bool
rule_file_read_parts(struct rule_file *file, const struct ynode *root, struct diags *diags)
{
	const struct ynode *parts = ynode_get(root, "parts");
	bool good = true;

	if (parts == NULL)
		return true;
	if (!ynode_is(parts, YNODE_MAP, "names and their patterns", diags))
		return false;
	file->lists = calloc(parts->n + 1, sizeof *file->lists);
	if (file->lists == NULL)
		return false;
	for (size_t i = 0; i < parts->n; i++) {
		file->lists[i].name = parts->keys[i].text;
		file->nlists++;
		good &= read_part_list(file, &parts->values[i], &file->lists[i], diags);
	}
	return good;
}

bool
rule_file_read_defines(struct rule_file *file, const struct ynode *root,
    struct diags *diags)
{
	const struct ynode *define = ynode_get(root, "define");
	bool good = true;

	if (define == NULL)
		return true;
	if (!ynode_is(define, YNODE_MAP, "names and their pieces of pattern", diags))
		return false;
	file->defines = calloc(define->n + 1, sizeof *file->defines);
	if (file->defines == NULL)
		return false;
	for (size_t i = 0; i < define->n; i++) {
		good &=
		    ynode_is(&define->values[i], YNODE_SCALAR, "a piece of pattern", diags);
		file->defines[file->ndefines++] =
		    (struct mapping){ define->keys[i].text, define->values[i].text };
	}
	return good;
}

static bool
read_skip(struct rule_file *file, const struct ynode *root, struct diags *diags)
{
	static const struct {
		struct str word;
		enum rule_skip skip;
	} words[] = { { STR_INIT("none"), SKIP_NONE },
		{ STR_INIT("queue-id"), SKIP_QUEUE_ID },
		{ STR_INIT("session"), SKIP_SESSION } };
	struct str word = ynode_text(root, "skip", STR("none"), diags);

	for (size_t i = 0; i < sizeof words / sizeof *words; i++)
		if (str_eq(words[i].word, word)) {
			file->skip = words[i].skip;
			return true;
		}
	diag_add(diags, ynode_get(root, "skip")->at,
	    "`skip` is one of none, queue-id, session, not '%.*s'", STR_ARG(word));
	return false;
}

static bool
read_top(struct rule_file *file, const struct ynode *root, struct diags *diags)
{
	const struct ynode *claims = ynode_get(root, "claims");
	const struct ynode *rules = ynode_get(root, "rules");

	if (!ynode_is(root, YNODE_MAP, "mta, claims and rules", diags) ||
	    !ynode_check_keys(root, file_keys, diags))
		return false;
	file->mta = ynode_text(root, "mta", STR(""), diags);
	if (file->mta.n == 0 || claims == NULL || rules == NULL) {
		diag_add(diags, root->at, "a rule file needs `mta`, `claims` and `rules`");
		return false;
	}
	if (!ynode_is(claims, YNODE_LIST, "a list of process names", diags) ||
	    !ynode_is(rules, YNODE_LIST, "a list of rules", diags))
		return false;
	if (claims->n == 0)
		diag_add(diags, claims->at, "no process is claimed");
	for (size_t i = 0; i < claims->n; i++) {
		const struct ynode *claim = &claims->values[i];

		if (!ynode_is(claim, YNODE_SCALAR, "a process name", diags))
			return false;
		if (claim->text.n == 0) {
			diag_add(diags, claim->at, "an empty process name");
			return false;
		}
	}
	return claims->n > 0;
}

int
rule_file_load(const char *path, struct rule_file *file, struct diags *diags)
{
	size_t before = diags->errors;
	int r = ydoc_load(path, &file->yaml, diags);

	if (r < 0)
		return r;
	const struct ynode *root = ydoc_root(file->yaml);

	if (!read_top(file, root, diags))
		return -EINVAL;
	bool good = read_skip(file, root, diags);

	good &= rule_file_read_defines(file, root, diags);
	good &= rule_file_read_parts(file, root, diags);
	const struct ynode *rules = ynode_get(root, "rules");

	file->rules = calloc(rules->n + 1, sizeof *file->rules);
	if (file->rules == NULL)
		return -ENOMEM;
	for (size_t i = 0; i < rules->n; i++) {
		file->nrules++;
		good &= read_rule(file, &rules->values[i], &file->rules[i], diags);
	}
	return good && diags->errors == before ? 0 : -EINVAL;
}

void
rule_file_done(struct rule_file *file)
{
	for (size_t i = 0; i < file->nrules; i++) {
		struct rule *rule = &file->rules[i];

		pattern_done(&rule->pattern);
		for (size_t u = 0; u < rule->nuses; u++)
			free(rule->uses[u].groups);
		free(rule->begins);
		free(rule->processes);
	}
	for (size_t i = 0; i < file->nlists; i++) {
		for (size_t k = 0; k < file->lists[i].n; k++)
			pattern_done(&file->lists[i].parts[k].pattern);
		free(file->lists[i].parts);
	}
	free(file->rules);
	free(file->lists);
	free(file->defines);
	free(file->path);
	ydoc_free(file->yaml);
}

static uint32_t
most_groups(const struct ruleset *set)
{
	uint32_t most = 0;

	for (size_t f = 0; f < set->nfiles; f++) {
		const struct rule_file *file = &set->files[f];

		for (size_t i = 0; i < file->nrules; i++) {
			uint32_t n = 0;

			(void)pcre2_pattern_info(file->rules[i].pattern.re,
			    PCRE2_INFO_CAPTURECOUNT, &n);
			most = n > most ? n : most;
		}
		for (size_t l = 0; l < file->nlists; l++)
			for (size_t k = 0; k < file->lists[l].n; k++) {
				uint32_t n = 0;

				(void)pcre2_pattern_info(file->lists[l].parts[k].pattern.re,
				    PCRE2_INFO_CAPTURECOUNT, &n);
				most = n > most ? n : most;
			}
	}
	return most;
}

/* The files of all folders, in set->files, not yet read. */
static int
list_files(struct ruleset *set, const char *const *dirs, size_t ndirs, struct diags *diags)
{
	struct folder_list list;
	int r = folder_list_yaml(dirs, ndirs, "parsers", &list, diags);

	if (r < 0)
		return r;
	set->files = calloc(list.n + 1, sizeof *set->files);
	for (size_t i = 0; set->files != NULL && i < list.n; i++) {
		set->files[set->nfiles++].path = list.paths[i];
		list.paths[i] = NULL; /* handed over */
	}
	folder_done(&list);
	if (set->files == NULL)
		return -ENOMEM;
	if (set->nfiles > 0)
		return 0;
	diag_add(diags, (struct pos){ ndirs > 0 ? dirs[ndirs - 1] : "rules", 0, 0 },
	    "no parser rules: expected parsers/*.yaml in this folder");
	return -ENOENT;
}

static int
load_all(struct ruleset *set, const char *const *dirs, size_t ndirs, struct diags *diags)
{
	size_t before = diags->errors;
	int r = list_files(set, dirs, ndirs, diags);

	if (r < 0)
		return r;
	for (size_t i = 0; i < set->nfiles; i++) {
		int one = rule_file_load(set->files[i].path, &set->files[i], diags);

		if (one == -ENOMEM)
			return one;
		r = one < 0 ? one : r;
	}
	if (r == 0 && diags->errors != before)
		r = -EINVAL; /* some faults are only told */
	if (r == 0)
		r = ruleset_assemble(set, diags);
	if (r == 0)
		set->max_groups = most_groups(set);
	return r;
}

int
ruleset_load(const char *const *dirs, size_t ndirs, struct ruleset **set_out,
    struct diags *diags)
{
	struct ruleset *set = calloc(1, sizeof *set);
	int r = set == NULL ? -ENOMEM : load_all(set, dirs, ndirs, diags);

	if (r < 0) {
		ruleset_free(set);
		return r;
	}
	*set_out = set;
	return 0;
}

size_t
ruleset_size(const struct ruleset *set)
{
	return set->nrules;
}
