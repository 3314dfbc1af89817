/*
 * How a followed file is read. At any time one file is open, the one at the path
 * or an older one that was not finished yet:
 *
 *	step -> no file open:  resume(), which finds the file of our mark, or begin()
 *	     -> read:          lines; or the file was truncated: forget it, resume()
 *	     -> at its end:    at_end(): still the current one? then wait.
 *	                       Replaced, and the next one has data? finish, then next
 *
 * Between choosing the next file and reading it, it may be rotated away too, and
 * by copytruncate without a change of inode. So after the first read it is asked
 * once more which file comes next; only if it is this one the lines count.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/stat.h>
#include <unistd.h>

#include "watcher/file_watch.h"
#include "watcher/follow.h"
#include "watcher/rotation.h"
#include "watcher/source_impl.h"

struct file_source {
	struct source base; /* first member */
	char *path;         /* absolute */
	struct file_watch *watch;
	struct follow *file; /* NULL: none is open */
	bool finished;       /* file has nothing more: go to the next */
	bool unproven;       /* the current one from its start: does it follow prev? */
	bool has_prev;       /* prev may be trusted; if not set: nothing came before */
	struct mark prev;    /* in the file before it */
	struct mark mark;    /* behind the lines that were taken */
	struct mark offered; /* behind those that are being offered */
	enum source_start start;
	bool lost_cursor; /* it was not understood */
};

static struct file_source *
of(struct source *src)
{
	return (struct file_source *)src;
}

static void
drop_file(struct file_source *fs)
{
	follow_close(fs->file);
	fs->file = NULL;
	fs->finished = false;
	fs->unproven = false;
}

static void
tell_absent(struct file_source *fs)
{
	struct err wait;

	(void)err_set(&wait, 0, "open %s: does not exist (yet)", fs->path);
	source_set_trouble(&fs->base, wait.text);
}

/* Takes the descriptor; at NULL: from the start. */
static int
take_file(struct file_source *fs, const struct rotation_file *f, const struct mark *at,
    struct err *err)
{
	struct mark beginning = { .dev = f->dev, .ino = f->ino, .born_ns = f->born_ns };
	int r;

	drop_file(fs);
	r = follow_open(f->fd, f->is_current ? fs->path : f->name,
	    at == NULL ? &beginning : at, &fs->file, err);
	if (r == 0) {
		r = file_watch_reading(fs->watch, follow_fd(fs->file), err);
		if (r < 0)
			drop_file(fs);
	}
	if (r < 0)
		return r;
	fs->unproven = f->is_current && fs->has_prev && (at == NULL || at->offset == 0);
	return STEP_MORE;
}

/* The file at the path: 1, 0 if there is none. */
static int
open_current(struct file_source *fs, struct rotation_file *out, struct err *err)
{
	int fd = open(fs->path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	struct stat st;

	if (fd < 0 && (errno == ENOENT || errno == ENOTDIR)) {
		tell_absent(fs);
		return 0;
	}
	if (fd < 0)
		return err_set(err, -errno, "open %s: %s%s", fs->path, strerror(errno),
		    errno == EACCES ? " (is the user in group adm?)" : "");
	if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode)) {
		close(fd);
		return err_set(err, -EINVAL, "open %s: not a regular file", fs->path);
	}
	*out = (struct rotation_file){ .fd = fd,
		.dev = st.st_dev,
		.ino = st.st_ino,
		.size = (uint64_t)st.st_size,
		.born_ns = mark_born_ns(fd),
		.is_current = true };
	return 1;
}

static int
begin_at_end(struct file_source *fs, const struct rotation_file *f, struct err *err)
{
	struct mark at = { .dev = f->dev, .ino = f->ino, .born_ns = f->born_ns };

	at.offset = follow_line_end(f->fd, f->size);
	int r = take_file(fs, f, &at, err);

	if (r < 0)
		return r;
	fs->base.owes_cursor = true;
	return r;
}

/* There is no mark: the current file, from where `start` says. */
static int
begin(struct file_source *fs, struct err *err)
{
	struct rotation_file f;
	int r = open_current(fs, &f, err);

	if (r == 0)
		fs->start = SOURCE_FROM_START; /* what comes now is all new */
	if (r <= 0)
		return r;
	return fs->start == SOURCE_FROM_END ? begin_at_end(fs, &f, err)
					    : take_file(fs, &f, NULL, err);
}

/* The mark's file is gone, or it is not in the file that it was in. */
static void
tell_moved(struct file_source *fs, const struct rotation_file *current,
    const struct rotation_file *found)
{
	unsigned long long at = fs->mark.offset;

	if (mark_is_inode(&fs->mark, current->dev, current->ino, current->born_ns))
		source_tell_gap(&fs->base, GAP_TRUNCATED,
		    found != NULL
			? "%s was truncated; read on at byte %llu of its copy %s, but what "
			  "came between copy and truncation is lost"
			: "%s was truncated; what it had behind byte %llu is lost%s",
		    fs->path, at, found != NULL ? found->name : "");
	else if (found == NULL)
		source_tell_gap(&fs->base, GAP_LOST_FILE,
		    "%s was replaced and the old file is gone; "
		    "what it had behind byte %llu is lost",
		    fs->path, at);
}

/*
 * No file has the mark's bytes: whatever is at the path now is new. If that was
 * truncated, a copy of what it held may still be known by its beginning, else
 * the newest rotated file is what came before.
 */
static int
begin_anew(struct file_source *fs, struct err *err)
{
	struct rotation_file current;
	struct mark old = fs->mark, newest;
	int r = rotation_newest(fs->path, &newest, err);

	if (r == 0)
		r = open_current(fs, &current, err);
	if (r <= 0)
		return r;
	fs->prev = newest;
	fs->has_prev = true;
	if (mark_is_inode(&old, current.dev, current.ino, current.born_ns) &&
	    old.head_n > 0) {
		fs->prev = old;
		fs->prev.offset = old.head_n;
		fs->prev.tail_n = 0;
	}
	tell_moved(fs, &current, NULL);
	fs->mark = (struct mark){ 0 };
	fs->start = SOURCE_FROM_START;
	return take_file(fs, &current, NULL, err);
}

/* Goes on at the mark, in whichever file it lies now. */
static int
resume(struct file_source *fs, struct err *err)
{
	struct rotation_file found, current;
	struct mark at = fs->mark;
	int r = rotation_find(fs->path, &fs->mark, &found, err);

	if (r < 0)
		return r;
	if (r == 0)
		return begin_anew(fs, err);
	if (!found.is_current && open_current(fs, &current, NULL) == 1) {
		tell_moved(fs, &current, &found);
		close(current.fd);
	}
	at.dev = found.dev;
	at.ino = found.ino;
	at.born_ns = found.born_ns;
	return take_file(fs, &found, &at, err);
}

static bool
is_current(const struct file_source *fs)
{
	struct stat at_path, ours;

	return stat(fs->path, &at_path) == 0 && fstat(follow_fd(fs->file), &ours) == 0 &&
	       at_path.st_ino == ours.st_ino && at_path.st_dev == ours.st_dev;
}

static int
go_to_next(struct file_source *fs, struct err *err)
{
	struct rotation_file next;
	int r = rotation_next(fs->path, &fs->mark, &next, err);

	if (r == 0) {
		tell_absent(fs);
		fs->finished = follow_is_packed(fs->file) || !is_current(fs);
		return fs->finished ? STEP_IDLE : STEP_MORE; /* renamed back */
	}
	if (r < 0)
		return r;
	fs->prev = fs->mark;
	fs->has_prev = true;
	return take_file(fs, &next, NULL, err);
}

/* Does another file come between prev and the current one, which is open? 1: *out
 * is it, 0: no. */
static int
find_skipped(struct file_source *fs, struct rotation_file *out, struct err *err)
{
	int r = rotation_next(fs->path, &fs->prev, out, err);

	if (r <= 0)
		return r;
	if (out->is_after && !follow_is(fs->file, out->dev, out->ino))
		return 1;
	close(out->fd);
	return 0;
}

/* After the first read: only if nothing was skipped the lines count. */
static int
prove(struct file_source *fs, struct err *err)
{
	struct rotation_file skipped;
	int r = find_skipped(fs, &skipped, err);

	if (r != 0)
		fs->base.batch.n = 0;
	if (r == 1)
		return take_file(fs, &skipped, NULL, err);
	if (r < 0) {
		follow_rewind(fs->file); /* read and ask again in a moment */
		return r;
	}
	fs->unproven = false;
	return STEP_MORE;
}

/* Nothing to read yet: but was it filled, copied and truncated unseen? */
static int
prove_empty(struct file_source *fs, struct err *err)
{
	struct rotation_file skipped;
	int r = find_skipped(fs, &skipped, err);

	return r == 1 ? take_file(fs, &skipped, NULL, err) : r;
}

/* All that was read is taken: the mark lies in this file now, even if it has no
 * line at all. */
static void
mark_end(struct file_source *fs)
{
	struct mark end;

	follow_mark(fs->file, &fs->base.batch, 0, &end);
	if (!follow_is(fs->file, fs->mark.dev, fs->mark.ino) ||
	    fs->mark.offset != end.offset)
		fs->mark = end;
}

static int
finish(struct file_source *fs, struct err *err)
{
	int r = follow_finish(fs->file, &fs->base.batch, err);

	if (r < 0)
		return r;
	fs->finished = true;
	return STEP_MORE;
}

/* The file has nothing more now. Will it ever? */
static int
at_end(struct file_source *fs, struct err *err)
{
	struct rotation_file next;

	mark_end(fs);
	if (follow_is_packed(fs->file))
		return finish(fs, err);
	if (is_current(fs))
		return fs->unproven ? prove_empty(fs, err) : STEP_IDLE;
	int r = file_watch_path(fs->watch, err);

	if (r == 0)
		r = rotation_next(fs->path, &fs->mark, &next, err);
	if (r == 0)
		tell_absent(fs);
	if (r <= 0)
		return r;
	close(next.fd);
	/* The writer opens the new file late: until then the old one is his. */
	if (next.is_current && next.size == 0)
		return STEP_IDLE;
	/* He may have written here after we looked and before he went there. */
	r = follow_read(fs->file, &fs->base.batch, err);
	return r == FOLLOW_END ? finish(fs, err) : r;
}

/* Damage in a compressed file will not heal: go on behind it. */
static int
give_up_packed(struct file_source *fs, const struct err *why)
{
	struct err again;

	source_tell_gap(&fs->base, GAP_READ_ERROR, "%s", why->text);
	mark_end(fs);
	return finish(fs, &again);
}

static int
read_on(struct file_source *fs, struct err *err)
{
	int r = follow_read(fs->file, &fs->base.batch, err);

	if (r < 0 && follow_is_packed(fs->file)) {
		if (r != -ENOMEM)
			return give_up_packed(fs, err);
		drop_file(fs); /* what was unpacked is lost: again from the mark */
		return r;
	}
	if (r == FOLLOW_END)
		r = at_end(fs, err);
	if (r == FOLLOW_CHANGED) {
		drop_file(fs); /* resume() finds out what happened */
		fs->base.batch.n = 0;
		return STEP_MORE;
	}
	if (r == FOLLOW_MORE && fs->unproven && !fs->finished)
		return prove(fs, err);
	return r;
}

static int
file_step(struct source *src, struct err *err)
{
	struct file_source *fs = of(src);
	int r = file_watch_refresh(fs->watch, err);

	if (r < 0)
		return r;
	if (fs->lost_cursor)
		source_tell_gap(src, GAP_LOST_FILE,
		    "%s: the saved position is not "
		    "understood: what was not read before is unknown",
		    fs->path);
	fs->lost_cursor = false;
	if (fs->file != NULL)
		return fs->finished ? go_to_next(fs, err) : read_on(fs, err);
	return mark_is_set(&fs->mark) ? resume(fs, err) : begin(fs, err);
}

static void
file_cursor(struct source *src, size_t n, char *to, size_t size)
{
	struct file_source *fs = of(src);

	follow_mark(fs->file, &src->batch, n, &fs->offered);
	mark_print(&fs->offered, to, size);
}

static void
file_taken(struct source *src)
{
	of(src)->mark = of(src)->offered;
}

static bool
file_wake(struct source *src)
{
	return file_watch_drain(of(src)->watch);
}

static void
file_close(struct source *src)
{
	struct file_source *fs = of(src);

	follow_close(fs->file);
	file_watch_close(fs->watch);
	free(fs->path);
	free(fs);
}

static const struct source_ops file_ops = {
	.step = file_step,
	.cursor = file_cursor,
	.taken = file_taken,
	.wake = file_wake,
	.close = file_close,
};

static char *
absolute(const char *path)
{
	char cwd[PATH_MAX];
	char *full = NULL;

	if (path[0] == '/')
		return str_dup(str_of(path));
	if (getcwd(cwd, sizeof cwd) == NULL || asprintf(&full, "%s/%s", cwd, path) < 0)
		return NULL;
	return full;
}

static int
prepare(struct file_source *fs, sd_event *loop, const char *cursor, struct err *err)
{
	int r = file_watch_open(fs->path, &fs->watch, err);

	if (r < 0)
		return r;
	/* If the directory cannot be read, the first step will tell. */
	fs->has_prev = rotation_newest(fs->path, &fs->prev, NULL) == 0;
	if (cursor != NULL && cursor[0] != '\0')
		fs->lost_cursor = !mark_parse(&fs->mark, cursor);
	return source_attach(&fs->base, loop, file_watch_fd(fs->watch), EPOLLIN, err);
}

int
source_open_file(sd_event *loop, const char *path, const char *cursor,
    enum source_start start, const struct source_events *events, struct source **src_out,
    struct err *err)
{
	struct file_source *fs = calloc(1, sizeof *fs);
	char name[PATH_MAX + 8];

	if (fs == NULL)
		return err_set(err, -ENOMEM, "open %s: out of memory", path);
	fs->start = start;
	fs->path = absolute(path);
	(void)snprintf(name, sizeof name, "file:%s", fs->path == NULL ? path : fs->path);
	int r = source_init(&fs->base, &file_ops, name, events, err);

	if (r == 0 && fs->path == NULL)
		r = err_set(err, -ENOMEM, "open %s: out of memory", path);
	if (r == 0)
		r = prepare(fs, loop, cursor, err);
	if (r < 0) {
		source_close(&fs->base);
		return r;
	}
	*src_out = &fs->base;
	return 0;
}
