#include "store/wake.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/str.h"
#include "store/db.h"

static char *
fifo_path(const char *store, struct err *err)
{
	char *path = NULL;

	if (asprintf(&path, "%s.wake", store) >= 0)
		return path;
	(void)err_set(err, -ENOMEM, "out of memory");
	return NULL;
}

int
store_wake_open(const char *store, int *fd_out, struct err *err)
{
	AUTO(auto_free) char *path = fifo_path(store, err);
	struct stat st;

	if (path == NULL)
		return -ENOMEM;
	if (mkfifo(path, 0660) != 0 && errno != EEXIST)
		return err_errno(err, "make", path);
	/* The watcher may be another user of the same group. */
	int r = db_share_file(path, err);

	if (r < 0)
		return r;
	/* For writing, too: otherwise it would end whenever the last writer closes it. */
	int fd = open(path, O_RDWR | O_NONBLOCK | O_CLOEXEC | O_NOFOLLOW);

	if (fd < 0)
		return err_errno(err, "open", path);
	if (fstat(fd, &st) != 0 || !S_ISFIFO(st.st_mode)) {
		(void)close(fd);
		return err_set(err, -EINVAL, "%s is not a FIFO: remove it", path);
	}
	*fd_out = fd;
	return 0;
}

bool
store_wake_is_replaced(const char *store, int fd)
{
	struct err err;
	AUTO(auto_free) char *path = fifo_path(store, &err);
	struct stat ours, there;

	if (path == NULL || fstat(fd, &ours) != 0)
		return false;
	if (lstat(path, &there) != 0)
		return errno == ENOENT;
	return there.st_dev != ours.st_dev || there.st_ino != ours.st_ino;
}

int
store_wake_watch(const char *store, struct err *err)
{
	AUTO(auto_free) char *path = fifo_path(store, err);

	if (path == NULL)
		return -ENOMEM;
	int fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);

	if (fd < 0)
		return err_errno(err, "watch", path);
	/* A file that is open and loses its name changes its number of links: IN_ATTRIB. */
	if (inotify_add_watch(fd, path, IN_ATTRIB | IN_MOVE_SELF | IN_DONT_FOLLOW) >= 0)
		return fd;
	int r = err_errno(err, "watch", path);

	(void)close(fd);
	return r;
}

int
store_wake_send(const char *store, struct err *err)
{
	AUTO(auto_free) char *path = fifo_path(store, err);

	if (path == NULL)
		return -ENOMEM;
	int fd = open(path, O_WRONLY | O_NONBLOCK | O_CLOEXEC | O_NOFOLLOW);

	if (fd < 0)
		return errno == ENXIO || errno == ENOENT ? 0 : err_errno(err, "open", path);
	/* A full FIFO has been knocked at often enough. */
	int r = write(fd, "!", 1) < 0 && errno != EAGAIN && errno != EPIPE
		    ? err_errno(err, "write to", path)
		    : 0;

	(void)close(fd);
	return r;
}
