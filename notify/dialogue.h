/*
 * dialogue - what an SMTP server answered, and to which command
 *
 * Purpose    Follows an SMTP session (RFC 5321) from outside and keeps the server's last
 *            words, so that an error can quote them, each refused recipient, what the
 *            server offers, and the queue id under which it took the message.
 * Ownership  The caller's struct, emptied by dialogue_done(). Recipients and hidden texts
 *            are looked at while the session lasts.
 * Limits     Of what we send only the verb is looked at and nothing is kept: no credential
 *            can end up here. Should the server repeat one, it is not shown: neither the
 *            texts in `hidden`, nor during the login any long run of base64.
 *            Of a reply DIALOGUE_REPLY_BYTES are kept, of refusals DIALOGUE_REFUSED_BYTES,
 *            shown as in core/plain.h.
 */
#ifndef NOTIFY_DIALOGUE_H
#define NOTIFY_DIALOGUE_H

#include "core/buf.h"

enum {
	DIALOGUE_REPLY_BYTES = 280,
	DIALOGUE_REFUSED_BYTES = 400,
	DIALOGUE_OFFER_BYTES = 500,
	DIALOGUE_CHALLENGE_BYTES = 2000,
	DIALOGUE_HIDDEN = 4,
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
	struct str hidden[DIALOGUE_HIDDEN]; /* never shown; empty ones are fine */
	enum dialogue_phase phase;
	size_t asked;          /* RCPT commands sent */
	size_t rcpt_taken;     /* answered 2xx */
	size_t rcpt_transient; /* answered 4xx */
	size_t rcpt_refused;   /* answered 5xx */
	bool auth_tried;
	bool offers_smtputf8;  /* in the last answer to EHLO (RFC 6531, 3.2) */
	bool secured;          /* STARTTLS was answered by 220 */
	bool parting;          /* QUIT was sent: nothing counts any more */
	int code;              /* of the last reply, 0: none in this phase */
	bool reply_ended;      /* its last line was seen: the next line begins another */
	struct buf reply;      /* all lines of it, in one */
	struct buf refused;    /* "<address>: reply", separated by "; " */
	struct buf mechanisms; /* " PLAIN LOGIN ", as offered by the last answer to EHLO */
	struct buf challenge;  /* of the last 334 that said something (RFC 4954, 4) */
};

void dialogue_done(struct dialogue *dialogue);
/* A line that was sent, with or without CRLF. */
void dialogue_sent(struct dialogue *dialogue, struct str line);
/* A line of a reply (RFC 5321, 4.2.1). */
void dialogue_received(struct dialogue *dialogue, struct str line);
/* "RCPT TO", for people. */
const char *dialogue_phase_name(enum dialogue_phase phase);
/* Does the server offer AUTH by this mechanism? */
bool dialogue_offers_auth(const struct dialogue *dialogue, const char *mechanism);
/* The id in the words with which a server took a message: "2.0.0 Ok: queued as 4bXk". */
struct str dialogue_queue_id(struct str words);

#endif
