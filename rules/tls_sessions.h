/*
 * tls_sessions - in which TLS session a message went or came
 *
 * Purpose    Servers tell of TLS by session, apart from their messages: Postfix and sendmail
 *            by process and peer, OpenSMTPD by session id. A delivery to another host and a
 *            message from one get `tls_version` and, if the certificate was good,
 *            `tls_verify: verified`, of the session before it:
 *            Postfix    the process's TLS line ("established" or "reused") about the peer,
 *                       for one message: each connection has its line. Told by tlsproxy,
 *                       which is another process: the last to that peer.
 *            sendmail   the process's STARTTLS line about the peer; connections are kept,
 *                       so it holds for all messages that follow.
 *            OpenSMTPD  the session's lines.
 *            A line of the same session that tells of a failed handshake, or of its end,
 *            undoes it. Where the server does not log TLS nothing is known.
 * Ownership  The caller frees with tls_sessions_free(). Texts set in events are constants.
 * Memory     Not kept over a restart: what was under way then counts as plain.
 * Limits     TLS_SESSIONS sessions, the oldest of a set of TLS_WAYS goes first; each is
 *            forgotten TLS_FRESH_S after it was used last. No text is kept: keys are 64-bit
 *            hashes.
 */
#ifndef RULES_TLS_SESSIONS_H
#define RULES_TLS_SESSIONS_H

#include "core/event.h"

enum {
	TLS_SESSIONS = 8192,
	TLS_WAYS = 4,
	TLS_FRESH_S = 3600,
};

struct tls_sessions;

struct tls_sessions *tls_sessions_new(void); /* NULL without memory */
void tls_sessions_free(struct tls_sessions *ts);

/* Is the result of a check of certificates a good one? The servers' words, lower case. */
bool tls_is_verified(struct str verify);

/* Learns from the event, or completes it. Cheap for all others. */
void tls_sessions_apply(struct tls_sessions *ts, struct event *ev);

#endif
