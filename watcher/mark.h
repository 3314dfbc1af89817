/*
 * mark - a place in a log file that is found again after a rotation
 *
 * Purpose    The cursor of a followed file: which file (inode, and hashes of some
 *            of its bytes, which survive a copy and compression) and how far.
 * Source     None: the text is ours and opaque to everyone else.
 */
#ifndef WATCHER_MARK_H
#define WATCHER_MARK_H

#include "core/err.h"
#include "core/str.h"

enum {
	MARK_HEAD_BYTES = 256, /* of the file's beginning are hashed */
	MARK_TAIL_BYTES = 64,  /* right before the offset */
};

struct mark {
	uint64_t dev, ino; /* ino 0: no file yet */
	int64_t born_ns;   /* of the inode, whose number may be used again; 0: unknown */
	uint64_t offset;
	uint32_t head_n, tail_n; /* bytes hashed, never past the offset */
	uint64_t head_hash, tail_hash;
};

uint64_t mark_hash(struct str bytes); /* the same in all versions: it is stored */
void mark_print(const struct mark *mark, char *to, size_t size);
bool mark_parse(struct mark *mark, const char *text);

static inline bool
mark_is_set(const struct mark *mark)
{
	return mark->ino != 0;
}

/* Is the file with that inode still the one that the mark was made in? */
bool mark_is_inode(const struct mark *mark, uint64_t dev, uint64_t ino, int64_t born_ns);
int64_t mark_born_ns(int fd); /* 0 where the file system does not know */

/* Has the file (packed or not) the mark's bytes in their places? 1, 0, or a
 * negative errno. fd stays the caller's, but not its position. */
int mark_fits(const struct mark *mark, int fd, const char *name, struct err *err);

/* Marks the beginning of a file: offset 0, but its first bytes are hashed. */
int mark_beginning(struct mark *mark, int fd, const char *name, struct err *err);

#endif
