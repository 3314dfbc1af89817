/* Messages taken apart: forms of MIME, what is no report, what is too much. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>
#include <errno.h>

#include "ingest/message.h"

static const struct report_host host = { .name = STR_INIT("mx1") };

struct seen {
	struct buf text, ids;
	size_t n;
};

static int
take(void *ctx, const struct event *ev)
{
	static const enum event_field fields[] = { EVF_recipient, EVF_dsn_action,
		EVF_status, EVF_message_id, EVF_sender, EVF_reply };
	struct seen *seen = ctx;

	for (size_t i = 0; i < sizeof fields / sizeof *fields; i++) {
		event_value_text(ev, fields[i], &seen->text);
		buf_add_char(&seen->text,
		    i + 1 < sizeof fields / sizeof *fields ? '|' : '\n');
	}
	event_value_text(ev, EVF_report_id, &seen->ids);
	buf_add_char(&seen->ids, ' ');
	seen->n++;
	return 0;
}

static void
seen_done(struct seen *seen)
{
	buf_done(&seen->text);
	buf_done(&seen->ids);
}

static int
read_text(struct str text, struct seen *seen, struct report_summary *summary,
    struct err *err)
{
	const struct report_sink sink = { take, seen };

	return report_message_read(text, &host, NULL, &sink, summary, err);
}

#define HEAD                                                                                   \
	"From: MAILER-DAEMON@example.net\nTo: ann@example.org\nMessage-ID: <r1@example.net>\n" \
	"Date: Sat, 21 Nov 2026 03:30:02 +0000\nMIME-Version: 1.0\n"
#define FIELDS                                                                             \
	"Reporting-MTA: dns; mx.example.net\n\nFinal-Recipient: rfc822; bob@example.net\n" \
	"Action: failed\nStatus: 5.1.1\nDiagnostic-Code: smtp; 550 5.1.1 no\n"
#define REPORT "Content-Type: multipart/report; report-type=delivery-status; boundary=b\n\n"
#define STATUS "--b\nContent-Type: message/delivery-status\n"
#define RETURNED                                                                \
	"--b\nContent-Type: message/rfc822\n\nReturn-Path: <ann@example.org>\n" \
	"Message-ID: <m1@example.org>\n\nFinal-Recipient: rfc822; evil@example.com\n"
#define BOB "bob@example.net|failed|5.1.1|m1@example.org|ann@example.org|550 5.1.1 no\n"

static void
test_forms(void **state)
{
	static const struct {
		const char *name, *message, *want;
	} cases[] = {
		{ "as it should be", HEAD REPORT STATUS "\n" FIELDS RETURNED "--b--\n",
		    BOB },
		{ "no closing boundary", HEAD REPORT STATUS "\n" FIELDS RETURNED, BOB },
		{ "mbox",
		    "From x Sat Nov 21 03:30:02 2026\n" HEAD REPORT STATUS
		    "\n" FIELDS RETURNED,
		    BOB },
		{ "another boundary than announced",
		    HEAD "Content-Type: multipart/report; boundary=other\n\n" STATUS
			 "\n" FIELDS RETURNED "--b--\n",
		    BOB },
		{ "quoted-printable",
		    HEAD REPORT STATUS
		    "Content-Transfer-Encoding: quoted-printable\n\n"
		    "Final-Recipient: rfc822; bob=40example.net\nAction: fai=\n"
		    "led\nStatus: 5.1.1\nDiagnostic-Code: smtp; 550 5.1.1 no\n" RETURNED,
		    BOB },
		{ "base64",
		    HEAD REPORT STATUS
		    "Content-Transfer-Encoding: base64\n\n"
		    "RmluYWwtUmVjaXBpZW50OiByZmM4MjI7IGJvYkBleGFtcGxlLm5ldApBY3Rpb246IGZh\n"
		    "aWxlZApTdGF0dXM6IDUuMS4xCkRpYWdub3N0aWMtQ29kZTogc210cDsgNTUwIDUuMS4x\n"
		    "IG5vCg==\n" RETURNED,
		    BOB },
		{ "RFC 6533, header only",
		    HEAD REPORT
		    "--b\nContent-Type: message/global-delivery-status\n\n" FIELDS
		    "--b\nContent-Type: message/global-headers\n\n"
		    "Return-Path: <ann@example.org>\nMessage-ID: <m1@example.org>\n--b--\n",
		    BOB },
		{ "multipart in multipart",
		    HEAD "Content-Type: multipart/mixed; boundary=a\n\n--a\n" REPORT STATUS
			 "\n" FIELDS RETURNED
			 "--b--\n--a\nContent-Type: text/plain\n\nfooter\n",
		    BOB },
		{ "fields pasted into plain text",
		    HEAD "\nSorry.\n\n" FIELDS
			 "\n--- Below this line is a copy of the message.\n\n"
			 "Return-Path: <ann@example.org>\nMessage-ID: <m1@example.org>\n\n"
			 "Final-Recipient: rfc822; evil@example.com\n",
		    BOB },
		{ "forwarded as an attachment",
		    "From: ann@example.org\nSubject: look\n"
		    "Content-Type: multipart/mixed; boundary=o\n\n--o\n\nHi\n--o\n"
		    "Content-Type: message/rfc822\n\n" HEAD REPORT STATUS
		    "\n" FIELDS RETURNED "--b--\n--o--\n",
		    BOB },
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		AUTO(seen_done) struct seen seen = { 0 };
		struct report_summary summary;
		struct err err = { "" };
		int r = read_text(str_of(cases[i].message), &seen, &summary, &err);

		if (r != 0 || strcmp(buf_cstr(&seen.text), cases[i].want) != 0)
			fail_msg("%s: %d (%s), got\n%s", cases[i].name, r, err.text,
			    buf_cstr(&seen.text));
		assert_int_equal(summary.kind, REPORT_BOUNCE);
		assert_int_equal(summary.events, 1);
		assert_int_equal(summary.left_out, 0);
		assert_true(summary.dated_us == INT64_C(1795231802000000));
	}
}

static void
test_none(void **state)
{
	static const struct {
		const char *message;
		int want;
	} cases[] = {
		{ "", -EBADMSG },
		{ "\n\n\n", -ENOMSG },
		{ "Subject: hello\n\nHow are you?\n", -ENOMSG },
		{ HEAD "Content-Type: multipart/mixed; boundary=x\n\nnothing\n", -ENOMSG },
		/* what a bounce returns is not read as a report */
		{ HEAD "Content-Type: multipart/mixed; boundary=b\n\n--b\n\nno\n--b\n"
		       "Content-Type: message/rfc822\n\nSubject: x\n"
		       "Content-Type: message/delivery-status\n\n" FIELDS,
		    -ENOMSG },
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		AUTO(seen_done) struct seen seen = { 0 };
		struct report_summary summary;
		struct err err = { "" };
		int r = read_text(str_of(cases[i].message), &seen, &summary, &err);

		if (r != cases[i].want && !(r < 0 && cases[i].want == -EBADMSG))
			fail_msg("case %zu: %d (%s)", i, r, err.text);
		assert_int_equal(seen.n, 0);
		assert_true(err.text[0] != '\0');
	}
}

/* Delivered twice, with other trace fields, it has the same ids; another has others. */
static void
test_ids(void **state)
{
	AUTO(seen_done) struct seen first = { 0 }, again = { 0 }, other = { 0 };
	struct report_summary summary;
	struct err err;

	(void)state;
	assert_int_equal(read_text(STR(HEAD REPORT STATUS "\n" FIELDS), &first, &summary,
			     &err),
	    0);
	assert_int_equal(read_text(STR("Received: x\nDelivered-To: y\n" HEAD REPORT STATUS
				       "\n" FIELDS),
			     &again, &summary, &err),
	    0);
	assert_int_equal(read_text(STR(HEAD REPORT STATUS "\n" FIELDS
							  "Remote-MTA: dns; z\n"),
			     &other, &summary, &err),
	    0);
	assert_int_equal(first.ids.n, 19); /* "0123456789abcdef-1 " */
	assert_string_equal(buf_cstr(&first.ids), buf_cstr(&again.ids));
	assert_string_not_equal(buf_cstr(&first.ids), buf_cstr(&other.ids));
}

static int
read_buf(struct buf *text, struct report_summary *summary, struct err *err)
{
	AUTO(seen_done) struct seen seen = { 0 };
	int r;

	assert_false(text->failed);
	r = read_text(buf_str(text), &seen, summary, err);
	buf_clear(text);
	return r;
}

static void
test_limits(void **state)
{
	AUTO(buf_done) struct buf text = { 0 };
	struct report_summary summary;
	struct err err = { "" };

	(void)state;
	/* 10,000 parts in parts */
	buf_add(&text, STR(HEAD "Content-Type: multipart/mixed; boundary=b0\n\n"));
	for (int i = 0; i < 10000; i++)
		buf_addf(&text, "--b%d\nContent-Type: multipart/mixed; boundary=b%d\n\n", i,
		    i + 1);
	assert_int_equal(read_buf(&text, &summary, &err), -E2BIG);
	/* 100: what is too deep is left out */
	buf_add(&text, STR(HEAD "Content-Type: multipart/mixed; boundary=b0\n\n"));
	for (int i = 0; i < 100; i++)
		buf_addf(&text, "--b%d\nContent-Type: multipart/mixed; boundary=b%d\n\n", i,
		    i + 1);
	assert_int_equal(read_buf(&text, &summary, &err), -ENOMSG);
	assert_int_equal(summary.left_out, 1);
	/* many parts beside each other */
	buf_add(&text, STR(HEAD "Content-Type: multipart/mixed; boundary=b\n\n"));
	for (int i = 0; i < 5000; i++)
		buf_add(&text, STR("--b\n\nx\n"));
	assert_int_equal(read_buf(&text, &summary, &err), -E2BIG);
	/* many fields */
	for (int i = 0; i < 300 * 1000; i++)
		buf_add(&text, STR("a:\n"));
	assert_int_equal(read_buf(&text, &summary, &err), -E2BIG);
	/* many recipients: the first ones count */
	buf_add(&text, STR(HEAD REPORT STATUS "\n"));
	for (int i = 0; i < REPORT_EVENTS + 10; i++)
		buf_addf(&text,
		    "Final-Recipient: rfc822;u%d@example.net\nAction: failed\n\n", i);
	assert_int_equal(read_buf(&text, &summary, &err), 0);
	assert_int_equal(summary.events, REPORT_EVENTS);
	assert_int_equal(summary.left_out, 10);
	/* one long line */
	buf_add(&text, STR("Subject: "));
	assert_true(buf_reserve(&text, REPORT_MESSAGE_BYTES));
	memset(text.p + text.n, 'x', REPORT_MESSAGE_BYTES);
	text.n += 1024 * 1024;
	assert_int_equal(read_buf(&text, &summary, &err), -ENOMSG);
	text.n = REPORT_MESSAGE_BYTES + 1;
	assert_int_equal(read_buf(&text, &summary, &err), -E2BIG);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_forms),
		cmocka_unit_test(test_none),
		cmocka_unit_test(test_ids),
		cmocka_unit_test(test_limits),
	};

	report_message_init();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
