/* What counts as what: logins, bounces, corrected reasons, times to deliver. */
#include "figure_box.h"

/* --- inbound --- */

struct line {
	const char *mta;
	enum event_kind kind;
	enum event_direction direction;
	enum event_outcome outcome;
	enum event_origin origin;
	const char *relay_ip, *sasl_user, *related, *service, *dsn_action, *tls_version;
	int smtp_code;
};

static void
tell_line(struct box *b, const struct line *l)
{
	struct event ev = { .time_us = D0, .offset = -1 };

	event_set_text(&ev, EVF_host, STR("mx1"));
	set_text(&ev, EVF_mta, l->mta);
	event_set_text(&ev, EVF_queue_id, STR("4bXk"));
	event_set_num(&ev, EVF_kind, l->kind);
	event_set_num(&ev, EVF_direction, l->direction);
	event_set_num(&ev, EVF_outcome, l->outcome);
	event_set_num(&ev, EVF_origin, l->origin);
	set_text(&ev, EVF_relay_ip, l->relay_ip);
	set_text(&ev, EVF_sasl_user, l->sasl_user);
	set_text(&ev, EVF_related_queue_id, l->related);
	set_text(&ev, EVF_service, l->service);
	set_text(&ev, EVF_dsn_action, l->dsn_action);
	set_text(&ev, EVF_tls_version, l->tls_version);
	if (l->smtp_code != 0)
		event_set_num(&ev, EVF_smtp_code, l->smtp_code);
	check(b, store_add_event(b->store, &ev, &b->err));
}

#define IN DIRECTION_INBOUND
#define YES OUTCOME_DELIVERED
#define NO OUTCOME_REJECTED
#define IP "192.0.2.1"

/* What is a message, a login, a bounce, and what is told besides. */
static void
test_inbound(void **state)
{
	static const struct line lines[] = {
		/* Two messages of other hosts; of a message's other lines none counts. */
		{ "postfix", KIND_ACCEPTED, IN, 0, ORIGIN_REMOTE, IP, 0, 0, 0, 0, "TLS",
		    0 },
		{ "postfix", KIND_ACCEPTED, 0, 0, ORIGIN_REMOTE, 0, 0, 0, 0, 0, 0, 0 },
		{ "sendmail", KIND_ACCEPTED, IN, 0, ORIGIN_REMOTE, IP, 0, 0, 0, 0, 0, 0 },
		/* Back from a filter; here; submitted, which is a login with Postfix. */
		{ "postfix", KIND_ACCEPTED, IN, 0, ORIGIN_REMOTE, IP, 0, "4b", 0, 0, 0, 0 },
		{ "postfix", KIND_ACCEPTED, IN, 0, ORIGIN_LOCAL, IP, 0, 0, 0, 0, 0, 0 },
		{ "postfix", KIND_ACCEPTED, IN, 0, ORIGIN_SUBMITTED, IP, "a", 0, 0, 0, 0,
		    0 },
		{ "sendmail", KIND_ACCEPTED, IN, 0, ORIGIN_SUBMITTED, IP, "a", 0, 0, 0, 0,
		    0 },
		/* Logins */
		{ "sendmail", KIND_AUTH, IN, 0, 0, IP, "a", 0, 0, 0, 0, 0 },
		{ "dovecot", KIND_AUTH, IN, 0, 0, IP, "a", 0, "imap-login", 0, 0, 0 },
		{ "dovecot", KIND_AUTH, IN, NO, 0, IP, "a", 0, "imap-login", 0, 0, 0 },
		{ "dovecot", KIND_AUTH, IN, NO, 0, IP, "a", 0, "auth-worker", 0, 0, 0 },
		{ "opensmtpd", KIND_AUTH, IN, NO, 0, IP, "a", 0, 0, 0, 0, 0 },
		{ "opensmtpd", KIND_AUTH, IN, NO, 0, IP, "a", 0, 0, 0, 0, 535 },
		{ "postfix", KIND_AUTH, IN, NO, 0, IP, "a", 0, 0, 0, 0, 0 },
		{ "postfix", KIND_AUTH, DIRECTION_OUTBOUND, NO, 0, IP, 0, 0, 0, 0, 0, 0 },
		/* Limits */
		{ "dovecot", KIND_LIMIT, 0, 0, 0, 0, 0, 0, "imap", 0, 0, 0 },
		{ "postfix", KIND_LIMIT, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0 },
		/* Bounces made: not a notice of a delay */
		{ "postfix", KIND_DSN, 0, 0, 0, 0, 0, "4c", 0, "failed", 0, 0 },
		{ "postfix", KIND_DSN, 0, 0, 0, 0, 0, "4d", 0, "delayed", 0, 0 },
		{ "opensmtpd", KIND_ACCEPTED, 0, 0, ORIGIN_BOUNCE, 0, 0, 0, 0, 0, 0, 0 },
		{ "sendmail", KIND_DSN, 0, OUTCOME_EXPIRED, 0, 0, 0, "4e", 0, "failed", 0,
		    0 },
	};
	struct box *b = *state;

	check(b, store_begin(b->store, &b->err));
	for (size_t i = 0; i < sizeof lines / sizeof *lines; i++)
		tell_line(b, &lines[i]);
	check(b, store_commit(b->store, &b->err));
	struct figures f = figures_of(b, D0, D0 + HOUR_US);

	assert_int_equal(f.accepted, 2);
	assert_int_equal(f.tls_in.encrypted, 1);
	assert_int_equal(f.tls_in.plain, 1);
	assert_int_equal(f.logins, 3);
	assert_int_equal(f.logins_failed, 3);
	assert_int_equal(f.dovecot_logins, 1);
	assert_int_equal(f.dovecot_failed, 1);
	assert_int_equal(f.dovecot_limits, 1);
	assert_int_equal(f.bounces_made, 3);
	assert_int_equal(f.out.outcomes[OUTCOME_EXPIRED], 1);
	figures_done(&f);
}

/* --- what a bounce knows better --- */

static void
tell_failure(struct box *b, bool bounce, const char *category, const char *code_id)
{
	struct event ev = { .time_us = D0 + (bounce ? 2 * DAY_US : 0), .offset = -1 };

	event_set_num(&ev, EVF_kind, KIND_ATTEMPT);
	event_set_num(&ev, EVF_direction, DIRECTION_OUTBOUND);
	event_set_num(&ev, EVF_outcome, OUTCOME_BOUNCED);
	event_set_text(&ev, EVF_host, STR("mx1"));
	event_set_text(&ev, EVF_provider, STR("google"));
	event_set_text(&ev, EVF_queue_id, STR("4bXk"));
	event_set_text(&ev, EVF_recipient, STR("bob@example.org"));
	set_text(&ev, EVF_category, category);
	set_text(&ev, EVF_code_id, code_id);
	if (bounce) {
		event_set_text(&ev, EVF_report_id, STR("77aa-1"));
		event_set_text(&ev, EVF_known, STR("attempt"));
		event_set_num(&ev, EVF_repeated, 0);
		event_set_text(&ev, EVF_dsn_action, STR("failed"));
	}
	check(b, store_begin(b->store, &b->err));
	check(b, store_add_event(b->store, &ev, &b->err));
	check(b, store_commit(b->store, &b->err));
}

/* The reason moves, where the attempt was counted; nothing counts twice. */
static void
test_correction(void **state)
{
	struct box *b = *state;

	tell_failure(b, false, "unclear", NULL);
	tell_failure(b, true, "mailbox-full", "google-552");
	struct figures f = figures_of(b, D0, D0 + DAY_US);

	assert_int_equal(f.out.outcomes[OUTCOME_BOUNCED], 1);
	assert_int_equal(f.nreasons, 1);
	assert_true(str_eq(f.reasons[0].category, STR("mailbox-full")) &&
		    str_eq(f.reasons[0].code_id, STR("google-552")) &&
		    f.reasons[0].count == 1);
	figures_done(&f);
	f = figures_of(b, D0 + DAY_US, D0 + 3 * DAY_US);
	assert_int_equal(f.out.outcomes[OUTCOME_BOUNCED], 0);
	assert_int_equal(f.nreasons, 0);
	assert_int_equal(f.bounces_made, 0);
	assert_int_equal(f.reports.bounces, 1);
	figures_done(&f);
}

/* --- delays --- */

static void
test_bounds(void **state)
{
	(void)state;
	assert_int_equal(figure_delay_bound(0), 100000);
	assert_int_equal(figure_delay_bound(2), 200000);
	for (int i = 1; i < FIGURE_BUCKETS - 1; i++) {
		double ratio =
		    (double)figure_delay_bound(i) / (double)figure_delay_bound(i - 1);

		assert_true(ratio > 1.414 && ratio < 1.4143);
	}
	assert_true(figure_delay_bound(FIGURE_BUCKETS - 1) == INT64_MAX);
}

/* Spread evenly from 0 to 100 s: quantiles are where they should be. */
static void
test_quantiles(void **state)
{
	static const double wanted[] = { 0.01, 0.1, 0.25, 0.5, 0.75, 0.95, 0.99 };
	struct box *b = *state;
	struct figure_delay none = { 0 };

	assert_int_equal(figure_delay_quantile(&none, 0.5), -1);
	check(b, store_begin(b->store, &b->err));
	for (int i = 1; i <= 10000; i++)
		sent(b, D0, "google", i * (int64_t)10000);
	check(b, store_commit(b->store, &b->err));
	struct figures f = figures_of(b, D0, D0 + HOUR_US);

	for (size_t i = 0; i < sizeof wanted / sizeof *wanted; i++) {
		double got = (double)figure_delay_quantile(&f.out.delay, wanted[i]) / 1e6;

		/* In its bucket the values lie evenly, but for the last one, which is not
		 * full. */
		assert_true(got > wanted[i] * 100 * 0.97 && got < wanted[i] * 100 * 1.2);
	}
	assert_int_equal(f.out.delay.n, 10000);
	figures_done(&f);
}

/* Forged: longer than anything waits, before it began, repeated without end. */
static void
test_hostile_delays(void **state)
{
	struct box *b = *state;
	struct told t = { D0, KIND_ATTEMPT, DIRECTION_OUTBOUND, OUTCOME_DELIVERED, "google",
		NULL, NULL, INT64_MAX, INT64_MAX, NULL, NULL };

	check(b, store_begin(b->store, &b->err));
	for (int i = 0; i < 100; i++)
		tell(b, &t);
	t.delay_us = INT64_MIN;
	t.repeated = INT64_MIN;
	tell(b, &t);
	check(b, store_commit(b->store, &b->err));
	struct figures f = figures_of(b, D0, D0 + HOUR_US);

	assert_int_equal(f.out.delay.buckets[FIGURE_BUCKETS - 1], 100 * 1000000);
	assert_int_equal(f.out.delay.buckets[0], 1);
	assert_true(f.out.delay.sum_us > 0);
	assert_int_equal(figure_delay_quantile(&f.out.delay, 0.5),
	    figure_delay_bound(FIGURE_BUCKETS - 2));
	figures_done(&f);
	assert_int_equal(ask(b,
			     "SELECT count(*) FROM tally WHERE typeof(count) <> 'integer'"),
	    0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		STORE_TEST(test_inbound),
		STORE_TEST(test_correction),
		STORE_TEST(test_quantiles),
		STORE_TEST(test_hostile_delays),
		cmocka_unit_test(test_bounds),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
