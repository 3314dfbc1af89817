/* The examples that alert rules carry, for alert_rules_check() of rules/alert.h. */
#include <stdlib.h>
#include <string.h>

#include "parsers/parser.h"
#include "rules/alert_rule.h"
#include "rules/engine.h"
#include "rules/example_lines.h"

static const char *const example_keys[] = { "about", "lines", "incidents", NULL };
static const char *const incident_keys[] = { "rule", "severity", "state", "provider",
	"code_id", "category", "count", "summary", "group", NULL };

/* Examples are written without a year: they are read as of the end of 2026. */
#define EXAMPLE_REFERENCE_US INT64_C(1798675200000000)

struct check {
	struct diags *diags;
	struct engine *engine;
	struct str line;
	const struct alert_rules *rules;
	const char *file;           /* of the example */
	const struct ynode *wanted; /* list of incidents */
	size_t came;
};

static void
on_event(void *ctx, struct event *ev)
{
	struct check *c = ctx;

	if (!engine_is_repeat(c->engine, ev))
		(void)engine_feed(c->engine, ev, c->line);
}

static void
compare_text(struct check *c, const struct ynode *want, const char *key, struct str got)
{
	const struct ynode *node = ynode_get(want, key);

	if (node != NULL && !str_eq(node->text, got))
		diag_add(c->diags, node->at, "the incident's %s is '%.*s', expected '%.*s'",
		    key, STR_ARG(str_head(got, 200)), STR_ARG(node->text));
}

/* The folder of a file, with the slash. */
static struct str
folder_of(const char *file)
{
	struct str path = str_of(file);

	return str_head(path, (size_t)(str_rfind_char(path, '/') + 1));
}

/* Of a rule in another folder, and not asked for: the shipped examples do not know an
 * admin's rules, nor an admin's the shipped ones. */
static bool
is_foreign(const struct check *c, struct str rule)
{
	for (size_t i = 0; i < c->wanted->n; i++) {
		const struct ynode *name = ynode_get(&c->wanted->values[i], "rule");

		if (name != NULL && str_eq(name->text, rule))
			return false;
	}
	for (size_t i = 0; i < c->rules->nrules; i++)
		if (str_eq(c->rules->rules[i].name, rule))
			return !str_eq(folder_of(c->rules->rules[i].node->at.file),
			    folder_of(c->file));
	return false;
}

static int
on_incident(void *ctx, const struct incident *in)
{
	struct check *c = ctx;
	const struct ynode *want =
	    c->came < c->wanted->n ? &c->wanted->values[c->came] : NULL;
	AUTO(buf_done) struct buf count = { 0 };

	if (is_foreign(c, in->rule))
		return 0;
	c->came++;
	if (want == NULL) {
		diag_add(c->diags, c->wanted->at,
		    "one incident more than expected: %.*s, '%.*s'", STR_ARG(in->rule),
		    STR_ARG(in->summary));
		return 0;
	}
	if (!ynode_is(want, YNODE_MAP, "an incident's fields", c->diags) ||
	    !ynode_check_keys(want, incident_keys, c->diags))
		return 0;
	buf_add_int(&count, in->count);
	compare_text(c, want, "rule", in->rule);
	compare_text(c, want, "severity", str_of(severity_name(in->severity)));
	compare_text(c, want, "state", str_of(incident_state_name(in->state)));
	compare_text(c, want, "provider", in->provider);
	compare_text(c, want, "code_id", in->code_id);
	compare_text(c, want, "category", in->category);
	compare_text(c, want, "summary", in->summary);
	compare_text(c, want, "group", in->group);
	compare_text(c, want, "count", buf_str(&count));
	return 0;
}

static int
save_nothing(void *ctx, const struct incident *in)
{
	(void)ctx;
	(void)in;
	return 0;
}

static int
tell_nobody(void *ctx, const struct incident *in, enum notice notice, int64_t at_us)
{
	(void)ctx;
	(void)in;
	(void)notice;
	(void)at_us;
	return 0;
}

static void
run_lines(struct check *c, struct parser *parser, const struct ynode *lines)
{
	AUTO(buf_done) struct buf text = { 0 };
	bool plain = lines->type == YNODE_SCALAR;

	if (!plain && !example_lines(lines, &text, c->diags))
		return;
	struct str left = plain ? lines->text : buf_str(&text);

	for (unsigned number = 0; left.n > 0; number++) {
		struct line line = { .text = str_cut(&left, '\n'), .offset = -1 };

		c->line = line.text;
		if (line.text.n == 0)
			continue;
		enum parse_result r =
		    parser_line(parser, &line, STR("example"), on_event, c);

		if (r == PARSE_UNPARSED || r == PARSE_GAVE_UP) {
			struct pos at = lines->text_at;

			at.line += number;
			diag_add(c->diags, plain ? at : lines->at,
			    "no parser rule takes this line: %.*s",
			    STR_ARG(str_head(line.text, 120)));
			return; /* the others of a repetition are alike */
		}
	}
}

static void
run_example(struct check *c, const struct alert_rules *rules, const struct ruleset *parsers,
    const struct catalogue *catalogue, const struct ynode *example)
{
	static const struct ynode none = { .type = YNODE_LIST };
	const struct ynode *lines = ynode_get(example, "lines");
	const struct ynode *wanted = ynode_get(example, "incidents");

	if (!ynode_is(example, YNODE_MAP, "lines and incidents", c->diags) ||
	    !ynode_check_keys(example, example_keys, c->diags))
		return;
	if (lines == NULL || wanted == NULL ||
	    (wanted->type != YNODE_LIST && !str_eq(wanted->text, STR("none")))) {
		diag_add(c->diags, example->at,
		    "an example needs `lines` and the list of `incidents` that they give, or none");
		return;
	}
	struct parser *parser = parser_new(parsers, catalogue, EXAMPLE_REFERENCE_US);
	const struct engine_sink sink = { save_nothing, save_nothing, tell_nobody,
		on_incident, NULL, NULL, c };

	c->engine = engine_new(rules, catalogue);
	c->rules = rules;
	c->file = example->at.file;
	c->wanted = wanted->type == YNODE_LIST ? wanted : &none;
	c->came = 0;
	if (parser != NULL && c->engine != NULL) {
		run_lines(c, parser, lines);
		(void)engine_end(c->engine, &sink);
		if (c->came < c->wanted->n)
			diag_add(c->diags, c->wanted->at,
			    "%zu incidents expected, %zu came", c->wanted->n, c->came);
	}
	engine_free(c->engine);
	parser_free(parser);
}

size_t
alert_rules_check(const struct alert_rules *rules, const struct ruleset *parsers,
    const struct catalogue *catalogue, struct diags *diags)
{
	struct check c = { .diags = diags };
	size_t run = 0;

	for (size_t i = 0; i < rules->nrules; i++) {
		const struct alert_rule *rule = &rules->rules[i];

		if (rule->examples == NULL || rule->examples->type != YNODE_LIST) {
			diag_add(diags, rule->node->at, "rule '%.*s' has no `examples`",
			    STR_ARG(rule->name));
			continue;
		}
		for (size_t k = 0; k < rule->examples->n; k++, run++)
			run_example(&c, rules, parsers, catalogue,
			    &rule->examples->values[k]);
	}
	return run;
}
