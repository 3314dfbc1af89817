/*
 * str - text as pointer and length
 *
 * Purpose    The view type that every folder passes around, and the few
 *            operations that need pointer arithmetic.
 * Ownership  A view owns nothing: it lives as long as what it looks into.
 * Limits     None of its own; text may hold any byte, also NUL.
 */
#ifndef CORE_STR_H
#define CORE_STR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct str {
	const char *p; /* may be NULL when n is 0; not NUL-terminated */
	size_t n;      /* bytes */
};

#define STR_INIT(lit)                   \
	{                               \
		"" lit, sizeof(lit) - 1 \
	}                                         /* in initialisers */
#define STR(lit) ((struct str)STR_INIT(lit))      /* in expressions */
#define STR_ARG(s) (int)(s).n, (s).n ? (s).p : "" /* for "%.*s"; no calls */

/* Runs fn(&variable) when the variable goes out of scope. */
#define AUTO(fn) __attribute__((cleanup(fn)))

struct str str_of(const char *c); /* NULL gives the empty view without text */
bool str_eq(struct str a, struct str b);
bool str_eq_nocase(struct str a, struct str b); /* ASCII letters only */
bool str_starts(struct str s, struct str prefix);
bool str_ends(struct str s, struct str suffix);
bool str_ends_nocase(struct str s, struct str suffix);

/* Offset of the first needle, or -1. */
ptrdiff_t str_find(struct str s, struct str needle);
ptrdiff_t str_find_nocase(struct str s, struct str needle);
ptrdiff_t str_find_char(struct str s, char c);
ptrdiff_t str_rfind_char(struct str s, char c);

/* The part before sep; *rest becomes what follows it, empty if there is none. */
struct str str_cut(struct str *rest, char sep);
struct str str_skip(struct str s, size_t n); /* without the first n bytes */
struct str str_head(struct str s, size_t n); /* the first n bytes at most */
struct str str_trim(struct str s);           /* without blanks at both ends */

/* Decimal digits only, all of s; false on anything else or past int64. */
bool str_to_int(struct str s, int64_t *out);
/* "1.25" seconds as 1250000 microseconds; at most six decimals count. */
bool str_to_us(struct str s, int64_t *out);

/* 64-bit hash for tables; not for strangers' keys without a bound on the table. */
uint64_t str_hash(struct str s);

/* A NUL-terminated copy on the heap, NULL without memory. */
char *str_dup(struct str s);

void auto_free(void *p); /* AUTO(auto_free) char *x */

#endif
