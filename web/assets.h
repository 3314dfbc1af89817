/*
 * assets - the page's files
 *
 * Purpose    What stands in the page's folder, read once at the start and served from memory:
 *            no path of a client's ever reaches the file system.
 * Ownership  assets_done() frees.
 * Limits     ASSETS files of ASSET_BYTES: *.html, *.js, *.css, *.svg with plain names.
 * Errors     A file that cannot be read is not served; without index.html there is no page.
 */
#ifndef WEB_ASSETS_H
#define WEB_ASSETS_H

#include "core/buf.h"

enum { ASSET_BYTES = 1 << 20, ASSETS = 32 };

struct asset {
	char path[64];    /* as asked for: "/", "/page.js" */
	const char *type; /* Content-Type */
	struct str text;
};

struct assets {
	struct asset items[ASSETS];
	size_t n;
};

void assets_load(struct assets *out, const char *folder);
void assets_done(struct assets *assets);
/* The asset of that path; of "/" without a page a text that says why. NULL: none. */
const struct asset *assets_find(const struct assets *assets, struct str path);

#endif
