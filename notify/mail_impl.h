/*
 * mail_impl - header fields of a mail; seen by notify/mail*.c alone
 *
 * Limits     No field can hold CR, LF or other controls, whatever text it is given, nor a
 *            physical line over 998 bytes (RFC 5322, 2.1.1); of a value MAIL_VALUE_BYTES
 *            count.
 */
#ifndef NOTIFY_MAIL_IMPL_H
#define NOTIFY_MAIL_IMPL_H

#include "notify/mail.h"

void header_add_text(struct buf *out, struct str name, struct str text);
void header_add_from(struct buf *out, struct str mailbox);
void header_add_to(struct buf *out, const struct str *mailboxes, size_t n);
/* "Message-ID: <left@domain>"; of several ids all, each on a line. */
void header_add_ids(struct buf *out, struct str name, const struct str *left, size_t n,
    struct str domain);

/* The text as quoted-printable, lines that end in \n; never holds "=_" (RFC 2045, 6.7). */
void body_add_quoted(struct buf *out, struct str text);
/* Paragraphs, each a line, as lines of 72 columns that a reader may join again: format=flowed
 * (RFC 3676). Lines set in by two blanks stay as they are. */
void body_flow(struct buf *out, struct str text);
/* ASCII in lines that are short enough? */
bool body_is_7bit(struct str text);
void body_add_7bit(struct buf *out, struct str text);

#endif
