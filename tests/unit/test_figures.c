/* Sums over spans: by days where whole days are in it, and the same as everybody else's. */
#include <string.h>

#include "figure_box.h"

/* --- spans --- */

/* What an hour has: its number + 1 deliveries, and a deferral in every third. */
static void
fill_hours(struct box *b, int hours)
{
	check(b, store_begin(b->store, &b->err));
	for (int i = 0; i < hours; i++) {
		for (int k = 0; k <= i % 7; k++)
			sent(b, D0 + i * HOUR_US + k * US_PER_S,
			    i % 2 == 0 ? "google" : "yahoo", (k + 1) * US_PER_S);
		if (i % 3 == 0)
			failed(b, D0 + i * HOUR_US + HOUR_US - 1, "google", "rate-limited",
			    "google-421");
	}
	check(b, store_commit(b->store, &b->err));
}

/* Each span is the sum of its hours, whether days are in it or not. */
static void
test_spans(void **state)
{
	static const struct {
		int from, until;
	} spans[] = { { 0, 1 }, { 3, 20 }, { 0, 24 }, { 23, 25 }, { 20, 75 }, { 24, 72 },
		{ 1, 96 }, { 0, 96 }, { 47, 48 }, { 48, 96 }, { 5, 5 }, { 90, 200 } };
	struct box *b = *state;

	fill_hours(b, 96);
	for (size_t i = 0; i < sizeof spans / sizeof *spans; i++) {
		struct figures f = figures_of(b, D0 + spans[i].from * HOUR_US,
		    D0 + spans[i].until * HOUR_US);
		int64_t delivered = 0, deferred = 0, seconds = 0;

		for (int h = spans[i].from; h < spans[i].until && h < 96; h++) {
			int n = h % 7 + 1;

			delivered += n;
			seconds += n * (n + 1) / 2;
			deferred += h % 3 == 0;
		}
		assert_int_equal(f.out.outcomes[OUTCOME_DELIVERED], delivered);
		assert_int_equal(f.out.outcomes[OUTCOME_DEFERRED], deferred);
		assert_int_equal(f.out.delay.n, delivered);
		assert_int_equal(f.out.delay.sum_us, seconds * US_PER_S);
		assert_int_equal(f.out.tls.plain, delivered);
		assert_int_equal(f.nreasons, deferred > 0);
		if (deferred > 0)
			assert_int_equal(f.reasons[0].count, deferred);
		figures_done(&f);
	}
}

/* Hours count whole; the beginning of the next is not in it. */
static void
test_whole_hours(void **state)
{
	struct box *b = *state;

	fill_hours(b, 4);
	struct figures f = figures_of(b, D0 + HOUR_US + 5, D0 + 2 * HOUR_US + 7);

	assert_int_equal(f.from_us, D0 + HOUR_US);
	assert_int_equal(f.until_us, D0 + 3 * HOUR_US);
	assert_int_equal(f.out.outcomes[OUTCOME_DELIVERED], 2 + 3);
	figures_done(&f);
	f = figures_of(b, D0, D0 + HOUR_US);
	assert_int_equal(f.until_us, D0 + HOUR_US);
	assert_int_equal(f.out.outcomes[OUTCOME_DELIVERED], 1);
	figures_done(&f);
	f = figures_of(b, D0 + 3 * HOUR_US, D0); /* nothing is in it */
	assert_int_equal(f.out.outcomes[OUTCOME_DELIVERED], 0);
	figures_done(&f);
}

/* Before 1970 days begin at midnight, too. */
static void
test_before_1970(void **state)
{
	struct box *b = *state;

	check(b, store_begin(b->store, &b->err));
	sent(b, -1, "google", 0);
	sent(b, -25 * HOUR_US, "google", 0);
	sent(b, DAY_US, "google", 0);
	check(b, store_commit(b->store, &b->err));
	assert_int_equal(ask(b, "SELECT count(DISTINCT at) FROM tally WHERE grain = 1"), 2);
	assert_int_equal(ask(b, "SELECT max(at) FROM tally WHERE grain = 1"), -86400);
	struct figures f = figures_of(b, -DAY_US, 0);

	assert_int_equal(f.out.outcomes[OUTCOME_DELIVERED], 1);
	figures_done(&f);
}

/* Days in any order, in batches of one: late ones are added to what is summed. */
static void
test_days_in_any_order(void **state)
{
	static const int days[] = { 3, 1, 1, 4, 0, 9, 2, 4, 9, 8, 3 };
	enum { N = sizeof days / sizeof *days };
	struct box *b = *state;

	for (int i = 0; i < N; i++) {
		check(b, store_begin(b->store, &b->err));
		sent(b, D0 + days[i] * DAY_US + i * HOUR_US, "google", 0);
		check(b, store_commit(b->store, &b->err));
		for (int from = 0; from < 10; from++) {
			struct figures f =
			    figures_of(b, D0 + from * DAY_US, D0 + 10 * DAY_US);
			int n = 0;

			for (int k = 0; k <= i; k++)
				n += days[k] >= from;
			assert_int_equal(f.out.outcomes[OUTCOME_DELIVERED], n);
			figures_done(&f);
		}
	}
	assert_int_equal(ask(b,
			     "SELECT sum(count) FROM tally WHERE grain = 1 AND what = 1"),
	    N - 2);
	assert_int_equal(ask(b, "SELECT value FROM meta WHERE key = 'tally_days'"),
	    (D0 + 9 * DAY_US) / US_PER_S);
}

/* A batch that fails leaves nothing; what follows counts. */
static void
test_rollback(void **state)
{
	struct box *b = *state;

	check(b, store_begin(b->store, &b->err));
	sent(b, D0, "google", 0);
	store_rollback(b->store);
	check(b, store_begin(b->store, &b->err));
	sent(b, D0, "yahoo", 0);
	check(b, store_commit(b->store, &b->err));
	struct figures f = figures_of(b, D0, D0 + DAY_US);

	assert_int_equal(f.nproviders, 2);
	assert_true(str_eq(f.providers[0].provider, STR("yahoo")));
	assert_int_equal(f.out.outcomes[OUTCOME_DELIVERED], 1);
	figures_done(&f);
}

/* --- agreement --- */

static int
add_provider(void *ctx, struct str provider, const int64_t outcomes[OUTCOME_COUNT])
{
	struct figures *f = ctx;

	for (size_t i = 0; i < f->nproviders; i++)
		if (str_eq(f->providers[i].provider, provider) &&
		    !str_eq(provider, STR("other")))
			for (int o = 0; o < OUTCOME_COUNT; o++)
				assert_int_equal(f->providers[i].outcomes[o], outcomes[o]);
	if (str_eq(provider, STR("local"))) /* rejects without a provider are there, too */
		for (int o = 0; o < OUTCOME_REJECTED; o++)
			assert_int_equal(f->local[o], outcomes[o]);
	return 0;
}

/* Every kind, direction and outcome: the same sums as `status` has. */
static void
test_agrees_with_totals(void **state)
{
	struct box *b = *state;
	struct store_totals totals;
	int weight = 0;

	check(b, store_begin(b->store, &b->err));
	for (int kind = 0; kind < KIND_COUNT; kind++)
		for (int direction = 0; direction < DIRECTION_COUNT; direction++)
			for (int outcome = 0; outcome < OUTCOME_COUNT; outcome++) {
				weight++;
				const struct told t = { D0 + weight * US_PER_S, kind,
					direction, outcome,
					weight % 3 == 0 || kind == KIND_REJECT ||
						direction == DIRECTION_LOCAL
					    ? NULL
					    : "google",
					"spam", NULL, weight % 11, weight * US_PER_S, NULL,
					NULL };

				tell(b, &t);
			}
	check(b, store_commit(b->store, &b->err));
	struct figures f = figures_of(b, D0, D0 + DAY_US);

	check(b, store_get_totals(b->store, D0, &totals, &b->err));
	for (int i = 0; i < OUTCOME_COUNT; i++)
		assert_int_equal(f.out.outcomes[i] + f.local[i] +
				     (i == OUTCOME_REJECTED ? f.rejects : 0),
		    totals.outcomes[i]);
	assert_int_equal(f.internal, totals.internal);
	assert_int_equal(f.stored, totals.stored);
	assert_int_not_equal(f.rejects, 0);
	assert_int_not_equal(f.internal, 0);
	assert_int_equal(f.nrejected, 1);
	assert_int_equal(f.rejected[0].count, f.rejects);
	check(b, store_each_provider(b->store, D0, add_provider, &f, &b->err));
	int64_t reasons = 0;

	for (size_t i = 0; i < f.nreasons; i++)
		reasons += f.reasons[i].count;
	for (int i = OUTCOME_DEFERRED; i < OUTCOME_COUNT; i++)
		reasons -= f.out.outcomes[i];
	assert_int_equal(reasons, 0);
	figures_done(&f);
}

/* --- providers, reasons --- */

static void
test_many_providers(void **state)
{
	struct box *b = *state;
	char name[16];

	check(b, store_begin(b->store, &b->err));
	for (int i = 0; i < 30; i++) {
		(void)snprintf(name, sizeof name, "provider%d", i);
		for (int k = 0; k <= i; k++)
			sent(b, D0 + k, name, US_PER_S);
		failed(b, D0, name, "rate-limited", i < 10 ? "code1" : "code2");
	}
	sent(b, D0, NULL, US_PER_S);
	check(b, store_commit(b->store, &b->err));
	struct figures f = figures_of(b, D0, D0 + HOUR_US);

	assert_int_equal(f.nproviders, FIGURE_PROVIDERS + 1);
	assert_true(str_eq(f.providers[0].provider, STR("provider29")));
	assert_int_equal(f.providers[0].outcomes[OUTCOME_DELIVERED], 30);
	assert_true(str_eq(f.providers[19].provider, STR("provider10")));
	/* the ten smallest, 1 + ... + 10, and who has no provider */
	assert_true(str_eq(f.providers[20].provider, STR("other")));
	assert_int_equal(f.providers[20].outcomes[OUTCOME_DELIVERED], 56);
	assert_int_equal(f.providers[20].delay.n, 56);
	assert_int_equal(f.out.outcomes[OUTCOME_DELIVERED], 466);
	/* Reasons of the others are one. */
	assert_int_equal(f.nreasons, 21);
	assert_int_equal(f.reasons[0].count, 10);
	assert_true(str_eq(f.reasons[0].provider, STR("other")) &&
		    str_eq(f.reasons[0].code_id, STR("code1")));
	figures_done(&f);

	/* For who counts on: nobody may come out of "other" later. */
	check(b, store_get_figures_of_all(b->store, D0, D0 + HOUR_US, &f, &b->err));
	assert_int_equal(f.nproviders, 31);
	assert_true(str_eq(f.providers[29].provider, STR("provider0")));
	assert_int_equal(f.providers[29].outcomes[OUTCOME_DELIVERED], 1);
	assert_int_equal(f.providers[30].outcomes[OUTCOME_DELIVERED], 1);
	figures_done(&f);
}

static void
test_many_reasons(void **state)
{
	struct box *b = *state;
	char name[16];

	check(b, store_begin(b->store, &b->err));
	for (int i = 0; i < 80; i++) {
		(void)snprintf(name, sizeof name, "code%d", i);
		for (int k = 0; k <= i; k++)
			failed(b, D0, "google", "spam", name);
	}
	check(b, store_commit(b->store, &b->err));
	struct figures f = figures_of(b, D0, D0 + HOUR_US);

	assert_int_equal(f.nreasons, FIGURE_REASONS);
	assert_int_equal(f.reasons[0].count, 80);
	assert_int_equal(f.reasons[FIGURE_REASONS - 1].count, 31);
	assert_int_equal(f.reasons[0].outcome, OUTCOME_DEFERRED);
	figures_done(&f);
}

static void
test_tls(void **state)
{
	struct box *b = *state;
	struct told t = { D0, KIND_ATTEMPT, DIRECTION_OUTBOUND, OUTCOME_DELIVERED, "google",
		NULL, NULL, 0, -1, NULL, NULL };

	check(b, store_begin(b->store, &b->err));
	tell(b, &t);
	t.tls_version = "TLSv1.3";
	tell(b, &t);
	tell(b, &t);
	t.tls_verify = "verified";
	tell(b, &t);
	t.outcome = OUTCOME_BOUNCED; /* not a delivery */
	tell(b, &t);
	check(b, store_commit(b->store, &b->err));
	struct figures f = figures_of(b, D0, D0 + HOUR_US);

	assert_int_equal(f.out.tls.plain, 1);
	assert_int_equal(f.out.tls.encrypted, 2);
	assert_int_equal(f.out.tls.verified, 1);
	assert_int_equal(f.providers[0].tls.verified, 1);
	figures_done(&f);
}

/* --- the rest --- */

static void
test_others(void **state)
{
	struct box *b = *state;
	struct ledger_counts counts = { .lines = 10, .unparsed = 2 };
	struct incident incident = { .id = STR("0123456789ab"),
		.rule = STR("r"),
		.group = STR("{}"),
		.state = INCIDENT_OPEN,
		.severity = SEVERITY_WARNING };

	check(b, store_begin(b->store, &b->err));
	check(b, store_add_ledger(b->store, source, D0, &counts, &b->err));
	check(b, store_add_ledger(b->store, source, D0 + DAY_US, &counts, &b->err));
	check(b, store_add_gap(b->store, source, D0, STR("rotated"), STR(""), &b->err));
	check(b,
	    store_add_gap(b->store, source, D0 + DAY_US, STR("rotated"), STR(""), &b->err));
	check(b, store_add_change(b->store, &incident, NOTICE_OPENED, D0, &b->err));
	check(b, store_add_change(b->store, &incident, NOTICE_RESOLVED, D0 + 1, &b->err));
	check(b,
	    store_add_change(b->store, &incident, NOTICE_OPENED, D0 + DAY_US, &b->err));
	check(b, store_commit(b->store, &b->err));
	struct figures f = figures_of(b, D0, D0 + DAY_US);

	assert_int_equal(f.ledger.lines, 10);
	assert_int_equal(f.ledger.unparsed, 2);
	assert_int_equal(f.gaps, 1);
	assert_int_equal(f.incidents_opened, 1);
	assert_int_equal(f.incidents_resolved, 1);
	figures_done(&f);
	f = figures_of(b, D0, D0 + 2 * DAY_US);
	assert_int_equal(f.incidents_opened, 2);
	assert_int_equal(f.gaps, 2);
	figures_done(&f);
}

/* What is two years old goes, hours and days. */
static void
test_expires(void **state)
{
	struct box *b = *state;

	fill_hours(b, 73);
	check(b, store_expire(b->store, D0 + (2 * 365 + 1) * DAY_US, &b->err));
	assert_int_equal(ask(b, "SELECT min(at) FROM tally WHERE grain = 0"),
	    D0 / US_PER_S + 86400);
	assert_int_equal(ask(b, "SELECT count(DISTINCT at) FROM tally WHERE grain = 1"), 2);
}

/* Sums of a forged log that are beyond all numbers: the next day is written all the same. */
static void
test_endless(void **state)
{
	struct box *b = *state;

	check(b, store_begin(b->store, &b->err));
	for (int h = 0; h < 3; h++)
		sent(b, D0 + h * HOUR_US, "google", US_PER_S);
	check(b, store_commit(b->store, &b->err));
	(void)ask(b, "UPDATE tally SET count = 9000000000000000000 WHERE what = 7");
	check(b, store_begin(b->store, &b->err));
	sent(b, D0 + DAY_US, "google", US_PER_S);
	check(b, store_commit(b->store, &b->err));
	struct figures f = figures_of(b, D0, D0 + DAY_US);

	assert_int_equal(f.out.outcomes[OUTCOME_DELIVERED], 3);
	assert_int_equal(f.out.delay.sum_us, INT64_MAX);
	figures_done(&f);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		STORE_TEST(test_spans),
		STORE_TEST(test_whole_hours),
		STORE_TEST(test_before_1970),
		STORE_TEST(test_days_in_any_order),
		STORE_TEST(test_rollback),
		STORE_TEST(test_agrees_with_totals),
		STORE_TEST(test_many_providers),
		STORE_TEST(test_many_reasons),
		STORE_TEST(test_tls),
		STORE_TEST(test_others),
		STORE_TEST(test_expires),
		STORE_TEST(test_endless),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
