/*
 * learnt - what the log told of others
 *
 * Purpose    Which provider takes the mail of a domain, as the message context learnt it
 *            (rules/context.h), for who does not watch.
 * Errors     As in store.h.
 */
#ifndef STORE_LEARNT_H
#define STORE_LEARNT_H

#include "store/store.h"

/* Adds the provider's id to *out, nothing if it is nobody's or not known. */
int learnt_provider(struct store *store, struct str domain, struct buf *out,
    struct err *err);

#endif
