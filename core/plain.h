/*
 * plain - strangers' text made safe to look at
 *
 * Purpose    Log text and remote replies on their way to a person: what can be read
 *            stays, what could steer a terminal, end a line or turn text around is
 *            shown by its number.
 * Ownership  Writes into the caller's buffers; no text is kept.
 * Limits     The result is valid UTF-8 of printable characters on one line. A
 *            backslash stays as it is: the text is for reading, not for reading back.
 */
#ifndef CORE_PLAIN_H
#define CORE_PLAIN_H

#include "core/buf.h"

struct plain_char {
	size_t n;      /* bytes of it; 0: not well-formed UTF-8 (RFC 3629, 4) */
	uint32_t code; /* the code point */
};

/* The character at the beginning of s, which is not empty. */
struct plain_char plain_char_at(struct str s);

/* Controls (C0, DEL, C1), line separators, bidi overrides and what has no shape. */
bool plain_is_hidden(uint32_t code);

/* Hidden characters as \xNN or \uNNNN, bytes that are not UTF-8 as \xNN. */
void plain_add(struct buf *out, struct str text);

/* The same, at most max bytes: what is left out is told by "...". */
void plain_add_cut(struct buf *out, struct str text, size_t max);

/* key=value with a blank before it; the value quoted where it must be. */
void plain_add_pair(struct buf *out, const char *key, struct str value);

#endif
