/*
 * dsn_text - what the part for people adds to the fields
 *
 * Purpose    OpenSMTPD writes the remote reply there and nowhere else
 *            ("ann@example.org: 550 5.7.1 ..."); sendmail's Diagnostic-Code has the first
 *            line of a reply, its transcript ("<<< 550-...") has all.
 * Ownership  Text is put into the caller's buffer.
 */
#ifndef INGEST_DSN_TEXT_H
#define INGEST_DSN_TEXT_H

#include "core/buf.h"

/* What the text says of a recipient: "ADDRESS: reply", "<ADDRESS>: reply" with the indented
 * lines that follow, "<ADDRESS>" and then "(reason: reply)", "<ADDRESS>... reply". n 0:
 * nothing. */
struct str dsn_text_reply(struct str text, struct str recipient, struct buf *out);

/*
 * Who said it: of the hosts that sendmail's transcript talks to ("... while talking to
 * mx.example.org.:", deliver.c) the one whose reply ("<<< 550 ...") begins like this.
 */
struct str dsn_text_relay(struct str text, struct str reply);

/* Only numbers, or "Error 1", "250 OK": no word of three letters, and no code as S3140. */
bool dsn_says_nothing(struct str reply);

/* A reply that goes on ("550-5.7.26 ...") with the rest that the transcript has. */
struct str dsn_text_complete(struct str text, struct str reply, struct buf *out);

#endif
