/* core/clock: spans and times as people write them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <time.h>

#include <cmocka.h>

#include "core/clock.h"

/* 2026-11-21 10:30:00 UTC, 11:30 in CET. */
#define NOW (INT64_C(1795257000) * US_PER_S)
#define AT(d, h, m) ((clock_days(2026, 11, d) * 86400 + (h)*3600 + (m)*60) * US_PER_S)

static void
test_spans(void **state)
{
	static const struct {
		struct str text;
		int64_t s; /* -1: none */
	} cases[] = {
		{ STR_INIT("30s"), 30 },
		{ STR_INIT("5m"), 300 },
		{ STR_INIT("8h"), 8 * 3600 },
		{ STR_INIT("2d"), 2 * 86400 },
		{ STR_INIT("1w"), 7 * 86400 },
		{ STR_INIT("0m"), 0 },
		{ STR_INIT("9999999w"), INT64_C(9999999) * 604800 },
		{ STR_INIT("99999999s"), -1 },
		{ STR_INIT(""), -1 },
		{ STR_INIT("m"), -1 },
		{ STR_INIT("5"), -1 },
		{ STR_INIT("-5m"), -1 },
		{ STR_INIT("5 m"), -1 },
		{ STR_INIT("5M"), -1 },
		{ STR_INIT("5mm"), -1 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		int64_t us = -1;
		bool good = clock_parse_span(cases[i].text, &us);

		if (good != (cases[i].s >= 0) || (good && us != cases[i].s * US_PER_S))
			fail_msg("%.*s: %lld", STR_ARG(cases[i].text), (long long)us);
	}
}

static void
test_times(void **state)
{
	static const struct {
		struct str text;
		enum clock_side side;
		bool good;
		int day, hour, minute; /* of November 2026, UTC */
	} cases[] = {
		{ STR_INIT("2026-11-21"), CLOCK_PAST, true, 20, 23, 0 },
		{ STR_INIT("2026-11-21 08:00"), CLOCK_PAST, true, 21, 7, 0 },
		{ STR_INIT("2026-11-21T08:00:00"), CLOCK_FUTURE, true, 21, 7, 0 },
		{ STR_INIT("2026-11-21 08:00Z"), CLOCK_PAST, true, 21, 8, 0 },
		{ STR_INIT("2026-11-21T08:00:00-02:30"), CLOCK_PAST, true, 21, 10, 30 },
		{ STR_INIT("11:00"), CLOCK_FUTURE, true, 22, 10, 0 },
		{ STR_INIT("11:00"), CLOCK_PAST, true, 21, 10, 0 },
		{ STR_INIT("12:00"), CLOCK_FUTURE, true, 21, 11, 0 },
		{ STR_INIT("12:00"), CLOCK_PAST, true, 20, 11, 0 },
		{ STR_INIT("00:15"), CLOCK_FUTURE, true, 21, 23, 15 },
		{ STR_INIT("00:15"), CLOCK_PAST, true, 20, 23, 15 },
		{ .text = STR_INIT("") },
		{ .text = STR_INIT("25:00") },
		{ .text = STR_INIT("12:60") },
		{ .text = STR_INIT("12:00x") },
		{ .text = STR_INIT("2026-13-01") },
		{ .text = STR_INIT("2026-11-21 ") },
		{ .text = STR_INIT("2026-11-21 08") },
		{ .text = STR_INIT("2026-11-21 08:00 ") },
		{ .text = STR_INIT("2026-11-21 08:00+1") },
		{ .text = STR_INIT("21.11.2026") },
		{ .text = STR_INIT("tomorrow") },
	};

	(void)state;
	assert_int_equal(setenv("TZ", "CET-1CEST,M3.5.0,M10.5.0/3", 1), 0);
	tzset();
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		int64_t us = -1;
		bool good = clock_parse_words(cases[i].text, NOW, cases[i].side, &us);

		if (good != cases[i].good ||
		    (good && us != AT(cases[i].day, cases[i].hour, cases[i].minute)))
			fail_msg("%.*s (case %zu): %lld", STR_ARG(cases[i].text), i,
			    (long long)(us / US_PER_S));
	}
}

/* The hour that occurs twice, and the one that never does; from summer and from winter,
 * since mktime() lets itself be led by what it was asked before. */
static void
test_local(void **state)
{
	static const struct {
		const char *zone;
		int year, month, day, hour, minute;
		int64_t utc_min; /* since midnight UTC of that day */
		int offset_min;
	} cases[] = {
		{ "Europe/Berlin", 2026, 10, 25, 1, 59, -1, 120 },
		{ "Europe/Berlin", 2026, 10, 25, 2, 0, 0, 120 },
		{ "Europe/Berlin", 2026, 10, 25, 2, 30, 30, 120 },
		{ "Europe/Berlin", 2026, 10, 25, 2, 59, 59, 120 },
		{ "Europe/Berlin", 2026, 10, 25, 3, 0, 120, 60 },
		{ "Europe/Berlin", 2026, 3, 29, 1, 59, 59, 60 },
		{ "Europe/Berlin", 2026, 3, 29, 2, 30, 90, 120 },
		{ "Europe/Berlin", 2026, 3, 29, 3, 0, 60, 120 },
		/* Its summer time is the standard, its winter time is set back. */
		{ "Europe/Dublin", 2026, 10, 25, 1, 30, 30, 60 },
		{ "America/New_York", 2026, 11, 1, 1, 30, 5 * 60 + 30, -240 },
		{ "Australia/Lord_Howe", 2026, 4, 5, 1, 45, -(9 * 60 + 15), 660 },
		{ "UTC", 2026, 10, 25, 2, 30, 150, 0 },
	};

	(void)state;
	for (size_t i = 0; i < 2 * (sizeof cases / sizeof *cases); i++) {
		size_t n = i / 2;
		int offset_min = -1;

		assert_int_equal(setenv("TZ", cases[n].zone, 1), 0);
		tzset();
		(void)clock_local(2026, i % 2 == 0 ? 1 : 7, 15, 0, &offset_min);
		int64_t got = clock_local(cases[n].year, cases[n].month, cases[n].day,
		    cases[n].hour * 3600 + cases[n].minute * 60, &offset_min);
		int64_t want =
		    clock_days(cases[n].year, cases[n].month, cases[n].day) * 86400 +
		    cases[n].utc_min * 60;

		if (got != want || offset_min != cases[n].offset_min)
			fail_msg("%s, case %zu: %lld s off, offset %d", cases[n].zone, n,
			    (long long)(got - want), offset_min);
	}
}

static void
test_for_people(void **state)
{
	AUTO(buf_done) struct buf out = { 0 };

	(void)state;
	clock_minute(&out, NOW);
	buf_add_char(&out, ' ');
	clock_time_of_day(&out, NOW + 7 * US_PER_S);
	assert_string_equal(buf_cstr(&out), "2026-11-21 10:30Z 10:30:07");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_spans),
		cmocka_unit_test(test_times),
		cmocka_unit_test(test_local),
		cmocka_unit_test(test_for_people),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
