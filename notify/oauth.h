/*
 * oauth - an access token from a refresh token (RFC 6749, 6)
 *
 * Purpose    Keeps what the token server gave for as long as it is good, and asks again
 *            before it is over, or once a relay has refused it.
 * Keeping    oauth-CHANNEL.json in the state folder, mode 0600, replaced as a whole: access
 *            token and expiry, and a refresh token that the server gave in place of ours.
 *            Such a one goes into the refresh token's own file where that is a plain file
 *            that we may replace; where not (a credential, a program, a folder of root's),
 *            the state folder keeps it, and it wins until the original changes. Two
 *            processes take turns by a lock.
 * Ownership  Settings are the caller's and outlive it. Each secret is read when it is
 *            needed and wiped after that.
 * Results    SEND_ACCEPTED: *token is set. SEND_LOGIN: a person must do what *err says.
 *            SEND_RETRY: the token server cannot be reached, is in trouble, or says what is
 *            no answer.
 * Limits     The call ends within the timeout. The server's answer counts up to
 *            HTTP_REPLY_BYTES, its error texts up to OAUTH_QUOTE_BYTES.
 */
#ifndef NOTIFY_OAUTH_H
#define NOTIFY_OAUTH_H

#include "notify/channel.h"
#include "notify/secret.h"

enum {
	OAUTH_QUOTE_BYTES = 200,
	OAUTH_MARGIN_S = 60,     /* a token is not used in its last minute */
	OAUTH_UNKNOWN_S = 300,   /* if the server does not say how long it is good */
	OAUTH_LONGEST_S = 86400, /* a longer life is not believed */
};

struct oauth;

struct oauth_wish {
	const struct secret *refused; /* a token that a relay did not take; NULL: none */
	int64_t now_us;               /* of the wall clock */
	int64_t timeout_us;
};

struct oauth_answer {
	bool was_cached; /* the token is not from just now */
	int64_t retry_after_us;
	char warning[200]; /* the token is good, but something could not be saved */
};

int oauth_open(const struct oauth_settings *settings, const char *state_dir,
    const char *channel, struct oauth **out, struct err *err);
enum send_result oauth_token(struct oauth *oauth, const struct oauth_wish *wish,
    struct secret *token, struct oauth_answer *answer, struct err *err);
void oauth_close(struct oauth *oauth); /* NULL is fine */

#endif
