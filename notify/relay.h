/*
 * relay - mail through an SMTP relay, by libcurl
 *
 * Purpose    smtp:// with STARTTLS (required unless told otherwise) and smtps://,
 *            AUTH PLAIN or LOGIN, certificates and host names checked always.
 *            Nothing from the environment: no proxy, no .netrc.
 * Ownership  Settings and secrets are the caller's; the password is read from its
 *            file for each send and wiped after it (libcurl frees its own copy).
 * Results    SEND_ACCEPTED once the relay took the message for at least one recipient.
 *            If it refused others *err names them, with the relay's words; otherwise
 *            err->text is empty. One dead address thus never keeps the others from
 *            hearing, and nobody is mailed over and over because another's box is full.
 *            SEND_REFUSED for a 5xx to MAIL, to every RCPT, or to the message.
 *            SEND_RETRY for all the rest: settings, DNS, TLS, login, 4xx. A connection
 *            lost after the message was handed over is one of these: the relay may have
 *            taken it, and the repeat bears the same Message-ID.
 * Limits     RELAY_CONNECT_S to connect, timeout_s for the whole exchange.
 * Threads    One at a time per process (libcurl's global state is set up here).
 */
#ifndef NOTIFY_RELAY_H
#define NOTIFY_RELAY_H

#include "notify/channel.h"

enum { RELAY_CONNECT_S = 30, RELAY_TIMEOUT_S = 60 };

/* message: RFC 5322 text with CRLF; sender and recipients: bare addresses. */
enum send_result relay_send(const struct relay_settings *relay, struct str sender,
    const struct str *recipients, size_t nrecipients, struct str message, struct err *err);

#endif
