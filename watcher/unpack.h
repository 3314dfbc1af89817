/*
 * unpack - decompression in a thread of its own
 *
 * Purpose    Turns .gz .xz .zst .bz2 into plain bytes while the caller works on
 *            those it already has. By libarchive, several members one after the
 *            other included.
 * Ownership  The caller owns it; the descriptor stays the caller's and must stay
 *            open until unpack_close().
 * Limits     Two slots of UNPACK_SLOT_BYTES.
 * Threads    One of its own, with all signals blocked; the functions are for
 *            one caller at a time.
 */
#ifndef WATCHER_UNPACK_H
#define WATCHER_UNPACK_H

#include <sys/types.h>

#include "core/err.h"
#include "core/str.h"

enum {
	UNPACK_SLOT_BYTES = 256 * 1024,
	UNPACK_MAGIC_BYTES = 6,
};

struct unpack;

/* Do these first bytes of a file belong to a format that we unpack? */
bool unpack_is_packed(struct str magic);

/* peeked: first bytes that were already taken from fd. */
int unpack_open(int fd, struct str peeked, struct unpack **unpack_out, struct err *err);
/* Bytes read, 0 at the end, or a negative errno with the reason. */
ssize_t unpack_read(struct unpack *u, const char *name, char *to, size_t n,
    struct err *err);
uint64_t unpack_done_bytes(const struct unpack *u); /* compressed ones */
void unpack_close(struct unpack *u);                /* NULL is fine */

#endif
