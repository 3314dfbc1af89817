/*
 * dialogue - what an SMTP server answered, and to which command
 *
 * Purpose    Follows an SMTP session (RFC 5321) from outside and keeps the server's
 *            last words, so that an error can quote them, and each refused recipient.
 * Ownership  The caller's struct, emptied by dialogue_done(). Recipients are looked
 *            at while the session lasts.
 * Limits     Of what we send only the verb is looked at and nothing is kept: no
 *            credential can end up here. Of a reply DIALOGUE_REPLY_BYTES are kept, of
 *            refusals DIALOGUE_REFUSED_BYTES, shown as in core/plain.h.
 */
#ifndef NOTIFY_DIALOGUE_H
#define NOTIFY_DIALOGUE_H

#include "core/buf.h"

enum {
	DIALOGUE_REPLY_BYTES = 280,
	DIALOGUE_REFUSED_BYTES = 400,
};

enum dialogue_phase {
	DIALOGUE_GREETING, /* connected or not, nothing sent */
	DIALOGUE_EHLO,
	DIALOGUE_STARTTLS,
	DIALOGUE_AUTH,
	DIALOGUE_MAIL,
	DIALOGUE_RCPT,
	DIALOGUE_DATA, /* DATA and the message itself */
};

struct dialogue {
	const struct str *recipients;
	size_t nrecipients;
	enum dialogue_phase phase;
	size_t asked;          /* RCPT commands sent */
	size_t rcpt_taken;     /* answered 2xx */
	size_t rcpt_transient; /* answered 4xx */
	size_t rcpt_refused;   /* answered 5xx */
	bool auth_tried;
	bool parting;       /* QUIT was sent: nothing counts any more */
	int code;           /* of the last reply, 0: none in this phase */
	bool reply_ended;   /* its last line was seen: the next line begins another */
	struct buf reply;   /* all lines of it, in one */
	struct buf refused; /* "<address>: reply", separated by "; " */
};

void dialogue_done(struct dialogue *dialogue);
/* A line that was sent, with or without CRLF. */
void dialogue_sent(struct dialogue *dialogue, struct str line);
/* A line of a reply (RFC 5321, 4.2.1). */
void dialogue_received(struct dialogue *dialogue, struct str line);
/* "RCPT TO", for people. */
const char *dialogue_phase_name(enum dialogue_phase phase);

#endif
