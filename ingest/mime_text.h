/*
 * mime_text - text of any charset as UTF-8 with \n line ends
 *
 * Purpose    What a part for people says, as the rules see it. Bytes that the charset
 *            does not have become '?'; an unknown charset, or none, is taken as UTF-8 if it
 *            is that, else as ISO-8859-1.
 */
#ifndef INGEST_MIME_TEXT_H
#define INGEST_MIME_TEXT_H

#include "core/buf.h"

/* Opens converters while files still can be opened; they are kept for later. */
void mime_text_init(void);

/* charset may be empty. At most max bytes are read of it. */
void mime_text_add(struct buf *out, struct str bytes, struct str charset, size_t max);

/* HTML as plain text: no tags, scripts or styles; the usual entities. */
void mime_text_add_html(struct buf *out, struct str html);

#endif
