#include "store/watch.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <unistd.h>

enum {
	AGAIN_FIRST_MS = 20, /* then twice as long each time */
	AGAIN_LOOKS = 10,    /* 20 s in all: longer than a sync should ever take */
	WITHOUT_INOTIFY_MS = 1000,
};

int
store_watch_init(struct store_watch *watch, const char *path, struct err *err)
{
	*watch = (struct store_watch){ .fd = -1, .wd = -1 };
	watch->path = str_dup(str_of(path));
	if (watch->path == NULL)
		return err_set(err, -ENOMEM, "watch %s: out of memory", path);
	/* Without one (too many in use) there is still the clock. */
	watch->fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
	return 0;
}

void
store_watch_done(struct store_watch *watch)
{
	if (watch->fd >= 0)
		(void)close(watch->fd);
	free(watch->path);
	free(watch->folder);
	*watch = (struct store_watch){ .fd = -1, .wd = -1 };
}

/* Cuts the last name off; "." or "/" where there is none left. False: nothing above. */
static bool
go_up(char *path)
{
	char *slash = strrchr(path, '/');

	if (strcmp(path, "/") == 0 || strcmp(path, ".") == 0)
		return false;
	if (slash == NULL)
		(void)strcpy(path, ".");
	else
		slash[slash == path] = '\0';
	return true;
}

/* The folder where the store's file is, or will be. */
static char *
store_folder(const char *path)
{
	char real[PATH_MAX + 2];
	const char *from = realpath(path, real) != NULL ? real : path;
	char *folder = malloc(strlen(from) + 3);

	if (folder == NULL)
		return NULL;
	(void)strcpy(folder, from);
	(void)go_up(folder);
	return folder;
}

static void
keep_only(struct store_watch *watch, int wd)
{
	if (watch->wd >= 0 && watch->wd != wd)
		(void)inotify_rm_watch(watch->fd, watch->wd);
	watch->wd = wd;
}

int
store_watch_set(struct store_watch *watch, struct err *err)
{
	const uint32_t own = IN_MODIFY | IN_CREATE | IN_MOVED_TO | IN_DELETE |
			     IN_CLOSE_WRITE | IN_DELETE_SELF | IN_MOVE_SELF | IN_ONLYDIR;
	const uint32_t above =
	    IN_CREATE | IN_MOVED_TO | IN_DELETE_SELF | IN_MOVE_SELF | IN_ONLYDIR;
	char *folder = store_folder(watch->path);
	int wd = -1;

	if (folder == NULL)
		return err_set(err, -ENOMEM, "watch %s: out of memory", watch->path);
	free(watch->folder);
	watch->folder = folder;
	watch->direct = true;
	while (watch->fd >= 0 &&
	       (wd = inotify_add_watch(watch->fd, folder, watch->direct ? own : above)) <
		   0 &&
	       (errno == ENOENT || errno == ENOTDIR) && go_up(folder))
		watch->direct = false;
	keep_only(watch, wd);
	return 0;
}

/* What the event's name adds to the store's: "", "-wal", ".lock"; p is NULL if it is of
 * another file. */
static struct str
suffix_of(const struct store_watch *watch, const struct inotify_event *event)
{
	char real[PATH_MAX];
	const char *path = realpath(watch->path, real) != NULL ? real : watch->path;
	const char *slash = strrchr(path, '/');
	struct str base = str_of(slash == NULL ? path : slash + 1);
	struct str name = str_of(event->name);

	return str_starts(name, base) ? str_skip(name, base.n) : (struct str){ 0 };
}

static void
take_event(struct store_watch *watch, const struct inotify_event *event)
{
	if (!watch->direct || event->len == 0) { /* anything, if we wait for folders */
		watch->again = 0;
		return;
	}
	struct str suffix = suffix_of(watch, event);

	if (suffix.p == NULL)
		return;
	/* It is written to when it is taken, and closed at the end, by the kernel for a process
	 * that was killed. */
	if (str_eq(suffix, STR(".lock")))
		watch->lock_changed = true;
	else if ((event->mask & IN_CLOSE_WRITE) == 0 &&
		 (suffix.n == 0 || str_eq(suffix, STR("-wal"))))
		watch->again = 0;
}

void
store_watch_take(struct store_watch *watch)
{
	_Alignas(struct inotify_event) char bytes[4096];
	ssize_t n;

	while (watch->fd >= 0 && (n = read(watch->fd, bytes, sizeof bytes)) > 0)
		for (ssize_t at = 0; at < n;) {
			const struct inotify_event *event =
			    (const struct inotify_event *)(bytes + at);

			if (event->wd == watch->wd)
				take_event(watch, event);
			at += (ssize_t)sizeof *event + event->len;
		}
}

int
store_watch_again_ms(struct store_watch *watch)
{
	if (watch->fd < 0 || watch->wd < 0)
		return WITHOUT_INOTIFY_MS;
	if (watch->again >= AGAIN_LOOKS)
		return -1;
	return AGAIN_FIRST_MS << watch->again++;
}
