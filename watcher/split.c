#include "watcher/split.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum {
	CARRY_BYTES = LINE_MAX_BYTES + 1,
	FIRST_LINES = 4096, /* a batch of lines of 128 bytes */
};

int
line_batch_grow(struct line_batch *batch)
{
	size_t cap = batch->cap == 0 ? FIRST_LINES : batch->cap * 2;
	struct line *lines = realloc(batch->lines, cap * sizeof *lines);

	if (lines == NULL)
		return -ENOMEM;
	memset(lines + batch->cap, 0, (cap - batch->cap) * sizeof *lines);
	batch->lines = lines;
	batch->cap = cap;
	return 0;
}

void
line_batch_done(struct line_batch *batch)
{
	free(batch->lines);
	free(batch->bytes);
	*batch = (struct line_batch){ 0 };
}

int
splitter_init(struct splitter *s, uint64_t offset)
{
	*s = (struct splitter){ .line_at = offset, .next_at = offset };
	s->carry = malloc(CARRY_BYTES);
	return s->carry == NULL ? -ENOMEM : 0;
}

void
splitter_done(struct splitter *s)
{
	free(s->carry);
	*s = (struct splitter){ 0 };
}

int
splitter_begin(struct splitter *s, struct line_batch *batch, size_t bytes, char **room_out)
{
	const size_t need = CARRY_BYTES + bytes;

	batch->n = 0;
	batch->nbytes = 0;
	if (batch->bytes_cap < need) {
		char *more = malloc(need);

		if (more == NULL)
			return -ENOMEM;
		free(batch->bytes);
		batch->bytes = more;
		batch->bytes_cap = need;
	}
	if (s->ncarry > 0)
		memcpy(batch->bytes, s->carry, s->ncarry);
	*room_out = batch->bytes + s->ncarry;
	return 0;
}

/* Only what a file's line has: the journal's fields stay as they are. */
static inline void
put_line(struct line *line, const char *p, size_t n, uint64_t at, bool cut)
{
	line->truncated = cut || n > LINE_MAX_BYTES;
	line->text = (struct str){ p, n > LINE_MAX_BYTES ? LINE_MAX_BYTES : n };
	line->offset = (int64_t)at;
	line->has_fields = false;
}

int
splitter_feed(struct splitter *s, struct line_batch *batch, size_t n)
{
	const char *p = batch->bytes, *scan = p + s->ncarry, *end = scan + n, *nl;
	uint64_t at = s->line_at;
	uint64_t skipped = s->next_at - s->line_at - s->ncarry;

	while ((nl = memchr(scan, '\n', (size_t)(end - scan))) != NULL) {
		size_t len = (size_t)(nl - p);

		if (batch->n == batch->cap && line_batch_grow(batch) < 0) {
			batch->n = 0;
			return -ENOMEM;
		}
		/* After a skip the line is longer than LINE_MAX_BYTES, CR or not. */
		bool cr = len > 0 && nl[-1] == '\r';

		put_line(&batch->lines[batch->n++], p, len - cr, at, skipped > 0);
		at += len + skipped + 1;
		skipped = 0;
		p = scan = nl + 1;
	}
	batch->nbytes = (size_t)(p - batch->bytes);
	s->ncarry = (size_t)(end - p) < CARRY_BYTES ? (size_t)(end - p) : CARRY_BYTES;
	if (s->ncarry > 0)
		memcpy(s->carry, p, s->ncarry);
	s->line_at = at;
	s->next_at += n;
	return 0;
}

int
splitter_finish(struct splitter *s, struct line_batch *batch)
{
	char *room;
	int r = splitter_begin(s, batch, 0, &room);

	if (r < 0 || s->ncarry == 0)
		return r;
	if (batch->cap == 0 && line_batch_grow(batch) < 0)
		return -ENOMEM;
	put_line(&batch->lines[batch->n++], batch->bytes, s->ncarry, s->line_at, false);
	batch->nbytes = s->ncarry;
	s->line_at = s->next_at;
	s->ncarry = 0;
	return 0;
}

uint64_t
splitter_offset(const struct splitter *s, const struct line_batch *batch, size_t i)
{
	return i < batch->n ? (uint64_t)batch->lines[i].offset : s->line_at;
}

struct str
splitter_before(const struct splitter *s, const struct line_batch *batch, size_t i,
    size_t max)
{
	if (i == 0 || batch->n == 0)
		return (struct str){ NULL, 0 };
	const char *end =
	    i < batch->n ? batch->lines[i].text.p : batch->bytes + batch->nbytes;
	size_t n = (size_t)(end - batch->bytes);
	uint64_t real = splitter_offset(s, batch, i) - (uint64_t)batch->lines[0].offset;

	/* Bytes of the first line were skipped behind the carry: take none of it. */
	if (real != n)
		n -= CARRY_BYTES;
	if (n > max)
		n = max;
	return (struct str){ end - n, n };
}
