/*
 * curl_start - libcurl, once for the process
 *
 * Purpose    Called by main() before it starts threads. libcurl copies passwords, tokens and
 *            secret addresses into memory of its own, and frees it as it is: here each piece
 *            is overwritten before it goes, so that a core dump or a later bug has less to
 *            tell.
 * Errors     False: libcurl cannot be used.
 */
#ifndef NOTIFY_CURL_START_H
#define NOTIFY_CURL_START_H

#include <stdbool.h>

bool curl_start(void);

#endif
