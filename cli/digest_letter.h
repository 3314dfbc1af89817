/*
 * digest_letter - a digest as a file, or on its way to the outbox
 *
 * Purpose    Draws the plots, puts them into the HTML (as data: URLs in a file, as cid: URLs
 *            (RFC 2392) in a mail), and adds the notice with all its parts to the store.
 * Ownership  Writes into the caller's buffers.
 * Limits     DIGEST_LETTER_BYTES of a mail; plots that would make it larger are left out,
 *            the last first.
 * Errors     Negative errno with a reason.
 */
#ifndef CLI_DIGEST_LETTER_H
#define CLI_DIGEST_LETTER_H

#include "report/digest.h"

enum { DIGEST_LETTER_BYTES = 290 * 1000 }; /* as it is sent: images in base64 */

int digest_letter_html(const struct digest *digest, struct buf *out, struct err *err);
/* The id of its notice: the same for the same host and span. again: another one. */
void digest_letter_id(const struct digest *digest, bool again, struct buf *out);
/* 1: it waits to be sent; 0: it waits already, or was sent. In a batch of its own: what is
 * slow to draw does not keep the watcher from writing. */
int digest_letter_post(struct store *store, const struct digest *digest, struct str id,
    struct err *err);

#endif
