#include "notify/program.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "core/plain.h"
#include "notify/now.h"

enum {
	ERRORS_KEPT_BYTES = 4096, /* of the end of standard error */
	READ_BYTES = 16384,
	BLIND_WAIT_MS = 20, /* between looks at a child where pidfd_open() is missing */
	REPORT_FD = 3,      /* where the child says that it could not start */
	FIRST_SPARE_FD = 10,
	MAX_ENVIRONMENT = 16,
};

/* --- starting --- */

static const char search_path[] =
    "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/* What a program needs to find the desktop of who runs us. */
static const char *const session_variables[] = {
	"DBUS_SESSION_BUS_ADDRESS",
	"XDG_RUNTIME_DIR",
	"XDG_DATA_DIRS",
	"XDG_CURRENT_DESKTOP",
	"DISPLAY",
	"WAYLAND_DISPLAY",
	"XAUTHORITY",
	"USER",
};

/* NULL-terminated arrays for execve(), made before the fork: malloc() is not safe after. */
struct image {
	char **argv;
	char *environment[MAX_ENVIRONMENT];
	size_t nenvironment;
	rlim_t max_fds;
	sigset_t no_signals;
};

static void
image_done(struct image *image)
{
	for (size_t i = 0; i < image->nenvironment; i++)
		free(image->environment[i]);
	free(image->argv); /* its texts are the caller's */
}

static bool
add_variable(struct image *image, const char *name, const char *value)
{
	AUTO(buf_done) struct buf text = { 0 };

	buf_addf(&text, "%s=%s", name, value);
	char *copy = text.failed ? NULL : str_dup(buf_str(&text));

	if (copy == NULL)
		return false;
	image->environment[image->nenvironment++] = copy;
	return true;
}

static bool
image_fill(struct image *image, const struct texts *argv,
    enum program_surroundings surroundings)
{
	const char *home = getenv("HOME");
	bool ok = add_variable(image, "PATH", search_path) &&
		  add_variable(image, "LANG", "C.UTF-8") &&
		  add_variable(image, "HOME", home == NULL ? "/" : home);
	size_t n = sizeof session_variables / sizeof *session_variables;

	static_assert(sizeof session_variables / sizeof *session_variables + 3 <
			  MAX_ENVIRONMENT,
	    "and a NULL behind them");
	for (size_t i = 0; ok && surroundings == PROGRAM_SESSION && i < n; i++) {
		const char *value = getenv(session_variables[i]);

		ok = value == NULL || add_variable(image, session_variables[i], value);
	}
	image->argv = calloc(argv->n + 1, sizeof *image->argv);
	if (!ok || image->argv == NULL)
		return false;
	memcpy(image->argv, argv->items, argv->n * sizeof *image->argv);

	struct rlimit limit = { 0 };

	(void)getrlimit(RLIMIT_NOFILE, &limit); /* cannot fail for our own process */
	image->max_fds = limit.rlim_cur;
	(void)sigemptyset(&image->no_signals);
	return true;
}

/* Everything past `first`; the loop is for kernels before 5.9. */
static void
close_from(int first, rlim_t max_fds)
{
	if (syscall(SYS_close_range, first, ~0U, 0) == 0)
		return;
	for (int fd = first; (rlim_t)fd < max_fds; fd++)
		(void)close(fd);
}

/*
 * The child, between fork() and execve(): other threads of the parent may have held any
 * lock, so nothing but async-signal-safe calls (signal-safety(7)). fds: its standard
 * input, output and error, and where errno goes if it fails.
 */
_Noreturn static void
become(const struct image *image, const int fds[4])
{
	int moved[4], code;
	struct sigaction plain = { .sa_handler = SIG_DFL };

	/* Out of the way first: any of them may be one of 0 to 3 already. */
	for (int i = 0; i < 4; i++)
		moved[i] = fcntl(fds[i], F_DUPFD, FIRST_SPARE_FD);
	for (int i = 0; i < 4; i++)
		if (moved[i] < 0 || dup2(moved[i], i) < 0)
			_exit(127);
	(void)fcntl(REPORT_FD, F_SETFD, FD_CLOEXEC);
	close_from(REPORT_FD + 1, image->max_fds);
	/* What is ignored would stay ignored in the new program: SIGPIPE above all. */
	for (int i = 1; i < NSIG; i++)
		(void)sigaction(i, &plain, NULL); /* SIGKILL and the C library's own fail */
	(void)sigprocmask(SIG_SETMASK, &image->no_signals, NULL);
	if (setsid() >= 0 && chdir("/") == 0)
		(void)execve(image->argv[0], image->argv, image->environment);
	code = errno;
	(void)!write(REPORT_FD, &code, sizeof code); /* else the parent sees an early end */
	_exit(127);
}

static void
close_fd(int *fd)
{
	if (*fd >= 0)
		(void)close(*fd); /* pipes: nothing that could be lost is told by close() */
	*fd = -1;
}

static void
close_all(int *fds, size_t n)
{
	for (size_t i = 0; i < n; i++)
		close_fd(&fds[i]);
}

static int
make_pipes(int pipes[4][2])
{
	for (int i = 0; i < 4; i++)
		if (pipe2(pipes[i], O_CLOEXEC) < 0)
			return -errno;
	return 0;
}

/* No handler of ours may run in the child before its signals are put right. */
static pid_t
fork_quietly(const struct image *image, const int fds[4])
{
	sigset_t all, before;

	(void)sigfillset(&all);
	(void)pthread_sigmask(SIG_SETMASK, &all, &before);
	pid_t pid = fork();

	if (pid == 0)
		become(image, fds);
	int code = errno;

	(void)pthread_sigmask(SIG_SETMASK, &before, NULL);
	errno = code;
	return pid;
}

/* How the child ended before it was the program, or 0: execve() closed the pipe. */
static int
read_report(int fd)
{
	int code = 0;
	ssize_t n;

	do
		n = read(fd, &code, sizeof code);
	while (n < 0 && errno == EINTR);
	return n == (ssize_t)sizeof code ? code : 0;
}

static int
launch(const struct image *image, int pipes[4][2], struct program *out)
{
	const int child[4] = { pipes[0][0], pipes[1][1], pipes[2][1], pipes[3][1] };
	const int own[3] = { pipes[0][1], pipes[1][0], pipes[2][0] };

	for (int i = 0; i < 3; i++)
		if (fcntl(own[i], F_SETFL, O_NONBLOCK) < 0)
			return -errno;
	pid_t pid = fork_quietly(image, child);

	if (pid < 0)
		return -errno;
	close_fd(&pipes[3][1]);
	int code = read_report(pipes[3][0]);

	if (code != 0) {
		while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
			;
		return -code;
	}
	*out = (struct program){
		.pid = pid,
		.pid_fd = (int)syscall(SYS_pidfd_open, pid, 0),
		.in = own[0],
		.out = own[1],
		.errors = own[2],
	};
	pipes[0][1] = pipes[1][0] = pipes[2][0] = -1; /* handed over */
	return 0;
}

static const char *
start_hint(int code)
{
	switch (code) {
	case -ENOENT: return " (is it installed, and its interpreter?)";
	case -EACCES: return " (may this user execute it: chmod +x?)";
	case -ENOEXEC:
		return " (a script's first line must name its interpreter: #!/bin/sh)";
	default: return "";
	}
}

int
program_start(const struct texts *argv, enum program_surroundings surroundings,
    struct program *program_out, struct err *err)
{
	int pipes[4][2] = { { -1, -1 }, { -1, -1 }, { -1, -1 }, { -1, -1 } };
	AUTO(image_done) struct image image = { 0 };

	if (argv->n == 0)
		return err_set(err, -EINVAL, "run a program: none is named");
	if (argv->items[0][0] != '/')
		return err_set(err, -EINVAL, "run %s: expected an absolute path",
		    argv->items[0]);
	int r = image_fill(&image, argv, surroundings) ? make_pipes(pipes) : -ENOMEM;

	if (r == 0)
		r = launch(&image, pipes, program_out);
	close_all(&pipes[0][0], 8);
	if (r < 0)
		return err_set(err, r, "run %s: %s%s", argv->items[0], strerror(-r),
		    start_hint(r));
	return 0;
}

/* --- its input and output --- */

/*
 * SIGPIPE goes to the thread that writes: blocked here for the time of the write and, if
 * it came by this write, taken away again, the process's disposition is nobody's business.
 */
ssize_t
program_write(const struct program *program, struct str text)
{
	const struct timespec no_time = { 0, 0 };
	sigset_t sigpipe, before, pending;

	(void)sigemptyset(&sigpipe);
	(void)sigaddset(&sigpipe, SIGPIPE);
	(void)sigpending(&pending);
	(void)pthread_sigmask(SIG_BLOCK, &sigpipe, &before);
	ssize_t n = write(program->in, text.p, text.n);
	int code = errno;

	if (n < 0 && code == EPIPE && !sigismember(&pending, SIGPIPE))
		while (sigtimedwait(&sigpipe, NULL, &no_time) < 0 && errno == EINTR)
			;
	(void)pthread_sigmask(SIG_SETMASK, &before, NULL);
	return n < 0 ? -code : n;
}

void
program_last_line(struct str text, struct buf *out)
{
	struct str line = { NULL, 0 };

	while (text.n > 0) {
		struct str next = str_trim(str_cut(&text, '\n'));

		if (next.n > 0)
			line = next;
	}
	plain_add_cut(out, line, PROGRAM_LAST_LINE_BYTES);
}

/* Why a run goes on: first by itself, then asked to end, then killed. */
enum phase { RUNNING, ASKED, KILLED, GIVEN_UP };

struct run {
	struct program program;
	struct str input; /* what is left of it */
	int64_t deadline_us;
	enum phase phase;
	bool ended;
	struct buf *out; /* may be NULL */
	size_t max_out;
	char errors[ERRORS_KEPT_BYTES]; /* the end of standard error */
	size_t nerrors;
};

/* The newest bytes stay. */
static void
keep_errors(struct run *run, struct str text)
{
	if (text.n > sizeof run->errors)
		text = str_skip(text, text.n - sizeof run->errors);
	if (run->nerrors + text.n > sizeof run->errors) {
		size_t drop = run->nerrors + text.n - sizeof run->errors;

		memmove(run->errors, run->errors + drop, run->nerrors - drop);
		run->nerrors -= drop;
	}
	memcpy(run->errors + run->nerrors, text.p, text.n);
	run->nerrors += text.n;
}

/* One read; false: nothing more for now, or ever (then *fd is closed). */
static bool
take_output(struct run *run, int *fd)
{
	char bytes[READ_BYTES];
	ssize_t n = read(*fd, bytes, sizeof bytes);

	if (n < 0 && errno == EINTR)
		return true;
	if (n < 0 && errno == EAGAIN)
		return false;
	if (n <= 0) {
		close_fd(fd);
		return false;
	}
	struct str text = { bytes, (size_t)n };

	if (fd == &run->program.errors)
		keep_errors(run, text);
	else if (run->out != NULL)
		buf_add(run->out, str_head(text, run->max_out));
	if (fd == &run->program.out)
		run->max_out -= text.n < run->max_out ? text.n : run->max_out;
	explicit_bzero(bytes, (size_t)n); /* may have been a password */
	return true;
}

static void
give_input(struct run *run)
{
	if (run->input.n > 0) {
		ssize_t n = program_write(&run->program, run->input);

		if (n == -EAGAIN || n == -EINTR)
			return;
		/* A program may end, or accept, without having read everything. */
		run->input =
		    n < 0 ? (struct str){ NULL, 0 } : str_skip(run->input, (size_t)n);
	}
	if (run->input.n == 0)
		close_fd(&run->program.in);
}

static bool
has_ended(const struct program *program)
{
	siginfo_t info = { 0 };

	/* Not taken away yet: until then its number, and its group's, is nobody else's. */
	return waitid(P_PID, (id_t)program->pid, &info, WEXITED | WNOHANG | WNOWAIT) == 0 &&
	       info.si_pid != 0;
}

static void
next_phase(struct run *run)
{
	run->phase++;
	run->deadline_us += PROGRAM_GRACE_US;
	if (run->phase == ASKED || run->phase == KILLED)
		(void)kill(-run->program.pid, run->phase == ASKED ? SIGTERM : SIGKILL);
}

static int
poll_wait_ms(const struct run *run, int64_t now_us)
{
	int64_t ms = (run->deadline_us - now_us + 999) / 1000;

	if (run->program.pid_fd < 0 && ms > BLIND_WAIT_MS)
		ms = BLIND_WAIT_MS;
	return ms < 0 ? 0 : ms > 60000 ? 60000 : (int)ms;
}

/* Waits for something to do and does it. */
static void
turn(struct run *run)
{
	struct program *program = &run->program;
	struct pollfd fds[] = { { program->in, POLLOUT, 0 }, { program->out, POLLIN, 0 },
		{ program->errors, POLLIN, 0 }, { program->pid_fd, POLLIN, 0 } };
	int64_t now_us = now_monotonic_us();

	if (now_us >= run->deadline_us)
		next_phase(run);
	if (poll(fds, 4, poll_wait_ms(run, now_us)) < 0)
		return; /* EINTR: the next turn looks again */
	if (fds[0].revents != 0)
		give_input(run);
	if (fds[1].revents != 0)
		(void)take_output(run, &program->out);
	if (fds[2].revents != 0)
		(void)take_output(run, &program->errors);
	if (fds[3].revents != 0 || program->pid_fd < 0)
		run->ended = has_ended(program);
}

/*
 * What it had written is in the pipes when it has ended. What others who hold them may
 * still write is not waited for; one that writes without pause is cut off.
 */
static void
take_rest(struct run *run)
{
	int *fds[] = { &run->program.out, &run->program.errors };

	for (size_t i = 0; i < 2; i++)
		for (int turns = 0; turns < 256 && *fds[i] >= 0; turns++)
			if (!take_output(run, fds[i]))
				break;
}

/* Its wait status; only of a child that has ended. */
static int
collect(const struct program *program)
{
	int status = 0;

	while (waitpid(program->pid, &status, 0) < 0 && errno == EINTR)
		;
	return status;
}

static int
exit_status(int wait_status)
{
	return WIFSIGNALED(wait_status) ? 128 + WTERMSIG(wait_status)
					: WEXITSTATUS(wait_status);
}

static void
forget(struct program *program)
{
	close_fd(&program->in);
	close_fd(&program->out);
	close_fd(&program->errors);
	close_fd(&program->pid_fd);
	program->pid = 0;
}

/* 0, or -ETIMEDOUT if it had to be killed. */
static int
run_to_end(struct run *run, int *wait_status_out)
{
	bool in_time;

	while (!run->ended && run->phase != GIVEN_UP)
		turn(run);
	take_rest(run);
	in_time = run->phase == RUNNING;
	if (!in_time && run->ended)
		(void)kill(-run->program.pid, SIGKILL); /* the rest of its group */
	if (run->ended)
		*wait_status_out = collect(&run->program);
	forget(&run->program);
	return in_time ? 0 : -ETIMEDOUT;
}

/* --- the whole of it --- */

static const char *
signal_words(int number)
{
	static const struct {
		int number;
		const char *words;
	} known[] = {
		{ SIGHUP, "SIGHUP" },
		{ SIGINT, "SIGINT" },
		{ SIGQUIT, "SIGQUIT" },
		{ SIGILL, "SIGILL (it crashed)" },
		{ SIGABRT, "SIGABRT (it gave up on a fault of its own)" },
		{ SIGBUS, "SIGBUS (it crashed)" },
		{ SIGFPE, "SIGFPE (it crashed)" },
		{ SIGKILL, "SIGKILL (somebody killed it, or memory ran out)" },
		{ SIGSEGV, "SIGSEGV (it crashed)" },
		{ SIGPIPE, "SIGPIPE (who read from it went away)" },
		{ SIGALRM, "SIGALRM" },
		{ SIGTERM, "SIGTERM (somebody asked it to end)" },
		{ SIGSYS, "SIGSYS (a system call that it may not make)" },
		{ SIGXCPU, "SIGXCPU (its limit of CPU time)" },
		{ SIGXFSZ, "SIGXFSZ (its limit of file size)" },
	};

	for (size_t i = 0; i < sizeof known / sizeof *known; i++)
		if (known[i].number == number)
			return known[i].words;
	return "a signal";
}

static void
say_how(struct buf *why, const struct run *run, int result, int64_t timeout_us,
    int wait_status)
{
	if (result < 0)
		buf_addf(why, "did not end within %g s and was killed",
		    (double)timeout_us / 1e6);
	else if (WIFSIGNALED(wait_status))
		buf_addf(why, "ended by %s", signal_words(WTERMSIG(wait_status)));
	else
		buf_addf(why, "exit status %d", WEXITSTATUS(wait_status));
	if (run->nerrors > 0) {
		buf_add(why, STR(": "));
		program_last_line((struct str){ run->errors, run->nerrors }, why);
	}
}

int
program_run(const struct texts *argv, struct str input, int64_t timeout_us, struct buf *out,
    size_t max_out, int *status_out, struct err *err)
{
	struct run run = { .input = input, .out = out, .max_out = max_out };
	AUTO(buf_done) struct buf why = { 0 };
	int wait_status = 0;

	if (out != NULL && !buf_reserve(out, max_out))
		return err_set(err, -ENOMEM, "run %s: out of memory",
		    argv->n == 0 ? "a program" : argv->items[0]);
	run.deadline_us = now_monotonic_us() + timeout_us;
	int r = program_start(argv, PROGRAM_CLEAN, &run.program, err);

	if (r < 0)
		return r;
	r = run_to_end(&run, &wait_status);
	if (r < 0 || wait_status != 0) {
		say_how(&why, &run, r, timeout_us, wait_status);
		(void)err_set(err, r, "run %s: %s", argv->items[0], buf_cstr(&why));
	}
	if (r == 0)
		*status_out = exit_status(wait_status);
	return r;
}

int
program_end(struct program *program, int64_t wait_us)
{
	struct run run = { .program = *program };
	int wait_status = 0;

	if (program->pid == 0)
		return 0;
	close_fd(&run.program.in);
	run.deadline_us = now_monotonic_us() + wait_us;
	int r = run_to_end(&run, &wait_status);

	*program = (struct program){ 0, -1, -1, -1, -1 };
	return r < 0 ? r : exit_status(wait_status);
}
