/*
 * kept - what the desk remembers between two starts
 *
 * Purpose    The place in each host's stream, the mail that was not seen yet and what was
 *            held back in the quiet, in $XDG_STATE_HOME/mailwarden/desktop.json; written
 *            whole, by a new file in its place.
 * Ownership  Text is copied.
 * Errors     A file that cannot be read or understood is like none, with a word in *err; it is kept as
 *            desktop.json.bad.
 */
#ifndef DESKTOP_KEPT_H
#define DESKTOP_KEPT_H

#include <glib.h>

#include "core/err.h"
#include "desktop/inbox.h"

struct kept;

char *kept_path(void); /* by g_free() */
/* Never NULL; *err is "" if nothing was wrong. The inbox is filled. */
struct kept *kept_load(const char *path, struct inbox *inbox, struct err *err);
void kept_free(struct kept *kept);

/* "" and 0 for a host that was never listened to. */
const char *kept_place(const struct kept *kept, const char *host, int64_t *at_us_out);
void kept_set_place(struct kept *kept, const char *host, const char *place, int64_t at_us);
/* A set of keys that are the caller's to choose, add and remove, of what is not told yet. */
GHashTable *kept_held(const struct kept *kept);
/* Writes if anything differs from what was written last. */
int kept_save(struct kept *kept, const struct inbox *inbox, struct err *err);

#endif
