/*
 * line - one log line as it came from its source
 *
 * Purpose    What watcher/ hands to parsers/: the bytes, where they stood, and,
 *            from a journal, the header fields that stand beside the text.
 * Ownership  Views into the batch that carries the line.
 */
#ifndef CORE_LINE_H
#define CORE_LINE_H

#include "core/str.h"

enum { LINE_MAX_BYTES = 64 * 1024 }; /* longer lines are cut and flagged */

struct line {
	struct str text; /* without the newline; may hold any byte */
	int64_t
	    offset; /* where it begins in its source, bytes (decompressed); -1: journal */
	bool truncated;  /* cut at LINE_MAX_BYTES */
	bool has_fields; /* from a journal: text is MESSAGE and the fields below count */
	int64_t time_us;
	struct str host, ident, pid, cursor; /* cursor: the journal's, may be empty */
};

#endif
