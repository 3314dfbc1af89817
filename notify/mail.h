/*
 * mail - a notice as an Internet message
 *
 * Purpose    RFC 5322 text with CRLF: From, To, Subject (RFC 2047 where needed),
 *            Date, Message-ID (the outbox id), References (the incident's thread),
 *            Auto-Submitted: auto-generated (RFC 3834), MIME text/plain UTF-8.
 * Limits     No header can be injected: header values lose CR, LF and other
 *            control characters; lines stay under 998 bytes (RFC 5322, 2.1.1).
 */
#ifndef NOTIFY_MAIL_H
#define NOTIFY_MAIL_H

#include "core/buf.h"

struct mail {
	struct str from, subject, body; /* from: address, or "Name <address>" */
	const struct str *to;
	size_t nto;
	struct str id;	   /* left side of Message-ID */
	struct str thread; /* left side of References, empty: none */
	struct str domain; /* right side of both */
	int64_t date_us;
	int offset_min;
};

void mail_render(const struct mail *mail, struct buf *out);
/* "Name <a@b>" or "a@b" as a@b. */
struct str mail_address(struct str mailbox);

#endif
