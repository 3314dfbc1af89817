/*
 * mail - a message as Internet mail
 *
 * Purpose    RFC 5322 text with CRLF: From, To, Subject (RFC 2047 where needed), Date,
 *            Message-ID, In-Reply-To and References (all that is told of an incident
 *            stands in one thread, whose root is <INCIDENT@DOMAIN> and is never sent),
 *            Auto-Submitted: auto-generated (RFC 3834), and X-Mailwarden-Severity,
 *            -Notice, -Host, -Rule, -Incident for people's filters. With HTML it is
 *            multipart/alternative (RFC 2046, 5.1.4), text first and format=flowed (RFC
 *            3676): a paragraph is a line of the body; with images the HTML is the root of
 *            a multipart/related (RFC 2387) in it, named by Content-ID (RFC 2392). Without, the body goes out as it
 *            is, as 7bit if it is ASCII in lines of at most MAIL_LINE_BYTES, else as
 *            quoted-printable (RFC 2045, 6.7).
 * Ownership  Writes into the caller's buffer; nothing is kept.
 * Limits     No header can be injected: values lose CR, LF and other control characters,
 *            bytes that are no UTF-8 become '?', and end behind MAIL_VALUE_BYTES; ids keep
 *            the characters of a dot-atom (RFC 5322, 3.2.3). Lines stay under 998 bytes
 *            (RFC 5322, 2.1.1). Addresses lose blanks and angle brackets, so quoted local
 *            parts with blanks are not for us; one longer than MAIL_ADDRESS_BYTES is left
 *            out of the header. An address that is not ASCII stands there in UTF-8 (RFC
 *            6532): send such a mail with SMTPUTF8.
 */
#ifndef NOTIFY_MAIL_H
#define NOTIFY_MAIL_H

#include "core/buf.h"

struct message;
struct message_image;
struct mail_settings;

enum {
	MAIL_LINE_BYTES = 998,    /* without CRLF (RFC 5322, 2.1.1) */
	MAIL_ADDRESS_BYTES = 320, /* 64 @ 255 (RFC 5321, 4.5.3.1) */
	MAIL_VALUE_BYTES = 4000,  /* of a header's value */
	MAIL_THREADS = 20,        /* of one mail */
};

/* A header field more; left out if the value is empty. */
struct mail_field {
	struct str name, value;
};

struct mail {
	struct str from, subject; /* from: address, or "Name <address>" */
	struct str body, html;    /* html: empty if there is none */
	bool fixed; /* its lines stay as they are: tables, not format=flowed */
	const struct message_image *images; /* that html names by cid: */
	size_t nimages;
	const struct str *to;
	size_t nto;
	struct str id;             /* left side of Message-ID */
	const struct str *threads; /* left sides of References; the first: In-Reply-To */
	size_t nthreads;
	struct str domain; /* right side of all of them */
	const struct mail_field *fields;
	size_t nfields;
	int64_t date_us;
	int offset_min;
};

/* Body lines end in \n; out->failed tells that memory ran out. */
void mail_render(const struct mail *mail, struct buf *out);

/*
 * A message as mail: what RELAY and sendmail hand over. From, To and the domain of the ids
 * are those of the settings; out->failed tells that memory ran out. It is the same, byte by
 * byte, each time for the same message and settings.
 */
void mail_render_message(const struct message *message,
    const struct mail_settings *settings, struct buf *out);
bool mail_is_ascii(struct str text);

/* The envelope sender: a bare address, a view into the settings. */
struct str mail_sender(const struct mail_settings *settings);
/* "Name <a@b>" or "a@b" as a@b. */
struct str mail_address(struct str mailbox);
/* "Sat, 21 Nov 2026 02:41:17 +0000" (RFC 5322, 3.3): machines and people read it. */
void mail_date(struct buf *out, int64_t at_us, int offset_min);

#endif
