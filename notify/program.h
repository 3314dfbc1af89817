/*
 * program - another program, run without a shell
 *
 * Purpose    Starts what the configuration names (the command channel, a password's
 *            command, sendmail) or what belongs to us (the desktop helper), feeds its
 *            standard input, takes its output and never waits for longer than it was told.
 * Child      Its own session and process group, in the folder /, no descriptors but its
 *            three pipes, no signal blocked or ignored, and of the environment only PATH,
 *            LANG=C.UTF-8 and HOME (PROGRAM_SESSION: also how to reach the desktop).
 * Ownership  Input is looked at. Output is added to the caller's buffer, whose memory for
 *            max_out bytes is taken before: nothing is copied around behind a caller who
 *            wipes it (explicit_bzero).
 * Limits     At the limit the whole group gets SIGTERM, PROGRAM_GRACE_US later SIGKILL; a
 *            call ends by the limit and twice PROGRAM_GRACE_US, whoever holds the pipes.
 *            What a program leaves running when it ends in time is left alone: sendmail
 *            delivers that way.
 * Errors     See each function. The reason ends with the last line of standard error, made
 *            safe and cut, if the program wrote one.
 * Threads    Safe in a process with threads and with SIGCHLD blocked: waits for its own
 *            child only. SIGPIPE never reaches the caller.
 */
#ifndef NOTIFY_PROGRAM_H
#define NOTIFY_PROGRAM_H

#include <sys/types.h>

#include "core/buf.h"
#include "core/err.h"
#include "notify/settings.h"

enum {
	PROGRAM_GRACE_US = 1000000,
	PROGRAM_LAST_LINE_BYTES = 200, /* of standard error in a reason */
};

/*
 * Runs argv to its end: argv[0] is an absolute path. out may be NULL: what the program
 * prints is dropped, as is what goes past max_out.
 *
 * 0: it ended, by itself. *status_out is its exit status, or 128 and the signal that ended
 * it; unless that is 0, the reason is in *err. Negative: it did not start (-ENOENT,
 * -EACCES, -EINVAL ...) or did not end in time (-ETIMEDOUT); output is then incomplete.
 */
int program_run(const struct texts *argv, struct str input, int64_t timeout_us,
    struct buf *out, size_t max_out, int *status_out, struct err *err);

enum program_surroundings {
	PROGRAM_CLEAN,
	PROGRAM_SESSION, /* DBUS_SESSION_BUS_ADDRESS, XDG_RUNTIME_DIR, DISPLAY ... too */
};

/* A program that is kept running. Our ends of the pipes do not block; -1: closed. */
struct program {
	pid_t pid; /* 0: none */
	int pid_fd;
	int in, out, errors;
};

int program_start(const struct texts *argv, enum program_surroundings surroundings,
    struct program *program_out, struct err *err);
/* write() without SIGPIPE: -EPIPE, -EAGAIN ... or how much was taken. */
ssize_t program_write(const struct program *program, struct str text);
/* Closes the pipes, waits for up to wait_us, then as at a time limit. The exit status as
 * program_run(); -ETIMEDOUT: it had to be killed. Leaves *program as none. */
int program_end(struct program *program, int64_t wait_us);

/* The last line that says something, safe to print, PROGRAM_LAST_LINE_BYTES at most. */
void program_last_line(struct str text, struct buf *out);

#endif
