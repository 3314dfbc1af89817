/*
 * prescan - is taking this message apart worth the time and memory it costs?
 *
 * Purpose    GMime keeps an object for each field and part, and compares each line that
 *            begins with "--" with all boundaries around it. One pass over the bytes
 *            refuses what would cost out of proportion; nothing is decoded.
 * Limits     REPORT_MESSAGE_BYTES, REPORT_PARTS, and those in prescan.c.
 * Errors     -E2BIG with the limit.
 */
#ifndef INGEST_PRESCAN_H
#define INGEST_PRESCAN_H

#include "core/err.h"
#include "core/str.h"

int prescan(struct str message, struct err *err);

#endif
