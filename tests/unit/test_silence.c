/* rules/silence: what a silence holds for; core/members below it. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/members.h"
#include "rules/silence.h"

static const struct incident block = {
	.id = STR_INIT("0123456789ab"),
	.rule = STR_INIT("provider-blocklisted"),
	.trouble = STR_INIT("provider-block"),
	.severity = SEVERITY_CRITICAL,
	.group =
	    STR_INIT("{\"host\":\"mx1\",\"provider\":\"microsoft\",\"peer\":\"a\\\"b\"}"),
	.host = STR_INIT("mx1"),
	.provider = STR_INIT("microsoft"),
	.code_id = STR_INIT("microsoft-s3140"),
	.category = STR_INIT("ip-blocklisted"),
};

static void
test_matches(void **state)
{
	static const struct {
		struct str match;
		bool want;
	} cases[] = {
		{ STR_INIT("rule=provider-blocklisted"), true },
		{ STR_INIT("rule=provider-block"), true },
		{ STR_INIT("rule=provider-*"), true },
		{ STR_INIT("rule=*"), true },
		{ STR_INIT("rule=provider"), false },
		{ STR_INIT("rule=Provider-BLOCK"), true },
		{ STR_INIT("id=0123456789ab"), true },
		{ STR_INIT("id=0123"), false },
		{ STR_INIT("provider=microsoft"), true },
		{ STR_INIT("provider=google"), false },
		{ STR_INIT(" provider = microsoft , host = mx* "), true },
		{ STR_INIT("provider=microsoft,host=mx2"), false },
		{ STR_INIT("severity=critical"), true },
		{ STR_INIT("severity=warning"), false },
		{ STR_INIT("category=ip-blocklisted,code_id=*s3140"), true },
		{ STR_INIT("peer=a\"b"), true },
		{ STR_INIT("sasl_user=*"), false },
		{ STR_INIT(""), false },
		{ STR_INIT(","), false },
		{ STR_INIT("provider=microsoft,"), true },
		{ STR_INIT("provider"), false },
		{ STR_INIT("provider="), false },
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
		if (silence_matches(cases[i].match, &block) != cases[i].want)
			fail_msg("%.*s", STR_ARG(cases[i].match));
}

static void
test_check(void **state)
{
	static const struct {
		struct str match;
		const char *says; /* NULL: fine */
	} cases[] = {
		{ STR_INIT("rule=x"), NULL },
		{ STR_INIT("peer=x,sasl_user=ann*"), NULL },
		{ STR_INIT("severity=crit*"), NULL },
		{ STR_INIT("severity=fatal"), "info, warning or critical" },
		{ STR_INIT("provder=x"), "did you mean 'provider'?" },
		{ STR_INIT("zzzzzzzz=x"), "no field 'zzzzzzzz'" },
		{ STR_INIT("provider"), "field=value" },
		{ STR_INIT("provider=x,,host=y"), "field=value" },
		{ STR_INIT("=x"), "field=value" },
		{ STR_INIT("  "), "nothing to match" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct err err = { "" };
		int r = silence_check(cases[i].match, &err);

		if (r != (cases[i].says == NULL ? 0 : -EINVAL) ||
		    (r < 0 && strstr(err.text, cases[i].says) == NULL))
			fail_msg("%.*s: %d %s", STR_ARG(cases[i].match), r, err.text);
	}
	char *many = malloc(SILENCE_MAX_BYTES + 1);
	struct err err;

	memset(many, 'a', SILENCE_MAX_BYTES + 1);
	assert_int_equal(silence_check((struct str){ many, SILENCE_MAX_BYTES + 1 }, &err),
	    -EINVAL);
	free(many);
}

static void
test_glob(void **state)
{
	static const struct {
		struct str pattern, text;
		bool want;
	} cases[] = {
		{ STR_INIT(""), STR_INIT(""), true },
		{ STR_INIT(""), STR_INIT("a"), false },
		{ STR_INIT("*"), STR_INIT(""), true },
		{ STR_INIT("**"), STR_INIT("abc"), true },
		{ STR_INIT("a*c"), STR_INIT("abbc"), true },
		{ STR_INIT("a*c"), STR_INIT("abcb"), false },
		{ STR_INIT("*ab*ab"), STR_INIT("ababxab"), true },
		{ STR_INIT("*ab*ab"), STR_INIT("ab"), false },
		{ STR_INIT("abc"), STR_INIT("abcd"), false },
		{ STR_INIT("mx?"), STR_INIT("mx1"), false },
	};
	static char text[100001], pattern[401];

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
		if (silence_glob(cases[i].pattern, cases[i].text) != cases[i].want)
			fail_msg("%.*s on %.*s", STR_ARG(cases[i].pattern),
			    STR_ARG(cases[i].text));
	/* What makes a backtracking matcher count the atoms of the universe. */
	memset(text, 'a', sizeof text - 1);
	for (size_t i = 0; i + 2 < sizeof pattern; i += 2)
		memcpy(pattern + i, "*a", 2);
	pattern[sizeof pattern - 1] = 'b';
	assert_false(silence_glob((struct str){ pattern, sizeof pattern }, str_of(text)));
}

static void
test_members(void **state)
{
	static const struct {
		struct str object;
		const char *want; /* key=value; of all that are read */
	} cases[] = {
		{ STR_INIT("{}"), "" },
		{ STR_INIT("{\"a\":\"b\"}"), "a=b;" },
		{ STR_INIT("{ \"a\" : \"b\" , \"n\" : 12, \"t\":true }"),
		    "a=b;n=12;t=true;" },
		{ STR_INIT("{\"a\":\"\\\"\\\\\\n\\u00e9,}\",\"b\":\"\"}"),
		    "a=\"\\\n\xc3\xa9,};b=;" },
		{ STR_INIT("{\"a\":\"x\"}, \"b\":\"y\"}"), "a=x;" },
		{ STR_INIT("{\"a\":\"x\",\"b\":{\"c\":1}}"), "a=x;" },
		{ STR_INIT("{\"a\":\"x"), "" },
		{ STR_INIT("{\"a\":\"x\\"), "" },
		{ STR_INIT("{\"a\":\"\\u12\"}"), "" },
		{ STR_INIT("{\"a\"}"), "" },
		{ STR_INIT("{a:1}"), "" },
		{ STR_INIT("[1]"), "" },
		{ STR_INIT(""), "" },
		{ STR_INIT("{"), "" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		AUTO(buf_done) struct buf key = { 0 };
		AUTO(buf_done) struct buf value = { 0 };
		AUTO(buf_done) struct buf all = { 0 };
		struct str rest = members_of(cases[i].object);

		while (members_next(&rest, &key, &value)) {
			buf_add(&all, buf_str(&key));
			buf_add_char(&all, '=');
			buf_add(&all, buf_str(&value));
			buf_add_char(&all, ';');
		}
		if (strcmp(buf_cstr(&all), cases[i].want) != 0)
			fail_msg("%.*s: %s", STR_ARG(cases[i].object), buf_cstr(&all));
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_matches),
		cmocka_unit_test(test_check),
		cmocka_unit_test(test_glob),
		cmocka_unit_test(test_members),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
