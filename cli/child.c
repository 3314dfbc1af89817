#include "cli/child.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "cli/app.h"
#include "core/clock.h"

enum {
	RESTART_AFTER_S = 10, /* doubles while it keeps dying */
	RESTART_AT_LATEST_S = 600,
	STOP_WITHIN_S = 20, /* what it is sending may end; systemd waits 90 */
};

struct child {
	sd_event *loop;
	struct child_order order;
	pid_t pid;   /* 0: not running */
	int life_fd; /* its standard input: it ends when we close it, or die */
	sd_event_source *end, *restart;
	uint64_t started_us; /* monotonic */
	uint64_t wait_s;     /* before the next start */
};

/* The child's side. Does not return. */
static void
become(const char *path, const struct child_order *order)
{
	const char *argv[CHILD_MAX_ARGS + 2] = { path };
	sigset_t mask;

	for (size_t i = 0; i < CHILD_MAX_ARGS && order->args[i] != NULL; i++)
		argv[i + 1] = order->args[i];
	/* What systemd wants to hear is our own to say. */
	(void)unsetenv("NOTIFY_SOCKET");
	(void)unsetenv("WATCHDOG_PID");
	(void)unsetenv("WATCHDOG_USEC");
	/* A reload that comes before it listens waits for it. */
	(void)sigemptyset(&mask);
	(void)sigaddset(&mask, SIGHUP);
	(void)sigprocmask(SIG_SETMASK, &mask, NULL);
	(void)execv(path, (char *const *)argv);
	fprintf(stderr, "mailwarden: start %s: %s\n", path, strerror(errno));
	_exit(127);
}

static int
spawn(struct child *c, struct err *err)
{
	AUTO(auto_free) char *path = app_helper_path(c->order.program);
	int fds[2];

	if (path == NULL)
		return err_set(err, -ENOMEM, "out of memory");
	if (access(path, X_OK) != 0)
		return err_errno(err, "start", path);
	if (pipe2(fds, O_CLOEXEC) != 0)
		return err_errno(err, "make a pipe for", path);
	pid_t pid = fork();

	if (pid == 0) {
		if (fds[0] == STDIN_FILENO) /* ours was closed: no copy, same flags */
			(void)fcntl(STDIN_FILENO, F_SETFD, 0);
		else
			(void)dup2(fds[0], STDIN_FILENO);
		become(path, &c->order);
	}
	(void)close(fds[0]);
	if (pid < 0) {
		(void)close(fds[1]);
		return err_errno(err, "start", path);
	}
	c->pid = pid;
	c->life_fd = fds[1];
	return 0;
}

/* Its input ends, and with it the child, after what it is sending; told to if that is long. */
static void
end_child(struct child *c)
{
	const struct timespec step = { .tv_nsec = 50 * 1000 * 1000 };

	if (c->life_fd >= 0)
		(void)close(c->life_fd);
	c->life_fd = -1;
	for (int i = 0; c->pid > 0 && i < STOP_WITHIN_S * 20; i++) {
		if (waitpid(c->pid, NULL, WNOHANG) != 0)
			c->pid = 0;
		else
			(void)nanosleep(&step, NULL);
	}
	if (c->pid > 0 && kill(c->pid, SIGTERM) == 0)
		(void)waitpid(c->pid, NULL, 0);
	c->pid = 0;
}

static int on_child(sd_event_source *source, const siginfo_t *info, void *ctx);
static int on_restart(sd_event_source *source, uint64_t usec, void *ctx);

static int
start(struct child *c, struct err *err)
{
	int r = spawn(c, err);

	if (r < 0)
		return r;
	(void)sd_event_now(c->loop, CLOCK_MONOTONIC, &c->started_us);
	r = sd_event_add_child(c->loop, &c->end, c->pid, WEXITED, on_child, c);
	if (r >= 0)
		return 0;
	end_child(c); /* nobody would hear of its end */
	return err_set(err, r, "watch %s: %s", c->order.what, strerror(-r));
}

/* Starts it later; the later, the more often it died young. */
static void
restart_later(struct child *c)
{
	uint64_t wait_s = c->wait_s;

	c->wait_s = wait_s * 2 < RESTART_AT_LATEST_S ? wait_s * 2 : RESTART_AT_LATEST_S;
	c->restart = sd_event_source_unref(c->restart);
	(void)sd_event_add_time_relative(c->loop, &c->restart, CLOCK_MONOTONIC,
	    wait_s * US_PER_S, US_PER_S, on_restart, c);
}

static int
on_restart(sd_event_source *source, uint64_t usec, void *ctx)
{
	struct child *c = ctx;
	struct err err;

	(void)source;
	(void)usec;
	if (start(c, &err) < 0) { /* during an upgrade, say */
		fprintf(stderr, "mailwarden: %s; tried again in %llu s\n", err.text,
		    (unsigned long long)c->wait_s);
		restart_later(c);
	}
	return 0;
}

static int
on_child(sd_event_source *source, const siginfo_t *info, void *ctx)
{
	struct child *c = ctx;
	uint64_t now_us = c->started_us;

	(void)source;
	(void)sd_event_now(c->loop, CLOCK_MONOTONIC, &now_us);
	if (now_us - c->started_us > RESTART_AT_LATEST_S * (uint64_t)US_PER_S)
		c->wait_s = RESTART_AFTER_S;
	fprintf(stderr, "mailwarden: %s ended with %s %d; it starts again in %llu s\n",
	    c->order.what, info->si_code == CLD_EXITED ? "exit code" : "signal",
	    info->si_status, (unsigned long long)c->wait_s);
	c->pid = 0;
	(void)close(c->life_fd);
	c->life_fd = -1;
	c->end = sd_event_source_unref(c->end);
	restart_later(c);
	return 0;
}

int
child_start(sd_event *loop, const struct child_order *order, struct child **out,
    struct err *err)
{
	struct child *c = calloc(1, sizeof *c);

	if (c == NULL)
		return err_set(err, -ENOMEM, "out of memory");
	c->loop = loop;
	c->order = *order;
	c->life_fd = -1;
	c->wait_s = RESTART_AFTER_S;
	int r = start(c, err);

	if (r < 0) {
		child_stop(c);
		return r;
	}
	*out = c;
	return 0;
}

void
child_reload(struct child *c)
{
	if (c != NULL && c->pid > 0)
		(void)kill(c->pid, SIGHUP);
}

void
child_stop(struct child *c)
{
	if (c == NULL)
		return;
	(void)sd_event_source_disable_unref(c->end);
	(void)sd_event_source_disable_unref(c->restart);
	end_child(c);
	free(c);
}

int
child_run_once(const struct child_order *order, struct err *err)
{
	AUTO(auto_free) char *path = app_helper_path(order->program);
	int status = 0;

	if (path == NULL)
		return err_set(err, -ENOMEM, "out of memory");
	pid_t pid = fork();

	if (pid == 0)
		become(path, order);
	if (pid < 0)
		return err_errno(err, "start", path);
	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return err_errno(err, "wait for", path);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 1;
}
