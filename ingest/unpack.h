/*
 * unpack - the first file in a zip or gzip
 *
 * Purpose    The attachments of reports, told by their first bytes and not by what the mail
 *            calls them: `application/zip` on a gzip is common.
 * Limits     REPORT_UNPACKED_BYTES come out at most, UNPACK_ENTRIES of a zip are looked at;
 *            memory is that of the output and a few windows of the decompressor.
 * Errors     -E2BIG: more than that comes out; -EBADMSG: damaged, a password is wanted,
 *            nothing is in it, an archive in an archive, or compressed in a way that no
 *            report may be (RFC 7489, 7.2.1.1: gzip, with zip from before; RFC 8460, 3).
 *            The buffer is empty after an error.
 */
#ifndef INGEST_UNPACK_H
#define INGEST_UNPACK_H

#include "core/buf.h"
#include "core/err.h"

enum {
	UNPACK_ENTRIES = 100,
};

/* What is not compressed is taken as it is. */
int unpack(struct str packed, struct buf *out, struct err *err);

#endif
