/* The examples that bounce rules carry, for bounce_rules_check(). */
#include "parsers/bounce_rules_impl.h"
#include "parsers/field.h"

struct check {
	struct bounce_rules *rules;
	struct diags *diags;
	const struct bounce_rule *rule;
	const struct ynode *wanted; /* map, or list of maps; NULL: nothing is */
	size_t run, reached, nfound;
};

static const char *const example_keys[] = { "message", "expect", NULL };

static struct str
find_value(const struct bounce_find *find, enum bounce_value v, struct buf *number)
{
	switch (v) {
	case BOUNCE_RECIPIENT: return find->recipient;
	case BOUNCE_ACTION: return find->action;
	case BOUNCE_STATUS: return find->status;
	case BOUNCE_REPLY: return find->reply;
	case BOUNCE_RELAY_NAME: return find->relay_name;
	case BOUNCE_RELAY_IP: return find->relay_ip;
	case BOUNCE_QUEUE_ID: return find->queue_id;
	case BOUNCE_SENDER: return find->sender;
	case BOUNCE_MESSAGE_ID: return find->message_id;
	default: break;
	}
	buf_clear(number);
	if (find->smtp_code != 0)
		buf_add_int(number, find->smtp_code);
	return buf_str(number);
}

/* One expected recipient against the one that came; a fault for each field that differs. */
static void
compare(struct check *c, const struct ynode *want, const struct bounce_find *find)
{
	AUTO(buf_done) struct buf number = { 0 };

	if (!ynode_is(want, YNODE_MAP, "fields and their values", c->diags))
		return;
	for (size_t i = 0; i < want->n; i++) {
		const struct ynode *key = &want->keys[i], *value = &want->values[i];
		enum event_field f = field_named(key->text, key->at, c->diags);
		enum bounce_value v = bounce_value_of(f);

		if (f == EVF_COUNT)
			continue;
		if (v == BOUNCE_VALUES) {
			diag_add(c->diags, key->at, "a bounce has no '%.*s'",
			    STR_ARG(key->text));
			continue;
		}
		struct str got = find_value(find, v, &number);

		if (str_eq(got, value->text))
			continue;
		diag_add(c->diags, value->at,
		    "rule '%.*s' gives %s '%.*s', expected '%.*s'", STR_ARG(c->rule->name),
		    bounce_value_name(v), STR_ARG(str_head(got, 150)),
		    STR_ARG(str_head(value->text, 150)));
	}
}

static int
on_find(void *ctx, const struct bounce_find *find)
{
	struct check *c = ctx;
	const struct ynode *want = c->wanted;

	c->nfound++;
	if (want == NULL || c->rules->last != c->rule)
		return 0;
	if (want->type == YNODE_LIST)
		want = c->nfound <= want->n ? &want->values[c->nfound - 1] : NULL;
	else if (c->nfound > 1)
		return 0;
	if (want != NULL)
		compare(c, want, find);
	return 0;
}

/* --- the message of an example --- */

/* Unfolded as RFC 5322, 2.2.3 tells; the text behind the empty line stays in *message. */
static void
take_header(struct str *message, struct buf *header)
{
	while (message->n > 0) {
		struct str line = str_cut(message, '\n');

		if (str_trim(line).n == 0)
			return;
		if (header->n > 0)
			buf_add_char(header,
			    line.p[0] == ' ' || line.p[0] == '\t' ? ' ' : '\n');
		buf_add(header, str_trim(line));
	}
}

static struct str
header_value(struct str header, struct str name)
{
	while (header.n > 0) {
		struct str line = str_cut(&header, '\n');

		if (str_eq_nocase(str_head(line, name.n), name))
			return str_trim(str_skip(line, name.n));
	}
	return (struct str){ NULL, 0 };
}

static int
read_message(struct check *c, struct str message)
{
	AUTO(buf_done) struct buf header = { 0 };

	take_header(&message, &header);
	struct bounce_letter letter = {
		.from = header_value(buf_str(&header), STR("From:")),
		.subject = header_value(buf_str(&header), STR("Subject:")),
		.header = buf_str(&header),
		.text = message,
	};

	return bounce_rules_read(c->rules, &letter, on_find, c);
}

/* --- judging --- */

static bool
wants_nothing(const struct ynode *expect)
{
	return expect != NULL && expect->type == YNODE_SCALAR &&
	       str_eq(expect->text, STR("none"));
}

static void
judge(struct check *c, const struct ynode *example)
{
	const struct ynode *at = ynode_get(example, "message");
	const struct ynode *expect = ynode_get(example, "expect");
	const struct bounce_rule *by = c->rules->last;

	if (wants_nothing(expect)) {
		if (by == c->rule)
			diag_add(c->diags, at->at, "rule '%.*s' matches what it must not",
			    STR_ARG(c->rule->name));
		return;
	}
	if (by == c->rule) {
		c->reached++;
		if (expect != NULL && expect->type == YNODE_LIST && expect->n != c->nfound)
			diag_add(c->diags, expect->at, "%zu recipients expected, %zu came",
			    expect->n, c->nfound);
		return;
	}
	if (by != NULL)
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
	const struct ynode *message = ynode_get(example, "message");

	if (!ynode_is(example, YNODE_MAP, "message and expect", c->diags) ||
	    !ynode_check_keys(example, example_keys, c->diags))
		return;
	if (message == NULL || message->type != YNODE_SCALAR) {
		diag_add(c->diags, example->at, "an example needs a `message`");
		return;
	}
	size_t gave_up = c->rule->gave_up;

	c->run++;
	c->nfound = 0;
	c->wanted = wants_nothing(ynode_get(example, "expect"))
			? NULL
			: ynode_get(example, "expect");
	if (read_message(c, message->text) < 0)
		return;
	judge(c, example);
	if (c->rule->gave_up > gave_up)
		diag_add(c->diags, message->at,
		    "rule '%.*s' backtracks badly: more than %d steps in its own example",
		    STR_ARG(c->rule->name), MATCH_LIMIT);
}

/* Text that makes greedy patterns sweat: the example's lines again and again, cut ones. */
static void
probe_backtracking(struct check *c)
{
	static const char *const bricks[] = { "<a@b>", "\n", "a ", "550 ", "a@b\n", ": ",
		"<a@example.org>:\n", " \n" };
	AUTO(buf_done) struct buf text = { 0 };
	struct bounce_rule *rule = (struct bounce_rule *)c->rule;
	const struct ynode *first =
	    rule->examples->n > 0 ? ynode_get(&rule->examples->values[0], "message") : NULL;
	size_t gave_up = rule->gave_up;

	if (first == NULL || first->type != YNODE_SCALAR)
		return;
	for (size_t b = 0; b < sizeof bricks / sizeof *bricks; b++) {
		buf_clear(&text);
		buf_add(&text, first->text);
		while (text.n < 20000)
			buf_add(&text, str_of(bricks[b]));
		c->wanted = NULL;
		c->rules->only = rule;
		(void)read_message(c, buf_str(&text));
		c->rules->only = NULL;
		if (rule->gave_up == gave_up)
			continue;
		diag_warn(c->diags, rule->node->at,
		    "rule '%.*s' backtracks badly: 20000 bytes of \"%s\" take more than %d "
		    "steps; let each part end at one place, or use ++ and *+",
		    STR_ARG(rule->name), bricks[b][0] == '\n' ? "\\n" : bricks[b],
		    MATCH_LIMIT);
		return;
	}
}

static void
check_rule(struct check *c)
{
	const struct bounce_rule *rule = c->rule;
	size_t errors = c->diags->errors;

	c->reached = 0;
	if (rule->examples == NULL || rule->examples->type != YNODE_LIST ||
	    rule->examples->n == 0) {
		diag_add(c->diags, rule->node->at, "rule '%.*s' has no `examples`",
		    STR_ARG(rule->name));
		return;
	}
	for (size_t i = 0; i < rule->examples->n; i++)
		run_example(c, &rule->examples->values[i]);
	if (c->reached == 0 && c->diags->errors == errors)
		diag_add(c->diags, rule->node->at,
		    "rule '%.*s' has no example that it matches", STR_ARG(rule->name));
	probe_backtracking(c);
}

size_t
bounce_rules_check(struct bounce_rules *rules, struct diags *diags)
{
	struct check c = { .rules = rules, .diags = diags };

	for (size_t f = 0; f < rules->nfiles; f++)
		for (size_t i = 0; i < rules->files[f].nrules; i++) {
			c.rule = &rules->files[f].rules[i];
			check_rule(&c);
		}
	return c.run;
}
