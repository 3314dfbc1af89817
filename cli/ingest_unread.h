/*
 * ingest_unread - the Maildir of what could not be read
 *
 * Purpose    Messages from the pipe that are none of the reports, or break a limit: kept in
 *            unread/ beside the store, where a person may look at them with a mail program.
 * Ownership  The caller's buffers.
 * Limits     UNREAD_MESSAGES, UNREAD_BYTES.
 * Errors     -EDQUOT: full; or another negative errno. Nothing was kept then.
 */
#ifndef CLI_INGEST_UNREAD_H
#define CLI_INGEST_UNREAD_H

#include "core/buf.h"
#include "core/err.h"

enum { UNREAD_MESSAGES = 1000, UNREAD_BYTES = 256 * 1024 * 1024 };

struct unread_kept {
	struct buf id;   /* 16 hex digits of its SHA-256: also its name */
	struct buf path; /* of the file */
};

/*
 * On the disk when it returns. rest_fd: what follows message, read to its end; -1: nothing.
 * The same message again takes the place of the first. folder: the store's.
 */
int unread_keep(const char *folder, struct str message, int rest_fd,
    struct unread_kept *out, struct err *err);
void unread_kept_done(struct unread_kept *kept);

#endif
