#include "core/buf.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

bool
buf_reserve(struct buf *b, size_t more)
{
	if (b->failed)
		return false; /* nothing behind a hole */
	if (b->cap - b->n >= more)
		return true;
	size_t cap = b->cap < 256 ? 256 : b->cap;

	while (cap - b->n < more)
		cap *= 2;
	char *p = realloc(b->p, cap);

	if (p == NULL) {
		b->failed = true;
		return false;
	}
	b->p = p;
	b->cap = cap;
	return true;
}

void
buf_add(struct buf *b, struct str s)
{
	if (s.n == 0 || !buf_reserve(b, s.n))
		return;
	memcpy(b->p + b->n, s.p, s.n);
	b->n += s.n;
}

void
buf_add_char(struct buf *b, char c)
{
	if (buf_reserve(b, 1))
		b->p[b->n++] = c;
}

void
buf_add_int(struct buf *b, int64_t v)
{
	char digits[24];
	size_t at = sizeof digits;
	uint64_t u = v < 0 ? 0 - (uint64_t)v : (uint64_t)v;

	do
		digits[--at] = (char)('0' + u % 10);
	while ((u /= 10) > 0);
	if (v < 0)
		digits[--at] = '-';
	buf_add(b, (struct str){ digits + at, sizeof digits - at });
}

void
buf_addf(struct buf *b, const char *fmt, ...)
{
	va_list ap, again;

	va_start(ap, fmt);
	va_copy(again, ap);
	int n = vsnprintf(NULL, 0, fmt, ap);

	va_end(ap);
	if (n > 0 && buf_reserve(b, (size_t)n + 1)) {
		(void)vsnprintf(b->p + b->n, (size_t)n + 1, fmt, again);
		b->n += (size_t)n;
	}
	va_end(again);
}

struct str
buf_str(const struct buf *b)
{
	return (struct str){ b->p, b->n };
}

const char *
buf_cstr(struct buf *b)
{
	if (!buf_reserve(b, 1))
		return "";
	b->p[b->n] = '\0';
	return b->p;
}

void
buf_clear(struct buf *b)
{
	b->n = 0;
	b->failed = false;
}

void
buf_done(struct buf *b)
{
	free(b->p);
	*b = (struct buf){ 0 };
}
