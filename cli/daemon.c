#include "cli/daemon.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <systemd/sd-daemon.h>
#include <time.h>
#include <unistd.h>

#include "cli/child.h"
#include "cli/ingester.h"
#include "cli/notifier.h"
#include "cli/pipeline.h"
#include "cli/replay_reports.h"
#include "cli/self.h"
#include "cli/watcher_lives.h"
#include "core/clock.h"
#include "store/channels.h"
#include "store/wake.h"

#define EXPIRE_EVERY_US (6 * 3600 * (uint64_t)US_PER_S)
#define LOOK_EVERY_US (300 * (uint64_t)US_PER_S)
#define TICK_ACCURACY_US ((uint64_t)US_PER_S)

enum { MAX_SOURCES = 64, EXPIRE_FIRST_S = 60, TICK_AGAIN_S = 60 };

struct daemon {
	const struct daemon_settings *settings;
	struct rulebook book;
	struct pipeline *pipeline;
	sd_event *loop;
	struct source *sources[MAX_SOURCES];
	size_t nsources;
	bool troubled[MAX_SOURCES]; /* when they were looked at last */
	size_t nnamed; /* of them the first: what was asked for; then reports.log */
	char *reports; /* its path */
	struct child *notifier, *ingester;
	sd_event_source *tick;
	int lock_fd;
	struct err last_failure; /* so that one fault is told once, not at every retry */
	bool knock_failed;       /* and that was told */
	dev_t store_dev;         /* the store's file, as it was opened */
	ino_t store_ino;
	uint64_t gaps;
};

static void
log_line(const char *what, const char *name, const char *detail)
{
	fprintf(stderr, "%s source=%s%s", what, name,
	    detail[0] != '\0' ? " detail=\"" : "");
	app_print_safe(str_of(detail), stderr);
	fputs(detail[0] != '\0' ? "\"\n" : "\n", stderr);
}

/* --- one run for one store --- */

static int
lock_store(struct daemon *d)
{
	struct err err;
	int r = watcher_lock(d->settings->state, &d->lock_fd, &err);

	return r < 0 ? app_fail(EXIT_STORE, "%s", err.text) : EXIT_FINE;
}

/* --- ticking: quiet spans that end without a line --- */

static int on_tick(sd_event_source *source, uint64_t usec, void *ctx);

static void
set_tick(struct daemon *d, int64_t not_before_us)
{
	int64_t due_us = pipeline_next_due(d->pipeline);

	d->tick = sd_event_source_disable_unref(d->tick);
	if (d->loop == NULL || due_us == INT64_MAX)
		return;
	if (due_us < not_before_us)
		due_us = not_before_us;
	(void)sd_event_add_time(d->loop, &d->tick, CLOCK_REALTIME,
	    (uint64_t)due_us + US_PER_S, TICK_ACCURACY_US, on_tick, d);
}

/* --- what others are to know --- */

static int
count_one(void *ctx, const struct incident *incident)
{
	size_t *n = ctx;

	(void)incident;
	(*n)++;
	return 0;
}

/* For `systemctl status`. */
static void
tell_status(struct daemon *d)
{
	size_t open = 0;
	struct err err;

	if (getenv("NOTIFY_SOCKET") == NULL ||
	    store_each_incident(pipeline_store(d->pipeline), INCIDENTS_OPEN, 0, count_one,
		&open, &err) < 0)
		return;
	(void)sd_notifyf(0, "STATUS=watching %zu source%s, %zu open incident%s", d->nnamed,
	    d->nnamed == 1 ? "" : "s", open, open == 1 ? "" : "s");
}

/* There is something to tell. */
static void
knock(struct daemon *d)
{
	struct err err;
	bool failed = store_wake_send(d->settings->state, &err) < 0;

	if (failed && !d->knock_failed)
		fprintf(stderr, "mailwarden: wake the notifier: %s\n", err.text);
	d->knock_failed = failed;
}

/* Which file we have: what takes its place later is another one. */
static int
note_store(struct daemon *d)
{
	struct stat st;

	if (stat(d->settings->state, &st) != 0)
		return app_fail(EXIT_STORE, "open store %s: %s", d->settings->state,
		    strerror(errno));
	d->store_dev = st.st_dev;
	d->store_ino = st.st_ino;
	return EXIT_FINE;
}

/* What is written to a file that is gone is lost: the loop ends, and the next start makes or
 * takes the one that belongs there. */
static void
end_without_store(struct daemon *d)
{
	struct stat st;
	bool there = stat(d->settings->state, &st) == 0;

	if (d->loop == NULL || (!there && errno != ENOENT) ||
	    (there && st.st_dev == d->store_dev && st.st_ino == d->store_ino))
		return;
	fprintf(stderr, "mailwarden: the store %s was %s while it was in use: ending\n",
	    d->settings->state, there ? "replaced" : "removed");
	(void)sd_event_exit(d->loop, EXIT_STORE);
}

static void
after_commit(struct daemon *d)
{
	struct pipeline_totals t = pipeline_take_totals(d->pipeline);

	if (t.notices > 0)
		knock(d);
	if (t.orphans > 0)
		fprintf(stderr, "incidents whose rule is gone are resolved: %lld\n",
		    (long long)t.orphans);
	if (d->last_failure.text[0] != '\0') {
		fputs("store works again\n", stderr);
		d->last_failure.text[0] = '\0';
		tell_status(d);
	} else if (t.notices > 0 || t.incidents_opened > 0 || t.orphans > 0) {
		tell_status(d);
	}
	set_tick(d, app_now_us());
	end_without_store(d);
}

/* Tells a fault when it is new. */
static void
store_failed(struct daemon *d, const struct err *err)
{
	end_without_store(d);
	if (strcmp(err->text, d->last_failure.text) == 0)
		return;
	d->last_failure = *err;
	fprintf(stderr, "mailwarden: %s; nothing is lost, the lines are offered again\n",
	    err->text);
	(void)sd_notifyf(0, "STATUS=%s", err->text);
}

static int
on_tick(sd_event_source *source, uint64_t usec, void *ctx)
{
	struct daemon *d = ctx;
	struct err err;

	(void)source;
	(void)usec;
	if (pipeline_tick(d->pipeline, app_now_us(), &err) < 0) {
		store_failed(d, &err);
		/* No line may ever come again: the span must end all the same. */
		set_tick(d, app_now_us() + TICK_AGAIN_S * (int64_t)US_PER_S);
	} else {
		after_commit(d);
	}
	return 0;
}

/* --- sources --- */

static int
on_lines(void *ctx, struct source *src, const struct line *lines, size_t n,
    const char *cursor)
{
	struct daemon *d = ctx;
	struct err err;
	int r = pipeline_lines(d->pipeline, source_name(src), lines, n, cursor, &err);

	if (r < 0) {
		store_failed(d, &err);
		return r;
	}
	after_commit(d);
	return 0;
}

static const char *
gap_name(enum source_gap gap)
{
	switch (gap) {
	case GAP_TRUNCATED: return "truncated";
	case GAP_LOST_FILE: return "file lost";
	case GAP_VACUUMED: return "journal vacuumed";
	case GAP_SUPPRESSED: return "journal suppressed messages";
	default: return "read error";
	}
}

static void
on_gap(void *ctx, struct source *src, enum source_gap gap, const char *detail)
{
	struct daemon *d = ctx;
	struct err err;

	d->gaps++;
	log_line(gap_name(gap), source_name(src), detail);
	if (pipeline_gap(d->pipeline, source_name(src), gap_name(gap), detail, &err) < 0)
		store_failed(d, &err);
	else
		after_commit(d);
}

/* The name a source has in the store, before it is opened. */
static char *
source_key(const struct config_source *source)
{
	char *key = NULL;
	int n = source->kind == SOURCE_FILE ? asprintf(&key, "file:%s", source->path)
		: source->path != NULL      ? asprintf(&key, "journal:%s", source->path)
					    : asprintf(&key, "journal");

	return n < 0 ? NULL : key;
}

/* reports.log is written by `mailwarden ingest`: where nobody does it is not there, which is
 * no trouble, and however long it is quiet that says nothing. */
static const char *
trouble_of(const struct daemon *d, size_t i)
{
	return i >= d->nnamed && access(d->reports, F_OK) != 0 && errno == ENOENT
		   ? ""
		   : source_trouble(d->sources[i]);
}

static int
open_source(struct daemon *d, const struct config_source *from, enum source_start start,
    struct err *err)
{
	const struct source_events events = { on_lines, on_gap, d };
	AUTO(auto_free) char *key = source_key(from);
	AUTO(auto_free) char *cursor =
		key == NULL ? NULL : pipeline_cursor(d->pipeline, key, err);
	struct source **to = &d->sources[d->nsources];

	if (key == NULL)
		return err_set(err, -ENOMEM, "out of memory");
	if (cursor == NULL)
		return -EIO;
	int r = from->kind == SOURCE_FILE
		    ? source_open_file(d->loop, from->path, cursor, start, &events, to, err)
		    : source_open_journal(d->loop, from->path, NULL, cursor, start, &events,
			  to, err);

	if (r < 0)
		return r;
	d->nsources++;
	log_line(cursor[0] != '\0' ? "going on" : "watching", source_name(*to),
	    trouble_of(d, d->nsources - 1));
	return 0;
}

/* Beside the store; all of it, also with --from-end: it was written for us alone. */
static int
open_reports(struct daemon *d, struct err *err)
{
	AUTO(auto_free) char *state = realpath(d->settings->state, NULL);

	if (state == NULL)
		return err_errno(err, "open store", d->settings->state);
	*strrchr(state, '/') = '\0';
	if (asprintf(&d->reports, "%s/reports.log", state) < 0) {
		d->reports = NULL;
		return err_set(err, -ENOMEM, "out of memory");
	}
	const struct config_source from = { SOURCE_FILE, d->reports };

	for (size_t i = 0; i < d->settings->nsources; i++)
		if (d->settings->sources[i].kind == SOURCE_FILE &&
		    strcmp(d->settings->sources[i].path, d->reports) == 0)
			return 0;
	int r = open_source(d, &from, SOURCE_FROM_START, err);

	/* A report speaks of attempts that the log has told before. */
	if (r == 0)
		source_set_late(d->sources[d->nsources - 1], REPORTS_WAIT_US);
	return r;
}

static int
open_sources(struct daemon *d)
{
	struct err err;

	if (d->settings->nsources > MAX_SOURCES - 1)
		return app_fail(EXIT_CONFIG, "%zu sources: more than %d",
		    d->settings->nsources, MAX_SOURCES - 1);
	d->nnamed = d->settings->nsources;
	for (size_t i = 0; i < d->settings->nsources; i++)
		if (open_source(d, &d->settings->sources[i], d->settings->start, &err) < 0)
			return app_fail(EXIT_STORE, "%s", err.text);
	return open_reports(d, &err) < 0 ? app_fail(EXIT_STORE, "%s", err.text) : EXIT_FINE;
}

/* --- the notifier, where it is our child --- */

static bool
has_channels(const struct config *config)
{
	return config->notify.nchannels > 0;
}

static int
start_notifier(struct daemon *d, struct err *err)
{
	const struct notifier_args args = { d->settings->config_path, d->settings->state };

	return notifier_start(d->loop, &args, &d->notifier, err);
}

/* --- what watches Maildirs, where it is our child --- */

static bool
has_maildirs(const struct config *config)
{
	return config->reports.maildirs.n > 0;
}

static int
start_ingester(struct daemon *d, struct err *err)
{
	return ingester_start(d->loop, d->settings->config_path, d->settings->state,
	    &d->ingester, err);
}

/* They read the configuration themselves; where there was nothing to do, there may be now. */
static void
reload_children(struct daemon *d)
{
	struct diags diags = { 0 };
	struct config config;
	struct err err;
	bool notifier = d->notifier == NULL && !d->settings->no_notifier;
	bool ingester = d->ingester == NULL && !d->settings->no_ingest;

	child_reload(d->notifier);
	child_reload(d->ingester);
	if (!notifier && !ingester)
		return;
	int r = config_load(d->settings->config_path, &config, &diags);

	diags_print(&diags, stderr);
	diags_done(&diags);
	if (r < 0)
		return;
	if (notifier && has_channels(&config) && start_notifier(d, &err) < 0)
		fprintf(stderr, "mailwarden: %s\n", err.text);
	if (ingester && has_maildirs(&config) && start_ingester(d, &err) < 0)
		fprintf(stderr, "mailwarden: %s\n", err.text);
	config_done(&config);
}

/* --- signals and timers --- */

static int
on_reload(sd_event_source *source, const struct signalfd_siginfo *info, void *ctx)
{
	struct daemon *d = ctx;
	struct rulebook fresh;
	struct err err;

	(void)source;
	(void)info;
	uint64_t now = 0;

	(void)sd_event_now(d->loop, CLOCK_MONOTONIC, &now);
	(void)sd_notifyf(0, "RELOADING=1\nMONOTONIC_USEC=%llu", (unsigned long long)now);
	if (app_load_rules(d->settings->rules, RULEBOOK_ALL, &fresh) != EXIT_FINE) {
		fputs("mailwarden: the rules above are wrong: nothing changed\n", stderr);
	} else if (pipeline_set_rules(d->pipeline, &fresh, &err) < 0) {
		fprintf(stderr, "mailwarden: %s: the old rules stay\n", err.text);
		app_free_rules(&fresh);
	} else {
		app_free_rules(&d->book);
		d->book = fresh;
		fputs("rules reloaded\n", stderr);
		after_commit(d);
	}
	reload_children(d);
	(void)sd_notify(0, "READY=1");
	tell_status(d);
	return 0;
}

static int
on_expire(sd_event_source *source, uint64_t usec, void *ctx)
{
	struct daemon *d = ctx;
	struct err err;

	if (store_expire(pipeline_store(d->pipeline), app_now_us(), &err) < 0)
		store_failed(d, &err);
	(void)sd_event_source_set_time(source, usec + EXPIRE_EVERY_US);
	(void)sd_event_source_set_enabled(source, SD_EVENT_ONESHOT);
	return 0;
}

/* A log that is being rotated may be away for a moment: what fails must fail twice. */
static void
look_at_sources(struct daemon *d)
{
	for (size_t i = 0; i < d->nsources; i++) {
		const char *trouble = trouble_of(d, i);

		if (d->troubled[i] && trouble[0] != '\0')
			pipeline_note(d->pipeline, SELF_SOURCE_FAILED, "%s: %s",
			    source_name(d->sources[i]), trouble);
		d->troubled[i] = trouble[0] != '\0';
	}
}

static int
on_look(sd_event_source *source, uint64_t usec, void *ctx)
{
	struct daemon *d = ctx;
	struct err err;

	look_at_sources(d);
	if (pipeline_look(d->pipeline, app_now_us(), &err) < 0)
		store_failed(d, &err);
	else
		after_commit(d);
	tell_status(d);
	(void)sd_event_source_set_time(source, usec + LOOK_EVERY_US);
	(void)sd_event_source_set_enabled(source, SD_EVENT_ONESHOT);
	return 0;
}

static int
make_loop(struct daemon *d)
{
	sigset_t signals;
	uint64_t now = 0;
	int r;

	(void)sigemptyset(&signals);
	(void)sigaddset(&signals, SIGTERM);
	(void)sigaddset(&signals, SIGINT);
	(void)sigaddset(&signals, SIGHUP);
	(void)sigaddset(&signals, SIGCHLD);
	(void)sigprocmask(SIG_BLOCK, &signals, NULL);
	(void)signal(SIGPIPE, SIG_IGN);
	if ((r = sd_event_default(&d->loop)) < 0 ||
	    (r = sd_event_add_signal(d->loop, NULL, SIGTERM, NULL, NULL)) < 0 ||
	    (r = sd_event_add_signal(d->loop, NULL, SIGINT, NULL, NULL)) < 0 ||
	    (r = sd_event_add_signal(d->loop, NULL, SIGHUP, on_reload, d)) < 0 ||
	    (r = sd_event_now(d->loop, CLOCK_MONOTONIC, &now)) < 0 ||
	    (r = sd_event_add_time(d->loop, NULL, CLOCK_MONOTONIC,
		 now + (uint64_t)EXPIRE_FIRST_S * US_PER_S, EXPIRE_EVERY_US / 100,
		 on_expire, d)) < 0 ||
	    (r = sd_event_add_time(d->loop, NULL, CLOCK_MONOTONIC, now + LOOK_EVERY_US,
		 LOOK_EVERY_US / 10, on_look, d)) < 0)
		return app_fail(EXIT_FAILED, "event loop: %s", strerror(-r));
	(void)sd_event_set_watchdog(d->loop, 1);
	return EXIT_FINE;
}

/* --- the two ways to run --- */

static int
run_once(struct daemon *d)
{
	struct err err = { "" };
	int r = EXIT_FINE;

	for (size_t i = 0; i < d->nsources; i++) {
		const char *trouble = trouble_of(d, i);

		if (source_catch_up(d->sources[i], &err) < 0)
			trouble = err.text;
		if (trouble[0] == '\0')
			continue;
		r = app_fail(EXIT_STORE, "%s: %s", source_name(d->sources[i]), trouble);
		pipeline_note(d->pipeline, SELF_SOURCE_FAILED, "%s: %s",
		    source_name(d->sources[i]), trouble);
	}
	if (d->last_failure.text[0] != '\0')
		return r; /* the store is what failed: nothing can be kept or told */
	if (pipeline_look(d->pipeline, app_now_us(), &err) < 0)
		return app_fail(EXIT_STORE, "%s", err.text);
	if (d->settings->no_notifier || !has_channels(d->settings->config))
		return r;
	const struct notifier_args args = { d->settings->config_path, d->settings->state };
	int told = notifier_run_once(&args, &err);

	if (told < 0)
		return app_fail(EXIT_FAILED, "%s", err.text);
	return r != EXIT_FINE ? r : told == 0 ? EXIT_FINE : EXIT_FAILED;
}

static int
run_loop(struct daemon *d)
{
	struct err err;

	if (d->settings->no_notifier)
		fputs("notices are left to the service mailwarden-notify\n", stderr);
	else if (!has_channels(d->settings->config))
		fputs(
		    "no channel configured: incidents are kept and shown by `mailwarden incidents`\n",
		    stderr);
	else if (start_notifier(d, &err) < 0)
		return app_fail(EXIT_FAILED, "%s", err.text);
	if (!d->settings->no_ingest && has_maildirs(d->settings->config) &&
	    start_ingester(d, &err) < 0)
		return app_fail(EXIT_FAILED, "%s", err.text);
	knock(d); /* what waits, and that we live */
	set_tick(d, app_now_us());
	(void)sd_notify(0, "READY=1");
	tell_status(d);
	int r = sd_event_loop(d->loop);

	(void)sd_notify(0, "STOPPING=1");
	return r < 0 ? app_fail(EXIT_FAILED, "event loop: %s", strerror(-r)) : r;
}

static int
start(struct daemon *d)
{
	struct err err;
	int r = app_load_rules(d->settings->rules, RULEBOOK_ALL, &d->book);

	if (r != EXIT_FINE)
		return r;
	/* The lock comes first: opening brings the store up to date, which an older
	 * program that works on it would not survive. */
	if (store_make_folders(d->settings->state, &err) < 0)
		return app_fail(EXIT_STORE, "%s", err.text);
	if ((r = lock_store(d)) != EXIT_FINE)
		return r;
	if (pipeline_open(d->settings->state, &d->book, &d->pipeline, &err) < 0)
		return app_fail(EXIT_STORE, "%s", err.text);
	/* For a look at ourselves; a store that cannot be written is told by what follows. */
	(void)store_meta_set(pipeline_store(d->pipeline), STR(STORE_META_CHANNELS),
	    has_channels(d->settings->config) ? STR("yes") : STR(""), NULL);
	if ((r = note_store(d)) != EXIT_FINE)
		return r;
	after_commit(d);
	return (r = make_loop(d)) != EXIT_FINE ? r : open_sources(d);
}

int
daemon_run(const struct daemon_settings *settings)
{
	struct daemon d = { .settings = settings, .lock_fd = -1 };
	int r = start(&d);

	if (r == EXIT_FINE)
		r = settings->once ? run_once(&d) : run_loop(&d);
	for (size_t i = 0; i < d.nsources; i++)
		source_close(d.sources[i]);
	child_stop(d.notifier);
	child_stop(d.ingester);
	(void)sd_event_source_disable_unref(d.tick);
	(void)sd_event_unref(d.loop);
	pipeline_close(d.pipeline);
	free(d.reports);
	app_free_rules(&d.book);
	if (d.lock_fd >= 0)
		(void)close(d.lock_fd);
	return r;
}
