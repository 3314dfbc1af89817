#include "cli/web_loop.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <systemd/sd-daemon.h>
#include <systemd/sd-event.h>

#include "cli/app.h"
#include "cli/web_jobs.h"
#include "core/clock.h"
#include "store/watch.h"

struct loop {
	sd_event *event;
	struct web_api api;
	struct assets assets;
	struct web_settings settings;
	struct web_handler handler;
	struct web_server *server;
	struct store_watch watch;
	sd_event_source *server_timer, *watch_timer;
};

static int64_t
monotonic(struct loop *l)
{
	uint64_t now = 0;

	(void)sd_event_now(l->event, CLOCK_MONOTONIC, &now);
	return (int64_t)now;
}

/* --- the server --- */

static int
on_server(struct loop *l)
{
	web_server_run(l->server, monotonic(l));
	return 0;
}

static int
on_server_io(sd_event_source *source, int fd, uint32_t events, void *ctx)
{
	(void)source;
	(void)fd;
	(void)events;
	return on_server(ctx);
}

static int
on_server_time(sd_event_source *source, uint64_t usec, void *ctx)
{
	(void)source;
	(void)usec;
	return on_server(ctx);
}

/* Before each sleep: until when? */
static int
on_prepare(sd_event_source *source, void *ctx)
{
	struct loop *l = ctx;
	int ms = web_server_wait_ms(l->server);

	(void)source;
	l->server_timer = sd_event_source_disable_unref(l->server_timer);
	if (ms < 0)
		return 0;
	return sd_event_add_time_relative(l->event, &l->server_timer, CLOCK_MONOTONIC,
	    (uint64_t)ms * 1000, 1000, on_server_time, l);
}

static void
on_job(void *ctx, const void *later, struct web_answer *answer)
{
	struct loop *l = ctx;

	web_server_answer(l->server, later, answer);
	web_server_run(l->server, monotonic(l));
}

/* --- the store --- */

static int on_watch_time(sd_event_source *source, uint64_t usec, void *ctx);

/* Streams look at the store; again a little later, see store_watch.h. */
static int
look(struct loop *l)
{
	struct err err;

	(void)store_watch_set(&l->watch, &err);
	web_server_wake(l->server);
	web_server_run(l->server, monotonic(l));
	l->watch_timer = sd_event_source_disable_unref(l->watch_timer);
	int ms = web_server_has_streams(l->server) ? store_watch_again_ms(&l->watch) : -1;

	if (ms < 0)
		return 0;
	return sd_event_add_time_relative(l->event, &l->watch_timer, CLOCK_MONOTONIC,
	    (uint64_t)ms * 1000, 1000, on_watch_time, l);
}

static int
on_watch_time(sd_event_source *source, uint64_t usec, void *ctx)
{
	(void)source;
	(void)usec;
	return look(ctx);
}

static int
on_watch(sd_event_source *source, int fd, uint32_t events, void *ctx)
{
	struct loop *l = ctx;

	(void)source;
	(void)fd;
	(void)events;
	store_watch_take(&l->watch);
	return look(l);
}

/* --- all --- */

static int
on_signal(sd_event_source *source, const struct signalfd_siginfo *info, void *ctx)
{
	struct loop *l = ctx;

	(void)source;
	(void)info;
	return sd_event_exit(l->event, EXIT_FINE);
}

static int
add_sources(struct loop *l)
{
	sd_event_source *server = NULL;
	int r = sd_event_add_io(l->event, &server, web_server_fd(l->server), POLLIN,
	    on_server_io, l);

	if (r < 0 || (r = sd_event_source_set_prepare(server, on_prepare)) < 0 ||
	    (r = sd_event_source_set_floating(server, 1)) < 0)
		return r;
	(void)sd_event_source_unref(server);
	if (l->watch.fd >= 0)
		r = sd_event_add_io(l->event, NULL, l->watch.fd, POLLIN, on_watch, l);
	if (r < 0 || (r = sd_event_add_signal(l->event, NULL, SIGTERM, on_signal, l)) < 0 ||
	    (r = sd_event_add_signal(l->event, NULL, SIGINT, on_signal, l)) < 0)
		return r;
	return sd_event_set_watchdog(l->event, 1);
}

static int
start(struct loop *l, struct web_place *place, struct err *err)
{
	sigset_t signals;
	int r;

	(void)sigemptyset(&signals);
	(void)sigaddset(&signals, SIGTERM);
	(void)sigaddset(&signals, SIGINT);
	(void)sigprocmask(SIG_BLOCK, &signals, NULL);
	l->handler = (struct web_handler){ .ctx = &l->api,
		.answer = web_api_answer,
		.stream_more = web_stream_more,
		.stream_free = web_stream_free };
	l->api.metrics = metrics_new();
	if (l->api.metrics == NULL)
		return err_set(err, -ENOMEM, "out of memory");
	assets_load(&l->assets, place->page);
	l->settings = (struct web_settings){ .fd = place->listener.fd,
		.is_loopback = place->listener.is_loopback,
		.hosts = place->hosts,
		.token = place->token,
		.assets = &l->assets };
	if ((r = store_watch_init(&l->watch, l->api.options->state, err)) < 0 ||
	    (r = store_watch_set(&l->watch, err)) < 0 ||
	    (r = web_server_start(&l->settings, &l->handler, &l->server, err)) < 0)
		return r;
	place->listener.fd = -1; /* the server closes it */
	if ((r = sd_event_default(&l->event)) < 0 || (r = add_sources(l)) < 0)
		return err_set(err, r, "event loop: %s", strerror(-r));
	l->api.jobs = web_jobs_new(l->event, &l->api, on_job, l);
	return l->api.jobs == NULL ? err_set(err, -ENOMEM, "out of memory") : 0;
}

static void
say_ready(const struct web_options *options, const struct listener *listener)
{
	if (listener->path != NULL)
		fprintf(stderr, "listening unix=%s", listener->path);
	else
		fprintf(stderr, "listening port=%d", listener->port);
	fprintf(stderr, " writes=%s\n", options->writes ? "yes" : "no");
	(void)sd_notify(0, "READY=1");
}

int
web_loop(const struct web_options *options, struct web_place *place)
{
	struct loop l = { .api = { .options = options }, .watch = { .fd = -1, .wd = -1 } };
	struct err err = { "" };
	int r = start(&l, place, &err);

	if (r < 0) {
		r = app_fail(EXIT_FAILED, "%s", err.text);
	} else {
		web_api_begin(&l.api);
		say_ready(options, &place->listener);
		r = sd_event_loop(l.event);
		r = r < 0 ? app_fail(EXIT_FAILED, "event loop: %s", strerror(-r)) : r;
	}
	(void)sd_event_source_disable_unref(l.server_timer);
	(void)sd_event_source_disable_unref(l.watch_timer);
	web_server_stop(l.server);
	web_jobs_free(l.api.jobs);
	(void)sd_event_unref(l.event);
	store_watch_done(&l.watch);
	listen_close(&place->listener);
	assets_done(&l.assets);
	web_api_done(&l.api);
	return r;
}
