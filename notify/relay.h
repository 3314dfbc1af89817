/*
 * relay - mail through SMTP relays, in the order of the settings
 *
 * Purpose    Hands one message to the first relay that takes it. The next is tried when one
 *            cannot be reached, fails TLS, refuses the login, lacks what an address needs,
 *            or answers 4xx; a 5xx to the message itself counts for all.
 * Ownership  Settings and secrets are the caller's; the password is read for each send and
 *            wiped after it. oauth may be NULL: no OAuth.
 * Results    SEND_ACCEPTED once a relay took the message for at least one recipient.
 *            receipt->warning names the recipients it refused, with its words, and relays
 *            that failed before. One dead address thus never keeps the others from hearing,
 *            and nobody is mailed over and over because another's box is full.
 *            SEND_REFUSED for a 5xx to MAIL, to every RCPT, or to the message.
 *            SEND_LOGIN if what a person must mend stands in the way at one of the relays:
 *            a password, a token, the rights of a file.
 *            SEND_RETRY for all the rest: DNS, TLS, 4xx. A connection lost after the
 *            message was handed over is one of these, and receipt->uncertain: the relay may
 *            have taken it, and the repeat bears the same Message-ID.
 *            Otherwise *err tells each relay's fault shortly.
 * Limits     CURL_CONNECT_S to connect; the relay's timeout (0: RELAY_TIMEOUT_S) for all
 *            that is done for one relay, getting a token and a second try included.
 * Threads    Any, each with its own oauth. main() calls curl_start() before it starts threads.
 */
#ifndef NOTIFY_RELAY_H
#define NOTIFY_RELAY_H

#include "notify/channel.h"

struct oauth;

enum { RELAY_TIMEOUT_S = 60 };

/* Bare addresses, and RFC 5322 text with CRLF. */
struct relay_mail {
	struct str sender;
	const struct str *recipients;
	size_t nrecipients;
	struct str text;
};

enum send_result relay_deliver(const struct relay_settings *relay, struct oauth *oauth,
    const struct relay_mail *mail, struct receipt *receipt, struct err *err);

#endif
