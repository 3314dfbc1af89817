/*
 * reader - the lines of one finished input, from first to last
 *
 * Purpose    Files (also .gz .xz .zst .bz2, told by content), standard input:
 *            for parse and replay, and for history that a cursor still needs.
 *            Gives batches of whole lines; a last line without newline counts.
 * Ownership  The caller owns the reader and its batches; lines are views into
 *            the batch until it is filled again or freed. A batch may be handed
 *            to another thread while the reader fills the next one.
 * Limits     Lines past LINE_MAX_BYTES are cut and flagged. A batch holds about
 *            READER_BATCH_BYTES.
 */
#ifndef WATCHER_READER_H
#define WATCHER_READER_H

#include "core/err.h"
#include "core/line.h"

enum { READER_BATCH_BYTES = 512 * 1024 };

struct reader;

struct line_batch {
	struct line *lines; /* owned by the batch */
	size_t n, cap;
	char *bytes; /* owned by the batch: what the lines look into */
	size_t nbytes, bytes_cap;
};

/* path "-" is standard input. from_offset skips that many (decompressed) bytes. */
int reader_open(const char *path, uint64_t from_offset, struct reader **reader_out,
    struct err *err);
void reader_close(struct reader *reader); /* NULL is fine */

/* 1: the batch has lines; 0: end of input; negative errno with the reason in *err. */
int reader_next(struct reader *reader, struct line_batch *batch, struct err *err);

/* For a progress bar: bytes read from the disk, and the file's size (0: unknown). */
uint64_t reader_done_bytes(const struct reader *reader);
uint64_t reader_size_bytes(const struct reader *reader);
/* Last modification of the file, seconds since 1970; 0 for a pipe. */
int64_t reader_mtime_s(const struct reader *reader);

void line_batch_done(struct line_batch *batch);

#endif
