/*
 * mailwarden-notify: takes notices from the store to the world.
 *
 * The one program with network and secrets; it reads no logs. Started by `mailwarden run`,
 * which writes a byte to its standard input when there is something to tell and closes it to
 * end it; with --once it makes one pass, with --test it sends a test and tells the result.
 */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <time.h>
#include <unistd.h>

#include "cli/config.h"
#include "core/clock.h"
#include "notify/mail.h"
#include "notify/message.h"
#include "notify/outbox.h"
#include "paths.h"

enum { EXIT_FINE = 0, EXIT_FAILED = 1, EXIT_USAGE = 2, EXIT_CONFIG = 3, EXIT_STORE = 4 };

/* Where nothing is due: look again at latest after this long. */
/* A person may end a silence, which makes notices due at once. */
#define LONGEST_SLEEP_US (30 * (int64_t)US_PER_S)
#define AFTER_FAILURE_US (30 * (int64_t)US_PER_S)

struct notify {
	struct config config;
	char *urls[1];
	struct relay_settings relay;
	struct outbox_settings outbox;
	struct store *store;
	int lock_fd;
};

static int64_t
now_us(void)
{
	struct timespec ts;

	(void)clock_gettime(CLOCK_REALTIME, &ts);
	return ts.tv_sec * (int64_t)US_PER_S + ts.tv_nsec / 1000;
}

static int
fail(int code, const char *what)
{
	fprintf(stderr, "mailwarden-notify: %s\n", what);
	return code;
}

static void
log_line(void *ctx, struct str line)
{
	(void)ctx;
	fprintf(stderr, "%.*s\n", STR_ARG(line));
}

static int
read_config(struct notify *n, const char *path)
{
	static const enum relay_tls tls[] = { [CONFIG_TLS_REQUIRED] = RELAY_TLS_REQUIRED,
		[CONFIG_TLS_TRY] = RELAY_TLS_TRY,
		[CONFIG_TLS_OFF] = RELAY_TLS_OFF };
	struct diags diags = { 0 };
	int r = config_load(path, &n->config, &diags);
	const struct config_relay *c = &n->config.relay;

	diags_print(&diags, stderr);
	diags_done(&diags);
	if (r < 0)
		return EXIT_CONFIG;
	if (c->url == NULL)
		return fail(EXIT_CONFIG,
		    "no relay configured: set alerts: relay: in mailwarden.yaml");
	if (n->config.timezone != NULL) {
		(void)setenv("TZ", n->config.timezone, 1);
		tzset();
	}
	n->urls[0] = c->url;
	n->relay = (struct relay_settings){
		.urls = { n->urls, 1 },
		.user = c->user,
		.password.file = c->password_file,
		.ca_file = c->ca_file,
		.helo = c->helo,
		.tls = tls[c->tls],
		.timeout_us = c->timeout_s * (int64_t)US_PER_S,
	};
	n->outbox = (struct outbox_settings){
		.relay = &n->relay,
		.from = str_of(c->from),
		.to = c->to,
		.nto = c->nto,
		.host = str_of(n->config.host),
		.version = STR(MAILWARDEN_VERSION),
	};
	return EXIT_FINE;
}

/* --- --test --- */

static int
send_test(struct notify *n)
{
	AUTO(buf_done) struct buf subject = { 0 }, body = { 0 }, message = { 0 },
				  id = { 0 };
	struct err err = { "" };
	int64_t now = now_us();
	struct message_context context = { .host = n->outbox.host,
		.now_us = now,
		.version = n->outbox.version };

	message_render(NULL, NOTICE_TEST, &context, &subject, &body);
	buf_addf(&id, "test.%llx", (unsigned long long)now);
	struct mail mail = {
		.from = n->outbox.from,
		.subject = buf_str(&subject),
		.body = buf_str(&body),
		.to = n->outbox.to,
		.nto = n->outbox.nto,
		.id = buf_str(&id),
		.domain = n->outbox.host,
		.date_us = now,
	};

	mail_render(&mail, &message);
	printf("sending a test to %.*s through %s\n", STR_ARG(n->outbox.to[0]),
	    n->relay.urls.items[0]);
	(void)fflush(stdout);
	if (relay_send(&n->relay, mail_address(n->outbox.from), n->outbox.to, n->outbox.nto,
		buf_str(&message), &err) == SEND_ACCEPTED) {
		puts("accepted: the relay has taken the message");
		return EXIT_FINE;
	}
	fprintf(stderr, "not accepted: %s\n", err.text);
	return EXIT_FAILED;
}

/* --- the outbox --- */

/* One notifier at a time: two would send the same row twice. Waits for the one before. */
static int
take_lock(struct notify *n, const char *state)
{
	AUTO(auto_free) char *path = NULL;

	if (asprintf(&path, "%s.notify-lock", state) < 0)
		return fail(EXIT_STORE, "out of memory");
	n->lock_fd = open(path, O_CREAT | O_RDWR | O_CLOEXEC, 0600);
	if (n->lock_fd < 0 || flock(n->lock_fd, LOCK_EX) != 0) {
		fprintf(stderr, "mailwarden-notify: lock %s: %s\n", path, strerror(errno));
		return EXIT_STORE;
	}
	return EXIT_FINE;
}

/* One pass; when to look again in *due_us_out. */
static int
pass(struct notify *n, int64_t *due_us_out, size_t *failed_out)
{
	struct outbox_report report = { .log = log_line };
	struct err err;
	int r = outbox_run(n->store, &n->outbox, now_us(), &report, &err);

	*failed_out = report.failed;
	if (r >= 0)
		r = store_outbox_next_due(n->store, due_us_out, &err);
	if (r == -ENOENT) {
		*due_us_out = INT64_MAX;
		return 0;
	}
	if (r < 0)
		fprintf(stderr, "mailwarden-notify: %s\n", err.text);
	return r;
}

/* Sleeps until the next row is due or somebody wakes us. False: our parent is gone. */
static bool
wait_for_work(int64_t due_us)
{
	int64_t now = now_us();
	int64_t wait_us = due_us == INT64_MAX ? -1 : due_us - now;
	struct pollfd in = { .fd = STDIN_FILENO, .events = POLLIN };
	char bytes[64];

	if (wait_us > LONGEST_SLEEP_US)
		wait_us = LONGEST_SLEEP_US;
	int timeout_ms = due_us == INT64_MAX ? -1
			 : wait_us <= 0      ? 0
					     : (int)(wait_us / 1000) + 1;
	int r = poll(&in, 1, timeout_ms);

	if (r < 0)
		return errno == EINTR;
	if (r == 0)
		return true;
	return read(STDIN_FILENO, bytes, sizeof bytes) > 0;
}

static int
run_loop(struct notify *n)
{
	int64_t due_us;
	size_t failed;

	for (;;) {
		if (pass(n, &due_us, &failed) < 0)
			due_us = now_us() + AFTER_FAILURE_US;
		if (!wait_for_work(due_us))
			return EXIT_FINE;
	}
}

static int
run_store(struct notify *n, const char *state, bool once)
{
	struct err err;
	int64_t due_us;
	size_t failed = 0;
	int r = take_lock(n, state);

	if (r != EXIT_FINE)
		return r;
	if (store_open(state, STORE_WRITE, &n->store, &err) < 0)
		return fail(EXIT_STORE, err.text);
	if (!once)
		return run_loop(n);
	if (pass(n, &due_us, &failed) < 0)
		return EXIT_STORE;
	return failed > 0 ? EXIT_FAILED : EXIT_FINE;
}

int
main(int argc, char **argv)
{
	static const struct option options[] = { { "config", required_argument, NULL, 'c' },
		{ "state", required_argument, NULL, 's' },
		{ "once", no_argument, NULL, 'o' }, { "test", no_argument, NULL, 't' },
		{ "help", no_argument, NULL, 'h' }, { "version", no_argument, NULL, 'V' },
		{ 0 } };
	struct notify n = { .lock_fd = -1 };
	const char *config = NULL, *state = NULL;
	bool once = false, test = false;
	int c, r;

	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		switch (c) {
		case 'c': config = optarg; break;
		case 's': state = optarg; break;
		case 'o': once = true; break;
		case 't': test = true; break;
		case 'V':
			printf("mailwarden-notify %s\n", MAILWARDEN_VERSION);
			return EXIT_FINE;
		case 'h':
			puts(
			    "usage: mailwarden-notify [--once | --test] [--config FILE] [--state FILE]\n\n"
			    "Started by `mailwarden run` and `mailwarden notify`; see mailwarden(1).");
			return EXIT_FINE;
		default: return EXIT_USAGE;
		}
	}
	(void)signal(SIGPIPE, SIG_IGN);
	r = read_config(&n, config);
	if (r == EXIT_FINE)
		r = test ? send_test(&n)
			 : run_store(&n, state != NULL ? state : n.config.state, once);
	store_close(n.store);
	config_done(&n.config);
	if (n.lock_fd >= 0)
		(void)close(n.lock_fd);
	return r;
}
