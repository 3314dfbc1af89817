#include "core/str.h"

#include <stdlib.h>
#include <string.h>

struct str
str_of(const char *c)
{
	return (struct str){ c, c == NULL ? 0 : strlen(c) };
}

static char
lower(char c)
{
	return c >= 'A' && c <= 'Z' ? (char)(c + 32) : c;
}

static char
upper(char c)
{
	return c >= 'a' && c <= 'z' ? (char)(c - 32) : c;
}

bool
str_eq(struct str a, struct str b)
{
	return a.n == b.n && (a.n == 0 || memcmp(a.p, b.p, a.n) == 0);
}

bool
str_eq_nocase(struct str a, struct str b)
{
	if (a.n != b.n)
		return false;
	for (size_t i = 0; i < a.n; i++)
		if (lower(a.p[i]) != lower(b.p[i]))
			return false;
	return true;
}

bool
str_starts(struct str s, struct str prefix)
{
	return s.n >= prefix.n && (prefix.n == 0 || memcmp(s.p, prefix.p, prefix.n) == 0);
}

bool
str_ends(struct str s, struct str suffix)
{
	return s.n >= suffix.n && str_eq(str_skip(s, s.n - suffix.n), suffix);
}

bool
str_ends_nocase(struct str s, struct str suffix)
{
	return s.n >= suffix.n && str_eq_nocase(str_skip(s, s.n - suffix.n), suffix);
}

ptrdiff_t
str_find(struct str s, struct str needle)
{
	if (needle.n == 0)
		return 0;
	if (s.n < needle.n)
		return -1;
	const char *hit = memmem(s.p, s.n, needle.p, needle.n);

	return hit == NULL ? -1 : hit - s.p;
}

ptrdiff_t
str_find_nocase(struct str s, struct str needle)
{
	if (needle.n == 0)
		return 0;
	if (s.n < needle.n)
		return -1;
	char small = lower(needle.p[0]), large = upper(small);
	const char *at = s.p, *end = s.p + (s.n - needle.n) + 1;

	while (at < end) {
		const char *hit = memchr(at, small, (size_t)(end - at));
		size_t before = (size_t)((hit == NULL ? end : hit) - at);
		const char *other = large == small ? NULL : memchr(at, large, before);

		if (other != NULL)
			hit = other;
		if (hit == NULL)
			return -1;
		if (str_eq_nocase((struct str){ hit, needle.n }, needle))
			return hit - s.p;
		at = hit + 1;
	}
	return -1;
}

ptrdiff_t
str_find_char(struct str s, char c)
{
	const char *hit = s.n == 0 ? NULL : memchr(s.p, c, s.n);

	return hit == NULL ? -1 : hit - s.p;
}

ptrdiff_t
str_rfind_char(struct str s, char c)
{
	const char *hit = s.n == 0 ? NULL : memrchr(s.p, c, s.n);

	return hit == NULL ? -1 : hit - s.p;
}

struct str
str_cut(struct str *rest, char sep)
{
	ptrdiff_t at = str_find_char(*rest, sep);
	struct str head = *rest;

	if (at < 0) {
		*rest = (struct str){ rest->n == 0 ? rest->p : rest->p + rest->n, 0 };
		return head;
	}
	head.n = (size_t)at;
	*rest = str_skip(*rest, (size_t)at + 1);
	return head;
}

struct str
str_skip(struct str s, size_t n)
{
	if (n > s.n)
		n = s.n;
	return n == 0 ? s : (struct str){ s.p + n, s.n - n };
}

struct str
str_head(struct str s, size_t n)
{
	return (struct str){ s.p, n < s.n ? n : s.n };
}

static bool
is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

struct str
str_trim(struct str s)
{
	while (s.n > 0 && is_blank(s.p[0]))
		s = str_skip(s, 1);
	while (s.n > 0 && is_blank(s.p[s.n - 1]))
		s.n--;
	return s;
}

bool
str_to_int(struct str s, int64_t *out)
{
	int64_t v = 0;

	if (s.n == 0 || s.n > 18)
		return false;
	for (size_t i = 0; i < s.n; i++) {
		if (s.p[i] < '0' || s.p[i] > '9')
			return false;
		v = v * 10 + (s.p[i] - '0');
	}
	*out = v;
	return true;
}

bool
str_to_us(struct str s, int64_t *out)
{
	struct str fraction = s;
	struct str whole = str_cut(&fraction, '.');
	int64_t v = 0, part = 0, scale = 100000;

	if (whole.n > 12 || !str_to_int(whole, &v))
		return false;
	for (size_t i = 0; i < fraction.n; i++, scale /= 10) {
		if (fraction.p[i] < '0' || fraction.p[i] > '9')
			return false;
		part += (fraction.p[i] - '0') * scale;
	}
	*out = v * 1000000 + part;
	return true;
}

/* Up to seven bytes as a number. Not by memcpy() of n bytes: reading back as a whole what
 * was written in pieces stalls the processor, for longer than all the rest takes. */
static uint64_t
read_tail(struct str s)
{
	uint32_t first, last;
	const unsigned char *p = (const unsigned char *)s.p;

	if (s.n >= 4) {
		memcpy(&first, s.p, 4);
		memcpy(&last, s.p + s.n - 4, 4);
		return first | (uint64_t)last << (s.n - 4) * 8;
	}
	if (s.n == 0)
		return 0;
	return p[0] | (uint64_t)p[s.n / 2] << s.n / 2 * 8 |
	       (uint64_t)p[s.n - 1] << (s.n - 1) * 8;
}

uint64_t
str_hash(struct str s)
{
	uint64_t h = 0x9e3779b97f4a7c15u ^ s.n;

	for (; s.n >= 8; s.p += 8, s.n -= 8) {
		uint64_t w;

		memcpy(&w, s.p, 8);
		h = (h ^ w) * 0xff51afd7ed558ccdu;
		h ^= h >> 32;
	}
	h = (h ^ read_tail(s)) * 0xc4ceb9fe1a85ec53u;
	return h ^ h >> 29;
}

char *
str_dup(struct str s)
{
	char *copy = malloc(s.n + 1);

	if (copy == NULL)
		return NULL;
	if (s.n > 0)
		memcpy(copy, s.p, s.n);
	copy[s.n] = '\0';
	return copy;
}

void
auto_free(void *p)
{
	free(*(void **)p);
}
