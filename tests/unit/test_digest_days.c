/* Hours of UTC as days of a zone that is half an hour off, and plots of any names. */
#include <string.h>
#include <time.h>

#include "figure_box.h"
#include "report/days.h"
#include "report/digest.h"
#include "report/plot.h"

enum { HOURLY = 3, DAYS = 7 };

/* Monday 2 March 2026, 0:00 UTC */
#define MONDAY_US (INT64_C(1772409600) * US_PER_S)

static int
set_up_digest(void **state)
{
	struct box *b;
	int r = set_up(state);

	if (r != 0)
		return r;
	b = *state;
	check(b, store_begin(b->store, &b->err));
	for (int h = -24 * 9; h < 24 * 9; h++)
		for (int i = 0; i < HOURLY; i++)
			sent(b, MONDAY_US + h * HOUR_US + i * US_PER_S, "google", 0);
	const struct ledger_counts lines = { .lines = 1, .events = 1 };

	check(b,
	    store_add_ledger(b->store, source, MONDAY_US - 8 * DAY_US, &lines, &b->err));
	check(b, store_commit(b->store, &b->err));
	return 0;
}

static struct digest
digest_of_week(struct box *b)
{
	struct digest_order order = { .now_us = MONDAY_US + 8 * DAY_US,
		.host = STR("mx1.example.org"),
		.version = STR("0") };
	struct digest d;

	order.span = digest_last_week(order.now_us);
	check(b, digest_make(b->store, &order, &d, &b->err));
	return d;
}

static void
check_zone(struct box *b, const char *zone)
{
	static const char *const names[DAYS] = { "Mon 2 March", "Tue 3 March",
		"Wed 4 March", "Thu 5 March", "Fri 6 March", "Sat 7 March", "Sun 8 March" };
	struct days days;

	(void)setenv("TZ", zone, 1);
	tzset();
	struct digest d = digest_of_week(b);

	/* Each hour is of one week. */
	assert_int_equal(d.now.out.outcomes[OUTCOME_DELIVERED], DAYS * 24 * HOURLY);
	assert_int_equal(d.before.out.outcomes[OUTCOME_DELIVERED], DAYS * 24 * HOURLY);
	assert_true(days_of(&d.volume, &days));
	assert_int_equal(days.n, DAYS);
	const int64_t *delivered = days_line(&days, &d.volume, STR("delivered"));

	for (size_t i = 0; i < DAYS; i++) {
		AUTO(buf_done) struct buf name = { 0 };

		digest_day(&name, days.at_us[i]);
		assert_string_equal(buf_cstr(&name), names[i]);
		assert_int_equal(delivered[i], 24 * HOURLY);
	}
	days_done(&days);
	digest_done(&d);
}

static void
test_zones(void **state)
{
	static const char *const zones[] = { "UTC0", "IST-5:30", "<+0545>-5:45",
		"<+1245>-12:45", "NST3:30", "<-0930>9:30", "CET-1", "EST5" };

	for (size_t i = 0; i < sizeof zones / sizeof *zones; i++)
		check_zone(*state, zones[i]);
}

/* A name of which no whole number of characters fits, or that is not UTF-8. */
static void
test_names(void **state)
{
	static const char *const names[] = { "Österreichische Ö\xc3\x96\xc3\x96\xc3\x96",
		"a\xc3\x96\xc3\x96\xc3\x96\xc3\x96\xc3\x96\xc3\x96\xc3\x96\xc3\x96\xc3\x96\xc3\x96",
		"\xff\xfe not UTF-8", "\x1b[31m" };
	struct box *b = *state;

	(void)setenv("TZ", "UTC0", 1);
	tzset();
	struct digest d = digest_of_week(b);

	for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
		AUTO(buf_done) struct buf png = { 0 };

		d.providers[0].name = str_of(names[i]);
		check(b, plot_draw(&d, PLOT_PROVIDERS, &png, &b->err));
		assert_true(str_starts(buf_str(&png), STR("\x89PNG")));
	}
	digest_done(&d);
	plot_end();
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_zones, set_up_digest, tear_down),
		cmocka_unit_test_setup_teardown(test_names, set_up_digest, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
