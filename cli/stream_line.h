/*
 * stream_line - one record of the stream as a line for people or programs
 *
 * Purpose    What `events` prints.
 * Limits     The line for people is cut to a width, with "..." at its end; strangers' text
 *            in it is safe to look at (core/plain.h).
 */
#ifndef CLI_STREAM_LINE_H
#define CLI_STREAM_LINE_H

#include "store/stream.h"

struct stream_look {
	size_t width; /* columns */
	bool colour;
};

/* With the newline. The record needs its fields (stream_filter.with_fields). */
void stream_line_text(const struct stream_record *record, const struct stream_look *look,
    struct buf *out);
/* One JSON object and the newline. */
void stream_line_json(const struct stream_record *record, struct buf *out);
/* An incident that is open when the stream begins; the line has no id. */
void stream_line_open(const struct incident *incident, struct buf *out);
/* Behind those: so many were open, and from that place the stream goes on. */
void stream_line_ready(const struct stream_place *place, int64_t incidents, int64_t now_us,
    struct buf *out);
/* Whether a watcher works on the store: at the beginning, and when that changes. */
void stream_line_watcher(bool runs, int64_t now_us, struct buf *out);

#endif
