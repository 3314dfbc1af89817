/*
 * buf - bytes that grow
 *
 * Purpose    Where text is put together: JSON, messages, SQL keys.
 * Ownership  The caller owns the struct and frees its bytes with buf_done().
 * Errors     Without memory the buffer keeps what it has, drops what follows
 *            and says so in `failed`: check once, at the end.
 */
#ifndef CORE_BUF_H
#define CORE_BUF_H

#include "core/str.h"

struct buf {
	char *p;
	size_t n, cap;
	bool failed;
};

bool buf_reserve(struct buf *b, size_t more); /* room for `more` bytes after n */
void buf_add(struct buf *b, struct str s);
void buf_add_char(struct buf *b, char c);
void buf_add_int(struct buf *b, int64_t v);
__attribute__((format(printf, 2, 3))) void buf_addf(struct buf *b, const char *fmt, ...);
struct str buf_str(const struct buf *b); /* until the next change */
const char *buf_cstr(struct buf *b);     /* NUL-terminated, until the next change */
void buf_clear(struct buf *b);           /* empty, memory kept */
void buf_done(struct buf *b);

#endif
