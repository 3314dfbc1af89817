/*
 * sheet - what a digest is written on: plain text or HTML
 *
 * Purpose    report/telling.h says what is told, in order; a sheet writes it down. As there is
 *            one telling, both say the same.
 * Ownership  Writes into the caller's buffer and keeps no text.
 * Limits     All text that a sheet is given is safe to look at already (core/plain.h) and in
 *            one line; HTML has only to escape it. Plain text is at most SHEET_COLUMNS wide,
 *            words that are longer are cut into lines; but for links, and for a table whose
 *            numbers are beyond a billion. HTML needs nothing from elsewhere, no script, and
 *            no style sheet to be read: mail programs drop what they do not know.
 */
#ifndef REPORT_SHEET_H
#define REPORT_SHEET_H

#include "core/buf.h"

enum {
	SHEET_COLUMNS = 76,
	SHEET_CELLS = 8, /* of a row */
};

enum sheet_tone {
	SHEET_PLAIN,
	SHEET_GOOD,
	SHEET_INFO,
	SHEET_WARNING,
	SHEET_CRITICAL,
};

/* What was written last: what follows is set off from it. */
enum sheet_block {
	SHEET_NOTHING,
	SHEET_VERDICT,
	SHEET_HEADING,
	SHEET_PARAGRAPH,
	SHEET_ENTRY,
	SHEET_DETAIL,
	SHEET_ITEM,
	SHEET_COMMAND,
	SHEET_TABLE,
	SHEET_PLOT,
	SHEET_NOTE,
};

/* The first column stands left, the others right. */
struct sheet_table {
	const char *caption; /* for who cannot see it */
	const char *heads[SHEET_CELLS];
	size_t ncells;
	struct str (*cells)[SHEET_CELLS];
	size_t nrows;
};

struct sheet;

struct sheet_type {
	void (*begin)(struct sheet *sheet, struct str title);
	void (*end)(struct sheet *sheet);
	void (*verdict)(struct sheet *sheet, enum sheet_tone tone, struct str text);
	void (*heading)(struct sheet *sheet, struct str text);
	/* `words` in backticks are commands or settings. */
	void (*paragraph)(struct sheet *sheet, struct str text);
	/* "critical", "Mail from mx1 is refused": one of several, and what belongs to it. */
	void (*entry)(struct sheet *sheet, enum sheet_tone tone, struct str word,
	    struct str text);
	void (*detail)(struct sheet *sheet, struct str text);
	void (*item)(struct sheet *sheet, struct str text); /* of a list below an entry */
	void (*command)(struct sheet *sheet, struct str text);
	void (*table)(struct sheet *sheet, const struct sheet_table *table);
	/* url: "cid:..." or "data:..."; alt: what the picture says. */
	void (*plot)(struct sheet *sheet, struct str url, int width, int height,
	    struct str alt);
	void (*note)(struct sheet *sheet, struct str text);
};

struct sheet {
	const struct sheet_type *type;
	struct buf *out;
	enum sheet_block last;
	bool open; /* HTML: an entry is not closed yet */
};

extern const struct sheet_type sheet_text, sheet_html;

/* Columns that a text takes in a terminal. */
size_t sheet_columns(struct str text);
void sheet_escape(struct buf *out, struct str text); /* for HTML */

#endif
