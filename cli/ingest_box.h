/*
 * ingest_box - the messages of a file, a mailbox (mbox) or a Maildir
 *
 * Purpose    Walks over them, one at a time in memory. mbox: a line "From ADDRESS DATE" at
 *            the beginning or after an empty line starts a message, and a line of ">"s and
 *            "From " loses one ">" (mboxrd; mboxo has no more than one).
 * Ownership  A message lives until fn returns.
 * Limits     REPORT_MESSAGE_BYTES of a message; of a longer one the beginning, flagged.
 * Errors     Negative errno with a reason: the box cannot be read. What fn returns, if
 *            negative, ends the walk.
 */
#ifndef CLI_INGEST_BOX_H
#define CLI_INGEST_BOX_H

#include "core/err.h"
#include "core/str.h"

struct box_message {
	const char *name; /* path, and for an mbox ":" and its number from 1 */
	struct str bytes;
	bool too_long;
	uint64_t done; /* bytes of the box so far */
};
typedef int box_fn(void *ctx, const struct box_message *message);

int box_each(const char *path, box_fn *fn, void *ctx, struct err *err);
/* Bytes in it, about; 0 if nobody knows. */
uint64_t box_size(const char *path);

#endif
