/* ingest/complaint: abuse reports of the feedback loops, and what only looks like one. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "ingest/complaint.h"
#include "report_box.h"

#define ARF(type) "Feedback-Type: " type "\r\nUser-Agent: Someone/1.0\r\nVersion: 1\r\n"

static const struct sample {
	const char *name;
	const char *fields, *from, *returned, *header;
	const char *want; /* "": no complaint */
} samples[] = {
	{ "all fields (RFC 5965, appendix B.2)",
	    ARF("abuse") "Original-Mail-From: <eve@example.org>\r\n"
			 "Original-Rcpt-To: <ann@example.net>\r\n"
			 "Arrival-Date: Thu, 19 Nov 2026 14:00:00 EST\r\n"
			 "Reporting-MTA: dns; mail.example.net\r\n"
			 "Source-IP: 198.51.100.7\r\n"
			 "Reported-Domain: Example.Org\r\n"
			 "Reported-Uri: http://example.org/a\r\n"
			 "Incidents: 3\r\n",
	    "<abuse@elsewhere.example.net>", "", "",
	    "complaint: sender=<eve@example.org>, recipient=<ann@example.net>, "
	    "relay_name=mail.example.net, repeated=3, reporter=mail.example.net, "
	    "source_ip=198.51.100.7, ours=yes, domain=example.org, feedback_type=abuse\n" },
	{ "folded, lower case, bare line ends, null sender",
	    "feedback-type:\n Fraud\nuser-agent: x\noriginal-mail-from: <>\n"
	    "original-rcpt-to:\n\tann@example.net\nincidents: none\n",
	    "Some Body <Abuse@Example.NET>", "", "",
	    "complaint: sender=<>, recipient=<ann@example.net>, relay_name=example.net, "
	    "reporter=example.net, feedback_type=fraud\n" },
	{ "the least there can be", ARF("virus"), "", "", "",
	    "complaint: reporter=Someone/1.0, feedback_type=virus\n" },
	{ "no type", "User-Agent: Two Words\nVersion: 1\n", "", "", "",
	    "complaint: reporter=Two-Words, feedback_type=other\n" },
	{ "not spam", ARF("not-spam"), "fbl@example.net", "", "",
	    "complaint: relay_name=example.net, reporter=example.net, "
	    "feedback_type=not-spam\n" },
	{ "opt-out", ARF("opt-out"), "fbl@example.net", "", "",
	    "complaint: relay_name=example.net, reporter=example.net, "
	    "feedback_type=opt-out\n" },
	{ "opt-out-list", ARF("opt-out-list"), "fbl@example.net", "", "",
	    "complaint: relay_name=example.net, reporter=example.net, "
	    "feedback_type=opt-out-list\n" },
	{ "a Reporting-MTA of the reporter's own",
	    ARF("abuse") "Reporting-MTA: dns; fbl01\r\n", "fbl@example.net", "", "",
	    "complaint: relay_name=example.net, reporter=example.net, "
	    "feedback_type=abuse\n" },
	/* recipients */
	{ "redacted: the domain is left",
	    ARF("abuse") "Original-Rcpt-To: redacted@example.net\r\n", "fbl@example.net",
	    "To: Our Readers <redacted@example.net>\r\n", "",
	    "complaint: recipient=<redacted@example.net>, relay_name=example.net, "
	    "reporter=example.net, feedback_type=abuse\n" },
	{ "redacted: nothing is left", ARF("abuse") "Original-Rcpt-To: [redacted]\r\n",
	    "fbl@example.net", "To: <x@redacted>, y@z.invalid\r\n", "",
	    "complaint: relay_name=example.net, reporter=example.net, "
	    "feedback_type=abuse\n" },
	{ "redacted: the returned header tells",
	    ARF("abuse") "Original-Rcpt-To: redacted@example.net\r\n", "fbl@example.net",
	    "Delivered-To: ann@example.net\r\nTo: list@example.org\r\n", "",
	    "complaint: recipient=<ann@example.net>, relay_name=example.net, "
	    "reporter=example.net, feedback_type=abuse\n" },
	{ "the author's To", ARF("abuse"), "fbl@example.net",
	    "To: \"Ann\" <ann@example.net>\r\n", "",
	    "complaint: recipient=<ann@example.net>, relay_name=example.net, "
	    "reporter=example.net, feedback_type=abuse\n" },
	{ "the author's To, of a list", ARF("abuse"), "fbl@example.net",
	    "To: news@example.org\r\nList-Id: <news.example.org>\r\n", "",
	    "complaint: relay_name=example.net, reporter=example.net, "
	    "feedback_type=abuse\n" },
	{ "the author's To, several", ARF("abuse"), "fbl@example.net",
	    "To: ann@example.net, bob@example.net\r\n", "",
	    "complaint: relay_name=example.net, reporter=example.net, "
	    "feedback_type=abuse\n" },
	/* Microsoft */
	{ "JMRP in ARF",
	    "Feedback-Type: abuse\r\nUser-Agent: Hotmail FBL\r\nVersion: 0.1\r\n"
	    "Source-IP: 198.51.100.7\r\n",
	    "<staff@hotmail.com>",
	    "X-HmXmrOriginalRecipient: <ann@hotmail.com>\r\n"
	    "Received: from mx1.example.org (198.51.100.7) by x\r\n"
	    "To: undisclosed-recipients:;\r\n",
	    "Subject: complaint about message from 198.51.100.7\r\n",
	    "complaint: recipient=<ann@hotmail.com>, relay_name=hotmail.com, "
	    "reporter=hotmail.com, source_ip=198.51.100.7, ours=yes, "
	    "feedback_type=abuse\n" },
	{ "JMRP before ARF", "", "<staff@hotmail.com>",
	    "X-HmXmrOriginalRecipient: ann@hotmail.com\r\n",
	    "From: <staff@hotmail.com>\r\n"
	    "Subject: complaint about message from 198.51.100.7\r\n",
	    "complaint: recipient=<ann@hotmail.com>, relay_name=hotmail.com, "
	    "reporter=hotmail.com, source_ip=198.51.100.7, ours=yes, "
	    "feedback_type=abuse\n" },
	{ "a forwarded mail", "", "ann@example.net", "To: bob@example.net\r\n",
	    "Subject: Fwd: complaint about message from 198.51.100.7\r\n", "" },
	{ "fields of something else", "Reporting-UA: mailer; 1.0\r\n", "ann@example.net",
	    "", "", "" },
	/* RFC 6591 */
	{ "authentication failure: DMARC",
	    ARF("auth-failure") "Auth-Failure: dmarc\r\nDelivery-Result: Reject\r\n"
				"Identity-Alignment: spf\r\nReported-Domain: example.org\r\n"
				"Source-IP: 192.0.2.66\r\n",
	    "noreply-dmarc@example.net", "", "",
	    "complaint: relay_name=example.net, text=\"authentication failure: dmarc; "
	    "aligned: spf\", reporter=example.net, source_ip=192.0.2.66, ours=no, "
	    "domain=example.org, spf=pass, dkim=fail, disposition=reject, "
	    "feedback_type=auth-failure\n" },
	{ "authentication failure: signature",
	    ARF("auth-failure") "Auth-Failure: bodyhash\r\n", "x@example.net", "", "",
	    "complaint: relay_name=example.net, text=\"authentication failure: bodyhash\", "
	    "reporter=example.net, dkim=fail, feedback_type=auth-failure\n" },
	{ "authentication failure: SPF", ARF("auth-failure") "Auth-Failure: spf\r\n",
	    "x@example.net", "", "",
	    "complaint: relay_name=example.net, text=\"authentication failure: spf\", "
	    "reporter=example.net, spf=fail, feedback_type=auth-failure\n" },
};

static int
read_one(const struct sample *s, const struct report_sink *sink)
{
	struct dsn_parts parts = { .returned = str_of(s->returned),
		.header = str_of(s->header) };

	return complaint_read(str_of(s->fields), str_of(s->from), &parts, &report_box_host,
	    sink, NULL);
}

static void
test_samples(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof samples / sizeof samples[0]; i++) {
		struct report_box box = { 0 };
		struct report_sink sink = { report_box_take, &box };
		int n = read_one(&samples[i], &sink);

		if (n != (samples[i].want[0] != '\0'))
			fail_msg("%s: %d", samples[i].name, n);
		if (!str_eq(buf_str(&box.lines), str_of(samples[i].want)))
			fail_msg("%s: got\n%s", samples[i].name, buf_cstr(&box.lines));
		buf_done(&box.lines);
	}
}

/* What the returned header says of the message in our queue. */
static void
test_message(void **state)
{
	const struct sample sample = { .fields = ARF("abuse"),
		.from = "fbl@example.net",
		.returned =
		    "Return-Path: <eve@example.org>\r\n"
		    "Received: from mx1 by mail.example.net with ESMTP id 77; Fri\r\n"
		    "Received: from eve (localhost [127.0.0.1])\r\n"
		    "\tby mx1 (Postfix) with ESMTPSA id 4bXkWz3qLRz9tQf\r\n"
		    "\tfor <ann@example.net>; Fri, 20 Nov 2026 10:00:00 +0000\r\n"
		    "Message-ID: <m1@example.org>\r\n",
		.header = "" };
	struct report_box box = { 0 };
	struct report_sink sink = { report_box_take, &box };

	(void)state;
	assert_int_equal(read_one(&sample, &sink), 1);
	assert_non_null(strstr(buf_cstr(&box.lines), "queue_id=4bXkWz3qLRz9tQf, "));
	assert_non_null(strstr(buf_cstr(&box.lines), "message_id=<m1@example.org>, "));
	buf_done(&box.lines);
}

static void
test_sink(void **state)
{
	struct report_box box = { .answer = -ENOSPC };
	struct report_sink sink = { report_box_take, &box };

	(void)state;
	assert_int_equal(read_one(&samples[0], &sink), -ENOSPC);
	buf_done(&box.lines);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_samples),
		cmocka_unit_test(test_message),
		cmocka_unit_test(test_sink),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
