/*
 * secret - a password from a file, for as long as it is needed
 *
 * Purpose    Reads a password from systemd's credentials folder (LoadCredential=) or
 *            from a file that nobody else can read.
 * Ownership  The caller's struct; secret_done() overwrites it. Nothing else keeps a
 *            copy, and no error text ever holds a byte of it.
 * Limits     SECRET_MAX_BYTES, one line: a newline at the end is not part of it.
 * Errors     -EPERM: others can read the file; -EINVAL: empty, too long, not one line,
 *            not a file; -ENOENT and the like from open(). The reason is in *err, with
 *            what helps.
 */
#ifndef NOTIFY_SECRET_H
#define NOTIFY_SECRET_H

#include "core/err.h"

enum { SECRET_MAX_BYTES = 4096 };

struct secret {
	char text[SECRET_MAX_BYTES + 1]; /* NUL-terminated */
};

/* A file of mode 0600 or less. */
int secret_read_file(const char *path, struct secret *secret, struct err *err);
/* Below $CREDENTIALS_DIRECTORY, which the service manager guards by itself. */
int secret_read_credential(const char *name, struct secret *secret, struct err *err);
void secret_done(struct secret *secret);

#endif
