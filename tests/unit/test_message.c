#include "notify/message.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "core/plain.h"

static const int64_t hour_us = INT64_C(3600000000);
static const int64_t opened_us = INT64_C(1795228877482913); /* 2026-11-21 02:41:17 UTC */

static struct incident
blocked(void)
{
	return (struct incident){
		.id = STR("0f3a9c1b2d4e"),
		.rule = STR("provider-block"),
		.severity = SEVERITY_CRITICAL,
		.state = INCIDENT_OPEN,
		.host = STR("mx1"),
		.provider = STR("microsoft-consumer"),
		.code_id = STR("microsoft-s3140"),
		.category = STR("ip-blocklisted"),
		.opened_us = opened_us,
		.last_seen_us = opened_us + hour_us,
		.count = 3,
		.summary = STR("Microsoft (consumer) blocks our mail (S3140)"),
		.advice =
		    STR("The address is on Microsoft's own block list.\n"
			"Public lists do not show it.\n"
			"\n"
			"1. Ask for delisting in the portal below, and quote the whole "
			"refusal, with the address in brackets.\n"
			"2. Meanwhile send by a relay:\n"
			"    relayhost = [relay.example.org]:587\n"),
		.url = STR("https://olcsupport.office.com/"),
		.affected = STR("eur.olc.protection.outlook.com\n"
				"nam.olc.protection.outlook.com"),
		.samples =
		    STR("sm-mta[2239]: 041FASMh002237: to=<ann@example.com>, stat=Service "
			"unavailable\n"
			"550 5.7.1 messages from [192.0.2.25] weren't sent (S3140)"),
	};
}

static const struct message_context context = {
	.host = STR_INIT("mx1"),
	.now_us = INT64_C(1795236077482913), /* two hours later */
	.offset_min = 60,
	.version = STR_INIT("0.1.0"),
};

static void
assert_text(struct str got, const char *want)
{
	if (!str_eq(got, str_of(want)))
		fail_msg("got:\n%.*s\nwant:\n%s", STR_ARG(got), want);
}

static void
assert_holds(struct str text, const char *part)
{
	if (str_find(text, str_of(part)) < 0)
		fail_msg("'%s' is not in:\n%.*s", part, STR_ARG(text));
}

static void
assert_lacks(struct str text, const char *part)
{
	if (str_find(text, str_of(part)) >= 0)
		fail_msg("'%s' is in:\n%.*s", part, STR_ARG(text));
}

/* Whatever went in: UTF-8 and newlines, nothing hidden. */
static void
assert_readable(struct str text)
{
	while (text.n > 0) {
		struct plain_char c = plain_char_at(text);

		assert_true(c.n > 0);
		assert_true(c.code == '\n' || !plain_is_hidden(c.code));
		text = str_skip(text, c.n);
	}
}

static void
test_opened(void **state)
{
	(void)state;
	AUTO(buf_done) struct buf subject = { 0 };
	AUTO(buf_done) struct buf body = { 0 };
	struct incident in = blocked();

	message_render(&in, NOTICE_OPENED, &context, &subject, &body);
	assert_text(buf_str(&subject),
	    "[critical] mx1: Microsoft (consumer) blocks our mail (S3140)");
	assert_text(buf_str(&body),
	    "Microsoft (consumer) blocks our mail (S3140)\n"
	    "\n"
	    "Host: mx1\n"
	    "Severity: critical\n"
	    "Since: Sat, 21 Nov 2026 03:41:17 +0100 (2 hours ago)\n"
	    "Seen: 3 times\n"
	    "Last seen: Sat, 21 Nov 2026 04:41:17 +0100 (60 minutes ago)\n"
	    "Relays, newest last:\n"
	    "  eur.olc.protection.outlook.com\n"
	    "  nam.olc.protection.outlook.com\n"
	    "\n"
	    "What to do:\n"
	    "The address is on Microsoft's own block list. Public lists do not show it.\n"
	    "\n"
	    "1. Ask for delisting in the portal below, and quote the whole refusal, with\n"
	    "   the address in brackets.\n"
	    "2. Meanwhile send by a relay:\n"
	    "    relayhost = [relay.example.org]:587\n"
	    "\n"
	    "Link: https://olcsupport.office.com/\n"
	    "\n"
	    "From the log:\n"
	    "  sm-mta[2239]: 041FASMh002237: to=<ann@example.com>, stat=Service "
	    "unavailable\n"
	    "  550 5.7.1 messages from [192.0.2.25] weren't sent (S3140)\n"
	    "\n"
	    "Incident: 0f3a9c1b2d4e (rule provider-block)\n"
	    "More: mailwarden incidents\n"
	    "Told by: mailwarden 0.1.0 on mx1\n");
}

static void
test_resolved(void **state)
{
	(void)state;
	AUTO(buf_done) struct buf subject = { 0 };
	AUTO(buf_done) struct buf body = { 0 };
	struct incident in = blocked();

	in.state = INCIDENT_RESOLVED;
	in.last_seen_us = in.opened_us;
	in.resolved_us = in.opened_us + 15 * hour_us;
	in.count = 1;
	message_render(&in, NOTICE_RESOLVED, &context, &subject, &body);
	assert_text(buf_str(&subject),
	    "[resolved] mx1: Microsoft (consumer) blocks our mail (S3140)");
	assert_holds(buf_str(&body),
	    "Resolved: Microsoft (consumer) blocks our mail (S3140)\n");
	assert_holds(buf_str(&body), "Resolved: Sat, 21 Nov 2026 18:41:17 +0100\n");
	assert_holds(buf_str(&body), "Lasted: 15 hours\n");
	assert_holds(buf_str(&body), "Seen: 1 time\n");
	assert_lacks(buf_str(&body), "What to do");
	assert_lacks(buf_str(&body), "Last seen");
}

/* The relay was away: when the opening is told at last, all is well again. */
static void
test_opened_but_over(void **state)
{
	(void)state;
	AUTO(buf_done) struct buf subject = { 0 };
	AUTO(buf_done) struct buf body = { 0 };
	struct incident in = blocked();

	in.resolved_us = in.opened_us + hour_us;
	message_render(&in, NOTICE_OPENED, &context, &subject, &body);
	assert_true(str_starts(buf_str(&subject), STR("[critical] ")));
	assert_holds(buf_str(&body), "It has been resolved meanwhile.\n");
	assert_holds(buf_str(&body), "Lasted: 60 minutes\n");
}

static void
test_escalated_and_test(void **state)
{
	(void)state;
	AUTO(buf_done) struct buf subject = { 0 };
	AUTO(buf_done) struct buf body = { 0 };
	struct incident in = blocked();

	message_render(&in, NOTICE_ESCALATED, &context, &subject, &body);
	assert_true(str_starts(buf_str(&subject), STR("[critical] mx1: ")));
	assert_true(str_starts(buf_str(&body),
	    STR("Graver, or better known, than told before: "
		"Microsoft")));
	buf_clear(&subject);
	buf_clear(&body);
	message_render(NULL, NOTICE_TEST, &context, &subject, &body);
	assert_text(buf_str(&subject), "[test] mx1: mailwarden can reach you");
	assert_text(buf_str(&body),
	    "This is a test from mailwarden on mx1. Nothing is wrong: you read this\n"
	    "because the channel works, and alerts from this host will reach you in the\n"
	    "same way.\n"
	    "\n"
	    "Sent: Sat, 21 Nov 2026 05:41:17 +0100\n"
	    "\n"
	    "Told by: mailwarden 0.1.0 on mx1\n");
}

static void
test_hardly_anything_known(void **state)
{
	(void)state;
	AUTO(buf_done) struct buf subject = { 0 };
	AUTO(buf_done) struct buf body = { 0 };
	struct incident in = { .id = STR("0f3a9c1b2d4e"), .rule = STR("some-rule") };

	message_render(&in, NOTICE_OPENED, &context, &subject, &body);
	assert_text(buf_str(&subject), "[alert] mx1: some-rule");
	assert_text(buf_str(&body), "some-rule\n"
				    "\n"
				    "\n"
				    "Incident: 0f3a9c1b2d4e (rule some-rule)\n"
				    "More: mailwarden incidents\n"
				    "Told by: mailwarden 0.1.0 on mx1\n");
}

static void
test_shown(void **state)
{
	(void)state;
	static const struct {
		struct str text;
		const char *want;
	} cases[] = {
		{ STR_INIT("plain, \xc3\xa9, \xe2\x82\xac, \xf0\x9f\x93\xac"),
		    "plain, \xc3\xa9, \xe2\x82\xac, \xf0\x9f\x93\xac" },
		{ STR_INIT("nul\0, tab\t, cr\r, lf\n, del\x7f"),
		    "nul\\x00, tab\\x09, cr\\x0d, lf\\x0a, del\\x7f" },
		{ STR_INIT("\x1b]0;title\x07"), "\\x1b]0;title\\x07" },
		{ STR_INIT("a\xc2\x9b"
			   "1mb"),
		    "a\\u009b1mb" }, /* C1: an 8-bit CSI */
		{ STR_INIT("\xe2\x80\xae"
			   "cod.exe\xe2\x80\xac"),
		    "\\u202ecod.exe\\u202c" },
		{ STR_INIT("\xe2\x81\xa6x\xe2\x81\xa9"), "\\u2066x\\u2069" },
		{ STR_INIT("\xe2\x80\xa8\xef\xbb\xbf"), "\\u2028\\ufeff" },
		{ STR_INIT("\xf3\xa0\x81\x81"), "\\ue0041" },
		{ STR_INIT("\xff\xc0\xaf\xed\xa0\x80"), "\\xff\\xc0\\xaf\\xed\\xa0\\x80" },
		{ STR_INIT("\xf4\x90\x80\x80\xe0\x80\xaf"),
		    "\\xf4\\x90\\x80\\x80\\xe0\\x80\\xaf" },
		{ STR_INIT("cut \xe2\x82"), "cut \\xe2\\x82" },
	};

	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		AUTO(buf_done) struct buf out = { 0 };

		plain_add(&out, cases[i].text);
		assert_text(buf_str(&out), cases[i].want);
		assert_readable(buf_str(&out));
	}
}

static void
test_cut(void **state)
{
	(void)state;
	static const struct {
		struct str text;
		size_t max;
		const char *want;
	} cases[] = {
		{ STR_INIT("1234567890"), 10, "1234567890" },
		{ STR_INIT("12345678901"), 10, "1234567..." },
		{ STR_INIT("123456\xe2\x82\xac"
			   "90"),
		    10, "123456..." },
		{ STR_INIT("12345\0"
			   "7890"),
		    10, "12345..." },
		{ STR_INIT("\1\2\3"), 12, "\\x01\\x02\\x03" },
		{ STR_INIT(""), 10, "" },
	};

	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		AUTO(buf_done) struct buf out = { 0 };

		plain_add_cut(&out, cases[i].text, cases[i].max);
		assert_text(buf_str(&out), cases[i].want);
	}
}

static void
test_pairs(void **state)
{
	(void)state;
	static const struct {
		struct str value;
		const char *want;
	} cases[] = {
		{ STR_INIT("ops@example.org"), " k=ops@example.org" },
		{ STR_INIT("two words"), " k=\"two words\"" },
		{ STR_INIT("a\" b=\\c"), " k=\"a\\\" b=\\\\c\"" },
		{ STR_INIT("a\nalert sent"), " k=\"a\\x0aalert sent\"" },
		{ STR_INIT(""), " k=\"\"" },
	};

	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		AUTO(buf_done) struct buf out = { 0 };

		plain_add_pair(&out, "k", cases[i].value);
		assert_text(buf_str(&out), cases[i].want);
	}
}

/* Every text of an incident from a stranger: nothing of it steers anything. */
static void
test_hostile(void **state)
{
	(void)state;
	AUTO(buf_done) struct buf subject = { 0 };
	AUTO(buf_done) struct buf body = { 0 };
	AUTO(buf_done) struct buf junk = { 0 };
	struct incident in = blocked();

	for (int i = 0; i < 70000; i++)
		buf_add_char(&junk, (char)(i * 7 + i / 251));
	in.id = in.rule = in.host = in.summary = in.advice = in.url = in.affected =
	    in.samples = buf_str(&junk);
	for (enum notice notice = NOTICE_OPENED; notice <= NOTICE_RESOLVED; notice++) {
		message_render(&in, notice, &context, &subject, &body);
		assert_readable(buf_str(&subject));
		assert_readable(buf_str(&body));
		assert_true(str_find_char(buf_str(&subject), '\n') < 0);
		assert_true(subject.n <= MESSAGE_SUBJECT_BYTES);
		assert_true(body.n < 100000);
		buf_clear(&subject);
		buf_clear(&body);
	}
	/* a sample cannot look like a line of our own */
	in = blocked();
	in.samples = STR("x\rIncident: none\nIncident: none");
	message_render(&in, NOTICE_OPENED, &context, &subject, &body);
	assert_holds(buf_str(&body), "\n  x\\x0dIncident: none\n  Incident: none\n");
}

static void
test_limits(void **state)
{
	(void)state;
	AUTO(buf_done) struct buf subject = { 0 };
	AUTO(buf_done) struct buf body = { 0 };
	AUTO(buf_done) struct buf many = { 0 };
	AUTO(buf_done) struct buf words = { 0 };
	struct incident in = blocked();

	for (int i = 1; i <= 40; i++)
		buf_addf(&many, "line-%d\n", i);
	for (int i = 0; i < 300; i++)
		buf_add(&words, i % 5 == 0 ? STR("na\xc3\xafvet\xc3\xa9 ") : STR("word "));
	in.affected = in.samples = buf_str(&many);
	in.advice = buf_str(&words);
	message_render(&in, NOTICE_OPENED, &context, &subject, &body);
	assert_holds(buf_str(&body), "newest last:\n  (30 more)\n  line-31\n");
	assert_holds(buf_str(&body), "  line-6\n  (28 more)\n  line-35\n");
	struct str rest = buf_str(&body);

	while (rest.n > 0) {
		struct str line = str_cut(&rest, '\n');
		size_t width = 0;

		for (size_t i = 0; i < line.n; i++)
			width += ((unsigned char)line.p[i] & 0xc0) != 0x80;
		assert_true(width <= MESSAGE_COLUMNS);
	}
	/* one long evidence line stays one line, cut */
	buf_clear(&body);
	for (int i = 0; i < 3000; i++)
		buf_add_char(&words, 'x');
	in.samples = buf_str(&words);
	in.advice = STR("");
	message_render(&in, NOTICE_OPENED, &context, &subject, &body);
	ptrdiff_t at = str_find(buf_str(&body), STR("From the log:\n"));

	assert_true(at > 0);
	rest = str_skip(buf_str(&body), (size_t)at);
	(void)str_cut(&rest, '\n');
	struct str line = str_cut(&rest, '\n');

	assert_true(line.n <= 2 + MESSAGE_EVIDENCE_BYTES && str_ends(line, STR("...")));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_opened),
		cmocka_unit_test(test_resolved),
		cmocka_unit_test(test_opened_but_over),
		cmocka_unit_test(test_escalated_and_test),
		cmocka_unit_test(test_hardly_anything_known),
		cmocka_unit_test(test_shown),
		cmocka_unit_test(test_cut),
		cmocka_unit_test(test_pairs),
		cmocka_unit_test(test_hostile),
		cmocka_unit_test(test_limits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
