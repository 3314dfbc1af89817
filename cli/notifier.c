#include "cli/notifier.h"

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

struct notifier {
	sd_event *loop;
	struct notifier_args args;
	pid_t pid;   /* 0: not running */
	int life_fd; /* its standard input: it ends when we close it, or die */
	sd_event_source *child, *restart;
	uint64_t started_us; /* monotonic */
	uint64_t wait_s;     /* before the next start */
};

/* The child's side: argv for mailwarden-notify. Does not return. */
static void
become(const char *path, const struct notifier_args *args, bool once)
{
	const char *argv[8] = { path, "--state", args->state };
	size_t n = 3;
	sigset_t mask;

	if (args->config != NULL) {
		argv[n++] = "--config";
		argv[n++] = args->config;
	}
	argv[n++] = once ? "--once" : "--child";
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
spawn(struct notifier *n, struct err *err)
{
	AUTO(auto_free) char *path = app_helper_path("mailwarden-notify");
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
		become(path, &n->args, false);
	}
	(void)close(fds[0]);
	if (pid < 0) {
		(void)close(fds[1]);
		return err_errno(err, "start", path);
	}
	n->pid = pid;
	n->life_fd = fds[1];
	return 0;
}

/* Its input ends, and with it the child, after what it is sending; told to if that is long. */
static void
end_child(struct notifier *n)
{
	const struct timespec step = { .tv_nsec = 50 * 1000 * 1000 };

	if (n->life_fd >= 0)
		(void)close(n->life_fd);
	n->life_fd = -1;
	for (int i = 0; n->pid > 0 && i < STOP_WITHIN_S * 20; i++) {
		if (waitpid(n->pid, NULL, WNOHANG) != 0)
			n->pid = 0;
		else
			(void)nanosleep(&step, NULL);
	}
	if (n->pid > 0 && kill(n->pid, SIGTERM) == 0)
		(void)waitpid(n->pid, NULL, 0);
	n->pid = 0;
}

static int on_child(sd_event_source *source, const siginfo_t *info, void *ctx);
static int on_restart(sd_event_source *source, uint64_t usec, void *ctx);

static int
start(struct notifier *n, struct err *err)
{
	int r = spawn(n, err);

	if (r < 0)
		return r;
	(void)sd_event_now(n->loop, CLOCK_MONOTONIC, &n->started_us);
	r = sd_event_add_child(n->loop, &n->child, n->pid, WEXITED, on_child, n);
	if (r >= 0)
		return 0;
	end_child(n); /* nobody would hear of its end */
	return err_set(err, r, "watch the notifier: %s", strerror(-r));
}

/* Starts it later; the later, the more often it died young. */
static void
restart_later(struct notifier *n)
{
	uint64_t wait_s = n->wait_s;

	n->wait_s = wait_s * 2 < RESTART_AT_LATEST_S ? wait_s * 2 : RESTART_AT_LATEST_S;
	n->restart = sd_event_source_unref(n->restart);
	(void)sd_event_add_time_relative(n->loop, &n->restart, CLOCK_MONOTONIC,
	    wait_s * US_PER_S, US_PER_S, on_restart, n);
}

static int
on_restart(sd_event_source *source, uint64_t usec, void *ctx)
{
	struct notifier *n = ctx;
	struct err err;

	(void)source;
	(void)usec;
	if (start(n, &err) < 0) { /* during an upgrade, say */
		fprintf(stderr, "mailwarden: %s; tried again in %llu s\n", err.text,
		    (unsigned long long)n->wait_s);
		restart_later(n);
	}
	return 0;
}

static int
on_child(sd_event_source *source, const siginfo_t *info, void *ctx)
{
	struct notifier *n = ctx;
	uint64_t now_us = n->started_us;

	(void)source;
	(void)sd_event_now(n->loop, CLOCK_MONOTONIC, &now_us);
	if (now_us - n->started_us > RESTART_AT_LATEST_S * (uint64_t)US_PER_S)
		n->wait_s = RESTART_AFTER_S;
	fprintf(stderr,
	    "mailwarden: the notifier ended with %s %d; it starts again in %llu s\n",
	    info->si_code == CLD_EXITED ? "exit code" : "signal", info->si_status,
	    (unsigned long long)n->wait_s);
	n->pid = 0;
	(void)close(n->life_fd);
	n->life_fd = -1;
	n->child = sd_event_source_unref(n->child);
	restart_later(n);
	return 0;
}

int
notifier_start(sd_event *loop, const struct notifier_args *args, struct notifier **out,
    struct err *err)
{
	struct notifier *n = calloc(1, sizeof *n);

	if (n == NULL)
		return err_set(err, -ENOMEM, "out of memory");
	n->loop = loop;
	n->args = *args;
	n->life_fd = -1;
	n->wait_s = RESTART_AFTER_S;
	int r = start(n, err);

	if (r < 0) {
		notifier_stop(n);
		return r;
	}
	*out = n;
	return 0;
}

void
notifier_reload(struct notifier *n)
{
	if (n != NULL && n->pid > 0)
		(void)kill(n->pid, SIGHUP);
}

void
notifier_stop(struct notifier *n)
{
	if (n == NULL)
		return;
	(void)sd_event_source_disable_unref(n->child);
	(void)sd_event_source_disable_unref(n->restart);
	end_child(n);
	free(n);
}

int
notifier_run_once(const struct notifier_args *args, struct err *err)
{
	AUTO(auto_free) char *path = app_helper_path("mailwarden-notify");
	int status = 0;

	if (path == NULL)
		return err_set(err, -ENOMEM, "out of memory");
	pid_t pid = fork();

	if (pid == 0)
		become(path, args, true);
	if (pid < 0)
		return err_errno(err, "start", path);
	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return err_errno(err, "wait for", path);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 1;
}
