/* `when` of alert rules, for rules/alert_rule.h. */
#include <stdlib.h>
#include <string.h>

#include "core/clock.h"
#include "parsers/field.h"
#include "rules/alert_rule.h"
#include "rules/literal.h"

enum { CONDITION_MATCH_LIMIT = 100000, MAX_ENUM = 32 };

static const char *const test_keys[] = { "match", "not", "at_least", "known", NULL };

static void
no_value(enum event_field field, const struct ynode *value, struct diags *diags)
{
	const char *names[MAX_ENUM + 1] = { NULL };
	const char *near = NULL;
	enum event_type type = event_field_type(field);
	bool named = type == EVT_KIND || type == EVT_DIRECTION || type == EVT_OUTCOME ||
		     type == EVT_ORIGIN;

	if (type == EVT_BOOL) {
		names[0] = "yes";
		names[1] = "no";
	}
	for (int64_t i = 1; named && i <= MAX_ENUM; i++) {
		const char *name = event_enum_name(type, i);

		names[i - 1] = *name == '\0' ? NULL : name;
	}
	near = nearest_word(value->text, names);
	diag_add(diags, value->at, "'%.*s' is no value for %s%s%s%s", STR_ARG(value->text),
	    event_field_name(field), near ? ", did you mean '" : "", near ? near : "",
	    near ? "'?" : "");
}

/* One value of a list, in the field's own type. */
static bool
add_value(struct condition *c, const struct ynode *value, struct diags *diags)
{
	struct event ev = { 0 };
	enum event_type type = event_field_type(c->field);

	if (!ynode_is(value, YNODE_SCALAR, "a single value", diags))
		return false;
	if (!event_set(&ev, c->field, value->text)) {
		no_value(c->field, value, diags);
		return false;
	}
	if (type == EVT_TEXT || type == EVT_DELAYS)
		c->values[c->nvalues++] = value->text;
	else if (type == EVT_INT || type == EVT_SECONDS)
		c->numbers[c->nvalues++] = ev.v[c->field].num;
	else
		c->enums |= 1u << ev.v[c->field].num;
	return true;
}

static bool
read_one_of(struct condition *c, const struct ynode *node, struct diags *diags)
{
	const struct ynode *values = node->type == YNODE_LIST ? node->values : node;
	size_t n = node->type == YNODE_LIST ? node->n : 1;
	bool good = true;

	c->test = CONDITION_ONE_OF;
	c->values = calloc(n + 1, sizeof *c->values);
	c->numbers = calloc(n + 1, sizeof *c->numbers);
	if (c->values == NULL || c->numbers == NULL)
		return false;
	for (size_t i = 0; i < n; i++)
		good &= add_value(c, &values[i], diags);
	return good;
}

static bool
keep_literals(struct condition *c, struct str pattern)
{
	struct literals literals = literals_of(pattern);

	c->values = calloc(literals.n + 1, sizeof *c->values);
	if (c->values == NULL)
		return false;
	memcpy(c->values, literals.items, literals.n * sizeof *c->values);
	c->nvalues = literals.n;
	return true;
}

static bool
read_pattern(struct condition *c, const struct ynode *node, struct diags *diags)
{
	int code;
	PCRE2_SIZE off;

	if (!ynode_is(node, YNODE_SCALAR, "a pattern", diags))
		return false;
	if (!event_field_is_text(c->field)) {
		diag_add(diags, node->at,
		    "%s is no text: name its values instead of a pattern",
		    event_field_name(c->field));
		return false;
	}
	c->test = CONDITION_MATCH;
	c->re = pcre2_compile((PCRE2_SPTR)node->text.p, node->text.n,
	    PCRE2_CASELESS | PCRE2_DOTALL, &code, &off, NULL);
	if (c->re == NULL) {
		char why[128];

		(void)pcre2_get_error_message(code, (PCRE2_UCHAR *)why, sizeof why);
		diag_add(diags, ynode_pos(node, off), "pattern: %s", why);
		return false;
	}
	(void)pcre2_jit_compile(c->re,
	    PCRE2_JIT_COMPLETE); /* slower without, never wrong */
	c->groups = pcre2_match_data_create(1, NULL);
	c->limits = pcre2_match_context_create(NULL);
	if (c->groups == NULL || c->limits == NULL || !keep_literals(c, node->text)) {
		diag_add(diags, node->at, "out of memory");
		return false;
	}
	(void)pcre2_set_match_limit(c->limits, CONDITION_MATCH_LIMIT);
	return true;
}

static bool
read_test(struct condition *c, const struct ynode *node, struct diags *diags)
{
	const struct ynode *inner;

	if (node->type != YNODE_MAP)
		return read_one_of(c, node, diags);
	if (!ynode_check_keys(node, test_keys, diags))
		return false;
	if (node->n != 1) {
		diag_add(diags, node->at, "one of match, not, at_least, known");
		return false;
	}
	if ((inner = ynode_get(node, "not")) != NULL) {
		c->negate = !c->negate;
		return read_test(c, inner, diags);
	}
	if ((inner = ynode_get(node, "match")) != NULL)
		return read_pattern(c, inner, diags);
	if (ynode_get(node, "known") != NULL) {
		c->test = CONDITION_KNOWN;
		c->negate ^= !ynode_bool(node, "known", true, diags);
		return true;
	}
	c->test = CONDITION_AT_LEAST;
	c->at_least = ynode_int(node, "at_least", 0, 0, INT64_MAX / US_PER_S, diags);
	if (event_field_type(c->field) == EVT_SECONDS)
		c->at_least *= US_PER_S;
	return true;
}

static bool
is_cheap(const struct condition *c)
{
	return c->test != CONDITION_MATCH;
}

/* Patterns last: the others mostly decide. */
static void
sort_by_cost(struct conditions *c)
{
	for (size_t i = 1; i < c->n; i++)
		for (size_t k = i;
		     k > 0 && is_cheap(&c->items[k]) && !is_cheap(&c->items[k - 1]); k--) {
			struct condition t = c->items[k];

			c->items[k] = c->items[k - 1];
			c->items[k - 1] = t;
		}
}

bool
conditions_read(const struct ynode *map, struct conditions *out, struct diags *diags)
{
	bool good = true;

	out->kinds = out->outcomes = UINT32_MAX;
	if (!ynode_is(map, YNODE_MAP, "fields and their values", diags))
		return false;
	if (map->n > MAX_CONDITIONS) {
		diag_add(diags, map->at, "more than %d conditions", MAX_CONDITIONS);
		return false;
	}
	out->items = calloc(map->n + 1, sizeof *out->items);
	if (out->items == NULL) {
		diag_add(diags, map->at, "out of memory");
		return false;
	}
	for (size_t i = 0; i < map->n; i++) {
		struct condition *c = &out->items[out->n];
		enum event_field f = field_named(map->keys[i].text, map->keys[i].at, diags);

		if (f == EVF_COUNT) {
			good = false;
			continue;
		}
		out->n++;
		c->field = f;
		good &= read_test(c, &map->values[i], diags);
		if (f == EVF_kind && c->test == CONDITION_ONE_OF)
			out->kinds = c->negate ? ~c->enums : c->enums;
		if (f == EVF_outcome && c->test == CONDITION_ONE_OF)
			out->outcomes = c->negate ? ~c->enums : c->enums;
	}
	sort_by_cost(out);
	return good;
}

static bool
is_one_of(const struct condition *c, const struct event *ev)
{
	enum event_type type = event_field_type(c->field);

	if (type == EVT_TEXT || type == EVT_DELAYS) {
		struct str text = event_text(ev, c->field);

		for (size_t i = 0; i < c->nvalues; i++)
			if (event_has(ev, c->field) && str_eq(text, c->values[i]))
				return true;
		return false;
	}
	if (type != EVT_INT && type != EVT_SECONDS)
		return (c->enums >> event_num(ev, c->field) & 1) !=
		       0; /* absent is 0: unknown, no */
	for (size_t i = 0; i < c->nvalues; i++)
		if (event_has(ev, c->field) && event_num(ev, c->field) == c->numbers[i])
			return true;
	return false;
}

static bool
matches(const struct condition *c, const struct event *ev, struct limit_hits *hits)
{
	struct str text = event_text(ev, c->field);

	if (text.p == NULL)
		return false;
	int rc = pcre2_match(c->re, (PCRE2_SPTR)text.p, text.n, 0, 0, c->groups, c->limits);

	if (hits != NULL &&
	    (rc == PCRE2_ERROR_MATCHLIMIT || rc == PCRE2_ERROR_JIT_STACKLIMIT ||
		rc == PCRE2_ERROR_HEAPLIMIT || rc == PCRE2_ERROR_DEPTHLIMIT))
		hits->n++;
	return rc >= 0;
}

static bool
holds(const struct condition *c, const struct event *ev, struct limit_hits *hits)
{
	switch (c->test) {
	case CONDITION_MATCH: return matches(c, ev, hits);
	case CONDITION_AT_LEAST:
		return event_has(ev, c->field) && event_num(ev, c->field) >= c->at_least;
	case CONDITION_KNOWN: return event_has(ev, c->field);
	default: return is_one_of(c, ev);
	}
}

bool
conditions_have_pattern(const struct conditions *c)
{
	for (size_t i = 0; i < c->n; i++)
		if (c->items[i].test == CONDITION_MATCH)
			return true;
	return false;
}

bool
conditions_hold(const struct conditions *c, const struct event *ev)
{
	if (c->hits != NULL && c->hits->n >= MAX_LIMIT_HITS)
		return false;
	for (size_t i = 0; i < c->n; i++)
		if (holds(&c->items[i], ev, c->hits) == c->items[i].negate)
			return false;
	return true;
}

void
conditions_done(struct conditions *c)
{
	for (size_t i = 0; i < c->n; i++) {
		free(c->items[i].values);
		free(c->items[i].numbers);
		pcre2_match_context_free(c->items[i].limits);
		pcre2_match_data_free(c->items[i].groups);
		pcre2_code_free(c->items[i].re);
	}
	free(c->items);
}
