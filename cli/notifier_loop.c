#include "cli/notifier_loop.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/timerfd.h>
#include <systemd/sd-daemon.h>
#include <systemd/sd-event.h>
#include <time.h>
#include <unistd.h>

#include "cli/app.h"
#include "cli/notifier_beat.h"
#include "cli/notifier_crew.h"
#include "cli/notifier_status.h"
#include "cli/notifier_store.h"
#include "core/clock.h"
#include "notify/now.h"
#include "store/watch.h"

enum {
	STOP_WITHIN_S = 20, /* what is being sent may end; systemd waits longer */
	RETRY_S = 30,       /* after trouble with the store */
	RETRY_LOCKED_S = 2, /* another notifier is about to end */
	SOONEST_MS = 100,   /* between two looks without a knock */
};

struct loop {
	const struct notifier_options *options;
	sd_event *event;
	struct crew *crew; /* today's; behind it those that still send */
	struct beats *beats;
	struct hold hold;
	struct store_watch watch; /* while the store cannot be opened */
	int done_fd, clock_fd;
	sd_event_source *wake, *vanishes, *appears, *retry;
	struct err trouble; /* with the store, as told; "": none */
	struct notifier_status status;
	bool stopping;
};

static int
fail(int code, const char *what)
{
	fprintf(stderr, "mailwarden-notify: %s\n", what);
	return code;
}

static struct crew_context
crew_context(const struct notifier_options *options, int done_fd)
{
	return (struct crew_context){ options->state, options->state_dir, done_fd };
}

static void
tell_status(struct loop *l)
{
	l->status.crew = l->crew;
	l->status.store = l->hold.store;
	l->status.trouble = l->trouble.text;
	l->status.held_back = beats_held_back(l->beats);
	notifier_tell_status(&l->status);
}

/* --- when to look again --- */

/* By the wall clock; also woken when that is set (timerfd_create(2)), since a wait that
 * was reckoned with the old time may be far too long. */
static int
set_clock(struct loop *l, int64_t due_us)
{
	static const time_t never_s = INT32_MAX * (time_t)64;
	int64_t soonest_us = now_wall_us() + SOONEST_MS * (int64_t)1000;
	struct itimerspec at = { .it_value.tv_sec = never_s };

	if (due_us != INT64_MAX) {
		if (due_us < soonest_us)
			due_us = soonest_us;
		at.it_value.tv_sec = due_us / US_PER_S;
		at.it_value.tv_nsec = due_us % US_PER_S * 1000;
	}
	return timerfd_settime(l->clock_fd, TFD_TIMER_ABSTIME | TFD_TIMER_CANCEL_ON_SET,
		   &at, NULL) == 0
		   ? 0
		   : -errno;
}

static int on_retry(sd_event_source *source, uint64_t usec, void *ctx);

static void
retry_in(struct loop *l, uint64_t ms)
{
	l->retry = sd_event_source_disable_unref(l->retry);
	(void)sd_event_add_time_relative(l->event, &l->retry, CLOCK_MONOTONIC, ms * 1000, 0,
	    on_retry, l);
}

/* Tells it when it is new. */
static void
store_failed(struct loop *l, const struct err *err)
{
	if (strcmp(err->text, l->trouble.text) == 0)
		return;
	l->trouble = *err;
	fprintf(stderr, "mailwarden-notify: %s; tried again\n", err->text);
}

static void
store_works(struct loop *l)
{
	if (l->trouble.text[0] != '\0')
		fprintf(stderr, "store %s works\n", l->options->state);
	l->trouble.text[0] = '\0';
}

/* --- the store comes and goes --- */

static void look(struct loop *l);

static int
on_wake(sd_event_source *source, int fd, uint32_t events, void *ctx)
{
	struct loop *l = ctx;

	(void)source;
	(void)fd;
	(void)events;
	if (hold_take_knocks(&l->hold)) {
		beats_knock(l->beats);
		look(l);
	}
	return 0;
}

static int
on_vanishes(sd_event_source *source, int fd, uint32_t events, void *ctx)
{
	struct loop *l = ctx;

	(void)source;
	(void)fd;
	(void)events;
	hold_take_news(&l->hold);
	if (hold_is_replaced(&l->hold))
		look(l);
	return 0;
}

static int
on_appears(sd_event_source *source, int fd, uint32_t events, void *ctx)
{
	struct loop *l = ctx;

	(void)source;
	(void)fd;
	(void)events;
	store_watch_take(&l->watch);
	look(l);
	return 0;
}

static void
stop_waiting(struct loop *l)
{
	l->appears = sd_event_source_disable_unref(l->appears);
	l->retry = sd_event_source_disable_unref(l->retry);
	if (l->watch.path != NULL)
		store_watch_done(&l->watch);
}

/* Until something changes in the store's folder; and now and then, for what inotify does
 * not see: rights, a disk that is mounted, another notifier that ends. */
static void
wait_for_store(struct loop *l, int fault)
{
	int again_ms = -1;
	struct err err;

	if (l->watch.path == NULL &&
	    store_watch_init(&l->watch, l->options->state, &err) == 0 && l->watch.fd >= 0)
		(void)sd_event_add_io(l->event, &l->appears, l->watch.fd, POLLIN,
		    on_appears, l);
	if (l->watch.path != NULL && store_watch_set(&l->watch, &err) == 0)
		again_ms = store_watch_again_ms(&l->watch);
	if (again_ms < 0)
		again_ms = 1000 * (fault == -EWOULDBLOCK ? RETRY_LOCKED_S : RETRY_S);
	retry_in(l, (uint64_t)again_ms);
}

static int
open_store(struct loop *l, struct err *err)
{
	int r = hold_open(&l->hold, err);

	if (r < 0)
		return r;
	if ((r = crew_attach(l->crew, l->hold.store, err)) < 0) {
		hold_close(&l->hold);
		return r;
	}
	stop_waiting(l);
	beats_knock(l->beats); /* who made the store runs */
	if (l->hold.watch_fd >= 0)
		(void)sd_event_add_io(l->event, &l->vanishes, l->hold.watch_fd, POLLIN,
		    on_vanishes, l);
	return sd_event_add_io(l->event, &l->wake, l->hold.wake_fd, POLLIN, on_wake, l);
}

static bool
anybody_busy(const struct loop *l)
{
	for (const struct crew *c = l->crew; c != NULL; c = crew_older(c))
		if (crew_is_busy(c))
			return true;
	return false;
}

static void
close_store(struct loop *l)
{
	l->wake = sd_event_source_disable_unref(l->wake);
	l->vanishes = sd_event_source_disable_unref(l->vanishes);
	for (struct crew *c = l->crew; c != NULL; c = crew_older(c))
		crew_detach(c);
	hold_close(&l->hold);
}

/* --- looking --- */

static int
send_what_is_due(struct loop *l, struct err *err)
{
	struct crew *older = crew_older(l->crew);
	int64_t due_us = INT64_MAX;
	int r = crew_work(l->crew, older, now_wall_us(), err);

	if (r == 0)
		r = crew_next_due(l->crew, older, now_wall_us(), &due_us, err);
	if (r < 0) {
		retry_in(l, RETRY_S * 1000);
		return r;
	}
	return set_clock(l, due_us);
}

static void
look(struct loop *l)
{
	struct err err = { "" };
	int r = 0;

	if (l->stopping)
		return;
	l->retry = sd_event_source_disable_unref(l->retry);
	if (l->hold.store != NULL && hold_is_replaced(&l->hold)) {
		if (anybody_busy(l))
			return; /* its result first: on_done() looks again */
		fprintf(stderr, "store %s, or its FIFO, was replaced: opened again\n",
		    l->options->state);
		close_store(l);
	}
	if (l->hold.store == NULL && (r = open_store(l, &err)) < 0) {
		wait_for_store(l, r);
		(void)set_clock(l, INT64_MAX);
	} else {
		r = send_what_is_due(l, &err);
	}
	if (r < 0)
		store_failed(l, &err);
	else
		store_works(l);
	tell_status(l);
}

static int
on_retry(sd_event_source *source, uint64_t usec, void *ctx)
{
	(void)source;
	(void)usec;
	look(ctx);
	return 0;
}

static int
on_clock(sd_event_source *source, int fd, uint32_t events, void *ctx)
{
	uint64_t times;

	(void)source;
	(void)events;
	/* ECANCELED: the clock was set. Either way: what is due now? */
	if (read(fd, &times, sizeof times) < 0 && errno == EAGAIN)
		return 0;
	look(ctx);
	return 0;
}

/* Crews of former configurations that have sent what they had. */
static void
dismiss_crews(struct loop *l)
{
	struct crew *before = l->crew;

	for (struct crew *c = crew_older(before); c != NULL; c = crew_older(before)) {
		if (crew_is_busy(c)) {
			before = c;
			continue;
		}
		crew_set_older(before, crew_older(c));
		crew_free(c);
	}
}

static int
on_done(sd_event_source *source, int fd, uint32_t events, void *ctx)
{
	struct loop *l = ctx;
	uint64_t times;
	size_t failed = 0;
	struct err err;

	(void)source;
	(void)events;
	(void)!read(fd, &times, sizeof times);
	for (struct crew *c = l->crew; c != NULL; c = crew_older(c))
		if (crew_collect(c, now_wall_us(), &failed, &err) < 0)
			store_failed(l, &err);
	dismiss_crews(l);
	if (l->stopping && !anybody_busy(l))
		(void)sd_event_exit(l->event, EXIT_FINE);
	look(l);
	return 0;
}

/* --- reload --- */

static bool
is_same(const char *a, const char *b)
{
	return a == b || (a != NULL && b != NULL && strcmp(a, b) == 0);
}

/* What threads that run may be reading, or what is locked: for the next start. */
static void
tell_what_waits(const struct config *old, const struct config *fresh)
{
	if (!is_same(old->timezone, fresh->timezone))
		fputs("the time zone changed: it counts after a restart\n", stderr);
	if (!is_same(old->state, fresh->state))
		fputs("the store's path changed: it counts after a restart\n", stderr);
}

static int
change_crew(struct loop *l, struct config *config, struct err *err)
{
	const struct crew_context context = crew_context(l->options, l->done_fd);
	struct crew *fresh;
	struct beats *beats;
	int r = crew_new(config, &context, &fresh, err);

	if (r == 0 && l->hold.store != NULL &&
	    (r = crew_attach(fresh, l->hold.store, err)) < 0)
		crew_free(fresh);
	if (r < 0)
		return r;
	r = beats_new(l->event, fresh, l->options->state, &beats, err);
	if (r < 0) {
		crew_free(fresh);
		return r;
	}
	beats_free(l->beats);
	l->beats = beats;
	crew_set_older(fresh, l->crew);
	l->crew = fresh;
	dismiss_crews(l);
	return 0;
}

static int
on_reload(sd_event_source *source, const struct signalfd_siginfo *info, void *ctx)
{
	struct loop *l = ctx;
	struct err err = { "" };
	uint64_t now_us = 0;

	(void)source;
	(void)info;
	if (l->stopping)
		return 0;
	(void)sd_event_now(l->event, CLOCK_MONOTONIC, &now_us);
	(void)sd_notifyf(0, "RELOADING=1\nMONOTONIC_USEC=%llu", (unsigned long long)now_us);
	struct config *config = config_read_told(l->options->config);

	if (config == NULL) {
		fputs(
		    "mailwarden-notify: the configuration above is wrong: nothing changed\n",
		    stderr);
	} else {
		tell_what_waits(crew_config(l->crew), config);
		if (change_crew(l, config, &err) < 0)
			fprintf(stderr, "mailwarden-notify: %s: nothing changed\n",
			    err.text);
		else
			fprintf(stderr, "configuration reloaded channels=%zu\n",
			    crew_channels(l->crew));
	}
	(void)sd_notify(0, "READY=1");
	look(l);
	return 0;
}

/* --- the end --- */

static int
on_patience(sd_event_source *source, uint64_t usec, void *ctx)
{
	struct loop *l = ctx;

	(void)source;
	(void)usec;
	fprintf(stderr,
	    "mailwarden-notify: a channel did not answer within %d s: ended without it; "
	    "the same message is sent again at the next start\n",
	    STOP_WITHIN_S);
	return sd_event_exit(l->event, EXIT_FINE);
}

static void
stop(struct loop *l)
{
	if (l->stopping)
		return;
	l->stopping = true;
	(void)sd_notify(0, "STOPPING=1\nSTATUS=ends what is being sent");
	beats_free(l->beats);
	l->beats = NULL;
	if (!anybody_busy(l))
		(void)sd_event_exit(l->event, EXIT_FINE);
	else
		(void)sd_event_add_time_relative(l->event, NULL, CLOCK_MONOTONIC,
		    STOP_WITHIN_S * (uint64_t)US_PER_S, 0, on_patience, l);
}

static int
on_stop(sd_event_source *source, const struct signalfd_siginfo *info, void *ctx)
{
	(void)source;
	(void)info;
	stop(ctx);
	return 0;
}

/* `run` is gone, or wants us to end. */
static int
on_input(sd_event_source *source, int fd, uint32_t events, void *ctx)
{
	char bytes[64];

	(void)events;
	if (read(fd, bytes, sizeof bytes) > 0)
		return 0;
	(void)sd_event_source_set_enabled(source, SD_EVENT_OFF);
	stop(ctx);
	return 0;
}

/* --- putting it together --- */

static int
add_sources(struct loop *l)
{
	int r;

	if ((r = sd_event_add_signal(l->event, NULL, SIGTERM, on_stop, l)) < 0 ||
	    (r = sd_event_add_signal(l->event, NULL, SIGINT, on_stop, l)) < 0 ||
	    (r = sd_event_add_signal(l->event, NULL, SIGHUP, on_reload, l)) < 0 ||
	    (r = sd_event_add_io(l->event, NULL, l->done_fd, POLLIN, on_done, l)) < 0 ||
	    (r = sd_event_add_io(l->event, NULL, l->clock_fd, POLLIN, on_clock, l)) < 0)
		return r;
	if (l->options->child)
		r = sd_event_add_io(l->event, NULL, STDIN_FILENO, POLLIN, on_input, l);
	return r < 0 ? r : sd_event_set_watchdog(l->event, 1);
}

static int
make_loop(struct loop *l, struct err *err)
{
	sigset_t signals;
	int r;

	/* Before the first thread: theirs are blocked, too, and the loop alone gets them. */
	(void)sigemptyset(&signals);
	(void)sigaddset(&signals, SIGTERM);
	(void)sigaddset(&signals, SIGINT);
	(void)sigaddset(&signals, SIGHUP);
	(void)sigprocmask(SIG_BLOCK, &signals, NULL);
	l->done_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	l->clock_fd = timerfd_create(CLOCK_REALTIME, TFD_NONBLOCK | TFD_CLOEXEC);
	if (l->done_fd < 0 || l->clock_fd < 0)
		return err_errno(err, "make", "an eventfd and a timerfd");
	if ((r = sd_event_default(&l->event)) < 0 || (r = add_sources(l)) < 0)
		return err_set(err, r, "event loop: %s", strerror(-r));
	return 0;
}

static int
start(struct loop *l, struct config *config, struct err *err)
{
	const struct crew_context context = crew_context(l->options, l->done_fd);
	int r = crew_new(config, &context, &l->crew, err);

	return r < 0 ? r : beats_new(l->event, l->crew, l->options->state, &l->beats, err);
}

static void
take_down(struct loop *l)
{
	beats_free(l->beats);
	stop_waiting(l);
	close_store(l);
	while (l->crew != NULL) {
		struct crew *c = l->crew;

		l->crew = crew_older(c);
		crew_free(c);
	}
	(void)sd_event_unref(l->event);
	(void)close(l->done_fd);
	(void)close(l->clock_fd);
}

int
notifier_loop(const struct notifier_options *options, struct config *config)
{
	struct loop l = { .options = options,
		.hold = hold_of(options->state),
		.done_fd = -1,
		.clock_fd = -1 };
	struct err err = { "" };
	int r = make_loop(&l, &err);

	if (r < 0) {
		config_done(config);
		free(config);
	} else {
		r = start(&l, config, &err);
	}
	if (r < 0) {
		take_down(&l);
		return fail(EXIT_FAILED, err.text);
	}
	look(&l);
	(void)sd_notify(0, "READY=1");
	r = sd_event_loop(l.event);
	/* A channel that hangs cannot be waited for: the store is as after a crash, and the
	 * same message goes out again under the same id. */
	if (anybody_busy(&l)) {
		(void)fflush(NULL);
		_exit(r < 0 ? EXIT_FAILED : EXIT_FINE);
	}
	take_down(&l);
	return r < 0 ? fail(EXIT_FAILED, strerror(-r)) : EXIT_FINE;
}
