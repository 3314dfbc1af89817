/* Fallbacks, quiet hours, reminders, and news that does not go only where the trouble is. */
#include <time.h>

#include "post_box.h"

static char *relay[] = { (char *)"relay" };
static char *local[] = { (char *)"local" };
static char *phone_local[] = { (char *)"phone", (char *)"local" };
static char *relay_phone[] = { (char *)"relay", (char *)"phone" };

#define ONE(x) ((struct texts){ x, 1 })
#define TWO(x) ((struct texts){ x, 2 })

/* relay, and in its place phone, then local. */
static struct route *
with_fallbacks(struct post_box *b)
{
	struct route *route = add_route(b, NULL);

	(void)add_channel(b, "relay", CHANNEL_RELAY);
	(void)add_channel(b, "phone", CHANNEL_WEBHOOK);
	(void)add_channel(b, "local", CHANNEL_SENDMAIL);
	route->to = ONE(relay);
	route->fallback = TWO(phone_local);
	route->repeat_us = 0;
	open_post(b);
	return route;
}

/* Tries until the plan calls the fallback. */
static void
fail_for_long(struct post_box *b, const char *channel)
{
	int64_t begin_us = b->now_us;

	assert_true(send_one(b, channel, SEND_RETRY));
	while (b->now_us < begin_us + 2 * MINUTE_US) {
		int64_t due_us = next_due(b, channel), plan_us = next_due(b, NULL);

		b->now_us = due_us < plan_us ? due_us : plan_us;
		(void)plan(b);
		if (b->now_us >= due_us)
			assert_true(send_one(b, channel, SEND_RETRY));
	}
}

static int64_t
not_sent(struct post_box *b)
{
	return ask(&b->box,
	    "SELECT count(*) FROM delivery WHERE sent IS NULL AND due IS NOT NULL");
}

static void
test_fallback_takes_over(void **state)
{
	struct post_box *b = *state;
	int64_t begin_us = b->now_us;

	(void)with_fallbacks(b);
	open_incident(b, "000000000001");
	assert_true(send_one(b, "relay", SEND_RETRY));
	assert_int_equal(next_due(b, NULL), begin_us + 2 * MINUTE_US);
	assert_false(take(b, "phone"));
	b->now_us = begin_us + 2 * MINUTE_US;
	assert_true(send_one(b, "phone", SEND_ACCEPTED));
	/* Covered: not told a second time when the relay is back. */
	assert_false(take(b, "relay"));
	assert_int_equal(waiting(b), 0);
	/* It is known to fail: the next goes there at once, and probes it as well. */
	b->now_us += HOUR_US;
	open_incident(b, "000000000002");
	assert_true(take(b, "phone"));
	done(b, SEND_ACCEPTED);
	assert_int_equal(waiting(b), 0);
	open_incident(b, "000000000003");
	assert_true(send_one(b, "relay", SEND_RETRY)); /* the probe */
	assert_true(send_one(b, "phone", SEND_ACCEPTED));
	open_incident(b, "000000000004");
	assert_false(take(b, "relay")); /* one for each back-off */
	assert_true(send_one(b, "phone", SEND_ACCEPTED));
	b->now_us += HOUR_US;
	open_incident(b, "000000000005");
	assert_true(send_one(b, "relay", SEND_ACCEPTED)); /* works again */
	assert_false(take(b, "phone"));
	open_incident(b, "000000000006");
	assert_false(take(b, "phone"));
	assert_true(send_one(b, "relay", SEND_ACCEPTED));
	assert_int_equal(waiting(b), 0);
}

/* The resolution goes to whom the fallback told. */
static void
test_resolution_after_fallback(void **state)
{
	struct post_box *b = *state;

	(void)with_fallbacks(b);
	open_incident(b, "000000000001");
	fail_for_long(b, "relay");
	assert_true(send_one(b, "phone", SEND_ACCEPTED));
	b->now_us += HOUR_US;
	resolve_incident(b, "000000000001");
	assert_false(take(b, "relay"));
	assert_true(take(b, "phone"));
	assert_int_equal(b->parcel->message->items[0].notice, NOTICE_RESOLVED);
	done(b, SEND_ACCEPTED);
	assert_int_equal(waiting(b), 0);
}

static void
test_all_fail(void **state)
{
	struct post_box *b = *state;
	static const char *const names[] = { "relay", "phone", "local" };
	int tries[3] = { 0 };
	int64_t begin_us = b->now_us;

	(void)with_fallbacks(b);
	open_incident(b, "000000000001");
	while (b->now_us < begin_us + 3 * HOUR_US) {
		for (size_t i = 0; i < 3; i++)
			tries[i] += send_one(b, names[i], SEND_RETRY);
		b->now_us += MINUTE_US;
	}
	for (size_t i = 0; i < 3; i++)
		assert_in_range(tries[i], 5, 20);
	assert_int_equal(not_sent(b), 3);
	b->now_us += HOUR_US;
	assert_true(send_one(b, "local", SEND_ACCEPTED));
	assert_int_equal(not_sent(b), 0);
	assert_int_equal(waiting(b), 0);
}

static void
test_login_and_refusal_fall_back_at_once(void **state)
{
	struct post_box *b = *state;

	(void)with_fallbacks(b);
	open_incident(b, "000000000001");
	assert_true(send_one(b, "relay", SEND_REFUSED));
	assert_true(send_one(b, "phone", SEND_ACCEPTED));
	/* One refusal does not make the channel unfit for others. */
	b->now_us += 10 * MINUTE_US;
	open_incident(b, "000000000002");
	assert_false(take(b, "phone"));
	assert_true(send_one(b, "relay", SEND_LOGIN));
	assert_true(send_one(b, "phone", SEND_LOGIN));
	assert_true(send_one(b, "local", SEND_ACCEPTED));
	assert_int_equal(waiting(b), 0);
}

/* A try that may have had success is made again, though the fallback told it. */
static void
test_uncertain_is_not_covered(void **state)
{
	struct post_box *b = *state;
	int64_t begin_us = b->now_us;

	(void)with_fallbacks(b);
	open_incident(b, "000000000001");
	assert_true(take(b, "relay"));
	done_uncertain(b);
	b->now_us = begin_us + 2 * MINUTE_US;
	assert_true(send_one(b, "phone", SEND_ACCEPTED));
	assert_int_equal(waiting(b), 1);
	assert_true(take(b, "relay"));
	assert_string_equal(b->parcel->message->id, "000000000001.opened.0");
	done(b, SEND_ACCEPTED);
	assert_int_equal(waiting(b), 0);
}

/* The fallback told while the first was trying for the last time. */
static void
test_covered_on_the_way(void **state)
{
	struct post_box *b = *state;
	struct parcel *late;

	(void)with_fallbacks(b);
	open_incident(b, "000000000001");
	fail_for_long(b, "relay");
	go_to_due(b, "relay");
	assert_true(take(b, "relay"));
	late = b->parcel;
	assert_true(send_one(b, "phone", SEND_ACCEPTED));
	b->parcel = late;
	done(b, SEND_RETRY);
	assert_int_equal(waiting(b), 0);
	b->now_us += HOUR_US;
	assert_false(take(b, "relay"));
}

/* Both of them are told; that one fails concerns its own fallback alone. */
static void
test_two_are_told(void **state)
{
	struct post_box *b = *state;
	struct route *route = with_fallbacks(b);

	route->to = TWO(relay_phone);
	route->fallback = ONE(local);
	open_incident(b, "000000000001");
	assert_true(send_one(b, "phone", SEND_ACCEPTED));
	fail_for_long(b, "relay");
	assert_int_equal(waiting(b), 1);
	assert_true(send_one(b, "local", SEND_ACCEPTED));
	assert_int_equal(waiting(b), 0);
}

/* What a mail log told of a message that was accepted wakes the fallbacks. */
static void
test_fallback_called_by_others(void **state)
{
	struct post_box *b = *state;

	(void)with_fallbacks(b);
	open_incident(b, "000000000001");
	assert_true(send_one(b, "relay", SEND_ACCEPTED));
	(void)ask(&b->box, "UPDATE delivery SET due = 1 WHERE rank = 1");
	(void)ask(&b->box, "UPDATE outbox SET sent = NULL");
	assert_true(send_one(b, "phone", SEND_ACCEPTED));
	assert_int_equal(waiting(b), 0);
}

/* --- design, invariant 7 --- */

static void
test_shared_trouble(void **state)
{
	struct post_box *b = *state;
	struct route *route = with_fallbacks(b);
	struct incident in = an_incident("000000000001");
	char *to[] = { (char *)"Ann <ann@Customer.example>" };

	/* The relay is this host's own server; so is the second fallback. */
	b->channels[0].own_path = b->channels[2].own_path = true;
	b->channels[0].mail.to = b->channels[2].mail.to = ONE(to);
	route->fallback.items = (char *[]){ (char *)"local", (char *)"phone" };
	open_incident(b, "000000000001");
	assert_true(send_one(b, "relay", SEND_RETRY));
	assert_false(take(b, "local"));
	assert_true(send_one(b, "phone", SEND_ACCEPTED));
	assert_int_equal(not_sent(b), 1); /* the relay tries on: it is to tell, too */
	b->now_us += MINUTE_US;
	assert_true(send_one(b, "relay", SEND_ACCEPTED));
	assert_int_equal(not_sent(b), 0);

	/* A provider's trouble is the relay's if a recipient's mail goes there. */
	in.id = STR("000000000002");
	in.provider = STR("google");
	save_incident(b, &in);
	add_notice(b, "000000000002", NOTICE_OPENED);
	assert_true(send_one(b, "relay", SEND_ACCEPTED));
	assert_false(take(b, "phone"));
	const struct context_slot slot = {
		.number = 5,
		.key = context_domain_key(STR("customer.example")),
		.at = 1,
		.provider = STR("google"),
	};

	check(&b->box, store_save_slot(b->box.store, &slot, &b->box.err));
	in.id = STR("000000000003");
	save_incident(b, &in);
	add_notice(b, "000000000003", NOTICE_OPENED);
	assert_true(send_one(b, "relay", SEND_ACCEPTED));
	assert_true(send_one(b, "phone", SEND_ACCEPTED));
	assert_int_equal(waiting(b), 0);
}

/* --- quiet hours --- */

static void
test_quiet_hours(void **state)
{
	struct post_box *b = *state;
	struct route *route = with_fallbacks(b);

	assert_int_equal(setenv("TZ", "UTC", 1), 0);
	tzset();
	b->now_us = b->now_us / DAY_US * DAY_US + 23 * HOUR_US;
	route->quiet = (struct quiet_hours){ 22 * 60, 7 * 60 };
	int64_t end_us = b->now_us + 8 * HOUR_US;

	open_incident(b, "000000000001");
	assert_false(take(b, "relay"));
	assert_int_equal(next_due(b, "relay"), end_us);
	b->now_us += HOUR_US;
	open_post(b);
	open_incident(b, "000000000002");
	resolve_incident(b, "000000000001");
	assert_false(take(b, "relay"));
	b->now_us = end_us;
	assert_true(take(b, "relay"));
	assert_int_equal(b->parcel->n, 3);
	assert_int_equal(b->parcel->message->nitems, 2);
	done(b, SEND_ACCEPTED);
	/* A channel that fails all night does not wake anybody through its fallback. */
	open_incident(b, "000000000003");
	fail_for_long(b, "relay");
	assert_true(send_one(b, "phone", SEND_ACCEPTED));
	b->now_us = end_us + 16 * HOUR_US;
	open_incident(b, "000000000004");
	assert_false(take(b, "phone"));
	assert_int_equal(next_due(b, NULL), end_us + DAY_US);
	b->now_us = end_us + DAY_US;
	assert_true(send_one(b, "phone", SEND_ACCEPTED));
}

/* --- reminders --- */

static struct route *
with_reminders(struct post_box *b)
{
	struct route *route = with_fallbacks(b);

	route->repeat_us = 6 * HOUR_US;
	return route;
}

static void
test_reminders(void **state)
{
	struct post_box *b = *state;

	(void)with_reminders(b);
	open_incident(b, "000000000001");
	assert_true(send_one(b, "relay", SEND_ACCEPTED));
	for (int i = 0; i < 3; i++) {
		int64_t before_us = b->now_us;

		assert_int_equal(waiting(b), 1);
		assert_false(take(b, "relay"));
		go_to_due(b, NULL);
		assert_int_equal(b->now_us, before_us + 6 * HOUR_US);
		assert_true(take(b, "relay"));
		assert_int_equal(b->parcel->message->items[0].notice, NOTICE_REMINDER);
		done(b, SEND_ACCEPTED);
	}
	resolve_incident(b, "000000000001");
	assert_true(send_one(b, "relay", SEND_ACCEPTED));
	b->now_us += 6 * HOUR_US;
	assert_false(take(b, "relay"));
	assert_int_equal(waiting(b), 0);
}

static void
test_ack_stops_reminders(void **state)
{
	struct post_box *b = *state;
	const struct ack ack = { STR("ann"), STR("on it"), b->now_us };

	(void)with_reminders(b);
	open_incident(b, "000000000001");
	assert_true(send_one(b, "relay", SEND_ACCEPTED));
	check(&b->box, store_ack(b->box.store, STR("000000000001"), &ack, &b->box.err));
	b->now_us += 6 * HOUR_US;
	assert_false(take(b, "relay"));
	assert_int_equal(waiting(b), 0);
	/* Also one that waits already, behind a channel that fails. */
	open_incident(b, "000000000002");
	assert_true(send_one(b, "relay", SEND_ACCEPTED));
	go_to_due(b, NULL);
	assert_true(send_one(b, "relay", SEND_RETRY));
	check(&b->box, store_ack(b->box.store, STR("000000000002"), &ack, &b->box.err));
	go_to_due(b, "relay");
	assert_false(take(b, "relay"));
	(void)plan(b);
	assert_int_equal(waiting(b), 0);
}

static void
test_silence_puts_reminders_off(void **state)
{
	struct post_box *b = *state;
	const struct silence_row row = { .match = STR("rule=rule"),
		.created_us = b->now_us,
		.until_us = b->now_us + DAY_US };
	int64_t id;

	(void)with_reminders(b);
	open_incident(b, "000000000001");
	assert_true(send_one(b, "relay", SEND_ACCEPTED));
	check(&b->box, store_begin(b->box.store, &b->box.err));
	check(&b->box, store_silence_add(b->box.store, &row, &id, &b->box.err));
	check(&b->box, store_commit(b->box.store, &b->box.err));
	/* As if it had come after the silence was set. */
	(void)ask(&b->box, "UPDATE outbox SET due = created WHERE sent IS NULL");
	assert_false(take(b, "relay"));
	assert_int_equal(next_due(b, NULL), row.until_us);
	b->now_us = row.until_us;
	assert_true(send_one(b, "relay", SEND_ACCEPTED));
}

/* One chain, however many channels and notices there were. */
static void
test_one_chain(void **state)
{
	struct post_box *b = *state;
	struct route *route = with_reminders(b);

	route->to = TWO(relay_phone);
	open_incident(b, "000000000001");
	assert_true(send_one(b, "relay", SEND_ACCEPTED));
	b->now_us += 5 * MINUTE_US;
	add_notice(b, "000000000001", NOTICE_ESCALATED);
	assert_true(send_one(b, "phone", SEND_ACCEPTED));
	assert_true(send_one(b, "relay", SEND_ACCEPTED));
	assert_int_equal(waiting(b), 1);
	go_to_due(b, NULL);
	assert_true(send_one(b, "relay", SEND_ACCEPTED));
	assert_true(send_one(b, "phone", SEND_RETRY));
	assert_int_equal(waiting(b), 2); /* this one for the phone, and the next */
}

/* Only those who want to be reminded, and each as often as they want. */
static void
test_reminders_by_route(void **state)
{
	struct post_box *b = *state;
	struct route *second;
	int relays = 0, phones = 0;

	with_reminders(b)->fallback.n = 0;
	second = add_route(b, "severity=critical");
	second->to = (struct texts){ phone_local, 1 };
	second->repeat_us = 24 * HOUR_US;
	open_incident(b, "000000000001");
	for (int i = 0; i < 49; i++, b->now_us += HOUR_US) {
		relays += send_one(b, "relay", SEND_ACCEPTED);
		phones += send_one(b, "phone", SEND_ACCEPTED);
	}
	assert_int_equal(relays, 1 + 8);
	assert_int_equal(phones, 1 + 2);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		POST_TEST(test_fallback_takes_over),
		POST_TEST(test_resolution_after_fallback),
		POST_TEST(test_all_fail),
		POST_TEST(test_login_and_refusal_fall_back_at_once),
		POST_TEST(test_uncertain_is_not_covered),
		POST_TEST(test_covered_on_the_way),
		POST_TEST(test_two_are_told),
		POST_TEST(test_fallback_called_by_others),
		POST_TEST(test_shared_trouble),
		POST_TEST(test_quiet_hours),
		POST_TEST(test_reminders),
		POST_TEST(test_ack_stops_reminders),
		POST_TEST(test_silence_puts_reminders_off),
		POST_TEST(test_one_chain),
		POST_TEST(test_reminders_by_route),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
