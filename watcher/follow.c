#include "watcher/follow.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

#include "watcher/input.h"
#include "watcher/source.h"
#include "watcher/split.h"

struct follow {
	int fd; /* -1: packed holds it */
	char *name;
	struct input *packed;
	struct splitter split;
	uint64_t dev, ino;
	int64_t born_ns;
	char head[MARK_HEAD_BYTES]; /* the file's first bytes, as far as read */
	size_t nhead;
	char tail[MARK_TAIL_BYTES]; /* plain: the last bytes that were read */
	size_t ntail;
};

static void
add_tail(struct follow *f, const char *p, size_t n)
{
	if (n >= sizeof f->tail) {
		memcpy(f->tail, p + n - sizeof f->tail, sizeof f->tail);
		f->ntail = sizeof f->tail;
		return;
	}
	size_t keep = f->ntail + n <= sizeof f->tail ? f->ntail : sizeof f->tail - n;

	memmove(f->tail, f->tail + f->ntail - keep, keep);
	memcpy(f->tail + keep, p, n);
	f->ntail = keep + n;
}

static void
add_head(struct follow *f, const char *p, size_t n)
{
	size_t room = sizeof f->head - f->nhead;

	if (n > room)
		n = room;
	memcpy(f->head + f->nhead, p, n);
	f->nhead += n;
}

/* Takes the bytes before the offset, which were read in an earlier life. */
static int
know_plain(struct follow *f, uint64_t offset, struct err *err)
{
	size_t nhead = offset < sizeof f->head ? offset : sizeof f->head;
	size_t ntail = offset < sizeof f->tail ? offset : sizeof f->tail;
	ssize_t head = pread(f->fd, f->head, nhead, 0);
	ssize_t tail = pread(f->fd, f->tail, ntail, (off_t)(offset - ntail));

	if (head < 0 || tail < 0)
		return err_errno(err, "read", f->name);
	if ((size_t)head < nhead || (size_t)tail < ntail)
		return err_set(err, -EAGAIN, "read %s: just truncated", f->name);
	f->nhead = nhead;
	f->ntail = ntail;
	return 0;
}

static int
know_packed(struct follow *f, uint64_t offset, struct err *err)
{
	size_t nhead = offset < sizeof f->head ? offset : sizeof f->head;
	ssize_t got = input_read_full(f->packed, f->head, nhead, err);

	if (got < 0)
		return (int)got;
	f->nhead = (size_t)got;
	int r = input_skip(f->packed, offset - f->nhead, err);

	return r < 0 ? r : 0;
}

static int
open_at(struct follow *f, const struct mark *at, struct err *err)
{
	int r = splitter_init(&f->split, at->offset);

	if (r < 0 || f->name == NULL)
		return err_set(err, -ENOMEM, "open log file: out of memory");
	if (lseek(f->fd, 0, SEEK_SET) < 0)
		return err_errno(err, "seek in", f->name);
	int fd = f->fd;

	f->fd = -1;
	r = input_open(fd, f->name, &f->packed, err);
	if (r < 0)
		return r;
	if (input_is_packed(f->packed))
		return know_packed(f, at->offset, err);
	f->fd = input_fd(f->packed);
	return know_plain(f, at->offset, err);
}

int
follow_open(int fd, const char *name, const struct mark *at, struct follow **out,
    struct err *err)
{
	struct follow *f = calloc(1, sizeof *f);

	if (f == NULL) {
		close(fd);
		return err_set(err, -ENOMEM, "open %s: out of memory", name);
	}
	f->fd = fd;
	f->name = str_dup(str_of(name));
	f->dev = at->dev;
	f->ino = at->ino;
	f->born_ns = at->born_ns;
	int r = open_at(f, at, err);

	if (r < 0) {
		follow_close(f);
		return r;
	}
	*out = f;
	return 0;
}

void
follow_close(struct follow *f)
{
	if (f == NULL)
		return;
	if (f->packed != NULL)
		input_close(f->packed);
	else if (f->fd >= 0)
		close(f->fd);
	splitter_done(&f->split);
	free(f->name);
	free(f);
}

/*
 * A long read is not atomic: the file may be truncated and grow again between two
 * of its pages. What was there before it is then no longer there after it.
 */
static bool
is_torn(const struct follow *f, const char *before, size_t n, off_t at)
{
	char now[MARK_TAIL_BYTES];

	return pread(f->fd, now, n, at) != (ssize_t)n || memcmp(now, before, n) != 0;
}

/* Bytes behind our position; -ESTALE if those before it are no longer the same. */
static ssize_t
read_plain(struct follow *f, char *room, struct err *err)
{
	char again[MARK_TAIL_BYTES];
	struct iovec parts[] = { { again, f->ntail }, { room, SOURCE_BATCH_BYTES } };
	off_t from = (off_t)(f->split.next_at - f->ntail);
	ssize_t got;

	do
		got = preadv(f->fd, parts, 2, from);
	while (got < 0 && errno == EINTR);
	if (got < 0)
		return err_errno(err, "read", f->name);
	if ((size_t)got < f->ntail || memcmp(again, f->tail, f->ntail) != 0)
		return -ESTALE;
	size_t more = (size_t)got - f->ntail;
	size_t first = more < sizeof again ? more : sizeof again;

	if (more > 0 && (f->ntail > 0 ? is_torn(f, f->tail, f->ntail, from)
				      : is_torn(f, room, first, from)))
		return -ESTALE;
	return (ssize_t)more;
}

int
follow_read(struct follow *f, struct line_batch *batch, struct err *err)
{
	char *room;
	int r = splitter_begin(&f->split, batch, SOURCE_BATCH_BYTES, &room);

	if (r < 0)
		return err_set(err, r, "read %s: out of memory", f->name);
	ssize_t got = f->fd < 0 ? input_read(f->packed, room, SOURCE_BATCH_BYTES, err)
				: read_plain(f, room, err);

	if (got == -ESTALE && f->fd >= 0)
		return FOLLOW_CHANGED;
	if (got <= 0)
		return (int)got;
	if (f->split.next_at < sizeof f->head)
		add_head(f, room, (size_t)got);
	add_tail(f, room, (size_t)got);
	r = splitter_feed(&f->split, batch, (size_t)got);
	if (r < 0)
		return err_set(err, r, "read %s: out of memory", f->name);
	return FOLLOW_MORE;
}

void
follow_rewind(struct follow *f)
{
	f->split.ncarry = 0;
	f->split.line_at = f->split.next_at = 0;
	f->nhead = f->ntail = 0;
}

int
follow_finish(struct follow *f, struct line_batch *batch, struct err *err)
{
	int r = splitter_finish(&f->split, batch);

	return r < 0 ? err_set(err, r, "read %s: out of memory", f->name) : 0;
}

void
follow_mark(const struct follow *f, const struct line_batch *batch, size_t n,
    struct mark *mark_out)
{
	uint64_t offset = splitter_offset(&f->split, batch, n);
	struct str tail = splitter_before(&f->split, batch, n, MARK_TAIL_BYTES);

	/* At our own position we know more than the batch does. */
	if (n == batch->n && f->split.ncarry == 0 && f->fd >= 0)
		tail = (struct str){ f->tail, f->ntail };
	struct str head = str_head((struct str){ f->head, f->nhead }, offset);

	*mark_out = (struct mark){
		.dev = f->dev,
		.ino = f->ino,
		.born_ns = f->born_ns,
		.offset = offset,
		.head_n = (uint32_t)head.n,
		.head_hash = mark_hash(head),
		.tail_n = (uint32_t)tail.n,
		.tail_hash = mark_hash(tail),
	};
}

bool
follow_is_packed(const struct follow *f)
{
	return f->fd < 0;
}

int
follow_fd(const struct follow *f)
{
	return f->fd;
}

bool
follow_is(const struct follow *f, uint64_t dev, uint64_t ino)
{
	return f->ino == ino && f->dev == dev;
}

uint64_t
follow_line_end(int fd, uint64_t size)
{
	char *bytes = malloc(LINE_MAX_BYTES);
	uint64_t from = size > LINE_MAX_BYTES ? size - LINE_MAX_BYTES : 0;
	ssize_t got =
	    bytes == NULL ? -1 : pread(fd, bytes, (size_t)(size - from), (off_t)from);
	uint64_t end = size;

	if (got > 0) {
		ptrdiff_t nl = str_rfind_char((struct str){ bytes, (size_t)got }, '\n');

		if (nl >= 0)
			end = from + (uint64_t)nl + 1;
		else if (from == 0)
			end = 0;
	}
	free(bytes);
	return end;
}
