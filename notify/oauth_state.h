/*
 * oauth_state - what is kept of a token server's answers, on disk
 *
 * Purpose    oauth-CHANNEL.json in the state folder: one JSON object on one line. Whether
 *            the settings or the refresh token that a person wrote have changed is told by
 *            a salted hash (HMAC-SHA-256): the file holds no more than it must.
 * Ownership  The caller's struct, emptied by oauth_state_done().
 * Errors     Negative errno, the reason in *err: -ENOENT no file yet, -EPERM others can
 *            read it, -EBADMSG it is not what we wrote.
 */
#ifndef NOTIFY_OAUTH_STATE_H
#define NOTIFY_OAUTH_STATE_H

#include "notify/secret.h"

enum { OAUTH_HASH_BYTES = 65 }; /* in hexadecimal, with its NUL */

struct oauth_state {
	struct secret access;
	int64_t got_s, until_s; /* since 1970; the access token is for the time between */
	struct secret refresh;  /* that the server gave in place of the original; or none */
	char salt[OAUTH_HASH_BYTES];
	char original[OAUTH_HASH_BYTES]; /* of the refresh token that a person wrote */
	char settings[OAUTH_HASH_BYTES];
};

void oauth_state_done(struct oauth_state *state);
int oauth_state_load(const char *path, struct oauth_state *state, struct err *err);
int oauth_state_save(const char *path, const struct oauth_state *state, struct err *err);

/* A new salt, if there is none. */
int oauth_state_salt(struct oauth_state *state);
/* Salted; out has OAUTH_HASH_BYTES. */
void oauth_state_hash(const struct oauth_state *state, struct str text, char *out);

/*
 * Replaces a file as a whole: a new one beside it, fsync, rename. It gets the owner and the
 * rights of the one before, which nobody else may read; 0600 if there was none.
 */
int oauth_replace_file(const char *path, struct str text, struct err *err);

#endif
