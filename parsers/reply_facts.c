#include "parsers/reply_facts.h"

#include <arpa/inet.h>
#include <string.h>

#include "parsers/catalogue_impl.h"

enum { MAX_IP = 46 }; /* INET6_ADDRSTRLEN */

/* Does the run of characters without blanks that holds at belong to a link? */
static bool
is_in_url(struct str text, size_t at)
{
	size_t from = at;

	while (from > 0 && text.p[from - 1] != ' ')
		from--;
	return str_find(str_head(str_skip(text, from), at - from), STR("://")) >= 0;
}

static bool
is_ours_perhaps(struct str ip, struct str relay_ip)
{
	return !str_starts(ip, STR("127.")) && !str_starts(ip, STR("0.")) &&
	       !str_eq(ip, STR("::1")) && !str_eq(ip, STR("::")) &&
	       (relay_ip.n == 0 || !str_eq_nocase(ip, relay_ip));
}

/* May an address begin behind this character? */
static bool
begins_ip(struct str text, size_t at)
{
	char before = at == 0 ? ' ' : text.p[at - 1];

	if (before == '/')
		return is_in_url(text, at); /* else a version: "mailer/4.9.1.2" */
	return !is_alnum(before) && before != '.' && before != '-' && before != ':' &&
	       before != '_';
}

/* "IP:192.0.2.25" and "[a1:IP: ...": an address behind a colon. */
static bool
is_behind_label(struct str text, size_t at)
{
	return at > 1 && text.p[at - 1] == ':' && is_alnum(text.p[at - 2]) &&
	       !is_digit(text.p[at - 2]);
}

/* Where the run of characters without blanks that ends before `at` begins. */
static size_t
run_begin(struct str text, size_t at)
{
	while (at > 0 && text.p[at - 1] != ' ')
		at--;
	return at;
}

/*
 * The other side's own address: "relay=mx.example.org[203.0.113.10]:25" of a log line that
 * no rule took, "connect to NAME[203.0.113.10]", "lost connection with NAME[...]"; and the
 * number of the rule in "policy (3.2.1.1)", the resolver in "your DNS IP: ...".
 */
static bool
is_others(struct str text, size_t at)
{
	static const struct str before[] = { STR_INIT("to"), STR_INIT("with"),
		STR_INIT("host"), STR_INIT("policy"), STR_INIT("DNS") };
	size_t from = run_begin(text, at);
	bool named = at > from + 1 && text.p[at - 1] == '['; /* "NAME[" */
	size_t end = from > 0 ? from - 1 : 0, word = run_begin(text, end);
	struct str last = str_head(str_skip(text, word), end - word);

	if (str_starts(str_skip(text, from), STR("relay=")))
		return true;
	if (str_eq_nocase(last, STR("IP:")) && word > 0) {
		end = word - 1;
		word = run_begin(text, end);
		return str_ends_nocase(str_head(str_skip(text, word), end - word),
		    STR("DNS"));
	}
	for (size_t i = 0; i < sizeof before / sizeof *before; i++)
		if (str_eq_nocase(last, before[i]) && (named || i >= 3))
			return true;
	return false;
}

static size_t
ipv4_at(struct str s)
{
	size_t i = 0;

	for (int part = 0; part < 4; part++) {
		unsigned v = 0;
		size_t from = i;

		while (i < s.n && is_digit(s.p[i]) && i - from < 3)
			v = v * 10 + (unsigned)(s.p[i++] - '0');
		if (i == from || v > 255 || (i < s.n && is_digit(s.p[i])))
			return 0;
		if (part < 3 && (i >= s.n || s.p[i++] != '.'))
			return 0;
	}
	/* a longer number, or reversed under a list's domain */
	if (i < s.n && (is_alnum(s.p[i]) || s.p[i] == '-' || s.p[i] == '_' ||
			   (s.p[i] == '.' && i + 1 < s.n && is_alnum(s.p[i + 1]))))
		return 0;
	return i;
}

static size_t
ipv6_at(struct str s)
{
	char text[MAX_IP + 1];
	struct in6_addr ignored;
	size_t n = 0, colons = 0;

	for (; n < s.n && n < MAX_IP; n++) {
		char c = to_lower(s.p[n]);

		colons += c == ':';
		if (!is_digit(c) && c != ':' && c != '.' && !(c >= 'a' && c <= 'f'))
			break;
	}
	while (n > 0 &&
	       (s.p[n - 1] == '.' || (s.p[n - 1] == ':' && n > 1 && s.p[n - 2] != ':')))
		n--;
	if (colons < 2 || n == 0 || (n < s.n && is_alnum(s.p[n])))
		return 0;
	memcpy(text, s.p, n);
	text[n] = '\0';
	return inet_pton(AF_INET6, text, &ignored) == 1 ? n : 0;
}

static struct str
find_ip(struct str text, struct str relay_ip)
{
	for (size_t i = 0; i < text.n; i++) {
		char c = to_lower(text.p[i]);
		bool hex = is_digit(c) || c == ':' || (c >= 'a' && c <= 'f');

		if (!hex || !(begins_ip(text, i) || is_behind_label(text, i)) ||
		    is_others(text, i))
			continue;
		struct str rest = str_skip(text, i);
		size_t n = is_digit(c) ? ipv4_at(rest) : 0;

		if (n == 0)
			n = ipv6_at(rest);
		if (n > 0 && is_ours_perhaps(str_head(rest, n), relay_ip))
			return str_head(rest, n);
	}
	return (struct str){ NULL, 0 };
}

struct str
reply_ip(struct str reply, struct str relay_ip)
{
	return find_ip(reply_innermost(str_head(reply, CATALOGUE_MAX_REPLY)), relay_ip);
}

static bool
is_host_char(char c)
{
	return is_alnum(c) || c == '.' || c == '-' || c == '_';
}

/* The name that begins s, if it is one with a dot and a letter. */
static struct str
host_at(struct str s)
{
	size_t n = 0;
	bool dot = false, letter = false;

	while (n < s.n && is_host_char(s.p[n])) {
		dot = dot || (s.p[n] == '.' && n > 0);
		letter = letter || (is_alnum(s.p[n]) && !is_digit(s.p[n]));
		n++;
	}
	while (n > 0 && s.p[n - 1] == '.')
		n--;
	return dot && letter && n <= CATALOGUE_MAX_HOST ? str_head(s, n)
							: (struct str){ NULL, 0 };
}

struct str
reply_host(struct str reply)
{
	struct str none = { NULL, 0 }, found = none;

	reply = str_head(reply, CATALOGUE_MAX_REPLY);
	/* "host mx.example.org[192.0.2.1] said:", "host mx.example.org [192.0.2.1]: 550" */
	for (struct str rest = reply; rest.n > 5; rest = str_skip(rest, 1)) {
		if (!str_eq_nocase(str_head(rest, 5), STR("host ")) ||
		    (rest.p != reply.p && is_alnum(rest.p[-1])))
			continue;
		struct str host = host_at(str_skip(rest, 5));
		struct str after = str_skip(rest, 5 + host.n);

		if (host.n > 0 &&
		    (str_starts(after, STR("[")) || str_starts(after, STR(" [")) ||
			str_starts(after, STR(" said")) ||
			str_starts(after, STR(" refused"))))
			found = host;
	}
	if (found.n > 0)
		return found;
	/* "... [AM6EUR05HT060.eop-eur05.prod.protection.outlook.com 2026-11-01T...]" */
	for (struct str rest = reply; rest.n > 1; rest = str_skip(rest, 1))
		if (rest.p[0] == '[') {
			struct str host = host_at(str_skip(rest, 1));

			if (str_ends_nocase(host, STR(".outlook.com")) ||
			    str_ends_nocase(host, STR(".exchangelabs.com")))
				return host;
		}
	return none;
}

void
reply_codes(struct str reply, int64_t *smtp_code_out, struct str *status_out)
{
	uint32_t smtp_code = 0;
	status_number status = 0, again;
	struct str inner = str_trim(reply_innermost(str_head(reply, CATALOGUE_MAX_REPLY)));

	(void)reply_head(inner, &smtp_code, &status);
	*smtp_code_out = smtp_code;
	*status_out = (struct str){ NULL, 0 };
	for (size_t i = 0; status != 0 && i < inner.n; i++) {
		size_t n = status_read(str_skip(inner, i), &again);

		if (n > 0 && again == status) {
			*status_out = str_head(str_skip(inner, i), n);
			return;
		}
	}
}

/* RFC 3463, 3 and the registry "SMTP Enhanced Status Codes", in own words. */
static const char *const details[8][31] = {
	{ "nothing more is said" },
	{ "something about an address", "the mailbox of the recipient does not exist",
	    "the recipient's domain does not exist or takes no mail",
	    "the recipient's address is malformed", "the address fits several recipients",
	    "the recipient's address is valid", "the mailbox has moved",
	    "the sender's address is malformed",
	    "the sender's domain does not exist or takes no mail",
	    "handed on to a system that reports nothing",
	    "the recipient's domain takes no mail (null MX)" },
	{ "something about the mailbox", "the mailbox is disabled and takes no messages",
	    "the mailbox is full", "the message is longer than the mailbox may take",
	    "the mailing list could not be expanded" },
	{ "something about the mail system", "the mail system's disk is full",
	    "the system takes no messages at present",
	    "the system lacks a feature that was asked for",
	    "the message is too big for the system", "the system is not set up correctly",
	    "the priority that was asked for was changed" },
	{ "something about the network or routing", "the host did not answer",
	    "the connection broke down", "a directory (DNS) could not be asked",
	    "no route to the recipient's host", "the mail system is congested",
	    "the message goes round in a loop", "the message waited for too long" },
	{ "something about the mail protocol", "the command is not valid here",
	    "the command has a syntax error", "too many recipients",
	    "an argument of the command is not valid", "the wrong version of the protocol",
	    "a line of the login is too long" },
	{ "something about the message's form", "the form of content is not supported",
	    "the content must be converted, and that is forbidden",
	    "the content must be converted, and that is not possible",
	    "the content was converted with loss", "converting the content failed",
	    "the content is not available",
	    "addresses with letters beyond ASCII are not taken",
	    "the reply would need UTF-8", "the header needs UTF-8, and that is not taken",
	    "converting the message to ASCII failed" },
	{ "something about security or policy", "not authorised, or refused by a rule",
	    "sending to this mailing list is not allowed",
	    "a secure form of the message was asked for and cannot be made",
	    "a security feature is not supported", "cryptography failed",
	    "a cryptographic algorithm is not supported",
	    "the message was changed on its way", "the login is not valid",
	    "the way of login is too weak", "encryption is needed",
	    "the way of login needs encryption", "the password must be changed first",
	    "the account is disabled", "the server does not trust the submitting host",
	    "the priority is too low for now", "the message is too big for its priority",
	    "the mailbox has another owner now", "the domain has another owner now",
	    "since when the mailbox has its owner is unknown",
	    "no DKIM signature that verifies", "no DKIM signature that is acceptable",
	    "no DKIM signature of the author's domain", "SPF failed",
	    "the SPF record has an error", "the reverse DNS lookup failed",
	    "several checks of authentication failed", "the sender's domain has a null MX",
	    "too much mail at once (a mail flood)", "the ARC seals do not verify",
	    "encryption all the way (REQUIRETLS) is not "
	    "possible" },
};

struct status_words
status_words(struct str status)
{
	struct status_words words = { NULL, NULL };
	status_number v = 0;

	if (status.n == 0 || status_read(status, &v) != status.n)
		return words;
	words.class = v >> 20 == 4 ? "temporary" : "permanent";

	uint32_t subject = v >> 10 & 0x3ff, detail = v & 0x3ff;

	if (subject < 8 && detail < 31)
		words.detail = details[subject][detail];
	if (words.detail == NULL && subject < 8)
		words.detail = details[subject][0];
	return words;
}
