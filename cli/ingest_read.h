/*
 * ingest_read - one message from a descriptor
 *
 * Purpose    What a mail server hands over, or a file holds: read into memory up to
 *            REPORT_MESSAGE_BYTES; what is longer is told, and can be copied from there.
 * Ownership  The caller's buffer.
 */
#ifndef CLI_INGEST_READ_H
#define CLI_INGEST_READ_H

#include "core/buf.h"
#include "core/err.h"

/* 1: all of it; 0: longer, and its first part is in the buffer; or a negative errno. */
int ingest_read_fd(int fd, const char *name, struct buf *out, struct err *err);
int ingest_read_file(const char *path, struct buf *out, struct err *err);

/* Without the line that some mail servers put before a message ("From ann@example.org Fri
 * Nov 21 ..."), which is no header field. */
struct str ingest_message(struct str bytes);

#endif
