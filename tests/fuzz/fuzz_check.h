/*
 * fuzz_check - what all fuzz targets of this folder check with
 *
 * Purpose    A check that stays in every build, views inside views, and a strict scanner
 *            of JSON (RFC 8259) in UTF-8 (RFC 3629) that shares no code with core/json.
 */
#ifndef FUZZ_CHECK_H
#define FUZZ_CHECK_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/str.h"

#define CHECK(what) ((what) ? (void)0 : fuzz_fail(__FILE__, __LINE__, #what))

_Noreturn static inline void
fuzz_fail(const char *file, int line, const char *what)
{
	fprintf(stderr, "%s:%d: %s does not hold\n", file, line, what);
	abort();
}

static inline bool
fuzz_is_inside(struct str part, struct str whole)
{
	return part.n == 0 || (part.p >= whole.p && part.p + part.n <= whole.p + whole.n);
}

/* Reads every byte, so that AddressSanitizer sees a view into freed memory. */
static inline void
fuzz_touch(struct str text)
{
	volatile unsigned char seen = 0;

	CHECK(text.n == 0 || text.p != NULL);
	for (size_t i = 0; i < text.n; i++)
		seen ^= (unsigned char)text.p[i];
	(void)seen;
}

/* A copy of exactly its size: one byte past it is not ours. */
static inline struct str
fuzz_copy(const uint8_t *data, size_t size)
{
	char *p = malloc(size > 0 ? size : 1);

	CHECK(p != NULL);
	if (size > 0)
		memcpy(p, data, size);
	return (struct str){ p, size };
}

/* --- JSON; each takes what it knows off the front --- */

enum { FUZZ_JSON_DEPTH = 16 };

static inline bool
fuzz_take(struct str *s, char c)
{
	if (s->n == 0 || s->p[0] != c)
		return false;
	*s = str_skip(*s, 1);
	return true;
}

static inline size_t
fuzz_take_digits(struct str *s)
{
	size_t n = 0;

	while (n < s->n && s->p[n] >= '0' && s->p[n] <= '9')
		n++;
	*s = str_skip(*s, n);
	return n;
}

static inline bool
fuzz_take_number(struct str *s)
{
	(void)fuzz_take(s, '-');
	if (!fuzz_take(s, '0') && fuzz_take_digits(s) == 0)
		return false;
	return !fuzz_take(s, '.') || fuzz_take_digits(s) > 0;
}

/* One character past ASCII: decoded, then asked whether it was the shortest form. */
static inline bool
fuzz_take_utf8(struct str *s)
{
	const unsigned char *p = (const unsigned char *)s->p;
	size_t n = p[0] >= 0xf0 ? 4 : p[0] >= 0xe0 ? 3 : 2;
	static const uint32_t least[] = { 0, 0, 0x80, 0x800, 0x10000 };
	uint32_t c = p[0] & (0x7fu >> n);

	if (p[0] < 0xc0 || p[0] > 0xf7 || n > s->n)
		return false;
	for (size_t i = 1; i < n; i++) {
		if (p[i] >> 6 != 2)
			return false;
		c = c << 6 | (p[i] & 0x3f);
	}
	*s = str_skip(*s, n);
	return c >= least[n] && c <= 0x10ffff && (c < 0xd800 || c > 0xdfff);
}

static inline bool
fuzz_take_escape(struct str *s)
{
	if (s->n == 0 || strchr("\"\\/bfnrtu", s->p[0]) == NULL || s->p[0] == '\0')
		return false;
	if (!fuzz_take(s, 'u')) {
		*s = str_skip(*s, 1);
		return true;
	}
	for (int i = 0; i < 4; i++, *s = str_skip(*s, 1))
		if (s->n == 0 || s->p[0] == '\0' ||
		    strchr("0123456789abcdefABCDEF", s->p[0]) == NULL)
			return false;
	return true;
}

static inline bool
fuzz_take_string(struct str *s)
{
	if (!fuzz_take(s, '"'))
		return false;
	while (s->n > 0) {
		unsigned char c = (unsigned char)s->p[0];

		if (fuzz_take(s, '"'))
			return true;
		if (fuzz_take(s, '\\')) {
			if (!fuzz_take_escape(s))
				return false;
		} else if (c >= 0x80) {
			if (!fuzz_take_utf8(s))
				return false;
		} else if (c < 0x20) {
			return false;
		} else {
			*s = str_skip(*s, 1);
		}
	}
	return false;
}

static inline bool
fuzz_take_word(struct str *s, struct str word)
{
	if (!str_starts(*s, word))
		return false;
	*s = str_skip(*s, word.n);
	return true;
}

static inline bool
fuzz_take_value(struct str *s, int depth)
{
	bool is_map = s->n > 0 && s->p[0] == '{';
	char end = is_map ? '}' : ']';

	if (s->n > 0 && s->p[0] == '"')
		return fuzz_take_string(s);
	if (!is_map && (s->n == 0 || s->p[0] != '['))
		return fuzz_take_word(s, STR("true")) || fuzz_take_word(s, STR("false")) ||
		       fuzz_take_word(s, STR("null")) || fuzz_take_number(s);
	if (depth == FUZZ_JSON_DEPTH)
		return false;
	*s = str_skip(*s, 1);
	if (fuzz_take(s, end))
		return true;
	do {
		if (is_map && (!fuzz_take_string(s) || !fuzz_take(s, ':')))
			return false;
		if (!fuzz_take_value(s, depth + 1))
			return false;
	} while (fuzz_take(s, ','));
	return fuzz_take(s, end);
}

/* One object, without blanks, and nothing behind it. */
static inline bool
fuzz_is_json(struct str s)
{
	return s.n > 0 && s.p[0] == '{' && fuzz_take_value(&s, 0) && s.n == 0;
}

#endif
