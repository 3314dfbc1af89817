/* mailwarden events: what happens, as it happens. */
#include <errno.h>
#include <getopt.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/show.h"
#include "cli/stream_line.h"
#include "cli/watcher_lives.h"
#include "core/clock.h"
#include "core/yaml.h"
#include "store/watch.h"

#define SINCE_US (600 * (int64_t)US_PER_S)

enum {
	CHUNK_BYTES = 64 * 1024, /* put together in one look at the store, then written */
	WRITE_BYTES = 4096,      /* PIPE_BUF: so much a pipe takes that is ready */
	COLUMNS = 80,
	MAX_TO = 1000, /* patterns */
	ENDED = 1,     /* by a signal, or because the reader has gone */
};

struct events {
	struct show_options show;
	bool follow, open;
	const char *since;
	char *to_text;   /* the patterns, */
	const char **to; /* and where each begins */
	struct stream_filter filter;
	struct stream_place place;
	bool placed, told_open;
	int watcher; /* does one work on the store, as told last; -1: not told yet */
	struct store *store;
	struct stat file; /* of the store that is open */
	struct store_watch watch;
	struct buf out;
	struct stream_look look;
	int64_t began_us; /* a store that comes later does not move it */
	int64_t day;      /* of the last line for people */
	int signal_fd;
	bool told_waiting, write_failed;
};

/* --- output --- */

static int
add_record(void *ctx, const struct stream_record *record)
{
	struct events *e = ctx;
	int64_t day = record->time_us / US_PER_S / 86400;

	if (e->show.json) {
		stream_line_json(record, &e->out);
	} else {
		if (day != e->day) {
			AUTO(buf_done) struct buf minute = { 0 };

			clock_minute(&minute, record->time_us);
			buf_addf(&e->out, "--- %.*s (UTC)\n",
			    STR_ARG(str_head(buf_str(&minute), 10)));
			e->day = day;
		}
		stream_line_text(record, &e->look, &e->out);
	}
	return e->out.n >= CHUNK_BYTES;
}

static int
write_failed(struct events *e, struct err *err)
{
	e->write_failed = true;
	return err_set(err, -errno, "write output: %s", strerror(errno));
}

/* Never sleeps in a write: a signal must end it, also when the reader does not read. */
static int
write_out(struct events *e, struct err *err)
{
	struct str left = buf_str(&e->out);

	if (e->out.failed)
		return err_set(err, -ENOMEM, "out of memory");
	while (left.n > 0) {
		struct pollfd fds[] = { { .fd = STDOUT_FILENO, .events = POLLOUT },
			{ .fd = e->signal_fd, .events = POLLIN } };

		if (poll(fds, 2, -1) < 0 && errno != EINTR)
			return write_failed(e, err);
		if (fds[1].revents != 0)
			return ENDED;
		if (fds[0].revents == 0)
			continue;
		ssize_t n = write(STDOUT_FILENO, left.p,
		    left.n < WRITE_BYTES ? left.n : WRITE_BYTES);

		if (n >= 0)
			left = str_skip(left, (size_t)n);
		else if (errno == EPIPE)
			return ENDED;
		else if (errno != EINTR && errno != EAGAIN)
			return write_failed(e, err);
	}
	buf_clear(&e->out);
	return 0;
}

/* All that is there now. */
static int
print_all(struct events *e, struct err *err)
{
	for (;;) {
		int more = stream_read(e->store, &e->place, &e->filter, add_record, e, err);
		int r = more < 0 ? more : write_out(e, err);

		if (r != 0 || more == 0)
			return r;
	}
}

/* --- what is open --- */

struct opens {
	struct events *e;
	int64_t n, now_us;
	struct err *err;
};

static int
add_open(void *ctx, const struct incident *found)
{
	struct opens *opens = ctx;
	struct events *e = opens->e;
	struct incident in = *found;
	int r =
	    store_silenced_until(e->store, &in, opens->now_us, &in.silenced_us, opens->err);

	if (r < 0)
		return r;
	stream_line_open(&in, &e->out);
	opens->n++;
	return 0;
}

/* The place was taken before: what changes meanwhile is told again, and not missed. */
static int
print_open(struct events *e, struct err *err)
{
	struct opens opens = { .e = e, .now_us = app_now_us(), .err = err };
	int r = 0;

	if (!e->open || e->told_open)
		return 0;
	if (e->filter.changes)
		r = store_each_incident(e->store, INCIDENTS_OPEN, 0, add_open, &opens, err);
	if (r < 0)
		return r;
	stream_line_ready(&e->place, opens.n, opens.now_us, &e->out);
	e->told_open = true;
	return write_out(e, err);
}

/* Who sees only the stream would take a dead watcher for a quiet host. */
static int
print_watcher(struct events *e, struct err *err)
{
	bool may_differ = e->watch.lock_changed || e->watcher < 0;

	if (!e->open || !e->follow || e->store == NULL || !may_differ)
		return 0;
	e->watch.lock_changed = false;
	int lives = watcher_lives(e->watch.path, NULL);

	if (lives < 0 ||
	    lives == e->watcher) /* a lock that we may not open tells nothing */
		return 0;
	e->watcher = lives;
	stream_line_watcher(lives > 0, app_now_us(), &e->out);
	return write_out(e, err);
}

/* --- where it begins --- */

static int
find_start(struct events *e, struct err *err)
{
	struct str since = str_of(e->since);
	int64_t now_us = e->began_us, at_us = now_us - SINCE_US;
	int r;

	if (e->since != NULL && stream_place_read(since, &e->place))
		return stream_check(e->store, &e->place, err);
	if (e->since != NULL && clock_parse_span(since, &at_us))
		at_us = now_us - at_us;
	else if (e->since != NULL)
		(void)clock_parse_words(since, now_us, CLOCK_PAST, &at_us);
	e->filter.since_us = at_us;
	if ((r = stream_since(e->store, at_us, &e->place, err)) == 0)
		r = stream_last(e->store, &e->filter.old, err);
	return r;
}

/* After the store was there, or is there for the first time. */
static int
place_in(struct events *e, bool was_waited_for, struct err *err)
{
	struct stream_place first;
	int r = stream_first(e->store, &first, err);

	if (r < 0)
		return r;
	if (e->placed && first.identity == e->place.identity)
		return 0;
	if (!e->placed && !(was_waited_for && e->since == NULL)) {
		r = find_start(e, err);
		e->placed = r == 0;
		return r;
	}
	if (e->placed)
		fputs("mailwarden: the store was made anew: from its beginning\n", stderr);
	e->place = first;
	e->filter.since_us = INT64_MIN;
	e->placed = true;
	e->told_open = false;
	return 0;
}

/* Is another file there than the one that is open? */
static bool
has_other_file(struct events *e, struct stat *now)
{
	if (stat(e->watch.path, now) < 0)
		return e->store == NULL; /* opening it tells why */
	return e->store == NULL || now->st_dev != e->file.st_dev ||
	       now->st_ino != e->file.st_ino;
}

/* The store stays NULL if it is not there and we wait for it. */
static int
open_store(struct events *e, const struct stat *file, struct err *err)
{
	store_close(e->store);
	e->store = NULL;
	int r = store_open(e->watch.path, STORE_READ, &e->store, err);

	if (r == -ENOENT && e->follow) {
		if (!e->told_waiting)
			fprintf(stderr, "mailwarden: no store at %s yet: waiting for it\n",
			    e->watch.path);
		e->told_waiting = true;
		return 0;
	}
	if (r < 0)
		return r;
	e->file = *file;
	return place_in(e, e->told_waiting, err);
}

static int
look(struct events *e, struct err *err)
{
	struct stat file = { 0 };
	int r =
	    e->store == NULL ? 0 : print_all(e, err); /* to the end also of an old file */

	if (r != 0 || !has_other_file(e, &file))
		return r;
	r = open_store(e, &file, err);
	if (r != 0 || e->store == NULL)
		return r;
	r = print_open(e, err);
	return r == 0 ? print_all(e, err) : r;
}

/* --- waiting --- */

static int
wait_for_change(struct events *e)
{
	struct pollfd fds[] = { { .fd = e->watch.fd, .events = POLLIN },
		{ .fd = e->signal_fd, .events = POLLIN },
		{ .fd = STDOUT_FILENO } }; /* tells when the reader goes */

	if (poll(fds, 3, store_watch_again_ms(&e->watch)) < 0)
		return errno == EINTR ? 0 : ENDED;
	if (fds[1].revents != 0 || fds[2].revents != 0)
		return ENDED;
	if (fds[0].revents != 0)
		store_watch_take(&e->watch);
	return 0;
}

static int
print_stream(struct events *e, struct err *err)
{
	for (;;) {
		/* First the watch, then the look: what comes between is told. */
		int r = store_watch_set(&e->watch, err);

		if (r == 0)
			r = look(e, err);
		if (r == 0)
			r = print_watcher(e, err);
		if (r < 0)
			return r;
		if (r == ENDED || !e->follow || wait_for_change(e) == ENDED)
			return 0;
	}
}

/* --- the command --- */

static int
read_kinds(const char *list, struct stream_filter *filter)
{
	const char *names[KIND_COUNT + 1] = { "incident" };
	struct str rest = str_of(list);

	for (int k = 1; k < KIND_COUNT; k++)
		names[k] = event_enum_name(EVT_KIND, k);
	filter->kinds = 0;
	filter->changes = false;
	while (rest.n > 0) {
		struct str name = str_trim(str_cut(&rest, ','));
		int kind = event_enum_find(EVT_KIND, name);
		const char *near = nearest_word(name, names);

		if (str_eq(name, STR("incident")))
			filter->changes = true;
		else if (kind > 0)
			filter->kinds |= 1U << kind;
		else if (near != NULL)
			return app_usage(&cmd_events, "no kind '%.*s', did you mean '%s'?",
			    STR_ARG(name), near);
		else
			return app_usage(&cmd_events, "no kind '%.*s'", STR_ARG(name));
	}
	if (filter->kinds == 0 && !filter->changes)
		return app_usage(&cmd_events, "--kind needs names");
	return EXIT_FINE;
}

static int
read_to(const char *list, struct events *e)
{
	struct str rest = str_of(list);
	size_t n = 0;

	free(e->to_text);
	free(e->to);
	e->to_text = malloc(rest.n + 1);
	e->to = calloc(MAX_TO + 1, sizeof *e->to);
	if (e->to_text == NULL || e->to == NULL)
		return app_fail(EXIT_FAILED, "out of memory");
	char *end = e->to_text;

	while (rest.n > 0) {
		struct str one = str_trim(str_cut(&rest, ','));

		if (one.n == 0)
			continue;
		if (n == MAX_TO)
			return app_usage(&cmd_events, "--to takes %d addresses at most",
			    MAX_TO);
		e->to[n++] = end;
		memcpy(end, one.p, one.n);
		end[one.n] = '\0';
		end += one.n + 1;
	}
	if (n == 0)
		return app_usage(&cmd_events, "--to needs addresses");
	e->filter.to = e->to;
	return EXIT_FINE;
}

static int
check_since(const char *since)
{
	struct stream_place place;
	int64_t at_us;
	struct str text = str_of(since);

	if (stream_place_read(text, &place) || clock_parse_span(text, &at_us) ||
	    clock_parse_words(text, 0, CLOCK_PAST, &at_us))
		return EXIT_FINE;
	return app_usage(&cmd_events,
	    "--since takes the id of a line, a span such as 10m or 2d, or a time such as "
	    "\"2026-11-21 08:00\", not '%s'",
	    since);
}

static int
read_options(int argc, char **argv, struct events *e)
{
	static const struct option options[] = { { "json", no_argument, NULL, 'j' },
		{ "follow", no_argument, NULL, 'f' },
		{ "since", required_argument, NULL, 'n' },
		{ "kind", required_argument, NULL, 'k' },
		{ "open", no_argument, NULL, 'o' }, { "to", required_argument, NULL, 't' },
		{ "state", required_argument, NULL, 's' },
		{ "config", required_argument, NULL, 'c' }, { 0 } };
	int c, r = EXIT_FINE;

	e->filter = (struct stream_filter){ .kinds = UINT32_MAX, .changes = true };
	while (r == EXIT_FINE && (c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		switch (c) {
		case 'j': e->show.json = true; break;
		case 'f': e->follow = true; break;
		case 'n': r = check_since(e->since = optarg); break;
		case 'k': r = read_kinds(optarg, &e->filter); break;
		case 'o': e->open = true; break;
		case 't': r = read_to(optarg, e); break;
		case 's': e->show.state = optarg; break;
		case 'c': e->show.config = optarg; break;
		default: return app_usage(&cmd_events, "%s", "");
		}
	}
	if (r == EXIT_FINE && optind < argc)
		return app_usage(&cmd_events, "takes no '%s'", argv[optind]);
	if (r == EXIT_FINE && e->open && !e->show.json)
		return app_usage(&cmd_events, "--open goes with --json alone");
	e->filter.with_fields = !e->show.json;
	e->filter.with_message = e->show.json;
	return r;
}

static int
catch_signals(void)
{
	sigset_t signals;

	(void)sigemptyset(&signals);
	(void)sigaddset(&signals, SIGINT);
	(void)sigaddset(&signals, SIGTERM);
	(void)sigprocmask(SIG_BLOCK, &signals, NULL);
	(void)signal(SIGPIPE, SIG_IGN);
	return signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK);
}

static struct stream_look
look_of_terminal(void)
{
	struct winsize size;
	struct stream_look look = { COLUMNS, app_wants_colour(stdout) };

	if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 20)
		look.width = size.ws_col;
	return look;
}

static int
exit_code(int r, const struct events *e, const struct err *err)
{
	if (r >= 0)
		return EXIT_FINE;
	if (r == -ENOENT && e->store == NULL)
		return app_fail(EXIT_STORE,
		    "no store at %s yet: has `mailwarden run` been started?",
		    e->watch.path);
	return app_fail(r == -ESTALE || e->write_failed ? EXIT_FAILED : EXIT_STORE, "%s",
	    err->text);
}

static int
print_events(struct events *e, const char *path)
{
	struct err err = { "" };
	int r;

	e->look = look_of_terminal();
	e->signal_fd = catch_signals();
	r = store_watch_init(&e->watch, path, &err);
	if (r == 0)
		r = print_stream(e, &err);
	r = exit_code(r, e, &err);
	store_close(e->store);
	store_watch_done(&e->watch);
	buf_done(&e->out);
	(void)close(e->signal_fd);
	return r;
}

static int
run(int argc, char **argv)
{
	struct events e = { .watcher = -1, .began_us = app_now_us(), .day = INT64_MIN };
	AUTO(auto_free) char *path = NULL;
	int r = read_options(argc, argv, &e);

	if (r == EXIT_FINE)
		r = show_path(&e.show, &path);
	if (r == EXIT_FINE)
		r = print_events(&e, path);
	free(e.to_text);
	free(e.to);
	return r;
}

const struct command cmd_events = {
	.name = "events",
	.args = "[--follow] [--since ID|SPAN|TIME] [--kind KIND,...] [--to ADDRESS,...] "
		"[--json [--open]]",
	.summary = "what happened and happens, line by line",
	.help =
	    "Messages, deliveries, refusals and what else is notable, and all changes of\n"
	    "incidents, in the order in which they were read. Each line of --json has an id:\n"
	    "who goes on from the last one that it has seen misses nothing and sees nothing\n"
	    "twice. Without --since it begins ten minutes ago. Times are UTC.\n\n"
	    "  --follow       goes on with what comes, until it is stopped; also waits for a\n"
	    "                 store that is not there yet\n"
	    "  --since ID     what came after the line of that id\n"
	    "  --since SPAN   the last 30m, 6h, 2d, 1w\n"
	    "  --since TIME   since 2026-11-21, \"2026-11-21 08:00\", 08:00; local time, or\n"
	    "                 with Z or +01:00 behind it\n"
	    "  --kind KIND    only these, separated by commas: accepted, attempt, reject,\n"
	    "                 stored, dsn, auth, limit, filter, warning, complaint,\n"
	    "                 dmarc, tls_report, incident\n"
	    "  --to ADDRESS   of messages only deliveries to these recipients, separated by\n"
	    "                 commas: joe@example.org, *@example.net, or joe at any host;\n"
	    "                 incidents are told all the same\n"
	    "  --json         one JSON object a line\n"
	    "  --open         first a line for each incident that is open, then one of type\n"
	    "                 ready with the id where the stream goes on, and with --follow\n"
	    "                 one of type watcher, now and when it changes: whether one runs\n"
	    "  --state FILE   the store, in place of the configuration's\n"
	    "  --config FILE  in place of /etc/mailwarden/mailwarden.yaml",
	.run = run,
};
