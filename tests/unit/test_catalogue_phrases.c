/* Replies in anybody's words: what no row of a provider's knows, phrases.yaml must. Words of
 * many servers and languages, and ordinary refusals with words in them that mislead. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "catalogue_cases.h"
#include "parsers/catalogue_phrases.h"

/* clang-format off */
static const struct {
	const char *category;
	const char *replies[40];
} table[] = {
	{ "mailbox-unknown", {
		"550 5.1.1 <ann@example.org>: Recipient address rejected: User unknown in virtual mailbox table",
		"550 5.1.1 <ann@example.org>: Recipient address rejected: User unknown in local recipient table",
		"550 5.1.1 The address ann@example.org is not in our directory",
		"550 We have no mailbox of that name here",
		"554 5.7.1 There is nobody with that name in this company",
		"550 Unrouteable address",
		"550 cuda_nsu 5.1.1 <ann@example.org>: Recipient address rejected: No such recipient",
		"550 5.1.1 ann@example.org: this person left our company",
		"550 5.1.1 RESOLVER.ADR.RecipNotFound; not found",
		"553 sorry, this recipient is not in my validrcptto list (#5.7.1)",
		"550 5.1.1 Mailbox \"ann\" does not exist here",
		"511 sorry, no mailbox here by that name (#5.1.1 - chkuser)",
		"550 RCPT TO:<ann@example.org> User not known",
		"550 Invalid recipient ann@example.org (Mode: normal)",
		"550 5.1.1 Unknown or illegal user: ann@example.org",
		"550 Empfänger unbekannt",
		"550 5.1.1 Der Empfaenger ann@example.org existiert nicht",
		"550 5.1.1 Adresse du destinataire inconnue",
		"550 L'utilisateur ann n'existe pas",
		"550 5.1.1 Utente non trovato",
		"550 El usuario no existe en este servidor",
		"550 5.1.1 O destinatário não existe",
		"550 Gebruiker onbekend",
		"550 Nie ma takiego użytkownika",
		"550 5.1.1 Пользователь не найден",
		"550 用户不存在",
		"550 宛先不明",
		"550 #5.1.0 Address rejected.",
		"550-Verification failed for <ann@example.org> 550-No Such User Here 550 recipient verify failed",
		"550 5.1.1 sid: account lookup failure, no such account",
		"550 unknown local-part \"ann\" in domain \"example.org\"",
		"550 5.1.6 recipient no longer on server: ann@example.org",
		"550 5.1.1 User unknown. If you send to many such addresses your IP will be blocked",
		"550 No such user - your address is not blocked, the mailbox does not exist",
		"550 5.1.1 <spam@blocklist.example.org>: user unknown",
		"550 5.1.1 <listed@rbl.example.org>: Recipient address rejected: User unknown in relay recipient table",
		"550 5.1.1 unknown recipient in domain spf.example.org",
		"550 5.1.1 The email account does not exist. See https://example.org/help/blocked",
		"550 5.1.1 Adresse gesperrt oder Benutzer unbekannt",
	} },
	{ "mailbox-disabled", {
		"550 5.2.1 This mailbox has been suspended",
		"550 5.7.1 Recipient mailbox deactivated by the administrator",
		"554 The account you tried to reach is locked",
		"550 5.2.1 account ann@example.org is closed and takes no more mail",
		"550 Das Postfach wurde deaktiviert",
		"550 5.2.1 La boîte du destinataire est suspendue",
		"550 5.2.1 Cuenta deshabilitada",
		"550 This address is no longer in use",
		"550 5.2.1 Почтовый ящик заблокирован",
		"553 5.3.0 <ann@example.org>... mailbox inactive since 2024",
		"550 5.2.1 account blocked by its owner",
		"550 mailbox ann is blocked",
		"550 5.2.1 user has been banned",
		"550 compte bloqué",
		"550 Cuenta bloqueada",
	} },
	{ "mailbox-full", {
		"552 5.2.2 Over quota",
		"452 4.2.2 <ann@example.org> Mailbox is out of space",
		"550 Das Postfach des Empfängers ist voll",
		"552 5.2.2 La boîte aux lettres est pleine",
		"552 5.2.2 La casella del destinatario è piena",
		"552 El buzón está lleno",
		"552 A caixa postal está cheia",
		"552 Skrzynka odbiorcy jest pełna",
		"552 Почтовый ящик переполнен",
		"422 4.2.2 The recipient has reached its storage allotment",
		"552 sorry, that recipient's mailbox has no room left",
		"451 4.2.2 user's disk quota would be passed: exceeded storage allocation",
		"554 5.2.2 mailbox storage limit was reached",
		"550 邮箱已满",
		"552 5.2.2 Mailbox is full, the user receives too much spam",
		"452 4.2.2 mailbox over quota, sending rate is not the problem",
		"552 5.2.2 The user has reached his storage limit; too many messages in mailbox",
		"552 5.2.2 quota dépassé",
	} },
	{ "message-too-large", {
		"552 5.3.4 Message size exceeds fixed limit",
		"552 5.2.3 Your mail is larger than this server takes",
		"552 Die Nachricht ist zu groß",
		"552 5.3.4 Le message est trop volumineux",
		"552 sorry, that message size exceeds my databytes limit (#5.3.4)",
		"523 5.2.3 the message length is above the administrative maximum",
		"552 5.3.4 El mensaje es demasiado grande",
		"552 5.3.4 Message too big, limit 10485760 bytes per message",
		"552 message exceeds the size limit of this host",
	} },
	{ "greylisted", {
		"450 4.2.0 <ann@example.org>: Recipient address rejected: Greylisted for 300 seconds",
		"451 4.7.1 Greylisting in action, please come back in 00:05:00",
		"451 4.7.1 Grey-listing: try again in 5 minutes",
		"450 4.7.1 You have been graylisted, retry later",
		"451 4.7.1 First time contact from your triplet, please resend",
		"451 temporarily deferred by greylist, your server should retry",
		"450 4.2.0 Greylisted, IP 192.0.2.25 is not known here yet, not blocked",
		"451 4.7.1 greylisting in effect for host 192.0.2.25, please retry after 300 seconds",
	} },
	{ "rate-limited", {
		"450 4.7.1 Error: too much mail from 192.0.2.25",
		"421 4.7.0 Too many concurrent SMTP connections from 192.0.2.25",
		"451 4.7.1 You are sending too fast, slow down",
		"452 4.3.2 Connection rate limit exceeded.",
		"421 4.3.2 Too many open connections.",
		"450 4.7.1 Your host exceeded 100 messages per hour",
		"421 Service refused, you have reached the hourly maximum of messages",
		"451 4.7.1 Sie haben zu viele E-Mails in kurzer Zeit gesendet",
		"421 4.7.0 Trop de connexions depuis votre adresse",
		"421 4.7.1 Слишком много соединений с вашего адреса",
		"452 too many messages for this session, reconnect",
		"550 5.4.5 Daily sending quota exceeded",
		"421 4.4.5 Too many connections to this host.",
		"450 4.7.1 throttled: 192.0.2.25 exceeded the allowed number of recipients within an hour",
	} },
	{ "ip-blocklisted", {
		"554 5.7.1 Service unavailable; Client host [192.0.2.25] blocked using bl.example.net; see http://bl.example.net/192.0.2.25",
		"550 5.7.1 Mail from 192.0.2.25 refused by blackhole site dnsbl.example.net",
		"550 Rejected: 192.0.2.25 is listed on our local reject list",
		"554 Your server is on the list of banned hosts",
		"550 5.7.1 Your IP 192.0.2.25 is blocked. To request delisting visit https://example.net/unblock",
		"554 5.7.1 <unknown[192.0.2.25]>: Client host rejected: listed in our database of abusive networks",
		"550 Die IP-Adresse Ihres Servers wurde gesperrt",
		"554 Ihr Mailserver (192.0.2.25) steht auf unserer Sperrliste",
		"550 Votre serveur 192.0.2.25 est sur liste noire",
		"550 5.7.1 Su dirección IP está en una lista negra",
		"550 5.7.1 Il tuo IP 192.0.2.25 è in una lista nera",
		"550 Seu IP 192.0.2.25 está bloqueado",
		"550 Adres IP 192.0.2.25 znajduje się na czarnej liście",
		"550 IP 192.0.2.25 находится в черном списке",
		"550 5.7.1 connections from your network are refused because of past abuse",
		"553 5.3.0 Spam blocked see: http://lists.example.net/lookup?192.0.2.25",
		"550 host 192.0.2.25 found in zen.rbl.example.org",
		"521 5.7.1 192.0.2.25 blacklisted, contact postmaster@example.org",
		"550-\"JunkMail rejected - mail.example.com [192.0.2.25]:4411 is in an RBL, see http://rbl.example.org\"",
		"550 5.7.1 Access denied, your host is a known spam source",
		"554 5.7.1 We do not accept mail from this IP address range",
		"554 RBL rejection: 192.0.2.25 is on bl.example.net",
		"554 5.7.1 Connection refused: your IP is on our denylist",
		"550 5.7.1 Message refused. Your IP address was used to send spam",
	} },
	{ "domain-blocklisted", {
		"554 5.7.1 Message contains a blacklisted URL (example.com)",
		"550 5.7.1 Sender domain example.com is listed in a domain block list",
		"554 5.7.1 Service unavailable; Sender address [ann@example.com] blocked using rhsbl.example.net",
		"550 links in your message point to domains listed by uribl",
	} },
	{ "reputation", {
		"554 5.7.1 Your IP has a poor reputation",
		"550 5.7.1 Message rejected because of low sender reputation",
		"421 4.7.0 mail from 192.0.2.25 deferred due to user complaints",
		"554-mx.example.org 554 Your access to this mail system has been rejected due to the sending MTA's poor reputation.",
	} },
	{ "authentication-spf", {
		"550 5.7.23 Message rejected due to: SPF fail - not authorized.",
		"550 5.7.1 192.0.2.25 is not allowed to send mail from example.com",
		"550 SPF check failed. Your mail server is not a permitted sender for example.com",
		"554 5.7.1 sender domain has no SPF record",
		"550 5.7.1 Rejected: example.com does not designate 192.0.2.25 as permitted sender",
		"550 5.7.1 SPF-Prüfung fehlgeschlagen",
	} },
	{ "authentication-dkim", {
		"550 5.7.20 No valid DKIM signature found",
		"554 5.7.1 DKIM signature verification failed",
		"550 5.7.1 message has a broken DKIM signature",
	} },
	{ "authentication-dmarc", {
		"550 5.7.1 rejected by DMARC policy for example.com",
		"550 5.7.1 Email rejected per DMARC policy",
		"554 5.7.5 Permanent error evaluating DMARC policy",
		"550 5.7.26 Message fails authentication requirements of the domain in From",
	} },
	{ "no-ptr", {
		"550 5.7.25 Your IP has no reverse DNS",
		"450 4.7.25 Client host rejected: cannot find your hostname, [192.0.2.25]",
		"554 5.7.1 Mail server without PTR record is not accepted",
		"550 Your mailserver 192.0.2.25 has no valid rDNS entry",
		"550 Für Ihre IP-Adresse fehlt der Reverse-DNS-Eintrag",
		"550 5.7.1 PTR lookup failed for 192.0.2.25",
		"550 Reverse DNS of your host looks like a dynamic address",
		"550 el servidor no tiene DNS inverso",
		"550 Нет обратной записи DNS (PTR) для вашего IP",
		"554 5.7.1 The hostname of 192.0.2.25 does not match its IP address",
	} },
	{ "tls-required", {
		"530 5.7.0 Must issue a STARTTLS command first",
		"550 5.7.10 Encryption needed: connect with TLS",
		"554 5.7.1 This domain takes mail over TLS only",
		"550 5.7.4 Unencrypted sessions are not accepted",
	} },
	{ "relay-denied", {
		"554 5.7.1 <ann@example.org>: Relay access denied",
		"550 5.7.1 Unable to relay",
		"550 5.7.54 SMTP; Unable to relay recipient in non-accepted domain",
		"550 relay not permitted, authenticate first",
		"535 5.7.8 Error: authentication failed: bad password",
		"550 This server is not a relay for example.org",
		"550 Authentifizierung erforderlich",
		"553 we don't relay mail for that domain",
		"550 5.7.1 relaying denied for 192.0.2.25",
		"550 5.7.1 <ann@example.org>... Relaying denied. IP name possibly forged [192.0.2.25]",
		"554 5.7.1 Relay access denied: host 192.0.2.25 not in mynetworks",
	} },
	{ "sender-rejected", {
		"550 5.1.8 <ann@example.com>: Sender address rejected: Domain not found",
		"553 5.1.8 Domain of sender address ann@example.com does not exist",
		"550 Sender verification failed",
		"550 5.7.1 The recipient has blocked your address",
		"550 Sender ann@example.com is not accepted here",
		"550 5.1.7 No such domain",
		"550 Absenderadresse abgelehnt",
		"550 5.1.0 Expéditeur refusé",
		"550 Could not verify sender callout",
		"554 5.7.1 <ann@example.com>: Sender address rejected: blocked by the user's rules",
		"550 null sender not accepted",
		"550 5.7.1 You have been blocked by the recipient",
		"550 The user has blocked messages from ann@example.com",
		"550 5.1.0 ann@example.com sender rejected by the user's own rule",
	} },
	{ "content-spam", {
		"554 5.7.1 This message has been classified as spam",
		"550 High probability of spam",
		"554 5.7.1 Spam message rejected",
		"550 5.7.1 virus detected: Eicar-Test-Signature",
		"554 5.6.1 Executable attachments are not permitted",
		"550 Diese Nachricht wurde als Spam eingestuft",
		"550 Message considéré comme spam",
		"554 5.7.1 Mensaje rechazado: detectado como spam",
		"550 This message scored 12.3 spam points",
		"554 5.7.1 Message blocked by content filter",
		"550 5.7.1 infected file found by ClamAV",
		"550 Письмо похоже на спам",
		"550 5.7.1 Message contains phishing",
		"550 5.7.1 message identified as spam, score 8.2",
		"554 5.7.1 The message contains a virus and was blocked",
		"550 attachment type blocked",
		"552 5.7.0 blocked file extension .exe",
	} },
	{ "policy", {
		"550 5.7.1 Delivery not authorized, message refused by policy",
		"550 5.7.133 the group only takes mail from its members",
		"550 5.7.1 You are not allowed to send to this recipient",
		"550 5.7.1 administrative prohibition",
		"550 5.7.1 This list takes mail of subscribers only: not authorized to send",
		"550 5.7.1 not allowed to send to this distribution group",
		"554 5.7.1 Recipient address rejected: Access denied",
	} },
	{ "routing", {
		"550 5.4.6 Mail loop detected",
		"554 5.4.6 Too many hops",
		"550 5.1.2 Host unknown (Name server: mx.example.org: host not found)",
		"550 5.4.4 domain example.org has no mail exchanger",
		"556 5.1.10 Recipient domain has a null MX",
		"Host or domain name not found. Name service error for name=example.org type=MX: Host not found",
		"mail for mx.example.org loops back to myself",
		"550 5.1.2 recipient domain not found in DNS, no reverse route",
	} },
	{ "protocol", {
		"501 5.5.2 Syntax error in parameters",
		"503 5.5.1 Bad sequence of commands",
		"550 5.7.1 HELO name is invalid",
		"554 5.6.0 Message has no From header",
		"550 5.5.2 bare line feed is not accepted: bare LF",
		"500 5.5.1 Command unrecognized",
		"550 Message is not RFC 5322 compliant",
		"452 4.5.3 Too many recipients for one message",
		"504 5.5.2 <host>: Helo command rejected: need fully-qualified hostname",
		"501 5.5.4 Invalid domain name in HELO",
	} },
	{ "remote-temporary", {
		"451 4.3.0 Temporary server error. Please try again later",
		"421 4.3.2 System not accepting network messages",
		"451 4.3.5 Server configuration problem",
		"452 4.3.1 Insufficient system storage",
		"450 4.1.1 <ann@example.org>: Recipient address rejected: unverified address: connection timed out",
		"451 Temporary local problem - please try later",
		"421 4.4.2 mx.example.org Error: timeout exceeded",
		"451 4.3.0 Vorübergehender Fehler, bitte später erneut versuchen",
		"451 4.3.0 Service temporairement indisponible",
		"451 4.7.1 Service unavailable - try again later",
		"451 LDAP lookup failed",
		"432 4.7.12 database is down for maintenance",
		"454 4.7.0 TLS not available due to temporary reason",
		"451 4.3.0 Connection to the spam filter failed, try again",
		"451 4.3.0 cannot reach policy server, temporary failure",
		"421 4.3.2 server is going down for maintenance",
		"450 4.4.1 host mx.example.org[192.0.2.1]: Connection timed out",
		"connect to mx.example.org[192.0.2.1]:25: Connection refused",
		"connect to mx.example.org[2001:db8::1]:25: Network is unreachable",
		"lost connection with mx.example.org[192.0.2.1] while receiving the initial server greeting",
		"delivery temporarily suspended: connect to mx.example.org[192.0.2.1]:25: Connection timed out",
		"451 4.3.2 Please try again later, our DNS is slow",
		"450 4.7.1 Try again later",
	} },
};
/* clang-format on */

static void
test_replies(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof table / sizeof *table; i++)
		for (size_t k = 0; table[i].replies[k] != NULL; k++) {
			const char *reply = table[i].replies[k];
			struct catalogue_question q = { .reply = str_of(reply) };
			struct catalogue_answer a;

			assert_true(catalogue_explain(cat, &q, &a));
			assert_str(reply, a.category, table[i].category);
			assert_true(a.meaning.n > 0 && a.remedy.n > 0);
		}
}

/* A catalogue of its own: what a phrase may be made of, and what it matches. */
static const char own_codes[] = "- id: mine\n"
				"  token: 'xyzzy'\n"
				"  rank: late\n"
				"  category: policy\n"
				"  meaning: 'm'\n"
				"- id: other\n"
				"  token: 'plugh'\n"
				"  rank: late\n"
				"  category: routing\n"
				"  meaning: 'm'\n";

static void
write_file(const char *dir, const char *name, const char *text)
{
	char path[256];

	(void)snprintf(path, sizeof path, "%s/%s", dir, name);
	FILE *f = fopen(path, "w");

	assert_non_null(f);
	assert_true(fputs(text, f) >= 0);
	assert_int_equal(fclose(f), 0);
}

/* Loads codes, and phrases.yaml with this text; NULL: it has faults. */
static struct catalogue *
load_with(const char *phrases, struct diags *diags)
{
	char dir[] = "/tmp/mailwarden-phrases-XXXXXX";
	const char *dirs[] = { dir };
	static const char *const names[] = { "providers.yaml", "codes.yaml",
		"suspected.yaml", "phrases.yaml" };
	const char *texts[] = { "[]\n", own_codes, "rows: []\n", phrases };
	struct catalogue *own = NULL;
	char path[256];

	assert_non_null(mkdtemp(dir));
	for (size_t i = 0; i < 4; i++)
		write_file(dir, names[i], texts[i]);
	(void)catalogue_load(dirs, 1, &own, diags);
	for (size_t i = 0; i < 4; i++) {
		(void)snprintf(path, sizeof path, "%s/%s", dir, names[i]);
		assert_int_equal(unlink(path), 0);
	}
	assert_int_equal(rmdir(dir), 0);
	return own;
}

static void
test_language(void **state)
{
	static const struct {
		const char *phrase, *reply;
		bool matches;
	} cases[] = {
		{ "door|gate is shut", "the gate is shut", true },
		{ "door|gate is shut", "the gate IS  Shut!", true },
		{ "door|gate is shut", "the gate is not shut", false },
		{ "door .. shut", "the door to the house is shut", true },
		{ "door .. shut", "the door to the very old house is shut", false },
		{ "door .. .. shut", "the door to the very old house is shut", true },
		{ "door .. shut", "mind the door. shut up", false },
		{ "door .. shut", "mind the door, shut up", true },
		{ "shut*", "shutters", true },
		{ "shut*", "unshut", false },
		{ "shut", "shutters", false },
		{ "doesnt open", "it doesn't open", true },
		{ "doesnt open", "it doesn’t open", true },
		{ "l adresse", "l'adresse", true },
		{ "boite pleine", "Boîte PLEINE", true },
		{ "grose", "Größe", true },
		{ "skrzynka pelna", "skrzynka pełna", true },
		{ "ящик", "ЯЩИК", true },
		{ "email here", "e-mail here", true },
		{ "from {ip}", "from [192.0.2.25]:4411", true },
		{ "from {ip}", "from [192.0.2.25]", true },
		{ "from {ip}", "from 2001:db8::25.", true },
		{ "from {ip}", "from 10:30:05", true }, /* may as well be one */
		{ "from {address}", "from <ann@example.org>:", true },
		{ "at {host}", "at mx.example.org", true },
		{ "at dbl", "at dbl.example.org", true },
		{ "see {url}", "see https://example.org/a?b", true },
		{ "see {ipurl}", "see https://example.org/a?b", false },
		{ "see {ipurl}", "see https://example.org/?ip=192.0.2.25", true },
		{ "in {number} minutes", "in 5 minutes", true },
		{ "<way> <way>", "left right", true },
	};
	char text[512];

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct diags diags = { 0 };
		struct catalogue_answer a;
		struct catalogue_question q = { .reply = str_of(cases[i].reply) };

		(void)snprintf(text, sizeof text,
		    "- set: way\n  words: [left, right]\n"
		    "- id: mine\n  phrases: ['%s']\n",
		    cases[i].phrase);
		struct catalogue *own = load_with(text, &diags);

		diags_print(&diags, stderr);
		assert_non_null(own);
		if (catalogue_explain(own, &q, &a) != cases[i].matches)
			fail_msg("'%s' in '%s'", cases[i].phrase, cases[i].reply);
		catalogue_free(own);
		diags_done(&diags);
	}
}

/* The longer match wins, weight counts, and so does a status that says the same. */
static void
test_weight(void **state)
{
	struct diags diags = { 0 };
	struct catalogue_answer a;
	struct catalogue_question q = { .reply = STR_INIT("550 the door is shut") };
	struct catalogue *own = load_with("- id: mine\n  phrases: [door is]\n"
					  "- id: other\n  phrases: [door is shut]\n",
	    &diags);

	(void)state;
	assert_true(catalogue_explain(own, &q, &a));
	assert_str("longer", a.code_id, "other");
	catalogue_free(own);
	own = load_with("- id: mine\n  weight: 9\n  phrases: [door is]\n"
			"- id: other\n  phrases: [door is shut]\n",
	    &diags);
	assert_true(catalogue_explain(own, &q, &a));
	assert_str("weight", a.code_id, "mine");
	catalogue_free(own);
	diags_done(&diags);
}

static void
test_faults(void **state)
{
	static const struct {
		const char *text, *want;
	} cases[] = {
		{ "- id: nobody\n  phrases: [a b]\n", "no row 'nobody'" },
		{ "- id: mine\n  phrases: ['.. shut']\n", "stands between words" },
		{ "- id: mine\n  phrases: ['door ..']\n", "stands between words" },
		{ "- id: mine\n  phrases: ['do*']\n", "expected words such as" },
		{ "- id: mine\n  phrases: ['door|']\n", NULL },
		{ "- id: mine\n  phrases: ['<gone> door']\n", "of a set before it" },
		{ "- id: mine\n  phrases: ['a b c d e f g h i j k l m']\n",
		    "too many words" },
		{ "- set: way\n  words: ['a b']\n", "is no word" },
		{ "- words: [a]\n", "needs an id" },
		{ "- id: mine\n  phrase: [a]\n", "did you mean 'phrases'" },
		{ "- set: way\n  words: [a]\n- set: way\n  words: [b]\n", "stands twice" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct diags diags = { 0 };
		char *said = NULL;
		size_t size;
		FILE *to = open_memstream(&said, &size);
		struct catalogue *own = load_with(cases[i].text, &diags);

		diags_print(&diags, to);
		assert_int_equal(fclose(to), 0);
		if (cases[i].want == NULL)
			assert_non_null(own);
		else if (own != NULL || strstr(said, cases[i].want) == NULL)
			fail_msg("%s: '%s'", cases[i].text, said);
		free(said);
		catalogue_free(own);
		diags_done(&diags);
	}
}

/* Hostile lengths: many words, endless words, nothing but marks. */
static void
test_hostile(void **state)
{
	static const char *const pieces[] = { "blocked ", "a", "\xff", "<<<", "..", "@",
		"://", "\xe2\x80\x99t ", "1.2.3.4 ", ":", "\xc3", "[", "listed at " };
	char text[5000];

	(void)state;
	for (size_t p = 0; p < sizeof pieces / sizeof *pieces; p++) {
		size_t n = strlen(pieces[p]), used = 0;
		struct catalogue_answer a;

		while (used + n < sizeof text) {
			memcpy(text + used, pieces[p], n);
			used += n;
		}
		for (size_t len = 0; len <= used; len += len < 64 ? 1 : 509) {
			char *exact = malloc(len + 1);
			struct catalogue_question q = { .reply = { exact, len } };

			assert_non_null(exact);
			memcpy(exact, text, len);
			(void)catalogue_explain(cat, &q, &a);
			free(exact);
		}
	}
}

/* Codes by themselves. */
static void
test_codes(void **state)
{
	static const struct {
		const char *code, *want;
	} cases[] = {
		{ "S3140", "microsoft-s3140" },
		{ "s3150", "microsoft-s3150" },
		{ "microsoft-s3150", "microsoft-s3150" },
		{ "TSS04", "yahoo-tss04" },
		{ "AUP#CDRBL", "cox-cdrbl" },
		{ "5.7.606", "microsoft-5.7.606" },
		{ "5.7.649", "microsoft-5.7.606" },
		{ "5.7.511", "microsoft-5.7.511" },
		{ "5.1.1", NULL }, /* the registry's: nobody's own */
		{ "S31", NULL },
		{ "hello", NULL },
		{ "", NULL },
		{ "S3140 S3150", NULL },
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct catalogue_answer a;
		bool found = catalogue_explain_code(cat, str_of(cases[i].code), &a);

		assert_str(cases[i].code, a.code_id,
		    cases[i].want == NULL ? "" : cases[i].want);
		assert_int_equal(found, cases[i].want != NULL);
		assert_int_equal(a.confidence == CONFIDENCE_NONE, !found);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_replies),
		cmocka_unit_test(test_language),
		cmocka_unit_test(test_weight),
		cmocka_unit_test(test_faults),
		cmocka_unit_test(test_hostile),
		cmocka_unit_test(test_codes),
	};

	return cmocka_run_group_tests(tests, load_shipped, unload);
}
