/* The outbox against a real store and a relay of a few lines on loopback. */
#include "notify/outbox.h"

#include <errno.h>
#include <netinet/in.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "core/clock.h"

static const int64_t now_us = INT64_C(1795228877482913); /* 2026-11-21 02:41:17 UTC */

/* An SMTP server that answers RCPT and the message with what a test wants. */
struct fake {
	int listener;
	int port;
	pthread_t thread;
	const char *on_rcpt; /* NULL: 250 */
	const char *on_data; /* NULL: 250 */
	struct buf received; /* all messages, one after the other */
	size_t sessions;
};

static void
say(FILE *to, const char *reply)
{
	fprintf(to, "%s\r\n", reply);
	fflush(to);
}

static void
take_message(struct fake *fake, FILE *in, FILE *out)
{
	char line[2048];

	say(out, "354 go on");
	while (fgets(line, sizeof line, in) != NULL && strcmp(line, ".\r\n") != 0)
		buf_add(&fake->received, str_of(line));
	say(out, fake->on_data != NULL ? fake->on_data : "250 2.0.0 queued");
}

static void
talk(struct fake *fake, FILE *in, FILE *out)
{
	char line[2048];

	say(out, "220 relay.test");
	while (fgets(line, sizeof line, in) != NULL) {
		if (strncmp(line, "QUIT", 4) == 0) {
			say(out, "221 bye");
			return;
		}
		if (strncmp(line, "DATA", 4) == 0)
			take_message(fake, in, out);
		else if (strncmp(line, "RCPT", 4) == 0 && fake->on_rcpt != NULL)
			say(out, fake->on_rcpt);
		else
			say(out, "250 fine");
	}
}

static void *
serve(void *ctx)
{
	struct fake *fake = ctx;
	int fd;

	while ((fd = accept(fake->listener, NULL, NULL)) >= 0) {
		FILE *in = fdopen(fd, "r"), *out = fdopen(dup(fd), "w");

		fake->sessions++;
		talk(fake, in, out);
		fclose(in);
		fclose(out);
	}
	return NULL;
}

struct world {
	struct fake fake;
	struct store *store;
	char folder[64], path[128], url[64], *urls[1];
	struct relay_settings relay;
	struct outbox_settings settings;
	struct outbox_report report;
	struct buf log;
	struct err err;
};

static const struct str recipients[] = { STR_INIT("Ops <ops@example.org>"),
	STR_INIT("second@example.org") };

static void
keep_line(void *ctx, struct str line)
{
	struct world *w = ctx;

	buf_add(&w->log, line);
	buf_add_char(&w->log, '\n');
}

static int
setup(void **state)
{
	struct world *w = calloc(1, sizeof *w);
	struct sockaddr_in at = { .sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t n = sizeof at;

	assert_non_null(w);
	strcpy(w->folder, "/tmp/test_outbox.XXXXXX");
	assert_non_null(mkdtemp(w->folder));
	snprintf(w->path, sizeof w->path, "%s/store.db", w->folder);
	assert_int_equal(store_open(w->path, STORE_WRITE, &w->store, &w->err), 0);
	w->fake.listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(w->fake.listener, (struct sockaddr *)&at, sizeof at), 0);
	assert_int_equal(listen(w->fake.listener, 5), 0);
	assert_int_equal(getsockname(w->fake.listener, (struct sockaddr *)&at, &n), 0);
	snprintf(w->url, sizeof w->url, "smtp://127.0.0.1:%d", ntohs(at.sin_port));
	assert_int_equal(pthread_create(&w->fake.thread, NULL, serve, &w->fake), 0);
	w->urls[0] = w->url;
	w->relay = (struct relay_settings){
		.urls = { w->urls, 1 },
		.tls = RELAY_TLS_OFF,
		.timeout_us = 30 * 1000000,
	};
	w->settings = (struct outbox_settings){
		.relay = &w->relay,
		.from = STR("Warden <warden@mx1.example.org>"),
		.to = recipients,
		.nto = 2,
		.host = STR("mx1"),
		.version = STR("0.1.0"),
	};
	w->report.log = keep_line;
	w->report.ctx = w;
	*state = w;
	return 0;
}

/* Ends the relay: no more connections, and what it noted may be read. */
static void
stop_relay(struct world *w)
{
	if (w->fake.listener < 0)
		return;
	shutdown(w->fake.listener, SHUT_RDWR);
	pthread_join(w->fake.thread, NULL);
	close(w->fake.listener);
	w->fake.listener = -1;
}

static int
teardown(void **state)
{
	struct world *w = *state;
	static const char *const tails[] = { "", "-wal", "-shm" };

	stop_relay(w);
	store_close(w->store);
	for (size_t i = 0; i < 3; i++) {
		char path[160];

		snprintf(path, sizeof path, "%s%s", w->path, tails[i]);
		unlink(path);
	}
	rmdir(w->folder);
	buf_done(&w->fake.received);
	buf_done(&w->log);
	free(w);
	return 0;
}

static void
add_incident(struct world *w, const char *id)
{
	assert_int_equal(store_begin(w->store, &w->err), 0);
	assert_int_equal(store_save_incident(w->store,
			     &(struct incident){
				 .id = str_of(id),
				 .rule = STR("provider-block"),
				 .severity = SEVERITY_CRITICAL,
				 .state = INCIDENT_OPEN,
				 .group = STR("{}"),
				 .host = STR("mx1"),
				 .opened_us = now_us,
				 .last_seen_us = now_us,
				 .count = 1,
				 .summary = STR("Microsoft blocks our mail (S3140)"),
			     },
			     &w->err),
	    0);
	assert_int_equal(store_commit(w->store, &w->err), 0);
}

static void
add_row(struct world *w, const char *id, const char *incident, enum notice notice,
    int64_t due_us)
{
	assert_int_equal(store_begin(w->store, &w->err), 0);
	assert_int_equal(store_outbox_add(w->store,
			     &(struct outbox_row){
				 .id = str_of(id),
				 .incident = str_of(incident),
				 .notice = notice,
				 .created_us = due_us,
				 .due_us = due_us,
				 .last_error = STR(""),
			     },
			     &w->err),
	    0);
	assert_int_equal(store_commit(w->store, &w->err), 0);
}

static int
count_row(void *ctx, const struct outbox_row *row)
{
	(void)row;
	++*(size_t *)ctx;
	return 0;
}

static size_t
waiting(struct world *w)
{
	size_t n = 0;

	assert_int_equal(store_each_outbox(w->store, INT64_MAX, count_row, &n, &w->err), 0);
	return n;
}

static void
assert_holds(const struct buf *text, const char *part)
{
	if (str_find(buf_str(text), str_of(part)) < 0)
		fail_msg("'%s' is not in:\n%.*s", part, STR_ARG(buf_str(text)));
}

static void
run(struct world *w, int64_t at_us)
{
	buf_clear(&w->log);
	w->report.sent = w->report.failed = w->report.left = 0;
	if (outbox_run(w->store, &w->settings, at_us, &w->report, &w->err) < 0)
		fail_msg("%s", w->err.text);
}

static void
test_sent(void **state)
{
	struct world *w = *state;

	add_incident(w, "0f3a9c1b2d4e");
	add_row(w, "0f3a9c1b2d4e-1", "0f3a9c1b2d4e", NOTICE_OPENED, now_us);
	add_row(w, "later", "0f3a9c1b2d4e", NOTICE_RESOLVED, now_us + 1);
	add_row(w, "test-1", "", NOTICE_TEST, now_us - 1);
	run(w, now_us);
	assert_int_equal(w->report.sent, 2);
	assert_int_equal(w->report.failed, 0);
	assert_int_equal(w->report.left, 0);
	assert_int_equal(waiting(w), 1);
	assert_holds(&w->log, "alert sent channel=relay id=test-1 notice=test "
			      "to=ops@example.org,second@example.org\n");
	assert_holds(&w->log, "alert sent channel=relay id=0f3a9c1b2d4e-1 "
			      "incident=0f3a9c1b2d4e notice=opened to=");
	run(w, now_us); /* nothing is sent again */
	assert_int_equal(w->report.sent, 0);
	stop_relay(w);
	assert_holds(&w->fake.received, "Message-ID: <0f3a9c1b2d4e-1@mx1.example.org>\r\n");
	assert_holds(&w->fake.received, "References: <0f3a9c1b2d4e@mx1.example.org>\r\n");
	assert_holds(&w->fake.received,
	    "Subject: [critical] mx1: Microsoft blocks our mail (S3140)\r\n");
	assert_holds(&w->fake.received,
	    "Subject: [test] mx1: mailwarden can reach you\r\n");
}

static int
look_at_failed(void *ctx, const struct outbox_row *row)
{
	int64_t *wait_us = ctx;

	*wait_us = row->due_us - now_us;
	assert_int_equal(row->tries, 1);
	assert_true(str_find(row->last_error, STR("451 4.7.1 not now")) > 0);
	return 1;
}

static void
test_retry(void **state)
{
	struct world *w = *state;
	int64_t wait_us = 0;

	w->fake.on_data = "451 4.7.1 not now";
	add_row(w, "one", "", NOTICE_TEST, now_us - 2);
	add_row(w, "two", "", NOTICE_TEST, now_us - 1);
	run(w, now_us);
	assert_int_equal(w->report.failed, 1);
	assert_int_equal(w->report.left, 1); /* the pass ended */
	assert_holds(&w->log, "alert failed channel=relay id=one notice=test result=retry "
			      "tries=1 next=");
	assert_holds(&w->log, " error=\"deliver to 127.0.0.1:");
	assert_int_equal(store_each_outbox(w->store, INT64_MAX, look_at_failed, &wait_us,
			     &w->err),
	    1);
	assert_true(wait_us >= OUTBOX_FIRST_WAIT_S * INT64_C(1000000));
	run(w, now_us); /* the second is still due, the first is not */
	assert_int_equal(w->report.failed, 1);
	assert_holds(&w->log, "id=two");
	assert_int_equal(waiting(w), 2);

	w->fake.on_data = NULL;
	run(w, now_us + 3600 * INT64_C(1000000));
	assert_int_equal(w->report.sent, 2);
	assert_int_equal(waiting(w), 0);
}

/* For a message that the relay will not have, the others need not wait. */
static void
test_refused(void **state)
{
	struct world *w = *state;
	int64_t due_us;

	w->fake.on_rcpt = "550 5.1.1 no such user";
	add_row(w, "one", "", NOTICE_TEST, now_us - 2);
	add_row(w, "two", "", NOTICE_TEST, now_us - 1);
	run(w, now_us);
	assert_int_equal(w->report.failed, 2);
	assert_int_equal(w->report.left, 0);
	assert_int_equal(waiting(w), 2);
	assert_holds(&w->log, "result=refused");
	assert_int_equal(store_outbox_next_due(w->store, &due_us, &w->err), 0);
	assert_true(due_us - now_us > 1800 * INT64_C(1000000));
}

static void
test_relay_away(void **state)
{
	struct world *w = *state;

	stop_relay(w);
	add_row(w, "one", "", NOTICE_TEST, now_us);
	run(w, now_us);
	assert_int_equal(w->report.failed, 1);
	assert_int_equal(waiting(w), 1);
	assert_holds(&w->log, "Connection refused");
}

/* The mail went out, the store could not note it: it goes out again, as the same. */
static void
test_repeat_has_the_same_id(void **state)
{
	struct world *w = *state;
	struct store *reader;
	struct err err;

	add_row(w, "again", "", NOTICE_TEST, now_us);
	assert_int_equal(store_open(w->path, STORE_READ, &reader, &err), 0);
	int r = outbox_run(reader, &w->settings, now_us, &w->report, &err);

	store_close(reader);
	assert_int_equal(r, -EROFS);
	assert_int_equal(waiting(w), 1);
	run(w, now_us);
	assert_int_equal(w->report.sent, 1);
	assert_int_equal(waiting(w), 0);
	stop_relay(w);
	ptrdiff_t first = str_find(buf_str(&w->fake.received),
	    STR("Message-ID: <again@mx1.example.org>\r\n"));

	assert_true(first >= 0);
	assert_true(str_find(str_skip(buf_str(&w->fake.received), (size_t)first + 1),
			STR("Message-ID: <again@mx1.example.org>\r\n")) >= 0);
}

static void
test_incident_gone(void **state)
{
	struct world *w = *state;

	add_row(w, "ffff00001111-1", "ffff00001111", NOTICE_OPENED, now_us);
	run(w, now_us);
	assert_int_equal(w->report.sent, 1);
	stop_relay(w);
	assert_holds(&w->fake.received, "Incident: ffff00001111");
	assert_holds(&w->fake.received, "no longer in the store");
}

static void
test_many(void **state)
{
	struct world *w = *state;

	for (int i = 0; i < OUTBOX_PASS_ROWS + 7; i++) {
		char id[16];

		snprintf(id, sizeof id, "row-%d", i);
		add_row(w, id, "", NOTICE_TEST, now_us);
	}
	run(w, now_us);
	assert_int_equal(w->report.sent, OUTBOX_PASS_ROWS);
	assert_int_equal(w->report.left, 7);
	run(w, now_us);
	assert_int_equal(w->report.sent, 7);
	assert_int_equal(w->report.left, 0);
}

static void
test_waits(void **state)
{
	(void)state;
	static const uint64_t randoms[] = { 0, 1, 12345678901, UINT64_MAX };
	const int64_t first = (int64_t)OUTBOX_FIRST_WAIT_S * US_PER_S;
	const int64_t last = (int64_t)OUTBOX_LAST_WAIT_S * US_PER_S;

	for (size_t i = 0; i < sizeof randoms / sizeof randoms[0]; i++) {
		for (int64_t tries = -1; tries < 100; tries++) {
			int64_t wait = outbox_wait_us(tries, randoms[i]);

			assert_true(wait >= first && wait <= last);
		}
		assert_true(outbox_wait_us(INT64_MAX, randoms[i]) > last / 2);
	}
	assert_int_equal(outbox_wait_us(1, 0), first);
	assert_int_equal(outbox_wait_us(2, 0), 2 * first);
	assert_int_equal(outbox_wait_us(4, 0), 8 * first);
	assert_int_equal(outbox_wait_us(50, 0), last);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_sent, setup, teardown),
		cmocka_unit_test_setup_teardown(test_retry, setup, teardown),
		cmocka_unit_test_setup_teardown(test_refused, setup, teardown),
		cmocka_unit_test_setup_teardown(test_relay_away, setup, teardown),
		cmocka_unit_test_setup_teardown(test_repeat_has_the_same_id, setup,
		    teardown),
		cmocka_unit_test_setup_teardown(test_incident_gone, setup, teardown),
		cmocka_unit_test_setup_teardown(test_many, setup, teardown),
		cmocka_unit_test(test_waits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
