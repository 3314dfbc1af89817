#include "watcher/mark.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "watcher/input.h"

/* FNV-1a */
uint64_t
mark_hash(struct str bytes)
{
	uint64_t h = UINT64_C(0xcbf29ce484222325);

	for (size_t i = 0; i < bytes.n; i++)
		h = (h ^ (unsigned char)bytes.p[i]) * UINT64_C(0x100000001b3);
	return h;
}

#define MARK_FORMAT(u32, u64, x64)                                                    \
	"f1 dev=%" x64 " ino=%" u64 " born=%" x64 " off=%" u64 " head=%" u32 ":%" x64 \
	" tail=%" u32 ":%" x64

void
mark_print(const struct mark *mark, char *to, size_t size)
{
	(void)snprintf(to, size, MARK_FORMAT(PRIu32, PRIu64, PRIx64), mark->dev, mark->ino,
	    (uint64_t)mark->born_ns, mark->offset, mark->head_n, mark->head_hash,
	    mark->tail_n, mark->tail_hash);
}

bool
mark_parse(struct mark *mark, const char *text)
{
	struct mark m = { 0 };
	uint64_t born = 0;
	int n = sscanf(text, MARK_FORMAT(SCNu32, SCNu64, SCNx64), &m.dev, &m.ino, &born,
	    &m.offset, &m.head_n, &m.head_hash, &m.tail_n, &m.tail_hash);

	if (n != 8 || m.ino == 0 || m.head_n > MARK_HEAD_BYTES ||
	    m.tail_n > MARK_TAIL_BYTES || m.head_n > m.offset || m.tail_n > m.offset)
		return false;
	m.born_ns = (int64_t)born;
	*mark = m;
	return true;
}

int64_t
mark_born_ns(int fd)
{
	struct statx st;

	if (statx(fd, "", AT_EMPTY_PATH, STATX_BTIME, &st) < 0 ||
	    (st.stx_mask & STATX_BTIME) == 0)
		return 0;
	return st.stx_btime.tv_sec * INT64_C(1000000000) + st.stx_btime.tv_nsec;
}

bool
mark_is_inode(const struct mark *mark, uint64_t dev, uint64_t ino, int64_t born_ns)
{
	return mark->ino == ino && mark->dev == dev &&
	       (mark->born_ns == born_ns || mark->born_ns == 0 || born_ns == 0);
}

/* A second descriptor, at the beginning. */
static int
reopen(int fd, const char *name, struct input **in_out, struct err *err)
{
	int again = fcntl(fd, F_DUPFD_CLOEXEC, 0);

	if (again < 0)
		return err_errno(err, "open", name);
	if (lseek(again, 0, SEEK_SET) < 0) {
		close(again);
		return err_errno(err, "seek in", name);
	}
	return input_open(again, name, in_out, err);
}

static bool
hash_is(const char *p, uint32_t n, uint64_t hash)
{
	return n == 0 || mark_hash((struct str){ p, n }) == hash;
}

int
mark_fits(const struct mark *mark, int fd, const char *name, struct err *err)
{
	char bytes[MARK_HEAD_BYTES + MARK_TAIL_BYTES];
	AUTO(auto_input) struct input *in = NULL;
	int r = reopen(fd, name, &in, err);

	if (r < 0)
		return r;
	/* A small offset: head and tail may overlap. */
	size_t first = mark->offset <= sizeof bytes ? mark->offset : mark->head_n;
	ssize_t got = input_read_full(in, bytes, first, err);

	if (got < 0)
		return (int)got;
	if ((size_t)got < first || !hash_is(bytes, mark->head_n, mark->head_hash))
		return 0;
	const char *tail = bytes + first - (first < mark->tail_n ? first : mark->tail_n);

	if (first < mark->offset) {
		r = input_skip(in, mark->offset - mark->tail_n - first, err);
		if (r <= 0)
			return r;
		got = input_read_full(in, bytes, mark->tail_n, err);
		if (got < 0)
			return (int)got;
		if ((size_t)got < mark->tail_n)
			return 0;
		tail = bytes;
	}
	return hash_is(tail, mark->tail_n, mark->tail_hash);
}

int
mark_beginning(struct mark *mark, int fd, const char *name, struct err *err)
{
	char bytes[MARK_HEAD_BYTES];
	AUTO(auto_input) struct input *in = NULL;
	struct stat st;
	int r = reopen(fd, name, &in, err);

	if (r < 0)
		return r;
	ssize_t got = input_read_full(in, bytes, sizeof bytes, err);

	if (got < 0)
		return (int)got;
	if (fstat(fd, &st) < 0)
		return err_errno(err, "look at", name);
	*mark = (struct mark){
		.dev = st.st_dev,
		.ino = st.st_ino,
		.born_ns = mark_born_ns(fd),
		.offset = (uint64_t)got,
		.head_n = (uint32_t)got,
		.head_hash = mark_hash((struct str){ bytes, (size_t)got }),
	};
	return 0;
}
