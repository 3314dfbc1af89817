#include "cli/watcher_lives.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/file.h>
#include <unistd.h>

#include "core/str.h"

int
watcher_lives(const char *state, struct err *err)
{
	AUTO(auto_free) char *path = NULL;

	if (asprintf(&path, "%s.lock", state) < 0) {
		path = NULL;
		return err_set(err, -ENOMEM, "out of memory");
	}
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);

	if (fd < 0)
		return errno == ENOENT ? 0 : err_errno(err, "open", path);
	/* Ours for a moment if nobody holds it; a watcher that starts just then asks again. */
	bool lives = flock(fd, LOCK_SH | LOCK_NB) != 0 && errno == EWOULDBLOCK;

	(void)close(fd);
	return lives;
}
