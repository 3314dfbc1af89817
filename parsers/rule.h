/*
 * rule - what a rule is made of; for the files of this folder that load, match and
 * check rule sets, and nobody else
 *
 * Ownership  All of it belongs to the set and is freed with it (ruleset_free()).
 */
#ifndef PARSERS_RULE_H
#define PARSERS_RULE_H

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include "core/yaml.h"
#include "parsers/ruleset.h"

enum {
	MATCH_LIMIT = 100000, /* costs nothing measurable, stops runaways */
	JIT_STACK_BYTES = 256 * 1024,
	MAX_CAPTURES = 40,
	MAX_PARTS = 4,
};

struct mapping {
	struct str from, to;
};

/* One group number and where its text goes. */
struct capture {
	uint16_t group;
	uint16_t field; /* enum event_field */
	bool lower;     /* known words in lower case, see lower_word() */
	uint16_t nmappings;
	const struct mapping *mappings;
};

struct constant {
	uint16_t field;
	union event_value value;
};

/* A pattern and what it sets: the common half of rules and parts. */
struct pattern {
	pcre2_code *re;
	struct capture *captures;
	size_t ncaptures;
	struct constant *constants;
	size_t nconstants;
	const struct ynode *source; /* the pattern's node, for faults */
};

struct part {
	struct str of; /* name of the group it looks into */
	struct pattern pattern;
};

struct part_list {
	struct str name;
	struct part *parts;
	size_t n;
};

/* A rule's use of a part list: for each part, the groups that it looks into. */
struct part_use {
	const struct part_list *list;
	uint16_t (*groups)[4]; /* [list->n], ended by 0 */
};

struct rule {
	struct str name;
	struct rule_file *file;
	size_t index; /* over all files */
	bool ignore;
	struct str *begins; /* none: any text */
	size_t nbegins;
	struct str literal; /* n 0: none */
	struct pattern pattern;
	enum event_field split; /* EVF_COUNT: no */
	struct part_use uses[MAX_PARTS];
	size_t nuses;
	struct str *processes; /* claims it is for */
	size_t nprocesses;
	const struct ynode *node, *examples;
};

enum rule_skip {
	SKIP_NONE,
	SKIP_QUEUE_ID,
	SKIP_SESSION,
};

struct rule_file {
	struct yaml *yaml;
	char *path;
	struct str mta;
	enum rule_skip skip;
	bool many_lines; /* patterns see texts, not lines; letters' case does not count */
	struct rule *rules;
	size_t nrules;
	struct part_list *lists;
	size_t nlists;
	struct mapping *defines;
	size_t ndefines;
};

/* One try: a rule behind one of its beginnings. */
struct
try {
	struct str begins;
	const struct rule *rule;
};

struct service {
	struct str claim; /* "x", a slash and x for any prefix, "x*" */
	const struct rule_file *file;
	struct try *tries; /* ordered by first byte, then by the file's order */
	uint16_t first[257];
	size_t ntries;
};

struct ruleset {
	struct rule_file *files;
	size_t nfiles;
	struct service *services;
	size_t nservices;
	size_t nrules;
	uint32_t *slots; /* services by hash of their claim, index + 1 */
	size_t nslots;
	const struct service **prefixes; /* claims "x*" */
	size_t nprefixes;
	struct bare {
		struct str name;
		const struct service *service;
	} * bare;
	size_t nbare;
	uint32_t max_groups;
};

/* Loading, in two files. */
int rule_file_load(const char *path, struct rule_file *file, struct diags *diags);
void rule_file_done(struct rule_file *file);
bool pattern_compile(const struct rule_file *file, const struct ynode *from,
    struct pattern *out, struct diags *diags);
void pattern_done(struct pattern *pattern);
/* The code alone, without groups: node is the pattern itself. */
bool pattern_compile_code(const struct rule_file *file, const struct ynode *node,
    struct pattern *out, struct diags *diags);
/* The numbers of all groups of that name; scratch groups too. False: there is none. */
bool pattern_find_groups(pcre2_code *re, struct str name, uint16_t groups[4]);

/* What rule files of all kinds have: one word or a list, owned by the caller; `define`;
 * `parts`. */
struct str *rule_read_words(const struct ynode *node, size_t *n_out, struct diags *diags);
bool rule_file_read_defines(struct rule_file *file, const struct ynode *root,
    struct diags *diags);
bool rule_file_read_parts(struct rule_file *file, const struct ynode *root,
    struct diags *diags);
const struct part_list *rule_file_find_list(const struct rule_file *file, struct str name);

/* The text behind what `skip` allows. */
struct str rule_skip_text(enum rule_skip skip, struct str text);

/* Joins the files of a set: services, dispatch tables. */
int ruleset_assemble(struct ruleset *set, struct diags *diags);

/* The rule that matched last. */
const struct rule *matcher_last_rule(const struct matcher *m);

#endif
