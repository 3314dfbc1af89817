#include "watcher/reader.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "watcher/input.h"
#include "watcher/split.h"

struct reader {
	struct input *in;
	struct splitter split;
	uint64_t size_bytes;
	int64_t mtime_s;
	bool ended;
};

static int
open_input(struct reader *reader, const char *path, struct err *err)
{
	bool is_stdin = strcmp(path, "-") == 0;
	const char *name = is_stdin ? "standard input" : path;
	int fd = is_stdin ? fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 0)
			  : open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	struct stat st = { 0 };

	if (fd < 0)
		return err_errno(err, "open", name);
	if (fstat(fd, &st) == 0 && S_ISDIR(st.st_mode)) {
		close(fd);
		return err_set(err, -EISDIR, "open %s: is a directory", name);
	}
	if (S_ISREG(st.st_mode)) {
		reader->size_bytes = (uint64_t)st.st_size;
		reader->mtime_s = st.st_mtim.tv_sec;
	}
	return input_open(fd, name, &reader->in, err);
}

int
reader_open(const char *path, uint64_t from_offset, struct reader **reader_out,
    struct err *err)
{
	struct reader *reader = calloc(1, sizeof *reader);
	int r;

	if (reader == NULL || splitter_init(&reader->split, from_offset) < 0)
		r = err_set(err, -ENOMEM, "open %s: out of memory", path);
	else
		r = open_input(reader, path, err);
	if (r == 0 && from_offset > 0) {
		r = input_skip(reader->in, from_offset, err);
		reader->ended = r == 0; /* it ends before that */
	}
	if (r < 0) {
		reader_close(reader);
		return r;
	}
	*reader_out = reader;
	return 0;
}

void
reader_close(struct reader *reader)
{
	if (reader == NULL)
		return;
	input_close(reader->in);
	splitter_done(&reader->split);
	free(reader);
}

/* One read into the batch; more only while not even one line is complete. */
static int
fill(struct reader *reader, struct line_batch *batch, struct err *err)
{
	char *room;
	int r = splitter_begin(&reader->split, batch, READER_BATCH_BYTES, &room);

	if (r < 0)
		return err_set(err, r, "read lines: out of memory");
	ssize_t got = input_read(reader->in, room, READER_BATCH_BYTES, err);

	if (got < 0)
		return (int)got;
	if (got > 0) {
		r = splitter_feed(&reader->split, batch, (size_t)got);
	} else {
		reader->ended = true;
		r = splitter_finish(&reader->split, batch);
	}
	return r < 0 ? err_set(err, r, "read lines: out of memory") : 0;
}

int
reader_next(struct reader *reader, struct line_batch *batch, struct err *err)
{
	batch->n = 0;
	while (batch->n == 0 && !reader->ended) {
		int r = fill(reader, batch, err);

		if (r < 0)
			return r;
	}
	return batch->n > 0;
}

uint64_t
reader_done_bytes(const struct reader *reader)
{
	return input_done_bytes(reader->in);
}

uint64_t
reader_size_bytes(const struct reader *reader)
{
	return reader->size_bytes;
}

int64_t
reader_mtime_s(const struct reader *reader)
{
	return reader->mtime_s;
}
