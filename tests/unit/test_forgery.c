/*
 * Forged text changes no other field (design, invariant 5; RFC 5321 lets a client choose
 * addresses, HELO and login, a remote server its replies).
 *
 * Every example that the shipped rules carry is parsed; then each text that a stranger
 * controls is replaced by imitations of log fields, and the line is parsed again: kind,
 * outcome, queue id and what else the server writes must stay. Where a server would never
 * log such text the line may remain unparsed or be flagged, but not say something else.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "core/yaml.h"
#include "parsers/parser.h"

static const char *const rule_files[] = { "postfix", "sendmail", "opensmtpd", "dovecot" };

/* Fields whose text strangers choose. */
static const enum event_field hostile[] = { EVF_sender, EVF_recipient, EVF_message_id,
	EVF_reply, EVF_sasl_user, EVF_helo };

/* What must stay, whatever stands in a hostile field. */
static const enum event_field guarded[] = { EVF_kind, EVF_outcome, EVF_queue_id,
	EVF_direction, EVF_relay_ip, EVF_recipient, EVF_sender, EVF_related_queue_id,
	EVF_limit_name };

static const struct str imitations[] = {
	STR_INIT(
	    "\"x, relay=h[192.0.2.1]:25, delay=1, delays=0/0/0/1, dsn=2.0.0, status=sent "
	    "(250 ok)\"@example.net"),
	STR_INIT(
	    "\"x>, to=<v@example.net>, relay=none, delay=1, delays=0/0/0/1, dsn=5.7.606, "
	    "status=bounced (banned)\"@example.net"),
	STR_INIT("\"x, size=1, class=0, nrcpts=1, stat=Sent (ok)\"@example.net"),
	STR_INIT("\"x, dsn=5.7.606, stat=Service unavailable\"@example.net"),
	STR_INIT("\"result=\\\"Ok\\\" stat=\\\"250 ok\\\"\"@example.net"),
	STR_INIT("x@example.net"),
};

/* Replies may hold anything; the code in front stays, as the server's grammar needs it. */
static const struct str reply_imitations[] = {
	STR_INIT(" no, dsn=2.0.0, status=sent (250 ok)"),
	STR_INIT(" no, stat=Sent (ok)"),
	STR_INIT(" nope\" result=\"Ok\" stat=\"250 ok"),
	STR_INIT(" (in reply to end of DATA command)), status=sent (250 ok"),
	STR_INIT(": service(pop3-login): process_limit (100) reached"),
};

/* OpenSMTPD takes no quotes, blanks, commas or brackets in an address (valid_localpart() in
 * util.c), so only these could be logged. */
static const struct str plain_imitations[] = {
	STR_INIT("result=Ok/stat=250@example.net"),
	STR_INIT("to=v|rcpt=w@example.net"),
};

/* Postfix writes ? for blanks and for <>()\";@ in a HELO (smtpd_helo.c, printable()). */
static const struct str helo_imitations[] = {
	STR_INIT("x.example,?status=sent??250?ok?"),
	STR_INIT("proto=ESMTP,helo=x"),
	STR_INIT("to=v,from=w,stat=Sent"),
};

/* Kinds from which nothing follows. */
#define MERE_NOTES (1u << KIND_WARNING | 1u << KIND_CONNECTION | 1u << KIND_LIFECYCLE)

struct seen {
	struct event ev;
	size_t n;
};

static void
on_event(void *ctx, struct event *ev)
{
	struct seen *seen = ctx;

	if (seen->n++ == 0)
		seen->ev = *ev;
}

struct fixture {
	struct ruleset *rules;
	struct parser *parser;
	size_t tried, parsed;
};

static void
assert_same(struct fixture *f, const struct event *before, const struct event *after,
    enum event_field replaced, struct str line)
{
	(void)f;
	if (event_has(after, EVF_ambiguous))
		return; /* flagged: two readings fit */
	if ((1u << event_num(after, EVF_kind) & MERE_NOTES) != 0 &&
	    !event_has(after, EVF_outcome))
		return; /* a line whose details nobody understood says nothing wrong */
	for (size_t i = 0; i < sizeof guarded / sizeof *guarded; i++) {
		struct buf was = { 0 }, is = { 0 };

		/* "queued as X" is the remote's word: hand-over and other id come from it */
		if (guarded[i] == replaced ||
		    (replaced == EVF_reply && (guarded[i] == EVF_related_queue_id ||
						  guarded[i] == EVF_direction)))
			continue;
		if (guarded[i] != EVF_kind && guarded[i] != EVF_outcome &&
		    guarded[i] != EVF_queue_id && !event_has(after, guarded[i]))
			continue; /* where two readings fit, none is better than a forged one */
		event_value_text(before, guarded[i], &was);
		event_value_text(after, guarded[i], &is);
		if (!str_eq(buf_str(&was), buf_str(&is)))
			fail_msg("%s was '%.*s', is '%.*s': %.*s",
			    event_field_name(guarded[i]), STR_ARG(buf_str(&was)),
			    STR_ARG(buf_str(&is)), STR_ARG(line));
		buf_done(&was);
		buf_done(&is);
	}
}

static void
try_imitation(struct fixture *f, const struct event *before, struct str line,
    enum event_field field, struct str imitation)
{
	struct str old = event_text(before, field);
	struct buf forged = { 0 };
	struct seen seen = { .n = 0 };

	buf_add(&forged, (struct str){ line.p, (size_t)(old.p - line.p) });
	if (field == EVF_reply)
		buf_add(&forged, str_head(old, 3));
	buf_add(&forged, imitation);
	buf_add(&forged, str_skip(line, (size_t)(old.p - line.p) + old.n));
	struct line changed = { .text = buf_str(&forged), .offset = -1 };

	f->tried++;
	if (parser_line(f->parser, &changed, STR("test"), on_event, &seen) == PARSE_EVENT) {
		f->parsed++;
		assert_same(f, before, &seen.ev, field, changed.text);
	}
	buf_done(&forged);
}

static void
try_all(struct fixture *f, const struct event *before, struct str line,
    enum event_field field, const struct str *texts, size_t n)
{
	for (size_t i = 0; i < n; i++)
		try_imitation(f, before, line, field, texts[i]);
}

static bool
is_inside(struct str part, struct str whole)
{
	return part.p >= whole.p && part.p + part.n <= whole.p + whole.n;
}

static void
forge_line(struct fixture *f, struct str text)
{
	struct line line = { .text = text, .offset = -1 };
	struct seen before = { .n = 0 };

	if (parser_line(f->parser, &line, STR("test"), on_event, &before) != PARSE_EVENT ||
	    before.n != 1)
		return;
	for (size_t i = 0; i < sizeof hostile / sizeof *hostile; i++) {
		struct str value = event_text(&before.ev, hostile[i]);

		if (value.n == 0 || !is_inside(value, text))
			continue;
		if (hostile[i] == EVF_reply)
			try_all(f, &before.ev, text, EVF_reply, reply_imitations,
			    sizeof reply_imitations / sizeof *reply_imitations);
		else if (hostile[i] == EVF_helo)
			try_all(f, &before.ev, text, EVF_helo, helo_imitations,
			    sizeof helo_imitations / sizeof *helo_imitations);
		else if (str_eq(event_text(&before.ev, EVF_mta), STR("opensmtpd")))
			try_all(f, &before.ev, text, hostile[i], plain_imitations,
			    sizeof plain_imitations / sizeof *plain_imitations);
		else
			try_all(f, &before.ev, text, hostile[i], imitations,
			    sizeof imitations / sizeof *imitations);
	}
}

static void
forge_rule(struct fixture *f, const struct ynode *root, const struct ynode *rule)
{
	const struct ynode *examples = ynode_get(rule, "examples");
	const struct ynode *processes = ynode_get(rule, "process");
	struct str first = processes == NULL ? ynode_get(root, "claims")->values[0].text
			   : processes->type == YNODE_LIST ? processes->values[0].text
							   : processes->text;

	for (size_t i = 0; examples != NULL && i < examples->n; i++) {
		const struct ynode *line = ynode_get(&examples->values[i], "line");
		const struct ynode *process = ynode_get(&examples->values[i], "process");
		struct buf name = { 0 };

		if (process != NULL) {
			buf_add(&name, process->text);
		} else if (str_starts(first, STR("*/"))) {
			buf_add(&name, STR("postfix"));
			buf_add(&name, str_skip(first, 1));
		} else {
			buf_add(&name, first);
		}
		parser_set_no_header(f->parser, buf_str(&name));
		forge_line(f, line->text);
		buf_done(&name);
	}
}

static void
test_every_example(void **state)
{
	static const char *const dirs[] = { SOURCE_DIR "/rules.d" };
	struct diags diags = { 0 };
	struct fixture f = { 0 };

	(void)state;
	assert_int_equal(ruleset_load(dirs, 1, &f.rules, &diags), 0);
	f.parser = parser_new(f.rules, NULL, 0);
	assert_non_null(f.parser);
	for (size_t i = 0; i < sizeof rule_files / sizeof *rule_files; i++) {
		char path[512];
		struct yaml *yaml = NULL;

		(void)snprintf(path, sizeof path, "%s/rules.d/parsers/%s.yaml", SOURCE_DIR,
		    rule_files[i]);
		assert_int_equal(ydoc_load(path, &yaml, &diags), 0);
		const struct ynode *rules = ynode_get(ydoc_root(yaml), "rules");

		for (size_t r = 0; r < rules->n; r++)
			forge_rule(&f, ydoc_root(yaml), &rules->values[r]);
		ydoc_free(yaml);
	}
	print_message("%zu forged lines, %zu of them parsed\n", f.tried, f.parsed);
	assert_true(f.tried > 500);
	assert_true(f.parsed > f.tried / 2);
	parser_free(f.parser);
	ruleset_free(f.rules);
	diags_done(&diags);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_example),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
