/*
 * web_cache - answers that several ask for, until the store changes
 *
 * Purpose    Sums over a year take a tenth of a second, and six pages that are open ask for
 *            the same ones: they are made once. What was kept is never older than the store.
 * Ownership  The caller's struct, zeroed at first; web_cache_done() frees.
 * Limits     WEB_CACHED answers of WEB_CACHED_BYTES; larger ones are not kept.
 */
#ifndef CLI_WEB_CACHE_H
#define CLI_WEB_CACHE_H

#include "core/buf.h"
#include "store/figures.h"
#include "store/store.h"

enum { WEB_CACHED = 16, WEB_CACHED_BYTES = 64 * 1024 };

struct web_cache_key {
	enum figure_line line;     /* LINE_COUNT: the figures */
	int64_t from_us, until_us; /* made whole hours, as sums are */
	int64_t step_us;
};

struct web_cache {
	struct {
		struct web_cache_key key;
		struct buf text; /* empty: free */
	} items[WEB_CACHED];
	size_t next;     /* to be replaced */
	int64_t version; /* of the store */
};

void
web_cache_done(struct web_cache *cache); /* also: forget all, another store was opened */
/* Adds the answer to *out; false: there is none. */
bool web_cache_find(struct web_cache *cache, struct store *store,
    const struct web_cache_key *key, struct buf *out);
/* After web_cache_find() found none, what was read since. */
void web_cache_keep(struct web_cache *cache, const struct web_cache_key *key,
    struct str text);

#endif
