/* Events as lines of the reports log. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/clock.h"
#include "core/line.h"
#include "ingest/report.h"
#include "ingest/report_line.h"

enum { PID = 412 };

#define STAMP "2026-11-21T10:15:30.123456+00:00 mx1 mailwarden-ingest[412]: "

static int64_t
now_us(void)
{
	int64_t us = 0;
	int offset;

	assert_int_not_equal(clock_parse_rfc3339(STR("2026-11-21T10:15:30.123456Z"), &us,
				 &offset),
	    0);
	return us;
}

static void
assert_line(const struct event *ev, const char *want)
{
	AUTO(buf_done) struct buf out = { 0 };

	report_line_add(&out, now_us(), STR("mx1"), PID, ev);
	assert_string_equal(buf_cstr(&out), want);
}

static void
test_bounce(void **state)
{
	struct event ev = { 0 };

	(void)state;
	event_set_num(&ev, EVF_kind, KIND_DSN);
	event_set_text(&ev, EVF_host, STR("elsewhere"));
	event_set_text(&ev, EVF_rule, STR("qmail"));
	event_set_text(&ev, EVF_reply, STR("550 5.7.1 Unfortunately, \"no\" (S3140)\n"));
	event_set_text(&ev, EVF_report_id, STR("5f3a9c1b2d4e6f70-1"));
	event_set_text(&ev, EVF_reporter, STR("mx1.example.org"));
	event_set_text(&ev, EVF_dsn_action, STR("failed"));
	event_set_text(&ev, EVF_status, STR("5.7.1"));
	event_set_num(&ev, EVF_smtp_code, 550);
	event_set_text(&ev, EVF_relay_name, STR("mx.example.net"));
	event_set_text(&ev, EVF_recipient, STR("ann@example.net"));
	event_set_text(&ev, EVF_sender, STR(""));
	event_set_text(&ev, EVF_message_id, STR("m1@example.org"));
	event_set_text(&ev, EVF_queue_id, STR("4bXkWz3qLRz9tQf"));
	assert_line(&ev,
	    STAMP "bounce: queue_id=4bXkWz3qLRz9tQf, message_id=<m1@example.org>, "
		  "sender=<>, recipient=<ann@example.net>, relay_name=mx.example.net, "
		  "smtp_code=550, status=5.7.1, dsn_action=failed, "
		  "report_id=5f3a9c1b2d4e6f70-1, reporter=mx1.example.org, "
		  "reply=550 5.7.1 Unfortunately, \"no\" (S3140)\n");
}

static void
test_other_kinds(void **state)
{
	static const struct {
		enum event_kind kind;
		const char *want;
	} cases[] = {
		{ KIND_COMPLAINT, STAMP "complaint: repeated=3, ours=yes\n" },
		{ KIND_DMARC, STAMP "dmarc: repeated=3, ours=yes\n" },
		{ KIND_TLS_REPORT, STAMP "tls-report: repeated=3, ours=yes\n" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct event ev = { 0 };

		event_set_num(&ev, EVF_kind, cases[i].kind);
		event_set_num(&ev, EVF_ours, 1);
		event_set_num(&ev, EVF_repeated, 3);
		assert_line(&ev, cases[i].want);
	}
}

/* Nothing that a stranger wrote ends its value or its line. */
static void
test_hostile(void **state)
{
	struct event ev = { 0 };

	(void)state;
	event_set_num(&ev, EVF_kind, KIND_DSN);
	event_set_text(&ev, EVF_queue_id, STR("A1, status=2.0.0"));
	event_set_text(&ev, EVF_recipient, STR("a>, smtp_code=250\nx\x01@y"));
	event_set_text(&ev, EVF_original_recipient, STR("\"a, b\"@example.net"));
	event_set_text(&ev, EVF_relay_name, STR(""));
	event_set_text(&ev, EVF_text, STR("he said \"no\",\r\nreply=x"));
	event_set_text(&ev, EVF_reply, STR("  550 no\n2026-11-21T10:15:30Z mx1 x: y\0z"));
	assert_line(&ev,
	    STAMP "bounce: queue_id=A1??status=2.0.0, recipient=<a?, smtp_code=250?x?@y>, "
		  "original_recipient=<\"a, b\"@example.net>, "
		  "text=\"he said ?no?,  reply=x\", "
		  "reply=550 no 2026-11-21T10:15:30Z mx1 x: y z\n");
}

static void
test_unread(void **state)
{
	AUTO(buf_done) struct buf out = { 0 };

	(void)state;
	report_line_add_unread(&out, now_us(), STR("mx1"), PID, STR("abc-0"),
	    STR("not a report: \"hi\""), STR("unread/1.eml"));
	report_line_add_unread(&out, now_us(), STR(""), PID, STR(""), STR("no"), STR(""));
	assert_string_equal(buf_cstr(&out),
	    STAMP "unread: text=\"not a report: ?hi?\", report_id=abc-0, "
		  "file=\"unread/1.eml\"\n"
		  "2026-11-21T10:15:30.123456+00:00 localhost mailwarden-ingest[412]: "
		  "unread: text=\"no\", file=\"\"\n");
}

/* All fields at their longest: the line still is one that readers take whole, and no
 * character is cut in two. */
static void
test_longest(void **state)
{
	enum { HUGE_BYTES = 100 * 1000 };
	AUTO(auto_free) char *many = malloc(HUGE_BYTES);
	AUTO(buf_done) struct buf out = { 0 };
	struct event ev = { 0 };

	(void)state;
	assert_non_null(many);
	memset(many, 'x', HUGE_BYTES);
	for (size_t i = 1; i + 1 < HUGE_BYTES; i += 2)
		memcpy(many + i, "\xc3\xa9", 2);
	for (int f = 0; f < EVF_COUNT; f++) {
		if (event_field_is_text((enum event_field)f))
			event_set_text(&ev, (enum event_field)f,
			    (struct str){ many, HUGE_BYTES });
		else
			event_set_num(&ev, (enum event_field)f, 1);
	}
	report_line_add(&out, now_us(), (struct str){ many, HUGE_BYTES }, PID, &ev);
	assert_in_range(out.n, 40 * 1024, LINE_MAX_BYTES);
	assert_true(str_find(buf_str(&out), STR("\xc3,")) < 0);
	assert_true(str_find(buf_str(&out), STR("\xc3>")) < 0);
	assert_true(str_find(buf_str(&out), STR(", report_id=x\xc3\xa9")) > 0);
	assert_true(str_find(buf_str(&out), STR(", reply=x\xc3\xa9")) > 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_bounce),
		cmocka_unit_test(test_other_kinds),
		cmocka_unit_test(test_hostile),
		cmocka_unit_test(test_unread),
		cmocka_unit_test(test_longest),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
