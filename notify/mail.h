/*
 * mail - a notice as an Internet message
 *
 * Purpose    RFC 5322 text with CRLF: From, To, Subject (RFC 2047 where needed),
 *            Date, Message-ID (the outbox id), References and In-Reply-To (the
 *            incident's thread), Auto-Submitted: auto-generated (RFC 3834), MIME
 *            text/plain UTF-8. The body goes out as 7bit if it is ASCII in lines of
 *            at most MAIL_LINE_BYTES, as quoted-printable (RFC 2045, 6.7) if not.
 * Ownership  Writes into the caller's buffer; nothing is kept.
 * Limits     No header can be injected: header values lose CR, LF and other control
 *            characters, bytes that are no UTF-8 become '?'; ids keep the characters
 *            of a dot-atom (RFC 5322, 3.2.3). Lines stay under 998 bytes (RFC 5322,
 *            2.1.1). Addresses lose blanks and angle brackets, so quoted local parts
 *            with blanks are not for us; one longer than MAIL_ADDRESS_BYTES is left
 *            out of the header.
 */
#ifndef NOTIFY_MAIL_H
#define NOTIFY_MAIL_H

#include "core/buf.h"

enum {
	MAIL_LINE_BYTES = 998,    /* without CRLF (RFC 5322, 2.1.1) */
	MAIL_ADDRESS_BYTES = 320, /* 64 @ 255 (RFC 5321, 4.5.3.1) */
};

struct mail {
	struct str from, subject, body; /* from: address, or "Name <address>" */
	const struct str *to;
	size_t nto;
	struct str id;     /* left side of Message-ID */
	struct str thread; /* left side of References, empty or equal to id: none */
	struct str domain; /* right side of both */
	int64_t date_us;
	int offset_min;
};

/* Body lines end in \n; out->failed tells that memory ran out. */
void mail_render(const struct mail *mail, struct buf *out);
/* "Name <a@b>" or "a@b" as a@b. */
struct str mail_address(struct str mailbox);
/* "Sat, 21 Nov 2026 02:41:17 +0000" (RFC 5322, 3.3): machines and people read it. */
void mail_date(struct buf *out, int64_t at_us, int offset_min);

#endif
