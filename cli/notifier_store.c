#include "cli/notifier_store.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "store/wake.h"

struct hold
hold_of(const char *path)
{
	return (struct hold){ .path = path, .lock_fd = -1, .wake_fd = -1, .watch_fd = -1 };
}

static int
take_lock(struct hold *hold, struct err *err)
{
	AUTO(auto_free) char *path = NULL;

	if (asprintf(&path, "%s.notify-lock", hold->path) < 0) {
		path = NULL;
		return err_set(err, -ENOMEM, "out of memory");
	}
	int r = store_make_file(path, &hold->lock_fd, err);

	if (r < 0)
		return r;
	if (flock(hold->lock_fd, LOCK_EX | LOCK_NB) == 0)
		return 0;
	if (errno == EWOULDBLOCK)
		return err_set(err, -EWOULDBLOCK, "another notifier works on %s",
		    hold->path);
	return err_errno(err, "lock", path);
}

/* Which file we have. */
static int
note_file(struct hold *hold, struct err *err)
{
	struct stat st;

	if (stat(hold->path, &st) != 0)
		return err_errno(err, "open store", hold->path);
	hold->dev = st.st_dev;
	hold->ino = st.st_ino;
	return 0;
}

int
hold_open(struct hold *hold, struct err *err)
{
	/* The file comes first: what replaces it after this is another one. */
	int r = note_file(hold, err);

	if (r == -ENOENT)
		return err_set(err, -ENOENT,
		    "open store %s: not there yet; `mailwarden run` makes it", hold->path);
	if (r < 0 || (r = store_open(hold->path, STORE_JOIN, &hold->store, err)) < 0 ||
	    (r = take_lock(hold, err)) < 0 ||
	    (r = store_wake_open(hold->path, &hold->wake_fd, err)) < 0)
		hold_close(hold);
	/* Only for who removes the FIFO: without it all else works. */
	if (r == 0 && (hold->watch_fd = store_wake_watch(hold->path, err)) < 0)
		hold->watch_fd = -1;
	return r;
}

static void
close_fd(int *fd)
{
	if (*fd >= 0)
		(void)close(*fd);
	*fd = -1;
}

void
hold_close(struct hold *hold)
{
	store_close(hold->store);
	hold->store = NULL;
	close_fd(&hold->watch_fd);
	close_fd(&hold->wake_fd);
	close_fd(&hold->lock_fd); /* last: the next notifier may open now */
}

bool
hold_is_replaced(const struct hold *hold)
{
	struct stat st;

	if (stat(hold->path, &st) != 0)
		return errno == ENOENT;
	if (store_wake_is_replaced(hold->path, hold->wake_fd))
		return true;
	return st.st_dev != hold->dev || st.st_ino != hold->ino;
}

void
hold_take_news(const struct hold *hold)
{
	char bytes[4096];

	while (hold->watch_fd >= 0 && read(hold->watch_fd, bytes, sizeof bytes) > 0)
		;
}

bool
hold_take_knocks(const struct hold *hold)
{
	char bytes[512];
	bool any = false;

	while (hold->wake_fd >= 0 && read(hold->wake_fd, bytes, sizeof bytes) > 0)
		any = true;
	return any;
}
