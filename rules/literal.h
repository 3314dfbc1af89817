/*
 * literal - what must stand in a text for a pattern to match it
 *
 * Purpose    A pattern costs a hundred times what looking for a few bytes does: of many rules
 *            only those are tried whose literal is there (rules/dispatch.h).
 * Ownership  Literals are views into the pattern.
 * Limits     LITERAL_MAX of them; a pattern with more, or with what is not understood here
 *            (look-around, flags, back-references, \x41 and the like), has none.
 */
#ifndef RULES_LITERAL_H
#define RULES_LITERAL_H

#include "core/str.h"

enum { LITERAL_MAX = 24 };

struct literals {
	struct str items[LITERAL_MAX];
	size_t n;
};

/*
 * One of them stands in every text that the pattern matches, letters in either case; n is 0
 * if that can't be told. For patterns that PCRE2 takes, without PCRE2_EXTENDED.
 */
struct literals literals_of(struct str pattern);

#endif
