#include "cli/watcher_lives.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/file.h>
#include <time.h>
#include <unistd.h>

#include "core/str.h"
#include "store/store.h"

enum { TRIES = 20, STEP_MS = 10 };

static char *
path_of_lock(const char *state, struct err *err)
{
	char *path;

	if (asprintf(&path, "%s.lock", state) >= 0)
		return path;
	(void)err_set(err, -ENOMEM, "out of memory");
	return NULL;
}

/* Who asks whether a watcher runs holds it for a moment. */
static bool
take(int fd)
{
	const struct timespec step = { .tv_nsec = STEP_MS * 1000000L };

	for (int i = 0; i < TRIES; i++) {
		if (flock(fd, LOCK_EX | LOCK_NB) == 0)
			return true;
		(void)nanosleep(&step, NULL);
	}
	return false;
}

int
watcher_lock(const char *state, int *fd_out, struct err *err)
{
	AUTO(auto_free) char *path = path_of_lock(state, err);
	int fd, r = path == NULL ? -ENOMEM : store_make_file(path, &fd, err);

	if (r < 0)
		return r;
	if (!take(fd)) {
		(void)close(fd);
		return err_set(err, -EBUSY,
		    "another `mailwarden run` works on %s: stop it first, or use another --state",
		    state);
	}
	/* Without room for it on the disk the lock holds all the same. */
	if (ftruncate(fd, 0) == 0)
		(void)dprintf(fd, "%d\n", (int)getpid());
	*fd_out = fd;
	return 0;
}

int
watcher_lives(const char *state, struct err *err)
{
	AUTO(auto_free) char *path = path_of_lock(state, err);

	if (path == NULL)
		return -ENOMEM;
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);

	if (fd < 0)
		return errno == ENOENT ? 0 : err_errno(err, "open", path);
	/* Ours for a moment if nobody holds it; a watcher that starts just then asks again. */
	bool lives = flock(fd, LOCK_SH | LOCK_NB) != 0 && errno == EWOULDBLOCK;

	(void)close(fd);
	return lives;
}
