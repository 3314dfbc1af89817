/* rules/detect, rules/silence_due: what is found, and what is not, at the borders. */
#include "rules/detect.h"

#include <math.h>
#include <string.h>

#include "core/clock.h"
#include "rules_text.h"

#define MINUTE_US (60 * (int64_t)US_PER_S)
#define HOUR_US (60 * MINUTE_US)
#define DAY_US (24 * HOUR_US)
#define MONDAY (INT64_C(20794) * DAY_US) /* 2026-12-07 */

/* `when` and `among` are not looked at here. */
static const char rules_text[] =
    "rules:\n"
    "  - { name: count, detector: count, when: { kind: limit }, summary: x, "
    "at_least: 3, within: 1h }\n"
    "  - { name: distinct, detector: count, when: { kind: limit }, summary: x, "
    "at_least: 3, within: 1h, distinct: sender }\n"
    "  - { name: ratio, detector: ratio, when: { kind: limit }, summary: x, "
    "at_least: 10, share: 50%, within: 1h, among: { kind: tls } }\n"
    "  - { name: up, detector: trend, when: { kind: limit }, summary: x, "
    "change: up, among: { kind: tls } }\n"
    "  - { name: down, detector: trend, when: { kind: limit }, summary: x, "
    "change: down, among: { kind: tls } }\n"
    "  - { name: both, detector: trend, when: { kind: limit }, summary: x, "
    "change: both, among: { kind: tls } }\n"
    "  - { name: silence, detector: silence, when: { kind: limit }, summary: x }\n"
    "  - { name: surge, detector: surge, when: { kind: limit }, summary: x, "
    "at_least: 20 }\n";

struct fixture {
	struct alert_rules *rules;
	struct series_table *table;
};

static const struct alert_rule *
rule_named(const struct fixture *fx, const char *name)
{
	for (size_t i = 0; i < fx->rules->nrules; i++)
		if (str_eq(fx->rules->rules[i].name, str_of(name)))
			return &fx->rules->rules[i];
	fail_msg("no rule %s", name);
	return NULL;
}

static struct series *
find(const struct fixture *fx, const char *rule, const char *group, int64_t now_us)
{
	struct series *s = series_find(fx->table, rule_named(fx, rule), str_of(group),
	    str_hash(str_of(group)), now_us);

	assert_non_null(s);
	return s;
}

static bool
event(const struct fixture *fx, const char *rule, const char *group, bool hit,
    int64_t now_us, struct figures *f)
{
	return detect_event(fx->table, find(fx, rule, group, now_us), hit, 1, 0, now_us, f);
}

static void
test_count(void **state)
{
	static const struct {
		const char *rule;
		struct {
			int64_t minute;
			int64_t weight;
			uint64_t value;
		} events[5];
		bool found;
	} rows[] = {
		{ "count", { { 0, 1, 0 }, { 10, 1, 0 } }, false },
		{ "count", { { 0, 1, 0 }, { 10, 1, 0 }, { 59, 1, 0 } }, true },
		{ "count", { { 0, 1, 0 }, { 10, 1, 0 }, { 60, 1, 0 } }, false },
		{ "count", { { 0, 1, 0 }, { 10, 1, 0 }, { 60, 1, 0 }, { 69, 1, 0 } },
		    true },
		{ "count", { { 0, 1, 0 }, { 10, 1, 0 }, { 60, 1, 0 }, { 70, 1, 0 } },
		    false },
		{ "count", { { 0, 2, 0 } }, false },
		{ "count", { { 0, 3, 0 } }, true },
		{ "count", { { 0, 1000000, 0 } }, true },
		{ "distinct", { { 0, 1, 5 }, { 1, 1, 5 }, { 2, 1, 5 }, { 3, 1, 6 } },
		    false },
		{ "distinct", { { 0, 1, 5 }, { 1, 1, 6 }, { 2, 1, 7 } }, true },
		{ "distinct", { { 0, 9, 5 }, { 1, 9, 6 } }, false },
		{ "distinct", { { 0, 1, 5 }, { 10, 1, 6 }, { 60, 1, 7 } }, false },
		/* The first is renewed in time. */
		{ "distinct", { { 0, 1, 5 }, { 10, 1, 6 }, { 20, 1, 5 }, { 69, 1, 7 } },
		    true },
		{ "distinct", { { 0, 1, 5 }, { 10, 1, 6 }, { 20, 1, 5 }, { 70, 1, 7 } },
		    false },
		/* More values than the ring holds: the oldest go. */
		{ "distinct",
		    { { 0, 1, 5 }, { 50, 1, 6 }, { 51, 1, 7 }, { 100, 1, 8 },
			{ 109, 1, 5 } },
		    true },
	};
	const struct fixture *fx = *state;

	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct figures f;
		bool found = false;
		char name[16];

		(void)snprintf(name, sizeof name, "row %zu", i);
		print_message("%s\n", name);
		for (size_t k = 0; k < 5 && rows[i].events[k].weight > 0; k++) {
			int64_t at = MONDAY + rows[i].events[k].minute * MINUTE_US;

			found =
			    detect_event(fx->table, find(fx, rows[i].rule, name, at), true,
				rows[i].events[k].weight, rows[i].events[k].value, at, &f);
		}
		assert_int_equal(found, rows[i].found);
		assert_true(!found || f.hits == 3);
	}
}

/* Wilson's lower bound at 99 %: worked out by hand for these. */
static void
test_ratio(void **state)
{
	static const struct {
		int64_t hits, total;
		bool found;
	} rows[] = { { 9, 9, false }, { 10, 10, true }, { 9, 10, true }, { 8, 10, false },
		{ 59, 100, false }, { 61, 100, false }, { 62, 100, true },
		{ 100, 100, true }, { 2, 100, false } };
	const struct fixture *fx = *state;

	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct figures f = { 0 };
		bool found = false;
		char name[16];

		(void)snprintf(name, sizeof name, "row %zu", i);
		print_message("%s\n", name);
		for (int64_t k = 0; k < rows[i].total; k++)
			found = event(fx, "ratio", name, k >= rows[i].total - rows[i].hits,
			    MONDAY, &f);
		assert_int_equal(found, rows[i].found);
		assert_int_equal(f.hits, rows[i].hits);
		assert_int_equal(f.total, rows[i].total);
	}
}

/* Days with so many events, of which every second day a share matches, the other days
 * another; a day's pause; then a day of others. Was anything found then? */
struct trend_row {
	const char *rule;
	int64_t days, a_day, even, odd; /* hits on even and odd days */
	int64_t hits, total;
	bool found;
};

static bool
run_trend(const struct fixture *fx, const struct trend_row *row, const char *group,
    struct figures *f)
{
	bool found = false;

	for (int64_t day = 0; day < row->days; day++)
		for (int64_t k = 0; k < row->a_day; k++) {
			int64_t wanted = day % 2 == 0 ? row->even : row->odd;
			bool hit = (k + 1) * wanted / row->a_day > k * wanted / row->a_day;

			assert_false(event(fx, row->rule, group, hit,
			    MONDAY + day * DAY_US + k * DAY_US / row->a_day, f));
		}
	for (int64_t k = 0; k < row->total; k++) {
		bool hit = (k + 1) * row->hits / row->total > k * row->hits / row->total;

		found |= event(fx, row->rule, group, hit,
		    MONDAY + (row->days + 1) * DAY_US + 12 * HOUR_US +
			k * 6 * HOUR_US / row->total,
		    f);
	}
	return found;
}

static void
test_trend(void **state)
{
	static const struct trend_row rows[] = {
		{ "up", 10, 20, 2, 2, 15, 20, true },
		{ "down", 10, 20, 2, 2, 15, 20, false },
		{ "both", 10, 20, 2, 2, 15, 20, true },
		{ "up", 10, 20, 18, 18, 4, 20, false },
		{ "down", 10, 20, 18, 18, 4, 20, true },
		{ "both", 10, 20, 18, 18, 4, 20, true },
		{ "both", 10, 20, 10, 10, 10, 20, false }, /* as ever */
		{ "up", 5, 20, 2, 2, 15, 20, false },      /* learning */
		{ "up", 10, 20, 0, 0, 4, 4, false },       /* too few to tell */
		{ "up", 10, 20, 0, 0, 6, 6, true },
		{ "up", 10, 500, 50, 50, 90, 500, false }, /* sure, but no 20 points */
		{ "up", 10, 500, 50, 50, 160, 500, true },
		/* Where it is up and down anyway, more is wanted. */
		{ "up", 10, 20, 6, 6, 19, 20, true },
		{ "up", 10, 20, 0, 12, 16, 20, false },
		{ "up", 10, 20, 0, 0, 0, 20, false },
		{ "down", 10, 20, 20, 20, 20, 20, false },
	};
	const struct fixture *fx = *state;

	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct figures f;
		char name[16];

		(void)snprintf(name, sizeof name, "row %zu", i);
		print_message("%s\n", name);
		assert_int_equal(run_trend(fx, &rows[i], name, &f), rows[i].found);
	}
}

/* --- silence --- */

static uint64_t random_state = 88172645463325252u;

static uint32_t
rnd(uint32_t n)
{
	random_state ^= random_state << 13;
	random_state ^= random_state >> 7;
	random_state ^= random_state << 17;
	return (uint32_t)(random_state >> 33) % n;
}

static unsigned
poisson(double mean)
{
	double left = exp(-mean), p = 1;
	unsigned n = 0;

	while ((p *= (rnd(1000000) + 1) / 1e6) > left)
		n++;
	return n;
}

/* Hits an hour at that hour of the week, which begins with a Monday. */
static double
rhythm(int64_t hour)
{
	int64_t day = hour / 24 % 7, h = hour % 24;

	if (day >= 5)
		return h >= 8 && h < 20 ? 2 : 0.5;
	return h >= 8 && h < 18 ? 30 : 1;
}

/* The hours from..to of it, times `level`; false alarms by the way. */
static size_t
feed_rhythm(const struct fixture *fx, const char *group, int64_t from, int64_t to,
    double level)
{
	size_t alarms = 0;

	for (int64_t hour = from; hour < to; hour++) {
		unsigned n = poisson(rhythm(hour) * level);

		for (unsigned k = 0; k < n; k++) {
			int64_t at = MONDAY + hour * HOUR_US + k * HOUR_US / n;
			struct series *s = find(fx, "silence", group, at);
			struct figures f;

			alarms += s->due_us <= at;
			(void)detect_event(fx->table, s, true, 1, 0, at, &f);
			detect_silence_due(s, at);
		}
	}
	return alarms;
}

/* Minutes until silence is due, when after that hour nothing comes any more. */
static int64_t
due_after(const struct fixture *fx, const char *group, int64_t hour)
{
	struct series *s = find(fx, "silence", group, MONDAY + hour * HOUR_US);
	int64_t from_us = MONDAY + hour * HOUR_US;

	detect_silence_due(s, from_us);
	return s->due_us == INT64_MAX ? -1 : (s->due_us - from_us) / MINUTE_US;
}

enum { WEEK = 7 * 24 };

static void
test_silence_by_hour(void **state)
{
	const struct fixture *fx = *state;

	assert_int_equal(feed_rhythm(fx, "g", 0, 6 * 24, 1), 0);
	assert_int_equal(due_after(fx, "g", 6 * 24), -1); /* it learns for a week */
	size_t alarms = feed_rhythm(fx, "g", 6 * 24, 5 * WEEK, 1);

	static const int64_t hours[] = { 5 * WEEK + 10, 5 * WEEK + 18,
		5 * WEEK + 5 * 24 + 20 };
	int64_t due[3];

	for (size_t i = 0; i < 3; i++) {
		alarms +=
		    feed_rhythm(fx, "g", i == 0 ? 5 * WEEK : hours[i - 1], hours[i], 1);
		due[i] = due_after(fx, "g", hours[i]);
	}

	print_message(
	    "by day %lld min, in the evening %lld, at the weekend %lld; %zu false\n",
	    (long long)due[0], (long long)due[1], (long long)due[2], alarms);
	assert_in_range(due[0], 10, 120);
	assert_in_range(due[1], 240, 15 * 60);
	assert_in_range(due[2], 240, 24 * 60);
	assert_true(alarms <= 1);
}

static void
test_silence_on_holiday(void **state)
{
	const struct fixture *fx = *state;

	(void)feed_rhythm(fx, "g", 0, 4 * WEEK + 10, 1);
	int64_t usual = due_after(fx, "g", 4 * WEEK + 10);
	size_t alarms = feed_rhythm(fx, "h", 0, 4 * WEEK, 1);

	alarms += feed_rhythm(fx, "h", 4 * WEEK + 8, 4 * WEEK + 34, 0.1);
	int64_t holiday = due_after(fx, "h", 4 * WEEK + 34);

	print_message("usually %lld min, on a holiday %lld; %zu false\n", (long long)usual,
	    (long long)holiday, alarms);
	assert_true(holiday > 2 * usual);
	assert_true(holiday < 2 * 24 * 60);
}

/* One flood in the past does not make the hour look busy for ever. */
static void
test_silence_outlier(void **state)
{
	const struct fixture *fx = *state;
	struct figures f;

	(void)feed_rhythm(fx, "g", 0, 2 * WEEK + 3, 1);
	for (int i = 0; i < 5000; i++)
		(void)event(fx, "silence", "g", true,
		    MONDAY + (2 * WEEK + 3) * HOUR_US + i * (int64_t)US_PER_S / 2, &f);
	(void)feed_rhythm(fx, "g", 2 * WEEK + 4, 4 * WEEK + 2, 1);
	int64_t minutes = due_after(fx, "g", 4 * WEEK + 2);

	print_message("%lld min\n", (long long)minutes);
	assert_in_range(minutes, 120, 8 * 60); /* not before the day's mail */
}

/* A host that nobody writes to is not silent. */
static void
test_silence_of_few(void **state)
{
	const struct fixture *fx = *state;
	struct figures f;

	for (int day = 0; day < 28; day += 7)
		(void)event(fx, "silence", "one a week", true, MONDAY + day * DAY_US, &f);
	int64_t minutes = due_after(fx, "one a week", 28 * 24);

	print_message("%lld min\n", (long long)minutes);
	assert_true(minutes == -1 || minutes > 10 * 24 * 60);
}

/* --- surge --- */

/* So many in fifty minutes. */
static bool
burst(const struct fixture *fx, const char *group, int64_t at_us, int n, struct figures *f)
{
	bool found = false;

	for (int i = 0; i < n; i++)
		found |= event(fx, "surge", group, true, at_us + i * 50 * MINUTE_US / n, f);
	return found;
}

static void
feed_office(const struct fixture *fx, const char *group, int days, int an_hour)
{
	struct figures f;

	for (int day = 0; day < days; day++)
		for (int hour = 9; hour < 17; hour++)
			(void)burst(fx, group, MONDAY + day * DAY_US + hour * HOUR_US,
			    an_hour, &f);
}

static void
test_surge(void **state)
{
	static const struct {
		int days, an_hour, n;
		bool found;
	} rows[] = {
		{ 10, 5, 80, true }, { 10, 5, 19, false }, /* too few */
		{ 10, 5, 6, false },
		{ 10, 19, 50, false }, /* not three times as many as ever */
		{ 10, 15, 200, true },
		{ 10, 15, 60, false }, /* more than ever, but it could be chance */
		{ 2, 5, 80, false },   /* the rule itself has not learnt */
	};

	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct fixture fx = *(const struct fixture *)*state;
		struct figures f;

		fx.table = series_new(fx.rules);
		print_message("row %zu\n", i);
		feed_office(&fx, "g", rows[i].days, rows[i].an_hour);
		assert_int_equal(burst(&fx, "g",
				     MONDAY + rows[i].days * DAY_US + 10 * HOUR_US,
				     rows[i].n, &f),
		    rows[i].found);
		series_free(fx.table);
	}
}

/* Who is new is measured by the others. */
static void
test_surge_of_newcomer(void **state)
{
	static const struct {
		int others, n;
		bool found;
	} rows[] = { { 5, 80, true }, { 5, 12, false }, { 40, 80, false },
		{ 0, 80, true } };

	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct fixture fx = *(const struct fixture *)*state;
		struct figures f;

		fx.table = series_new(fx.rules);
		print_message("row %zu\n", i);
		if (rows[i].others == 0) /* there is one, who seldom sends */
			(void)burst(&fx, "a", MONDAY, 1, &f);
		feed_office(&fx, "a", 10, rows[i].others);
		feed_office(&fx, "b", 10, rows[i].others);
		assert_int_equal(burst(&fx, "new", MONDAY + 11 * DAY_US, rows[i].n, &f),
		    rows[i].found);
		series_free(fx.table);
	}
}

/* The first newsletter may be told, the others are known. */
static void
test_newsletter(void **state)
{
	const struct fixture *fx = *state;
	struct figures f;

	feed_office(fx, "news", 7, 2);
	for (int week = 1; week < 6; week++) {
		bool found =
		    burst(fx, "news", MONDAY + week * 7 * DAY_US + 9 * HOUR_US, 110, &f);

		print_message("week %d: %s\n", week, found ? "told" : "known");
		assert_int_equal(found, week == 1);
	}
	assert_true(burst(fx, "news", MONDAY + (6 * 7 + 1) * DAY_US, 2500, &f));
}

static int
set_up(void **state)
{
	static struct fixture fx;

	fx.rules = good_rules(rules_text);
	fx.table = series_new(fx.rules);
	*state = &fx;
	return fx.table == NULL ? -1 : 0;
}

static int
tear_down(void **state)
{
	struct fixture *fx = *state;

	series_free(fx->table);
	alert_rules_free(fx->rules);
	return 0;
}

#define DETECT_TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		DETECT_TEST(test_count),
		DETECT_TEST(test_ratio),
		DETECT_TEST(test_trend),
		DETECT_TEST(test_silence_by_hour),
		DETECT_TEST(test_silence_on_holiday),
		DETECT_TEST(test_silence_outlier),
		DETECT_TEST(test_silence_of_few),
		DETECT_TEST(test_surge),
		DETECT_TEST(test_surge_of_newcomer),
		DETECT_TEST(test_newsletter),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
