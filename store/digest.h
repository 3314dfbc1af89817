/*
 * digest - digests on their way
 *
 * Purpose    A digest is made once, when it is to be sent, and told by each channel as often
 *            as it takes: its parts stay beside its notice (NOTICE_DIGEST) in the outbox, and
 *            go with it: a month after it was sent, or made. The notifier draws nothing.
 *            Parts: "subject" and "brief" in plain text for any channel, "text" and "html" of
 *            the mail, and images as "IMAGE@...": that is their Content-ID, which `html`
 *            names.
 * Ownership  Text handed out lives until the callback returns.
 * Limits     DIGEST_STORED_BYTES for all parts; DIGEST_PARTS of them.
 * Errors     As in store.h; -E2BIG over the limits.
 */
#ifndef STORE_DIGEST_H
#define STORE_DIGEST_H

#include "store/store.h"

enum {
	DIGEST_PARTS = 16,
	DIGEST_STORED_BYTES = 1024 * 1024,
};

struct digest_part {
	struct str name, body;
};

/*
 * The notice and its parts; 1: they are new, 0: one of that id is waiting or was sent, and
 * stays as it is. Within a batch of the caller's.
 */
int store_add_digest(struct store *store, struct str id, int64_t now_us,
    const struct digest_part *parts, size_t n, struct err *err);
typedef int store_part_fn(void *ctx, const struct digest_part *part);
/* In the order in which they were given. */
int store_each_part(struct store *store, struct str id, store_part_fn *fn, void *ctx,
    struct err *err);

#endif
