/*
 * bounce_text - a bounce message read in a simple way
 *
 * Purpose    Finds the fields of RFC 3464 (one group a recipient) and, for bounces that
 *            have none, the paragraphs that people are meant to read. A scanner of
 *            lines: it does not take MIME apart, but undoes folding and
 *            quoted-printable (RFC 2045, 6.7).
 * Ownership  Texts handed to the callback live until it returns.
 * Limits     BOUNCE_FIELD_BYTES of a field or paragraph, the rest is cut off.
 * Errors     -ENOMEM.
 */
#ifndef PARSERS_BOUNCE_TEXT_H
#define PARSERS_BOUNCE_TEXT_H

#include "core/str.h"

enum { BOUNCE_FIELD_BYTES = 4096 };

/* What one group tells; p is NULL where it does not. */
struct bounce_recipient {
	struct str recipient; /* final, else original; without type and <> */
	struct str action;    /* "failed", ... as written */
	struct str status;
	struct str reply; /* Diagnostic-Code without its type */
	struct str relay_name;
};

/* Does it look like a message, not like replies or log lines? */
bool bounce_is_message(struct str text);

typedef void bounce_recipient_fn(void *ctx, const struct bounce_recipient *r);
/* Each group that names a recipient or a diagnostic code; how many, or -errno. */
int bounce_each_recipient(struct str text, bounce_recipient_fn *fn, void *ctx);

typedef void bounce_paragraph_fn(void *ctx, struct str paragraph);
/* Paragraphs before the returned message begins, their lines joined by blanks. */
int bounce_each_paragraph(struct str text, bounce_paragraph_fn *fn, void *ctx);

#endif
