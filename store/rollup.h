/*
 * rollup - counts by hour, gathered in memory until the batch is written
 *
 * Purpose    Thousands of events of a batch become some dozen rows.
 * Ownership  The struct is the caller's, zeroed at first; it owns nothing else.
 * Limits     ROLLUP_KEYS different keys; when they are full they are written, within
 *            the open transaction, and gathering goes on.
 */
#ifndef STORE_ROLLUP_H
#define STORE_ROLLUP_H

#include "store/db.h"

enum { ROLLUP_KEYS = 4096, ROLLUP_SLOTS = 2 * ROLLUP_KEYS };

/* Compared and hashed as bytes: begin with `= { 0 }`. */
struct rollup_key {
	int64_t hour; /* seconds since 1970 */
	uint32_t host, mta, provider, category;
	uint32_t kind, direction, outcome, zero;
};

struct rollups {
	struct rollup_slot {
		struct rollup_key key;
		int64_t count;
		bool used;
	} slots[ROLLUP_SLOTS];
	uint16_t order[ROLLUP_KEYS]; /* slots in use */
	size_t n;
};

int rollups_add(struct rollups *rollups, struct db *db, const struct rollup_key *key,
    int64_t count, struct err *err);
/* Writes what was gathered and forgets it. */
int rollups_flush(struct rollups *rollups, struct db *db, struct err *err);
void rollups_clear(struct rollups *rollups);

#endif
