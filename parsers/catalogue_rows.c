#include "parsers/catalogue_rows.h"

#include "parsers/catalogue_phrases.h"

#include <string.h>

static const char *const categories[] = { "ip-blocklisted", "domain-blocklisted",
	"reputation", "rate-limited", "greylisted", "content-spam", "policy",
	"sender-rejected", "authentication-spf", "authentication-dkim",
	"authentication-dmarc", "no-ptr", "tls-required", "relay-denied", "mailbox-unknown",
	"mailbox-disabled", "mailbox-full", "message-too-large", "routing", "protocol",
	"remote-temporary", NULL };
static const char *const severities[] = { "info", "warning", "critical", NULL };
static const char *const temporaries[] = { "no", "yes", "either", NULL };
static const char *const ranks[] = { "normal", "first", "late", "last", NULL };

static struct str
keep(struct row_reader *r, struct str text)
{
	char *copy = catalogue_take(r->cat, text.n + 1);

	if (copy == NULL) {
		r->no_memory = true;
		return (struct str){ NULL, 0 };
	}
	if (text.n > 0)
		memcpy(copy, text.p, text.n);
	copy[text.n] = '\0';
	return (struct str){ copy, text.n };
}

static struct str
read_text(struct row_reader *r, const struct ynode *map, const char *key)
{
	struct str text = ynode_text(map, key, (struct str){ NULL, 0 }, r->diags);

	return text.p == NULL ? text : keep(r, text);
}

static int
find_word(struct str word, const char *const *allowed)
{
	for (int i = 0; allowed[i] != NULL; i++)
		if (str_eq(word, str_of(allowed[i])))
			return i;
	return -1;
}

/* The index of the key's value in `allowed`; fallback if it is absent. */
static int
read_choice(struct row_reader *r, const struct ynode *map, const char *key,
    const char *const *allowed, int fallback)
{
	const struct ynode *node = ynode_get(map, key);

	if (node == NULL)
		return fallback;
	struct str word = ynode_text(map, key, (struct str){ NULL, 0 }, r->diags);
	int i = find_word(word, allowed);

	if (i >= 0 || word.p == NULL)
		return i < 0 ? fallback : i;
	const char *near = nearest_word(word, allowed);

	diag_add(r->diags, node->at, "unknown %s '%.*s'%s%s%s", key, STR_ARG(word),
	    near ? ", did you mean '" : "", near ? near : "", near ? "'?" : "");
	return fallback;
}

struct strs
read_words(struct row_reader *r, const struct ynode *map, const char *key)
{
	const struct ynode *list = ynode_get(map, key);
	struct strs out = { NULL, 0 };

	if (list == NULL || !ynode_is(list, YNODE_LIST, "a list of words", r->diags))
		return out;
	out.p = catalogue_take(r->cat, (list->n + 1) * sizeof *out.p);
	if (out.p == NULL) {
		r->no_memory = true;
		return out;
	}
	for (size_t i = 0; i < list->n; i++) {
		const struct ynode *node = &list->values[i];

		if (!ynode_is(node, YNODE_SCALAR, "a word", r->diags))
			continue;
		if (node->text.n == 0)
			diag_add(r->diags, node->at, "an empty word");
		else
			out.p[out.n++] = keep(r, node->text);
	}
	return out;
}

/* "5.7.1" or "5.7.606-5.7.649". */
static bool
parse_range(struct str text, struct status_range *out)
{
	struct str to = text, from = str_cut(&to, '-');

	if (str_find_char(text, '-') < 0)
		to = from;
	return status_read(from, &out->from) == from.n && from.n > 0 &&
	       status_read(to, &out->to) == to.n && to.n > 0 && out->from <= out->to;
}

static size_t
read_ranges(struct row_reader *r, const struct ynode *map, struct status_range **out)
{
	const struct ynode *list = ynode_get(map, "status");
	size_t n = 0;

	if (list == NULL || !ynode_is(list, YNODE_LIST, "a list of status codes", r->diags))
		return 0;
	*out = catalogue_take(r->cat, (list->n + 1) * sizeof **out);
	if (*out == NULL) {
		r->no_memory = true;
		return 0;
	}
	for (size_t i = 0; i < list->n; i++) {
		const struct ynode *node = &list->values[i];

		if (!ynode_is(node, YNODE_SCALAR, "a status code", r->diags))
			continue;
		if (parse_range(node->text, &(*out)[n]))
			n++;
		else
			diag_add(r->diags, node->at,
			    "'%.*s' is no status code such as 5.7.1 or "
			    "5.7.606-5.7.649",
			    STR_ARG(node->text));
	}
	return n;
}

/* Checks that the row is a map with known keys and an id. */
static struct str
begin_row(struct row_reader *r, const struct ynode *map, const char *const *keys,
    const char *what)
{
	struct str none = { NULL, 0 };

	if (!ynode_is(map, YNODE_MAP, what, r->diags))
		return none;
	(void)ynode_check_keys(map, keys, r->diags); /* faults are counted in diags */
	struct str id = read_text(r, map, "id");

	if (id.n == 0)
		diag_add(r->diags, map->at, "%s needs an id", what);
	return id;
}

bool
read_provider(struct row_reader *r, const struct ynode *map, struct provider *out)
{
	static const char *const keys[] = { "id", "name", "short", "mx", "domains", NULL };
	size_t before = r->diags->errors;

	*out = (struct provider){ .id = begin_row(r, map, keys, "a provider") };
	if (map->type != YNODE_MAP)
		return false;
	out->name = read_text(r, map, "name");
	out->brief = read_text(r, map, "short");
	if (out->name.n == 0)
		out->name = out->id;
	if (out->brief.n == 0)
		out->brief = out->name;
	out->mx = read_words(r, map, "mx");
	out->domains = read_words(r, map, "domains");
	out->has_hosts = out->mx.n > 0 || out->domains.n > 0;
	return r->diags->errors == before && !r->no_memory;
}

static void
check_provider(struct row_reader *r, const struct ynode *at, struct str id)
{
	uint32_t i;

	if (id.n > 0 && !str_eq(id, STR("generic")) && !str_eq(id, STR("iana")) &&
	    !names_find(&r->cat->provider_ids, id, &i))
		diag_add(r->diags, at->at, "unknown provider '%.*s'", STR_ARG(id));
}

static enum catalogue_temporary
read_temporary(struct row_reader *r, const struct ynode *map,
    enum catalogue_temporary other)
{
	return (enum catalogue_temporary)(read_choice(r, map, "temporary", temporaries,
					      (int)other - 1) +
					  1);
}

/* The part that tells what the refusal means; what is absent stays as in *row. */
static void
read_answer(struct row_reader *r, const struct ynode *map, struct catalogue_code *row)
{
	int i = read_choice(r, map, "category", categories, -1);

	if (i >= 0)
		row->category = str_of(categories[i]);
	i = read_choice(r, map, "severity", severities, -1);
	if (i >= 0)
		row->severity = str_of(severities[i]);
	row->temporary = read_temporary(r, map, row->temporary);
	if (ynode_get(map, "meaning") != NULL)
		row->meaning = read_text(r, map, "meaning");
	if (ynode_get(map, "remedy") != NULL)
		row->remedy = read_text(r, map, "remedy");
	if (ynode_get(map, "url") != NULL)
		row->url = read_text(r, map, "url");
	if (row->category.n == 0 && ynode_get(map, "category") == NULL)
		diag_add(r->diags, map->at, "'%.*s' needs a category", STR_ARG(row->id));
}

/* `token` and those of `also`. */
static struct strs
read_tokens(struct row_reader *r, const struct ynode *map)
{
	struct strs tokens = read_words(r, map, "also");
	struct str first = read_text(r, map, "token");

	if (first.n > 0 && tokens.p == NULL)
		tokens.p = catalogue_take(r->cat, sizeof *tokens.p);
	if (first.n > 0 && tokens.p != NULL)
		tokens.p[tokens.n++] = first; /* read_words() left room for it */
	for (size_t i = 0; i < tokens.n; i++) {
		struct str token = tokens.p[i];
		size_t solid = 0;

		for (size_t k = 0; k < token.n; k++)
			solid += token.p[k] != ' ';
		if (solid < MIN_TOKEN || token.n > MAX_TOKEN || token.p[0] == ' ')
			diag_add(r->diags, map->at,
			    "token '%.*s': expected %d to %d bytes, the first no blank",
			    STR_ARG(token), MIN_TOKEN, MAX_TOKEN);
	}
	return tokens;
}

bool
read_code(struct row_reader *r, const struct ynode *map, struct code *out)
{
	static const char *const keys[] = { "id", "provider", "smtp_code", "status",
		"token", "also", "relays", "rank", "category", "severity", "temporary",
		"meaning", "remedy", "url", NULL };
	size_t before = r->diags->errors;

	*out = (struct code){ .row.id = begin_row(r, map, keys, "a code") };
	if (map->type != YNODE_MAP)
		return false;
	out->row.severity = STR("info");
	out->row.temporary = TEMPORARY_EITHER;
	out->row.provider = read_text(r, map, "provider");
	check_provider(r, map, out->row.provider);
	out->smtp_code = (uint32_t)ynode_int(map, "smtp_code", 0, 400, 599, r->diags);
	out->nstatus = read_ranges(r, map, &out->status);
	out->tokens = read_tokens(r, map);
	out->relays = read_words(r, map, "relays");
	out->rank = (enum code_rank)read_choice(r, map, "rank", ranks, RANK_NORMAL);
	read_answer(r, map, &out->row);
	if (out->tokens.n == 0 && out->nstatus == 0 && out->smtp_code == 0)
		diag_add(r->diags, map->at,
		    "'%.*s' needs a token, a status or an smtp_code", STR_ARG(out->row.id));
	return r->diags->errors == before && !r->no_memory;
}

bool
read_suspicion(struct row_reader *r, const struct ynode *map, struct suspicion *out)
{
	static const char *const keys[] = { "id", "code_id", "providers", "status",
		"smtp_code", "text", "begins", "contains", "hidden", "category", "severity",
		"temporary", "suspected", "meaning", "remedy", "url", NULL };
	size_t before = r->diags->errors;
	uint32_t i;

	*out = (struct suspicion){ .id = begin_row(r, map, keys, "a suspicion") };
	if (map->type != YNODE_MAP)
		return false;
	out->row.severity = STR("warning");
	out->row.temporary = TEMPORARY_EITHER;
	struct str code_id = read_text(r, map, "code_id");

	if (names_find(&r->cat->code_ids, code_id, &i))
		out->row = r->cat->codes[i].row;
	out->row.id = code_id.n > 0 ? code_id : out->id;
	out->providers = read_words(r, map, "providers");
	for (size_t k = 0; k < out->providers.n; k++)
		check_provider(r, ynode_get(map, "providers"), out->providers.p[k]);
	out->nstatus = read_ranges(r, map, &out->status);
	out->smtp_code = (uint32_t)ynode_int(map, "smtp_code", 0, 400, 599, r->diags);
	out->text = read_words(r, map, "text");
	out->begins = read_words(r, map, "begins");
	out->contains = read_words(r, map, "contains");
	out->hidden = ynode_bool(map, "hidden", false, r->diags);
	out->suspected = ynode_bool(map, "suspected", true, r->diags);
	read_answer(r, map, &out->row);
	return r->diags->errors == before && !r->no_memory;
}

bool
read_word_set(struct row_reader *r, const struct ynode *map, struct word_set *out)
{
	static const char *const keys[] = { "set", "words", NULL };
	size_t before = r->diags->errors;

	*out = (struct word_set){ 0 };
	if (!ynode_is(map, YNODE_MAP, "a set of words", r->diags))
		return false;
	(void)ynode_check_keys(map, keys, r->diags); /* faults are counted in diags */
	out->name = read_text(r, map, "set");
	out->words = read_words(r, map, "words");
	if (out->name.n == 0)
		diag_add(r->diags, map->at, "a set needs a name");
	for (size_t i = 0; i < out->words.n; i++)
		if (!phrase_is_word(out->words.p[i]))
			diag_add(r->diags, ynode_get(map, "words")->values[i].at,
			    "'%.*s' is no word such as 'mailbox' or 'block*'",
			    STR_ARG(out->words.p[i]));
	return r->diags->errors == before && !r->no_memory;
}

bool
read_saying(struct row_reader *r, const struct ynode *map, struct saying *out)
{
	static const char *const keys[] = { "id", "weight", "phrases", NULL };
	size_t before = r->diags->errors;
	const struct ynode *list;

	*out = (struct saying){ 0 };
	struct str id = begin_row(r, map, keys, "a list of phrases");

	if (map->type != YNODE_MAP)
		return false;
	if (id.n > 0 && !names_find(&r->cat->code_ids, id, &out->code))
		diag_add(r->diags, map->at, "no row '%.*s' in codes.yaml", STR_ARG(id));
	out->weight = (uint16_t)ynode_int(map, "weight", 0, 0, 100, r->diags);
	out->phrases = read_words(r, map, "phrases");
	list = ynode_get(map, "phrases");
	for (size_t i = 0; i < out->phrases.n && i < list->n; i++) {
		const char *fault = phrase_fault(r->cat, out->phrases.p[i]);

		if (fault != NULL)
			diag_add(r->diags, list->values[i].at, "phrase '%.*s': %s",
			    STR_ARG(out->phrases.p[i]), fault);
	}
	return r->diags->errors == before && !r->no_memory;
}
