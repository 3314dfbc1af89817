/*
 * fields - "Name: value" lines of headers and of machine-readable reports
 *
 * Purpose    Walks over the fields of RFC 5322, 2.2, as RFC 3464, 2.1 uses them in groups
 *            parted by blank lines. Folded lines are joined by one blank; lines that are
 *            no fields are passed over.
 * Ownership  Names are views into the text; a value lives in the walker until the next
 *            field. fields_done() frees.
 * Limits     REPORT_FIELD_BYTES of a value, the rest is cut off.
 */
#ifndef INGEST_FIELDS_H
#define INGEST_FIELDS_H

#include "core/buf.h"

struct fields {
	struct str rest; /* the caller sets it to the text, all else to 0 */
	struct str name, value;
	bool begins_group; /* a blank line, or nothing, stood before it */
	bool was_blank;
	struct buf joined;
};

bool fields_next(struct fields *f);
void fields_done(struct fields *f);

/* Does a line begin a field? Gives its name, n 0 if not. */
struct str field_name_of(struct str line);

/* The first field of that name: its value put into *out. p is NULL if there is none. */
struct str fields_find(struct str text, struct str name, struct buf *out);

/* What stands before the first blank line, and what behind it. */
struct str header_of(struct str message, struct str *body_out);

/* The first run of characters that are no blanks. */
struct str first_word(struct str s);

#endif
