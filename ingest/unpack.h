/*
 * unpack - the first file in a zip or gzip
 *
 * Errors     -E2BIG: more than REPORT_UNPACKED_BYTES come out; -EBADMSG: damaged, a
 *            password is wanted, or nothing is in it.
 */
#ifndef INGEST_UNPACK_H
#define INGEST_UNPACK_H

#include "core/buf.h"
#include "core/err.h"

/* What is not compressed is taken as it is. */
int unpack(struct str packed, struct buf *out, struct err *err);

#endif
