/*
 * base64 - the alphabet that SASL writes its lines in (RFC 4648, 4)
 *
 * Ownership  Writes into the caller's buffers.
 */
#ifndef NOTIFY_BASE64_H
#define NOTIFY_BASE64_H

#include "core/buf.h"

void base64_encode(struct buf *out, struct str bytes);
/* Stops at what is not of the alphabet, as at the padding; true if anything came out. */
bool base64_decode(struct buf *out, struct str text);
bool base64_is_letter(char c); /* of the alphabet, or padding */

#endif
