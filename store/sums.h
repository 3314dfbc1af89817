/*
 * sums - a span of tallies, each key once
 *
 * Purpose    For store/figures.c and store/figure_lines.c: whole days come from the day
 *            rows, what is left of the span at both ends from hours.
 * Ownership  The caller's, zeroed at first; sums_done() frees.
 * Errors     Negative errno with a reason, as in store.h.
 */
#ifndef STORE_SUMS_H
#define STORE_SUMS_H

#include "store/private.h"

struct sum {
	uint32_t what, provider, value, word, code, used;
	int64_t count;
};

struct sums {
	struct sum *slots;
	size_t size, n; /* slots, of them used */
};

void sums_done(struct sums *sums);
/* count is added to what the key, all but used and count, has; -ENOMEM. */
int sums_add(struct sums *sums, const struct sum *one);
/* The next that is used, NULL: no more; *at begins with 0. */
const struct sum *sums_next(const struct sums *sums, size_t *at);

/* What the hours from, until (not in it) counted; both seconds since 1970. */
int sums_read(struct store *store, int64_t from, int64_t until, struct sums *sums,
    struct err *err);

/* The hours of a span, however wide it was asked for: seconds since 1970. */
void sums_span(int64_t from_us, int64_t until_us, int64_t *from, int64_t *until);

/* Adds, but not beyond what the type holds: a forged log may count to the end of numbers. */
void sum_to(int64_t *total, int64_t n);

/* The text of a word's number, copied for the caller to free; p is NULL without memory. */
int sums_word(struct store *store, uint32_t number, struct str *out, struct err *err);

/* One look at the store for several questions; not within a batch, where it is one already.
 * *mine: it is to be ended. */
int sums_begin_look(struct store *store, bool *mine, struct err *err);
void sums_end_look(struct store *store, bool mine);

#endif
