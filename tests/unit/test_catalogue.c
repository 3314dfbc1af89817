/* Tables for the catalogue: whose relay it is, and what its refusals mean. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "parsers/catalogue.h"
#include "parsers/catalogue_impl.h"

#define SHIPPED SOURCE_DIR "/rules.d/catalogue"

#define MS_CONSUMER "outlook-com.olc.protection.outlook.com"
#define MS_365 "example-org.mail.protection.outlook.com"
#define GOOGLE "gmail-smtp-in.l.google.com"
#define YAHOO "mta5.am0.yahoodns.net"
#define GMX "mx00.emig.gmx.net"

static struct catalogue *cat;

static int
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

static int
unload(void **state)
{
	(void)state;
	catalogue_free(cat);
	return 0;
}

static void
assert_str(const char *what, struct str got, const char *want)
{
	if (!str_eq(got, str_of(want)))
		fail_msg("%s: got '%.*s', want '%s'", what, STR_ARG(got), want);
}

static void
test_hosts(void **state)
{
	static const struct {
		const char *host, *want;
	} cases[] = {
		{ GOOGLE, "google" },
		{ "ASPMX.L.Google.COM.", "google" },
		{ "alt1.gmail-smtp-in.l.google.com", "google" },
		{ MS_CONSUMER, "microsoft-consumer" },
		{ "eur.olc.protection.outlook.com.", "microsoft-consumer" },
		{ "mx3.hotmail.com", "microsoft-consumer" },
		{ "mit-edu.mail.protection.outlook.com.", "microsoft-365" },
		{ "contoso-com.x-v1.mx.microsoft", "microsoft-365" },
		{ YAHOO, "yahoo" },
		{ "mx-aol.mail.gm0.yahoodns.net", "yahoo" },
		{ "mx01.mail.icloud.com", "apple" },
		{ GMX, "united-internet" },
		{ "mx-ha02.web.de", "united-internet" },
		{ "mx00.t-online.de", "t-online" },
		{ "mx1.mxge.comcast.net", "comcast" },
		{ "mx1a1.comcast.net", "comcast" },
		{ "smtp-in.orange.fr", "orange-fr" },
		{ "smtp-in.libero.it", "libero" },
		{ "smtp-in-v2.libero.it", "libero" },
		{ "mxs.mail.ru", "mail-ru" },
		{ "mx1.qq.com", "tencent" },
		{ "mail.protonmail.ch", "proton" },
		{ "mailsec.protonmail.ch", "proton" },
		{ "mx1.mail.ovh.net", "ovh" },
		{ "mx1.ovh.net", "ovh" },
		/* sendmail cuts long names to 18 bytes, three dots, 18 bytes */
		{ "hotmail-co-uk.olc....ction.outlook.com.", "microsoft-consumer" },
		{ "outlook-com-au.olc...ction.outlook.com.", "microsoft-consumer" },
		{ "some-long-company-...ction.outlook.com.", "microsoft-365" },
		{ "long-company-com.m...ction.outlook.com.", "microsoft-365" },
		{ "alt4.gmail-smtp-in....l.google.com.", "google" },
		{ "mx-customer-number...odns.example.org.", NULL },
		/* nobody's */
		{ "mail.example.org", NULL },
		{ "notgoogle.com", NULL },
		{ "google.com.example.org", NULL },
		{ "...", NULL },
		{ ".", NULL },
		{ "", NULL },
		{ "com", NULL },
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct str got = catalogue_provider_of_host(cat, str_of(cases[i].host));

		assert_str(cases[i].host, got, cases[i].want == NULL ? "" : cases[i].want);
		assert_true(cases[i].want != NULL || got.p == NULL);
	}
}

static void
test_domains(void **state)
{
	static const struct {
		const char *domain, *want;
	} cases[] = {
		{ "gmail.com", "google" },
		{ "GMail.com", "google" },
		{ "googlemail.com", "google" },
		{ "outlook.com", "microsoft-consumer" },
		{ "hotmail.fr", "microsoft-consumer" },
		{ "live.com", "microsoft-consumer" },
		{ "msn.com", "microsoft-consumer" },
		{ "outlook.de", "microsoft-consumer" },
		{ "aol.com", "yahoo" },
		{ "yahoo.co.uk", "yahoo" },
		{ "ymail.com", "yahoo" },
		{ "icloud.com", "apple" },
		{ "mac.com", "apple" },
		{ "gmx.de", "united-internet" },
		{ "web.de", "united-internet" },
		{ "mail.com", "united-internet" },
		{ "magenta.de", "t-online" },
		{ "xfinity.com", "comcast" },
		{ "wanadoo.fr", "orange-fr" },
		{ "virgilio.it", "libero" },
		{ "inwind.it", "libero" },
		{ "bk.ru", "mail-ru" },
		{ "foxmail.com", "tencent" },
		{ "proton.me", "proton" },
		{ "laposte.net", "laposte" },
		{ "example.org", NULL },
		{ "notgmail.com", NULL },
		{ "mail.gmail.com.example.org", NULL },
		{ "", NULL },
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
		assert_str(cases[i].domain,
		    catalogue_provider_of_domain(cat, str_of(cases[i].domain)),
		    cases[i].want == NULL ? "" : cases[i].want);
}

struct question_case {
	const char *relay, *reply, *text, *status;
	const char *category, *code_id; /* code_id NULL: any */
	bool suspected;
	enum event_outcome outcome;
};

static struct catalogue_answer
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

static void
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

/* The refusals that the big providers write most. */
static void
test_bounces(void **state)
{
	static const struct question_case cases[] = {
		{ .relay = GOOGLE,
		    .category = "mailbox-unknown",
		    .code_id = "google-5.1.1",
		    .reply =
			"550-5.1.1 The email account that you tried to reach does not exist. "
			"Please try 550-5.1.1 double-checking the recipient's email address "
			"for typos or 550-5.1.1 unnecessary spaces. For more information, go "
			"to 550 5.1.1  https://support.google.com/mail/?p=NoSuchUser a1b2 - "
			"gsmtp" },
		{ .relay = GOOGLE,
		    .category = "mailbox-disabled",
		    .reply =
			"550 5.2.1 The email account that you tried to reach is inactive. "
			"For more information, go to "
			"https://support.google.com/mail/?p=DisabledUser a1b2 - gsmtp" },
		{ .relay = GOOGLE,
		    .category = "content-spam",
		    .reply =
			"552-5.7.0 This message was blocked because its content presents a "
			"potential 552-5.7.0 security issue. To review our message content "
			"and attachment content 552-5.7.0 guidelines, go to 552 5.7.0  "
			"https://support.google.com/mail/?p=BlockedMessage a1b2 - gsmtp" },
		/* sendmail keeps the last line only */
		{ .relay = GOOGLE,
		    .category = "mailbox-unknown",
		    .code_id = "google-5.1.1",
		    .reply =
			"550 5.1.1  https://support.google.com/mail/?p=NoSuchUser a1 - gsmtp" },
		{ .relay = GOOGLE,
		    .category = "content-spam",
		    .reply =
			"552 5.7.0  https://support.google.com/mail/?p=BlockedMessage a1 - "
			"gsmtp" },
		{ .relay = MS_CONSUMER,
		    .category = "mailbox-unknown",
		    .code_id = "microsoft-mailbox-unavailable",
		    .reply =
			"550 5.5.0 Requested action not taken: mailbox unavailable "
			"(S2017062302). [AM6NAM11FT003.eop-nam11.prod.protection.outlook.com "
			"2026-11-01T10:00:00.000Z 0A1B]" },
		{ .relay = MS_CONSUMER,
		    .category = "mailbox-disabled",
		    .reply = "550 5.2.1 Mailbox disabled for this recipient" },
		{ .relay = MS_365,
		    .category = "mailbox-unknown",
		    .code_id = "microsoft-5.1.10",
		    .reply = "550 5.1.10 RESOLVER.ADR.RecipientNotFound; Recipient "
			     "ann@example.org not found by SMTP address lookup" },
		{ .relay = MS_365,
		    .category = "mailbox-unknown",
		    .code_id = "microsoft-5.4.1-access-denied",
		    .reply =
			"550 5.4.1 Recipient address rejected: Access denied. For more "
			"information see https://aka.ms/EXOSmtpErrors" },
		{ .relay = MS_365,
		    .category = "authentication-dmarc",
		    .code_id = "microsoft-5.7.509",
		    .reply =
			"550 5.7.509 Access denied, sending domain example.com does not pass "
			"DMARC verification and has a DMARC policy of reject." },
		{ .relay = YAHOO,
		    .category = "mailbox-unknown",
		    .code_id = "yahoo-no-account",
		    .reply =
			"554 delivery error: dd This user doesn't have a yahoo.com account "
			"(ann@example.org) [0] - mtaproxy1.free.mail.bf1.yahoo.com" },
		{ .relay = YAHOO,
		    .category = "mailbox-unknown",
		    .reply = "552 1 Requested mail action aborted, mailbox not found" },
		{ .relay = "mx01.mail.icloud.com",
		    .category = "mailbox-unknown",
		    .reply = "550 5.1.1 <ann@example.org>: user does not exist" },
		{ .relay = GMX,
		    .category = "mailbox-unknown",
		    .reply =
			"550-Requested action not taken: mailbox unavailable 550 For "
			"explanation visit https://postmaster.gmx.net/en/error-messages?"
			"ip=192.0.2.25&c=mbu" },
		{ .relay = GMX,
		    .category = "mailbox-unknown",
		    .reply = "550 For explanation visit https://postmaster.gmx.net/en/"
			     "error-messages?ip=192.0.2.25&c=mbu" },
		{ .relay = GMX,
		    .category = "mailbox-full",
		    .reply =
			"552-Requested mail action aborted: exceeded storage allocation "
			"552-Quota exceeded. The recipient's mailbox is full. 552 For "
			"explanation visit https://postmaster.gmx.net/en/error-messages?"
			"ip=192.0.2.25&c=quota" },
		{ .relay = "mx00.t-online.de",
		    .category = "mailbox-unknown",
		    .reply =
			"550-5.1.1 User unknown 550 5.1.1 (mailbox for <ann@example.org> "
			"does not exist)" },
		{ .relay = "mx00.t-online.de",
		    .category = "content-spam",
		    .reply =
			"550-5.7.0 Message considered as spam or virus, rejected 550-5.7.0 "
			"Message rejected because it is considered 550 5.7.0 spam." },
		{ .relay = "mx1.mxge.comcast.net",
		    .category = "mailbox-unknown",
		    .reply = "550 5.1.1 <ann@example.org> Account not available" },
		{ .relay = "smtp-in.orange.fr",
		    .category = "mailbox-unknown",
		    .reply = "550 5.1.1 <ann@example.org> OFR_416 Adresse d au moins un "
			     "destinataire invalide. Invalid recipient." },
		{ .relay = "smtp-in.libero.it",
		    .category = "mailbox-unknown",
		    .reply = "550 5.1.1 <ann@example.org> User unknown" },
		{ .relay = "mxs.mail.ru",
		    .category = "mailbox-unknown",
		    .reply =
			"550 Message was not accepted -- invalid mailbox.  Local mailbox "
			"ann@example.org is unavailable: user not found" },
		{ .relay = "mxs.mail.ru",
		    .category = "content-spam",
		    .reply =
			"550 spam message rejected. Please visit "
			"http://help.mail.ru/notspam-support/id?c=a1 or  report details to "
			"abuse@corp.mail.ru. Error code: 0A. ID: 0B." },
		{ .relay = "mx1.qq.com",
		    .category = "mailbox-unknown",
		    .reply =
			"550 The recipient may contain a non-existent account, please check "
			"the recipient address. [a1:IP: 192.0.2.25]. "
			"https://service.mail.qq.com/detail/0/92." },
		{ .relay = "mail.protonmail.ch",
		    .category = "mailbox-unknown",
		    .reply =
			"550 5.1.1 <ann@example.org>: Recipient address rejected: Address "
			"does not exist" },
		{ .relay = "mx1.mail.ovh.net",
		    .category = "mailbox-unknown",
		    .reply =
			"550 5.1.1 <ann@example.org>: Recipient address rejected: User "
			"unknown" },
		{ .relay = "mx.example.org",
		    .category = "mailbox-unknown",
		    .code_id = "postfix-user-unknown",
		    .reply =
			"550 5.1.1 <ann@example.org>: Recipient address rejected: User "
			"unknown in virtual mailbox table" },
		{ .relay = "mx.example.org",
		    .category = "relay-denied",
		    .reply = "554 5.7.1 <ann@example.org>: Relay access denied" },
		{ .relay = "mx.example.org",
		    .category = "content-spam",
		    .reply = "550 5.7.1 Message rejected as spam by content filtering" },
		{ .relay = "mx.example.org",
		    .category = "mailbox-full",
		    .reply = "552 5.2.2 <ann@example.org>: Mailbox full: quota exceeded" },
		{ .category = "routing",
		    .status = "5.4.4",
		    .text = "Host or domain name not found. Name service error for "
			    "name=example.org type=AAAA: Host not found" },
		{ .category = "routing",
		    .status = "5.1.2",
		    .text =
			"Host unknown (Name server: mail.example.org: host not found)" },
	};

	(void)state;
	CHECK(cases);
}

static void
test_deferrals(void **state)
{
	static const struct question_case cases[] = {
		{ .relay = GOOGLE,
		    .category = "mailbox-full",
		    .reply =
			"452-4.2.2 The recipient's inbox is out of storage space. Please "
			"direct the 452-4.2.2 recipient to 452 4.2.2  "
			"https://support.google.com/mail/?p=OverQuotaTemp a1 - gsmtp" },
		{ .relay = GOOGLE,
		    .category = "rate-limited",
		    .code_id = "google-4.2.1-user-rate",
		    .reply =
			"450-4.2.1 The user you are trying to contact is receiving mail at a "
			"rate that 450-4.2.1 prevents additional messages from being "
			"delivered. For more information, go to 450 4.2.1  "
			"https://support.google.com/mail/?p=ReceivingRate a1 - gsmtp" },
		{ .relay = GOOGLE,
		    .category = "mailbox-full",
		    .reply =
			"452 4.2.2  https://support.google.com/mail/?p=OverQuotaTemp a1 - "
			"gsmtp" },
		{ .relay = MS_CONSUMER,
		    .category = "rate-limited",
		    .code_id = "microsoft-s775",
		    .reply =
			"451 4.7.650 The mail server [192.0.2.25] has been temporarily rate "
			"limited due to IP reputation. For e-mail delivery information, see "
			"https://aka.ms/postmaster (S775) [AM6.prod.outlook.com]" },
		{ .relay = MS_CONSUMER,
		    .category = "rate-limited",
		    .code_id = "microsoft-4.7.650",
		    .reply =
			"451 4.7.650 The mail server [198.51.100.125] has been temporarily "
			"rate limited due to IP reputatio....protection.outlook.com 0A1B]" },
		{ .relay = MS_365,
		    .category = "rate-limited",
		    .reply =
			"451 4.7.500 Server busy. Please try again later from [192.0.2.25]. "
			"(S77719) [AM6EUR05FT003.eop-eur05.prod.protection.outlook.com]" },
		{ .relay = MS_365,
		    .category = "remote-temporary",
		    .reply = "450 4.3.2 STOREDRV; mailbox server is too busy" },
		{ .relay = YAHOO,
		    .category = "remote-temporary",
		    .reply = "451 4.3.2 Internal error reading data" },
		{ .relay = YAHOO,
		    .category = "mailbox-full",
		    .reply = "452 4.2.2 Mailbox is full. Please try again later." },
		{ .relay = "mx01.mail.icloud.com",
		    .category = "mailbox-full",
		    .reply = "452 4.2.2 <ann@example.org>: user is over quota" },
		{ .relay = GMX,
		    .category = "greylisted",
		    .reply =
			"450-Requested mail action not taken: mailbox unavailable 450 For "
			"explanation visit https://postmaster.gmx.net/en/error-messages?"
			"ip=192.0.2.25&c=greylist" },
		{ .relay = "mx00.t-online.de",
		    .category = "remote-temporary",
		    .reply = "450 4.5.4 Mailbox temporarily not accepting mail" },
		{ .relay = "mx1.mxge.comcast.net",
		    .category = "rate-limited",
		    .reply = "452 4.1.0 Comcast: too many recipients, try again later" },
		{ .relay = "smtp-in.orange.fr",
		    .category = "reputation",
		    .reply =
			"421 Service refuse. Veuillez essayer plus tard. Service refused, "
			"please try later. OFR_999" },
		{ .relay = "mxs.mail.ru",
		    .category = "remote-temporary",
		    .reply = "451 Try again later" },
		{ .relay = "mx1.qq.com",
		    .category = "remote-temporary",
		    .reply = "450 4.3.0 Mailbox busy, please retry. [a1:IP: 192.0.2.25]" },
		{ .relay = "mail.protonmail.ch",
		    .category = "greylisted",
		    .reply = "451 4.7.1 <ann@example.org>: Recipient address rejected: "
			     "Greylisted, please try again later" },
		{ .relay = "mx1.mail.ovh.net",
		    .category = "remote-temporary",
		    .reply = "452 4.3.2 Service temporarily unavailable" },
		{ .relay = "mx.example.org",
		    .category = "greylisted",
		    .reply =
			"450 4.2.0 <ann@example.org>: Recipient address rejected: "
			"Greylisted, see https://postgrey.example/help/example.org.html" },
		{ .category = "remote-temporary",
		    .status = "4.4.1",
		    .text =
			"connect to mx.example.org[192.0.2.9]:25: Connection timed out" },
		{ .category = "remote-temporary",
		    .status = "4.4.1",
		    .text = "connect to mx.example.org[192.0.2.9]:25: Connection refused" },
		{ .category = "remote-temporary",
		    .status = "4.4.2",
		    .text =
			"lost connection with mx.example.org[192.0.2.9] while sending end of "
			"data -- message may be sent more than once" },
		{ .category = "routing",
		    .status = "4.4.3",
		    .text =
			"Deferred: Name server: mx.example.org.: host name lookup failure" },
	};

	(void)state;
	CHECK(cases);
}

static void
test_blocks(void **state)
{
	static const struct question_case cases[] = {
		{ .relay = GOOGLE,
		    .category = "rate-limited",
		    .code_id = "google-4.7.28-ip",
		    .reply =
			"421-4.7.28 Gmail has detected an unusual rate of unsolicited mail "
			"originating from 421-4.7.28 your IP address [192.0.2.25]. To protect "
			"our users from spam, mail 421-4.7.28 sent from your IP address has "
			"been temporarily rate limited. For more 421-4.7.28 information, go "
			"to 421 4.7.28  https://support.google.com/mail/?p="
			"UnsolicitedRateLimitError a1 - gsmtp" },
		{ .relay = GOOGLE,
		    .category = "authentication-spf",
		    .reply =
			"550-5.7.26 Your email has been blocked because the sender is "
			"unauthenticated. 550-5.7.26 Gmail requires all senders to "
			"authenticate with either SPF or DKIM. 550-5.7.26  Authentication "
			"results: 550-5.7.26  DKIM = did not pass 550-5.7.26  SPF "
			"[example.com] with ip: [192.0.2.25] = did not pass 550 5.7.26  "
			"https://support.google.com/mail/answer/81126#authentication a1" },
		{ .relay = GOOGLE,
		    .category = "authentication-spf",
		    .reply = "550 5.7.26  https://support.google.com/mail/answer/"
			     "81126#authentication a1 - gsmtp" },
		{ .relay = GOOGLE,
		    .category = "content-spam",
		    .code_id = "google-5.7.1-unsolicited",
		    .reply =
			"550-5.7.1 [192.0.2.25      12] Gmail has detected that this message "
			"is 550-5.7.1 likely unsolicited mail. To reduce the amount of spam "
			"sent to Gmail, 550-5.7.1 this message has been blocked." },
		{ .relay = MS_CONSUMER,
		    .category = "ip-blocklisted",
		    .code_id = "microsoft-s3150",
		    .reply =
			"550 5.7.1 Unfortunately, messages from [192.0.2.25] weren't sent. "
			"Please contact your Internet service provider since part of their "
			"network is on our block list (S3150). You can also refer your "
			"provider to http://mail.live.com/mail/troubleshooting.aspx#errors." },
		{ .relay = MS_CONSUMER,
		    .category = "ip-blocklisted",
		    .code_id = "microsoft-suspected-block",
		    .suspected = true,
		    .reply =
			"550 5.7.1 Unfortunately, messages from [192.0.2.25] weren't sent. "
			"Please contact your Internet service provide...px#errors. "
			"[AM6NAM11FT003.eop-nam11.prod.protection.outlook.com]" },
		{ .relay = MS_365,
		    .category = "ip-blocklisted",
		    .code_id = "microsoft-5.7.606",
		    .reply =
			"550 5.7.606 Access denied, banned sending IP [192.0.2.25]. To "
			"request removal from this list please visit "
			"https://sender.office.com/ and follow the directions." },
		{ .relay = MS_365,
		    .category = "ip-blocklisted",
		    .code_id = "microsoft-5.7.511",
		    .reply =
			"550 5.7.511 Access denied, banned sender[192.0.2.25]. To request "
			"removal from this list please forward this message to "
			"delist@microsoft.com." },
		{ .relay = YAHOO,
		    .category = "rate-limited",
		    .code_id = "yahoo-tss04",
		    .reply =
			"421 4.7.0 [TSS04] Messages from 192.0.2.25 temporarily deferred due "
			"to unexpected volume or user complaints - 4.16.55.1; see "
			"https://postmaster.yahooinc.com/error-codes" },
		{ .relay = YAHOO,
		    .category = "authentication-dmarc",
		    .code_id = "yahoo-5.7.9-policy",
		    .reply = "554 5.7.9 Message not accepted for policy reasons.  See "
			     "https://postmaster.yahooinc.com/error-codes" },
		{ .relay = YAHOO,
		    .category = "ip-blocklisted",
		    .code_id = "yahoo-bl21",
		    .reply =
			"553 5.7.1 [BL21] Connections will not be accepted from 192.0.2.25, "
			"because the ip is in Spamhaus's list" },
		{ .relay = "mx01.mail.icloud.com",
		    .category = "content-spam",
		    .code_id = "apple-cs01",
		    .reply =
			"550 5.7.1 [CS01] Message rejected due to local policy. Please visit "
			"https://support.apple.com/en-us/HT204137" },
		{ .relay = "mx01.mail.icloud.com",
		    .category = "content-spam",
		    .code_id = "apple-hm08",
		    .reply = "554 5.7.1 [HM08] Message rejected due to local policy." },
		{ .relay = GMX,
		    .category = "policy",
		    .reply =
			"554-Transaction failed 554-Reject due to policy restrictions. 554 "
			"For explanation visit https://postmaster.gmx.net/en/error-messages?"
			"ip=192.0.2.25&c=hi" },
		{ .relay = GMX,
		    .category = "no-ptr",
		    .code_id = "gmx-bad-ptr",
		    .reply =
			"554-gmx.net (mxgmx001) Nemesis ESMTP Service not available 554-No "
			"SMTP service 554-Bad DNS PTR resource record. 554 For explanation "
			"visit https://www.gmx.net/mail/senderguidelines?ip=192.0.2.25&"
			"c=rdns" },
		{ .relay = GMX,
		    .category = "reputation",
		    .reply =
			"421-gmx.net (mxgmx001) Nemesis ESMTP Service not available "
			"421-Service unavailable 421-Temporarily blocked due to poor "
			"reputation 421 For explanation visit https://postmaster.gmx.net/en/"
			"error-messages?ip=192.0.2.25&c=bip" },
		{ .relay = "mx00.t-online.de",
		    .category = "ip-blocklisted",
		    .code_id = "t-online-bl",
		    .reply =
			"554 IP=192.0.2.25 - A problem occurred. (Ask your postmaster for "
			"help or to contact tosa@rx.t-online.de to clarify.) (BL)" },
		{ .relay = "mx1.mxge.comcast.net",
		    .category = "ip-blocklisted",
		    .code_id = "comcast-bl000000",
		    .reply =
			"554 resimta-h1p-1.sys.comcast.net resimta-h1p-1.sys.comcast.net "
			"192.0.2.25 found on one or more DNSBLs, see "
			"http://postmaster.comcast.net/smtp-error-codes.php#BL000000" },
		{ .relay = "mx1.mxge.comcast.net",
		    .category = "rate-limited",
		    .code_id = "comcast-rl",
		    .reply =
			"421 4.1.0 192.0.2.25 Throttled - try again later. Please see "
			"http://postmaster.comcast.net/smtp-error-codes.php#RL000001" },
		{ .relay = "smtp-in.orange.fr",
		    .category = "rate-limited",
		    .code_id = "orange-ofr-104",
		    .reply =
			"421 mwinf5c01 ME Trop de connexions, veuillez verifier votre "
			"configuration. Too many connections, slow down. OFR004_104 [104]" },
		{ .relay = "smtp-in.orange.fr",
		    .category = "reputation",
		    .reply =
			"550 5.7.1 Service refused by Orange. Please check your sending IP "
			"192.0.2.25 reputation. OFR_506 [506]" },
		{ .relay = "smtp-in.libero.it",
		    .category = "ip-blocklisted",
		    .code_id = "libero-lib102",
		    .reply =
			"550 smtp-01.iol.local smtp-01.iol.local IP blacklisted by CSI. For "
			"remediation please use http://csi.cloudmark.com/reset-request/?"
			"ip=192.0.2.25 [smtp-01.iol.local; LIB_102]" },
		{ .relay = "mx1.qq.com",
		    .category = "ip-blocklisted",
		    .code_id = "qq-bounce-attacks",
		    .reply = "550 Suspected bounce attacks [a1 IP: 192.0.2.25]." },
		{ .relay = "mx1.qq.com",
		    .category = "rate-limited",
		    .code_id = "qq-ip-frequency",
		    .reply = "550 Ip frequency limited [a1 IP: 192.0.2.25]." },
		{ .relay = "mail.protonmail.ch",
		    .category = "ip-blocklisted",
		    .reply =
			"554 5.7.1 Service unavailable; Client host [192.0.2.25] blocked "
			"using Proton blocklist" },
		{ .relay = "mx1.mail.ovh.net",
		    .category = "ip-blocklisted",
		    .reply =
			"554 5.7.1 Service unavailable; Client host [192.0.2.25] blocked "
			"using zen.spamhaus.org; https://www.spamhaus.org/query/ip/"
			"192.0.2.25" },
		{ .relay = "mx.example.org",
		    .category = "ip-blocklisted",
		    .code_id = "barracuda-reputation-name",
		    .reply =
			"550 5.7.1 Service unavailable, Client host [192.0.2.25] blocked "
			"using Barracuda Reputation, see: https://www.barracudacentral.org/"
			"lookups/lookup-reputation?r=1&ip=192.0.2.25" },
		{ .relay = "mx.example.org",
		    .category = "ip-blocklisted",
		    .code_id = "spamcop",
		    .reply =
			"554 5.7.1 Client host blocked using bl.spamcop.net; Blocked - see "
			"https://www.spamcop.net/bl.shtml?192.0.2.25" },
	};

	(void)state;
	CHECK(cases);
}

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

/* The text ends where an unreadable page begins. */
static struct str
at_page_end(struct str text, size_t page)
{
	size_t whole = (text.n + page - 1) / page * page;
	char *area = mmap(NULL, whole + page, PROT_READ | PROT_WRITE,
	    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	assert_true(area != MAP_FAILED);
	assert_int_equal(mprotect(area + whole, page, PROT_NONE), 0);
	memcpy(area + whole - text.n, text.p, text.n);
	return (struct str){ area + whole - text.n, text.n };
}

static void
explain_edge(struct str text, size_t page)
{
	struct str edge = at_page_end(text, page);
	struct catalogue_question q = { .reply = edge, .relay_name = edge, .status = edge };
	struct catalogue_answer a;

	(void)catalogue_explain(cat, &q, &a);
	(void)catalogue_provider_of_domain(cat, edge);
	q = (struct catalogue_question){
		.text = edge, .provider = edge, .smtp_code = 1 << 30
	};
	(void)catalogue_explain(cat, &q, &a);

	size_t whole = (text.n + page - 1) / page * page;

	(void)munmap((char *)(uintptr_t)(edge.p + edge.n - whole), whole + page);
}

static void
test_hostile(void **state)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE), big = 1024 * 1024;
	char *million = malloc(big);
	static const char whole[] =
	    "550-5.7.1 host x said: 550-'5.7.1 #5.7.1 smtp;554 -> 421 "
	    "4.7.0 [TSS04] (a:550 =3D5.4.1 \xff\xc3 \0 S3150...=3";

	(void)state;
	assert_non_null(million);
	for (size_t n = 1; n < sizeof whole; n++)
		explain_edge((struct str){ whole, n }, page);
	for (size_t i = 0; i < big; i++)
		million[i] = "550-5.7.1 said: 4 "[i % 18];
	explain_edge((struct str){ million, big }, page);
	for (unsigned c = 0; c < 256; c++) {
		memset(million, (int)c, 5000);
		explain_edge((struct str){ million, 5000 }, page);
	}
	memset(million, ' ', 4000);
	memcpy(million, "550 5.7.1 (S3150) \0\0\xf0\x28", 22);
	struct catalogue_question q = { .reply = { million, 4000 } };
	struct catalogue_answer a;

	assert_true(catalogue_explain(cat, &q, &a));
	assert_str("with NUL bytes", a.code_id, "microsoft-s3150");
	memset(million, 'x', CATALOGUE_MAX_REPLY);
	memcpy(million + CATALOGUE_MAX_REPLY, " S3150", 6);
	assert_false(catalogue_explain(cat, &q, &a)); /* behind the limit */
	free(million);
}

/* Every row that we ship is told by its own token or status, at its own relay. */
static void
test_every_row(void **state)
{
	(void)state;
	for (size_t i = 0; i < cat->ncodes; i++) {
		const struct code *code = &cat->codes[i];

		for (size_t k = 0; k < code->tokens.n || k == 0; k++) {
			struct str token = k < code->tokens.n ? code->tokens.p[k] : STR("");
			struct str relay = code->relays.n > 0 ? code->relays.p[0] : STR("");
			char reply[300];
			struct catalogue_question q = { .provider = code->row.provider };
			struct catalogue_answer a;
			status_number s = code->nstatus > 0 ? code->status[0].from : 0;
			bool transient =
			    code->row.temporary == TEMPORARY_YES || s >> 20 == 4;

			snprintf(reply, sizeof reply, "%u %u.%u.%u %.*s",
			    code->smtp_code ? code->smtp_code
			    : transient     ? 450
					    : 550,
			    s >> 20, s >> 10 & 1023, s & 1023, STR_ARG(token));
			q.reply = str_of(reply);
			q.relay_name = relay;
			if (!catalogue_explain(cat, &q, &a) ||
			    !str_eq(a.category, code->row.category))
				fail_msg("%.*s (%.*s): %s gives %.*s (%.*s)",
				    STR_ARG(code->row.id), STR_ARG(code->row.category),
				    reply, STR_ARG(a.code_id), STR_ARG(a.category));
		}
	}
}

static void
test_every_provider(void **state)
{
	(void)state;
	for (size_t i = 0; i < cat->nproviders; i++) {
		const struct provider *p = &cat->providers[i];

		for (size_t k = 0; k < p->mx.n; k++) {
			char host[300];

			snprintf(host, sizeof host, "mx1%s%.*s",
			    p->mx.p[k].p[0] == '.' ? "" : ".", STR_ARG(p->mx.p[k]));
			if (!str_eq(catalogue_provider_of_host(cat, str_of(host)), p->id))
				fail_msg("%s is not of %.*s", host, STR_ARG(p->id));
		}
		for (size_t k = 0; k < p->domains.n; k++)
			if (!str_eq(catalogue_provider_of_domain(cat, p->domains.p[k]),
				p->id))
				fail_msg("%.*s is claimed twice", STR_ARG(p->domains.p[k]));
		assert_true(p->name.n > 0 && p->brief.n > 0);
	}
}

static void
test_lookups(void **state)
{
	const struct catalogue_code *code = catalogue_code(cat, STR("microsoft-s3140"));

	(void)state;
	assert_non_null(code);
	assert_str("category", code->category, "ip-blocklisted");
	assert_str("provider", code->provider, "microsoft-consumer");
	assert_true(code->meaning.n > 0 && code->remedy.n > 0 && code->url.n > 0);
	code = catalogue_code(cat, STR("microsoft-suspected-block"));
	assert_non_null(code);
	assert_str("suspected", code->category, "ip-blocklisted");
	assert_null(catalogue_code(cat, STR("nothing")));
	assert_null(catalogue_code(cat, STR("")));
	assert_true(catalogue_code_count(cat) >= 545);
	assert_str("name", catalogue_provider_name(cat, STR("google")),
	    "Google (Gmail, Google Workspace)");
	assert_str("short", catalogue_provider_short(cat, STR("google")), "Google");
	assert_str("unknown", catalogue_provider_name(cat, STR("nobody")), "nobody");
	assert_string_equal(catalogue_confidence_name(CONFIDENCE_HIGH), "high");
	assert_string_equal(catalogue_temporary_name(TEMPORARY_EITHER), "either");
}

static char *
make_dir(void)
{
	char *dir = strdup("/tmp/test_catalogue.XXXXXX");

	assert_non_null(dir);
	assert_non_null(mkdtemp(dir));
	return dir;
}

static void
write_file(const char *dir, const char *name, const char *text)
{
	char path[300];
	FILE *f;

	snprintf(path, sizeof path, "%s/%s", dir, name);
	f = fopen(path, "w");
	assert_non_null(f);
	assert_true(fputs(text, f) >= 0);
	assert_int_equal(fclose(f), 0);
}

static void
remove_dir(char *dir)
{
	static const char *const names[] = { "providers.yaml", "codes.yaml",
		"suspected.yaml" };

	for (size_t i = 0; i < 3; i++) {
		char path[300];

		snprintf(path, sizeof path, "%s/%s", dir, names[i]);
		(void)unlink(path);
	}
	assert_int_equal(rmdir(dir), 0);
	free(dir);
}

static void
test_overrides(void **state)
{
	char *own = make_dir();
	const char *dirs[] = { SHIPPED, own };
	struct diags diags = { 0 };
	struct catalogue *both = NULL;
	struct catalogue_answer a;
	struct catalogue_question q = { .reply = STR("550 no (S3150)") };

	(void)state;
	write_file(own, "providers.yaml",
	    "- id: google\n  name: G\n  mx: [.google.com]\n"
	    "- id: ours\n  name: Our provider\n  mx: [.example.net, .googlemail.com]\n");
	write_file(own, "codes.yaml",
	    "- id: microsoft-s3150\n  token: S3150\n  category: policy\n  meaning: ours\n"
	    "- id: ours-1\n  provider: ours\n  token: WE-1\n  category: reputation\n");
	assert_int_equal(catalogue_load(dirs, 2, &both, &diags), 0);
	assert_int_equal(diags.errors, 0);
	assert_str("added", catalogue_provider_of_host(both, STR("mx.example.net")),
	    "ours");
	assert_str("taken", catalogue_provider_of_host(both, STR("x.googlemail.com")),
	    "ours");
	assert_str("kept", catalogue_provider_of_host(both, STR("x.google.com")), "google");
	assert_str("replaced as a whole",
	    catalogue_provider_of_domain(both, STR("gmail.com")), "");
	assert_str("name", catalogue_provider_short(both, STR("google")), "G");
	assert_true(catalogue_explain(both, &q, &a));
	assert_str("replaced", a.category, "policy");
	assert_str("meaning", a.meaning, "ours");
	q.reply = STR("550 WE-1");
	assert_true(catalogue_explain(both, &q, &a));
	assert_str("provider", a.provider, "ours");
	assert_int_equal(catalogue_code_count(both), catalogue_code_count(cat) + 1);
	catalogue_free(both);
	diags_done(&diags);
	remove_dir(own);
}

/* What is told about a folder with this file in it; the shipped one is loaded first. */
static void
assert_fault(const char *file, const char *text, const char *want)
{
	char *own = make_dir();
	const char *dirs[] = { SHIPPED, own };
	struct diags diags = { 0 };
	struct catalogue *out = NULL;
	char *told = NULL;
	size_t n = 0;
	FILE *to = open_memstream(&told, &n);

	write_file(own, file, text);
	assert_non_null(to);
	assert_int_equal(catalogue_load(dirs, 2, &out, &diags), -EINVAL);
	assert_null(out);
	diags_print(&diags, to);
	assert_int_equal(fclose(to), 0);
	if (strstr(told, want) == NULL)
		fail_msg("%s: told %s", want, told);
	free(told);
	diags_done(&diags);
	remove_dir(own);
}

static void
test_faults(void **state)
{
	static const struct {
		const char *file, *text, *want;
	} cases[] = {
		{ "codes.yaml", "- id: a\n  tokn: X12\n  category: policy\n",
		    "codes.yaml:2:3: unknown key 'tokn', did you mean 'token'?" },
		{ "codes.yaml", "- id: a\n  token: X12\n  category: polcy\n",
		    "codes.yaml:3:13: unknown category 'polcy', did you mean 'policy'?" },
		{ "codes.yaml", "- id: a\n  token: X12\n",
		    "codes.yaml:1:3: 'a' needs a category" },
		{ "codes.yaml", "- id: a\n  category: policy\n",
		    "needs a token, a status or" },
		{ "codes.yaml", "- token: X12\n  category: policy\n",
		    "a code needs an id" },
		{ "codes.yaml", "- id: a\n  token: X1\n  category: policy\n",
		    "'X1': expected" },
		{ "codes.yaml", "- id: a\n  status: [5.7]\n  category: policy\n",
		    "codes.yaml:2:12: '5.7' is no status code" },
		{ "codes.yaml", "- id: a\n  status: [5.7.9-5.7.1]\n  category: policy\n",
		    "is no status code" },
		{ "codes.yaml",
		    "- id: a\n  provider: x\n  token: X12\n  category: policy\n",
		    "unknown provider 'x'" },
		{ "codes.yaml",
		    "- id: a\n  token: X12\n  category: policy\n"
		    "- id: a\n  token: X13\n  category: policy\n",
		    "codes.yaml:4:3: 'a' stands twice, first in line 1" },
		{ "codes.yaml", "a: b\n", "expected a list of rows" },
		{ "codes.yaml", "- id: [\n", "codes.yaml:" },
		{ "codes.yaml", "- x\n", "expected a code" },
		{ "providers.yaml", "- id: a\n  mx: [.x.example, .x.example]\n",
		    "stands twice" },
		{ "providers.yaml",
		    "- id: a\n  mx: [.x.example]\n- id: b\n  mx: [x.example]\n",
		    "providers.yaml:3:3: 'x.example' stands twice, first in line 1" },
		{ "providers.yaml", "- id: a\n  mx: .x.example\n",
		    "providers.yaml:2:7: expected a list of words" },
		{ "suspected.yaml",
		    "rows:\n- id: a\n  providers: [x]\n  category: policy\n",
		    "unknown provider 'x'" },
		{ "suspected.yaml", "row: []\n",
		    "unknown key 'row', did you mean 'rows'?" },
		{ "suspected.yaml",
		    "rows:\n- id: a\n  suspected: maybe\n  category: policy\n",
		    "suspected.yaml:3:14" },
	};
	struct catalogue *out = NULL;
	struct diags diags = { 0 };
	static const char *const nowhere[] = { "/nonexistent/a", "/nonexistent/b" };

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
		assert_fault(cases[i].file, cases[i].text, cases[i].want);
	assert_int_equal(catalogue_load(nowhere, 2, &out, &diags), -ENOENT);
	assert_int_equal(diags.errors, 1);
	diags_done(&diags);
	catalogue_free(NULL);
}

/* With MAILWARDEN_SAMPLES naming a table (text, relay, category, code id, source): the
 * share of replies whose category is told rightly. */
static void
test_samples(void **state)
{
	const char *path = getenv("MAILWARDEN_SAMPLES");
	unsigned total = 0, right = 0;
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
	}
	fclose(f);
	print_message("samples: %u of %u categories right\n", right, total);
	assert_true(right * 100 >= total * 88);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_hosts),
		cmocka_unit_test(test_domains),
		cmocka_unit_test(test_bounces),
		cmocka_unit_test(test_deferrals),
		cmocka_unit_test(test_blocks),
		cmocka_unit_test(test_stories),
		cmocka_unit_test(test_hidden),
		cmocka_unit_test(test_matching),
		cmocka_unit_test(test_hostile),
		cmocka_unit_test(test_every_row),
		cmocka_unit_test(test_every_provider),
		cmocka_unit_test(test_lookups),
		cmocka_unit_test(test_overrides),
		cmocka_unit_test(test_faults),
		cmocka_unit_test(test_samples),
	};

	return cmocka_run_group_tests(tests, load_shipped, unload);
}
