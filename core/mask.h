/*
 * mask - addresses made unrecognisable, but still the same everywhere
 *
 * Purpose    Log lines and replies that are shown to others: the part of an address
 *            before the @ becomes "user-3f2a", a hash of it, so that two lines about
 *            one person still can be told to be about one. Also of message ids, of
 *            addresses in links (%40), and of the logins in sasl_username=, ctladdr=,
 *            user=, and addresses without a domain in to=<> and from=<>.
 * Ownership  Appends to the caller's buffer; nothing is kept.
 * Limits     A disguise, no secrecy: who knows the address can check that it is meant.
 */
#ifndef CORE_MASK_H
#define CORE_MASK_H

#include "core/buf.h"

void mask_add(struct buf *out, struct str text);

#endif
