/*
 * words - names and domains out of reports, as the events hold them
 *
 * Ownership  Views into the text, or into the caller's store, which also cuts them.
 */
#ifndef INGEST_WORDS_H
#define INGEST_WORDS_H

#include "core/str.h"

/* ASCII letters in lower case. */
struct str words_lower(struct str text, char *store, size_t size);
/* A company's name as one word of a log line: "Google Inc." becomes "Google-Inc.". */
struct str words_name(struct str text, char *store, size_t size);
/* Of "ann@example.org", "<ann@example.org>", "example.org.": example.org. */
struct str words_domain(struct str text);

#endif
