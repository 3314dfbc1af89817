#include "cli/ingest_watch.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <systemd/sd-daemon.h>
#include <systemd/sd-event.h>
#include <unistd.h>

#include "cli/ingest_maildir.h"
#include "core/clock.h"
#include "watcher/file_watch.h"

enum {
	LINKED_S = 2, /* a name that was made may be a file that is still written */
	AGAIN_S = 30, /* what could not be taken; doubles */
	AGAIN_AT_MOST_S = 300,
};

struct watch;

/* new/ or cur/ of a Maildir. The folder above it is watched, too: it may come, or another may
 * take its place. */
struct folder {
	struct watch *watch;
	struct maildir *maildir;
	enum maildir_part part;
	sd_event_source *events;
	struct file_watch *parent;
	sd_event_source *parent_io;
	dev_t dev; /* of the folder whose events come */
	ino_t ino;
	struct err trouble;
};

struct watch {
	struct ingest_setup *setup;
	sd_event *loop;
	struct seen *seen;
	struct maildir *maildirs[SEEN_MAILDIRS];
	size_t nmaildirs;
	struct folder folders[SEEN_MAILDIRS * PART_COUNT];
	size_t nfolders;
	sd_event_source *again;
	uint64_t again_s;   /* 0: all is taken */
	bool reload;        /* why the loop ended */
	struct err trouble; /* told last */
};

static void look_again(struct watch *w, uint64_t after_s);
static void open_folders(struct watch *w);

/* --- taking --- */

static void
tell_failure(struct watch *w, const struct err *err)
{
	if (strcmp(w->trouble.text, err->text) == 0)
		return;
	w->trouble = *err;
	(void)app_fail(EXIT_FAILED, "%s; the messages stay, and are taken later",
	    err->text);
}

static void
failed(struct watch *w, const struct err *err)
{
	uint64_t wait_s = w->again_s == 0 ? AGAIN_S : w->again_s;

	tell_failure(w, err);
	w->again_s = wait_s * 2 > AGAIN_AT_MOST_S ? AGAIN_AT_MOST_S : wait_s * 2;
	look_again(w, wait_s);
}

static void
save(struct watch *w)
{
	struct err err;

	if (seen_save(w->seen, w->setup->folder, &err) < 0)
		tell_failure(w, &err);
}

/* All that is there and was not taken. */
static void
scan_all(struct watch *w)
{
	struct err err;
	int r = 0;

	for (size_t i = 0; r == 0 && i < w->nmaildirs; i++)
		r = maildir_scan(w->maildirs[i], &err);
	if (r < 0)
		failed(w, &err);
	else if (w->trouble.text[0] != '\0')
		fputs("mailwarden-ingest: works again\n", stderr);
	if (r == 0) {
		w->trouble.text[0] = '\0';
		w->again_s = 0;
	}
	save(w);
}

static int
on_again(sd_event_source *source, uint64_t usec, void *ctx)
{
	struct watch *w = ctx;

	(void)source;
	(void)usec;
	w->again = sd_event_source_disable_unref(w->again);
	open_folders(w);
	scan_all(w);
	return 0;
}

/* The sooner of what was asked for stays. */
static void
look_again(struct watch *w, uint64_t after_s)
{
	uint64_t now = 0, due = 0;

	(void)sd_event_now(w->loop, CLOCK_MONOTONIC, &now);
	if (w->again != NULL && sd_event_source_get_time(w->again, &due) >= 0 &&
	    due <= now + after_s * US_PER_S)
		return;
	w->again = sd_event_source_disable_unref(w->again);
	(void)sd_event_add_time(w->loop, &w->again, CLOCK_MONOTONIC,
	    now + after_s * US_PER_S, US_PER_S / 10, on_again, w);
}

/* --- folders --- */

static bool open_folder(struct folder *f);

/* Do the events come from the folder that is at the path? */
static bool
is_same(const struct folder *f)
{
	struct stat st;

	return stat(maildir_part_path(f->maildir, f->part), &st) == 0 &&
	       st.st_dev == f->dev && st.st_ino == f->ino;
}

static int
on_parent(sd_event_source *source, int fd, uint32_t events, void *ctx)
{
	struct folder *f = ctx;

	(void)source;
	(void)fd;
	(void)events;
	if (!file_watch_drain(f->parent))
		return 0;
	if (f->events != NULL && !is_same(f))
		f->events = sd_event_source_disable_unref(f->events);
	if (f->events != NULL)
		(void)file_watch_refresh(f->parent, NULL);
	else if (open_folder(f))
		scan_all(f->watch);
	return 0;
}

static int
watch_parent(struct folder *f, struct err *err)
{
	int r = 0;

	if (f->parent == NULL) {
		r = file_watch_open(maildir_part_path(f->maildir, f->part), &f->parent,
		    err);
		if (r == 0)
			r = sd_event_add_io(f->watch->loop, &f->parent_io,
			    file_watch_fd(f->parent), EPOLLIN, on_parent, f);
	}
	return r < 0 ? r : file_watch_refresh(f->parent, err);
}

static void
close_folder(struct folder *f)
{
	f->events = sd_event_source_disable_unref(f->events);
	f->parent_io = sd_event_source_disable_unref(f->parent_io);
	file_watch_close(f->parent);
	f->parent = NULL;
}

static int
on_event(sd_event_source *source, const struct inotify_event *e, void *ctx)
{
	struct folder *f = ctx;
	struct watch *w = f->watch;
	struct err err;

	(void)source;
	if (e->mask & (IN_IGNORED | IN_DELETE_SELF | IN_MOVE_SELF | IN_UNMOUNT)) {
		f->events = sd_event_source_disable_unref(f->events);
		if (open_folder(f))
			scan_all(w);
		return 0;
	}
	/* What failed before comes first: after it all is as if nothing had. */
	if ((e->mask & IN_Q_OVERFLOW) || w->again_s != 0) {
		scan_all(w);
		return 0;
	}
	if (e->len == 0 || (e->mask & IN_ISDIR))
		return 0;
	if (e->mask & IN_CREATE) { /* by link(), complete; or just opened */
		look_again(w, LINKED_S);
		return 0;
	}
	if (maildir_take(f->maildir, f->part, e->name, &err) < 0)
		failed(w, &err);
	save(w);
	return 0;
}

static int
add_events(struct folder *f)
{
	return sd_event_add_inotify(f->watch->loop, &f->events,
	    maildir_part_path(f->maildir, f->part),
	    IN_MOVED_TO | IN_CLOSE_WRITE | IN_CREATE | IN_ATTRIB | IN_DELETE_SELF |
		IN_MOVE_SELF | IN_ONLYDIR,
	    on_event, f);
}

static void
tell_folder(struct folder *f, int code)
{
	const char *path = maildir_part_path(f->maildir, f->part);
	struct err err;

	(void)err_set(&err, code, "watch %s: %s%s; waiting for it", path, strerror(-code),
	    code == -EACCES
		? " (may this user read it? see `reports` in mailwarden.yaml(5))"
	    : code == -ENOSPC ? " (raise fs.inotify.max_user_watches)"
			      : "");
	if (strcmp(f->trouble.text, err.text) == 0)
		return;
	f->trouble = err;
	/* A Maildir that is not there lacks both: once is enough. */
	if (f->part == PART_NEW || code != -ENOENT)
		(void)app_fail(EXIT_FAILED, "%s", err.text);
}

/* Do its events come? */
static bool
open_folder(struct folder *f)
{
	const char *path = maildir_part_path(f->maildir, f->part);
	struct stat st;
	struct err err;
	/* First the one above it: ours may come in between. */
	int above = watch_parent(f, &err);
	int r = stat(path, &st) < 0 ? -errno : add_events(f);

	if (r < 0) {
		tell_folder(f, r);
		if (above < 0) /* nothing will wake us */
			look_again(f->watch, AGAIN_AT_MOST_S);
		return false;
	}
	f->dev = st.st_dev;
	f->ino = st.st_ino;
	f->trouble.text[0] = '\0';
	fprintf(stderr, "watching maildir=%s\n", path);
	return true;
}

static void
open_folders(struct watch *w)
{
	for (size_t i = 0; i < w->nfolders; i++)
		if (w->folders[i].events == NULL)
			(void)open_folder(&w->folders[i]);
}

/* --- the loop --- */

static int
on_hang_up(sd_event_source *source, const struct signalfd_siginfo *info, void *ctx)
{
	struct watch *w = ctx;

	(void)source;
	(void)info;
	w->reload = true;
	return sd_event_exit(w->loop, 0);
}

static int
on_end(sd_event_source *source, int fd, uint32_t events, void *ctx)
{
	struct watch *w = ctx;
	char bytes[64];

	(void)source;
	(void)events;
	ssize_t n = read(fd, bytes, sizeof bytes);

	if (n == 0 || (n < 0 && errno != EINTR && errno != EAGAIN))
		return sd_event_exit(w->loop, EXIT_FINE);
	return 0;
}

static int
make_loop(struct watch *w)
{
	sigset_t signals;
	int r;

	(void)sigemptyset(&signals);
	(void)sigaddset(&signals, SIGTERM);
	(void)sigaddset(&signals, SIGINT);
	(void)sigaddset(&signals, SIGHUP);
	(void)sigprocmask(SIG_BLOCK, &signals, NULL);
	if ((r = sd_event_new(&w->loop)) < 0 ||
	    (r = sd_event_add_signal(w->loop, NULL, SIGTERM, NULL, NULL)) < 0 ||
	    (r = sd_event_add_signal(w->loop, NULL, SIGINT, NULL, NULL)) < 0 ||
	    (r = sd_event_add_signal(w->loop, NULL, SIGHUP, on_hang_up, w)) < 0)
		return app_fail(EXIT_FAILED, "event loop: %s", strerror(-r));
	if (w->setup->options->child &&
	    (r = sd_event_add_io(w->loop, NULL, STDIN_FILENO, EPOLLIN, on_end, w)) < 0)
		return app_fail(EXIT_FAILED, "event loop: standard input: %s",
		    strerror(-r));
	return EXIT_FINE;
}

static int
open_maildirs(struct watch *w)
{
	const struct texts *paths = &w->setup->config->reports.maildirs;
	AUTO(buf_done) struct buf path = { 0 };
	struct err err;

	buf_addf(&path, "%s/reports.seen", w->setup->folder);
	if (path.failed)
		return app_fail(EXIT_FAILED, "out of memory");
	if (seen_open(buf_cstr(&path), &w->seen, &err) < 0)
		return app_fail(EXIT_STORE, "%s", err.text);
	for (size_t i = 0; i < paths->n && i < SEEN_MAILDIRS; i++) {
		struct seen_maildir *seen = seen_of(w->seen, paths->items[i]);
		struct maildir *m =
		    seen == NULL ? NULL : maildir_open(w->setup, seen, paths->items[i]);

		if (m == NULL)
			return app_fail(EXIT_FAILED, "watch %s: out of memory",
			    paths->items[i]);
		w->maildirs[w->nmaildirs++] = m;
		for (int part = 0; part < PART_COUNT; part++)
			if (maildir_has_part(m, (enum maildir_part)part))
				w->folders[w->nfolders++] = (struct folder){ .watch = w,
					.maildir = m,
					.part = (enum maildir_part)part };
	}
	return EXIT_FINE;
}

/* For systemd, whose clock the time of a reload must be. */
static void
tell_state(struct watch *w)
{
	uint64_t now = 0;

	(void)sd_event_now(w->loop, CLOCK_MONOTONIC, &now);
	if (w->reload)
		(void)sd_notifyf(0, "RELOADING=1\nMONOTONIC_USEC=%llu",
		    (unsigned long long)now);
	else
		(void)sd_notify(0, "STOPPING=1");
}

static int
run(struct watch *w)
{
	int r = make_loop(w);

	if (r != EXIT_FINE || (r = open_maildirs(w)) != EXIT_FINE)
		return r;
	if (w->nmaildirs == 0)
		fprintf(stderr,
		    "mailwarden-ingest: no Maildir to watch: set reports: in %s\n",
		    w->setup->config->path);
	(void)sd_notify(0, "READY=1");
	if (w->nmaildirs == 0 && !w->setup->options->child)
		return EXIT_FINE;
	open_folders(w);
	scan_all(w);
	r = sd_event_loop(w->loop);
	if (r < 0)
		return app_fail(EXIT_FAILED, "event loop: %s", strerror(-r));
	tell_state(w);
	return w->reload ? INGEST_RELOAD : EXIT_FINE;
}

int
ingest_watch(struct ingest_setup *setup)
{
	struct watch *w = calloc(1, sizeof *w);

	if (w == NULL)
		return app_fail(EXIT_FAILED, "out of memory");
	w->setup = setup;
	int r = run(w);

	for (size_t i = 0; i < w->nfolders; i++)
		close_folder(&w->folders[i]);
	for (size_t i = 0; i < w->nmaildirs; i++)
		maildir_close(w->maildirs[i]);
	(void)sd_event_source_disable_unref(w->again);
	(void)sd_event_unref(w->loop);
	seen_free(w->seen);
	free(w);
	return r;
}
