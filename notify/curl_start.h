/*
 * curl_start - libcurl, as all of mailwarden uses it
 *
 * Purpose    curl_start() is called by main() before it starts threads. libcurl copies passwords, tokens and
 *            secret addresses into memory of its own, and frees it as it is: here each piece
 *            is overwritten before it goes, so that a core dump or a later bug has less to
 *            tell.
 * Errors     False: libcurl cannot be used.
 */
#ifndef NOTIFY_CURL_START_H
#define NOTIFY_CURL_START_H

#include <curl/curl.h>
#include <stdbool.h>
#include <stdint.h>

bool curl_start(void);

enum { CURL_CONNECT_S = 30 };

enum curl_protocols {
	CURL_OF_MAIL, /* smtp and smtps */
	CURL_OF_WEB,  /* http and https */
};

/*
 * What holds for each exchange: TLS 1.2 or newer with the certificate and its name checked,
 * against ca_file in place of the system's authorities if that is not NULL; no proxy and no
 * .netrc, whatever the environment says; an end after timeout_us, also of looking a name up.
 * Texts and `why` (CURL_ERROR_SIZE bytes) are the caller's and outlive the handle.
 */
void curl_guard(CURL *curl, enum curl_protocols protocols, const char *ca_file,
    int64_t timeout_us, char *why);

#endif
