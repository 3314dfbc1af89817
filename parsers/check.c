/* The examples that rules carry, for ruleset_check() of parsers/ruleset.h. */
#include <stdlib.h>
#include <string.h>

#include "core/buf.h"
#include "parsers/field.h"
#include "parsers/parser.h"
#include "parsers/rule.h"

struct check {
	struct parser *parser;
	struct diags *diags;
	const struct rule *rule;
	size_t nevents;
	const struct ynode *wanted; /* map, or list of maps */
	size_t run, reached;
};

static const char *const example_keys[] = { "line", "process", "expect", NULL };

/* One expected event against the one that came; a fault for each field that differs. */
static void
compare(struct check *c, const struct ynode *want, const struct event *ev)
{
	AUTO(buf_done) struct buf got = { 0 };

	if (!ynode_is(want, YNODE_MAP, "fields and their values", c->diags))
		return;
	for (size_t i = 0; i < want->n; i++) {
		const struct ynode *key = &want->keys[i], *value = &want->values[i];
		enum event_field f = field_named(key->text, key->at, c->diags);

		if (f == EVF_COUNT)
			continue;
		buf_clear(&got);
		event_value_text(ev, f, &got);
		bool absent_wanted = value->text.n == 0 && f != EVF_sender;

		if (str_eq(buf_str(&got), value->text) &&
		    (absent_wanted || event_has(ev, f)))
			continue;
		diag_add(c->diags, value->at,
		    "rule '%.*s' gives %s '%.*s', expected '%.*s'", STR_ARG(c->rule->name),
		    event_field_name(f), (int)(got.n < 200 ? got.n : 200),
		    got.n ? got.p : "", STR_ARG(value->text));
	}
}

static void
on_event(void *ctx, struct event *ev)
{
	struct check *c = ctx;
	const struct ynode *want = c->wanted;

	c->nevents++;
	if (want == NULL || !str_eq(event_text(ev, EVF_rule), c->rule->name))
		return;
	if (want->type == YNODE_LIST)
		want = c->nevents <= want->n ? &want->values[c->nevents - 1] : NULL;
	else if (c->nevents > 1)
		return;
	if (want != NULL)
		compare(c, want, ev);
}

/* The process that an example without one stands for: "/smtp" was logged as postfix/smtp. */
static void
default_process(const struct rule *rule, struct buf *out)
{
	const struct ynode *claims = ynode_get(ydoc_root(rule->file->yaml), "claims");
	struct str claim =
	    rule->nprocesses > 0 ? rule->processes[0] : claims->values[0].text;

	if (str_starts(claim, STR("*")))
		claim = str_skip(claim, 1);
	if (str_starts(claim, STR("/")))
		buf_add(out, rule->file->mta);
	buf_add(out, claim);
	if (out->n > 0 && out->p[out->n - 1] == '*')
		out->n--;
}

static bool
wants_nothing(const struct ynode *expect)
{
	return expect != NULL && expect->type == YNODE_SCALAR &&
	       str_eq(expect->text, STR("none"));
}

static void
judge(struct check *c, const struct ynode *example, enum parse_result result,
    const struct rule *by)
{
	const struct ynode *at = ynode_get(example, "line");
	const struct ynode *expect = ynode_get(example, "expect");
	bool matched = (result == PARSE_EVENT || result == PARSE_IGNORED) && by == c->rule;

	if (wants_nothing(expect)) {
		if (matched)
			diag_add(c->diags, at->at, "rule '%.*s' matches what it must not",
			    STR_ARG(c->rule->name));
		return;
	}
	if (matched) {
		c->reached++;
		if (expect != NULL && expect->type == YNODE_LIST && expect->n != c->nevents)
			diag_add(c->diags, expect->at, "%zu events expected, %zu came",
			    expect->n, c->nevents);
		return;
	}
	if (result == PARSE_EVENT || result == PARSE_IGNORED)
		diag_add(c->diags, at->at,
		    "rule '%.*s' never sees this: '%.*s' stands before it",
		    STR_ARG(c->rule->name), STR_ARG(by->name));
	else
		diag_add(c->diags, at->at, "rule '%.*s' does not match its example",
		    STR_ARG(c->rule->name));
}

static void
run_example(struct check *c, const struct ynode *example)
{
	AUTO(buf_done) struct buf process = { 0 };
	const struct ynode *text = ynode_get(example, "line");

	if (!ynode_is(example, YNODE_MAP, "line and expect", c->diags) ||
	    !ynode_check_keys(example, example_keys, c->diags))
		return;
	if (text == NULL) {
		diag_add(c->diags, example->at, "an example needs a `line`");
		return;
	}
	buf_add(&process, ynode_text(example, "process", STR(""), c->diags));
	if (process.n == 0)
		default_process(c->rule, &process);
	struct line line = { .text = text->text, .offset = -1 };

	c->run++;
	c->nevents = 0;
	c->wanted = wants_nothing(ynode_get(example, "expect"))
			? NULL
			: ynode_get(example, "expect");
	parser_set_no_header(c->parser, buf_str(&process));
	enum parse_result r = parser_line(c->parser, &line, STR("example"), on_event, c);

	judge(c, example, r, matcher_last_rule(parser_matcher(c->parser)));
}

/* Text that makes greedy patterns sweat: repeated separators, and examples cut short. */
static void
probe_backtracking(struct check *c)
{
	static const char *const bricks[] = { "<a", "=<\"", ", ", "a", " ", "x: ", "\"\\" };
	AUTO(buf_done) struct buf text = { 0 };
	pcre2_match_context *limits = pcre2_match_context_create(NULL);
	pcre2_match_data *groups =
	    pcre2_match_data_create_from_pattern(c->rule->pattern.re, NULL);
	const struct ynode *first = c->rule->examples->n > 0
					? ynode_get(&c->rule->examples->values[0], "line")
					: NULL;

	if (limits != NULL && groups != NULL && first != NULL) {
		pcre2_set_match_limit(limits, MATCH_LIMIT);
		for (size_t b = 0; b < sizeof bricks / sizeof *bricks; b++) {
			buf_clear(&text);
			buf_add(&text, str_head(first->text, first->text.n / 2));
			while (text.n < 2000)
				buf_add(&text, str_of(bricks[b]));
			buf_add_char(&text, '\x01');
			if (pcre2_match(c->rule->pattern.re, (PCRE2_SPTR)text.p, text.n, 0,
				PCRE2_NO_JIT, groups, limits) != PCRE2_ERROR_MATCHLIMIT)
				continue;
			diag_warn(c->diags, c->rule->pattern.source->at,
			    "rule '%.*s' backtracks badly: 2000 bytes of \"%s\" take more than %d steps; "
			    "let each part end at one place, or use ++ and *+",
			    STR_ARG(c->rule->name), bricks[b], MATCH_LIMIT);
			break;
		}
	}
	pcre2_match_data_free(groups);
	pcre2_match_context_free(limits);
}

static void
check_rule(struct check *c)
{
	const struct rule *rule = c->rule;

	c->reached = 0;
	if (rule->examples == NULL || rule->examples->type != YNODE_LIST ||
	    rule->examples->n == 0) {
		diag_add(c->diags, rule->node->at, "rule '%.*s' has no `examples`",
		    STR_ARG(rule->name));
		return;
	}
	size_t errors = c->diags->errors;

	for (size_t i = 0; i < rule->examples->n; i++)
		run_example(c, &rule->examples->values[i]);
	if (c->reached == 0 && c->diags->errors == errors)
		diag_add(c->diags, rule->node->at,
		    "rule '%.*s' has no example that it matches", STR_ARG(rule->name));
	probe_backtracking(c);
}

size_t
ruleset_check(const struct ruleset *set, struct diags *diags)
{
	struct check c = { .diags = diags };

	c.parser = parser_new(set, NULL, 0);
	if (c.parser == NULL)
		return 0;
	for (size_t f = 0; f < set->nfiles; f++)
		for (size_t i = 0; i < set->files[f].nrules; i++) {
			c.rule = &set->files[f].rules[i];
			check_rule(&c);
		}
	parser_free(c.parser);
	return c.run;
}
