/* What the big providers reply: bounces, deferrals, blocks. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "catalogue_cases.h"

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

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_bounces),
		cmocka_unit_test(test_deferrals),
		cmocka_unit_test(test_blocks),
	};

	return cmocka_run_group_tests(tests, load_shipped, unload);
}
