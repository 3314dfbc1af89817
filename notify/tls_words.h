/*
 * tls_words - why TLS failed, in words that help
 *
 * Purpose    For relays and web servers: libcurl passes on what OpenSSL or GnuTLS says, which
 *            names neither cause nor cure.
 * Ownership  Adds to the caller's buffer.
 */
#ifndef NOTIFY_TLS_WORDS_H
#define NOTIFY_TLS_WORDS_H

#include "core/buf.h"

enum { TLS_WORDS_BYTES = 300 }; /* of what is not known, quoted */

/* theirs: libcurl's error text; plain: what to say of a port that does not speak TLS. */
void tls_words_add(struct buf *out, const char *theirs, const char *plain);

#endif
