#include "watcher/file_watch.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/str.h"

enum watched {
	WATCH_READING, /* the file being read, whatever its name is now */
	WATCH_PATH,    /* the file at the path */
	WATCH_DIR,     /* the directory, or the nearest one above it that exists */
	WATCH_TARGET,  /* the directory a symbolic link leads to */
	WATCH_COUNT
};

static const uint32_t file_mask = IN_MODIFY | IN_ATTRIB | IN_MOVE_SELF;
static const uint32_t dir_mask = IN_CREATE | IN_MOVED_TO | IN_MOVED_FROM | IN_DELETE |
				 IN_ATTRIB | IN_MOVE_SELF | IN_DELETE_SELF | IN_ONLYDIR;

struct file_watch {
	int fd;
	int wd[WATCH_COUNT]; /* -1: none */
	char *path, *dir;
	const char *base;   /* in path */
	char *target;       /* path of what the link led to, or NULL */
	bool stale;         /* the directories have to be looked at anew */
	bool is_dir_itself; /* WATCH_DIR is the directory, not one above */
};

int
file_watch_open(const char *path, struct file_watch **out, struct err *err)
{
	struct file_watch *w = calloc(1, sizeof *w);

	if (w == NULL)
		return err_set(err, -ENOMEM, "watch %s: out of memory", path);
	for (size_t i = 0; i < WATCH_COUNT; i++)
		w->wd[i] = -1;
	w->stale = true;
	w->path = str_dup(str_of(path));
	ptrdiff_t slash = str_rfind_char(str_of(path), '/');
	struct str dir = str_head(str_of(path), slash > 0 ? (size_t)slash : 1);

	w->dir = str_dup(dir);
	w->fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
	int r = 0;

	if (w->path == NULL || w->dir == NULL)
		r = err_set(err, -ENOMEM, "watch %s: out of memory", path);
	else if (w->fd < 0)
		r = err_set(err, -errno, "watch %s: %s%s", path, strerror(errno),
		    errno == EMFILE ? " (raise fs.inotify.max_user_instances)" : "");
	if (r < 0) {
		file_watch_close(w);
		return r;
	}
	w->base = w->path + slash + 1;
	*out = w;
	return 0;
}

void
file_watch_close(struct file_watch *w)
{
	if (w == NULL)
		return;
	if (w->fd >= 0)
		close(w->fd);
	free(w->path);
	free(w->dir);
	free(w->target);
	free(w);
}

int
file_watch_fd(const struct file_watch *w)
{
	return w->fd;
}

/* Two of ours may be the same watch: the kernel has one for each inode. */
static void
set_watch(struct file_watch *w, enum watched which, int wd)
{
	int old = w->wd[which];

	w->wd[which] = wd;
	for (size_t i = 0; i < WATCH_COUNT; i++)
		if (w->wd[i] == old)
			return;
	if (old >= 0)
		(void)inotify_rm_watch(w->fd, old); /* it may be gone by itself */
}

static int
watch_failed(const char *what, struct err *err)
{
	int code = errno;
	const char *hint = "";

	if (code == ENOSPC)
		hint = " (raise fs.inotify.max_user_watches)";
	else if (code == EACCES)
		hint = " (is the user in group adm?)";
	return err_set(err, -code, "watch %s: %s%s", what, strerror(code), hint);
}

/* Does the directory one step below `up` on the way to ours exist by now? */
static bool
has_next_dir(const struct file_watch *w, const char *up)
{
	size_t n = strlen(up) > 1 ? strlen(up) + 1 : 1;
	AUTO(auto_free) char *below = str_dup(str_of(w->dir));
	struct stat st;

	if (below == NULL || n >= strlen(below))
		return false;
	char *end = strchr(below + n, '/');

	if (end != NULL)
		*end = '\0';
	return stat(below, &st) == 0 && S_ISDIR(st.st_mode);
}

/* The directory, or else the nearest one above it that exists. */
static int
watch_dir(struct file_watch *w, struct err *err)
{
	char up[PATH_MAX];

	if (strlen(w->dir) >= sizeof up)
		return err_set(err, -ENAMETOOLONG, "watch %s: path too long", w->dir);
	(void)strcpy(up, w->dir);
	for (;;) {
		int wd = inotify_add_watch(w->fd, up, dir_mask);

		if (wd >= 0 && has_next_dir(w, up)) {
			(void)strcpy(up, w->dir); /* it came meanwhile */
		} else if (wd >= 0) {
			w->is_dir_itself = strcmp(up, w->dir) == 0;
			set_watch(w, WATCH_DIR, wd);
			return 0;
		} else if ((errno != ENOENT && errno != ENOTDIR) || up[1] == '\0') {
			return watch_failed(up, err);
		} else {
			char *slash = strrchr(up, '/');

			slash[slash == up ? 1 : 0] = '\0';
		}
	}
}

static int
watch_target(struct file_watch *w, struct err *err)
{
	char link[PATH_MAX], dir[PATH_MAX * 2];
	ssize_t n = readlink(w->path, link, sizeof link - 1);
	int wd = -1, r = 0;

	free(w->target);
	w->target = NULL;
	if (n > 0) {
		link[n] = '\0';
		(void)snprintf(dir, sizeof dir, "%s%s%s", link[0] == '/' ? "" : w->dir,
		    link[0] == '/' ? "" : "/", link);
		w->target = str_dup(str_of(dir));
		*strrchr(dir, '/') = '\0';
		wd = inotify_add_watch(w->fd, dir[0] == '\0' ? "/" : dir, dir_mask);
		if (wd < 0 && errno != ENOENT)
			r = watch_failed(dir, err);
	}
	set_watch(w, WATCH_TARGET, wd);
	return r;
}

int
file_watch_refresh(struct file_watch *w, struct err *err)
{
	if (!w->stale)
		return 0;
	int r = watch_dir(w, err);

	if (r == 0)
		r = watch_target(w, err);
	w->stale = r < 0;
	return r;
}

int
file_watch_reading(struct file_watch *w, int fd, struct err *err)
{
	char name[64];
	int wd = -1;

	if (fd >= 0) {
		/* By descriptor: the name may already belong to another file. */
		(void)snprintf(name, sizeof name, "/proc/self/fd/%d", fd);
		wd = inotify_add_watch(w->fd, name, file_mask);
		/* No /proc, or not ours to look into after a change of user. */
		if (wd < 0 && (errno == ENOENT || errno == EACCES))
			wd = inotify_add_watch(w->fd, w->path, file_mask);
		if (wd < 0)
			return watch_failed(w->path, err);
	}
	set_watch(w, WATCH_READING, wd);
	return 0;
}

int
file_watch_path(struct file_watch *w, struct err *err)
{
	int wd = inotify_add_watch(w->fd, w->path, file_mask);

	if (wd < 0 && errno != ENOENT && errno != ENOTDIR)
		return watch_failed(w->path, err);
	set_watch(w, WATCH_PATH, wd);
	return 0;
}

static bool
take_event(struct file_watch *w, const struct inotify_event *e)
{
	const uint32_t gone = IN_IGNORED | IN_MOVE_SELF | IN_DELETE_SELF | IN_UNMOUNT;
	bool ours = false;

	if (e->mask & IN_Q_OVERFLOW) {
		w->stale = true;
		return true;
	}
	for (size_t i = 0; i < WATCH_COUNT; i++) {
		if (e->wd != w->wd[i])
			continue;
		bool is_dir = i == WATCH_DIR || i == WATCH_TARGET;
		bool named =
		    e->len > 0 && (strcmp(e->name, w->base) == 0 ||
				      (w->target != NULL &&
					  str_ends(str_of(w->target), str_of(e->name))));

		if (e->mask & IN_IGNORED)
			w->wd[i] = -1;
		if (!is_dir || named || e->len == 0 || (e->mask & gone) ||
		    (i == WATCH_DIR && !w->is_dir_itself))
			ours = true;
		/* A link may lead elsewhere now, a parent have got the directory. */
		if (is_dir && ours)
			w->stale = true;
	}
	return ours;
}

bool
file_watch_drain(struct file_watch *w)
{
	_Alignas(struct inotify_event) char bytes[16 * 1024];
	bool ours = false;
	ssize_t n;

	while ((n = read(w->fd, bytes, sizeof bytes)) > 0)
		for (char *p = bytes; p < bytes + n;) {
			const struct inotify_event *e = (const void *)p;

			ours = take_event(w, e) || ours;
			p += sizeof *e + e->len;
		}
	return ours;
}
