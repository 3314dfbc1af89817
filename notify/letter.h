/*
 * letter - a message as mail, ready for a relay or for sendmail
 *
 * Purpose    Text and envelope from a channel's settings. Domains of other letters go out
 *            in their ASCII form (IDNA, RFC 5891) in the header as in the envelope: only an
 *            address that is not ASCII before its @ then needs SMTPUTF8 (RFC 6531).
 * Ownership  The caller's struct, zeroed before its first use, emptied by letter_done().
 *            Views look into it.
 * Errors     -ENOMEM, -EINVAL (nobody to send to), the reason in *err.
 */
#ifndef NOTIFY_LETTER_H
#define NOTIFY_LETTER_H

#include "notify/channel.h"
#include "notify/mail.h"

struct letter {
	struct buf text;   /* RFC 5322, with CRLF */
	struct str sender; /* bare addresses */
	struct str *recipients;
	size_t nrecipients;
	struct mail_settings settings; /* with domains in ASCII */
};

int letter_write(const struct channel *channel, const struct message *message,
    struct letter *letter, struct err *err);
void letter_done(struct letter *letter);

#endif
