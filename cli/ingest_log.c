#include "cli/ingest_log.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "cli/app.h"
#include "core/buf.h"
#include "core/clock.h"
#include "core/write.h"

enum { LOCK_STEP_MS = 20, LOOK_BACK = 64 * 1024, OPEN_TRIES = 100 };

mode_t
ingest_share_mode(const char *folder, mode_t mode)
{
	struct stat st;

	if (stat(folder, &st) == 0 && (st.st_mode & S_ISGID) != 0)
		mode |= (mode & 0700) >> 3;
	return mode;
}

int
ingest_sync_folder(const char *folder, struct err *err)
{
	int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0)
		return err_errno(err, "open folder", folder);
	int r = fsync(fd) < 0 ? err_errno(err, "write folder", folder) : 0;

	(void)close(fd);
	return r;
}

/* --- the lock --- */

static int
lock(int fd, const char *path, struct err *err)
{
	const struct timespec step = { .tv_nsec = LOCK_STEP_MS * 1000000L };

	for (int i = 0; i < REPORTS_LOG_LOCK_S * 1000 / LOCK_STEP_MS; i++) {
		if (flock(fd, LOCK_EX | LOCK_NB) == 0)
			return 0;
		if (errno != EWOULDBLOCK && errno != EINTR)
			return err_errno(err, "lock", path);
		(void)nanosleep(&step, NULL);
	}
	return err_set(err, -EAGAIN, "lock %s: held by another program for more than %d s",
	    path, REPORTS_LOG_LOCK_S);
}

static int
open_failed(const char *path, struct err *err)
{
	const char *hint = "";
	int code = errno;

	if (code == EACCES)
		hint =
		    " (it belongs to the user and group mailwarden: is that who runs this?)";
	else if (code == ENOENT)
		hint = " (no such folder: has `mailwarden run` run yet?)";
	return err_set(err, -code, "open %s: %s%s", path, strerror(code), hint);
}

/* Only our own file: of another user's the rights are his to set. */
static void
share(int fd, const char *folder)
{
	const mode_t mode = ingest_share_mode(folder, 0640);
	struct stat st;

	if (fstat(fd, &st) == 0 && st.st_uid == geteuid() && (st.st_mode & 0777) != mode)
		(void)fchmod(fd, mode);
}

/* The file that is at the path while we hold its lock: it may be rotated away before. */
static int
open_locked(const char *folder, const char *path, int *fd_out, struct err *err)
{
	for (int i = 0; i < OPEN_TRIES; i++) {
		struct stat ours, there;
		int fd = open(path,
		    O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC | O_NOCTTY | O_NOFOLLOW |
			O_NONBLOCK,
		    0640);

		if (fd < 0)
			return open_failed(path, err);
		share(fd, folder);
		int r = lock(fd, path, err);

		if (r == 0 && fstat(fd, &ours) < 0)
			r = err_errno(err, "look at", path);
		if (r == 0 && !S_ISREG(ours.st_mode))
			r = err_set(err, -EINVAL, "open %s: not a regular file", path);
		if (r == 0 && stat(path, &there) == 0 && there.st_ino == ours.st_ino &&
		    there.st_dev == ours.st_dev) {
			*fd_out = fd;
			return 0;
		}
		(void)close(fd);
		if (r < 0)
			return r;
	}
	return err_set(err, -EAGAIN, "open %s: replaced again and again", path);
}

/* --- rotation --- */

static int
rename_one(const char *path, int from, struct err *err)
{
	AUTO(buf_done) struct buf old = { 0 }, new = { 0 };

	buf_addf(&old, from == 0 ? "%s" : "%s.%d", path, from);
	buf_addf(&new, "%s.%d", path, from + 1);
	if (old.failed || new.failed)
		return err_set(err, -ENOMEM, "out of memory");
	if (rename(buf_cstr(&old), buf_cstr(&new)) != 0 && errno != ENOENT)
		return err_errno(err, "rename", buf_cstr(&old));
	return 0;
}

/* The oldest goes. Who follows the log finds the others by their names. */
static int
rotate(const char *folder, const char *path, struct err *err)
{
	int r = 0;

	for (int i = REPORTS_LOG_FILES - 1; r == 0 && i >= 0; i--)
		r = rename_one(path, i, err);
	return r < 0 ? r : ingest_sync_folder(folder, err);
}

/* --- appending --- */

/* Where the last whole line ends. */
static int
end_of_lines(int fd, off_t size, const char *path, off_t *end_out, struct err *err)
{
	char bytes[LOOK_BACK];

	while (size > 0) {
		off_t from = size > LOOK_BACK ? size - LOOK_BACK : 0;
		ssize_t n = pread(fd, bytes, (size_t)(size - from), from);

		if (n != size - from)
			return n < 0 ? err_errno(err, "read", path)
				     : err_set(err, -EIO, "read %s: it shrank", path);
		ptrdiff_t at = str_rfind_char((struct str){ bytes, (size_t)n }, '\n');

		if (at >= 0) {
			*end_out = from + at + 1;
			return 0;
		}
		size = from;
	}
	*end_out = 0;
	return 0;
}

static int
write_failed(int code, const char *path, struct err *err)
{
	return err_set(err, code, "write %s: %s%s", path, strerror(-code),
	    code == -ENOSPC || code == -EDQUOT ? " (make room there)" : "");
}

static int
append(int fd, off_t size, struct str text, const char *path, struct err *err)
{
	off_t end;
	int r = end_of_lines(fd, size, path, &end, err);

	if (r < 0)
		return r;
	if (end < size && ftruncate(fd, end) < 0)
		return err_errno(err, "cut half a line off", path);
	r = write_whole(fd, text);
	if (r == 0 && fdatasync(fd) < 0)
		r = -errno;
	if (r == 0)
		return 0;
	/* If this fails too, what is left is whole lines that come again, or half a line. */
	(void)!ftruncate(fd, end);
	return write_failed(r, path, err);
}

static void
stamp(struct str lines, struct buf *out)
{
	AUTO(buf_done) struct buf now = { 0 };

	clock_rfc3339(&now, app_now_us(), 0);
	while (lines.n > 0) {
		struct str line = str_cut(&lines, '\n');

		buf_add(out, buf_str(&now));
		buf_add(out, line);
		buf_add_char(out, '\n');
	}
	out->failed |= now.failed;
}

static int
append_locked(const char *folder, const char *path, int *fd, struct str lines,
    struct err *err)
{
	AUTO(buf_done) struct buf text = { 0 };
	struct stat st;
	int r = 0;

	if (fstat(*fd, &st) < 0)
		return err_errno(err, "look at", path);
	stamp(lines, &text);
	if (text.failed)
		return err_set(err, -ENOMEM, "out of memory");
	if (st.st_size > 0 && st.st_size + (off_t)text.n > REPORTS_LOG_BYTES) {
		if ((r = rotate(folder, path, err)) < 0)
			return r;
		(void)close(*fd);
		*fd = -1;
		if ((r = open_locked(folder, path, fd, err)) < 0)
			return r;
		if (fstat(*fd, &st) < 0)
			return err_errno(err, "look at", path);
	}
	r = append(*fd, st.st_size, buf_str(&text), path, err);
	/* A new file's name must be there, too, and so must that of one that was new when
	 * somebody crashed. */
	return r < 0 || st.st_size > 0 ? r : ingest_sync_folder(folder, err);
}

int
ingest_log_append(const char *folder, const char *path, struct str lines, struct err *err)
{
	int fd = -1;

	if (lines.n == 0)
		return 0;
	int r = open_locked(folder, path, &fd, err);

	if (r == 0)
		r = append_locked(folder, path, &fd, lines, err);
	if (fd >= 0)
		(void)close(fd);
	return r;
}
