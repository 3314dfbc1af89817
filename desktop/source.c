#include "desktop/source.h"

#include <errno.h>
#include <glib-unix.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/clock.h"
#include "core/plain.h"
#include "desktop/record.h"

enum {
	MAX_LINE_BYTES = 4 * 1024 * 1024,
	READ_BYTES = 64 * 1024,
	READS_AT_ONCE = 16, /* then the rest of the program has its turn */
	SAID_BYTES = 4096,  /* of standard error, the last */
	REASON_BYTES = 300,
	WAIT_MAX_S = 300,
	STEADY_S = 60,  /* connected for so long: the next wait begins at a second */
	PATIENCE_S = 5, /* between SIGTERM and SIGKILL */
	EXIT_STALE = 1,
	EXIT_USAGE = 2, /* of `events`: the place is of another store; is none */
};

/* The process; it outlives the source until it has ended. */
struct child {
	struct source *source; /* NULL: let go */
	GPid pid;
	int out, err; /* -1: closed */
	guint out_watch, err_watch, kill_timer;
};

struct source {
	const struct desk_host *host;
	char **to;
	struct source_calls calls;
	enum source_state state;
	struct child *child; /* NULL: none runs */
	GString *input;      /* the line that is not whole yet */
	bool skipping;       /* the rest of a line that was too long */
	bool handed_out;     /* lines since the last pause */
	bool heard;          /* any line of this child */
	GString *said;
	char *place, *reason;
	int64_t place_us, lost_us, retry_us, connected_us;
	bool blind;   /* no watcher works there: nothing new is heard */
	bool by_time; /* the place is not of that store: goes on by place_us */
	unsigned failures;
	guint retry_timer, start_idle;
};

static void start(struct source *source);

/* --- state --- */

static void
tell(struct source *source)
{
	if (source->calls.changed != NULL)
		source->calls.changed(source->calls.ctx, source);
}

static void
set_reason(struct source *source, const char *text)
{
	g_free(source->reason);
	source->reason = g_strdup(text);
}

static void
connected(struct source *source)
{
	if (source->state == SOURCE_CONNECTED)
		return;
	source->state = SOURCE_CONNECTED;
	source->connected_us = g_get_monotonic_time();
	source->lost_us = 0;
	source->by_time = false;
	set_reason(source, "");
	tell(source);
}

static void
set_blind(struct source *source, bool blind)
{
	source->blind = blind;
	set_reason(source, blind ? "no `mailwarden run` works there" : "");
	tell(source);
}

unsigned
source_wait_s(unsigned failures)
{
	return failures >= 9 ? WAIT_MAX_S : MIN(1U << failures, (unsigned)WAIT_MAX_S);
}

static gboolean
on_retry(gpointer data)
{
	struct source *source = data;

	source->retry_timer = 0;
	start(source);
	return G_SOURCE_REMOVE;
}

static void
lost(struct source *source)
{
	bool steady =
	    source->state == SOURCE_CONNECTED &&
	    g_get_monotonic_time() - source->connected_us >= STEADY_S * (int64_t)US_PER_S;

	if (steady)
		source->failures = 0;
	unsigned wait_s = source_wait_s(source->failures++);
	int64_t now_us = g_get_real_time();

	source->state = SOURCE_LOST;
	source->by_time = false; /* it may have failed for another reason */
	if (source->lost_us == 0)
		source->lost_us = now_us;
	source->retry_us = now_us + wait_s * (int64_t)US_PER_S;
	source->retry_timer = g_timeout_add(wait_s * 1000, on_retry, source);
	tell(source);
}

/* --- lines --- */

static void
hand_out(struct source *source, struct str line)
{
	struct record record;

	source->heard = true;
	source->handed_out = true;
	source->calls.line(source->calls.ctx, source, line);
	record_read(&record, line);
	if (record.id != NULL) {
		g_free(source->place);
		source->place = g_strdup(record.id);
		source->place_us = record.at_us;
	}
	if (record.kind == RECORD_READY)
		connected(source);
	else if (record.kind == RECORD_WATCHER && source->blind == record.runs)
		set_blind(source, !record.runs);
	record_done(&record);
}

static void
take_piece(struct source *source, struct str piece, bool ends)
{
	GString *input = source->input;

	if (!source->skipping && input->len + piece.n > MAX_LINE_BYTES)
		source->skipping = true;
	if (!source->skipping && ends && input->len == 0)
		hand_out(source, piece);
	else if (!source->skipping)
		(void)g_string_append_len(input, piece.p, (gssize)piece.n);
	if (!ends)
		return;
	if (!source->skipping && input->len > 0)
		hand_out(source, (struct str){ input->str, input->len });
	source->skipping = false;
	if (input->allocated_len > READ_BYTES) { /* a long line's memory is given back */
		(void)g_string_free(input, TRUE);
		source->input = g_string_new(NULL);
	} else {
		(void)g_string_truncate(input, 0);
	}
}

static void
take_bytes(struct source *source, struct str bytes)
{
	while (bytes.n > 0) {
		ptrdiff_t end = str_find_char(bytes, '\n');
		struct str piece = end < 0 ? bytes : str_head(bytes, (size_t)end);

		take_piece(source, piece, end >= 0);
		bytes = str_skip(bytes, end < 0 ? bytes.n : (size_t)end + 1);
	}
}

static void
pause_now(struct source *source)
{
	if (!source->handed_out)
		return;
	source->handed_out = false;
	if (source->calls.pause != NULL)
		source->calls.pause(source->calls.ctx, source);
}

static bool
has_more(int fd)
{
	struct pollfd more = { .fd = fd, .events = POLLIN };

	return poll(&more, 1, 0) > 0;
}

/* Reads what is there, in so many turns; false at the end of the child's output. */
static bool
read_lines(struct source *source, int fd, unsigned turns)
{
	char bytes[READ_BYTES];
	ssize_t n = 0;

	for (unsigned i = 0; i < turns; i++) {
		do
			n = read(fd, bytes, sizeof bytes);
		while (n < 0 && errno == EINTR);
		if (n <= 0)
			break;
		take_bytes(source, (struct str){ bytes, (size_t)n });
	}
	bool ended = n == 0 || (n < 0 && errno != EAGAIN);

	if (ended || !has_more(fd))
		pause_now(source);
	return !ended;
}

/* The last line that the child said becomes the reason; false if it said nothing. */
static bool
take_said(struct source *source)
{
	AUTO(buf_done) struct buf text = { 0 };
	struct str said = str_trim((struct str){ source->said->str, source->said->len });

	while (said.n > 0 && strchr("\r\n\t ", said.p[said.n - 1]) != NULL)
		said.n--;
	ptrdiff_t begin = str_rfind_char(said, '\n');

	said = str_trim(str_skip(said, (size_t)(begin + 1)));
	if (said.n == 0)
		return false;
	plain_add_cut(&text, said, REASON_BYTES);
	set_reason(source, buf_cstr(&text));
	return true;
}

static bool
read_said(struct source *source, int fd)
{
	char bytes[SAID_BYTES];
	GString *said = source->said;
	ssize_t n = read(fd, bytes, sizeof bytes);

	if (n < 0 && (errno == EINTR || errno == EAGAIN))
		return true;
	if (n <= 0)
		return false;
	(void)g_string_append_len(said, bytes, n);
	if (said->len > SAID_BYTES)
		(void)g_string_erase(said, 0, (gssize)(said->len - SAID_BYTES));
	/* It may go on like that: waiting for a store, say. */
	if (source->state == SOURCE_STARTING) {
		g_autofree char *before = g_strdup(source->reason);

		if (take_said(source) && strcmp(before, source->reason) != 0)
			tell(source);
	}
	return true;
}

/* --- the child --- */

static void
close_pipe(int *fd, guint *watch)
{
	if (*watch != 0)
		(void)g_source_remove(*watch);
	*watch = 0;
	if (*fd >= 0)
		(void)close(*fd);
	*fd = -1;
}

static void
signal_child(const struct child *child, int number)
{
	if (kill(-child->pid, number) < 0) /* its own group: what it started, too */
		(void)kill(child->pid, number);
}

static gboolean
on_patience(gpointer data)
{
	struct child *child = data;

	child->kill_timer = 0;
	signal_child(child, SIGKILL);
	return G_SOURCE_REMOVE;
}

static void
end_child(struct child *child)
{
	if (child->kill_timer != 0)
		return;
	signal_child(child, SIGTERM);
	child->kill_timer = g_timeout_add_seconds(PATIENCE_S, on_patience, child);
}

/* The source goes on without it; it is waited for until it has ended. */
static void
let_go(struct source *source)
{
	struct child *child = source->child;

	if (child == NULL)
		return;
	source->child = NULL;
	child->source = NULL;
	close_pipe(&child->out, &child->out_watch);
	close_pipe(&child->err, &child->err_watch);
	end_child(child);
}

static gboolean
on_out(gint fd, GIOCondition condition, gpointer data)
{
	struct child *child = data;

	(void)condition;
	if (read_lines(child->source, fd, READS_AT_ONCE))
		return G_SOURCE_CONTINUE;
	child->out_watch = 0;
	close_pipe(&child->out, &child->out_watch);
	end_child(child); /* without output it is of no use */
	return G_SOURCE_REMOVE;
}

static gboolean
on_err(gint fd, GIOCondition condition, gpointer data)
{
	struct child *child = data;

	(void)condition;
	if (read_said(child->source, fd))
		return G_SOURCE_CONTINUE;
	child->err_watch = 0;
	close_pipe(&child->err, &child->err_watch);
	return G_SOURCE_REMOVE;
}

/* The last line that it said is the reason, or how it ended. */
static void
find_reason(struct source *source, int status)
{
	const char *program = source->host->ssh != NULL ? "ssh" : "mailwarden";
	g_autofree char *ended =
	    WIFSIGNALED(status) ? g_strdup_printf("%s was ended by signal %d (%s)", program,
				      WTERMSIG(status), g_strsignal(WTERMSIG(status)))
				: g_strdup_printf("%s ended with exit status %d", program,
				      WEXITSTATUS(status));

	if (!take_said(source))
		set_reason(source, ended);
}

/* The exit codes of `events` for such a place, and not a line before it. */
static bool
is_stale(const struct source *source, int status)
{
	int code = WIFEXITED(status) ? WEXITSTATUS(status) : 0;

	return (code == EXIT_STALE || code == EXIT_USAGE) && !source->heard &&
	       !source->by_time && source->place[0] != '\0';
}

/* What it wrote before it ended is still taken. */
static void
take_rest(struct source *source, struct child *child)
{
	/* More than a pipe holds is not from the child. */
	for (int i = 0; i < READS_AT_ONCE && child->out >= 0 && has_more(child->out); i++)
		if (!read_lines(source, child->out, 1))
			close_pipe(&child->out, &child->out_watch);
	if (child->out >= 0) /* somebody whom it started still could write there */
		(void)kill(-child->pid, SIGTERM);
	if (child->err >= 0)
		(void)read_said(source, child->err);
	pause_now(source);
	close_pipe(&child->out, &child->out_watch);
	close_pipe(&child->err, &child->err_watch);
}

static void
on_ended(GPid pid, gint status, gpointer data)
{
	struct child *child = data;
	struct source *source = child->source;

	if (child->kill_timer != 0)
		(void)g_source_remove(child->kill_timer);
	if (source != NULL) {
		take_rest(source, child);
		source->child = NULL;
		find_reason(source, status);
		if (is_stale(source, status)) {
			source->by_time = true;
			start(source);
		} else {
			lost(source);
		}
	}
	g_spawn_close_pid(pid);
	g_free(child);
}

/* In the child: a group of its own, without a terminal that could be asked for a
 * passphrase, and no longer than we live. */
static void
prepare_child(gpointer data)
{
	(void)data;
	(void)setsid();
	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
}

/* Behind what is drawn: a host that never stops talking must not stop the windows. */
static guint
watch_pipe(int fd, GUnixFDSourceFunc take, struct child *child)
{
	(void)g_unix_set_fd_nonblocking(fd, TRUE, NULL);
	return g_unix_fd_add_full(G_PRIORITY_DEFAULT_IDLE, fd,
	    G_IO_IN | G_IO_HUP | G_IO_ERR, take, child, NULL);
}

static void
begin_child(struct source *source)
{
	struct child *child = g_new0(struct child, 1);
	g_autoptr(GError) fault = NULL;
	g_auto(GStrv) words = source_stream_command(source->host, source->to,
	    source->by_time ? "" : source->place, source->place_us);

	child->source = source;
	child->out = child->err = -1;
	if (!g_spawn_async_with_pipes(NULL, words, NULL,
		G_SPAWN_SEARCH_PATH | G_SPAWN_DO_NOT_REAP_CHILD, prepare_child, NULL,
		&child->pid, NULL, &child->out, &child->err, &fault)) {
		g_free(child);
		AUTO(buf_done) struct buf text = { 0 };

		plain_add_cut(&text, str_of(fault->message), REASON_BYTES);
		set_reason(source, buf_cstr(&text));
		lost(source);
		return;
	}
	source->child = child;
	child->out_watch = watch_pipe(child->out, on_out, child);
	child->err_watch = watch_pipe(child->err, on_err, child);
	(void)g_child_watch_add(child->pid, on_ended, child);
}

static void
start(struct source *source)
{
	(void)g_string_truncate(source->input, 0);
	(void)g_string_truncate(source->said, 0);
	source->skipping = source->heard = source->blind = false;
	source->retry_us = 0;
	source->state = SOURCE_STARTING;
	begin_child(source);
	if (source->child != NULL)
		tell(source);
}

/* --- the source --- */

static gboolean
on_start(gpointer data)
{
	struct source *source = data;

	source->start_idle = 0;
	start(source);
	return G_SOURCE_REMOVE;
}

struct source *
source_new(const struct desk_host *host, char *const *to, const char *place, int64_t at_us,
    const struct source_calls *calls)
{
	struct source *source = g_new0(struct source, 1);

	source->host = host;
	source->to = to == NULL ? g_new0(char *, 1) : g_strdupv((char **)to);
	source->calls = *calls;
	source->input = g_string_new(NULL);
	source->said = g_string_new(NULL);
	source->place = g_strdup(place == NULL || !record_is_id(place) ? "" : place);
	source->place_us = at_us;
	source->reason = g_strdup("");
	/* Not before who makes it holds it. */
	source->start_idle = g_idle_add(on_start, source);
	return source;
}

static void
stop_timers(struct source *source)
{
	if (source->retry_timer != 0)
		(void)g_source_remove(source->retry_timer);
	if (source->start_idle != 0)
		(void)g_source_remove(source->start_idle);
	source->retry_timer = source->start_idle = 0;
}

void
source_free(struct source *source)
{
	if (source == NULL)
		return;
	stop_timers(source);
	let_go(source);
	g_strfreev(source->to);
	(void)g_string_free(source->input, TRUE);
	(void)g_string_free(source->said, TRUE);
	g_free(source->place);
	g_free(source->reason);
	g_free(source);
}

void
source_retry_now(struct source *source)
{
	if (source->state != SOURCE_CONNECTED)
		source_restart(source);
}

void
source_restart(struct source *source)
{
	stop_timers(source);
	let_go(source);
	source->failures = 0;
	start(source);
}

const struct desk_host *
source_host(const struct source *source)
{
	return source->host;
}

enum source_state
source_state(const struct source *source)
{
	return source->state;
}

bool
source_is_heard(const struct source *source)
{
	return source->state == SOURCE_CONNECTED && !source->blind;
}

const char *
source_reason(const struct source *source)
{
	return source->reason;
}

int64_t
source_lost_us(const struct source *source)
{
	return source->lost_us;
}

int64_t
source_retry_us(const struct source *source)
{
	return source->retry_us;
}

const char *
source_place(const struct source *source)
{
	return source->place;
}

int64_t
source_place_us(const struct source *source)
{
	return source->place_us;
}
