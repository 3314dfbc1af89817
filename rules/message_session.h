/*
 * message_session - logins, clients and failures that lines tell apart from their message
 *
 * Purpose    OpenSMTPD names neither client nor login in a message's lines, the session's
 *            do; nor which message a bounce is about: the one of that sender that failed
 *            lately. sendmail tells a login by process, before the message.
 *            For rules/message_context.h.
 * Ownership  The struct is the caller's, its notes made and freed by it. Texts set in
 *            events are views into them, until the next change.
 * Limits     As rules/notes.h; of a client's name 48 bytes.
 */
#ifndef RULES_MESSAGE_SESSION_H
#define RULES_MESSAGE_SESSION_H

#include "rules/message_table.h"
#include "rules/notes.h"

enum {
	MESSAGE_SESSIONS = 4096, /* OpenSMTPD's last ones, sendmail's logins */
	MESSAGE_FAILURES = 1024, /* OpenSMTPD's senders whose mail failed lately */

	MESSAGE_LOGIN_S = 3600,       /* sendmail: from login to message, one process */
	MESSAGE_BOUNCE_S = 120,       /* OpenSMTPD: from failure to bounce */
	MESSAGE_WARNED_S = 5 * 86400, /* OpenSMTPD: from deferral to delay notice */
};

struct message_sessions {
	struct notes *sessions; /* MESSAGE_SESSIONS */
	struct notes *failures; /* MESSAGE_FAILURES */
};

/* "smtp connected": of the lines of an OpenSMTPD session that one tells the client, and
 * nothing else. */
static inline bool
message_session_begins(const struct event *ev)
{
	return event_has(ev, EVF_session_id) && !event_has(ev, EVF_text) &&
	       !event_has(ev, EVF_reply) &&
	       (event_has(ev, EVF_relay_ip) || event_has(ev, EVF_relay_name));
}

/* RFC 1122, 3.2.1.3 and RFC 4291, 2.5.3; IPv6 also uncompressed, as sendmail writes it. */
bool is_loopback_client(struct str ip);

/* host: a hash, in all of these. message_session_begins(). */
void message_session_on_connection(struct message_sessions *ms, const struct event *ev,
    uint32_t host);
/* OpenSMTPD, sendmail: somebody logged in. */
void message_session_on_auth(struct message_sessions *ms, const struct event *ev,
    uint32_t host);
/* sendmail: sets the login of the process that took the message, if it is the same client's. */
void message_session_login(const struct message_sessions *ms, struct event *ev,
    uint32_t host);
/* OpenSMTPD: sets client and login where they are missing. */
enum event_origin message_session_origin(struct message_sessions *ms, struct event *ev,
    uint32_t host);

/* OpenSMTPD: an attempt; keeps what failed, for good or for now. */
void message_session_failed(struct message_sessions *ms, const struct event *ev,
    uint32_t host);
/* The queue id of the message that a bounce to that sender is about, put into id. p is NULL
 * if none is known. */
struct str message_session_bounced(struct message_sessions *ms, struct str sender,
    uint32_t host, int64_t now_us, char id[MESSAGE_QUEUE_ID_BYTES]);

#endif
