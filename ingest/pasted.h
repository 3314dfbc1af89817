/*
 * pasted - the returned message at the end of a bounce's text
 *
 * Purpose    Servers without MIME paste the message, or its header, behind their own words.
 *            What a stranger wrote there must not be read as the server's.
 * Ownership  Views into the text.
 */
#ifndef INGEST_PASTED_H
#define INGEST_PASTED_H

#include "core/str.h"

struct pasted {
	struct str text;     /* up to the returned message */
	struct str returned; /* its header and what follows; n 0: none */
};

struct pasted pasted_split(struct str text);

/* Fields of RFC 3464 that stand in the text: from the first to the end; n 0: none. */
struct str pasted_status(struct str text);

#endif
