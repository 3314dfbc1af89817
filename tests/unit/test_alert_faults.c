/* rules/alert_load: whatever is wrong in an alert rule is told where it is, with what stands
 * there, and with the word that was meant if one is near. */
#include <string.h>

#include "core/diag.h"
#include "core/str.h"
#include "rules_text.h"

/* Line 1 is `rules:`; the rule that is tried begins in line 2. */
#define RULE(name) "rules:\n  - name: " name "\n    when: { kind: limit }\n    summary: s\n"
#define MATCH RULE("x") "    resolves: { after: 1h }\n"
#define OTHER(name, more) \
	"  - name: " name \
	"\n    when: { kind: tls }\n    summary: s\n    resolves: { after: 1h }\n" more

static const struct {
	const char *text, *at, *said;
} rows[] = {
	/* keys */
	{ MATCH "    detectr: count\n", "6:5",
	    "unknown key 'detectr', did you mean 'detector'?" },
	{ MATCH "    zzzzzzzz: 1\n", "6:5", "unknown key 'zzzzzzzz'" },
	{ MATCH "    share: 50%\n", "6:12", "detector match has no `share`" },
	{ RULE("x") "    detector: count\n    share: 50%\n", "6:12",
	    "detector count has no `share`" },
	{ RULE("x") "    detector: silence\n    at_least: 3\n", "6:15",
	    "detector silence has no `at_least`" },
	{ RULE("x") "    detector: surge\n    distinct: sender\n", "6:15",
	    "detector surge has no `distinct`" },
	{ RULE("x") "    detector: cuont\n", "5:15",
	    "no detector 'cuont', did you mean 'count'?" },
	{ RULE("x") "    resolves: { afetr: 1h }\n", "5:17", "did you mean 'after'?" },
	{ "rule:\n  - name: x\n", "1:1", "unknown key 'rule', did you mean 'rules'?" },
	{ "rules:\n  - name: x\n    summary: s\n", "2:5",
	    "a rule needs a `name` and a `when`" },
	{ "rules:\n  - name: x\n    when: { kind: limit }\n    resolves: { after: 1h }\n",
	    "2:5", "has no `summary`" },
	{ RULE("x"), "2:5", "does not say when it `resolves`" },
	/* conditions */
	{ "rules:\n  - name: x\n    when: { knid: limit }\n    summary: s\n"
	  "    resolves: { after: 1h }\n",
	    "3:13", "no event field 'knid', did you mean 'kind'?" },
	{ "rules:\n  - name: x\n    when: { kind: lmit }\n    summary: s\n"
	  "    resolves: { after: 1h }\n",
	    "3:19", "'lmit' is no value for kind, did you mean 'limit'?" },
	{ "rules:\n  - name: x\n    when: { suspected: yess }\n    summary: s\n"
	  "    resolves: { after: 1h }\n",
	    "3:24", "'yess' is no value for suspected, did you mean 'yes'?" },
	{ "rules:\n  - name: x\n    when: { text: { match: 'a(b' } }\n    summary: s\n"
	  "    resolves: { after: 1h }\n",
	    "3:32", "pattern: missing closing parenthesis" },
	{ "rules:\n  - name: x\n    when: { smtp_code: { match: '5' } }\n    summary: s\n"
	  "    resolves: { after: 1h }\n",
	    "3:33", "smtp_code is no text" },
	{ "rules:\n  - name: x\n    when: { text: { mtach: 'a' } }\n    summary: s\n"
	  "    resolves: { after: 1h }\n",
	    "3:21", "did you mean 'match'?" },
	{ "rules:\n  - name: x\n    when: [limit]\n    summary: s\n    resolves: { after: 1h }\n",
	    "3:11", "expected fields and their values" },
	{ MATCH "    among: limit\n", "6:12", "expected fields and their values" },
	/* types, spans, numbers */
	{ MATCH "    severity: [info]\n", "6:15", "" },
	{ MATCH "    severity: critcal\n", "6:15", "did you mean 'critical'?" },
	{ MATCH "    reopen: soon\n", "6:13", "" },
	{ MATCH "    reopen: 5x\n", "6:13", "" },
	{ MATCH "    in_a_row: 0\n", "6:15", "" },
	{ MATCH "    in_a_row: many\n", "6:15", "" },
	{ MATCH "    in_a_row: 65\n", "6:15", "" },
	{ RULE("x") "    detector: count\n    at_least: 100000\n", "6:15", "1000" },
	{ RULE("x") "    detector: count\n    within: 0s\n", "6:13",
	    "`within` must be from" },
	{ RULE("x") "    detector: count\n    within: 8d\n", "6:13",
	    "`within` must be from" },
	{ RULE("x") "    detector: count\n    within: 1 hour\n", "6:13", "" },
	{ RULE("x") "    detector: surge\n    learn: 29d\n", "6:12",
	    "`learn` must be at most 28d" },
	{ RULE("x") "    detector: surge\n    times: 0.5\n", "6:12",
	    "'times' must be a number from 1 to 1000" },
	{ RULE("x") "    detector: surge\n    confidence: 100%\n", "6:17",
	    "'confidence' must be a share" },
	{ RULE("x") "    detector: ratio\n    among: { kind: tls }\n    share: 150%\n",
	    "7:12", "'share' must be a share between 0% and 100%" },
	{ RULE("x") "    detector: ratio\n    among: { kind: tls }\n    share: 0.5\n",
	    "7:12", "such as 99.9%" },
	{ RULE("x") "    detector: ratio\n    among: { kind: tls }\n    share: -5%\n",
	    "7:12", "" },
	{ RULE("x") "    detector: ratio\n", "2:5", "detector ratio needs `among`" },
	{ RULE("x") "    detector: trend\n", "2:5", "detector trend needs `among`" },
	{ RULE("x") "    detector: trend\n    among: { kind: tls }\n    change: dwon\n",
	    "7:13", "change is up, down or both, not 'dwon'" },
	/* groups, words */
	{ MATCH "    group_by: [hots]\n", "6:16", "did you mean 'host'?" },
	{ MATCH "    group_by: host\n", "6:15", "expected a list of fields" },
	{ MATCH "    group_by: [host, pid, mta, sender, peer]\n", "6:15",
	    "more than 4 fields to group by" },
	{ MATCH "    distinct: smtp_code\n", "6:15", "`distinct` names a text field" },
	{ MATCH "    advice: 'ask {postmaster}'\n", "6:19", "no word '{postmaster}'" },
	{ MATCH "    advice: 'ask {meannig}'\n", "6:19", "did you mean 'meaning'?" },
	{ MATCH "    advice: 'ask {host'\n", "6:19", "no '}' after '{host'" },
	/* rules among each other */
	{ MATCH OTHER("x", ""), "6:5", "rule 'x' exists already" },
	{ MATCH OTHER("y", "    trouble: x\n    group_by: [provider]\n"), "6:5",
	    "must group alike" },
	{ MATCH OTHER("y", "    inhibited_by: [z]\n"), "10:20", "no trouble 'z'" },
	{ RULE("disk") "    resolves: { after: 1h }\n" OTHER("y",
	      "    inhibited_by: [dsik]\n"),
	    "10:20", "did you mean 'disk'?" },
	{ MATCH "    inhibited_by: [x]\n", "6:19", "inhibited_by goes in a circle" },
	{ MATCH "    inhibited_by: [y]\n" OTHER("y", "    inhibited_by: [x]\n"), "6:19",
	    "inhibited_by goes in a circle" },
	{ MATCH "    inhibited_by: x\n", "6:19", "expected a list of troubles" },
	{ MATCH "    inhibited_by: [[x]]\n", "6:20", "" },
	/* YAML itself */
	{ "rules:\n  - name: [x\n", "3:1", "not YAML" },
	{ "rules: x\n", "1:8", "expected a list of rules" },
	{ "rules:\n  - x\n", "2:5", "expected a rule" },
	{ MATCH "    reopen: 1h\n    reopen: 2h\n", "7:5", "'reopen'" },
};

/* The faults of a file as they are printed. */
static char *
faults_of(const char *text, size_t *n)
{
	struct alert_rules *rules = NULL;
	struct diags diags = { 0 };
	char *said = NULL;
	size_t bytes;
	FILE *out = open_memstream(&said, &bytes);

	assert_non_null(out);
	int r = rules_of_text(text, &rules, &diags, out);

	assert_int_equal(fclose(out), 0);
	*n = diags.errors;
	if (r == 0 || rules != NULL || diags.errors == 0) {
		print_message("%s%s", text, said);
		fail_msg("taken, or refused without a word");
	}
	diags_done(&diags);
	return said;
}

static void
test_each_fault(void **state)
{
	size_t bad = 0;

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		char place[32];
		size_t n;
		char *said = faults_of(rows[i].text, &n);

		(void)snprintf(place, sizeof place, "x.yaml:%s: ", rows[i].at);
		const char *found = strstr(said, place);

		/* What ends too soon has no line to show. */
		if (found == NULL || strstr(found, rows[i].said) == NULL ||
		    (strchr(found, '^') == NULL && strstr(found, "not YAML") == NULL)) {
			print_message("--- wanted at %s: %s\n%s%s", rows[i].at,
			    rows[i].said, rows[i].text, said);
			bad++;
		}
		free(said);
	}
	assert_int_equal(bad, 0);
}

/* All of them in one run, not the first alone. */
static void
test_all_at_once(void **state)
{
	size_t n;
	char *said = faults_of(MATCH
	    "    severity: bad\n    reopen: never\n    group_by: [nothing]\n"
	    "    advice: '{nobody}'\n" OTHER("y", "    in_a_row: no\n"),
	    &n);

	(void)state;
	assert_int_equal(n, 5);
	free(said);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_each_fault),
		cmocka_unit_test(test_all_at_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
