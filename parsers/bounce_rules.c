#include "parsers/bounce_rules.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "core/folder.h"
#include "parsers/bounce_rules_impl.h"
#include "parsers/reply_facts.h"

enum { HEAP_KIB = 8 * 1024 };

/* --- loading --- */

static const char *
base_name(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash == NULL ? path : slash + 1;
}

static int
by_name(const void *a, const void *b)
{
	return strcmp(base_name(((const struct bounce_file *)a)->base.path),
	    base_name(((const struct bounce_file *)b)->base.path));
}

static int
list_files(struct bounce_rules *rules, const char *const *dirs, size_t n,
    struct diags *diags)
{
	struct folder_list list;
	int r = folder_list_yaml(dirs, n, "bounces", &list, diags);

	if (r < 0)
		return r;
	rules->files = calloc(list.n + 1, sizeof *rules->files);
	for (size_t i = 0; rules->files != NULL && i < list.n; i++) {
		rules->files[rules->nfiles++].base.path = list.paths[i];
		list.paths[i] = NULL; /* handed over */
	}
	folder_done(&list);
	if (rules->files == NULL)
		return -ENOMEM;
	/* an administrator's 50-own.yaml goes before the shipped 90-any.yaml */
	qsort(rules->files, rules->nfiles, sizeof *rules->files, by_name);
	return 0;
}

/* An earlier rule of that name, NULL: none. */
static const struct bounce_rule *
find_rule(const struct bounce_rules *rules, const struct bounce_rule *until)
{
	for (size_t f = 0; f < rules->nfiles; f++)
		for (size_t i = 0; i < rules->files[f].nrules; i++) {
			const struct bounce_rule *rule = &rules->files[f].rules[i];

			if (rule == until)
				return NULL;
			if (str_eq(rule->name, until->name))
				return rule;
		}
	return NULL;
}

static int
check_names(struct bounce_rules *rules, struct diags *diags)
{
	int r = 0;

	for (size_t f = 0; f < rules->nfiles; f++)
		for (size_t i = 0; i < rules->files[f].nrules; i++) {
			const struct bounce_rule *rule = &rules->files[f].rules[i];
			const struct bounce_rule *other = find_rule(rules, rule);

			rules->nrules++;
			if (other == NULL)
				continue;
			diag_add(diags, rule->node->at,
			    "rule '%.*s' exists already, at %s:%u", STR_ARG(rule->name),
			    other->node->at.file, other->node->at.line);
			r = -EINVAL;
		}
	return r;
}

static uint32_t
group_count(const struct pattern *p)
{
	uint32_t n = 0;

	if (p->re != NULL)
		(void)pcre2_pattern_info(p->re, PCRE2_INFO_CAPTURECOUNT, &n);
	return n;
}

static uint32_t
most_groups(const struct bounce_rules *rules)
{
	uint32_t most = 0, n;

	for (size_t f = 0; f < rules->nfiles; f++) {
		const struct bounce_file *file = &rules->files[f];

		for (size_t i = 0; i < file->nrules; i++)
			if ((n = group_count(&file->rules[i].pattern)) > most)
				most = n;
		for (size_t l = 0; l < file->base.nlists; l++)
			for (size_t k = 0; k < file->base.lists[l].n; k++)
				if ((n = group_count(
					 &file->base.lists[l].parts[k].pattern)) > most)
					most = n;
	}
	return most;
}

static bool
make_matchers(struct bounce_rules *rules)
{
	uint32_t n = most_groups(rules) + 1;

	rules->groups = pcre2_match_data_create(n, NULL);
	rules->part_groups = pcre2_match_data_create(n, NULL);
	rules->limits = pcre2_match_context_create(NULL);
	if (rules->groups == NULL || rules->part_groups == NULL || rules->limits == NULL)
		return false;
	pcre2_set_match_limit(rules->limits, MATCH_LIMIT);
	pcre2_set_heap_limit(rules->limits, HEAP_KIB);
	return true;
}

struct bounce_rules *
bounce_rules_load(const char *const *dirs, size_t n, struct diags *diags)
{
	struct bounce_rules *rules = calloc(1, sizeof *rules);
	int r = rules == NULL ? -ENOMEM : list_files(rules, dirs, n, diags);

	for (size_t i = 0; r != -ENOMEM && rules != NULL && i < rules->nfiles; i++) {
		int one = bounce_file_load(&rules->files[i], diags);

		r = one == -ENOMEM || r == 0 ? one : r;
	}
	if (r == 0)
		r = check_names(rules, diags);
	if (r == 0 && !make_matchers(rules))
		r = -ENOMEM;
	if (r == 0)
		return rules;
	if (diags->errors == 0)
		diag_add(diags, (struct pos){ n > 0 ? dirs[0] : "rules", 0, 0 },
		    "bounce rules cannot be loaded: %s", strerror(-r));
	bounce_rules_free(rules);
	return NULL;
}

static void
forget(struct bounce_rules *rules)
{
	for (size_t i = 0; i < rules->nfound; i++)
		for (int v = 0; v < BOUNCE_VALUES; v++)
			free(rules->found[i].v[v]);
	rules->nfound = 0;
	rules->last = NULL;
}

void
bounce_rules_free(struct bounce_rules *rules)
{
	if (rules == NULL)
		return;
	forget(rules);
	free(rules->found);
	for (size_t i = 0; i < rules->nfiles; i++)
		bounce_file_done(&rules->files[i]);
	free(rules->files);
	pcre2_match_data_free(rules->groups);
	pcre2_match_data_free(rules->part_groups);
	pcre2_match_context_free(rules->limits);
	buf_done(&rules->text);
	free(rules);
}

size_t
bounce_rules_count(const struct bounce_rules *rules)
{
	return rules->nrules;
}

/* --- matching --- */

/* > 0: matched; the groups are in `groups`. A limit counts for the rule. */
static int
match(struct bounce_rules *rules, struct bounce_rule *rule, const struct pattern *p,
    struct str text, size_t from, pcre2_match_data *groups)
{
	const char *subject = text.p != NULL ? text.p : "";
	int rc =
	    pcre2_match(p->re, (PCRE2_SPTR)subject, text.n, from, 0, groups, rules->limits);

	if (rc < 0 && rc != PCRE2_ERROR_NOMATCH && rule != NULL)
		rule->gave_up++;
	return rc == 0 ? 1 : rc;
}

static struct str
captured(struct str text, pcre2_match_data *groups, int matched, size_t group)
{
	const PCRE2_SIZE *ends = pcre2_get_ovector_pointer(groups);
	size_t g = group * 2;

	if (group >= (size_t)matched || ends[g] == PCRE2_UNSET || ends[g + 1] < ends[g])
		return (struct str){ NULL, 0 };
	return (struct str){ text.p + ends[g], ends[g + 1] - ends[g] };
}

static struct str
mapped(const struct capture *c, struct str value)
{
	for (size_t i = 0; i < c->nmappings; i++)
		if (str_eq_nocase(value, c->mappings[i].from))
			return c->mappings[i].to;
	return value;
}

/* What the pattern's groups and constants say, over what is there. */
static void
apply(const struct pattern *p, struct str text, pcre2_match_data *groups, int matched,
    struct bounce_values *out)
{
	for (size_t i = 0; i < p->ncaptures; i++) {
		const struct capture *c = &p->captures[i];
		struct str value = captured(text, groups, matched, c->group);

		if (value.n > 0 || (value.p != NULL && c->field == EVF_sender))
			out->v[bounce_value_of((enum event_field)c->field)] =
			    mapped(c, value);
	}
	for (size_t i = 0; i < p->nconstants; i++) {
		enum bounce_value v =
		    bounce_value_of((enum event_field)p->constants[i].field);

		/* numbers are taken from the reply; a constant one makes no sense */
		if (event_field_is_text((enum event_field)p->constants[i].field))
			out->v[v] = p->constants[i].value.text;
	}
}

/* Is it among the message's own addresses? RFC 5322, 3.6; the text's recipient is not. */
static bool
is_own(const struct bounce_rules *rules, struct str address)
{
	static const struct str fields[] = { STR_INIT("From:"), STR_INIT("To:"),
		STR_INIT("Cc:"), STR_INIT("Reply-To:"), STR_INIT("Return-Path:"),
		STR_INIT("Sender:"), STR_INIT("Delivered-To:"), STR_INIT("X-Original-To:"),
		STR_INIT("Errors-To:"), STR_INIT("Message-ID:"), STR_INIT("References:"),
		STR_INIT("In-Reply-To:"), STR_INIT("Envelope-To:") };
	struct str header = rules->texts[WHERE_HEADER];

	if (str_find_nocase(rules->texts[WHERE_FROM], address) >= 0)
		return true;
	while (header.n > 0) {
		struct str line = str_cut(&header, '\n');

		for (size_t i = 0; i < sizeof fields / sizeof *fields; i++)
			if (str_eq_nocase(str_head(line, fields[i].n), fields[i]) &&
			    str_find_nocase(line, address) >= 0)
				return true;
	}
	return false;
}

static struct bounce_found *
find_found(struct bounce_rules *rules, struct str recipient)
{
	for (size_t i = 0; i < rules->nfound; i++)
		if (str_eq_nocase(str_of(rules->found[i].v[BOUNCE_RECIPIENT]), recipient))
			return &rules->found[i];
	return NULL;
}

static struct bounce_found *
new_found(struct bounce_rules *rules)
{
	if (rules->found == NULL)
		rules->found = calloc(BOUNCE_MAX_RECIPIENTS, sizeof *rules->found);
	if (rules->found == NULL || rules->nfound == BOUNCE_MAX_RECIPIENTS)
		return NULL;
	struct bounce_found *found = &rules->found[rules->nfound++];

	*found = (struct bounce_found){ .at = SIZE_MAX };
	return found;
}

/* Addresses lose what wraps them, replies their line ends. False: of no use. */
static bool
clean_value(enum bounce_value v, struct str *value, struct buf *out)
{
	struct str text = str_head(*value, BOUNCE_VALUE_BYTES * 2);

	if (v == BOUNCE_SENDER || v == BOUNCE_MESSAGE_ID) {
		text = str_trim(text);
		if (text.n >= 2 && text.p[0] == '<' && text.p[text.n - 1] == '>')
			text = str_head(str_skip(text, 1), text.n - 2);
	}
	if (!bounce_reply_clean(text, out))
		return false;
	*value = buf_str(out);
	return value->n > 0 || v == BOUNCE_SENDER;
}

/* Fills in what the recipient has not: the first that was said of it counts. */
static void
merge(struct bounce_found *found, const struct bounce_values *values)
{
	AUTO(buf_done) struct buf clean = { 0 };

	for (int v = BOUNCE_RECIPIENT + 1; v < BOUNCE_VALUES; v++) {
		struct str value = values->v[v];

		if (value.p == NULL || found->v[v] != NULL)
			continue;
		if (clean_value((enum bounce_value)v, &value, &clean))
			found->v[v] = str_dup(value);
	}
}

static void
take(struct bounce_rules *rules, const struct bounce_rule *rule,
    const struct bounce_values *values)
{
	struct str text = rules->texts[WHERE_TEXT];
	struct str raw = values->v[BOUNCE_RECIPIENT];
	struct str recipient = bounce_address_clean(raw, !rule->others_only);

	if (recipient.n == 0 || (rule->others_only && is_own(rules, recipient)))
		return;
	struct bounce_found *found = find_found(rules, recipient);

	if (found == NULL) {
		if ((found = new_found(rules)) == NULL)
			return;
		found->v[BOUNCE_RECIPIENT] = str_dup(recipient);
		if (found->v[BOUNCE_RECIPIENT] == NULL) {
			rules->nfound--;
			return;
		}
		if (text.n > 0 && recipient.p >= text.p && recipient.p < text.p + text.n)
			found->at = (size_t)(recipient.p - text.p);
	}
	merge(found, values);
}

/* A part's pattern in its piece of text; one that names recipients again and again. */
static bool
apply_part(struct bounce_rules *rules, struct bounce_rule *rule, const struct pattern *p,
    struct str text, struct bounce_values *values)
{
	bool each = bounce_pattern_has(p, EVF_recipient), any = false;
	size_t from = 0;

	for (int i = 0; i < BOUNCE_MAX_MATCHES && from <= text.n; i++) {
		int rc = match(rules, rule, p, text, from, rules->part_groups);
		const PCRE2_SIZE *ends = pcre2_get_ovector_pointer(rules->part_groups);

		if (rc <= 0)
			break;
		any = true;
		if (!each) {
			apply(p, text, rules->part_groups, rc, values);
			break;
		}
		struct bounce_values one = *values;

		from = ends[1] > from ? ends[1] : from + 1;
		apply(p, text, rules->part_groups, rc, &one);
		take(rules, rule, &one);
	}
	return any;
}

/* The piece of text that a part looks into; n 0 if the match does not have it. */
static struct str
part_text(const struct bounce_rules *rules, const struct part_use *use, size_t i,
    struct str text, int matched)
{
	enum bounce_where where = bounce_where_named(use->list->parts[i].of);

	if (where != WHERE_COUNT)
		return rules->texts[where];
	for (size_t g = 0; g < 4 && use->groups[i][g] != 0; g++) {
		struct str one = captured(text, rules->groups, matched, use->groups[i][g]);

		if (one.n > 0)
			return one;
	}
	return (struct str){ NULL, 0 };
}

/* One match of the rule's pattern, with its parts. */
static void
take_match(struct bounce_rules *rules, struct bounce_rule *rule, struct str text,
    int matched)
{
	struct bounce_values values = { 0 };

	apply(&rule->pattern, text, rules->groups, matched, &values);
	struct bounce_values first = { .v[BOUNCE_RECIPIENT] = values.v[BOUNCE_RECIPIENT] };

	if (first.v[BOUNCE_RECIPIENT].n > 0)
		take(rules, rule, &first); /* before those that parts find */
	for (size_t u = 0; u < rule->nuses; u++)
		for (size_t i = 0; i < rule->uses[u].list->n; i++) {
			struct str inner =
			    part_text(rules, &rule->uses[u], i, text, matched);

			if (inner.n > 0 &&
			    apply_part(rules, rule, &rule->uses[u].list->parts[i].pattern,
				inner, &values))
				break;
		}
	if (values.v[BOUNCE_RECIPIENT].n > 0)
		take(rules, rule, &values);
}

static bool
has_literal(const struct bounce_rule *rule, struct str text)
{
	for (size_t i = 0; i < rule->nliterals; i++)
		if (str_find_nocase(text, rule->literals[i]) >= 0)
			return true;
	return rule->nliterals == 0;
}

static bool
is_for(struct bounce_rules *rules, struct bounce_rule *rule)
{
	if (!has_literal(rule, rules->texts[rule->where]))
		return false;
	for (int w = WHERE_HEADER; w < WHERE_COUNT; w++)
		if (rule->fits[w].re != NULL && match(rules, rule, &rule->fits[w],
						    rules->texts[w], 0, rules->groups) <= 0)
			return false;
	return true;
}

/* True: the rule decides, with recipients or, if it is to be ignored, without. */
static bool
try_rule(struct bounce_rules *rules, struct bounce_rule *rule)
{
	struct str text = rules->texts[rule->where];
	size_t from = 0, gave_up = rule->gave_up;

	if (!is_for(rules, rule))
		return false;
	if (rule->pattern.re == NULL)
		return true;
	for (int i = 0; i < BOUNCE_MAX_MATCHES && from <= text.n; i++) {
		int rc = match(rules, rule, &rule->pattern, text, from, rules->groups);

		if (rc <= 0)
			break;
		if (rule->ignore)
			return true;
		size_t end = pcre2_get_ovector_pointer(rules->groups)[1];

		take_match(rules, rule, text, rc);
		from = end > from ? end : from + 1;
		if (rule->gave_up > gave_up)
			break;
	}
	return rules->nfound > 0;
}

/* --- what a letter says --- */

/* Where the returned message begins. */
static size_t
text_end(struct bounce_rules *rules, struct str text)
{
	size_t end = text.n;

	for (size_t f = 0; f < rules->nfiles; f++)
		for (size_t i = 0; i < rules->files[f].nends; i++) {
			struct str head = str_head(text, end);
			int rc = match(rules, NULL, &rules->files[f].ends[i], head, 0,
			    rules->groups);
			size_t at =
			    rc > 0 ? pcre2_get_ovector_pointer(rules->groups)[0] : end;

			if (rc > 0 && at > 0 && at < end)
				end = at;
		}
	return end;
}

static struct str
value_of(const struct bounce_found *found, enum bounce_value v)
{
	return str_of(found->v[v]);
}

/* What was said, if the rule did not catch it, and the codes in it. */
static void
fill_in(const struct bounce_rules *rules, const struct bounce_found *found,
    struct bounce_find *find, struct buf *reply)
{
	int64_t code;
	struct str status;

	if (find->reply.p == NULL) {
		struct str near = bounce_reply_near(rules->texts[WHERE_TEXT],
		    &rules->replies, found->at, find->recipient);

		if (bounce_reply_clean(near, reply) && reply->n > 0)
			find->reply = buf_str(reply);
	}
	reply_codes(find->reply, &code, &status);
	if (find->smtp_code == 0)
		find->smtp_code = code != 0 ? (int)code : bounce_code_in(find->reply);
	if (find->status.p == NULL)
		find->status = status.p != NULL ? status : bounce_status_in(find->reply);
}

static int
hand_over(struct bounce_rules *rules, bounce_find_fn *fn, void *ctx)
{
	AUTO(buf_done) struct buf reply = { 0 };
	int64_t code;

	(void)bounce_replies_find(rules->texts[WHERE_TEXT], &rules->replies);
	for (size_t i = 0; i < rules->nfound; i++) {
		const struct bounce_found *found = &rules->found[i];
		struct bounce_find find = {
			.rule = rules->last->name,
			.action = value_of(found, BOUNCE_ACTION),
			.recipient = value_of(found, BOUNCE_RECIPIENT),
			.status = value_of(found, BOUNCE_STATUS),
			.reply = value_of(found, BOUNCE_REPLY),
			.relay_name = value_of(found, BOUNCE_RELAY_NAME),
			.relay_ip = value_of(found, BOUNCE_RELAY_IP),
			.queue_id = value_of(found, BOUNCE_QUEUE_ID),
			.sender = value_of(found, BOUNCE_SENDER),
			.message_id = value_of(found, BOUNCE_MESSAGE_ID),
		};

		if (find.action.p == NULL)
			find.action = STR("failed");
		if (str_to_int(value_of(found, BOUNCE_SMTP_CODE), &code) && code >= 200 &&
		    code <= 599)
			find.smtp_code = (int)code;
		fill_in(rules, found, &find, &reply);
		int r = fn(ctx, &find);

		if (r < 0)
			return r;
	}
	return (int)rules->nfound;
}

int
bounce_rules_read(struct bounce_rules *rules, const struct bounce_letter *letter,
    bounce_find_fn *fn, void *ctx)
{
	forget(rules);
	if (!bounce_text_clean(letter->text, &rules->text))
		return -ENOMEM;
	struct str text = buf_str(&rules->text);

	rules->texts[WHERE_TEXT] = str_head(text, text_end(rules, text));
	rules->texts[WHERE_HEADER] = str_head(letter->header, BOUNCE_TEXT_BYTES);
	rules->texts[WHERE_SUBJECT] = str_head(letter->subject, BOUNCE_VALUE_BYTES);
	rules->texts[WHERE_FROM] = str_head(letter->from, BOUNCE_VALUE_BYTES);
	for (size_t f = 0; f < rules->nfiles; f++)
		for (size_t i = 0; i < rules->files[f].nrules; i++) {
			struct bounce_rule *rule = &rules->files[f].rules[i];

			if ((rules->only != NULL && rules->only != rule) ||
			    !try_rule(rules, rule))
				continue;
			rules->last = rule;
			return hand_over(rules, fn, ctx);
		}
	return 0;
}
