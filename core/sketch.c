#include "core/sketch.h"

#include <math.h>

enum { WORDS = SKETCH_BITS / 64, DIGITS = 16 };

bool
sketch_add(struct sketch *sketch, uint64_t hash)
{
	/* The bits of a simple hash are not equally good: mix them (MurmurHash3, fmix64). */
	hash = (hash ^ hash >> 33) * UINT64_C(0xff51afd7ed558ccd);
	hash = (hash ^ hash >> 33) * UINT64_C(0xc4ceb9fe1a85ec53);
	hash ^= hash >> 33;
	uint64_t *word = &sketch->words[hash / 64 % WORDS];
	uint64_t bit = UINT64_C(1) << hash % 64;
	bool fresh = (*word & bit) == 0;

	*word |= bit;
	return fresh;
}

int64_t
sketch_count(const struct sketch *sketch)
{
	int set = 0;

	for (size_t i = 0; i < WORDS; i++)
		set += __builtin_popcountll(sketch->words[i]);
	if (set == SKETCH_BITS)
		return SKETCH_MOST;
	return (int64_t)(-SKETCH_BITS * log1p(-(double)set / SKETCH_BITS) + 0.5);
}

static void
add_hex(struct buf *out, uint64_t word)
{
	char digits[16];

	for (size_t i = sizeof digits; i-- > 0; word >>= 4)
		digits[i] = "0123456789abcdef"[word & 15];
	buf_add(out, (struct str){ digits, sizeof digits });
}

void
sketch_to_text(const struct sketch *sketch, struct buf *out)
{
	bool any = false;

	for (size_t i = 0; i < WORDS; i++)
		any |= sketch->words[i] != 0;
	for (size_t i = 0; any && i < WORDS; i++)
		add_hex(out, sketch->words[i]);
}

static int
digit(char c)
{
	return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

bool
sketch_of_text(struct str text, struct sketch *out)
{
	*out = (struct sketch){ 0 };
	if (text.n != SKETCH_TEXT)
		return text.n == 0;
	for (size_t i = 0; i < text.n; i++) {
		int value = digit(text.p[i]);

		if (value < 0) {
			*out = (struct sketch){ 0 };
			return false;
		}
		out->words[i / DIGITS] = out->words[i / DIGITS] << 4 | (uint64_t)value;
	}
	return true;
}

int64_t
sketch_text_count(struct str text)
{
	struct sketch sketch;

	return sketch_of_text(text, &sketch) ? sketch_count(&sketch) : 0;
}
