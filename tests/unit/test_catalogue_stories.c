/* True stories, hidden replies, the order of matching. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "catalogue_cases.h"

/* Cases of real administrators: blocked out of the blue, banned, asked by mail, refused
 * by IPv6, refused without DMARC. */
static void
test_stories(void **state)
{
	static const struct question_case cases[] = {
		{ .relay = "eur.olc.protection.outlook.com.",
		    .status = "5.0.0",
		    .text = "Service unavailable",
		    .category = "ip-blocklisted",
		    .code_id = "microsoft-suspected-block",
		    .suspected = true },
		{ .reply =
			"550 5.7.1 Unfortunately, messages from [192.0.2.92] weren't sent. "
			"Please contact your Internet service provider since part of their "
			"network is on our block list (S3140). You can also refer your provider "
			"to http://mail.live.com/mail/troubleshooting.aspx#errors. "
			"[VE1EUR01FT021.eop-EUR01.prod.protection.outlook.com]",
		    .category = "ip-blocklisted",
		    .code_id = "microsoft-s3140" },
		{ .relay = "mit-edu.mail.protection.outlook.com.",
		    .status = "5.7.606",
		    .text = "User unknown",
		    .category = "ip-blocklisted",
		    .code_id = "microsoft-5.7.606" },
		{ .relay = MS_365,
		    .status = "5.7.511",
		    .text = "Service unavailable",
		    .category = "ip-blocklisted",
		    .code_id = "microsoft-5.7.511" },
		{ .relay = GOOGLE,
		    .category = "no-ptr",
		    .code_id = "google-ipv6-guidelines",
		    .reply =
			"550-5.7.1 [2001:db8::25] Our system has detected that this message "
			"does 550-5.7.1 not meet IPv6 sending guidelines regarding PTR "
			"records and 550-5.7.1 authentication. Please review 550 5.7.1 "
			"https://support.google.com/mail/?p=IPv6AuthError a1 - gsmtp" },
		{ .relay = GOOGLE,
		    .category = "authentication-dmarc",
		    .code_id = "google-5.7.26-dmarc",
		    .reply =
			"550-5.7.26 Unauthenticated email from example.com is not accepted "
			"due to domain's 550-5.7.26 DMARC policy. Please contact the "
			"administrator of example.com domain 550 5.7.26 if this was a "
			"legitimate mail." },
		{ .relay = GOOGLE,
		    .category = "authentication-spf",
		    .code_id = "google-5.7.27",
		    .reply =
			"550 5.7.27 This message was blocked because it didn't pass. To "
			"protect users from spam, it was blocked." },
		{ .relay = GOOGLE,
		    .category = "authentication-dkim",
		    .code_id = "google-5.7.30",
		    .status = "5.7.30",
		    .text = "Service unavailable" },
		{ .relay = GOOGLE,
		    .category = "policy",
		    .status = "5.7.1",
		    .suspected = true,
		    .text = "Service unavailable" },
	};
	struct catalogue_answer a;

	(void)state;
	CHECK(cases);
	a = ask(&cases[0]);
	assert_str("provider", a.provider, "microsoft-consumer");
	assert_str("severity", a.severity, "warning");
	a = ask(&cases[1]);
	assert_str("provider", a.provider, "microsoft-consumer");
	assert_str("severity", a.severity, "critical");
	assert_int_equal(a.temporary, TEMPORARY_NO);
	assert_int_equal(a.confidence, CONFIDENCE_HIGH);
	a = ask(&cases[2]);
	assert_str("severity", a.severity, "critical");
	assert_int_equal(a.confidence, CONFIDENCE_HIGH);
	assert_true(str_find(a.remedy, STR("sender.office.com")) >= 0 ||
		    str_find(a.url, STR("sender.office.com")) >= 0);
	/* the portal is no help for 5.7.511: one forwards the refusal by mail */
	a = ask(&cases[3]);
	assert_true(str_find(a.remedy, STR("sender.office.com")) < 0);
	assert_true(str_find_nocase(a.remedy, STR("forward")) >= 0);
}

static void
test_hidden(void **state)
{
	static const struct question_case cases[] = {
		{ .relay = MS_CONSUMER,
		    .status = "5.7.1",
		    .text = "User unknown",
		    .category = "ip-blocklisted",
		    .suspected = true },
		{ .relay = MS_CONSUMER,
		    .status = "5.5.0",
		    .text = "User unknown",
		    .category = "mailbox-unknown" },
		{ .relay = MS_365,
		    .status = "5.4.1",
		    .text = "User unknown",
		    .category = "mailbox-unknown" },
		{ .relay = MS_365,
		    .status = "5.1.10",
		    .text = "User unknown",
		    .category = "mailbox-unknown" },
		{ .relay = MS_365,
		    .status = "5.7.509",
		    .text = "Service unavailable",
		    .category = "authentication-dmarc",
		    .code_id = "microsoft-5.7.509" },
		{ .relay = MS_365,
		    .status = "5.7.1",
		    .text = "Service unavailable",
		    .category = "policy",
		    .suspected = true },
		{ .relay = YAHOO,
		    .status = "5.7.1",
		    .text = "Data format error",
		    .category = "ip-blocklisted",
		    .suspected = true },
		{ .relay = YAHOO,
		    .status = "5.0.0",
		    .text = "Service unavailable",
		    .category = "policy",
		    .suspected = true },
		{ .relay = "mx1.qq.com",
		    .status = "5.0.0",
		    .text = "Service unavailable",
		    .category = "policy",
		    .suspected = true },
		{ .relay = "mx.yandex.ru",
		    .status = "5.7.1",
		    .text = "User unknown",
		    .category = "mailbox-unknown",
		    .suspected = true },
		{ .relay = "mailstore1.secureserver.net",
		    .status = "5.3.0",
		    .text = "User unknown",
		    .category = "ip-blocklisted",
		    .suspected = true },
		{ .relay = "mx.example.org",
		    .status = "5.7.1",
		    .text = "User unknown",
		    .category = "policy" },
		{ .relay = "mx.example.org",
		    .status = "5.1.1",
		    .text = "User unknown",
		    .category = "mailbox-unknown" },
		{ .relay = "mx.example.org",
		    .status = "5.0.0",
		    .text = "Service unavailable",
		    .category = "policy" },
		{ .status = "5.3.5", .text = "Service unavailable", .category = "routing" },
		/* the class taken for a reply, and a reply of a code only */
		{ .relay = MS_CONSUMER,
		    .status = "5.0.0",
		    .reply = "Service unavailable",
		    .category = "ip-blocklisted",
		    .suspected = true },
		{ .relay = MS_CONSUMER,
		    .reply = "550 5.7.1",
		    .text = "Service unavailable",
		    .category = "ip-blocklisted",
		    .suspected = true },
		/* the true text wins over the class */
		{ .relay = MS_CONSUMER,
		    .status = "5.0.0",
		    .text = "Service unavailable",
		    .reply = "550 5.2.1 Mailbox disabled for this recipient",
		    .category = "mailbox-disabled" },
		/* nothing to go by */
		{ .relay = "mx.example.org", .text = "some words", .category = "" },
		{ .category = "" },
	};

	(void)state;
	CHECK(cases);
}

static void
test_matching(void **state)
{
	static const struct question_case cases[] = {
		/* never directly after a letter or digit */
		{ .reply = "550 5.2.1 RACT no", .category = "mailbox-disabled" },
		{ .reply = "550 5.7.1 the character set", .category = "policy" },
		{ .relay = MS_CONSUMER,
		    .reply = "550 5.7.1 no (AS3150)",
		    .category = "ip-blocklisted",
		    .code_id = "microsoft-as3150" },
		{ .relay = MS_CONSUMER,
		    .reply = "550 5.7.1 no XS3150",
		    .category = "policy",
		    .code_id = "iana-5.7.1" },
		{ .relay = MS_CONSUMER,
		    .reply = "550 5.7.1 no (s3150)",
		    .category = "ip-blocklisted",
		    .code_id = "microsoft-s3150" },
		/* the prefix of further lines, wherever it falls */
		{ .relay = "mx.example.org",
		    .category = "ip-blocklisted",
		    .reply =
			"550-5.7.1 Connections 550-5.7.1 blocked 550-5.7.1 using 550 5.7.1 "
			"the list" },
		/* broken words */
		{ .relay = "mx.example.org",
		    .category = "ip-blocklisted",
		    .reply = "554 see h ttps://www.spamhaus .org/query/ip/192.0.2.25" },
		{ .relay = GMX,
		    .category = "no-ptr",
		    .reply =
			"554 For explanation visit https://www.gmx.net/?ip=192.0.2.25&c=3D"
			"rdns" },
		/* faults of the receiver */
		{ .relay = "mx.example.org",
		    .category = "remote-temporary",
		    .code_id = "spamhaus-open-resolver",
		    .reply =
			"554 5.7.1 Client host [192.0.2.25] blocked using zen.spamhaus.org; "
			"Error: open resolver; https://www.spamhaus.org/returnc/pub/" },
		/* the innermost of nested replies */
		{ .relay = "mx.example.org",
		    .category = "mailbox-full",
		    .reply =
			"550 5.1.1 <ann@example.org> undeliverable: host mda.example.org "
			"said: 552 5.2.2 mailbox is full (in reply to RCPT TO command)" },
		{ .relay = "mx.example.org",
		    .category = "mailbox-unknown",
		    .reply =
			"5.1.0 - Unknown address error 550-'5.1.1 <ann@example.org>: "
			"Recipient address rejected: User unknown' (delivery attempts: 0)" },
		/* 4xx and 5xx of the same words */
		{ .relay = GOOGLE,
		    .category = "rate-limited",
		    .code_id = "google-4.2.1-user-rate",
		    .reply = "450 4.2.1 mail at a rate that prevents additional" },
		{ .relay = GOOGLE,
		    .category = "rate-limited",
		    .code_id = "google-5.2.1-user-rate",
		    .reply = "550 5.2.1 mail at a rate that prevents additional" },
		/* one provider's number is another's other number */
		{ .relay = GOOGLE,
		    .category = "authentication-spf",
		    .reply = "550 5.7.27 no" },
		{ .relay = "mx.example.org",
		    .category = "sender-rejected",
		    .reply = "550 5.7.27 no" },
		/* weak words come last */
		{ .relay = "mx.example.org",
		    .category = "mailbox-unknown",
		    .reply = "550 5.1.1 User unknown (spam trap)" },
		{ .relay = "mx.example.org",
		    .category = "content-spam",
		    .reply = "550 5.7.1 spam" },
	};

	(void)state;
	CHECK(cases);
}

/* Lists, reputation, rate, authentication, PTR, TLS: what the sender must mend. */
static bool
is_about_sender(struct str category)
{
	static const struct str names[] = { STR_INIT("ip-blocklisted"),
		STR_INIT("domain-blocklisted"), STR_INIT("reputation"),
		STR_INIT("rate-limited"), STR_INIT("authentication-spf"),
		STR_INIT("authentication-dkim"), STR_INIT("authentication-dmarc"),
		STR_INIT("no-ptr"), STR_INIT("tls-required") };

	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		if (str_eq(category, names[i]))
			return true;
	return false;
}

/* With MAILWARDEN_SAMPLES naming a table (text, relay, category, code id, source): the
 * share of replies whose category is told rightly, and of those that the sender must mend
 * the share found, and false ones among the others. */
static void
test_samples(void **state)
{
	const char *path = getenv("MAILWARDEN_SAMPLES");
	unsigned total = 0, right = 0, wanted = 0, found = 0, alarms = 0;
	char line[65536];
	FILE *f;

	(void)state;
	if (path == NULL)
		skip();
	f = fopen(path, "r");
	assert_non_null(f);
	while (fgets(line, sizeof line, f) != NULL) {
		struct str rest = str_trim(str_of(line));
		struct str text = str_cut(&rest, '\t'), relay = str_cut(&rest, '\t');
		struct str category = str_cut(&rest, '\t');
		struct catalogue_question q = { .reply = text, .relay_name = relay };
		struct catalogue_answer a;

		(void)catalogue_explain(cat, &q, &a);
		total++;
		right += str_eq(a.category, category);
		wanted += is_about_sender(category);
		if (is_about_sender(a.category))
			*(is_about_sender(category) ? &found : &alarms) += 1;
	}
	fclose(f);
	print_message("samples: %u of %u categories right\n", right, total);
	print_message("about the sender: %u of %u found, %u false\n", found, wanted,
	    alarms);
	assert_true(right * 100 >= total * 88);
	assert_true(found * 100 >= wanted * 95);
	assert_true(alarms * 100 <= (total - wanted) * 1);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_stories),
		cmocka_unit_test(test_hidden),
		cmocka_unit_test(test_matching),
		cmocka_unit_test(test_samples),
	};

	return cmocka_run_group_tests(tests, load_shipped, unload);
}
