/*
 * word - texts that recur, as small numbers
 *
 * Purpose    Host, server, provider, category and code names take one row each, and
 *            a number in all others.
 * Ownership  The struct is the caller's, zeroed at first; it owns nothing else.
 * Limits     A cache of WORD_SLOTS; what is not in it costs a query. Longer texts than
 *            WORD_BYTES are cut.
 */
#ifndef STORE_WORD_H
#define STORE_WORD_H

#include "store/db.h"

/* Whose text it is: each begins its search where it ended last. */
enum word_role {
	WORD_HOST,
	WORD_MTA,
	WORD_PROVIDER,
	WORD_CATEGORY,
	WORD_CODE_ID,
	WORD_INSTANCE,
	WORD_ROLES
};

enum { WORD_SLOTS = 1024, WORD_BYTES = 255, WORD_CACHED_BYTES = 68 };

struct words {
	struct word_slot {
		uint32_t id; /* 0: free */
		uint32_t n;
		char text[WORD_CACHED_BYTES];
	} slots[WORD_SLOTS];
	uint16_t last[WORD_ROLES]; /* slot */
};

/* The text's number, a new one if need be; 0 for no text. */
int words_number(struct words *words, struct db *db, enum word_role role, struct str text,
    uint32_t *number_out, struct err *err);
/* After a rollback: numbers handed out may not exist. */
void words_clear(struct words *words);

#endif
