#include "cli/explain_helper.h"

#include <errno.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cli/app.h"
#include "core/write.h"

extern char **environ;

/* --- what the text is --- */

/* Name of the header field that begins a line (RFC 5322, 2.2), n 0 if none does. */
static struct str
field_name(struct str line)
{
	for (size_t i = 0; i < line.n; i++) {
		char c = line.p[i];

		if (c == ':')
			return str_head(line, i);
		if (c <= ' ' || c > '~')
			break;
	}
	return (struct str){ NULL, 0 };
}

/* The next line of a header, with its folded rest; false at its end. */
static bool
next_field(struct str *rest, struct str *field_out)
{
	struct str start = *rest;
	struct str line = str_cut(rest, '\n');

	if (str_trim(line).n == 0)
		return false;
	while (rest->n > 0 && (rest->p[0] == ' ' || rest->p[0] == '\t'))
		(void)str_cut(rest, '\n');
	*field_out = str_head(start, start.n - rest->n);
	return true;
}

/* Where the header begins: what was pasted may have empty lines and an mbox line first. */
static struct str
header_of(struct str text)
{
	while (text.n > 0 && (text.p[0] == '\n' || text.p[0] == '\r'))
		text = str_skip(text, 1);
	if (str_starts(text, STR("From ")))
		(void)str_cut(&text, '\n');
	return text;
}

bool
explain_is_message(struct str text)
{
	static const struct str telling[] = { STR_INIT("Received"), STR_INIT("Return-Path"),
		STR_INIT("Delivered-To"), STR_INIT("From"), STR_INIT("To"),
		STR_INIT("Date"), STR_INIT("Subject"), STR_INIT("Message-ID"),
		STR_INIT("Content-Type"), STR_INIT("MIME-Version") };
	struct str rest = header_of(text), field;

	while (next_field(&rest, &field)) {
		struct str name = field_name(field);

		if (name.n == 0)
			return false;
		for (size_t i = 0; i < sizeof telling / sizeof *telling; i++)
			if (str_eq_nocase(name, telling[i]))
				return true;
	}
	return false;
}

bool
explain_is_status(struct str text)
{
	struct str rest = header_of(text);
	bool begins = true;

	while (rest.n > 0) {
		struct str line = str_cut(&rest, '\n');
		struct str name = field_name(line);

		if (begins && name.n == 0)
			return false;
		begins = false;
		if (str_eq_nocase(name, STR("Final-Recipient")) ||
		    str_eq_nocase(name, STR("Original-Recipient")))
			return true;
	}
	return false;
}

struct str
explain_diagnostic(struct str text, struct buf *out)
{
	struct str rest = header_of(str_trim(text)), field;
	size_t diagnostics = 0;

	buf_clear(out);
	while (rest.n > 0) {
		if (!next_field(&rest, &field) || field_name(field).n == 0)
			return (struct str){ NULL, 0 };
		if (!str_eq_nocase(field_name(field), STR("Diagnostic-Code")))
			continue;
		if (++diagnostics > 1)
			return (struct str){ NULL, 0 };
		while (field.n > 0) {
			buf_add(out, str_trim(str_cut(&field, '\n')));
			buf_add_char(out, ' ');
		}
	}
	return str_trim(buf_str(out));
}

void
explain_date(struct str message, struct buf *out)
{
	struct str rest = header_of(message), field;

	while (next_field(&rest, &field)) {
		struct str name = field_name(field);

		if (!str_eq_nocase(name, STR("Date")))
			continue;
		struct str value = str_skip(field, name.n + 1);

		while (value.n > 0) {
			struct str part = str_trim(str_cut(&value, '\n'));

			if (out->n > 0 && part.n > 0)
				buf_add_char(out, ' ');
			buf_add(out, part);
		}
		return;
	}
}

/* --- the helper --- */

/* The three ends are files in memory: neither side waits for the other. */
struct ends {
	int in, out, said;
};

static void
auto_ends(struct ends *ends)
{
	if (ends->in >= 0)
		(void)close(ends->in);
	if (ends->out >= 0)
		(void)close(ends->out);
	if (ends->said >= 0)
		(void)close(ends->said);
}

static int
write_all(int fd, struct str text)
{
	int r = write_whole(fd, text);

	return r == 0 && lseek(fd, 0, SEEK_SET) < 0 ? -errno : r;
}

static int
read_all(int fd, struct buf *out)
{
	if (lseek(fd, 0, SEEK_SET) < 0)
		return -errno;
	for (;;) {
		if (!buf_reserve(out, 65536))
			return -ENOMEM;
		ssize_t n = read(fd, out->p + out->n, 65536);

		if (n == 0)
			return 0;
		if (n < 0 && errno != EINTR)
			return -errno;
		if (n > 0)
			out->n += (size_t)n;
	}
}

/* Starts it and waits for its end; its wait status, or a negative errno. */
static int
spawn(const char *path, const char *rules, const struct ends *ends)
{
	const char *argv[] = { path, "--parse", rules != NULL ? "--rules" : NULL, rules,
		NULL };
	posix_spawn_file_actions_t actions;
	pid_t pid = 0;
	int status, r = posix_spawn_file_actions_init(&actions);

	if (r != 0)
		return -r;
	const int from[] = { ends->in, ends->out, ends->said };

	for (int to = 0; to < 3 && r == 0; to++)
		r = posix_spawn_file_actions_adddup2(&actions, from[to], to);
	if (r == 0)
		r = posix_spawn(&pid, path, &actions, NULL, (char *const *)argv, environ);
	(void)posix_spawn_file_actions_destroy(&actions);
	if (r != 0)
		return -r;
	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return -errno;
	return status;
}

/* Its words without its name in front and the newline at their end. */
static void
clean_words(struct buf *said)
{
	static const struct str names[] = { STR_INIT("mailwarden-ingest: "),
		STR_INIT("mailwarden: "), STR_INIT("standard input: ") };
	struct str words = str_trim(buf_str(said));

	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		if (str_starts(words, names[i]))
			words = str_skip(words, names[i].n);
	if (words.n > 0)
		memmove(said->p, words.p, words.n);
	said->n = words.n;
}

static int
judge(const char *path, int status, const struct buf *said, enum explain_helped *out,
    struct err *err)
{
	if (WIFEXITED(status) && WEXITSTATUS(status) <= 1) {
		*out = WEXITSTATUS(status) == 0 ? HELPED_REPORT : HELPED_NO_REPORT;
		return 0;
	}
	if (WIFSIGNALED(status))
		return err_set(err, -EIO, "read the message: %s was ended by signal %d",
		    path, WTERMSIG(status));
	return err_set(err, -EIO, "read the message: %s ended with %d: %.*s", path,
	    WEXITSTATUS(status), STR_ARG(buf_str(said)));
}

int
explain_helper(struct str message, const char *rules, struct buf *lines, struct buf *said,
    enum explain_helped *out, struct err *err)
{
	AUTO(auto_free) char *path = app_helper_path("mailwarden-ingest");
	AUTO(auto_ends)
	struct ends ends = { memfd_create("message", MFD_CLOEXEC),
		memfd_create("lines", MFD_CLOEXEC), memfd_create("said", MFD_CLOEXEC) };
	int r = path == NULL ? -ENOMEM
		: ends.in < 0 || ends.out < 0 || ends.said < 0
		    ? -errno
		    : write_all(ends.in, message);

	if (r < 0)
		return err_set(err, r, "read the message: %s", strerror(-r));
	int status = spawn(path, rules, &ends);

	if (status < 0)
		return err_set(err, status, "read the message: start %s: %s%s", path,
		    strerror(-status),
		    status == -ENOENT ? " (it belongs to mailwarden: install it again)"
				      : "");
	r = read_all(ends.out, lines);
	if (r == 0)
		r = read_all(ends.said, said);
	if (r < 0)
		return err_set(err, r, "read what %s found: %s", path, strerror(-r));
	clean_words(said);
	return judge(path, status, said, out, err);
}
