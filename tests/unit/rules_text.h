/* Alert rules from text, through a folder as an admin has it. */
#ifndef TESTS_RULES_TEXT_H
#define TESTS_RULES_TEXT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include <cmocka.h>

#include "rules/alert.h"

/* As alert_rules_load(); the file is x.yaml in a folder that is gone by then. said: where
 * faults are printed while it is there, or NULL. */
static inline int
rules_of_text(const char *text, struct alert_rules **out, struct diags *diags, FILE *said)
{
	char dir[] = "/tmp/rules_of_text.XXXXXX", alerts[64], file[96];
	const char *const dirs[] = { dir };

	assert_non_null(mkdtemp(dir));
	(void)snprintf(alerts, sizeof alerts, "%s/alerts", dir);
	(void)snprintf(file, sizeof file, "%s/x.yaml", alerts);
	assert_int_equal(mkdir(alerts, 0700), 0);
	FILE *f = fopen(file, "w");

	assert_non_null(f);
	assert_true(fputs(text, f) >= 0);
	assert_int_equal(fclose(f), 0);
	int r = alert_rules_load(dirs, 1, out, diags);

	if (said != NULL)
		diags_print(diags, said);
	assert_int_equal(remove(file) | remove(alerts) | remove(dir), 0);
	return r;
}

/* Rules that must be good. */
static inline struct alert_rules *
good_rules(const char *text)
{
	struct alert_rules *rules = NULL;
	struct diags diags = { 0 };

	(void)rules_of_text(text, &rules, &diags, stderr);
	assert_non_null(rules);
	diags_done(&diags);
	return rules;
}

#endif
