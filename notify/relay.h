/*
 * relay - mail through an SMTP relay, by libcurl
 *
 * Purpose    smtp:// with STARTTLS (required unless told otherwise) and smtps://,
 *            AUTH PLAIN or LOGIN, certificates checked by default.
 * Ownership  Settings and secrets are the caller's; the password is read from its
 *            file for each send and wiped after it.
 */
#ifndef NOTIFY_RELAY_H
#define NOTIFY_RELAY_H

#include "notify/channel.h"

enum relay_tls {
	RELAY_TLS_REQUIRED, /* STARTTLS or smtps, or nothing is sent */
	RELAY_TLS_TRY,
	RELAY_TLS_OFF, /* for a relay on this machine */
};

struct relay_settings {
	char *url;	     /* smtp://host:587, smtps://host:465 */
	char *user;	     /* NULL: no AUTH */
	char *password_file; /* refused if others can read it; NULL: none */
	char *credential;    /* name below $CREDENTIALS_DIRECTORY; NULL: none */
	char *ca_file;	     /* NULL: the system's */
	char *helo;	     /* NULL: the machine's name */
	enum relay_tls tls;
	long timeout_s; /* for the whole exchange, 0: 60 */
};

enum send_result relay_send(const struct relay_settings *relay, struct str sender,
    const struct str *recipients, size_t nrecipients, struct str message, struct err *err);

#endif
