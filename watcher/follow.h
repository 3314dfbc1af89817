/*
 * follow - one log file, read from a place on while it grows
 *
 * Purpose    Gives the lines that are complete, and notices when what was read
 *            is no longer what the file holds (copytruncate), even if it has
 *            grown past our position again: every read takes the last bytes
 *            that we know once more, in the same system call and after it.
 * Ownership  follow_open() takes the descriptor, also when it fails.
 * Limits     A change is seen by the last MARK_TAIL_BYTES: a file rewritten
 *            with the very same bytes in that place passes for unchanged.
 */
#ifndef WATCHER_FOLLOW_H
#define WATCHER_FOLLOW_H

#include "watcher/mark.h"
#include "watcher/reader.h"

struct follow;

enum follow_result {
	FOLLOW_END = 0, /* nothing more for now */
	FOLLOW_MORE,    /* the batch has lines, or a long line's part was read */
	FOLLOW_CHANGED, /* truncated or rewritten: what we know of it is void */
};

/* at: inode and place; with offset 0 a file that was not read yet. */
int follow_open(int fd, const char *name, const struct mark *at, struct follow **out,
    struct err *err);
void follow_close(struct follow *f); /* NULL is fine */

/* An enum follow_result or a negative errno; the batch's lines live until the next. */
int follow_read(struct follow *f, struct line_batch *batch, struct err *err);
/* Plain files only: as if nothing had been read from the file's start. */
void follow_rewind(struct follow *f);
/* The file will not grow any more: a last line without newline is one. */
int follow_finish(struct follow *f, struct line_batch *batch, struct err *err);
/* Marks the place behind the first n lines of the last batch. */
void follow_mark(const struct follow *f, const struct line_batch *batch, size_t n,
    struct mark *mark_out);

bool follow_is_packed(const struct follow *f); /* compressed: it cannot grow */
bool follow_is(const struct follow *f, uint64_t dev, uint64_t ino);
int follow_fd(const struct follow *f); /* -1 if packed */

/* Where the last line that is complete in the first `size` bytes of a plain file
 * ends; size itself if a line is longer than LINE_MAX_BYTES. */
uint64_t follow_line_end(int fd, uint64_t size);

#endif
