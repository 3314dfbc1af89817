#include "watcher/input.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "watcher/unpack.h"

struct input {
	int fd;
	char *name;
	struct unpack *unpack; /* NULL: plain */
	bool seekable;
	uint64_t done;
	char magic[UNPACK_MAGIC_BYTES]; /* taken from a pipe to look at it */
	size_t npeeked;
};

static ssize_t
read_some(struct input *in, char *to, size_t n, struct err *err)
{
	ssize_t got;

	do
		got = read(in->fd, to, n);
	while (got < 0 && errno == EINTR);
	return got < 0 ? err_errno(err, "read", in->name) : got;
}

/* The first bytes, which stay to be read. */
static int
peek(struct input *in, struct str *magic_out, struct err *err)
{
	off_t at = lseek(in->fd, 0, SEEK_CUR);
	ssize_t got;

	in->seekable = at >= 0;
	if (in->seekable) {
		got = pread(in->fd, in->magic, sizeof in->magic, at);
		if (got < 0)
			return err_errno(err, "read", in->name);
		*magic_out = (struct str){ in->magic, (size_t)got };
		return 0;
	}
	while (in->npeeked < sizeof in->magic) {
		got = read_some(in, in->magic + in->npeeked, sizeof in->magic - in->npeeked,
		    err);
		if (got < 0)
			return (int)got;
		if (got == 0)
			break;
		in->npeeked += (size_t)got;
	}
	*magic_out = (struct str){ in->magic, in->npeeked };
	return 0;
}

static int
prepare(struct input *in, struct err *err)
{
	struct str magic;
	int r = peek(in, &magic, err);

	if (r < 0)
		return r;
	if (in->seekable)
		(void)posix_fadvise(in->fd, 0, 0, POSIX_FADV_SEQUENTIAL); /* a hint */
	if (!unpack_is_packed(magic))
		return 0;
	struct str peeked = { in->magic, in->npeeked };

	in->npeeked = 0;
	return unpack_open(in->fd, peeked, &in->unpack, err);
}

int
input_open(int fd, const char *name, struct input **in_out, struct err *err)
{
	struct input *in = calloc(1, sizeof *in);
	int r = -ENOMEM;

	if (in == NULL) {
		close(fd);
		return err_set(err, r, "open %s: out of memory", name);
	}
	in->fd = fd;
	in->name = str_dup(str_of(name));
	if (in->name == NULL)
		(void)err_set(err, r, "open %s: out of memory", name);
	else
		r = prepare(in, err);
	if (r < 0) {
		input_close(in);
		return r;
	}
	*in_out = in;
	return 0;
}

void
input_close(struct input *in)
{
	if (in == NULL)
		return;
	unpack_close(in->unpack);
	close(in->fd);
	free(in->name);
	free(in);
}

void
auto_input(struct input **in)
{
	input_close(*in);
}

ssize_t
input_read(struct input *in, char *to, size_t n, struct err *err)
{
	if (in->unpack != NULL)
		return unpack_read(in->unpack, in->name, to, n, err);

	ssize_t got;

	if (in->npeeked > 0) {
		got = (ssize_t)(n < in->npeeked ? n : in->npeeked);
		memcpy(to, in->magic, (size_t)got);
		in->npeeked -= (size_t)got;
		memmove(in->magic, in->magic + got, in->npeeked);
	} else {
		got = read_some(in, to, n, err);
	}
	if (got > 0)
		in->done += (uint64_t)got;
	return got;
}

ssize_t
input_read_full(struct input *in, char *to, size_t n, struct err *err)
{
	size_t have = 0;

	while (have < n) {
		ssize_t got = input_read(in, to + have, n - have, err);

		if (got < 0)
			return got;
		if (got == 0)
			break;
		have += (size_t)got;
	}
	return (ssize_t)have;
}

int
input_skip(struct input *in, uint64_t n, struct err *err)
{
	char waste[16 * 1024];
	struct stat st;

	if (in->unpack == NULL && in->seekable && fstat(in->fd, &st) == 0) {
		off_t at = lseek(in->fd, (off_t)n, SEEK_CUR);

		if (at < 0)
			return err_errno(err, "seek in", in->name);
		in->done += n;
		return at <= st.st_size;
	}
	while (n > 0) {
		ssize_t got =
		    input_read(in, waste, n < sizeof waste ? n : sizeof waste, err);

		if (got < 0)
			return (int)got;
		if (got == 0)
			return 0;
		n -= (uint64_t)got;
	}
	return 1;
}

bool
input_is_packed(const struct input *in)
{
	return in->unpack != NULL;
}

int
input_fd(const struct input *in)
{
	return in->fd;
}

uint64_t
input_done_bytes(const struct input *in)
{
	return in->unpack == NULL ? in->done : unpack_done_bytes(in->unpack);
}
