/*
 * catalogue_cases - what the catalogue's tests share
 *
 * The shipped catalogue, loaded once a program, and a table of questions with the
 * answers they must get. Include it after cmocka.h.
 */
#ifndef TESTS_CATALOGUE_CASES_H
#define TESTS_CATALOGUE_CASES_H

#include "parsers/catalogue.h"

#define SHIPPED SOURCE_DIR "/rules.d/catalogue"

#define MS_CONSUMER "outlook-com.olc.protection.outlook.com"
#define MS_365 "example-org.mail.protection.outlook.com"
#define GOOGLE "gmail-smtp-in.l.google.com"
#define YAHOO "mta5.am0.yahoodns.net"
#define GMX "mx00.emig.gmx.net"

static struct catalogue *cat;

static inline int
load_shipped(void **state)
{
	static const char *const dirs[] = { SHIPPED };
	struct diags diags = { 0 };
	int r = catalogue_load(dirs, 1, &cat, &diags);

	(void)state;
	diags_print(&diags, stderr);
	diags_done(&diags);
	return r;
}

static inline int
unload(void **state)
{
	(void)state;
	catalogue_free(cat);
	return 0;
}

static inline void
assert_str(const char *what, struct str got, const char *want)
{
	if (!str_eq(got, str_of(want)))
		fail_msg("%s: got '%.*s', want '%s'", what, STR_ARG(got), want);
}

struct question_case {
	const char *relay, *reply, *text, *status;
	const char *category, *code_id; /* code_id NULL: any */
	bool suspected;
	enum event_outcome outcome;
};

static inline struct catalogue_answer
ask(const struct question_case *c)
{
	struct catalogue_question q = {
		.reply = str_of(c->reply),
		.text = str_of(c->text),
		.status = str_of(c->status),
		.relay_name = str_of(c->relay),
		.outcome = c->outcome,
	};
	struct catalogue_answer a;
	bool found = catalogue_explain(cat, &q, &a);

	assert_int_equal(found, a.category.n > 0);
	return a;
}

static inline void
check_cases(const struct question_case *cases, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		const struct question_case *c = &cases[i];
		const char *name = c->reply != NULL ? c->reply : c->text;
		struct catalogue_answer a = ask(c);

		assert_str(name, a.category, c->category);
		if (c->code_id != NULL)
			assert_str(name, a.code_id, c->code_id);
		if (a.suspected != c->suspected)
			fail_msg("%s: suspected is %d", name, a.suspected);
		assert_true(a.category.n == 0 || a.meaning.n > 0);
		assert_true(a.category.n == 0 || a.severity.n > 0);
		assert_int_equal(a.confidence == CONFIDENCE_NONE, a.category.n == 0);
	}
}

#define CHECK(cases) check_cases(cases, sizeof(cases) / sizeof *(cases))

#endif
