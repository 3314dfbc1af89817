/* Bounce messages that only people can read: whom they are about, and what the catalogue makes
 * of what was said; and letters that are none. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "bounce_letters.h"
#include "parsers/bounce_rules.h"
#include "parsers/catalogue.h"

static const char *const shipped[] = { SOURCE_DIR "/rules.d" };

struct seen {
	int n;
	char rule[64], recipients[1024], reply[4200], action[32], relay[128];
	char status[16], text[64];
	int smtp_code;
};

static void
keep(char *to, size_t max, struct str s)
{
	(void)snprintf(to, max, "%.*s", STR_ARG(s));
}

static int
on_find(void *ctx, const struct bounce_find *find)
{
	struct seen *seen = ctx;
	size_t n = strlen(seen->recipients);

	(void)snprintf(seen->recipients + n, sizeof seen->recipients - n, "%s%.*s",
	    n > 0 ? " " : "", STR_ARG(find->recipient));
	if (seen->n++ > 0)
		return 0;
	keep(seen->rule, sizeof seen->rule, find->rule);
	keep(seen->reply, sizeof seen->reply, find->reply);
	keep(seen->action, sizeof seen->action, find->action);
	keep(seen->relay, sizeof seen->relay, find->relay_name);
	keep(seen->status, sizeof seen->status, find->status);
	seen->smtp_code = find->smtp_code;
	return 0;
}

static struct bounce_rules *
load(void)
{
	struct diags diags = { 0 };
	struct bounce_rules *rules = bounce_rules_load(shipped, 1, &diags);

	diags_print(&diags, stderr);
	assert_non_null(rules);
	assert_int_equal(diags.errors, 0);
	diags_done(&diags);
	return rules;
}

static int
read_letter(struct bounce_rules *rules, const struct letter *l, struct seen *seen)
{
	AUTO(buf_done) struct buf header = { 0 };

	buf_addf(&header, "From: %s\nTo: eve@example.com\nSubject: %s\n%s", l->from,
	    l->subject, l->header != NULL ? l->header : "");
	struct bounce_letter letter = { str_of(l->from), str_of(l->subject),
		buf_str(&header), str_of(l->text) };

	*seen = (struct seen){ 0 };
	return bounce_rules_read(rules, &letter, on_find, seen);
}

static void
finds_recipients_and_categories(void **state)
{
	struct bounce_rules *rules = load();
	struct catalogue *cat = NULL;
	struct diags diags = { 0 };
	const char *const dirs[] = { SOURCE_DIR "/rules.d/catalogue" };
	int bad = 0;

	(void)state;
	assert_int_equal(catalogue_load(dirs, 1, &cat, &diags), 0);
	for (size_t i = 0; i < letters_count; i++) {
		const struct letter *l = &letters[i];
		struct catalogue_answer answer;
		struct seen seen;

		(void)read_letter(rules, l, &seen);
		struct catalogue_question q = { .reply = str_of(seen.reply),
			.status = str_of(seen.status),
			.smtp_code = seen.smtp_code,
			.relay_name = str_of(seen.relay),
			.outcome = OUTCOME_BOUNCED };

		(void)catalogue_explain(cat, &q, &answer);
		if (strcmp(seen.recipients, l->recipients) == 0 &&
		    str_eq(answer.category, str_of(l->category)))
			continue;
		bad++;
		print_error("%s: by %s: got '%s' %.*s, expected '%s' %s: %s\n", l->name,
		    seen.rule, seen.recipients, STR_ARG(answer.category), l->recipients,
		    l->category, seen.reply);
	}
	assert_int_equal(bad, 0);
	catalogue_free(cat);
	bounce_rules_free(rules);
}

static void
leaves_other_letters_alone(void **state)
{
	struct bounce_rules *rules = load();
	int bad = 0;

	(void)state;
	for (size_t i = 0; i < others_count; i++) {
		struct seen seen;

		if (read_letter(rules, &others[i], &seen) == 0)
			continue;
		bad++;
		print_error("%s: rule %s finds %s\n", others[i].name, seen.rule,
		    seen.recipients);
	}
	assert_int_equal(bad, 0);
	bounce_rules_free(rules);
}

static void
shipped_examples_hold(void **state)
{
	struct bounce_rules *rules = load();
	struct diags diags = { 0 };

	(void)state;
	assert_true(bounce_rules_check(rules, &diags) >= bounce_rules_count(rules));
	diags_print(&diags, stderr);
	assert_int_equal(diags.errors, 0);
	assert_int_equal(diags.warnings, 0);
	diags_done(&diags);
	bounce_rules_free(rules);
}

static const struct letter qmail_letter = {
	.from = "MAILER-DAEMON@example.net",
	.subject = "failure notice",
	.text =
	    "Hi. This is the qmail-send program at example.net.\r\n"
	    "I'm afraid I wasn't able to deliver your message to the following addresses.\r\n"
	    "\r\n<ann@example.org>:  \r\n192.0.2.10\xc2\xa0"
	    "does not like recipient.\r\n"
	    "Remote host said: 550-5.1.1 User\r\n550 5.1.1 unknown\r\nGiving up on 192.0.2.10.\r\n"
	    "\r\n--- Below this line is a copy of the message.\r\n\r\n<bob@example.org>:\r\n550 no\r\n",
};

static void
undoes_line_ends_and_blanks(void **state)
{
	struct bounce_rules *rules = load();
	struct seen seen;

	(void)state;
	assert_int_equal(read_letter(rules, &qmail_letter, &seen), 1);
	assert_string_equal(seen.recipients, "ann@example.org");
	assert_string_equal(seen.reply, "550-5.1.1 User 550 5.1.1 unknown");
	assert_string_equal(seen.action, "failed");
	assert_string_equal(seen.status, "5.1.1");
	assert_int_equal(seen.smtp_code, 550);
	bounce_rules_free(rules);
}

static int
stop(void *ctx, const struct bounce_find *find)
{
	(void)ctx;
	(void)find;
	return -ENOSPC;
}

static void
callback_ends_it(void **state)
{
	struct bounce_rules *rules = load();
	struct bounce_letter letter = { str_of(qmail_letter.from),
		str_of(qmail_letter.subject), STR(""), str_of(qmail_letter.text) };

	(void)state;
	assert_int_equal(bounce_rules_read(rules, &letter, stop, NULL), -ENOSPC);
	letter.text = STR("");
	assert_int_equal(bounce_rules_read(rules, &letter, stop, NULL), 0);
	bounce_rules_free(rules);
}

/* --- rule files --- */

static char folder[64];

static void
write_rules(const char *text)
{
	char path[128];

	(void)strcpy(folder, "/tmp/mailwarden-bounces-XXXXXX");
	assert_non_null(mkdtemp(folder));
	(void)snprintf(path, sizeof path, "%s/bounces", folder);
	assert_int_equal(mkdir(path, 0700), 0);
	(void)snprintf(path, sizeof path, "%s/bounces/50-own.yaml", folder);
	FILE *f = fopen(path, "we");

	assert_non_null(f);
	assert_true(fputs(text, f) >= 0);
	assert_int_equal(fclose(f), 0);
}

static void
remove_rules(void)
{
	char path[128];

	(void)snprintf(path, sizeof path, "%s/bounces/50-own.yaml", folder);
	(void)unlink(path);
	(void)snprintf(path, sizeof path, "%s/bounces", folder);
	(void)rmdir(path);
	(void)rmdir(folder);
}

#define HEAD "mta: own\nrules:\n  - name: own\n"
#define TAIL \
	"    examples:\n      - message: |\n          Subject: x\n\n          whom ann@example.org\n"

static void
faults_have_a_place(void **state)
{
	static const struct {
		const char *rules, *fault;
	} cases[] = {
		{ HEAD "    patern: x\n" TAIL,
		    ":4:5: unknown key 'patern', did you mean 'pattern'?" },
		{ HEAD "    pattern: '(?<recipient>x'\n" TAIL, ":4:" },
		{ HEAD "    pattern: '(?<recipent>x)'\n" TAIL,
		    "did you mean 'recipient'?" },
		{ HEAD "    pattern: '(?<delay>x)(?<recipient>y)'\n" TAIL,
		    ":4:14: a bounce has no 'delay'" },
		{ HEAD "    pattern: '(?<reply>x)'\n" TAIL, "finds no recipient" },
		{ HEAD "    pattern: '{{who}}(?<recipient>x)'\n" TAIL, "no define 'who'" },
		{ HEAD "    pattern: '(?<recipient>x)'\n    parts: [a]\n" TAIL,
		    ":5:13: no parts 'a' in this file" },
		{ HEAD "    pattern: '(?<recipient>x)'\n    in: body\n" TAIL,
		    "`in` is one of" },
		{ HEAD "    kind: ignore\n" TAIL, "would ignore every message" },
		{ HEAD "    pattern: '(?<recipient>x)'\n" TAIL HEAD, "own" },
		{ "mta: own\n", "needs `mta` and `rules`" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		const char *const dirs[] = { folder };
		struct diags diags = { 0 };
		char *told = NULL;
		size_t n = 0;

		write_rules(cases[i].rules);
		struct bounce_rules *rules = bounce_rules_load(dirs, 1, &diags);
		FILE *to = open_memstream(&told, &n);

		diags_print(&diags, to);
		assert_int_equal(fclose(to), 0);
		if (rules != NULL || strstr(told, cases[i].fault) == NULL)
			fail_msg("case %zu: expected '%s' in: %s", i, cases[i].fault, told);
		free(told);
		diags_done(&diags);
		remove_rules();
	}
}

static void
examples_are_judged(void **state)
{
	static const struct {
		const char *rules, *fault;
	} cases[] = {
		{ HEAD "    pattern: 'whom[ ](?<recipient>.+)'\n" TAIL
		       "        expect: { recipient: bob@example.org }\n",
		    "gives recipient 'ann@example.org', expected 'bob@example.org'" },
		{ HEAD "    pattern: 'whom[ ](?<recipient>.+)'\n" TAIL
		       "        expect: none\n",
		    "matches what it must not" },
		{ HEAD "    pattern: 'whose[ ](?<recipient>.+)'\n" TAIL,
		    "does not match its example" },
		{ HEAD "    pattern: 'whom[ ](?<recipient>.+)'\n", "has no `examples`" },
		{ HEAD "    pattern: 'whom[ ](?<recipient>.+)'\n" TAIL
		       "        expect: [ {}, {} ]\n",
		    "2 recipients expected, 1 came" },
		{ HEAD "    pattern: 'whom[ ](?<recipient>.+)|(?:(?:a+)+)+b'\n" TAIL,
		    NULL },
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		const char *const dirs[] = { folder };
		struct diags diags = { 0 };
		char *told = NULL;
		size_t n = 0;

		write_rules(cases[i].rules);
		struct bounce_rules *rules = bounce_rules_load(dirs, 1, &diags);

		assert_non_null(rules);
		(void)bounce_rules_check(rules, &diags);
		FILE *to = open_memstream(&told, &n);

		diags_print(&diags, to);
		assert_int_equal(fclose(to), 0);
		if (cases[i].fault == NULL ? diags.errors != 0
					   : strstr(told, cases[i].fault) == NULL)
			fail_msg("case %zu: expected '%s' in: %s", i, cases[i].fault, told);
		free(told);
		diags_done(&diags);
		bounce_rules_free(rules);
		remove_rules();
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(finds_recipients_and_categories),
		cmocka_unit_test(leaves_other_letters_alone),
		cmocka_unit_test(shipped_examples_hold),
		cmocka_unit_test(undoes_line_ends_and_blanks),
		cmocka_unit_test(callback_ends_it),
		cmocka_unit_test(faults_have_a_place),
		cmocka_unit_test(examples_are_judged),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
