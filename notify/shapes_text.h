/*
 * shapes_text - text for services that read markup in it
 *
 * Purpose    Puts safe text (core/plain.h) into a message of a chat service so that it says
 *            what it said: no link, emphasis, mention or entity comes out of it. What is too
 *            long ends in "...", between two characters.
 * Ownership  Writes into the caller's buffer.
 */
#ifndef NOTIFY_SHAPES_TEXT_H
#define NOTIFY_SHAPES_TEXT_H

#include "core/buf.h"

enum shape_markup {
	MARKUP_NONE,       /* the service shows text as it is */
	MARKUP_HTML,       /* escaped; mentions are broken */
	MARKUP_LINE,       /* one line between Markdown: markup is broken */
	MARKUP_SLACK_LINE, /* the same, and & < > escaped */
	MARKUP_CODE,       /* inside of a Markdown code block */
	MARKUP_SLACK_CODE, /* the same, and & < > escaped */
};

enum shape_measure {
	MEASURE_BYTES, /* of what is written */
	MEASURE_UTF16, /* code units of what is written */
	MEASURE_SHOWN, /* the same, but an HTML entity counts one */
};

/* At most max of the measure, the "..." among them. */
void shape_add_text(struct buf *out, struct str text, enum shape_markup markup,
    enum shape_measure measure, size_t max);

/* Code units of UTF-16: what many services mean by characters. */
size_t shape_utf16(struct str text);

/* For one segment of a path (RFC 3986, 3.3): all but unreserved characters by number. */
void shape_add_segment(struct buf *out, struct str text);

#endif
