/*
 * Real programs: the shell, cat and the like, and no fake of them.
 */
#include "notify/program.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { LONG_US = 30 * 1000000, SHORT_US = 300000, MANY_BYTES = 5000000 };

struct result {
	int r, status;
	struct buf out;
	struct err err;
	double took_s;
};

static double
now_s(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static struct result
run_argv(char **argv, struct str input, int64_t timeout_us)
{
	struct result result = { .status = -1 };
	struct texts texts = { argv, 0 };
	double start = now_s();

	while (argv[texts.n] != NULL)
		texts.n++;
	result.r = program_run(&texts, input, timeout_us, &result.out, MANY_BYTES,
	    &result.status, &result.err);
	result.took_s = now_s() - start;
	return result;
}

static struct result
run_shell(const char *script, struct str input, int64_t timeout_us)
{
	return run_argv((char *[]){ "/bin/sh", "-c", (char *)script, NULL }, input,
	    timeout_us);
}

static void
assert_output(struct result *result, const char *want)
{
	if (!str_eq(buf_str(&result->out), str_of(want)))
		fail_msg("have '%.*s', want '%s', reason '%s'",
		    STR_ARG(buf_str(&result->out)), want, result->err.text);
	buf_done(&result->out);
}

static void
assert_says(const struct result *result, const char *part)
{
	if (strstr(result->err.text, part) == NULL)
		fail_msg("'%s' is not in '%s'", part, result->err.text);
}

static void
test_input_and_output(void **state)
{
	(void)state;
	struct result result =
	    run_shell("read x; echo \"got $x\"", STR("hello\n"), LONG_US);

	assert_int_equal(result.r, 0);
	assert_int_equal(result.status, 0);
	assert_string_equal(result.err.text, "");
	assert_output(&result, "got hello\n");
}

static void
test_no_shell(void **state)
{
	(void)state;
	struct result result =
	    run_argv((char *[]){ "/bin/echo", "$HOME;", "a  b", "`id`", "", NULL }, STR(""),
		LONG_US);

	assert_int_equal(result.r, 0);
	assert_output(&result, "$HOME; a  b `id` \n");
}

static void
test_how_it_ended(void **state)
{
	static const struct {
		const char *script;
		int status;
		const char *words;
	} cases[] = {
		{ "exit 0", 0, "" },
		{ "echo one >&2; exit 0", 0, "" },
		{ "exit 75", 75, "run /bin/sh: exit status 75" },
		{ "echo no >&2; echo last >&2; echo >&2; exit 3", 3,
		    "exit status 3: last" },
		{ "kill -9 $$", 128 + 9, "ended by SIGKILL" },
		{ "kill -SEGV $$", 128 + 11, "ended by SIGSEGV (it crashed)" },
		{ "kill -RTMIN $$", 128 + 34, "ended by a signal" },
		{ "exit 137", 137, "exit status 137" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct result result = run_shell(cases[i].script, STR(""), LONG_US);

		assert_int_equal(result.r, 0);
		assert_int_equal(result.status, cases[i].status);
		assert_says(&result, cases[i].words);
		assert_output(&result, "");
	}
}

static void
test_cannot_start(void **state)
{
	static const struct {
		char *path;
		int code;
		const char *words;
	} cases[] = {
		{ "/nonexistent/program", -ENOENT, "No such file" },
		{ "/etc/passwd", -EACCES, "chmod +x" },
		{ "cat", -EINVAL, "absolute path" },
		{ "", -EINVAL, "absolute path" },
		{ "/tmp", -EACCES, "run /tmp: " },
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct result result =
		    run_argv((char *[]){ cases[i].path, NULL }, STR("x"), LONG_US);

		assert_int_equal(result.r, cases[i].code);
		assert_int_equal(result.status, -1);
		assert_says(&result, cases[i].words);
		assert_output(&result, "");
	}
	struct result none = run_argv((char *[]){ NULL }, STR(""), LONG_US);

	assert_int_equal(none.r, -EINVAL);
	buf_done(&none.out);
}

static void
test_script_without_interpreter(void **state)
{
	char path[] = "/tmp/mailwarden-program-XXXXXX";
	int fd = mkstemp(path);

	(void)state;
	assert_int_equal(write(fd, "echo hi\n", 8), 8);
	assert_int_equal(fchmod(fd, 0700), 0);
	assert_int_equal(close(fd), 0);
	struct result result = run_argv((char *[]){ path, NULL }, STR(""), LONG_US);

	assert_int_equal(result.r, -ENOEXEC);
	assert_says(&result, "#!/bin/sh");
	buf_done(&result.out);
	assert_int_equal(unlink(path), 0);
}

static void
test_environment(void **state)
{
	static const char want[] =
	    "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin\n"
	    "LANG=C.UTF-8\n"
	    "HOME=/home/of/nobody\n";

	(void)state;
	assert_int_equal(setenv("HOME", "/home/of/nobody", 1), 0);
	assert_int_equal(setenv("CREDENTIALS_DIRECTORY", "/run/secret", 1), 0);
	assert_int_equal(setenv("LD_PRELOAD", "", 1), 0);
	assert_int_equal(setenv("DISPLAY", ":77", 1), 0);
	struct result result =
	    run_argv((char *[]){ "/usr/bin/env", NULL }, STR(""), LONG_US);

	assert_int_equal(unsetenv("CREDENTIALS_DIRECTORY"), 0);
	assert_int_equal(unsetenv("LD_PRELOAD"), 0);
	assert_output(&result, want);
}

static void
test_session_environment(void **state)
{
	struct program program;
	struct err err = { "" };
	char *argv[] = { "/usr/bin/env" };
	char text[4096];
	size_t n = 0;

	(void)state;
	assert_int_equal(setenv("DISPLAY", ":77", 1), 0);
	assert_int_equal(setenv("SECRET_TOKEN", "x", 1), 0);
	assert_int_equal(program_start(&(struct texts){ argv, 1 }, PROGRAM_SESSION,
			     &program, &err),
	    0);
	for (;;) {
		struct pollfd readable = { program.out, POLLIN, 0 };

		assert_true(poll(&readable, 1, 30000) > 0);
		ssize_t got = read(program.out, text + n, sizeof text - 1 - n);

		if (got <= 0)
			break;
		n += (size_t)got;
	}
	text[n] = '\0';
	assert_int_equal(program_end(&program, LONG_US), 0);
	assert_int_equal(program.pid, 0);
	assert_non_null(strstr(text, "DISPLAY=:77\n"));
	assert_null(strstr(text, "SECRET_TOKEN"));
}

/* Descriptors of ours, with and without O_CLOEXEC, and one past the limit's usual half. */
static void
test_no_descriptors(void **state)
{
	int open_one = open("/etc/passwd", O_RDONLY);
	int high = fcntl(open_one, F_DUPFD, 700);

	(void)state;
	assert_true(open_one >= 0 && high >= 700);
	/* 3 is the shell's own, for the folder that it reads. */
	struct result result = run_shell("echo /proc/self/fd/*", STR(""), LONG_US);

	assert_output(&result,
	    "/proc/self/fd/0 /proc/self/fd/1 /proc/self/fd/2 /proc/self/fd/3\n");
	assert_int_equal(close(open_one), 0);
	assert_int_equal(close(high), 0);
}

/* Its pipes then get the numbers 0, 1 and 2 themselves. */
static void
test_without_standard_descriptors(void **state)
{
	pid_t pid = fork();

	(void)state;
	if (pid == 0) {
		int status = -1;
		struct buf out = { 0 };
		char *argv[] = { "/bin/sh", "-c", "cat; echo err >&2" };

		(void)close(0);
		(void)close(1);
		(void)close(2);
		int r = program_run(&(struct texts){ argv, 3 }, STR("in"), LONG_US, &out,
		    100, &status, NULL);
		bool ok = r == 0 && status == 0 && str_eq(buf_str(&out), STR("in"));

		buf_done(&out);
		_exit(ok ? 0 : 1);
	}
	int status = -1;

	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

static void
test_signals_and_group(void **state)
{
	sigset_t blocked, before;

	(void)state;
	assert_true(signal(SIGPIPE, SIG_IGN) != SIG_ERR);
	(void)sigfillset(&blocked);
	assert_int_equal(pthread_sigmask(SIG_SETMASK, &blocked, &before), 0);
	struct result result =
	    run_shell("grep -E '^Sig(Blk|Ign)' /proc/self/status; "
		      "set -- $(cat /proc/$$/stat); test $5 = $$ && test $6 = $$ && "
		      "echo leader; pwd",
		STR(""), LONG_US);

	assert_int_equal(pthread_sigmask(SIG_SETMASK, &before, NULL), 0);
	assert_true(signal(SIGPIPE, SIG_DFL) == SIG_IGN);
	assert_output(&result,
	    "SigBlk:\t0000000000000000\nSigIgn:\t0000000000000000\nleader\n/\n");
}

/* Each side waits for the other if only one is looked after. */
static void
test_much_in_and_out(void **state)
{
	struct str input = { malloc(MANY_BYTES), MANY_BYTES };

	(void)state;
	assert_non_null(input.p);
	memset((char *)input.p, 'x', MANY_BYTES);
	struct result result = run_shell("tee /dev/stderr", input, LONG_US);

	assert_int_equal(result.r, 0);
	assert_int_equal(result.out.n, MANY_BYTES);
	assert_memory_equal(result.out.p, input.p, MANY_BYTES);
	buf_done(&result.out);
	free((char *)input.p);
}

static void
test_output_is_cut(void **state)
{
	char *argv[] = { "/bin/sh", "-c",
		"head -c 1000000 /dev/zero; echo done >&2; exit 1" };
	struct buf out = { 0 };
	struct err err = { "" };
	int status = -1;

	(void)state;
	buf_add(&out, STR("before:"));
	assert_int_equal(program_run(&(struct texts){ argv, 3 }, STR(""), LONG_US, &out, 10,
			     &status, &err),
	    0);
	assert_int_equal(out.n, 7 + 10);
	assert_int_equal(status, 1); /* it could write all of it */
	assert_non_null(strstr(err.text, ": done"));
	buf_done(&out);
	/* Nobody wants it. */
	assert_int_equal(program_run(&(struct texts){ argv, 3 }, STR(""), LONG_US, NULL, 0,
			     &status, &err),
	    0);
	assert_int_equal(status, 1);
}

static void
test_input_not_read(void **state)
{
	struct str input = { calloc(1, MANY_BYTES), MANY_BYTES };
	sigset_t pending;

	(void)state;
	struct result result = run_shell("exec <&-; echo ok", input, LONG_US);

	assert_int_equal(result.r, 0);
	assert_int_equal(result.status, 0);
	assert_output(&result, "ok\n");
	assert_int_equal(sigpending(&pending), 0);
	assert_false(sigismember(&pending, SIGPIPE));
	free((char *)input.p);
}

static void
test_hostile_errors(void **state)
{
	(void)state;
	struct result result = run_shell(
	    "printf 'first\\n\\033[2Jred \\342\\200\\256%%s\\000\\r\\n' >&2; exit 1",
	    STR(""), LONG_US);

	assert_says(&result, "exit status 1: \\x1b[2Jred \\u202e%s\\x00");
	assert_output(&result, "");
	result = run_shell("yes 0123456789 | head -c 1000000 | tr -d '\\n' >&2; exit 1",
	    STR(""), LONG_US);
	assert_true(strlen(result.err.text) < 300);
	assert_says(&result, "...");
	assert_output(&result, "");
}

static void
test_time_limit(void **state)
{
	static const char *const scripts[] = {
		"echo slow >&2; sleep 600",
		/* Nobody listens to SIGTERM. */
		"trap '' TERM; echo slow >&2; while :; do sleep 600; done",
		/* Who holds the pipes is not the child itself. */
		"echo slow >&2; sleep 600 & sleep 600 & wait",
		/* Reads nothing, writes without end. */
		"echo slow >&2; yes",
	};

	(void)state;
	for (size_t i = 0; i < sizeof scripts / sizeof *scripts; i++) {
		struct result result = run_shell(scripts[i], STR("x"), SHORT_US);

		assert_int_equal(result.r, -ETIMEDOUT);
		assert_int_equal(result.status, -1);
		assert_says(&result, "did not end within 0.3 s and was killed: slow");
		assert_true(result.took_s < 0.3 + 2 * PROGRAM_GRACE_US / 1e6 + 1);
		buf_done(&result.out);
	}
}

/* True if a process of that number is there and no zombie. */
static bool
is_alive(long pid)
{
	char path[64], state = 0;

	(void)snprintf(path, sizeof path, "/proc/%ld/stat", pid);
	FILE *f = fopen(path, "re");

	if (f == NULL)
		return false;
	if (fscanf(f, "%*d (%*[^)]) %c", &state) != 1)
		state = 0;
	(void)fclose(f);
	return state != 0 && state != 'Z' && state != 'X';
}

static void
test_group_is_killed(void **state)
{
	double give_up = now_s() + 30;

	(void)state;
	struct result result =
	    run_shell("trap 'exit 0' TERM; (trap '' TERM; sleep 600) & echo $!; wait",
		STR(""), SHORT_US);
	long pid = strtol(buf_cstr(&result.out), NULL, 10);

	assert_int_equal(result.r, -ETIMEDOUT);
	assert_true(pid > 1);
	while (is_alive(pid))
		assert_true(now_s() < give_up);
	buf_done(&result.out);
}

/* A session of its own is out of reach: we do not wait for it either. */
static void
test_runaway_holds_pipes(void **state)
{
	(void)state;
	struct result result = run_shell("setsid sleep 5 & echo started", STR(""), LONG_US);

	assert_int_equal(result.r, 0);
	assert_int_equal(result.status, 0);
	assert_true(result.took_s < 4);
	assert_output(&result, "started\n");
}

static void
test_background_is_left_alone(void **state)
{
	(void)state;
	struct result result =
	    run_shell("sleep 20 >/dev/null 2>&1 & echo $!", STR(""), LONG_US);
	long pid = strtol(buf_cstr(&result.out), NULL, 10);

	assert_int_equal(result.r, 0);
	assert_true(is_alive(pid));
	assert_int_equal(kill((pid_t)pid, SIGKILL), 0);
	buf_done(&result.out);
}

static void *
run_many(void *arg)
{
	size_t *good = arg;

	for (int i = 0; i < 25; i++) {
		struct result result = run_shell("cat; exit 7", STR("text"), LONG_US);

		if (result.r == 0 && result.status == 7 &&
		    str_eq(buf_str(&result.out), STR("text")))
			(*good)++;
		buf_done(&result.out);
	}
	return NULL;
}

/* SIGCHLD blocked, other children about: each takes its own and leaves the rest. */
static void
test_threads(void **state)
{
	pthread_t threads[4];
	size_t good[4] = { 0 };
	sigset_t blocked, before;
	int status = 0;

	(void)state;
	(void)sigemptyset(&blocked);
	(void)sigaddset(&blocked, SIGCHLD);
	assert_int_equal(pthread_sigmask(SIG_BLOCK, &blocked, &before), 0);
	pid_t other = fork();

	if (other == 0)
		_exit(42);
	for (size_t i = 0; i < 4; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, run_many, &good[i]), 0);
	for (size_t i = 0; i < 4; i++) {
		assert_int_equal(pthread_join(threads[i], NULL), 0);
		assert_int_equal(good[i], 25);
	}
	assert_int_equal(waitpid(other, &status, 0), other);
	assert_int_equal(WEXITSTATUS(status), 42);
	assert_int_equal(pthread_sigmask(SIG_SETMASK, &before, NULL), 0);
	assert_int_equal(waitpid(-1, NULL, WNOHANG), -1); /* no zombie is left */
	assert_int_equal(errno, ECHILD);
}

static size_t
count_descriptors(void)
{
	DIR *dir = opendir("/proc/self/fd");
	size_t n = 0;

	assert_non_null(dir);
	while (readdir(dir) != NULL)
		n++;
	assert_int_equal(closedir(dir), 0);
	return n;
}

static void
test_nothing_leaks(void **state)
{
	size_t before = count_descriptors();

	(void)state;
	for (int i = 0; i < 3; i++) {
		struct result result = run_shell("exit 1", STR(""), LONG_US);

		buf_done(&result.out);
		result = run_argv((char *[]){ "/nonexistent", NULL }, STR(""), LONG_US);
		buf_done(&result.out);
		result = run_shell("sleep 600", STR(""), 1000);
		assert_int_equal(result.r, -ETIMEDOUT);
		buf_done(&result.out);
	}
	assert_int_equal(count_descriptors(), before);
}

static void
test_kept_program(void **state)
{
	struct program program;
	struct err err = { "" };
	char *argv[] = { "/bin/cat" }, answer[16];

	(void)state;
	assert_int_equal(program_start(&(struct texts){ argv, 1 }, PROGRAM_SESSION,
			     &program, &err),
	    0);
	assert_int_equal(program_write(&program, STR("ping\n")), 5);
	struct pollfd readable = { program.out, POLLIN, 0 };

	assert_int_equal(poll(&readable, 1, 30000), 1);
	assert_int_equal(read(program.out, answer, sizeof answer), 5);
	assert_int_equal(kill(program.pid, SIGKILL), 0);
	siginfo_t info;

	assert_int_equal(waitid(P_PID, (id_t)program.pid, &info, WEXITED | WNOWAIT), 0);
	assert_int_equal(program_write(&program, STR("ping\n")), -EPIPE);
	assert_int_equal(program_end(&program, LONG_US), 128 + SIGKILL);
	assert_int_equal(program_end(&program, LONG_US), 0); /* none */
	/* One that does not end by itself. */
	char *stubborn[] = { "/bin/sh", "-c", "exec sleep 600" };

	assert_int_equal(program_start(&(struct texts){ stubborn, 3 }, PROGRAM_CLEAN,
			     &program, &err),
	    0);
	assert_int_equal(program_end(&program, 1000), -ETIMEDOUT);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_input_and_output),
		cmocka_unit_test(test_no_shell),
		cmocka_unit_test(test_how_it_ended),
		cmocka_unit_test(test_cannot_start),
		cmocka_unit_test(test_script_without_interpreter),
		cmocka_unit_test(test_environment),
		cmocka_unit_test(test_session_environment),
		cmocka_unit_test(test_no_descriptors),
		cmocka_unit_test(test_without_standard_descriptors),
		cmocka_unit_test(test_signals_and_group),
		cmocka_unit_test(test_much_in_and_out),
		cmocka_unit_test(test_output_is_cut),
		cmocka_unit_test(test_input_not_read),
		cmocka_unit_test(test_hostile_errors),
		cmocka_unit_test(test_time_limit),
		cmocka_unit_test(test_group_is_killed),
		cmocka_unit_test(test_runaway_holds_pipes),
		cmocka_unit_test(test_background_is_left_alone),
		cmocka_unit_test(test_threads),
		cmocka_unit_test(test_nothing_leaks),
		cmocka_unit_test(test_kept_program),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
