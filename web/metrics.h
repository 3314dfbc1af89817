/*
 * metrics - the store's figures for a scraper
 *
 * Purpose    Families mailwarden_*: counters since the server started (web/counters.h),
 *            gauges of what is so now. Labels are providers, outcomes, categories, rules,
 *            severities, sources, channels: what our rules and the configuration name, never
 *            an address.
 * Ownership  The caller frees. The first call of metrics_write() sets where counters begin:
 *            make it when the server starts.
 * Limits     METRICS_RULES rules with open incidents.
 * Errors     Those of the store.
 */
#ifndef WEB_METRICS_H
#define WEB_METRICS_H

#include "core/err.h"
#include "store/store.h"
#include "web/openmetrics.h"

enum { METRICS_RULES = 100 };

struct metrics;

struct metrics_now {
	int64_t now_us;
	const char *version;
	bool watched; /* a watcher works on the store */
	int64_t store_bytes;
	uint64_t identity; /* of the store's file */
};

struct metrics *metrics_new(void); /* NULL without memory */
void metrics_free(struct metrics *metrics);
int metrics_write(struct metrics *metrics, struct store *store,
    const struct metrics_now *now, enum metrics_format format, struct buf *out,
    struct err *err);

#endif
