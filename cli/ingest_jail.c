#include "cli/ingest_jail.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "cli/ingest_cell.h"
#include "core/line.h"
#include "core/write.h"
#include "ingest/report_line.h"

struct jail {
	struct jail_voice voice;
	struct bounce_rules *rules;
	struct cell *cell;
};

/* What the child answers first; then come its lines. */
struct answer_head {
	int32_t code;
	uint32_t kind;
	uint64_t events, left_out, bytes;
	int64_t dated_us;
	char why[sizeof((struct err *)0)->text];
};

/* --- the child --- */

struct reading {
	const struct jail_voice *voice;
	struct buf lines;
};

static int
on_event(void *ctx, const struct event *ev)
{
	struct reading *reading = ctx;

	report_line_add(&reading->lines, 0, reading->voice->host->name, reading->voice->pid,
	    ev);
	if (reading->lines.n > JAIL_ANSWER_BYTES)
		return -E2BIG;
	return reading->lines.failed ? -ENOMEM : 0;
}

/* Does not return. Its exit code counts for nothing but 0. */
static void
read_in_child(struct jail *jail, struct str message, int fd)
{
	struct reading reading = { .voice = &jail->voice };
	const struct report_sink sink = { on_event, &reading };
	struct report_summary summary = { 0 };
	struct answer_head head = { 0 };
	struct err err = { "" };

	if (!cell_enter(jail->cell, &fd))
		_exit(1);
	head.code = report_message_read(message, jail->voice.host, jail->rules, &sink,
	    &summary, &err);
	if (head.code < 0)
		(void)strcpy(head.why, err.text);
	head.kind = summary.kind;
	head.events = summary.events;
	head.left_out = summary.left_out;
	head.dated_us = summary.dated_us;
	head.bytes = reading.lines.n;
	bool told =
	    write_whole(fd, (struct str){ (const char *)&head, sizeof head }) == 0 &&
	    write_whole(fd, buf_str(&reading.lines)) == 0;

	_exit(told ? 0 : 1);
}

/* --- the parent --- */

static int64_t
monotonic_ms(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * INT64_C(1000) + now.tv_nsec / 1000000;
}

/* What it answers, until it ends. -ETIME if that takes too long. */
static int
listen_to(int fd, struct buf *out)
{
	const int64_t end = monotonic_ms() + JAIL_WALL_S * INT64_C(1000);
	char bytes[64 * 1024];

	for (;;) {
		struct pollfd on = { .fd = fd, .events = POLLIN };
		int64_t left = end - monotonic_ms();

		if (left <= 0)
			return -ETIME;
		if (poll(&on, 1, (int)left) <= 0)
			continue; /* a signal, or the time is over */
		ssize_t n = read(fd, bytes, sizeof bytes);

		if (n < 0 && errno == EINTR)
			continue;
		if (n == 0)
			return 0;
		if (n < 0 || out->n > JAIL_ANSWER_BYTES + sizeof(struct answer_head))
			return -EPROTO;
		buf_add(out, (struct str){ bytes, (size_t)n });
		if (out->failed)
			return -ENOMEM;
	}
}

/*
 * A child that a message took over may answer anything. A line of its is a line of ours if it
 * begins as one, has one of the words and holds no control character: then it can say no
 * more than a message could that is made for it.
 */
static bool
is_line(struct str line, struct str voice)
{
	static const char *const words[] = {
		"bounce: ", "complaint: ", "dmarc: ", "tls-report: "
	};

	if (!str_starts(line, voice) || line.n > LINE_MAX_BYTES - 64)
		return false;
	for (size_t i = 0; i < line.n; i++)
		if ((unsigned char)line.p[i] < 0x20 || line.p[i] == 0x7f)
			return false;
	line = str_skip(line, voice.n);
	for (size_t i = 0; i < sizeof words / sizeof *words; i++)
		if (str_starts(line, str_of(words[i])))
			return true;
	return false;
}

/* The lines without their stamps: each gets the time at which it is written. */
static bool
take_lines(struct jail *jail, struct str text, struct buf *out)
{
	AUTO(buf_done) struct buf voice = { 0 };

	buf_addf(&voice, "%.*s mailwarden-ingest[%d]: ", STR_ARG(jail->voice.host->name),
	    jail->voice.pid);
	while (text.n > 0) {
		struct str line = str_cut(&text, '\n');

		(void)str_cut(&line, ' ');
		if (voice.failed || !is_line(line, buf_str(&voice)))
			return false;
		buf_add_char(out, ' ');
		buf_add(out, line);
		buf_add_char(out, '\n');
	}
	return !out->failed;
}

static int
take_answer(struct jail *jail, struct str answer, struct jail_result *out)
{
	struct answer_head head;

	if (answer.n < sizeof head)
		return -EPROTO;
	memcpy(&head, answer.p, sizeof head);
	answer = str_skip(answer, sizeof head);
	head.why[sizeof head.why - 1] = '\0';
	if (head.bytes != answer.n || head.kind > REPORT_TLS || head.code > 0 ||
	    (head.code == 0 && !take_lines(jail, answer, &out->lines)))
		return -EPROTO;
	out->code = head.code;
	out->summary =
	    (struct report_summary){ head.kind, head.events, head.left_out, head.dated_us };
	(void)err_set(&out->why, head.code, "%s", head.why);
	return 0;
}

static void
tell_end(int code, int status, struct jail_result *out)
{
	buf_clear(&out->lines);
	out->summary = (struct report_summary){ 0 };
	out->code = code;
	if (code == -ETIME)
		(void)err_set(&out->why, code, "not read within %d s", JAIL_WALL_S);
	else if (WIFSIGNALED(status) && WTERMSIG(status) == SIGXCPU)
		(void)err_set(&out->why, code, "not read within %d s of computing time",
		    REPORT_SECONDS);
	else if (WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL)
		(void)err_set(&out->why, code, "its reader was killed: out of memory?");
	else if (WIFSIGNALED(status))
		(void)err_set(&out->why, code,
		    "its reader crashed: signal %d (%s); the memory it may use is %d MiB",
		    WTERMSIG(status), strsignal(WTERMSIG(status)),
		    REPORT_MEMORY_BYTES / 1024 / 1024);
	else
		(void)err_set(&out->why, code, "its reader ended without an answer");
}

static int
wait_for(pid_t pid)
{
	int status = 0;

	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	return status;
}

int
jail_read(struct jail *jail, struct str message, struct jail_result *out, struct err *err)
{
	AUTO(buf_done) struct buf answer = { 0 };
	int fds[2];

	*out = (struct jail_result){ 0 };
	if (pipe2(fds, O_CLOEXEC) != 0)
		return err_errno(err, "make", "a pipe to the reader");
	pid_t pid = fork();

	if (pid == 0)
		read_in_child(jail, message, fds[1]);
	(void)close(fds[1]);
	if (pid < 0) {
		(void)close(fds[0]);
		return err_errno(err, "start", "the reader");
	}
	int r = listen_to(fds[0], &answer);

	(void)close(fds[0]);
	if (r < 0)
		(void)kill(pid, SIGKILL);
	int status = wait_for(pid);

	if (r == -ENOMEM)
		return err_set(err, r, "out of memory");
	if (r == 0 && status != 0)
		r = -EPROTO;
	if (r == 0)
		r = take_answer(jail, buf_str(&answer), out);
	if (r < 0)
		tell_end(r, status, out);
	return 0;
}

void
jail_result_done(struct jail_result *result)
{
	buf_done(&result->lines);
}

int
jail_open(const struct jail_voice *voice, struct bounce_rules *rules, struct jail **out,
    struct err *err)
{
	struct jail *jail = calloc(1, sizeof *jail);

	if (jail == NULL)
		return err_set(err, -ENOMEM, "out of memory");
	jail->voice = *voice;
	jail->rules = rules;
	jail->cell = cell_new();
	if (jail->cell == NULL) {
		free(jail);
		return err_set(err, -ENOMEM,
		    "set up the reader's cell: no memory, or no seccomp");
	}
	*out = jail;
	return 0;
}

void
jail_close(struct jail *jail)
{
	if (jail == NULL)
		return;
	cell_free(jail->cell);
	free(jail);
}
