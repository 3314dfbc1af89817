/*
 * secret - a password or token, for as long as it is needed
 *
 * Purpose    Reads one line from a file that nobody else can read, from systemd's
 *            credentials (LoadCredential=), or from a program's output.
 * Ownership  The caller's struct, zeroed before its first use; secret_done() overwrites
 *            and frees what it holds, and is fine on an empty one. The text lies in pages
 *            of its own that are kept out of swap, core dumps and children where the
 *            system allows it. No error text ever holds a byte of it.
 * Limits     SECRET_MAX_BYTES, one line: a line end is not part of it. A program has
 *            SECRET_PROGRAM_S.
 * Errors     -EPERM: others can read or write the file; -EINVAL: empty, too long, not one
 *            line, not a file; -EIO: the program failed; -ENOENT and the like from open().
 *            The reason is in *err, with what helps. A person must mend each of them.
 */
#ifndef NOTIFY_SECRET_H
#define NOTIFY_SECRET_H

#include "core/buf.h"
#include "core/err.h"
#include "notify/settings.h"

enum {
	SECRET_MAX_BYTES = 16383, /* access tokens are a few thousand bytes */
	SECRET_PROGRAM_S = 20,
};

struct secret {
	char *text; /* NUL-terminated, NULL: none */
	size_t n;
};

bool secret_is_set(const struct secret_source *source);
/* what: "password", "refresh token", for error texts. */
int secret_read(const struct secret_source *source, const char *what, struct secret *out,
    struct err *err);
/* A copy; the former one is wiped. -ENOMEM, or -EINVAL if it is too long. */
int secret_set(struct secret *secret, struct str text);
struct str secret_str(const struct secret *secret);
void secret_done(struct secret *secret);

/* Where it comes from, for people: "/etc/x", "credential relay", "the program pass". */
void secret_place(const struct secret_source *source, struct buf *out);
/* A server's words may repeat what it was sent: each occurrence becomes "[hidden]". */
void secret_hide(struct buf *text, struct str hidden);
/* buf_done() for bytes that held a secret. */
void secret_wipe(struct buf *b);

#endif
