/*
 * reply_facts - what else a refusal tells: whose address it names, who wrote it
 *
 * Purpose    A reply names the address that was refused ("which of ours is meant"), and
 *            what stands around it names the host that said it.
 * Ownership  Views into the text.
 */
#ifndef PARSERS_REPLY_FACTS_H
#define PARSERS_REPLY_FACTS_H

#include "core/str.h"

/*
 * The IPv4 or IPv6 address that the reply names as the refused one: of nested replies the
 * innermost's; never relay_ip (the remote host's own, or empty), a loopback address such
 * as the answer of a block list, a version number, or a name under a list's domain
 * (25.2.0.192.bl.example.net). p is NULL if it names none.
 */
struct str reply_ip(struct str reply, struct str relay_ip);

/* The host that said it: "host NAME[ip] said: ...", "(NAME: 550 ...)", or the name in
 * brackets that Microsoft puts at the end. p is NULL if nothing tells. */
struct str reply_host(struct str reply);

/* Code and enhanced status at the beginning of the innermost reply: 0, and p NULL, if
 * there is none. */
void reply_codes(struct str reply, int64_t *smtp_code_out, struct str *status_out);

/* What a status means by RFC 3463 and the registry of IANA: class, then detail, as in
 * "permanent: the mailbox is full". Empty if it is no status. */
struct status_words {
	const char *class, *detail;
};
struct status_words status_words(struct str status);

#endif
