#include "notify/message.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/json.h"
#include "core/plain.h"

static const int64_t hour_us = INT64_C(3600000000);
static const int64_t opened_us = INT64_C(1795228877482913); /* 2026-11-21 02:41:17 UTC */

static struct incident
blocked(void)
{
	return (struct incident){
		.id = STR("0f3a9c1b2d4e"),
		.rule = STR("provider-blocklisted"),
		.severity = SEVERITY_CRITICAL,
		.state = INCIDENT_OPEN,
		.host = STR("mx1"),
		.provider = STR("microsoft-consumer"),
		.code_id = STR("microsoft-s3140"),
		.category = STR("ip-blocklisted"),
		.opened_us = opened_us,
		.last_seen_us = opened_us + hour_us,
		.count = 3,
		.senders = 1,
		.recipients = 250,
		.summary =
		    STR("Mail from mx1 is refused by Outlook.com: block list (S3140)"),
		.advice =
		    STR("The address is on Microsoft's own block list.\n"
			"Public lists do not show it.\n"
			"\n"
			"1. Ask for delisting in the portal below, and quote the whole "
			"refusal, with the address in brackets.\n"
			"2. Meanwhile send by a relay:\n"
			"    relayhost = [relay.example.org]:587\n"
			"\n"
			"They said: 550 5.7.1 (S3140)\n"),
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
	.dashboard = STR_INIT("https://mx1.example.org:8025/"),
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

static struct message *
message_of(const struct incident *in, enum notice notice)
{
	struct told told = { .incident = *in, .notice = notice };
	struct message *message = message_new(STR("m1"), &told, 1, &context);

	assert_non_null(message);
	return message;
}

static void
test_opened(void **state)
{
	(void)state;
	struct incident in = blocked();
	struct message *m = message_of(&in, NOTICE_OPENED);

	assert_string_equal(m->subject,
	    "[critical] mx1: Mail is refused by Outlook.com: block list (S3140)");
	assert_text(str_of(m->text),
	    "Critical: Mail from mx1 is refused by Outlook.com: block list (S3140)\n"
	    "\n"
	    "Host: mx1\n"
	    "Since: Sat 21 Nov 03:41 +0100, 2 hours ago\n"
	    "Seen: 3 times, last 04:41, 60 minutes ago\n"
	    "Affected: 1 sender, about 250 recipients\n"
	    "Relays: eur.olc.protection.outlook.com, nam.olc.protection.outlook.com\n"
	    "They said: 550 5.7.1 (S3140)\n"
	    "\n"
	    "What it means:\n"
	    "The address is on Microsoft's own block list. Public lists do not show it.\n"
	    "\n"
	    "What to do:\n"
	    "1. Ask for delisting in the portal below, and quote the whole refusal, with "
	    "the address in brackets.\n"
	    "2. Meanwhile send by a relay:\n"
	    "  relayhost = [relay.example.org]:587\n"
	    "Read on: https://olcsupport.office.com/\n"
	    "\n"
	    "Commands on mx1:\n"
	    "  mailwarden ack 0f3a9c1b2d4e\n"
	    "  mailwarden silence 0f3a9c1b2d4e 2h\n"
	    "  mailwarden show 0f3a9c1b2d4e\n"
	    "Dashboard: https://mx1.example.org:8025/incident/0f3a9c1b2d4e\n"
	    "\n"
	    "From the log:\n"
	    "  sm-mta[2239]: 041FASMh002237: to=<ann@example.com>, stat=Service "
	    "unavailable\n"
	    "  550 5.7.1 messages from [192.0.2.25] weren't sent (S3140)\n"
	    "\n"
	    "Told by mailwarden 0.1.0 on mx1, Sat 21 Nov 05:41 +0100. Rule "
	    "provider-blocklisted, incident 0f3a9c1b2d4e.\n");
	assert_int_equal(m->severity, SEVERITY_CRITICAL);
	assert_false(m->is_test);
	message_free(m);
}

static void
test_resolved(void **state)
{
	(void)state;
	struct incident in = blocked();

	in.state = INCIDENT_RESOLVED;
	in.resolved_us = in.opened_us + 15 * hour_us;
	struct message *m = message_of(&in, NOTICE_RESOLVED);
	struct str text = str_of(m->text);

	assert_string_equal(m->subject,
	    "[resolved] mx1: Mail is refused by Outlook.com: block list (S3140)");
	assert_true(str_starts(text, STR("Resolved after 15 hours: Mail from mx1 ")));
	assert_holds(text, "Since: Sat 21 Nov 03:41 +0100\n");
	assert_holds(text, "Until: Sat 21 Nov 18:41 +0100\n");
	assert_holds(text, "Seen: 3 times, last 04:41\n");
	assert_holds(text, "about 250 recipients\n");
	assert_lacks(text, "What to do");
	assert_lacks(text, "mailwarden ack");
	assert_holds(text, "mailwarden show 0f3a9c1b2d4e");
	assert_int_equal(m->severity, SEVERITY_INFO);
	message_free(m);
}

/* The relay was away: when the opening is told at last, all is well again. */
static void
test_opened_but_over(void **state)
{
	(void)state;
	struct incident in = blocked();

	in.resolved_us = in.opened_us + hour_us;
	struct message *m = message_of(&in, NOTICE_OPENED);

	assert_true(str_starts(str_of(m->subject), STR("[resolved] ")));
	assert_true(str_starts(str_of(m->text), STR("Resolved after 60 minutes: ")));
	message_free(m);
}

static void
test_kinds(void **state)
{
	(void)state;
	static const struct {
		enum severity severity;
		enum notice notice;
		bool was_opened;
		const char *subject, *text;
	} cases[] = {
		{ SEVERITY_CRITICAL, NOTICE_ESCALATED, false,
		    "[critical] mx1: ", "Critical, changed: " },
		{ SEVERITY_CRITICAL, NOTICE_ESCALATED, true,
		    "[critical] mx1: ", "Critical: " },
		{ SEVERITY_WARNING, NOTICE_OPENED, true, "[warning] mx1: ", "Warning: " },
		{ SEVERITY_INFO, NOTICE_OPENED, true, "[info] mx1: ", "Note: " },
		{ SEVERITY_UNKNOWN, NOTICE_OPENED, true, "[alert] mx1: ", "Alert: " },
		{ SEVERITY_CRITICAL, NOTICE_REMINDER, false,
		    "[still critical] mx1: ", "Critical, still open after 2 hours: " },
		{ SEVERITY_INFO, NOTICE_REMINDER, false,
		    "[still open] mx1: ", "Note, still open after 2 hours: " },
	};

	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct told told = { blocked(), cases[i].notice, cases[i].was_opened };

		told.incident.severity = cases[i].severity;
		struct message *m = message_new(STR("m1"), &told, 1, &context);

		assert_true(str_starts(str_of(m->subject), str_of(cases[i].subject)));
		assert_true(str_starts(str_of(m->text), str_of(cases[i].text)));
		assert_int_equal(m->severity, cases[i].severity);
		message_free(m);
	}
}

static void
test_marks(void **state)
{
	(void)state;
	struct incident in = blocked();

	in.ack_at_us = in.opened_us + hour_us;
	in.ack_who = STR("alice");
	in.ack_note = STR("ticket 4711");
	in.silenced_us = in.opened_us + 30 * hour_us;
	in.relapses = 2;
	struct message *m = message_of(&in, NOTICE_ESCALATED);

	assert_holds(str_of(m->text), "Came back: 2 times after it was over\n");
	assert_holds(str_of(m->text),
	    "Acknowledged: by alice, 60 minutes ago: ticket 4711\n");
	assert_holds(str_of(m->text), "Silenced: until Sun 22 Nov 09:41 +0100\n");
	assert_lacks(str_of(m->text), "mailwarden ack ");
	message_free(m);
}

static void
test_test(void **state)
{
	(void)state;
	struct message *m = message_new(STR("m1"), NULL, 0, &context);

	assert_true(m->is_test);
	assert_int_equal(m->severity, SEVERITY_UNKNOWN);
	assert_string_equal(m->subject, "[test] mx1: mailwarden can reach you");
	assert_text(str_of(m->text),
	    "Test: mailwarden can reach you\n"
	    "\n"
	    "Nothing is wrong: you read this because the channel works. Alerts from mx1 "
	    "will reach you in the same way.\n"
	    "\n"
	    "Told by mailwarden 0.1.0 on mx1, Sat 21 Nov 05:41 +0100.\n");
	message_free(m);
}

static void
test_hardly_anything_known(void **state)
{
	(void)state;
	struct incident in = { .id = STR("0f3a9c1b2d4e"), .rule = STR("some-rule") };
	struct message *m = message_of(&in, NOTICE_OPENED);

	assert_string_equal(m->subject, "[alert] mx1: some-rule");
	assert_true(str_starts(str_of(m->text), STR("Alert: some-rule\n"
						    "\n"
						    "Commands on mx1:\n")));
	assert_lacks(str_of(m->text), "1970");
	message_free(m);
}

/* The host stands before the colon; it is not said twice. */
static void
test_subjects(void **state)
{
	(void)state;
	static const struct {
		const char *host, *summary, *want;
	} cases[] = {
		{ "mx1", "dovecot on mx1 drops clients", "dovecot drops clients" },
		{ "mx1", "The disk of mx1 is full: no space",
		    "The disk is full: no space" },
		{ "mx1", "mx1 cannot log in at its relay", "cannot log in at its relay" },
		{ "mx1", "Nobody fetches mail from mx1", "Nobody fetches mail" },
		{ "mx1", "No mail leaves mx1 any more", "No mail leaves mx1 any more" },
		{ "mx1", "Mail to mx1.example.net waits", "Mail to mx1.example.net waits" },
		{ "mx1", "Mail to mx12 of mx1 waits", "Mail to mx12 waits" },
		{ "mx1", "It is on mx1.", "It is." },
		{ "mx1", "On mx1 more log in", "more log in" },
		{ "", "on its own", "on its own" },
	};

	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		AUTO(buf_done) struct buf want = { 0 };
		AUTO(buf_done) struct buf line = { 0 };
		struct told told = { .incident = { .host = str_of(cases[i].host),
					 .severity = SEVERITY_WARNING,
					 .summary = str_of(cases[i].summary) },
			.notice = NOTICE_OPENED };
		struct message *m = message_new(STR("m1"), &told, 1, &context);

		buf_addf(&want, "[warning] mx1: %s", cases[i].want);
		assert_text(str_of(m->subject), buf_cstr(&want));
		message_line(&told, &line);
		if (cases[i].host[0] != '\0')
			assert_text(buf_str(&line), buf_cstr(&want));
		message_free(m);
	}
}

enum { MANY = 130 };

/* Texts in one block, all of which is gone when the message is read. */
static struct message *
many_told(size_t n, size_t nover)
{
	struct told *items = calloc(n, sizeof *items);
	char(*texts)[64] = calloc(n, sizeof *texts);

	assert_true(items != NULL && texts != NULL);
	for (size_t i = 0; i < n; i++) {
		struct incident *in = &items[i].incident;

		(void)snprintf(texts[i], sizeof *texts, "trouble %zu on mx%zu", i,
		    i % 2 + 1);
		*in = blocked();
		in->summary = str_of(texts[i]);
		in->host = i % 2 == 0 ? STR("mx1") : STR("mx2");
		in->severity = i % 3 == 0 ? SEVERITY_WARNING : SEVERITY_CRITICAL;
		in->opened_us += (int64_t)i;
		items[i].notice = i < nover ? NOTICE_RESOLVED : NOTICE_OPENED;
		if (i < nover)
			in->resolved_us = in->opened_us + hour_us;
	}
	struct message *m = message_new(STR("m1"), items, n, &context);

	memset(texts, 'x', n * sizeof *texts);
	free(texts);
	free(items);
	assert_non_null(m);
	return m;
}

static void
test_several(void **state)
{
	(void)state;
	struct message *m = many_told(7, 2);
	struct str text = str_of(m->text);

	/* 2 and 5 and 4 are critical, 3 and 6 warnings, 1 and 0 are over */
	assert_string_equal(m->subject,
	    "[critical] mx1, mx2: 5 troubles, 2 over: trouble 2; trouble 4; trouble 5; "
	    "trouble 3; trouble 6; trouble 1; trouble 0");
	assert_int_equal(m->severity, SEVERITY_CRITICAL);
	assert_true(str_starts(text,
	    STR("5 troubles; 2 are over. The first 5 in full below.\n"
		"\n"
		"[critical] mx1: trouble 2\n"
		"[critical] mx1: trouble 4\n"
		"[critical] mx2: trouble 5\n"
		"[warning] mx2: trouble 3\n"
		"[warning] mx1: trouble 6\n"
		"[resolved] mx2: trouble 1\n"
		"[resolved] mx1: trouble 0\n"
		"\n"
		"----------------------------------------\n"
		"Critical: trouble 2 on mx1\n")));
	assert_holds(text, "Warning: trouble 6 on mx1\n");
	assert_lacks(text, "trouble 1 on mx2");
	message_free(m);

	m = many_told(2, 2);
	assert_true(str_starts(str_of(m->subject),
	    STR("[resolved] mx2, mx1: 2 troubles: trouble 1; trouble 0")));
	message_free(m);
}

static void
test_very_many(void **state)
{
	(void)state;
	struct message *m = many_told(MANY, 0);
	struct str text = str_of(m->text);
	AUTO(buf_done) struct buf json = { 0 };
	size_t lines = 0;

	assert_true(strlen(m->subject) <= MESSAGE_SUBJECT_BYTES);
	assert_int_equal(m->nitems, MANY);
	for (struct str rest = text; rest.n > 0;)
		lines += str_starts(str_cut(&rest, '\n'), STR("["));
	assert_int_equal(lines, MESSAGE_TOLD_LINES);
	assert_holds(text, "And 30 more: `mailwarden incidents` lists them.\n");
	message_json(m, &json);
	assert_holds(buf_str(&json), "\"incidents_left_out\":30");
	assert_true(strlen(m->html) <= MESSAGE_HTML_BYTES);
	message_free(m);
}

static void
test_copies(void **state)
{
	(void)state;
	struct told told = { blocked(), NOTICE_OPENED, true };
	char summary[] = "a summary";

	told.incident.summary = str_of(summary);
	told.incident.seen = STR("seen");
	told.incident.senders_seen = STR("sketch");
	struct message *m = message_new(STR("m1"), &told, 1, &context);

	memset(summary, 'x', sizeof summary - 1);
	assert_text(m->items->incident.summary, "a summary");
	assert_text(m->items->incident.id, "0f3a9c1b2d4e");
	assert_text(m->items->incident.seen, "");
	assert_text(m->items->incident.senders_seen, "");
	assert_true(m->items->was_opened);
	message_free(m);
	message_free(NULL);
}

static void
test_advice(void **state)
{
	(void)state;
	static const struct {
		const char *advice, *want;
	} cases[] = {
		{ "Do this.", "\nWhat to do:\nDo this.\n" },
		{ "It is so.\n\nDo this.",
		    "\nWhat it means:\nIt is so.\n\nWhat to do:\nDo this.\n" },
		/* no meaning known: the template's word was empty */
		{ "\n\nDo this.\n\nLast reply: 550 no",
		    "\nLast reply: 550 no\n\nWhat to do:\nDo this.\n" },
		{ "Do this. They said:", "\nWhat to do:\nDo this. They said:\n" },
		{ "Do this.\n\nThey said:", "\nWhat to do:\nDo this.\n" },
		{ "First this. Postfix: `a -b`. sendmail: define(`c', `d'). OpenSMTPD: e.",
		    "What to do:\nFirst this.\n- Postfix: `a -b`.\n- sendmail: define(`c', "
		    "`d').\n- OpenSMTPD: e.\n" },
		/* one label makes no list */
		{ "First this. Postfix: that.",
		    "What to do:\nFirst this. Postfix: that.\n" },
		{ "Look (Postfix: a; sendmail: b). Then go.",
		    "What to do:\nLook (Postfix: a; sendmail: b). Then go.\n" },
		{ "* one\n* two\n  run this\n\tand that",
		    "What to do:\n* one\n* two\n  run this\n  and that\n" },
	};

	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct incident in = blocked();

		in.advice = str_of(cases[i].advice);
		in.url = STR("");
		struct message *m = message_of(&in, NOTICE_OPENED);

		assert_holds(str_of(m->text), cases[i].want);
		message_free(m);
	}
}

/* --- HTML --- */

static void
test_html(void **state)
{
	(void)state;
	struct incident in = blocked();

	in.summary = STR("<b>&\"'</b> on mx1");
	in.url = STR("https://example.org/?a=1&b=2");
	in.advice = STR("Run `x <y>`, not `z', see http://example.com/evil");
	in.samples = STR("<script>alert(1)</script> http://example.com/evil");
	struct message *m = message_of(&in, NOTICE_OPENED);
	struct str html = str_of(m->html);

	assert_holds(html, "&lt;b&gt;&amp;&quot;&#39;&lt;/b&gt; on mx1");
	assert_holds(html, "<a href=\"https://example.org/?a=1&amp;b=2\">");
	assert_holds(html,
	    "<a href=\"https://mx1.example.org:8025/incident/0f3a9c1b2d4e\">");
	assert_holds(html, ">x &lt;y&gt;</code>, not `z&#39;, see");
	assert_holds(html, "&lt;script&gt;");
	assert_lacks(html, "<script");
	assert_lacks(html, "href=\"http://example.com");
	assert_lacks(html, "src=");
	assert_lacks(html, "url(");
	message_free(m);
}

/* What a rule's link may not be: shown, but nothing to click. */
static void
test_links(void **state)
{
	(void)state;
	static const char *const bad[] = { "javascript:alert(1)", "HTTPS://example.org",
		"https://example.org/\" onclick=\"x", "https://example.org/a b",
		"https://ex\xc3\xa4mple.org/", "data:text/html,x", "//example.org" };

	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
		struct told told = { blocked(), NOTICE_OPENED, true };
		struct message_context plain = context;

		plain.dashboard = STR("");
		told.incident.url = str_of(bad[i]);
		struct message *m = message_new(STR("m1"), &told, 1, &plain);

		assert_lacks(str_of(m->html), "<a ");
		assert_holds(str_of(m->html), "Read on: ");
		message_free(m);
	}
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
	AUTO(buf_done) struct buf junk = { 0 };
	struct told items[8];

	for (int i = 0; i < 1000000; i++)
		buf_add_char(&junk, (char)(i * 7 + i / 251));
	for (size_t i = 0; i < 8; i++) {
		items[i] = (struct told){ .notice = NOTICE_OPENED, .incident = blocked() };
		struct incident *in = &items[i].incident;

		in->id = in->rule = in->host = in->summary = in->advice = in->url =
		    in->affected = in->samples = in->ack_who = in->ack_note = in->group =
			buf_str(&junk);
		in->ack_at_us = 1;
	}
	for (size_t n = 1; n <= 8; n++) {
		AUTO(buf_done) struct buf json = { 0 };
		struct message *m = message_new(STR("m1"), items, n, &context);

		assert_non_null(m);
		assert_readable(str_of(m->subject));
		assert_readable(str_of(m->text));
		assert_readable(str_of(m->html));
		assert_true(str_find_char(str_of(m->subject), '\n') < 0);
		assert_true(strlen(m->subject) <= MESSAGE_SUBJECT_BYTES);
		assert_true(strlen(m->text) < 400000);
		assert_true(strlen(m->html) <= MESSAGE_HTML_BYTES);
		assert_lacks(str_of(m->html), "<a ");
		/* an id that is not ours stands in no command */
		assert_lacks(str_of(m->text), "mailwarden show");
		message_json(m, &json);
		assert_readable(buf_str(&json));
		assert_true(json.n < 4000000);
		message_free(m);
	}
}

/* A sample cannot look like a line of our own, nor end a tag. */
static void
test_forged_lines(void **state)
{
	(void)state;
	struct incident in = blocked();

	in.samples = STR("x\rHost: none\nHost: none\n</div></body>");
	struct message *m = message_of(&in, NOTICE_OPENED);

	assert_holds(str_of(m->text),
	    "\n  x\\x0dHost: none\n  Host: none\n  </div></body>\n");
	assert_holds(str_of(m->html), "&lt;/div&gt;&lt;/body&gt;");
	message_free(m);
}

static void
test_limits(void **state)
{
	(void)state;
	AUTO(buf_done) struct buf many = { 0 };
	AUTO(buf_done) struct buf words = { 0 };
	struct incident in = blocked();

	for (int i = 1; i <= 40; i++)
		buf_addf(&many, "line-%d\n", i);
	in.affected = in.samples = buf_str(&many);
	struct message *m = message_of(&in, NOTICE_OPENED);

	assert_holds(str_of(m->text), "Relays: line-31, line-32, ");
	assert_holds(str_of(m->text), "line-40, and 30 more\n");
	assert_holds(str_of(m->text), "  line-6\n  (28 more)\n  line-35\n");
	message_free(m);

	/* one long evidence line stays one line, cut */
	for (int i = 0; i < 3000; i++)
		buf_add_char(&words, 'x');
	in.samples = buf_str(&words);
	m = message_of(&in, NOTICE_OPENED);
	ptrdiff_t at = str_find(str_of(m->text), STR("From the log:\n"));

	assert_true(at > 0);
	struct str rest = str_skip(str_of(m->text), (size_t)at);

	(void)str_cut(&rest, '\n');
	struct str line = str_cut(&rest, '\n');

	assert_true(line.n <= 2 + MESSAGE_EVIDENCE_BYTES && str_ends(line, STR("...")));
	message_free(m);
}

/* Much of everything: what matters least goes first, and the page stays whole. */
static void
test_large_html(void **state)
{
	(void)state;
	AUTO(buf_done) struct buf amps = { 0 };
	AUTO(buf_done) struct buf lines = { 0 };
	struct told items[5];

	for (int i = 0; i < 8000; i++)
		buf_add_char(&amps, i % 60 == 59 ? ' ' : '"');
	for (int i = 0; i < 12; i++) {
		buf_add(&lines, str_head(buf_str(&amps), 900));
		buf_add_char(&lines, '\n');
	}
	for (size_t i = 0; i < 5; i++) {
		items[i] = (struct told){ .notice = NOTICE_OPENED, .incident = blocked() };
		items[i].incident.advice = buf_str(&amps);
		items[i].incident.samples = buf_str(&lines);
	}
	for (size_t n = 1; n <= 5; n += 4) {
		struct message *m = message_new(STR("m1"), items, n, &context);

		assert_true(strlen(m->html) <= MESSAGE_HTML_BYTES);
		assert_true(str_ends(str_of(m->html), STR("</html>\n")));
		assert_holds(str_of(m->html), "Told by mailwarden");
		assert_holds(str_of(m->html), "block list (S3140)");
		message_free(m);
	}
}

static void
test_json(void **state)
{
	(void)state;
	struct told told = { blocked(), NOTICE_REMINDER, false };
	AUTO(buf_done) struct buf out = { 0 };
	struct message *m = message_new(STR("m\"1"), &told, 1, &context);

	message_json(m, &out);
	assert_true(str_starts(buf_str(&out),
	    STR("{\"type\":\"message\",\"id\":\"m\\\"1\","
		"\"time\":\"2026-11-21T04:41:17.482913+00:00\",\"host\":\"mx1\",")));
	assert_holds(buf_str(&out), "\"severity\":\"critical\",\"test\":false,\"text\":\"");
	assert_holds(buf_str(&out), "\"incidents\":[{\"type\":\"incident\",\"id\":");
	assert_true(str_ends(buf_str(&out), STR(",\"notice\":\"reminder\"}]}")));
	message_free(m);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_opened),
		cmocka_unit_test(test_resolved),
		cmocka_unit_test(test_opened_but_over),
		cmocka_unit_test(test_kinds),
		cmocka_unit_test(test_marks),
		cmocka_unit_test(test_test),
		cmocka_unit_test(test_hardly_anything_known),
		cmocka_unit_test(test_subjects),
		cmocka_unit_test(test_several),
		cmocka_unit_test(test_very_many),
		cmocka_unit_test(test_copies),
		cmocka_unit_test(test_advice),
		cmocka_unit_test(test_html),
		cmocka_unit_test(test_links),
		cmocka_unit_test(test_shown),
		cmocka_unit_test(test_cut),
		cmocka_unit_test(test_pairs),
		cmocka_unit_test(test_hostile),
		cmocka_unit_test(test_forged_lines),
		cmocka_unit_test(test_limits),
		cmocka_unit_test(test_large_html),
		cmocka_unit_test(test_json),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
