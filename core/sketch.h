/*
 * sketch - how many different values were seen, without keeping them
 *
 * Purpose    Linear counting (Whang, Vander-Zanden, Taylor: "A linear-time probabilistic
 *            counting algorithm for database applications", ACM TODS 15(2), 1990): each
 *            value sets one of m bits; with V the share of bits still clear the estimate
 *            is -m ln V.
 * Ownership  The caller's struct, zeroed at first; 256 bytes, whatever is added.
 * Limits     Exact to one or two up to some 50 values; the standard error is below 2 % up
 *            to 2,000 and below 4 % at 8,000. With every bit set the answer is the largest
 *            that can be told, SKETCH_MOST: "at least so many". Who may choose values so
 *            that their hashes collide can make the count too small, not too large.
 */
#ifndef CORE_SKETCH_H
#define CORE_SKETCH_H

#include "core/buf.h"

enum {
	SKETCH_BITS = 2048,
	SKETCH_TEXT = SKETCH_BITS / 4, /* bytes of its text */
	SKETCH_MOST = 15615,           /* m ln m */
};

struct sketch {
	uint64_t words[SKETCH_BITS / 64];
};

/* hash: of the value, as by str_hash(). True if it is new: its bit was clear. */
bool sketch_add(struct sketch *sketch, uint64_t hash);
int64_t sketch_count(const struct sketch *sketch);
/* Hex digits, nothing for an empty sketch. */
void sketch_to_text(const struct sketch *sketch, struct buf *out);
/* False, and the sketch empty, if the text is not one of sketch_to_text(). */
bool sketch_of_text(struct str text, struct sketch *out);
/* sketch_count() of a text; 0 if it is none. */
int64_t sketch_text_count(struct str text);

#endif
