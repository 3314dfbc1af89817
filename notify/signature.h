/*
 * signature - proof that a webhook's body is ours
 *
 * Purpose    The header X-Mailwarden-Signature: t=TIME,v1=HEX, where TIME is the time of
 *            sending in seconds since 1970 (UTC), and HEX is HMAC-SHA256 (RFC 2104) in lower
 *            case, with the secret as key, of TIME in digits, a dot, and the body as sent.
 *            Who receives it computes the same, compares in constant time, and refuses what
 *            is older than five minutes or so: a stolen request can't be sent again later.
 * Errors     -ENOMEM, or -EIO if libcrypto fails.
 */
#ifndef NOTIFY_SIGNATURE_H
#define NOTIFY_SIGNATURE_H

#include "core/buf.h"

/* Adds "X-Mailwarden-Signature: t=...,v1=..." to out. */
int signature_add(struct buf *out, struct str secret, int64_t time_s, struct str body);

#endif
