/*
 * split - bytes to lines
 *
 * Purpose    Cuts a stream that comes in pieces into lines, without a copy:
 *            the bytes are read right into the batch, and only the beginning
 *            of a line whose end is still to come is carried to the next one.
 * Ownership  The caller's struct, emptied by splitter_done(). Lines are views
 *            into the batch.
 * Limits     A line keeps LINE_MAX_BYTES, the rest of it is skipped, so memory
 *            does not grow with the line.
 * Errors     -ENOMEM; the splitter then stands where it stood before.
 */
#ifndef WATCHER_SPLIT_H
#define WATCHER_SPLIT_H

#include "watcher/reader.h"

struct splitter {
	char *carry;      /* owned: beginning of the line that is not complete yet */
	size_t ncarry;    /* LINE_MAX_BYTES and one more: it may be the CR of CRLF */
	uint64_t line_at; /* offset where that line begins */
	uint64_t next_at; /* offset of the next byte that is fed */
};

int splitter_init(struct splitter *s, uint64_t offset);
void splitter_done(struct splitter *s);

/* Empties the batch; up to so many bytes may then be written to *room_out. */
int splitter_begin(struct splitter *s, struct line_batch *batch, size_t bytes,
    char **room_out);
/* So many bytes were written there: the batch gets the lines that are complete. */
int splitter_feed(struct splitter *s, struct line_batch *batch, size_t n);
/* Nothing more will come: the batch gets the last line, if it had no newline. */
int splitter_finish(struct splitter *s, struct line_batch *batch);

/* The raw bytes right before line i of the batch (i == n: behind the last one), as
 * far as the batch holds them, at most max. */
struct str splitter_before(const struct splitter *s, const struct line_batch *batch,
    size_t i, size_t max);
/* Offset of line i, for i == n of what comes next. */
uint64_t splitter_offset(const struct splitter *s, const struct line_batch *batch,
    size_t i);

/* Room for one more line. */
int line_batch_grow(struct line_batch *batch);

#endif
