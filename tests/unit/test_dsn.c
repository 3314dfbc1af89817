/* Delivery status fields: what servers write, and what strangers may. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "ingest/address.h"
#include "ingest/dsn.h"
#include "ingest/queue_id.h"

static const struct report_host host = { .name = STR_INIT("mx1"),
	.names = (const struct str[]){ STR_INIT("mail.example.org") },
	.nnames = 1 };

static int
add_event(void *ctx, const struct event *ev)
{
	static const enum event_field fields[] = { EVF_recipient, EVF_original_recipient,
		EVF_dsn_action, EVF_status, EVF_smtp_code, EVF_relay_name, EVF_relay_ip,
		EVF_reply };
	struct buf *out = ctx;

	for (size_t i = 0; i < sizeof fields / sizeof *fields; i++) {
		event_value_text(ev, fields[i], out);
		buf_add_char(out, i + 1 < sizeof fields / sizeof *fields ? '|' : '\n');
	}
	return 0;
}

static void
test_fields(void **state)
{
	static const struct {
		const char *name, *status, *text, *want;
	} cases[] = {
		{ "all fields, folded",
		    "Reporting-MTA: dns; mail.example.org\n\n"
		    "Final-Recipient: rfc822; ann@example.net\n"
		    "Original-Recipient: rfc822;staff@example.org\nAction: failed\n"
		    "Status: 5.7.1\nRemote-MTA: dns; mx.example.net (192.0.2.9)\n"
		    "Diagnostic-Code: smtp; 550 5.7.1 no\n   thanks\n\t(S3140)\n",
		    "",
		    "ann@example.net|staff@example.org|failed|5.7.1|550|mx.example.net|"
		    "192.0.2.9|550 5.7.1 no thanks (S3140)\n" },
		{ "several groups, CRLF, odd case",
		    "reporting-mta: DNS; x\r\n\r\nFINAL-RECIPIENT: RFC822;a@example.net\r\n"
		    "ACTION: Failed (bad)\r\nSTATUS: 5.1.1 (unknown)\r\n\r\n"
		    "Final-Recipient: rfc822;b@example.net\r\nAction: delayed\r\n"
		    "Status: 4.4.1\r\n",
		    "",
		    "a@example.net||failed|5.1.1||||\nb@example.net||delayed|4.4.1||||\n" },
		{ "no blank lines between recipients",
		    "Final-Recipient: rfc822;a@example.net\nAction: failed\nStatus: 5.1.1\n"
		    "Final-Recipient: rfc822;b@example.net\nAction: failed\nStatus: 5.2.2\n",
		    "",
		    "a@example.net||failed|5.1.1||||\nb@example.net||failed|5.2.2||||\n" },
		{ "blank lines between the fields of one",
		    "Final-Recipient: rfc822;a@example.net\n\nAction: failed\n\n"
		    "Status: 5.1.1\n\nDiagnostic-Code: smtp; 550 no\n",
		    "", "a@example.net||failed|5.1.1|550|||550 no\n" },
		{ "original recipient alone",
		    "Original-Recipient: rfc822;a@example.net\nAction: failed\n", "",
		    "a@example.net||failed|||||\n" },
		{ "forms of addresses",
		    "Final-Recipient: <a@example.net>\nStatus: 5.0.0\n\n"
		    "Final-Recipient: rfc822; Ann <b@example.net>\nStatus: 4.0.0\n\n"
		    "Final-Recipient: rfc822; \"c d\"@example.net\nAction: relayed\n\n"
		    "Final-Recipient: x400; /C=US/A= /P=ex/O=one/\nAction: failed\n\n"
		    "Final-Recipient: utf-8; j\\x{F6}rg@example.net\nAction: failed\n\n"
		    "Final-Recipient: LOCAL; ann\nAction: failed\n",
		    "",
		    "a@example.net||failed|5.0.0||||\nb@example.net||delayed|4.0.0||||\n"
		    "\"c d\"@example.net||relayed|||||\n/C=US/A= /P=ex/O=one/||failed|||||\n"
		    "j\xc3\xb6rg@example.net||failed|||||\nann||failed|||||\n" },
		{ "xtext of RFC 3461 is undone, a tag that looks like it is not",
		    "Original-Recipient: rfc822;ann+2Btag@example.net\n"
		    "Final-Recipient: rfc822;x@example.net\nAction: failed\n\n"
		    "Original-Recipient: rfc822;ann+2021@example.net\n"
		    "Final-Recipient: rfc822;y@example.net\nAction: failed\n",
		    "",
		    "x@example.net|ann+tag@example.net|failed|||||\n"
		    "y@example.net|ann+2021@example.net|failed|||||\n" },
		{ "sendmail: an alias to elsewhere, a program, a user of its own",
		    "Reporting-MTA: dns; mail.example.org\n\n"
		    "Final-Recipient: RFC822; staff@example.org\n"
		    "X-Actual-Recipient: rfc822; ann@example.net\nAction: failed\n\n"
		    "Final-Recipient: RFC822; bot@example.org\n"
		    "X-Actual-Recipient: X-Unix; |exit 75\nAction: failed\n\n"
		    "Final-Recipient: RFC822; bob@example.org\n"
		    "X-Actual-Recipient: rfc822; bob@mail.example.org\nAction: failed\n",
		    "",
		    "ann@example.net|staff@example.org|failed|||||\n"
		    "bot@example.org||failed|||||\nbob@example.org||failed|||||\n" },
		{ "OpenSMTPD: the reply stands in the text",
		    "Final-Recipient: rfc822; ann@example.net\nAction: failed\n"
		    "Status: 5.0.0\n\nFinal-Recipient: rfc822; bob@example.net\n"
		    "Action: failed\nStatus: 5.0.0\n",
		    "    Hi!\n\nann@example.net: 550 5.7.1 no: thanks\n"
		    "bob@example.net: 421 4.7.0 later\n\n    Below is a copy:\n",
		    "ann@example.net||failed|5.7.1|550|||550 5.7.1 no: thanks\n"
		    "bob@example.net||failed|5.0.0|421|||421 4.7.0 later\n" },
		{ "sendmail: all lines of a reply stand in the transcript",
		    "Final-Recipient: rfc822; ann@example.net\nAction: failed\n"
		    "Status: 5.7.26\nDiagnostic-Code: SMTP; 550-5.7.26 one\n",
		    ">>> DATA\n<<< 550-5.7.26 one\n<<< 550-5.7.26 two\n<<< 550 5.7.26 three\n"
		    "<<< 550 other\n",
		    "ann@example.net||failed|5.7.26|550|||550-5.7.26 one 550-5.7.26 two "
		    "550 5.7.26 three\n" },
		{ "types of diagnostic codes",
		    "Final-Recipient: rfc822;a@x\nAction: failed\n"
		    "Diagnostic-Code: X-Postfix; unknown user: \"a\"\n\n"
		    "Final-Recipient: rfc822;b@x\nAction: failed\n"
		    "Diagnostic-Code: 550 5.1.1 no; really\n\n"
		    "Final-Recipient: rfc822;c@x\nAction: failed\n"
		    "Diagnostic-Code: smtp;554\n",
		    "",
		    "a@x||failed|||||unknown user: \"a\"\n"
		    "b@x||failed|5.1.1|550|||550 5.1.1 no; really\nc@x||failed||554|||554\n" },
		{ "malformed", "Final-Recipient\nAction failed\n: x\n   \n\x01\n", "", "" },
		{ "nobody", "Reporting-MTA: dns; x\n\nAction: failed\nStatus: 5.0.0\n", "",
		    "" },
		{ "statuses that are none",
		    "Final-Recipient: rfc822;a@x\nStatus: 5.1\nAction: nonsense\n\n"
		    "Final-Recipient: rfc822;b@x\nStatus: 9.1.1\n\n"
		    "Final-Recipient: rfc822;c@x\nStatus: 5.7.12345\n",
		    "", "a@x||failed|||||\nb@x||failed|||||\nc@x||failed|5.7.123||||\n" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		AUTO(buf_done) struct buf got = { 0 };
		const struct dsn_parts parts = { .status = str_of(cases[i].status),
			.text = str_of(cases[i].text) };
		const struct report_sink sink = { add_event, &got };
		struct err err;

		assert_true(dsn_read(&parts, &host, &sink, &err) >= 0);
		if (strcmp(buf_cstr(&got), cases[i].want) != 0)
			fail_msg("%s: got\n%swant\n%s", cases[i].name, buf_cstr(&got),
			    cases[i].want);
	}
}

#define TOP "Received: from a (a [192.0.2.1])\n\tby "

static void
test_queue_ids(void **state)
{
	static const struct {
		const char *name, *reporting, *postfix, *boundary, *header, *returned;
		const char *best, *next;
	} cases[] = {
		{ "Postfix here", "mail.example.org", "8EE43A9C6EE",
		    "8EE43A9C6EE.1795231802/mail.example.org", "",
		    TOP "mail.example.org (Postfix) with ESMTP id 4CD28A9C785; Sat\n",
		    "8EE43A9C6EE", "4CD28A9C785" },
		{ "Postfix elsewhere: ours is in the trace", "mx.example.net",
		    "8EE43A9C6EE", "", "",
		    TOP "mx.example.net (Postfix) with ESMTP id 8EE43A9C6EE; Sat\n" TOP
			"mail.example.org (8.17.1) with ESMTP id 6AL3Vk5q000375\n"
			"\tfor <x@example.net>; Sat\n",
		    "6AL3Vk5q000375", "8EE43A9C6EE" },
		{ "the log's short name", "", "", "", "",
		    TOP "mx9.example.net id AAAAAA; x\n" TOP
			"mx1.example.org id BBBBBB; x\n",
		    "BBBBBB", "AAAAAA" },
		{ "Postfix's boundary", "mail.example.org", "",
		    "4XyZ1k2cQpz4.1795231802/mail.example.org", "", "", "4XyZ1k2cQpz4",
		    "" },
		{ "sendmail's boundary is its own", "mail.example.org", "",
		    "6AL3VlmF000391.1795231907/mail.example.org",
		    "Message-Id: <202611210331.6AL3VlmF000391@mail.example.org>\n", "", "",
		    "" },
		{ "OpenSMTPD after a filter", "mail.example.org", "",
		    "11885929913792729869/mail.example.org", "",
		    TOP
		    "mail.example.org (OpenSMTPD) with ESMTP id 736e144b\n\tfor <x@y>;\n" TOP
		    "mail.example.org (OpenSMTPD) with ESMTP id eb7293d4\n",
		    "736e144b", "eb7293d4" },
		{ "words of strangers", "", "", "", "",
		    "Received: from x (by mx1 id FORGED1) by other (id FORGED2) with SMTP\n"
		    " id REAL12 for <\"by mx1 id FORGED3\"@x>; id FORGED4\n",
		    "REAL12", "" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		const struct dsn_parts parts = { .returned = str_of(cases[i].returned),
			.header = str_of(cases[i].header),
			.boundary = str_of(cases[i].boundary) };
		struct queue_ids ids;

		queue_ids_find(&ids, &parts, &host, str_of(cases[i].reporting),
		    str_of(cases[i].postfix));
		struct str best = { ids.best.text, ids.best.n };
		struct str next = { ids.next.text, ids.next.n };

		if (!str_eq(best, str_of(cases[i].best)) ||
		    !str_eq(next, str_of(cases[i].next)))
			fail_msg("%s: got '%.*s', '%.*s'", cases[i].name, STR_ARG(best),
			    STR_ARG(next));
	}
}

static void
test_message(void **state)
{
	static const struct {
		const char *header, *returned, *id, *sender;
	} cases[] = {
		{ "To: x@example.org\n",
		    "Return-Path: <ann@example.org>\nMessage-ID:\n <m1@example.org>\n",
		    "m1@example.org", "ann@example.org" },
		{ "To: Ann <ann@example.org>\nIn-Reply-To: <m2@example.org>\n", "",
		    "m2@example.org", "ann@example.org" },
		{ "To: postmaster@example.org\n", "Message-ID: <a, b@c>\n", "a, b@c",
		    NULL },
		{ "To: x@example.org\n", "Return-Path: <>\n", "", "" },
		{ "To: x@example.org\n", "Return-Path: <MAILER-DAEMON>\n", "", "" },
		{ "", "", "", NULL },
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		const struct dsn_parts parts = { .header = str_of(cases[i].header),
			.returned = str_of(cases[i].returned) };
		struct event ev = { 0 };

		dsn_set_message(&parts, &host, &ev);
		struct str id = event_text(&ev, EVF_message_id);
		struct str sender = event_text(&ev, EVF_sender);

		if (!str_eq(id, str_of(cases[i].id)) ||
		    !str_eq(sender, str_of(cases[i].sender)) ||
		    (sender.p == NULL) != (cases[i].sender == NULL))
			fail_msg("case %zu: got '%.*s', '%.*s'", i, STR_ARG(id),
			    STR_ARG(sender));
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_fields),
		cmocka_unit_test(test_queue_ids),
		cmocka_unit_test(test_message),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
