#include "cli/web_cache.h"

#include "core/clock.h"

#define HOUR_US (3600 * (int64_t)US_PER_S)

void
web_cache_done(struct web_cache *cache)
{
	for (size_t i = 0; i < WEB_CACHED; i++)
		buf_done(&cache->items[i].text);
	*cache = (struct web_cache){ 0 };
}

static int64_t
hour_of(int64_t at_us)
{
	return at_us / HOUR_US - (at_us % HOUR_US < 0);
}

/* In the same hours the sums are the same. */
static bool
same(const struct web_cache_key *a, const struct web_cache_key *b)
{
	return a->line == b->line && a->step_us == b->step_us &&
	       hour_of(a->from_us) == hour_of(b->from_us) &&
	       hour_of(a->until_us - 1) == hour_of(b->until_us - 1);
}

bool
web_cache_find(struct web_cache *cache, struct store *store,
    const struct web_cache_key *key, struct buf *out)
{
	int64_t version = 0;
	struct err err;

	if (store_get_version(store, &version, &err) < 0 || version != cache->version) {
		web_cache_done(cache);
		cache->version = version;
		return false;
	}
	for (size_t i = 0; i < WEB_CACHED; i++)
		if (cache->items[i].text.n > 0 && same(&cache->items[i].key, key)) {
			buf_add(out, buf_str(&cache->items[i].text));
			return true;
		}
	return false;
}

void
web_cache_keep(struct web_cache *cache, const struct web_cache_key *key, struct str text)
{
	if (text.n > WEB_CACHED_BYTES)
		return;
	buf_clear(&cache->items[cache->next].text);
	buf_add(&cache->items[cache->next].text, text);
	cache->items[cache->next].key = *key;
	if (cache->items[cache->next].text.failed)
		buf_done(&cache->items[cache->next].text);
	cache->next = (cache->next + 1) % WEB_CACHED;
}
