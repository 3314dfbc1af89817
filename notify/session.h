/*
 * session - one SMTP session with one relay, by libcurl
 *
 * Purpose    smtp:// with STARTTLS (required unless told otherwise) and smtps://, AUTH,
 *            one message. Certificates and host names are checked always. Nothing comes
 *            from the environment: no proxy, no .netrc.
 * Ownership  All is the caller's; session_done() releases what the session keeps. The
 *            secret is looked at; libcurl makes copies of its own, which it frees.
 * Results    As in channel.h, the reason in *err begins with "host:port: ".
 * Limits     The call ends within timeout_us and a second; the answer to QUIT is waited for
 *            two seconds at most. No password and no token goes over a connection without
 *            TLS, whatever the settings are.
 * Threads    Any, each with its own session.
 */
#ifndef NOTIFY_SESSION_H
#define NOTIFY_SESSION_H

#include <curl/curl.h>

#include "notify/dialogue.h"
#include "notify/relay.h"
#include "notify/secret.h"

enum login_way {
	LOGIN_NONE,
	LOGIN_PASSWORD,  /* AUTH PLAIN, LOGIN: the server sees the password */
	LOGIN_CHALLENGE, /* SCRAM, CRAM-MD5: it does not */
	LOGIN_TOKEN,     /* OAUTHBEARER, XOAUTH2 */
};

struct session {
	/* Set by the caller. */
	const struct relay_settings *relay;
	const char *url;
	const struct relay_mail *mail;
	enum login_way way;
	const struct secret *secret;
	int64_t timeout_us;
	/* What came of it. */
	struct dialogue dialogue;
	bool
	    login_failed; /* the server did not like how we logged in, or that we did not */
	bool uncertain;   /* failed, but the server may have taken the message */
	/* Its own. */
	CURL *curl;
	CURLU *place_url;
	struct curl_slist *recipients;
	struct str unsent;                     /* of the message */
	struct buf place;                      /* host:port, for error texts */
	struct buf scratch;                    /* NUL-terminated copies for libcurl */
	struct secret forms[DIALOGUE_HIDDEN];  /* in which the secret may come back */
	int64_t deadline_us, parting_until_us; /* on the monotonic clock */
	bool is_smtps;
	bool needs_tls;  /* no TLS, no mail */
	bool needs_utf8; /* SMTPUTF8 (RFC 6531) */
	bool lacks_utf8; /* given up: it is not offered */
	char why[CURL_ERROR_SIZE];
};

enum send_result session_run(struct session *session, struct err *err);
void session_done(struct session *session);
/* SCRAM and CRAM-MD5, as far as this libcurl has them; NULL-terminated. */
const char *const *session_challenges(void);

/* Of session_words.c: why it failed, for people; which result that is. */
enum send_result session_judge(struct session *session, CURLcode code, struct buf *out);

#endif
