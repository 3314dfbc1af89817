#include "rules/silence.h"

#include <errno.h>
#include <stdlib.h>

#include "core/event.h"
#include "core/members.h"
#include "core/yaml.h"
#include "rules/alert_rule.h"

/* The pair at the beginning of *rest, which moves behind its comma. */
static struct str
take_pair(struct str *rest, struct str *value_out)
{
	struct str value = str_trim(str_cut(rest, ','));
	struct str field = str_trim(str_cut(&value, '='));

	*value_out = str_trim(value);
	return field;
}

/* Fields besides those of events. */
static const char *const own_fields[] = { "rule", "id", "severity", "peer", NULL };

static bool
is_field(struct str name)
{
	for (size_t i = 0; own_fields[i] != NULL; i++)
		if (str_eq(name, str_of(own_fields[i])))
			return true;
	return event_field_find(name) != EVF_COUNT;
}

static int
no_such_field(struct str name, struct err *err)
{
	const char *names[EVF_COUNT + sizeof own_fields / sizeof *own_fields];
	size_t n = 0;

	for (size_t i = 0; own_fields[i] != NULL; i++)
		names[n++] = own_fields[i];
	for (int f = 0; f < EVF_COUNT; f++)
		names[n++] = event_field_name((enum event_field)f);
	names[n] = NULL;
	const char *near = nearest_word(name, names);

	if (near != NULL)
		return err_set(err, -EINVAL, "no field '%.*s', did you mean '%s'?",
		    STR_ARG(name), near);
	return err_set(err, -EINVAL,
	    "no field '%.*s': rule, id, host, provider, severity, category, code_id and "
	    "what incidents are grouped by can be matched",
	    STR_ARG(name));
}

int
silence_check(struct str match, struct err *err)
{
	struct str rest = match;

	if (match.n > SILENCE_MAX_BYTES)
		return err_set(err, -EINVAL, "longer than %d bytes", SILENCE_MAX_BYTES);
	if (str_trim(match).n == 0)
		return err_set(err, -EINVAL, "nothing to match");
	while (rest.n > 0) {
		struct str value, field = take_pair(&rest, &value);

		if (field.n == 0 || value.n == 0)
			return err_set(err, -EINVAL,
			    "expected field=value, separated by commas, not '%.*s'",
			    STR_ARG(match));
		if (!is_field(field))
			return no_such_field(field, err);
		if (str_eq(field, STR("severity")) && str_find_char(value, '*') < 0 &&
		    severity_find(value) == SEVERITY_UNKNOWN)
			return err_set(err, -EINVAL,
			    "no severity '%.*s': it is info, warning or critical",
			    STR_ARG(value));
	}
	return 0;
}

static int
no_such_rule(struct str name, const struct alert_rules *rules, struct err *err)
{
	/* Names are the files' own texts, which end with a NUL. */
	AUTO(auto_free) const char **names = calloc(2 * rules->nrules + 1, sizeof *names);
	const char *near = NULL;

	for (size_t i = 0; names != NULL && i < rules->nrules; i++) {
		names[2 * i] = rules->rules[i].name.p;
		names[2 * i + 1] = rules->rules[i].trouble.p;
	}
	if (names != NULL)
		near = nearest_word(name, names);
	if (near != NULL)
		return err_set(err, -ENOENT,
		    "no rule or trouble '%.*s', did you mean '%s'?", STR_ARG(name), near);
	return err_set(err, -ENOENT, "no rule or trouble '%.*s'", STR_ARG(name));
}

static bool
is_rule(struct str name, const struct alert_rules *rules)
{
	for (size_t i = 0; i < rules->nrules; i++)
		if (str_eq_nocase(name, rules->rules[i].name) ||
		    str_eq_nocase(name, rules->rules[i].trouble))
			return true;
	return false;
}

int
silence_check_rules(struct str match, const struct alert_rules *rules, struct err *err)
{
	struct str rest = match;

	while (rest.n > 0) {
		struct str value, field = take_pair(&rest, &value);

		if (str_eq(field, STR("rule")) && str_find_char(value, '*') < 0 &&
		    !is_rule(value, rules))
			return no_such_rule(value, rules, err);
	}
	return 0;
}

static char
lower(char c)
{
	return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

/* The last star takes as little as it can, and more when what follows does not fit. */
bool
silence_glob(struct str pattern, struct str text)
{
	size_t p = 0, t = 0, after_star = SIZE_MAX, resume = 0;

	while (t < text.n) {
		if (p < pattern.n && pattern.p[p] == '*') {
			after_star = ++p;
			resume = t;
		} else if (p < pattern.n && lower(pattern.p[p]) == lower(text.p[t])) {
			p++;
			t++;
		} else if (after_star != SIZE_MAX) {
			p = after_star;
			t = ++resume;
		} else {
			return false;
		}
	}
	while (p < pattern.n && pattern.p[p] == '*')
		p++;
	return p == pattern.n;
}

static bool
group_holds(struct str group, struct str field, struct str pattern)
{
	AUTO(buf_done) struct buf key = { 0 };
	AUTO(buf_done) struct buf value = { 0 };
	struct str rest = members_of(group);

	while (members_next(&rest, &key, &value))
		if (str_eq(buf_str(&key), field))
			return silence_glob(pattern, buf_str(&value));
	return false;
}

static bool
pair_holds(struct str field, struct str pattern, const struct incident *in)
{
	const struct {
		struct str field, text;
	} own[] = {
		{ STR("id"), in->id },
		{ STR("rule"), in->rule },
		{ STR("rule"), in->trouble },
		{ STR("severity"), str_of(severity_name(in->severity)) },
		{ STR("host"), in->host },
		{ STR("provider"), in->provider },
		{ STR("code_id"), in->code_id },
		{ STR("category"), in->category },
	};

	for (size_t i = 0; i < sizeof own / sizeof *own; i++)
		if (str_eq(field, own[i].field) && own[i].text.n > 0 &&
		    silence_glob(pattern, own[i].text))
			return true;
	return group_holds(in->group, field, pattern);
}

bool
silence_matches(struct str match, const struct incident *incident)
{
	struct str rest = match;
	bool any = false;

	while (rest.n > 0) {
		struct str value, field = take_pair(&rest, &value);

		if (field.n == 0 || value.n == 0 || !pair_holds(field, value, incident))
			return false;
		any = true;
	}
	return any;
}
