/* What goes out next and what came of it, with a clock that the tests move. */
#include <errno.h>

#include "post_box.h"

/* --- one channel --- */

static void
one_relay(struct post_box *b)
{
	(void)add_channel(b, "relay", CHANNEL_RELAY);
	open_post(b);
}

static void
test_one_notice(void **state)
{
	struct post_box *b = *state;

	one_relay(b);
	assert_int_equal(plan(b), 0);
	assert_int_equal(next_due(b, "relay"), INT64_MAX);
	open_incident(b, "000000000001");
	assert_int_equal(next_due(b, NULL), b->now_us);
	assert_true(take(b, "relay"));
	assert_string_equal(b->parcel->message->id, "000000000001.opened.0");
	assert_int_equal(b->parcel->message->nitems, 1);
	assert_true(b->parcel->message->items[0].was_opened);
	/* One at a time. */
	struct parcel *more = NULL;

	assert_int_equal(post_take(b->post, "relay", b->now_us, &more, &b->box.err), 0);
	assert_int_equal(next_due(b, "relay"), INT64_MAX);
	done(b, SEND_ACCEPTED);
	assert_int_equal(ask(&b->box, "SELECT sent FROM outbox"), b->now_us);
	assert_int_equal(ask(&b->box, "SELECT last_sent FROM channel"), b->now_us);
	assert_false(take(b, "relay"));
	assert_non_null(strstr(buf_cstr(&b->log), "alert sent channel=relay"));
}

static void
test_many_are_one(void **state)
{
	struct post_box *b = *state;
	const struct told *items;

	one_relay(b);
	open_incident(b, "000000000001");
	open_incident(b, "000000000002");
	add_notice(b, "000000000001", NOTICE_ESCALATED);
	assert_true(take(b, "relay"));
	assert_int_equal(b->parcel->n, 3);
	assert_int_equal(b->parcel->message->nitems, 2);
	assert_memory_equal(b->parcel->message->id, "000000000001.opened.0.", 22);
	items = b->parcel->message->items;
	for (size_t i = 0; i < 2; i++) {
		bool first = str_eq(items[i].incident.id, STR("000000000001"));

		assert_int_equal(items[i].notice, first ? NOTICE_ESCALATED : NOTICE_OPENED);
		assert_true(items[i].was_opened);
	}
	done(b, SEND_ACCEPTED);
	/* The reminders of two critical incidents. */
	assert_int_equal(waiting(b), 2);
}

/* Down for an hour: nothing is lost, and what waited is one message. */
static void
test_relay_down_for_an_hour(void **state)
{
	struct post_box *b = *state;
	int64_t begin_us = b->now_us;
	char id[16];
	int tries = 0, incidents = 0;

	one_relay(b);
	while (b->now_us < begin_us + HOUR_US) {
		(void)snprintf(id, sizeof id, "%012d", incidents++);
		open_incident(b, id);
		tries += send_one(b, "relay", SEND_RETRY);
		b->now_us += MINUTE_US;
	}
	assert_in_range(tries, 5, 10);
	assert_true(next_due(b, "relay") <= b->now_us + HOUR_US);
	go_to_due(b, "relay");
	assert_true(take(b, "relay"));
	assert_int_equal(b->parcel->n, incidents);
	done(b, SEND_ACCEPTED);
	assert_int_equal(ask(&b->box, "SELECT count(*) FROM delivery WHERE sent IS NULL"),
	    0);
	assert_int_equal(ask(&b->box, "SELECT failing_since + tries FROM channel"), 0);
	assert_false(take(b, "relay"));
}

/* What came in the mean time does not make it try more often. */
static void
test_back_off(void **state)
{
	struct post_box *b = *state;
	int64_t due_us;

	one_relay(b);
	open_incident(b, "000000000001");
	assert_true(send_one(b, "relay", SEND_RETRY));
	due_us = next_due(b, "relay");
	assert_in_range(due_us - b->now_us, 15 * SECOND_US, 23 * SECOND_US);
	b->now_us++;
	open_incident(b, "000000000002");
	assert_false(take(b, "relay"));
	assert_int_equal(next_due(b, "relay"), due_us);
	/* A restart does not, either. */
	open_post(b);
	assert_false(take(b, "relay"));
	b->now_us = due_us;
	assert_true(take(b, "relay"));
	assert_int_equal(b->parcel->n, 2);
	done(b, SEND_ACCEPTED);
}

static void
test_retry_after(void **state)
{
	struct post_box *b = *state;
	const struct {
		int64_t asked_us, least_us, most_us;
	} cases[] = {
		{ 0, 15 * SECOND_US, 23 * SECOND_US },
		{ SECOND_US, 30 * SECOND_US, 46 * SECOND_US },
		{ 600 * SECOND_US, 600 * SECOND_US, 600 * SECOND_US },
		{ 100 * HOUR_US, 6 * HOUR_US, 6 * HOUR_US },
	};

	one_relay(b);
	open_incident(b, "000000000001");
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		const struct receipt receipt = { .retry_after_us = cases[i].asked_us };
		const struct err reason = { "429" };

		assert_true(take(b, "relay"));
		check(&b->box, post_done(b->post, b->parcel, SEND_RETRY, &receipt, &reason,
				   b->now_us, &b->box.err));
		assert_in_range(next_due(b, "relay") - b->now_us, cases[i].least_us,
		    cases[i].most_us);
		go_to_due(b, "relay");
	}
}

/* --- the same id again --- */

static void
test_crash_between_take_and_done(void **state)
{
	struct post_box *b = *state;
	char id[200];

	one_relay(b);
	open_incident(b, "000000000001");
	open_incident(b, "000000000002");
	assert_true(take(b, "relay"));
	(void)snprintf(id, sizeof id, "%s", b->parcel->message->id);
	message_free(b->parcel->message); /* the program is killed */
	free(b->parcel->deliveries);
	free(b->parcel);
	open_post(b);
	open_incident(b, "000000000003");
	assert_true(take(b, "relay"));
	assert_string_equal(b->parcel->message->id, id);
	assert_int_equal(b->parcel->n, 2);
	done(b, SEND_ACCEPTED);
	assert_true(take(b, "relay"));
	assert_string_equal(b->parcel->message->id, "000000000003.opened.2");
	done(b, SEND_ACCEPTED);
	assert_false(take(b, "relay"));
}

static void
test_uncertain(void **state)
{
	struct post_box *b = *state;

	one_relay(b);
	open_incident(b, "000000000001");
	assert_true(take(b, "relay"));
	done_uncertain(b);
	open_incident(b, "000000000002");
	/* Sent under its id as long as there was no answer; a lost connection is none. */
	for (int i = 0, seen = 0; seen < 2; i++) {
		assert_in_range(i, 0, 10);
		go_to_due(b, "relay");
		assert_true(take(b, "relay"));
		assert_int_equal(b->parcel->n, 1);
		seen += strcmp(b->parcel->message->id, "000000000001.opened.0") == 0;
		done(b, SEND_RETRY);
	}
	go_to_due(b, "relay");
	assert_true(send_one(b, "relay", SEND_ACCEPTED));
	assert_true(send_one(b, "relay", SEND_ACCEPTED));
	assert_int_equal(ask(&b->box, "SELECT count(*) FROM delivery WHERE sent IS NULL"),
	    0);
}

static void
test_return(void **state)
{
	struct post_box *b = *state;

	one_relay(b);
	open_incident(b, "000000000001");
	assert_true(take(b, "relay"));
	assert_int_equal(ask(&b->box, "SELECT trying FROM delivery"), TRY_UNCERTAIN);
	check(&b->box, post_return(b->post, b->parcel, &b->box.err));
	assert_int_equal(ask(&b->box, "SELECT trying + tries FROM delivery"), 0);
	assert_int_equal(ask(&b->box, "SELECT tries FROM outbox"), 0);
	open_incident(b, "000000000002");
	assert_true(take(b, "relay"));
	assert_int_equal(b->parcel->n, 2);
	done(b, SEND_ACCEPTED);
}

/* --- refused, login --- */

static void
test_refused(void **state)
{
	struct post_box *b = *state;

	one_relay(b);
	open_incident(b, "000000000001");
	open_incident(b, "000000000002");
	assert_true(send_one(b, "relay", SEND_REFUSED));
	assert_int_equal(next_due(b, "relay"), b->now_us + HOUR_US);
	/* Others are not held up by it, and do not go with it. */
	open_incident(b, "000000000003");
	assert_true(take(b, "relay"));
	assert_int_equal(b->parcel->n, 1);
	done(b, SEND_ACCEPTED);
	assert_false(take(b, "relay"));
	b->now_us += HOUR_US;
	for (int i = 0; i < 2; i++) {
		assert_true(take(b, "relay"));
		assert_int_equal(b->parcel->n, 1);
		done(b, SEND_ACCEPTED);
	}
	assert_false(take(b, "relay"));
}

/* One that is refused for ever is tried once an hour, and does not stop the others. */
static void
test_refused_for_ever(void **state)
{
	struct post_box *b = *state;
	int tries = 0, told = 0;

	one_relay(b);
	for (int i = 0; i < 4; i++) {
		char id[16];

		(void)snprintf(id, sizeof id, "%012d", i);
		open_incident(b, id);
	}
	assert_true(send_one(b, "relay", SEND_REFUSED));
	for (int64_t end_us = b->now_us + 12 * HOUR_US; b->now_us < end_us;
	     b->now_us += 10 * MINUTE_US)
		while (take(b, "relay")) {
			bool bad =
			    strcmp(b->parcel->message->id, "000000000000.opened.0") == 0;

			tries += bad;
			told += !bad;
			done(b, bad ? SEND_REFUSED : SEND_ACCEPTED);
			assert_in_range(tries, 0, 12);
		}
	assert_int_equal(told, 3);
	assert_in_range(tries, 5, 12);
}

static void
test_login(void **state)
{
	struct post_box *b = *state;

	one_relay(b);
	open_incident(b, "000000000001");
	assert_true(send_one(b, "relay", SEND_LOGIN));
	assert_true(next_due(b, "relay") >= b->now_us + 120 * SECOND_US);
	assert_int_equal(ask(&b->box, "SELECT login FROM channel"), CHANNEL_FAULT_LOGIN);
	for (int i = 0; i < 10; i++) {
		go_to_due(b, "relay");
		assert_true(send_one(b, "relay", SEND_LOGIN));
		assert_true(next_due(b, "relay") <= b->now_us + HOUR_US);
	}
	go_to_due(b, "relay");
	assert_true(send_one(b, "relay", SEND_ACCEPTED));
	assert_int_equal(ask(&b->box, "SELECT login FROM channel"), 0);
}

/* --- rate cap --- */

static void
test_rate_cap(void **state)
{
	struct post_box *b = *state;
	int64_t begin_us = b->now_us;
	int sent = 0, notices = 0;
	char id[16];

	add_channel(b, "relay", CHANNEL_RELAY)->at_most =
	    (struct rate_cap){ 3, 10 * MINUTE_US };
	open_post(b);
	for (int i = 0; i < 60; i++, b->now_us += 10 * SECOND_US) {
		(void)snprintf(id, sizeof id, "%012d", i);
		open_incident(b, id);
		if (i == 30)
			open_post(b); /* a restart forgets nothing of it */
		while (take(b, "relay")) {
			sent++;
			notices += (int)b->parcel->n;
			done(b, SEND_ACCEPTED);
		}
		assert_in_range(sent, 0, 3);
		if (i > 3) /* nobody looks again before there is room */
			assert_int_equal(next_due(b, "relay"), begin_us + 10 * MINUTE_US);
	}
	assert_int_equal(sent, 3);
	assert_int_equal(notices, 3);
	assert_true(take(b, "relay"));
	assert_int_equal(b->parcel->n, 57);
	done(b, SEND_ACCEPTED);
}

/* --- resolutions --- */

static void
test_resolved_before_told(void **state)
{
	struct post_box *b = *state;

	one_relay(b);
	open_incident(b, "000000000001");
	(void)plan(b);
	resolve_incident(b, "000000000001");
	assert_true(take(b, "relay"));
	assert_int_equal(b->parcel->message->nitems, 1);
	assert_int_equal(b->parcel->message->items[0].notice, NOTICE_RESOLVED);
	assert_true(b->parcel->message->items[0].was_opened);
	done(b, SEND_ACCEPTED);
	assert_int_equal(waiting(b), 0);
	assert_false(take(b, "relay"));
}

/* Only who heard of the opening hears of the end. */
static void
test_resolution_to_whom_it_concerns(void **state)
{
	struct post_box *b = *state;
	char *relay[] = { (char *)"relay" }, *both[] = { (char *)"relay", (char *)"phone" };

	(void)add_channel(b, "relay", CHANNEL_RELAY);
	(void)add_channel(b, "phone", CHANNEL_WEBHOOK);
	add_route(b, NULL)->to = (struct texts){ relay, 1 };
	open_post(b);
	open_incident(b, "000000000001");
	assert_true(send_one(b, "relay", SEND_ACCEPTED));
	b->routes[0].to = (struct texts){ both, 2 };
	resolve_incident(b, "000000000001");
	assert_true(send_one(b, "relay", SEND_ACCEPTED));
	assert_false(take(b, "phone"));
	/* Nobody heard of this one. */
	resolve_incident(b, "000000000002");
	assert_false(take(b, "relay"));
	assert_int_equal(waiting(b), 1); /* the first one's reminder */
	/* And here nobody wants to. */
	b->routes[0].resolved = false;
	open_incident(b, "000000000003");
	assert_true(send_one(b, "relay", SEND_ACCEPTED));
	resolve_incident(b, "000000000003");
	assert_false(take(b, "relay"));
}

/* --- the store is in trouble --- */

static void
test_store_fails(void **state)
{
	struct post_box *b = *state;
	const struct receipt receipt = { 0 };
	sqlite3 *db;

	one_relay(b);
	open_incident(b, "000000000001");
	assert_true(take(b, "relay"));
	/* Accepted, and the store does not take it: it is told to the store, not sent, again. */
	assert_int_equal(sqlite3_open(b->box.path, &db), SQLITE_OK);
	assert_int_equal(sqlite3_exec(db,
			     "CREATE TRIGGER full BEFORE UPDATE ON delivery BEGIN "
			     "SELECT RAISE(ABORT, 'no room'); END",
			     NULL, NULL, NULL),
	    SQLITE_OK);
	assert_true(post_done(b->post, b->parcel, SEND_ACCEPTED, &receipt, NULL, b->now_us,
			&b->box.err) < 0);
	assert_true(post_take(b->post, "relay", b->now_us, &b->parcel, &b->box.err) < 0);
	assert_true(post_plan(b->post, b->now_us, &b->box.err) < 0);
	assert_true(next_due(b, "relay") > b->now_us);
	assert_int_equal(sqlite3_exec(db, "DROP TRIGGER full", NULL, NULL, NULL),
	    SQLITE_OK);
	(void)sqlite3_close(db);
	assert_false(take(b, "relay"));
	assert_int_equal(ask(&b->box, "SELECT count(*) FROM delivery WHERE sent IS NULL"),
	    0);
}

static void
test_locked_store(void **state)
{
	struct post_box *b = *state;

	one_relay(b);
	open_incident(b, "000000000001");
	(void)plan(b);
	store_close(b->box.store);
	post_close(b->post);
	b->post = NULL;
	check(&b->box, store_open(b->box.path, STORE_READ, &b->box.store, &b->box.err));
	open_post(b);
	assert_int_equal(post_take(b->post, "relay", b->now_us, &b->parcel, &b->box.err),
	    -EROFS);
	assert_non_null(strstr(b->box.err.text, b->box.path));
	post_close(b->post);
	b->post = NULL;
	reopen(&b->box);
	open_post(b);
	assert_true(send_one(b, "relay", SEND_ACCEPTED));
}

/* --- others do things meanwhile --- */

static void
test_taken_back(void **state)
{
	struct post_box *b = *state;

	one_relay(b);
	open_incident(b, "000000000001");
	(void)plan(b);
	assert_int_equal(store_outbox_withdraw(b->box.store, STR("000000000001"),
			     NOTICE_OPENED, &b->box.err),
	    1);
	assert_int_equal(ask(&b->box, "SELECT count(*) FROM delivery"), 0);
	assert_false(take(b, "relay"));
	/* On its way it stays. */
	open_incident(b, "000000000002");
	assert_true(take(b, "relay"));
	assert_int_equal(store_outbox_withdraw(b->box.store, STR("000000000002"),
			     NOTICE_OPENED, &b->box.err),
	    0);
	done(b, SEND_ACCEPTED);
}

static void
test_silence_after_planning(void **state)
{
	struct post_box *b = *state;
	const struct silence_row row = { .match = STR("rule=rule"),
		.created_us = b->now_us,
		.until_us = b->now_us + HOUR_US };
	int64_t id;

	one_relay(b);
	open_incident(b, "000000000001");
	(void)plan(b);
	check(&b->box, store_begin(b->box.store, &b->box.err));
	check(&b->box, store_silence_add(b->box.store, &row, &id, &b->box.err));
	check(&b->box, store_commit(b->box.store, &b->box.err));
	assert_false(take(b, "relay"));
	assert_int_equal(next_due(b, "relay"), row.until_us);
	b->now_us = row.until_us;
	assert_true(send_one(b, "relay", SEND_ACCEPTED));
}

static void
test_incident_is_gone(void **state)
{
	struct post_box *b = *state;

	one_relay(b);
	open_incident(b, "000000000001");
	check(&b->box,
	    store_forget_incident(b->box.store, STR("000000000001"), &b->box.err));
	assert_true(take(b, "relay"));
	assert_non_null(strstr(b->parcel->message->text, "no longer in the store"));
	done(b, SEND_ACCEPTED);
	assert_int_equal(waiting(b), 0);
}

/* A channel that is no longer configured: its notices go where they go now. */
static void
test_channel_removed(void **state)
{
	struct post_box *b = *state;

	one_relay(b);
	open_incident(b, "000000000001");
	assert_true(send_one(b, "relay", SEND_RETRY));
	b->settings.nchannels = 0;
	open_post(b);
	(void)plan(b);
	assert_int_equal(next_due(b, NULL), INT64_MAX); /* nobody there: it waits */
	assert_int_equal(waiting(b), 1);
	(void)add_channel(b, "phone", CHANNEL_WEBHOOK);
	open_post(b);
	assert_true(send_one(b, "phone", SEND_ACCEPTED));
	assert_int_equal(ask(&b->box, "SELECT count(*) FROM channel"), 1);
}

/* --- the clock --- */

static void
test_clock_steps_back(void **state)
{
	struct post_box *b = *state;

	one_relay(b);
	open_incident(b, "000000000001");
	assert_true(send_one(b, "relay", SEND_RETRY));
	open_incident(b, "000000000002");
	b->now_us -= 30 * DAY_US;
	(void)plan(b);
	assert_in_range(next_due(b, "relay"), b->now_us, b->now_us + 60 * SECOND_US);
	go_to_due(b, "relay");
	assert_true(take(b, "relay"));
	assert_int_equal(b->parcel->n, 2);
	done(b, SEND_ACCEPTED);
	/* As the reminders of before: they come a day from now, not in a month. */
	(void)plan(b);
	assert_true(next_due(b, NULL) <= b->now_us + DAY_US + MINUTE_US);
}

static void
test_clock_steps_back_over_a_restart(void **state)
{
	struct post_box *b = *state;

	one_relay(b);
	open_incident(b, "000000000001");
	assert_true(send_one(b, "relay", SEND_RETRY));
	open_incident(b, "000000000002");
	b->now_us -= 30 * DAY_US;
	open_post(b);
	(void)plan(b);
	assert_false(take(b, "relay")); /* the back-off of before counts */
	assert_true(next_due(b, "relay") <= b->now_us + 6 * HOUR_US);
	go_to_due(b, "relay");
	assert_true(take(b, "relay"));
	assert_int_equal(b->parcel->n, 2);
	done(b, SEND_ACCEPTED);
}

/* The notice was written by a clock that was ahead, and nobody looked meanwhile. */
static void
test_clock_steps_back_unseen(void **state)
{
	struct post_box *b = *state;

	one_relay(b);
	(void)plan(b);
	b->now_us += HOUR_US;
	open_incident(b, "000000000001");
	b->now_us -= HOUR_US - MINUTE_US;
	assert_int_equal(next_due(b, NULL), b->now_us);
	assert_int_equal(plan(b), 1);
	assert_int_equal(next_due(b, NULL), INT64_MAX);
	assert_true(send_one(b, "relay", SEND_ACCEPTED));
}

static void
test_clock_steps_forth(void **state)
{
	struct post_box *b = *state;

	one_relay(b);
	open_incident(b, "000000000001");
	assert_true(send_one(b, "relay", SEND_RETRY));
	b->now_us += 400 * DAY_US;
	assert_true(send_one(b, "relay", SEND_ACCEPTED));
	b->now_us -= 400 * DAY_US;
	open_incident(b, "000000000002");
	assert_true(send_one(b, "relay", SEND_ACCEPTED));
}

static void
test_waits(void **state)
{
	(void)state;
	for (uint64_t random = 0; random < 1000; random++) {
		int64_t least_us = 15 * SECOND_US;

		for (int64_t tries = 1; tries < 40; tries++, least_us *= 2) {
			int64_t wait_us = post_wait_us(tries, random * 7919 * SECOND_US);

			if (least_us > HOUR_US)
				least_us = HOUR_US;
			assert_in_range(wait_us, least_us * 3 / 4, least_us * 3 / 2);
			assert_true(wait_us <= HOUR_US);
		}
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		POST_TEST(test_one_notice),
		POST_TEST(test_many_are_one),
		POST_TEST(test_relay_down_for_an_hour),
		POST_TEST(test_back_off),
		POST_TEST(test_retry_after),
		POST_TEST(test_crash_between_take_and_done),
		POST_TEST(test_uncertain),
		POST_TEST(test_return),
		POST_TEST(test_refused),
		POST_TEST(test_refused_for_ever),
		POST_TEST(test_login),
		POST_TEST(test_rate_cap),
		POST_TEST(test_resolved_before_told),
		POST_TEST(test_resolution_to_whom_it_concerns),
		POST_TEST(test_store_fails),
		POST_TEST(test_locked_store),
		POST_TEST(test_taken_back),
		POST_TEST(test_silence_after_planning),
		POST_TEST(test_incident_is_gone),
		POST_TEST(test_channel_removed),
		POST_TEST(test_clock_steps_back),
		POST_TEST(test_clock_steps_back_over_a_restart),
		POST_TEST(test_clock_steps_back_unseen),
		POST_TEST(test_clock_steps_forth),
		cmocka_unit_test(test_waits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
