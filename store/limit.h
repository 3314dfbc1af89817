/*
 * limit - an end to a query that takes too long
 *
 * Purpose    Who answers several clients with one thread cannot let one question hold all.
 * Ownership  The limit is the caller's and lives as long as the store is open.
 */
#ifndef STORE_LIMIT_H
#define STORE_LIMIT_H

#include "store/store.h"

struct store_limit {
	int64_t until_us; /* CLOCK_MONOTONIC; 0: none */
	bool passed;      /* a query was ended by it: its fault is not the store's */
};

void store_set_limit(struct store *store, struct store_limit *limit);

#endif
