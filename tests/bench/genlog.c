/*
 * genlog - deterministic generator of realistic mail server logs
 *
 * Simulates message lifecycles on one or more hosts and prints the log lines
 * in time order on standard output.  The same options give the same bytes.
 * With --truth FILE it also writes a JSON summary of what was printed: the
 * deliveries per outcome and provider, and the injected incidents with their
 * times, so that a monitor's answers can be checked against a known truth.
 *
 * Every count in the summary is taken when a line is printed, never when it
 * is planned: a run that is cut by --lines in the middle of a lifecycle is
 * still described exactly.
 *
 * Build:  cc -O2 -Wall -Wextra -o genlog genlog.c -lm
 *
 * All addresses are from documentation and benchmark ranges (192.0.2.0/24,
 * 198.51.100.0/24, 203.0.113.0/24, 198.18.0.0/15, 2001:db8::/32).  Names of
 * mail providers and their MX hosts are real so that classification by
 * domain or relay can be exercised; the mailboxes are invented.
 */
/* Tables that read as tables: */
/* clang-format off */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <math.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define US INT64_C(1000000)
#define NELEM(a) (sizeof(a) / sizeof((a)[0]))

/* ------------------------------------------------------------------ random */

static uint64_t rs[4];

static uint64_t splitmix(uint64_t *x)
{
	uint64_t z = (*x += 0x9e3779b97f4a7c15ULL);

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
	return z ^ (z >> 31);
}

static uint64_t rnd64(void)
{
	uint64_t r = rs[1] * 5, t = rs[1] << 17;

	r = ((r << 7) | (r >> 57)) * 9;
	rs[2] ^= rs[0];
	rs[3] ^= rs[1];
	rs[1] ^= rs[2];
	rs[0] ^= rs[3];
	rs[2] ^= t;
	rs[3] = (rs[3] << 45) | (rs[3] >> 19);
	return r;
}

static uint32_t rndn(uint32_t n) { return (uint32_t)(((rnd64() >> 32) * n) >> 32); }
static double rnd01(void) { return (double)(rnd64() >> 11) * 0x1.0p-53; }
static bool chance(double p) { return rnd01() < p; }
static double rexp(double mean) { return -mean * log1p(-rnd01()); }

/*
 * The order in which a compiler evaluates a call's arguments is its own
 * choice.  So that every compiler's program prints the same bytes, arguments
 * draw with pick(k, n): pure functions of k and of a base that line() and
 * say() renew before each call.
 */
static uint64_t base;

static uint64_t pick64(uint64_t k)
{
	uint64_t x = base + k * 0xd1342543de82ef95ULL;

	return splitmix(&x);
}

static void renew(void) { base = rnd64(); }
static uint32_t pick(uint64_t k, uint32_t n) { return (uint32_t)(((pick64(k) >> 32) * n) >> 32); }
static double pick01(uint64_t k) { return (double)(pick64(k) >> 11) * 0x1.0p-53; }
static bool picked(uint64_t k, double p) { return pick01(k) < p; }
#define say(...) (renew(), snprintf(__VA_ARGS__))
#define line(...) (renew(), plan_line(__VA_ARGS__))

/* A 64-bit mix used to derive stable facts (a user's domain, a domain's MX). */
static uint64_t mix(uint64_t x) { return splitmix(&x); }

/* --------------------------------------------------------------- the options */

enum mta { POSTFIX, SENDMAIL, OPENSMTPD, DOVECOT, NMTA };
static const char *const mta_name[NMTA] = { "postfix", "sendmail", "opensmtpd", "dovecot" };

static uint64_t opt_lines = 100000;
static uint64_t opt_seed = 1;
static int opt_mta = POSTFIX; /* NMTA is "mixed" */
static bool opt_rfc3339;
static int64_t opt_start = 1793491200; /* 2026-11-01T00:00:00Z */
static double opt_days = 1.0;
static int opt_hosts = 3;
static int opt_incidents = -1;
static double opt_noise = 0.10;
static bool opt_short_ids;
static bool opt_sm_reply = true;
static const char *opt_truth;

/* ------------------------------------------------------------------- facts */

struct reply {
	const char *dsn;  /* enhanced status code */
	const char *text; /* template, see expand() */
	const char *cmd;  /* "RCPT TO", "end of DATA", ...; NULL: no connection */
};

struct provider {
	const char *key;
	double weight;
	const char *domains[8];
	const char *mx[4];
	bool hosts_others; /* also the MX of many small domains */
	const char *ok;
	struct reply bounce[6], defer[6], block[5];
};

#define NOUSER_GENERIC { "5.1.1", "550 5.1.1 <{rcpt}>: Recipient address rejected: User unknown in virtual mailbox table", "RCPT TO" }
#define FULL_GENERIC { "4.2.2", "452 4.2.2 <{rcpt}> Mailbox full", "RCPT TO" }
#define GREYLIST { "4.2.0", "450 4.2.0 <{rcpt}>: Recipient address rejected: Greylisted, see https://postgrey.example/help/{dom}.html", "RCPT TO" }
#define TIMEOUT { "4.4.1", "connect to {mx}[{mxip}]:25: Connection timed out", NULL }
#define REFUSED { "4.4.1", "connect to {mx}[{mxip}]:25: Connection refused", NULL }
#define SPAMHAUS { "5.7.1", "554 5.7.1 Service unavailable; Client host [{ip}] blocked using zen.spamhaus.org; https://www.spamhaus.org/query/ip/{ip}", "RCPT TO" }

static const struct provider provs[] = {
	{ "google", 28, { "gmail.com", "googlemail.com" },
	  { "gmail-smtp-in.l.google.com", "alt1.gmail-smtp-in.l.google.com", "aspmx.l.google.com" }, true,
	  "250 2.0.0 OK  {epoch} {h4}-{h20}.{n3} - gsmtp",
	  { { "5.1.1", "550-5.1.1 The email account that you tried to reach does not exist. Please try 550-5.1.1 double-checking the recipient's email address for typos or 550-5.1.1 unnecessary spaces. For more information, go to 550 5.1.1  https://support.google.com/mail/?p=NoSuchUser {h4}-{h20}.{n3} - gsmtp", "RCPT TO" },
	    { "5.2.1", "550 5.2.1 The email account that you tried to reach is inactive. For more information, go to https://support.google.com/mail/?p=DisabledUser {h4}-{h20}.{n3} - gsmtp", "RCPT TO" },
	    { "5.7.1", "552-5.7.0 This message was blocked because its content presents a potential 552-5.7.0 security issue. To review our message content and attachment content 552-5.7.0 guidelines, go to 552 5.7.0  https://support.google.com/mail/?p=BlockedMessage {h4}-{h20}.{n3} - gsmtp", "end of DATA" } },
	  { { "4.2.2", "452-4.2.2 The recipient's inbox is out of storage space. Please direct the 452-4.2.2 recipient to 452 4.2.2  https://support.google.com/mail/?p=OverQuotaTemp {h4}-{h20}.{n3} - gsmtp", "RCPT TO" },
	    { "4.2.1", "450-4.2.1 The user you are trying to contact is receiving mail at a rate that 450-4.2.1 prevents additional messages from being delivered. For more information, go to 450 4.2.1  https://support.google.com/mail/?p=ReceivingRate {h4}-{h20}.{n3} - gsmtp", "RCPT TO" }, TIMEOUT },
	  { { "4.7.28", "421-4.7.28 Gmail has detected an unusual rate of unsolicited mail originating from 421-4.7.28 your IP address [{ip}]. To protect our users from spam, mail 421-4.7.28 sent from your IP address has been temporarily rate limited. For more 421-4.7.28 information, go to 421 4.7.28  https://support.google.com/mail/?p=UnsolicitedRateLimitError {h4}-{h20}.{n3} - gsmtp", "end of DATA" },
	    { "5.7.26", "550-5.7.26 Your email has been blocked because the sender is unauthenticated. 550-5.7.26 Gmail requires all senders to authenticate with either SPF or DKIM. 550-5.7.26  Authentication results: 550-5.7.26  DKIM = did not pass 550-5.7.26  SPF [{sdom}] with ip: [{ip}] = did not pass 550 5.7.26  https://support.google.com/mail/answer/81126#authentication {h4}-{h20}.{n3} - gsmtp", "end of DATA" },
	    { "5.7.1", "550-5.7.1 [{ip}      12] Gmail has detected that this message is 550-5.7.1 likely unsolicited mail. To reduce the amount of spam sent to Gmail, 550-5.7.1 this message has been blocked. For more information, go to 550 5.7.1  https://support.google.com/mail/?p=UnsolicitedMessageError {h4}-{h20}.{n3} - gsmtp", "end of DATA" } } },
	{ "microsoft-consumer", 14, { "outlook.com", "hotmail.com", "live.com", "msn.com", "hotmail.fr", "outlook.de" },
	  { "outlook-com.olc.protection.outlook.com", "hotmail-com.olc.protection.outlook.com" }, false,
	  "250 2.6.0 <{msgid}> [InternalId={n12}, Hostname={H3}PR{n2}MB{n4}.namprd{n2}.prod.outlook.com] {n5} bytes in 0.{n3}, {n2}.{n3} KB/sec Queued mail for delivery -> 250 2.1.5",
	  { { "5.5.0", "550 5.5.0 Requested action not taken: mailbox unavailable (S2017062302). [{H3}NAM{n2}FT{n3}.eop-nam{n2}.prod.protection.outlook.com {iso} {H16}]", "RCPT TO" },
	    { "5.2.1", "550 5.2.1 Mailbox disabled for this recipient", "RCPT TO" } },
	  { { "4.7.650", "451 4.7.650 The mail server [{ip}] has been temporarily rate limited due to IP reputation. For e-mail delivery information, see https://aka.ms/postmaster (S775) [{H3}NAM{n2}FT{n3}.eop-nam{n2}.prod.protection.outlook.com {iso} {H16}]", "MAIL FROM" }, TIMEOUT },
	  { { "5.7.1", "550 5.7.1 Unfortunately, messages from [{ip}] weren't sent. Please contact your Internet service provider since part of their network is on our block list (S3150). You can also refer your provider to http://mail.live.com/mail/troubleshooting.aspx#errors. [{H3}NAM{n2}FT{n3}.eop-nam{n2}.prod.protection.outlook.com {iso} {H16}]", "MAIL FROM" },
	    { "4.7.650", "451 4.7.650 The mail server [{ip}] has been temporarily rate limited due to IP reputation. For e-mail delivery information, see https://aka.ms/postmaster (S775) [{H3}NAM{n2}FT{n3}.eop-nam{n2}.prod.protection.outlook.com {iso} {H16}]", "MAIL FROM" } } },
	{ "microsoft-365", 9, { NULL },
	  { "{domdash}.mail.protection.outlook.com" }, true,
	  "250 2.6.0 <{msgid}> [InternalId={n12}, Hostname={H3}PR{n2}MB{n4}.eurprd{n2}.prod.outlook.com] {n5} bytes in 0.{n3}, {n2}.{n3} KB/sec Queued mail for delivery",
	  { { "5.1.10", "550 5.1.10 RESOLVER.ADR.RecipientNotFound; Recipient {rcpt} not found by SMTP address lookup [{H3}EUR{n2}FT{n3}.eop-eur{n2}.prod.protection.outlook.com {iso} {H16}]", "RCPT TO" },
	    { "5.4.1", "550 5.4.1 Recipient address rejected: Access denied. For more information see https://aka.ms/EXOSmtpErrors [{H3}EUR{n2}FT{n3}.eop-EUR{n2}.prod.protection.outlook.com {iso} {H16}]", "RCPT TO" },
	    { "5.7.509", "550 5.7.509 Access denied, sending domain {sdom} does not pass DMARC verification and has a DMARC policy of reject. [{H3}PR{n2}MB{n4}.eurprd{n2}.prod.outlook.com {iso} {H16}]", "end of DATA" } },
	  { { "4.7.500", "451 4.7.500 Server busy. Please try again later from [{ip}]. (S77719) [{H3}EUR{n2}FT{n3}.eop-eur{n2}.prod.protection.outlook.com {iso} {H16}]", "MAIL FROM" },
	    { "4.3.2", "450 4.3.2 STOREDRV; mailbox server is too busy", "end of DATA" }, TIMEOUT },
	  { { "5.7.606", "550 5.7.606 Access denied, banned sending IP [{ip}]. To request removal from this list please visit https://sender.office.com/ and follow the directions. For more information please go to  http://go.microsoft.com/fwlink/?LinkID=526655 AS(1430) [{H3}EUR{n2}FT{n3}.eop-eur{n2}.prod.protection.outlook.com {iso} {H16}]", "RCPT TO" },
	    { "5.7.511", "550 5.7.511 Access denied, banned sender[{ip}]. To request removal from this list please forward this message to delist@microsoft.com. For more information please go to http://go.microsoft.com/fwlink/?LinkId=526653. [{H3}EUR{n2}FT{n3}.eop-eur{n2}.prod.protection.outlook.com {iso} {H16}]", "RCPT TO" } } },
	{ "yahoo", 9, { "yahoo.com", "aol.com", "ymail.com", "yahoo.co.uk", "yahoo.fr", "yahoo.de" },
	  { "mta5.am0.yahoodns.net", "mta6.am0.yahoodns.net", "mta7.am0.yahoodns.net", "mx-aol.mail.gm0.yahoodns.net" }, false,
	  "250 ok dirdel",
	  { { "5.0.0", "554 delivery error: dd This user doesn't have a {dom} account ({rcpt}) [0] - mtaproxy{n3}.free.mail.bf1.yahoo.com", "end of DATA" },
	    { "5.0.0", "552 1 Requested mail action aborted, mailbox not found", "RCPT TO" } },
	  { { "4.0.0", "451 4.3.2 Internal error reading data", "end of DATA" },
	    { "4.2.2", "452 4.2.2 Mailbox is full. Please try again later.", "RCPT TO" }, TIMEOUT },
	  { { "4.7.0", "421 4.7.0 [TSS04] Messages from {ip} temporarily deferred due to unexpected volume or user complaints - 4.16.55.1; see https://postmaster.yahooinc.com/error-codes", "MAIL FROM" },
	    { "5.7.9", "554 5.7.9 Message not accepted for policy reasons.  See https://postmaster.yahooinc.com/error-codes", "end of DATA" },
	    { "5.7.1", "553 5.7.1 [BL21] Connections will not be accepted from {ip}, because the ip is in Spamhaus's list; see http://postmaster.yahoo.com/550-bl23.html", "MAIL FROM" } } },
	{ "apple", 4, { "icloud.com", "me.com", "mac.com" },
	  { "mx01.mail.icloud.com", "mx02.mail.icloud.com" }, false,
	  "250 2.0.0 Ok: queued as {QID}",
	  { { "5.1.1", "550 5.1.1 <{rcpt}>: user does not exist", "RCPT TO" } },
	  { { "4.2.2", "452 4.2.2 <{rcpt}>: user is over quota", "RCPT TO" }, TIMEOUT },
	  { { "5.7.1", "550 5.7.1 [CS01] Message rejected due to local policy. Please visit https://support.apple.com/en-us/HT204137", "end of DATA" },
	    { "5.7.1", "554 5.7.1 [HM08] Message rejected due to local policy. Please visit https://support.apple.com/en-us/HT204137", "end of DATA" } } },
	{ "united-internet", 7, { "gmx.de", "web.de", "gmx.net", "gmx.at", "gmx.ch", "mail.com" },
	  { "mx00.emig.gmx.net", "mx01.emig.gmx.net", "mx-ha02.web.de", "mx-ha03.web.de" }, false,
	  "250 Requested mail action okay, completed: id={B6}-{B12}-{B6}",
	  { { "5.0.0", "550-Requested action not taken: mailbox unavailable 550 For explanation visit https://postmaster.gmx.net/en/error-messages?ip={ip}&c=mbu", "RCPT TO" },
	    { "5.0.0", "552-Requested mail action aborted: exceeded storage allocation 552-Quota exceeded. The recipient's mailbox is full. 552 For explanation visit https://postmaster.gmx.net/en/error-messages?ip={ip}&c=quota", "RCPT TO" } },
	  { { "4.0.0", "450-Requested mail action not taken: mailbox unavailable 450 For explanation visit https://postmaster.gmx.net/en/error-messages?ip={ip}&c=greylist", "RCPT TO" }, TIMEOUT },
	  { { "5.0.0", "554-Transaction failed 554-Reject due to policy restrictions. 554 For explanation visit https://postmaster.gmx.net/en/error-messages?ip={ip}&c=hi", "end of DATA" },
	    { "5.0.0", "554-gmx.net (mxgmx{n3}) Nemesis ESMTP Service not available 554-No SMTP service 554-Bad DNS PTR resource record. 554 For explanation visit https://www.gmx.net/mail/senderguidelines?ip={ip}&c=rdns", "greeting" },
	    { "4.0.0", "421-gmx.net (mxgmx{n3}) Nemesis ESMTP Service not available 421-Service unavailable 421-Temporarily blocked due to poor reputation 421 For explanation visit https://postmaster.gmx.net/en/error-messages?ip={ip}&c=bip", "greeting" } } },
	{ "t-online", 3, { "t-online.de", "magenta.de" },
	  { "mx00.t-online.de", "mx01.t-online.de", "mx02.t-online.de" }, false,
	  "250 2.0.0 {B6}-{B6} Message accepted.",
	  { { "5.0.0", "550-5.1.1 User unknown 550 5.1.1 (mailbox for <{rcpt}> does not exist)", "RCPT TO" } },
	  { { "4.0.0", "450 4.5.4 Mailbox temporarily not accepting mail", "RCPT TO" }, TIMEOUT },
	  { { "5.0.0", "554 IP={ip} - A problem occurred. (Ask your postmaster for help or to contact tosa@rx.t-online.de to clarify.) (BL)", "greeting" },
	    { "5.7.0", "550-5.7.0 Message considered as spam or virus, rejected 550-5.7.0 Message rejected because it is considered 550 5.7.0 spam.", "end of DATA" } } },
	{ "comcast", 2, { "comcast.net", "xfinity.com" },
	  { "mx1.mxge.comcast.net", "mx2.mxge.comcast.net", "mx1a1.comcast.net" }, false,
	  "250 2.0.0 {B12} mail accepted for delivery",
	  { { "5.1.1", "550 5.1.1 <{rcpt}> Account not available", "RCPT TO" } },
	  { { "4.1.0", "452 4.1.0 Comcast: too many recipients, try again later", "RCPT TO" }, TIMEOUT },
	  { { "5.7.1", "554 resimta-h1p-{n6}.sys.comcast.net resimta-h1p-{n6}.sys.comcast.net {ip} found on one or more DNSBLs, see http://postmaster.comcast.net/smtp-error-codes.php#BL000000", "greeting" },
	    { "4.1.0", "421 4.1.0 {ip} Throttled - try again later. Please see http://postmaster.comcast.net/smtp-error-codes.php#RL000001", "MAIL FROM" } } },
	{ "orange-fr", 2, { "orange.fr", "wanadoo.fr" },
	  { "smtp-in.orange.fr" }, false,
	  "250 2.0.0 {B6}{B12} mail accepted for delivery",
	  { { "5.1.1", "550 5.1.1 <{rcpt}> OFR_416 Adresse d au moins un destinataire invalide. Invalid recipient.", "RCPT TO" } },
	  { { "4.0.0", "421 Service refuse. Veuillez essayer plus tard. Service refused, please try later. OFR_999", "MAIL FROM" }, TIMEOUT },
	  { { "4.7.0", "421 mwinf5c{n2} ME Trop de connexions, veuillez verifier votre configuration. Too many connections, slow down. OFR004_104 [104]", "greeting" },
	    { "5.7.1", "550 5.7.1 Service refused by Orange. Please check your sending IP {ip} reputation. OFR_506 [506]", "MAIL FROM" } } },
	{ "libero", 1.5, { "libero.it", "virgilio.it", "inwind.it" },
	  { "smtp-in.libero.it", "smtp-in-v2.libero.it" }, false,
	  "250 2.0.0 {B12} mail accepted for delivery",
	  { { "5.1.1", "550 5.1.1 <{rcpt}> User unknown", "RCPT TO" } },
	  { FULL_GENERIC, TIMEOUT },
	  { { "5.7.1", "550 smtp-{n2}.iol.local smtp-{n2}.iol.local IP blacklisted by CSI. For remediation please use http://csi.cloudmark.com/reset-request/?ip={ip} [smtp-{n2}.iol.local; LIB_102]", "greeting" } } },
	{ "mail-ru", 1.5, { "mail.ru", "bk.ru", "inbox.ru" },
	  { "mxs.mail.ru" }, false,
	  "250 OK id={B6}-{B6}-{B2}",
	  { { "5.0.0", "550 Message was not accepted -- invalid mailbox.  Local mailbox {rcpt} is unavailable: user not found", "end of DATA" } },
	  { { "4.0.0", "451 Try again later", "end of DATA" }, TIMEOUT },
	  { { "5.0.0", "550 spam message rejected. Please visit http://help.mail.ru/notspam-support/id?c={B12} or  report details to abuse@corp.mail.ru. Error code: {H16}. ID: {H16}.", "end of DATA" } } },
	{ "tencent", 1, { "qq.com", "foxmail.com" },
	  { "mx1.qq.com", "mx2.qq.com", "mx3.qq.com" }, false,
	  "250 OK: queued as.",
	  { { "5.0.0", "550 The recipient may contain a non-existent account, please check the recipient address. [{B12}:IP: {ip}]. https://service.mail.qq.com/detail/0/92.", "RCPT TO" } },
	  { { "4.0.0", "450 4.3.0 Mailbox busy, please retry. [{B12}:IP: {ip}]", "RCPT TO" }, TIMEOUT },
	  { { "5.0.0", "550 Suspected bounce attacks [{B12} IP: {ip}]. https://open.work.weixin.qq.com/help2/pc/19970", "MAIL FROM" },
	    { "5.0.0", "550 Ip frequency limited [{B12} IP: {ip}]. http://service.mail.qq.com/cgi-bin/help?subtype=1&&id=20022&&no=1000725", "MAIL FROM" } } },
	{ "proton", 1.5, { "proton.me", "protonmail.com" },
	  { "mail.protonmail.ch", "mailsec.protonmail.ch" }, true,
	  "250 2.0.0 Ok: queued as {QID}",
	  { { "5.1.1", "550 5.1.1 <{rcpt}>: Recipient address rejected: Address does not exist", "RCPT TO" } },
	  { { "4.7.1", "451 4.7.1 <{rcpt}>: Recipient address rejected: Greylisted, please try again later", "RCPT TO" }, TIMEOUT },
	  { { "5.7.1", "554 5.7.1 Service unavailable; Client host [{ip}] blocked using Proton blocklist", "RCPT TO" } } },
	{ "ovh", 2, { NULL }, { "mx1.mail.ovh.net", "mx2.mail.ovh.net", "mx3.mail.ovh.net" }, true,
	  "250 2.0.0 Ok: queued as {QID}",
	  { { "5.1.1", "550 5.1.1 <{rcpt}>: Recipient address rejected: User unknown", "RCPT TO" } },
	  { { "4.3.2", "452 4.3.2 Service temporarily unavailable", "RCPT TO" }, TIMEOUT },
	  { SPAMHAUS } },
	{ "other", 14.5, { NULL }, { "mail.{dom}", "mx1.{dom}", "mx.{dom}", "smtp.{dom}" }, true,
	  "250 2.0.0 Ok: queued as {QID}",
	  { NOUSER_GENERIC, { "5.4.4", "Host or domain name not found. Name service error for name={dom} type=AAAA: Host not found", NULL },
	    { "5.7.1", "554 5.7.1 <{rcpt}>: Relay access denied", "RCPT TO" },
	    { "5.7.1", "550 5.7.1 Message rejected as spam by content filtering", "end of DATA" },
	    { "5.2.2", "552 5.2.2 <{rcpt}>: Mailbox full: quota exceeded", "RCPT TO" } },
	  { GREYLIST, TIMEOUT, REFUSED, FULL_GENERIC,
	    { "4.4.3", "Host or domain name not found. Name service error for name={dom} type=MX: Host not found, try again", NULL },
	    { "4.4.2", "lost connection with {mx}[{mxip}] while sending end of data -- message may be sent more than once", "" } },
	  { SPAMHAUS, { "5.7.1", "550 5.7.1 Service unavailable, Client host [{ip}] blocked using Barracuda Reputation, see: https://www.barracudacentral.org/lookups/lookup-reputation?r=1&ip={ip}", "RCPT TO" },
	    { "5.7.1", "554 5.7.1 Client host blocked using bl.spamcop.net; Blocked - see https://www.spamcop.net/bl.shtml?{ip}", "RCPT TO" } } },
};
#define NPROV ((int)NELEM(provs))
#define P_LOCAL NPROV

static const char *const firsts[] = { "anna", "ben", "carla", "david", "elif", "felix", "greta", "hugo", "ines", "jonas", "katja", "lars", "marie", "nils", "olga", "paul", "rosa", "sven", "tina", "uwe", "vera", "willi", "yusuf", "zoe", "amelie", "bruno", "chloe", "emil", "fatima", "george", "hannah", "ivan" };
static const char *const lasts[] = { "weber", "schmidt", "martin", "rossi", "garcia", "novak", "jensen", "dubois", "kim", "nguyen", "silva", "kowalski", "meyer", "bianchi", "lopez", "svensson", "moreau", "brown", "wilson", "tanaka", "ferrari", "becker", "klein", "wolf", "peters", "fischer", "haas", "vogel", "keller", "braun", "lang", "roth" };
static const char *const words[] = { "alpine", "beacon", "cedar", "delta", "ember", "falcon", "garnet", "harbor", "indigo", "jasper", "kestrel", "lumen", "maple", "nimbus", "orchid", "pioneer", "quartz", "raven", "summit", "timber", "umbra", "vertex", "willow", "xenon", "yonder", "zephyr", "anchor", "bridge", "copper", "drift", "evergreen", "fjord" };
static const char *const tlds[] = { "example", "example.com", "example.net", "example.org", "test" };

/* ------------------------------------------------------- outcomes and truth */

enum cat {
	C_OTHER, C_NOISE, C_CONNECT, C_SENT, C_DEFERRED, C_BOUNCED, C_EXPIRED,
	C_REJECT, C_AUTHFAIL, C_LOGIN, C_SAVED, C_LIMIT, C_REMOVED, C_QUEUED, NCAT
};
static const char *const cat_name[NCAT] = {
	"other", "noise", "connect", "sent", "deferred", "bounced", "expired",
	"inbound_reject", "auth_failure", "login", "lmtp_saved", "process_limit",
	"removed", "queued"
};

static uint64_t n_cat[NMTA][NCAT];
static uint64_t n_prov[NPROV + 1][NCAT];
static uint64_t n_prov_hosted[NPROV + 1][NCAT];
static uint64_t printed, bytes_out;

enum ikind { I_BLOCK, I_OUTAGE, I_DNS, I_TLS, I_AUTHSTORM, I_ABUSE, I_LIMIT, I_SILENCE, NIKIND };
static const char *const ikind_name[NIKIND] = {
	"blocklist", "provider_outage", "dns_failure", "tls_failure",
	"auth_storm", "compromised_account", "process_limit", "silence"
};

struct incident {
	int kind, prov, host; /* prov or host -1: all */
	int64_t t0, t1;
	const struct reply *reply;
	double p;
	uint64_t affected, dropped;
	int64_t first, last;
	char who[64];
};

#define MAXINC 400
static struct incident inc[MAXINC];
static int ninc;

/* ------------------------------------------------------------------- hosts */

#define MAXHOST 16
#define NPOOL 8
enum svc { SMTPD, SUBMIT, CLEANUP, SMTP, LMTP, BOUNCE, NSVC };
struct host {
	enum mta mta;
	char name[32], fqdn[64], ip[40];
	int pids[NSVC][NPOOL]; /* the worker processes of each service */
	int master;      /* qmgr, smtpd (OpenSMTPD), ... */
	uint64_t inode;  /* makes queue ids unique */
	int seq;
};
static struct host hosts[MAXHOST];
static int nhosts;

static int worker(struct host *h, enum svc s)
{
	int i = (int)rndn(NPOOL);

	if (chance(0.02)) /* a worker ends after max_use and another starts */
		h->pids[s][i] = 1000 + (int)rndn(4000000);
	return h->pids[s][i];
}

/* -------------------------------------------------- the queue of future lines */

struct life { /* shared by the recipients of one message */
	int open;
	int64_t last;
};

struct msg { /* one recipient of a message */
	struct life *life;
	int host, prov, tries, nrcpt, size;
	bool hosted;
	int64_t born;
	char qid[32], from[96], rcpt[96], mid[128], mx[80], mxip[40], dom[64];
	uint64_t evpid;
};

struct ev {
	int64_t t;
	uint64_t seq;
	char *text;      /* a line, or NULL: retry the message */
	struct msg *msg;
	int16_t inc;
	uint8_t host, cat, prov, hosted;
	uint16_t len, cls;
};

static struct ev *heap;
static size_t hn, hcap, pending_lines;
static uint64_t ev_seq;

/* Text buffers come from free lists of a few sizes. */
static const size_t cls_size[] = { 128, 256, 512, 1024, 2048, 4096 };
#define NCLS NELEM(cls_size)
static void *freelist[NCLS];

static void die(const char *m)
{
	fprintf(stderr, "genlog: %s\n", m);
	exit(2);
}

static void *xalloc(size_t n)
{
	void *p = malloc(n);

	if (!p)
		die("out of memory");
	return p;
}

static char *text_get(size_t len, uint16_t *cls)
{
	for (size_t i = 0; i < NCLS; i++) {
		if (len > cls_size[i])
			continue;
		*cls = (uint16_t)i;
		if (!freelist[i]) {
			size_t n = 64;
			char *blk = xalloc(n * cls_size[i]);

			for (size_t k = 0; k < n; k++) {
				void **slot = (void **)(void *)(blk + k * cls_size[i]);

				*slot = freelist[i];
				freelist[i] = slot;
			}
		}
		void **p = freelist[i];

		freelist[i] = *p;
		return (char *)p;
	}
	die("line too long");
	return NULL;
}

static void text_put(char *p, uint16_t cls)
{
	void **slot = (void **)(void *)p;

	*slot = freelist[cls];
	freelist[cls] = slot;
}

static bool before(const struct ev *a, const struct ev *b)
{
	return a->t != b->t ? a->t < b->t : a->seq < b->seq;
}

static void heap_push(struct ev e)
{
	if (hn == hcap) {
		hcap = hcap ? hcap * 2 : 1024;
		heap = realloc(heap, hcap * sizeof *heap);
		if (!heap)
			die("out of memory");
	}
	e.seq = ev_seq++;
	size_t i = hn++;

	while (i > 0) {
		size_t up = (i - 1) / 2;

		if (!before(&e, &heap[up]))
			break;
		heap[i] = heap[up];
		i = up;
	}
	heap[i] = e;
}

static struct ev heap_pop(void)
{
	struct ev top = heap[0], e = heap[--hn];
	size_t i = 0;

	for (;;) {
		size_t c = 2 * i + 1;

		if (c >= hn)
			break;
		if (c + 1 < hn && before(&heap[c + 1], &heap[c]))
			c++;
		if (!before(&heap[c], &e))
			break;
		heap[i] = heap[c];
		i = c;
	}
	heap[i] = e;
	return top;
}

/* What the next emitted lines count as; set by mark(), reset by each line. */
static struct { int cat, prov, inc; bool hosted; } tag = { C_OTHER, -1, -1, false };

static void mark(int cat, int prov, bool hosted, int incidx)
{
	tag.cat = cat;
	tag.prov = prov;
	tag.hosted = hosted;
	tag.inc = incidx;
}

/* Plan one line: "program[pid]: text", at time t (microseconds). */
__attribute__((format(printf, 3, 4)))
static void plan_line(int64_t t, int h, const char *fmt, ...)
{
	char buf[4096];
	va_list ap;

	va_start(ap, fmt);
	int n = vsnprintf(buf, sizeof buf, fmt, ap);
	va_end(ap);
	if (n >= (int)sizeof buf)
		n = sizeof buf - 1;
	struct ev e = { .t = t, .host = (uint8_t)h, .cat = (uint8_t)tag.cat,
		.prov = (uint8_t)(tag.prov < 0 ? 255 : tag.prov), .hosted = tag.hosted,
		.inc = (int16_t)tag.inc, .len = (uint16_t)n };

	e.text = text_get((size_t)n, &e.cls);
	memcpy(e.text, buf, (size_t)n);
	heap_push(e);
	pending_lines++;
	mark(C_OTHER, -1, false, -1);
}

/* ------------------------------------------------------------------ printing */

static char obuf[1 << 20];
static size_t olen;

static void oflush(void)
{
	if (fwrite(obuf, 1, olen, stdout) != olen)
		die("cannot write");
	olen = 0;
}

static void print_line(const struct ev *e)
{
	static int64_t cached = INT64_MIN;
	static char stamp[32];
	static size_t slen;
	int64_t sec = e->t / US;

	if (sec != cached) {
		time_t tt = (time_t)sec;
		struct tm tm;

		gmtime_r(&tt, &tm);
		slen = strftime(stamp, sizeof stamp, opt_rfc3339 ? "%Y-%m-%dT%H:%M:%S" : "%b %e %H:%M:%S", &tm);
		cached = sec;
	}
	if (olen + slen + 64 + e->len > sizeof obuf)
		oflush();
	size_t o0 = olen;

	memcpy(obuf + olen, stamp, slen);
	olen += slen;
	if (opt_rfc3339) {
		int us = (int)(e->t % US);

		obuf[olen] = '.';
		for (int i = 6; i > 0; i--, us /= 10)
			obuf[olen + (size_t)i] = (char)('0' + us % 10);
		memcpy(obuf + olen + 7, "+00:00", 6);
		olen += 13;
	}
	obuf[olen++] = ' ';
	const char *hn_ = hosts[e->host].name;
	size_t hl = strlen(hn_);

	memcpy(obuf + olen, hn_, hl);
	olen += hl;
	obuf[olen++] = ' ';
	memcpy(obuf + olen, e->text, e->len);
	olen += e->len;
	obuf[olen++] = '\n';

	printed++;
	bytes_out += olen - o0;
	n_cat[hosts[e->host].mta][e->cat]++;
	if (e->prov != 255) {
		n_prov[e->prov][e->cat]++;
		if (e->hosted)
			n_prov_hosted[e->prov][e->cat]++;
	}
	if (e->inc >= 0) {
		struct incident *x = &inc[e->inc];

		if (!x->affected++)
			x->first = e->t;
		x->last = e->t;
	}
}

/* ----------------------------------------------------------- names and texts */

static const char hexl[] = "0123456789abcdef", hexu[] = "0123456789ABCDEF";
static const char b62[] = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

static char *put_rand(char *p, const char *set, uint32_t from, int n)
{
	while (n-- > 0)
		*p++ = set[rndn(from)];
	*p = 0;
	return p;
}

struct ctx { /* what a template may name */
	const char *rcpt, *dom, *mx, *mxip, *ip, *sdom, *mid;
	int64_t t;
};

/* Fill a template: {rcpt} {dom} {mx} ... and random parts {h4} {H16} {n3} {B12}. */
static void expand(char *out, size_t cap, const char *tpl, const struct ctx *c)
{
	char *p = out, *end = out + cap - 1;

	while (*tpl && p < end) {
		if (*tpl != '{') {
			*p++ = *tpl++;
			continue;
		}
		const char *e = strchr(tpl, '}');
		const char *k = tpl + 1;
		size_t kl = (size_t)(e - k);
		const char *s = NULL;

		tpl = e + 1;
		if (kl == 4 && !memcmp(k, "rcpt", 4)) s = c->rcpt;
		else if (kl == 3 && !memcmp(k, "dom", 3)) s = c->dom;
		else if (kl == 2 && !memcmp(k, "mx", 2)) s = c->mx;
		else if (kl == 4 && !memcmp(k, "mxip", 4)) s = c->mxip;
		else if (kl == 2 && !memcmp(k, "ip", 2)) s = c->ip;
		else if (kl == 4 && !memcmp(k, "sdom", 4)) s = c->sdom;
		else if (kl == 5 && !memcmp(k, "msgid", 5)) s = c->mid;
		if (s) {
			size_t l = strlen(s);

			if (p + l >= end)
				break;
			memcpy(p, s, l);
			p += l;
		} else if (kl == 7 && !memcmp(k, "domdash", 7)) {
			for (s = c->dom; *s && p < end; s++)
				*p++ = *s == '.' ? '-' : *s;
		} else if (end - p < 40) {
			break; /* no room for the longest of the parts below */
		} else if (kl == 5 && !memcmp(k, "epoch", 5)) {
			p += sprintf(p, "%" PRId64, c->t / US);
		} else if (kl == 3 && !memcmp(k, "iso", 3)) {
			time_t tt = (time_t)(c->t / US);
			struct tm tm;

			gmtime_r(&tt, &tm);
			p += strftime(p, 32, "%Y-%m-%dT%H:%M:%S", &tm);
			p += sprintf(p, ".%03dZ", (int)(c->t % US / 1000));
		} else if (kl == 3 && !memcmp(k, "QID", 3)) {
			p = put_rand(p, b62, 52, 4);
			p = put_rand(p, b62, 52, 6);
			*p++ = 'z';
			p = put_rand(p, b62, 52, 3);
		} else {
			int n = atoi(k + 1);

			switch (*k) {
			case 'h': p = put_rand(p, hexl, 16, n); break;
			case 'H': p = put_rand(p, hexu, 16, n); break;
			case 'n': p = put_rand(p, "1234567890", 10, n); break;
			default: p = put_rand(p, b62, 62, n); break;
			}
		}
	}
	*p = 0;
}

static uint32_t n_users, n_domains;

/* Senders follow a steep curve: few send much, many send little. */
static uint32_t pick_user(void)
{
	double u = rnd01();

	return (uint32_t)(u * u * u * n_users);
}

static void user_addr(uint32_t u, char *out, size_t cap)
{
	uint64_t m = mix(u ^ 0x5eedULL);

	if (m % 10 < 2)
		say(out, cap, "bounce+%x=%s@news.%s%u.example.com", (unsigned)(pick64(0) & 0xffffff), firsts[(m >> 8) % NELEM(firsts)], words[(m >> 16) % NELEM(words)], (unsigned)(m >> 24) % 90);
	else
		snprintf(out, cap, "%s.%s%u@%s%u.%s", firsts[(m >> 8) % NELEM(firsts)], lasts[(m >> 16) % NELEM(lasts)], u, words[(m >> 24) % NELEM(words)], (unsigned)(m >> 32) % 400, tlds[(m >> 48) % 4]);
}

static void login_name(uint32_t u, char *out, size_t cap)
{
	uint64_t m = mix(u ^ 0x5eedULL);

	snprintf(out, cap, "%s.%s%u@%s%u.%s", firsts[(m >> 8) % NELEM(firsts)], lasts[(m >> 16) % NELEM(lasts)], u, words[(m >> 24) % NELEM(words)], (unsigned)(m >> 32) % 400, tlds[(m >> 48) % 4]);
}

static void small_domain(uint32_t d, char *out, size_t cap)
{
	uint64_t m = mix(d ^ 0xd0a1ULL);

	snprintf(out, cap, "%s-%s%u.%s", words[m % NELEM(words)], words[(m >> 8) % NELEM(words)], d, tlds[(m >> 16) % NELEM(tlds)]);
}

static double prov_sum;

static int pick_prov(void)
{
	double x = rnd01() * prov_sum;

	for (int i = 0; i < NPROV; i++)
		if ((x -= provs[i].weight) < 0)
			return i;
	return NPROV - 1;
}

static int cnt_str(const char *const *a, int max)
{
	int n = 0;

	while (n < max && a[n])
		n++;
	return n;
}

static int cnt_rep(const struct reply *a, int max)
{
	int n = 0;

	while (n < max && a[n].dsn)
		n++;
	return n;
}

/* A recipient at provider p: mailbox, domain, MX name and MX address. */
static void make_rcpt(struct msg *m, int p)
{
	const struct provider *pr = &provs[p];
	int nd = cnt_str(pr->domains, 8), nm = cnt_str(pr->mx, 4);

	m->prov = p;
	m->hosted = nd == 0 || (pr->hosts_others && chance(0.15));
	if (m->hosted)
		small_domain(rndn(n_domains) * (uint32_t)NPROV + (uint32_t)p, m->dom, sizeof m->dom);
	else
		say(m->dom, sizeof m->dom, "%s", pr->domains[picked(0, 0.6) ? 0 : pick(1, (uint32_t)nd)]);
	say(m->rcpt, sizeof m->rcpt, "%s.%s.t%u@%s", firsts[pick(0, NELEM(firsts))], lasts[pick(1, NELEM(lasts))], pick(2, 4000000), m->dom);
	struct ctx c = { .dom = m->dom };
	int k = m->hosted && p == 0 ? 2 : chance(0.7) ? 0 : (int)rndn((uint32_t)nm);

	expand(m->mx, sizeof m->mx, pr->mx[k], &c);
	uint64_t x = mix((uint64_t)p * 1000 + (uint64_t)k * 10 + rndn(6) + (m->hosted ? mix((uint64_t)m->dom[0] * 977 + (uint64_t)strlen(m->dom)) : 0));

	if (p == 0 && chance(0.3))
		snprintf(m->mxip, sizeof m->mxip, "2001:db8:%x:%x::1b", (unsigned)(x & 0xfff), (unsigned)(x >> 12 & 0xff));
	else
		snprintf(m->mxip, sizeof m->mxip, "198.%u.%u.%u", 18 + (unsigned)(x & 1), (unsigned)(x >> 8 & 255), (unsigned)(x >> 16) % 254 + 1);
}

static void client_addr(char *name, size_t cap, char *ip, size_t ipcap, bool legit)
{
	uint64_t x = mix(legit ? rndn(20000) + 7 : rndn(200000) + 1000003);
	unsigned a = 18 + (unsigned)(x & 1), b = (unsigned)(x >> 8 & 255), c = (unsigned)(x >> 16) % 254 + 1;

	snprintf(ip, ipcap, "198.%u.%u.%u", a, b, c);
	if (legit && x % 10 < 8)
		snprintf(name, cap, "mail%u.%s%u.%s", (unsigned)(x >> 24) % 9, words[(x >> 32) % NELEM(words)], (unsigned)(x >> 40) % 900, tlds[(x >> 50) % NELEM(tlds)]);
	else if (x % 10 < 5)
		snprintf(name, cap, "%u-%u-%u-198.dyn.%s.example", c, b, a, words[(x >> 24) % NELEM(words)]);
	else
		snprintf(name, cap, "unknown");
}

/* Postfix queue ids: long (base 52 time, 'z', base 51 inode) or short (hex). */
static void postfix_qid(struct host *h, int64_t t, char *out)
{
	static const char set[] = "0123456789BCDFGHJKLMNPQRSTVWXYZbcdfghjklmnpqrstvwxyz";
	uint64_t ino = h->inode++;

	if (opt_short_ids) {
		sprintf(out, "%05X%" PRIX64, (unsigned)(t % US), ino);
		return;
	}
	uint64_t s = (uint64_t)(t / US), u = (uint64_t)(t % US);

	for (int i = 5; i >= 0; i--, s /= 52)
		out[i] = set[s % 52];
	for (int i = 9; i >= 6; i--, u /= 52)
		out[i] = set[u % 52];
	out[10] = 'z';
	char rev[16];
	int n = 0;

	do
		rev[n++] = set[ino % 51];
	while ((ino /= 51) > 0);
	for (int i = 0; i < n; i++)
		out[11 + i] = rev[n - 1 - i];
	out[11 + n] = 0;
}

/* sendmail queue ids: six time characters, two of a counter, six of the pid. */
static void sendmail_qid(struct host *h, int64_t t, int pid, char *out)
{
	static const char set[] = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwx";
	time_t tt = (time_t)(t / US);
	struct tm tm;
	int n = h->seq++;

	gmtime_r(&tt, &tm);
	sprintf(out, "%c%c%c%c%c%c%c%c%06d", set[tm.tm_year % 60], set[tm.tm_mon], set[tm.tm_mday], set[tm.tm_hour], set[tm.tm_min], set[tm.tm_sec], set[n / 60 % 60], set[n % 60], pid % 1000000);
}

static void make_mid(char *out, size_t cap, int64_t t, const char *dom)
{
	char r[32];

	switch (rndn(3)) {
	case 0:
		put_rand(r, b62, 62, 22);
		snprintf(out, cap, "CA%s@mail.%s", r, dom);
		break;
	case 1:
		put_rand(r, hexl, 16, 12);
		say(out, cap, "%08x-%.4s-%.4s-%.4s-%s@%s", (unsigned)pick64(0), r, r + 4, r + 8, r, dom);
		break;
	default:
		put_rand(r, hexu, 16, 10);
		say(out, cap, "%" PRId64 ".%s@%s", t / US * 100 + pick(0, 100), r, dom);
	}
}

static const char *dom_of(const char *addr)
{
	const char *at = strrchr(addr, '@');

	return at ? at + 1 : "example.com";
}

static int64_t ms(double x) { return (int64_t)(x * 1000); }

/* ------------------------------------------------------- what happens to a try */

struct fate {
	int cat; /* C_SENT, C_DEFERRED, C_BOUNCED, C_EXPIRED */
	const struct reply *r;
	int inc;
};

static const struct reply r_dns = { "4.4.3", "Host or domain name not found. Name service error for name={dom} type=MX: Host not found, try again", NULL };
static const struct reply r_tls = { "4.7.5", "Server certificate not trusted", "" };
static const struct reply r_down = TIMEOUT;

static struct fate decide(const struct msg *m, int64_t t)
{
	struct fate f = { C_SENT, NULL, -1 };

	for (int i = 0; i < ninc; i++) {
		const struct incident *x = &inc[i];

		if (!x->reply || t < x->t0 || t >= x->t1)
			continue;
		if ((x->prov >= 0 && x->prov != m->prov) || (x->host >= 0 && x->host != m->host))
			continue;
		if (!chance(x->p))
			continue;
		f.r = x->reply;
		f.inc = i;
		f.cat = x->reply->dsn[0] == '5' ? C_BOUNCED : C_DEFERRED;
		return f;
	}
	double u = rnd01(), pb = m->tries ? 0.05 : 0.03, pd = m->tries ? 0.28 : 0.05;
	const struct provider *p = &provs[m->prov];

	if (u < pb) {
		f.cat = C_BOUNCED;
		f.r = &p->bounce[chance(0.7) ? 0 : rndn((uint32_t)cnt_rep(p->bounce, 6))];
	} else if (u < pb + pd) {
		f.cat = m->tries > 7 ? C_EXPIRED : C_DEFERRED;
		f.r = &p->defer[rndn((uint32_t)cnt_rep(p->defer, 6))];
	}
	return f;
}

static void retry_later(const struct msg *m, int64_t t)
{
	struct msg *c = xalloc(sizeof *c);
	double wait = 300.0 * (double)(1 << (m->tries < 4 ? m->tries : 4));

	*c = *m;
	c->tries++;
	heap_push((struct ev){ .t = t + (int64_t)((wait + rnd01() * 60) * US), .msg = c, .inc = -1, .prov = 255 });
}

/* ------------------------------------------------------------------- Postfix */

static const char tls13[] = "TLSv1.3 with cipher TLS_AES_256_GCM_SHA384 (256/256 bits)";

static void pf_notify(struct msg *m, int64_t t, const char *what);

/* Seconds as Postfix prints them: two digits that count, no trailing zeros. */
static const char *secs(double x, char *b)
{
	int n = sprintf(b, "%.*f", x >= 10 ? 0 : x >= 1 ? 1 : 2, x);

	if (strchr(b, '.')) {
		while (b[n - 1] == '0')
			b[--n] = 0;
		if (b[n - 1] == '.')
			b[--n] = 0;
	}
	return b;
}

/* One delivery attempt of one recipient. */
static void pf_try(struct msg *m, int64_t t)
{
	struct host *h = &hosts[m->host];
	struct fate f = decide(m, t);
	double conn = 0.02 + rexp(0.15), xfer = 0.05 + rexp(0.5), a = (double)(t - m->born) / US, b = rexp(0.01);
	int pid = worker(h, SMTP);
	char txt[1400], rep[1200];
	struct ctx c = { m->rcpt, m->dom, m->mx, m->mxip, h->ip, dom_of(m->from), m->mid, t };
	bool connected = !f.r || f.r->cmd;

	if (f.r && !f.r->cmd)
		conn = strstr(f.r->text, "timed out") ? 30.0 + rnd01() : 0.1;
	int64_t end = t + ms(conn * 1000) + (connected ? ms(xfer * 1000) : 0);

	if (f.r == &r_tls || (connected && chance(0.75)))
		line(t + ms(conn * 900), m->host, "postfix/smtp[%d]: %s TLS connection established to %s[%s]:25: %s key-exchange X25519 server-signature %s server-digest SHA256", pid, f.r == &r_tls ? "Untrusted" : picked(0, 0.6) ? "Trusted" : picked(1, 0.5) ? "Verified" : "Untrusted", m->mx, m->mxip, tls13, picked(2, 0.5) ? "ECDSA (prime256v1)" : "RSA-PSS (2048 bits)");
	if (!connected && strstr(f.r->text, "connect to")) {
		expand(txt, sizeof txt, f.r->text, &c);
		line(end - 300, m->host, "postfix/smtp[%d]: %s", pid, txt);
	}
	if (!f.r) {
		expand(txt, sizeof txt, provs[m->prov].ok, &c);
	} else {
		expand(rep, sizeof rep, f.r->text, &c);
		if (!f.r->cmd || !*f.r->cmd)
			snprintf(txt, sizeof txt, "%s", rep);
		else if (!strcmp(f.r->cmd, "greeting"))
			snprintf(txt, sizeof txt, "host %s[%s] refused to talk to me: %s", m->mx, m->mxip, rep);
		else
			snprintf(txt, sizeof txt, "host %s[%s] said: %s (in reply to %s command)", m->mx, m->mxip, rep, f.r->cmd);
		/* The first of several MX hosts that defers is logged on its own too. */
		if (f.cat == C_DEFERRED && *f.r->text == '4' && chance(0.3))
			line(end - 500, m->host, "postfix/smtp[%d]: %s: %s", pid, m->qid, txt);
	}
	double total = a + b + conn + (connected ? xfer : 0);
	char relay[160], s[5][32];

	if (connected)
		snprintf(relay, sizeof relay, "%s[%s]:25", m->mx, m->mxip);
	else
		snprintf(relay, sizeof relay, "none");
	mark(f.cat == C_EXPIRED ? C_DEFERRED : f.cat, m->prov, m->hosted, f.inc);
	line(end, m->host, "postfix/smtp[%d]: %s: to=<%s>, relay=%s, delay=%s, delays=%s/%s/%s/%s, dsn=%s, status=%s (%s)", pid, m->qid, m->rcpt, relay, secs(total, s[0]), secs(a, s[1]), secs(b, s[2]), secs(conn, s[3]), secs(connected ? xfer : 0.0, s[4]), f.r ? f.r->dsn : "2.0.0", f.cat == C_SENT ? "sent" : f.cat == C_BOUNCED ? "bounced" : "deferred", txt);
	if (f.cat == C_DEFERRED) {
		retry_later(m, end);
		return;
	}
	if (f.cat == C_EXPIRED) {
		mark(C_EXPIRED, m->prov, m->hosted, -1);
		line(end + 900, m->host, "postfix/qmgr[%d]: %s: from=<%s>, status=expired, returned to sender", h->master, m->qid, m->from);
	}
	if (f.cat == C_BOUNCED || f.cat == C_EXPIRED)
		pf_notify(m, end + 2000, "sender non-delivery notification");
	if (end > m->life->last)
		m->life->last = end;
	if (--m->life->open == 0) {
		mark(C_REMOVED, -1, false, -1);
		line(m->life->last + 9000, m->host, "postfix/qmgr[%d]: %s: removed", h->master, m->qid);
		free(m->life);
	}
}

static void pf_local(struct msg *m, int64_t t)
{
	struct host *h = &hosts[m->host];
	int64_t end = t + ms(20 + rexp(60));
	double d = (double)(end - m->born) / US;
	char u[96], s[3][32];

	login_name(pick_user(), u, sizeof u);
	mark(C_SENT, P_LOCAL, false, -1);
	char sess[24];

	put_rand(sess, b62, 62, 20);
	line(end, m->host, "postfix/lmtp[%d]: %s: to=<%s>, relay=%s[private/dovecot-lmtp], delay=%s, delays=%s/0.01/0.01/%s, dsn=2.0.0, status=sent (250 2.0.0 <%s> %s Saved)", worker(h, LMTP), m->qid, u, h->fqdn, secs(d, s[0]), secs(d / 2, s[1]), secs(d / 2, s[2]), u, sess);
	mark(C_REMOVED, -1, false, -1);
	line(end + 700, m->host, "postfix/qmgr[%d]: %s: removed", h->master, m->qid);
}

/* A bounce message to the sender, delivered on this host. */
static void pf_notify(struct msg *m, int64_t t, const char *what)
{
	struct host *h = &hosts[m->host];
	struct msg n = *m;

	postfix_qid(h, t, n.qid);
	n.born = t;
	line(t + 100, m->host, "postfix/cleanup[%d]: %s: message-id=<%" PRId64 ".%s@%s>", worker(h, CLEANUP), n.qid, t / US, n.qid, h->fqdn);
	line(t + 300, m->host, "postfix/bounce[%d]: %s: %s: %s", worker(h, BOUNCE), m->qid, what, n.qid);
	mark(C_QUEUED, -1, false, -1);
	line(t + 500, m->host, "postfix/qmgr[%d]: %s: from=<>, size=%d, nrcpt=1 (queue active)", h->master, n.qid, m->size + 2200);
	pf_local(&n, t + 700);
}

static void pf_outbound(int hi, int64_t t, const char *who, int incidx)
{
	struct host *h = &hosts[hi];
	struct msg m = { .host = hi, .born = t };
	char cn[96], ci[40], login[96];
	int pid = worker(h, SUBMIT), n = 1;
	uint32_t u = pick_user();

	while (n < 20 && chance(0.25))
		n++;
	m.nrcpt = n;
	m.size = 900 + (int)rexp(24000);
	client_addr(cn, sizeof cn, ci, sizeof ci, !incidx || incidx < 0);
	user_addr(u, m.from, sizeof m.from);
	login_name(u, login, sizeof login);
	if (who) {
		snprintf(m.from, sizeof m.from, "%s", who);
		snprintf(login, sizeof login, "%s", who);
	}
	make_mid(m.mid, sizeof m.mid, t, dom_of(m.from));
	mark(C_CONNECT, -1, false, -1);
	line(t, hi, "postfix/submission/smtpd[%d]: connect from %s[%s]", pid, cn, ci);
	line(t + ms(30), hi, "postfix/submission/smtpd[%d]: Anonymous TLS connection established from %s[%s]: %s key-exchange X25519 server-signature RSA-PSS (2048 bits) server-digest SHA256", pid, cn, ci, tls13);
	int64_t q = t + ms(60 + rexp(40));

	postfix_qid(h, q, m.qid);
	mark(C_OTHER, -1, false, incidx);
	line(q, hi, "postfix/submission/smtpd[%d]: %s: client=%s[%s], sasl_method=PLAIN, sasl_username=%s", pid, m.qid, cn, ci, login);
	line(q + ms(15), hi, "postfix/cleanup[%d]: %s: message-id=<%s>", worker(h, CLEANUP), m.qid, m.mid);
	if (chance(0.4))
		line(q + ms(20), hi, "opendkim[%d]: %s: DKIM-Signature field added (s=mail2026, d=%s)", h->master + 40, m.qid, dom_of(m.from));
	mark(C_QUEUED, -1, false, -1);
	line(q + ms(30), hi, "postfix/qmgr[%d]: %s: from=<%s>, size=%d, nrcpt=%d (queue active)", h->master, m.qid, m.from, m.size, n);
	line(q + ms(45), hi, "postfix/submission/smtpd[%d]: disconnect from %s[%s] ehlo=2 starttls=1 auth=1 mail=1 rcpt=%d data=1 quit=1 commands=%d", pid, cn, ci, n, 7 + n);
	m.born = q;
	int p = pick_prov();
	int64_t at = q + ms(40);

	m.life = xalloc(sizeof *m.life);
	*m.life = (struct life){ .open = n };
	for (int i = 0; i < n; i++) {
		struct msg one = m;

		/* Most copies of one message go to few providers. */
		make_rcpt(&one, chance(0.6) ? p : pick_prov());
		pf_try(&one, at + ms(5 * i));
	}
}

static void pf_inbound(int hi, int64_t t)
{
	struct host *h = &hosts[hi];
	struct msg m = { .host = hi, .nrcpt = 1, .size = 1500 + (int)rexp(40000) };
	char cn[96], ci[40];
	int pid = worker(h, SMTPD);

	client_addr(cn, sizeof cn, ci, sizeof ci, true);
	small_domain(rndn(n_domains), m.dom, sizeof m.dom);
	say(m.from, sizeof m.from, "%s.%s%u@%s", firsts[pick(0, NELEM(firsts))], lasts[pick(1, NELEM(lasts))], pick(2, 100000), m.dom);
	if (chance(0.1))
		m.from[0] = 0;
	make_mid(m.mid, sizeof m.mid, t, m.dom);
	mark(C_CONNECT, -1, false, -1);
	line(t, hi, "postfix/smtpd[%d]: connect from %s[%s]", pid, cn, ci);
	if (chance(0.9))
		line(t + ms(60), hi, "postfix/smtpd[%d]: Anonymous TLS connection established from %s[%s]: %s key-exchange X25519 server-signature RSA-PSS (2048 bits) server-digest SHA256", pid, cn, ci, tls13);
	int64_t q = t + ms(120 + rexp(60));

	postfix_qid(h, q, m.qid);
	m.born = q;
	line(q, hi, "postfix/smtpd[%d]: %s: client=%s[%s]", pid, m.qid, cn, ci);
	line(q + ms(25), hi, "postfix/cleanup[%d]: %s: message-id=<%s>", worker(h, CLEANUP), m.qid, m.mid);
	mark(C_QUEUED, -1, false, -1);
	line(q + ms(80), hi, "postfix/qmgr[%d]: %s: from=<%s>, size=%d, nrcpt=1 (queue active)", h->master, m.qid, m.from, m.size);
	line(q + ms(95), hi, "postfix/smtpd[%d]: disconnect from %s[%s] ehlo=2 starttls=1 mail=1 rcpt=1 data=1 quit=1 commands=7", pid, cn, ci);
	pf_local(&m, q + ms(90));
}

static void pf_reject(int hi, int64_t t)
{
	struct host *h = &hosts[hi];
	char cn[96], ci[40], to[96], from[96], dom[64];
	int pid = worker(h, SMTPD);

	client_addr(cn, sizeof cn, ci, sizeof ci, false);
	login_name(pick_user(), to, sizeof to);
	small_domain(rndn(n_domains), dom, sizeof dom);
	say(from, sizeof from, "%s%u@%s", lasts[pick(0, NELEM(lasts))], pick(1, 1000), dom);
	mark(C_CONNECT, -1, false, -1);
	line(t, hi, "postfix/smtpd[%d]: connect from %s[%s]", pid, cn, ci);
	mark(C_REJECT, -1, false, -1);
	switch (rndn(4)) {
	case 0:
		line(t + ms(150), hi, "postfix/smtpd[%d]: NOQUEUE: reject: RCPT from %s[%s]: 554 5.7.1 Service unavailable; Client host [%s] blocked using zen.spamhaus.org; https://www.spamhaus.org/query/ip/%s; from=<%s> to=<%s> proto=ESMTP helo=<%s>", pid, cn, ci, ci, ci, from, to, dom);
		break;
	case 1:
		line(t + ms(150), hi, "postfix/smtpd[%d]: NOQUEUE: reject: RCPT from %s[%s]: 550 5.1.1 <%s>: Recipient address rejected: User unknown in virtual mailbox table; from=<%s> to=<%s> proto=ESMTP helo=<%s>", pid, cn, ci, to, from, to, dom);
		break;
	case 2:
		line(t + ms(150), hi, "postfix/smtpd[%d]: NOQUEUE: reject: RCPT from %s[%s]: 450 4.7.25 Client host rejected: cannot find your hostname, [%s]; from=<%s> to=<%s> proto=ESMTP helo=<%s>", pid, cn, ci, ci, from, to, dom);
		break;
	default:
		line(t + ms(150), hi, "postfix/smtpd[%d]: NOQUEUE: reject: RCPT from %s[%s]: 454 4.7.1 <%s>: Relay access denied; from=<%s> to=<%s> proto=SMTP helo=<%s>", pid, cn, ci, to, from, to, dom);
	}
	if (chance(0.3))
		line(t + ms(160), hi, "postfix/smtpd[%d]: lost connection after RCPT from %s[%s]", pid, cn, ci);
	line(t + ms(170), hi, "postfix/smtpd[%d]: disconnect from %s[%s] ehlo=1 mail=1 rcpt=0/1 quit=1 commands=3/4", pid, cn, ci);
}

static void pf_probe(int hi, int64_t t, int incidx)
{
	struct host *h = &hosts[hi];
	char cn[96], ci[40];
	int pid = worker(h, SUBMIT);

	client_addr(cn, sizeof cn, ci, sizeof ci, false);
	if (incidx < 0 && chance(0.4)) {
		int port = 1024 + (int)rndn(60000);

		line(t, hi, "postfix/postscreen[%d]: CONNECT from [%s]:%d to [%s]:25", h->master + 7, ci, port, h->ip);
		if (chance(0.5))
			line(t + ms(100), hi, "postfix/postscreen[%d]: PREGREET 11 after 0.%02u from [%s]:%d: EHLO User\\r\\n", h->master + 7, pick(0, 90), ci, port);
		line(t + ms(3000), hi, "postfix/postscreen[%d]: DNSBL rank %u for [%s]:%d", h->master + 7, 3 + pick(0, 6), ci, port);
		line(t + ms(3010), hi, "postfix/postscreen[%d]: DISCONNECT [%s]:%d", h->master + 7, ci, port);
		return;
	}
	mark(C_CONNECT, -1, false, -1);
	line(t, hi, "postfix/submission/smtpd[%d]: connect from %s[%s]", pid, cn, ci);
	mark(C_AUTHFAIL, -1, false, incidx);
	line(t + ms(900), hi, "postfix/submission/smtpd[%d]: warning: %s[%s]: SASL LOGIN authentication failed: %s", pid, cn, ci, picked(0, 0.5) ? "UGFzc3dvcmQ6" : "authentication failure, sasl_username=info");
	line(t + ms(1000), hi, "postfix/submission/smtpd[%d]: lost connection after AUTH from %s[%s]", pid, cn, ci);
	line(t + ms(1001), hi, "postfix/submission/smtpd[%d]: disconnect from %s[%s] ehlo=1 auth=0/1 commands=1/2", pid, cn, ci);
}

static void pf_retry(struct msg *m, int64_t t)
{
	mark(C_QUEUED, -1, false, -1);
	line(t, m->host, "postfix/qmgr[%d]: %s: from=<%s>, size=%d, nrcpt=1 (queue active)", hosts[m->host].master, m->qid, m->from, m->size);
	pf_try(m, t + ms(10));
}

/* ------------------------------------------------------------------ sendmail */

static const char *hms(double s, char *b)
{
	unsigned x = (unsigned)s;

	if (x < 86400)
		sprintf(b, "%02u:%02u:%02u", x / 3600, x / 60 % 60, x % 60);
	else
		sprintf(b, "%u+%02u:%02u:%02u", x / 86400, x / 3600 % 24, x / 60 % 60, x % 60);
	return b;
}

/* sendmail keeps only the last line of a reply of several lines. */
static const char *last_line(const char *rep)
{
	char code[6];

	if (strlen(rep) < 5 || rep[3] != '-')
		return rep;
	snprintf(code, sizeof code, " %.3s ", rep);
	for (const char *q = rep, *l = NULL;; l = q++)
		if (!(q = strstr(q, code)))
			return l ? l + 1 : rep;
}

/* sendmail shortens long values: head and tail with "..." between. */
static char *shorten(char *s, size_t max)
{
	size_t n = strlen(s), half = (max - 3) / 2;

	if (n > max) {
		memcpy(s + half, "...", 3);
		memmove(s + half + 3, s + n - half, half + 1);
	}
	return s;
}

/* What sendmail's exit code for a reply is called in the log. */
static const char *sm_words(const struct reply *r)
{
	return !strcmp(r->cmd, "RCPT TO") && !strncmp(r->text, "55", 2) && strchr("013", r->text[2]) ? "User unknown" : "Service unavailable";
}

static void sm_try(struct msg *m, int64_t t)
{
	struct host *h = &hosts[m->host];
	struct fate f = decide(m, t);
	bool connected = !f.r || f.r->cmd;
	double x = connected ? 0.3 + rexp(1.0) : 30.0;
	int64_t end = t + ms(x * 1000);
	int pid = 1000 + (int)rndn(900000);
	char rep[1000], stat[2100], relay[88], d1[24], d2[24];
	const char *text;
	struct ctx c = { m->rcpt, m->dom, m->mx, m->mxip, h->ip, dom_of(m->from), m->mid, t };

	if (connected && chance(0.8))
		line(t + ms(200), m->host, "sm-mta[%d]: STARTTLS=client, relay=%s., version=TLSv1.3, verify=%s, cipher=TLS_AES_256_GCM_SHA384, bits=256/256", pid, m->mx, picked(0, 0.7) ? "OK" : "FAIL");
	expand(rep, sizeof rep, f.r ? f.r->text : provs[m->prov].ok, &c);
	text = shorten(rep + (last_line(rep) - rep), 203);
	snprintf(relay, sizeof relay, "%s.", m->mx);
	shorten(relay, 40);
	if (!f.r)
		snprintf(stat, sizeof stat, "dsn=2.0.0, stat=Sent (%s)", shorten(rep + (strncmp(rep, "250 2.", 6) ? 4 : 10), 196));
	else if (!connected)
		snprintf(stat, sizeof stat, f.cat == C_BOUNCED ? "dsn=5.1.2, stat=Host unknown (Name server: %s: host not found)" : strstr(rep, "Name service") ? "dsn=4.4.3, stat=Deferred: Name server: %s.: host name lookup failure" : strstr(rep, "refused") ? "dsn=4.0.0, stat=Deferred: Connection refused by %s." : "dsn=4.0.0, stat=Deferred: Connection timed out with %s.", m->mx);
	else if (f.cat == C_BOUNCED)
		snprintf(stat, sizeof stat, "dsn=%s%s%s, stat=%s", f.r->dsn, opt_sm_reply ? ", reply=" : "", opt_sm_reply ? text : "", sm_words(f.r));
	else
		snprintf(stat, sizeof stat, "dsn=%s%s%s, stat=Deferred: %s", f.r->dsn, opt_sm_reply ? ", reply=" : "", opt_sm_reply ? text : "", text);
	mark(f.cat == C_EXPIRED ? C_DEFERRED : f.cat, m->prov, m->hosted, f.inc);
	line(end, m->host, "sm-mta[%d]: %s: to=<%s>, ctladdr=<%s> (1000/1000), delay=%s, xdelay=%s, mailer=esmtp, pri=%d, relay=%s [%s], %s", pid, m->qid, m->rcpt, m->from, hms((double)(end - m->born) / US, d1), hms(x, d2), 30000 + m->size + m->tries * 90000, relay, m->mxip, stat);
	if (f.cat == C_DEFERRED) {
		retry_later(m, end);
		return;
	}
	if (f.cat == C_SENT)
		return;
	char q2[32];

	sendmail_qid(h, end, pid, q2);
	if (f.cat == C_EXPIRED) {
		mark(C_EXPIRED, m->prov, m->hosted, -1);
		line(end + 500, m->host, "sm-mta[%d]: %s: %s: DSN: Cannot send message for 5 days", pid, m->qid, q2);
	} else {
		line(end + 500, m->host, "sm-mta[%d]: %s: %s: DSN: %s", pid, m->qid, q2, f.r->cmd ? sm_words(f.r) : "Host unknown (Name server: host not found)");
	}
	mark(C_SENT, P_LOCAL, false, -1);
	line(end + ms(30), m->host, "sm-mta[%d]: %s: to=<%s>, delay=00:00:00, xdelay=00:00:00, mailer=local, pri=%d, dsn=2.0.0, stat=Sent", pid, q2, m->from, 30000 + m->size);
}

static void sm_arrival(int hi, int64_t t, int what, const char *who, int incidx)
{
	struct host *h = &hosts[hi];
	struct msg m = { .host = hi, .size = 900 + (int)rexp(24000), .born = t };
	char cn[96], ci[40];
	int pid = 1000 + (int)rndn(900000), n = 1;
	uint32_t u = pick_user();
	bool out = what == 0;

	client_addr(cn, sizeof cn, ci, sizeof ci, what < 2);
	if (what == 2) {
		mark(C_REJECT, -1, false, -1);
		sendmail_qid(h, t, pid, m.qid);
		login_name(u, m.rcpt, sizeof m.rcpt);
		if (chance(0.5))
			line(t, hi, "sm-mta[%d]: %s: ruleset=check_rcpt, arg1=<%s>, relay=%s [%s], reject=550 5.7.1 <%s>... Relaying denied", pid, m.qid, m.rcpt, cn, ci, m.rcpt);
		else
			line(t, hi, "sm-mta[%d]: ruleset=check_relay, arg1=%s, arg2=%s, relay=%s [%s], reject=554 5.7.1 Service unavailable; Client host [%s] blocked using zen.spamhaus.org", pid, cn, ci, cn, ci, ci);
		line(t + ms(50), hi, "sm-mta[%d]: %s: lost input channel from %s [%s] to MTA-v4 after rcpt", pid, m.qid, cn, ci);
		return;
	}
	if (what == 3) {
		mark(C_AUTHFAIL, -1, false, incidx);
		sendmail_qid(h, t, pid, m.qid);
		line(t, hi, "sm-mta[%d]: %s: AUTH failure (LOGIN): authentication failure (-13) SASL(-13): authentication failure: checkpass failed, user=info, relay=%s [%s]", pid, m.qid, cn, ci);
		line(t + ms(40), hi, "sm-mta[%d]: %s: %s [%s] did not issue MAIL/EXPN/VRFY/ETRN during connection to MSP-v4", pid, m.qid, cn, ci);
		return;
	}
	while (out && n < 12 && chance(0.2))
		n++;
	if (who)
		snprintf(m.from, sizeof m.from, "%s", who);
	else
		user_addr(u, m.from, sizeof m.from);
	make_mid(m.mid, sizeof m.mid, t, dom_of(m.from));
	sendmail_qid(h, t, pid, m.qid);
	line(t, hi, "sm-mta[%d]: STARTTLS=server, relay=%s [%s], version=TLSv1.3, verify=NO, cipher=TLS_AES_256_GCM_SHA384, bits=256/256", pid, cn, ci);
	if (out)
		line(t + ms(30), hi, "sm-mta[%d]: AUTH=server, relay=%s [%s], authid=%s, mech=PLAIN, bits=0", pid, cn, ci, m.from);
	mark(C_QUEUED, -1, false, incidx);
	line(t + ms(80), hi, "sm-mta[%d]: %s: from=<%s>, size=%d, class=0, nrcpts=%d, msgid=<%s>, proto=ESMTPS%s, daemon=%s, relay=%s [%s]", pid, m.qid, m.from, m.size, n, m.mid, out ? "A" : "", out ? "MSP-v4" : "MTA-v4", cn, ci);
	if (out) {
		line(t + ms(110), hi, "sm-mta[%d]: %s: Milter (opendkim) insert (1): header: DKIM-Signature:  v=1; a=rsa-sha256; c=relaxed/simple; d=%s;\\n\\ts=mail2026; t=%" PRId64 "; bh=%08x%08x=;\\n\\th=From:To:Subject:Date;", pid, m.qid, dom_of(m.from), t / US, (unsigned)pick64(0), (unsigned)pick64(1));
		for (int i = 0; i < n; i++) {
			struct msg one = m;

			make_rcpt(&one, pick_prov());
			sm_try(&one, t + ms(150 + 40 * i));
		}
		return;
	}
	char d1[24];

	login_name(u, m.rcpt, sizeof m.rcpt);
	mark(C_SENT, P_LOCAL, false, -1);
	line(t + ms(300), hi, "sm-mta[%d]: %s: to=<%s>, delay=%s, xdelay=00:00:00, mailer=local, pri=%d, dsn=2.0.0, stat=Sent", pid, m.qid, m.rcpt, hms(0.3, d1), 30000 + m.size);
}

/* ----------------------------------------------------------------- OpenSMTPD */

static uint64_t os_session = 0x7b0a3b3c00000000ULL;

static uint64_t os_sid(void) { return os_session += 1 + (rnd64() & 0xfffff); }

/* Zero parts are left out: 1h30m, 12s, 0s. */
static void os_delay(unsigned d, char *b)
{
	const struct { unsigned n; char c; } part[] = { { d / 86400, 'd' }, { d / 3600 % 24, 'h' }, { d / 60 % 60, 'm' }, { d % 60, 's' } };
	char *p = b;

	for (int i = 0; i < 4; i++)
		if (part[i].n || (i == 3 && p == b))
			p += sprintf(p, "%u%c", part[i].n, part[i].c);
}

/* OpenSMTPD joins the lines of a reply without the repeated codes. */
static void os_join(char *s)
{
	char sep[6], *q;

	if (strlen(s) < 5 || s[3] != '-')
		return;
	s[3] = ' ';
	for (int i = 0; i < 2; i++) {
		snprintf(sep, sizeof sep, " %.3s%c", s, i ? ' ' : '-');
		while ((q = strstr(s + 4, sep))) {
			char *e = q + 5;

			e += strspn(e, "0123456789.");
			memmove(q, e, strlen(e) + 1);
		}
	}
}

static void os_try(struct msg *m, int64_t t)
{
	struct host *h = &hosts[m->host];
	struct fate f = decide(m, t);
	bool connected = !f.r || f.r->cmd;
	double x = connected ? 0.3 + rexp(1.0) : 30.0;
	int64_t end = t + ms(x * 1000);
	uint64_t sid = os_sid();
	char rep[1200];
	struct ctx c = { m->rcpt, m->dom, m->mx, m->mxip, h->ip, dom_of(m->from), m->mid, t };
	unsigned delay = (unsigned)((end - m->born) / US);
	int pid = h->master;
	char dl[64], addr[48], relay[160];

	os_delay(delay, dl);
	snprintf(addr, sizeof addr, strchr(m->mxip, ':') ? "[%s]" : "%s", m->mxip);
	expand(rep, sizeof rep, f.r ? f.r->text : provs[m->prov].ok, &c);
	os_join(rep);
	if (connected)
		snprintf(relay, sizeof relay, "%s (%s)", addr, m->mx);
	else
		snprintf(relay, sizeof relay, "%s", m->dom);
	line(t, m->host, "smtpd[%d]: %016" PRIx64 " mta connecting address=smtp+tls://%s:25 host=%s", pid, sid, addr, m->mx);
	if (connected) {
		line(t + ms(100), m->host, "smtpd[%d]: %016" PRIx64 " mta connected", pid, sid);
		line(t + ms(180), m->host, "smtpd[%d]: %016" PRIx64 " mta tls ciphers=TLSv1.3:TLS_AES_256_GCM_SHA384:256", pid, sid);
		line(t + ms(185), m->host, "smtpd[%d]: %016" PRIx64 " mta server-cert-check result=\"%s\"", pid, sid, picked(0, 0.8) ? "success" : "failure");
	} else {
		line(end - 300, m->host, "smtpd[%d]: %016" PRIx64 " mta error reason=%s", pid, sid, strstr(rep, "refused") ? "Connection refused" : "Connection timeout");
		snprintf(rep, sizeof rep, "%s", strstr(f.r->text, "Host or domain") ? "Could not resolve MX" : "Network error on destination MXs");
	}
	mark(f.cat == C_EXPIRED ? C_DEFERRED : f.cat, m->prov, m->hosted, f.inc);
	line(end, m->host, "smtpd[%d]: %016" PRIx64 " mta delivery evpid=%016" PRIx64 " from=<%s> to=<%s> rcpt=<-> source=\"%s\" relay=\"%s\" delay=%s result=\"%s\" stat=\"%s\"", pid, connected ? sid : 0, m->evpid, m->from, m->rcpt, connected ? h->ip : "-", relay, dl, f.cat == C_SENT ? "Ok" : f.cat == C_BOUNCED ? "PermFail" : "TempFail", rep);
	if (connected)
		line(end + ms(8000), m->host, "smtpd[%d]: %016" PRIx64 " mta disconnected reason=quit messages=%d", pid, sid, f.cat == C_SENT);
	if (f.cat == C_DEFERRED) {
		retry_later(m, end);
		return;
	}
	if (f.cat == C_EXPIRED) {
		mark(C_EXPIRED, m->prov, m->hosted, -1);
		line(end + 600, m->host, "smtpd[%d]: relay: Expire for %016" PRIx64 ": from=<%s>, to=<%s>, rcpt=<->, delay=%s, stat=Envelope expired", pid, m->evpid, m->from, m->rcpt, dl);
	}
	if (f.cat == C_SENT || !*m->from)
		return;
	/* The bounce comes in through a local session of its own. */
	uint64_t bs = os_sid();
	unsigned bid = (unsigned)(rnd64() >> 32);
	uint64_t bev = (uint64_t)bid << 32 | (rnd64() & 0xffffffff);

	line(end + 3000, m->host, "smtpd[%d]: %016" PRIx64 " smtp connected address=local host=%s", pid, bs, h->fqdn);
	mark(C_QUEUED, -1, false, -1);
	line(end + 4000, m->host, "smtpd[%d]: %016" PRIx64 " smtp message msgid=%08x size=%d nrcpt=1 proto=ESMTP", pid, bs, bid, m->size + 1800);
	line(end + 4100, m->host, "smtpd[%d]: %016" PRIx64 " smtp envelope evpid=%016" PRIx64 " from=<> to=<%s>", pid, bs, bev, m->from);
	line(end + 4200, m->host, "smtpd[%d]: %016" PRIx64 " smtp disconnected reason=quit", pid, bs);
	mark(C_SENT, P_LOCAL, false, -1);
	line(end + 9000, m->host, "smtpd[%d]: %016" PRIx64 " mda delivery evpid=%016" PRIx64 " from=<> to=<%s> user=%.*s delay=0s result=Ok stat=Delivered", pid, os_sid(), bev, m->from, (int)strcspn(m->from, "@"), m->from);
}

static void os_arrival(int hi, int64_t t, int what, const char *who, int incidx)
{
	struct host *h = &hosts[hi];
	struct msg m = { .host = hi, .size = 900 + (int)rexp(24000), .born = t };
	char cn[96], ci[40];
	int pid = h->master, n = 1;
	uint32_t u = pick_user();
	uint64_t sid = os_sid();
	unsigned msgid = (unsigned)rnd64();

	client_addr(cn, sizeof cn, ci, sizeof ci, what < 2);
	login_name(u, m.rcpt, sizeof m.rcpt);
	mark(C_CONNECT, -1, false, -1);
	line(t, hi, "smtpd[%d]: %016" PRIx64 " smtp connected address=%s host=%s", pid, sid, ci, strcmp(cn, "unknown") ? cn : "<unknown>");
	if (what == 2) {
		mark(C_REJECT, -1, false, -1);
		line(t + ms(120), hi, "smtpd[%d]: %016" PRIx64 " smtp failed-command command=\"RCPT TO:<%s>\" result=\"550 Invalid recipient: <%s>\"", pid, sid, m.rcpt, m.rcpt);
		line(t + ms(140), hi, "smtpd[%d]: %016" PRIx64 " smtp disconnected reason=quit", pid, sid);
		return;
	}
	line(t + ms(40), hi, "smtpd[%d]: %016" PRIx64 " smtp tls ciphers=TLSv1.3:TLS_AES_256_GCM_SHA384:256", pid, sid);
	if (what == 3) {
		mark(C_AUTHFAIL, -1, false, incidx);
		line(t + ms(120), hi, "smtpd[%d]: %016" PRIx64 " smtp authentication user=info result=permfail", pid, sid);
		line(t + ms(121), hi, "smtpd[%d]: %016" PRIx64 " smtp failed-command command=\"AUTH LOGIN (password)\" result=\"535 Authentication failed\"", pid, sid);
		line(t + ms(140), hi, "smtpd[%d]: %016" PRIx64 " smtp disconnected reason=disconnect", pid, sid);
		return;
	}
	while (what == 0 && n < 12 && chance(0.2))
		n++;
	if (who)
		snprintf(m.from, sizeof m.from, "%s", who);
	else
		user_addr(u, m.from, sizeof m.from);
	make_mid(m.mid, sizeof m.mid, t, dom_of(m.from));
	if (what == 0)
		line(t + ms(60), hi, "smtpd[%d]: %016" PRIx64 " smtp authentication user=%s result=ok", pid, sid, m.from);
	mark(C_QUEUED, -1, false, incidx);
	line(t + ms(150), hi, "smtpd[%d]: %016" PRIx64 " smtp message msgid=%08x size=%d nrcpt=%d proto=ESMTP", pid, sid, msgid, m.size, n);
	for (int i = 0; i < n; i++) {
		struct msg one = m;

		one.evpid = (uint64_t)msgid << 32 | (rnd64() & 0xffffffff);
		if (what == 0)
			make_rcpt(&one, pick_prov());
		line(t + ms(155) + i * 100, hi, "smtpd[%d]: %016" PRIx64 " smtp envelope evpid=%016" PRIx64 " from=<%s> to=<%s>", pid, sid, one.evpid, one.from, one.rcpt);
		if (what == 0) {
			os_try(&one, t + ms(200 + 30 * i));
		} else {
			mark(C_SENT, P_LOCAL, false, -1);
			line(t + ms(260), hi, "smtpd[%d]: %016" PRIx64 " mda delivery evpid=%016" PRIx64 " from=<%s> to=<%s> user=%.*s delay=0s result=Ok stat=Delivered", pid, os_sid(), one.evpid, one.from, one.rcpt, (int)strcspn(one.rcpt, "@"), one.rcpt);
		}
	}
	line(t + ms(300), hi, "smtpd[%d]: %016" PRIx64 " smtp disconnected reason=quit", pid, sid);
}

/* ------------------------------------------------------------------- Dovecot */

static void dv_arrival(int hi, int64_t t, int what, int incidx)
{
	struct host *h = &hosts[hi];
	char cn[96], ci[40], u[96], sess[24], mid[128];
	int pid = 1000 + (int)rndn(4000000);
	const char *proto = chance(0.85) ? "imap" : "pop3";

	client_addr(cn, sizeof cn, ci, sizeof ci, what < 2);
	login_name(pick_user(), u, sizeof u);
	put_rand(sess, b62, 62, 16);
	if (what == 3) {
		mark(C_AUTHFAIL, -1, false, incidx);
		line(t, hi, "dovecot: auth-worker(%d): conn unix:auth-worker (pid=%d,uid=109): auth-worker<%u>: pam(%s,%s,<%s>): pam_authenticate() failed: Authentication failure (Password mismatch?)", pid, h->master, 1 + pick(0, 99), u, ci, sess);
		line(t + ms(2000), hi, "dovecot: %s-login: Disconnected: Connection closed (auth failed, %u attempts in %u secs): user=<%s>, method=PLAIN, rip=%s, lip=%s, TLS: Connection closed, session=<%s>", proto, 1 + pick(0, 3), 2 + pick(1, 9), u, ci, h->ip, sess);
		return;
	}
	if (what == 1) {
		char dom[64];

		small_domain(rndn(n_domains), dom, sizeof dom);
		make_mid(mid, sizeof mid, t, dom);
		line(t, hi, "dovecot: lmtp(%d): Connect from local", pid);
		mark(C_SAVED, P_LOCAL, false, -1);
		if (chance(0.15))
			line(t + ms(40), hi, "dovecot: lmtp(%s)<%d><%s>: sieve: msgid=<%s>: stored mail into mailbox 'Junk'", u, pid, sess, mid);
		else if (chance(0.02)) {
			mark(C_OTHER, P_LOCAL, false, -1);
			line(t + ms(40), hi, "dovecot: lmtp(%s)<%d><%s>: msgid=<%s>: save failed to INBOX: Quota exceeded (mailbox for user is full)", u, pid, sess, mid);
		} else
			line(t + ms(40), hi, "dovecot: lmtp(%s)<%d><%s>: msgid=<%s>: saved mail to INBOX", u, pid, sess, mid);
		line(t + ms(45), hi, "dovecot: lmtp(%d): Disconnect from local: Logged out (state=READY)", pid);
		return;
	}
	mark(C_LOGIN, -1, false, -1);
	line(t, hi, "dovecot: %s-login: Login: user=<%s>, method=PLAIN, rip=%s, lip=%s, mpid=%d, TLS, session=<%s>", proto, u, ci, h->ip, pid, sess);
	line(t + (int64_t)((2 + rexp(200)) * US), hi, "dovecot: %s(%s)<%d><%s>: Disconnected: Logged out in=%u out=%u deleted=0 expunged=%u trashed=0 hdr_count=%u hdr_bytes=%u body_count=%u body_bytes=%u", proto, u, pid, sess, 80 + pick(0, 4000), 600 + pick(1, 90000), pick(2, 3), pick(3, 40), pick(4, 30000), pick(5, 5), pick(6, 200000));
}

/* --------------------------------------------------------------------- noise */

static void noise(int hi, int64_t t)
{
	struct host *h = &hosts[hi];

	t += ms(rnd01() * 1000);
	int pid = 300 + (int)rndn(900000);
	char cn[96], ci[40], b[24];

	client_addr(cn, sizeof cn, ci, sizeof ci, false);
	mark(C_NOISE, -1, false, -1);
	switch (rndn(9)) {
	case 0: line(t, hi, "CRON[%d]: (root) CMD (   cd / && run-parts --report /etc/cron.hourly)", pid); break;
	case 1: line(t, hi, "sshd[%d]: Failed password for invalid user %s from %s port %u ssh2", pid, firsts[pick(0, NELEM(firsts))], ci, 1024 + pick(1, 60000)); break;
	case 2: line(t, hi, "sshd[%d]: Connection closed by authenticating user root %s port %u [preauth]", pid, ci, 1024 + pick(0, 60000)); break;
	case 3: line(t, hi, "kernel: [%8u.%06u] [UFW BLOCK] IN=eth0 OUT= MAC=52:54:00:%02x:%02x:%02x SRC=%s DST=%s LEN=40 TOS=0x00 PREC=0x00 TTL=%u ID=%u PROTO=TCP SPT=%u DPT=%u WINDOW=1024 RES=0x00 SYN URGP=0", (unsigned)(t / US % 10000000), (unsigned)(t % US), pick(0, 256), pick(1, 256), pick(2, 256), ci, h->ip, 30 + pick(3, 200), pick(4, 65536), 1024 + pick(5, 60000), pick(6, 9000)); break;
	case 4:
	case 5:
		put_rand(b, hexl, 16, 6);
		line(t, hi, "rspamd[%d]: <%s>; task; rspamd_task_write_log: id: <%08x.%s@%s.example>, qid: <%s>, ip: %s, from: <%s@%s.example>, (default: F (no action): [%.2f/15.00] [BAYES_HAM(-3.00){100.00%%;},R_SPF_ALLOW(-0.20){+ip4:%s/24;},DKIM_TRACE(0.00){%s.example:+;}]), len: %u, time: %u.%ums, dns req: %u, digest: <%08x%08x>", h->master + 90, b, (unsigned)pick64(8), b, words[pick(0, NELEM(words))], b, ci, firsts[pick(1, NELEM(firsts))], words[pick(2, NELEM(words))], pick01(9) * 9 - 3, ci, words[pick(3, NELEM(words))], 900 + pick(4, 60000), 40 + pick(5, 900), pick(6, 999), pick(7, 60), (unsigned)pick64(10), (unsigned)pick64(11));
		break;
	case 6: line(t, hi, "systemd[1]: Started session-%u.scope - Session %u of User root.", pid, pid); break;
	case 7: line(t, hi, "CRON[%d]: pam_unix(cron:session): session closed for user root", pid); break;
	default: line(t, hi, "systemd[1]: logrotate.service: Deactivated successfully.");
	}
}

/* ----------------------------------------------------------------- incidents */

static void plan_incidents(void)
{
	int64_t T0 = opt_start * US, span = (int64_t)(opt_days * 86400.0 * (double)US);
	int want = opt_incidents >= 0 ? opt_incidents : (int)fmin(200, fmax(5, opt_days * 6));

	if (want > MAXINC)
		want = MAXINC;
	for (int i = 0; i < want; i++) {
		struct incident *x = &inc[ninc];
		int64_t len = (int64_t)((1200 + rnd01() * 6000) * US);

		if (len > span / 12)
			len = span / 12;
		memset(x, 0, sizeof *x);
		/* One slot each: the start times are spread over the span. */
		x->t0 = T0 + span / 20 + (int64_t)((double)(span - span / 10 - len) * ((i + rnd01() * 0.8) / want));
		x->t0 -= x->t0 % US;
		x->t1 = x->t0 + len - len % US;
		x->host = -1;
		x->prov = -1;
		x->p = 0.85 + 0.15 * rnd01();
		/* The first five show one of each common kind, whatever the seed. */
		static const int firstk[] = { I_BLOCK, I_OUTAGE, I_AUTHSTORM, I_BLOCK, I_ABUSE };
		int k = i < 5 ? firstk[i] : chance(0.5) ? I_BLOCK : (int)rndn(NIKIND);
		int host = (int)rndn((uint32_t)nhosts);

		if (k != I_LIMIT && k != I_SILENCE && k != I_AUTHSTORM)
			for (int j = 0; hosts[host].mta == DOVECOT && j < nhosts; j++)
				host = (host + 1) % nhosts;
		if (k == I_LIMIT) {
			for (int j = 0; hosts[host].mta != DOVECOT && j < nhosts; j++)
				host = (host + 1) % nhosts;
			if (hosts[host].mta != DOVECOT)
				k = I_BLOCK;
		}
		if (hosts[host].mta == DOVECOT && k != I_LIMIT && k != I_SILENCE)
			k = I_AUTHSTORM;
		x->kind = k;
		x->host = host;
		switch (k) {
		case I_BLOCK: {
			x->prov = pick_prov();
			const struct provider *p = &provs[x->prov];

			x->reply = &p->block[rndn((uint32_t)cnt_rep(p->block, 5))];
			break;
		}
		case I_OUTAGE:
			x->prov = pick_prov();
			x->host = -1;
			x->reply = &r_down;
			break;
		case I_DNS:
			x->reply = &r_dns;
			break;
		case I_TLS:
			x->prov = pick_prov();
			x->reply = &r_tls;
			break;
		case I_ABUSE:
			login_name(pick_user(), x->who, sizeof x->who);
			break;
		default:
			break;
		}
		ninc++;
	}
}

static int incident_now(int kind, int host, int64_t t)
{
	for (int i = 0; i < ninc; i++)
		if (inc[i].kind == kind && inc[i].host == host && t >= inc[i].t0 && t < inc[i].t1)
			return i;
	return -1;
}

/* ------------------------------------------------------------------ arrivals */

static void one_arrival(int hi, int64_t t, int what, const char *who, int incidx)
{
	switch (hosts[hi].mta) {
	case POSTFIX:
		if (what == 0) pf_outbound(hi, t, who, incidx);
		else if (what == 1) pf_inbound(hi, t);
		else if (what == 2) pf_reject(hi, t);
		else pf_probe(hi, t, incidx);
		break;
	case SENDMAIL: sm_arrival(hi, t, what, who, incidx); break;
	case OPENSMTPD: os_arrival(hi, t, what, who, incidx); break;
	default: dv_arrival(hi, t, what == 2 ? 0 : what, incidx); break;
	}
}

static void arrival(int64_t t)
{
	int hi = (int)rndn((uint32_t)nhosts), i;
	double u = rnd01();

	one_arrival(hi, t, u < 0.58 ? 0 : u < 0.80 ? 1 : u < 0.93 ? 2 : 3, NULL, -1);
	if ((i = incident_now(I_AUTHSTORM, hi, t)) >= 0)
		for (int k = 0; k < 6; k++)
			one_arrival(hi, t + ms(rnd01() * 900), 3, NULL, i);
	if ((i = incident_now(I_ABUSE, hi, t)) >= 0)
		for (int k = 0; k < 3; k++)
			one_arrival(hi, t + ms(rnd01() * 900), 0, inc[i].who, i);
	if ((i = incident_now(I_LIMIT, hi, t)) >= 0 && chance(0.2)) {
		mark(C_LIMIT, -1, false, i);
		line(t + 10, hi, "dovecot: master: Warning: service(imap-login): process_limit (100) reached, client connections are being dropped");
	}
}

static double diurnal(int64_t t)
{
	double day = fmod((double)(t / US), 86400.0) / 86400.0;

	return 1.0 + 0.6 * sin(2 * M_PI * (day - 0.33));
}

/* --------------------------------------------------------------------- truth */

static void iso(int64_t t, char *b)
{
	time_t tt = (time_t)(t / US);
	struct tm tm;

	gmtime_r(&tt, &tm);
	strftime(b, 32, "%Y-%m-%dT%H:%M:%SZ", &tm);
}

static void jstr(FILE *f, const char *s)
{
	fputc('"', f);
	for (; *s; s++) {
		if (*s == '"' || *s == '\\')
			fputc('\\', f);
		fputc(*s, f);
	}
	fputc('"', f);
}

static void write_truth(int64_t last_t)
{
	FILE *f = fopen(opt_truth, "w");
	char b[40], c[40];

	if (!f)
		die("cannot write the truth file");
	iso(opt_start * US, b);
	iso(last_t, c);
	fprintf(f, "{\n  \"seed\": %" PRIu64 ",\n  \"mta\": \"%s\",\n  \"lines\": %" PRIu64 ",\n  \"bytes\": %" PRIu64 ",\n  \"start\": \"%s\",\n  \"last_line\": \"%s\",\n", opt_seed, opt_mta == NMTA ? "mixed" : mta_name[opt_mta], printed, bytes_out, b, c);
	fprintf(f, "  \"hosts\": [");
	for (int i = 0; i < nhosts; i++)
		fprintf(f, "%s{\"name\": \"%s\", \"mta\": \"%s\", \"ip\": \"%s\"}", i ? ", " : "", hosts[i].name, mta_name[hosts[i].mta], hosts[i].ip);
	fprintf(f, "],\n  \"lines_by_mta_and_category\": {");
	bool any = false;

	for (int m = 0; m < NMTA; m++) {
		uint64_t s = 0;

		for (int k = 0; k < NCAT; k++)
			s += n_cat[m][k];
		if (!s)
			continue;
		fprintf(f, "%s\n    \"%s\": {", any ? "," : "", mta_name[m]);
		for (int k = 0; k < NCAT; k++)
			fprintf(f, "%s\"%s\": %" PRIu64, k ? ", " : "", cat_name[k], n_cat[m][k]);
		fprintf(f, "}");
		any = true;
	}
	fprintf(f, "\n  },\n  \"deliveries_by_provider\": {");
	for (int p = 0; p <= NPROV; p++) {
		fprintf(f, "%s\n    \"%s\": {\"sent\": %" PRIu64 ", \"deferred\": %" PRIu64 ", \"bounced\": %" PRIu64 ", \"expired\": %" PRIu64 ", \"lmtp_saved\": %" PRIu64, p ? "," : "", p == NPROV ? "local" : provs[p].key, n_prov[p][C_SENT], n_prov[p][C_DEFERRED], n_prov[p][C_BOUNCED], n_prov[p][C_EXPIRED], n_prov[p][C_SAVED]);
		fprintf(f, ", \"hosted_domains\": {\"sent\": %" PRIu64 ", \"deferred\": %" PRIu64 ", \"bounced\": %" PRIu64 "}}", n_prov_hosted[p][C_SENT], n_prov_hosted[p][C_DEFERRED], n_prov_hosted[p][C_BOUNCED]);
	}
	fprintf(f, "\n  },\n  \"incidents\": [");
	for (int i = 0; i < ninc; i++) {
		struct incident *x = &inc[i];
		char t0[40], t1[40], f0[40] = "", f1[40] = "";

		iso(x->t0, t0);
		iso(x->t1, t1);
		if (x->affected) {
			iso(x->first, f0);
			iso(x->last, f1);
		}
		fprintf(f, "%s\n    {\"kind\": \"%s\", \"provider\": \"%s\", \"host\": \"%s\", \"start\": \"%s\", \"end\": \"%s\", \"affected_lines\": %" PRIu64 ", \"suppressed_lines\": %" PRIu64 ", \"first\": \"%s\", \"last\": \"%s\", \"account\": ", i ? "," : "", ikind_name[x->kind], x->prov < 0 ? "*" : provs[x->prov].key, x->host < 0 ? "*" : hosts[x->host].name, t0, t1, x->affected, x->dropped, f0, f1);
		jstr(f, x->who);
		fprintf(f, ", \"dsn\": \"%s\", \"reply\": ", x->reply ? x->reply->dsn : "");
		jstr(f, x->reply ? x->reply->text : "");
		fprintf(f, "}");
	}
	fprintf(f, "\n  ]\n}\n");
	if (fclose(f))
		die("cannot write the truth file");
}

/* ---------------------------------------------------------------------- main */

static void usage(FILE *f)
{
	fputs("usage: genlog [--lines N] [--seed S] [--mta postfix|sendmail|opensmtpd|dovecot|mixed]\n"
	      "              [--time-format rfc3164|rfc3339] [--start YYYY-MM-DDTHH:MM:SSZ|EPOCH] [--days D]\n"
	      "              [--hosts N] [--incidents N] [--noise SHARE] [--queue-ids long|short]\n"
	      "              [--sendmail-reply yes|no] [--truth FILE]\n"
	      "Prints a mail log on standard output; the same options print the same bytes.\n", f);
}

static int64_t parse_start(const char *s)
{
	struct tm tm = { 0 };
	char *e = strptime(s, "%Y-%m-%dT%H:%M:%SZ", &tm);

	if (e && !*e)
		return (int64_t)timegm(&tm);
	long long v = strtoll(s, &e, 10);

	if (*e || e == s)
		die("--start: want YYYY-MM-DDTHH:MM:SSZ or seconds");
	return v;
}

int main(int argc, char **argv)
{
	static const struct option lo[] = {
		{ "lines", 1, 0, 'n' }, { "seed", 1, 0, 's' }, { "mta", 1, 0, 'm' },
		{ "time-format", 1, 0, 'f' }, { "start", 1, 0, 't' }, { "days", 1, 0, 'd' },
		{ "hosts", 1, 0, 'H' }, { "incidents", 1, 0, 'i' }, { "noise", 1, 0, 'N' },
		{ "queue-ids", 1, 0, 'q' }, { "sendmail-reply", 1, 0, 'r' }, { "truth", 1, 0, 'T' }, { "help", 0, 0, 'h' }, { 0, 0, 0, 0 }
	};
	int o;

	while ((o = getopt_long(argc, argv, "n:s:m:f:t:d:H:i:N:q:r:T:h", lo, NULL)) != -1) {
		switch (o) {
		case 'n': opt_lines = strtoull(optarg, NULL, 10); break;
		case 's': opt_seed = strtoull(optarg, NULL, 10); break;
		case 'm':
			opt_mta = !strcmp(optarg, "mixed") ? NMTA : -1;
			for (int i = 0; i < NMTA; i++)
				if (!strcmp(optarg, mta_name[i]))
					opt_mta = i;
			if (opt_mta < 0)
				die("--mta: unknown");
			break;
		case 'f':
			if (strcmp(optarg, "rfc3164") && strcmp(optarg, "rfc3339"))
				die("--time-format: rfc3164 or rfc3339");
			opt_rfc3339 = !strcmp(optarg, "rfc3339");
			break;
		case 't': opt_start = parse_start(optarg); break;
		case 'd': opt_days = atof(optarg); break;
		case 'H': opt_hosts = atoi(optarg); break;
		case 'i': opt_incidents = atoi(optarg); break;
		case 'N': opt_noise = atof(optarg); break;
		case 'q': opt_short_ids = !strcmp(optarg, "short"); break;
		case 'r': opt_sm_reply = strcmp(optarg, "no") != 0; break;
		case 'T': opt_truth = optarg; break;
		case 'h': usage(stdout); return 0;
		default: usage(stderr); return 2;
		}
	}
	if (opt_mta == NMTA && opt_hosts < NMTA)
		opt_hosts = NMTA;
	if (opt_hosts < 1 || opt_hosts > MAXHOST || opt_days <= 0 || opt_noise < 0 || opt_noise > 0.9)
		die("an option is out of range");
	uint64_t s = opt_seed;

	for (int i = 0; i < 4; i++)
		rs[i] = splitmix(&s);
	nhosts = opt_hosts;
	for (int i = 0; i < nhosts; i++) {
		struct host *h = &hosts[i];

		h->mta = (enum mta)(opt_mta == NMTA ? i % NMTA : opt_mta);
		snprintf(h->name, sizeof h->name, "%s%d", h->mta == DOVECOT ? "imap" : "mx", i + 1);
		snprintf(h->fqdn, sizeof h->fqdn, "%s.example.org", h->name);
		snprintf(h->ip, sizeof h->ip, "203.0.113.%d", 10 + i);
		for (int k = 0; k < NSVC * NPOOL; k++)
			h->pids[k / NPOOL][k % NPOOL] = 1000 + (int)rndn(4000000);
		h->master = 700 + (int)rndn(3000);
		h->inode = 200000 + rndn(900000);
	}
	for (int i = 0; i < NPROV; i++)
		prov_sum += provs[i].weight;
	n_users = (uint32_t)fmax(200, fmin(4e6, (double)opt_lines / 30));
	n_domains = (uint32_t)fmax(500, fmin(2e5, (double)opt_lines / 100));
	plan_incidents();

	int64_t next = opt_start * US, end = next + (int64_t)(opt_days * 86400.0 * (double)US), last_t = next;
	double per = 10.0, planned = 0;
	uint64_t narr = 0, pushed0;

	while (printed < opt_lines) {
		if (hn && heap[0].t <= next) {
			struct ev e = heap_pop();

			if (e.msg) {
				switch (hosts[e.msg->host].mta) {
				case POSTFIX: pf_retry(e.msg, e.t); break;
				case SENDMAIL: sm_try(e.msg, e.t); break;
				default: os_try(e.msg, e.t); break;
				}
				free(e.msg);
				continue;
			}
			pending_lines--;
			int q = incident_now(I_SILENCE, e.host, e.t);

			if (q >= 0) {
				inc[q].dropped++;
			} else {
				print_line(&e);
				last_t = e.t;
			}
			text_put(e.text, e.cls);
			continue;
		}
		pushed0 = pending_lines;
		arrival(next);
		/* Noise keeps its share of the lines on the average. */
		for (double w = (double)(pending_lines - pushed0) * opt_noise / (1 - opt_noise); w > 0; w -= 1)
			if (w >= 1 || chance(w))
				noise((int)rndn((uint32_t)nhosts), next);
		planned += (double)(pending_lines - pushed0);
		narr++;
		if (narr > 50)
			per = planned / (double)narr * 1.04;
		double left = (double)opt_lines - (double)printed - (double)pending_lines;
		double gap = left > per ? (double)(end - next) / (left / per) : 3600.0 * (double)US;

		next += (int64_t)fmax(1, rexp(gap) / diurnal(next));
	}
	oflush();
	if (fflush(stdout))
		die("cannot write");
	if (opt_truth)
		write_truth(last_t);
	return 0;
}
