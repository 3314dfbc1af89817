#include "parsers/ruleset.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "parsers/rule.h"

enum switched {
	SWITCHED_ON,
	SWITCHED_OFF_NEWLY,
	SWITCHED_OFF,
};

struct matcher {
	const struct ruleset *set;
	pcre2_match_data *groups;      /* of the rule */
	pcre2_match_data *part_groups; /* of a part's pattern */
	pcre2_match_context *limits;
	pcre2_jit_stack *stack;
	bool jit;
	const struct rule *last;
	uint64_t *gave_up; /* by rule index */
	uint8_t *off;      /* by rule index: enum switched */
	uint64_t max_hits; /* of a rule; then it is off */
	size_t news;       /* rules switched off that nobody was told of */
};

struct matcher *
matcher_new(const struct ruleset *set)
{
	struct matcher *m = calloc(1, sizeof *m);
	uint32_t have_jit = 0;

	if (m == NULL)
		return NULL;
	(void)pcre2_config(PCRE2_CONFIG_JIT, &have_jit);
	m->set = set;
	m->jit = have_jit == 1;
	m->max_hits = UINT64_MAX;
	m->gave_up = calloc(set->nrules + 1, sizeof *m->gave_up);
	m->off = calloc(set->nrules + 1, 1);
	m->groups = pcre2_match_data_create(set->max_groups + 1, NULL);
	m->part_groups = pcre2_match_data_create(set->max_groups + 1, NULL);
	m->limits = pcre2_match_context_create(NULL);
	m->stack = pcre2_jit_stack_create(32 * 1024, JIT_STACK_BYTES, NULL);
	if (m->gave_up == NULL || m->off == NULL || m->groups == NULL ||
	    m->part_groups == NULL || m->limits == NULL) {
		matcher_free(m);
		return NULL;
	}
	pcre2_set_match_limit(m->limits, MATCH_LIMIT);
	pcre2_set_heap_limit(m->limits, 1024); /* KiB */
	if (m->stack != NULL)
		pcre2_jit_stack_assign(m->limits, NULL, m->stack);
	return m;
}

void
matcher_free(struct matcher *m)
{
	if (m == NULL)
		return;
	pcre2_match_data_free(m->groups);
	pcre2_match_data_free(m->part_groups);
	pcre2_match_context_free(m->limits);
	pcre2_jit_stack_free(m->stack);
	free(m->gave_up);
	free(m->off);
	free(m);
}

const struct rule *
matcher_last_rule(const struct matcher *m)
{
	return m->last;
}

static const struct rule *
rule_at(const struct ruleset *set, size_t index)
{
	const struct rule_file *file = set->files;

	for (; index >= file->nrules; file++)
		index -= file->nrules;
	return &file->rules[index];
}

void
matcher_each_limit(const struct matcher *m,
    void (*fn)(void *ctx, struct str rule, uint64_t times), void *ctx)
{
	for (size_t i = 0; i < m->set->nrules; i++)
		if (m->gave_up[i] > 0)
			fn(ctx, rule_at(m->set, i)->name, m->gave_up[i]);
}

void
matcher_set_max_hits(struct matcher *m, uint64_t max_hits)
{
	m->max_hits = max_hits;
}

void
matcher_switch_off(struct matcher *m, struct str name)
{
	for (size_t i = 0; i < m->set->nrules; i++)
		if (str_eq(rule_at(m->set, i)->name, name)) {
			m->news -= m->off[i] == SWITCHED_OFF_NEWLY;
			m->off[i] = SWITCHED_OFF;
		}
}

void
matcher_take_off(struct matcher *m, void (*fn)(void *ctx, struct str rule), void *ctx)
{
	for (size_t i = 0; m->news > 0 && i < m->set->nrules; i++) {
		if (m->off[i] != SWITCHED_OFF_NEWLY)
			continue;
		m->off[i] = SWITCHED_OFF;
		m->news--;
		fn(ctx, rule_at(m->set, i)->name);
	}
}

static void
count_limit(struct matcher *m, const struct rule *rule)
{
	m->gave_up[rule->index]++;
	if (m->gave_up[rule->index] < m->max_hits || m->off[rule->index] != SWITCHED_ON)
		return;
	m->off[rule->index] = SWITCHED_OFF_NEWLY;
	m->news++;
}

/* pcre2_match() picks the JIT code by itself, but checks more than we need. */
static int
run(struct matcher *m, const struct pattern *p, struct str text, pcre2_match_data *groups)
{
	PCRE2_SPTR subject = (PCRE2_SPTR)(text.n > 0 ? text.p : "");

	if (m->jit) {
		int rc = pcre2_jit_match(p->re, subject, text.n, 0, 0, groups, m->limits);

		if (rc !=
		    PCRE2_ERROR_JIT_BADOPTION) /* else: not compiled, memory may not run */
			return rc;
	}
	return pcre2_match(p->re, subject, text.n, 0, 0, groups, m->limits);
}

static const struct service *
find_exact(const struct ruleset *set, uint64_t hash, struct str claim)
{
	for (size_t i = hash & (set->nslots - 1); set->slots[i] != 0;
	     i = (i + 1) & (set->nslots - 1)) {
		const struct service *service = &set->services[set->slots[i] - 1];

		if (str_eq(service->claim, claim))
			return service;
	}
	return NULL;
}

/* What mailwarden says itself, in the journal or in syslog, quotes mail servers: read as
 * theirs, an alert could cause an alert. What it writes to be read, reports.log, is none. */
static bool
is_own(struct str process)
{
	const struct str name = STR("mailwarden");

	return str_starts(process, name) &&
	       (process.n == name.n || process.p[name.n] == '-') &&
	       !str_eq(process, STR("mailwarden-ingest"));
}

const struct service *
ruleset_find(const struct ruleset *set, struct str process)
{
	if (is_own(process))
		return NULL;
	ptrdiff_t slash = str_rfind_char(process, '/');
	struct str key = slash < 0 ? process : str_skip(process, (size_t)slash);
	const struct service *service = find_exact(set, str_hash(key), key);

	if (service == NULL && slash >= 0)
		service = find_exact(set, str_hash(process), process);
	for (size_t i = 0; service == NULL && i < set->nprefixes; i++) {
		struct str prefix = set->prefixes[i]->claim;

		if (str_starts(process, str_head(prefix, prefix.n - 1)))
			service = set->prefixes[i];
	}
	return service;
}

const struct service *
ruleset_find_bare(const struct ruleset *set, struct str name)
{
	for (size_t i = 0; i < set->nbare; i++)
		if (str_eq(set->bare[i].name, name))
			return set->bare[i].service;
	return NULL;
}

const struct service *
ruleset_service(const struct ruleset *set, size_t i)
{
	return i < set->nservices ? &set->services[i] : NULL;
}

struct str
service_mta(const struct service *service)
{
	return service->file->mta;
}

static bool
is_alnum(unsigned char c)
{
	return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
}

/*
 * A queue id has a digit (one of Postfix' short ids in some thousand has none: then it has
 * no letter behind F): "warning: " and "SYSERR: " are none. NOQUEUE stands in an id's place.
 * Which server's id it is the pattern says.
 */
static struct str
skip_queue_id(struct str text)
{
	bool digit = false, beyond_f = false;
	size_t i = 0;

	for (; i < text.n && i < 32 && is_alnum((unsigned char)text.p[i]); i++) {
		digit |= text.p[i] <= '9';
		beyond_f |= text.p[i] > 'F';
	}
	if (i < 5 || i + 1 >= text.n || text.p[i] != ':' || text.p[i + 1] != ' ')
		return text;
	if (!digit && beyond_f && !str_eq(str_head(text, i), STR("NOQUEUE")))
		return text;
	return str_skip(text, i + 2);
}

static struct str
skip_session(struct str text)
{
	if (text.n < 17 || text.p[16] != ' ')
		return text;
	for (size_t i = 0; i < 16; i++)
		if (!is_alnum((unsigned char)text.p[i]))
			return text;
	return str_skip(text, 17);
}

struct str
rule_skip_text(enum rule_skip skip, struct str text)
{
	switch (skip) {
	case SKIP_QUEUE_ID: return skip_queue_id(text);
	case SKIP_SESSION: return skip_session(text);
	default: return text;
	}
}

/* Words that servers log in capitals and that design section 4 wants small. */
static struct str
lower_word(struct str word)
{
	static const struct str words[] = { STR_INIT("ok"), STR_INIT("no"), STR_INIT("not"),
		STR_INIT("fail"), STR_INIT("none"), STR_INIT("temp"), STR_INIT("protocol"),
		STR_INIT("software"), STR_INIT("trusted"), STR_INIT("untrusted"),
		STR_INIT("anonymous"), STR_INIT("verified"), STR_INIT("clear"),
		STR_INIT("config"), STR_INIT("failure"), STR_INIT("success"),
		STR_INIT("dane_fail"), STR_INIT("dane_temp"), STR_INIT("dane_notls"),
		STR_INIT("bogus_dane_res"), STR_INIT("unverified"), STR_INIT("unchecked"),
		STR_INIT("valid") };

	for (size_t i = 0; i < sizeof words / sizeof *words; i++)
		if (str_eq_nocase(word, words[i]))
			return words[i];
	return word;
}

static void
set_field(struct event *ev, const struct capture *c, struct str value)
{
	for (size_t i = 0; i < c->nmappings; i++)
		if (str_eq(value, c->mappings[i].from)) {
			value = c->mappings[i].to;
			break;
		}
	if (c->lower)
		value = lower_word(value);
	(void)event_set(ev, (enum event_field)c->field, value); /* misfits stay unset */
}

static void
apply(const struct pattern *p, struct str text, pcre2_match_data *groups, int matched,
    struct event *ev)
{
	const PCRE2_SIZE *ends = pcre2_get_ovector_pointer(groups);

	for (size_t i = 0; i < p->ncaptures; i++) {
		const struct capture *c = &p->captures[i];
		size_t g = (size_t)c->group * 2;

		if (c->group >= matched || ends[g] == PCRE2_UNSET || ends[g + 1] < ends[g])
			continue;
		struct str value = { text.p + ends[g], ends[g + 1] - ends[g] };

		if (value.n > 0 || c->field == EVF_sender)
			set_field(ev, c, value);
	}
	for (size_t i = 0; i < p->nconstants; i++) {
		ev->v[p->constants[i].field] = p->constants[i].value;
		ev->has |= EVENT_BIT(p->constants[i].field);
	}
}

static struct str
captured(struct str text, const PCRE2_SIZE *ends, int matched, const uint16_t groups[4])
{
	for (size_t i = 0; i < 4 && groups[i] != 0; i++) {
		size_t g = (size_t)groups[i] * 2;

		if (groups[i] < matched && ends[g] != PCRE2_UNSET)
			return (struct str){ text.p + ends[g], ends[g + 1] - ends[g] };
	}
	return (struct str){ NULL, 0 };
}

static bool
is_limit(int rc)
{
	return rc == PCRE2_ERROR_MATCHLIMIT || rc == PCRE2_ERROR_JIT_STACKLIMIT ||
	       rc == PCRE2_ERROR_HEAPLIMIT || rc == PCRE2_ERROR_DEPTHLIMIT;
}

static void
apply_parts(struct matcher *m, const struct rule *rule, const struct part_use *use,
    struct str text, int matched, struct event *ev)
{
	const PCRE2_SIZE *ends = pcre2_get_ovector_pointer(m->groups);

	for (size_t i = 0; i < use->list->n; i++) {
		const struct pattern *p = &use->list->parts[i].pattern;
		struct str inner = captured(text, ends, matched, use->groups[i]);

		if (inner.p == NULL)
			continue;
		int rc = run(m, p, inner, m->part_groups);

		if (rc > 0) {
			apply(p, inner, m->part_groups, rc, ev);
			return;
		}
		if (is_limit(rc))
			count_limit(m, rule);
	}
}

/* The bucket has compared the first byte; the last one tells most others apart. */
static inline bool
begins_with(struct str text, struct str begins)
{
	return begins.n == 0 ||
	       (text.n >= begins.n && text.p[begins.n - 1] == begins.p[begins.n - 1] &&
		   memcmp(text.p, begins.p, begins.n) == 0);
}

enum match_result
ruleset_match(struct matcher *m, const struct service *service, struct str text,
    struct event *ev, enum event_field *split_out)
{
	struct str behind = rule_skip_text(service->file->skip, text);
	size_t bucket = behind.n == 0 ? 256 : (unsigned char)behind.p[0];
	size_t end = bucket == 256 ? service->ntries : service->first[bucket + 1];
	bool gave_up = false;

	for (size_t i = service->first[bucket]; i < end; i++) {
		const struct try *t = &service->tries[i];
		const struct rule *rule = t->rule;

		if (!begins_with(behind, t->begins) || m->off[rule->index] != SWITCHED_ON ||
		    (rule->literal.n > 0 && str_find(behind, rule->literal) < 0))
			continue;
		int rc = run(m, &rule->pattern, text, m->groups);

		if (rc > 0) {
			m->last = rule;
			if (rule->ignore)
				return MATCH_IGNORE;
			apply(&rule->pattern, text, m->groups, rc, ev);
			for (size_t u = 0; u < rule->nuses; u++)
				apply_parts(m, rule, &rule->uses[u], text, rc, ev);
			event_set_text(ev, EVF_rule, rule->name);
			*split_out = rule->split;
			return MATCH_FOUND;
		}
		if (is_limit(rc)) {
			count_limit(m, rule);
			gave_up = true;
		}
	}
	return gave_up ? MATCH_GAVE_UP : MATCH_NONE;
}

/* --- putting files together --- */

static bool
is_for(const struct rule *rule, struct str claim)
{
	for (size_t i = 0; i < rule->nprocesses; i++)
		if (str_eq(rule->processes[i], claim))
			return true;
	return rule->nprocesses == 0;
}

static void
add_try(struct service *service, struct str begins, const struct rule *rule)
{
	service->tries[service->ntries++] = (struct try){ begins, rule };
}

/* A rule without `begins` stands in every bucket, so that a bucket keeps the file's order. */
static int
fill_buckets(struct service *service)
{
	const struct rule_file *file = service->file;
	size_t most = 0;

	for (size_t r = 0; r < file->nrules; r++)
		if (is_for(&file->rules[r], service->claim))
			most += file->rules[r].nbegins > 0 ? file->rules[r].nbegins : 257;
	if (most > UINT16_MAX)
		return -E2BIG;
	service->tries = calloc(most + 1, sizeof *service->tries);
	if (service->tries == NULL)
		return -ENOMEM;
	for (size_t byte = 0; byte <= 256; byte++) {
		service->first[byte] = (uint16_t)service->ntries;
		for (size_t r = 0; r < file->nrules; r++) {
			const struct rule *rule = &file->rules[r];

			if (!is_for(rule, service->claim))
				continue;
			if (rule->nbegins == 0)
				add_try(service, STR(""), rule);
			for (size_t b = 0; b < rule->nbegins; b++)
				if ((unsigned char)rule->begins[b].p[0] == byte)
					add_try(service, rule->begins[b], rule);
		}
	}
	return 0;
}

/* "*" + "/x" is kept as "/x": what ruleset_find() looks for. */
static struct str
claim_key(struct str claim)
{
	return str_starts(claim, STR("*/")) ? str_skip(claim, 1) : claim;
}

static int
add_service(struct ruleset *set, const struct rule_file *file, const struct ynode *claim,
    struct diags *diags)
{
	struct str key = claim_key(claim->text);

	for (size_t i = 0; i < set->nservices; i++)
		if (str_eq(set->services[i].claim, key)) {
			diag_add(diags, claim->at,
			    "process '%.*s' is claimed by %s already", STR_ARG(claim->text),
			    set->services[i].file->path);
			return -EINVAL;
		}
	struct service *service = &set->services[set->nservices++];

	*service = (struct service){ .claim = key, .file = file };
	int r = fill_buckets(service);

	if (r == -E2BIG) {
		diag_add(diags, claim->at, "too many rules for '%.*s'",
		    STR_ARG(claim->text));
		return -EINVAL;
	}
	return r;
}

static int
index_services(struct ruleset *set)
{
	set->nslots = 64;
	while (set->nslots < set->nservices * 4)
		set->nslots *= 2;
	set->slots = calloc(set->nslots, sizeof *set->slots);
	set->prefixes = calloc(set->nservices + 1, sizeof *set->prefixes);
	if (set->slots == NULL || set->prefixes == NULL)
		return -ENOMEM;
	for (size_t i = 0; i < set->nservices; i++) {
		struct str claim = set->services[i].claim;
		size_t at = str_hash(claim) & (set->nslots - 1);

		if (claim.p[claim.n - 1] == '*')
			set->prefixes[set->nprefixes++] = &set->services[i];
		while (set->slots[at] != 0)
			at = (at + 1) & (set->nslots - 1);
		set->slots[at] = (uint32_t)i + 1;
	}
	return 0;
}

static int
add_bare(struct ruleset *set, const struct rule_file *file)
{
	const struct ynode *names = ynode_get(ydoc_root(file->yaml), "services");
	const struct service *service = NULL;

	if (names == NULL)
		return 0;
	for (size_t i = 0; i < set->nservices && service == NULL; i++)
		if (set->services[i].file == file)
			service = &set->services[i];
	struct bare *more = realloc(set->bare, (set->nbare + names->n + 1) * sizeof *more);

	if (more == NULL)
		return -ENOMEM;
	set->bare = more;
	for (size_t i = 0; i < names->n && service != NULL; i++)
		set->bare[set->nbare++] = (struct bare){ names->values[i].text, service };
	return 0;
}

static int
check_names(const struct ruleset *set, struct diags *diags)
{
	int r = 0;

	for (size_t f = 0; f < set->nfiles; f++)
		for (size_t i = 0; i < set->files[f].nrules; i++)
			for (size_t g = 0; g <= f; g++)
				for (size_t k = 0; k < (g == f ? i : set->files[g].nrules);
				     k++) {
					const struct rule *a = &set->files[f].rules[i];
					const struct rule *b = &set->files[g].rules[k];

					if (!str_eq(a->name, b->name))
						continue;
					diag_add(diags, a->node->at,
					    "rule '%.*s' exists already, at %s:%u",
					    STR_ARG(a->name), b->node->at.file,
					    b->node->at.line);
					r = -EINVAL;
				}
	return r;
}

int
ruleset_assemble(struct ruleset *set, struct diags *diags)
{
	size_t nclaims = 0;
	int r = check_names(set, diags);

	for (size_t f = 0; f < set->nfiles; f++) {
		nclaims += ynode_get(ydoc_root(set->files[f].yaml), "claims")->n;
		for (size_t i = 0; i < set->files[f].nrules; i++) {
			set->files[f].rules[i].index = set->nrules++;
			set->files[f].rules[i].file = &set->files[f];
		}
	}
	set->services = calloc(nclaims + 1, sizeof *set->services);
	if (set->services == NULL)
		return -ENOMEM;
	for (size_t f = 0; f < set->nfiles; f++) {
		const struct ynode *claims =
		    ynode_get(ydoc_root(set->files[f].yaml), "claims");

		for (size_t i = 0; i < claims->n; i++) {
			int one =
			    add_service(set, &set->files[f], &claims->values[i], diags);

			if (one == -ENOMEM)
				return one;
			r = one < 0 ? one : r;
		}
		if (add_bare(set, &set->files[f]) < 0)
			return -ENOMEM;
	}
	return r < 0 ? r : index_services(set);
}

void
ruleset_free(struct ruleset *set)
{
	if (set == NULL)
		return;
	for (size_t i = 0; i < set->nservices; i++)
		free(set->services[i].tries);
	for (size_t i = 0; i < set->nfiles; i++)
		rule_file_done(&set->files[i]);
	free(set->files);
	free(set->services);
	free(set->slots);
	free(set->prefixes);
	free(set->bare);
	free(set);
}
