/* desktop/words: what is shown, and that strangers' text in it is harmless. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include <glib.h>

#include "desktop/words.h"

/* Sources and inbox of our own: words.c only looks at them. */
struct source {
	struct desk_host host;
	enum source_state state;
	const char *reason;
	int64_t retry_us;
};

const struct desk_host *
source_host(const struct source *source)
{
	return &source->host;
}

enum source_state
source_state(const struct source *source)
{
	return source->state;
}

bool
source_is_heard(const struct source *source)
{
	return source->state == SOURCE_CONNECTED && source->reason[0] == '\0';
}

const char *
source_reason(const struct source *source)
{
	return source->reason;
}

int64_t
source_retry_us(const struct source *source)
{
	return source->retry_us;
}

struct inbox {
	size_t unseen;
};

size_t
inbox_new_count(const struct inbox *inbox)
{
	return inbox->unseen;
}

#define MINUTE_US (60 * (int64_t)1000000)
#define HOUR_US (60 * MINUTE_US)
#define DAY_US (24 * HOUR_US)
/* Saturday, 2026-11-21 10:42:07 UTC */
#define NOW_US (INT64_C(1795257727) * 1000000)

/* --- strangers' text --- */

static void
test_plain(void **state)
{
	static const struct {
		const char *name, *text;
		size_t max;
		const char *want, *want_lines;
	} cases[] = {
		{ "none", NULL, 10, "", "" },
		{ "empty", "", 10, "", "" },
		{ "markup is left to who shows it", "<b>&amp;</b>", 20, "<b>&amp;</b>",
		    "<b>&amp;</b>" },
		{ "underscore", "a_b __c", 20, "a_b __c", "a_b __c" },
		{ "terminal", "a\x1b[31mb", 20, "a\\x1b[31mb", "a\\x1b[31mb" },
		{ "lines", "one\ntwo", 20, "one\\x0atwo", "one\ntwo" },
		{ "carriage return", "one\r\ntwo", 20, "one\\x0d\\x0atwo",
		    "one\\x0d\ntwo" },
		{ "separators", "a\u2028b\u2029c", 20, "a\\u2028b\\u2029c",
		    "a\\u2028b\\u2029c" },
		{ "override", "a\u202egpj.exe", 20, "a\\u202egpj.exe", "a\\u202egpj.exe" },
		{ "its own isolates", "\u2069a\u2066", 20, "\\u2069a\\u2066",
		    "\\u2069a\\u2066" },
		{ "not UTF-8", "a\xff\xc3", 20, "a\\xff\\xc3", "a\\xff\\xc3" },
		{ "overlong", "\xc0\xaf", 20, "\\xc0\\xaf", "\\xc0\\xaf" },
		{ "surrogate", "\xed\xa0\x80", 20, "\\xed\\xa0\\x80", "\\xed\\xa0\\x80" },
		{ "right to left", "שלום!", 20, "\u2068שלום!\u2069", "\u2068שלום!\u2069" },
		{ "a line of each", "one\nשלום", 20, "\u2068one\\x0aשלום\u2069",
		    "one\n\u2068שלום\u2069" },
		{ "Arabic", "a\u0627", 20, "\u2068a\u0627\u2069", "\u2068a\u0627\u2069" },
		{ "just fits", "12345", 5, "12345", "12345" },
		{ "cut", "123456", 5, "12...", "12..." },
		{ "cut between characters", "äöüäöü", 5, "äö...", "äö..." },
		{ "cut, and still closed", "אבגדהו", 5, "\u2068אב...\u2069",
		    "\u2068אב...\u2069" },
		{ "numbers count as they are shown", "\x01\x02", 5, "\\x...", "\\x..." },
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		g_autofree char *plain = words_plain(cases[i].text, cases[i].max);
		g_autofree char *lines = words_plain_lines(cases[i].text, cases[i].max);

		if (strcmp(plain, cases[i].want) != 0)
			fail_msg("%s: \"%s\"", cases[i].name, plain);
		if (strcmp(lines, cases[i].want_lines) != 0)
			fail_msg("%s, lines: \"%s\"", cases[i].name, lines);
	}
}

/* Whatever bytes come: valid UTF-8 of one line, no longer than asked for. */
static void
test_plain_random(void **state)
{
	unsigned seed = (unsigned)time(NULL);

	(void)state;
	srandom(seed);
	for (int round = 0; round < 2000; round++) {
		char text[64] = "";

		for (size_t i = 0; i < sizeof text - 1; i++)
			text[i] = (char)(random() % 255 + 1);
		g_autofree char *plain = words_plain(text, 20);

		if (!g_utf8_validate(plain, -1, NULL) ||
		    g_utf8_strlen(plain, -1) > 20 + 2 || strpbrk(plain, "\n\r\x1b") != NULL)
			fail_msg("seed %u, round %d: \"%s\"", seed, round, plain);
	}
}

static void
test_time(void **state)
{
	static const struct {
		int64_t at_us;
		const char *want;
	} cases[] = {
		{ 0, "" },
		{ NOW_US, "10:42" },
		{ NOW_US - 10 * HOUR_US, "00:42" },
		{ NOW_US - 11 * HOUR_US, "Fri 23:42" },
		{ NOW_US + 14 * HOUR_US, "Sun 00:42" },
		{ NOW_US - 6 * DAY_US, "Sun 10:42" },
		{ NOW_US - 7 * DAY_US, "14 Nov 10:42" },
		{ NOW_US - 365 * DAY_US, "21 Nov 2025" },
		{ INT64_MAX, "" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		g_autofree char *text = words_time(cases[i].at_us, NOW_US);

		assert_string_equal(text, cases[i].want);
	}
}

/* --- the icon --- */

struct scene {
	struct desk_settings settings;
	struct inbox inbox;
	struct troubles *troubles;
	struct source sources[2];
	struct source *list[2];
	struct desk_view view;
};

/* "critical", "warning acknowledged": the incidents, apart by commas. */
static void
add_incidents(struct scene *scene, const char *incidents)
{
	g_auto(GStrv) each = g_strsplit(incidents, ",", -1);

	for (size_t i = 0; each[i] != NULL; i++) {
		g_auto(GStrv) words = g_strsplit(each[i], " ", 2);
		char id[] = { (char)('a' + i), '\0' };
		const struct record record = {
			.kind = RECORD_CHANGE,
			.change = "opened",
			.incident = id,
			.rule = "queue",
			.severity = desk_severity_find(words[0]),
			.acknowledged = words[1] != NULL,
			.open = true,
		};
		const struct trouble *trouble;

		assert_int_equal(troubles_take(scene->troubles, "mx1", &record, false,
				     &trouble),
		    TROUBLE_OPENED);
	}
}

static void
begin_scene(struct scene *scene)
{
	*scene = (struct scene){
		.settings = { .acknowledged_counts = true },
		.troubles = troubles_new(),
		.sources = { { .host = { .name = "mx1" },
				 .state = SOURCE_CONNECTED,
				 .reason = "" },
		    { .host = { .name = "mx2" },
			.state = SOURCE_CONNECTED,
			.reason = "" } },
	};
	scene->list[0] = &scene->sources[0];
	scene->list[1] = &scene->sources[1];
	scene->view = (struct desk_view){
		.settings = &scene->settings,
		.inbox = &scene->inbox,
		.troubles = scene->troubles,
		.sources = scene->list,
		.nsources = 2,
		.now_us = NOW_US,
	};
}

static void
test_icon(void **state)
{
	static const struct {
		const char *incidents;
		size_t mails, lost;
		bool uncounted, symbolic, paused;
		const char *icon, *title;
	} cases[] = {
		{ "", 0, 0, false, false, false, "mailwarden-idle",
		    "No new mail, all is well" },
		{ "", 1, 0, false, false, false, "mailwarden-new", "1 new message" },
		{ "", 0, 1, false, false, false, "mailwarden-disconnected",
		    "mx2 not connected" },
		{ "", 2, 2, false, false, false, "mailwarden-new-disconnected",
		    "2 new messages, 2 hosts not connected" },
		{ "info", 0, 1, false, false, false, "mailwarden-warning",
		    "1 incident, mx2 not connected" },
		{ "warning,info", 1, 0, false, false, false, "mailwarden-new-warning",
		    "1 new message, 2 incidents" },
		{ "warning,critical", 0, 0, false, true, false,
		    "mailwarden-critical-symbolic",
		    "1 critical incident, 1 other incident" },
		{ "critical", 3, 1, false, true, false, "mailwarden-new-critical-symbolic",
		    "3 new messages, 1 critical incident, mx2 not connected" },
		{ "critical acknowledged", 0, 0, false, false, false, "mailwarden-critical",
		    "1 critical incident" },
		{ "critical acknowledged,warning", 0, 0, true, false, false,
		    "mailwarden-warning", "1 critical incident, 1 other incident" },
		{ "critical acknowledged", 0, 0, true, false, false, "mailwarden-idle",
		    "1 critical incident" },
		{ "", 1, 0, false, true, true, "mailwarden-new-symbolic",
		    "1 new message, notifications paused until 11:42" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct scene scene;

		begin_scene(&scene);
		if (*cases[i].incidents != '\0')
			add_incidents(&scene, cases[i].incidents);
		scene.inbox.unseen = cases[i].mails;
		scene.view.mail_is_new = cases[i].mails > 0;
		for (size_t k = 0; k < cases[i].lost; k++)
			scene.sources[1 - k].state = SOURCE_LOST;
		scene.settings.acknowledged_counts = !cases[i].uncounted;
		scene.settings.symbolic = cases[i].symbolic;
		scene.view.paused_until_us = cases[i].paused ? NOW_US + HOUR_US : 0;

		g_autofree char *icon = words_icon(&scene.view);
		g_autofree char *title = words_title(&scene.view);
		g_autofree char *path =
		    g_strdup_printf(SOURCE_DIR "/desktop/icons/hicolor/%s/%s.svg",
			cases[i].symbolic ? "symbolic/apps" : "scalable/status", icon);

		assert_string_equal(icon, cases[i].icon);
		assert_string_equal(title, cases[i].title);
		assert_true(g_file_test(path, G_FILE_TEST_EXISTS));
		troubles_free(scene.troubles);
	}
}

/* What has come but is left to settle is not told yet. */
static void
test_title_settling(void **state)
{
	struct scene scene;

	(void)state;
	begin_scene(&scene);
	scene.inbox.unseen = 2;
	g_autofree char *title = words_title(&scene.view);

	assert_string_equal(title, "No new mail, all is well");
	troubles_free(scene.troubles);
}

/* --- mail --- */

static void
test_mail(void **state)
{
	static const struct {
		struct inbox_mail mail;
		size_t more;
		const char *line, *title, *body;
	} cases[] = {
		{ { .sender = "ann@example.net",
		      .recipient = "joe@example.org",
		      .subject = "Lunch_on <b>Friday</b>",
		      .at_us = NOW_US },
		    0, "• 10:42  ann@example.net: Lunch_on <b>Friday</b>",
		    "New mail from ann@example.net",
		    "Lunch_on <b>Friday</b>\nto joe@example.org" },
		{ { .sender = "ann@example.net",
		      .recipient = "joe@example.org",
		      .at_us = NOW_US,
		      .seen = true },
		    2, "10:42  ann@example.net", "New mail from ann@example.net",
		    "to joe@example.org\nand 2 more" },
		{ { .sender = "", .subject = "Undelivered", .at_us = NOW_US - DAY_US }, 0,
		    "• Fri 10:42  a mail server (<>): Undelivered",
		    "New mail from a mail server (<>)", "Undelivered" },
		{ { .subject = "only this", .at_us = NOW_US }, 0, "• 10:42  only this",
		    "New mail", "only this" },
		{ { .recipient = "joe@example.org", .at_us = NOW_US }, 0,
		    "• 10:42  mail for joe@example.org", "New mail", "to joe@example.org" },
		{ { .seen = true }, 1, "mail for you", "New mail", "and 1 more" },
		{ { .sender = "\u05d0@example.net",
		      .subject = "\u202e\x1b[1m\nTo: x",
		      .at_us = NOW_US },
		    0, "• 10:42  \u2068\u05d0@example.net\u2069: \\u202e\\x1b[1m\\x0aTo: x",
		    "New mail from \u2068\u05d0@example.net\u2069",
		    "\\u202e\\x1b[1m\\x0aTo: x" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		g_autofree char *line = words_mail_line(&cases[i].mail, NOW_US);
		g_autofree char *title = words_mail_title(&cases[i].mail);
		g_autofree char *body = words_mail_body(&cases[i].mail, cases[i].more);

		assert_string_equal(line, cases[i].line);
		assert_string_equal(title, cases[i].title);
		assert_string_equal(body, cases[i].body);
	}
}

static void
test_mail_details(void **state)
{
	const struct inbox_mail mail = {
		.host = "mx1",
		.sender = "ann@example.net",
		.recipient = "joe@example.org",
		.subject = "two\nlines",
		.message_id = "<a1@example.net>",
		.mailbox = "/home/joe/Maildir",
		.at_us = NOW_US,
	};
	g_autofree char *details = words_mail_details(&mail);

	(void)state;
	assert_string_equal(details, "Subject: two\\x0alines\n"
				     "From: ann@example.net\n"
				     "To: joe@example.org\n"
				     "Arrived: 21 Nov 2026 10:42:07\n"
				     "Told by the log of: mx1\n"
				     "Lies in: /home/joe/Maildir\n"
				     "Message-ID: <a1@example.net>\n"
				     "Seen: not yet");
}

/* --- incidents --- */

static const char *const samples[] = { "line one\x1b[0m", "line <two>", NULL };

static const struct trouble refused = {
	.source = "mx1",
	.id = "0123456789ab",
	.host = "mail.example.org",
	.rule = "blocklist",
	.provider = "outlook",
	.summary = "192.0.2.25 is on a <list>",
	.advice = "Ask for delisting.\nThen wait.",
	.samples = samples,
	.severity = DESK_CRITICAL,
	.open = true,
	.opened_us = NOW_US - HOUR_US,
	.last_seen_us = NOW_US,
	.count = 57,
};

static void
test_trouble(void **state)
{
	struct trouble t = refused;
	g_autofree char *line = words_trouble_line(&t, false, WORDS_LINE);
	g_autofree char *title = words_trouble_title(&t, TROUBLE_OPENED);
	g_autofree char *worse = words_trouble_title(&t, TROUBLE_WORSE);
	g_autofree char *body = words_trouble_body(&t);

	(void)state;
	assert_string_equal(line, "critical: 192.0.2.25 is on a <list>");
	assert_string_equal(title, "Critical: 192.0.2.25 is on a <list>");
	assert_string_equal(worse, "Now critical: 192.0.2.25 is on a <list>");
	assert_string_equal(body, "mx1, since 21 Nov 2026 09:42:07, 57 times\n"
				  "Ask for delisting.\nThen wait.");

	t.acknowledged = true;
	g_autofree char *known = words_trouble_line(&t, true, WORDS_LINE);

	assert_string_equal(known,
	    "mx1, critical: 192.0.2.25 is on a <list> (acknowledged)");

	t.open = false;
	t.resolved_us = NOW_US;
	t.summary = NULL;
	g_autofree char *over = words_trouble_line(&t, false, WORDS_LINE);
	g_autofree char *over_title = words_trouble_title(&t, TROUBLE_RESOLVED);
	g_autofree char *over_body = words_trouble_body(&t);

	assert_string_equal(over, "resolved: blocklist");
	assert_string_equal(over_title, "Resolved: blocklist");
	assert_string_equal(over_body, "mx1, resolved 21 Nov 2026 10:42:07, 57 times");
}

static void
test_trouble_details(void **state)
{
	struct trouble t = refused;

	(void)state;
	t.acknowledged = true;
	t.acknowledged_by = "joe\n";
	t.silenced_until_us = NOW_US + HOUR_US;
	g_autofree char *details = words_trouble_details(&t);

	assert_string_equal(details, "192.0.2.25 is on a <list>\n\n"
				     "Severity: critical\n"
				     "Acknowledged by: joe\\x0a\n"
				     "Silenced until: 21 Nov 2026 11:42:07\n"
				     "Since: 21 Nov 2026 09:42:07\n"
				     "Last seen: 21 Nov 2026 10:42:07\n"
				     "Count: 57\n"
				     "Host: mail.example.org\n"
				     "Told by: mx1\n"
				     "Provider: outlook\n"
				     "Rule: blocklist\n"
				     "Incident: 0123456789ab\n"
				     "\nWhat to do\nAsk for delisting.\nThen wait.\n"
				     "\nLog lines\nline one\\x1b[0m\nline <two>\n");

	const struct trouble bare = { .source = "mx1", .id = "1" };
	g_autofree char *little = words_trouble_details(&bare);

	assert_string_equal(little, "incident\n\nSeverity: unknown\nResolved: not known\n"
				    "Since: not known\nLast seen: not known\nCount: 0\n"
				    "Told by: mx1\nIncident: 1\n");
}

static void
test_source(void **state)
{
	static const struct {
		struct source source;
		const char *state, *line;
	} cases[] = {
		{ { .host = { .name = "mx1" }, .state = SOURCE_CONNECTED, .reason = "" },
		    "mx1: connected", "mx1: connected" },
		{ { .host = { .name = "mx1" }, .state = SOURCE_STARTING, .reason = "" },
		    "mx1: connecting...", "mx1: connecting..." },
		{ { .host = { .name = "mx1" },
		      .state = SOURCE_CONNECTED,
		      .reason = "dead" },
		    "mx1: nothing is heard", "mx1: nothing is heard (dead)" },
		{ { .host = { .name = "mx1" },
		      .state = SOURCE_LOST,
		      .reason = "ssh: no route\x1b",
		      .retry_us = NOW_US },
		    "mx1: not connected, next try at 10:42",
		    "mx1: not connected, next try at 10:42 (ssh: no route\\x1b)" },
		{ { .host = { .name = "mx\n1" }, .state = SOURCE_LOST, .reason = "" },
		    "mx\\x0a1: not connected", "mx\\x0a1: not connected" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		g_autofree char *brief = words_source_state(&cases[i].source);
		g_autofree char *line = words_source_line(&cases[i].source);

		assert_string_equal(brief, cases[i].state);
		assert_string_equal(line, cases[i].line);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_plain),
		cmocka_unit_test(test_plain_random),
		cmocka_unit_test(test_time),
		cmocka_unit_test(test_icon),
		cmocka_unit_test(test_title_settling),
		cmocka_unit_test(test_mail),
		cmocka_unit_test(test_mail_details),
		cmocka_unit_test(test_trouble),
		cmocka_unit_test(test_trouble_details),
		cmocka_unit_test(test_source),
	};

	(void)setenv("TZ", "UTC", 1);
	tzset();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
